"""Work on files that must stay in order, beside the window."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

_log = logging.getLogger(__name__)


class Aside:
    """One thread, made at the first call; what it is given is done one after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def do(self, call: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name=f"triptych-{self._name}", daemon=True)
            self._thread.start()
        self._calls.put(call)

    def end(self) -> list[Thread]:
        """After what it has been given. Returns the thread to wait for."""
        if self._thread is None:
            return []
        self._calls.put(None)
        return [self._thread]

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except RuntimeError:  # the window has gone meanwhile, and with it who was to be told
                _log.debug("nobody is there to be told", exc_info=True)
            except Exception:
                _log.exception("work beside the window failed")
