"""A chart and how it is drawn: on the screen, into a picture, into an SVG file. Knows no widget."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from app.gui.theme import CORNER, QUARTER, STEP, Theme
from app.gui.widgets.plot_scale import Scale, line_words, value_words

MARK = 7.0  # pixels of a mark
LEAST_GAP = 13.0  # pixels between two marks of one curve; closer ones are left out, the line stays
ZERO_ROOM = 14.0  # pixels beneath a logarithmic axis where what is 0 stands
SAMPLE = 26.0  # pixels of line in the legend
MARGIN = 6.0  # pixels left of everything
PATTERNS: tuple[list[float], ...] = (
    [],
    [5.0, 2.5],
    [1.2, 2.2],
    [7.0, 2.5, 1.2, 2.5],
    [9.0, 3.0],
)  # dashes, in widths of the line


@dataclass(frozen=True)
class Series:
    """One curve; `xs` ascend. `notes`: a word on each point, where there are any. `hollow`: points that are drawn open,
    because they differ in kind (a block whose bypass is cut, say). `number`: which colour, dash and mark it has."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    number: int = 0
    notes: tuple[str, ...] = ()
    hollow: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Chart:
    """Curves over one axis. `x_at` names a place on it: "after {0} layers". `levels`: values to point out on the
    y axis, with a word each. `hollow`: what an open mark means. `x_end`: how far the x axis goes at least."""

    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    log: bool = False
    x_at: str = "{0}"
    levels: tuple[tuple[float, str], ...] = ()
    hollow: str = ""
    x_end: float | None = None

    def x_scale(self) -> Scale:
        xs = [x for series in self.series for x in series.xs]
        if self.x_end is not None:
            xs.append(self.x_end)
        return Scale(min(xs, default=0.0), max(max(xs, default=1.0), min(xs, default=0.0) + 1e-9))

    def y_scale(self) -> Scale:
        values = [y for series in self.series for y in series.ys]
        return Scale.around(values, self.log, from_zero=True)

    def at(self, x: float) -> str:
        return self.x_at.format(value_words(x) if x != int(x) else str(int(x)))


