"""Documents on their way: read, translated through the queue, of which nothing is lost, and saved beside the original.
Files are read and written on a thread of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.gui.context import Context
from app.gui.translate.aside import Aside
from app.gui.translate.session import PANEL, Key

if TYPE_CHECKING:
    from app.engines.translate import Translated as Answer
    from app.text.documents import Document, Translated
    from app.worker import Cancelled, Done, Failed, Partial, Ticket

KeyFor = Callable[[str | None], Key | None]  # how a text in the language that was guessed is translated


@dataclass(eq=False)
class _Run:
    path: Path
    key_for: KeyFor
    guessing: bool
    key: Key | None = None
    translated: Translated | None = None
    ticket: Ticket | None = None
    done: int = 0
    over: bool = False
    sentences: tuple[str, ...] = field(default=())


class Documents(QObject):
    """One at a time; what is brought in meanwhile comes behind it."""

    started = Signal(str, str, str)  # the file's name, and from which language into which
    advanced = Signal(int, int)  # sentences that are translated, of all
    ended = Signal()  # of one, however it ended
    saved = Signal(object, str)  # the file, and what a person should know about it
    said = Signal(str, str)  # kind and sentence
    _read = Signal(object, object, object)  # run, document, the language that was guessed
    _ready = Signal(object)
    _trouble = Signal(object, str)

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._waiting: deque[_Run] = deque()
        self._now: _Run | None = None
        self._aside = Aside("documents")
        queued = Qt.ConnectionType.QueuedConnection
        self._read.connect(self._was_read, queued)
        self._ready.connect(self._ask, queued)
        self._trouble.connect(self._failed_to_write, queued)
        bridge = context.bridge
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)
        bridge.cancelled.connect(self._cancelled)

    @property
    def running(self) -> bool:
        return self._now is not None

    def add(self, paths: list[Path], key_for: KeyFor, guessing: bool) -> None:
        self._waiting += [_Run(path, key_for, guessing) for path in paths]
        self._next()

    def cancel(self) -> bool:
        """What is done is kept. False where nothing ran."""
        run = self._now
        if run is None:
            return False
        self._waiting.clear()
        if run.ticket is not None:
            run.ticket.cancel()
        else:
            self._end(run)
        return True

    def close(self) -> list[Thread]:
        """For good; what is done is saved. Returns the thread to wait for."""
        self._waiting.clear()
        run, self._now = self._now, None
        if run is not None and not run.over:
            run.over = True
            if run.ticket is not None:
                run.ticket.cancel()
            self._aside.do(lambda: _stop(run))
        return self._aside.end()

    # Reading

    def _next(self) -> None:
        if self._now is None and self._waiting:
            run = self._now = self._waiting.popleft()
            self._aside.do(lambda: self._open(run))

    def _open(self, run: _Run) -> None:
        """On the thread of files."""
        from app.text import documents, languages

        try:
            document = documents.read(run.path)
        except documents.DocumentError as error:
            self._trouble.emit(run, str(error))
            return
        guessed = languages.guess(document.text) if run.guessing else None
        self._read.emit(run, document, guessed)

    @Slot(object, object, object)
    def _was_read(self, run: _Run, document: Document, guessed: str | None) -> None:
        if run is not self._now:
            return
        if document.warning:
            self.said.emit("warning", document.warning)
        key = run.key = run.key_for(guessed)
        if key is None:
            words = self.tr(
                "{0} can't be translated: nothing here knows its language. Choose the language of the text."
            )
            self._fail(run, words.format(run.path.name))
            return
        self.started.emit(run.path.name, key.source, key.target)
        source, target = key.source, key.target

        def split() -> None:
            from app.text import documents

            try:
                run.translated = documents.Translated(document, source, target)
            except documents.DocumentError as error:
                self._trouble.emit(run, str(error))
                return
            run.sentences = run.translated.sentences
            self._ready.emit(run)

        self._aside.do(split)

    @Slot(object)
    def _ask(self, run: _Run) -> None:
        if run is not self._now or run.key is None:
            return
        if not run.sentences:
            self._fail(run, self.tr("There is nothing to translate in {0}.").format(run.path.name), "info")
            return
        from app.engines.translate import TranslateAll

        key = run.key
        request = TranslateAll(run.sentences, key.source, key.target, key.model, key.beam, key.alpha, key.coverage)
        run.ticket = self._context.worker.enqueue(PANEL, request)
        self.advanced.emit(0, len(run.sentences))

    # Answers

    def _of(self, ticket: Ticket) -> _Run | None:
        return self._now if self._now is not None and self._now.ticket is ticket else None

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        run = self._of(answer.ticket)
        if run is None or run.over:
            return
        found: Answer = answer.value
        text = found.translations[0].text
        run.done += 1
        self._aside.do(lambda: self._add(run, text))
        self.advanced.emit(run.done, len(run.sentences))

    def _add(self, run: _Run, text: str) -> None:
        from app.text.documents import DocumentError

        assert run.translated is not None
        try:
            run.translated.add(text)
        except DocumentError as error:
            if not run.over:
                run.over = True
                self._trouble.emit(run, str(error))

    @Slot(object)
    def _done(self, answer: Done) -> None:
        run = self._of(answer.ticket)
        if run is not None:
            self._aside.do(lambda: self._finish(run))
            self._end(run)

    def _finish(self, run: _Run) -> None:
        from app.text.documents import DocumentError

        assert run.translated is not None
        try:
            saved = run.translated.finish()
        except DocumentError as error:
            self._trouble.emit(run, str(error))
            return
        self.saved.emit(saved.path, saved.sentence)

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        run = self._of(answer.ticket)
        if run is not None:
            self.said.emit("error", answer.sentence)
            self._end(run)

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        run = self._of(answer.ticket)
        if run is not None:
            self._end(run)

    @Slot(object, str)
    def _failed_to_write(self, run: _Run, sentence: str) -> None:
        self.said.emit("error", sentence)
        if run is self._now:
            if run.ticket is not None:
                run.ticket.cancel()
            self._end(run)

    def _fail(self, run: _Run, sentence: str, kind: str = "warning") -> None:
        self.said.emit(kind, sentence)
        self._end(run)

    def _end(self, run: _Run) -> None:
        """On with the next; what is done of this one is kept, where it isn't whole."""
        if run.translated is not None and not run.over and run.done < len(run.sentences):
            self._aside.do(lambda: self._keep(run))
        run.over = True
        if run is self._now:
            self._now = None
            self.ended.emit()
            self._next()

    def _keep(self, run: _Run) -> None:
        from app.text.documents import DocumentError

        assert run.translated is not None
        try:
            saved = run.translated.stop()
        except DocumentError as error:
            self.said.emit("error", str(error))
            return
        if saved is not None:
            self.saved.emit(saved.path, saved.sentence)


def _stop(run: _Run) -> None:
    """As the window closes: nobody is there to be told."""
    from app.text.documents import DocumentError

    if run.translated is not None:
        try:
            run.translated.stop()
        except DocumentError:
            return
