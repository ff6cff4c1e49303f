"""The caption in large type, a word at a time: how sure the network is of each, and which one is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QFont,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from app.gui.caption.wording import close_up, open_ended, percent, sentence, shown, unsure
from app.gui.theme import CORNER, QUARTER, SIZES, STEP, Theme

if TYPE_CHECKING:
    from app.engines.caption import Caption

SMALLER = (SIZES["caption"], 1.5, SIZES["title"], 1.0)  # type that is tried until the sentence fits
SPACING = 1.15  # of lines: the mark under a word wants room
LINES = 3  # of the largest type that there is room for; a longer sentence is set smaller, so that nothing moves


@dataclass(frozen=True)
class _Placed:
    text: str
    place: QRectF  # of the word with some air
    base: QPointF  # where its letters begin


class CaptionView(QWidget):
    """Words are pointed at with the mouse (`pointed`, -1: none) and picked by a click (`picked`); the panel's keys step
    through them. The widget announces a sentence to screen readers, with `announce`."""

    pointed = Signal(int)
    picked = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.caption: Caption | None = None
        self.forced = 0  # so many words at the beginning were chosen by the person
        self.current = -1  # the word that is looked at
        self._sentence = ""  # in place of a caption
        self._placed: list[_Placed] = []
        self._font = self.font()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Caption"))
        theme.changed.connect(self.update)

    # What is shown

    def show_caption(self, caption: Caption, forced: int = 0) -> None:
        if caption is self.caption and forced == self.forced:
            return
        self.caption, self.forced, self._sentence = caption, forced, ""
        if self.current >= len(caption.words):
            self.current = -1
        self._arrange()
        self._tell()

    def show_sentence(self, words: str) -> None:
        """There is no caption; why."""
        self.caption, self.forced, self.current, self._sentence = None, 0, -1, words
        self._arrange()
        self._tell()

    @property
    def said(self) -> str:
        """What stands here in place of a caption."""
        return self._sentence

    def set_current(self, place: int) -> None:
        """The word that is looked at; -1: none."""
        if place != self.current:
            self.current = place
            self._tell()
            self.update()

    def announce(self) -> None:
        """Screen readers hear the sentence, when they have said what they are saying."""
        if self.caption is not None and QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, sentence(self.caption)))

    def announce_word(self) -> None:
        """Screen readers hear the word that is looked at, and what else could have stood there."""
        if self.caption is None or self.current < 0 or not QAccessible.isActive():
            return
        word = self.caption.words[self.current]
        text = f"{word.text}, {percent(word.p)}"
        if word.runners_up:
            others = ", ".join(f"{other} {percent(p)}" for other, p in word.runners_up[:3])
            text = self.tr("{0}; or {1}").format(text, others)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def word_at(self, where: QPointF) -> int:
        """-1: none."""
        return next((k for k, placed in enumerate(self._placed) if placed.place.contains(where)), -1)

    # Qt

    def sizeHint(self) -> QSize:
        line = QFontMetricsF(_font(SIZES["caption"])).lineSpacing() * SPACING
        return QSize(320, round(LINES * line + STEP))

    def minimumSizeHint(self) -> QSize:
        line = QFontMetricsF(_font(SIZES["title"])).lineSpacing()
        return QSize(160, round(2 * line + STEP))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange):
            self._arrange()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self.word_at(event.position())
        self.setCursor(Qt.CursorShape.PointingHandCursor if place >= 0 else Qt.CursorShape.ArrowCursor)
        self.pointed.emit(place)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(self.word_at(event.position()))
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.caption is None:
            self._paint_sentence(painter)
        else:
            painter.setFont(self._font)
            for place, placed in enumerate(self._placed):
                self._paint_word(painter, place, placed)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), CORNER, CORNER)

    def _paint_word(self, painter: QPainter, place: int, placed: _Placed) -> None:
        assert self.caption is not None
        word = self.caption.words[place]
        if place == self.current:
            painter.setPen(QPen(self._theme.colour("accent"), 1.5))
            painter.setBrush(self._theme.colour("soft"))
            painter.drawRoundedRect(placed.place, CORNER, CORNER)
        painter.setPen(self._theme.colour("text"))
        painter.drawText(placed.base, placed.text)
        left, right = placed.base.x(), placed.place.right() - QUARTER
        y = placed.base.y() + max(4.0, self._font.pointSizeF() * 0.28)
        if place < self.forced:  # a line: the person's own
            painter.setPen(QPen(self._theme.colour("accent"), 2.5))
            painter.drawLine(QPointF(left, y), QPointF(right, y))
        elif unsure(word):  # dots
            pen = QPen(self._theme.colour("warning"), 2.5, Qt.PenStyle.DotLine)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLine(QPointF(left, y), QPointF(right, y))

    def _paint_sentence(self, painter: QPainter) -> None:
        painter.setFont(_font(SIZES["title"]))
        painter.setPen(self._theme.colour("secondary"))
        room = self.rect().adjusted(STEP, QUARTER, -STEP, -QUARTER)
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(room, flags, self._sentence)

    # Own

    def _arrange(self) -> None:
        """Where each word stands, in the largest type in which all of them have room."""
        self._placed = []
        if self.caption is not None:
            for share in SMALLER:
                self._font = _font(share)
                if self._place_words() <= self.height():
                    break
        self.update()

    def _place_words(self) -> float:
        """Returns the height that they take."""
        assert self.caption is not None
        metrics = QFontMetricsF(self._font)
        between, line = metrics.horizontalAdvance(" "), metrics.lineSpacing() * SPACING
        x, y, right = float(STEP), float(QUARTER), self.width() - float(STEP)
        self._placed = []
        words = self.caption.words
        for k in range(len(words)):
            text = shown(words, k)
            if k == len(words) - 1 and self.caption.finished and open_ended(text):
                text += "."
            if self.caption.written and close_up(words[k]) and x > STEP:
                x -= between
            width = metrics.horizontalAdvance(text)
            if x + width > right and x > STEP:
                x, y = float(STEP), y + line
            around = QRectF(x - QUARTER, y, width + 2 * QUARTER, line - 2)
            self._placed.append(_Placed(text, around, QPointF(x, y + metrics.ascent() + 1)))
            x += width + between
        return y + line + QUARTER

    def _tell(self) -> None:
        """What a screen reader finds here."""
        if self.caption is None:
            self.setAccessibleDescription(self._sentence)
            return
        words = sentence(self.caption)
        doubtful = [word.text for word in self.caption.words[self.forced :] if unsure(word)]
        if doubtful:
            words += " " + self.tr("Unsure of: {0}.").format(", ".join(doubtful))
        if 0 <= self.current < len(self.caption.words):
            word = self.caption.words[self.current]
            words = self.tr("“{0}”, {1}. {2}").format(word.text, percent(word.p), words)
        self.setAccessibleDescription(words)


def _font(share: float) -> QFont:
    font = QFont(QApplication.font())
    font.setPointSizeF(font.pointSizeF() * share)
    return font
