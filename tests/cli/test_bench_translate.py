"""`triptych bench translate`: each measurement runs, and says whether its target is met."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import bench_translate
from app.cli.output import CommandError
from app.store.catalog import Store
from app.text.wordpieces import END, START, Wordpieces
from tests import translators
from tests.cli.conftest import Command
from tests.conftest import CACHE
from tests.translators import MODEL, SENTENCES


@pytest.fixture(autouse=True)
def _random_weights(_own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    translators.install(monkeypatch)
    home = Path(os.environ["TRIPTYCH_HOME"])
    home.mkdir(exist_ok=True)
    CACHE.mkdir(exist_ok=True)
    (home / "cache").symlink_to(CACHE, target_is_directory=True)


def test_all_is_measured(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_translate, "LARGE", 1 << 20)
    monkeypatch.setattr(
        bench_translate,
        "rounds",
        lambda works, *_: {name: 10.0 * (k * 4 + 1) for k, (name, work) in enumerate(works.items()) if work()},
    )
    found = json.loads(command("bench", "translate", "--model", MODEL, "--runs", "1", "--sentences", "40", "--json")[0])
    verdicts = {target["target"]: target["met"] for target in found["targets"]}
    assert verdicts == {"beam 5, one sentence, ≥ 5 × the plain loop": True}  # 10 and 50 ms
    figures = found["figures"]
    assert {"greedy, one sentence of 12 words", "beam 5, one sentence of 12 words"} <= figures.keys()
    steps = [values for title, values in figures.items() if ", a step" in title]
    assert len(steps) == 2
    assert all(value > 0 for values in steps for value in values.values())
    many = figures["beam 5, 40 sentences"]
    assert many["Triptych, in batches"] > 0
    assert any("× the floor" in note for note in found["notes"])
    assert any("40 of" in note and "made up" in note for note in found["notes"])


def test_the_plain_loop_says_what_the_network_says() -> None:
    """Greedy: the most probable wordpiece each time, as the module gives it."""
    import torch

    from app.runtimes.torch_runtime import build

    store = Store()
    card = store.card(MODEL)
    net: Any = build(card, store)
    pieces = Wordpieces(store.wordpieces(card))
    ids = [pieces.language("de"), *pieces.encode(SENTENCES[0]), END]
    said = bench_translate.plain(net, ids, 1, 0.8, pieces.never)
    assert said[0] == START
    assert said[-1] == END
    with torch.inference_mode():
        memory = net.encode(torch.tensor([ids]))
        state = net.start(memory)
        for word, following in pairwise(said):
            logits, _, state = net.step(torch.tensor([word]), state, memory)
            scores = logits[0].numpy().copy()
            scores[list(pieces.never)] = -np.inf
            assert int(scores.argmax()) == following
    assert len(bench_translate.plain(net, ids, 3, 0.8, pieces.never)) > 1


def test_the_weights_of_a_step() -> None:
    from app.nets.gnmt import GNMT

    net = GNMT(20, width=8, layers=3)
    # Layers of 32 × 16, 32 × 24 and 32 × 24, the query of 8 × 8, the output of 20 × 8.
    weights = 32 * (16 + 24 + 24) + 64 + 160
    assert bench_translate.step_bytes(net, integers=False) == 4 * weights
    # A scale a row: twice 32 for each layer, as the file has them.
    assert bench_translate.step_bytes(net, integers=True) == weights + 4 * (3 * 64 + 8 + 20)


def test_the_sentences_that_are_made_up() -> None:
    one, many = bench_translate._sentences(None, "en", 1000)
    assert all(len(text.split()) == bench_translate.WORDS for text in one)
    assert len(set(many)) == 1000
    assert 5.5 < bench_translate._words(many) / len(many) < 7.5  # tatoeba-dev's have 6.5
    assert many == bench_translate._sentences(None, "en", 1000)[1]


def test_sentences_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    twelve = "one two three four five six seven eight nine ten eleven twelve"
    file.write_text(f"Short.\n\n{twelve}\nShort.\n", "utf-8")
    assert bench_translate._sentences(str(file), "de", 10) == ([twelve], ["Short.", twelve])
    file.write_text("Short.\n", "utf-8")
    with pytest.raises(CommandError, match=r"text\.txt has no sentence of 12 words"):
        bench_translate._sentences(str(file), "de", 10)
    with pytest.raises(CommandError, match=r"none\.txt can't be read"):
        bench_translate._sentences(str(tmp_path / "none.txt"), "de", 10)
    with pytest.raises(CommandError, match="The sentences made up are English"):
        bench_translate._sentences(None, "de", 10)


def test_a_direction_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="gnmt doesn't translate en-fr; it knows en-de, de-en"):
        bench_translate._direction(Store().card(MODEL), "en-fr")


def test_the_memory_is_read() -> None:
    assert bench_translate.bandwidth(1 << 16) > 1e6
