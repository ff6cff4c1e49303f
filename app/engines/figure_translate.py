"""A translator's figure: the GNMT unrolled over a sentence and its translation. Wu et al. 2016 (arXiv 1609.08144),
figure 1, with this very sentence's numbers.

A column is a wordpiece, a row a layer, the first at the bottom: on the left the encoder over the pieces that it reads,
on the right the decoder over those that it says. The pieces are those of a translation that is there already; each is
given to the network, which tells how probable it finds it, where it looks for it, and what goes on in its layers
meanwhile. The end of the translation is a piece, too.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.engines.figure import Edge, Figure, Node, Strip
from app.engines.recording import Clock, Pace, Pass, measure
from app.store.errors import StoreError
from app.text.wordpieces import END, START, shown

if TYPE_CHECKING:
    from app.nets.gnmt import GNMT, Memory
    from app.store.cards import Card
    from app.text.moses_bpe import MosesBpe
    from app.text.wordpieces import Wordpieces
    from app.worker import Steps

RUNNERS_UP = 9  # beside each piece
ROWS = 8  # of a strip: 256 units as 8 × 32
MOST_NODES = 1000  # beyond, layers that are like their neighbours are folded away
FOLDED_FROM = 4  # the first layer that is; the last layer is always drawn
GATES = "ifgoch"


@dataclass(frozen=True)
class RecordTranslation:
    """A translator's figure on a translation, by the ids of its wordpieces. `source`: all that the network reads;
    `said`: what it says, without start and end (`source_ids` of `app.engines.translate.Translated`, and `ids` of its
    translation). Partial: a `TranslationFigure` without times, where they are not known yet. Done: with them."""

    model: str
    source: tuple[int, ...]
    said: tuple[int, ...]


@dataclass(eq=False)
class HeldTranslator:
    """A translator that is looked at. `seconds` are those of one piece, and measured once."""

    card: Card
    net: Any  # app.nets.gnmt.GNMT
    wordpieces: Wordpieces | MosesBpe
    seconds: np.ndarray | None = None  # (parts,): medians over `passes`
    passes: int = 0


@dataclass(frozen=True, eq=False)
class Layer:
    """What one layer does over all pieces."""

    gates: dict[str, np.ndarray]  # i, f, g, o, c, h: (pieces, width) float32; h is what the LSTM says
    out: np.ndarray  # (pieces, width): what the next layer reads; with what came in, where a residual connection is


@dataclass(frozen=True, eq=False)
class TranslationFigure:
    figure: Figure
    read: tuple[str, ...]  # pieces of the source
    given: tuple[str, ...]  # the piece before each that is said: the start, then what was said
    said: tuple[str, ...]  # the end last
    p: tuple[float, ...]  # of each that is said
    runners_up: tuple[tuple[tuple[str, float], ...], ...]  # the most probable other pieces, best first
    layers: dict[str, Layer]  # by the name of its nodes: "encoder.1.forward" … "decoder.8"
    embedded: dict[str, np.ndarray]  # "read", "given": (pieces, width)
    memory: np.ndarray  # (read, width): the encoder's answer, which the attention looks at
    attention: np.ndarray  # (said, read), rows sum to 1


def record(held: HeldTranslator, request: RecordTranslation) -> Steps:
    """Raises StoreError where a wordpiece is none of the network's."""
    import torch

    source, said = list(request.source), [*request.said, END]
    _check(source, held.net.embedding.num_embeddings, held.card.name)
    _check(said, held.net.target_embedding.num_embeddings, held.card.name)
    unrolled = yield from _unroll(held, source, said)
    yield None
    made = _described(held, unrolled, source, said)
    if held.seconds is None:
        yield made
    seconds = yield from measure(held, lambda: _pass(held, source, said))
    counts = np.repeat([len(source), len(said)], len(seconds) // 2)  # both stacks have as many parts
    return replace(made, figure=_with_times(made.figure, seconds * counts, held.passes, torch.get_num_threads()))


def _check(ids: Sequence[int], count: int, name: str) -> None:
    if not ids or not all(0 <= k < count for k in ids):
        raise StoreError(f"Not all of these are among {name}'s {count:,} wordpieces: translate the sentence again.")


# The network, layer by layer


@dataclass(eq=False)
class _Unrolled:
    layers: dict[str, Layer]
    embedded: dict[str, np.ndarray]
    memory: np.ndarray
    attention: np.ndarray
    log_p: Any  # (said, vocabulary)
    seconds: list[float]  # of one piece: each part of the encoder, then each of the decoder


def _unroll(held: HeldTranslator, source: list[int], said: list[int]) -> Generator[None, None, _Unrolled]:
    import torch

    net, pace, clock = held.net, Pace(), Clock()
    layers: dict[str, Layer] = {}
    ends: list[dict[str, Any]] = []  # the last step of each encoder layer
    with torch.inference_mode():
        x = read = net.embedding(torch.tensor(source))  # (read, width)
    in_encoder = [clock.lap()]
    for k, lstm in enumerate(net.encoder):
        outs = []
        for end in ("", "_reverse") if k == 0 else ("",):
            steps, seconds = yield from _run(lstm, end, x, pace)
            name = encoder_layer(k + 1, backwards=bool(end))
            layers[name] = _layer(steps, [step["h"] for step in steps])
            outs.append(torch.from_numpy(layers[name].out))
            ends[k:] = [steps[0 if end else -1]]  # of the first layer the backward direction's
            in_encoder.append(seconds)
        x = outs[0] + x if k >= 2 else torch.cat(outs, dim=-1)
        if k >= 2:
            layers[name] = replace(layers[name], out=x.numpy())
    with torch.inference_mode():
        clock.lap()
        memory = _memory(net, x, ends)
        in_encoder.append(clock.lap())
        given = net.target_embedding(torch.tensor([START, *said[:-1]]))  # (said, width)
    spoken = yield from _speak(held, given, memory, pace)
    for k, (steps, outs) in enumerate(zip(spoken.steps, spoken.outs, strict=True)):
        layers[decoder_layer(k + 1)] = _layer(steps, outs)
    return _Unrolled(
        layers=layers,
        embedded={"read": read.numpy(), "given": given.numpy()},
        memory=x.numpy(),
        attention=torch.stack(spoken.looks).numpy(),
        log_p=torch.stack(spoken.log_p),
        seconds=[*(lap / len(source) for lap in in_encoder), *(lap / len(said) for lap in spoken.laps)],
    )


def _run(lstm: Any, end: str, x: Any, pace: Pace) -> Generator[None, None, tuple[list[dict[str, Any]], float]]:
    """One direction of an encoder's layer over all pieces: its steps, and the seconds that they took."""
    import torch

    clock = Clock()
    with torch.inference_mode():
        sums = _sums(lstm, end, x)  # (pieces, 4 · width)
        h = c = x.new_zeros(1, lstm.hidden_size)
    steps: list[dict[str, Any]] = [{} for _ in range(len(x))]
    seconds = clock.lap()
    for place in range(len(x))[:: -1 if end else 1]:
        with torch.inference_mode():
            steps[place] = _opened(lstm, end, sums[place : place + 1], h, c)
        h, c = steps[place]["h"], steps[place]["c"]
        seconds += clock.lap()
        if pace.due():
            yield None
            clock.lap()
    return steps, seconds


def _memory(net: GNMT, values: Any, ends: list[dict[str, Any]]) -> Memory:
    """What the decoder needs of the source. `values` (read, width)."""
    import torch

    from app.nets.gnmt import Memory

    state = None
    if net.pass_hidden_state:
        state = torch.stack([end["h"] for end in ends]), torch.stack([end["c"] for end in ends])
    return Memory(values[None], net.attention.key(values[None]), torch.ones(1, len(values), dtype=torch.bool), state)


@dataclass(eq=False)
class _Spoken:
    steps: list[list[dict[str, Any]]]  # a layer, a piece
    outs: list[list[Any]]  # the same: what the layer above reads, (1, width)
    looks: list[Any]  # a piece: (read,)
    log_p: list[Any]  # a piece: (vocabulary,)
    laps: np.ndarray  # seconds: embedding, first layer, attention, the other layers, output


def _speak(held: HeldTranslator, given: Any, memory: Memory, pace: Pace) -> Generator[None, None, _Spoken]:
    """The decoder over the pieces that go in, `given` (said, width): what `GNMT.step` does, part by part."""
    import torch

    net = held.net
    never = torch.zeros(held.wordpieces.size)
    never[list(held.wordpieces.never)] = float("-inf")
    with torch.inference_mode():
        start = net.start(memory)
    states = [(start.h[k], start.c[k]) for k in range(net.layers)]  # each (1, width)
    context, clock = start.context, Clock()
    spoken = _Spoken([[] for _ in states], [[] for _ in states], [], [], np.zeros(net.layers + 3))
    for t in range(len(given)):
        with torch.inference_mode():
            clock.lap()
            x = given[t : t + 1] + 0  # a copy, as a look-up makes one
            laps = [clock.lap()]
            for k, lstm in enumerate(net.decoder):
                below = torch.cat([x, context], dim=-1) if k > 0 or net.input_feeding else x
                step = _opened(lstm, "", _sums(lstm, "", below), *states[k])
                states[k] = (step["h"], step["c"])
                x = step["h"] + x if k >= 2 else step["h"]  # what came from below is added, never the context
                spoken.steps[k].append(step)
                spoken.outs[k].append(x)
                laps.append(clock.lap())
                if k == 0:
                    mixed, look = net.attention(x[None], memory)
                    context = mixed[0]
                    spoken.looks.append(look[0, 0])
                    laps.append(clock.lap())
            spoken.log_p.append((net.output(x)[0] + never).log_softmax(-1))
            laps.append(clock.lap())
        spoken.laps += laps
        if pace.due():
            yield None
    return spoken


def _sums(lstm: Any, end: str, x: Any) -> Any:
    """What of the gates' sums comes from the input: (n, 4 · width)."""
    from torch.nn import functional as F

    bias = getattr(lstm, f"bias_ih_l0{end}") + getattr(lstm, f"bias_hh_l0{end}")
    return F.linear(x, getattr(lstm, f"weight_ih_l0{end}"), bias)


def _opened(lstm: Any, end: str, sums: Any, h: Any, c: Any) -> dict[str, Any]:
    """One step of an LSTM with its gates; all (1, width)."""
    import torch
    from torch.nn import functional as F

    i, f, g, o = (sums + F.linear(h, getattr(lstm, f"weight_hh_l0{end}"))).chunk(4, dim=-1)  # torch's order
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    c = f * c + i * g
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * torch.tanh(c)}


