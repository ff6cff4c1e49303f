"""A converted Show and Tell, at small size: from TensorFlow's own checkpoint through the store and both runtimes to the
engine, which says what TensorFlow says (tests/store/data/make_checkpoints.py)."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engines.caption import CaptionEngine, CaptionError, Describe, Light, ShowLight
from app.engines.figure_caption import RecordCaption
from app.engines.figure_engine import FigureEngine
from app.engines.models import ReleaseModel
from app.media import inputs
from app.media.preprocess import Preprocessing, apply, seen_box
from app.runtimes import captioner, devices
from app.runtimes.openvino_captioner import OpenVinoCaptioner
from app.runtimes.torch_captioner import TorchCaptioner
from app.store import convert, locate
from app.store.cards import Card, Measurement, check, write_card
from app.store.catalog import Store
from app.store.errors import CardError
from app.worker import Ticket
from tests.engines import steps
from tests.store.test_convert import SHOW, expected, show_texts

MODEL = "show-and-tell-small"
PREPROCESSING = Preprocessing(crop=299, mean=(0.5,) * 3, deviation=(0.5,) * 3, squeeze=True)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("converted") / "show"
    convert.convert(SHOW, file, show_texts(), kind="half")
    return file


@pytest.fixture
def store(converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(locate.HOME_VARIABLE, str(tmp_path / "home"))
    store = Store()
    folder = locate.writable(store.folders.models)
    file = folder / f"{MODEL}.safetensors"
    file.write_bytes(converted.read_bytes())
    card = Card(
        id=MODEL,
        name="Show and Tell (small)",
        year=2015,
        task="caption",
        architecture="show-and-tell",
        origin="imported",
        file=file.name,
        licence="none: random weights for tests",
        terms="Nothing was learnt.",
        limits="Says words at random.",
        summary="A captioner for tests.",
        size=file.stat().st_size,
        labels="",
        preprocessing=PREPROCESSING,
        measured=(Measurement("nothing", None, None, "nowhere", (("CIDEr", 0.0),)),),
    )
    write_card(card, folder / f"{MODEL}.toml")
    return store


def exactly(network: OpenVinoCaptioner, model: Any) -> Any:
    """Compiled in float32: what bfloat16 does to numbers can't be told from mistakes."""
    return network._openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_the_engine_says_what_tensorflow_says(runtime: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenVinoCaptioner, "_compile", exactly)
    if runtime == "torch":
        monkeypatch.setattr(captioner, "fastest", lambda card, device, openvino, torch: torch())
    assert store.verify(MODEL).ok
    engine = CaptionEngine(store, "cpu")
    kept = expected("show_and_tell")
    words = [line.split()[0] for line in show_texts()[convert.WORDS].decode().splitlines()]
    for k, small in enumerate(kept["pictures"][:3]):
        frame = np.repeat(np.repeat(small, 13, 0), 13, 1)[..., ::-1]  # (299, 299, 3), BGR as frames are
        described = drain(engine.handle(Describe(np.ascontiguousarray(frame), MODEL, beam=3), Ticket("caption")))
        assert described.runtime == runtime
        for caption, ids, log_p in zip(described.captions, kept[f"captions {k}"], kept[f"log_p {k}"], strict=True):
            assert [word.text for word in caption.words] == [words[int(i)] for i in ids[1:] if i > 2 or i == 0]
            assert caption.logprob == pytest.approx(float(log_p), abs=1e-4)
            assert math.prod(word.p for word in caption.words) >= math.exp(caption.logprob)
            assert all(word.attention is None and len(word.runners_up) == 5 for word in caption.words)
            assert caption.text[0].isupper()
            assert " ." not in caption.text
            assert not any(other.startswith("<") for word in caption.words for other, _ in word.runners_up)


def drain(steps: Generator[Any, None, Any]) -> Any:
    def answer() -> Generator[Any, None, None]:
        found.append((yield from steps))

    found: list[Any] = []
    for _ in answer():
        pass
    return found[0]


