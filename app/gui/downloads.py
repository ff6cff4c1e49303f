"""Downloads of model files, each in a thread of its own; the models page and the panels start and watch them."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

if TYPE_CHECKING:
    from app.gui.settings import Settings
    from app.store.catalog import Store
    from app.store.progress import Progress

_log = logging.getLogger(__name__)


class Downloads(QObject):
    """Signals come on the window's thread; each carries the model's id first."""

    started = Signal(str)
    progress = Signal(str, object)
    finished = Signal(str)
    failed = Signal(str, str)
    cancelled = Signal(str)
    _ended = Signal(str, str, str)

    def __init__(self, store: Store, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._settings = store, settings
        self._running: dict[str, tuple[threading.Thread, threading.Event]] = {}
        self._ended.connect(self._end, Qt.ConnectionType.QueuedConnection)

    def start(self, model: str) -> None:
        """Begin, or go on where an earlier try broke off. Nothing happens where it runs already."""
        if model in self._running:
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(model, stop), name=f"triptych-download-{model}", daemon=True)
        self._running[model] = (thread, stop)
        thread.start()
        self.started.emit(model)

    def cancel(self, model: str) -> None:
        """What has come stays on the disk for the next try."""
        if model in self._running:
            self._running[model][1].set()

    def active(self) -> tuple[str, ...]:
        return tuple(self._running)

    def cancel_all(self) -> None:
        for _, stop in self._running.values():
            stop.set()

    def close(self, timeout: float = 2.0) -> None:
        """Cancel all and wait for the threads, `timeout` seconds together. They are daemons: one that a name server
        keeps waiting ends with the process."""
        self.cancel_all()
        end = time.monotonic() + timeout
        for thread, _ in list(self._running.values()):
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, model: str, stop: threading.Event) -> None:
        def report(progress: Progress) -> None:
            self.progress.emit(model, progress)

        try:
            from app.store.download import DownloadCancelled, DownloadError
            from app.store.errors import StoreError

            mirror = self._settings.value("downloads.mirror", "") or None
            try:
                self._store.download(model, report, stop.is_set, mirror)
                outcome, sentence = "finished", ""
            except DownloadCancelled:
                outcome, sentence = "cancelled", ""
            except (DownloadError, StoreError) as error:
                outcome, sentence = "failed", str(error)
        except Exception:
            _log.exception("downloading %s", model)
            outcome, sentence = "failed", f"{model} could not be downloaded because of a fault; the log has more."
        try:
            self._ended.emit(model, outcome, sentence)
        except RuntimeError:  # the window has gone meanwhile
            return

    def _end(self, model: str, outcome: str, sentence: str) -> None:
        thread, _ = self._running.pop(model)
        thread.join()
        if outcome == "finished":
            self.finished.emit(model)
        elif outcome == "cancelled":
            self.cancelled.emit(model)
        else:
            self.failed.emit(model, sentence)
