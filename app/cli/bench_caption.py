"""`triptych bench caption`: how fast pictures are described here, beside the same network driven by a plain loop."""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.cli.asking import Asked
from app.cli.bench_bare import Timed
from app.cli.bench_classify import Report, rounds
from app.cli.bench_ui import environment, percentile
from app.cli.classify import chosen
from app.cli.output import CommandError, json_line, line, prepare_json
from app.engines.caption import ALPHA, LONGEST, CaptionEngine, Describe, DescribeFiles
from app.media import inputs
from app.media.capture import Capture
from app.media.sources import every
from app.media.synthetic import Synthetic
from app.nets.hypotheses import length_penalty
from app.runtimes import devices
from app.store import locate
from app.store.catalog import Store

if TYPE_CHECKING:
    from app.store.cards import Card

GREEDY, BEAM = 30.0, 15.0  # captions a second
SLOWEST = 150.0  # ms from frame to text, p95
FASTER = 2.0  # than the plain loop
SOONEST, FIRST_EVER = 4.0, 15.0  # seconds from the start of the process to the first caption
WIDTH, HEIGHT, RATE = 1280, 720, 30.0


def run(options: argparse.Namespace) -> int:
    if options.published_size:
        from app.cli import bench_published

        return bench_published.caption(options)
    if options.json:
        prepare_json()
    store = Store()
    (card, *_) = chosen(options.model, "caption")
    device = devices.choose(options.device)
    report = Report(options.json)
    report.note(f"{card.id} on {device.name}")
    samples = tuple(sorted((locate.bundled("assets") / "samples").glob("*.jpg")))
    with ExitStack() as stack:
        engine = stack.enter_context(Asked("caption", lambda: CaptionEngine(store, options.device)))
        _pace(report, card, store, engine, samples, options.runs)
        for beam in (1, 3):
            _latency(report, card, engine, samples, beam, float(options.seconds))
        _folder(report, card, engine, samples, options.pictures)
    _starts(report, samples[0], options.device)
    if options.json:
        found = {"device": device.name, "figures": report.figures, "targets": report.targets, "notes": report.notes}
        line(json_line(found))
    return 0


def _pace(report: Report, card: Card, store: Store, engine: Asked, samples: tuple[Path, ...], runs: int) -> None:
    """One frame after the other, from its pixels to its sentence."""
    source = Synthetic(WIDTH, HEIGHT, RATE, 4.0 * len(samples), samples)
    stream = source.open()
    frames = [frame.pixels for frame in every(stream, 1.0, report.note)]
    stream.close()
    from app.runtimes.torch_runtime import build

    net: Any = build(card, store)
    words = [len(engine.ask(Describe(frame, card.id, 3)).captions[0].words) for frame in frames]
    report.note(
        f"{len(frames)} frames of {WIDTH} × {HEIGHT}; {sum(words) / len(words):.1f} words a caption with beam 3"
    )

    def ours(beam: int) -> Timed:
        turn = itertools.cycle(frames)
        return lambda: engine.ask(Describe(next(turn), card.id, beam))

    def theirs(beam: int) -> Timed:
        turn = itertools.cycle(frames)
        return lambda: plain(net, inputs.tensor(next(turn), card.preprocessing), beam)

    for beam, least, name in ((1, GREEDY, "greedy"), (3, BEAM, "beam 3")):
        taken = rounds({"Triptych, through the worker": ours(beam), "plain loop": theirs(beam)}, runs, len(frames))
        found = {who: 1000 / ms for who, ms in taken.items()}
        report.show(f"{name}, one frame after the other", found, "captions a second, more is better")
        mine, other = found.values()
        report.target(f"{name}, ≥ {least:.0f} captions a second", mine, least, mine >= least, "a second")
        report.target(f"{name}, ≥ {FASTER:.0f} × the plain loop", mine / other, FASTER, mine >= FASTER * other, "×")


