"""Requests and answers of the Translate panel, and the engine that serves them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDEST = 10  # the largest beam
BEAM = 5
ALPHA = 1.0  # of the length penalty, where neither a person nor the card says another


class TranslateError(Exception):
    """str(error) is one sentence: what was asked for, why it can't be done, what to do."""


@dataclass(frozen=True)
class Translate:
    """Sentences of a text that is being typed, for the mailbox "input": newest wins. `sentences` as `app.text.sentences`
    gives them, each once, the most urgent first.

    Partials: `Growing` while the first one is decoded, and a `Translated` for every sentence: the first alone, the
    others in batches. Done: their number."""

    sentences: tuple[str, ...]
    source: str  # "en"
    target: str  # "de"
    model: str  # a card's id
    beam: int = BEAM
    alpha: float = ALPHA  # length normalisation
    coverage: float = 0.0  # coverage penalty, β in the paper


@dataclass(frozen=True)
class TranslateAll:
    """A document's sentences, for the queue. Partials: a `Translated` each, in the order given. Done: their number."""

    sentences: tuple[str, ...]
    source: str
    target: str
    model: str
    beam: int = BEAM
    alpha: float = ALPHA
    coverage: float = 0.0


@dataclass(frozen=True)
class Growing:
    """What is sure to be seen of a sentence's translation so far: whole words of the beam's best."""

    sentence: str
    text: str


@dataclass(frozen=True, eq=False)
class Translation:
    """One hypothesis. `logprob` is the sum over its pieces and its end; `score` is what the beam ranks by."""

    text: str  # ready to show: what is copied is put back
    pieces: tuple[str, ...]  # as the network said them, without start and end
    probabilities: tuple[float, ...]  # of each piece given those before it, the end's last
    attention: np.ndarray  # (len(pieces) + 1, len(source_pieces)) float32; the last row is the end's
    words: tuple[tuple[int, int], ...]  # places of the words in `text`
    links: np.ndarray  # (len(words), len(Translated.words)) float32: how much a word of `text` is aligned with each
    logprob: float
    score: float
    finished: bool  # False: cut at the longest length


@dataclass(frozen=True, eq=False)
class Translated:
    """One sentence. A sentence in which there is nothing to translate comes back as it is."""

    model: str
    sentence: str
    source: str
    target: str
    translations: tuple[Translation, ...]  # best first
    source_pieces: tuple[str, ...]  # all that the network read: the language's token first, the end last
    words: tuple[tuple[int, int], ...]  # places of the words in `sentence`
    ms: float  # of this sentence; its share of a batch
    device: str
    runtime: str
