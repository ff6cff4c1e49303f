"""Requests and answers of the Caption panel, and the engine that serves them."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from app.engines import caption_light
from app.engines.ahead import Ahead
from app.engines.models import CheckModel, LoadModel, ModelChecked, ModelEngine, ReleaseModel, UseDevice
from app.media import inputs, strips
from app.media.pictures import Picture, PictureError, decode
from app.media.preprocess import seen_box
from app.nets.hypotheses import Hypothesis, Spoken, search
from app.nets.published_searches import im2txt
from app.runtimes.captioner import CaptionNetwork
from app.store import vocabulary

if TYPE_CHECKING:
    from app.media.preprocess import Preprocessing
    from app.runtimes.devices import Device
    from app.store.cards import Card
    from app.store.catalog import Store
    from app.worker import Steps, Ticket

WIDEST = 10  # the largest beam
LONGEST = 20  # words; longer captions are cut, as they are when the network is measured
ALPHA = 0.7  # of the length penalty, as measured: without it beams prefer short sentences
RUNNERS_UP = 5  # words beside each word

_BEFORE_MARK = re.compile(r" ([.,;:!?']|'s\b|n't\b)")


class CaptionError(Exception):
    """str(error) is one sentence: what was asked for, why it can't be done, what to do."""


@dataclass(frozen=True, eq=False)
class Word:
    """One word of a caption, with how sure the network was of it and where it looked."""

    text: str
    p: float  # its probability (softmax, 0 to 1) given the words before it
    runners_up: tuple[tuple[str, float], ...]  # the next most probable words, best first; () where not asked for
    attention: np.ndarray | None  # (h, w) float32, sums to 1; of the whole picture, which is squeezed to a square.
    # None where not asked for, or the network has no attention


@dataclass(frozen=True, eq=False)
class Caption:
    """One sentence. `logprob` is the sum over its words and its end; `score` is what the beam ranks by."""

    words: tuple[Word, ...]
    logprob: float
    score: float
    finished: bool = True  # False: still growing, or cut at the longest length
    written: bool = False  # the network says full stops: it learnt from written sentences

    @property
    def text(self) -> str:
        """The words with spaces, small letters, no full stop: as the network says them. Where it says full stops as
        well, a sentence as people write it."""
        said = " ".join(word.text for word in self.words)
        if not self.written:
            return said
        sentence = _BEFORE_MARK.sub(r"\1", said)
        return sentence[:1].upper() + sentence[1:]

    @property
    def unattended(self) -> bool:
        """Whether the network has no attention that told where it looked: `ShowLight` can be asked instead."""
        return bool(self.words) and all(word.attention is None for word in self.words)


@dataclass(frozen=True, eq=False)
class Described:
    """One picture. `captions`: best first, one with greedy decoding (`beam` 1), else at most `beam`."""

    model: str  # the card's id
    captions: tuple[Caption, ...]
    encoder_ms: float
    decoder_ms: float
    device: str
    runtime: str
    scene: np.ndarray | None = None  # (C,) float32: the encoder's mean feature, which tells scenes apart


@dataclass(frozen=True, eq=False)
class Describe:
    """One picture: a path, a decoded picture, or a camera's or video's frame ((h, w, 3) uint8 BGR). All three make the
    same tensor. Partials: a `Caption` a word, growing. Done: `Described`.

    `prefix` forces the first words (a person chose one, and the network goes on from there; an unknown word raises a
    sentence). `details`: with runner-ups and attention; without them a word costs a few microseconds less."""

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


@dataclass(frozen=True, eq=False)
class ShowLight:
    """What in the picture speaks for each word of a caption (app.engines.caption_light), where the network has no
    attention to tell. For the mailbox "light". Done: `Light`."""

    picture: Picture | np.ndarray
    model: str
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Light:
    maps: tuple[np.ndarray, ...]  # a word: (h, w) float32, sums to 1; all 0 where nothing speaks for it
    box: tuple[float, float, float, float]  # the part that they belong to: left, top, width, height in pixels


def strip_of(pixels: np.ndarray, caption: Caption, light: Light | None = None) -> bytes:
    """A PNG: the picture (height, width, 3) RGB, and one a word with where the network looked. `light`: of the same
    picture at the same size, where the network has no attention."""
    height, width = pixels.shape[:2]
    words = [strips.Word(word.text, word.p, word.attention) for word in caption.words]
    if light is not None:
        left, top, across, down = light.box
        box = (left / width, top / height, across / width, down / height)
        maps = [one if one.any() else None for one in light.maps]
        words = [strips.Word(word.text, word.p, one, box) for word, one in zip(words, maps, strict=True)]
    return strips.png(pixels, words)


