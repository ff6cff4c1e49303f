"""The wordpieces of a published GNMT: words as Moses cuts them, pieces of words as subword-nmt does.

Sentences go through Moses's tokeniser (Koehn et al. 2007; here sacremoses), which sets punctuation apart and writes
`"'&<>[]|` as entities, and each word through byte pair encoding with the published codes (Sennrich et al. 2016, "Neural
Machine Translation of Rare Words with Subword Units", arXiv 1508.07909): "@@" ends a piece that the word goes on after.
What comes out goes the other way, through Moses's detokeniser.

To everything else here it looks as sentencepiece does (`app.text.wordpieces`): "▁" before a piece stands for a space,
and ids begin with padding, unknown, start and end. What Moses would tear apart and nobody could put together again,
addresses, file names, placeholders, it leaves whole; whether they come through is looked after by `app.text.copying`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from app.text import spans
from app.text.copying import Alphabet
from app.text.wordpieces import PAD, UNKNOWN

SPECIAL = ("<unk>", "<s>", "</s>")  # of a published vocabulary: its first ids
ENTITIES = {
    "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&#91;": "[", "&#93;": "]", "&#124;": "|",
}  # fmt: skip
LONGEST_WORD = 200  # characters: finding the pairs of a word takes the square of its length

_GOES_ON = "@@"
_END = "</w>"
_HOLE = "\ufdd0"  # (no character) what no piece stands for
_ENTITY = re.compile("|".join(ENTITIES))
_TORN = frozenset({"url", "mail", "placeholder", "tag", "path", "file", "code"})


def vocabulary(raw: bytes) -> tuple[str, ...]:
    """The pieces of a vocabulary file in the order of the checkpoint's ids, `SPECIAL` first, which most files leave out
    (tensorflow/nmt, `check_vocab`). Raises ValueError."""
    lines = tuple(_lines(raw))
    pieces = lines if lines[:3] == SPECIAL else SPECIAL + lines
    if len(set(pieces)) != len(pieces):
        raise ValueError("it has the same wordpiece twice")
    return pieces


def codes(raw: bytes) -> tuple[dict[tuple[str, str], int], bool]:
    """A file of codes: the rank of each pair that is joined, and whether a word's last letter carries its end (version
    0.2), or the end is a letter of its own. Raises ValueError."""
    lines = [line.strip(" ") for line in _lines(raw)]
    version = re.fullmatch(r"#version: (\d+)\.(\d+)", lines[0]) if lines else None
    ranks: dict[tuple[str, str], int] = {}
    for line in lines[1:] if version else lines:
        pair = line.split(" ")
        if len(pair) != 2 or not all(pair):
            raise ValueError("each of its lines must have two pieces")
        ranks.setdefault((pair[0], pair[1]), len(ranks))  # of a pair that stands there twice the first counts
    if not ranks:
        raise ValueError("it joins nothing")
    return ranks, version is not None and (int(version[1]), int(version[2])) >= (0, 2)


def _lines(raw: bytes) -> list[str]:
    """At line feeds only: a vocabulary has pieces that other libraries take for line ends. Raises ValueError."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def joined(line: str) -> list[str]:
    """The words of a line of wordpieces."""
    return f"{line} ".replace(f"{_GOES_ON} ", "").split()


