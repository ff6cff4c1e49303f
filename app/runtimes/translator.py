"""How a translator runs: `load` gives a `TranslationNetwork`, whatever library it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from app.nets.hypotheses import Speaker
from app.runtimes import fastest
from app.runtimes.captioner import Layout
from app.runtimes.devices import Device
from app.store.cards import directions
from app.text.wordpieces import PAD, Wordpieces

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store
    from app.text.moses_bpe import MosesBpe


class Read(Speaker, Protocol):
    """What the encoder made of some sentences, and the decoder that translates them, once. The attention's rows that
    `advance` offers are as long as the longest sentence; behind a shorter one's end they are zero."""


class TranslationNetwork(Protocol):
    """A translator that is ready to run. Used on one thread only."""

    runtime: str  # "openvino" or "torch"
    device: Device
    best_batch: int  # sentences a batch at which a document goes fastest
    wordpieces: Wordpieces | MosesBpe

    def read(self, sources: Sequence[Sequence[int]]) -> Read:
        """Sentences as ids, as `wordpieces.framed` gives them. Padding is done here. What `wordpieces.never` names is
        never offered."""


def wordpieces_of(card: Card, store: Store) -> Wordpieces | MosesBpe:
    """What the card's translator reads and says. Raises StoreError."""
    if card.architecture != "gnmt-2016":
        return Wordpieces(store.wordpieces(card))
    from app.store.vocabulary import CODES, SOURCE, TARGET
    from app.text.moses_bpe import MosesBpe

    texts = store.published_texts(card)
    return MosesBpe(texts[SOURCE], texts[TARGET], texts[CODES], directions(card)[0])


def padded(sources: Sequence[Sequence[int]]) -> np.ndarray:
    """Ids (sentences, longest) int64, PAD behind each end."""
    ids = np.full((len(sources), max(map(len, sources))), PAD, np.int64)
    for row, source in zip(ids, sources, strict=True):
        row[: len(source)] = source
    return ids


class Shrinking(Layout):
    """Sentences of which nothing speaks any more lose their row as soon as they are a quarter: with many sentences it
    is the arithmetic that a step waits for, not the weights."""

    def __init__(self, sentences: int) -> None:
        super().__init__(sentences)
        self._sentences = np.arange(sentences)  # which one each row has

    def shrink(self, inputs: Sequence[int]) -> np.ndarray | None:
        """Before `place`: the rows of the last step that go on, where the others are dropped; else None."""
        speaking = np.unique(np.asarray(inputs, np.int64))
        if 4 * len(speaking) > 3 * len(self._sentences):
            return None
        rows = np.searchsorted(self._sentences, speaking)
        self._sentences, self._pictures = speaking, len(speaking)
        return rows

    def place(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, list[int]]:
        return super().place(tokens, parents, np.searchsorted(self._sentences, inputs).tolist())


def load(card: Card, store: Store, device: Device) -> TranslationNetwork:
    """See `app.runtimes.load`, whose choice of a runtime it shares."""

    def openvino() -> TranslationNetwork:
        from app.runtimes.openvino_translator import OpenVinoTranslator

        return OpenVinoTranslator(card, store, device)

    def torch() -> TranslationNetwork:
        from app.runtimes.torch_translator import TorchTranslator

        return TorchTranslator(card, store, device)

    return fastest(card, device, openvino, torch)
