"""A text that is translated while somebody types it: which sentences are to be asked for, and what is shown meanwhile.

A sentence's translation comes from a cache where it was asked for before. Until a new one is there, the old one of the
same place stays, so that nothing flickers; a sentence that is new grows word by word. No thread, no clock, no network:
the panel tells what was typed and what was answered.

    typed.edit(text, "en", key)           # at every key stroke; `key`: all that a translation depends on
    for sentence in typed.wanted(): …     # newest wins: what was asked for before may be dropped
    typed.grow(sentence, "Ich habe", key)      # words as they are decoded
    typed.answer(sentence, "Ich habe Hunger.", key)
    typed.shown                           # the text of the other field
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from app.text.sentences import Segments, split

CACHED_CHARACTERS = 4_000_000  # of sentences and translations
ALIKE = 0.3  # share of the shorter sentence that two have at their beginnings and ends, to be one that was changed


class State(Enum):
    DONE = "done"
    OLD = "old"  # the translation of what stood here before
    GROWING = "growing"
    EMPTY = "empty"


@dataclass(frozen=True)
class Slot:
    """A sentence and what is shown for it."""

    sentence: str
    shown: str
    state: State


class Change(NamedTuple):
    """`old[start:end]` becomes `text`."""

    start: int
    end: int
    text: str


class Cache:
    """The translations that were used last, up to a number of characters."""

    def __init__(self, most: int = CACHED_CHARACTERS) -> None:
        self._most, self._size = most, 0
        self._found: OrderedDict[tuple[Hashable, str], str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Hashable, sentence: str) -> str | None:
        found = self._found.get((key, sentence))
        if found is not None:
            self._found.move_to_end((key, sentence))
        return found

    def put(self, key: Hashable, sentence: str, translation: str) -> None:
        old = self._found.pop((key, sentence), None)
        if old is not None:
            self._size -= len(sentence) + len(old)
        self._found[key, sentence] = translation
        self._size += len(sentence) + len(translation)
        while self._size > self._most and len(self._found) > 1:
            (_, gone), said = self._found.popitem(last=False)
            self._size -= len(gone) + len(said)

    def clear(self) -> None:
        self._found.clear()
        self._size = 0


class Typed:
    """The state of a text on its way. Not to be used from two threads at once."""

    def __init__(self, cache: Cache | None = None) -> None:
        self.cache = cache if cache is not None else Cache()
        self._segments = Segments((), ("",))
        self._slots: list[Slot] = []
        self._places: dict[str, list[int]] = {}
        self._key: Hashable = None

    @property
    def segments(self) -> Segments:
        return self._segments

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(self._slots)

    @property
    def shown(self) -> str:
        return self._segments.join([slot.shown for slot in self._slots])

    @property
    def progress(self) -> tuple[int, int]:
        """Sentences that are translated, and all."""
        return sum(slot.state is State.DONE for slot in self._slots), len(self._slots)

    def edit(self, text: str, language: str, key: Hashable) -> None:
        """The text is now `text`, in `language`. `key`: the model, the languages, the beam …; where it is another one,
        every sentence is to be translated anew, and the old translations stay until then."""
        self._segments = split(text, language)
        before, stays, self._key = self._slots, key == self._key, key
        sentences = [sentence.text for sentence in self._segments.sentences]
        heirs = _heirs([slot.sentence for slot in before], sentences)
        self._slots = [
            self._slot(sentence, [before[i] for i in heirs[k]], stays) for k, sentence in enumerate(sentences)
        ]
        self._places = {}
        for k, sentence in enumerate(sentences):
            self._places.setdefault(sentence, []).append(k)

    def wanted(self, cursor: int | None = None) -> tuple[str, ...]:
        """Sentences to ask for, each once: that in which the cursor stands (a place in the text) first, and the
        following ones before those above it."""
        missing = [k for k, slot in enumerate(self._slots) if slot.state is not State.DONE]
        if cursor is not None and missing:
            ends = [end for _, end in self._segments.spans()]
            first = next((n for n, k in enumerate(missing) if ends[k] >= cursor), 0)
            missing = missing[first:] + missing[:first]
        return tuple(dict.fromkeys(self._slots[k].sentence for k in missing))

    def grow(self, sentence: str, words: str, key: Hashable) -> bool:
        """The words of its translation so far. True where that changes what is shown: not where an old translation
        stands, nor of a sentence that isn't there any more."""
        places = self._places.get(sentence, []) if key == self._key else []
        places = [k for k in places if self._slots[k].state in (State.EMPTY, State.GROWING)]
        for k in places:
            self._slots[k] = replace(self._slots[k], shown=words, state=State.GROWING)
        return bool(places)

    def answer(self, sentence: str, translation: str, key: Hashable) -> bool:
        """Its translation. True where that changes what is shown: the answer for what a sentence began with, a few key
        strokes ago, is better than nothing, and than one that is older still."""
        self.cache.put(key, sentence, translation)
        if key != self._key:
            return False
        places = self._places.get(sentence, [])
        for k in places:
            self._slots[k] = Slot(sentence, translation, State.DONE)
        if places:
            return True
        begun = [
            k
            for k, slot in enumerate(self._slots)
            if slot.state is not State.DONE and slot.sentence.startswith(sentence)
        ]
        for k in begun[:1]:
            self._slots[k] = replace(self._slots[k], shown=translation, state=State.OLD)
        return bool(begun)

    def _slot(self, sentence: str, before: Sequence[Slot], stays: bool) -> Slot:
        """`before`: what stood in its place, if anything. `stays`: that is of this key, too; so it needs no cache."""
        if (found := self.cache.get(self._key, sentence)) is not None:
            return Slot(sentence, found, State.DONE)
        shown = " ".join(slot.shown for slot in before if slot.shown)
        if stays and len(before) == 1 and before[0].sentence == sentence:
            return before[0]
        return Slot(sentence, shown, State.OLD if shown else State.EMPTY)


