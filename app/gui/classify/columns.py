"""The answers to the picture in view: a sentence about all models, and a column a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.gui.classify.answers import Item, agreement
from app.gui.classify.column import ModelColumn
from app.gui.theme import QUARTER, STEP, WIDE, Theme, sized

if TYPE_CHECKING:
    from app.store.cards import Card

LEAST_COLUMN = 196  # pixels; where there is less room, models stand one under the other


class Columns(QWidget):
    """Side by side where there is room, one under the other where there isn't: bars that can be read come first."""

    chosen = Signal(str, int)
    held_against = Signal(str, int)
    download_wanted = Signal(str)
    download_cancelled = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.columns: list[ModelColumn] = []
        self.after: QWidget | None = None  # the control from which Tab comes here
        self._mark = _Agreement(theme, self)
        self.sentence = QLabel(self)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        sized(self.sentence, "title")
        # Two lines are always kept, so that a longer sentence moves nothing.
        self.sentence.setMinimumHeight(2 * self.sentence.fontMetrics().lineSpacing() + 2)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.sentence.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        top = QHBoxLayout()
        top.setContentsMargins(STEP, 0, 0, 0)
        top.setSpacing(STEP)
        top.addWidget(self._mark)
        top.addWidget(self.sentence, 1)

        self._inner = QWidget(self)
        self._line = QBoxLayout(QBoxLayout.Direction.TopToBottom, self._inner)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(WIDE)
        scroll = QScrollArea(self)
        scroll.setWidget(self._inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.viewport().setAutoFillBackground(False)
        self._inner.setAutoFillBackground(False)
        self._scroll = scroll
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(STEP)
        whole.addLayout(top)
        whole.addWidget(scroll, 1)
        self.setMinimumWidth(220)

    # Models

    def set_models(self, cards: Sequence[Card]) -> None:
        """The models in view, anew."""
        for column in self.columns:
            self._line.removeWidget(column)
            column.hide()
            column.deleteLater()
        self.columns = []
        while self._line.count():
            self._line.takeAt(0)
        for number, card in enumerate(cards):
            column = ModelColumn(card, number, self._theme, self._inner)
            column.chosen.connect(self.chosen)
            column.held_against.connect(self.held_against)
            column.hovered.connect(self._link)
            column.download_wanted.connect(self.download_wanted)
            column.download_cancelled.connect(self.download_cancelled)
            self._line.addWidget(column)
            self.columns.append(column)
        self._line.addStretch(1)
        self._arrange()
        self._put_in_order()

    def _put_in_order(self) -> None:
        """Tab follows the reading order: Qt puts what is made later behind all the rest of the window."""
        if self.after is None:
            return
        buttons: list[QWidget] = [button for column in self.columns for button in column.findChildren(QAbstractButton)]
        policies = [button.focusPolicy() for button in buttons]
        for button in buttons:  # rows that have no label yet take no focus, and Qt would pass them by
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for before, button in pairwise([self.after, *buttons]):
            QWidget.setTabOrder(before, button)
        for button, policy in zip(buttons, policies, strict=True):
            button.setFocusPolicy(policy)

    def column(self, model: str) -> ModelColumn | None:
        return next((column for column in self.columns if column.card.id == model), None)

    # Answers

    def show_item(self, item: Item | None, invitation: str) -> None:
        """The answers of a picture so far; `invitation` is said while there is no picture."""
        order = [column.card.id for column in self.columns]
        names = {column.card.id: column.card.name for column in self.columns}
        answers = [item.answers[model] for model in order if model in item.answers] if item is not None else []
        for column in self.columns:
            if column.absent:
                continue
            answer = item.answers.get(column.card.id) if item is not None else None
            if answer is not None:
                column.show_answer(answer, answers, names, order)
            elif item is None:
                column.show_idle()
            else:
                column.show_waiting()
        text, kind = agreement(answers, names)
        waits = item is not None and not item.done and len(answers) < sum(not column.absent for column in self.columns)
        if waits and len(answers) < 2:
            text, kind = "", ""
        self._mark.set_kind(kind)
        self._mark.setVisible(item is not None and sum(not column.absent for column in self.columns) > 1)
        said = text if item is not None else invitation
        if item is not None and item.error:
            said = self.tr("No answer: the picture could not be opened.")
        if said != self.sentence.text():
            self.sentence.setText(said)
            self._announce(said)

    def select(self, model: str, target: int | None, against: int | None) -> None:
        for column in self.columns:
            own = column.card.id == model
            column.bars.select(target if own else None, against if own else None)

    def _link(self, index: int) -> None:
        for column in self.columns:
            column.bars.link(index if index >= 0 else None)

    def _announce(self, text: str) -> None:
        if text and QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self.sentence, text))

    # Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        beside = self.width() >= LEAST_COLUMN * max(1, len(self.columns))
        directions = QBoxLayout.Direction
        self._line.setDirection(directions.LeftToRight if beside else directions.TopToBottom)
        for place, column in enumerate(self.columns):
            self._line.setStretch(place, 1 if beside else 0)
            self._line.setAlignment(column, Qt.AlignmentFlag.AlignTop)
        self._line.setStretch(len(self.columns), 0 if beside else 1)


class _Agreement(QWidget):
    """Whether the models agree, by its shape: equal, about equal, not equal."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._kind = theme, ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_kind(self, kind: str) -> None:
        words = {
            "same": self.tr("The models agree"),
            "most": self.tr("Most of the models agree"),
            "differ": self.tr("The models differ"),
        }
        self._kind = kind if kind in words else ""
        self.setToolTip(words.get(kind, ""))
        self.setAccessibleName(words.get(kind, ""))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(18, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._kind:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.colour({"same": "good", "most": "warning", "differ": "warning"}[self._kind])
        pen = QPen(colour, 2.2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        for y in (6.5, 11.5):
            if self._kind == "most":
                wave = QPainterPath(QPointF(3, y + 1))
                wave.cubicTo(QPointF(7, y - 4), QPointF(11, y + 5), QPointF(15, y - 0.5))
                painter.drawPath(wave)
            else:
                painter.drawLine(QPointF(3, y), QPointF(15, y))
        if self._kind == "differ":
            painter.drawLine(QPointF(12, QUARTER - 1), QPointF(6, 15))
