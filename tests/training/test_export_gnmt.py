"""From a training run to the shipped translator and its card, on a small scale: random weights, a few sentences."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from app.engines.translate import TranslateEngine
from app.store import cards, locate
from app.store.cards import Card, read_card, write_card
from app.store.catalog import State, Store
from app.training import export_gnmt, measure
from app.training.export_gnmt import Curve
from app.training.gnmt_data import LANGUAGES, WEIGHTS
from tests import translators
from tests.translators import MODEL, SENTENCES

pytest.importorskip("sacrebleu")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, as app.training.gnmt leaves it."""
    folder = tmp_path / "runs" / "model"
    folder.mkdir(parents=True)
    state = {name: tensor.half() for name, tensor in translators.state_dict().items()}
    save_file(state | {"target_embedding.weight": state["embedding.weight"].clone()}, folder / "average.safetensors")
    (folder / "curve.tsv").write_text("0.5\t100\ten-de\t4.0\n0.5\t100\tde-en\t6.0\n1.0\t200\ten-de\t5.5\n")
    (folder / "told.json").write_text(
        '{"tokens": 650, "first_layers": 2, "threads": 1, "device": "cpu", "begun": "from random weights"}'
    )
    (folder.parent / "wordpieces.model").write_bytes(translators.wordpieces())
    names = sorted(WEIGHTS)
    german, french = LANGUAGES.index("de"), LANGUAGES.index("fr")
    meta = [[names.index("tatoeba"), german], [names.index("multi30k"), german], [names.index("diabla"), french]]
    np.savez(folder.parent / "tokens.npz", meta=np.array(meta, np.int8), sources=np.array(names))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "translation" / "dev").mkdir(parents=True)
    rows = [f"{english}\t{german}" for english, german in zip(SENTENCES[:4], SENTENCES[12:16], strict=True)]
    (folder / "translation" / "dev" / "tatoeba-dev.en-de.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    (folder / "translation" / "dev" / "tatoeba-dev.en-fr.tsv").write_text("Tea!\tDu thé !\n", "utf-8")
    rows = [f"{row}\tQuoi ?" for row in rows[:2]]
    (folder / "translation" / "dev" / "multi30k-val.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


def export(run: Path, data: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Card:
    given = ["export_gnmt", str(run), "--stopped", "time", "--data", str(data), "--out", str(out), "--id", MODEL, *more]
    monkeypatch.setattr("sys.argv", given)
    export_gnmt.main()
    return read_card(out / f"{MODEL}.toml")


def test_a_run_becomes_a_file_and_its_card(
    run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    real = locate.bundled
    monkeypatch.setattr(locate, "bundled", lambda name: weights if name == "weights" else real(name))
    monkeypatch.setattr(export_gnmt, "MOST_LOST", 100.0)  # of four sentences said at random
    monkeypatch.setattr(export_gnmt, "ALPHAS", (0.6, 1.0))
    card = export(run, data, weights, monkeypatch)
    assert card.origin == "embedded"
    assert cards.directions(card) == (("en", "de"), ("de", "en"))
    names = [one.data for one in card.measured]
    assert names == [
        "tatoeba-dev en-de (4 sentences), beam 5",
        "multi30k-val en-de (2 sentences), beam 5",
        "tatoeba-dev de-en (4 sentences), beam 5",
        "multi30k-val de-en (2 sentences), beam 5",
    ]
    assert all(dict(one.scores).keys() == {"BLEU", "chrF2"} for one in card.measured)
    extra = dict(card.extra)
    assert extra["alpha"] in export_gnmt.ALPHAS
    assert extra["coverage"] in export_gnmt.COVERAGES
    assert str(extra["sacrebleu"]).startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert extra["curve_en-de"] == "0.5:4 1:5.5"
    assert card.curve == ((0.5, 5.0),)  # the second direction was not measured again
    assert "Tatoeba (CC BY 2.0 FR" in card.terms
    assert "Multi30k" in card.terms
    assert "DiaBLa" not in card.terms  # French
    assert "Learnt from 2 sentence pairs" in card.training
    assert "with one thread (200 steps of 650 target wordpieces at most), from random weights." in card.training
    assert "its stacks grew from 2 to 3 layers a side" in card.training
    assert card.summary.startswith("A GNMT of 3 + 3 LSTM layers of width 32")
    store = Store()
    assert store.verify(MODEL).ok
    assert not list(weights.glob(".*"))
    # What the card says can be measured again.
    again = list(measure.translations(store, card, data))
    assert [one.scores for one in again] == [one.scores for one in card.measured]
    assert measure._card(MODEL, data, None, write=False) == 0
    first = card.measured[0]
    other = replace(first, scores=(("BLEU", dict(first.scores)["BLEU"] + 1), first.scores[1]))
    write_card(replace(card, measured=(other, *card.measured[1:])), weights / f"{MODEL}.toml")
    assert measure._card(MODEL, data, None, write=False) == 1
    assert measure._card(MODEL, data, None, write=True) == 0
    assert read_card(weights / f"{MODEL}.toml").measured == card.measured


def test_another_folder_makes_an_imported_model(
    run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_gnmt, "MOST_LOST", 100.0)
    translators.install(monkeypatch, tmp_path)  # no other GNMT
    store = Store()
    card = export(run, data, store.folders.models, monkeypatch, "--limit", "1")
    try:
        assert store.card(MODEL) == card
        assert card.origin == "imported"
        assert store.state(card) is State.READY
        assert len(list(TranslateEngine(store, "cpu").handle(_request(), _ticket()))) > 0
    finally:
        shutil.rmtree(store.folders.models)


def test_penalties_of_another_model(run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_gnmt, "MOST_LOST", 100.0)
    translators.install(monkeypatch)
    card = export(run, data, tmp_path / "out", monkeypatch, "--limit", "1", "--like", MODEL)
    assert (dict(card.extra)["alpha"], dict(card.extra)["coverage"]) == (0.8, 0.1)
    assert f"are those of {MODEL}; nothing was chosen" in card.training


def test_directions_are_named_in_short() -> None:
    assert export_gnmt.shown(["en-de"]) == "English → German"
    assert export_gnmt.shown(["en-fr", "en-es"]) == "English → French, Spanish"
    assert export_gnmt.shown(["fr-en", "es-en"]) == "French, Spanish → English"
    assert export_gnmt.shown(["en-de", "de-en"]) == "English → German; German → English"


def _request() -> object:
    from app.engines.translate import TranslateAll

    return TranslateAll((SENTENCES[0],), "en", "de", MODEL)


def _ticket() -> object:
    from app.worker import Ticket

    return Ticket("translate")


def test_what_int8_costs_is_watched(run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_gnmt, "MOST_LOST", -101.0)
    with pytest.raises(SystemExit, match="nothing is written"):
        export(run, data, tmp_path / "out", monkeypatch, "--limit", "1")
    assert not (tmp_path / "out").exists()


def test_a_curve_is_read(tmp_path: Path) -> None:
    """A run that was resumed from an earlier moment has points of training that was lost."""
    path = tmp_path / "curve.tsv"
    path.write_text("0.5\t10\ten-de\t1\n1.0\t20\ten-de\t2\n0.8\t16\ten-de\t3\n0.8\t16\tde-en\t5\n")
    found = export_gnmt.curve(path)
    assert found == Curve(("en-de", "de-en"), 16, {"en-de": ((0.5, 1.0), (0.8, 3.0)), "de-en": ((0.8, 5.0),)})
    assert found.mean() == ((0.8, 4.0),)
    path.write_text("")
    with pytest.raises(SystemExit, match="has not been measured yet"):
        export_gnmt.curve(path)


def test_every_source_has_its_terms() -> None:
    assert export_gnmt.TERMS.keys() == WEIGHTS.keys()


def test_dev_files_and_their_columns(data: Path) -> None:
    found = list(measure.dev_sets(data, [("fr", "en"), ("en", "es")]))
    assert [(dev.name, dev.source, dev.target) for dev in found] == [
        ("tatoeba-dev", "fr", "en"),
        ("multi30k-val", "fr", "en"),
    ]
    assert found[0].sentences == ("Du thé !",)
    assert found[0].references == ("Tea!",)
