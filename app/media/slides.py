"""Pictures and folders as a slide show."""

from __future__ import annotations

import math
import time as clock
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.media import pictures
from app.media.pictures import shown
from app.media.sources import Frame, SkippedError, SourceError

_AT_LEAST = 1080  # pixels of the short side; a large JPEG is decoded at a quarter or so, far above what a screen shows


@dataclass(frozen=True)
class Pictures:
    """Files as given and folders walked, each picture shown for `seconds`. A broken one is skipped with a sentence."""

    paths: tuple[Path, ...]
    seconds: float = 4.0
    live = False

    @property
    def name(self) -> str:
        return shown(self.paths[0].name) if len(self.paths) == 1 else f"{len(self.paths)} pictures"

    def open(self) -> SlidesStream:
        """Walks the folders. Raises SourceError where they hold no pictures."""
        found = list(pictures.find(self.paths))
        if not found:
            raise SourceError(f"{self.name} could not be shown: there are no pictures in it.")
        return SlidesStream(found, self.seconds)


class SlidesStream:
    """An opened slide show: `sources.Stream`. A frame's time is the moment at which its turn comes."""

    def __init__(self, paths: list[Path], seconds: float) -> None:
        self._paths, self._seconds = paths, seconds
        self._index = self._good = self._broken = self._count = 0
        self.size: tuple[int, int] | None = None

    @property
    def fps(self) -> float:
        return 1 / self._seconds

    @property
    def length(self) -> float:
        return len(self._paths) * self._seconds

    def read(self, after: float | None = None) -> Frame | None:
        if after is not None:
            self._index = max(self._index, self._at(after))
        if self._index >= len(self._paths):
            return None
        path, time = self._paths[self._index], self._index * self._seconds
        self._index += 1
        try:
            picture = pictures.decode(path, at_least=_AT_LEAST)
        except pictures.PictureError as error:
            self._broken += 1
            if self._broken == len(self._paths) and not self._good:  # and a loop would never rest
                more = f" Nor could the other {self._broken - 1}." if self._broken > 1 else ""
                raise SourceError(f"{error}{more}") from error
            raise SkippedError(str(error)) from error
        pixels = np.ascontiguousarray(picture.pixels[..., ::-1])
        self.size = (pixels.shape[1], pixels.shape[0])
        frame = Frame(pixels, self._count, time, clock.perf_counter(), picture.name)
        self._count, self._good = self._count + 1, self._good + 1
        return frame

    def seek(self, time: float) -> None:
        self._index = self._at(time)

    def close(self) -> None:
        """Nothing is held between two pictures."""

    def _at(self, time: float) -> int:
        return max(math.ceil(time / self._seconds - 1e-6), 0)
