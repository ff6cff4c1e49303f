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
import threading
from collections.abc import Callable, Generator
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
    """What the worker asks of an engine. All three are called on the engine thread only."""

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        """Answer one request step by step."""

    def out_of_memory(self, error: BaseException) -> str | None:
        """Where `error` says that the GPU's memory is full: free it, move to the CPU and return the sentence that
        says so; the worker then runs the request again, once. None: an ordinary error."""

    def close(self) -> None:
        """Release models and files."""


Deliver = Callable[[Answer], None]
