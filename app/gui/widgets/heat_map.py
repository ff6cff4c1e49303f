"""Quantities over a picture: viridis for how much, a blue and orange map with nothing at zero for which of two."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.theme import QUARTER, STEP, Theme
from app.media import viridis as _viridis
from app.media.viridis import STOPS as _VIRIDIS

if TYPE_CHECKING:
    import numpy as np

_FOR, _AGAINST = "1f7fd0", "e07b00"  # blue speaks for the first, orange for the second
SIDE = 320  # pixels of the overlay, before it is stretched over the picture
_FLOOR = 0.18  # how much of viridis's dark end is laid on: enough to see where the map ends


def overlay(values: np.ndarray, signed: bool, side: int = SIDE) -> QImage:
    """A map (h, w), 0…1 or -1…1, as a picture to be laid on. Smoothed by cubic interpolation between the network's own
    few places, as every such picture is; `picture_view` draws it at the strength that the person chooses. `side`: fewer
    pixels are quicker, where maps come many times a second."""
    import numpy as np
    from PIL import Image

    low = -1.0 if signed else 0.0
    smooth = Image.fromarray(values.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    v = np.clip(np.asarray(smooth), low, 1.0)
    rgba = np.empty((side, side, 4), np.uint8)
    if signed:
        rgba[..., :3] = np.where(v[..., None] >= 0, _rgb(_FOR), _rgb(_AGAINST))
        alpha = np.abs(v) ** 0.7
    else:
        rgba[..., :3] = _viridis.table()[np.round(255 * v).astype(np.uint8)]  # a look-up: 1 ms, not 8
        alpha = _FLOOR + (1 - _FLOOR) * v
    rgba[..., 3] = np.round(255 * alpha)
    # A copy: QImage does not keep the array alive.
    return QImage(rgba.tobytes(), side, side, 4 * side, QImage.Format.Format_RGBA8888).copy()


@cache
def viridis() -> tuple[int, ...]:
    """256 colours from little to much, as QImage's colour tables have them (0xAARRGGBB)."""
    stops = [_rgb(stop) for stop in _VIRIDIS]
    table = []
    for k in range(256):
        place = k / 255 * (len(stops) - 1)
        low = min(int(place), len(stops) - 2)
        red, green, blue = (round(a + (b - a) * (place - low)) for a, b in zip(stops[low], stops[low + 1], strict=True))
        table.append(0xFF000000 | red << 16 | green << 8 | blue)
    return tuple(table)


def picture_of(values: np.ndarray) -> QImage:
    """uint8, a pixel a value: (h, w) in viridis, (h, w, 3) in its own colours."""
    height, width = values.shape[:2]
    if values.ndim == 3:
        return QImage(values.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    made = QImage(values.tobytes(), width, height, width, QImage.Format.Format_Indexed8).copy()
    made.setColorTable(viridis())
    return made


def signed_picture(values: np.ndarray, zero: QColor) -> QImage:
    """uint8 (h, w), a pixel a value: 128 is nothing and has the colour `zero`, more is blue, less is orange."""
    height, width = values.shape
    made = QImage(values.tobytes(), width, height, width, QImage.Format.Format_Indexed8).copy()
    made.setColorTable(_signed(zero.rgb()))
    return made


@cache
def _signed(zero: int) -> list[int]:
    """256 colours, as QImage's colour tables have them, around one that is nothing."""
    middle = QColor.fromRgb(zero).getRgb()[:3]  # type: ignore[index]
    table = []
    for k in range(256):
        size = min(abs(k - 128) / 127, 1.0) ** 0.7
        pairs = zip(side_colour(against=k < 128).getRgb()[:3], middle, strict=True)  # type: ignore[index]
        red, green, blue = (round(a * size + b * (1 - size)) for a, b in pairs)
        table.append(0xFF000000 | red << 16 | green << 8 | blue)
    return table


def side_colour(against: bool) -> QColor:
    """The colour of a side of the signed map."""
    return QColor("#" + (_AGAINST if against else _FOR))


def _rgb(text: str) -> tuple[int, int, int]:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


class Legend(QWidget):
    """What the colours mean: a bar of them between two words."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._signed = False
        self._words = ("", "")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_scale(self, signed: bool, low: str, high: str) -> None:
        self._signed, self._words = signed, (low, high)
        self.setAccessibleName(self.tr("Colours from {0} to {1}").format(low, high))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        words = sum(metrics.horizontalAdvance(word) for word in self._words)
        return QSize(words + 2 * STEP + 72, metrics.height() + QUARTER)

    def minimumSizeHint(self) -> QSize:
        return QSize(48, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = self.fontMetrics()
        low, high = self._words
        room = max(0, self.width() - 40 - 2 * STEP)
        left_width = min(metrics.horizontalAdvance(low) + 1, room // 2)
        right_width = min(metrics.horizontalAdvance(high) + 1, room - left_width)
        painter.setPen(self._theme.colour("secondary"))
        centre = Qt.AlignmentFlag.AlignVCenter
        left = QRect(0, 0, left_width, self.height())
        bar = QRect(left_width + STEP, (self.height() - 8) // 2, self.width() - left_width - right_width - 2 * STEP, 8)
        bar.setWidth(min(bar.width(), 96))
        right = QRect(bar.right() + STEP, 0, right_width, self.height())
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(left, int(centre | Qt.AlignmentFlag.AlignRight), metrics.elidedText(low, elide, left_width))
        painter.drawText(right, int(centre | Qt.AlignmentFlag.AlignLeft), metrics.elidedText(high, elide, right_width))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._gradient(bar))
        painter.drawRoundedRect(bar, 4, 4)

    def _gradient(self, bar: QRect) -> QLinearGradient:
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        if self._signed:
            gradient.setColorAt(0.0, side_colour(True))
            gradient.setColorAt(0.5, self._theme.colour("hairline"))
            gradient.setColorAt(1.0, side_colour(False))
        else:
            for k, stop in enumerate(_VIRIDIS):
                gradient.setColorAt(k / (len(_VIRIDIS) - 1), QColor("#" + stop))
        return gradient
