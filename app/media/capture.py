"""A thread that looks at a source and keeps its newest frame."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from app.media.sources import Frame, Source


class State(enum.Enum):
    """What a capture is doing."""

    OPENING = "opening"
    LIVE = "live"  # frames come
    PAUSED = "paused"  # a camera is let go of; a file stays open at its place
    ENDED = "ended"  # a video or slide show is through; its last frame stays
    FAILED = "failed"  # `Status.sentence` says why; a camera is tried again by itself
    CLOSED = "closed"  # before `start` and after `close`


@dataclass(frozen=True)
class Status:
    """A moment of a capture."""

    state: State
    sentence: (
        str  # for a person, "" where all is well; also while LIVE (only black pictures) and ENDED (before its end)
    )
    is_open: bool  # the device or file is really held, by an abandoned thread too: what the sign "camera on" shows
    size: tuple[int, int] | None
    fps: float | None  # the source's own, where known
    length: float | None  # seconds; None: no seeking
    time: float  # of the newest frame, on the source's clock
    frames: int  # that came since `start`
    dropped: int  # of these, how many were replaced by a newer one before anybody took them
    skipped: tuple[str, ...]  # sentences of pictures that could not be opened, oldest first


class Capture:
    """Reads `source` at its own rate on a thread; only the newest frame is kept, never a queue.

    `on_change()` is called on a thread of the capture after every new frame and every change of the status; it must
    return soon and may call anything here. No method waits for the source (`close` for at most its timeout); all may
    be called from any thread. A camera is opened by `start`, `resume` and `retry` alone (and again after a failure,
    until `pause` or `close`), a video or slide show plays by its time stamps."""

    def __init__(self, source: Source, on_change: Callable[[], None] | None = None, *, loop: bool = False) -> None:
        self.source = source
        self.loop = loop  # begin again at the end; may be changed at any time
        self._on_change = on_change

    @property
    def status(self) -> Status:
        raise NotImplementedError

    def start(self) -> None:
        """Open and play."""
        raise NotImplementedError

    def newest(self) -> Frame | None:
        """The newest frame, whoever has it already. Stays after a pause, a failure and the end."""
        raise NotImplementedError

    def take(self) -> Frame | None:
        """The newest frame if nobody took it yet, else None. Frames that nobody took count as dropped."""
        raise NotImplementedError

    def pause(self) -> None:
        """A camera is let go of (`Status.is_open` says when it is); a video or slide show keeps its place."""
        raise NotImplementedError

    def resume(self) -> None:
        """Go on; from the beginning after the end."""
        raise NotImplementedError

    def retry(self) -> None:
        """After a failure: again at once, on a new thread where the old one is stuck."""
        raise NotImplementedError

    def seek(self, time: float) -> None:
        """Go to `time` seconds; while paused or at the end, that frame is shown and the capture is paused there."""
        raise NotImplementedError

    def close(self, timeout: float = 2.0) -> bool:
        """Let go of everything. False where a thread is stuck in the source: it is abandoned, and lets go when it can."""
        raise NotImplementedError
