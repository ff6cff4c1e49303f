"""The worker's answers as Qt signals, always on the window's thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.worker import Answer, Cancelled, Done, Failed, Notice, Partial, Started


class Bridge(QObject):
    """`deliver` may be called on any thread; every signal comes queued on the thread that made the bridge.

    It also keeps what all views want to know: which models lie in memory (`loaded`)."""

    started = Signal(object)
    partial = Signal(object)
    done = Signal(object)
    failed = Signal(object)
    cancelled = Signal(object)
    notice = Signal(object)
    loaded_changed = Signal()
    _arrived = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.loaded: frozenset[str] = frozenset()  # ids
        self._arrived.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def deliver(self, answer: Answer) -> None:
        """For the worker. After the window is gone there is nobody to tell."""
        try:
            self._arrived.emit(answer)
        except RuntimeError:
            return

    def forget_loaded(self) -> None:
        """The device has changed: nothing is in memory any more."""
        self._set_loaded(frozenset())

    @Slot(object)
    def _hand_over(self, answer: Answer) -> None:
        match answer:
            case Started():
                self.started.emit(answer)
            case Partial():
                self._note(answer.value)
                self.partial.emit(answer)
            case Done():
                self._note(answer.value)
                self.done.emit(answer)
            case Failed():
                self.failed.emit(answer)
            case Cancelled():
                self.cancelled.emit(answer)
            case Notice():
                self.notice.emit(answer)

    def _note(self, value: object) -> None:
        """`ModelStatus` says it; a `Classification`, a `HeatMap` or a `Described` shows it. Told apart by what they
        have, so that the window needs no engine (and no numpy) to start."""
        model = getattr(value, "model", None)
        if not isinstance(model, str):
            return
        loaded = getattr(value, "loaded", None)
        if loaded is False:
            self._set_loaded(self.loaded - {model})
        elif loaded is True or hasattr(value, "ms") or hasattr(value, "encoder_ms"):
            self._set_loaded(self.loaded | {model})

    def _set_loaded(self, loaded: frozenset[str]) -> None:
        if loaded != self.loaded:
            self.loaded = loaded
            self.loaded_changed.emit()
