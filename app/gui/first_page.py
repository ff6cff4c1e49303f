"""A panel's left leaf before there is anything to look at: one sentence, the ways in, and samples that work with one
click."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.gui.classify.answers import Item
from app.gui.theme import CORNER, QUARTER, STEP, WIDE, WIDER, Theme, sized
from app.gui.widgets.thumbnails import Thumbnails
from app.store.locate import bundled

SIDE = 96


class FirstPage(QWidget):
    """A panel says its own words in `more`, and may put more ways in beside `open` and `paste`."""

    opened = Signal()
    pasted = Signal()
    sample_chosen = Signal(object)  # Path

    def __init__(self, words: str, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        sentence = QLabel(words, self)
        sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        sentence.setWordWrap(True)
        sized(sentence, "title", bold=True)
        self.more = QLabel(self)
        self.more.setProperty("quiet", True)
        self.more.setWordWrap(True)
        self.more.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.open = QPushButton(self.tr("Open…"), self)
        self.open.clicked.connect(self.opened)
        self.paste = QPushButton(self.tr("Paste"), self)
        self.paste.clicked.connect(self.pasted)
        self.ways = QHBoxLayout()
        self.ways.setSpacing(STEP)
        self.ways.addStretch(1)
        self.ways.addWidget(self.open)
        self.ways.addWidget(self.paste)
        self.ways.addStretch(1)

        self.samples: list[SampleButton] = []
        row = QHBoxLayout()
        row.setSpacing(WIDE)
        row.addStretch(1)
        folder = bundled("assets") / "samples"
        for file, label in (
            ("chelsea.jpg", self.tr("A cat")),
            ("coffee.jpg", self.tr("Coffee")),
            ("astronaut.jpg", self.tr("An astronaut")),
            ("rocket.jpg", self.tr("A rocket")),
        ):
            sample = SampleButton(folder / file, label, thumbnails, theme, self)
            sample.chosen.connect(self.sample_chosen)
            row.addWidget(sample)
            self.samples.append(sample)
        row.addStretch(1)
        self._try_one = try_one = QLabel(self.tr("Or try one of these:"), self)
        try_one.setProperty("quiet", True)
        try_one.setAlignment(Qt.AlignmentFlag.AlignCenter)

        column = QVBoxLayout(self)
        column.setContentsMargins(WIDE, STEP, WIDE, STEP)
        column.setSpacing(STEP)
        column.addStretch(2)
        column.addWidget(sentence)
        column.addWidget(self.more)
        column.addSpacing(STEP)
        column.addLayout(self.ways)
        column.addSpacing(WIDER)
        column.addWidget(try_one)
        column.addLayout(row)
        column.addStretch(3)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 110)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is low the pictures shrink first, then the words go; the ways in stay."""
        super().resizeEvent(event)
        height = self.height()
        self.more.setVisible(height >= 280)
        self._try_one.setVisible(height >= 260)
        for sample in self.samples:
            sample.set_side(SIDE if height >= 300 else 56)
            sample.setVisible(height >= 170)


class SampleButton(QAbstractButton):
    """A small picture with a word under it."""

    chosen = Signal(object)

    def __init__(self, path: Path, label: str, thumbnails: Thumbnails, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._item = Item(path.name, path)
        self._thumbnails, self._theme = thumbnails, theme
        self._side = SIDE
        self.setText(label)
        self.setAccessibleName(self.tr("Sample: {0}").format(label))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        sized(self, "secondary")
        self.clicked.connect(lambda: self.chosen.emit(path))
        thumbnails.ready.connect(self.update)
        theme.changed.connect(self.update)

    def set_side(self, side: int) -> None:
        if side != self._side:
            self._side = side
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = max(self._side, metrics.horizontalAdvance(self.text()) if self._side < SIDE else 0)
        return QSize(width + 2 * QUARTER, self._side + metrics.height() + 2 * STEP)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        place = QRect((self.width() - self._side) // 2, QUARTER, self._side, self._side)
        frame = QPainterPath()
        frame.addRoundedRect(place.toRectF(), CORNER, CORNER)
        pixmap = self._thumbnails.get(self._item)
        painter.save()
        painter.setClipPath(frame)
        painter.fillRect(place, self._theme.colour("hairline"))
        if pixmap is not None:
            side = min(pixmap.width(), pixmap.height())
            cut = QRect((pixmap.width() - side) // 2, (pixmap.height() - side) // 2, side, side)
            painter.drawPixmap(place, pixmap, cut)
        painter.restore()
        if self.hasFocus() or self.underMouse():
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawPath(frame)
        painter.setPen(self._theme.colour("text"))
        words = QRect(0, place.bottom() + QUARTER, self.width(), self.fontMetrics().height() + QUARTER)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignCenter), self.text())
