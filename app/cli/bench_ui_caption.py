"""`triptych bench ui --panel caption`: the live panel, in the real window, without a screen. No Qt is imported here."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from app.cli.bench_ui import TIMER, environment, percentile, run_program
from app.cli.output import CommandError, json_line, line, prepare_json, styled

LATEST = 16.0  # ms; 99 of 100 timer events may not be later
DRAWN = 28.0  # frames a second, of 30
SLOWEST = 150.0  # ms from frame to text, p95
SOONEST, FIRST_EVER = 4.0, 15.0  # seconds from the start of the process to the first caption
MOST_GROWTH = 20.0  # MB
SETTLED = 60.0  # seconds after which memory is compared; of a shorter run, a third
CANCELLED = 100.0  # ms


def run(options: argparse.Namespace) -> int:
    if options.json:
        prepare_json()
    seconds = 60.0 * options.minutes if options.minutes else options.samples * TIMER
    if options.seconds:
        seconds = min(seconds, float(options.seconds))
    with tempfile.TemporaryDirectory(prefix="triptych-bench-", ignore_cleanup_errors=True) as home:
        first = in_window(home, 1.0, options.beam)  # the very first start: the network is converted
        window = in_window(home, seconds, options.beam)
    report = figures(window, first["first_caption_s"])
    if options.json:
        line(json_line(report))
    else:
        show(report)
    return 0


def in_window(home: str, seconds: float, beam: int) -> dict[str, Any]:
    """What `app.gui.bench_caption` finds."""
    command = [sys.executable, "-m", "app.gui.bench_caption", "--seconds", str(seconds), "--beam", str(beam)]
    done = run_program(command, environment(home))
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        raise CommandError(f"the window could not be measured: {said[-1]}") from error
    return found


def figures(window: dict[str, Any], first_ever: float) -> dict[str, Any]:
    """All that is printed."""
    delays, latencies = sorted(window["delays_ms"]), sorted(window["latencies_ms"])
    seconds = window["seconds"]
    p99, drawn, captions = percentile(delays, 99), window["drawn"] / seconds, len(latencies) / seconds
    p95, more = percentile(latencies, 95) if latencies else float("inf"), growth(window["memory_mb"])
    left = len(window["threads_left"])
    return {
        "panel": "caption",
        "model": window["model"],
        "beam": window["beam"],
        "device": window["device"],
        "runtime": window["runtime"],
        "seconds": round(seconds, 1),
        "samples": len(delays),
        "delay_ms": {**_quantiles(delays), "max": round(delays[-1], 2)},
        "frames_per_second": {"source": round(window["frames"] / seconds, 1), "drawn": round(drawn, 1)},
        "captions_per_second": round(captions, 1),
        "latency_ms": _quantiles(latencies) if latencies else {},
        "dropped": window["dropped"],
        "sentences_shown": window["captions_shown"],
        "first_caption_s": {"first start": round(first_ever, 2), "second start": round(window["first_caption_s"], 2)},
        "memory_mb": {
            "median": round(statistics.median(taken for _, taken in window["memory_mb"]), 1),
            "growth": round(more, 1),
        },
        "threads_left": window["threads_left"],
        "cancel_ms": round(window["cancel_ms"], 1),
        "targets": [
            _target("delay, p99, ms", p99, LATEST, p99 <= LATEST),
            _target("frames drawn a second", drawn, DRAWN, drawn >= DRAWN),
            _target("frame to text, p95, ms", p95, SLOWEST, p95 <= SLOWEST),
            _target("first caption, first start, s", first_ever, FIRST_EVER, first_ever <= FIRST_EVER),
            _target(
                "first caption, second start, s",
                window["first_caption_s"],
                SOONEST,
                window["first_caption_s"] <= SOONEST,
            ),
            _target("growth of memory, MB", more, MOST_GROWTH, more < MOST_GROWTH),
            _target("threads left", left, 0, left == 0),
            _target("cancelled within, ms", window["cancel_ms"], CANCELLED, window["cancel_ms"] <= CANCELLED),
        ],
    }


def growth(memory: Sequence[Sequence[float]]) -> float:
    """MB that the process takes more at the end than after its first minute (of a short run, its first third): medians
    over a tenth of the time each, as the collector of garbage comes and goes."""
    last = memory[-1][0]
    settled = min(SETTLED, last / 3)
    width = max((last - settled) / 10, 1.0)
    early = [taken for when, taken in memory if settled <= when <= settled + width]
    late = [taken for when, taken in memory if when >= last - width]
    return statistics.median(late) - statistics.median(early) if early and late else 0.0


def _quantiles(ordered: list[float]) -> dict[str, float]:
    return {f"p{share}": round(percentile(ordered, share), 2) for share in (50, 95, 99)}


def _target(name: str, value: float, limit: float, met: bool) -> dict[str, Any]:
    return {"target": name, "value": round(value, 2), "limit": limit, "met": met}


def show(report: dict[str, Any]) -> None:
    words = f"{report['model']}, beam {report['beam']}, {report['device']}; {report['seconds']:g} s of 720p"
    line(words)
    line("\n" + styled("how late a timer of 5 ms fires while the panel is live (ms)", "bold"))
    for name, value in report["delay_ms"].items():
        line(f"  {name:<6} {value:>9.2f}")
    line("\n" + styled("live", "bold"))
    frames, first = report["frames_per_second"], report["first_caption_s"]
    rows = (
        ("frames a second, source", frames["source"]),
        ("frames a second, drawn", frames["drawn"]),
        ("captions a second", report["captions_per_second"]),
        *((f"frame to text, {name}, ms", value) for name, value in report["latency_ms"].items()),
        ("first caption, first start, s", first["first start"]),
        ("first caption, second start, s", first["second start"]),
        ("memory, median, MB", report["memory_mb"]["median"]),
        ("memory, growth, MB", report["memory_mb"]["growth"]),
    )
    for name, value in rows:
        line(f"  {name:<42} {value:>9.2f}")
    for target in report["targets"]:
        verdict = styled("met", "green") if target["met"] else styled("not met", "red")
        line(f"  target: {target['target']}: {target['value']:g} against {target['limit']:g}: {verdict}")
