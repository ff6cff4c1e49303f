"""Many pictures: found in a thread, described through the queue, of which nothing is lost."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.caption.session import PANEL, Session
from app.gui.classify.loader import Finder
from app.gui.context import Context

if TYPE_CHECKING:
    from app.engines.caption import DescribedFile
    from app.worker import Cancelled, Done, Failed, Partial, Ticket


class FilesRun(QObject):
    """One run at a time; what is brought in meanwhile comes behind it. Pictures are numbered from 0 within theirs."""

    described = Signal(object, int)  # DescribedFile, its number
    advanced = Signal(int, int)  # how many are done, of how many found so far
    ended = Signal()
    failed = Signal(str)

    def __init__(self, context: Context, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context, self._session = context, session
        self._to_find: deque[list[Path]] = deque()
        self._tickets: dict[Ticket, int] = {}  # with the number of the first picture that is not here yet
        self._found = self._done_count = 0
        self._finder = Finder(self)
        self._finder.found.connect(self._ask)
        self._finder.finished.connect(self._end_if_done)
        bridge = context.bridge
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._over)
        bridge.cancelled.connect(self._over)
        bridge.failed.connect(self._failed)

    @property
    def running(self) -> bool:
        return self._finder.running or bool(self._tickets)

    def add(self, paths: list[Path]) -> None:
        if not self._session.model:
            return  # the panel says why
        self._to_find.append(paths)
        self._next()

    def cancel(self) -> bool:
        """What is done stays. False where nothing ran."""
        ran = self.running
        self._to_find.clear()
        self._finder.cancel()
        for ticket in self._tickets:
            ticket.cancel()
        if ran and not self._tickets:
            self.ended.emit()
        return ran

    def stop(self) -> list[Thread]:
        """For good. Returns the threads that have been told to end."""
        self.cancel()
        return self._finder.stop()

    def _next(self) -> None:
        if self._to_find and not self.running:
            self._found = self._done_count = 0
            self._finder.find(self._to_find.popleft())

    @Slot(object)
    def _ask(self, paths: list[Path]) -> None:
        from app.engines.caption import DescribeFiles

        request = DescribeFiles(tuple(paths), self._session.model, self._session.beam)
        self._tickets[self._context.worker.enqueue(PANEL, request)] = self._found
        self._found += len(paths)
        self.advanced.emit(self._done_count, self._found)

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        number = self._tickets.get(answer.ticket)
        if number is None:
            return
        found: DescribedFile = answer.value
        self._tickets[answer.ticket] = number + 1
        self._done_count += 1
        self.described.emit(found, number)
        self.advanced.emit(self._done_count, self._found)

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket in self._tickets:
            self.failed.emit(answer.sentence)
            self._over(answer)

    @Slot(object)
    def _over(self, answer: Done | Failed | Cancelled) -> None:
        if self._tickets.pop(answer.ticket, None) is not None:
            self._end_if_done()

    def _end_if_done(self) -> None:
        if not self.running:
            self.ended.emit()
            self._next()
