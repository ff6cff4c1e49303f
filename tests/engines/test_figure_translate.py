"""The translator's figure: every number on it held against the network itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from app.engines import figure_translate
from app.engines.figure import Node, RecordFigure
from app.engines.figure_engine import FigureEngine
from app.engines.figure_translate import (
    GATES,
    RUNNERS_UP,
    HeldTranslator,
    RecordTranslation,
    TranslationFigure,
    decoder_layer,
    encoder_layer,
)
from app.store.catalog import Store
from app.store.errors import StoreError
from app.text.wordpieces import END, START, Wordpieces
from tests import translators
from tests.engines.steps import drain
from tests.translators import LAYERS, MODEL, PIECES, WIDTH

SENTENCE, TRANSLATION = "The dog runs.", "Der Hund läuft."


@pytest.fixture(scope="module")
def engine() -> Iterator[FigureEngine]:
    with pytest.MonkeyPatch.context() as patch:
        translators.install(patch)
        yield FigureEngine(Store())


@pytest.fixture(scope="module")
def request_() -> RecordTranslation:
    pieces = Wordpieces(translators.wordpieces())
    return RecordTranslation(MODEL, pieces.framed(pieces.encode(SENTENCE), "de"), tuple(pieces.encode(TRANSLATION)))


@pytest.fixture(scope="module")
def recorded(engine: FigureEngine, request_: RecordTranslation) -> tuple[TranslationFigure, TranslationFigure]:
    """Without times and with them."""
    (first,), done = drain(engine.handle(request_, None))  # type: ignore[arg-type]
    return first, done


@pytest.fixture(scope="module")
def drawn(recorded: tuple[TranslationFigure, TranslationFigure]) -> TranslationFigure:
    return recorded[1]


@pytest.fixture(scope="module")
def held(engine: FigureEngine, drawn: TranslationFigure) -> HeldTranslator:
    assert engine._translator is not None
    return engine._translator


def stepped(net: Any, source: list[int], said: list[int]) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """Memory, logits, attention and states at every piece, from the network's own step."""
    import torch

    logits, looks, states = [], [], []
    with torch.inference_mode():
        memory = net.encode(torch.tensor([source]))
        state = net.start(memory)
        for token in (START, *said[:-1]):
            scores, look, state = net.step(torch.tensor([token]), state, memory)
            logits.append(scores[0])
            looks.append(look[0])
            states.append(state)
    return memory, logits, looks, states


def test_every_number_is_what_the_network_computes(
    drawn: TranslationFigure, held: HeldTranslator, request_: RecordTranslation
) -> None:
    import torch

    source, said = list(request_.source), [*request_.said, END]
    memory, logits, looks, states = stepped(held.net, source, said)
    np.testing.assert_allclose(drawn.memory, memory.values[0], atol=1e-5)
    never = list(held.wordpieces.never)
    for t, piece in enumerate(said):
        np.testing.assert_allclose(drawn.attention[t], looks[t], atol=1e-5)
        for k in range(LAYERS):
            gates = drawn.layers[decoder_layer(k + 1)].gates
            np.testing.assert_allclose(gates["h"][t], states[t].h[k, 0], atol=1e-5)
            np.testing.assert_allclose(gates["c"][t], states[t].c[k, 0], atol=1e-4)
        p = logits[t].index_fill(0, torch.tensor(never), float("-inf")).softmax(-1)
        assert drawn.p[t] == pytest.approx(float(p[piece]), rel=1e-3)
        others = drawn.runners_up[t]
        assert len(others) == RUNNERS_UP
        assert [q for _, q in others] == sorted((q for _, q in others), reverse=True)
        assert drawn.said[t] not in {name for name, _ in others}
        assert max(drawn.p[t], others[0][1]) == pytest.approx(float(p.max()), rel=1e-3)


def test_the_gates_make_the_state_in_reading_order(drawn: TranslationFigure) -> None:
    for name, layer in drawn.layers.items():
        assert set(layer.gates) == set(GATES)
        backwards = name == encoder_layer(1, backwards=True)
        c = np.zeros(WIDTH, np.float32)
        for step in range(len(layer.out))[:: -1 if backwards else 1]:
            i, f, g, o, c_, h = (layer.gates[gate][step] for gate in GATES[:4] + "ch")
            np.testing.assert_allclose(c_, f * c + i * g, atol=1e-5)
            np.testing.assert_allclose(h, o * np.tanh(c_), atol=1e-5)
            c = c_


