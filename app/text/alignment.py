"""Which word of a translation comes from which word of its sentence: from the attention between their wordpieces.

A person sees the sentence and the translation as they are written; the network reads and says wordpieces of a text in
normal form, with symbols for what is copied (`app.text.copying`). Here letters lead from the one to the other: each
belongs to a wordpiece, and those of something copied to the very letters that they are copies of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import numpy as np

from app.text.copying import BYTE, CONTROL, SYMBOLS, Prepared

Places = tuple[tuple[int, int], ...]  # where words begin and end

_RUN = re.compile(r"\S+")
_MARKS = "\"'`“”„‟‚‘’«»‹›()[]{}<>.,;:!?¡¿…–—-"
_MOST = 250_000  # comparisons of letters, some milliseconds: texts that differ more are not worth more
_UNKNOWN = "\ufdd0"  # no character


def words(text: str) -> Places:
    """What lies between spaces, without the punctuation around it. Mere punctuation is no word."""
    found = []
    for run in _RUN.finditer(text):
        said = run.group()
        start = run.start() + len(said) - len(said.lstrip(_MARKS))
        end = run.start() + len(said.rstrip(_MARKS))
        if end > start:
            found.append((start, end))
    return tuple(found)


class Aligner:
    """A sentence and what the network has read of it."""

    def __init__(self, sentence: str, prepared: Prepared, source_pieces: Sequence[str]) -> None:
        """`source_pieces`: of `prepared.text`, tokens of languages and ends included."""
        self.words = words(sentence)
        self._sentence, self._symbols = sentence, prepared.symbols
        self._word_at = _word_at(sentence, self.words)
        self._by_text = {sentence[start:end]: k for k, (start, end) in reversed(list(enumerate(self.words)))}
        self._copied: dict[str, tuple[int, int]] = {}  # what a symbol stands for
        seen, places = "", []
        for letters, start, end in _units(sentence, prepared):
            if letters in prepared.symbols:
                self._copied[letters] = start, end
            seen += letters
            places += [(start, end)] * len(letters)
        read, owners = _letters(source_pieces)
        self._belongs = np.zeros((len(source_pieces), len(self.words)), np.float32)  # 1: the piece is of that word
        for i, j, size in _matches(read, seen):
            for k in range(size):
                for place in range(*places[j + k]):
                    if (word := self._word_at[place]) >= 0:
                        self._belongs[owners[i + k], word] = 1

    def links(self, text: str, pieces: Sequence[str], attention: np.ndarray) -> tuple[Places, np.ndarray]:
        """`text`: the translation as `copying.restore` gives it; `pieces`: its wordpieces without start and end;
        `attention` (len(pieces) or more, source pieces). -> the places of its words, and (words, words of the sentence)
        float32: the share of a word's attention that lies on each, averaged over its pieces; 1 where it is a copy."""
        found = words(text)
        links = np.zeros((len(found), len(self.words)), np.float32)
        if not found or not self.words:
            return found, links
        spoken = np.zeros((len(found), len(pieces)), np.float32)  # each word's share of its pieces
        owners, origins = self._owners(text, pieces)
        for k, (start, end) in enumerate(found):
            copied = {self._word_at[place] for place in origins[start:end] if place >= 0} - {-1}
            said = [owner for owner in owners[start:end] if owner >= 0]
            if not copied and 2 * len(said) < end - start and text[start:end] in self._by_text:
                copied = {self._by_text[text[start:end]]}  # no piece said it: it was put back
            if copied:
                links[k, list(copied)] = 1
            elif said:
                spoken[k, list(set(said))] = 1 / len(set(said))
        links += spoken @ np.asarray(attention, np.float32)[: len(pieces)] @ self._belongs
        return found, np.clip(links, 0, 1, out=links)

    def _owners(self, text: str, pieces: Sequence[str]) -> tuple[list[int], list[int]]:
        """For each letter of the translation, the piece that said it, and the place in the sentence that it is a copy
        of; -1: none."""
        letters, numbers = _letters(pieces)
        said: list[tuple[str, int, int]] = []  # letter, piece, place in the sentence
        k = 0
        while k < len(letters):
            symbol = letters[k : k + 3]
            if symbol in self._copied:
                places = range(*self._copied[symbol])
                said += [(self._sentence[p], numbers[k], p) for p in places if not self._sentence[p].isspace()]
                k += 3
            elif symbol in self._symbols:  # it stands for nothing, and is taken out
                k += 3
            else:
                said.append((letters[k], numbers[k], -1))
                k += 1
        owners, origins = [-1] * len(text), [-1] * len(text)
        shown = [place for place, letter in enumerate(text) if not letter.isspace()]
        for i, j, size in _matches("".join(letter for letter, _, _ in said), "".join(text[place] for place in shown)):
            for k in range(size):
                _, owners[shown[j + k]], origins[shown[j + k]] = said[i + k]
        return owners, origins


