"""What is kept across restarts: the history, and the text that was not finished. Both for their owner's eyes only;
written on a thread of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from threading import Thread

from PySide6.QtCore import QObject, Signal

from app.gui.translate.aside import Aside
from app.store.locate import Folders
from app.text import files
from app.text.history import Entry, History

MOST = 30_000_000  # bytes of a file with the text that is read again; of text_field.LARGEST characters at most 24 MB


@dataclass(frozen=True)
class Draft:
    """The text as it stood when the program was closed."""

    text: str
    cursor: int = 0


class Keeper(QObject):
    entries_changed = Signal(object)  # the entries, the newest last
    restored = Signal(object)  # Draft
    said = Signal(str)
    _written = Signal(object)  # by the thread: who looks at `entries` and waits for `entries_changed` misses none

    def __init__(self, folders: Folders, on: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        folder = folders.data / "translate"
        self._file, self._draft = folder / "history.jsonl", folder / "text.json"
        self._aside = Aside("history")
        self._history: History | None = None  # the thread's own
        self._refused = False
        self.on = on
        self.entries: tuple[Entry, ...] = ()
        self._written.connect(self._remember)

    def start(self) -> None:
        """Reads what was kept; `restored` where a text was."""
        self._aside.do(self._read)

    def add(self, entry: Entry) -> None:
        if self.on:
            self._aside.do(lambda: self._change(lambda history: history.add(entry)))

    def remove(self, entry: Entry) -> None:
        self._aside.do(lambda: self._change(lambda history: history.remove(entry)))

    def clear(self) -> None:
        """Deletes the file."""
        self._aside.do(lambda: self._change(lambda history: history.clear()))

    def turn(self, on: bool) -> None:
        """Off: nothing more is written, and the text is not kept either. What was written before stays."""
        self.on = on

        def act() -> None:
            self._change(lambda history: setattr(history, "on", on))
            if not on:
                self._forget()

        self._aside.do(act)

    def keep(self, draft: Draft) -> None:
        """The text as it stands, for the next start."""
        if self.on:
            self._aside.do(lambda: self._write(draft))

    def close(self) -> list[Thread]:
        """After all that is to be written. Returns the thread to wait for."""
        return self._aside.end()

    # The thread

    def _read(self) -> None:
        self._change(lambda history: None)
        try:
            if not self.on or self._draft.stat().st_size > MOST:
                return
            found = json.loads(self._draft.read_bytes())
            draft = Draft(str(found["text"]), int(found["cursor"]))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self.said.emit(
                self.tr("The text of last time can't be read: its file {0} is damaged.").format(self._draft.name)
            )
            return
        if draft.text:
            self.restored.emit(draft)

    def _change(self, act: Callable[[History], object]) -> None:
        if self._history is None:
            self._history = History(self._file, self.said.emit, self.on)
        act(self._history)
        self._written.emit(self._history.entries)

    def _write(self, draft: Draft) -> None:
        try:
            if not draft.text:
                self._draft.unlink(missing_ok=True)
                return
            self._draft.parent.mkdir(parents=True, exist_ok=True)
            files.replace(self._draft, json.dumps(asdict(draft)).encode("ascii"), 0o600)
        except OSError as error:
            if not self._refused:  # once: it is written every few seconds
                self._refused = True
                self.said.emit(self.tr("The text can't be kept for the next start: {0}.").format(error.strerror))

    def _forget(self) -> None:
        """The text that was kept, and what was being written of it when the program ended."""
        for path in (self._draft, *files.drafts(self._draft)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                words = self.tr("The text that was kept, {0}, can't be deleted ({1}): delete it yourself.")
                self.said.emit(words.format(path.name, error.strerror))

    def _remember(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self.entries_changed.emit(entries)
