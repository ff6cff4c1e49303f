"""The left leaf: what is looked at, live, with the attention over it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QStackedWidget, QVBoxLayout, QWidget

from app.gui.caption.attention_bar import AttentionBar
from app.gui.caption.empty import EmptyPage
from app.gui.caption.live_view import LiveView
from app.gui.caption.source_bar import SourceBar
from app.gui.caption.wording import clock
from app.gui.theme import QUARTER, STEP, Theme, sized, tabular
from app.gui.widgets.progress_line import ProgressLine
from app.gui.widgets.thumbnails import Thumbnails

LOWEST = 160  # pixels: below, there is no line under the picture
COMPACT = 420  # pixels across: below, the legend goes
SEEKS = 1000  # steps of the seek bar


class LiveSide(QWidget):
    seek_wanted = Signal(float)  # seconds

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Made in reading order, as Tab follows it.
        self.bar = SourceBar(theme, self)
        self.view = LiveView(theme, self)
        self.empty = EmptyPage(thumbnails, theme, self)
        self.pages = QStackedWidget(self)
        self.pages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.pages.setMinimumHeight(60)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.view)
        self._length = self._time = 0.0
        self.seek = QSlider(Qt.Orientation.Horizontal, self)
        self.seek.setRange(0, SEEKS)
        self.seek.setAccessibleName(self.tr("Place in the video"))
        self.seek.setToolTip(self.tr("Place in the video"))
        self.seek.valueChanged.connect(self._seek)
        self.clock = QLabel(self)
        self.clock.setProperty("quiet", True)
        sized(self.clock, "secondary")
        self.clock.setFont(tabular(self.clock.font()))
        seeking = QHBoxLayout()
        seeking.setSpacing(STEP)
        seeking.addWidget(self.seek, 1)
        seeking.addWidget(self.clock)
        self.attention = AttentionBar(theme, self)
        self.progress = ProgressLine(theme, self, keep_room=False)  # of many pictures
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, STEP)
        column.setSpacing(QUARTER)
        column.addWidget(self.bar)
        column.addWidget(self.pages, 1)
        column.addLayout(seeking)
        column.addWidget(self.attention)
        column.addWidget(self.progress)
        self.setMinimumWidth(300)
        self._share_room()

    @property
    def is_empty(self) -> bool:
        return self.pages.currentWidget() is self.empty

    def show_empty(self, empty: bool) -> None:
        self.pages.setCurrentWidget(self.empty if empty else self.view)
        self._share_room()

    def show_length(self, seconds: float | None) -> None:
        """Of a video; None: there is no seeking."""
        if (seconds or 0.0) != self._length:
            self._length = seconds or 0.0
            self.show_time(self._time)
            self._share_room()

    def show_time(self, seconds: float) -> None:
        """Where the video is. Not while the person holds the handle."""
        self._time = seconds
        if self._length and not self.seek.isSliderDown():
            blocked = self.seek.blockSignals(True)
            self.seek.setValue(round(SEEKS * seconds / self._length))
            self.seek.blockSignals(blocked)
        if self._length:
            text = f"{clock(seconds)} / {clock(self._length)}"
            if text != self.clock.text():
                self.clock.setText(text)

    def _seek(self, value: int) -> None:
        self.seek_wanted.emit(self._length * value / SEEKS)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        """Where hardly anything fits (a small window with the inside open) the picture goes first."""
        shown = not self.is_empty and self.height() >= LOWEST
        self.attention.setVisible(shown)
        self.attention.set_compact(self.width() < COMPACT)
        for widget in (self.seek, self.clock):
            widget.setVisible(shown and self._length > 0)