def words_of_pieces(text: str, places: Places, pieces: Sequence[str]) -> tuple[int, ...]:
    """For each wordpiece of a text the number of the word of `places` in it that it belongs to; -1: none (punctuation,
    tokens of languages, the end). A symbol stands for what lies between the words of its neighbours."""
    letters, owners = _letters(pieces)
    word_at = _word_at(text, places)
    shown = [place for place, letter in enumerate(text) if not letter.isspace()]
    found = [-1] * len(pieces)
    for i, j, size in _matches(letters, "".join(text[place] for place in shown)):
        for k in range(size):
            if found[owners[i + k]] < 0:
                found[owners[i + k]] = word_at[shown[j + k]]
    for k, piece in enumerate(pieces):
        if piece.strip("▁") in SYMBOLS:
            before = max(found[:k], default=-1)
            after = min((word for word in found[k + 1 :] if word >= 0), default=len(places))
            found[k] = before + 1 if after - before > 1 else -1
    return tuple(found)


def _word_at(sentence: str, places: Places) -> list[int]:
    """For each character the number of its word; -1: none."""
    found = [-1] * len(sentence)
    for k, (start, end) in enumerate(places):
        found[start:end] = [k] * (end - start)
    return found


def _units(sentence: str, prepared: Prepared) -> Iterator[tuple[str, int, int]]:
    """What `copying.prepare` has made of the sentence, in order: letters in normal form, or a symbol, and the place in
    the sentence that they stand for."""
    text, kept = prepared.text, list(prepared.kept[::-1])
    i = j = 0
    while j < len(text) and i < len(sentence):
        symbol = kept[-1].symbol if kept else None
        if symbol and text.startswith(symbol, j) and sentence.startswith(kept[-1].text, i):
            end = i + len(kept.pop().text)
            yield symbol, i, end
            i, j = end, j + len(symbol)
            continue
        if kept and symbol is None and text.startswith(kept[-1].text, j):
            kept.pop()  # it stands there itself
        if text[j] == sentence[i]:
            if not text[j].isspace():
                yield _normal(text[j]), i, i + 1
            j += 1
        i += 1  # else an invisible character, which was left out


def _normal(letter: str) -> str:
    """As wordpieces are made of it, without spaces."""
    if letter.isascii():
        return letter
    return "".join(unicodedata.normalize("NFKC", letter).split())


def _letters(pieces: Sequence[str]) -> tuple[str, list[int]]:
    """All letters that pieces stand for, without spaces, and the piece of each. Of a letter that is spelt in bytes it
    is the first one."""
    letters, owners = "", []
    run: list[tuple[int, int]] = []  # (piece, byte)
    for k, piece in enumerate((*pieces, "")):
        special = piece.startswith("<")
        if special and (byte := BYTE.fullmatch(piece)):
            run.append((k, int(byte[1], 16)))
            continue
        if run:
            for letter, owner in _spelt(run):
                letters += letter
                owners.append(owner)
            run = []
        if piece.lstrip("▁") == "<unk>":
            piece = _UNKNOWN
        elif special and CONTROL.fullmatch(piece):
            continue
        said = "".join(piece.replace("▁", " ").split())
        letters += said
        owners += [k] * len(said)
    return letters, owners


def _spelt(run: Sequence[tuple[int, int]]) -> Iterator[tuple[str, int]]:
    """The letters of a run of bytes, and the piece that each begins with."""
    done = 0
    for letter in bytes(byte for _, byte in run).decode("utf-8", "replace"):
        if not letter.isspace():
            yield letter, run[min(done, len(run) - 1)][0]
        done += len(letter.encode()) if letter != "\ufffd" else 1


def _matches(a: str, b: str) -> Iterator[tuple[int, int, int]]:
    """(i, j, size) with a[i : i + size] == b[j : j + size], in order."""
    if a == b:
        yield 0, 0, len(a)
        return
    most = min(len(a), len(b))
    start = next((k for k in range(most) if a[k] != b[k]), most)
    end = next((k for k in range(most - start) if a[-1 - k] != b[-1 - k]), most - start)
    yield 0, 0, start
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    if len(middle_a) * len(middle_b) <= _MOST:
        for i, j, size in SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_matching_blocks():
            yield start + i, start + j, size
    yield len(a) - end, len(b) - end, end
