"""A captioner's figure: its encoder block by block, the grid of features, and the LSTM unrolled over the words of a
sentence. Xu et al. 2015 (arXiv 1502.03044), figures 1 to 4, with this very picture's numbers.

The sentence is one that the network has said, or that a person has chosen; each of its words is given to the network,
which tells how probable it finds it, where it looks for it, and what goes on in its LSTM meanwhile. Without a sentence
it says one itself, word by word the most probable one (greedy). The end of the sentence is a word, too.

A captioner without attention (Vinyals et al. 2015, arXiv 1411.4555, figure 3) has the picture in a word's place, as the
LSTM's first input, and no row of attention: what is missing is what came later.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.engines.figure import Edge, Figure, Lane, Node, Stage, Strip, as_picture, describe
from app.engines.recording import Clock, Held, Pace, Pass, blocks_of, glances_of, measure, tensor, timed
from app.media import inputs, strips
from app.media.pictures import Picture
from app.media.preprocess import seen_box
from app.store.errors import StoreError
from app.store.vocabulary import END, START, never

if TYPE_CHECKING:
    from app.engines.tracing import Block
    from app.nets.captioner import CaptionDecoder, CaptionState, Gates, Places, PlainDecoder
    from app.worker import Steps

LONGEST = 20  # words, where the network says them itself
RUNNERS_UP = 9  # beside each word
SHOWN = {START: "⟨start⟩", END: "⟨end⟩"}  # what is no word, but goes in or comes out like one
ATTENTION, WORD_IN, LSTM, WORD_OUT = 1, 2, 3, 4  # lanes
TILE = 128  # pixels: the longer side of the picture under an attention map
LARGE = 480  # the same, of the one that is looked at closely
ROWS = 8  # of a strip: 512 units as 8 × 64
ONCE = "the picture is seen here only; attention came later"


@dataclass(frozen=True, eq=False)
class RecordCaption:
    """A captioner's figure on a picture, or on a camera's or video's frame ((h, w, 3) uint8 BGR). `words`: the
    sentence; None: the one that the network says itself. Partial: a `CaptionFigure` without times, where they are not
    known yet. Done: with them."""

    model: str
    picture: Picture | np.ndarray
    words: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """What happened for one word."""

    given: str  # the word before it, which goes in
    word: str
    p: float  # its probability, 0 to 1
    runners_up: tuple[tuple[str, float], ...]  # the most probable other words, best first
    attention: np.ndarray | None  # (h, w) float32, sums to 1; None where the network has none
    embedding: np.ndarray  # (embedding,) float32: the word that goes in, as the LSTM takes it
    gates: dict[str, np.ndarray]  # i, f, g, o, c, h: (width,) float32 (app.nets.captioner.Gates)


@dataclass(frozen=True, eq=False)
class CaptionFigure:
    figure: Figure
    steps: tuple[Step, ...]  # one a word, the end among them
    start: dict[str, np.ndarray]  # c, h before the first word: (width,) float32; all gates where the picture was input
    lengths: np.ndarray  # (h, w) float32: of the feature vector at each place of the grid
    picture: np.ndarray  # (height, width, 3) uint8 RGB: what the network sees, in its own shape, `LARGE` at most
    entered: np.ndarray | None = None  # (embedding,) float32: the picture as the LSTM's first input, without attention


def record(held: Held, vocabulary: Sequence[str], request: RecordCaption) -> Steps:
    """Raises StoreError for a word that the network doesn't know, PictureError."""
    import torch

    silent = never(vocabulary)
    words = None if request.words is None else [*_ids(request.words, vocabulary, silent, held.card.name), END]
    x = tensor(request.picture, held.card.preprocessing)  # (1, 3, crop, crop)
    blocks = yield from blocks_of(held, x)
    yield None
    glances, last = yield from glances_of(held.traced, blocks, x)
    glances[blocks[0]] = (as_picture(x[0].numpy(), held.card.preprocessing),)
    yield None
    grid = torch.from_numpy(last)[None]  # (1, features, h, w)
    unrolled = yield from _unroll(held.net.decoder, grid, words, silent)
    yield None
    picture = _seen(inputs.rgb(request.picture), held)
    made = CaptionFigure(
        figure=describe(held.traced, blocks, glances, (), held.card.id, held.card.name),
        steps=tuple(_step(raw, vocabulary, (last.shape[1], last.shape[2])) for raw in unrolled.steps),
        start={name: value[0].numpy() for name, value in unrolled.start.items()},
        lengths=np.linalg.norm(last, axis=0).astype(np.float32),
        picture=strips.shrunk(picture, LARGE) if max(picture.shape[:2]) > LARGE else picture,
        entered=None if unrolled.entered is None else unrolled.entered.numpy(),
    )
    made = replace(made, figure=_with_words(made, held))
    if held.seconds is None:
        yield made
    said = [raw.word for raw in unrolled.steps]
    seconds = yield from measure(held, lambda: _pass(held, blocks, x, grid, said, silent))
    return replace(made, figure=_with_times(made.figure, seconds, len(said), held.passes, torch.get_num_threads()))