class MosesBpe:
    """Two vocabularies and the codes, as published. May be used from several threads."""

    def __init__(self, source: bytes, target: bytes, joined: bytes, languages: tuple[str, str] = ("en", "de")) -> None:
        """Raises ValueError where one of the files is damaged."""
        from sacremoses import MosesDetokenizer, MosesTokenizer

        self._source, self._target = (("<pad>", *vocabulary(raw)) for raw in (source, target))
        self._ids = {piece: k for k, piece in enumerate(self._source)}
        self._ranks, self._end_inside = codes(joined)
        self._tokeniser: Any = MosesTokenizer(languages[0])
        self._detokenisers: tuple[Any, ...] = tuple(MosesDetokenizer(language) for language in languages)
        self._cut = lru_cache(1 << 14)(self._cut_word)

    @property
    def size(self) -> int:
        """Of the target's vocabulary, with padding."""
        return len(self._target)

    @property
    def source_size(self) -> int:
        return len(self._source)

    @cached_property
    def alphabet(self) -> Alphabet:
        """What the source's vocabulary can say. It has no symbols for what is copied."""
        return Alphabet(frozenset("".join(self._source[4:])) | frozenset(ENTITIES.values()), ())

    @property
    def never(self) -> tuple[int, ...]:
        return (PAD,)

    def framed(self, ids: Sequence[int], target: str) -> tuple[int, ...]:
        """All that the network reads of a sentence: nothing but its wordpieces. It knows one direction only."""
        return tuple(ids)

    def encode(self, text: str) -> list[int]:
        """Ids of a sentence's wordpieces."""
        return [self._ids.get(piece, UNKNOWN) for word in self.tokenise(text) for piece in self._cut(word)]

    def ids_of(self, line: str) -> list[int]:
        """Of a line that is cut into wordpieces already, as newstest2014 is published."""
        return [self._ids.get(piece, UNKNOWN) for piece in line.split()]

    def words_said(self, ids: Iterable[int]) -> list[str]:
        """What was said as Moses's tokens, which published scores are measured on."""
        return joined(" ".join(self._target[k] for k in ids))

    def tokenise(self, text: str) -> list[str]:
        """Words, punctuation apart, with entities."""
        whole = {text[span.start : span.end] for span in spans.find(text) if span.kind in _TORN}
        patterns = [re.escape(part) for part in whole if not any(letter.isspace() for letter in part)]
        tokens: list[str] = self._tokeniser.tokenize(text, protected_patterns=patterns[:100])
        return tokens

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """What was said, a string an id: joined they are the text, "▁" standing for spaces."""
        return self._shown([self._target[k] for k in ids], self._detokenisers[1])

    def read(self, ids: Iterable[int]) -> tuple[str, ...]:
        """The same of what the network reads."""
        return self._shown([self._source[k] for k in ids], self._detokenisers[0])

    def _shown(self, pieces: Sequence[str], detokeniser: Any) -> tuple[str, ...]:
        words = _words(pieces)
        text = detokeniser.detokenize(["".join(_bare(pieces[k]) for k in word) for word in words])
        shown, at = list(pieces), 0
        for word in words:
            parts = _plain([_bare(pieces[k]) for k in word])
            said = "".join(parts)
            rest = len(text) - at - len(text[at:].lstrip())  # spaces before it
            begins = at == 0 or rest > 0
            if text.startswith(said, at + rest):
                at += rest + len(said)
            else:
                begins = True  # the detokeniser made something else of it
            for k, part in zip(word, parts, strict=True):
                shown[k] = part.replace(_HOLE, "<unk>")
            shown[word[0]] = "▁" * begins + shown[word[0]]
        return tuple(shown)

    def _cut_word(self, word: str) -> tuple[str, ...]:
        """Byte pair encoding: the pair that was joined first in training is joined first."""
        if len(word) > LONGEST_WORD:
            return tuple(
                piece
                for first in range(0, len(word), LONGEST_WORD)
                for piece in self._cut_word(word[first : first + LONGEST_WORD])
            )
        parts = [*word[:-1], word[-1] + _END] if self._end_inside else [*word, _END]
        while len(parts) > 1:
            first = min(pairwise(parts), key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if first not in self._ranks:
                break
            joined, k = [], 0
            while k < len(parts):
                both = tuple(parts[k : k + 2]) == first
                joined.append("".join(first) if both else parts[k])
                k += 2 if both else 1
            parts = joined
        if parts[-1] == _END:
            parts.pop()
        parts[-1] = parts[-1].removesuffix(_END)
        return (*(part + _GOES_ON for part in parts[:-1]), parts[-1])


def _words(pieces: Sequence[str]) -> list[list[int]]:
    """The places of each word's pieces. Padding, start and end belong to none."""
    words: list[list[int]] = []
    going = False
    for k, piece in enumerate(pieces):
        if piece in ("<pad>", "<s>", "</s>"):
            going = False
            continue
        if going:
            words[-1].append(k)
        else:
            words.append([k])
        going = piece.endswith(_GOES_ON)
    return words


def _plain(parts: Sequence[str]) -> list[str]:
    """A word's pieces without entities. One that was cut into pieces belongs to the first of them."""
    word = "".join(parts)
    owners = [k for k, part in enumerate(parts) for _ in part]
    plain, at = [""] * len(parts), 0
    while at < len(word):
        entity = _ENTITY.match(word, at)
        plain[owners[at]] += ENTITIES[entity.group()] if entity else word[at]
        at = entity.end() if entity else at + 1
    return plain


def _bare(piece: str) -> str:
    return _HOLE if piece == "<unk>" else piece.removesuffix(_GOES_ON)
