"""`triptych bench`: what it takes, what it prints, and that each measurement runs. What is fast enough is not asked."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.cli import bench_classify, bench_ui, parser
from app.cli.output import CommandError

Command = Callable[..., tuple[str, str]]
MODEL = "efficientnet-lite0"


def window(**more: Any) -> dict[str, Any]:
    """As `app.gui.bench` prints it."""
    found = {
        "delays_ms": [float(value) for value in range(1, 101)],
        "pictures": 90,
        "seconds": 1.0,
        "listed": 500,
        "models": [MODEL],
        "device": "CPU, test",
        "finished": False,
    }
    return {**found, **more}


# What it takes


@pytest.mark.parametrize(
    "arguments",
    [
        ["ui", "--panel", "nothing"],
        ["ui", "--samples", "0"],
        ["ui", "--samples", "many"],
        ["ui", "--seconds", "-1"],
        ["start", "--runs", "1.5"],
        ["classify", "--device", "abacus"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_usage(command: Command, arguments: list[str]) -> None:
    out, err = command("bench", *arguments, code=2)
    assert out == ""
    assert "usage: triptych bench" in err


def test_what_is_measured_unless_otherwise_said() -> None:
    ui = parser().parse_args(["bench", "ui"])
    assert (ui.panel, ui.samples, ui.seconds, ui.json) == ("classify", 10_000, None, False)
    assert parser().parse_args(["bench", "start", "--runs", "3"]).runs == 3
    assert parser().parse_args(["bench", "classify", "-m", MODEL]).model == [MODEL]


# bench ui


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 201)]
    assert [bench_ui.percentile(values, share) for share in (50, 95, 99, 100)] == [100, 190, 198, 200]
    assert bench_ui.percentile([3.0], 99) == 3.0


def test_pace_leaves_out_the_batch_that_the_watch_began_with() -> None:
    # Two models, so two lines a picture: a batch of four pictures at 0 s, then one every second.
    times = [10.0] * 8 + [11.0] * 8 + [12.0] * 8
    assert bench_ui.pace(times, 2) == 4.0
    for nothing in ([], [1.0], [1.0, 1.0]):
        with pytest.raises(CommandError, match="no answers"):
            bench_ui.pace(nothing, 1)


def test_figures_and_whether_targets_are_met() -> None:
    found = bench_ui.figures(window(), (95.0, 105.0))
    assert found["delay_ms"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert found["samples"] == 100
    assert found["pictures_per_second"]["panel"] == 90.0
    assert found["pictures_per_second"]["command line"] == 100.0
    assert [target["met"] for target in found["targets"]] == [False, True]
    better = bench_ui.figures(window(delays_ms=[16.0], pictures=89), (100.0, 100.0))
    assert [target["met"] for target in better["targets"]] == [True, False]


def test_the_folder_holds_real_pictures_of_several_sizes(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    kinds = bench_ui.pictures(folder)
    bench_ui.fill(folder, kinds, 3 * len(kinds))
    files = sorted(folder.iterdir())
    assert len(files) == 3 * len(kinds)
    sides = set()
    for file in files:
        with Image.open(file) as image:
            assert image.format == "JPEG"
            sides.add(max(image.size) if image.width >= image.height else image.width)
    assert sides == set(bench_ui.SIDES)


def test_where_links_are_refused_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a.jpg").write_bytes(b"picture")
    bench_ui.fill(tmp_path, [tmp_path / "a.jpg"], 3)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"picture"] * 3


def test_a_window_that_cannot_be_measured_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    options = argparse.Namespace(samples=10, seconds=None)
    with pytest.raises(CommandError, match="could not be measured: No model of the panel"):
        bench_ui.in_window(str(tmp_path), tmp_path / "pictures", ["nothing-like-it"], options)


def test_ui_in_words(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_ui, "command_line", lambda *_: 100.0)
    monkeypatch.setattr(bench_ui, "in_window", lambda *_: window(finished=True))
    out, err = command("bench", "ui", "--samples", 100)
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("  p")][:3] == [
        ["p50", "50.00"],
        ["p95", "95.00"],
        ["p99", "99.00"],
    ]
    assert "100 samples; 90 pictures; CPU, test" in out
    assert "target: delay, p99, ms: 99 against 16: not met" in out
    assert "target: panel / command line: 0.9 against 0.9: met" in out
    assert "the folder was done before" in out
    assert err == ""


def test_ui_for_real(command: Command) -> None:
    """The window and the command line in their own processes, for a few moments."""
    out, err = command("bench", "ui", "--samples", 60, "--json")
    found = json.loads(out)
    assert err == ""
    assert set(found) == {
        "panel", "models", "device", "samples", "delay_ms", "pictures", "finished", "pictures_per_second", "targets",
    }  # fmt: skip
    assert MODEL in found["models"]
    assert found["samples"] >= 60
    assert 0 <= found["delay_ms"]["p50"] <= found["delay_ms"]["p95"] <= found["delay_ms"]["max"]
    assert found["pictures_per_second"]["command line"] > 0
    assert found["device"].startswith(("CPU", "NVIDIA", "Apple", "AMD"))
    assert [target["target"] for target in found["targets"]] == ["delay, p99, ms", "panel / command line"]


# bench start


def test_start_for_real(command: Command) -> None:
    out, err = command("bench", "start", "--runs", 1)
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines] == ["first", "start", "median", "target:"]
    assert float(lines[1][2]) > 0
    assert lines[2][1] == lines[1][2]
    assert err == ""


def test_a_start_that_fails_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_ui, "environment", lambda home: {**os.environ, "QT_QPA_PLATFORM": "no-such-platform"})
    _, err = command("bench", "start", code=1)
    assert err.startswith("triptych: the window did not appear: ")


# bench classify


def test_rounds_give_each_its_turn_and_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, turns = [0.0], []
    monkeypatch.setattr(bench_classify.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(bench_classify.time, "sleep", lambda _: None)

    def work(name: str, ms: float) -> Callable[[], None]:
        def act() -> None:
            turns.append(name)
            clock[0] += ms / 1000

        return act

    found = bench_classify.rounds({"a": work("a", 2.0), "b": work("b", 5.0)}, runs=8, calls=2)
    assert list(found) == ["a", "b"]
    assert found == pytest.approx({"a": 2.0, "b": 5.0})
    assert turns.count("a") == turns.count("b") == 8 * 3
    assert {tuple(turns[k : k + 6]) for k in range(0, 48, 6)} == {("a",) * 3 + ("b",) * 3, ("b",) * 3 + ("a",) * 3}


def test_classify_for_real(command: Command) -> None:
    out, _ = command("bench", "classify", "--model", MODEL, "--runs", 1, "--pictures", 4, "--json")
    found = json.loads(out)
    assert set(found) == {"device", "figures", "targets", "notes"}
    figures = found["figures"]
    assert list(figures) == [
        "decode one 12-megapixel JPEG",
        "decode + preprocess, 12-megapixel JPEG",
        "decode + preprocess, 640 × 480 JPEG",
        "preprocess, decoded picture",
        f"{MODEL}: forward, batch 1",
        f"{MODEL}: forward, batch 8",
        f"{MODEL}: forward, batch 32",
        f"{MODEL}: one 12-megapixel JPEG, from file to answer",
        f"{MODEL}: Grad-CAM of a decoded picture",
        f"{MODEL}: folder",
    ]
    assert all(value > 0 for values in figures.values() for value in values.values())
    forward = figures[f"{MODEL}: forward, batch 1"]
    assert list(forward)[:2] == ["Triptych (openvino)", "torch eager"]
    assert "OpenVINO directly" in forward
    assert "ONNX Runtime directly" in forward or any("ONNX Runtime" in note for note in found["notes"])
    assert [set(target) for target in found["targets"]] == [{"target", "value", "limit", "met"}] * 6
