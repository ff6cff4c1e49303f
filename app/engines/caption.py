"""Requests and answers of the Caption panel, and the engine that serves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.media.pictures import Picture


@dataclass(frozen=True, eq=False)
class Word:
    """One word of a caption, with how sure the network was of it and where it looked."""

    text: str
    p: float  # its probability (softmax, 0 to 1) given the words before it
    runners_up: tuple[tuple[str, float], ...]  # the next most probable words, best first; () where not asked for
    attention: np.ndarray | None  # (h, w) float32, sums to 1; of the whole picture, which is squeezed to a square


@dataclass(frozen=True, eq=False)
class Caption:
    """One sentence. `logprob` is the sum over its words and its end; `score` is what the beam ranks by."""

    words: tuple[Word, ...]
    logprob: float
    score: float
    finished: bool = True  # False: still growing, or cut at the longest length

    @property
    def text(self) -> str:
        """The words with spaces, small letters, no full stop: as the network says them."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, eq=False)
class Described:
    """One picture. `captions`: best first, one with greedy decoding (`beam` 1), else at most `beam`."""

    model: str  # the card's id
    captions: tuple[Caption, ...]
    encoder_ms: float
    decoder_ms: float
    device: str
    runtime: str


@dataclass(frozen=True, eq=False)
class Describe:
    """One picture: a path, a decoded picture, or a camera's or video's frame ((h, w, 3) uint8 BGR). All three make the
    same tensor. Partials: a `Caption` a word, growing. Done: `Described`.

    `prefix` forces the first words (a person chose one, and the network goes on from there; an unknown word raises a
    sentence). `details`: with runner-ups and attention; live frames go without runner-ups where that is faster."""

    picture: Picture | Path | np.ndarray
    model: str
    beam: int = 3
    prefix: tuple[str, ...] = ()
    details: bool = True


@dataclass(frozen=True)
class DescribeFiles:
    """Many pictures, for the queue. Partials: a `DescribedFile` each, in the order of `paths`. Done: their number."""

    paths: tuple[Path, ...]
    model: str
    beam: int = 3


@dataclass(frozen=True, eq=False)
class DescribedFile:
    path: Path
    described: Described | None = None
    error: str | None = None
