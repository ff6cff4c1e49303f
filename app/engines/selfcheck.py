"""A model's check: a file that is sound by its hash and its shapes must give right answers. A classifier's are known of
the sample pictures; the published checkpoints' are those that were published with them, which never refuses one."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.engines.models import Checking
from app.media import pictures
from app.media.preprocess import apply
from app.nets.hypotheses import Hypothesis
from app.nets.published_searches import nmt
from app.store import published
from app.store.checks import RIGHT_AMONG, Outcome, SelfCheck
from app.store.samples import samples
from app.text.bleu import bleu
from app.text.moses_bpe import MosesBpe, joined
from app.text.wordpieces import END, START

if TYPE_CHECKING:
    from app.runtimes import Network
    from app.runtimes.translator import TranslationNetwork
    from app.store.cards import Card
    from app.store.catalog import Store

CAPTIONS_BEAM, BEAM = 3, 10  # as published
LINES = 100  # of newstest2014, where not all are asked for
MOST_PIECES = 256  # of a line
NEAR = 0.25  # by which a caption's probability may be off: decoding, resizing and half precision move it
# Points of BLEU: int8 and rounding move it a little. What the first lines alone reach nobody has published: among a
# hundred sentences it varies by about two points, so only what is far off tells anything.
NEAR_WHOLE, NEAR_LINES = 0.5, 5.0


def check(card: Card, store: Store, network: Network) -> Generator[None, None, SelfCheck]:
    """A picture a step. What was found is kept by the store. Raises StoreError, PictureError."""
    given = card.preprocessing
    right: list[str] = []
    wrong: list[str] = []
    for sample in samples():
        picture = pictures.decode(sample.path, at_least=max(given.resize, given.crop))
        logits = network.run(apply(picture.pixels, given)[None]).logits[0]  # (classes,)
        first = np.argsort(-logits, kind="stable")[:RIGHT_AMONG]
        (right if sample.classes.intersection(first.tolist()) else wrong).append(sample.path.name)
        yield None
    found = SelfCheck(store.fingerprint(card), _today(), tuple(right), tuple(wrong))
    store.keep_check(card, found)
    return found


def captions(
    card: Card, store: Store, describe: Callable[[Path], Generator[Any, None, Any]]
) -> Generator[None, None, SelfCheck]:
    """The captions of one picture, and their probabilities, against those that were published; `describe` gives an
    `app.engines.caption.Described` at the end. Kept by the store. Raises StoreError."""
    wanted = [line.split(" ", 1) for line in str(dict(card.extra).get("surfing", "")).splitlines()]
    picture = published.check_folder(store.path(card)) / published.PICTURE
    if not wanted:
        return _kept(card, store, "not run", "nothing was published that it could be held against.")
    if not picture.is_file():
        return _kept(card, store, "not run", f"{picture.name}, its picture, is not beside the weights.")
    try:
        described = yield from _quietly(describe(picture))
    except pictures.PictureError as error:
        return _kept(card, store, "not run", str(error))
    said = [(" ".join(word.text for word in one.words), math.exp(one.logprob)) for one in described.captions]
    figures = ", ".join(f"{p:.5f}" for _, p in said)
    theirs = ", ".join(p for p, _ in wanted)
    if [text for text, _ in said] != [text for _, text in wanted]:
        first = said[0][0] if said else ""
        words = f"{picture.name} gives “{first}” first ({figures}), published is “{wanted[0][1]}” ({theirs})."
        return _kept(card, store, "differs", words)
    near = all(abs(p - float(other)) <= NEAR * float(other) for (_, p), (other, _) in zip(said, wanted, strict=True))
    words = f"{picture.name} gives the {len(wanted)} published captions, with {figures} (published: {theirs})."
    return _kept(card, store, "passed" if near else "differs", words)


def translations(
    card: Card, store: Store, network: TranslationNetwork, whole: bool
) -> Generator[Checking | None, None, SelfCheck]:
    """Tokenised BLEU of the newstest2014 that came with it, or of its first lines, beside the published figure. A token
    a step. Kept by the store. Raises StoreError."""
    folder, pieces = published.check_folder(store.path(card)), network.wordpieces
    figure = next((score for one in card.published for name, score in one.scores if name == "BLEU"), None)
    if figure is None or not isinstance(pieces, MosesBpe):
        return _kept(card, store, "not run", "nothing was published that it could be held against.")
    try:
        texts = [(folder / name).read_text("utf-8") for name in (published.LINES, published.REFERENCES)]
    except (OSError, UnicodeDecodeError):
        return _kept(card, store, "not run", "newstest2014, which is its test, is not beside the weights.")
    sources, references = (text.removesuffix("\n").split("\n") for text in texts)
    if len(sources) != len(references):
        return _kept(card, store, "not run", "newstest2014 has other lines in one language than in the other.")
    count = len(sources) if whole else min(LINES, len(sources))
    ids = [pieces.ids_of(line)[:MOST_PIECES] for line in sources[:count]]
    said: dict[int, list[str]] = {k: [] for k in range(count)}
    left = sorted((k for k in range(count) if ids[k]), key=lambda k: len(ids[k]))
    yield Checking(card.id, 0, count)
    for first in range(0, len(left), network.best_batch):
        batch = left[first : first + network.best_batch]
        read = [ids[k] for k in batch]
        found: list[list[Hypothesis]] = []
        longest = [2 * len(one) for one in read]
        for groups in nmt(network.read(read), batch=len(read), start=START, end=END, beam=BEAM, longest=longest):
            found = groups
            yield None
        for k, group in zip(batch, found, strict=True):
            said[k] = pieces.words_said(one.token for one in group[0].last.chain() if one.token != END)
        yield Checking(card.id, min(first + len(batch), count), count)
    score = bleu((said[k], joined(references[k])) for k in range(count))
    all_ = count == len(sources)
    near = abs(score - figure) <= (NEAR_WHOLE if all_ else NEAR_LINES)
    which = f"all {count:,} lines" if all_ else f"the first {count} lines"
    words = f"BLEU {score:.1f} on {which} of newstest2014; published is {figure:.1f} on all 3,003."
    return _kept(card, store, "passed" if near else "differs", words)


def _quietly(steps: Generator[Any, None, Any]) -> Generator[None, None, Any]:
    """Without what comes on the way."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        yield None


def _kept(card: Card, store: Store, outcome: Outcome, said: str) -> SelfCheck:
    said += published.sums_said(store.path(card))
    found = SelfCheck(store.fingerprint(card), _today(), outcome=outcome, said=said)
    store.keep_check(card, found)
    return found


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