def _seen(picture: np.ndarray, held: Held) -> np.ndarray:
    """What of (height, width, 3) the network sees."""
    height, width = picture.shape[:2]
    left, top, wide, high = map(round, seen_box(width, height, held.card.preprocessing))
    return picture[top : top + max(high, 1), left : left + max(wide, 1)]


def _ids(words: tuple[str, ...], vocabulary: Sequence[str], silent: Sequence[int], name: str) -> list[int]:
    places = {word: k for k, word in enumerate(vocabulary) if k not in (*silent, END)}
    for word in words:
        if word not in places:
            raise StoreError(f"“{word[:40]}” is none of the words that {name} knows: choose another sentence.")
    return [places[word] for word in words]


# The decoder, step by step


@dataclass(eq=False)
class _Raw:
    given: int
    word: int
    log_p: Any  # (vocabulary,)
    attention: Any  # (places,); None where there is none
    embedding: Any
    gates: Gates


@dataclass(eq=False)
class _Unrolled:
    start: dict[str, Any]  # of Gates: (1, width)
    entered: Any  # (embedding,); None with attention
    steps: list[_Raw]
    once: tuple[float, float]  # seconds: the attention's keys or the picture's embedding, the start state
    each: tuple[float, float, float, float]  # seconds a word: word in, attention, LSTM, word out


def _unroll(
    decoder: CaptionDecoder | PlainDecoder, grid: Any, words: list[int] | None, silent: Sequence[int]
) -> Generator[None, None, _Unrolled]:
    """`grid` (1, features, h, w). With `words` (END among them) the network is given them; else it says its own, none
    of `silent`."""
    import torch

    from app.nets.captioner import CaptionDecoder, CaptionState

    shut = torch.zeros(decoder.embedding.num_embeddings)
    shut[list(silent)] = float("-inf")
    with torch.inference_mode():
        clock = Clock()
        places = decoder.look(grid)
        keys = clock.lap()
        if isinstance(decoder, CaptionDecoder):
            start, entered = decoder.start(places)._asdict(), None
        else:
            start, entered = _taken_in(decoder, places)._asdict(), places.keys[0, 0]
        state = CaptionState(start["h"], start["c"])
        once = (keys, clock.lap())
    steps: list[_Raw] = []
    each = np.zeros(4)
    pace = Pace()
    given = START
    while given != END:
        with torch.inference_mode():
            raw, laps = _say(decoder, given, state, places, shut)
        each += laps
        if words is not None:
            raw.word = words[len(steps)]
        elif len(steps) == LONGEST:
            raw.word = END
        steps.append(raw)
        state = CaptionState(raw.gates.h, raw.gates.c)
        given = raw.word
        if pace.due():
            yield None
    a, b, c, d = (float(s) / len(steps) for s in each)
    return _Unrolled(start, entered, steps, once, (a, b, c, d))