def test_from_the_third_layer_on_what_came_in_is_added(drawn: TranslationFigure) -> None:
    for name_of in (encoder_layer, decoder_layer):
        for k in range(2, LAYERS + 1):
            layer, below = drawn.layers[name_of(k)], drawn.layers[name_of(k - 1)]
            added = below.out if k > 2 else 0.0
            np.testing.assert_allclose(layer.out, layer.gates["h"] + added, atol=1e-5)
    np.testing.assert_allclose(drawn.layers[encoder_layer(LAYERS)].out, drawn.memory)


def test_pieces_stand_in_their_columns(drawn: TranslationFigure) -> None:
    assert drawn.read[0] == "⟨→ de⟩"
    assert drawn.read[-1] == drawn.said[-1] == "⟨end⟩"
    assert drawn.given == ("⟨start⟩", *drawn.said[:-1])
    nodes = {node.id: node for node in drawn.figure.nodes}
    for t, piece in enumerate(drawn.said):
        column = [n for n in drawn.figure.nodes if n.column == nodes[f"said:{t}"].column]
        assert {n.word for n in column} == {piece}
        assert len(column) == LAYERS + 3
        lanes = [n.lane for n in sorted(column, key=lambda n: n.lane)]
        assert lanes == list(range(LAYERS + 3))  # what is said on top, what goes in at the bottom
        assert nodes[f"said:{t}"].lane == 0
        assert nodes[f"said:{t}"].p == drawn.p[t]
        most = int(drawn.attention[t].argmax())
        assert nodes[f"attention:{t}"].title == drawn.read[most]
    assert len([n for n in drawn.figure.nodes if n.id.startswith("read:")]) == len(drawn.read)


def test_lines_are_those_of_the_paper(drawn: TranslationFigure) -> None:
    edges = {(edge.source, edge.target, edge.kind) for edge in drawn.figure.edges}
    assert len(edges) == len(drawn.figure.edges)
    assert ("encoder.1.forward:0", "encoder.1.forward:1", "flow") in edges
    assert ("encoder.1.backward:1", "encoder.1.backward:0", "flow") in edges
    assert {("encoder.1.forward:2", "encoder.2:2", "flow"), ("encoder.1.backward:2", "encoder.2:2", "flow")} <= edges
    residual = {(source, target) for source, target, kind in edges if kind == "bypass"}
    for stack, count in (("encoder", len(drawn.read)), ("decoder", len(drawn.said))):
        for k in range(1, LAYERS + 1):
            for place in range(count):
                pair = (f"{stack}.{k - 1}:{place}", f"{stack}.{k}:{place}")
                assert (pair in residual) == (k >= 3)
    for t in range(len(drawn.said)):
        assert ("attention:1", "decoder.2:1", "flow") in edges
        assert all((f"attention:{t}", f"decoder.{k}:{t}", "context") in edges for k in range(3, LAYERS + 1))
        assert ("memory", f"attention:{t}", "look") in edges
    assert ("said:0", "given:1", "again") in edges


def test_every_parameter_is_counted_once(drawn: TranslationFigure, held: HeldTranslator) -> None:
    assert drawn.figure.parameters == sum(p.numel() for p in held.net.parameters())


def test_times_come_later_and_add_up(recorded: tuple[TranslationFigure, TranslationFigure]) -> None:
    first, done = recorded
    assert all(node.share is None for node in first.figure.nodes)
    assert sum(node.share or 0.0 for node in done.figure.nodes) == pytest.approx(1.0, abs=1e-6)
    assert done.figure.pass_ms is not None
    assert done.figure.passes >= 3
    heads = [node for node in done.figure.nodes if node.kind == "layer"]
    assert all(node.share is not None for node in heads)


def test_the_second_sentence_is_not_measured_again(engine: FigureEngine, recorded: Any) -> None:
    pieces = Wordpieces(translators.wordpieces())
    short, said = pieces.framed(pieces.encode("Yes."), "de"), tuple(pieces.ids(("▁", "J")))
    partials, done = drain(engine.handle(RecordTranslation(MODEL, short, said), None))  # type: ignore[arg-type]
    assert partials == []
    assert done.figure.pass_ms < recorded[1].figure.pass_ms  # per piece
    assert len(done.said) == 3