class Drawing:
    """A chart laid out on so many pixels. `font`: the axes'. Coordinates are the painter's."""

    def __init__(
        self, chart: Chart, size: QSizeF, font: QFont, theme: Theme, y_scale: Scale, corner: float = 0
    ) -> None:
        """`corner`: width of what stands at the top right (the widget's buttons)."""
        self.chart, self._theme, self._font, self.y = chart, theme, font, y_scale
        self.x = chart.x_scale()
        metrics = self._metrics = QFontMetricsF(font)
        line = metrics.height()
        self._legend_right = size.width() - corner
        self._legend = _legend(chart, metrics, size.width() - corner)
        rows = 1 + max((row for _, row, _ in self._legend), default=0)
        self._title_top = rows * (line + QUARTER) + QUARTER
        top = self._title_top + line + STEP
        bottom = size.height() - 2 * line - STEP - QUARTER
        self.zero = chart.log and any(y <= 0 for series in chart.series for y in series.ys)
        ends = bottom - (ZERO_ROOM if self.zero else 0)
        self._y_lines = self.y.lines(max(2, int((ends - top) / (2.2 * line))))
        widest = max((metrics.horizontalAdvance(self._y_words(v)) for v in self._y_lines), default=0.0)
        left = MARGIN + max(widest, metrics.horizontalAdvance("0.00")) + STEP
        right = size.width() - max(MARGIN, metrics.horizontalAdvance("000") / 2 + 2)
        self.area = QRectF(left, top, max(20.0, right - left), max(20.0, ends - top))
        number = metrics.horizontalAdvance("000") + 3 * STEP
        self._x_lines = self.x.lines(max(2, int(self.area.width() / number)))

    # Where things are

    def point(self, x: float, y: float) -> QPointF:
        """Where (x, y) stands; what has no logarithm stands on the line of 0, beneath the others."""
        across, up = self.x.place(x), self.y.place(y)
        assert across is not None
        left = self.area.left() + across * self.area.width()
        if up is None:
            return QPointF(left, self.area.bottom() + ZERO_ROOM)
        return QPointF(left, self.area.bottom() - up * self.area.height())

    def nearest(self, place: QPointF) -> tuple[int, int] | None:
        """The curve and the point that are meant there: the nearest in x, of those the nearest in y."""
        across = (place.x() - self.area.left()) / self.area.width()
        x = self.x.low + across * (self.x.high - self.x.low)
        best, found = (math.inf, math.inf), None
        for number, series in enumerate(self.chart.series):
            after = bisect_left(series.xs, x)
            for k in range(max(0, after - 1), min(after + 1, len(series.xs))):
                at = self.point(series.xs[k], series.ys[k])
                far = (round(abs(at.x() - place.x()), 1), abs(at.y() - place.y()))
                if far < best:
                    best, found = far, (number, k)
        return found

    # Drawing

    def paint(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        self._paint_axes(painter)
        for series in reversed(self.chart.series):  # the first lies on top
            self._paint_series(painter, series)
        self._paint_legend(painter)

    def _paint_axes(self, painter: QPainter) -> None:
        theme, area, line = self._theme, self.area, self._metrics.height()
        quiet, hairline = theme.colour("secondary"), QPen(theme.colour("hairline"), 1)
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for value in self._y_lines:
            y = self.point(self.x.low, value).y()
            painter.setPen(hairline)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(quiet)
            painter.drawText(QRectF(0, y - line / 2, area.left() - STEP + 1, line), right, self._y_words(value))
        base = area.bottom()
        if self.zero:
            base += ZERO_ROOM
            painter.setPen(QPen(theme.colour("outline"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(area.left(), base), QPointF(area.right(), base))
            painter.setPen(quiet)
            painter.drawText(QRectF(0, base - line / 2, area.left() - STEP + 1, line), right, "0")
        middle = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        for value in self._x_lines:
            x = self.point(value, 0).x()
            painter.setPen(QPen(theme.colour("outline"), 1))
            painter.drawLine(QPointF(x, base + 2), QPointF(x, base + 5))
            painter.setPen(quiet)
            painter.drawText(QRectF(x - 40, base + STEP - 1, 80, line), middle, line_words(value, log=False))
        painter.setPen(quiet)
        whole = QRectF(MARGIN, self._title_top, area.right() - MARGIN, line)
        painter.drawText(whole, int(Qt.AlignmentFlag.AlignLeft), self._short(self.chart.y_title, whole))
        foot = QRectF(area.left(), base + STEP + line, area.width(), line + 2)
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignRight), self.chart.x_title)
        for value, words in self.chart.levels:
            place = self.y.place(value)
            if place is None or not 0 <= place <= 1:
                continue
            y = self.point(self.x.low, value).y()
            painter.setPen(QPen(theme.colour("outline"), 1, Qt.PenStyle.DashDotLine))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(quiet)
            above = y - line - 1 > area.top()
            spot = QRectF(area.left() + QUARTER, y - line - 1 if above else y + 1, area.width() - STEP, line)
            painter.drawText(spot, int(Qt.AlignmentFlag.AlignRight), self._short(words, spot))

    def _paint_series(self, painter: QPainter, series: Series) -> None:
        points = [self.point(x, y) for x, y in zip(series.xs, series.ys, strict=True)]
        if not points:
            return
        colour = self._theme.mark(series.number)
        painter.setPen(_pen(colour, series.number))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        last = -math.inf
        gap = LEAST_GAP if len(points) < 60 else 4 * LEAST_GAP
        for k, point in enumerate(points):
            if k in series.hollow or point.x() - last >= gap or k == len(points) - 1:
                self.paint_mark(painter, point, series.number, k in series.hollow)
                last = point.x()

    def paint_mark(self, painter: QPainter, centre: QPointF, number: int, hollow: bool = False) -> None:
        colour = self._theme.mark(number)
        painter.setPen(QPen(colour, 1.6 if hollow else 1.0))
        painter.setBrush(self._theme.colour("surface") if hollow else colour)
        painter.drawPath(_mark(centre, number))

    def _paint_legend(self, painter: QPainter) -> None:
        line = self._metrics.height()
        for place, row, left in self._legend:
            top = row * (line + QUARTER)
            middle = top + line / 2
            series = self.chart.series[place] if place < len(self.chart.series) else None
            if series is not None:
                painter.setPen(_pen(self._theme.mark(series.number), series.number))
                painter.drawLine(QPointF(left, middle), QPointF(left + SAMPLE, middle))
                self.paint_mark(painter, QPointF(left + SAMPLE / 2, middle), series.number)
                words = series.name
            else:
                number = next(s.number for s in self.chart.series if s.hollow)
                self.paint_mark(painter, QPointF(left + SAMPLE / 2, middle), number, hollow=True)
                words = self.chart.hollow
            painter.setPen(self._theme.colour("text"))
            spot = QRectF(left + SAMPLE + 6, top, self._legend_right - left - SAMPLE - 6, line)
            left_middle = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(spot, left_middle, self._short(words, spot))

    def paint_cursor(self, painter: QPainter, cursor: tuple[int, int]) -> None:
        """A line through the point, a ring around it, and a box that reads all curves there."""
        number, k = cursor
        series = self.chart.series[number]
        point = self.point(series.xs[k], series.ys[k])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("outline"), 1))
        bottom = self.area.bottom() + (ZERO_ROOM if self.zero else 0)
        painter.drawLine(QPointF(point.x(), self.area.top()), QPointF(point.x(), bottom))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.colour("text"), 2))
        painter.drawEllipse(point, MARK, MARK)
        self._paint_box(painter, cursor, point)

    def _paint_box(self, painter: QPainter, cursor: tuple[int, int], point: QPointF) -> None:
        metrics, line = self._metrics, self._metrics.height()
        head, rows = reading(self.chart, cursor)
        names = max(metrics.horizontalAdvance(self.chart.series[number].name) for number, _ in rows)
        values = max(metrics.horizontalAdvance(words) for _, words in rows)
        inner = max(metrics.horizontalAdvance(head), MARK + STEP + names + 2 * STEP + values)
        width, height = inner + 2 * STEP, (1 + len(rows)) * line + 2 * STEP
        left = point.x() + 2 * STEP
        if left + width > self.area.right() + STEP:
            left = max(0.0, point.x() - 2 * STEP - width)
        top = min(max(point.y() - height / 2, self.area.top()), max(0.0, self.area.bottom() - height))
        painter.setPen(QPen(self._theme.colour("outline"), 1))
        painter.setBrush(self._theme.colour("raised"))
        painter.drawRoundedRect(QRectF(left, top, width, height), CORNER, CORNER)
        painter.setFont(self._font)
        painter.setPen(self._theme.colour("secondary"))
        flat = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        end = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        left, y = left + STEP, top + STEP
        painter.drawText(QRectF(left, y, inner, line), flat, head)
        for number, words in rows:
            y += line
            self.paint_mark(painter, QPointF(left + MARK / 2, y + line / 2), self.chart.series[number].number)
            painter.setPen(self._theme.colour("text"))
            painter.drawText(QRectF(left + MARK + STEP, y, inner, line), flat, self.chart.series[number].name)
            painter.drawText(QRectF(left, y, inner, line), end, words)

    def _short(self, words: str, place: QRectF) -> str:
        return self._metrics.elidedText(words, Qt.TextElideMode.ElideRight, place.width())

    def _y_words(self, value: float) -> str:
        return line_words(value, self.y.log)


