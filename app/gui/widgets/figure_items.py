"""How the parts of a figure are painted: blocks with their maps, bypasses, stages. One item each.

A block is drawn as in AlexNet's figure 2: its face as wide as its grid has places, its depth by its channels. On the
face lies what the block makes of the picture. Bypasses are the curves of the ResNet paper's figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.gui import numbers
from app.gui.theme import CORNER, Theme
from app.gui.widgets.figure_layout import (
    BELOW,
    CHIP_GLANCE,
    CIRCLE,
    COLUMN_GAP,
    LETTER,
    NARROW_HEIGHT,
    NARROW_WIDTH,
    SAID,
    STAGE_HEAD,
    STRIP_GAP,
    STRIP_HEIGHT,
    STRIP_WIDTH,
    LaneBox,
    Layout,
    Slot,
    StageBox,
    face,
    in_grid,
    tile_size,
)
from app.gui.widgets.heat_map import picture_of, signed_picture

if TYPE_CHECKING:
    from app.engines.figure import Edge, Figure, Lane, Node

LEGIBLE = 0.42  # below this scale words are left out
MANY = 300  # lines in the grid: beyond, those of a kind in a column are one item
ASIDE = 14.0  # how far beside a row lines run from one to the next
BAR = 64.0  # width of the bar for the share of time


def tr(text: str) -> str:
    return QCoreApplication.translate("Figure", text)


# Words


def short(count: int) -> str:
    """Three digits: "34.9 k", "61.1 M"; below 10,000 in full."""
    if count < 10_000:
        return numbers.whole(count)
    unit, scaled = ("M", count / 1e6) if count >= 999_500 else ("k", count / 1e3)
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{QLocale().toString(scaled, 'f', digits)} {unit}"


def shape_words(node: Node) -> str:
    """ "96 × 55 × 55", "2 × 48 × 55 × 55" for two towers, "4,096"."""
    shape = node.shape
    if len(shape) == 3 and shape[1] * shape[2] == 1:
        shape = shape[:1]
    sizes = [numbers.whole(n) for n in shape]
    if node.towers > 1:
        sizes = [str(node.towers), numbers.whole(shape[0] // node.towers), *sizes[1:]]
    return " × ".join(sizes)


def share_words(share: float | None) -> str:
    if share is None:
        return "…"
    return tr("< 0.1 %") if 0 < share < 0.0005 else numbers.per_cent(100 * share)


def node_words(node: Node) -> list[str]:
    """What stands under a block, above the bar."""
    parameters = tr("{0} parameters").format(short(node.parameters)) if node.parameters else ""
    return [node.title, shape_words(node), parameters]


def lane_words(lane: Lane) -> list[str]:
    """What stands before a lane. A lane without weights has no parameters to tell."""
    parameters = tr("{0} parameters").format(short(lane.parameters)) if lane.parameters else ""
    share = tr("{0} of the time").format(share_words(lane.share)) if lane.share is not None else ""
    return [lane.title, parameters, share]


def folded_words(hidden: tuple[Node, ...]) -> list[str]:
    cells = len({node.cell for node in hidden})
    parameters = sum(node.parameters for node in hidden)
    return [tr("{0} more").format(cells), tr("cells like these"), tr("{0} parameters").format(short(parameters))]


def sentence(slot: Slot, figure: Figure) -> str:
    """All about a block, for a tooltip and for a screen reader."""
    node = slot.node
    if node is None:
        words = folded_words(slot.hidden)
        return tr("{0} {1}, {2}. Enter unfolds them.").format(*words)
    parts = [", ".join([name_of(node), *node.also]), tr("output {0}").format(shape_words(node))]
    for lane in figure.lanes:
        if lane.lane == node.lane and node.word:
            parts.append(tr("{0} parameters, the same at every word").format(numbers.whole(lane.parameters)))
    if node.parameters:
        parts.append(tr("{0} parameters").format(numbers.whole(node.parameters)))
    if node.share is not None and figure.pass_ms is not None:
        milliseconds = QLocale().toString(node.share * figure.pass_ms, "f", 2)
        parts.append(tr("{0} of the time ({1} ms)").format(share_words(node.share), milliseconds))
    if node.towers > 1:
        parts.append(tr("two towers"))
    if node.p is not None:
        how = tr("{0} of the attention") if node.kind == "looking" else tr("{0} likely")
        parts[1] = how.format(numbers.per_cent(100 * node.p))
    if node.lane < 0:
        parts.append(tr("on the bypass"))
    if node.path:
        parts.append(node.path)
    return " · ".join(parts)


def name_of(node: Node) -> str:
    """A block in words, in a grid with the word of its column."""
    names = {
        "add": tr("addition"),
        "attention": tr("attention for “{0}”").format(node.word),
        "word": tr("word in: “{0}”").format(node.title),
        "lstm": tr("LSTM at “{0}”").format(node.word),
        "state": node.title if node.also else tr("start state"),
        "picture": tr("the picture in the place of a word"),
        "said": tr("word out: “{0}”").format(node.title),
        "piece": tr("wordpiece in: {0}").format(quoted(node.title)),
        "cell": tr("{0} at {1}").format(node.title, quoted(node.word)),
        "looking": tr("attention before {0}: most of it at {1}").format(quoted(node.word), quoted(node.title)),
        "says": tr("wordpiece out: {0}").format(quoted(node.title)),
    }
    return names.get(node.kind, node.title)


def quoted(piece: str) -> str:
    """A wordpiece in a sentence; what is no text has its brackets already."""
    return piece if piece.startswith("⟨") else f"“{piece}”"


# Painting


def fonts(base: QFont) -> tuple[QFont, QFont]:
    """The words' font and the titles'."""
    words = QFont(base)
    words.setPointSizeF(base.pointSizeF() * 0.9)
    titles = QFont(words)
    titles.setBold(True)
    return words, titles


def blend(one: QColor, other: QColor, part: float) -> QColor:
    """`part` of the first, the rest of the other."""
    pairs = ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
    return QColor(*(round(a * part + b * (1 - part)) for a, b in pairs))


def kind_colour(kind: str, theme: Theme) -> QColor:
    places = {"conv": 0, "grid": 0, "dense": 1, "lstm": 1, "state": 1, "pool": 2}
    places |= {"memory": 0, "layer": 1, "cell": 1, "looking": 2}
    return theme.mark(places[kind]) if kind in places else theme.colour("secondary")


def faces(slot: Slot) -> list[QRectF]:
    """Where the faces of a node's towers lie, without their depth."""
    assert slot.node is not None
    node = slot.node
    wide, high, deep = face(node)
    left = slot.centre - (wide + deep) / 2
    if node.towers == 1:
        return [QRectF(left, slot.axis - high / 2, wide, high)]
    away = (slot.words - slot.axis) / 2
    return [QRectF(left, slot.axis + off - high / 2, wide, high) for off in (-away, away)]


