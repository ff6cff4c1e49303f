"""Requests and answers of the Translate panel, and the engine that serves them."""

from __future__ import annotations

import math
import re
import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from app.engines.models import CheckModel, LoadModel, ModelChecked, ModelEngine, ReleaseModel, UseDevice
from app.nets.hypotheses import Hypothesis, Spoken, search
from app.nets.published_searches import nmt
from app.runtimes.translator import TranslationNetwork
from app.store.cards import directions
from app.text import alignment, copying
from app.text.languages import NAMES
from app.text.sentences import LONGEST
from app.text.wordpieces import END, START, Wordpieces

if TYPE_CHECKING:
    from app.runtimes.devices import Device
    from app.store.cards import Card
    from app.store.catalog import Store
    from app.text.copying import Bare, Prepared
    from app.worker import Steps, Ticket

WIDEST = 10  # the largest beam
BEAM = 5
ALPHA = 1.0  # of the length penalty, where neither a person nor the card says another
MOST_PIECES = 256  # that are read of a sentence; ordinary ones of app.text.sentences.LONGEST characters have 100
MISSING = 1.0  # of a hypothesis's score, for each symbol of the source that it does not say
AHEAD = 4  # batches of a text's sentences that are sorted by length, so that a batch's are about as long

_MOST_CHARACTERS = 4 * LONGEST  # with the long addresses that a sentence may hold


class TranslateError(Exception):
    """str(error) is one sentence: what was asked for, why it can't be done, what to do."""


@dataclass(frozen=True)
class Translate:
    """Sentences of a text that is being typed, for the mailbox "input": newest wins. `sentences`: as app.text.sentences
    gives them, each once, the most urgent first.

    Partials: `Growing` while the first one is decoded, and a `Translated` for every sentence: the first alone, the
    others in batches that grow. Done: their number."""

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


def penalties(card: Card) -> tuple[float, float]:
    """Length normalisation and coverage penalty that the card names, which were chosen on its dev data."""
    extra = dict(card.extra)
    return float(extra.get("alpha", ALPHA)), float(extra.get("coverage", 0.0))


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
    probabilities: tuple[float, ...]  # of each piece given those before it, the end's last (0 where it is cut)
    attention: (
        np.ndarray
    )  # (len(pieces) + 1, len(source_pieces)) float32; the last row is the end's (0 where it is cut)
    words: tuple[tuple[int, int], ...]  # places of the words in `text`
    links: np.ndarray  # (len(words), len(Translated.words)) float32: how much a word of `text` is aligned with each
    logprob: float
    score: float
    finished: bool  # False: cut at the longest length
    ids: tuple[int, ...] = ()  # of `pieces`, which don't always tell: two wordpieces may read the same


@dataclass(frozen=True, eq=False)
class Translated:
    """One sentence. One in which there is nothing to translate comes back as it is, as one translation without pieces;
    so does gibberish of more than MOST_PIECES."""

    model: str
    sentence: str
    source: str
    target: str
    translations: tuple[Translation, ...]  # best first, at most `beam`, each text once
    source_pieces: tuple[str, ...]  # all that the network read: the language's token first, the end last
    words: tuple[tuple[int, int], ...]  # places of the words in `sentence`
    ms: float  # of this sentence; its share of a batch
    device: str
    runtime: str
    source_ids: tuple[int, ...] = ()  # of `source_pieces`


