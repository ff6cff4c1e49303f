"""Work on files that takes seconds (checking a hash, importing weights), beside the window."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

_log = logging.getLogger(__name__)


class Tasks(QObject):
    """Each in a thread of its own. `done` comes on the window's thread: name, result, sentence ("" where it went
    well)."""

    done = Signal(str, object, str)
    _ended = Signal(str, object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: dict[str, threading.Thread] = {}
        self._ended.connect(self._end, Qt.ConnectionType.QueuedConnection)

    def start(self, name: str, work: Callable[[], Any]) -> bool:
        """False where a task of that name still runs."""
        if name in self._running:
            return False
        thread = threading.Thread(target=self._run, args=(name, work), name=f"triptych-task-{name}", daemon=True)
        self._running[name] = thread
        thread.start()
        return True

    def running(self) -> tuple[str, ...]:
        return tuple(self._running)

    def threads(self) -> list[threading.Thread]:
        return list(self._running.values())

    def close(self, timeout: float) -> None:
        join(self.threads(), timeout)

    def _run(self, name: str, work: Callable[[], Any]) -> None:
        result, sentence = None, ""
        try:
            result = work()
        except Exception as error:
            from app.store.errors import StoreError

            sentence = str(error)
            if isinstance(error, ImportError):
                from app.gui.broken import sentence as words

                sentence = words(error)
            elif not isinstance(error, StoreError):
                _log.exception("the task %s failed", name.partition(" ")[0])
                sentence = self.tr("This could not be done because of a fault in Triptych; the log has more.")
        try:
            self._ended.emit(name, result, sentence)
        except RuntimeError:  # the window has gone meanwhile
            return

    @Slot(str, object, str)
    def _end(self, name: str, result: object, sentence: str) -> None:
        self._running.pop(name).join()
        self.done.emit(name, result, sentence)


def join(threads: Iterable[threading.Thread], timeout: float) -> None:
    """Waits for all of them, `timeout` seconds at most together. What still runs then only reads, or writes whole
    files, and ends with the process."""
    end = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
