"""A model in two short lines: name, year, score, and a dot for where it is. A click opens its card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal, SignalInstance
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.gui import numbers
from app.gui.theme import CORNER, QUARTER, SIZES, STEP, WIDE, Theme
from app.gui.widgets.card_view import Beside, CardView, score, state_words

if TYPE_CHECKING:
    from app.store.cards import Card

DOT = 9  # pixels across


class ModelChip(QAbstractButton):
    """`state` is one of `card_view.STATES`. The dot tells it by its shape: full, half, ring, crossed ring."""

    download_wanted = Signal(str)  # the model's id
    release_wanted = Signal(str)
    models_wanted = Signal()

    def __init__(self, card: Card, state: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.card, self.state = card, state
        self._theme = theme
        self.popover: CardPopover | None = None
        self.beside = Beside()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self.open_card)
        theme.changed.connect(self.update)
        self._tell()

    def set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._tell()
            self.update()
            if self.popover is not None:
                self.popover.show_state(state)

    def set_beside(self, beside: Beside) -> None:
        """What the card shows of the model's check and of the official weights."""
        self.beside = beside
        if self.popover is not None:
            self.popover.beside = beside
            self.popover.show_state(self.state)

    def second_line(self) -> str:
        """Year, and what its score is."""
        found = score(self.card)
        if found is None:
            return str(self.card.year)
        if found.top1 is not None:
            return self.tr("{0} · {1}").format(self.card.year, numbers.headline(found))
        # Scores of texts can't be compared without their texts; and the year is the paper's, not this network's.
        return self.tr("{0} on {1}").format(numbers.headline(found), found.data.split(" ")[0])

    def open_card(self) -> None:
        popover = CardPopover(self.card, self.state, self._theme, self, self.beside)
        popover.download_wanted.connect(self.download_wanted)
        popover.release_wanted.connect(self.release_wanted)
        popover.models_wanted.connect(self.models_wanted)
        popover.destroyed.connect(self._closed)
        self.popover = popover
        popover.open_at(self.mapToGlobal(QPoint(0, self.height() + QUARTER)))

    def _closed(self) -> None:
        self.popover = None

    def _tell(self) -> None:
        words = f"{self.card.name}, {self.second_line()}, {state_words(self.state)}"
        self.setAccessibleName(words)
        self.setAccessibleDescription(self.tr("Opens the card of the model"))
        self.setToolTip(words)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = max(metrics.horizontalAdvance(self.card.name), metrics.horizontalAdvance(self.second_line()))
        return QSize(width + DOT + 3 * STEP, 2 * metrics.height() + STEP + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, self.sizeHint().height())

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.underMouse() or self.isDown():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("soft"))
            painter.drawRoundedRect(place, CORNER, CORNER)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(place, CORNER, CORNER)
        metrics = self.fontMetrics()
        left, top = STEP, QUARTER + 1
        self._dot(painter, QPointF(left + DOT / 2, top + metrics.height() / 2))
        left += DOT + STEP
        width = self.width() - left - QUARTER
        painter.setPen(self._theme.colour("text"))
        name = metrics.elidedText(self.card.name, Qt.TextElideMode.ElideMiddle, width)  # names differ at their ends
        painter.drawText(QPointF(left, top + metrics.ascent()), name)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * SIZES["secondary"])
        painter.setFont(font)
        painter.setPen(self._theme.colour("secondary"))
        below = painter.fontMetrics().elidedText(self.second_line(), Qt.TextElideMode.ElideRight, width)
        painter.drawText(QPointF(left, top + metrics.height() + painter.fontMetrics().ascent() + 1), below)

    def _dot(self, painter: QPainter, middle: QPointF) -> None:
        role = {"loaded": "good", "loading": "accent", "downloading": "accent", "damaged": "error"}
        colour = self._theme.colour(role.get(self.state, "outline"))
        radius = DOT / 2 - 0.75
        painter.setPen(QPen(colour, 1.5))
        painter.setBrush(colour if self.state == "loaded" else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(middle, radius, radius)
        if self.state in ("loading", "downloading", "ready"):  # half: it is here, or on its way
            painter.setBrush(colour)
            around = QRectF(middle.x() - radius, middle.y() - radius, 2 * radius, 2 * radius)
            painter.drawPie(around, 270 * 16, 180 * 16)
        elif self.state == "damaged":
            off = QPointF(radius * 0.7, radius * 0.7)
            painter.drawLine(middle - off, middle + off)


class CardPopover(QFrame):
    """The card over the panel, with what can be done about the model from here. Esc or a click beside closes it."""

    download_wanted = Signal(str)
    release_wanted = Signal(str)
    models_wanted = Signal()
    SIZE = QSize(400, 460)

    def __init__(
        self,
        card: Card,
        state: str,
        theme: Theme,
        parent: QWidget,
        beside: Beside = Beside(),  # noqa: B008 (frozen)
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.card, self.beside = card, beside
        self._view = CardView(theme, self)
        self._view.official.download_wanted.connect(lambda model: self._do(self.download_wanted, model))
        self._view.official.models_wanted.connect(self._all)
        self._view.setContentsMargins(WIDE, WIDE, WIDE, STEP)
        scroll = QScrollArea(self)
        scroll.setWidget(self._view)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, STEP)
        column.setSpacing(STEP)
        column.addWidget(scroll, 1)
        row = QHBoxLayout()
        row.setContentsMargins(WIDE, 0, WIDE, 0)
        row.setSpacing(STEP)
        self.download = QPushButton(self.tr("Download ({0})").format(numbers.size(card.approximate_size)), self)
        self.download.setProperty("primary", True)
        self.release = QPushButton(self.tr("Release from memory"), self)
        self.all = QPushButton(self.tr("All models…"), self)
        for button in (self.download, self.release, self.all):
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        self.download.clicked.connect(lambda: self._do(self.download_wanted, card.id))
        self.release.clicked.connect(lambda: self._do(self.release_wanted, card.id))
        self.all.clicked.connect(self._all)
        self.setAccessibleName(card.name)
        self.show_state(state)

    def show_state(self, state: str) -> None:
        self._view.show_card(self.card, state, self.beside)
        self.download.setVisible(state in ("absent", "damaged") and bool(self.card.addresses))
        self.release.setVisible(state == "loaded")

    def open_at(self, where: QPoint) -> None:
        """Below the chip, and wholly on the screen."""
        self.resize(self.SIZE)
        screen = self.screen().availableGeometry()
        x = min(max(screen.left(), where.x()), screen.right() - self.width())
        y = min(max(screen.top(), where.y()), screen.bottom() - self.height())
        self.move(x, y)
        self.show()

    def _do(self, signal: SignalInstance, model: str) -> None:
        signal.emit(model)
        self.close()

    def _all(self) -> None:
        self.models_wanted.emit()
        self.close()
