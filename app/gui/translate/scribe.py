"""The text that is typed and its translation, kept by a thread of its own: splitting a text of 1 MB into sentences
takes a second, which no window may wait for.

The window tells what was typed and what was answered; it is given a `Page` each time that anything has changed, with
the few places of the other field that are to be written anew."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Condition, Thread

from PySide6.QtCore import QObject, Signal

from app.gui.translate.units import Units
from app.text.sentences import Segments
from app.text.typed import Change, Slot, Typed, change

PACE = 0.03  # seconds between two pages at least; with long texts, SHARE times what one takes to make
SHARE = 4
_UNFIT = {ord(c): " " for c in "\r\u2029"} | {0xFDD0: "\ufffd", 0xFDD1: "\ufffd"}  # Qt would begin a line there

_log = logging.getLogger(__name__)


def fit(translation: str) -> str:
    """As it can stand in a field: of the same length."""
    return translation.translate(_UNFIT)


@dataclass(frozen=True)
class Edit:
    """What was typed. `number`: the newest has the highest. `known`: the language that was guessed last; None: it is
    not to be guessed."""

    number: int
    text: str
    cursor: int  # a place in the text
    language: str
    key: Hashable  # all that a translation depends on
    known: str | None = None


@dataclass(frozen=True, eq=False)
class Page:
    """Both texts as they stand. Places are in characters but for `changes`, which are in Qt's units, and are to be made
    in this order."""

    edit: Edit
    shown: str
    changes: tuple[Change, ...]
    segments: Segments
    slots: tuple[Slot, ...]
    sources: list[tuple[int, int]]  # where each sentence stands
    targets: list[tuple[int, int]]  # where its translation stands
    source_units: Units
    target_units: Units
    wanted: tuple[str, ...]
    done: int  # sentences that are translated, of all slots

    @property
    def complete(self) -> bool:
        return bool(self.slots) and self.done == len(self.slots)


class Scribe(QObject):
    written = Signal(object)  # Page
    guessed = Signal(object, str)  # Edit, the code of its language; "" where that isn't sure

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._typed = Typed()
        self._changed = Condition()  # guards all of the following
        self._edit: Edit | None = None
        self._answers: deque[tuple[bool, str, str, Hashable]] = deque()
        self._closing = False
        self._thread: Thread | None = None
        # The thread's own
        self._now: Edit | None = None
        self._parts: tuple[str, ...] = ("",)
        self._shown = ""
        self._text_units = self._shown_units = Units("")
        self._sources: list[tuple[int, int]] = []
        self._due: float | None = None  # when the next page may be given

    # Any thread

    def edit(self, edit: Edit) -> None:
        """Newest wins."""
        with self._changed:
            self._edit = edit
            self._wake()

    def grow(self, sentence: str, words: str, key: Hashable) -> None:
        self._add(True, sentence, words, key)

    def answer(self, sentence: str, translation: str, key: Hashable) -> None:
        self._add(False, sentence, translation, key)

    def warm_up(self) -> None:
        """Load what guesses and splits, so that the first key stroke needn't wait for it."""
        with self._changed:
            self._wake()

    def close(self) -> list[Thread]:
        """Returns the thread, which has been told to end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        return [self._thread] if self._thread is not None else []

    def _add(self, growing: bool, sentence: str, words: str, key: Hashable) -> None:
        with self._changed:
            self._answers.append((growing, sentence, fit(words), key))
            self._wake()

    def _wake(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = Thread(target=self._run, name="triptych-scribe", daemon=True)
            self._thread.start()
        self._changed.notify()

    # The thread

    def _run(self) -> None:
        _load()
        while True:
            with self._changed:
                while not (self._closing or self._edit or self._answers or self._is_due()):
                    self._changed.wait(None if self._due is None else max(0.0, self._due - time.monotonic()))
                if self._closing:
                    return
                edit, self._edit = self._edit, None
                answers, self._answers = self._answers, deque()
            try:
                self._take(edit, answers)
                if edit is not None or self._is_due():
                    self._write()
            except RuntimeError:  # the window has gone meanwhile
                return
            except Exception:
                self._due = None  # else it would be tried again and again
                _log.exception("the text can't be kept")

    def _is_due(self) -> bool:
        return self._due is not None and time.monotonic() >= self._due

    def _take(self, edit: Edit | None, answers: deque[tuple[bool, str, str, Hashable]]) -> None:
        for growing, sentence, words, key in answers:
            take = self._typed.grow if growing else self._typed.answer
            if take(sentence, words, key) and self._due is None:
                self._due = 0.0
        if edit is None:
            return
        if edit.known is not None:
            self.guessed.emit(edit, _guess(edit.text) or "")
        before = self._now
        self._now = edit
        if before is None or (before.text, before.language, before.key) != (edit.text, edit.language, edit.key):
            self._typed.edit(edit.text, edit.language, edit.key)
            self._sources = self._typed.segments.spans()
            self._text_units = Units(edit.text)

    def _write(self) -> None:
        if self._now is None:
            self._due = None
            return
        began = time.monotonic()
        typed, segments = self._typed, self._typed.segments
        slots = typed.slots
        said = [slot.shown for slot in slots]
        parts = tuple(_parts(segments, said))
        shown = "".join(parts)
        changes = tuple(
            Change(self._shown_units.of(start), self._shown_units.of(end), text)
            for start, end, text in _changes(self._parts, parts)
        )
        if changes:
            self._parts, self._shown, self._shown_units = parts, shown, Units(shown)
        done, _ = typed.progress
        page = Page(
            edit=self._now,
            shown=shown,
            changes=changes,
            segments=segments,
            slots=slots,
            sources=self._sources,
            targets=segments.spans(said),
            source_units=self._text_units,
            target_units=self._shown_units,
            wanted=typed.wanted(self._now.cursor),
            done=done,
        )
        self.written.emit(page)
        self._due = None
        now = time.monotonic()
        self._rest(now + max(PACE, SHARE * (now - began)))

    def _rest(self, until: float) -> None:
        """What is answered meanwhile comes on the next page; an edit doesn't wait."""
        with self._changed:
            while not (self._closing or self._edit) and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)


def _load() -> None:
    import sentencex  # noqa: F401

    _guess("Good morning")


def _guess(text: str) -> str | None:
    from app.text.languages import guess

    return guess(text)


def _parts(segments: Segments, said: Sequence[str]) -> Iterator[str]:
    for gap, sentence, words in zip(segments.gaps, segments.sentences, said, strict=False):
        yield gap
        yield sentence.laid_out(words)
    yield segments.gaps[-1]


def _changes(old: tuple[str, ...], new: tuple[str, ...]) -> list[Change]:
    """What turns the old text into the new one, the last place first: so each place is where it was in the old text.
    Sentence by sentence where their number is the same, so that what lies between two of them is left alone."""
    if len(old) != len(new) or old[::2] != new[::2]:
        one = change("".join(old), "".join(new))
        return [one] if one is not None else []
    found, start = [], 0
    for before, after in zip(old, new, strict=True):
        if before != after and (one := change(before, after)) is not None:
            found.append(Change(start + one.start, start + one.end, one.text))
        start += len(before)
    assert all(earlier.end <= later.start for earlier, later in pairwise(found))
    return found[::-1]
