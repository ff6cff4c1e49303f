"""One engine on its worker, asked and waited for."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from app.cli.output import CommandError, say

if TYPE_CHECKING:
    from app.worker import Engine


class Asked:
    """A context: the worker's thread ends with it."""

    def __init__(self, panel: str, make: Callable[[], Engine]) -> None:
        from app.worker import Worker

        self._panel = panel
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._worker = Worker({panel: make}, self._answers.put)

    def __enter__(self) -> Asked:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()

    def ask(self, request: object) -> Any:
        """What the engine gives at the end. Raises CommandError."""
        for last, value in self.values(request):
            if last:
                return value
        raise AssertionError

    def partials(self, request: object) -> Iterator[Any]:
        """What it gives on the way. Raises CommandError."""
        for last, value in self.values(request):
            if not last:
                yield value

    def values(self, request: object) -> Iterator[tuple[bool, Any]]:
        """Both: whether it is the last one, and the value. Raises CommandError."""
        from app.worker import Cancelled, Done, Failed, Notice, Partial

        ticket = self._worker.enqueue(self._panel, request)
        try:
            while True:
                try:
                    answer = self._answers.get(timeout=0.5)  # a limit, as Windows lets no Ctrl-C through without one
                except queue.Empty:
                    continue
                if isinstance(answer, Notice):
                    say(answer.sentence)
                elif getattr(answer, "ticket", None) is not ticket:
                    continue
                elif isinstance(answer, Partial | Done):
                    yield isinstance(answer, Done), answer.value
                    if isinstance(answer, Done):
                        return
                elif isinstance(answer, Cancelled):
                    raise CommandError("the work was cancelled.")
                elif isinstance(answer, Failed):
                    from app.cli.libraries import engines_broken

                    raise CommandError(" ".join([answer.sentence, *engines_broken()]))
        finally:
            ticket.cancel()  # Ctrl-C, or nobody wants the rest
