"""Labels with their probabilities as bars, on one scale for all models in view; a click selects a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QVariantAnimation, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.gui.theme import CORNER, QUARTER, STEP, Theme, tabular
from app.gui.widgets.heat_map import side_colour

WIDE = 330  # from here on a row is one line
MARK = 8  # pixels of a model's mark


@dataclass(frozen=True)
class Bar:
    """One row. `marks`: numbers of the other models that list it; `also`: the same in words."""

    index: int
    label: str
    p: float
    percent: str  # p in words
    marks: tuple[int, ...] = ()
    also: str = ""


def paint_mark(painter: QPainter, centre: QPointF, number: int, colour: QColor) -> None:
    """The mark of the `number`-th model in view: a circle, a square, a triangle, so that colour alone tells nothing."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    r = MARK / 2
    if number % 3 == 0:
        painter.drawEllipse(centre, r, r)
    elif number % 3 == 1:
        painter.drawRect(QRectF(centre.x() - r + 0.5, centre.y() - r + 0.5, MARK - 1, MARK - 1))
    else:
        x, y = centre.x(), centre.y()
        corners = [QPointF(x, y - r), QPointF(x + r, y + r - 0.5), QPointF(x - r, y + r - 0.5)]
        painter.drawPolygon(QPolygonF(corners))
    painter.restore()


