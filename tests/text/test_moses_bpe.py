"""The published GNMT's wordpieces: cut as subword-nmt and Moses cut, and put together again."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text import copying, moses_bpe
from app.text.alignment import Aligner
from app.text.moses_bpe import MosesBpe
from app.text.wordpieces import PAD, UNKNOWN, shown

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "bpe.json").read_text("utf-8"))
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?-–()/@%#_=+*€„“”"
ENTITIES = ("&apos;", "&quot;", "&amp;", "&lt;", "&gt;", "&#91;", "&#93;", "&#124;")


@cache
def pieces() -> MosesBpe:
    """Every letter and entity whole or going on, a few words; the codes make the entities whole."""
    joins = []
    for word in (*ENTITIES, "the"):
        joins += [f"{word[:k]} {word[k]}" for k in range(1, len(word) - 1)] + [f"{word[:-1]} {word[-1]}</w>"]
    parts = {*LETTERS, *ENTITIES, "&", "the", *(join.split(" ")[0] for join in joins)}
    vocabulary = "\n".join(part + end for part in sorted(parts) for end in ("@@", "")).encode()
    return MosesBpe(vocabulary, vocabulary, ("#version: 0.2\n" + "\n".join(joins)).encode())


def said(text: str) -> str:
    """There and back."""
    return "".join(pieces().read(pieces().encode(text))).replace("▁", " ").strip()


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_words_are_cut_as_subword_nmt_cuts_them(version: str) -> None:
    kept = DATA[version]
    made = MosesBpe(b"a\n", b"a\n", kept["codes"].encode())
    assert len(kept["words"]) > 70
    for word, cut in kept["words"].items():
        assert list(made._cut(word)) == cut


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world!", "Hello , world !"),
        ("It isn't Mr. Smith's.", "It isn &apos;t Mr. Smith &apos;s ."),
        ('He said: "5,300 [of them] & more"', "He said : &quot; 5,300 &#91; of them &#93; &amp; more &quot;"),
        ("See https://example.org/a,b?c=(d)&e=f now.", "See https://example.org/a,b?c=(d)&amp;e=f now ."),
        ("Mail me@example.org, or open %(name)s/x_y().", "Mail me@example.org , or open %(name)s / x_y() ."),
        ("Wait... no", "Wait ... no"),
    ],
)
def test_sentences_are_cut_as_moses_cuts_them(text: str, tokens: str) -> None:
    assert " ".join(pieces().tokenise(text)) == tokens


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world!",
        "It isn't Mr. Smith's; it's ours.",
        'He said: "Yes (of course)!" - and left.',
        "100 % of 5,300 people [in May 2014] paid €20.",
        "See https://example.org/a,b?c=(d)&e=f now.",
        "A < B | C > D",
        "Then the other then.",
    ],
)
def test_there_and_back(text: str) -> None:
    """But for the space before a per cent sign, which Moses takes away."""
    assert said(text) == text.replace(" %", "%")


def test_pieces_are_shown_as_others_are() -> None:
    bpe = pieces()
    ids = bpe.encode('The then, "x"?')
    assert bpe.framed(ids, "de") == tuple(ids)
    assert bpe.read(ids) == ("▁T", "h", "e", "▁th", "e", "n", ",", '▁"', "x", '"', "?")
    assert bpe.pieces([PAD, 2, *bpe.encode("the the."), 3]) == ("<pad>", "<s>", "▁the", "▁the", ".", "</s>")
    assert bpe.size == bpe.source_size > 2 * len(LETTERS)
    assert bpe.never == (PAD,)


def test_what_is_unknown() -> None:
    bpe = pieces()
    ids = bpe.encode("a 漢 b")
    assert ids[1] == UNKNOWN
    assert bpe.read(ids) == ("▁a", "▁<unk>", "▁b")
    assert shown("▁<unk>") == "▁⟨unknown⟩"
    assert bpe.alphabet.takes("a")
    assert all(bpe.alphabet.takes(letter) for letter in moses_bpe.ENTITIES.values())
    assert not bpe.alphabet.takes("漢")
    # It becomes the word that the attention lies on.
    prepared = copying.prepare("x y", bpe.alphabet)
    source = bpe.read(bpe.encode("x y"))
    assert copying.restore(("▁a", "▁<unk>"), [[1, 0], [0, 1]], source, prepared) == "a y"
    words, links = Aligner("x y", prepared, source).links("a y", ("▁a", "▁<unk>"), np.eye(2))
    assert words == ((0, 1), (2, 3))
    assert links[1, 1] == 1


def test_an_entity_in_pieces() -> None:
    """Nobody sees it in pieces: the first one has the whole sign."""
    bpe = MosesBpe(b"&a@@\npos;\nx\n", b"&a@@\npos;\nx\n", b"q q\n")
    assert bpe.pieces([6, 4, 5]) == ("▁x", "▁'", "")


def test_addresses_are_left_whole_and_come_through() -> None:
    """A network that says something else of an address is not believed."""
    bpe = pieces()
    prepared = copying.prepare("see www.example.org/a-b now", bpe.alphabet)
    source = bpe.read(bpe.encode(prepared.text))
    assert len([piece for piece in source if piece.startswith("▁")]) == 3
    attention = [[1.0 if source[k].startswith("▁") and row == sum(p.startswith("▁") for p in source[:k]) else 0.0
                  for k in range(len(source))] for row in range(3)]  # fmt: skip
    assert copying.restore(("▁t", "▁wrong", "▁n"), attention, source, prepared) == "t www.example.org/a-b n"


@given(st.lists(st.integers(0, 2 * len(LETTERS)), max_size=30))
def test_whatever_is_said_can_be_shown(ids: list[int]) -> None:
    found = pieces().pieces(ids)
    assert len(found) == len(ids)
    assert not any(piece.endswith("@@@") or re.search("&(apos|#91);", piece) for piece in found)


@given(st.text(max_size=60))
def test_whatever_is_read_can_be_shown(text: str) -> None:
    ids = pieces().encode(text)
    assert len(pieces().read(ids)) == len(ids)
    assert all(0 < k < pieces().source_size for k in ids)


def test_a_word_without_end() -> None:
    ids = pieces().encode("a" * 5000)
    assert len(ids) == 5000


@pytest.mark.parametrize(
    ("raw", "why"),
    [(b"a\na\n", "the same wordpiece twice"), (b"\xff", "no text")],
)
def test_vocabularies_that_are_damaged(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        MosesBpe(raw, b"a\n", b"a b\n")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "must have two pieces"),
        (b"#version: 0.2\n", "must have two pieces|joins nothing"),
        (b"a b c\n", "two pieces"),
    ],
)
def test_codes_that_are_damaged(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        MosesBpe(b"a\n", b"a\n", raw)


def test_special_pieces_may_be_in_the_file() -> None:
    assert moses_bpe.vocabulary(b"<unk>\n<s>\n</s>\na\n") == moses_bpe.vocabulary(b"a") == ("<unk>", "<s>", "</s>", "a")
    assert moses_bpe.vocabulary("a\u2028\u0085\nb\r\n".encode())[3:] == ("a\u2028\u0085", "b")
