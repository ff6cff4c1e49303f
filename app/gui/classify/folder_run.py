"""Many pictures on their way through the engine: what is asked, what has come back, how to stop and go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.classify.answers import Answer, Item
from app.gui.classify.folder_model import FolderModel
from app.gui.context import Context

if TYPE_CHECKING:
    from app.engines.classify import Classification, FileResult, ModelFailed
    from app.worker import Cancelled, Done, Failed, Partial, Ticket

PANEL = "classify"


class FolderRun(QObject):
    """Puts files into the worker's queue, a request a portion, and notes each answer at its picture."""

    started = Signal()
    advanced = Signal(int, int)  # done, of how many; since the last start
    answered = Signal(object)  # list[Item]
    ended = Signal(bool)  # whether it was cancelled
    failed = Signal(str)  # a sentence: the whole portion could not be done

    def __init__(self, context: Context, model: FolderModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context, self._model = context, model
        self._tickets: dict[Ticket, tuple[list[Item], int]] = {}  # what was asked, and how many came back
        self._done = self._total = 0
        self._cancelled = False
        context.bridge.partial.connect(self._partial)
        context.bridge.done.connect(self._finished)
        context.bridge.failed.connect(self._went_wrong)
        context.bridge.cancelled.connect(self._was_cancelled)

    @property
    def running(self) -> bool:
        return bool(self._tickets)

    def ask(self, items: Sequence[Item], models: Sequence[str]) -> None:
        """Nothing is lost: what is put in here is answered, or stays marked as not done."""
        from app.engines.classify import ClassifyFiles

        asked = [item for item in items if item.path is not None]
        if not asked or not models:
            return
        if not self.running:
            self._done = self._total = 0
            self._cancelled = False
            self.started.emit()
        self._total += len(asked)
        paths = tuple(item.path for item in asked if item.path is not None)
        ticket = self._context.worker.enqueue(PANEL, ClassifyFiles(paths, tuple(models)))
        self._tickets[ticket] = (asked, 0)
        self.advanced.emit(self._done, self._total)

    def cancel(self) -> None:
        """What is done stays."""
        self._cancelled = self._cancelled or self.running
        for ticket in self._tickets:
            ticket.cancel()

    def forget(self) -> None:
        """The list has been emptied: what still comes is nobody's."""
        self.cancel()
        had = self.running
        self._tickets.clear()
        if had:
            self.ended.emit(True)

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket not in self._tickets:
            return
        asked, came = self._tickets[answer.ticket]
        results: tuple[FileResult, ...] = answer.value
        touched = []
        for item, result in zip(asked[came : came + len(results)], results, strict=True):
            self._model.note(item, [kept(one) for one in result.answers], result.error or "")
            touched.append(item)
        self._tickets[answer.ticket] = (asked, came + len(results))
        self._done += len(results)
        self.advanced.emit(self._done, self._total)
        self.answered.emit(touched)

    @Slot(object)
    def _finished(self, answer: Done) -> None:
        self._end(answer.ticket)

    @Slot(object)
    def _was_cancelled(self, answer: Cancelled) -> None:
        if answer.ticket in self._tickets:
            self._cancelled = True
        self._end(answer.ticket)

    @Slot(object)
    def _went_wrong(self, answer: Failed) -> None:
        if answer.ticket in self._tickets:
            asked, came = self._tickets[answer.ticket]
            for item in asked[came:]:
                self._model.note(item, error=answer.sentence)
            self._done += len(asked) - came
            self.failed.emit(answer.sentence)
        self._end(answer.ticket)

    def _end(self, ticket: Ticket) -> None:
        if self._tickets.pop(ticket, None) is not None and not self._tickets:
            self._model.flush()
            self.ended.emit(self._cancelled)


def kept(answer: Classification | ModelFailed) -> Answer:
    """What the panel keeps of an engine's answer."""
    sentence = getattr(answer, "sentence", None)
    if sentence is not None:
        return Answer(answer.model, error=str(sentence))
    top, ms = answer.top, answer.ms  # type: ignore[union-attr]
    return Answer(answer.model, top, ms, answer.device, answer.runtime)  # type: ignore[union-attr]
