"""What lies inside the answers, folded away until it is wanted: a bar of tabs, each made when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QToolButton, QVBoxLayout, QWidget

from app.gui.theme import STEP, Theme


@dataclass(eq=False)
class _Tab:
    name: str
    make: Callable[[], QWidget]
    least: int
    view: QWidget | None = None


class Inside(QWidget):
    """`add` the views in the order of their tabs. A view is a plain widget; where it has them, these of its methods are
    called: `shown()` and `hidden()` as it comes into view and goes (only in between it asks the worker for anything),
    `cancel() -> bool` on Esc (False where nothing ran), `close_view()` as the window closes.
    """

    chosen = Signal(str)  # the name of another tab
    whole_wanted = Signal(bool)  # the inside takes all of the panel, or gives room back

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tabs: list[_Tab] = []
        self._in_view: _Tab | None = None
        self.bar = QTabBar(self)
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.bar.setAccessibleName(self.tr("Inside the networks"))
        self.bar.currentChanged.connect(self._switch)
        self.whole = QToolButton(self)
        self.whole.setIcon(theme.icon("expand", "secondary"))
        self.whole.setIconSize(QSize(18, 18))
        self.whole.setCheckable(True)
        self.whole.setShortcut("Ctrl+Shift+I")
        self.whole.setAccessibleName(self.tr("The inside takes the whole panel"))
        self.whole.setToolTip(self.tr("The inside takes the whole panel (Ctrl+Shift+I)"))
        self.whole.toggled.connect(self.whole_wanted)
        self._pages = QStackedWidget(self)
        top = QHBoxLayout()
        top.setContentsMargins(STEP, 0, STEP, 0)
        top.addWidget(self.bar)
        top.addStretch(1)
        top.addWidget(self.whole)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._pages, 1)

    def add(self, name: str, title: str, make: Callable[[], QWidget], least: int = 120) -> None:
        """A tab more. `make` is called when it is first looked at; below `least` pixels the view is of no use. An & in
        the title comes before the letter that chooses it with Alt."""
        self._tabs.append(_Tab(name, make, least))
        self.bar.addTab(title)

    @property
    def current(self) -> str:
        """The name of the tab that is chosen; "" where there is none."""
        place = self.bar.currentIndex()
        return self._tabs[place].name if place >= 0 else ""

    @property
    def least(self) -> int:
        """The height that the chosen tab needs to be of use, in pixels."""
        tab = self._tab(self.current)
        return self.bar.sizeHint().height() + (tab.least if tab is not None else 0)

    def choose(self, name: str) -> None:
        """A name that isn't there changes nothing."""
        for place, tab in enumerate(self._tabs):
            if tab.name == name:
                self.bar.setCurrentIndex(place)

    def view(self, name: str) -> QWidget | None:
        """The view of a tab; None where it has not been looked at yet."""
        tab = self._tab(name)
        return tab.view if tab is not None else None

    def cancel(self) -> bool:
        """What runs in the view that one sees. False where nothing did."""
        return bool(self._call(self._in_view, "cancel"))

    def close_views(self) -> None:
        for tab in self._tabs:
            self._call(tab, "close_view")

    # Coming into view and going

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._leave()

    def _switch(self) -> None:
        if self.isVisible():
            self._look()
        self.chosen.emit(self.current)

    def _look(self) -> None:
        tab = self._tab(self.current)
        if tab is None or tab is self._in_view:
            return
        self._leave()
        if tab.view is None:
            tab.view = tab.make()
            self._pages.addWidget(tab.view)
        self._pages.setCurrentWidget(tab.view)
        self._in_view = tab
        self._call(tab, "shown")

    def _leave(self) -> None:
        left, self._in_view = self._in_view, None
        self._call(left, "hidden")

    def _tab(self, name: str) -> _Tab | None:
        return next((tab for tab in self._tabs if tab.name == name), None)

    @staticmethod
    def _call(tab: _Tab | None, method: str) -> object:
        act = getattr(tab.view, method, None) if tab is not None and tab.view is not None else None
        return act() if act is not None else None
