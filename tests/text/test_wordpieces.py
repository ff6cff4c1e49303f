"""Wordpieces: text to ids and back, languages, and what a damaged model is told by."""

from __future__ import annotations

import pytest

from app.text.copying import SYMBOLS
from app.text.wordpieces import END, PAD, START, UNKNOWN, Wordpieces, shown
from tests import translators


@pytest.fixture(scope="module")
def pieces() -> Wordpieces:
    return Wordpieces(translators.wordpieces())


def test_text_becomes_pieces(pieces: Wordpieces) -> None:
    text = "Der Hund läuft ⟨1⟩ durch"
    ids = pieces.encode(text)
    assert "".join(pieces.pieces(ids)).replace("▁", " ").split() == text.split()
    assert "⟨1⟩" in pieces.pieces(ids)  # a symbol is never cut
    assert not {PAD, UNKNOWN, START, END} & set(ids)


def test_what_it_has_never_seen_is_spelt_in_bytes(pieces: Wordpieces) -> None:
    assert pieces.pieces(pieces.encode("漢"))[-3:] == ("<0xE6>", "<0xBC>", "<0xA2>")


def test_the_alphabet(pieces: Wordpieces) -> None:
    assert pieces.size == translators.PIECES
    assert pieces.alphabet.symbols == SYMBOLS
    assert pieces.alphabet.takes("ü")
    assert not pieces.alphabet.takes("漢")


def test_languages(pieces: Wordpieces) -> None:
    tokens = [pieces.language(code) for code in ("en", "de", "fr", "es")]
    assert pieces.pieces(tokens) == ("<2en>", "<2de>", "<2fr>", "<2es>")
    assert set(pieces.never) == {PAD, START, *tokens}
    assert pieces.language("de") not in pieces.encode("<2de>")  # a person can't type it
    with pytest.raises(ValueError, match="no token for “it”"):
        pieces.language("it")


@pytest.mark.parametrize("keep", [0, 1, 1000, -5])
def test_damaged_models(keep: int) -> None:
    with pytest.raises(ValueError, match=r"the wordpieces (are damaged|don't begin with)"):
        Wordpieces(translators.wordpieces()[:keep])


def test_pieces_as_they_are_shown() -> None:
    assert [shown(piece) for piece in ("▁dog", "<2de>", "</s>", "<0xE2>")] == ["▁dog", "⟨→ de⟩", "⟨end⟩", "<0xE2>"]
