"""A picture that moves by itself, the same on every machine: for tests, benchmarks and a look without a camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.media.sources import Stream


@dataclass(frozen=True)
class Synthetic:
    """`pictures` one after the other for `hold` seconds each, filling the frame, in a slow pan; without any, a disc over
    a gradient. `seconds` None: endless."""

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    seconds: float | None = None
    pictures: tuple[Path, ...] = ()
    hold: float = 4.0
    live = False
    name = "Test picture"

    def open(self) -> Stream:
        raise NotImplementedError
