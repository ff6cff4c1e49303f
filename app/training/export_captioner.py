"""The shipped captioner and its card, from a training run: `python -m app.training.export_captioner runs/captioner
--phase self-critical --stopped time`.

Reads RUN/PHASE.pt, RUN/vocabulary.txt and RUN/curve.jsonl (app.training.captioner). Writes OUT/captioner.safetensors in
half precision, its vocabulary in the header, and OUT/captioner.toml. What the card says is measured from the file just
written, through the program's own engine; nothing is typed in but the reason why training stopped.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from app.media.preprocess import Preprocessing
from app.store.cards import Card, write_card
from app.store.catalog import Store
from app.store.fingerprints import sha256_of
from app.store.official import RESEARCH
from app.training import measure
from app.training.captioner import SIDE
from app.training.export import LARGEST, LICENCE, REASONS

PAPERS = (
    "O. Vinyals, A. Toshev, S. Bengio, D. Erhan: Show and Tell (arXiv:1411.4555, 2015); K. Xu et al.: Show, Attend and "
    "Tell (arXiv:1502.03044, 2015)"
)
TERMS = (
    "Pictures and captions of Flickr8k (handed out for non-commercial research and education; pictures by Flickr's "
    "users) and of COCO (captions CC BY 4.0, pictures under Flickr's terms of use); the encoder began as "
    f"EfficientNet-Lite0, which learnt from ImageNet (non-commercial research and education). {RESEARCH}"
)
LIMITS = (
    "Trained on everyday scenes of people and animals; it makes things up elsewhere. It sees the whole picture "
    "squeezed to a square of 224 pixels, so it misses what is small, can't read, and doesn't count well."
)
PHASES = {
    "frozen": "the decoder alone, before a still encoder",
    "end-to-end": "encoder and decoder together",
    "self-critical": "the decoder with CIDEr as its reward",
}


def write_weights(run: Path, phase: str, file: Path) -> int:
    """RUN/PHASE.pt in half precision with its vocabulary; returns the number of parameters. Raises SystemExit where the
    file is too large for the repository."""
    state = torch.load(run / f"{phase}.pt", map_location="cpu", weights_only=True)
    halves = {k: v.half().contiguous() for k, v in sorted(state.items()) if not k.endswith("num_batches_tracked")}
    vocabulary = (run / "vocabulary.txt").read_text("utf-8").rstrip("\n")
    save_file(halves, file, metadata={"vocabulary": vocabulary})
    file.chmod(0o644)
    if file.stat().st_size > LARGEST:
        raise SystemExit(f"{file.name} has {file.stat().st_size:,} bytes, more than {LARGEST:,}.")
    return sum(v.numel() for k, v in halves.items() if not k.endswith(("running_mean", "running_var")))


def training(points: list[dict[str, Any]], stopped: str) -> str:
    """How it learnt, what was chosen on what, and why it stopped."""
    done = [name for name in PHASES if any(point["phase"] == name for point in points)]
    parts = ", then ".join(
        f"{PHASES[name]} ({sum(point['phase'] == name for point in points)} epochs, CIDEr {best(points, name):.3f})"
        for name in done
    )
    return (
        f"Learnt from 6,000 pictures of Flickr8k and 321 of COCO with five captions each: {parts}; "
        f"{points[-1]['hours']:.1f} hours of computing in all. The epochs, and the settings, were chosen by CIDEr "
        "(beam 3) on flickr8k_val, which the curve shows and the scores were measured on, so they are a little too "
        f"good. {REASONS[stopped]}."
    )


def best(points: list[dict[str, Any]], phase: str) -> float:
    """CIDEr of a phase's best epoch."""
    return max(float(point["CIDEr"]) for point in points if point["phase"] == phase)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a training run")
    parser.add_argument("--phase", choices=list(PHASES), required=True, help="whose best epoch is shipped")
    parser.add_argument("--stopped", choices=sorted(REASONS), required=True, help="why training stopped")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    file = Path("weights/captioner.safetensors")
    parameters = write_weights(args.run, args.phase, file)
    points = [json.loads(line) for line in (args.run / "curve.jsonl").read_text("utf-8").splitlines()]
    order = list(PHASES)  # what came after the phase that is shipped is no part of it
    points = [point for point in points if order.index(point["phase"]) <= order.index(args.phase)]
    middle, deviation = 127 / 255, 128 / 255
    extra = {
        f"cider_{name.replace('-', '_')}": round(best(points, name), 3)
        for name in PHASES
        if any(point["phase"] == name for point in points)
    }
    card = Card(
        id="captioner",
        name="Captioner",
        year=2015,
        task="caption",
        architecture="captioner",
        origin="embedded",
        file=file.name,
        licence=LICENCE,
        terms=TERMS,
        limits=LIMITS,
        summary="A convolutional network feeding an LSTM with attention, trained by this project.",
        size=file.stat().st_size,
        parameters=parameters,
        sha256=sha256_of(file),
        source=PAPERS,
        attribution="Trained by Triptych (python -m app.training.captioner); the encoder began as EfficientNet-Lite0 "
        "(Apache-2.0)",
        preprocessing=Preprocessing(
            crop=SIDE, interpolation="bilinear", mean=(middle,) * 3, deviation=(deviation,) * 3, squeeze=True
        ),
        labels="captioner",
        curve=tuple((round(point["hours"], 3), round(point["CIDEr"], 3)) for point in points),
        training=training(points, args.stopped),
        extra=tuple(extra.items()),
    )
    write_card(card, file.with_suffix(".toml"))  # the engine finds the file by its card
    measured = measure.captions(Store(), card.id, args.data)
    scores = dict(measured.scores)
    summary = (
        f"{card.summary[:-1]}: CIDEr {scores['CIDEr']:.3f}, BLEU-1 {100 * scores['BLEU-1']:.1f} %, BLEU-4 "
        f"{100 * scores['BLEU-4']:.1f} % on {measured.data}."
    )
    write_card(replace(card, summary=summary, measured=(measured,)), file.with_suffix(".toml"))
    print(f"{file}: {file.stat().st_size:,} bytes, SHA-256 {card.sha256}\n{summary}")


if __name__ == "__main__":
    main()
