"""`triptych bench ui --panel caption`: what is printed of what the window found, and once for real."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.cli import bench_ui_caption, parser
from app.cli.output import CommandError
from app.store.locate import bundled

Command = Callable[..., tuple[str, str]]


def window(**other: Any) -> dict[str, Any]:
    """As `app.gui.bench_caption` prints it: 10 seconds."""
    found = {
        "model": "captioner",
        "beam": 3,
        "device": "CPU, 2 threads",
        "runtime": "openvino",
        "first_caption_s": 2.5,
        "seconds": 10.0,
        "delays_ms": [1.0] * 98 + [15.0, 30.0],
        "latencies_ms": [40.0] * 190 + [120.0] * 10,
        "drawn": 295,
        "frames": 300,
        "dropped": 100,
        "captions_shown": 4,
        "memory_mb": [[float(k), 400.0 + (k >= 8) * 3] for k in range(11)],
        "threads_left": [],
        "cancel_ms": 8.0,
    }
    return {**found, **other}


def verdicts(report: dict[str, Any]) -> dict[str, bool]:
    return {target["target"]: target["met"] for target in report["targets"]}


def test_figures() -> None:
    found = bench_ui_caption.figures(window(), 9.0)
    assert found["delay_ms"] == {"p50": 1.0, "p95": 1.0, "p99": 15.0, "max": 30.0}
    assert found["frames_per_second"] == {"source": 30.0, "drawn": 29.5}
    assert found["captions_per_second"] == 20.0
    assert found["latency_ms"]["p95"] == 40.0
    assert found["memory_mb"] == {"median": 400.0, "growth": 3.0}
    assert found["first_caption_s"] == {"first start": 9.0, "second start": 2.5}
    assert all(verdicts(found).values())


def test_what_misses_its_target_is_said() -> None:
    worse = window(drawn=270, delays_ms=[17.0] * 100, threads_left=["capture"], cancel_ms=140.0, first_caption_s=4.2)
    met = verdicts(bench_ui_caption.figures(worse, 16.0))
    assert met["frame to text, p95, ms"]
    assert met["growth of memory, MB"]
    assert [name for name, good in met.items() if not good] == [
        "delay, p99, ms",
        "frames drawn a second",
        "first caption, first start, s",
        "first caption, second start, s",
        "threads left",
        "cancelled within, ms",
    ]


def test_growth_leaves_out_the_first_minute() -> None:
    memory = [[float(k), 300.0 + min(k, 60) + 0.01 * max(k - 60, 0)] for k in range(1801)]
    assert bench_ui_caption.growth(memory) == pytest.approx(0.01 * (1800 - 60 - 174), abs=0.1)


def test_options() -> None:
    made = parser().parse_args(["bench", "ui", "--panel", "caption", "--minutes", "30", "--beam", "1"])
    assert (made.panel, made.minutes, made.beam) == ("caption", 30, 1)


def test_a_window_that_ends_badly_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Done:
        stdout, stderr, returncode = "", "No network that describes pictures is on this machine.\n", 1

    monkeypatch.setattr(bench_ui_caption, "run_program", lambda *_: Done())
    with pytest.raises(CommandError, match="No network that describes pictures"):
        bench_ui_caption.run(argparse.Namespace(json=False, minutes=None, samples=100, seconds=None, beam=3))


@pytest.mark.skipif(
    not (bundled("weights") / "captioner.safetensors").exists(), reason="the captioner's weights are not here"
)
def test_for_real(command: Command) -> None:
    out, err = command("bench", "ui", "--panel", "caption", "--seconds", 2, "--json")
    assert err == ""
    report = json.loads(out)
    assert report["model"] == "captioner"
    assert report["frames_per_second"]["drawn"] > 0
    assert report["captions_per_second"] > 0
    assert report["threads_left"] == []
