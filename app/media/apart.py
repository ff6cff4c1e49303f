"""HEIC is decoded in a process of its own: a damaged file can crash the C++ library that reads it.

Found with mutated files (`python -m tests.benchmarks.fuzz_pictures --count 40000 --seed 7`): libheif 1.23.0 in pi-heif
1.4.0 reads metadata from where a damaged table points, and the process dies. Here only the child dies, and the file is
refused with a sentence like any other. It costs some 0.2 s a picture, and HEIC is a telephone's format, not a folder's.

The child is `python -m app.media.apart NAME`: the file comes on stdin; out go a line of JSON and then the pixels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np

PATIENCE = 60.0  # seconds; a picture of 100 megapixels takes 10
ROOT = Path(__file__).resolve().parents[2]
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


class DiedError(Exception):
    """The child crashed, hung or said nothing: for a person, the file is damaged."""


def wanted(file: IO[bytes]) -> bool:
    """Whether `file` says that it is HEIC; it is left at its beginning. A frozen program has no Python to start: there
    HEIC is decoded within it."""
    head = file.read(12)
    file.seek(0)
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS and not getattr(sys, "frozen", False)


def decode(file: IO[bytes], name: str) -> tuple[np.ndarray, tuple[int, int], str]:
    """Pixels (height, width, 3) uint8, the picture's own (width, height), its format. Raises PictureError with the
    child's own sentence, and DiedError."""
    from app.media.pictures import PictureError

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    try:
        child = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "app.media.apart", name],
            input=file.read(),
            capture_output=True,
            timeout=PATIENCE,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # no console that flashes up on Windows
        )
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise DiedError from error
    line, _, pixels = child.stdout.partition(b"\n")
    if child.returncode != 0 or not line:
        raise DiedError
    answer = json.loads(line)
    if "sentence" in answer:
        raise PictureError(answer["sentence"])
    array = np.frombuffer(pixels, np.uint8).reshape(answer["shape"])
    return array, (answer["size"][0], answer["size"][1]), answer["format"]


def main() -> None:
    import io

    from app.media.pictures import PictureError, decode_here

    try:
        picture = decode_here(io.BytesIO(sys.stdin.buffer.read()), sys.argv[1])
    except PictureError as error:
        sys.stdout.buffer.write(json.dumps({"sentence": str(error)}).encode() + b"\n")
        return
    answer = {"shape": picture.pixels.shape, "size": picture.size, "format": picture.format}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.write(np.ascontiguousarray(picture.pixels).data)


if __name__ == "__main__":
    main()
