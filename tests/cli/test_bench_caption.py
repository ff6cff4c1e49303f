"""`triptych bench caption`: each measurement runs, and says whether its target is met."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import bench_caption
from app.cli.output import CommandError
from app.media import inputs
from app.store import locate
from app.store.catalog import Store
from tests import captioners
from tests.captioners import MODEL, SQUEEZED, WORDS
from tests.cli.conftest import Command
from tests.conftest import CACHE

SAMPLE = locate.bundled("assets") / "samples" / "chelsea.jpg"


@pytest.fixture(autouse=True)
def _random_weights(_own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    captioners.install(monkeypatch)
    home = Path(os.environ["TRIPTYCH_HOME"])
    home.mkdir(exist_ok=True)
    CACHE.mkdir(exist_ok=True)
    (home / "cache").symlink_to(CACHE, target_is_directory=True)


def test_all_is_measured(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = iter((16.0, 3.0, 2.0))
    monkeypatch.setattr(bench_caption, "first_caption", lambda *_: next(starts))
    monkeypatch.setattr(
        bench_caption, "rounds", lambda works, *_: {name: 20.0 for name, work in works.items() if work()}
    )
    found = json.loads(command("bench", "caption", "--runs", "1", "--seconds", "1", "--pictures", "3", "--json")[0])
    verdicts = {target["target"]: target["met"] for target in found["targets"]}
    assert verdicts["greedy, ≥ 30 captions a second"]  # 20 ms each
    assert not verdicts["greedy, ≥ 2 × the plain loop"]
    assert verdicts["beam 3, ≥ 15 captions a second"]
    assert not verdicts["very first start"]
    assert verdicts["second start"]
    assert {"greedy, frame to text p95 ≤ 150 ms", "beam 3, frame to text p95 ≤ 150 ms"} <= verdicts.keys()
    live = next(values for title, values in found["figures"].items() if title.startswith("beam 3, live"))
    assert 0 < live["p50"] <= live["p95"]
    assert any("words a caption" in note for note in found["notes"])


def test_the_plain_loop_says_what_the_network_says() -> None:
    """Greedy: the most probable word each time, as the module gives it."""
    import torch

    from app.runtimes.torch_runtime import build

    store = Store()
    net: Any = build(store.card(MODEL), store)
    x = inputs.tensor(SAMPLE, SQUEEZED)
    said = bench_caption.plain(net, x, 1)
    assert said[0] == WORDS.index("<start>")
    with torch.inference_mode():
        places = net.look(torch.from_numpy(x[None]))
        state = net.decoder.start(places)
        for word, following in pairwise(said):
            logits, _, state = net.decoder.step(torch.tensor([word]), state, places)
            scores = logits[0].numpy().copy()
            scores[:3] = -np.inf
            assert int(scores.argmax()) == following
    assert len(bench_caption.plain(net, x, 3)) > 1


def test_a_program_that_gives_no_caption_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="a program of its own gave no caption"):
        bench_caption.first_caption(str(tmp_path), tmp_path / "gone.jpg", "cpu")