class CaptionEngine(ModelEngine[CaptionNetwork]):
    """Owns the loaded captioners. Called on the engine thread only (app.worker.Engine)."""

    def __init__(self, store: Store, device: str = "auto") -> None:
        super().__init__(store, device)
        self._modules: dict[str, Any] = {}  # torch modules for gradients, by model
        # Files of a request that are answered: asked again (`out_of_memory`), it goes on behind them.
        self._answered: WeakKeyDictionary[Ticket, int] = WeakKeyDictionary()

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        match request:
            case Describe():
                return (yield from self._describe(request))
            case DescribeFiles():
                return (yield from self._describe_files(request, ticket))
            case ShowLight():
                return (yield from self._show_light(request))
            case CheckModel():
                return (yield from self._check(request))
            case LoadModel():
                return self._load(request)
            case ReleaseModel():
                return self._release(request)
            case UseDevice():
                return self._use_device(request)
            case _:
                raise TypeError(f"the Caption engine has no answer to {type(request).__name__}")

    def explain(self, error: BaseException) -> str | None:
        return str(error) if isinstance(error, CaptionError) else super().explain(error)

    def _make(self, card: Card, device: Device) -> CaptionNetwork:
        from app.runtimes import captioner

        return captioner.load(card, self._store, device)

    def _check(self, request: CheckModel) -> Steps:
        from app.engines import selfcheck

        before, card = request.model in self._loaded, self._store.card(request.model)

        def describe(picture: Path) -> Steps:
            return (yield from self._describe(Describe(picture, card.id, selfcheck.CAPTIONS_BEAM, details=False)))

        try:
            found = yield from selfcheck.captions(card, self._store, describe)
        finally:
            if not before:
                self._forget(card.id)
        return ModelChecked(card.id, found, found.sentence(card.name), before)

    def _describe(self, request: Describe) -> Steps:
        """A step each: decoding the file, the encoder, every word."""
        _check_beam(request.beam)
        picture = request.picture
        if isinstance(picture, Path):
            picture = decode(picture, at_least=self._store.card(request.model).preprocessing.crop)
            yield None
        network, card = self._network(request.model)
        if (count := len(request.prefix)) >= LONGEST:
            raise CaptionError(f"A caption has {LONGEST} words at most, and {count} are given: take some away.")
        prefix = _ids(request.prefix, network.vocabulary, card.name)
        x = inputs.tensor(picture, card.preprocessing)
        speaking = _Speaking(network, card, x[None], request.beam, prefix, request.details)
        yield None
        for groups in speaking.words():
            yield speaking.caption(groups[0][0])
        return speaking.described(card, 0)

    def _show_light(self, request: ShowLight) -> Steps:
        """A step each: loading, the encoder, every word."""
        network, card = self._network(request.model)
        ids = _ids(request.words, network.vocabulary, card.name)
        picture, preprocessing = request.picture, card.preprocessing
        height, width = (picture.pixels if isinstance(picture, Picture) else picture).shape[:2]
        x = inputs.tensor(picture, preprocessing)[None]
        yield None
        if card.id not in self._modules:
            from app.runtimes.torch_runtime import build

            self._modules[card.id] = build(card, self._store)
            yield None
        maps = yield from caption_light.light(self._modules[card.id], x, ids)
        return Light(tuple(maps), seen_box(width, height, preprocessing))

    def _forget(self, model: str) -> None:
        super()._forget(model)
        self._modules.pop(model, None)

    def _forget_all(self) -> None:
        super()._forget_all()
        self._modules.clear()

    def _describe_files(self, request: DescribeFiles, ticket: Ticket) -> Steps:
        _check_beam(request.beam)
        _, card = self._network(request.model)
        yield None
        answered = self._answered.get(ticket, 0)
        with Ahead(request.paths[answered:], partial(_prepare, preprocessing=card.preprocessing)) as files:
            while True:
                # Asked for again each time: meanwhile the device may have changed.
                network, card = self._network(request.model)
                batch = yield from files.batch(network.best_batch, ticket)
                if not batch:
                    break
                for answer in (yield from _describe_batch(network, card, request.beam, batch)):
                    answered += 1
                    self._answered[ticket] = answered
                    yield answer
        return len(request.paths)


