"""The self-check of published checkpoints: what they say beside what was published, with small converted ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.engines.caption import CaptionEngine
from app.engines.models import Checking, CheckModel
from app.engines.translate import TranslateEngine
from app.runtimes.openvino_captioner import OpenVinoCaptioner
from app.runtimes.openvino_translator import OpenVinoTranslator
from app.store import published
from app.store.cards import Card
from app.store.catalog import Store
from app.text.wordpieces import END, START
from app.worker import Ticket
from tests.runtimes.test_published_captioner import exactly
from tests.runtimes.test_published_translator import exactly as translator_exactly
from tests.store.conftest import folders as folders
from tests.store.conftest import store as store
from tests.store.test_convert import SHOW, expected
from tests.store.test_published import checkpoint, gnmt_data, gnmt_model, put_in, write

__all__ = ["folders", "put_in", "store"]


@pytest.fixture(autouse=True)
def _exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32: what bfloat16 does to what random weights say can't be told from mistakes."""
    monkeypatch.setattr(OpenVinoCaptioner, "_compile", exactly)
    monkeypatch.setattr(OpenVinoTranslator, "_compile", translator_exactly)


def answer(engine: Any, request: object) -> tuple[list[Any], Any]:
    steps, told = engine.handle(request, Ticket("check")), []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            return told, stop.value


@pytest.fixture
def show(store: Store, put_in: Callable[[Card], None], tmp_path: Path) -> Card:
    """Show and Tell, whose picture is one that TensorFlow was shown."""
    files = checkpoint(SHOW, "model.ckpt", "show")
    files["show/word_counts.txt"] = (SHOW.parent / "word_counts.txt").read_bytes()
    small = expected("show_and_tell")["pictures"][0]
    Image.fromarray(np.repeat(np.repeat(small, 13, 0), 13, 1)).save(tmp_path / "surfing.png")
    files["show/surfing.jpg"] = (tmp_path / "surfing.png").read_bytes()  # what it is, is told by its content
    card = store.card("show-and-tell")
    card = replace(card, preprocessing=replace(card.preprocessing, squeezed=None))
    put_in(card)
    store.import_file(write(tmp_path / "published", files))
    return card


def said(probability: float = 1.0) -> str:
    """As the card has what was published, each probability times this."""
    kept = expected("show_and_tell")
    words = [line.split()[0] for line in (SHOW.parent / "word_counts.txt").read_text().splitlines()]
    return "\n".join(
        f"{math.exp(float(log_p)) * probability:.6g} {' '.join(words[i] for i in ids[1:] if i > 2 or i == 0)}"
        for ids, log_p in zip(kept["captions 0"], kept["log_p 0"], strict=True)
    )


@pytest.mark.parametrize(
    ("surfing", "outcome", "words"),
    [
        (lambda: said(), "passed", "surfing.jpg gives the 3 published captions, with 0."),
        (lambda: said(1.1), "passed", "(published: 0."),
        (lambda: said(1.5), "differs", "(published: 0."),
        (lambda: "0.5 a dog runs", "differs", "published is “a dog runs” (0.5)."),
        (lambda: "", "not run", "nothing was published"),
    ],
    ids=range(5),
)
def test_show_and_tell(store: Store, show: Card, put_in: Any, surfing: Any, outcome: str, words: str) -> None:
    card = replace(show, extra=(("surfing", surfing()),))
    put_in(card)
    engine = CaptionEngine(store, "cpu")
    _, found = answer(engine, CheckModel(card.id))
    assert (found.check.outcome, found.check.ok) == (outcome, outcome == "passed")
    assert words in found.check.said
    assert found.sentence == f"{card.name}, self-check {outcome}: {found.check.said}"
    assert store.self_check(card) == found.check  # it is kept
    assert not engine._loaded


def test_without_its_picture(store: Store, show: Card) -> None:
    picture = published.check_folder(store.path(show)) / published.PICTURE
    picture.write_bytes(b"no picture")
    engine = CaptionEngine(store, "cpu")
    assert answer(engine, CheckModel(show.id))[1].check.outcome == "not run"
    picture.unlink()
    found = answer(engine, CheckModel(show.id))[1].check
    assert (found.outcome, found.said) == ("not run", "surfing.jpg, its picture, is not beside the weights.")


@pytest.fixture
def gnmt(store: Store, tmp_path: Path) -> Card:
    files = {"gnmt_model.zip": gnmt_model(), "gnmt_inference_data.zip": gnmt_data()}
    return store.import_file(write(tmp_path / "published", files))


def test_gnmt_is_measured(store: Store, gnmt: Card, put_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own translations as references are BLEU 100; the first lines (here six), or all."""
    from app.engines import selfcheck
    from app.runtimes import devices, translator

    monkeypatch.setattr(selfcheck, "LINES", 6)

    network = translator.load(gnmt, store, devices.cpu())
    folder = published.check_folder(store.path(gnmt))
    pieces = list(network.wordpieces._ids)[4:]  # type: ignore[union-attr]
    rng = np.random.default_rng(1)
    lines = [" ".join(pieces[k] for k in rng.integers(0, len(pieces), rng.integers(3, 9))) for _ in range(8)]
    (folder / published.LINES).write_text("\n".join(lines) + "\n")
    (folder / published.REFERENCES).write_text("\n".join(lines) + "\n")
    engine = TranslateEngine(store, "cpu")
    told, found = answer(engine, CheckModel(gnmt.id))
    assert found.check.outcome == "differs"
    assert "on the first 6 lines of newstest2014; published is 23.9 on all 3,003." in found.check.said
    counts = [(one.done, one.total) for one in told if isinstance(one, Checking)]
    assert counts[0] == (0, 6)
    assert counts[-1] == (6, 6)
    # What it says itself is the reference. (All at once, as the check does: a translation that ends where it would be
    # cut counts one token more where others of its batch go on.)
    ids = [network.wordpieces.ids_of(line) for line in lines]  # type: ignore[union-attr]
    *_, last = selfcheck.nmt(
        network.read(ids), batch=8, start=START, end=END, beam=selfcheck.BEAM, longest=[2 * len(one) for one in ids]
    )
    chains = [group[0].last.chain() for group in last]
    own = [" ".join(network.wordpieces.words_said(s.token for s in chain if s.token != END)) for chain in chains]  # type: ignore[union-attr]
    (folder / published.REFERENCES).write_text("\n".join(own) + "\n")
    score = replace(gnmt.published[0], scores=(("BLEU", 99.8),))
    put_in(replace(gnmt, published=(score,)))
    found = answer(engine, CheckModel(gnmt.id, whole=True))[1]
    assert found.check.outcome == "passed"
    assert "on all 8 lines" in found.check.said
    assert not engine._loaded


def test_gnmt_without_its_test(store: Store, gnmt: Card) -> None:
    folder = published.check_folder(store.path(gnmt))
    (folder / published.LINES).write_text("one\n")
    engine = TranslateEngine(store, "cpu")
    assert "other lines" in answer(engine, CheckModel(gnmt.id))[1].check.said
    (folder / published.LINES).unlink()
    assert answer(engine, CheckModel(gnmt.id))[1].check.outcome == "not run"
