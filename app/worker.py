"""The engine thread: the only place where a network is called.

Plain Python: no Qt, no torch. A front end puts requests in and gets answers back through one callback, which is
called on the engine thread (the window's bridge turns it into a queued Qt signal; the command line and the tests
collect answers directly).

Three ways in, in the order in which they are served (ARCHITECTURE.md, "The worker"):

- `control`: a change of model or device. Goes before any input that came earlier.
- `post`: one slot a mailbox, newest wins; what it replaces is answered `Cancelled`. The visible panel's mailbox
  goes first.
- `enqueue`: nothing put in is lost. While the queue waits, every third step is the queue's.

A request is turned by its engine into a generator: every `next()` is one step of at most about 100 ms, a yielded
value becomes a `Partial`, the returned one the `Done`. Between two steps the worker looks at the ticket's cancel flag.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class Ticket:
    """A receipt for one request; `cancel` may be called from any thread and is looked at once a step."""

    panel: str
    number: int = field(default_factory=lambda: next(_numbers))
    _cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    def cancel(self) -> None:
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()


@dataclass(frozen=True)
class Started:
    ticket: Ticket


@dataclass(frozen=True)
class Partial:
    """A piece of the answer: a word, a batch."""

    ticket: Ticket
    value: Any


@dataclass(frozen=True)
class Done:
    ticket: Ticket
    value: Any


@dataclass(frozen=True)
class Failed:
    """`sentence` is for the person (which thing, why, what to do); `detail` is the trace, for the log."""

    ticket: Ticket
    sentence: str
    detail: str = ""


@dataclass(frozen=True)
class Cancelled:
    ticket: Ticket


@dataclass(frozen=True)
class Notice:
    """Something a person should know that belongs to no request, such as "Graphics memory is full: …"."""

    sentence: str


Answer = Started | Partial | Done | Failed | Cancelled | Notice
Steps = Generator[Any, None, Any]


class Engine(Protocol):
    """What the worker asks of an engine, on the engine thread only."""

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        """Answer one request step by step."""

    def out_of_memory(self, error: BaseException) -> str | None:
        """Where `error` says that the GPU's memory is full: free it, move to the CPU and return the sentence that
        says so; the worker then asks `handle` again, once, with the same ticket: what has been answered is not to be
        answered twice. None: an ordinary error."""

    def explain(self, error: BaseException) -> str | None:
        """The sentence for a person where `error` was to be expected (a damaged file, a missing library); None: a fault
        of the program, which goes to the log with its trace."""

    def close(self) -> None:
        """Release models and files."""


Deliver = Callable[[Answer], None]

_log = logging.getLogger(__name__)

FAULT = "This could not be done because of a fault in Triptych itself. The log has the details."
NICE = 5  # how far the engine thread's priority is lowered below the window's, where the system can


@dataclass(eq=False)
class _Job:
    """A request on its way; `steps` is None until its first step."""

    ticket: Ticket
    request: Any
    steps: Steps | None = None
    retried: bool = False


class Worker:
    """Owns the engines and the one thread they run on. All methods may be called from any thread."""

    def __init__(self, engines: Mapping[str, Callable[[], Engine]], deliver: Deliver) -> None:
        """`engines`: for each panel what makes its engine, called on the engine thread at the panel's first request."""
        self._factories = dict(engines)
        self._engines: dict[str, Engine] = {}  # the engine thread's own
        self._deliver = deliver
        self._changed = threading.Condition()  # guards all of the following
        self._control: deque[_Job] = deque()
        self._mailboxes: dict[tuple[str, str], _Job] = {}
        self._queue: deque[_Job] = deque()
        self._replaced: list[_Job] = []  # waiting to be answered `Cancelled`
        self._visible = ""
        self._closing = False
        self._steps_since_queue = 0
        self._thread = threading.Thread(target=self._run, name="triptych-engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def control(self, panel: str, request: Any) -> Ticket:
        """A change of model or device: served before any input, also input that came earlier."""
        return self._add(panel, request, self._control.append)

    def enqueue(self, panel: str, request: Any) -> Ticket:
        """Input of which nothing may be lost: files, folders, documents. Served in order."""
        return self._add(panel, request, self._queue.append)

    def post(self, panel: str, request: Any, mailbox: str = "input") -> Ticket:
        """The newest input of a mailbox. What was there, waiting or half done, is cancelled."""

        def replace(job: _Job) -> None:
            older = self._mailboxes.pop((panel, mailbox), None)  # popped, so that the new one comes last in the order
            if older is not None:
                older.ticket.cancel()
                self._replaced.append(older)
            self._mailboxes[panel, mailbox] = job

        return self._add(panel, request, replace)

    def show(self, panel: str) -> None:
        """The panel that a person sees: its mailboxes go first."""
        with self._changed:
            self._visible = panel

    def cancel_all(self) -> None:
        """Cancel everything that waits or runs, but for changes of model and device."""
        with self._changed:
            for job in (*self._mailboxes.values(), *self._queue):
                job.ticket.cancel()

    def close(self, timeout: float = 2.0) -> bool:
        """Cancel all, release the engines and join. False where a step that nothing can interrupt still runs after
        `timeout` seconds; the thread is a daemon and ends with the process."""
        with self._changed:
            self._closing = True
            for job in (*self._control, *self._mailboxes.values(), *self._queue):
                job.ticket.cancel()
            self._changed.notify()
        if self._thread.ident is None:  # never started: nobody else answers what waits
            self._end()
        else:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _add(self, panel: str, request: Any, place: Callable[[_Job], None]) -> Ticket:
        if panel not in self._factories:
            raise ValueError(f"no engine for the panel {panel!r}")
        job = _Job(Ticket(panel), request)
        with self._changed:
            if not self._closing:
                place(job)
                self._changed.notify()
                return job.ticket
        job.ticket.cancel()
        self._answer(Cancelled(job.ticket))
        return job.ticket

    # The engine thread

    def _run(self) -> None:
        _lower_priority()
        while (job := self._next()) is not None:
            self._step(job)
        self._end()

    def _end(self) -> None:
        """Answer what is left, and close the engines."""
        with self._changed:
            left = [*self._replaced, *self._control, *self._mailboxes.values(), *self._queue]
        for job in left:
            self._finish(job, Cancelled(job.ticket))
        for panel, engine in self._engines.items():
            try:
                engine.close()
            except BaseException:
                _log.exception("closing the engine of %s", panel)

    def _next(self) -> _Job | None:
        """The job whose turn it is; waits for one. None: the worker closes."""
        with self._changed:
            while not self._closing:
                if (job := self._pick()) is not None:
                    return job
                self._changed.wait()
        return None

    def _pick(self) -> _Job | None:
        if self._replaced:
            return self._replaced[0]
        if self._control:
            return self._control[0]
        for waiting in (*self._mailboxes.values(), *self._queue):
            if waiting.ticket.cancelled:  # answered at once, not when its turn would come
                return waiting
        box = next((job for (panel, _), job in self._mailboxes.items() if panel == self._visible), None)
        box = box or next(iter(self._mailboxes.values()), None)
        if self._queue and (box is None or self._steps_since_queue >= 2):
            self._steps_since_queue = 0
            return self._queue[0]
        self._steps_since_queue = self._steps_since_queue + 1 if self._queue else 0
        return box

    def _step(self, job: _Job) -> None:
        """One step of one job, and what comes of it."""
        ticket = job.ticket
        if ticket.cancelled:
            return self._finish(job, Cancelled(ticket))
        try:
            if job.steps is None:
                if not job.retried:
                    self._answer(Started(ticket))
                job.steps = self._engine(ticket.panel).handle(job.request, ticket)
            value = next(job.steps)
        except StopIteration as stop:
            return self._finish(job, Cancelled(ticket) if ticket.cancelled else Done(ticket, stop.value))
        except BaseException as error:  # a library's SystemExit or a panic of Rust's must not end the thread either
            return self._went_wrong(job, error)
        if ticket.cancelled:  # by now; mypy takes the property for a constant
            return self._finish(job, Cancelled(ticket))  # type: ignore[unreachable]
        if value is not None:
            self._answer(Partial(ticket, value))
        return None

    def _went_wrong(self, job: _Job, error: BaseException) -> None:
        ticket, engine = job.ticket, self._engines.get(job.ticket.panel)
        detail = "".join(traceback.format_exception(error))
        notice = sentence = None
        if engine is not None:
            try:
                notice = engine.out_of_memory(error) if not job.retried else None
                sentence = engine.explain(error) if notice is None else None
            except BaseException:
                _log.exception("the engine of %s can't say what went wrong", ticket.panel)
        if notice is not None:
            job.retried, job.steps = True, None
            return self._answer(Notice(notice))
        if sentence is None:
            _log.error("a request of %s failed\n%s", ticket.panel, detail)
        # Who has cancelled wants to hear of no error.
        return self._finish(job, Cancelled(ticket) if ticket.cancelled else Failed(ticket, sentence or FAULT, detail))

    def _finish(self, job: _Job, answer: Done | Failed | Cancelled) -> None:
        if job.steps is not None:
            try:
                job.steps.close()
            except BaseException:
                _log.exception("cancelling a request of %s", job.ticket.panel)
        with self._changed:
            for line in (self._control, self._queue):
                if job in line:
                    line.remove(job)
            for name, waiting in list(self._mailboxes.items()):
                if waiting is job:
                    del self._mailboxes[name]
            if job in self._replaced:
                self._replaced.remove(job)
        self._answer(answer)

    def _engine(self, panel: str) -> Engine:
        if panel not in self._engines:
            self._engines[panel] = self._factories[panel]()
        return self._engines[panel]

    def _answer(self, answer: Answer) -> None:
        try:
            self._deliver(answer)
        except BaseException:
            _log.exception("delivering %s", type(answer).__name__)


def _lower_priority() -> None:
    """The window must stay live while the networks compute. On Linux each thread has a priority of its own; threads
    that this one starts inherit it."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        except OSError:
            _log.info("the engine thread keeps its priority")