def plain(net: Any, x: np.ndarray, beam: int, longest: int = LONGEST) -> list[int]:
    """The loop that anyone would write: eager, one picture and one hypothesis at a time, the attention's keys made anew
    for every word."""
    import torch

    from app.nets.captioner import END, PAD, START, UNKNOWN

    torch.set_num_threads(devices.threads())
    with torch.inference_mode():
        grid = net.encoder.features(torch.from_numpy(x[None]))
        live: list[tuple[list[int], float, Any]] = [([START], 0.0, net.decoder.start(net.decoder.look(grid)))]
        done: list[tuple[list[int], float]] = []
        while live and len(done) < beam:
            offers = []
            for spoken, total, state in live:
                logits, _, following = net.decoder.step(torch.tensor(spoken[-1:]), state, net.decoder.look(grid))
                log_p = logits.log_softmax(-1)[0]
                log_p[[PAD, UNKNOWN, START]] = float("-inf")
                best, which = log_p.topk(beam)
                offers += [([*spoken, int(w)], total + float(p), following) for p, w in zip(best, which, strict=True)]
            offers.sort(key=lambda offer: -offer[1])
            live = []
            for spoken, total, following in offers[:beam]:
                if spoken[-1] == END or len(spoken) > longest:
                    done.append((spoken, total / length_penalty(len(spoken) - 1, ALPHA)))
                else:
                    live.append((spoken, total, following))
    return max(done, key=lambda found: found[1])[0]


def _latency(report: Report, card: Card, engine: Asked, samples: tuple[Path, ...], beam: int, seconds: float) -> None:
    """From the moment when a frame came to its sentence, while a source plays at its own rate."""
    stirred = threading.Event()
    capture = Capture(Synthetic(WIDTH, HEIGHT, RATE, None, samples), stirred.set)
    capture.start()
    latencies: list[float] = []
    begin = time.perf_counter()
    try:
        while time.perf_counter() - begin < seconds:
            stirred.wait(0.5)
            stirred.clear()
            if (frame := capture.take()) is None:
                continue
            engine.ask(Describe(frame.pixels, card.id, beam))
            latencies.append(1000 * (time.perf_counter() - frame.captured))
        took, status = time.perf_counter() - begin, capture.status
    finally:
        capture.close()
    latencies.sort()
    name = "greedy" if beam == 1 else f"beam {beam}"
    p50, p95 = percentile(latencies, 50), percentile(latencies, 95)
    report.show(f"{name}, live from {RATE:.0f} frames/s of {WIDTH} × {HEIGHT}: frame to text", {"p50": p50, "p95": p95})
    report.note(
        f"{name}, live: {len(latencies) / took:.1f} captions a second, {status.frames / took:.1f} frames a second "
        f"came, {status.dropped:,} of {status.frames:,} were not described"
    )
    report.target(f"{name}, frame to text p95 ≤ {SLOWEST:.0f} ms", p95, SLOWEST, p95 <= SLOWEST, "ms")


def _folder(report: Report, card: Card, engine: Asked, samples: tuple[Path, ...], count: int) -> None:
    files = tuple(itertools.islice(itertools.cycle(samples), count))
    found = {}
    for beam in (1, 3):
        begin = time.perf_counter()
        described = list(engine.partials(DescribeFiles(files, card.id, beam)))
        found["greedy" if beam == 1 else f"beam {beam}"] = len(described) / (time.perf_counter() - begin)
    report.show(f"folder of {count} pictures, decoding included", found, "captions a second, more is better")


def _starts(report: Report, picture: Path, device: str) -> None:
    """A program of its own, from the start of its process to the first caption: in an empty home, and again."""
    with tempfile.TemporaryDirectory(prefix="triptych-bench-", ignore_cleanup_errors=True) as home:
        taken = [first_caption(home, picture, device) for _ in range(3)]
    found = {"very first start": taken[0], "second start": taken[1], "third start": taken[2]}
    report.show("start of the program to the first caption", found, "s")
    report.target("very first start", taken[0], FIRST_EVER, taken[0] <= FIRST_EVER, "s")
    report.target("second start", taken[1], SOONEST, taken[1] <= SOONEST, "s")


def first_caption(home: str, picture: Path, device: str) -> float:
    """Seconds. Raises CommandError."""
    command = [sys.executable, "-m", "app", "caption", str(picture), "--json", "--device", device]
    begin = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - Triptych itself
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        text = process.stdout.readline()
        taken = time.perf_counter() - begin
    try:
        if "caption" in json.loads(text):
            return taken
    except ValueError:
        pass
    raise CommandError("a program of its own gave no caption: try “triptych caption” with a picture.")
