"""`triptych bench ui --panel translate`: what is printed of what the window found, and once for real."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.cli import bench_ui_translate, parser
from app.cli.output import CommandError

Command = Callable[..., tuple[str, str]]


def window(**other: Any) -> dict[str, Any]:
    """As `app.gui.bench_translate` prints it: 10 seconds."""
    found = {
        "model": "gnmt",
        "direction": "en-de",
        "beam": 5,
        "device": "CPU, 2 threads",
        "seconds": 10.0,
        "words": 200,
        "typed": 80,
        "delays_ms": [1.0] * 98 + [15.0, 30.0],
        "shown": 55,
        "settled_s": 0.2,
        "ms_a_sentence": 40.0,
        "words_a_second": 150.0,
        "same": True,
    }
    return {**found, **other}


def test_figures() -> None:
    found = bench_ui_translate.figures(window())
    assert found["delay_ms"] == {"p50": 1.0, "p95": 1.0, "p99": 15.0, "max": 30.0}
    assert (found["changes_per_second"], found["characters_typed"]) == (5.5, 80)
    assert all(target["met"] for target in found["targets"])


def test_what_misses_its_target_is_said() -> None:
    found = bench_ui_translate.figures(window(delays_ms=[17.0] * 100, same=False))
    assert [target["met"] for target in found["targets"]] == [False, False]


def test_options() -> None:
    assert parser().parse_args(["bench", "ui", "--panel", "translate"]).panel == "translate"


def test_a_window_that_ends_badly_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Done:
        stdout, stderr, returncode = "", "No network that translates is on this machine.\n", 1

    monkeypatch.setattr(bench_ui_translate, "run_program", lambda *_: Done())
    with pytest.raises(CommandError, match="No network that translates"):
        bench_ui_translate.run(argparse.Namespace(json=False, seconds=None))


def test_the_texts() -> None:
    from app.gui.bench_translate import WORDS, texts

    text, more = texts()
    assert len(text.split()) == WORDS
    assert len(more) > 60 * 8


def test_for_real(command: Command) -> None:
    out, err = command("bench", "ui", "--panel", "translate", "--seconds", 2, "--json")
    assert err == ""
    report = json.loads(out)
    assert report["model"] == "gnmt-en-de"
    assert report["characters_typed"] > 5
    assert report["targets"][1]["met"] is True