def _taken_in(decoder: PlainDecoder, places: Places) -> Gates:
    """What `decoder.start` does, with its gates."""
    from app.nets.captioner import CaptionState, opened

    zero = places.keys.new_zeros(1, decoder.cell.hidden_size)
    return opened(decoder.cell, places.keys[:, 0], CaptionState(zero, zero))


def _say(
    decoder: CaptionDecoder | PlainDecoder, given: int, state: CaptionState, places: Places, shut: Any
) -> tuple[_Raw, list[float]]:
    """One word: what `decoder.step` does, part by part."""
    import torch

    from app.nets.captioner import CaptionDecoder, opened

    clock = Clock()
    embedding = decoder.embedding(torch.tensor([given]))  # (1, embedding)
    laps = [clock.lap()]
    if isinstance(decoder, CaptionDecoder):
        attention, seen = decoder.attend(state.h, places)  # (1, places), (1, features)
        laps.append(clock.lap())
        gates = opened(decoder.cell, torch.cat([embedding, seen], dim=-1), state)
        laps.append(clock.lap())
        logits = decoder.logits(torch.cat([gates.h, seen], dim=-1))
    else:
        attention = None
        laps.append(0.0)
        gates = opened(decoder.cell, embedding, state)
        laps.append(clock.lap())
        logits = decoder.to_word(gates.h)
    log_p = logits[0].log_softmax(-1) + shut
    word = int(log_p.argmax())
    laps.append(clock.lap())
    return _Raw(given, word, log_p, None if attention is None else attention[0], embedding[0], gates), laps


def _step(raw: _Raw, vocabulary: Sequence[str], grid: tuple[int, int]) -> Step:
    def name(word: int) -> str:
        return SHOWN.get(word, vocabulary[word])

    p = raw.log_p.exp()
    best = p.topk(min(RUNNERS_UP + 1, len(p))).indices.tolist()
    others = [k for k in best if k != raw.word and p[k] > 0][:RUNNERS_UP]
    return Step(
        given=name(raw.given),
        word=name(raw.word),
        p=float(p[raw.word]),
        runners_up=tuple((name(k), float(p[k])) for k in others),
        attention=None if raw.attention is None else raw.attention.reshape(*grid).numpy(),
        embedding=raw.embedding.numpy(),
        gates={key: value[0].numpy() for key, value in raw.gates._asdict().items()},
    )


# The description


