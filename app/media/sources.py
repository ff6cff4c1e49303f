"""What the Caption panel can look at: cameras, videos, slide shows, a test picture.

A `Source` says what is to be looked at and opens nothing by itself: it is a frozen dataclass that can be kept, compared
and opened again. `open()` gives a `Stream`, which holds the device or the file until it is closed. Both may block for
ever (a camera's driver, a dead network drive), so a window never calls them: `app.media.capture.Capture` does, on a
thread that can be given up.

The sources: `cameras.Camera`, `videos.Video`, `slides.Pictures`, `synthetic.Synthetic`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class SourceError(Exception):
    """str(error) is one sentence: which thing, why, what to do."""


class SkippedError(SourceError):
    """One frame could not be had (a broken picture among others): it is said, and the next `read` goes on after it."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source. `pixels`: (height, width, 3) uint8 BGR, upright; nobody writes to them."""

    pixels: np.ndarray
    number: int  # 0, 1, 2 …: counts what was read, wherever the source was sent
    time: float  # seconds of the source's own clock: a video's time stamps; of a camera, since its first frame
    captured: float  # time.perf_counter() when it came: what a caption's latency is counted from
    name: str  # what it belongs to: the camera's name, a file's name; never a path


class Stream(Protocol):
    """An opened source. Used by one thread."""

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) in pixels as far as it is known; frames may differ from one to the next."""

    @property
    def fps(self) -> float | None:
        """Frames a second, on average, where it is known."""

    @property
    def length(self) -> float | None:
        """Seconds; None where there is no end or nobody knows it, and then there is no seeking either."""

    def read(self, after: float | None = None) -> Frame | None:
        """The next frame, or the next at or after `after` seconds; None at the end. A camera waits for it, all others
        give it as fast as they can. Raises SkippedError where the next read can go on, SourceError otherwise."""

    def seek(self, time: float) -> None:
        """The next `read` gives the first frame at or after `time` seconds. For streams with a `length`."""

    def close(self) -> None:
        """Lets go of the device or the file. Harmless when repeated."""


class Source(Protocol):
    """What can be opened."""

    @property
    def name(self) -> str:
        """For the window and for sentences: the camera's name, a file's name; never a path."""

    @property
    def live(self) -> bool:
        """A camera: it keeps its own pace, is let go of while paused, and may come back by itself."""

    def open(self) -> Stream:
        """Raises SourceError. May block."""


def every(stream: Stream, seconds: float, skipped: Callable[[str], None]) -> Iterator[Frame]:
    """A frame for every `seconds` of the stream's own clock, as fast as it can be read, without a thread: the first
    frame, then the first at or after each multiple of `seconds`; none twice. What can't be had (a broken picture, a
    missing end) is told to `skipped` in a sentence. Raises SourceError."""
    wanted = 0.0
    while True:
        try:
            frame = stream.read(after=wanted)
        except SkippedError as error:
            skipped(str(error))
            continue
        if frame is None:
            return
        yield frame
        wanted = (math.floor(frame.time / seconds + 1e-6) + 1) * seconds
