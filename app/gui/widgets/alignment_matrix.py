"""The alignment matrix: how much each wordpiece of a translation looked at each wordpiece of its sentence, and under it
the coverage: how often each was looked at in all (Bahdanau et al. 2015, figure 3; Wu et al. 2016, section 7).

Rows are what was said, columns what was read. Keys: the arrows go from cell to cell, Home and End to a row's ends, Page
Up and Down to a column's; Escape lets go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QLocale, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.colours import DARK
from app.gui.theme import QUARTER, STEP, WIDE, Theme, scaled, tabular
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.heat_map import Legend, picture_of
from app.text.alignment import words_of_pieces
from app.text.wordpieces import shown

if TYPE_CHECKING:
    from app.engines.translate import Translated

WIDEST, HIGHEST = 44.0, 30.0  # a cell, at most; at least it is as high as a line of letters
LONGEST = 120.0  # pixels of a piece's letters; longer ones are shortened
SLANT = math.radians(50)  # of the pieces that were read, over their columns
TWICE = 2.0  # where the scale of the coverage ends: what is looked at more often looks the same
BARS = 34.0  # height of the coverage's bars
TOO_LITTLE, TOO_OFTEN = 0.5, 1.5  # beyond these a bar is marked
MESH, MESH_ALPHA = 9.0, 70  # pixels of a cell from which on lines part them, and how much of these is seen


def tr(text: str) -> str:
    return QCoreApplication.translate("AlignmentMatrix", text)


@dataclass(frozen=True, eq=False)
class Shown:
    """What is drawn. A row is a piece of the translation, a column one of the sentence."""

    values: np.ndarray  # (rows, columns) float32, 0 to 1
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    column_words: tuple[int, ...]  # the number of each piece's word in the sentence; -1: of none
    row_words: tuple[int, ...]  # the same in the translation
    coverage: np.ndarray  # (columns,): the sum over the rows

    @staticmethod
    def of(translated: Translated, index: int) -> Shown | None:
        """None where nothing was translated."""
        best = translated.translations[index]
        if not best.pieces or not translated.source_pieces:
            return None
        values = best.attention[: len(best.pieces) + 1]
        said = (*best.pieces, "</s>")
        if not values[-1].any():  # it was cut before its end
            values, said = values[:-1], best.pieces
        return Shown(
            values=values,
            columns=tuple(map(shown, translated.source_pieces)),
            rows=tuple(map(shown, said)),
            column_words=words_of_pieces(translated.sentence, translated.words, translated.source_pieces),
            row_words=words_of_pieces(best.text, best.words, said),
            coverage=values.sum(axis=0),
        )

    def seldom_or_often(self, column: int) -> int:
        """-1: it was looked at too little, 1: too often, 0: neither. Only of pieces of words."""
        if self.column_words[column] < 0:
            return 0
        times = float(self.coverage[column])
        return -1 if times < TOO_LITTLE else 1 if times > TOO_OFTEN else 0


class AlignmentMatrix(QWidget):
    """`hovered` tells the words under the mouse or the keys; `light` shows those that are pointed at elsewhere."""

    hovered = Signal(int, int)  # numbers of a word of the sentence and of the translation; -1: none

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grid = MatrixGrid(theme, self)
        self.reading = ElidedLabel("", self)
        self.reading.setFont(tabular(scaled(self.font(), "secondary")))
        self.legend = Legend(theme, self)
        self.legend.setFont(scaled(self.font(), "secondary"))
        self.legend.show_scale(False, tr("0 %"), tr("100 % of its attention"))
        foot = QHBoxLayout()
        foot.setContentsMargins(STEP, 0, STEP, QUARTER)
        foot.setSpacing(WIDE)
        foot.addWidget(self.reading, 1)
        foot.addWidget(self.legend)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(QUARTER)
        box.addWidget(self.grid, 1)
        box.addLayout(foot)
        self.setFocusProxy(self.grid)
        self.grid.hovered.connect(self.hovered)
        self.grid.read.connect(self._read)
        self.show_translation(None)

    def show_translation(self, translated: Translated | None, index: int = 0) -> None:
        """`index`: which of its translations, best first."""
        made = Shown.of(translated, index) if translated is not None else None
        if translated is None:
            empty = tr("A translated sentence shows here which piece of the sentence each piece of it looked at.")
        else:
            empty = tr("Nothing was translated here: the sentence is copied as it is.")
        self.grid.show_matrix(made, empty)
        self.legend.setVisible(made is not None)

    def light(self, source_word: int, target_word: int) -> None:
        """Light a word's column and row; -1: none."""
        self.grid.light(source_word, target_word)

    def _read(self, words: str) -> None:
        self.reading.setText(words or self.grid.summary())