def reading(chart: Chart, cursor: tuple[int, int]) -> tuple[str, list[tuple[int, str]]]:
    """What stands at a point: the place in words, and for each curve that has a point there its number and value."""
    number, k = cursor
    series = chart.series[number]
    x = series.xs[k]
    head = chart.at(x)
    if k < len(series.notes) and series.notes[k]:
        head += " · " + series.notes[k]
    rows = []
    for place, other in enumerate(chart.series):
        if x in other.xs:
            rows.append((place, value_words(other.ys[other.xs.index(x)], 4)))
    return head, rows


def summary(chart: Chart) -> str:
    """The chart in words, for those who can't see it."""
    tr = _tr
    if not chart.series:
        return tr("No curve yet.")
    said = []
    for series in chart.series:
        if not series.ys:
            continue
        words = tr("{0}: {1} points, from {2} to {3}; least {4}, most {5}.")
        ends = (value_words(value) for value in (series.ys[0], series.ys[-1], min(series.ys), max(series.ys)))
        said.append(words.format(series.name, len(series.ys), *ends))
    axes = tr("{0}, over {1}.").format(chart.y_title, chart.x_title)
    return " ".join([axes, *said])


def _legend(chart: Chart, metrics: QFontMetricsF, width: float) -> list[tuple[int, int, float]]:
    """For each entry: the number of its curve (one more: the open mark), its row and its left edge."""
    names = [series.name for series in chart.series]
    if chart.hollow and any(series.hollow for series in chart.series):
        names.append(chart.hollow)
    places, row, left = [], 0, MARGIN
    for number, name in enumerate(names):
        wide = SAMPLE + 6 + metrics.horizontalAdvance(name) + 2 * STEP
        if number and left + wide > width:
            row, left = row + 1, MARGIN
        places.append((number, row, left))
        left += wide
    return places


def _pen(colour: QColor, number: int) -> QPen:
    pen = QPen(colour, 2.0)
    pattern = PATTERNS[number % len(PATTERNS)]
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if pattern:
        pen.setDashPattern(pattern)
    return pen


def _mark(centre: QPointF, number: int) -> QPainterPath:
    """A circle, a square, a triangle, a diamond, a cross: colour alone tells nothing."""
    path, r = QPainterPath(), MARK / 2
    x, y = centre.x(), centre.y()
    kind = number % 5
    if kind == 0:
        path.addEllipse(centre, r, r)
    elif kind == 1:
        path.addRect(QRectF(x - r + 0.4, y - r + 0.4, MARK - 0.8, MARK - 0.8))
    elif kind == 2:
        path.addPolygon(QPolygonF([QPointF(x, y - r), QPointF(x + r, y + r * 0.8), QPointF(x - r, y + r * 0.8)]))
        path.closeSubpath()
    elif kind == 3:
        q = r * 1.25
        path.addPolygon(QPolygonF([QPointF(x, y - q), QPointF(x + q, y), QPointF(x, y + q), QPointF(x - q, y)]))
        path.closeSubpath()
    else:
        path.addRect(QRectF(x - r, y - 1, MARK, 2))
        path.addRect(QRectF(x - 1, y - r, 2, MARK))
    return path


def _tr(text: str) -> str:
    return QCoreApplication.translate("LinePlot", text)
