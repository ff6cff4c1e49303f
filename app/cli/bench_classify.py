"""`triptych bench classify`: what a picture costs here, part by part, beside bare libraries doing the same."""

from __future__ import annotations

import argparse
import gc
import queue
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.cli import bench_bare as bare
from app.cli.bench_bare import Timed
from app.cli.classify import chosen
from app.cli.output import CommandError, json_line, line, prepare_json, styled
from app.engines.classify import Classify, ClassifyEngine, ClassifyFiles, Explain
from app.media.pictures import decode
from app.media.preprocess import apply
from app.runtimes import devices, load
from app.store.cards import Card
from app.store.catalog import State, Store
from app.worker import Done, Failed, Partial, Worker

LARGE, SMALL = (4000, 3000), (640, 480)
REST = 0.03  # seconds
LARGEST_BATCH = 32
EAGER, EAGER_BF16 = 1.2, 1.5  # how much faster than torch eager, where the processor has no bf16 and where it has


@dataclass
class Report:
    """Figures in milliseconds (medians) or pictures a second, as they are found; targets met or not."""

    quiet: bool
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    targets: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self, title: str, values: Mapping[str, float], unit: str = "ms") -> None:
        self.figures[title] = {name: round(value, 3) for name, value in values.items()}
        if self.quiet:
            return
        line("\n" + styled(f"{title} ({unit})", "bold"))
        first = next(iter(values.values()))
        for name, value in values.items():
            line(f"  {name:<42} {value:>9.2f}  × {value / first:.2f}")

    def target(self, what: str, value: float, limit: float, met: bool, unit: str) -> None:
        self.targets.append({"target": what, "value": round(value, 3), "limit": round(limit, 3), "met": met})
        if not self.quiet:
            verdict = styled("met", "green") if met else styled("not met", "red")
            line(f"  target: {what}: {value:.2f} against {limit:.2f} {unit}: {verdict}")

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            if not self.quiet:
                line(f"  ({text})")


def rounds(competitors: Mapping[str, Timed], runs: int, calls: int = 2) -> dict[str, float]:
    """Medians in milliseconds. In every round each competitor has its turn, in an order of the round's own: a rest, as
    the threads of whoever came before spin on for a while, one call to warm up, then `calls` that count."""
    times: dict[str, list[float]] = {name: [] for name in competitors}
    dice, order = random.Random(0), list(competitors)  # noqa: S311 - no secret
    gc.collect()
    gc.disable()  # a collection would fall to whoever is at work
    try:
        for _ in range(runs):
            dice.shuffle(order)
            for name in order:
                work = competitors[name]
                time.sleep(REST)
                work()
                for _ in range(calls):
                    start = time.perf_counter()
                    work()
                    times[name].append((time.perf_counter() - start) * 1000)
    finally:
        gc.enable()
    return {name: statistics.median(taken) for name, taken in times.items()}


def run(options: argparse.Namespace) -> int:
    if options.json:
        prepare_json()
    store = Store()
    given = options.model or [
        card.id for card in store.cards("classify") if card.origin == "embedded" and store.state(card) is State.READY
    ]
    cards = chosen(given)
    device = devices.choose(options.device)
    report = Report(options.json)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triptych-bench-")))
        large, small, files = pictures(folder, options.pictures)
        if not options.json:
            line(f"{device.name}; medians of {options.runs} interleaved rounds")
            line(f"12-megapixel JPEG of {large.stat().st_size / 1e6:.1f} MB; folder of {len(files)} JPEGs of 500 × 375")
        fastest = _decoding(report, large, small, cards[0], options.runs)
        client = stack.enter_context(Client(store, options.device))
        for card in cards:
            _model(report, card, store, device, client, large, files, fastest, options.runs)
    if options.json:
        found = {"device": device.name, "figures": report.figures, "targets": report.targets, "notes": report.notes}
        line(json_line(found))
    return 0


