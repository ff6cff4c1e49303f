"""The right leaf where no network is here that could translate: what is missing, and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.theme import STEP, WIDE, WIDER, Theme, sized

if TYPE_CHECKING:
    from app.store.cards import Card

ROOM = 320  # pixels: below, there is none for a drawing


class Absent(QWidget):
    """No network is here that could translate: what it is, its size, one button where there is something to fetch."""

    models_wanted = Signal()
    download_wanted = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._card: Card | None = None
        self._drawing = Drawing(theme, self)
        self.title = QLabel(self)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        sized(self.title, "title", bold=True)
        self.words = QLabel(self)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.words.setProperty("quiet", True)
        self.download = QPushButton(self)
        self.download.setProperty("primary", True)
        self.download.clicked.connect(lambda: self.download_wanted.emit(self._card.id if self._card else ""))
        self.models = QPushButton(self.tr("All models…"), self)
        self.models.clicked.connect(self.models_wanted)
        row = QHBoxLayout()
        row.setSpacing(STEP)
        row.addWidget(self.download)
        row.addWidget(self.models)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(WIDER, WIDE, WIDER, STEP)
        column.setSpacing(STEP)
        column.addStretch(1)
        column.addWidget(self._drawing, 0, Qt.AlignmentFlag.AlignLeft)
        column.addSpacing(WIDE)
        column.addWidget(self.title)
        column.addWidget(self.words)
        column.addSpacing(STEP)
        column.addLayout(row)
        column.addStretch(2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._drawing.setVisible(self.height() >= ROOM)

    def show_card(self, card: Card | None, damaged: bool, unmeasured: bool) -> None:
        """`unmeasured`: its file is here, but what nobody has measured is not offered."""
        self._card = card
        self.download.setVisible(card is not None and bool(card.addresses) and not unmeasured)
        if card is None:
            self.title.setText(self.tr("There is no translator in this installation."))
            self.words.setText(
                self.tr(
                    "What you type stays here, and is translated as soon as a network for it is there. "
                    "The other panels work."
                )
            )
            return
        if unmeasured:
            why = self.tr("It is here, but it has not been measured how well it translates, so it isn't offered.")
        elif card.addresses:
            why = self.tr("Its file is damaged.") if damaged else self.tr("It is not on this machine yet.")
        elif damaged:
            why = self.tr("Its file is damaged: install Triptych again. The other panels work.")
        else:
            why = self.tr("Its file is missing: install Triptych again. The other panels work.")
        self.title.setText(self.tr("{0} can't translate now").format(card.name))
        if card.addresses and not card.confirmed and not unmeasured:
            why += " " + self.tr("Licence: {0}.").format(card.licence)
            why += " " + self.tr("None of us has opened its address or read the terms there.")
        self.words.setText(f"{card.summary}\n\n{why}")
        size = numbers.size(card.approximate_size)
        self.download.setText(self.tr("Download ({0})").format(size))
        self.download.setAccessibleName(self.tr("Download {0}, {1}").format(card.name, size))


class Drawing(QWidget):
    """A line drawing in the theme's colours: words bound to words."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(264, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        above = ((1, 44), (57, 72), (141, 36), (189, 74))
        below = ((1, 72), (85, 40), (137, 84), (233, 30))
        bonds = ((0, 0, False), (1, 2, True), (2, 1, False), (3, 3, False), (3, 2, False))
        for source, target, lit in bonds:
            painter.setPen(self._pen("accent" if lit else "hairline", 1.75))
            start = QPointF(above[source][0] + above[source][1] / 2, 26)
            end = QPointF(below[target][0] + below[target][1] / 2, 94)
            painter.drawLine(start, end)
        for line, y, lit_word in ((above, 16, 1), (below, 104, 2)):
            for number, (left, width) in enumerate(line):
                lit = number == lit_word
                painter.setPen(self._pen("accent" if lit else "outline"))
                painter.setBrush(self._theme.colour("soft" if lit else "surface"))
                painter.drawRoundedRect(QRectF(left, y - 11, width, 22), 6, 6)

    def _pen(self, role: str, width: float = 1.75) -> QPen:
        pen = QPen(self._theme.colour(role), width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        return pen
