"""The settings that a person chooses. Each acts at once; there is nothing to confirm."""

from __future__ import annotations

import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.context import Context
from app.gui.machine import Machine
from app.gui.theme import QUARTER, WIDE, WIDER, sized

MIRROR_KEY = "downloads.mirror"


class Preferences(QDialog):
    """Theme, device, mirror, keys."""

    def __init__(
        self,
        context: Context,
        machine: Machine,
        choose_theme: Callable[[str], None],
        keys: QAction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self._machine = context, machine
        self.setWindowTitle(self.tr("Settings"))
        column = QVBoxLayout(self)
        column.setContentsMargins(WIDER, WIDE, WIDER, WIDE)
        column.setSpacing(WIDE)
        title = QLabel(self.tr("Settings"), self)
        sized(title, "title", bold=True)
        column.addWidget(title)
        form = QFormLayout()
        form.setHorizontalSpacing(WIDE)
        form.setVerticalSpacing(WIDE)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        column.addLayout(form)

        self.theme = self._choices(
            (("system", self.tr("As the system")), ("light", self.tr("Light")), ("dark", self.tr("Dark"))),
            context.theme.choice,
        )
        self.theme.activated.connect(lambda _: choose_theme(str(self.theme.currentData())))
        context.theme.changed.connect(self._follow_theme)
        form.addRow(self.tr("&Light or dark"), self.theme)

        gpu = ("mps", self.tr("Apple GPU")) if sys.platform == "darwin" else ("cuda", self.tr("Graphics card (CUDA)"))
        self.device = self._choices(
            (("auto", self.tr("Automatic: the fastest there is")), gpu, ("cpu", self.tr("Processor (CPU)"))),
            machine.preference,
        )
        self.device.activated.connect(lambda _: machine.use_device(str(self.device.currentData())))
        machine.device_named.connect(self._follow_device)
        form.addRow(self.tr("Networks &run on"), self.device)

        self.mirror = QLineEdit(context.settings.value(MIRROR_KEY, ""), self)
        self.mirror.setPlaceholderText(self.tr("https://… (empty: the models' own addresses)"))
        self.mirror.setMinimumWidth(340)
        self.mirror.editingFinished.connect(self._keep_mirror)
        self.mirror_words = self._words(
            self.tr("Another address that holds the same files. Every file is still checked against its SHA-256.")
        )
        under = QVBoxLayout()
        under.setSpacing(QUARTER)
        under.addWidget(self.mirror)
        under.addWidget(self.mirror_words)
        mirror_label = QLabel(self.tr("&Mirror for downloads"), self)
        mirror_label.setBuddy(self.mirror)
        mirror_label.setContentsMargins(0, 6, 0, 0)  # level with the field's text
        form.addRow(mirror_label, under)

        self.keys = QCheckBox(self.tr("&Keys without Ctrl act, where no text is written (H, Space, 1 … 9)"), self)
        self.keys.setChecked(keys.isChecked())
        self.keys.toggled.connect(keys.setChecked)
        keys.toggled.connect(self.keys.setChecked)
        form.addRow(self.tr("Keys"), self.keys)

        foot = QHBoxLayout()
        foot.addStretch(1)
        close = QPushButton(self.tr("Close"), self)
        close.setDefault(True)
        close.clicked.connect(self.close)
        foot.addWidget(close)
        column.addStretch(1)
        column.addLayout(foot)

    def _choices(self, pairs: tuple[tuple[str, str], ...], now: str) -> QComboBox:
        box = QComboBox(self)
        for data, text in pairs:
            box.addItem(text, data)
        box.setCurrentIndex(max(0, box.findData(now)))
        return box

    def _words(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setWordWrap(True)
        label.setProperty("quiet", True)
        sized(label, "secondary")
        return label

    def _follow_theme(self) -> None:
        self.theme.setCurrentIndex(max(0, self.theme.findData(self._context.theme.choice)))

    def _follow_device(self) -> None:
        self.device.setCurrentIndex(max(0, self.device.findData(self._machine.preference)))

    def _keep_mirror(self) -> None:
        """Keeps an address only; anything else is said here, where it was typed."""
        text = self.mirror.text().strip().rstrip("/")
        parts = urlsplit(text)
        if text and (parts.scheme not in ("http", "https") or not parts.netloc):
            self.mirror_words.setText(self.tr("This is no address, so it isn't used: it must begin with https://."))
            return
        self.mirror_words.setText(
            self.tr("Another address that holds the same files. Every file is still checked against its SHA-256.")
        )
        self._context.settings.set(MIRROR_KEY, text)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._keep_mirror()
        self._context.settings.save()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        """Esc hides a dialog without closing it; this one keeps what was typed either way."""
        self._keep_mirror()
        self._context.settings.save()
        super().done(result)
