"""The shipped file and its card, from a training run: `python -m app.training.export runs/resnet18 --architecture
resnet18 --stopped time`.

Reads RUN/weights.safetensors and RUN/curve.jsonl (app.training.distil). Writes OUT/ID.safetensors (ResNet-18 in half
precision, AlexNet through app.store.codec) and OUT/ID.toml. What the card says is measured from the file just written,
through the program's preprocessing; nothing is typed in but the reason why training stopped.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from app.media.preprocess import Preprocessing
from app.store import codec, locate, weights
from app.store.cards import Card, read_card, write_card
from app.store.fingerprints import sha256_of
from app.store.official import LIMITS, RESEARCH, RESNET_PAPER
from app.training import measure
from app.training.measure import Measured
from app.training.pictures import Pictures, read

LARGEST = 40 << 20  # bytes of a shipped file
MOST_LOST = 0.5  # points of top-1 that coding may cost

ALEXNET_PAPER = (
    "A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet Classification with Deep Convolutional Neural Networks (2012)"
)
TERMS = (
    "Pictures of ImageNet (for non-commercial research and education), Tiny ImageNet, Imagenette, Caltech-101, "
    "BSDS500, Flickr8k and COCO (Flickr's terms of use), the NIPS 2017 adversarial competition (CC BY 2.0) and public "
    f"repositories, most without a licence of their own. {RESEARCH}"
)
LICENCE = "Research and education (as the pictures it learnt from: weights/LICENSE.md; the code is Apache-2.0)"
REASONS = {
    "aim": "Training stopped because its aim was met",
    "flat": "Training stopped because the curve had become flat",
    "time": "Training stopped because its time was used up",
}


@dataclass(frozen=True)
class Kind:
    """What the two embedded networks differ in."""

    id: str
    name: str
    year: int
    what: str
    source: str
    official: str


KINDS = {
    "alexnet-2012": Kind(
        "alexnet",
        "AlexNet",
        2012,
        "AlexNet in the form of 2012, two towers and response normalisation",
        ALEXNET_PAPER,
        "alexnet-v1",
    ),
    "resnet18": Kind("resnet18", "ResNet-18", 2015, "ResNet-18, 18 layers with bypasses", RESNET_PAPER, "resnet18-v1"),
}


@dataclass(frozen=True)
class Curve:
    """What a run says about itself: RUN/curve.jsonl."""

    hours: tuple[float, ...]
    top1: tuple[float, ...]  # per cent, on pictures held out of training
    crops: int
    size: int  # pixels of the last examination

    def last_quarter(self) -> float:
        """Points of top-1 gained in the last quarter of the time."""
        before = np.interp(0.75 * self.hours[-1], self.hours, self.top1)
        return self.top1[-1] - float(before)


def curve(path: Path) -> Curve:
    """A run that was resumed from an earlier moment has points of training that was lost: they are left out. Raises
    SystemExit where the run has not been examined yet."""
    points: list[dict[str, float]] = []
    for line in path.read_text("utf-8").splitlines():
        point = json.loads(line)
        while points and points[-1]["hours"] >= point["hours"]:
            points.pop()
        points.append(point)
    if not points:
        raise SystemExit(f"{path} is empty: this run has not been examined yet.")
    hours = tuple(round(float(point["hours"]), 3) for point in points)
    top1 = tuple(round(float(point["top1"]), 2) for point in points)
    return Curve(hours, top1, int(points[-1]["crops"]), int(points[-1]["size"]))


def write_weights(architecture: str, state: dict[str, Tensor], path: Path) -> None:
    """The file that is shipped, whole or not at all. Raises SystemExit where it is too large for the repository."""
    if architecture == "alexnet-2012":
        tensors, metadata = codec.encode(state)
    else:
        tensors, metadata = {key: value.half().contiguous() for key, value in state.items()}, {"format": "pt"}
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(dict(sorted(tensors.items())), draft, metadata=metadata)
        if draft.stat().st_size > LARGEST:
            raise SystemExit(f"{path.name} would have {draft.stat().st_size:,} bytes, more than {LARGEST:,}.")
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def training(run: Curve, pictures: Pictures, stopped: str) -> str:
    """How it learnt, what was chosen on what, and why it stopped."""
    rows, held = pictures.split()
    labelled = int(np.count_nonzero(pictures.labels[rows] >= 0))
    dev = "only measured the result"
    if stopped == "aim":
        dev = "measured the result and, as the aim is set on it, said when to stop"
    return (
        f"Taught by EfficientNet-Lite0, which saw the same crops, on {len(rows):,} pictures ({labelled:,} of them with "
        f"labels): {run.crops:,} crops in {run.hours[-1]:.1f} hours of computing, from random weights. Settings were "
        f"chosen on {len(held)} labelled pictures held out of training, which the curve shows; imagenet_dev {dev}. "
        f"{REASONS[stopped]}: {run.last_quarter():+.1f} points in the last quarter of it."
    )


def card(
    kind: Kind, architecture: str, file: Path, run: Curve, preprocessing: Preprocessing, taught: str, on: Measured
) -> Card:
    """The card of a file that was written, measured from that file."""
    _, state = weights.read(file, architecture)
    top1, top5 = measure.accuracy(measure.network(architecture, state), on, preprocessing)
    official = read_card(locate.bundled("weights") / "official" / f"{kind.official}.toml")
    return Card(
        id=kind.id,
        name=kind.name,
        year=kind.year,
        task="classify",
        architecture=architecture,
        origin="embedded",
        file=file.name,
        licence=LICENCE,
        terms=TERMS,
        limits=(
            f"{LIMITS} It learnt from a few ten thousand pictures instead of ImageNet's 1.28 million, so it is wrong "
            "far more often than the official weights."
        ),
        summary=(
            f"{kind.what}, trained by this project: {top1:.1f} % top-1 on imagenet_dev; the official weights reach "
            f"{official.published[0].top1:.1f} % on ImageNet's own validation pictures."
        ),
        size=file.stat().st_size,
        parameters=sum(v.numel() for k, v in state.items() if not k.endswith(("running_mean", "running_var"))),
        sha256=sha256_of(file),
        source=kind.source,
        attribution="Trained by Triptych (python -m app.training.distil); teacher: EfficientNet-Lite0 (Apache-2.0)",
        preprocessing=preprocessing,
        measured=(measure.measurement(kind.id, top1, top5, on),),
        curve=tuple(zip(run.hours, run.top1, strict=True)),
        training=taught,
        official=kind.official,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a training run")
    parser.add_argument("--architecture", choices=sorted(KINDS), required=True)
    parser.add_argument("--stopped", choices=sorted(REASONS), required=True, help="why training stopped")
    parser.add_argument("--size", type=int, help="crop in pixels (default: that of the run's last examination)")
    parser.add_argument("--resize", type=int, help="short side before the crop (default: 8/7 of the size)")
    parser.add_argument("--out", type=Path, default=Path("weights"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/pictures"), help="of app.training.pictures")
    parser.add_argument("--limit", type=int, help="measure on the first so many pictures only; for a trial")
    args = parser.parse_args()
    kind, run = KINDS[args.architecture], curve(args.run / "curve.jsonl")
    size = args.size or run.size
    preprocessing = Preprocessing(resize=args.resize or round(size * 8 / 7), crop=size)
    _, state = weights.read(args.run / "weights.safetensors", args.architecture)
    file = args.out / f"{kind.id}.safetensors"
    write_weights(args.architecture, state, file)
    print(f"{file}: {file.stat().st_size:,} bytes", flush=True)
    on = measure.imagenet_dev(args.data, args.limit)
    taught = training(run, read(args.data, args.cache), args.stopped)
    made = card(kind, args.architecture, file, run, preprocessing, taught, on)
    before, _ = measure.accuracy(measure.network(args.architecture, state), on, preprocessing)
    after = made.measured[0].top1
    assert after is not None
    lost = before - after
    print(f"{made.summary}\ntop-1 before coding {before:.2f} %, lost {lost:+.2f} points", flush=True)
    if lost > MOST_LOST:
        raise SystemExit(f"Coding costs {lost:.2f} points of top-1, more than {MOST_LOST}: no card is written.")
    write_card(made, args.out / f"{kind.id}.toml")
    print(f"{args.out / kind.id}.toml: SHA-256 {made.sha256}")


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 2)
    main()
