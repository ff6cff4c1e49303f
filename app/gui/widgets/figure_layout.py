"""Where the parts of a figure lie: rows like lines of text, cells kept whole, long stages folded. No widgets here.

Lengths are pixels at 100 %. The scene's origin is the upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engines.figure import Figure, Node

GAP, CELL_GAP, MARGIN = 18.0, 22.0, 24.0  # between blocks, more between cells, around all
LARGEST = 84.0  # side of the largest block's face
CIRCLE = 24.0  # an addition
FOLDABLE = 5  # cells in a stage from which on it folds to its first and last
STAGE_HEAD = 24.0
SAID = 120.0  # room beside the last block for what the network says
ROW_GAP = 40.0
LANE_GAP = 26.0
CHIP_GLANCE = 20.0  # room on a chip for its values
LETTER, STRIP_WIDTH, STRIP_HEIGHT, STRIP_GAP = 14.0, 84.0, 12.0, 3.0  # a strip of values, and its name before it
NARROW_WIDTH, NARROW_HEIGHT = 56.0, 16.0  # of the only strip of a node, which needs no name
TILE_WIDTH, TILE_HEIGHT = 92.0, 72.0  # a picture on a chip, at most
COLUMN_GAP = 44.0  # lines between two columns have room
BELOW = 56.0  # from the main line to the grid under it


@dataclass(frozen=True, eq=False)
class Slot:
    """A node, or what stands for folded cells. `x`, `y`: upper left corner of its place; `axis`: height of the line on
    which its row lies; the words lie from `words` on."""

    id: str
    node: Node | None
    hidden: tuple[Node, ...]  # the nodes that are folded away here
    stage: int | None
    row: int
    x: float
    y: float
    width: float
    height: float
    axis: float
    words: float

    @property
    def centre(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class StageBox:
    """A stage's ground in one row."""

    stage: int
    x: float
    y: float
    width: float
    height: float
    first: bool  # its title stands here
    open: bool | None  # None: too short to fold


@dataclass(frozen=True)
class LaneBox:
    """Where a lane of the grid lies, with its name before it."""

    lane: int
    x: float
    y: float
    width: float
    height: float


@dataclass(eq=False)
class Layout:
    slots: list[Slot] = field(default_factory=list)
    stages: list[StageBox] = field(default_factory=list)
    lanes: list[LaneBox] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0
    rows: int = 0
    arcs: float = 0.0  # how far above the axis bypasses run
    _places: dict[str, Slot] = field(default_factory=dict)

    def slot(self, node: str) -> Slot | None:
        """Where a node lies, or what it is folded into."""
        if not self._places:
            for slot in self.slots:
                self._places.update(dict.fromkeys((slot.id, *(n.id for n in slot.hidden)), slot))
        return self._places.get(node)

    def put(self, slots: list[Slot]) -> None:
        """The same places with newer nodes."""
        self.slots = slots
        self._places.clear()


def side(shape: Sequence[int]) -> float:
    """Of a block's face, by its places: 224 pixels are the largest; small ones shrink more slowly than they would."""
    if len(shape) < 3 or shape[1] * shape[2] == 1:
        return LARGEST
    return max(16.0, min(LARGEST, LARGEST * math.pow(max(shape[1:]) / 224, 0.4)))


def depth(shape: Sequence[int]) -> float:
    """How deep a block is, by its channels: logarithmic, or 2,048 would fill the screen."""
    return 3.0 + 2.6 * math.log2(max(1, shape[0])) if len(shape) == 3 and shape[1] * shape[2] > 1 else 5.0


def face_width(shape: Sequence[int]) -> float:
    return side(shape) if len(shape) == 3 and shape[1] * shape[2] > 1 else 14.0


def face(node: Node) -> tuple[float, float, float]:
    """Width, height and depth of a block's face. The grid of features shows the picture."""
    if node.kind == "grid":
        high, wide = node.glance[0].shape[:2] if node.glance else (1, 1)
        scale = LARGEST / max(high, wide)
        return wide * scale, high * scale, depth(node.shape)
    return face_width(node.shape), side(node.shape), depth(node.shape)


def in_grid(node: Node | None) -> bool:
    """Whether its place is its column and lane, and not a row's next."""
    return node is not None and node.small and node.lane >= 0


Words = Callable[["Node | None", "tuple[Node, ...]"], float]


def arrange(figure: Figure, words: Words, line: float, unfolded: set[int], width: float, head: float = 0.0) -> Layout:
    """`words` measures what stands under a block, `line` is the height of one line of it; `width`: no row is longer,
    unless a single cell is. Nodes of the grid lie in columns and lanes under the main line, all in one row; `head` is
    the room that the lanes' names take."""
    on_line = tuple(node for node in figure.nodes if not in_grid(node))
    if len(on_line) == len(figure.nodes):
        return _lines(figure, words, line, unfolded, width)
    grid = _grid(figure, words, line, head)
    if not on_line:
        return grid
    layout = _lines(replace(figure, nodes=on_line), words, line, unfolded, width)
    down = layout.height - 2 * MARGIN + BELOW
    layout.slots += [
        replace(slot, row=layout.rows, y=slot.y + down, axis=slot.axis + down, words=slot.words + down)
        for slot in grid.slots
    ]
    layout.lanes = [replace(box, y=box.y + down) for box in grid.lanes]
    layout.width, layout.height = max(layout.width, grid.width), down + grid.height
    layout.rows += 1
    return layout


def _lines(figure: Figure, words: Words, line: float, unfolded: set[int], width: float) -> Layout:
    units = _units(figure, unfolded)
    towers = max((node.towers for node in figure.nodes), default=1)
    chips = any(node.lane < 0 for node in figure.nodes)
    bypasses = any(edge.kind in ("bypass", "beside") for edge in figure.edges)
    has_stages = bool(figure.stages)
    body = (LARGEST + 18.0) * (1 if towers == 1 else 1.5)
    arcs = body / 2 + (4 + 2 * line if chips else 14.0 if bypasses else 0.0)
    head = STAGE_HEAD if has_stages else 0.0
    row_height = head + arcs + (line if bypasses and not chips else 0.0) + 8 + body / 2 + 4 * line + 10
    layout = Layout(arcs=arcs - (line if chips else 0.0))
    x, row, last_stage = MARGIN, 0, None
    for unit in units:
        widths = [_width(slot, words) for slot in unit]
        stage = unit[0][2]
        before = 0.0 if x == MARGIN else CELL_GAP if stage is not None and stage == last_stage else GAP + CELL_GAP
        length = sum(widths) + GAP * (len(widths) - 1)
        if x > MARGIN and x + before + length > width - MARGIN:
            x, row, before = MARGIN, row + 1, 0.0
        x += before
        top = MARGIN + row * (row_height + ROW_GAP)
        axis = top + row_height - 4 * line - 10 - body / 2
        for (node, hidden, where), wide in zip(unit, widths, strict=True):
            name = node.id if node is not None else hidden[0].id
            layout.slots.append(
                Slot(
                    name, node, hidden, where, row, x, axis - body / 2, wide, body + 4 * line + 8, axis, axis + body / 2
                )
            )
            x += wide + GAP
        x -= GAP
        layout.width = max(layout.width, x + MARGIN)
        last_stage = stage
    if layout.slots and layout.slots[-1].node is not None and layout.slots[-1].node.said:
        layout.width = max(layout.width, x + SAID + MARGIN)
    layout.rows = row + 1
    layout.height = 2 * MARGIN + (row + 1) * (row_height + ROW_GAP) - ROW_GAP
    _place_chips(figure, layout, words, line)
    layout.stages = _stage_boxes(figure, layout, unfolded, row_height, head)
    return layout


Unit = list[
    tuple["Node | None", "tuple[Node, ...]", "int | None"]
]  # slots that stay together: node, folded ones, stage


def foldable(figure: Figure, stage: int) -> bool:
    return figure.stages[stage].cells >= FOLDABLE


def _units(figure: Figure, unfolded: set[int]) -> list[Unit]:
    """Cells and single nodes in order of their columns; bypass nodes have no place of their own on the line."""
    first = {s: min(k for k, c in enumerate(figure.cells) if c.stage == s) for s in range(len(figure.stages))}
    units: list[Unit] = []
    cell_before: int | None = None
    folded: dict[int, list[Node]] = {}
    for node in figure.nodes:
        stage = figure.cells[node.cell].stage if node.cell is not None else None
        if node.cell is not None and stage is not None and foldable(figure, stage) and stage not in unfolded:
            place = node.cell - first[stage]
            if 0 < place < figure.stages[stage].cells - 1:
                if stage not in folded:
                    units.append([])  # filled when all of them are known
                folded.setdefault(stage, []).append(node)
                units[-1][:] = [(None, tuple(folded[stage]), stage)]
                cell_before = None
                continue
        if node.lane != 0:
            continue
        if node.cell is not None and node.cell == cell_before:
            units[-1].append((node, (), stage))
        else:
            units.append([(node, (), stage)])
        cell_before = node.cell
    return units


def _width(slot: tuple[Node | None, tuple[Node, ...], int | None], words: Words) -> float:
    node, hidden, _ = slot
    if node is not None and node.kind == "add":
        return CIRCLE + 16
    wide, _, deep = face(node) if node is not None else (48.0, 0.0, 0.0)
    return max(wide + deep, words(node, hidden)) + 4


