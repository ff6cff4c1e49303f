"""The embedded translators say what they should, and show where they took it from."""

from __future__ import annotations

import re

import numpy as np
import pytest

from app.engines.translate import Growing, Translate, TranslateEngine
from app.store.cards import directions
from app.store.catalog import Store
from tests.engines.test_translate import ask, holds

EMBEDDED = {direction: card for card in Store().cards("translate") for direction in directions(card)
            if card.origin == "embedded"}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target", "sentence", "book", "said"),
    [
        ("en", "de", "The man is reading a book.", "book", "Buch"),
        ("de", "en", "Der Mann liest ein Buch.", "Buch", "book"),
        ("en", "fr", "The man is reading a book.", "book", "livre"),
        ("fr", "en", "L'homme lit un livre.", "livre", "book"),
        ("en", "es", "The man is reading a book.", "book", "libro"),
        ("es", "en", "El hombre lee un libro.", "libro", "book"),
    ],
)
def test_the_embedded_translators_translate(source: str, target: str, sentence: str, book: str, said: str) -> None:
    card = EMBEDDED[source, target]
    store = Store()
    engine = TranslateEngine(store, "cpu")
    assert store.verify(card.id).ok
    growing, _ = ask(engine, Translate((sentence,), source, target, card.id))
    translated = growing[-1]
    holds(translated)
    best = translated.translations[0]
    assert best.finished
    place = next(k for k, (a, b) in enumerate(best.words) if said in best.text[a:b])
    looked_at = translated.words[int(np.argmax(best.links[place]))]
    assert book in sentence[slice(*looked_at)]
    assert all(isinstance(partial, Growing) for partial in growing[:-1])
    kept = "Jane: jane.doe@mail.example, 12:30."
    best = ask(engine, Translate((kept,), source, target, card.id))[0][-1].translations[0]
    assert "jane.doe@mail.example" in best.text
    assert "12:30" in best.text


def test_numbers_come_through_and_nothing_is_put_in_brackets() -> None:
    engine = TranslateEngine(Store(), "cpu")
    for sentence in ("There are 25 chairs, 12 tables and 300 guests.", "In 2019 we moved to room 305.", "bread"):
        best = ask(engine, Translate((sentence,), "en", "de", EMBEDDED["en", "de"].id))[0][-1].translations[0]
        assert sorted(re.findall(r"\d+", best.text)) == sorted(re.findall(r"\d+", sentence))
        assert "(" not in best.text
