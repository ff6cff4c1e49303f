"""The captioner's figure: every number on it held against the network itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from app.engines.figure import Maps, Node, ShowMaps
from app.engines.figure_caption import LONGEST, RUNNERS_UP, CaptionFigure, RecordCaption
from app.engines.figure_engine import FigureEngine
from app.media.pictures import Picture
from app.store.catalog import Store
from app.store.errors import StoreError
from tests import captioners
from tests.captioners import MODEL, WORDS
from tests.engines.steps import drain

SENTENCE = ("a", "dog", "runs", "in", "the", "snow")


@pytest.fixture(scope="module")
def engine() -> Iterator[FigureEngine]:
    with pytest.MonkeyPatch.context() as patch:
        captioners.install(patch)
        yield FigureEngine(Store())


@pytest.fixture(scope="module")
def picture() -> Picture:
    from app.media import pictures
    from app.store.locate import bundled

    return pictures.decode(bundled("assets") / "samples" / "coffee.jpg", at_least=224)


def record(engine: FigureEngine, picture: Any, words: tuple[str, ...] | None) -> tuple[list[Any], CaptionFigure]:
    return drain(engine.handle(RecordCaption(MODEL, picture, words), None))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def recorded(engine: FigureEngine, picture: Picture) -> tuple[CaptionFigure, CaptionFigure]:
    """Of `SENTENCE`, without times and with them."""
    (first,), done = record(engine, picture, SENTENCE)
    return first, done


@pytest.fixture(scope="module")
def drawn(recorded: tuple[CaptionFigure, CaptionFigure]) -> CaptionFigure:
    return recorded[1]


@pytest.fixture(scope="module")
def net(engine: FigureEngine, drawn: CaptionFigure) -> Any:
    assert engine._held is not None
    return engine._held.net


@pytest.fixture(scope="module")
def spoken(net: Any, picture: Picture) -> list[tuple[Any, Any, Any]]:
    """Logits, attention and state at every word, from the network's own step."""
    import torch

    from app.media import inputs
    from app.store.vocabulary import START

    x = torch.from_numpy(inputs.tensor(picture, captioners.SQUEEZED))[None]
    found = []
    with torch.inference_mode():
        places = net.look(x)
        state = net.decoder.start(places)
        for word in (START, *(WORDS.index(word) for word in SENTENCE)):
            logits, attention, state = net.decoder.step(torch.tensor([word]), state, places)
            found.append((logits[0], attention[0], state))
    return found


def test_every_word_is_what_the_network_makes_of_it(drawn: CaptionFigure, spoken: list[Any]) -> None:
    assert [step.given for step in drawn.steps] == ["⟨start⟩", *SENTENCE]
    assert [step.word for step in drawn.steps] == [*SENTENCE, "⟨end⟩"]
    for step, word, (logits, attention, state) in zip(drawn.steps, (*SENTENCE, "<end>"), spoken, strict=True):
        p = logits.softmax(-1)
        assert step.p == pytest.approx(float(p[WORDS.index(word)]), rel=1e-3)
        np.testing.assert_allclose(step.attention, attention.reshape(7, 7), atol=1e-5)
        assert float(step.attention.sum()) == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(step.gates["h"], state.h[0], atol=1e-4)
        np.testing.assert_allclose(step.gates["c"], state.c[0], atol=1e-4)


def test_the_gates_make_the_state(drawn: CaptionFigure) -> None:
    c = drawn.start["c"]
    for step in drawn.steps:
        gates = step.gates
        assert all(gates[name].min() >= 0 and gates[name].max() <= 1 for name in "ifo")
        np.testing.assert_allclose(gates["c"], gates["f"] * c + gates["i"] * gates["g"], atol=1e-5)
        np.testing.assert_allclose(gates["h"], gates["o"] * np.tanh(gates["c"]), atol=1e-5)
        c = gates["c"]


def test_runners_up_are_the_most_probable_other_words(drawn: CaptionFigure, spoken: list[Any]) -> None:
    for step, (logits, _, _) in zip(drawn.steps, spoken, strict=True):
        p = logits.softmax(-1)
        shown = {"⟨end⟩": "<end>"}
        assert len(step.runners_up) == RUNNERS_UP
        for word, found in step.runners_up:
            assert word != step.word
            assert word not in ("<pad>", "<unknown>", "⟨start⟩")
            assert found == pytest.approx(float(p[WORDS.index(shown.get(word, word))]), rel=1e-3)
        found = [p for _, p in step.runners_up]
        assert found == sorted(found, reverse=True)
        best = max(range(3, len(WORDS)), key=lambda k: float(p[k]))
        assert WORDS[best] in {shown.get(word, word) for word in (step.word, step.runners_up[0][0])}


def test_every_parameter_is_counted_once(drawn: CaptionFigure, net: Any) -> None:
    figure = drawn.figure
    assert figure.parameters == sum(p.numel() for p in net.parameters())
    counted = sum(node.parameters for node in figure.nodes) + sum(lane.parameters for lane in figure.lanes)
    assert counted == figure.parameters


def test_times_share_one_pass(recorded: tuple[CaptionFigure, CaptionFigure]) -> None:
    first, done = recorded
    assert first.figure.pass_ms is None
    assert {lane.share for lane in first.figure.lanes} == {None}
    shares = [node.share for node in done.figure.nodes] + [lane.share for lane in done.figure.lanes]
    assert sum(share or 0.0 for share in shares) == pytest.approx(1.0)
    assert done.figure.pass_ms is not None
    assert done.figure.pass_ms > 0
    assert done.figure.passes >= 3