def test_both_runtimes_without_attention(store: Store) -> None:
    networks = [TorchCaptioner(store.card(MODEL), store, devices.cpu())]
    networks += [captioner.load(store.card(MODEL), store, devices.cpu()) for _ in range(2)]  # also kept
    for network in networks:
        assert network.grid is None
        looked = network.look(np.zeros((3, 3, 299, 299), np.float32))
        offers = looked.advance([2] * 3, [0, 1, 2], [0, 1, 2], 7)
        assert [row[0] for row in offers.tokens] == [7, 7, 7]
        assert offers.attention is None
        assert looked.features.shape == (3, 128)


def test_a_square_out_of_which_the_middle_is_cut() -> None:
    """346 pixels, of which 299 are seen, from the 23rd on: as TensorFlow cuts them."""
    wide = Preprocessing(crop=299, squeeze=True, squeezed=346)
    assert seen_box(692, 346, wide) == (46, 23, 598, 299)
    picture = np.random.default_rng(1).integers(0, 256, (346, 346, 3), np.uint8)
    plain = Preprocessing(crop=299, squeeze=True)
    assert np.array_equal(apply(picture, wide), apply(np.ascontiguousarray(picture[23:322, 23:322]), plain))


def test_such_a_square_in_a_card(store: Store) -> None:
    from dataclasses import replace

    card = store.card(MODEL)
    for wrong in (
        Preprocessing(crop=299, squeeze=True, squeezed=298),
        Preprocessing(resize=346, crop=299, squeezed=346),
    ):
        with pytest.raises(CardError, match="must be a square that the crop fits into"):
            check(replace(card, preprocessing=wrong), "The card")


def a_frame() -> np.ndarray:
    """(299, 299, 3), BGR as frames are."""
    small = expected("show_and_tell")["pictures"][0]
    return np.ascontiguousarray(np.repeat(np.repeat(small, 13, 0), 13, 1)[..., ::-1])


def test_its_figure_has_the_picture_in_a_words_place(store: Store) -> None:
    """Every number held against the network itself; there is no attention, and nothing stands in its place."""
    import torch

    frame = a_frame()
    vocabulary = store.vocabulary(store.card(MODEL))
    said = vocabulary[4:7]
    engine = FigureEngine(store)
    (first,), drawn = steps.drain(engine.handle(RecordCaption(MODEL, frame, said), None))  # type: ignore[arg-type]
    assert first.figure.pass_ms is None
    figure, net = drawn.figure, engine._held.net  # type: ignore[union-attr]
    assert figure.parameters == sum(p.numel() for p in net.parameters())
    shares = [node.share for node in figure.nodes] + [lane.share for lane in figure.lanes]
    assert sum(share or 0.0 for share in shares) == pytest.approx(1.0)
    assert [lane.title for lane in figure.lanes] == ["word in", "LSTM", "word out"]
    assert not [node for node in figure.nodes if node.kind == "attention"]
    assert {(e.source, e.target) for e in figure.edges} >= {
        ("grid", "picture"),
        ("picture", "start"),
        ("start", "lstm.0"),
    }
    assert not [edge for edge in figure.edges if edge.kind == "look" and edge.target != "picture"]
    assert "attention came later" in figure.node("picture").also[0]
    known = {node.id for node in figure.nodes}
    assert all({edge.source, edge.target} <= known for edge in figure.edges)
    with torch.inference_mode():
        places = net.look(torch.from_numpy(inputs.tensor(frame, PREPROCESSING))[None])
        state = net.decoder.start(places)
        np.testing.assert_allclose(drawn.entered, places.keys[0, 0], atol=1e-5)
        np.testing.assert_allclose(drawn.start["h"], state.h[0], atol=1e-5)
        np.testing.assert_allclose(drawn.start["c"], state.c[0], atol=1e-5)
        assert set(drawn.start) == set("ifgoch")
        assert [step.word for step in drawn.steps] == [*said, "⟨end⟩"]
        for step, given, word in zip(drawn.steps, (2, 4, 5, 6), (4, 5, 6, 3), strict=True):
            logits, _, state = net.decoder.step(torch.tensor([given]), state, places)
            assert step.p == pytest.approx(float(logits[0].softmax(-1)[word]), rel=1e-3)
            np.testing.assert_allclose(step.gates["h"], state.h[0], atol=1e-5)
            assert step.attention is None
            assert not any(other.startswith("<") for other, _ in step.runners_up)
    _, own = steps.drain(engine.handle(RecordCaption(MODEL, frame), None))  # type: ignore[arg-type]
    assert len(own.steps) > 1