class TranslateEngine(ModelEngine[TranslationNetwork]):
    """Owns the loaded translators. Called on the engine thread only (app.worker.Engine)."""

    def __init__(self, store: Store, device: str = "auto") -> None:
        super().__init__(store, device)
        # What is answered of a request: asked again (`out_of_memory`), it goes on with the rest.
        self._answered: WeakKeyDictionary[Ticket, set[str]] = WeakKeyDictionary()
        self._count: WeakKeyDictionary[Ticket, int] = WeakKeyDictionary()

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        match request:
            case Translate():
                return (yield from self._translate(request, ticket))
            case TranslateAll():
                return (yield from self._translate_all(request, ticket))
            case CheckModel():
                return (yield from self._check(request))
            case LoadModel():
                return self._load(request)
            case ReleaseModel():
                return self._release(request)
            case UseDevice():
                return self._use_device(request)
            case _:
                raise TypeError(f"the Translate engine has no answer to {type(request).__name__}")

    def explain(self, error: BaseException) -> str | None:
        return str(error) if isinstance(error, TranslateError) else super().explain(error)

    def _make(self, card: Card, device: Device) -> TranslationNetwork:
        from app.runtimes import translator

        return translator.load(card, self._store, device)

    def _check(self, request: CheckModel) -> Steps:
        from app.engines import selfcheck

        before = request.model in self._loaded
        network, card = self._network(request.model)
        yield None
        try:
            found = yield from selfcheck.translations(card, self._store, network, request.whole)
        finally:
            if not before:
                self._forget(card.id)
        return ModelChecked(card.id, found, found.sentence(card.name), before)

    def _translate(self, request: Translate, ticket: Ticket) -> Steps:
        network = yield from self._ready(request)
        answered = self._answered.setdefault(ticket, set())
        left = [sentence for sentence in dict.fromkeys(request.sentences) if sentence not in answered]
        # Small batches first: the next key stroke, an eighth of a second later, drops what isn't done by then.
        count = 1
        while left:
            window, left = left[:count], left[count:]
            for answer in self._window(request, window, growing=count == 1):
                if isinstance(answer, Translated):
                    answered.add(answer.sentence)
                yield answer
            count = 2 * count if 2 * count <= network.best_batch else AHEAD * network.best_batch
        return len(request.sentences)

    def _translate_all(self, request: TranslateAll, ticket: Ticket) -> Steps:
        network = yield from self._ready(request)
        size = AHEAD * network.best_batch
        while window := request.sentences[(done := self._count.get(ticket, 0)) : done + size]:
            waiting, found = deque(window), dict[str, Translated]()
            for answer in self._window(request, window):
                if not isinstance(answer, Translated):
                    yield None
                    continue
                found[answer.sentence] = answer
                while waiting and waiting[0] in found:
                    done += 1
                    self._count[ticket] = done
                    yield found[waiting.popleft()]
        return len(request.sentences)

    def _ready(self, request: Translate | TranslateAll) -> Generator[None, None, TranslationNetwork]:
        """The network, loaded. Raises TranslateError where it can't do what is asked."""
        if not 1 <= request.beam <= WIDEST:
            raise TranslateError(f"A beam of {request.beam} can't be searched: choose 1 (greedy) to {WIDEST}.")
        for name, value in (("length", request.alpha), ("coverage", request.coverage)):
            if not 0 <= value <= 10:  # nor is it no number at all
                raise TranslateError(f"A {name} penalty of {value:g} makes no sense: choose 0 (none) to 10.")
        _check_direction(self._store.card(request.model), request.source, request.target)
        network, _ = self._network(request.model)
        yield None
        return network

    def _window(
        self, request: Translate | TranslateAll, sentences: Sequence[str], growing: bool = False
    ) -> Generator[Translated | Growing | None, None, None]:
        """Each of the sentences once, in batches of like length, a token a step."""
        left = sorted(dict.fromkeys(sentences), key=len)
        while left:
            network, _ = self._network(request.model)  # each time: meanwhile the device may have changed
            batch, left = left[: network.best_batch], left[network.best_batch :]
            readings = []
            for sentence in batch:
                reading = _read(sentence, network, request.target)
                if reading is None:
                    yield _copy(sentence, request, network)
                else:
                    readings.append(reading)
            if not readings:
                continue
            published = self._store.card(request.model).architecture == "gnmt-2016"
            decoding = _Decoding(network, readings, request, published)
            yield None
            for _ in decoding.tokens():
                yield decoding.grown() if growing else None
            for row in range(len(readings)):
                yield decoding.translated(row)


@dataclass(frozen=True, eq=False)
class _Reading:
    """A sentence as the network reads it."""

    sentence: str
    bare: Bare
    prepared: Prepared
    ids: tuple[int, ...]  # as `wordpieces.framed` gives them
    pieces: tuple[str, ...]
    aligner: alignment.Aligner


def _read(sentence: str, network: TranslationNetwork, target: str) -> _Reading | None:
    """None: there is nothing to translate, or it is no sentence."""
    if len(sentence) > _MOST_CHARACTERS:
        return None
    bare = copying.bare(sentence)
    prepared = copying.prepare(bare.text, network.wordpieces.alphabet)
    if not _has_letters(prepared):
        return None
    text = prepared.text.encode("utf-8", "replace").decode("utf-8")  # halves of pairs of surrogates are no text
    pieces = network.wordpieces.encode(text)
    if not 0 < len(pieces) <= MOST_PIECES:
        return None
    ids = network.wordpieces.framed(pieces, target)
    shown = network.wordpieces.read(ids)
    return _Reading(sentence, bare, prepared, ids, shown, alignment.Aligner(bare.text, prepared, shown))