class ProbabilityBars(QWidget):
    """Keeps room for `count` rows, whether they are filled or not. Up and down move, Enter explains a class,
    Shift+Enter (or Ctrl+click, or the small "not") holds it against the one that is explained."""

    chosen = Signal(int)
    held_against = Signal(int)
    hovered = Signal(int)  # -1: none

    def __init__(self, theme: Theme, count: int = 5, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.wide = False  # whether a row is one line
        self.rows = [_Row(theme, place, self) for place in range(count)]
        for row in self.rows:
            column.addWidget(row)
        column.addStretch(1)
        self._grow = QVariantAnimation(self)
        self._grow.setStartValue(0.0)
        self._grow.setEndValue(1.0)
        self._grow.valueChanged.connect(self._grown)

    def fit(self, width: int) -> None:
        """Rows of one line or of two, told by whoever lays this out: a hidden page isn't resized."""
        if (wide := width >= WIDE) != self.wide:
            self.wide = wide
            for row in self.rows:
                row.updateGeometry()
            self.updateGeometry()

    def rows_height(self) -> int:
        return sum(row.sizeHint().height() for row in self.rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit(self.width())

    def show_bars(self, bars: Sequence[Bar]) -> None:
        changed = [bar.index for bar in bars] != [row.bar.index for row in self.rows if row.bar is not None]
        for place, row in enumerate(self.rows):
            row.set_bar(bars[place] if place < len(bars) else None)
        self._first_in_reach()
        if changed and bars and self._theme.motion and self.isVisible():
            self._grow.setDuration(self._theme.motion)
            self._grow.start()
        else:
            self._grow.stop()
            self._grown(1.0)

    def select(self, target: int | None, against: int | None) -> None:
        for row in self.rows:
            index = row.bar.index if row.bar is not None else None
            row.set_side(
                "for" if index is not None and index == target else "",
                "against" if index is not None and index == against else "",
                offers=target is not None and index is not None and index != target,
            )

    def link(self, index: int | None) -> None:
        """Point out the row of a class that the mouse is over in another column."""
        for row in self.rows:
            row.set_linked(row.bar is not None and row.bar.index == index)

    def move(self, row: _Row, by: int) -> None:  # type: ignore[override]
        filled = [other for other in self.rows if other.bar is not None]
        if row in filled and 0 <= (place := filled.index(row) + by) < len(filled):
            filled[place].setFocus(Qt.FocusReason.TabFocusReason)

    def _first_in_reach(self) -> None:
        """Tab stops once a model; the arrows do the rest."""
        for place, row in enumerate(self.rows):
            reach = Qt.FocusPolicy.StrongFocus if place == 0 else Qt.FocusPolicy.ClickFocus
            row.setFocusPolicy(reach if row.bar is not None else Qt.FocusPolicy.NoFocus)

    def _grown(self, share: float) -> None:
        for row in self.rows:
            row.set_grown(float(share))


class _Row(QAbstractButton):
    """One label: its place, its name, who else lists it, its bar and its percentage."""

    def __init__(self, theme: Theme, place: int, bars: ProbabilityBars) -> None:
        super().__init__(bars)
        self._theme, self._place, self._bars = theme, place, bars
        self.bar: Bar | None = None
        self._target = self._against = self._offers = self._linked = False
        self._grown = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setMinimumWidth(90)
        self.setEnabled(False)
        self._not = QToolButton(self)
        self._not.setText(self.tr("not"))
        self._not.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._not.setToolTip(self.tr("What speaks against this one (Ctrl+click, Shift+Enter)"))
        self._not.setCursor(Qt.CursorShape.ArrowCursor)
        self._not.clicked.connect(self._hold_against)
        self._not.hide()
        theme.changed.connect(self._dress)
        self._dress()

    def set_bar(self, bar: Bar | None) -> None:
        self.bar = bar
        self.setEnabled(bar is not None)
        self.setCursor(Qt.CursorShape.PointingHandCursor if bar is not None else Qt.CursorShape.ArrowCursor)
        if bar is None:
            self._target = self._against = self._offers = self._linked = False
            self._not.hide()
        self._tell()
        self.update()

    def set_side(self, target: str, against: str, offers: bool) -> None:
        self._target, self._against, self._offers = bool(target), bool(against), offers
        self._not.setVisible(self._against or (offers and self.underMouse()))
        self._dress()
        self._tell()
        self.update()

    def set_linked(self, linked: bool) -> None:
        if linked != self._linked:
            self._linked = linked
            self.update()

    def set_grown(self, share: float) -> None:
        self._grown = share
        self.update()

    # Qt

    def sizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(240, line + 10 if self._bars.wide else line + 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(90, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_not()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._hold_against()
            return
        super().mousePressEvent(event)

    def nextCheckState(self) -> None:
        """A click."""
        if self.bar is not None:
            self._bars.chosen.emit(self.bar.index)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.bar is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Why “{0}”").format(self.bar.label), self.nextCheckState)
        against = menu.addAction(self.tr("…and not “{0}”").format(self.bar.label), self._hold_against)
        against.setEnabled(self._offers)
        menu.popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._bars.move(self, 1 if key == Qt.Key.Key_Down else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._hold_against()
            else:
                self.nextCheckState()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            event.ignore()  # the panel's: previous and next picture
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        if self.bar is not None:
            self._bars.hovered.emit(self.bar.index)
            self._not.setVisible(self._against or self._offers)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._bars.hovered.emit(-1)
        self._not.setVisible(self._against)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        around = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.bar is None:
            return
        colours = self._theme.colours
        if self._target or self._against or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("soft"))
            painter.drawRoundedRect(around, CORNER, CORNER)
        if self._target or self._against:  # a stripe says which side, next to the words and the tip
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(side_colour(against=self._against))
            painter.drawRoundedRect(QRectF(0, 4, 3, self.height() - 8), 1.5, 1.5)
        wide = self._bars.wide
        line = self.fontMetrics().height()
        digits = tabular(self.font())
        number_width = QFontMetrics(digits).horizontalAdvance("> 99.9 %") + 2
        left, right = STEP, self.width() - QUARTER
        top = (self.height() - line) // 2 if wide else 3
        label_right = left + round((right - left) * 0.46) if wide else right - number_width - QUARTER
        self._paint_label(painter, QRect(left, top, label_right - left, line))
        painter.setFont(digits)
        painter.setPen(QColor(colours.text))
        painter.drawText(
            QRect(right - number_width, top, number_width, line),
            int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
            self.bar.percent,
        )
        if wide:
            length = right - number_width - label_right - 2 * STEP
            track = QRectF(label_right + STEP, (self.height() - 8) / 2, length, 8)
        else:
            track = QRectF(left, top + line + 3, right - left, 6)
        self._paint_bar(painter, track)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(around.adjusted(1, 1, -1, -1), CORNER, CORNER)

    def _paint_label(self, painter: QPainter, place: QRect) -> None:
        assert self.bar is not None
        font = QFont(self.font())
        font.setBold(self._place == 0)
        font.setUnderline(self._linked)
        metrics = QFontMetrics(font)
        marks = self.bar.marks
        room = place.width() - len(marks) * (MARK + 3) - (QUARTER if marks else 0)
        if self._not.isVisible():
            room -= self._not.width() + QUARTER
        text = metrics.elidedText(self.bar.label, Qt.TextElideMode.ElideRight, room)
        painter.setFont(font)
        painter.setPen(self._theme.colour("text"))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        x = place.left() + metrics.horizontalAdvance(text) + QUARTER + MARK / 2 + 1
        for number in marks:
            paint_mark(painter, QPointF(x, place.center().y() + 1), number, self._theme.mark(number))
            x += MARK + 3

    def _paint_bar(self, painter: QPainter, track: QRectF) -> None:
        assert self.bar is not None
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("hairline"))
        painter.drawRoundedRect(QRectF(track.left(), track.center().y() - 0.5, track.width(), 1), 0.5, 0.5)
        length = track.width() * self.bar.p * self._grown
        if length > 0:
            painter.setBrush(self._theme.colour("accent" if self._place == 0 else "outline"))
            painter.drawRoundedRect(QRectF(track.left(), track.top(), max(1.5, length), track.height()), 2, 2)

    # Own

    def _hold_against(self) -> None:
        if self.bar is not None:
            self._bars.held_against.emit(self.bar.index)

    def _place_not(self) -> None:
        wide = self._bars.wide
        line = self.fontMetrics().height()
        size = self._not.sizeHint()
        number_width = QFontMetrics(tabular(self.font())).horizontalAdvance("> 99.9 %") + 2
        height = min(size.height(), line + 2)
        right = STEP + round((self.width() - STEP - QUARTER) * 0.46) if wide else self.width() - number_width - STEP
        top = (self.height() - height) // 2 if wide else 2
        self._not.setGeometry(right - size.width(), top, size.width(), height)

    def _dress(self) -> None:
        """The small "not" is filled while it holds."""
        c = self._theme.colours
        orange = side_colour(against=True).name()
        if self._against:
            look = f"background: {orange}; color: #101010; border: 1px solid {orange};"
        else:
            look = f"background: {c.raised}; color: {c.text}; border: 1px solid {c.outline};"
        self._not.setStyleSheet(f"QToolButton {{ {look} border-radius: 4px; padding: 0 4px; }}")
        self._place_not()
        self.update()

    def _tell(self) -> None:
        """What a screen reader says, and the tip: all that is shortened in the drawing."""
        if self.bar is None:
            self.setAccessibleName(self.tr("No answer yet"))
            self.setToolTip("")
            return
        name = f"{self._place + 1}. {self.bar.label}, {self.bar.percent}"
        sides = {(True, False): self.tr("explained"), (False, True): self.tr("held against")}
        parts = [name, self.bar.also, sides.get((self._target, self._against), "")]
        self.setAccessibleName("; ".join(part for part in parts if part))
        self.setToolTip("\n".join(part for part in (name, self.bar.also) if part))
