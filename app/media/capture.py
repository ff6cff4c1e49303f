"""A thread that looks at a source and keeps its newest frame.

Opening and reading a camera can block for ever, and nothing can interrupt them. So a reader thread does only that, a
second one notices when it is stuck, and a stuck reader is given up: it is a daemon, holds a stream of its own, and lets
go of it as soon as it comes back.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from app.media.sources import Frame, SkippedError, Source, SourceError, Stream

PATIENCE = 5.0  # seconds that a source may take to open or to give a frame before it is said not to answer
AGAIN = 2.0  # seconds between two tries to have a failed camera back
SUSPECT = 1.0  # seconds of opening after which a camera's light may shine, so that it is said to be on
BLACK_AFTER = 3.0  # seconds of nothing but black that are no longer a camera waking up
BLACK = 24  # a picture whose brightest value is less is black
_LATE = 0.2  # seconds that a video may catch up; beyond, its clock waits for it
_LONGEST = 60.0  # seconds that a video may hold a frame; a longer gap is a damaged time stamp
_SKIPPED = 1000  # sentences that are kept

_log = logging.getLogger(__name__)


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
    sentence: str  # for a person, "" where all is well; also while LIVE (only black pictures) or ENDED (before its end)
    is_open: bool  # the device or file is really held, by a stuck thread too: what the sign "camera on" shows
    size: tuple[int, int] | None  # (width, height) of the newest frame
    fps: float | None  # the source's own, where known
    length: float | None  # seconds; None: no seeking
    time: float  # of the newest frame, on the source's clock
    frames: int  # that came since `start`
    dropped: int  # of these, how many were replaced by a newer one before anybody took them
    skipped: tuple[str, ...]  # sentences of pictures that could not be opened, oldest first


class Capture:
    """Reads `source` at its own rate on a thread; only the newest frame is kept, never a queue.

    `on_change()` is called after every new frame and every change of the status, on whichever thread made it (most
    often the capture's own), and not after `close`; it must return soon and may call anything here. No method waits for
    the source (`close` for at most its timeout); all may be called from any thread. A camera is opened by `start`,
    `resume` and `retry` alone (and again by itself after a failure, until `pause` or `close`). Everything else plays by
    its frames' times."""

    def __init__(self, source: Source, on_change: Callable[[], None] | None = None, *, loop: bool = False) -> None:
        self.source = source
        self.loop = loop  # begin again at the end; may be changed at any time
        self._on_change = on_change
        self._changed = threading.Condition()
        self._state, self._sentence = State.CLOSED, ""
        self._closing = False
        self._seek: float | None = None  # asked for
        self._retry_at = 0.0  # monotonic; a failed camera is opened again then
        self._newest: Frame | None = None
        self._taken = True
        self._frames = self._dropped = 0
        self._fps: float | None = None
        self._length: float | None = None
        self._skipped: tuple[str, ...] = ()
        self._begun: float | None = None  # perf_counter of a camera's first frame
        self._dark_since: float | None = None  # perf_counter
        self._held = 0  # streams that are open, those of readers that were given up included
        self._reader: _Reader | None = None
        self._readers: list[_Reader] = []  # whose threads run, those that were given up included
        self._threads: list[threading.Thread] = []

    @property
    def status(self) -> Status:
        with self._changed:
            newest = self._newest
            return Status(
                self._state,
                self._sentence,
                self._held > 0 or any(reader.stuck(SUSPECT) for reader in self._readers),
                None if newest is None else (newest.pixels.shape[1], newest.pixels.shape[0]),
                self._fps,
                self._length,
                0.0 if newest is None else newest.time,
                self._frames,
                self._dropped,
                self._skipped,
            )

    def start(self) -> None:
        """Open and play. Once in a capture's life."""
        with self._changed:
            if self._threads or self._closing:
                return
            self._state = State.OPENING
            self._begin(self._watch, "capture-watch")
            self._new_reader()
        self._tell()

    def newest(self) -> Frame | None:
        """The newest frame, whoever has it already. Stays after a pause, a failure and the end."""
        return self._newest

    def take(self) -> Frame | None:
        """The newest frame if nobody took it yet, else None. Frames that nobody took count as dropped."""
        with self._changed:
            if self._taken:
                return None
            self._taken = True
            return self._newest

    def pause(self) -> None:
        """A camera is let go of (`Status.is_open` says when it is); anything else keeps its place."""
        with self._changed:
            if self._state not in (State.OPENING, State.LIVE) and not (
                self._state is State.FAILED and self.source.live
            ):
                return
            self._state, self._sentence = State.PAUSED, ""
            self._changed.notify_all()
        self._tell()

    def resume(self) -> None:
        """Go on; from the beginning after the end."""
        with self._changed:
            if self._state is State.ENDED:
                self._seek = 0.0
            elif self._state is not State.PAUSED:
                return
            self._go()
        self._tell()

    def retry(self) -> None:
        """After a failure or nothing but black pictures: again at once, on a new thread where the old one is stuck."""
        with self._changed:
            if self._reader is None or not (self._state is State.FAILED or self._dark()):
                return
            if self._reader.stuck_since is not None and self._state is State.FAILED:
                self._reader.given_up = True
                self._new_reader()
            self._reader.again = self._state is State.LIVE
            self._go()
        self._tell()

    def seek(self, time: float) -> None:
        """Go to `time` seconds; while paused or at the end, that frame is shown and the capture is paused there. Does
        nothing where `Status.length` is None."""
        with self._changed:
            if self._length is None or self._state not in (State.LIVE, State.PAUSED, State.ENDED):
                return
            self._seek = max(time, 0.0)
            if self._state is State.ENDED:
                self._state, self._sentence = State.PAUSED, ""
            self._changed.notify_all()

    def close(self, timeout: float = 2.0) -> bool:
        """Let go of everything. False where a thread is still in the source after `timeout` (a window may well give 0):
        it is left behind, and lets go when it comes back."""
        with self._changed:
            self._closing, self._state, self._sentence = True, State.CLOSED, ""
            self._on_change = None  # which most often knows this capture: a circle would keep its frame in memory
            self._changed.notify_all()
            threads = [*self._threads]
        end = clock.monotonic() + timeout
        for thread in threads:
            if thread is not threading.current_thread():  # `on_change` closes
                thread.join(max(end - clock.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in threads if thread is not threading.current_thread())

    # -- from here on: the threads' own ------------------------------------------------------------------------------

    def _begin(self, run: Callable[[], None], name: str) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _new_reader(self) -> None:
        self._reader = reader = _Reader()
        self._readers.append(reader)
        self._begin(lambda: self._read(reader), "capture")

    def _go(self) -> None:
        """With the lock held: whatever waits goes on."""
        goes_on = self._held and not self.source.live
        self._state, self._sentence, self._retry_at = State.LIVE if goes_on else State.OPENING, "", 0.0
        self._dark_since = None
        self._changed.notify_all()

    def _tell(self) -> None:
        on_change = self._on_change
        if on_change is not None and not self._closing:
            try:
                on_change()
            except Exception:  # a camera must be let go of, whatever happens to who looks
                _log.exception("What was told of a change failed")

    def _over(self, reader: _Reader) -> bool:
        return self._closing or reader.given_up

    def _read(self, reader: _Reader) -> None:
        """The reader thread: opens, plays, lets go; again and again."""
        while self._wait_until_wanted(reader):
            try:
                reader.again = False
                with self._may_block(reader):
                    stream = self.source.open()
                with self._changed:
                    self._held += 1
                    if not self._over(reader):
                        self._fps, self._length = stream.fps, stream.length
                try:
                    self._tell()
                    self._play(reader, stream)
                finally:
                    with self._may_block(reader):
                        stream.close()
                    with self._changed:
                        self._held -= 1
            except SourceError as error:
                self._fail(reader, str(error))
            except MemoryError:
                self._fail(reader, f"{self.source.name} can't be read: there is not enough memory for it.")
            except Exception:
                _log.exception("Reading a source failed")
                self._fail(reader, f"{self.source.name} can't be read: something unexpected went wrong. Try again.")
            self._tell()
        with self._changed:
            self._readers.remove(reader)

    def _wait_until_wanted(self, reader: _Reader) -> bool:
        """Before opening. False where the thread ends."""
        with self._changed:
            while not self._over(reader):
                wait: float | None = None
                if self._state is State.FAILED and self.source.live:
                    wait = self._retry_at - clock.monotonic()
                elif self._state in (State.OPENING, State.LIVE):
                    wait = 0.0
                if wait is not None and wait <= 0:
                    return True
                self._changed.wait(wait)
        return False

    def _play(self, reader: _Reader, stream: Stream) -> None:
        """Until it must be let go of. Raises SourceError."""
        if self.source.live:
            while not (self._over(reader) or reader.again or self._state is State.PAUSED):
                with self._may_block(reader):
                    frame = stream.read()
                if frame is None:
                    raise SourceError(f"{self.source.name} stopped sending pictures. Try again.")
                self._publish(reader, frame)
            return
        timing, shown = _Timing(), False
        while (show_one := self._wait_until_playing(reader, stream, timing)) is not None:
            try:
                with self._may_block(reader):
                    frame = stream.read()
            except SkippedError as error:
                with self._changed:
                    self._sentence = str(error)
                    if str(error) not in self._skipped:  # when it loops
                        self._skipped = (*self._skipped, str(error))[-_SKIPPED:]
                self._tell()
                continue
            if frame is not None:
                shown = True
                if show_one or self._wait_until(reader, timing, timing.due(frame.time, stream.fps)):
                    self._publish(reader, replace(frame, captured=clock.perf_counter()), paused=show_one)
            elif show_one or self._wait_until(reader, timing, timing.end(stream.fps)):
                if self.loop and shown and not show_one:
                    if stream.length is None:
                        return  # and it is opened again
                    shown = False
                    timing.restart()
                    with self._may_block(reader):
                        stream.seek(0.0)
                    continue
                with self._changed:
                    if self._seek is None and not self._over(reader):
                        self._state = State.ENDED
                self._tell()

    def _wait_until_playing(self, reader: _Reader, stream: Stream, timing: _Timing) -> bool | None:
        """Before each frame of a video: waits while it is paused or at its end, and goes where `seek` wants. Returns
        whether only one frame is to be shown; None where the stream must be closed."""
        with self._changed:
            while self._seek is None and self._state in (State.PAUSED, State.ENDED) and not self._over(reader):
                timing.restart()
                self._changed.wait()
            if self._over(reader):
                return None
            to, self._seek = self._seek, None
            show_one = self._state is State.PAUSED
        if to is not None:
            timing.restart()
            with self._may_block(reader):
                if stream.length is not None:
                    stream.seek(to)
                elif not show_one:  # from the beginning, after the end of one that can't seek
                    return None
        return show_one

    def _wait_until(self, reader: _Reader, timing: _Timing, due: float) -> bool:
        """Until perf_counter is `due`, later by what it was paused. False where the frame isn't wanted any more."""
        with self._changed:
            while True:
                if self._over(reader) or self._seek is not None:
                    return False
                if self._state is State.PAUSED:
                    paused = clock.perf_counter()
                    self._changed.wait()
                    timing.delay(clock.perf_counter() - paused)
                    due += clock.perf_counter() - paused
                    continue
                left = due - clock.perf_counter()
                if left <= 0:
                    return True
                self._changed.wait(left)

    def _publish(self, reader: _Reader, frame: Frame, paused: bool = False) -> None:
        with self._changed:
            if self._over(reader) or (self._state is State.PAUSED and not paused):
                return
            time = frame.time
            sentence = self._sentence
            if self.source.live:
                if self._begun is None:
                    self._begun = frame.captured
                time = frame.captured - self._begun
                sentence = self._too_dark(frame)
            elif self._state is not State.PAUSED and not self._skipped:
                sentence = ""
            if not self._taken:
                self._dropped += 1
            self._newest, self._taken = replace(frame, number=self._frames, time=time), False
            self._frames += 1
            self._sentence = sentence
            if not paused:
                self._state = State.LIVE
        self._tell()

    def _dark(self) -> bool:
        """Whether the person was told that there is nothing but black."""
        return self._state is State.LIVE and self._dark_since is not None and bool(self._sentence)

    def _too_dark(self, frame: Frame) -> str:
        if frame.pixels[::16, ::16].max() >= BLACK:
            self._dark_since = None
            return ""
        if self._dark_since is None:
            self._dark_since = frame.captured
        if frame.captured - self._dark_since < BLACK_AFTER:
            return ""
        return (
            f"{self.source.name} gives only black pictures: its cover may be closed, or it is switched off by a key. "
            "Open it, or choose another source."
        )

    def _fail(self, reader: _Reader, sentence: str) -> None:
        with self._changed:
            if self._over(reader) or self._state is State.PAUSED:
                return
            self._state, self._sentence = State.FAILED, sentence
            self._retry_at = clock.monotonic() + AGAIN
            self._dark_since = None

    @contextlib.contextmanager
    def _may_block(self, reader: _Reader) -> Iterator[None]:
        reader.stuck_since = clock.monotonic()
        try:
            yield
        finally:
            reader.stuck_since = None

    def _watch(self) -> None:
        """The second thread: says when the reader is stuck."""
        with self._changed:
            while not self._closing:
                self._changed.wait(PATIENCE / 10)
                reader = self._reader
                told = self._sentence == self._no_answer()
                if reader is None or not reader.stuck(PATIENCE) or told:
                    continue
                if self._state not in (State.OPENING, State.LIVE, State.FAILED):
                    continue
                self._state, self._sentence = State.FAILED, self._no_answer()
                self._changed.release()
                try:
                    self._tell()
                finally:
                    self._changed.acquire()

    def _no_answer(self) -> str:
        if self.source.live:
            return f"{self.source.name} does not answer. Unplug it and plug it in again, or choose another source."
        return f"{self.source.name} can't be read: its drive does not answer. Copy the file to this computer."


class _Reader:
    """What others may know of a reader thread."""

    def __init__(self) -> None:
        self.given_up = False
        self.again = False  # to let go of its camera and open it again
        self.stuck_since: float | None = None  # monotonic: when the call that still runs began

    def stuck(self, seconds: float) -> bool:
        """Whether the call that runs now has lasted for longer than that."""
        since = self.stuck_since
        return since is not None and clock.monotonic() - since > seconds


class _Timing:
    """When the frames of a video are due: its time stamps laid on perf_counter."""

    def __init__(self) -> None:
        self._shift: float | None = None  # perf_counter minus time stamp
        self._last = 0.0

    def restart(self) -> None:
        """The next frame is due at once."""
        self._shift = None

    def delay(self, seconds: float) -> None:
        if self._shift is not None:
            self._shift += seconds

    def due(self, time: float, fps: float | None) -> float:
        """perf_counter at which the frame of `time` is to be shown."""
        now = clock.perf_counter()
        if self._shift is not None and not 0 <= time - self._last <= _LONGEST:
            self._shift += self._last - time + 1 / (fps or 30.0)
        if self._shift is None or time + self._shift < now - _LATE:
            self._shift = now - time
        self._last = time
        return time + self._shift

    def end(self, fps: float | None) -> float:
        """When the last frame has been shown for long enough."""
        if self._shift is None:
            return 0.0
        return self._last + self._shift + 1 / (fps or 30.0)