class _Speaking:
    """A batch of pictures being described."""

    def __init__(
        self,
        network: CaptionNetwork,
        card: Card,
        x: np.ndarray,
        beam: int,
        prefix: tuple[int, ...] = (),
        details: bool = True,
    ) -> None:
        """`x` (n, 3, h, w)."""
        begin = time.perf_counter()
        looked = network.look(x)
        self.encoder_ms = 1000 * (time.perf_counter() - begin)
        self.decoder_ms = 0.0
        self._network, self._details, self._scenes = network, details, looked.features
        self._made: dict[Spoken, Word] = {}
        self._written = "." in network.vocabulary
        if card.architecture == "show-and-tell":  # as it was published
            self._steps = im2txt(
                looked,
                batch=len(x),
                start=vocabulary.START,
                end=vocabulary.END,
                beam=beam,
                longest=[LONGEST - 1] * len(x),
                prefix=prefix,
            )
        else:
            self._steps = search(
                looked,
                batch=len(x),
                start=vocabulary.START,
                end=vocabulary.END,
                beam=beam,
                longest=[LONGEST] * len(x),
                alpha=ALPHA,
                prefix=prefix,
                exact=False,  # the same best sentence 400 times of 400, beams 3 and 5, a quarter fewer words to compute
            )
        self._groups: list[list[Hypothesis]] = []

    def words(self) -> Generator[list[list[Hypothesis]], None, None]:
        """The hypotheses of each picture after every word; `described` is about the last ones."""
        while True:
            begin = time.perf_counter()
            groups = next(self._steps, None)
            if groups is None:
                return
            self._groups = groups
            self.decoder_ms += 1000 * (time.perf_counter() - begin)
            yield groups

    def described(self, card: Card, row: int, share: int = 1) -> Described:
        """The answer about one picture; `share` pictures took the time together."""
        return Described(
            model=card.id,
            captions=tuple(self.caption(found) for found in self._groups[row]),
            encoder_ms=self.encoder_ms / share,
            decoder_ms=self.decoder_ms / share,
            device=self._network.device.name,
            runtime=self._network.runtime,
            scene=self._scenes[row],
        )

    def caption(self, found: Hypothesis) -> Caption:
        chain = found.last.chain()
        words = chain[:-1] if found.finished else chain
        said = tuple(self._word(spoken) for spoken in words)
        return Caption(said, found.last.total, found.score, found.finished, self._written)

    def _word(self, spoken: Spoken) -> Word:
        if (word := self._made.get(spoken)) is None:
            word = self._made[spoken] = self._make_word(spoken)
        return word

    def _make_word(self, spoken: Spoken) -> Word:
        text, p = self._network.vocabulary[spoken.token], math.exp(spoken.log_probability)
        if not self._details:
            return Word(text, p, (), None)
        offers, row = spoken.offers, spoken.row
        runners_up: list[tuple[str, float]] = []
        for token, log_p in zip(offers.tokens[row], offers.log_p[row], strict=True):
            if len(runners_up) == RUNNERS_UP:
                break
            if token not in (spoken.token, vocabulary.END) and log_p > -math.inf:
                runners_up.append((self._network.vocabulary[token], math.exp(log_p)))
        attention = None
        if offers.attention is not None and self._network.grid is not None:
            attention = np.asarray(offers.attention[row], np.float32).reshape(self._network.grid)
        return Word(text, p, tuple(runners_up), attention)


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A file as the network takes it, or why not."""

    x: np.ndarray | None
    error: str | None = None


def _prepare(path: Path, preprocessing: Preprocessing) -> _Prepared:
    try:
        return _Prepared(inputs.tensor(path, preprocessing))
    except PictureError as error:
        return _Prepared(None, str(error))


def _describe_batch(
    network: CaptionNetwork, card: Card, beam: int, batch: list[tuple[Path, _Prepared]]
) -> Generator[None, None, list[DescribedFile]]:
    """Together, a word a step."""
    xs = [item.x for _, item in batch if item.x is not None]
    described: list[Described] = []
    if xs:
        speaking = _Speaking(network, card, np.stack(xs), beam)
        yield None
        for _ in speaking.words():
            yield None
        described = [speaking.described(card, row, share=len(xs)) for row in range(len(xs))]
    rows = iter(described)
    return [
        DescribedFile(path, error=item.error) if item.x is None else DescribedFile(path, next(rows))
        for path, item in batch
    ]


def _check_beam(beam: int) -> None:
    if not 1 <= beam <= WIDEST:
        raise CaptionError(f"A beam of {beam} can't be searched: choose 1 (greedy) to {WIDEST}.")


def _ids(words: tuple[str, ...], known: tuple[str, ...], name: str) -> tuple[int, ...]:
    """Raises CaptionError for a word that the network doesn't know."""
    ids = []
    for word in words:
        if word not in known[len(vocabulary.SPECIAL) :]:
            count = len(known) - len(vocabulary.SPECIAL)
            raise CaptionError(f"“{word[:40]}” is none of the {count:,} words that {name} knows: choose another one.")
        ids.append(known.index(word))
    return tuple(ids)
