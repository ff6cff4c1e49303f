"""Frames as they come, with the attention over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPixmap

from app.gui.theme import CORNER, STEP
from app.gui.widgets.heat_map import overlay
from app.gui.widgets.picture_view import Box, PictureView

if TYPE_CHECKING:
    import numpy as np

    from app.media.sources import Frame

LIVE_SIDE = 128  # pixels of a map: enough for a network's few places, and six times as quick as more


class LiveView(PictureView):
    """Draws the newest frame at the next repaint; what came in between is not drawn. Scaling goes through OpenCV, which
    is many times as quick as Qt's smooth way, and is done beforehand, by `prepare`, where it can be."""

    _frame: Frame | None = None
    _attention: np.ndarray | None = None
    _pixels: np.ndarray | None = None
    drawn = 0  # frames that were painted

    _size = (0, 0)  # pixels of the screen in which a frame is drawn
    _ready: tuple[Frame | None, tuple[int, int], np.ndarray | None] = (None, (0, 0), None)
    _note = ""

    def set_note(self, note: str) -> None:
        """A word or two in the picture's corner: "Paused"."""
        if note != self._note:
            self._note = note
            self.update()

    @property
    def note(self) -> str:
        return self._note

    @property
    def frame(self) -> Frame | None:
        """What is shown."""
        return self._frame

    def show_frame(self, frame: Frame) -> None:
        if frame is self._frame:
            return
        pixels = frame.pixels
        height, width = pixels.shape[:2]
        # Without a copy: `_frame` keeps the pixels alive.
        self._frame, self._scaled, self._sentence = frame, None, ""
        self._image = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_BGR888)
        if self.accessibleDescription() != frame.name:
            self.setAccessibleDescription(frame.name)
        self.update()

    def show_sentence(self, sentence: str) -> None:
        self._frame = self._attention = None
        super().show_sentence(sentence)

    def show_attention(self, attention: np.ndarray | None, box: Box | None = None) -> None:
        """(h, w), sums to 1, over the whole picture or over `box`, in its pixels; drawn from nothing to the most that
        any place has. None: none."""
        if attention is self._attention:
            return
        self._attention = attention
        if attention is None or self._image is None:
            self.clear_heat()
        else:
            most = float(attention.max()) or 1.0
            whole = (0.0, 0.0, float(self._image.width()), float(self._image.height()))
            self.show_heat(overlay(attention / most, signed=False, side=LIVE_SIDE), box or whole)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._note or self._sentence:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self._note) + 2 * STEP
        corner = self.picture_place().topLeft() if self._image is not None else self.rect().topLeft()
        place = QRectF(corner.x() + STEP, corner.y() + STEP, width, metrics.height() + STEP)
        behind = self._theme.colour("surface")
        behind.setAlphaF(0.9)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(behind)
        painter.drawRoundedRect(place, CORNER, CORNER)
        painter.setPen(self._theme.colour("text"))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), self._note)

    def prepare(self, frame: Frame) -> None:
        """On any thread: scales the frame to the size that the last one was drawn in, so that the window's own thread
        has only to draw it."""
        if frame is not self._ready[0] and min(self._size) > 0:
            size = self._size
            self._ready = (frame, size, _scaled(frame.pixels, *size))

    def _scale(self, size: QSize) -> None:
        if self._frame is None:
            return super()._scale(size)
        ratio = self.devicePixelRatioF()
        self._size = width, height = max(1, round(size.width() * ratio)), max(1, round(size.height() * ratio))
        frame, at, scaled = self._ready
        if frame is not self._frame or at != self._size or scaled is None:
            scaled = _scaled(self._frame.pixels, width, height)
        image = QImage(scaled.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self._scaled, self._pixels = QPixmap.fromImage(image), scaled  # the pixmap may share them
        self._scaled.setDevicePixelRatio(ratio)
        self.drawn += 1
        return None


def _scaled(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """(h, w, 3) BGR as (height, width, 4) BGRA, which is how the screen has it."""
    from app.media.opencv import import_cv2

    cv2 = import_cv2()
    shrinks = width * 2 < pixels.shape[1]  # by more than half: all pixels count, or fine patterns flicker
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    made: np.ndarray = cv2.cvtColor(cv2.resize(pixels, (width, height), interpolation=way), cv2.COLOR_BGR2BGRA)
    return made