class NodeItem(QGraphicsItem):
    """A block, a chip, an addition or a fold."""

    def __init__(self, slot: Slot, figure: Figure, theme: Theme, base: QFont, line: float) -> None:
        super().__init__()
        self.slot = slot
        self._theme, self._line = theme, line
        self._font, self._title_font = fonts(base)
        most = figure.largest_share
        share = slot.node.share if slot.node is not None else _sum_of_shares(slot.hidden)
        self._share, self._bar = share, min((share or 0.0) / most, 1.0) if most else 0.0
        self.current = self.hovered = self.chosen = False
        self.setToolTip(sentence(slot, figure))

    # Made when they are painted first: of a long sentence's layers few are in view.

    @cached_property
    def _glances(self) -> list[QImage]:
        return [picture_of(values) for values in self.slot.node.glance] if self.slot.node is not None else []

    @cached_property
    def _strips(self) -> list[tuple[str, QImage]]:
        zero = self._theme.colour("raised")
        return [
            (strip.name, signed_picture(strip.values, zero) if strip.low < 0 else picture_of(strip.values))
            for strip in (self.slot.node.strips if self.slot.node is not None else ())
        ]

    def boundingRect(self) -> QRectF:
        slot = self.slot
        said = SAID if slot.node is not None and slot.node.said else 0.0
        return QRectF(slot.x - 8, slot.y - 12, slot.width + 16 + said, slot.height + 20)

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.addRect(self.ground())
        return path

    def ground(self) -> QRectF:
        """What lights up when it is current."""
        slot = self.slot
        if slot.node is not None and slot.node.small:
            return QRectF(slot.x, slot.y, slot.width, slot.height)
        return QRectF(slot.x - 4, slot.y - 4, slot.width + 8, slot.height + 4)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        scale = option.levelOfDetailFromTransform(painter.worldTransform())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.current or self.hovered or self.chosen:
            self._paint_ground(painter)
        slot = self.slot
        if slot.node is None:
            self._paint_fold(painter)
            lines = folded_words(slot.hidden)
        elif slot.node.small:
            self._paint_chip(painter, slot.node, scale)
            return
        elif slot.node.kind == "add":
            self._paint_circle(painter)
            lines = []
        else:
            self._paint_block(painter, slot.node)
            lines = node_words(slot.node)
        if scale >= LEGIBLE:
            self._paint_words(painter, lines)
            if slot.node is not None and slot.node.said:
                self._paint_said(painter, slot.node.said)

    def _paint_said(self, painter: QPainter, said: tuple[tuple[str, float], ...]) -> None:
        """To the right of the last block: what comes out."""
        metrics = QFontMetricsF(self._title_font)
        left = self.slot.centre + 22
        top = self.slot.axis - len(said) * self._line
        for k, (words, p) in enumerate(said):
            place = QRectF(left, top + 2 * k * self._line, self.slot.x + self.slot.width + SAID - left, self._line)
            flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
            painter.setFont(self._title_font if k == 0 else self._font)
            painter.setPen(self._theme.colour("text"))
            painter.drawText(place, flags, metrics.elidedText(words, Qt.TextElideMode.ElideRight, place.width()))
            painter.setFont(self._font)
            painter.setPen(self._theme.colour("secondary"))
            painter.drawText(place.translated(0, self._line - 2), flags, numbers.per_cent(100 * p))

    def _paint_ground(self, painter: QPainter) -> None:
        painter.setPen(QPen(self._theme.colour("accent"), 2) if self.current else Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("soft"))
        painter.drawRoundedRect(self.ground(), CORNER, CORNER)

    def _paint_block(self, painter: QPainter, node: Node) -> None:
        colour, surface = kind_colour(node.kind, self._theme), self._theme.colour("raised")
        outline = QPen(blend(colour, self._theme.colour("text"), 0.75), 1)
        deep = face(node)[2]
        up = deep * 0.5
        for place, front in enumerate(faces(self.slot)):
            top = [front.topLeft(), front.topLeft() + QPointF(deep, -up), front.topRight() + QPointF(deep, -up)]
            right = [front.topRight(), front.topRight() + QPointF(deep, -up), front.bottomRight() + QPointF(deep, -up)]
            painter.setPen(outline)
            painter.setBrush(blend(colour, surface, 0.30))
            painter.drawPolygon(QPolygonF([*top, front.topRight()]))
            painter.setBrush(blend(colour, surface, 0.55))
            painter.drawPolygon(QPolygonF([*right, front.bottomRight()]))
            painter.setBrush(blend(colour, surface, 0.14))
            painter.drawRect(front)
            if place < len(self._glances):
                inner = front.adjusted(0.5, 0.5, -0.5, -0.5)
                smooth = self._glances[place].width() > 128 or node.kind in ("input", "grid")
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
                painter.drawImage(inner, self._glances[place])
            if node.kind == "grid":
                self._paint_mesh(painter, front, node.shape)

    def _paint_mesh(self, painter: QPainter, front: QRectF, shape: tuple[int, ...]) -> None:
        """The places of the grid."""
        painter.setPen(QPen(self._theme.colour("surface"), 1))
        for k in range(1, shape[2]):
            x = front.x() + k * front.width() / shape[2]
            painter.drawLine(QPointF(x, front.top() + 1), QPointF(x, front.bottom() - 1))
        for k in range(1, shape[1]):
            y = front.y() + k * front.height() / shape[1]
            painter.drawLine(QPointF(front.left() + 1, y), QPointF(front.right() - 1, y))

    def _paint_fold(self, painter: QPainter) -> None:
        """Plates behind each other."""
        colour = kind_colour("conv", self._theme)
        slot = self.slot
        high = 44.0
        for k in (3, 2, 1, 0):
            painter.setPen(QPen(blend(colour, self._theme.colour("text"), 0.75), 1))
            painter.setBrush(blend(colour, self._theme.colour("raised"), 0.10 + 0.08 * k))
            painter.drawRoundedRect(QRectF(slot.centre - 22 + 6 * k, slot.axis - high / 2 - 5 * k + 6, 32, high), 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("text"))
        for k in (-1, 0, 1):
            painter.drawEllipse(QPointF(slot.centre - 6 + 7 * k, slot.axis + 6), 1.8, 1.8)

    def _paint_circle(self, painter: QPainter) -> None:
        centre = QPointF(self.slot.centre, self.slot.axis)
        painter.setPen(QPen(self._theme.colour("text"), 1.5))
        painter.setBrush(self._theme.colour("raised"))
        painter.drawEllipse(centre, CIRCLE / 2, CIRCLE / 2)
        painter.drawLine(centre - QPointF(6, 0), centre + QPointF(6, 0))
        painter.drawLine(centre - QPointF(0, 6), centre + QPointF(0, 6))

    def _paint_chip(self, painter: QPainter, node: Node, scale: float) -> None:
        colour = kind_colour(node.kind, self._theme)
        place = QRectF(self.slot.x, self.slot.y, self.slot.width, self.slot.height)
        if not (self.current or self.hovered or self.chosen):
            painter.setPen(QPen(blend(colour, self._theme.colour("text"), 0.75), 1))
            painter.setBrush(blend(colour, self._theme.colour("raised"), 0.14))
            painter.drawRoundedRect(place, CORNER, CORNER)
        if node.strips and not node.strips[0].name:
            strip = QRectF(0, 0, NARROW_WIDTH, NARROW_HEIGHT)
            strip.moveCenter(place.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
            painter.drawImage(strip, self._strips[0][1])
            return
        if node.strips:
            self._paint_strips(painter, place, "" if node.word else node.title, scale)
            return
        if node.glance and node.glance[0].ndim == 3:
            wide, high = tile_size(node)
            centre = place.center()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(centre.x() - wide / 2, centre.y() - high / 2, wide, high), self._glances[0])
            return
        if scale < LEGIBLE:
            return
        upper = QRectF(place.x(), place.y() + 2, place.width(), self._line)
        self._line_of_words(painter, upper, node.title, self._title_font, "text")
        if node.glance and node.glance[0].shape[1] == 1:  # its values, from top to bottom
            strip = QRectF(place.x() + 5, place.y() + 4, 10, place.height() - 8)
            painter.drawImage(strip, self._glances[0])
            upper.setLeft(upper.left() + CHIP_GLANCE - 4)
        words = f"{short(node.parameters)} · {share_words(node.share)}" if node.parameters else shape_words(node)
        if node.p is not None:
            words = numbers.per_cent(100 * node.p)
            self._paint_likely(painter, place, node.p)
        self._line_of_words(painter, upper.translated(0, self._line), words, self._font, "secondary")

    def _paint_strips(self, painter: QPainter, place: QRectF, title: str, scale: float) -> None:
        """Letters, and the values of all units after each. In a column of words the lane's name says what they are."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
        left, y = place.center().x() - (LETTER + STRIP_WIDTH) / 2, place.y() + 6
        if title:
            if scale >= LEGIBLE:
                upper = QRectF(place.x(), place.y() + 2, place.width(), self._line)
                self._line_of_words(painter, upper, title, self._title_font, "text")
            y += self._line
        painter.setFont(self._font)
        for name, image in self._strips:
            row = QRectF(left, y, LETTER, STRIP_HEIGHT)
            if scale >= LEGIBLE:
                painter.setPen(self._theme.colour("secondary"))
                painter.drawText(row.adjusted(0, -4, 0, 4), int(Qt.AlignmentFlag.AlignVCenter), name)
            painter.drawImage(QRectF(left + LETTER, y, STRIP_WIDTH, STRIP_HEIGHT), image)
            y += STRIP_HEIGHT + STRIP_GAP

    def _paint_likely(self, painter: QPainter, place: QRectF, p: float) -> None:
        """How probable, as a bar along the lower edge."""
        rail = QRectF(place.x() + 8, place.bottom() - 8, place.width() - 16, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("hairline"))
        painter.drawRoundedRect(rail, 2, 2)
        painter.setBrush(self._theme.colour("accent"))
        painter.drawRoundedRect(QRectF(rail.x(), rail.y(), max(2.0, rail.width() * p), 4), 2, 2)

    def _paint_words(self, painter: QPainter, lines: list[str]) -> None:
        slot = self.slot
        place = QRectF(slot.x - 6, slot.words + 4, slot.width + 12, self._line)
        for k, words in enumerate(lines):
            if k == 0:
                self._line_of_words(painter, place, words, self._title_font, "text")
            else:
                self._line_of_words(painter, place.translated(0, k * self._line), words, self._font, "secondary")
        last = place.translated(0, 3 * self._line)
        if slot.node is not None and slot.node.kind in ("input", "grid"):
            return
        words = share_words(self._share)
        if not lines:  # an addition: too narrow for a bar
            self._line_of_words(painter, last, words, self._font, "secondary")
            return
        metrics = QFontMetricsF(self._font)
        wide = metrics.horizontalAdvance(words)
        bar = min(BAR, slot.width - wide - 8)
        if bar < 16:
            self._line_of_words(painter, last, words, self._font, "secondary")
            return
        left = slot.centre - (bar + 6 + wide) / 2
        rail = QRectF(left, last.center().y() - 2, bar, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("hairline"))
        painter.drawRoundedRect(rail, 2, 2)
        if self._bar > 0:
            painter.setBrush(self._theme.colour("accent"))
            painter.drawRoundedRect(QRectF(rail.x(), rail.y(), max(2.0, bar * self._bar), 4), 2, 2)
        painter.setPen(self._theme.colour("secondary"))
        painter.setFont(self._font)
        painter.drawText(QRectF(left + bar + 6, last.y(), wide + 4, self._line), Qt.AlignmentFlag.AlignVCenter, words)

    def _line_of_words(self, painter: QPainter, place: QRectF, words: str, font: QFont, role: str) -> None:
        painter.setFont(font)
        painter.setPen(self._theme.colour(role))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), words)


def _sum_of_shares(nodes: tuple[Node, ...]) -> float | None:
    shares = [node.share for node in nodes]
    return None if None in shares else sum(share or 0.0 for share in shares)


class StageItem(QGraphicsItem):
    """The ground of a stage, with its title."""

    def __init__(self, box: StageBox, figure: Figure, theme: Theme, base: QFont) -> None:
        super().__init__()
        self.box = box
        self._theme = theme
        self._font, self._title_font = fonts(base)
        stage = figure.stages[box.stage]
        kinds = list(dict.fromkeys(cell.kind for cell in figure.cells if cell.stage == box.stage))
        kind = kinds[0] if len(kinds) == 1 else f"{kinds[0]} … {kinds[-1]}"
        self._title = tr("Encoder") if stage.title == "encoder" else tr("Stage {0}").format(box.stage + 1)
        what = f"{stage.cells} × {kind}" if stage.cells > 1 else kind
        self._about = f"{what} · " + " × ".join(numbers.whole(n) for n in stage.shape)
        self.setZValue(-2)

    def boundingRect(self) -> QRectF:
        box = self.box
        return QRectF(box.x, box.y, box.width, box.height)

    def head(self) -> QRectF:
        """A click here folds and unfolds."""
        return QRectF(self.box.x, self.box.y, self.box.width, STAGE_HEAD)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("hairline"), 1))
        painter.setBrush(self._theme.colour("raised"))
        painter.drawRoundedRect(self.boundingRect().adjusted(0.5, 0.5, -0.5, -0.5), CORNER, CORNER)
        scale = option.levelOfDetailFromTransform(painter.worldTransform())
        if scale < LEGIBLE:
            self._paint_from_afar(painter, scale)
            return
        place = self.head().adjusted(10, 2, -10, 0)
        if self.box.open is not None and self.box.first:
            self._paint_handle(painter, QPointF(place.x() + 5, place.center().y()))
            place.setLeft(place.left() + 16)
        title = self._title if self.box.first else tr("{0}, continued").format(self._title)
        metrics = QFontMetricsF(self._title_font)
        painter.setPen(self._theme.colour("text"))
        painter.setFont(self._title_font)
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(place, flags, metrics.elidedText(title, Qt.TextElideMode.ElideRight, place.width()))
        place.setLeft(place.left() + metrics.horizontalAdvance(title) + 8)
        if place.width() > 40:
            painter.setPen(self._theme.colour("secondary"))
            painter.setFont(self._font)
            about = QFontMetricsF(self._font).elidedText(self._about, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, flags, about)

    def _paint_from_afar(self, painter: QPainter, scale: float) -> None:
        """Where all other words are left out there is room for the stage's name, as large as it can be read."""
        if not self.box.first:
            return
        font = QFont(self._title_font)
        font.setPointSizeF(min(font.pointSizeF() * 0.8 / scale, 40.0))
        metrics = QFontMetricsF(font)
        place = QRectF(self.box.x + 12, self.box.y, self.box.width - 24, self.box.height - 8)
        words = metrics.elidedText(f"{self._title} · {self._about}", Qt.TextElideMode.ElideRight, place.width())
        painter.setFont(font)
        painter.setPen(self._theme.colour("secondary"))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft), words)

    def _paint_handle(self, painter: QPainter, centre: QPointF) -> None:
        corners = [QPointF(-4, -2), QPointF(0, 3), QPointF(4, -2)] if self.box.open else [
            QPointF(-2, -4), QPointF(3, 0), QPointF(-2, 4)
        ]  # fmt: skip
        painter.setPen(QPen(self._theme.colour("accent"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([centre + corner for corner in corners]))


class LaneItem(QGraphicsItem):
    """The name of a lane, and what all of its nodes share."""

    def __init__(self, box: LaneBox, lane: Lane, theme: Theme, base: QFont, line: float) -> None:
        super().__init__()
        self._box, self._lines, self._theme, self._line = box, lane_words(lane), theme, line
        self._font, self._title_font = fonts(base)
        self.setZValue(-1)

    def boundingRect(self) -> QRectF:
        box = self._box
        return QRectF(box.x, box.y - 2 * self._line, box.width, box.height + 4 * self._line)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if option.levelOfDetailFromTransform(painter.worldTransform()) < LEGIBLE:
            return
        lines = [words for words in self._lines if words]
        y = self._box.y + (self._box.height - len(lines) * self._line) / 2
        for k, words in enumerate(lines):
            painter.setFont(self._title_font if k == 0 else self._font)
            painter.setPen(self._theme.colour("text" if k == 0 else "secondary"))
            place = QRectF(self._box.x, y + k * self._line, self._box.width, self._line)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), words)


