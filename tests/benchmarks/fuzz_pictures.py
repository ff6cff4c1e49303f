"""Feed the decoder mutated pictures: `python -m tests.benchmarks.fuzz_pictures [--count 5000] [--seed 0]`.

Every file is decoded in a child process, so that a crash of a C library is seen and counted and the rest goes on.
What must never happen: the process dies, an exception other than `PictureError`, more than 2 seconds for a file.
Exit code 1 where one of them did; each finding is printed with the number that makes it again (`--only NUMBER`).
A slice of it runs with the tests (tests/media/test_fuzz.py).
"""

from __future__ import annotations

import argparse
import collections
import io
import random
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SLOW = 2.0  # seconds
HUNG = 60.0
HERE = Path(__file__).parent
EDGES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\x7f", b"\x80\0", b"\0\0\x80\0", b"\x01\0\0\0")


def corpus() -> list[tuple[str, bytes]]:
    """Small pictures of every format and of many modes, made on the fly: (name, bytes)."""
    y, x = np.mgrid[0:60, 0:80]
    noise = np.random.default_rng(0).integers(0, 60, (60, 80, 3))
    rgb = Image.fromarray((np.stack([x * 2, y * 3, 255 - x * 2], -1) // 2 + noise).astype(np.uint8))
    rgba = rgb.convert("RGBA")
    rgba.putalpha(Image.fromarray((x * 3).astype(np.uint8)))
    palette, grey = rgb.quantize(32), rgb.convert("L")
    deep = Image.fromarray((x * 700).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x9286] = 6, "Maker", "comment"
    frames = [rgb.rotate(angle) for angle in (90, 180)]
    made: list[tuple[str, bytes]] = []

    def save(image: Image.Image, name: str, **options: object) -> None:
        buffer = io.BytesIO()
        image.save(buffer, name.split("-")[0], **options)  # type: ignore[arg-type]
        made.append((name, buffer.getvalue()))

    save(rgb, "JPEG-rgb", quality=85)
    save(rgb, "JPEG-exif", exif=exif, progressive=True)
    save(grey, "JPEG-grey")
    save(rgb.convert("CMYK"), "JPEG-cmyk")
    save(rgb, "MPO-two", save_all=True, append_images=frames)
    save(rgb, "PNG-rgb", exif=exif)
    save(rgba, "PNG-rgba")
    save(palette, "PNG-palette", transparency=3)
    save(deep, "PNG-deep")
    save(rgb, "PNG-animated", save_all=True, append_images=frames)
    save(rgb, "WEBP-lossy", exif=exif)
    save(rgba, "WEBP-lossless", lossless=True)
    save(rgb, "WEBP-animated", save_all=True, append_images=frames)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"):
        save(rgb, f"TIFF-{compression}", compression=compression)
    save(grey.convert("1"), "TIFF-g4", compression="group4")
    save(deep, "TIFF-deep")
    save(Image.fromarray(x.astype(np.float32) / 80), "TIFF-float")
    save(rgb.convert("LAB"), "TIFF-lab")
    save(rgb.convert("CMYK"), "TIFF-cmyk")
    save(rgb, "BMP-rgb")
    save(palette, "BMP-palette")
    made.append(("BMP-rle", rle_bmp(palette)))
    save(palette, "GIF-still", transparency=2)
    save(rgb, "GIF-animated", save_all=True, append_images=frames)
    save(rgb, "AVIF-rgb", exif=exif)
    save(rgba, "AVIF-rgba")
    data = HERE.parent / "media" / "data"
    made += [(f"HEIF-{path.stem}", path.read_bytes()) for path in sorted(data.glob("*.heic"))]
    return made


def rle_bmp(palette: Image.Image) -> bytes:
    """An 8-bit run-length encoded BMP, which Pillow reads but does not write."""
    width, height = palette.size
    rows = np.asarray(palette)[::-1]
    body = b"".join(b"".join(bytes((1, int(value))) for value in row) + b"\0\0" for row in rows) + b"\0\1"
    colours = bytes(palette.getpalette("RGBX") or b"").ljust(1024, b"\0")[:1024]
    start = 14 + 40 + 1024
    size = (start + len(body)).to_bytes(4, "little")
    header = b"BM" + size + b"\0\0\0\0" + start.to_bytes(4, "little")
    fields = (
        (40, 4),
        (width, 4),
        (height, 4),
        (1, 2),
        (8, 2),
        (1, 4),
        (len(body), 4),
        (0, 4),
        (0, 4),
        (256, 4),
        (0, 4),
    )
    return header + b"".join(value.to_bytes(length, "little") for value, length in fields) + colours + body


def mutate(files: list[tuple[str, bytes]], seed: int, number: int) -> tuple[str, bytes]:
    """The `number`th mutated file of `seed`: always the same."""
    dice = random.Random(f"{seed}/{number}")
    name, original = files[number % len(files)]
    data = bytearray(original)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        if not data:
            break
        # Headers are short and matter most: half of the changes go there.
        at = dice.randrange(min(len(data), 200) if dice.random() < 0.5 else len(data))
        kind = dice.randrange(8)
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at] = dice.randrange(256)
        elif kind == 2:
            edge = dice.choice(EDGES)
            data[at : at + len(edge)] = edge
        elif kind == 3:
            del data[at : at + dice.choice((1, 2, 7, 100))]
        elif kind == 4:
            data[at:at] = dice.randbytes(dice.choice((1, 3, 40)))
        elif kind == 5:
            data[at:at] = data[at : at + dice.choice((4, 64, 500))]
        elif kind == 6:
            del data[at:]
        else:  # the rest of another file
            other = dice.choice(files)[1]
            data[at:] = other[min(at, len(other)) :]
    if name.startswith("PNG") and dice.random() < 0.7:  # else its check sums would keep the changes from the decoder
        data = mend(data)
    return name, bytes(data)


def mend(data: bytearray) -> bytearray:
    """A PNG with its chunks' check sums made right."""
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return data


def child(seed: int, first: int, end: int, step: int) -> None:
    """Decode the files `first`, `first + step` …; a line before each ("? number") and one after it."""
    from app.media.pictures import PictureError, decode
    from app.media.preprocess import Preprocessing, apply

    files = corpus()
    preprocessing = Preprocessing(32, 28)
    for number in range(first, end, step):
        name, data = mutate(files, seed, number)
        print("?", number, flush=True)
        start = time.perf_counter()
        try:
            picture = decode(data, name=name, at_least=32 if number % 2 else None)
            apply(picture.pixels, preprocessing)
            outcome = "picture"
        except PictureError as error:
            sentence = str(error)
            outcome = "refused" if sentence.startswith(name) and sentence.endswith(".") else f"sentence {sentence!r}"
        except BaseException:
            outcome = "exception " + repr(traceback.format_exc())
        print("=", number, f"{time.perf_counter() - start:.3f}", outcome, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one file, in this process, and where it is kept")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.seed, options.child, options.count, 1)
        return 0
    if options.only is not None:
        name, data = mutate(corpus(), options.seed, options.only)
        kept = Path(tempfile.gettempdir()) / f"fuzz-{options.seed}-{options.only}.bin"
        kept.write_bytes(data)
        print(name, len(data), "bytes:", kept)
        child(options.seed, options.only, options.only + 1, 1)
        return 0
    return parent("fuzz_pictures", [name for name, _ in corpus()], options.seed, options.count)


def parent(module: str, names: list[str], seed: int, count: int) -> int:
    """Runs children of tests.benchmarks.`module` until all files were tried; prints what they found. The exit code."""
    outcomes: collections.Counter[str] = collections.Counter()
    findings: list[str] = []
    slowest, begun = (0.0, "none"), time.perf_counter()
    following = 0
    while following < count:
        command = [sys.executable, "-m", f"tests.benchmarks.{module}", "--seed", str(seed)]
        command += ["--count", str(count), "--child", str(following)]
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            current, timer = following, _Watch(process)
            assert process.stdout is not None
            for line in process.stdout:
                timer.reset()
                sign, number, *rest = line.rstrip("\n").split(" ", 3)
                current = int(number)
                if sign == "?":
                    continue
                following = current + 1
                seconds, outcome = float(rest[0]), rest[1]
                label = f"{current} ({names[current % len(names)]})"
                slowest = max(slowest, (seconds, label))
                outcomes[outcome.split(" ")[0]] += 1
                if seconds > SLOW:
                    findings.append(f"{label}: {seconds:.1f} s")
                if outcome not in ("picture", "refused"):
                    findings.append(f"{label}: {outcome}")
            code = process.wait()
            timer.stop()
            errors.seek(0)
            said = errors.read()
        if following < count:  # it died on the way
            if current < following:
                print(f"The child ended without cause (exit {code}): {said[-2000:]}")
                return 1
            reason = "hung" if timer.expired else f"the process ended with {code}: {said[-500:]}"
            findings.append(f"{current} ({names[current % len(names)]}): {reason}")
            outcomes["crash"] += 1
            following = current + 1
    print(
        f"{count:,} mutated files of {len(names)} kinds (seed {seed}) in {time.perf_counter() - begun:.0f} s: ", end=""
    )
    print(", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.most_common()))
    print(f"slowest: {slowest[0]:.2f} s, file {slowest[1]}")
    print(f"findings: {len(findings)}")
    print(*findings, sep="\n")
    return 1 if findings else 0


class _Watch:
    """Kills a child that says nothing for `HUNG` seconds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        import threading

        self.expired = False
        self._process = process
        self._last = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def reset(self) -> None:
        self._last = time.monotonic()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            if time.monotonic() - self._last > HUNG:
                self.expired = True
                self._process.kill()
                return


if __name__ == "__main__":
    sys.exit(main())
