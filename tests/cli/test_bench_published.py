"""Networks made to be timed: small ones here, through the same ways as the large ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import bench_published
from app.cli.bench_classify import Report
from app.store import architectures
from app.store.catalog import State, Store
from tests.cli.conftest import Command


def test_a_made_up_translator_is_loaded_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    works: list[str] = []

    def here(work: Any, *arguments: Any) -> Any:  # and not in a process of its own
        works.append(work.__name__)
        return work(*arguments)

    monkeypatch.setattr(bench_published, "apart", here)
    report = Report(True)
    bench_published.translator_figures(report, "cpu", 1, pieces=400, width=32, layers=3)
    assert works == ["load_translator", "run_translator"]
    figures = report.figures
    assert list(figures["one sentence of 20 words"]) == ["beam 1", "beam 5", "beam 10"]
    assert all(ms > 0 for ms in figures["one sentence of 20 words"].values())
    assert 0 < figures["memory of the process"]["libraries"] <= figures["memory of the process"]["loaded"] + 50
    loaded, _ = figures["loading, libraries imported"].values()
    (target,) = report.targets
    assert target["met"] == (loaded <= 2)
    assert report.notes[0].startswith("random weights: 3 + 3 layers of 32, 400 wordpieces, a file of ")


def test_the_made_up_translator_is_as_converted_ones_are(tmp_path: Path) -> None:
    card = bench_published.make_translator(tmp_path, 400, 32, 3)
    store = Store(bench_published._folders(tmp_path))
    assert store.state(store.card(card.id)) is State.READY
    texts = store.published_texts(card)
    from app.text.moses_bpe import MosesBpe

    pieces = MosesBpe(*texts.values())
    assert pieces.size == 401
    sentence = pieces.encode(bench_published.TWENTY[0])
    assert 20 <= len(sentence) <= 40
    state = store.state_dict(card)
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert architectures.shapes_of("gnmt-2016", given) == given
    assert float(state["encoder.1.weight_hh_l0"].std()) == pytest.approx(0.029, abs=0.002)


def test_a_made_up_captioner_says_as_many_words_as_the_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[int] = []

    def once(works: Any, runs: int) -> dict[str, float]:
        ours, theirs = (work() for work in works.values())
        said.extend([len(ours[0][0].last.chain()), len(theirs) - 1])
        return dict.fromkeys(works, 20.0)

    monkeypatch.setattr(bench_published, "rounds", once)
    report = Report(True)
    bench_published.captioner_figures(report, "cpu", 1, words=60, width=16, scale=1)
    assert said == [10, 10, 10, 10]
    assert report.figures["beam 3, one picture after the other"] == {"Triptych": 50.0, "plain loop, torch eager": 50.0}
    assert "10 words a caption" in report.notes[0]


def test_the_commands_lead_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("translator_figures", "captioner_figures"):
        monkeypatch.setattr(bench_published, name, lambda report, device, runs: report.note(f"{device} {runs}"))
    for what in ("translate", "caption"):
        found = json.loads(command("bench", what, "--published-size", "--runs", "2", "--device", "cpu", "--json")[0])
        assert found["notes"] == ["cpu 2"]
