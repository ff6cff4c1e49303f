"""Translators without a network, for what holds whatever a network says; with real wordpieces, and a card.

`Parrot` says the words of the sentence backwards, each attending to its own; `Babbler` says anything."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.nets.hypotheses import Offers
from app.runtimes import devices, translator
from app.store import locate
from app.store.cards import Card, Measurement, write_card
from app.store.fingerprints import sha256_of
from app.text.copying import SYMBOLS
from app.text.wordpieces import END, PAD, START, UNKNOWN, Wordpieces, language_token

MODEL = "gnmt"
DIRECTIONS = ("en-de", "de-en")
OFFERED = 20
TEXTS = (
    "I am hungry, and you?", "The old man reads a book in the garden.", "Where do you live now?",
    "It is raining today.", "The quick brown fox jumps over the lazy dog!",
    "Ich habe Hunger, und du?", "Der alte Mann liest im Garten ein Buch.", "Wo wohnst du jetzt?",
    "Heute regnet es schön.", "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    'We saw 12 birds - and (perhaps) 345 "fishes"; 6789 more: none.', "Öl, Äpfel, Übung, Straße, é, è, à, ç, ñ, ¿, ¡.",
)  # fmt: skip


@cache
def vocabulary() -> bytes:
    """A few hundred wordpieces with what the real ones have: bytes, symbols, languages."""
    import sentencepiece

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(TEXTS * 5),
        model_writer=out,
        vocab_size=420,
        hard_vocab_limit=False,
        model_type="unigram",
        character_coverage=1.0,
        pad_id=PAD,
        unk_id=UNKNOWN,
        bos_id=START,
        eos_id=END,
        byte_fallback=True,
        control_symbols=[language_token(language) for language in ("en", "de", "fr", "es")],
        user_defined_symbols=list(SYMBOLS),
        normalization_rule_name="nmt_nfkc",
        num_threads=1,
        minloglevel=2,
    )
    return out.getvalue()


@cache
def wordpieces() -> Wordpieces:
    return Wordpieces(vocabulary())


class Parrot:
    runtime = "parrot"
    best_batch = 4

    def __init__(self, *_: object) -> None:
        self.device = devices.cpu()
        self.wordpieces = wordpieces()
        self.batches: list[int] = []  # sentences of each

    def read(self, sources: Sequence[Sequence[int]]) -> Any:
        self.batches.append(len(sources))
        return _Speaking(sources, [self.said(source) for source in sources])

    def said(self, source: Sequence[int]) -> list[tuple[int, int]]:
        """What it says of a sentence: (piece, place in the source that it comes from)."""
        words: list[list[tuple[int, int]]] = []
        pieces = self.wordpieces.pieces(source)
        for place in range(1, len(source) - 1):
            if pieces[place].startswith("▁") or not words:
                words.append([])
            words[-1].append((source[place], place))
        return [one for word in reversed(words) for one in word]


class Babbler(Parrot):
    """The same nonsense for the same sentence. It never says padding, start or a language."""

    def said(self, source: Sequence[int]) -> list[tuple[int, int]]:
        chance = random.Random(repr(list(source)))
        pieces = [UNKNOWN, *range(END + 5, self.wordpieces.size)]
        count = 10_000 if chance.random() < 0.1 else chance.randrange(2 * len(source))  # now and then without an end
        return [(chance.choice(pieces), chance.randrange(len(source))) for _ in range(min(count, 400))]


class _Speaking:
    def __init__(self, sources: Sequence[Sequence[int]], said: Sequence[Sequence[tuple[int, int]]]) -> None:
        self._lengths, self._said = [len(source) for source in sources], said
        self._steps = [0] * len(sources)

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        """The word whose turn it is, then, much less probable, the end and others."""
        assert forced is None
        assert len(tokens) == len(parents) == len(inputs)
        assert list(inputs) == sorted(inputs)
        self._steps = [self._steps[parent] + 1 for parent in parents]
        attention = np.zeros((len(inputs), max(self._lengths)), np.float32)
        offered = []
        for row, (step, i) in enumerate(zip(self._steps, inputs, strict=True)):
            said, length = self._said[i], self._lengths[i]
            token, place = said[step - 1] if step <= len(said) else (END, length - 1)
            attention[row, :length] = 0.2 / length
            attention[row, place] += 0.8
            others = [UNKNOWN + 300 + (7 * step + k) % 90 for k in range(OFFERED)]
            offered.append([token, *[other for other in (END, *others) if other != token]][:OFFERED])
        log_p = [[-0.1, *(-4.0 - 0.1 * k for k in range(1, OFFERED))]] * len(inputs)
        return Offers(offered, log_p, attention)


def write(folder: Path) -> Card:
    """A card with a file that nobody reads, as the stand-in needs none."""
    file = folder / "gnmt.safetensors"
    file.write_bytes(b"nothing")
    card = Card(
        id=MODEL,
        name="GNMT",
        year=2016,
        task="translate",
        architecture="gnmt",
        origin="embedded",
        file=file.name,
        licence="none: a stand-in for tests",
        terms="Nothing was learnt.",
        limits="Says words backwards.",
        summary="A translator for tests.",
        size=file.stat().st_size,
        sha256=sha256_of(file),
        labels="",
        measured=tuple(
            Measurement(f"tatoeba-dev {direction}, beam 5", None, None, "nowhere", (("BLEU", 20.0),))
            for direction in DIRECTIONS
        ),
        extra=(("directions", " ".join((*DIRECTIONS, "en-fr"))), ("alpha", 1.0), ("coverage", 0.0)),
    )
    write_card(card, folder / "gnmt.toml")
    return card


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, network: type[Parrot] = Parrot) -> Parrot:
    """The program finds this translator alone, until the test ends."""
    write(folder)
    made, real = network(), locate.bundled
    monkeypatch.setattr(locate, "bundled", lambda name: folder if name == "weights" else real(name))
    monkeypatch.setattr(translator, "load", lambda card, store, device: made)
    return made
