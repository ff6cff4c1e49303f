"""`triptych bench ui --panel translate`: typing into the real window, without a screen. No Qt is imported here."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from typing import Any

from app.cli.bench_ui import LATEST, environment, percentile, run_program
from app.cli.output import CommandError, json_line, line, prepare_json, styled

SECONDS = 60


def run(options: argparse.Namespace) -> int:
    if options.json:
        prepare_json()
    with tempfile.TemporaryDirectory(prefix="triptych-bench-", ignore_cleanup_errors=True) as home:
        window = in_window(home, float(options.seconds or SECONDS))
    report = figures(window)
    if options.json:
        line(json_line(report))
    else:
        show(report)
    return 0


def in_window(home: str, seconds: float) -> dict[str, Any]:
    """What `app.gui.bench_translate` finds."""
    command = [sys.executable, "-m", "app.gui.bench_translate", "--seconds", str(seconds)]
    done = run_program(command, environment(home))
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        raise CommandError(f"the window could not be measured: {said[-1]}") from error
    return found


def figures(window: dict[str, Any]) -> dict[str, Any]:
    """All that is printed."""
    delays = sorted(window["delays_ms"])
    p99, seconds = percentile(delays, 99), window["seconds"]
    return {
        "panel": "translate",
        **{key: window[key] for key in ("model", "direction", "beam", "device")},
        "seconds": round(seconds, 1),
        "words": window["words"],
        "characters_typed": window["typed"],
        "samples": len(delays),
        "delay_ms": {
            **{f"p{share}": round(percentile(delays, share), 2) for share in (50, 95, 99)},
            "max": round(delays[-1], 2),
        },
        "changes_per_second": round(window["shown"] / seconds, 1),
        "settled_s": window["settled_s"],
        "ms_a_sentence": window["ms_a_sentence"],
        "words_per_second": window["words_a_second"],
        "targets": [
            {"target": "delay, p99, ms", "value": round(p99, 2), "limit": LATEST, "met": p99 <= LATEST},
            {"target": "as when pasted at once", "value": window["same"], "limit": True, "met": window["same"]},
        ],
    }


def show(report: dict[str, Any]) -> None:
    words = f"{report['model']} {report['direction']}, beam {report['beam']}, {report['device']}"
    line(f"{words}; {report['characters_typed']} characters typed into {report['words']} words")
    line("\n" + styled("how late a timer of 5 ms fires while somebody types (ms)", "bold"))
    for name, value in report["delay_ms"].items():
        line(f"  {name:<6} {value:>9.2f}")
    line("\n" + styled("typing", "bold"))
    for name, key in (
        ("changes of the translation a second", "changes_per_second"),
        ("all is translated after the last key, s", "settled_s"),
        ("a sentence, ms", "ms_a_sentence"),
        ("words a second, of the network", "words_per_second"),
    ):
        line(f"  {name:<42} {report[key]:>9.2f}")
    for target in report["targets"]:
        verdict = styled("met", "green") if target["met"] else styled("not met", "red")
        line(f"  target: {target['target']}: {target['value']} against {target['limit']}: {verdict}")
