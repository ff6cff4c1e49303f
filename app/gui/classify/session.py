"""What the panel works on: which pictures there are, which one is in view, what has been asked about it. No widgets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from app.gui.classify.answers import PICKED, Answer, Item
from app.gui.classify.folder_model import FolderModel
from app.gui.classify.folder_run import FolderRun, kept
from app.gui.classify.loader import Decoded, Finder, Loader
from app.gui.context import Context

if TYPE_CHECKING:
    from app.worker import Cancelled, Done, Failed, Partial, Ticket

PANEL = "classify"
ASKED = 400  # files a request while a folder is still being walked: at each end the engine's decoders run dry


class Session(QObject):
    """One picture goes through the mailbox: decoded in a thread, answered before everything else, and the newest wins.
    Several go through the queue, of which nothing is lost; the one in view still goes through the mailbox."""

    current_changed = Signal()
    loaded = Signal()  # the picture in view is decoded
    answers_changed = Signal()  # of the picture in view
    said = Signal(str, str)  # kind and sentence, for a strip
    several = Signal()  # a folder or many files have been brought in

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.pictures = FolderModel(self)
        self.run = FolderRun(context, self.pictures, self)
        self.models: tuple[str, ...] = ()  # those that can answer
        self.current: Item | None = None
        self.decoded: Decoded | None = None
        self._loader = Loader(self)
        self._finder = Finder(self)
        self._to_find: list[list[Path]] = []
        self._to_ask: list[Item] = []
        self._known: dict[Path, Item] = {}
        self._ticket: Ticket | None = None
        self._asked: Item | None = None
        self._fresh = False  # the next file that is found comes into view
        self._found_new = False
        self._pasted = 0
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._not_loaded)
        self._finder.found.connect(self._found)
        self._finder.finished.connect(self._found_all)
        self.run.answered.connect(self._run_answered)
        context.bridge.partial.connect(self._partial)
        context.bridge.done.connect(self._done)
        context.bridge.failed.connect(self._failed)
        context.bridge.cancelled.connect(self._cancelled)

    # What comes in

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Added to what is there; a file that is there already is looked at again."""
        absolute = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 (resolve would follow links)
        if len(absolute) == 1 and not absolute[0].is_dir():
            self._add_one(absolute[0])
        elif absolute:
            self._to_find.append(absolute)
            self._find_next()
            self.several.emit()

    def add_picture(self, source: bytes | QImage) -> None:
        """A picture without a file."""
        self._pasted += 1
        name = self.tr("Pasted picture") if self._pasted == 1 else self.tr("Pasted picture {0}").format(self._pasted)
        item = Item(name, source)
        self.pictures.add([item])
        self.pictures.flush()
        self.select(item)

    def _add_one(self, path: Path) -> None:
        item = self._known.get(path)
        if item is None:
            item = self._item(path)
            self.pictures.add([item])
            self.pictures.flush()
        elif item.done:  # the file may have changed since
            self.pictures.forget(item)
        self.select(item)

    def _item(self, path: Path) -> Item:
        from app.media.pictures import shown

        item = Item(shown(path.name), path)
        self._known[path] = item
        return item

    def _find_next(self) -> None:
        if self._to_find and not self._finder.running:
            self._fresh, self._found_new = True, False
            self._finder.find(self._to_find[0])

    @Slot(object)
    def _found(self, paths: list[Path]) -> None:
        new = [self._item(path) for path in paths if path not in self._known]
        if self._fresh:
            first = new[0] if new else self._known[paths[0]]
            self._fresh = False
        else:
            first = None
        if new:
            self._found_new = True
            self.pictures.add(new)
            self._to_ask += new
            if len(self._to_ask) >= ASKED or not self.run.running:
                self._ask_all()
        if first is not None:
            self.pictures.flush()
            self.select(first)

    def _ask_all(self) -> None:
        """About all files that have been found and not asked about yet."""
        waiting, self._to_ask = self._to_ask, []
        self.run.ask(waiting, self.models)

    @Slot(int)
    def _found_all(self, count: int) -> None:
        self._ask_all()
        asked = self._to_find.pop(0)
        names = ", ".join(f"“{path.name or path}”" for path in asked[:3])
        if not count:
            self.said.emit("warning", self.tr("There is no picture in {0}.").format(names))
        elif not self._found_new:
            self.said.emit("info", self.tr("All pictures of {0} are here already.").format(names))
        elif not self.models:
            self.said.emit("warning", self.tr("No model is here to answer: download one first."))
        self._find_next()

    @property
    def searching(self) -> bool:
        return self._finder.running

    # The picture in view

    def select(self, item: Item | None) -> None:
        if item is self.current and item is not None and item.done:
            return
        self._drop_ticket()
        self.current, self.decoded = item, None
        self._loader.load(item)
        self.current_changed.emit()

    def _drop_ticket(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._ticket = self._asked = None

    @Slot(object, object)
    def _loaded(self, item: Item, decoded: Decoded) -> None:
        if item is self.current:
            self.decoded = decoded
            self.loaded.emit()
            self._ask()

    @Slot(object, str)
    def _not_loaded(self, item: Item, sentence: str) -> None:
        self.pictures.note(item, error=sentence)
        if item is self.current:
            self.answers_changed.emit()

    def _ask(self) -> None:
        """Whatever the picture in view still lacks."""
        if self.current is None or self.decoded is None:
            return
        from app.engines.classify import Classify  # only now: not before the window's first paint

        missing = tuple(model for model in self.models if model not in self.current.answers)
        if not missing:
            if not self.current.done and self.models:
                self.pictures.note(self.current)
            return
        self._asked = self.current
        self._ticket = self._context.worker.post(PANEL, Classify(self.decoded.picture, missing, PICKED))

    @property
    def waiting(self) -> bool:
        """Whether the picture in view has been asked about and is not answered."""
        return self._ticket is not None

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket is self._ticket and self._asked is not None:
            self.pictures.note(self._asked, [kept(answer.value)], done=False)
            self.answers_changed.emit()

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._ticket and self._asked is not None:
            asked, self._ticket, self._asked = self._asked, None, None
            self.pictures.note(asked)
            self.answers_changed.emit()

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._ticket and self._asked is not None:
            asked, self._ticket, self._asked = self._asked, None, None
            missing = [model for model in self.models if model not in asked.answers]
            self.pictures.note(asked, [Answer(model, error=answer.sentence) for model in missing])
            self.answers_changed.emit()

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        if answer.ticket is self._ticket:
            self._ticket = self._asked = None
            self.answers_changed.emit()

    @Slot(object)
    def _run_answered(self, items: list[Item]) -> None:
        if self.current in items:
            self.answers_changed.emit()

    # Models, cancelling, the end

    def set_models(self, models: Sequence[str]) -> int:
        """Those that can answer now. Returns how many pictures lack an answer of one of them."""
        self.models = tuple(models)
        for item in self.pictures.items:  # a failure of a model that has been put right since
            for model in [m for m, answer in item.answers.items() if answer.error and m in self.models]:
                self.pictures.drop(item, model)
        self._ask()
        return sum(1 for item in self.pictures.items if item is not self.current and self._lacks(item))

    def _lacks(self, item: Item) -> bool:
        return item.path is not None and not item.error and any(model not in item.answers for model in self.models)

    def complete(self) -> None:
        """Ask about all pictures that lack an answer, a model at a time where they lack different ones."""
        if self.run.running:
            return
        lacking: dict[tuple[str, ...], list[Item]] = {}
        for item in self.pictures.items:
            if self._lacks(item):
                models = tuple(model for model in self.models if model not in item.answers)
                lacking.setdefault(models, []).append(item)
        for models, items in lacking.items():
            self.run.ask(items, models)

    @property
    def incomplete(self) -> bool:
        return any(self._lacks(item) for item in self.pictures.items)

    def cancel(self) -> bool:
        """What is done stays. False where nothing ran."""
        ran = self.run.running or self._finder.running or self._ticket is not None
        self._finder.cancel()
        self._to_find.clear()
        self._to_ask.clear()
        self.run.cancel()
        if self._ticket is not None:
            self._ticket.cancel()
        return ran

    def clear(self) -> None:
        """No picture any more."""
        self.cancel()
        self.run.forget()
        self._known.clear()
        self.pictures.clear()
        self.select(None)

    def stop(self) -> list[Thread]:
        """For good. Returns the threads that have been told to end."""
        self.cancel()
        self.pictures.stop()
        return [*self._loader.stop(), *self._finder.stop()]