class EdgeItem(QGraphicsItem):
    """Lines with arrows' heads, all of one kind. `paths` go from the one to the other."""

    def __init__(
        self, paths: Sequence[QPainterPath], kind: str, word: tuple[str, QPointF] | None, theme: Theme, base: QFont
    ) -> None:
        super().__init__()
        self._path, self._heads = QPainterPath(), QPainterPath()
        for path in paths:
            self._path.addPath(path)
            turned = QTransform().translate(path.currentPosition().x(), path.currentPosition().y())
            turned.rotate(-path.angleAtPercent(1.0))
            self._heads.addPolygon(turned.map(_HEAD))
        self._kind, self._theme = kind, theme
        self._word = word
        self._font, _ = fonts(base)
        self.setZValue(1)  # over what lights up behind a block
        self._around = self._path.boundingRect().adjusted(-8, -8, 8, 8)
        if word is not None:
            self._around = self._around.united(QRectF(word[1].x() - 60, word[1].y() - 20, 120, 24))

    def boundingRect(self) -> QRectF:
        return self._around

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        strong = self._kind in ("bypass", "projection", "cross")
        colour = self._theme.colour("accent" if strong else "outline")
        if self._kind in ("context", "look", "gather"):
            colour = blend(kind_colour("looking" if self._kind == "context" else "memory", self._theme), colour, 0.7)
        style = Qt.PenStyle.DashLine if self._kind == "folded" else Qt.PenStyle.SolidLine
        painter.setPen(QPen(colour, 2.0 if strong else 1.2, style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPath(self._heads)
        if self._word is not None and option.levelOfDetailFromTransform(painter.worldTransform()) >= LEGIBLE:
            text, place = self._word
            painter.setPen(self._theme.colour("accent"))
            font = QFont(self._font)
            font.setItalic(True)
            painter.setFont(font)
            painter.drawText(QRectF(place.x() - 60, place.y() - 20, 120, 18), int(Qt.AlignmentFlag.AlignCenter), text)


_HEAD = QPolygonF([QPointF(0, 0), QPointF(-6, -3.2), QPointF(-6, 3.2), QPointF(0, 0)])  # of an arrow


# Where lines go


def edge_items(figure: Figure, layout: Layout, theme: Theme, base: QFont) -> list[EdgeItem]:
    items: list[EdgeItem] = []
    drawn: set[tuple[str, str, str]] = set()
    in_columns: dict[tuple[float, str], list[QPainterPath]] = {}
    many = sum(in_grid(slot.node) for slot in layout.slots) > 0 and len(figure.edges) > MANY
    for edge in figure.edges:
        source, target = layout.slot(edge.source), layout.slot(edge.target)
        if source is None or target is None or source is target:
            continue
        if (source.id, target.id, edge.kind) in drawn:
            continue
        drawn.add((source.id, target.id, edge.kind))
        if target.node is None and edge.kind != "flow":
            continue  # what goes on in there is folded away
        for path, word in _paths(edge, source, target, layout):
            if many and in_grid(source.node) and in_grid(target.node):
                in_columns.setdefault((target.centre, edge.kind), []).append(path)
            else:
                items.append(EdgeItem([path], edge.kind, word, theme, base))
    items += [EdgeItem(paths, kind, None, theme, base) for (_, kind), paths in in_columns.items()]
    return items


Path = tuple[QPainterPath, tuple[str, QPointF] | None]


def _paths(edge: Edge, source: Slot, target: Slot, layout: Layout) -> list[Path]:
    start = _outlets(source)
    end = _inlets(target)
    if in_grid(source.node) and in_grid(target.node) and edge.kind in _IN_GRID:
        return [(_IN_GRID[edge.kind](source, target), None)]
    if edge.kind == "look":
        return [(_drop(source, target), None)]
    if in_grid(source.node) and in_grid(target.node):
        if abs(source.axis - target.axis) > 1:
            return [(_between_lanes(source, target, edge.kind), None)]
        if target.centre < source.centre:  # what reads backwards
            path = QPainterPath(QPointF(source.x - 2, source.axis))
            path.lineTo(QPointF(target.x + target.width + 1.5, target.axis))
            return [(path, None)]
    if edge.kind == "bypass":
        middle = (_branch(source, target, layout).x() + target.centre) / 2
        word = (tr("identity"), QPointF(middle, target.axis - layout.arcs))
        return [(_arc(source, target, layout), word)]
    if edge.kind == "beside":
        return [(_arc(source, target, layout), None)]
    if edge.kind == "projection":
        return [(_half_arc(source, target, layout), None)]
    if source.row != target.row:
        return [(_return(start[0], end[0], layout, source, target), None)]
    if edge.kind == "cross" or len(start) != len(end):
        return [(_straight(a, b), None) for a in start for b in end]
    return [(_straight(a, b), None) for a, b in zip(start, end, strict=True)]


def _outlets(slot: Slot) -> list[QPointF]:
    node = slot.node
    if node is None:
        return [QPointF(slot.centre + 30, slot.axis)]
    if node.kind == "add":
        return [QPointF(slot.centre + CIRCLE / 2, slot.axis)]
    if node.small:
        return [QPointF(slot.x + slot.width, slot.axis)]
    return [QPointF(front.right() + face(node)[2], front.center().y()) for front in faces(slot)]


def _inlets(slot: Slot) -> list[QPointF]:
    node = slot.node
    if node is None:
        return [QPointF(slot.centre - 26, slot.axis)]
    if node.kind == "add":
        return [QPointF(slot.centre - CIRCLE / 2, slot.axis)]
    if node.small:
        return [QPointF(slot.x, slot.axis)]
    return [QPointF(front.left(), front.center().y()) for front in faces(slot)]


def _drop(source: Slot, target: Slot) -> QPainterPath:
    """From a block of the main line to one of the grid: down, along between the two, down. All of them share the way
    along, so that it is one line with many ends."""
    along = source.y + source.height + BELOW / 2 - 12
    line = (source.height - 2 * (source.words - source.axis)) / 4
    path = QPainterPath(QPointF(source.centre, source.words + 2 * line + 4))  # under title and shape
    end = QPointF(target.centre, target.y - 1.5)
    if abs(end.x() - source.centre) > 1:
        _round(path, QPointF(source.centre, along), QPointF(end.x(), along), 10)
        _round(path, QPointF(end.x(), along), end, 10)
    path.lineTo(end)
    return path


def _between_lanes(source: Slot, target: Slot, kind: str) -> QPainterPath:
    """In one column up or down between the middles, along the right side past what lies in between; to another column
    through the gap before it."""
    assert source.node is not None
    assert target.node is not None
    if abs(source.centre - target.centre) > 1:
        between = target.x - COLUMN_GAP + 12 + 8 * (target.node.lane % 4)
        path = QPainterPath(QPointF(source.x + source.width, source.axis))
        _round(path, QPointF(between, source.axis), QPointF(between, target.axis), 10)
        _round(path, QPointF(between, target.axis), QPointF(target.x, target.axis), 10)
        path.lineTo(QPointF(target.x - 1.5, target.axis))
        return path
    up = target.axis < source.axis
    start, end = QPointF(source.x + source.width, source.axis), QPointF(target.x + target.width + 1.5, target.axis)
    if kind == "bypass":
        path = QPainterPath(start)
        path.cubicTo(start + QPointF(22, 0), end + QPointF(22, 0), end)
        return path
    if abs(source.node.lane - target.node.lane) > 1:
        end = QPointF(target.x + target.width - 12, target.y + target.height + 1.5 if up else target.y - 1.5)
        aside = start.x() + 9
        path = QPainterPath(start)
        for point, nearer in (
            (QPointF(aside, start.y()), QPointF(aside, end.y())),
            (QPointF(aside, end.y() - 12), QPointF(end.x(), end.y() - 12)),
            (QPointF(end.x(), end.y() - 12), end),
        ):
            _round(path, point, nearer, 8)
        path.lineTo(end)
        return path
    start = QPointF(source.centre, source.y if up else source.y + source.height)
    end = QPointF(target.centre, target.y + target.height + 1.5 if up else target.y - 1.5)
    path = QPainterPath(start)
    bend = QPointF(0, (end.y() - start.y()) / 2)
    path.cubicTo(start + bend, end - bend, end)
    return path


def _beside(source: Slot, target: Slot) -> QPainterPath:
    """In one column along its left side, past what lies in between. All from one source share the way."""
    aside, end = source.x - 12, QPointF(target.x - 1.5, target.axis + (7 if target.axis < source.axis else -7))
    return _along(QPointF(source.x, source.axis), [QPointF(aside, source.axis), QPointF(aside, end.y())], end, 6)


def _over(source: Slot, target: Slot) -> QPainterPath:
    """From above one node over the others of its lane to another column, and down from there. All to one target share
    the way."""
    over = source.y - 13
    end = QPointF(target.centre, target.y - 1.5)
    return _along(QPointF(source.centre, source.y), [QPointF(source.centre, over), QPointF(end.x(), over)], end, 8)


def _into(source: Slot, target: Slot) -> QPainterPath:
    """From the side of one node over the others of its lane to one of them. All from one source share the way."""
    over, start = target.y - 11, QPointF(source.x + source.width, source.axis)
    aside, end = start.x() + 12, QPointF(target.x + 14, target.y - 1.5)
    return _along(start, [QPointF(aside, start.y()), QPointF(aside, over), QPointF(end.x(), over)], end, 7)


def _again(source: Slot, target: Slot) -> QPainterPath:
    """What was said goes in for the next: through the gap before its column."""
    between, start = target.x - 19, QPointF(source.x + source.width, source.axis)
    end = QPointF(target.x - 1.5, target.axis)
    return _along(start, [QPointF(between, start.y()), QPointF(between, end.y())], end, 10)


def _through(source: Slot, target: Slot) -> QPainterPath:
    """Straight up, through layers that are folded away."""
    path = QPainterPath(QPointF(source.centre, source.y))
    path.lineTo(QPointF(target.centre, target.y + target.height + 1.5))
    return path


_IN_GRID = {
    "aside": _beside,
    "context": _beside,
    "gather": _over,
    "look": _into,
    "again": _again,
    "folded": _through,
}


def _along(start: QPointF, corners: list[QPointF], end: QPointF, radius: float) -> QPainterPath:
    path = QPainterPath(start)
    for corner, after in zip(corners, [*corners[1:], end], strict=True):
        _round(path, corner, after, radius)
    path.lineTo(end)
    return path


def _straight(start: QPointF, end: QPointF) -> QPainterPath:
    path = QPainterPath(start + QPointF(2, 0))
    path.lineTo(end - QPointF(1.5, 0))
    return path


def _return(start: QPointF, end: QPointF, layout: Layout, source: Slot, target: Slot) -> QPainterPath:
    """From the end of a row to the beginning of the next, between the two, as one reads."""
    out, back = source.x + source.width + ASIDE, _row_start(target, layout) - ASIDE
    between = source.y + source.height + 18
    path = QPainterPath(start + QPointF(2, 0))
    for point, nearer in (
        (QPointF(out, start.y()), QPointF(out, between)),
        (QPointF(out, between), QPointF(back, between)),
        (QPointF(back, between), QPointF(back, end.y())),
        (QPointF(back, end.y()), end),
    ):
        _round(path, point, nearer, 10)
    path.lineTo(end - QPointF(1.5, 0))
    return path


def _round(path: QPainterPath, corner: QPointF, after: QPointF, radius: float) -> None:
    """A line to the corner, rounded towards what comes after it."""
    before = path.currentPosition()
    radius = min(radius, _length(corner - before) / 2, _length(after - corner) / 2)
    path.lineTo(corner - _unit(corner - before) * radius)
    path.quadTo(corner, corner + _unit(after - corner) * radius)


def _length(vector: QPointF) -> float:
    return float((vector.x() ** 2 + vector.y() ** 2) ** 0.5)


def _unit(vector: QPointF) -> QPointF:
    length = _length(vector)
    return vector / length if length else vector


def _branch(source: Slot, target: Slot, layout: Layout) -> QPointF:
    """Where a bypass leaves the line: right behind its source, or where the row of its block begins."""
    left = _outlets(source)[0].x() + 6 if source.row == target.row else _row_start(target, layout) - ASIDE
    return QPointF(left, target.axis)


def _arc(source: Slot, target: Slot, layout: Layout) -> QPainterPath:
    branch = _branch(source, target, layout)
    top = target.axis - layout.arcs
    circle = target.node is None or target.node.kind == "add"
    end = QPointF(target.centre, (target.axis - CIRCLE / 2 if circle else faces(target)[0].top()) - 1.5)
    path = QPainterPath(branch)
    bend = 22.0
    path.cubicTo(QPointF(branch.x(), branch.y() - bend), QPointF(branch.x(), top), QPointF(branch.x() + bend, top))
    path.lineTo(QPointF(end.x() - bend, top))
    path.cubicTo(QPointF(end.x(), top), QPointF(end.x(), end.y() - bend), end)
    return path


def _half_arc(source: Slot, target: Slot, layout: Layout) -> QPainterPath:
    """To a chip on the bypass, or from it to the addition."""
    bend = 20.0
    if target.node is not None and target.node.small:
        left = _outlets(source)[0].x() + 6 if source.row == target.row else _row_start(target, layout) - ASIDE
        end = QPointF(target.x - 1.5, target.axis)
        begin = QPointF(min(left, end.x() - 10), target.axis + layout.arcs)
        path = QPainterPath(begin)
        path.cubicTo(QPointF(begin.x(), begin.y() - bend), QPointF(begin.x(), end.y()), QPointF(end.x() - 4, end.y()))
        path.lineTo(end)
        return path
    end = QPointF(target.centre, target.axis - CIRCLE / 2 - 1.5)
    right = source.x + source.width
    path = QPainterPath(QPointF(right, source.axis))
    path.lineTo(QPointF(max(right, end.x() - bend), source.axis))
    path.cubicTo(QPointF(end.x(), source.axis), QPointF(end.x(), end.y() - bend), end)
    return path


def _row_start(target: Slot, layout: Layout) -> float:
    return min(slot.x for slot in layout.slots if slot.row == target.row)
