"""Words and what they are aligned with, by attention made by hand; and for any text and any pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.text import alignment, copying
from app.text.alignment import Aligner, words, words_of_pieces
from app.text.copying import SYMBOLS, Alphabet

LETTERS = frozenset(map(chr, range(33, 127))) | frozenset("äöüßÄÖÜéèçñ¿¡«»„“”‘’–—⁄")
WITH = Alphabet(LETTERS, SYMBOLS)
WITHOUT = Alphabet(LETTERS, ())


def said(text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in places]


def aligned(
    sentence: str, read: str, pieces: str, places: Sequence[int], alphabet: Alphabet = WITH
) -> dict[str, list[str]]:
    """`read`, `pieces`: wordpieces with spaces between them; `places`: of the piece of the source that each piece of
    the translation attends to. -> for each word of the translation those of the sentence that have over a half."""
    prepared = copying.prepare(sentence, alphabet)
    source, target = ["<2de>", *read.split(), "</s>"], pieces.split()
    attention = np.full((len(target) + 1, len(source)), 0.1 / len(source), np.float32)
    attention[range(len(target)), [place + 1 for place in places]] += 0.9
    text = copying.restore(target, attention.tolist(), source, prepared)
    aligner = Aligner(sentence, prepared, source)
    found, links = aligner.links(text, target, attention)
    assert links.shape == (len(found), len(aligner.words))
    return {
        word: [other for other, link in zip(said(sentence, aligner.words), row, strict=True) if link > 0.45]
        for word, row in zip(said(text, found), links, strict=True)
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("“Why not?” asks Tom – then…", ["Why", "not", "asks", "Tom", "then"]),
        ("It's 50%, isn't it (or so)?", ["It's", "50%", "isn't", "it", "or", "so"]),
        ("a\u00a0b\tc\n d", ["a", "b", "c", "d"]),
        ("e-mail: jane@mail.example, 🙂!", ["e-mail", "jane@mail.example", "🙂"]),
        ("… – ?!", []),
        ("", []),
        ("你好，世界", ["你好，世界"]),
        ("‹¿qué?›", ["qué"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert said(text, words(text)) == found


def test_pieces_make_words() -> None:
    """A word's pieces count alike, its punctuation doesn't count."""
    assert aligned(
        "The fishermen sleep, Tom.",
        "▁The ▁fish er men ▁sleep , ▁Tom .",
        "▁Die ▁Fisch er ▁schlafen , ▁Tom .",
        [0, 1, 3, 4, 0, 6, 7],
    ) == {"Die": ["The"], "Fischer": ["fishermen"], "schlafen": ["sleep"], "Tom": ["Tom"]}


def test_a_word_that_looks_in_two_places() -> None:
    found = aligned("I am hungry", "▁I ▁am ▁hungry", "▁Ich ▁habe ▁Hung er", [0, 1, 1, 2])
    assert found["Hunger"] == ["am", "hungry"]


def test_what_is_copied_belongs_to_its_original() -> None:
    """Wherever the attention was; each word of it to the same word."""
    found = aligned(
        "He ran 5 km to a@b.example, yes.",
        "▁He ▁ran ▁ ⟨1⟩ ▁to ▁ ⟨2⟩ , ▁yes .",
        "▁Ja , ▁er ▁rannte ▁zu ▁ ⟨2⟩ ▁ ⟨1⟩ .",
        [8, 7, 0, 1, 4, 0, 0, 0, 0, 9],
    )
    assert found == {
        "Ja": ["yes"], "er": ["He"], "rannte": ["ran"], "zu": ["to"], "a@b.example": ["a@b.example"], "5": ["5"],
        "km": ["km"],
    }  # fmt: skip


def test_what_was_forgotten_and_put_back_belongs_to_its_original() -> None:
    found = aligned("He ran 5 km.", "▁He ▁ran ▁ ⟨1⟩ .", "▁Er ▁rannte .", [0, 1, 4])
    assert found == {"Er": ["He"], "rannte": ["ran"], "5": ["5"], "km": ["km"]}
    found = aligned("Ask a@b.example now", "▁Ask ▁a @ b . example ▁now", "▁Frag ▁jetzt", [0, 6], WITHOUT)
    assert found == {"Frag": ["Ask"], "a@b.example": ["a@b.example"], "jetzt": ["now"]}


def test_looking_at_a_symbol_is_looking_at_what_it_stands_for() -> None:
    found = aligned("It weighs 5 kg", "▁It ▁weighs ▁ ⟨1⟩", "▁Es ▁wiegt ▁viel", [0, 1, 3])
    assert found["viel"] == ["5", "kg"]


def test_a_symbol_that_comes_twice_or_stands_for_nothing() -> None:
    found = aligned("He ran 5 km.", "▁He ▁ran ▁ ⟨1⟩ .", "▁Er ▁ ⟨1⟩ ▁ ⟨1⟩ ▁ ⟨3⟩ ▁rannte", [0, 0, 0, 0, 0, 1, 1, 1])
    assert found == {"Er": ["He"], "5": ["5"], "km": ["km"], "rannte": ["ran"]}


def test_bytes_and_normal_form() -> None:
    """Letters spelt in bytes; "½" is three letters to the network, and "ﬁ" two."""
    found = aligned(
        "Zoë ate ½ of a ﬁsh",
        "▁Zo <0xC3> <0xAB> ▁ate ▁1 ⁄ 2 ▁of ▁a ▁fis h",
        "▁Zo <0xC3> <0xAB> ▁aß ▁1 ⁄ 2 ▁Fisch",
        [0, 1, 2, 3, 4, 5, 6, 9],
        Alphabet(LETTERS | {"ë", "½", "ﬁ"}, SYMBOLS),
    )
    assert found == {"Zoë": ["Zoë"], "aß": ["ate"], "1⁄2": ["½"], "Fisch": ["ﬁsh"]}


def test_invisible_characters_take_no_place() -> None:
    found = aligned(
        "\u202aa co\u00adoperative \u200bman", "▁a ▁co operative ▁man", "▁ein ▁hilfs bereiter ▁Mann", [0, 1, 2, 3]
    )
    assert list(found) == ["ein", "hilfsbereiter", "Mann"]
    assert found["hilfsbereiter"] == ["co\u00adoperative"]


def test_an_unknown_word_belongs_to_that_which_replaces_it() -> None:
    found = aligned("I met Przemysl today", "▁I ▁met ▁Prze mysl ▁today", "▁Ich ▁traf ▁ <unk> ▁heute", [0, 1, 2, 2, 4])
    assert found == {"Ich": ["I"], "traf": ["met"], "Przemysl": ["Przemysl"], "heute": ["today"]}


def test_nothing_was_said_or_read() -> None:
    prepared = copying.prepare("", WITH)
    for pieces in ([], ["▁Ja"]):
        found, links = Aligner("", prepared, ["<2de>", "</s>"]).links(
            "".join(pieces).strip("▁"), pieces, np.ones((2, 2))
        )
        assert links.shape == (len(found), 0)


def test_texts_that_differ_much_take_no_time() -> None:
    """A network that says one letter for ever: not every letter is compared with every one."""
    a, b = "ab" * 40_000 + "c", "ba" * 40_000
    assert list(alignment._matches(a, b)) == [(0, 0, 0), (len(a), len(b), 0)]


ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
LIKELY = st.sampled_from(["I", "5 km", "a@b.cd", "⟨1⟩", "e\u0301", "½", "世", "\u200b", "man."])
PIECES = st.sampled_from(
    ["▁", "▁I", "am", "▁hung", "ry", ",", "▁⟨1⟩", "⟨1⟩", "⟨5⟩", "<0xC3>", "<0xAB>", "<0xF0>", "<unk>", "<2de>", "ﬁ"]
) | st.text(max_size=4)


@given(
    ANYTHING | st.lists(LIKELY, max_size=9).map(" ".join),
    st.lists(PIECES, max_size=14),
    st.lists(PIECES, max_size=14),
    st.sampled_from([WITH, WITHOUT]),
)
@example("⟨1⟩ 5 km 5 km", ["▁⟨1⟩"], ["⟨1⟩", "⟨1⟩"], WITH)
def test_any_text_and_any_pieces(sentence: str, read: list[str], pieces: list[str], alphabet: Alphabet) -> None:
    prepared = copying.prepare(sentence, alphabet)
    source = ["<2de>", *read, "</s>"]
    attention = np.random.default_rng(len(read)).dirichlet(np.ones(len(source)), len(pieces) + 1).astype(np.float32)
    text = copying.restore(pieces, attention.tolist(), source, prepared)
    aligner = Aligner(sentence, prepared, source)
    found, links = aligner.links(text, pieces, attention)
    assert found == words(text)
    assert aligner.words == words(sentence)
    assert links.shape == (len(found), len(aligner.words))
    assert links.dtype == np.float32
    assert 0 <= links.min(initial=0) <= links.max(initial=0) <= 1


ITSELF = st.sampled_from(["The", "man,", "sleeps", "now!", "“Yes”", "it's", "(so)", "über", "7", "Äpfel"])


@given(st.lists(ITSELF, min_size=1, max_size=12))
def test_a_translation_that_is_the_sentence_belongs_to_itself(given_: list[str]) -> None:
    sentence = " ".join(given_)
    pieces = [piece for word in given_ for piece in ("▁" + word[:2], word[2:]) if piece]
    attention = np.eye(len(pieces) + 2, dtype=np.float32)[1:]
    aligner = Aligner(sentence, copying.prepare(sentence, WITH), ["<2de>", *pieces, "</s>"])
    found, links = aligner.links(sentence, pieces, attention)
    assert found == aligner.words == words(sentence)
    np.testing.assert_array_equal(links, np.eye(len(found)))


def test_pieces_belong_to_words() -> None:
    text = "„Häuser“ in 10, 🙂 ist es."
    pieces = ("<2de>", "▁„", "Häus", "er", "“", "▁in", "▁", "⟨1⟩", ",", "▁", "⟨2⟩", "▁is", "t", "▁es", ".", "</s>")
    found = words_of_pieces(text, words(text), pieces)
    assert said(text, words(text))[found[2]] == "Häuser"
    assert found == (-1, -1, 0, 0, -1, 1, -1, 2, -1, -1, 3, 4, 4, 5, -1, -1)


@given(st.text(max_size=40), st.lists(st.sampled_from(("▁ab", "a", "⟨1⟩", "<0xC3>", "<unk>", "</s>", "é")), max_size=9))
def test_pieces_of_any_text_belong_to_one_of_its_words(text: str, pieces: list[str]) -> None:
    places = words(text)
    found = words_of_pieces(text, places, pieces)
    assert len(found) == len(pieces)
    assert all(-1 <= word < len(places) for word in found)