class MatrixGrid(QAbstractScrollArea):
    """The matrix itself. Pieces and coverage stay in view when it scrolls."""

    hovered = Signal(int, int)
    read = Signal(str)  # a sentence about what the mouse or the keys are at; "" for nothing

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: Shown | None = None
        self._empty = ""
        self._at = (-1, -1)  # row and column under mouse or keys; -1: all of them
        self._lit = (-1, -1)  # words of sentence and translation that are pointed at elsewhere
        self._told = (-1, -1)
        self._left = self._head = self._over = 0.0  # room of the rows' pieces, of the columns', and beyond the last one
        self._cell = (HIGHEST, HIGHEST)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Alignment matrix"))
        self.viewport().setMouseTracking(True)
        self.setMinimumSize(200, 120)
        theme.changed.connect(self.viewport().update)

    # What is shown

    def show_matrix(self, made: Shown | None, empty: str) -> None:
        self._shown, self._empty = made, empty
        self._lit = (-1, -1)
        self._lay_out()
        rows, columns = made.values.shape if made is not None else (0, 0)
        row, column = self._at
        self._go(*((row, column) if row < rows and column < columns else (-1, -1)), announce=False)
        self._describe(announce=False)
        self.read.emit(self._about())

    def light(self, source_word: int, target_word: int) -> None:
        if (source_word, target_word) != self._lit:
            self._lit = (source_word, target_word)
            self.viewport().update()

    @property
    def at(self) -> tuple[int, int]:
        """Row and column under the mouse or the keys; -1: none or all of them."""
        return self._at

    def summary(self) -> str:
        """The matrix in words."""
        made = self._shown
        if made is None:
            return ""
        words = [tr("{0} wordpieces read, {1} said.").format(len(made.columns), len(made.rows))]
        for which, text in ((-1, tr("Hardly looked at: {0}.")), (1, tr("More than once: {0}."))):
            found = [_quoted(made.columns[k]) for k in range(len(made.columns)) if made.seldom_or_often(k) == which]
            if found:
                words.append(text.format(", ".join(found[:4]) + (" …" if len(found) > 4 else "")))
        return " ".join(words)

    # Places

    def sizeHint(self) -> QSize:
        return QSize(560, 360)

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self._font())

    def _font(self) -> QFont:
        return scaled(self.font(), "secondary")

    def _lay_out(self) -> None:
        made = self._shown
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        if made is None:
            across.setRange(0, 0)
            down.setRange(0, 0)
            self.viewport().update()
            return
        metrics = self._metrics()
        line = metrics.height()
        names = (tr("coverage"), tr("read") + " →")
        lengths = [min(metrics.horizontalAdvance(words), LONGEST) for words in made.rows]
        self._left = max([*lengths, *map(metrics.horizontalAdvance, names)]) + 2 * STEP
        slanted = [min(metrics.horizontalAdvance(words), LONGEST) for words in made.columns]
        self._head = max(slanted) * math.sin(SLANT) + line * math.cos(SLANT) + STEP
        rows, columns = made.values.shape
        room = self.maximumViewportSize()
        line_up = math.ceil(line) + 1.0  # the least height of a cell; slanted lines want more room
        high = min(max((room.height() - self._head - self._foot()) / rows, line_up), HIGHEST)
        beside = down.sizeHint().width() if rows * high > room.height() - self._head - self._foot() + 1 else 0
        self._over = max(slanted[-3:]) * math.cos(SLANT)  # the last pieces reach beyond their columns
        wide = (room.width() - beside - self._left - self._over) / columns
        wide = min(max(wide, line / math.sin(SLANT)), WIDEST, 2.5 * high)
        self._cell = (math.floor(wide), math.floor(high))
        view = self.viewport().size()
        here, there = self._view()
        across.setRange(0, max(0, math.ceil(columns * self._cell[0] + self._over - here)))
        down.setRange(0, max(0, math.ceil(rows * self._cell[1] - there)))
        for bar, step, page in ((across, self._cell[0], view.width()), (down, self._cell[1], view.height())):
            bar.setSingleStep(round(step))
            bar.setPageStep(page)
        self.viewport().update()

    def _foot(self) -> float:
        return BARS + WIDE

    def _view(self) -> tuple[float, float]:
        """Room for the cells, with the pieces that reach beyond the last column."""
        size = self.viewport().size()
        return max(0.0, size.width() - self._left), max(0.0, size.height() - self._head - self._foot())

    def _origin(self) -> QPointF:
        """Where the first cell lies, scrolled."""
        off = QPointF(self.horizontalScrollBar().value(), self.verticalScrollBar().value())
        return QPointF(self._left, self._head) - off

    def _bottom(self) -> float:
        """Where the cells in view end."""
        rows = len(self._shown.rows) if self._shown is not None else 0
        return self._head + min(rows * self._cell[1], self._view()[1])

    def _place_at(self, at: QPoint) -> tuple[int, int]:
        """Row and column; -1 for all of them over the pieces and the bars; both -1 elsewhere."""
        made = self._shown
        if made is None:
            return -1, -1
        rows, columns = made.values.shape
        origin, (wide, high) = self._origin(), self._cell
        x, y = float(at.x()), float(at.y())
        row = math.floor((y - origin.y()) / high)
        if y < self._head:  # along the slant
            x -= (self._head - y) / math.tan(SLANT)
            row = -1
        elif y >= self._bottom():
            row = -1
        column = math.floor((x - origin.x()) / wide) if x >= self._left else -1
        inside = y < self._bottom() + self._foot() and row < rows and column < columns
        return (row, column) if inside else (-1, -1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._lay_out()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(event.rect(), self._theme.colour("surface"))
        painter.setFont(self._font())
        made = self._shown
        if made is None:
            painter.setFont(self.font())
            painter.setPen(self._theme.colour("secondary"))
            room = self.viewport().rect().adjusted(WIDE, WIDE, -WIDE, -WIDE)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._empty)
            return
        lit_rows, lit_columns = self._lit_pieces(made)
        self._paint_cells(painter, made, lit_rows, lit_columns)
        self._paint_rows(painter, made, lit_rows)
        self._paint_columns(painter, made, lit_columns)
        self._paint_coverage(painter, made, lit_columns)
        self._paint_corners(painter)

    def _lit_pieces(self, made: Shown) -> tuple[set[int], set[int]]:
        """Rows and columns of the words that are pointed at, here or elsewhere."""
        row, column = self._at
        source = made.column_words[column] if column >= 0 else self._lit[0] if row < 0 else -1
        target = made.row_words[row] if row >= 0 else self._lit[1] if column < 0 else -1
        rows = {k for k, word in enumerate(made.row_words) if word >= 0 and word == target}
        columns = {k for k, word in enumerate(made.column_words) if word >= 0 and word == source}
        return rows | ({row} - {-1}), columns | ({column} - {-1})

    def _paint_cells(self, painter: QPainter, made: Shown, lit_rows: set[int], lit_columns: set[int]) -> None:
        rows, columns = made.values.shape
        origin, (wide, high) = self._origin(), self._cell
        painter.save()
        painter.setClipRect(QRectF(self._left, self._head, self._view()[0], self._bottom() - self._head))
        ground = QRectF(origin.x(), origin.y(), columns * wide, rows * high)
        image = picture_of(np.round(255 * np.clip(made.values, 0, 1)).astype(np.uint8))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.drawImage(ground, image)
        if min(wide, high) >= MESH:
            mesh = self._theme.colour("surface")
            mesh.setAlpha(MESH_ALPHA)
            painter.setPen(QPen(mesh, 1))
            for k in range(columns + 1):
                painter.drawLine(
                    QPointF(origin.x() + k * wide, ground.top()), QPointF(origin.x() + k * wide, ground.bottom())
                )
            for k in range(rows + 1):
                painter.drawLine(
                    QPointF(ground.left(), origin.y() + k * high), QPointF(ground.right(), origin.y() + k * high)
                )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(DARK.accent), 2))  # in both themes: viridis is dark where there is little
        for first, last in _runs(lit_rows):
            painter.drawRect(
                QRectF(ground.left() + 1, origin.y() + first * high, ground.width() - 2, (last - first + 1) * high)
            )
        for first, last in _runs(lit_columns):
            painter.drawRect(
                QRectF(origin.x() + first * wide, ground.top() + 1, (last - first + 1) * wide, ground.height() - 2)
            )
        row, column = self._at
        if row >= 0 and column >= 0:
            cell = QRectF(origin.x() + column * wide, origin.y() + row * high, wide, high)
            painter.setPen(QPen(self._theme.colour("surface"), 4))
            painter.drawRect(cell)
            painter.setPen(QPen(self._theme.colour("text"), 2))
            painter.drawRect(cell)
        painter.restore()

    def _paint_rows(self, painter: QPainter, made: Shown, lit: set[int]) -> None:
        metrics, high, origin = self._metrics(), self._cell[1], self._origin()
        painter.save()
        painter.setClipRect(QRectF(0, self._head, self._left, self._bottom() - self._head))
        for k, words in enumerate(made.rows):
            place = QRectF(QUARTER, origin.y() + k * high, self._left - QUARTER - 2, high)
            if place.bottom() < self._head or place.top() > self._bottom():
                continue
            self._paint_ground(painter, QPolygonF(place.adjusted(0, 1, 0, -1)), k in lit)
            text = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, LONGEST)
            painter.drawText(
                place.adjusted(0, 0, -STEP, 0), int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text
            )
        painter.restore()

    def _paint_columns(self, painter: QPainter, made: Shown, lit: set[int]) -> None:
        metrics, wide, origin = self._metrics(), self._cell[0], self._origin()
        half = (metrics.ascent() - metrics.descent()) / 2
        painter.save()
        # Of columns that are scrolled out on the left, the letters that lean into view are left out, too.
        lean = self._head / math.tan(SLANT)
        room = self._view()[0]
        corners = [QPointF(self._left, self._head), QPointF(self._left + lean, 0), QPointF(self._left + room + lean, 0)]
        clip = QPolygonF([*corners, QPointF(self._left + room, self._head)])
        path = QPainterPath()
        path.addPolygon(clip)
        painter.setClipPath(path)
        for k, words in enumerate(made.columns):
            left = origin.x() + k * wide
            if left + wide < self._left or left > self._left + room:
                continue
            text = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, LONGEST)
            if k in lit:
                reach = metrics.horizontalAdvance(text) + STEP
                away = QPointF(reach * math.cos(SLANT), -reach * math.sin(SLANT))
                low = QPointF(left + 1, self._head - 2)
                ground = QPolygonF([low, low + away, low + away + QPointF(wide - 2, 0), low + QPointF(wide - 2, 0)])
                self._paint_ground(painter, ground, True)
            else:
                painter.setPen(self._theme.colour("text"))
            painter.save()
            painter.translate(left + wide / 2, self._head - QUARTER)
            painter.rotate(-math.degrees(SLANT))
            painter.drawText(QPointF(2, half), text)
            painter.restore()
        painter.restore()

    def _paint_ground(self, painter: QPainter, place: QPolygonF, lit: bool) -> None:
        """Behind a piece that is lit; afterwards the pen is the letters'."""
        if lit:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("soft"))
            painter.drawPolygon(place)
        painter.setPen(self._theme.colour("accent" if lit else "text"))

    def _paint_coverage(self, painter: QPainter, made: Shown, lit: set[int]) -> None:
        """Bars from zero down to twice, with a line at once. What is too little or too often has a mark of its own."""
        wide, origin = self._cell[0], self._origin()
        top = self._bottom() + QUARTER
        one = top + BARS / TWICE
        painter.save()
        painter.setClipRect(QRectF(self._left, top - 2, self._view()[0], self._foot()))
        for k, times in enumerate(made.coverage):
            left = origin.x() + k * wide
            if left + wide < self._left or left > self._left + self._view()[0]:
                continue
            judged = made.seldom_or_often(k)
            colour = self._theme.mark(1 if judged else 0)
            bar = QRectF(left + 2, top, max(2.0, wide - 4), BARS * min(float(times), TWICE) / TWICE)
            if k in lit:
                painter.fillRect(QRectF(left, top, wide, BARS), self._theme.colour("soft"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRect(bar)
            if judged:
                self._paint_judged(painter, QPointF(left + wide / 2, top + BARS + STEP), judged)
        painter.setPen(QPen(self._theme.colour("text"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(origin.x(), one), QPointF(origin.x() + len(made.columns) * wide, one))
        painter.restore()

    def _paint_judged(self, painter: QPainter, centre: QPointF, judged: int) -> None:
        """A minus or a plus."""
        painter.setPen(QPen(self._theme.mark(1), 2))
        painter.drawLine(centre - QPointF(3.5, 0), centre + QPointF(3.5, 0))
        if judged > 0:
            painter.drawLine(centre - QPointF(0, 3.5), centre + QPointF(0, 3.5))

    def _paint_corners(self, painter: QPainter) -> None:
        """What rows, columns and bars are."""
        line = self._metrics().height()
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        painter.setPen(self._theme.colour("secondary"))
        room = self._left - STEP - 2
        painter.drawText(QRectF(0, self._head - 2 * line - 2, room, line), right, tr("read") + " →")
        painter.drawText(QRectF(0, self._head - line - 2, room, line), right, tr("said") + " ↓")
        top = self._bottom() + QUARTER
        painter.drawText(QRectF(0, top - 2, room, line), right, tr("coverage"))
        one = top + BARS / TWICE
        painter.drawText(QRectF(0, max(one - line / 2, top + line - 4), room, line), right, QLocale().toString(1))

    # Words

    def _about(self) -> str:
        made = self._shown
        row, column = self._at
        if made is None or (row < 0 and column < 0):
            return ""
        if row >= 0 and column >= 0:
            share = numbers.per_cent(100 * float(made.values[row, column]))
            said, read = _quoted(made.rows[row]), _quoted(made.columns[column])
            return tr("{0} looked at {1} with {2} of its attention").format(said, read, share)
        if row >= 0:
            order = np.argsort(-made.values[row], kind="stable")[:3]
            shares = (numbers.per_cent(100 * float(made.values[row, k])) for k in order)
            most = (f"{_quoted(made.columns[k])} {share}" for k, share in zip(order, shares, strict=True))
            return tr("{0} looked at {1}").format(_quoted(made.rows[row]), ", ".join(most))
        times = QLocale().toString(float(made.coverage[column]), "f", 2)
        words = tr("{0} was looked at {1} times in all").format(_quoted(made.columns[column]), times)
        judged = made.seldom_or_often(column)
        if judged:
            words += ": " + (tr("it may be missing") if judged < 0 else tr("it may be said twice"))
        return words

    def _describe(self, announce: bool) -> None:
        words = self._about() or self.summary() or self._empty
        self.setAccessibleDescription(words)
        if announce and self.hasFocus() and QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    # Hands

    def _go(self, row: int, column: int, announce: bool = True) -> None:
        made = self._shown
        if (row, column) != self._at:
            self._at = (row, column)
            self.viewport().update()
            self.read.emit(self._about())
            self._describe(announce)
        words = (-1, -1)
        if made is not None:
            words = (made.column_words[column] if column >= 0 else -1, made.row_words[row] if row >= 0 else -1)
        if words != self._told:
            self._told = words
            self.hovered.emit(*words)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys, key = Qt.Key, event.key()
        steps: dict[int, tuple[int, int]] = {
            keys.Key_Left: (0, -1), keys.Key_Right: (0, 1), keys.Key_Up: (-1, 0), keys.Key_Down: (1, 0),
        }  # fmt: skip
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if not plain or self._shown is None:
            event.ignore()
            return
        rows, columns = self._shown.values.shape
        row, column = self._at
        ends: dict[int, tuple[int, int]] = {
            keys.Key_Home: (row, 0), keys.Key_End: (row, columns - 1),
            keys.Key_PageUp: (0, column), keys.Key_PageDown: (rows - 1, column),
        }  # fmt: skip
        if key in steps:
            to = (row + steps[key][0], column + steps[key][1]) if min(row, column) >= 0 else (row, column)
        elif key in ends:
            to = ends[key]
        elif key == keys.Key_Escape and self._at != (-1, -1):
            self._go(-1, -1)
            return
        else:
            event.ignore()
            return
        to = (min(max(to[0], 0), rows - 1), min(max(to[1], 0), columns - 1))
        self._go(*to)
        self._bring(*to)

    def _bring(self, row: int, column: int) -> None:
        (wide, high), (across, down) = self._cell, self._view()
        for bar, place, size, room in (
            (self.horizontalScrollBar(), column, wide, across - self._over),
            (self.verticalScrollBar(), row, high, down),
        ):
            start = place * size
            if start < bar.value():
                bar.setValue(math.floor(start))
            elif start + size > bar.value() + room:
                bar.setValue(math.ceil(start + size - room))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go(*self._place_at(event.position().toPoint()), announce=False)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._go(*self._place_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._go(-1, -1, announce=False)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if (
            event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
            and self._shown
            and self._shown.values.size
        ):
            row, column = self._at
            row = max(row, 0)
            self._go(row, column if column >= 0 else int(self._shown.values[row].argmax()))  # where it looked most

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._go(-1, -1)


def _quoted(piece: str) -> str:
    return piece if piece.startswith("⟨") else f"“{piece}”"


def _runs(places: set[int]) -> list[tuple[int, int]]:
    """Neighbours together: first and last of each run."""
    runs: list[tuple[int, int]] = []
    for place in sorted(places):
        if runs and place == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs
