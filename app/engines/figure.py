"""The figure of a network, alive: what is asked, what is answered, and how a traced network becomes a description.

A `Figure` is made to be drawn: nodes in columns and lanes, edges, cells that can fold. It knows nothing of classifiers;
whoever can describe a network so (a captioner unrolled over its words, a translator's layers over its tokens) can show
it. Here it is made from the modules of a network that takes a picture (app.engines.tracing): no shape is typed in, and
no figure is a file. app.engines.figure_engine records it.

Times are torch's on the CPU. The answers beside the picture come from a faster runtime, which merges layers, so that
the share of a single block can't be asked of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from app.engines.tracing import Block, Traced
from app.media.pictures import Picture
from app.media.preprocess import Preprocessing

GLANCE = 64  # pixels of the small map on a node, at most
SAID = 3  # labels at the figure's end


@dataclass(frozen=True, eq=False)
class Strip:
    """Units' values, a pixel a unit: `values` (rows, n) uint8 from `low` to `high`; zero lies in the middle where `low`
    is negative. Strips of one name share their scale all over the figure."""

    name: str
    values: np.ndarray
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Node:
    """One block of the diagram. `shape`, `parameters` and times are measured or counted, never typed in."""

    id: str  # unique in its figure
    title: str  # as the papers write it: "3 × 3 conv, /2"
    # "input", "conv", "pool", "dense", "add", "grid", "word", "picture" (in a word's place), "attention", "lstm",
    # "state", "said", "other"; over wordpieces "piece", "layer", "cell", "memory", "looking", "says"
    kind: str
    column: float  # place from left to right; halves lie between two columns
    lane: int = 0  # 0 is the main line, -1 the bypass above it; of the grid, from the top to the bottom
    towers: int = 1  # 2: drawn as two, one above the other; the first half of the channels is the upper one
    small: bool = False  # drawn as a chip (a glance (n, 1) lies on it as a strip of values); if no bypass, in the grid
    shape: tuple[int, ...] = ()  # of the output, without the batch: (channels, height, width) or (units,)
    parameters: int = 0
    share: float | None = None  # of a pass's time, 0 to 1; None: not measured (yet)
    also: tuple[str, ...] = ()  # what else happens in it: "batch norm", "ReLU"
    path: str = ""  # the module in the code: "layer1.0.conv2"
    cell: int | None = None  # index into the figure's cells
    glance: tuple[np.ndarray, ...] = ()  # a tower: its strongest channel (h, w) uint8, or a picture (h, w, 3) uint8
    said: tuple[tuple[str, float], ...] = ()  # what the network says at its end, with how sure it is (0 to 1)
    word: str = ""  # of its column, where the grid is unrolled over words
    p: float | None = None  # how probable the network found that word, 0 to 1
    strips: tuple[Strip, ...] = ()  # drawn under each other in place of a title; a single one needs no name
    has_maps: bool = True  # a click shows something
    has_filters: bool = False  # its weights are small pictures in colour


@dataclass(frozen=True)
class Edge:
    """`kind`: "flow"; "cross" where each of two towers reads both; "bypass" past what others do in between; "beside" to
    and from branches that lie side by side, past the others; "projection" where something small lies on the bypass;
    "look" from the main line, or from one node of the grid, to all of a lane. In the grid: "gather" from all of a lane
    to one node, "aside" and "context" past the layers of a column, "folded" through layers that aren't drawn, "again"
    from what was said to the next column."""

    source: str
    target: str
    kind: str = "flow"


@dataclass(frozen=True)
class Cell:
    """Neighbouring nodes that belong together: a residual block. `kind` is its class: "Bottleneck"."""

    title: str
    kind: str
    stage: int


@dataclass(frozen=True)
class Stage:
    """Cells of one kind in a row; all but the first and the last can fold."""

    title: str  # "stage 1", or "encoder" where it is all of one
    cells: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Lane:
    """A row of the grid, and what all of its nodes have in common: the same weights at every word."""

    lane: int
    title: str
    parameters: int
    share: float | None = None  # of a pass's time, all words together


@dataclass(frozen=True, eq=False)
class Figure:
    model: str  # the card's id
    title: str
    nodes: tuple[Node, ...]  # in the order of the computation
    edges: tuple[Edge, ...]
    cells: tuple[Cell, ...]
    stages: tuple[Stage, ...]
    parameters: int
    of_picture: bool  # False: recorded with an empty one, so there are no maps
    pass_ms: float | None = None  # one forward pass; None: not measured yet
    passes: int = 0  # that the times are medians of
    threads: int = 0  # of the CPU that they were measured with
    lanes: tuple[Lane, ...] = ()

    @cached_property
    def largest_share(self) -> float:
        """Of the time; 0 where it isn't measured."""
        return max((node.share or 0.0 for node in self.nodes), default=0.0)

    def node(self, node: str) -> Node:
        return next(n for n in self.nodes if n.id == node)


@dataclass(frozen=True, eq=False)
class RecordFigure:
    """One network's figure, recorded on a picture (or, without one, on an empty one). Partial: the `Figure` without
    times, as soon as there is one. Done: the `Figure` with them."""

    model: str
    picture: Picture | None


@dataclass(frozen=True, eq=False)
class ShowMaps:
    """What a node makes of a picture. Done: `Maps`. Without a picture there are the filters only."""

    model: str
    node: str
    picture: Picture | np.ndarray | None  # or a camera's or video's frame, (h, w, 3) uint8 BGR
    most: int = 64  # channels


@dataclass(frozen=True, eq=False)
class Maps:
    """`values` (n, h, w) uint8: the strongest channels, strongest first, tower after tower; each is stretched from its
    own `low` to its own `high`. Of a layer without places all units lie in one map, row by row (`units` says how many).
    """

    model: str
    node: str
    title: str
    shape: tuple[int, ...]  # of the node's output
    values: np.ndarray
    channels: tuple[int, ...]  # which they are; () for units
    low: np.ndarray  # (n,) float32
    high: np.ndarray  # (n,) float32
    towers: int = 1
    units: int = 0  # 0: these are maps with places
    names: tuple[str, ...] = ()  # of the units, where they have names: what a classifier's last layer tells apart
    filters: np.ndarray | None = None  # (n, k, k, 3) uint8, all of them, grey is zero


@dataclass(frozen=True)
class ReleaseFigure:
    """The view is closed: forget the network. Done: None."""


# From activations to what is shown


def strength(values: np.ndarray) -> np.ndarray:
    """(C, h, w) -> (C,): how much a channel varies over the places. Neither its mean nor its largest value would do: a
    channel that is everywhere the same shows nothing, and ReLU6 has many that reach 6."""
    varies: np.ndarray = values.std(axis=(1, 2))
    return varies


def stretched(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, h, w) -> uint8 from each one's own lowest to its own highest, and these two (n,). Flat ones become zero."""
    low = values.min(axis=(1, 2)).astype(np.float32)
    high = values.max(axis=(1, 2)).astype(np.float32)
    span = np.where(high > low, high - low, 1.0)[:, None, None]
    return np.round(255 * (values - low[:, None, None]) / span).astype(np.uint8), low, high


def glance(values: np.ndarray) -> np.ndarray:
    """(C, h, w) or (n,) -> the strongest channel, small, uint8; of units their size from top to bottom, (64, 1)."""
    from PIL import Image

    if values.ndim == 1 or values.shape[1] * values.shape[2] == 1:
        flat = values.reshape(-1)
        bins = np.array([part.max() for part in np.array_split(flat, min(GLANCE, len(flat)))], np.float32)
        column: np.ndarray = stretched(bins.reshape(1, -1, 1))[0][0]
        return column
    best = values[int(strength(values).argmax())]
    if max(best.shape) > GLANCE:
        best = np.asarray(Image.fromarray(best.astype(np.float32)).resize((GLANCE, GLANCE), Image.Resampling.BOX))
    small: np.ndarray = stretched(best[None])[0][0]
    return small


def strongest(maps: Maps, values: np.ndarray, most: int) -> Maps:
    """`maps` filled with a block's output (C, h, w) or (units,)."""
    if values.ndim == 1 or values.shape[1] * values.shape[2] == 1:
        units = values.size
        wide = next(k for k in range(max(1, int(units**0.5)), 0, -1) if units % k == 0)  # rows; the nearest to a square
        shown, low, high = stretched(values.reshape(1, wide, units // wide))
        return replace(maps, values=shown, low=low, high=high, units=units, towers=1)
    order: list[int] = []
    each = values.shape[0] // maps.towers
    for tower in range(maps.towers):
        own = strength(values[tower * each : (tower + 1) * each])
        order += [tower * each + int(k) for k in np.argsort(-own, kind="stable")[: most // maps.towers]]
    shown, low, high = stretched(values[order])
    return replace(maps, values=shown, low=low, high=high, channels=tuple(order))


def filter_pictures(weight: np.ndarray) -> np.ndarray:
    """Weights (n, 3, k, k) -> (n, k, k, 3) uint8; grey is zero, each stretched by its own largest weight."""
    largest = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
    scaled = weight / np.where(largest > 0, largest, 1.0)
    shades: np.ndarray = np.round(127.5 + 127.5 * scaled).astype(np.uint8)
    return shades.transpose(0, 2, 3, 1).copy()


def as_picture(x: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """What the network saw, (3, h, w) back to (h, w, 3) uint8."""
    mean = np.array(preprocessing.mean).reshape(3, 1, 1)
    deviation = np.array(preprocessing.deviation).reshape(3, 1, 1)
    values: np.ndarray = np.round(255 * np.clip(x * deviation + mean, 0, 1)).astype(np.uint8)
    return values.transpose(1, 2, 0).copy()


def said_of(logits: np.ndarray, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    if logits.shape != (len(names),):
        return ()
    e = np.exp(logits.astype(np.float64) - float(logits.max()))
    p = e / e.sum()
    return tuple((names[k], float(p[k])) for k in np.argsort(-p, kind="stable")[:SAID])


# From blocks to the description


def describe(
    traced: Traced,
    blocks: list[Block],
    glances: Mapping[Block, tuple[np.ndarray, ...]],
    said: tuple[tuple[str, float], ...],
    model: str,
    title: str,
) -> Figure:
    """The blocks of a traced network as a figure, without times."""
    cells, stages, cell_of = _cells(traced, blocks)
    columns: dict[Block, float] = {}
    for block in blocks:
        if not block.bypass:
            columns[block] = float(len(columns))
    for block in blocks:
        if block.bypass:  # above the middle of what it passes by
            passed = [columns[b] for b in columns if b.cell == block.cell and b.kind != "add"]
            columns[block] = sum(passed) / max(len(passed), 1)
    nodes = tuple(
        Node(
            id=block.main.name,
            title=block.title,
            kind=block.kind,
            column=columns[block],
            lane=-1 if block.bypass else 0,
            towers=block.towers,
            small=block.bypass,
            shape=block.shape,
            parameters=traced.parameters(block),
            also=tuple(block.also),
            path=block.path,
            cell=cell_of.get(block),
            glance=glances.get(block, ()),
            said=said if block is blocks[-1] else (),
            has_filters=traced.filters(block) is not None,
        )
        for block in blocks
    )
    total = sum(node.parameters for node in nodes)
    return Figure(model, title, nodes, _edges(blocks), cells, stages, total, of_picture=bool(glances))


def _cells(traced: Traced, blocks: list[Block]) -> tuple[tuple[Cell, ...], tuple[Stage, ...], dict[Block, int]]:
    paths = list(dict.fromkeys(block.cell for block in blocks if block.cell))
    shape = {path: [b.shape for b in blocks if b.cell == path][-1] for path in paths}
    cells: list[Cell] = []
    stages: list[Stage] = []
    key = None
    for path in paths:
        if (path.rpartition(".")[0], shape[path]) != key:
            key = (path.rpartition(".")[0], shape[path])
            stages.append(Stage(f"stage {len(stages) + 1}", 0, shape[path]))
        stages[-1] = replace(stages[-1], cells=stages[-1].cells + 1)
        cells.append(Cell(path, traced.cell_kind(path), len(stages) - 1))
    return tuple(cells), tuple(stages), {b: paths.index(b.cell) for b in blocks if b.cell}


def _edges(blocks: list[Block]) -> tuple[Edge, ...]:
    order = {block: k for k, block in enumerate(block for block in blocks if not block.bypass)}
    made = []
    for block in blocks:
        for source in block.sources:
            kind = "flow"
            if block.bypass or source.bypass:
                kind = "projection"
            elif order[block] - order[source] > 1:
                kind = "bypass" if block.kind == "add" else "beside"
            elif source.towers == 2 and block.towers == 2 and block.kind == "conv" and block.groups == 1:
                kind = "cross"
            made.append(Edge(source.main.name, block.main.name, kind))
    return tuple(made)