def change(old: str, new: str) -> Change | None:
    """What turns `old` into `new`, from the first difference to the last: a field that is changed only there keeps its
    cursor, its selection and its scroll position. None where they are the same."""
    if old == new:
        return None
    start, end = _common(old, new)
    return Change(start, len(old) - end, new[start : len(new) - end])


def _heirs(old: Sequence[str], new: Sequence[str]) -> list[list[int]]:
    """For each new sentence the old ones in whose place it stands: of the same text, or, between those that stay, the
    one that it was made from by typing. Typing changes one place; what is before and after it is the same."""
    start, end = _common(old, new)
    stop = len(old) - end
    known = {old[i]: i for i in range(stop - 1, start - 1, -1)}
    staying = set(new[start : len(new) - end])
    heirs = [[k] for k in range(start)]
    last = start - 1  # of the old ones that have an heir
    for k in range(start, len(new) - end):
        if (same := known.get(new[k])) is not None:
            heirs.append([same])
            last = max(last, same)
            continue
        heir = [i for i in (last + 1, k) if last < i < stop and old[i] not in staying and _alike(old[i], new[k])][:1]
        last = heir[0] if heir else last
        # Two sentences that became one: the translations of both stay.
        while heir and last + 1 < stop and old[last + 1] not in staying and _ends_with(new[k], old[last + 1]):
            last += 1
            heir.append(last)
        heirs.append(heir)
    return heirs + [[stop + k] for k in range(end)]


def _alike(a: str, b: str) -> bool:
    return sum(_common(a, b)) >= ALIKE * min(len(a), len(b))


def _ends_with(sentence: str, old: str) -> bool:
    return _common(sentence[::-1], old[::-1])[0] >= ALIKE * len(old)


def _common(a: Sequence[str], b: Sequence[str]) -> tuple[int, int]:
    """How many elements (of a text: characters) are the same at the beginning, and then at the end. By halving, since
    comparing slices is much faster than going through a long text in Python."""
    most = min(len(a), len(b))
    start = bisect_left(range(most), True, key=lambda k: a[: k + 1] != b[: k + 1])
    rest = range(most - start)
    return start, bisect_left(rest, True, key=lambda k: a[len(a) - 1 - k :] != b[len(b) - 1 - k :])
