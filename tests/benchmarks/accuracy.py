"""Top-1 and top-5 of a model from the command line: `python -m tests.benchmarks.accuracy --model efficientnet-lite0`.

Unpacks the zip (`index.tsv` and pictures, see its README) into a temporary folder, runs `triptych classify FOLDER
--json` as a process and counts. `--expect 84.0,96.0` makes the exit code 1 where a figure is more than half a point
off.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEFAULT_ZIP = ROOT.parent / "shared" / "data" / "imagenet_dev.zip"
TOLERANCE = 0.5  # points


def unpack(archive: Path, folder: Path, first: int | None = None, step: int = 1) -> dict[str, int]:
    """Writes the pictures into `folder` (every `step`th, at most `first`). Returns class indices by file name."""
    with zipfile.ZipFile(archive) as opened:
        text = opened.read("index.tsv").decode("utf-8").splitlines()
        rows = list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))[::step][:first]
        labels = {}
        for row in rows:
            name = Path(row["file"]).name
            assert name not in labels
            (folder / name).write_bytes(opened.read(row["file"]))
            labels[name] = int(row["label_index"])
    return labels


def measure(folder: Path, labels: dict[str, int], model: str, arguments: tuple[str, ...] = ()) -> tuple[float, float]:
    """(top-1, top-5) in per cent, as the command line answers. Raises RuntimeError where it fails."""
    command = [sys.executable, "-m", "app", "classify", str(folder), "--model", model, "--json", *arguments]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    if finished.returncode != 0:
        raise RuntimeError(f"exit code {finished.returncode}: {finished.stderr[-2000:]}{finished.stdout[-500:]}")
    seen: dict[str, list[int]] = {}
    for text in finished.stdout.splitlines():
        answer = json.loads(text)
        seen[Path(answer["path"]).name] = [label["index"] for label in answer["top"]]
    assert seen.keys() == labels.keys(), f"{len(seen)} answers for {len(labels)} pictures"
    top1 = sum(seen[name][0] == label for name, label in labels.items())
    top5 = sum(label in seen[name][:5] for name, label in labels.items())
    return 100 * top1 / len(labels), 100 * top5 / len(labels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True)
    parser.add_argument("--zip", type=Path, default=DEFAULT_ZIP)
    parser.add_argument("--first", type=int, help="so many pictures only")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--expect", metavar="TOP1,TOP5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="triptych-accuracy-") as folder:
        labels = unpack(options.zip, Path(folder), options.first)
        start = time.monotonic()
        top1, top5 = measure(Path(folder), labels, options.model, ("--device", options.device))
        seconds = time.monotonic() - start
    print(
        f"{options.model}: top-1 {top1:.2f} %, top-5 {top5:.2f} % "
        f"({len(labels):,} pictures of {options.zip.name}, {seconds:.0f} s)"
    )
    if options.expect:
        wanted = [float(figure) for figure in options.expect.split(",")]
        if any(abs(got - want) > TOLERANCE for got, want in zip((top1, top5), wanted, strict=True)):
            print(f"expected {wanted[0]} / {wanted[1]} within {TOLERANCE} points")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
