"""What a translator must not touch: found, taken out, put back, whatever the network does to it."""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text import copying, spans
from app.text.copying import SYMBOLS, Alphabet, Prepared, mask_pair, prepare, restore

LETTERS = frozenset(map(chr, range(33, 127))) | frozenset("äöüßÄÖÜéèêëàâçùûîïôœñáíóú¿¡«»„“”‘’–—€£°%½⁄")
WITH = Alphabet(LETTERS, SYMBOLS)
WITHOUT = Alphabet(LETTERS, ())


def pieces_of(text: str) -> list[str]:
    """A piece a word, symbols apart."""
    out = []
    for word in text.split():
        out.append("▁")
        done = 0
        for match in copying._SYMBOL.finditer(word):
            out += [word[done : match.start()], match.group()]
            done = match.end()
        out.append(word[done:])
    return [piece for piece in out if piece]


def translate(prepared: Prepared, words: Sequence[tuple[str, int]]) -> str:
    """As a network whose translation is `words`: each with the source word that it attends to."""
    source = ["<2de>", *("▁" + word for word in prepared.text.split()), "</s>"]
    pieces: list[str] = []
    rows: list[list[float]] = []
    for word, place in words:
        for piece in pieces_of(word):
            pieces.append(piece)
            rows.append([0.7 if k == place + 1 else 0.3 / len(source) for k in range(len(source))])
    rows.append([1.0 / len(source)] * len(source))  # the end token's
    return restore(pieces, rows, source, prepared)


def same(prepared: Prepared) -> str:
    return translate(prepared, [(word, k) for k, word in enumerate(prepared.text.split())])


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("Look at https://example.org/a(b)?x=1#y, please.", ["https://example.org/a(b)?x=1#y"]),
        ("(see http://a.de/x)", ["http://a.de/x"]),
        ("It is on www.example.com or example.org/page.html!", ["www.example.com", "example.org/page.html"]),
        ("Write to jane.doe+x@mail.example.co.uk.", ["jane.doe+x@mail.example.co.uk"]),
        ("Hello {name}, you have %d new {{count}} of %1$s.", ["{name}", "%d", "{{count}}", "%1$s"]),
        ("Press <b>OK</b> &amp; wait.<br/>", ["<b>", "</b>", "&amp;", "<br/>"]),
        ('A <a href="https://x.y/z" class=b>link</a>.', ['<a href="https://x.y/z" class=b>', "</a>"]),
        ("Open report_final.pdf and notes.txt.", ["report_final.pdf", "notes.txt"]),
        ("It lies in /usr/local/bin, ~/x/y or C:\\Users\\me.", ["/usr/local/bin", "~/x/y", "C:\\Users\\me"]),
        ("He runs 5 km in 25 min at 12.5 km/h.", ["5 km", "25 min", "12.5 km/h"]),
        ("It costs $3.50, 20 % or 1.234,56 €.", ["$3.50", "20 %", "1.234,56 €"]),
        ("At 12:30 on 2026-11-25 version 2.0.1 came.", ["12:30", "2026-11-25", "2.0.1"]),
        ("Call `make all` or do_it() for #news @home.", ["`make all`", "do_it()", "#news", "@home"]),
        ("I love you ❤️ 👨‍👩‍👧!", ["❤️ 👨‍👩‍👧"]),
        ("I have 2 dogs and 10 cats; since 1990, 50% off he/she and/or a.m.", ["10", "1990", "50%"]),
        ("Call +49 170 1234567 or room 305a, 3 times.", ["+49 170 1234567"]),
        ("Is a < b and b > c? 100 % sure.", ["100 %"]),
        ("That's it. So? “Yes”, e.g. this, d.h. a.c.", []),
    ],
)
def test_what_is_copied_is_found(sentence: str, found: list[str]) -> None:
    assert [sentence[a:b] for a, b, _ in spans.find(sentence)] == found


def test_symbols_stand_for_what_is_copied() -> None:
    prepared = prepare("See https://a.org/b (5 km from 東京 города) now 😀.", WITH)
    assert prepared.text == "See ⟨1⟩ (⟨2⟩ from ⟨3⟩) now ⟨4⟩."
    assert [kept.text for kept in prepared.kept] == ["https://a.org/b", "5 km", "東京 города", "😀"]
    said = [("Siehe", 0), ("jetzt", 5), ("⟨1⟩", 1), ("(⟨2⟩", 2), ("von", 3), ("⟨3⟩),", 4), ("⟨4⟩.", 6)]
    german = translate(prepared, said)
    assert german == "Siehe jetzt https://a.org/b (5 km von 東京 города), 😀."