def test_many_pieces_fold_the_layers_between(monkeypatch: pytest.MonkeyPatch, recorded: Any) -> None:
    import torch

    from app.nets.gnmt import GNMT

    torch.manual_seed(1)
    net = GNMT(PIECES, 16, 8).eval()
    card = Store().cards()[0]
    pieces = Wordpieces(translators.wordpieces())
    held = HeldTranslator(card, net, pieces)
    (space,) = pieces.ids("▁")
    read, said = pieces.framed([space] * 30, "de"), (space,) * 24
    _, whole = drain(figure_translate.record(held, RecordTranslation("x", read, said)))
    monkeypatch.setattr(figure_translate, "MOST_NODES", 300)
    _, folded = drain(figure_translate.record(held, RecordTranslation("x", read, said)))
    assert len(folded.figure.nodes) < 0.75 * len(whole.figure.nodes)
    by_id = {node.id: node for node in folded.figure.nodes}
    assert by_id["decoder.folded"].title == "decoder 4–7"
    assert folded.figure.parameters == whole.figure.parameters
    assert sum(node.share or 0.0 for node in folded.figure.nodes) == pytest.approx(1.0, abs=1e-6)
    assert {"encoder.3:0", "encoder.8:0"} <= by_id.keys()
    assert "encoder.4:0" not in by_id
    assert {edge.source for edge in folded.figure.edges} | {edge.target for edge in folded.figure.edges} <= by_id.keys()
    np.testing.assert_allclose(folded.attention, whole.attention, atol=1e-6)


@pytest.mark.parametrize("pass_hidden_state", [False, True])
def test_a_network_of_the_other_kind(pass_hidden_state: bool) -> None:
    """As the public ones are: fed with the context before, from the encoder's last states, nothing shared."""
    import torch

    from app.nets.gnmt import GNMT

    torch.manual_seed(2)
    net = GNMT(
        PIECES, 16, 4, input_feeding=True, pass_hidden_state=pass_hidden_state, share_embedding=False,
        classifier_bias=False,
    ).eval()  # fmt: skip
    pieces = Wordpieces(translators.wordpieces())
    held = HeldTranslator(Store().cards()[0], net, pieces)
    source, said = tuple(pieces.ids(("▁", "T", "h", "</s>"))), tuple(pieces.ids(("▁", "D")))
    _, drawn = drain(figure_translate.record(held, RecordTranslation("x", source, said)))
    memory, _, looks, states = stepped(net, list(source), [*said, END])
    np.testing.assert_allclose(drawn.memory, memory.values[0], atol=1e-6)
    for t in range(3):
        np.testing.assert_allclose(drawn.attention[t], looks[t], atol=1e-6)
        np.testing.assert_allclose(drawn.layers["decoder.4"].gates["h"][t], states[t].h[3, 0], atol=1e-6)
    assert drawn.figure.parameters == sum(p.numel() for p in net.parameters())
    assert any(e.source == "attention:0" and e.target == "decoder.1:1" for e in drawn.figure.edges)


def test_a_piece_that_it_does_not_know(engine: FigureEngine) -> None:
    for source, said in (((4, PIECES, END), ()), ((4, END), (5, PIECES)), ((), ())):
        with pytest.raises(StoreError, match="Not all of these are among GNMT's 400 wordpieces: translate"):
            drain(engine.handle(RecordTranslation(MODEL, source, said), None))  # type: ignore[arg-type]


def test_strips_are_what_the_layers_say(drawn: TranslationFigure) -> None:
    def strip_of(node: Node) -> np.ndarray:
        (strip,) = node.strips
        assert (strip.low, strip.high) == (-1.0, 1.0)
        return strip.values.reshape(-1)

    cells = [node for node in drawn.figure.nodes if node.kind == "cell"]
    assert cells
    for node in cells:
        layer, place = node.id.split(":")
        h = drawn.layers[layer].gates["h"][int(place)]
        np.testing.assert_allclose(strip_of(node) / 127.5 - 1, h, atol=1 / 127)
    lanes = sorted({node.lane for node in cells})
    assert all(b - a == 1 for a, b in pairwise(lanes))


def test_other_figures_and_this_one_make_room_for_each_other(engine: FigureEngine, request_: RecordTranslation) -> None:
    drain(engine.handle(request_, None))  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        drain(engine.handle(RecordFigure("no-such-network", None), None))  # type: ignore[arg-type]
    engine.close()
    assert engine._translator is None
