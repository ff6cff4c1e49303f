"""Wordpieces: what a translator reads and says instead of words (Wu et al. 2016, section 4.1), by sentencepiece.

One vocabulary serves all languages. What it has never seen is spelt in bytes ("<0xE2>"), a token before the source
names the target language ("<2de>"), and ⟨1⟩ … ⟨6⟩ stand for what is copied (`app.text.copying`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from app.text.copying import Alphabet

PAD, UNKNOWN, START, END = range(4)  # the first pieces of every vocabulary
_LANGUAGE = re.compile("<2[a-z]{2}>")


def language_token(language: str) -> str:
    """The token before the source that names the target language (Johnson et al. 2017)."""
    return f"<2{language}>"


def shown(piece: str) -> str:
    """A piece as a person reads it: "▁" still begins a word; what is no text stands in angle brackets."""
    names = {"<s>": "⟨start⟩", "</s>": "⟨end⟩", "<unk>": "⟨unknown⟩", "<pad>": "⟨padding⟩"}
    if _LANGUAGE.fullmatch(piece):
        return f"⟨→ {piece[2:4]}⟩"
    bare = piece.removeprefix("▁")
    return piece.removesuffix(bare) + names[bare] if bare in names else piece


class Wordpieces:
    """A vocabulary. May be used from several threads."""

    def __init__(self, model: bytes) -> None:
        """`model`: as sentencepiece writes it. Raises ValueError where it is damaged or begins with other pieces."""
        import sentencepiece

        try:
            self._model: Any = sentencepiece.SentencePieceProcessor(model_proto=model)
            special = tuple(getattr(self._model, f"{name}_id")() for name in ("pad", "unk", "bos", "eos"))
        except RuntimeError as error:  # what the library raises for every damage
            raise ValueError("the wordpieces are damaged") from error
        if special != (PAD, UNKNOWN, START, END):
            raise ValueError("the wordpieces don't begin with padding, unknown, start and end")

    @property
    def size(self) -> int:
        return int(self._model.get_piece_size())

    @cached_property
    def alphabet(self) -> Alphabet:
        """What the vocabulary can say."""
        return Alphabet.of(self.pieces(range(self.size)))

    @cached_property
    def never(self) -> tuple[int, ...]:
        """Ids that are no part of a translation: padding, the start, languages."""
        tokens = (k for k, piece in enumerate(self.pieces(range(self.size))) if _LANGUAGE.fullmatch(piece))
        return (PAD, START, *tokens)

    @cached_property
    def symbols(self) -> dict[str, int]:
        """The ids of those that stand for what is copied."""
        return dict(zip(self.alphabet.symbols, self.ids(self.alphabet.symbols), strict=True))

    @cached_property
    def brackets(self) -> frozenset[int]:
        """Ids of pieces that open or close a bracket."""
        return frozenset(k for k, piece in enumerate(self.pieces(range(self.size))) if "(" in piece or ")" in piece)

    def encode(self, text: str) -> list[int]:
        """Ids of a sentence's wordpieces, without language token and end."""
        ids: list[int] = self._model.encode(text)
        return ids

    def framed(self, ids: Sequence[int], target: str) -> tuple[int, ...]:
        """All that the network reads of a sentence: the language to translate into, its wordpieces, the end. Raises
        ValueError."""
        return (self.language(target), *ids, END)

    def read(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Of what the network reads: it is the same vocabulary."""
        return self.pieces(ids)

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Wordpieces by id; "▁" begins a word."""
        return tuple(self._model.id_to_piece(list(ids)))

    def ids(self, pieces: Iterable[str]) -> list[int]:
        """The other way; UNKNOWN for what is none of them."""
        return [int(self._model.piece_to_id(piece)) for piece in pieces]

    def language(self, code: str) -> int:
        """The id of the token that asks for a language ("de"). Raises ValueError where there is none."""
        found = int(self._model.piece_to_id(language_token(code)))
        if found == UNKNOWN:
            raise ValueError(f"these wordpieces have no token for “{code}”")
        return found