def test_a_symbol_that_the_network_forgets_repeats_or_makes_up() -> None:
    prepared = prepare("Give {name} the file a.txt.", WITH)
    assert prepared.text == "Give ⟨1⟩ the file ⟨2⟩."
    forgot = translate(prepared, [("Gib", 0), ("die", 2), ("Datei", 3)])
    assert forgot == "Gib {name} die Datei a.txt"
    again = translate(prepared, [("Gib", 0), ("⟨1⟩", 1), ("⟨1⟩", 1), ("⟨5⟩", 1), ("die", 2), ("Datei", 3), ("⟨2⟩.", 4)])
    assert again.split() == ["Gib", "{name}", "die", "Datei", "a.txt."]


def test_without_symbols_what_got_lost_takes_the_place_of_what_was_aligned() -> None:
    prepared = prepare("Send https://a.org/b to Tom.", WITHOUT)
    assert prepared.text == "Send https://a.org/b to Tom."
    whole = [("Schicke", 0), ("https://a.org/b", 1), ("an", 2), ("Tom.", 3)]
    assert translate(prepared, whole) == "Schicke https://a.org/b an Tom."
    garbled = [("Schicke", 0), ("https:", 1), ("a.or,", 1), ("an", 2), ("Tom.", 3)]
    assert translate(prepared, garbled) == "Schicke https://a.org/b, an Tom."
    dropped = [("Schicke", 0), ("an", 2), ("Tom.", 3)]
    assert translate(prepared, dropped) == "Schicke https://a.org/b an Tom."


def test_a_number_may_be_written_as_the_language_does() -> None:
    prepared = prepare("It costs 3.50 € today.", WITHOUT)
    said = [("Es", 0), ("kostet", 1), ("heute", 4), ("3,50", 2), ("€.", 3)]
    assert translate(prepared, said) == "Es kostet heute 3,50 €."
    said[3] = ("9", 2)
    assert translate(prepared, said) == "Es kostet heute 3.50 €."


def test_more_than_there_are_symbols() -> None:
    sentence = "{a} 1.5 {b} 2.5 {c} {d} and {e} or {f} 3.5 ⟨2⟩"
    prepared = prepare(sentence, WITH)
    assert [kept.text for kept in prepared.kept if kept.symbol is None] == ["1.5", "2.5", "{f}", "3.5"]
    assert same(prepared) == sentence


def test_unknown_pieces_become_the_best_aligned_word() -> None:
    prepared = Prepared("Mr. Szczęsny lives in Łódź.", (), ())
    pieces = ["<2de>", "▁Mr", ".", "▁Szcz", "<0xC4>", "<0x99>", "sny", "▁lives", "▁in"]
    pieces += ["▁", "<0xC5>", "<0x81>", "ódź.", "</s>"]
    words = ["▁Herr", "▁", "<unk>", "▁", "<unk>", "▁wohnt", "▁in", "▁", "<0xC5>", "<0x8D>", "."]
    attention = np.full((len(words) + 1, len(pieces)), 0.01, np.float32)
    for row, column in enumerate([1, 3, 3, 5, 6, 7, 8, 9, 10, 11, 12]):
        attention[row, column] = 0.8
    assert restore(words, attention, pieces, prepared) == "Herr Szczęsny wohnt in Łódź."
    spelt = ["▁Herr", "▁in", "▁", "<0xC5>", "<0x81>", "ódź", "!"]  # bytes that spell what the source says are right
    assert restore(spelt, attention, pieces, prepared).endswith(" Łódź!")


def test_strange_words_are_taken_out_whole() -> None:
    prepared = prepare("Antonín Dvořák met Čapek\u00ad, ½ \x01 \ufffd…", WITH)
    assert prepared.text == "Antonín ⟨1⟩ met ⟨2⟩, ½ ⟨3⟩…"
    assert [kept.text for kept in prepared.kept][:1] == ["Dvořák"]
    assert prepare("Ver\u00adsiche\u200brung", WITH).text == "Versicherung"


def test_importing_is_light() -> None:
    modules = "copying, documents, history, languages, sentences, spans, typed"
    heavy = "{'numpy', 'pysubs2', 'py3langid', 'sentencex', 'sentencepiece', 'torch', 'PySide6'}"
    code = f"import sys; from app.text import {modules}; sys.exit(' '.join({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr.strip() == ""
    )