def _place_chips(figure: Figure, layout: Layout, words: Words, line: float) -> None:
    """Small nodes above the line, over the middle of what they pass by."""
    on_line = {slot.id: slot for slot in layout.slots}
    for node in figure.nodes:
        if node.lane == 0:
            continue
        passed = [
            s for s in on_line.values() if s.node is not None and s.node.cell == node.cell and s.node.kind != "add"
        ]
        if not passed:
            continue  # folded away
        wide = words(node, ()) + 12
        centre = (passed[0].x + passed[-1].x + passed[-1].width) / 2
        axis = passed[0].axis - layout.arcs
        high = 2 * line + 6
        layout.slots.append(
            Slot(
                node.id,
                node,
                (),
                passed[0].stage,
                passed[0].row,
                centre - wide / 2,
                axis - high / 2,
                wide,
                high,
                axis,
                axis,
            )
        )
    layout.slots.sort(key=lambda slot: (slot.row, slot.centre, slot.axis))


def _grid(figure: Figure, words: Words, line: float, head: float) -> Layout:
    """Every node at its column and lane: a network unrolled over words or tokens, layer above layer."""
    nodes = [node for node in figure.nodes if in_grid(node)]
    sizes = {node.id: _chip(node, words, line) for node in nodes}
    wide: dict[float, float] = {}
    high: dict[int, float] = {}
    for node in nodes:
        wide[node.column] = max(wide.get(node.column, 0.0), sizes[node.id][0])
        high[node.lane] = max(high.get(node.lane, 0.0), sizes[node.id][1])
    lefts: dict[float, float] = {}
    x = MARGIN + head
    for column in sorted(wide):
        lefts[column] = x
        x += wide[column] + COLUMN_GAP
    tops: dict[int, float] = {}
    y = MARGIN
    for lane in sorted(high):
        tops[lane] = y
        y += high[lane] + LANE_GAP
    chip = 2 * line + 6
    layout = Layout(width=x - COLUMN_GAP + MARGIN, height=y - LANE_GAP + MARGIN, rows=1, arcs=chip / 2 + 14)
    layout.lanes = [
        LaneBox(lane.lane, MARGIN, tops[lane.lane], layout.width - 2 * MARGIN, high[lane.lane]) for lane in figure.lanes
    ]
    for node in nodes:
        left, top, width, tall = lefts[node.column], tops[node.lane], wide[node.column], sizes[node.id][1]
        axis = top + high[node.lane] / 2
        layout.slots.append(Slot(node.id, node, (), None, 0, left, axis - tall / 2, width, tall, axis, axis))
    layout.slots.sort(key=lambda slot: (slot.centre, slot.axis))
    return layout


def _chip(node: Node, words: Words, line: float) -> tuple[float, float]:
    """Width and height that a small node needs."""
    if node.strips and not node.strips[0].name:
        return NARROW_WIDTH + 12, NARROW_HEIGHT + 12
    if node.strips:
        title = 0.0 if node.word else line
        return LETTER + STRIP_WIDTH + 12, len(node.strips) * (STRIP_HEIGHT + STRIP_GAP) - STRIP_GAP + 12 + title
    if node.glance and node.glance[0].ndim == 3:
        wide, high = tile_size(node)
        return wide + 8, high + 8
    strip = bool(node.glance) and node.glance[0].shape[1] == 1
    return words(node, ()) + 12 + CHIP_GLANCE * strip, 2 * line + 6 + (6 if node.p is not None else 0)


def tile_size(node: Node) -> tuple[float, float]:
    """Of a picture on a chip, in its own shape."""
    high, wide = node.glance[0].shape[:2]
    scale = min(TILE_WIDTH / wide, TILE_HEIGHT / high)
    return wide * scale, high * scale


def _stage_boxes(figure: Figure, layout: Layout, unfolded: set[int], row_height: float, head: float) -> list[StageBox]:
    boxes: list[StageBox] = []
    told: set[int] = set()
    rows = sorted({(slot.stage, slot.row) for slot in layout.slots if slot.stage is not None})
    for stage, row in rows:
        here = [slot for slot in layout.slots if slot.stage == stage and slot.row == row]
        left, right = min(slot.x for slot in here), max(slot.x + slot.width for slot in here)
        top = MARGIN + row * (row_height + ROW_GAP)
        is_open = stage in unfolded if foldable(figure, stage) else None
        boxes.append(StageBox(stage, left - 10, top, right - left + 20, row_height + 4, stage not in told, is_open))
        told.add(stage)
    return boxes