def _has_letters(prepared: Prepared) -> bool:
    """Whether anything but what is copied has letters."""
    text = prepared.text
    for kept in prepared.kept:
        text = text.replace(kept.symbol or kept.text, " ", 1)
    return any(letter.isalpha() for letter in text)


class _Decoding:
    """A batch of sentences being translated."""

    def __init__(
        self,
        network: TranslationNetwork,
        readings: Sequence[_Reading],
        request: Translate | TranslateAll,
        published: bool,
    ) -> None:
        """`published`: searched as the published GNMT was, which knows no coverage."""
        begin = time.perf_counter()
        self._network, self._readings, self._request = network, readings, request
        sources = [reading.ids for reading in readings]
        if published and not request.coverage:
            self._steps = nmt(
                network.read(sources),
                batch=len(sources),
                start=START,
                end=END,
                beam=request.beam,
                longest=[2 * len(ids) for ids in sources],
                alpha=request.alpha,
            )
        else:
            rules = _Rules(network, readings, request.coverage)
            self._steps = search(
                network.read(sources),
                batch=len(sources),
                start=START,
                end=END,
                beam=request.beam,
                longest=[2 * len(ids) + 6 for ids in sources],  # twice its wordpieces, and ten
                alpha=request.alpha,
                penalty=rules.penalty if rules.wanted or request.coverage else None,
                allowed=rules.allowed,
                exact=False,
            )
        self._groups: list[list[Hypothesis]] = []
        self._ms = 1000 * (time.perf_counter() - begin)
        self._seen: tuple[str, ...] = ()  # the pieces that `grown` has shown
        self._shown = ""

    def tokens(self) -> Generator[None, None, None]:
        """One further each time; `grown` and `translated` are about what is there then."""
        while True:
            begin = time.perf_counter()
            groups = next(self._steps, None)
            if groups is None:
                return
            self._groups = groups
            self._ms += 1000 * (time.perf_counter() - begin)
            yield

    def grown(self) -> Growing | None:
        """The whole words of the first sentence's best hypothesis; None where nothing is new. What is copied is there
        once its symbol was said."""
        reading, best = self._readings[0], self._groups[0][0]
        chain = _said(best)
        pieces = self._network.wordpieces.pieces(spoken.token for spoken in chain)
        if not best.finished:  # the last word may go on
            pieces = pieces[: max((k for k, piece in enumerate(pieces) if piece.startswith("▁")), default=0)]
        if not pieces or pieces == self._seen:
            return None
        self._seen = pieces
        said = "".join(pieces)
        kept = tuple(one for one in reading.prepared.kept if one.symbol and one.symbol in said)
        attention = _attention(chain, len(reading.ids))
        text = copying.restore(pieces, attention.tolist(), reading.pieces, replace(reading.prepared, kept=kept))
        if not text or self._shown.startswith(text):  # another hypothesis leads, and has not got further yet
            return None
        self._shown = text
        return Growing(reading.sentence, reading.bare.before + text)

    def translated(self, row: int) -> Translated:
        reading, request = self._readings[row], self._request
        return Translated(
            model=request.model,
            sentence=reading.sentence,
            source=request.source,
            target=request.target,
            translations=self._translations(row),
            source_pieces=reading.pieces,
            words=tuple(reading.bare.place(start, end) for start, end in reading.aligner.words),
            ms=self._ms / len(self._readings),
            device=self._network.device.name,
            runtime=self._network.runtime,
            source_ids=reading.ids,
        )

    def _translations(self, row: int) -> tuple[Translation, ...]:
        """Best first. What reads the same as a better one, and is only cut into other wordpieces, is left out."""
        found: dict[str, Translation] = {}
        for hypothesis in self._groups[row]:
            translation = self._translation(self._readings[row], hypothesis)
            found.setdefault(translation.text, translation)
        return tuple(found.values())

    def _translation(self, reading: _Reading, found: Hypothesis) -> Translation:
        chain = found.last.chain()
        ids = tuple(spoken.token for spoken in _said(found))
        pieces = self._network.wordpieces.pieces(ids)
        attention = np.zeros((len(pieces) + 1, len(reading.ids)), np.float32)
        attention[: len(chain)] = _attention(chain, len(reading.ids))
        probabilities = [math.exp(spoken.log_probability) for spoken in chain]
        text = copying.restore(pieces, attention.tolist(), reading.pieces, reading.prepared)
        words, links = reading.aligner.links(text, pieces, attention)
        if shift := len(reading.bare.before):
            words = tuple((start + shift, end + shift) for start, end in words)
        return Translation(
            text=reading.bare.before + text + reading.bare.after,
            pieces=pieces,
            probabilities=(*probabilities, 0.0)[: len(pieces) + 1],
            attention=attention,
            words=words,
            links=links,
            logprob=found.last.total,
            score=found.score,
            finished=found.finished,
            ids=ids,
        )