def test_a_vocabulary_tells_what_it_can_say() -> None:
    alphabet = Alphabet.of(["<pad>", "<unk>", "<s>", "</s>", "<2de>", "⟨1⟩", "⟨2⟩", "<0x41>", "▁the", "▁", "x", "ä"])
    assert alphabet == Alphabet(frozenset("thexä"), ("⟨1⟩", "⟨2⟩"))
    assert alphabet.takes("x")
    assert alphabet.takes(" ")
    assert not alphabet.takes("A")


def test_sentencepiece_keeps_symbols_whole() -> None:
    import sentencepiece

    model = io.BytesIO()
    lines = [f"The {a} {b} is here." for a in ("old", "red", "big") for b in ("dog", "cat", "man")]
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=310,
        byte_fallback=True,
        control_symbols=["<2de>"],
        user_defined_symbols=list(SYMBOLS),
        normalization_rule_name="nmt_nfkc",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    vocabulary = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    alphabet = Alphabet.of(vocabulary.id_to_piece(k) for k in range(vocabulary.get_piece_size()))
    assert alphabet.symbols == SYMBOLS
    sentence = "The old Ωμέγα is here https://a.org/b."
    prepared = prepare(sentence, alphabet)
    assert prepared.text == "The old ⟨1⟩ is here ⟨2⟩."
    pieces = vocabulary.encode(prepared.text, out_type=str)
    assert {"⟨1⟩", "⟨2⟩"} < set(pieces)
    source = ["<2de>", *pieces, "</s>"]
    assert restore(pieces, np.eye(len(source))[1:], source, prepared) == sentence


def test_training_pairs_carry_symbols_where_both_sides_agree() -> None:
    english = "See https://a.org/b for 3.5 km, Tom."
    german = "Siehe https://a.org/b für 3,5 km, Tom."
    masked = [mask_pair(english, german, random.Random(k)) for k in range(200)]
    for source, target in masked:
        assert "https" not in source + target
        assert "3.5 km" in source  # the other side writes it otherwise
        symbols = copying._SYMBOL.findall(source)
        assert sorted(symbols) == sorted(copying._SYMBOL.findall(target))
        assert len(set(symbols)) == len(symbols)
    with_name = sum("Tom" not in source for source, _ in masked)
    assert 4 <= with_name <= 40  # about a tenth
    assert {copying._SYMBOL.findall(source)[0] for source, _ in masked} == set(SYMBOLS)
    assert mask_pair("I am here.", "Ich bin hier.", random.Random(0)) == ("I am here.", "Ich bin hier.")


SCRAPS = [
    *("Hello", "{x}", "%s", "😀", "https://a.b/c", "你好", "5 km", "3.5", "⟨1⟩", "<b>", "a@b.org", ".", "(", ")"),
    *("\u00ad", "½", "ﷺ"),
]


@given(
    st.lists(st.one_of(st.sampled_from(SCRAPS), st.text(min_size=1, max_size=5)), max_size=12).map(" ".join),
    st.sampled_from([WITH, WITHOUT]),
    st.integers(0, 5),
)
def test_nothing_kept_is_ever_lost(text: str, alphabet: Alphabet, seed: int) -> None:
    prepared = prepare(text, alphabet)
    chance = random.Random(seed)
    words = prepared.text.split()
    choice = [*words, "<unk>", "nein", "⟨3⟩"]
    said = [(chance.choice(choice), chance.randrange(-1, len(words) + 1)) for _ in words]
    restored = translate(prepared, said)
    for kept in prepared.kept:
        if kept.kind != "number":
            assert kept.text in restored or " ".join(kept.text.split()) in restored


@pytest.mark.parametrize(
    ("sentence", "text", "before", "after"),
    [
        ("for you <i>all day</i>.", "for you all day.", "<i>", "</i>"),
        ("<i>Hello.", "Hello.", "<i>", ""),
        ("are you?</i>", "are you?", "", "</i>"),
        ('a <b>x</b> <i class="c">y z</i> w', "a x y z w", '<b><i class="c">', "</i></b>"),
        ("Line<br>break <br/> here", "Line<br>break <br/> here", "", ""),
        ("x < y and </i> in between", "x < y and </i> in between", "", ""),
    ],
)
def test_tags_stand_around_a_sentence(sentence: str, text: str, before: str, after: str) -> None:
    found = copying.bare(sentence)
    assert (found.text, found.before, found.after) == (text, before, after)
    for word in re.finditer(r"\w+", text):
        start, end = found.place(*word.span())
        assert sentence[start:end] == word.group()