def _layer(steps: list[dict[str, Any]], outs: list[Any]) -> Layer:
    import torch

    gates = {name: torch.cat([step[name] for step in steps]).numpy() for name in GATES}
    return Layer(gates, torch.cat(outs).numpy())


def _pass(held: HeldTranslator, source: list[int], said: list[int]) -> Pass:
    unrolled = yield from _unroll(held, source, said)
    return unrolled.seconds


# The description


def encoder_layer(number: int, backwards: bool = False) -> str:
    return f"encoder.{number}" if number > 1 else "encoder.1.backward" if backwards else "encoder.1.forward"


def decoder_layer(number: int) -> str:
    return f"decoder.{number}"


def _described(held: HeldTranslator, unrolled: _Unrolled, source: list[int], said: list[int]) -> TranslationFigure:
    read = tuple(map(shown, held.wordpieces.read(source)))
    given = tuple(map(shown, held.wordpieces.pieces([START, *said[:-1]])))
    p = unrolled.log_p.exp()
    best = p.topk(min(RUNNERS_UP + 1, p.shape[1])).indices.tolist()
    others = []
    for row, piece in enumerate(said):
        places = [k for k in best[row] if k != piece and p[row, k] > 0][:RUNNERS_UP]
        before = said[row - 1] if row else START  # which tells whether a piece begins a word
        names = (shown(held.wordpieces.pieces([before, k])[-1]) for k in places)
        others.append(tuple((name, float(p[row, k])) for name, k in zip(names, places, strict=True)))
    made = TranslationFigure(
        figure=Figure(held.card.id, held.card.name, (), (), (), (), 0, of_picture=True),
        read=read,
        given=given,
        said=(*given[1:], shown("</s>")),
        p=tuple(float(p[row, piece]) for row, piece in enumerate(said)),
        runners_up=tuple(others),
        layers=unrolled.layers,
        embedded=unrolled.embedded,
        memory=unrolled.memory,
        attention=unrolled.attention,
    )
    nodes, edges = _Sheet(made, held.net).drawn()
    parameters = sum(node.parameters for node in nodes)
    figure = replace(made.figure, nodes=tuple(nodes), edges=tuple(edges), parameters=parameters)
    return replace(made, figure=figure)


