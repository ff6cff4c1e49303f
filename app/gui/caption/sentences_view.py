"""The sentences of the beam, best first, with what the network makes of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.gui.caption.wording import logprob, sentence
from app.gui.theme import CORNER, QUARTER, STEP, Theme, scaled

if TYPE_CHECKING:
    from app.engines.caption import Caption

BELOW = int(Qt.ItemDataRole.UserRole) + 1  # the line under the sentence


class SentencesView(QListWidget):
    """`picked` carries the place of a sentence that the person wants to see in large."""

    picked = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._captions: tuple[Caption, ...] = ()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setStyleSheet("QListWidget { background: transparent; }")
        self.setAccessibleName(self.tr("Other sentences of the beam"))
        self.setItemDelegate(_Sentences(theme, self))
        self.setMouseTracking(True)
        self.itemClicked.connect(lambda item: self.picked.emit(self.row(item)))
        self.itemActivated.connect(lambda item: self.picked.emit(self.row(item)))

    def show_captions(self, captions: tuple[Caption, ...], chosen: int) -> None:
        if captions is not self._captions:
            self._captions = captions
            self.show_sentences([(sentence(caption), caption.logprob, caption.score) for caption in captions])
        self.setCurrentRow(chosen)

    def show_sentences(self, sentences: Sequence[tuple[str, float, float]]) -> None:
        """Each with its log-probability and its score."""
        self.clear()
        for words, log_p, score in sentences:
            item = QListWidgetItem(words)
            below = self.tr("log-probability {0} · score {1}").format(logprob(log_p), logprob(score))
            item.setData(BELOW, below)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{words} {below}")
            self.addItem(item)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right are the panel's (words), letters and digits no search."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Space) or (
            event.text() and event.text().isalnum()
        ):
            event.ignore()
            return
        super().keyPressEvent(event)


class _Sentences(QStyledItemDelegate):
    def __init__(self, theme: Theme, parent: QListWidget) -> None:
        super().__init__(parent)
        self._theme, self._list = theme, parent

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        width = self._list.viewport().width()
        words = option.fontMetrics.boundingRect(QRect(0, 0, width - 2 * STEP, 1000), _FLAGS, index.data())
        return QSize(width, words.height() + QFontMetrics(scaled(option.font, "secondary")).height() + 2 * QUARTER + 2)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place: QRect = option.rect
        around = QRectF(place).adjusted(1, 1, -1, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("soft"))
            painter.drawRoundedRect(around, CORNER, CORNER)
        if chosen and self._list.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(around, CORNER, CORNER)
        inner = place.adjusted(STEP, QUARTER, -STEP, -QUARTER)
        painter.setPen(self._theme.colour("text"))
        painter.drawText(inner, _FLAGS, index.data())
        small = scaled(option.font, "secondary")
        painter.setFont(small)
        painter.setPen(self._theme.colour("secondary"))
        below = QRect(inner)
        below.setTop(inner.bottom() - QFontMetrics(small).height())
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), index.data(BELOW))
        painter.restore()


_FLAGS = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)
