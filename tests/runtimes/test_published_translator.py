"""A converted GNMT of the published kind, at small size and with random weights: from the checkpoint through the store
and both runtimes to the engine. (That its numbers are TensorFlow's: tests/store/test_convert.py.)"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engines.figure_engine import FigureEngine
from app.engines.figure_translate import RecordTranslation
from app.engines.translate import Translate, Translated, TranslateEngine
from app.nets import published_searches
from app.runtimes import devices, translator
from app.runtimes.openvino_translator import OpenVinoTranslator
from app.runtimes.torch_translator import TorchTranslator
from app.store import convert, locate, tensorflow
from app.store.cards import Card, Measurement, write_card
from app.store.catalog import State, Store
from app.store.errors import StoreError
from app.store.vocabulary import CODES, SOURCE, TARGET
from app.text.moses_bpe import MosesBpe
from app.text.wordpieces import END, START, UNKNOWN
from app.worker import Ticket
from tests.engines.steps import drain
from tests.store import bundles
from tests.store.test_convert import GNMT, variables_of

MODEL = "gnmt-small"
LETTERS = "abcdefghijklmnopqrstuvwxyz.,"
PIECES = "\n".join(part + end for part in (*LETTERS, "th") for end in ("@@", "")).encode()
SENTENCES = ("a dog runs.", "it is late, they say.", "no")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixture's checkpoint with another vocabulary."""
    folder = tmp_path_factory.mktemp("checkpoint")
    variables, rng = variables_of(GNMT), np.random.default_rng(2)
    count = 3 + len(PIECES.split(b"\n"))
    for name in ("embeddings/encoder/embedding_encoder", "embeddings/decoder/embedding_decoder"):
        variables[name] = rng.standard_normal((count, 16), np.float32)
    output = rng.standard_normal((16, count), np.float32) * 1.5
    variables["dynamic_seq2seq/decoder/output_projection/kernel"] = output
    index = bundles.write(folder / "translate.ckpt", variables)
    convert.convert(index, folder / "out", {SOURCE: PIECES, TARGET: PIECES, CODES: b"#version: 0.2\nt h\n"})
    assert tensorflow.open_bundle(index).size > 0  # it is left where it is
    return folder / "out"


