"""The training pictures of Classify, decoded once: `python -m app.training.pictures FOLDER` (FOLDER: shared/data).

All training zips go into one uint8 array on disk, each picture at its own proportions with a short side of at most 160;
`imagenet_dev` is never read. `--pack OUT.zip` writes them as one small zip of WebP pictures instead, for a machine that
takes little luggage; a FOLDER with nothing but that zip is read like the original one.
"""

from __future__ import annotations

import argparse
import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

# How often a picture of a set is drawn. One picture per class is all that most classes have; Tiny ImageNet's 64 pixels
# are blurred at training size and cover 200 classes only.
SETS = {
    "imagenet_one_per_class": 3.0,
    "nips17_extra": 3.0,
    "imagenette": 1.0,
    "tiny_imagenet": 0.5,
    "photos": 1.0,
    "caltech101": 1.0,
    "bsds500": 1.0,
    "flickr8k_train_1": 1.0,
    "flickr8k_train_2": 1.0,
    "coco_captioned": 1.0,
}
PACK = "packed"  # the name of a packed zip, without its suffix
SHORT_SIDE = 160
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """All training pictures. `labels` is the ImageNet class or -1; `sets` an index into SETS."""

    flat: Pixels  # (bytes of all pictures,)
    starts: NDArray[np.int64]  # (n,)
    shapes: NDArray[np.int64]  # (n, 2): height, width
    labels: NDArray[np.int64]  # (n,)
    sets: NDArray[np.int64]  # (n,)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, n: int) -> Pixels:
        """(height, width, 3), RGB."""
        height, width = self.shapes[n]
        start = int(self.starts[n])
        return self.flat[start : start + int(height * width * 3)].reshape(height, width, 3)

    def split(self, held: int = 500) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(training, held): `held` labelled pictures, drawn once for all from the sets that look like the real thing,
        are kept for tuning."""
        names = list(SETS)
        rng = np.random.default_rng(20261124)
        alike = [names.index("imagenet_one_per_class"), names.index("nips17_extra"), names.index("photos")]
        candidates = np.flatnonzero((self.labels >= 0) & np.isin(self.sets, alike))
        aside = np.sort(rng.choice(candidates, min(held, len(candidates) // 2), replace=False))
        return np.setdiff1d(np.arange(len(self)), aside), aside


def in_zip(path: Path) -> Iterator[tuple[bytes, int, str]]:
    """(encoded picture, label or -1, source) of each picture of a zip with an index.tsv or a captions.tsv."""
    with zipfile.ZipFile(path) as archive:
        if "index.tsv" in archive.namelist():
            table = io.StringIO(archive.read("index.tsv").decode())
            for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield archive.read(row["file"]), int(row["label_index"]), row["source"]
        else:
            for name in sorted(archive.namelist()):
                if name.endswith(".webp"):
                    yield archive.read(name), -1, name


def shrink(picture: Image.Image, short: int) -> Image.Image:
    """Short side at most `short`; never enlarged."""
    factor = short / min(picture.size)
    if factor >= 1:
        return picture
    size = max(short, round(picture.width * factor)), max(short, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def everything(folder: Path) -> Iterator[tuple[Image.Image, int, int]]:
    """(picture, label or -1, index of its set) of all training zips, or of the packed one where it lies in `folder`."""
    names = list(SETS)
    packed = folder / f"{PACK}.zip"
    for path in [packed] if packed.exists() else [folder / f"{name}.zip" for name in names]:
        for encoded, label, source in in_zip(path):
            picture = shrink(Image.open(io.BytesIO(encoded)).convert("RGB"), SHORT_SIDE)
            yield picture, label, names.index(source if path == packed else path.stem)


def read(folder: Path, cache: Path) -> Pictures:
    """The training pictures, from `cache` (a folder) where they were decoded before."""
    table = cache / "pictures.npz"
    if not table.exists():
        cache.mkdir(parents=True, exist_ok=True)
        rows: list[tuple[int, int, int, int, int]] = []
        start = 0
        with (cache / "pictures.bin").open("wb") as out:
            for picture, label, which in everything(folder):
                rows.append((start, picture.height, picture.width, label, which))
                start += out.write(picture.tobytes())
        np.savez(table, rows=np.array(rows, np.int64))
    rows_read: NDArray[np.int64] = np.load(table)["rows"]  # (n, 5)
    flat = np.memmap(cache / "pictures.bin", np.uint8, "r")
    return Pictures(flat, rows_read[:, 0], rows_read[:, 1:3], rows_read[:, 3], rows_read[:, 4])


def random_crop(picture: Pixels, size: int, rng: np.random.Generator, area: tuple[float, float] = (0.3, 1.0)) -> Pixels:
    """A random rectangle resized to (size, size, 3), mirrored every second time (Szegedy et al. 2014, section 6)."""
    height, width = picture.shape[:2]
    for _ in range(10):
        pixels, ratio = rng.uniform(*area) * height * width, np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = round(float(np.sqrt(pixels * ratio))), round(float(np.sqrt(pixels / ratio)))
        if 0 < w <= width and 0 < h <= height:
            break
    else:
        w = h = min(width, height)
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return mirror_sometimes(resized(picture[y : y + h, x : x + w], size), rng)


def centre_crop(picture: Pixels, size: int, part: float = 0.875) -> Pixels:
    """The central square of `part` of the short side, resized to (size, size, 3)."""
    height, width = picture.shape[:2]
    side = round(min(height, width) * part)
    y, x = (height - side) // 2, (width - side) // 2
    return resized(picture[y : y + side, x : x + side], size)


def resized(picture: Pixels, size: int) -> Pixels:
    # INTER_AREA is right for shrinking, and nearest neighbour for enlarging.
    smaller = size < min(picture.shape[:2])
    result: Any = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return result  # type: ignore[no-any-return]


def mirror_sometimes(picture: Pixels, rng: np.random.Generator) -> Pixels:
    return picture[:, ::-1] if rng.random() < 0.5 else picture


def pack(folder: Path, out: Path, short: int, quality: int) -> None:
    """All training pictures as one zip with an index.tsv, in which `source` is the set's name."""
    names = list(SETS)
    lines = ["file\tlabel\tlabel_index\tsource"]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for n, (picture, label, which) in enumerate(everything(folder)):
            encoded = io.BytesIO()
            shrink(picture, short).save(encoded, "WEBP", quality=quality, method=4)
            archive.writestr(f"{n:05}.webp", encoded.getvalue())
            lines.append(f"{n:05}.webp\t-\t{label}\t{names[which]}")
        archive.writestr("index.tsv", "\n".join(lines) + "\n")
    print(f"{out}: {len(lines) - 1} pictures, {out.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/pictures"))
    parser.add_argument("--pack", type=Path, metavar="OUT.zip")
    parser.add_argument("--short-side", type=int, default=112, help="of packed pictures (default: %(default)s)")
    parser.add_argument("--quality", type=int, default=45, help="of packed pictures (default: %(default)s)")
    args = parser.parse_args()
    if args.pack:
        pack(args.folder, args.pack, args.short_side, args.quality)
        return
    pictures = read(args.folder, args.cache)
    labelled = np.count_nonzero(pictures.labels >= 0)
    print(f"{len(pictures)} pictures, {labelled} labelled, {pictures.flat.nbytes:,} bytes")


if __name__ == "__main__":
    main()
