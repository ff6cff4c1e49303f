"""A picture that moves by itself, the same on every machine: for tests, benchmarks and a look without a camera."""

from __future__ import annotations

import math
import time as clock
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.media import pictures
from app.media.sources import Frame, SourceError

_SPARE = 1.15  # a picture is that much larger than the frame that pans over it


@dataclass(frozen=True)
class Synthetic:
    """`pictures` one after the other for `hold` seconds each, filling the frame, in a slow pan; without any, a disc
    that circles over a gradient. `seconds` None: endless."""

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    seconds: float | None = None
    pictures: tuple[Path, ...] = ()
    hold: float = 4.0
    live = False
    name = "Test picture"

    def open(self) -> SyntheticStream:
        """Raises SourceError where there are no pictures in `pictures`."""
        found = list(pictures.find(self.pictures))
        if self.pictures and not found:
            raise SourceError("The test picture could not be made: there are no pictures in what was given.")
        return SyntheticStream(self, found)


class SyntheticStream:
    """An opened test picture: `sources.Stream`. The frame number n is the same in every run."""

    def __init__(self, source: Synthetic, found: list[Path]) -> None:
        self._source, self._found, self._n = source, found, 0
        self._held = -1  # which picture `_canvas` is
        self._canvas = _gradient(source.width, source.height)

    @property
    def size(self) -> tuple[int, int]:
        return self._source.width, self._source.height

    @property
    def fps(self) -> float:
        return self._source.fps

    @property
    def length(self) -> float | None:
        return self._source.seconds

    def read(self, after: float | None = None) -> Frame | None:
        """Raises SourceError where a picture can't be decoded."""
        if after is not None:
            self.seek(max(after, self._n / self._source.fps))
        n, time = self._n, self._n / self._source.fps
        if self._source.seconds is not None and time >= self._source.seconds - 1e-9:
            return None
        self._n += 1
        pixels = self._panned(time) if self._found else self._disc(time)
        return Frame(pixels, n, time, clock.perf_counter(), self._source.name)

    def seek(self, time: float) -> None:
        self._n = max(math.ceil(time * self._source.fps - 1e-6), 0)

    def close(self) -> None:
        """Nothing is held."""

    def _disc(self, time: float) -> np.ndarray:
        pixels = self._canvas.copy()
        radius = min(self._source.width, self._source.height) // 8
        angle = 2 * math.pi * time / 10
        x = round(self._source.width / 2 + 2 * radius * math.cos(angle))
        y = round(self._source.height / 2 + 2 * radius * math.sin(angle))
        rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
        inside = rows**2 + columns**2 <= radius**2
        pixels[y - radius : y + radius + 1, x - radius : x + radius + 1][inside] = (60, 90, 240)
        return pixels

    def _panned(self, time: float) -> np.ndarray:
        turn, within = divmod(time, self._source.hold)
        index = int(turn) % len(self._found)
        if index != self._held:
            self._canvas, self._held = self._picture(self._found[index]), index
        width, height = self.size
        spare_x, spare_y = self._canvas.shape[1] - width, self._canvas.shape[0] - height
        left, top = (int(spare * within / self._source.hold) for spare in (spare_x, spare_y))
        return np.ascontiguousarray(self._canvas[top : top + height, left : left + width])

    def _picture(self, path: Path) -> np.ndarray:
        """(1.15 height, 1.15 width, 3) uint8 BGR, filled by the picture, cut where it is of another shape."""
        from PIL import Image, ImageOps

        try:
            picture = pictures.decode(path, at_least=self._source.height)
        except pictures.PictureError as error:
            raise SourceError(str(error)) from error
        wanted = (round(self._source.width * _SPARE), round(self._source.height * _SPARE))
        filled = ImageOps.fit(Image.fromarray(picture.pixels), wanted, Image.Resampling.BILINEAR)
        return np.ascontiguousarray(np.asarray(filled)[..., ::-1])


def _gradient(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), np.full_like(x, 128)], -1).astype(
        np.uint8
    )