def _said(found: Hypothesis) -> list[Spoken]:
    """Without the end."""
    chain = found.last.chain()
    return chain[:-1] if found.finished else chain


def _attention(chain: Sequence[Spoken], source: int) -> np.ndarray:
    """(tokens, source) float32."""
    rows = [spoken.offers.attention[spoken.row][:source] for spoken in chain if spoken.offers.attention is not None]
    return np.asarray(rows, np.float32).reshape(-1, source)


class _Rules:
    """What a search may say, and what it had better have said: each symbol of the source once and no other one, no
    brackets where the source has none (lists of words taught them), and with `beta` Wu et al.'s coverage penalty, as in
    `app.nets.beam`, without torch."""

    def __init__(self, network: TranslationNetwork, readings: Sequence[_Reading], beta: float) -> None:
        self._readings, self._beta = readings, beta
        self._symbols: dict[str, int] = {}
        self._brackets: frozenset[int] = frozenset()
        if isinstance(network.wordpieces, Wordpieces):  # published ones have no symbols
            self._symbols, self._brackets = network.wordpieces.symbols, network.wordpieces.brackets
        self._all = frozenset(self._symbols.values())
        self.wanted = {
            i: {self._symbols[kept.symbol] for kept in reading.prepared.kept if kept.symbol in self._symbols}
            for i, reading in enumerate(readings)
            if any(kept.symbol for kept in reading.prepared.kept)
        }
        self._bare = [not re.search("[()]", reading.prepared.text) for reading in readings]

    def allowed(self, i: int, before: Spoken | None, token: int) -> bool:
        if token in self._all:
            said = before.chain() if before is not None else []
            return token in self.wanted.get(i, ()) and all(spoken.token != token for spoken in said)
        return not (self._bare[i] and token in self._brackets)

    def penalty(self, last: Spoken, i: int) -> float:
        chain, lost = last.chain(), 0.0
        if wanted := self.wanted.get(i):
            lost = -MISSING * len(wanted.difference(spoken.token for spoken in chain))
        if self._beta:
            covered = _attention(chain, len(self._readings[i].ids)).sum(0)  # (source,)
            lost += float(self._beta * np.log(np.clip(covered, 1e-9, 1)).sum())
        return lost


def _copy(sentence: str, request: Translate | TranslateAll, network: TranslationNetwork) -> Translated:
    """The sentence as it is: no network has read it."""
    words = alignment.words(sentence)
    copied = Translation(
        text=sentence,
        pieces=(),
        probabilities=(1.0,),
        attention=np.zeros((1, 0), np.float32),
        words=words,
        links=np.eye(len(words), dtype=np.float32),
        logprob=0.0,
        score=0.0,
        finished=True,
    )
    return Translated(
        model=request.model,
        sentence=sentence,
        source=request.source,
        target=request.target,
        translations=(copied,),
        source_pieces=(),
        words=words,
        ms=0.0,
        device=network.device.name,
        runtime=network.runtime,
    )


def _check_direction(card: Card, source: str, target: str) -> None:
    known = directions(card)
    if (source, target) in known:
        return
    into = "; ".join(f"{_name(a)} into {_name(b)}" for a, b in known) or "nothing that was measured"
    raise TranslateError(
        f"{card.name} can't translate from {_name(source)} into {_name(target)}: it knows {into}. Choose one of these."
    )


def _name(language: str) -> str:
    return NAMES.get(language, f"“{language[:20]}”")
