"""Feed the player mutated videos: `python -m tests.benchmarks.fuzz_videos [--count 1000] [--seed 0]`.

As tests.benchmarks.fuzz_pictures does it: a child process opens, plays and seeks, so that a crash of ffmpeg is seen and
counted. What must never happen: the process dies, an exception other than `SourceError`, more than 2 seconds for a
file. Exit code 1 where one of them did. A slice of it runs with the tests (tests/media/test_fuzz.py).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

from tests.benchmarks.fuzz_pictures import mutate, parent

FRAMES = 40  # that are read of a file at most; the originals have 24
KINDS = {
    "mp4": "mp4v",
    "mov": "mp4v",
    "mkv": "mp4v",
    "webm": "VP80",
    "avi": "MJPG",
    "divx.avi": "XVID",
    "flv": "FLV1",
    "ts": "mp4v",
    "wmv": "WMV2",
}


def corpus() -> list[tuple[str, bytes]]:
    """A short video with something moving for every container that this OpenCV can write: (name, bytes)."""
    from app.media.opencv import import_cv2

    cv2 = import_cv2()
    made: list[tuple[str, bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        for ending, code in KINDS.items():
            path = Path(folder) / f"clip.{ending}"
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), 12.0, (64, 48))
            if not writer.isOpened():
                continue
            noise = np.random.default_rng(0).integers(0, 40, (48, 64, 3)).astype(np.uint8)
            for n in range(24):
                picture = np.roll(noise, n, 1) + np.uint8(4 * n)
                picture[n : n + 12, n : n + 16] = (30, 60, 220)
                writer.write(picture)
            writer.release()
            if path.exists() and path.stat().st_size:
                made.append((path.name, path.read_bytes()))
    return [*made, ("clip.h264", h264(24))]


def h264(frames: int) -> bytes:
    """A raw H.264 stream, 32 × 32, frame n of brightness 16 + 8 n: what OpenCV reads and does not write. Its pictures
    are uncompressed (I_PCM macroblocks, ITU-T H.264 7.3.5), all in baseline profile. It has no time stamps."""

    def ue(value: int) -> str:  # Exp-Golomb, 9.1
        bits = f"{value + 1:b}"
        return "0" * (len(bits) - 1) + bits

    def unit(header: int, bits: str) -> bytes:  # a NAL unit, 7.3.1
        bits += "1"
        bits += "0" * (-len(bits) % 8)
        body = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
        for last in range(4):  # emulation prevention
            body = body.replace(bytes((0, 0, last)), bytes((0, 0, 3, last)))
        return b"\0\0\0\1" + bytes((header,)) + body

    sequence = f"{66:08b}{0:08b}{10:08b}" + ue(0) * 5 + "0" + ue(1) * 2 + "1000"
    picture = ue(0) * 2 + "00" + ue(0) * 3 + "000" + ue(0) * 3 + "000"
    stream = unit(0x67, sequence) + unit(0x68, picture)
    for n in range(frames):
        bits = ue(0) + ue(7) + ue(0) + "0000" + ue(n % 2) + "0000" + "00" + ue(0)
        for _ in range(4):
            bits += ue(25)
            bits += "0" * (-len(bits) % 8) + f"{16 + 8 * n:08b}" * 256 + f"{128:08b}" * 128
        stream += unit(0x65, bits)
    return stream


def child(seed: int, first: int, end: int) -> None:
    """Play the files from `first` on; a line before each ("? number") and one after it."""
    from app.media.sources import SkippedError, SourceError
    from app.media.videos import Video

    files = corpus()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, end):
            name, data = mutate(files, seed, number)
            path = Path(folder) / name
            path.write_bytes(data)
            print("?", number, flush=True)
            start = time.perf_counter()
            try:
                with contextlib.closing(Video(path).open()) as stream:
                    for to in (None, 0.0 if stream.length is None else stream.length / 2):
                        if to is not None:
                            stream.seek(to)
                        with contextlib.suppress(SkippedError):  # it breaks off, and that was said
                            for _ in range(FRAMES):
                                if stream.read() is None:
                                    break
                outcome = "picture"
            except SourceError as error:
                said = str(error)
                outcome = "refused" if said.startswith(name) and said.endswith(".") else f"sentence {said!r}"
            except BaseException:
                outcome = "exception " + repr(traceback.format_exc())
            print("=", number, f"{time.perf_counter() - start:.3f}", outcome, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one file, in this process, and where it is kept")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.seed, options.child, options.count)
        return 0
    if options.only is not None:
        name, data = mutate(corpus(), options.seed, options.only)
        kept = Path(tempfile.gettempdir()) / f"fuzz-{options.seed}-{options.only}-{name}"
        kept.write_bytes(data)
        print(name, len(data), "bytes:", kept)
        child(options.seed, options.only, options.only + 1)
        return 0
    return parent("fuzz_videos", [name for name, _ in corpus()], options.seed, options.count)


if __name__ == "__main__":
    sys.exit(main())