def test_branches_of_its_encoder_lie_side_by_side(store: Store) -> None:
    _, drawn = steps.drain(FigureEngine(store).handle(RecordCaption(MODEL, a_frame(), ()), None))  # type: ignore[arg-type]
    figure = drawn.figure
    assert [stage.cells for stage in figure.stages] == [11]
    assert {cell.kind for cell in figure.cells} == {f"Inception{letter}" for letter in "ABCDE"}
    joined = [node for node in figure.nodes if node.title == "side by side"]
    assert len(joined) == 11
    last = figure.node(joined[-1].id)
    assert last.shape == figure.node("grid").shape == (128, 8, 8)
    into = [edge.kind for edge in figure.edges if edge.target == last.id]
    assert sorted(into) == ["beside"] * 5 + ["flow"]
    assert "3 × 3 average pool" in {node.title for node in figure.nodes}


def test_only_what_it_sees_is_drawn(store: Store) -> None:
    """Where the middle is cut out of a square, maps lie on that part of the picture."""
    from dataclasses import replace

    card = store.card(MODEL)
    write_card(
        replace(card, preprocessing=replace(PREPROCESSING, squeezed=346)),
        store.folders.models / f"{MODEL}.toml",
    )
    picture = np.random.default_rng(1).integers(0, 256, (346, 173, 3), np.uint8)
    _, drawn = steps.drain(FigureEngine(store).handle(RecordCaption(MODEL, picture, ()), None))  # type: ignore[arg-type]
    assert np.array_equal(drawn.picture, picture[23:322, 12:162, ::-1])


def test_what_speaks_for_a_word(store: Store) -> None:
    """Held against the log-probability itself, as it changes where one place of the grid is made a little stronger."""
    import torch

    frame, said = a_frame(), store.vocabulary(store.card(MODEL))[4:7]
    engine = CaptionEngine(store, "cpu")
    found = drain(engine.handle(ShowLight(frame, MODEL, said), Ticket("caption")))
    assert isinstance(found, Light)
    assert found.box == (0.0, 0.0, 299.0, 299.0)
    assert [one.shape for one in found.maps] == [(8, 8)] * 3
    net = engine._modules[MODEL].double()
    given, places = torch.tensor([[2, 4, 5]]).expand(65, -1), torch.arange(64)
    with torch.no_grad():
        grid = net.encoder.features(torch.from_numpy(inputs.tensor(frame, PREPROCESSING))[None].double())
        grids = grid.flatten(2).repeat(65, 1, 1)  # the last one as it is
        grids[places, :, places] *= 1 + 1e-5
        logits, _ = net.decoder(net.decoder.look(grids.unflatten(2, (8, 8))), given)
        log_p = logits.log_softmax(-1)
    for k, word in enumerate((4, 5, 6)):
        grown = (log_p[:64, k, word] - log_p[64, k, word]).clamp(min=0)
        wanted = (grown / grown.sum()).reshape(8, 8).numpy()
        np.testing.assert_allclose(found.maps[k], wanted, atol=1e-4)
    assert any(one.any() for one in found.maps)
    drain(engine.handle(ReleaseModel(MODEL), Ticket("caption")))
    assert not engine._modules
    with pytest.raises(CaptionError, match="“zebra” is none of the"):
        drain(engine.handle(ShowLight(frame, MODEL, ("zebra",)), Ticket("caption")))
