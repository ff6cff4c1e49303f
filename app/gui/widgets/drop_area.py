"""The whole panel takes a drop, and says what will happen with it while it hovers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QMimeData, QObject, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.gui.theme import CORNER, STEP, WIDE, Theme, paint_icon, sized


@dataclass(frozen=True)
class Offer:
    """What would happen: "3 pictures to classify", or why nothing can."""

    sentence: str
    acceptable: bool = True


class DropArea(QWidget):
    """Lies over `target` while something hovers. `describe` is asked once a hover; `dropped` carries the QMimeData and
    must be used at once: Qt takes it back after the drop."""

    dropped = Signal(object)

    def __init__(self, target: QWidget, theme: Theme, describe: Callable[[QMimeData], Offer]) -> None:
        super().__init__(target)
        self._theme, self._describe = theme, describe
        self.offer: Offer | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        sized(self, "title")
        self.hide()
        target.setAcceptDrops(True)
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDropEvent):  # entering and moving are drops to Qt, too
            return self._hovers(event)
        if event.type() == QEvent.Type.DragLeave:
            self._away()
            return True
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._cover()
        return super().eventFilter(watched, event)

    def _hovers(self, event: QDropEvent) -> bool:
        kind = event.type()
        if isinstance(event, QDragEnterEvent):
            self.offer = self._describe(event.mimeData())
            self.setAccessibleName(self.offer.sentence)
            self._cover()
            self.show()
            self.raise_()
            event.acceptProposedAction()  # also what can't be taken: only so can the panel say why
        elif isinstance(event, QDragMoveEvent):
            if self.offer is not None and self.offer.acceptable:
                event.acceptProposedAction()
            else:
                event.ignore()
        elif kind == QEvent.Type.Drop:
            offer = self.offer or self._describe(event.mimeData())
            self._away()
            if offer.acceptable:
                event.acceptProposedAction()
                self.dropped.emit(event.mimeData())
        return True

    def _cover(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())

    def _away(self) -> None:
        self.offer = None
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.offer is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = self._theme.colour("surface")
        veil.setAlphaF(0.92)
        painter.fillRect(self.rect(), veil)
        role = "accent" if self.offer.acceptable else "error"
        painter.setPen(QPen(self._theme.colour(role), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(WIDE, WIDE, -WIDE, -WIDE), CORNER, CORNER)
        middle = self.rect().center()
        paint_icon(
            painter,
            QRect(middle.x() - 20, middle.y() - 40 - STEP, 40, 40),
            "picture" if self.offer.acceptable else "error",
            self._theme.colours.of(role),
        )
        painter.setPen(self._theme.colour("text"))
        words = self.rect().adjusted(2 * WIDE, 0, -2 * WIDE, 0)
        words.setTop(middle.y() + STEP)
        flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(words, flags, self.offer.sentence)
