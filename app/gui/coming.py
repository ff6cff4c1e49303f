"""The panel that is still to come: it says what it will do, and nothing that it can't do yet."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.gui.theme import STEP, WIDE, WIDER, Theme, sized


class Coming(QWidget):
    """One quiet page: a drawing, a title, what it will be, three things that it will do."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, headline, sentence, points = self._words()
        column = QWidget(self)
        column.setMaximumWidth(620)
        lines = QVBoxLayout(column)
        lines.setContentsMargins(WIDER, WIDER, WIDER, WIDER)
        lines.setSpacing(STEP)
        lines.addStretch(1)
        drawing = Drawing(theme, column)
        lines.addWidget(drawing, 0, Qt.AlignmentFlag.AlignLeft)
        lines.addSpacing(WIDE)
        head = QLabel(headline, column)
        sized(head, "caption")
        head.setWordWrap(True)
        lines.addWidget(head)
        text = QLabel(sentence, column)
        text.setWordWrap(True)
        sized(text, "title")
        text.setProperty("quiet", True)
        lines.addWidget(text)
        lines.addSpacing(WIDE)
        for point in points:
            row = QHBoxLayout()
            row.setSpacing(STEP)
            dash = QLabel("–", column)
            dash.setProperty("quiet", True)
            row.addWidget(dash, 0, Qt.AlignmentFlag.AlignTop)
            label = QLabel(point, column)
            label.setWordWrap(True)
            row.addWidget(label, 1)
            lines.addLayout(row)
        lines.addSpacing(WIDE)
        when = QLabel(self.tr("This panel isn't there yet. Classify and Caption, in the other tabs, are."), column)
        when.setProperty("quiet", True)
        when.setWordWrap(True)
        lines.addWidget(when)
        lines.addStretch(2)

        inner = QWidget(self)
        middle = QHBoxLayout(inner)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.addStretch(1)
        middle.addWidget(column, 8)
        middle.addStretch(1)
        scroll = QScrollArea(self)  # large type in a small window must stay readable
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        scroll.setAccessibleName(self.title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _words(self) -> tuple[str, str, str, tuple[str, ...]]:
        return (
            self.tr("Translate"),
            self.tr("A translator that types along"),
            self.tr(
                "Over a dozen recurrent layers (LSTM), built after Google's translator of 2016, translate while you "
                "write."
            ),
            (
                self.tr("Which word came from which: the alignment, drawn as it is computed."),
                self.tr("The sentences that it nearly chose (beam search), and why it didn't."),
                self.tr("What you write stays on this machine, like everything else."),
            ),
        )


class Drawing(QWidget):
    """A line drawing of the panel to come, in the theme's colours: words bound to words."""

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