def pictures(folder: Path, count: int) -> tuple[Path, Path, list[Path]]:
    """A photo of 12 megapixels, a small one, and a folder of `count`, made of sample pictures where they are there."""
    sample = _sample()
    dice = np.random.default_rng(0)

    def noisy(size: tuple[int, int]) -> Image.Image:
        values = np.asarray(sample.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
        values += dice.integers(-6, 7, values.shape, dtype=np.int16)  # a sensor's noise: else the file would be tiny
        return Image.fromarray(values.clip(0, 255).astype(np.uint8))

    large, small = folder / "large.jpg", folder / "small.jpg"
    noisy(LARGE).save(large, quality=90)
    noisy(SMALL).save(small, quality=90)
    (folder / "many").mkdir()
    files = [folder / "many" / f"{number}.jpg" for number in range(count)]
    for file in files:
        noisy((500, 375)).save(file, quality=90)
    return large, small, files


def _sample() -> Image.Image:
    from app.store import locate

    for file in sorted(locate.bundled("assets").rglob("*")):
        if file.suffix in (".jpg", ".png", ".webp") and "sample" in str(file.parent):
            return Image.fromarray(decode(file).pixels)
    y, x = np.mgrid[0:300, 0:400]
    return Image.fromarray(np.stack([x % 256, y % 256, (x * y) % 256], -1).astype(np.uint8))


def _decoding(report: Report, large: Path, small: Path, card: Card, runs: int) -> Timed:
    """Decoding and preprocessing. Returns the fastest bare decoder of the large picture."""
    way = card.preprocessing
    shrunk = decode(large, at_least=way.resize).pixels
    decoders = bare.decoders(large, way.resize)
    found = rounds(
        {
            "Triptych: decode": lambda: decode(large, at_least=way.resize),
            **decoders,
        },
        runs,
    )
    report.show("decode one 12-megapixel JPEG", found)
    try:
        transform = bare.transforms(way)
        theirs = {"Pillow + torchvision": lambda: transform(Image.open(small).convert("RGB"))}
        theirs_large = {"Pillow + torchvision": lambda: transform(Image.open(large).convert("RGB"))}
    except ImportError:
        theirs, theirs_large = {}, {}

    def ours(file: Path) -> Timed:
        return lambda: apply(decode(file, at_least=way.resize).pixels, way)

    report.show("decode + preprocess, 12-megapixel JPEG", rounds({"Triptych": ours(large), **theirs_large}, runs, 1))
    report.show("decode + preprocess, 640 × 480 JPEG", rounds({"Triptych": ours(small), **theirs}, runs))
    report.show("preprocess, decoded picture", rounds({"Triptych": lambda: apply(shrunk, way)}, runs))
    return decoders[min((name for name in decoders if "scaled" in name), key=found.__getitem__)]


def _model(
    report: Report,
    card: Card,
    store: Store,
    device: devices.Device,
    client: Client,
    large: Path,
    files: list[Path],
    fastest: Timed,
    runs: int,
) -> None:
    network = load(card, store, device)
    side, threads = card.preprocessing.crop, devices.threads()
    module, eager_name = bare.torch_module(card, store)
    module = bare.OnlyLogits.of(module)
    dice = np.random.default_rng(0)
    for size in sorted({1, network.best_batch, LARGEST_BATCH}):
        batch = dice.normal(0, 1, (size, 3, side, side)).astype(np.float32)
        competitors: dict[str, Timed] = {f"Triptych ({network.runtime})": _forward(network, batch)}
        competitors[eager_name] = bare.eager(module, batch, threads)
        for name, made in (
            ("OpenVINO directly", bare.openvino(module, batch)),
            ("ONNX Runtime directly", bare.onnx_runtime(module, batch, threads)),
        ):
            if isinstance(made, str):
                report.note(made)
            else:
                competitors[name] = made
        found = rounds(competitors, runs)
        report.show(f"{card.id}: forward, batch {size}", found)
        ours, *others = found.values()
        report.target(
            f"{card.id}, batch {size}, ≤ 1.1 × the best", ours, 1.1 * min(others), ours <= 1.1 * min(others), "ms"
        )
        if size == 1:
            if device.kind == "cpu":
                least = EAGER_BF16 if bare.has_bf16() else EAGER
                faster = found[eager_name] / ours
                report.target(
                    f"{card.id}, batch 1, ≥ {least} × as fast as torch eager", faster, least, faster >= least, "×"
                )
            forward = competitors[min(list(found)[1:], key=found.__getitem__)]

    picture = decode(large, at_least=card.preprocessing.resize)
    target = int(network.run(apply(picture.pixels, card.preprocessing)[None]).logits[0].argmax())
    whole, *pieces = rounds(
        {"whole": lambda: client.post(Classify(large, (card.id,))), "decode": fastest, "forward": forward}, runs
    ).values()
    cam = rounds({"Triptych": lambda: client.post(Explain(picture, card.id, target))}, runs)["Triptych"]
    parts = sum(pieces)
    report.show(
        f"{card.id}: one 12-megapixel JPEG, from file to answer",
        {"Triptych: whole, through the worker": whole, "bare scaled decode + bare forward": parts},
    )
    report.target(f"{card.id}, whole latency, ≤ 1.3 × the bare parts", whole, 1.3 * parts, whole <= 1.3 * parts, "ms")
    report.show(f"{card.id}: Grad-CAM of a decoded picture", {"Triptych, through the worker": cam})
    _throughput(report, card, client, module, files, threads, runs)


def _throughput(
    report: Report, card: Card, client: Client, module: Any, files: list[Path], threads: int, runs: int
) -> None:
    request = ClassifyFiles(tuple(files), (card.id,))
    competitors: dict[str, Timed] = {"Triptych, through the worker": lambda: client.enqueue(request)}
    loop = bare.folder_loop(module, files, card.preprocessing, threads)
    if isinstance(loop, str):
        report.note(loop)
    else:
        competitors["bare batched loop (torchvision, batch 32)"] = loop
    taken = rounds(competitors, max(3, runs // 5), calls=1)
    found = {name: len(files) / value * 1000 for name, value in taken.items()}
    report.show(f"{card.id}: folder", found, "pictures a second, more is better")
    if len(found) > 1:
        ours, theirs = found.values()
        report.target(f"{card.id}, folder, ≥ the bare loop", ours, theirs, ours >= theirs, "pictures a second")


def _forward(network: Any, batch: np.ndarray) -> Callable[[], object]:
    return lambda: network.run(batch)


class Client:
    """The worker with the real engine, asked and waited for."""

    def __init__(self, store: Store, device: str) -> None:
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._worker = Worker({"classify": lambda: ClassifyEngine(store, device)}, self._answers.put)

    def __enter__(self) -> Client:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()

    def post(self, request: object) -> list[object]:
        return self._wait(self._worker.post("classify", request))

    def enqueue(self, request: object) -> list[object]:
        return self._wait(self._worker.enqueue("classify", request))

    def _wait(self, ticket: object) -> list[object]:
        values: list[object] = []
        while True:
            answer = self._answers.get()
            if getattr(answer, "ticket", None) is not ticket:
                continue
            if isinstance(answer, Partial):
                values.append(answer.value)
            elif isinstance(answer, Done):
                return values
            elif isinstance(answer, Failed):
                raise CommandError(answer.sentence)
