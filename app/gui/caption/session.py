"""What the panel looks at, what the network is asked about it, what it said. No widgets."""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.gui.context import Context

if TYPE_CHECKING:
    from app.engines.caption import Caption, Described
    from app.media.capture import Capture, Status
    from app.media.sources import Frame, Source
    from app.worker import Cancelled, Done, Failed, Partial, Ticket

PANEL = "caption"
PACE = 3.0  # seconds over which captions are counted
CLOSING = 0.05  # seconds that a source which is given up may take on the window's thread; its own thread ends it


class Kind(enum.Enum):
    """What a source is to who looks at it."""

    STILL = "still"  # one picture, which neither plays nor ends
    SLIDES = "slides"  # pictures one after the other, each with its caption
    MOVING = "moving"  # a camera or a video


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network said of one frame. `forced`: so many words were chosen by the person."""

    frame: Frame
    described: Described
    forced: int = 0

    @property
    def caption(self) -> Caption:
        return self.described.captions[0]


class Session(QObject):
    """A source is read by a thread of its own (app.media.capture), which keeps the newest frame. There is never more
    than one question on its way to the network: the next, about the newest frame, is put when the answer is here."""

    frame_changed = Signal()  # `frame`
    status_changed = Signal()  # `status`: playing, paused, ended, failed
    leaving = Signal()  # the source, for another one
    source_changed = Signal()
    jumped = Signal()  # the next frame has nothing to do with the last: after a pause, a failure, another place
    growing = Signal(object)  # Caption: some words more of the answer to come
    answered = Signal(object)  # Answer, every one
    failed = Signal(str)  # why there is none
    _stirred = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.model = ""  # the card's id; "" while there is none that could answer
        self.beam = 3
        self.source: Source | None = None
        self.kind = Kind.STILL
        self.status: Status | None = None
        self.frame: Frame | None = None  # the newest
        self.capture: Capture | None = None
        self._device = context.settings.value("device", "auto")
        self._looking = False  # the panel is in view
        self._rests = False  # paused because the panel is not in view
        self._pending = False  # a wake-up of the capture's thread is on its way
        self._ticket: Ticket | None = None
        self._asked: tuple[Frame, int] | None = None  # about what the ticket is: frame, number of forced words
        self._described: Frame | None = None  # the last frame that was asked about
        self._waiting: tuple[Frame, tuple[str, ...]] | None = None  # to be asked next, before any newer frame
        self._broken = False  # the network could not answer: it is not asked again for every frame
        self._ends: deque[float] = deque()
        self.latency = 0.0  # ms, of the last answer
        self.prepare: Callable[[Frame], None] | None = None  # what is done with a frame on the capture's thread
        self._given_up: list[Thread] = []
        self._leaving_cameras: list[Capture] = []  # a driver may hold one long after another source was chosen
        # Not while the thread that calls holds anything: always queued.
        self._stirred.connect(self._look, Qt.ConnectionType.QueuedConnection)
        bridge = context.bridge
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)
        bridge.cancelled.connect(self._cancelled)

    # The source

    def play(self, source: Source, kind: Kind, loop: bool = False) -> None:
        """Look at something else, from its beginning."""
        from app.media.capture import Capture

        self.leaving.emit()
        self._let_go()
        self.source, self.kind, self.frame = source, kind, None
        self._described, self._broken = None, False
        self.capture = capture = Capture(source, lambda: self._stir(capture), loop=loop)
        self._rests = not self._looking
        self.status = self.capture.status
        self.source_changed.emit()
        if self._looking:
            self.capture.start()
        self._look()

    def stop(self) -> None:
        """Look at nothing."""
        self.leaving.emit()
        self._let_go()
        self.source = self.status = self.frame = None
        self.source_changed.emit()

    def pause(self) -> None:
        if self.capture is not None:
            self._rests = False
            self.capture.pause()
            self._look()

    @property
    def looking(self) -> bool:
        return self._looking

    def retry(self) -> None:
        """After a failure, or black pictures only."""
        if self.capture is not None:
            self.capture.retry()
            self._look()

    def resume(self) -> None:
        """Also after the end, or a failure."""
        from app.media.capture import State

        if self.capture is None:
            return
        self._broken = False
        state = self.capture.status.state
        if state == State.FAILED:
            self.capture.retry()
        elif state == State.CLOSED:
            self.capture.start()
        else:
            self.capture.resume()
        self._look()

    @property
    def playing(self) -> bool:
        """Whether frames come, or are about to."""
        from app.media.capture import State

        return self.status is not None and self.status.state in (State.LIVE, State.OPENING)

    @property
    def camera_on(self) -> bool:
        """Whether a camera is held, be it one that was left."""
        capture = self.capture
        return self.left_camera_on or (capture is not None and capture.source.live and capture.status.is_open)

    @property
    def left_camera_on(self) -> bool:
        """Whether a camera is still held though something else is looked at. It tells nobody when it is let go of."""
        self._leaving_cameras = [capture for capture in self._leaving_cameras if capture.status.is_open]
        return bool(self._leaving_cameras)

    @property
    def moving(self) -> bool:
        """Whether other frames come by themselves."""
        return self.playing and self.kind is not Kind.STILL

    @property
    def steadies(self) -> bool:
        """Whether neighbouring frames show the same scene, so that a caption may outlast its frame."""
        return self.kind is Kind.MOVING

    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.resume()

    def seek(self, seconds: float) -> None:
        if self.capture is not None:
            self.capture.seek(seconds)
            self._leap(self.capture.newest())

    def look_on(self, looking: bool) -> None:
        """The panel has come into view, or is gone from it: then nothing is read, and no camera is on."""
        from app.media.capture import State

        if looking == self._looking:
            return
        self._looking = looking
        if self.capture is None:
            return
        state = self.capture.status.state
        if not looking and not self._rests and state != State.PAUSED:
            # Also a camera that failed: it is tried again by itself, and would come on behind the person's back.
            self.capture.pause()
            self._rests = self.capture.status.state == State.PAUSED
        elif looking and self._rests:
            self._rests = False
            if state == State.CLOSED:
                self.capture.start()
            else:
                self.capture.resume()
        self._look()

    def _let_go(self) -> None:
        """Of the source, without waiting for it."""
        self.cancel()
        capture, self.capture = self.capture, None
        if capture is not None:
            if capture.source.live:
                self._leaving_cameras.append(capture)
            closing = Thread(target=capture.close, name="triptych-close-source", daemon=True)
            closing.start()
            self._given_up = [*(thread for thread in self._given_up if thread.is_alive()), closing]

    def _stir(self, capture: Capture) -> None:
        """On the capture's thread: there is something new. Several of these before the window looks are one."""
        frame = capture.newest()
        if frame is not None and self.prepare is not None:
            self.prepare(frame)
        if not self._pending:
            self._pending = True
            try:
                self._stirred.emit()
            except RuntimeError:  # the window has gone meanwhile
                return

    @Slot()
    def _look(self) -> None:
        self._pending = False
        if self.capture is None:
            return
        before, played, self.status = self.status, self.playing, self.capture.status
        frame, last = self.capture.newest(), self.frame
        if frame is not None and frame is not self.frame:
            self.frame = frame
            self.frame_changed.emit()
        if self.playing and not played:
            self._leap(last)
        if before is None or _told(before) != _told(self.status):
            self.status_changed.emit()
        self._ask()

    def _leap(self, last: Frame | None) -> None:
        """What comes next has nothing to do with what was. Nothing is asked any more about `last` and what came before:
        the answer would be taken for one about the new place."""
        if self.kind is Kind.MOVING:
            self.cancel()
            self._described = last
        self.jumped.emit()

    # The network

    def set_model(self, model: str) -> None:
        if model != self.model:
            self.model = model
            self.describe_again()

    def set_beam(self, beam: int) -> None:
        if beam != self.beam:
            self.beam = beam
            self.describe_again()

    def describe_again(self) -> None:
        """The frame in view, where no newer one comes by itself."""
        self._described, self._broken = None, False
        self._ask()

    def go_on_from(self, frame: Frame, prefix: tuple[str, ...]) -> None:
        """The person has chosen the first words: what would the network say from there?"""
        self._broken = False
        self._waiting = (frame, prefix)
        if self._ticket is not None and self._asked is not None and self._asked[1]:
            self._ticket.cancel()
        self._ask()

    def _ask(self) -> None:
        """Whatever is to be known next, when nothing is on its way."""
        if self._ticket is not None or not self.model or self._broken:
            return
        prefix: tuple[str, ...] = ()
        if self._waiting is not None:
            (frame, prefix), self._waiting = self._waiting, None
        elif self._looking and self.capture is not None and self.frame not in (None, self._described):
            taken = self.capture.take() or self.frame
            assert taken is not None
            frame = self._described = taken
        else:
            return
        from app.engines.caption import Describe  # only now: not before the window's first paint

        self._follow_device()
        self._asked = (frame, len(prefix))
        self._ticket = self._context.worker.post(PANEL, Describe(frame.pixels, self.model, self.beam, prefix))

    def _follow_device(self) -> None:
        """The person has chosen another one since; the engine began with the one of the settings."""
        from app.engines.models import UseDevice

        device = self._context.settings.value("device", "auto")
        if device != self._device:
            self._device = device
            self._context.worker.control(PANEL, UseDevice(device))

    @property
    def waiting(self) -> bool:
        """Whether the network has been asked and has not answered."""
        return self._ticket is not None

    def cancel(self) -> bool:
        """What is being decoded. False where nothing was."""
        self._waiting = None
        if self._ticket is None:
            return False
        self._ticket.cancel()
        return True

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket is self._ticket and not answer.ticket.cancelled:
            self.growing.emit(answer.value)

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is not self._ticket or self._asked is None:
            return
        frame, forced = self._take()
        if not answer.ticket.cancelled:  # else it came too late: what it is about is gone
            if not forced:
                now = time.perf_counter()
                self.latency = 1000 * (now - frame.captured)
                self._ends.append(now)
            if answer.value.captions:
                self.answered.emit(Answer(frame, answer.value, forced))
        self._ask()

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._ticket:
            self._take()
            self._broken = True
            self.failed.emit(answer.sentence)

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        if answer.ticket is self._ticket:
            self._take()
            self._ask()

    def _take(self) -> tuple[Frame, int]:
        assert self._asked is not None
        asked, self._asked, self._ticket = self._asked, None, None
        return asked

    @property
    def pace(self) -> float:
        """Captions a second over the last seconds; 0 where there are too few to tell."""
        now = time.perf_counter()
        while self._ends and now - self._ends[0] > PACE:
            self._ends.popleft()
        if len(self._ends) < 3:
            return 0.0
        return (len(self._ends) - 1) / max(1e-3, self._ends[-1] - self._ends[0])

    # The end

    def close(self) -> list[Thread]:
        """For good. Returns the threads that have been told to end."""
        self._looking = False
        self._let_go()
        return self._given_up


def _told(status: Status) -> tuple[object, ...]:
    """What of a status is worth telling: not the frames that it counts."""
    return status.state, status.sentence, status.is_open, status.length, status.skipped