def _with_words(made: CaptionFigure, held: Held) -> Figure:
    """The encoder's figure with all of its cells in one stage, then the grid, then a column a word."""
    figure, decoder = made.figure, held.net.decoder
    small = strips.shrunk(made.picture, TILE)
    widest = max(float(np.abs(step.gates["c"]).max()) for step in made.steps)
    widest = max(widest, float(np.abs(made.start["c"]).max()))
    scales = {"i": (0.0, 1.0), "f": (0.0, 1.0), "o": (0.0, 1.0), "g": (-1.0, 1.0), "h": (-1.0, 1.0)}
    scales["c"] = (-widest, widest)

    def strip(name: str, values: np.ndarray) -> Strip:
        low, high = scales[name]
        rows = next(k for k in range(ROWS, 0, -1) if len(values) % k == 0)
        shown = np.round(255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
        return Strip(name, shown.reshape(rows, -1), low, high)

    line = figure.nodes[-1]
    first = line.column + 1
    lit = made.lengths - made.lengths.min()
    attends = made.entered is None
    nodes = [
        *figure.nodes,
        Node("grid", "grid of features", "grid", first, shape=line.shape, glance=(strips.lit(small, lit),)),
        Node(
            "start", "start state" if attends else "after the picture", "state", first + 1, LSTM, small=True,
            shape=made.start["h"].shape, parameters=_count(decoder.start_h, decoder.start_c) if attends else 0,
            strips=tuple(strip(name, made.start[name]) for name in "ifgoch" if name in made.start),
            also=() if attends else (ONCE,),
        ),
    ]  # fmt: skip
    edges = [*figure.edges, Edge(line.id, "grid")]
    if made.entered is None:
        edges.append(Edge("grid", "start", "look"))
    else:
        nodes.append(
            Node("picture", "the picture", "picture", first + 1, WORD_IN, small=True, shape=made.entered.shape,
                 parameters=_count(decoder.picture), also=(ONCE,))
        )  # fmt: skip
        edges += [Edge("grid", "picture", "look"), Edge("picture", "start")]
    for k, step in enumerate(made.steps):
        place = first + 2 + k
        before = f"lstm.{k - 1}" if k else "start"
        if step.attention is not None:
            nodes.append(
                Node(f"attention.{k}", "attention", "attention", place, ATTENTION, small=True,
                     shape=step.attention.shape, glance=(strips.lit(small, step.attention),), word=step.word)
            )  # fmt: skip
            edges += [
                Edge("grid", f"attention.{k}", "look"),
                Edge(before, f"attention.{k}"),  # what it looks for
                Edge(f"attention.{k}", f"lstm.{k}"),
            ]
        nodes += [
            Node(f"in.{k}", step.given, "word", place, WORD_IN, small=True, shape=step.embedding.shape,
                 word=step.word),
            Node(f"lstm.{k}", "LSTM", "lstm", place, LSTM, small=True, shape=step.gates["h"].shape, word=step.word,
                 strips=tuple(strip(name, step.gates[name]) for name in "ifgoch")),
            Node(f"out.{k}", step.word, "said", place, WORD_OUT, small=True, word=step.word, p=step.p,
                 shape=(decoder.embedding.num_embeddings,)),
        ]  # fmt: skip
        edges += [
            Edge(f"in.{k}", f"lstm.{k}"),
            Edge(before, f"lstm.{k}"),
            Edge(f"lstm.{k}", f"out.{k}"),
        ]
        if k:
            edges.append(Edge(f"out.{k - 1}", f"in.{k}"))
    lanes: tuple[Lane, ...] = (
        Lane(WORD_IN, "word in", _count(decoder.embedding)),
        Lane(LSTM, "LSTM", _count(decoder.cell)),
        Lane(WORD_OUT, "word out", _count(decoder.to_word) + (decoder.bias.numel() if attends else 0)),
    )
    if attends:
        looks = _count(decoder.key, decoder.query, decoder.energy, decoder.gate)
        lanes = (Lane(ATTENTION, "attention", looks), *lanes)
    cells = tuple(replace(cell, stage=0) for cell in figure.cells)
    stages = (Stage("encoder", len(cells), figure.stages[-1].shape),) if cells else ()
    total = sum(node.parameters for node in nodes) + sum(lane.parameters for lane in lanes)
    return replace(
        figure, nodes=tuple(nodes), edges=tuple(edges), cells=cells, stages=stages, lanes=lanes, parameters=total
    )


def _count(*modules: Any) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


# Times


def _pass(held: Held, blocks: list[Block], x: Any, grid: Any, words: list[int], silent: Sequence[int]) -> Pass:
    """Seconds of the encoder's blocks, of keys and start state, and a word's: (blocks + 2 + 4,)."""
    seconds = yield from timed(held.traced, blocks, x)
    unrolled = yield from _unroll(held.net.decoder, grid, words, silent)
    return [*seconds, *unrolled.once, *unrolled.each]


def _with_times(figure: Figure, seconds: np.ndarray, words: int, passes: int, threads: int) -> Figure:
    blocks, (keys, start), each = seconds[:-6], seconds[-6:-4], words * seconds[-4:]
    total = float(blocks.sum() + keys + start + each.sum())
    word_in, attention, lstm, word_out = each
    of = {ATTENTION: keys + attention, WORD_IN: word_in, LSTM: lstm, WORD_OUT: word_out}
    own = {node.id: float(took) for node, took in zip(figure.nodes, blocks, strict=False)}
    own |= {"start": float(start), "picture": float(keys)}
    nodes = tuple(replace(node, share=own[node.id] / total) if node.id in own else node for node in figure.nodes)
    lanes = tuple(replace(lane, share=float(of[lane.lane]) / total) for lane in figure.lanes)
    return replace(figure, nodes=nodes, lanes=lanes, pass_ms=1000 * total, passes=passes, threads=threads)
