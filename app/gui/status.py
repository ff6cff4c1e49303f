"""The status bar: on what it runs, which model answered how fast, the memory it takes, and what leaves this machine."""

from __future__ import annotations

import sys

from PySide6.QtCore import QLocale, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QStatusBar, QToolButton, QWidget

from app.gui.theme import STEP, WIDE, Theme, sized, tabular
from app.gui.widgets.elided import ElidedLabel

EVERY = 2000  # ms between two looks at the memory


class StatusBar(QStatusBar):
    """`device_chosen` carries "auto", "cuda", "mps" or "cpu"."""

    device_chosen = Signal(str)
    privacy_asked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._busy = self._answer = ""
        self.setSizeGripEnabled(False)
        inner = QWidget(self)
        row = QHBoxLayout(inner)
        row.setContentsMargins(STEP, 2, STEP, 2)
        row.setSpacing(WIDE)

        self.device = QToolButton(inner)
        self.device.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.device.setToolTip(self.tr("Where the networks run. Click to choose."))
        self.device_menu = self._devices()
        self.device.setMenu(self.device_menu)
        row.addWidget(self.device)

        self.model = ElidedLabel("", inner)
        self.model.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row.addWidget(self.model, 1)

        self.memory = QLabel("", inner)
        self.memory.setToolTip(self.tr("Memory that Triptych takes"))
        row.addWidget(self.memory)

        self.badge = QToolButton(inner)
        self.badge.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.badge.clicked.connect(self.privacy_asked)
        row.addWidget(self.badge)

        for widget in (self.device, self.model, self.memory, self.badge):
            sized(widget, "secondary")
            widget.setProperty("quiet", True)
        self.memory.setFont(tabular(self.memory.font()))
        self.model.setFont(tabular(self.model.font()))
        self.addWidget(inner, 1)
        self.set_device("")
        self.set_downloading(0)

        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self.look)

    def set_device(self, name: str, preference: str = "auto") -> None:
        """`name` for a person, "" while nobody knows yet."""
        self.device.setText(("● " if name else "○ ") + (name or self.tr("starting…")))
        self.device.setAccessibleName(self.tr("Device: {0}").format(name or self.tr("not known yet")))
        for action in self.device_menu.actions():
            if action.data() == preference:
                action.setChecked(True)

    def set_answer(self, text: str) -> None:
        """What the visible panel says of its last answer: "efficientnet-lite0 · 7 ms"."""
        self._answer = text
        self.model.setText(self._busy or self._answer)

    def set_busy(self, text: str) -> None:
        """What the engine does for the window: "loading efficientnet-lite0…"; "" for nothing."""
        self._busy = text
        self.model.setText(self._busy or self._answer)

    def set_downloading(self, count: int) -> None:
        """The badge: while something is downloaded, it says what leaves this machine (nothing of the person's)."""
        if count:
            text = self.tr("downloading; nothing of yours is sent")
            self.badge.setIcon(self._theme.icon("download", "accent"))
        else:
            text = self.tr("nothing leaves this machine")
            self.badge.setIcon(self._theme.icon("lock", "secondary"))
        self.badge.setText(text)
        self.badge.setAccessibleName(text)
        self.badge.setToolTip(self.tr("What that means"))

    @Slot()
    def look(self) -> None:
        """Say the memory that the process takes; nothing where psutil can't be imported."""
        try:
            import psutil

            taken = psutil.Process().memory_info().rss
        except Exception:  # a missing library, a system that doesn't tell: the window works without the figure
            self._timer.stop()
            self.memory.hide()
            return
        text = QLocale().toString(round(taken / 1e6)) + " MB"
        self.memory.setText(text)
        self.memory.setAccessibleName(self.tr("Memory: {0}").format(text))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _devices(self) -> QMenu:
        menu = QMenu(self.tr("Device"), self)
        group = QActionGroup(menu)
        gpu = ("mps", self.tr("Apple GPU")) if sys.platform == "darwin" else ("cuda", self.tr("Graphics card (CUDA)"))
        for preference, text in (("auto", self.tr("Automatic")), gpu, ("cpu", self.tr("Processor (CPU)"))):
            action = QAction(text, menu)
            action.setCheckable(True)
            action.setData(preference)
            action.setChecked(preference == "auto")
            action.triggered.connect(lambda _=False, which=preference: self.device_chosen.emit(which))
            group.addAction(action)
            menu.addAction(action)
        return menu