@pytest.fixture
def store(converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(locate.HOME_VARIABLE, str(tmp_path / "home"))
    store = Store()
    folder = locate.writable(store.folders.models)
    file = folder / f"{MODEL}.safetensors"
    file.write_bytes(converted.read_bytes())
    card = Card(
        id=MODEL,
        name="GNMT (small)",
        year=2016,
        task="translate",
        architecture="gnmt-2016",
        origin="imported",
        file=file.name,
        licence="none: random weights for tests",
        terms="Nothing was learnt.",
        limits="Says wordpieces at random.",
        summary="A translator for tests.",
        size=file.stat().st_size,
        labels="",
        measured=(Measurement("nothing en-de, beam 10", None, None, "nowhere", (("BLEU", 0.0),)),),
        extra=(("directions", "en-de"),),
    )
    write_card(card, folder / f"{MODEL}.toml")
    return store


def exactly(network: OpenVinoTranslator, model: Any, settings: dict[str, Any]) -> Any:
    """Compiled in float32: what bfloat16 and rounded activations do to numbers can't be told from mistakes."""
    settings = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    return network._openvino.Core().compile_model(model, "CPU", settings)


def test_both_runtimes_say_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sentences at once, also at a second start, where torch is not needed."""
    monkeypatch.setattr(OpenVinoTranslator, "_compile", exactly)
    card = store.card(MODEL)
    assert store.state(card) is State.READY
    networks = [TorchTranslator(card, store, devices.cpu()), translator.load(card, store, devices.cpu())]
    networks.append(translator.load(card, store, devices.cpu()))
    assert [network.runtime for network in networks] == ["torch", "openvino", "openvino"]
    bpe = networks[0].wordpieces
    assert isinstance(bpe, MosesBpe)
    sources = [bpe.framed(bpe.encode(sentence), "de") for sentence in SENTENCES]
    assert all(UNKNOWN not in ids for ids in sources)
    found = []
    for network in networks:
        *_, last = published_searches.nmt(
            network.read(sources), batch=3, start=START, end=END, beam=4, longest=[2 * len(ids) for ids in sources]
        )
        found.append(last)
        alone = published_searches.nmt(
            network.read(sources[2:]), batch=1, start=START, end=END, beam=4, longest=[2 * len(sources[2])]
        )
        *_, single = alone
        assert [said(one) for one in single[0]] == [said(one) for one in last[2]]
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            assert [said(one) for one in ours] == [said(one) for one in theirs]
            assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], abs=1e-3)
    assert len({tuple(said(group[0])) for group in found[0]}) == 3


def said(found: Any) -> list[int]:
    return [spoken.token for spoken in found.last.chain()]


def test_the_engine_translates_with_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tensorflow/nmt searches."""
    monkeypatch.setattr(OpenVinoTranslator, "_compile", exactly)
    engine = TranslateEngine(store, "cpu")
    ticket = Ticket("translate")
    answers = list(engine.handle(Translate(SENTENCES, "en", "de", MODEL, beam=3), ticket))
    translated = [answer for answer in answers if isinstance(answer, Translated)]
    assert {answer.sentence for answer in translated} == set(SENTENCES)
    first = next(answer for answer in translated if answer.sentence == SENTENCES[0])
    assert first.source_pieces == ("▁a", "▁d", "o", "g", "▁r", "u", "n", "s", ".")
    best = first.translations[0]
    assert best.attention.shape == (len(best.pieces) + 1, len(first.source_pieces))
    bpe = MosesBpe(PIECES, PIECES, b"#version: 0.2\nt h\n")
    network = TorchTranslator(store.card(MODEL), store, devices.cpu())
    ids = bpe.framed(bpe.encode(SENTENCES[0]), "de")
    *_, last = published_searches.nmt(
        network.read([ids]), batch=1, start=START, end=END, beam=3, longest=[2 * len(ids)]
    )
    assert first.translations[0].pieces == bpe.pieces(token for token in said(last[0][0]) if token != END)
    assert "@@" not in best.text
    assert best.text.replace(" ", "") == "".join(best.pieces).replace("▁", "")


def test_it_is_verified(store: Store) -> None:
    assert store.verify(MODEL).ok
    from safetensors.torch import load_file, save_file

    path = store.path(store.card(MODEL))
    tensors = load_file(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        assert b'"codec": "int8-1"' in file.read(length)
    import torch

    tensors[TARGET] = torch.frombuffer(bytearray(PIECES + b"\nmore"), dtype=torch.uint8)
    save_file(tensors, path, metadata={"format": "pt", "codec": "int8-1"})
    with pytest.raises(StoreError, match="has damaged wordpieces"):
        store.published_texts(store.card(MODEL))
    del tensors[CODES]
    save_file(tensors, path, metadata={"format": "pt", "codec": "int8-1"})
    with pytest.raises(StoreError, match="has no wordpieces that can be read"):
        store.published_texts(store.card(MODEL))


def test_its_figure_is_drawn_of_what_it_said(store: Store) -> None:
    """From the engine's answer, by ids: its wordpieces alone don't tell which they are ("a", or "a" that goes on)."""
    import torch

    answers = TranslateEngine(store, "cpu").handle(Translate(SENTENCES[:1], "en", "de", MODEL, beam=3), Ticket("t"))
    (translated,) = (answer for answer in answers if isinstance(answer, Translated))
    best = translated.translations[0]
    engine = FigureEngine(store)
    (first,), drawn = drain(
        engine.handle(RecordTranslation(MODEL, translated.source_ids, best.ids), None)  # type: ignore[arg-type]
    )
    assert first.figure.pass_ms is None
    assert drawn.figure.pass_ms > 0
    assert drawn.read == translated.source_pieces
    assert drawn.said[:-1] == best.pieces
    assert engine._translator is not None
    net = engine._translator.net
    assert drawn.figure.parameters == sum(p.numel() for p in net.parameters())
    target = torch.tensor([[START, *best.ids]])
    with torch.inference_mode():
        logits, looks = net.attended(torch.tensor([translated.source_ids]), target)
    p = logits[0].softmax(-1)
    wanted = [float(p[t, token]) for t, token in enumerate((*best.ids, END))]
    assert drawn.p == pytest.approx(wanted, rel=1e-3)
    np.testing.assert_allclose(drawn.attention, looks[0], atol=1e-5)
    assert all(len(others) == 9 for others in drawn.runners_up)
