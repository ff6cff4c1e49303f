"""`triptych bench ui` and `triptych bench start`: how live the window is while it works, and how soon it is there.

Both run the real program in processes of its own, offscreen, with folders of their own; this one only looks on. Qt is
never imported here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.cli.output import CommandError, json_line, line, prepare_json, styled

LATEST = 16.0  # ms; 99 of 100 timer events may not be later
LEAST_SHARE = 0.9  # of the command line's pictures a second
SOONEST = 1.0  # seconds from the start of the process to the first paint
TIMER = 0.005  # seconds
FIRST = 2000  # files in the folder at first; more are added where the work would end before the samples are there
LONGEST = 20.0  # seconds for each of the command line's two turns
SIDES = (320, 500, 640, 1024, 1600)  # pixels, the long sides of the folder's pictures
QUALITIES = (75, 90)


def run(options: argparse.Namespace) -> int:
    if options.json:
        prepare_json()
    wanted = options.samples * TIMER
    seconds = min(wanted, options.seconds) if options.seconds else wanted
    turn = min(LONGEST, seconds / 2)
    with tempfile.TemporaryDirectory(prefix="triptych-bench-", ignore_cleanup_errors=True) as home:
        folder = Path(home) / "pictures"
        kinds = pictures(folder)
        fill(folder, kinds, FIRST)
        models = panel_models()
        if not options.json:
            line(f"{', '.join(models)}; {len(kinds)} different JPEGs, {min(SIDES)} to {max(SIDES)} pixels long")
        # The command line before and after the window: so a machine that slows down slows both.
        before = command_line(home, folder, models, turn)
        fill(folder, kinds, math.ceil(1.5 * before * seconds))
        window = in_window(home, folder, models, options)
        after = command_line(home, folder, models, turn)
    report = figures(window, (before, after))
    if options.json:
        line(json_line(report))
    else:
        show(report)
    return 0


def pictures(folder: Path) -> list[Path]:
    """The sample pictures as JPEGs of several sizes and qualities."""
    from PIL import Image

    from app.store.locate import bundled

    folder.mkdir()
    made = []
    for sample in sorted((bundled("assets") / "samples").glob("*.jpg")):
        with Image.open(sample) as image:
            image.load()
        for side in SIDES:
            scaled = image.resize((side, round(side * image.height / image.width)), Image.Resampling.BICUBIC)
            for quality in QUALITIES:
                file = folder / f"{sample.stem} {side} {quality}.jpg"
                scaled.save(file, quality=quality)
                made.append(file)
    return made


def fill(folder: Path, kinds: Sequence[Path], count: int) -> None:
    """`count` files: the different ones over and over, by other names. A link is read and decoded like any file, and
    takes no room."""
    there = sum(1 for _ in folder.iterdir())
    for number in range(there, count):
        kind = kinds[number % len(kinds)]
        copy = folder / f"{kind.stem} {number // len(kinds) + 1}.jpg"
        try:
            os.link(kind, copy)
        except OSError:  # a file system without links
            shutil.copy(kind, copy)


def panel_models() -> list[str]:
    """The embedded ones, as many as the panel takes."""
    from app.gui.context import MOST_MODELS
    from app.store.catalog import State, Store

    store = Store()
    embedded = (card for card in store.cards("classify") if card.origin == "embedded")
    found = [card.id for card in embedded if store.state(card) is State.READY][:MOST_MODELS]
    if not found:
        raise CommandError("no model is embedded in this installation: install Triptych again.")
    return found


def in_window(home: str, folder: Path, models: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """What `app.gui.bench` finds."""
    command = [sys.executable, "-m", "app.gui.bench", str(folder), "--models", ",".join(models)]
    command += ["--samples", str(options.samples)]
    if options.seconds:
        command += ["--seconds", str(options.seconds)]
    done = run_program(command, environment(home))
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        raise CommandError(f"the window could not be measured: {said[-1]}") from error
    return found


def command_line(home: str, folder: Path, models: Sequence[str], seconds: float) -> float:
    """Pictures a second of `triptych classify FOLDER`, from the first batch of answers on, watched for `seconds`."""
    command = [sys.executable, "-m", "app", "classify", str(folder), "--json", "--model", ",".join(models)]
    process = subprocess.Popen(  # noqa: S603 - Triptych itself
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    times: list[float] = []
    try:
        for _ in process.stdout:
            times.append(time.perf_counter())
            if times[-1] - times[0] >= seconds:
                break
    finally:
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        with contextlib.suppress(OSError):
            process.stdout.close()
        process.wait()
    return pace(times, len(models))


def pace(times: Sequence[float], models: int) -> float:
    """Pictures a second, from the times at which the lines came, a line a picture and model. The lines of a batch come
    at once: those of the first one were made before the watch began."""
    if len(times) < 2 or times[-1] == times[0]:
        raise CommandError("the command line gave no answers to compare with: try “triptych classify” on a picture.")
    first = next((number for number, when in enumerate(times) if when - times[0] > 0.004), len(times) - 1)
    return (len(times) - first) / models / (times[-1] - times[0])


def environment(home: str) -> dict[str, str]:
    """For the real program without a screen, in folders of its own."""
    return {**os.environ, "TRIPTYCH_HOME": home, "QT_QPA_PLATFORM": "offscreen", "PYTHONIOENCODING": "utf-8"}


def run_program(command: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - Triptych itself
        command, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )


def figures(window: dict[str, Any], command: tuple[float, float]) -> dict[str, Any]:
    """All that is printed."""
    delays = sorted(window["delays_ms"])
    panel = window["pictures"] / window["seconds"] if window["seconds"] else 0.0
    beside = statistics.mean(command)
    p99 = percentile(delays, 99)
    return {
        "panel": "classify",
        "models": window["models"],
        "device": window["device"],
        "samples": len(delays),
        "delay_ms": {
            "p50": round(percentile(delays, 50), 2),
            "p95": round(percentile(delays, 95), 2),
            "p99": round(p99, 2),
            "max": round(delays[-1], 2),
        },
        "pictures": window["pictures"],
        "finished": window["finished"],
        "pictures_per_second": {
            "panel": round(panel, 1),
            "command line": round(beside, 1),
            "command line, before and after": [round(value, 1) for value in command],
        },
        "targets": [
            {"target": "delay, p99, ms", "value": round(p99, 2), "limit": LATEST, "met": p99 <= LATEST},
            {
                "target": "panel / command line",
                "value": round(panel / beside, 3),
                "limit": LEAST_SHARE,
                "met": panel >= LEAST_SHARE * beside,
            },
        ],
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that `share` per cent of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


def show(report: dict[str, Any]) -> None:
    delay, pace_ = report["delay_ms"], report["pictures_per_second"]
    line("\n" + styled("how late a timer of 5 ms fires while the panel classifies (ms)", "bold"))
    for name, value in delay.items():
        line(f"  {name:<6} {value:>9.2f}")
    line(f"  {report['samples']:,} samples; {report['pictures']:,} pictures; {report['device']}")
    line("\n" + styled("folder (pictures a second)", "bold"))
    line(f"  {'panel':<42} {pace_['panel']:>9.1f}")
    before, after = pace_["command line, before and after"]
    line(f"  {'command line':<42} {pace_['command line']:>9.1f}  ({before:.1f} before, {after:.1f} after)")
    for target in report["targets"]:
        verdict = styled("met", "green") if target["met"] else styled("not met", "red")
        line(f"  target: {target['target']}: {target['value']:g} against {target['limit']:g}: {verdict}")
    if report["finished"]:
        line("  (the folder was done before all samples were there)")


# From the start of the process to the first paint


def start(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="triptych-bench-", ignore_cleanup_errors=True) as home:
        taken = []
        for number, seconds in enumerate(starts(home, 1 + options.runs)):
            taken.append(seconds)
            line(f"  {'first start' if number == 0 else f'start {number + 1}':<14} {seconds:>6.2f} s")
    median = statistics.median(taken[1:])
    verdict = styled("met", "green") if median <= SOONEST else styled("not met", "red")
    line(f"  {'median':<14} {median:>6.2f} s, without the first")
    line(f"  target: process start to first paint: {median:.2f} against {SOONEST:.2f} s: {verdict}")
    return 0


def starts(home: str, count: int) -> Iterator[float]:
    """Seconds from the start of the process to the first paint, as the program itself tells (`app.gui.start`)."""
    for _ in range(count):
        done = run_program([sys.executable, "-m", "app"], {**environment(home), "TRIPTYCH_STARTUP_PROBE": "1"})
        told = re.search(r"first paint: (\d+) ms", done.stdout)
        if told is None:
            said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
            raise CommandError(f"the window did not appear: {said[-1]}")
        yield int(told[1]) / 1000
