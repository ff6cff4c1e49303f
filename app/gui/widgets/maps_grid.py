"""Many small pictures in a grid (feature maps, filters), walked through with keys, one of them large on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QLocale, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFont, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from app.gui.theme import QUARTER, STEP, WIDE, Theme
from app.gui.widgets.heat_map import picture_of, signed_picture


@dataclass(frozen=True, eq=False)
class Tile:
    """`values`: (h, w) uint8, shown in viridis, or (h, w, 3) in its own colours. `units`: each pixel is a unit of its
    own, counted row by row. `signed`: 128 is zero, more is blue and less is orange. `reads`: the numbers themselves,
    (h, w) float32, where the pixels are too coarse or show something else besides."""

    values: np.ndarray
    label: str  # under the tile: "12"; "" for none
    name: str  # in a sentence: "channel 12"
    low: float = 0.0
    high: float = 0.0
    units: bool = False
    names: tuple[str, ...] = ()  # of the units, where they have some
    signed: bool = False
    reads: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Section:
    title: str  # "" for none
    tiles: tuple[Tile, ...]


class MapsGrid(QAbstractScrollArea):
    pointed = Signal(str)  # a sentence about what the mouse or the keys are at; "" for nothing
    enlarged_changed = Signal(bool)

    LEAST = 64  # pixels of a tile's side; small filters take less

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._sections: tuple[Section, ...] = ()
        self._tiles: list[Tile] = []
        self._images: list[QImage] = []
        self._places: list[QRect] = []  # of each tile, in the grid's own pixels
        self._titles: list[tuple[QRect, str]] = []
        self._columns = 1
        self._current = 0
        self._large = False
        self._sentence = ""
        self._hovered = -1
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Feature maps"))
        self.viewport().setMouseTracking(True)
        self.setMinimumSize(160, 80)
        theme.changed.connect(self._dress)

    # What is shown

    def show_sections(self, sections: Sequence[Section]) -> None:
        """A single tile comes large."""
        same = [len(s.tiles) for s in sections] == [len(s.tiles) for s in self._sections]
        self._sections = tuple(sections)
        self._tiles = [tile for section in sections for tile in section.tiles]
        self._dress()
        if not same:
            self._current = 0
            self.verticalScrollBar().setValue(0)
        self._sentence = ""
        self._hovered = -1
        self._enlarge(len(self._tiles) == 1 or (self._large and same))
        self._lay_out()
        self._describe()
        self.pointed.emit("")

    def _dress(self) -> None:
        zero = self._theme.colour("raised")
        self._images = [
            signed_picture(tile.values, zero) if tile.signed else picture_of(tile.values) for tile in self._tiles
        ]
        self.viewport().update()

    def show_sentence(self, sentence: str) -> None:
        """In place of maps."""
        self.show_sections(())
        self._sentence = sentence
        self.setAccessibleDescription(sentence)
        self.viewport().update()

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(self._tiles)

    @property
    def current(self) -> int:
        return self._current

    @property
    def enlarged(self) -> bool:
        return self._large

    def shrink(self) -> bool:
        """Back from the large one to all. False where there is nothing to go back to."""
        if not self._large or len(self._tiles) < 2:
            return False
        self._enlarge(False)
        self._lay_out()
        self._bring()
        return True

    # Layout

    def _side(self) -> int:
        small = bool(self._tiles) and self._tiles[0].values.shape[0] <= 16 and not self._tiles[0].label
        least = 40 if small else self.LEAST
        width = self.viewport().width() - 2 * QUARTER
        most = max((len(section.tiles) for section in self._sections), default=0)
        columns = max(2, min((width + QUARTER) // (least + QUARTER), most))
        return max(24, min((width - QUARTER * (columns - 1)) // columns, 2 * least))

    def _lay_out(self) -> None:
        self._places, self._titles = [], []
        side, width = self._side(), self.viewport().width()
        columns = max(1, (width - QUARTER) // (side + QUARTER))
        label = self.fontMetrics().height() if any(tile.label for tile in self._tiles) else 0
        y = QUARTER
        for section in self._sections:
            if section.title:
                self._titles.append((QRect(QUARTER, y, width, self.fontMetrics().height()), section.title))
                y += self.fontMetrics().height() + QUARTER
            for k in range(len(section.tiles)):
                row, column = divmod(k, columns)
                self._places.append(
                    QRect(QUARTER + column * (side + QUARTER), y + row * (side + label + QUARTER), side, side)
                )
            y += -(-len(section.tiles) // columns) * (side + label + QUARTER) + STEP
        bar = self.verticalScrollBar()
        high = self.viewport().height()
        bar.setRange(0, 0 if self._large else max(0, y - high))
        bar.setPageStep(high)
        bar.setSingleStep(side + label)
        self._columns = columns
        self.viewport().update()

    def _large_place(self) -> QRect:
        """Where the large one lies in the viewport."""
        values = self._tiles[self._current].values
        room = self.viewport().rect().adjusted(STEP, STEP, -STEP, -STEP)
        size = QSize(values.shape[1], values.shape[0]).scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(QPoint(), size.expandedTo(QSize(1, 1)))
        place.moveCenter(room.center())
        return place

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._theme.colour("surface"))
        if self._sentence:
            painter.setPen(self._theme.colour("secondary"))
            room = self.viewport().rect().adjusted(WIDE, WIDE, -WIDE, -WIDE)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._sentence)
        elif self._large and self._tiles:
            place = self._large_place()
            tile = self._tiles[self._current]
            photograph = tile.values.ndim == 3 and tile.reads is not None
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, photograph)
            painter.drawImage(place, self._images[self._current])
            if self.hasFocus():
                self._ring(painter, place)
        else:
            self._paint_grid(painter, event.rect())

    def _paint_grid(self, painter: QPainter, dirty: QRect) -> None:
        off = self.verticalScrollBar().value()
        bold = QFont(self.font())
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(self._theme.colour("text"))
        for place, title in self._titles:
            painter.drawText(place.translated(0, -off), int(Qt.AlignmentFlag.AlignVCenter), title)
        painter.setFont(self.font())
        for k, (tile, image, place) in enumerate(zip(self._tiles, self._images, self._places, strict=True)):
            here = place.translated(0, -off)
            if not here.adjusted(0, 0, 0, 24).intersects(dirty):
                continue
            small = max(tile.values.shape[:2]) > place.width()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, small)
            painter.drawImage(here, image)
            if tile.label:
                painter.setPen(self._theme.colour("secondary"))
                under = QRect(here.left(), here.bottom() + 1, here.width(), self.fontMetrics().height())
                painter.drawText(under, int(Qt.AlignmentFlag.AlignCenter), tile.label)
            if k == self._current and self.hasFocus():
                self._ring(painter, here)
            elif k == self._hovered:
                painter.setPen(QPen(self._theme.colour("outline"), 1))
                painter.drawRect(QRectF(here).adjusted(-1, -1, 0, 0))

    def _ring(self, painter: QPainter, place: QRect) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.colour("accent"), 2))
        painter.drawRect(place.adjusted(-2, -2, 1, 1))

    # Hands

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = Qt.Key
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        step: dict[int, int] = {
            keys.Key_Left: -1,
            keys.Key_Right: 1,
            keys.Key_Up: -self._columns,
            keys.Key_Down: self._columns,
        }
        if not plain or not self._tiles:
            event.ignore()
        elif event.key() in step and not (self._large and event.key() in (keys.Key_Up, keys.Key_Down)):
            to = self._current + step[event.key()]
            if 0 <= to < len(self._tiles):
                self._go(to)
        elif event.key() in (keys.Key_Home, keys.Key_End):
            self._go(0 if event.key() == keys.Key_Home else len(self._tiles) - 1)
        elif event.key() in (keys.Key_Return, keys.Key_Enter, keys.Key_Space):
            if not self.shrink():
                self._enlarge(True)
                self._lay_out()
        elif event.key() == keys.Key_Backspace and self._large:
            self.shrink()
        else:
            event.ignore()

    def _go(self, place: int) -> None:
        self._current = place
        self._bring()
        self._describe()
        self.pointed.emit(self._about(place))
        self.viewport().update()

    def _bring(self) -> None:
        if self._large or not self._places:
            return
        bar, place = self.verticalScrollBar(), self._places[self._current]
        if place.top() - QUARTER < bar.value():
            bar.setValue(place.top() - QUARTER)
        elif place.bottom() + 24 > bar.value() + self.viewport().height():
            bar.setValue(place.bottom() + 24 - self.viewport().height())

    def _enlarge(self, large: bool) -> None:
        if large != self._large:
            self._large = large
            self.enlarged_changed.emit(large)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if self._large and self._tiles:
            self.pointed.emit(self._value_at(at))
            return
        place = self._tile_at(at)
        if place != self._hovered:
            self._hovered = place
            self.pointed.emit(self._about(place) if place >= 0 else "")
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if place >= 0 else Qt.CursorShape.ArrowCursor)
            self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() != Qt.MouseButton.LeftButton or not self._tiles:
            return
        if self._large:
            self.shrink()
            return
        place = self._tile_at(event.position().toPoint())
        if place >= 0:
            self._go(place)
            self._enlarge(True)
            self._lay_out()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hovered = -1
        self.pointed.emit("")
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def _tile_at(self, at: QPoint) -> int:
        there = at + QPoint(0, self.verticalScrollBar().value())
        return next((k for k, place in enumerate(self._places) if place.contains(there)), -1)

    # Words

    def _about(self, place: int) -> str:
        tile = self._tiles[place]
        if tile.reads is not None:
            low, high, mean = (number(float(v)) for v in (tile.reads.min(), tile.reads.max(), tile.reads.mean()))
            return self.tr("{0}: from {1} to {2}, mean {3}").format(tile.name, low, high, mean)
        if tile.values.ndim == 3:
            return tile.name
        return self.tr("{0}: from {1} to {2}").format(tile.name, number(tile.low), number(tile.high))

    def _value_at(self, at: QPoint) -> str:
        tile, place = self._tiles[self._current], self._large_place()
        if (tile.values.ndim == 3 and tile.reads is None) or not place.contains(at):
            return self._about(self._current)
        high, wide = (tile.values if tile.reads is None else tile.reads).shape[:2]
        column = min((at.x() - place.left()) * wide // place.width(), wide - 1)
        row = min((at.y() - place.top()) * high // place.height(), high - 1)
        if tile.reads is not None:
            value = float(tile.reads[row, column])
        else:
            value = tile.low + (tile.high - tile.low) * int(tile.values[row, column]) / 255
        if tile.units:
            unit = row * wide + column
            name = f"{unit}, {tile.names[unit]}" if unit < len(tile.names) else str(unit)
            words = self.tr("unit {0}: {1}").format(name, number(value))
            return f"{tile.name}, {words}" if tile.label else words
        return self.tr("{0}, row {1}, column {2}: {3}").format(tile.name, row + 1, column + 1, number(value))

    def _describe(self) -> None:
        self.setAccessibleDescription(self._about(self._current) if self._tiles else "")


def number(value: float) -> str:
    """Three digits."""
    return QLocale().toString(value, "g", 3)