def test_another_caption_is_not_measured_again(engine: FigureEngine, drawn: CaptionFigure, picture: Picture) -> None:
    partials, short = record(engine, picture, ("a",))
    assert partials == []
    assert [step.word for step in short.steps] == ["a", "⟨end⟩"]
    assert short.figure.pass_ms is not None
    assert drawn.figure.pass_ms is not None
    assert short.figure.pass_ms < drawn.figure.pass_ms  # fewer words


def test_a_column_a_word(drawn: CaptionFigure) -> None:
    figure = drawn.figure
    grid = [node for node in figure.nodes if node.small and node.lane > 0]
    columns = sorted({node.column for node in grid})
    assert len(columns) == 1 + len(drawn.steps)  # the start state before them
    for k in range(len(drawn.steps)):
        nodes = [figure.node(f"{name}.{k}") for name in ("attention", "in", "lstm", "out")]
        assert {node.column for node in nodes} == {columns[k + 1]}
        assert [node.lane for node in nodes] == [lane.lane for lane in figure.lanes]
        assert nodes[3].p == drawn.steps[k].p
        assert [strip.name for strip in nodes[2].strips] == list("ifgoch")
    looks = [edge.target for edge in figure.edges if edge.kind == "look"]
    assert looks == ["start", *(f"attention.{k}" for k in range(len(drawn.steps)))]
    known = {node.id for node in figure.nodes}
    assert all({edge.source, edge.target} <= known for edge in figure.edges)


def test_strips_hold_every_unit_on_one_scale(drawn: CaptionFigure) -> None:
    scales: dict[str, set[tuple[float, float]]] = {}
    for k, step in enumerate(drawn.steps):
        for strip in drawn.figure.node(f"lstm.{k}").strips:
            values = step.gates[strip.name]
            assert strip.values.size == len(values)
            restored = strip.low + (strip.high - strip.low) * strip.values.reshape(-1) / 255
            np.testing.assert_allclose(restored, values, atol=0.51 * (strip.high - strip.low) / 255)
            scales.setdefault(strip.name, set()).add((strip.low, strip.high))
    assert {name: len(found) for name, found in scales.items()} == dict.fromkeys("ifgoch", 1)


def encoder(drawn: CaptionFigure) -> list[Node]:
    return [node for node in drawn.figure.nodes if not node.small and node.kind != "grid"]


def test_the_encoder_is_in_it_and_folds_as_one(drawn: CaptionFigure) -> None:
    figure = drawn.figure
    assert [stage.cells for stage in figure.stages] == [16]
    assert encoder(drawn)[0].kind == "input"
    assert encoder(drawn)[-1].path == "head.conv"
    assert encoder(drawn)[-1].shape == figure.node("grid").shape == (1280, 7, 7)
    assert figure.of_picture


def test_a_block_shows_its_maps(engine: FigureEngine, drawn: CaptionFigure, net: Any, picture: Picture) -> None:
    import torch

    from app.media import inputs

    last = encoder(drawn)[-1]
    _, maps = drain(engine.handle(ShowMaps(MODEL, last.id, picture, 4), None))  # type: ignore[arg-type]
    assert isinstance(maps, Maps)
    with torch.inference_mode():
        x = torch.from_numpy(inputs.tensor(picture, captioners.SQUEEZED))[None]
        wanted = net.encoder.features(x)[0].numpy()
    assert maps.shape == (1280, 7, 7)
    assert maps.names == ()
    for k, channel in enumerate(maps.channels):
        assert maps.high[k] == pytest.approx(wanted[channel].max(), rel=1e-3, abs=1e-4)
    np.testing.assert_allclose(drawn.lengths, np.linalg.norm(wanted, axis=0), rtol=1e-3)


def test_without_a_sentence_it_says_its_own(engine: FigureEngine, picture: Picture) -> None:
    _, own = record(engine, picture, None)
    assert own.steps[-1].word == "⟨end⟩"
    assert len(own.steps) <= LONGEST + 1
    for step in own.steps[:-1]:
        assert step.p >= step.runners_up[0][1]
    _, again = record(engine, picture, tuple(step.word for step in own.steps[:-1]))
    assert [step.p for step in again.steps] == pytest.approx([step.p for step in own.steps], rel=1e-4)


def test_a_frame_is_as_good_as_a_picture(engine: FigureEngine, drawn: CaptionFigure, picture: Picture) -> None:
    _, live = record(engine, np.ascontiguousarray(picture.pixels[..., ::-1]), SENTENCE)
    assert [step.p for step in live.steps] == pytest.approx([step.p for step in drawn.steps], rel=1e-4)
    assert (live.picture == drawn.picture).all()
    height, width = picture.pixels.shape[:2]
    assert live.picture.shape[1] / live.picture.shape[0] == pytest.approx(width / height, rel=0.02)  # not squeezed


def test_an_unknown_word_is_a_sentence(engine: FigureEngine, picture: Picture) -> None:
    with pytest.raises(StoreError, match="“zebra” is none of the words that Captioner knows") as caught:
        record(engine, picture, ("a", "zebra"))
    assert engine.explain(caught.value) == str(caught.value)
    with pytest.raises(StoreError, match="none of the words"):
        record(engine, picture, ("<pad>",))


def test_nothing_stays_behind_in_the_network(net: Any) -> None:
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