class _Sheet:
    """Where everything lies. Rows count from the bottom: pieces in, the first layer (in the encoder its two directions,
    in the decoder the layer and the attention that it asks), the other layers, pieces out. At the head of each row lies
    the layer itself, with what is the same at every piece."""

    def __init__(self, made: TranslationFigure, net: GNMT) -> None:
        self._made, self._net = made, net
        self._read, self._said = len(made.read), len(made.said)
        layers = net.layers
        many = (layers + 2) * self._read + (layers + 3) * self._said > MOST_NODES
        self._folded = range(FOLDED_FROM, layers) if many else range(0)
        drawn = [k for k in range(2, layers + 1) if k not in self._folded or k == self._folded[0]]
        self._row = {k: 3 + place for place, k in enumerate(drawn)}  # of the layers from the second on
        self._layers = [k for k in drawn if k not in self._folded]
        self._top = 3 + len(drawn)
        self._nodes: list[Node] = []
        self._edges: list[Edge] = []

    def drawn(self) -> tuple[list[Node], list[Edge]]:
        self._heads("encoder", 0)
        for j, piece in enumerate(self._made.read):
            self._encoder_column(j, piece)
        width = self._made.memory.shape
        self._nodes.append(
            Node("memory", "memory", "memory", self._read + 1, self._lane(2), small=True, shape=tuple(width))
        )
        self._heads("decoder", self._read + 2)
        for t, piece in enumerate(self._made.said):
            self._decoder_column(t, piece)
        return self._nodes, self._edges

    def _lane(self, row: int) -> int:
        return self._top - row

    def _heads(self, stack: str, column: int) -> None:
        net, width = self._net, self._net.width
        lstms: Any = net.encoder if stack == "encoder" else net.decoder

        def head(name: str, title: str, row: int, parameters: int, shape: tuple[int, ...] = (width,)) -> None:
            self._nodes.append(
                Node(
                    name,
                    title,
                    "layer",
                    column,
                    self._lane(row),
                    small=True,
                    shape=shape,
                    parameters=parameters,
                    has_maps=name != "output",
                )
            )

        shared = net.target_embedding is net.embedding
        if stack == "encoder":
            head("embedding.read", "embedding", 0, net.embedding.weight.numel())
            each = _count(lstms[0]) // 2
            head(encoder_layer(1), "encoder 1 →", 1, each)
            head(encoder_layer(1, backwards=True), "encoder 1 ←", 2, each)
        else:
            head("embedding.given", "embedding", 0, 0 if shared else net.target_embedding.weight.numel())
            head(decoder_layer(1), "decoder 1", 1, _count(lstms[0]))
            head("attention", "attention", 2, _count(net.attention), (self._said, self._read))
            tied = net.output.weight is net.embedding.weight
            bias = net.output.bias.numel() if net.output.bias is not None else 0
            head("output", "output", self._top, bias + (0 if tied else net.output.weight.numel()),
                 (net.output.weight.shape[0],))  # fmt: skip
        for k in self._layers:
            head(f"{stack}.{k}", f"{stack} {k}", self._row[k], _count(lstms[k - 1]))
        if self._folded:
            first, last = self._folded[0], self._folded[-1]
            title = f"{stack} {first}" if first == last else f"{stack} {first}–{last}"
            parameters = sum(_count(lstms[k - 1]) for k in self._folded)
            node = Node(f"{stack}.folded", title, "layer", column, self._lane(self._row[first]), small=True,
                        shape=(width,), parameters=parameters, also=("folded: like the layers around",),
                        has_maps=False)  # fmt: skip
            self._nodes.append(node)

    def _cell(self, layer: str, title: str, place: int, column: int, row: int, word: str) -> str:
        values = self._made.layers[layer].gates["h"][place]
        rows = next(k for k in range(ROWS, 0, -1) if len(values) % k == 0)
        strip = Strip(
            "", np.round(127.5 + 127.5 * np.clip(values, -1, 1)).astype(np.uint8).reshape(rows, -1), -1.0, 1.0
        )
        node = Node(f"{layer}:{place}", title, "cell", column, self._lane(row), small=True, shape=values.shape,
                    word=word, strips=(strip,))  # fmt: skip
        self._nodes.append(node)
        return node.id

    def _join(self, source: str, target: str, kind: str = "flow") -> None:
        self._edges.append(Edge(source, target, kind))

    def _encoder_column(self, j: int, piece: str) -> None:
        column, width = 1 + j, (self._net.width,)
        below = f"read:{j}"
        self._nodes.append(Node(below, piece, "piece", column, self._lane(0), small=True, shape=width, word=piece))
        forward, backward = encoder_layer(1), encoder_layer(1, backwards=True)
        one = self._cell(forward, "encoder 1 →", j, column, 1, piece)
        other = self._cell(backward, "encoder 1 ←", j, column, 2, piece)
        self._join(below, one)
        self._join(below, other, "aside")
        if j:
            self._join(f"{forward}:{j - 1}", one)
            self._join(other, f"{backward}:{j - 1}")
        before, drawn = other, one
        for k in self._layers:
            layer = encoder_layer(k)
            here = self._cell(layer, f"encoder {k}", j, column, self._row[k], piece)
            self._join(before, here, "flow" if k == 2 or k - 1 in self._layers else "folded")
            if k == 2:
                self._join(drawn, here)
            elif k - 1 in self._layers:
                self._join(before, here, "bypass")
            if j:
                self._join(f"{layer}:{j - 1}", here)
            before = here
        self._join(before, "memory", "gather")

    def _decoder_column(self, t: int, piece: str) -> None:
        made = self._made
        column, width = self._read + 3 + t, (self._net.width,)
        look = made.attention[t]
        most = int(look.argmax())
        below, looks, out = f"given:{t}", f"attention:{t}", f"said:{t}"
        self._nodes.append(
            Node(below, made.given[t], "piece", column, self._lane(0), small=True, shape=width, word=piece)
        )
        first = self._cell(decoder_layer(1), "decoder 1", t, column, 1, piece)
        self._nodes.append(
            Node(looks, made.read[most], "looking", column, self._lane(2), small=True, shape=look.shape, word=piece,
                 p=float(look[most]))
        )  # fmt: skip
        self._join(below, first)
        self._join(first, looks)
        self._join("memory", looks, "look")
        if t:
            self._join(f"said:{t - 1}", below, "again")
            self._join(f"{decoder_layer(1)}:{t - 1}", first)
            if self._net.input_feeding:
                self._join(f"attention:{t - 1}", first)
        before = first
        for k in self._layers:
            layer = decoder_layer(k)
            here = self._cell(layer, f"decoder {k}", t, column, self._row[k], piece)
            self._join(before, here, "flow" if k == 2 or k - 1 in self._layers else "folded")
            if k == 2:
                self._join(looks, here)
            else:
                self._join(looks, here, "context")
                if k - 1 in self._layers:
                    self._join(before, here, "bypass")
            if t:
                self._join(f"{layer}:{t - 1}", here)
            before = here
        self._nodes.append(
            Node(out, piece, "says", column, self._lane(self._top), small=True, word=piece, p=made.p[t],
                 shape=(self._net.output.weight.shape[0],))
        )  # fmt: skip
        self._join(before, out)


def _count(module: Any) -> int:
    return sum(p.numel() for p in module.parameters())


def _with_times(figure: Figure, seconds: np.ndarray, passes: int, threads: int) -> Figure:
    """`seconds`: each part's over all pieces, in the encoder embedding, layer 1 forwards and backwards, the others,
    memory; in the decoder embedding, layer 1, attention, the others, output."""
    total = float(seconds.sum())
    half = len(seconds) // 2
    layers = range(2, half - 2)  # each stack has layers + 3 parts
    names = ["embedding.read", encoder_layer(1), encoder_layer(1, backwards=True)]
    names += [*map(encoder_layer, layers), "memory", "embedding.given", decoder_layer(1), "attention"]
    names += [*map(decoder_layer, layers), "output"]
    of = dict(zip(names, seconds, strict=True))
    drawn = {node.id for node in figure.nodes}
    for stack in ("encoder", "decoder"):
        of[f"{stack}.folded"] = sum(of[f"{stack}.{k}"] for k in layers if f"{stack}.{k}" not in drawn)
    nodes = tuple(replace(n, share=float(of[n.id]) / total) if n.id in of else n for n in figure.nodes)
    return replace(figure, nodes=nodes, pass_ms=1000 * total, passes=passes, threads=threads)
