"""The Translate engine, with a stand-in for the network: what holds whatever it says; and with the embedded weights,
where they are there."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.engines.models import LoadModel, ModelStatus, ReleaseModel, UseDevice
from app.engines.translate import (
    MOST_PIECES,
    Growing,
    Translate,
    TranslateAll,
    Translated,
    TranslateEngine,
    TranslateError,
)
from app.runtimes import devices
from app.store.catalog import Store
from app.store.errors import StoreError
from app.text import sentences
from app.worker import Cancelled, Done, Partial, Ticket, Worker
from tests import parrots, translators
from tests.engines.steps import drain
from tests.parrots import MODEL, Babbler, Parrot

HUNGRY = "I am hungry, and you?"
BACKWARDS = "you? and hungry, am I"


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Parrot:
    return parrots.install(monkeypatch, tmp_path)


@pytest.fixture
def engine(parrot: Parrot) -> Iterator[TranslateEngine]:
    made = TranslateEngine(Store(), "cpu")
    yield made
    made.close()


def ask(engine: TranslateEngine, request: Any, ticket: Ticket | None = None) -> tuple[list[Any], Any]:
    """(what came on the way, what came at the end)."""
    return drain(engine.handle(request, ticket or Ticket("translate")))


def one(engine: TranslateEngine, sentence: str, **options: Any) -> Translated:
    """The translation of one sentence."""
    (translated,), _ = ask(engine, TranslateAll((sentence,), "en", "de", MODEL, **options))
    return translated


def holds(translated: Translated) -> None:
    """What is so of every translation."""
    assert translated.translations
    assert all(translated.sentence[a:b].strip() for a, b in translated.words)
    scores = [translation.score for translation in translated.translations]
    assert scores == sorted(scores, reverse=True)
    for translation in translated.translations:
        n = len(translation.pieces)
        assert len(translation.probabilities) == n + 1
        assert all(0 <= p <= 1 for p in translation.probabilities)
        assert translation.attention.shape == (n + 1, len(translated.source_pieces))
        assert translation.links.shape == (len(translation.words), len(translated.words))
        assert translation.attention.dtype == translation.links.dtype == np.float32
        assert translation.links.min(initial=0) >= 0
        assert translation.links.max(initial=0) <= 1
        assert all(translation.text[a:b].strip() for a, b in translation.words)
        assert not any(ord(letter) in range(0xFDD0, 0xFDF0) for letter in translation.text)


# Typing


def test_the_first_sentence_grows_word_by_word(engine: TranslateEngine) -> None:
    partials, count = ask(engine, Translate((HUNGRY, "Where do you live now?"), "en", "de", MODEL))
    assert count == 2
    growing = [partial.text for partial in partials if isinstance(partial, Growing)]
    assert growing == ["you?", "you? and", "you? and hungry,", "you? and hungry, am", BACKWARDS]
    assert {partial.sentence for partial in partials if isinstance(partial, Growing)} == {HUNGRY}
    first, second = (partial for partial in partials if isinstance(partial, Translated))
    assert partials.index(first) == len(growing)
    assert (first.sentence, first.translations[0].text) == (HUNGRY, BACKWARDS)
    assert second.translations[0].text == "now? live you do Where"
    assert (first.model, first.source, first.target, first.runtime) == (MODEL, "en", "de", "parrot")
    assert first.device == devices.cpu().name
    assert first.ms > 0
    holds(first)


def test_what_is_copied_grows_once_it_is_said(engine: TranslateEngine) -> None:
    sentence = "I am at https://a.example/x and hungry"
    partials, _ = ask(engine, Translate((sentence,), "en", "de", MODEL))
    growing = [partial.text for partial in partials if isinstance(partial, Growing)]
    assert growing[:3] == ["hungry", "hungry and", "hungry and https://a.example/x"]
    assert partials[-1].translations[0].text == "hungry and https://a.example/x at am I"


def test_the_first_comes_alone_and_the_rest_in_batches(engine: TranslateEngine, parrot: Parrot) -> None:
    """They grow; sorted by length within what is looked at at once, each sentence once."""
    texts = tuple(f"I am{' old' * (k % 5)} {'a' * k}." for k in range(1, 12))
    partials, count = ask(engine, Translate((*texts, texts[3]), "en", "de", MODEL))
    assert parrot.batches == [1, 2, 4, 4]
    answers = [partial for partial in partials if isinstance(partial, Translated)]
    assert count == 12
    assert answers[0].sentence == texts[0]
    assert sorted(answer.sentence for answer in answers) == sorted(texts)
    for batch in (answers[1:3], answers[3:7], answers[7:]):
        lengths = [len(answer.sentence) for answer in batch]
        assert lengths == sorted(lengths)
    for answer in answers:
        holds(answer)


def test_alone_or_among_others_the_same(engine: TranslateEngine) -> None:
    texts = (HUNGRY, "Where do you live now, old man in the garden?", "It is raining.")
    partials, _ = ask(engine, TranslateAll(texts, "en", "de", MODEL))
    for text, together in zip(texts, partials, strict=True):
        alone = one(engine, text)
        assert [t.text for t in together.translations] == [t.text for t in alone.translations]
        for a, b in zip(together.translations, alone.translations, strict=True):
            np.testing.assert_array_equal(a.attention, b.attention)
            np.testing.assert_array_equal(a.links, b.links)


@pytest.mark.parametrize("beam", [1, 5, 10])
def test_alternatives(engine: TranslateEngine, beam: int) -> None:
    translated = one(engine, HUNGRY, beam=beam)
    assert len(translated.translations) == beam
    assert translated.translations[0].text == BACKWARDS
    assert len({translation.pieces for translation in translated.translations}) == beam
    for translation in translated.translations:
        assert translation.finished
        assert translation.logprob == pytest.approx(sum(math.log(p) for p in translation.probabilities), abs=1e-6)
    holds(translated)


def test_both_penalties_count(engine: TranslateEngine) -> None:
    plain, long, covered = (
        one(engine, HUNGRY, alpha=alpha, coverage=coverage).translations[0]
        for alpha, coverage in ((0, 0), (1, 0), (1, 0.2))
    )
    assert plain.score == pytest.approx(plain.logprob)
    assert long.score == pytest.approx(long.logprob * 6 / (5 + len(long.pieces) + 1))
    share = np.log(np.clip(covered.attention.sum(0), 1e-9, 1)).sum()
    assert covered.score == pytest.approx(covered.logprob * 6 / (5 + len(covered.pieces) + 1) + 0.2 * share, rel=1e-5)


# Words of both sides


def test_words_are_linked_with_their_own(engine: TranslateEngine) -> None:
    translated = one(engine, HUNGRY)
    best = translated.translations[0]
    assert [HUNGRY[a:b] for a, b in translated.words] == ["I", "am", "hungry", "and", "you"]
    assert [best.text[a:b] for a, b in best.words] == ["you", "and", "hungry", "am", "I"]
    assert best.links.argmax(1).tolist() == [4, 3, 2, 1, 0]
    assert best.links.argmax(0).tolist() == [4, 3, 2, 1, 0]
    assert best.links.max(1).min() >= 0.8


def test_what_is_copied_is_linked_with_its_original(engine: TranslateEngine) -> None:
    sentence = "I paid 5 km/h to jane@mail.example and 🙂 over there"
    translated = one(engine, sentence)
    best = translated.translations[0]
    assert best.text == "there over 🙂 and jane@mail.example to 5 km/h paid I"
    source = [sentence[a:b] for a, b in translated.words]
    for (a, b), row in zip(best.words, best.links, strict=True):
        assert source[int(row.argmax())] == best.text[a:b]
        if best.text[a:b] in ("5", "km/h", "jane@mail.example", "🙂"):
            assert row.tolist() == [float(word == best.text[a:b]) for word in source]


# Nothing to translate, and what is no sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "", " ", " \t ", "🙂 🙂", "https://example.org/a", "你好，世界", "שלום עולם", "2 + 2 = 4", "…", "\x00\x07",
        "a" * 2000, "äöü" * MOST_PIECES, "\ud83d", "⟨1⟩ ⟨2⟩",
    ],
)  # fmt: skip
def test_a_faithful_copy(engine: TranslateEngine, parrot: Parrot, sentence: str) -> None:
    translated = one(engine, sentence)
    assert [translation.text for translation in translated.translations] == [sentence]
    assert parrot.batches == []
    assert translated.source_pieces == translated.translations[0].pieces == ()
    assert translated.translations[0].links.tolist() == np.eye(len(translated.words)).tolist()
    holds(translated)


def test_a_network_that_never_ends_is_cut(engine: TranslateEngine, parrot: Parrot) -> None:
    word = parrot.wordpieces.encode("hungry")
    parrot.said = lambda source: [(word[k % len(word)], 1) for k in range(10_000)]  # type: ignore[method-assign]
    translated = one(engine, HUNGRY, beam=1)
    (best,) = translated.translations
    assert not best.finished
    assert len(best.pieces) == 2 * (len(translated.source_pieces) - 2) + 10
    assert best.probabilities[-1] == 0
    assert not best.attention[-1].any()
    holds(translated)


# Documents


def test_a_document_keeps_its_order(engine: TranslateEngine, parrot: Parrot) -> None:
    """More than is sorted at once; lines that come again are translated once within it."""
    texts = tuple(f"{'We see ' * (k * 7 % 11)}{k}{'th' * (k % 3)} bird." for k in range(25)) + (HUNGRY,) * 3
    partials, count = ask(engine, TranslateAll(texts, "en", "de", MODEL, beam=2))
    assert [partial.sentence for partial in partials] == list(texts)
    assert all(isinstance(partial, Translated) for partial in partials)
    assert count == len(texts)
    assert sum(parrot.batches) <= 27
    assert max(parrot.batches) == parrot.best_batch


def test_asked_again_it_goes_on_behind_what_is_answered(engine: TranslateEngine) -> None:
    texts = tuple(f"The old man reads {'a book ' * (k % 4)}in garden {k}." for k in range(20))
    for request in (TranslateAll(texts, "en", "de", MODEL, beam=1), Translate(texts, "en", "de", MODEL, beam=1)):
        ticket = Ticket("translate")
        steps = engine.handle(request, ticket)
        answers: list[Translated] = []
        while len(answers) < 7:
            if isinstance(value := next(steps), Translated):
                answers.append(value)
        steps.close()
        rest, count = ask(engine, request, ticket)
        found = [answer.sentence for answer in (*answers, *rest) if isinstance(answer, Translated)]
        assert count == len(texts)
        assert sorted(found) == sorted(texts)
        if isinstance(request, TranslateAll):
            assert found == list(texts)


def test_a_full_gpu_is_left_for_the_cpu_and_nothing_is_answered_twice(
    parrot: Parrot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the worker: its notice, then the rest."""
    monkeypatch.setattr(devices, "free_memory", lambda error: None)
    read = parrot.read

    def full(sources: Any) -> Any:
        if len(parrot.batches) == 2:
            parrot.batches.append(0)
            raise RuntimeError("CUDA error: out of memory")
        return read(sources)

    monkeypatch.setattr(parrot, "read", full)
    store = Store()

    def make() -> TranslateEngine:
        made = TranslateEngine(store, "cpu")
        made._device = devices.Device("cuda", "A card")
        return made

    texts = tuple(f"Where do you live now, {'old ' * k}man?" for k in range(1, 13))
    answers = through_a_worker(make, TranslateAll(texts, "en", "de", MODEL, beam=1))
    assert [answer.value.sentence for answer in answers if isinstance(answer, Partial)] == list(texts)
    assert "The memory of A card is full" in next(a.sentence for a in answers if type(a).__name__ == "Notice")


# Cancelling


def through_a_worker(make: Any, request: Any, on_partial: Any = None) -> list[Any]:
    """All that is answered until the end."""
    answers: list[Any] = []
    ended, known = threading.Event(), threading.Event()
    tickets: list[Ticket] = []

    def deliver(answer: Any) -> None:
        answers.append(answer)
        if isinstance(answer, Partial) and on_partial is not None:
            known.wait(10)
            on_partial(tickets[0])
        if isinstance(answer, Cancelled | Done):
            ended.set()

    worker = Worker({"translate": make}, deliver)
    worker.start()
    try:
        tickets.append(worker.enqueue("translate", request))
        known.set()
        assert ended.wait(60)
    finally:
        worker.close(10)
    return answers


def test_cancelling_acts_within_a_token(parrot: Parrot) -> None:
    store = Store()
    answers = through_a_worker(
        lambda: TranslateEngine(store, "cpu"), Translate((HUNGRY,), "en", "de", MODEL), lambda ticket: ticket.cancel()
    )
    assert isinstance(answers[-1], Cancelled)
    assert [answer.value.text for answer in answers if isinstance(answer, Partial)] == ["you?"]


def test_each_token_is_a_step(engine: TranslateEngine) -> None:
    steps = engine.handle(TranslateAll((HUNGRY, "It is raining today."), "en", "de", MODEL), Ticket("translate"))
    before = 0
    while (answer := next(steps)) is None:
        before += 1
    steps.close()
    assert before > len(answer.translations[0].pieces)


# Wrong requests, models and the device


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Translate((HUNGRY,), "en", "ja", MODEL), "GNMT can't translate from English into “ja”"),
        (Translate((HUNGRY,), "de", "de", MODEL), "it knows English into German; German into English"),
        (Translate((HUNGRY,), "en", "fr", MODEL), "GNMT can't translate from English into French"),  # not measured
        (TranslateAll((HUNGRY,), "x" * 99, "de", MODEL), "from “xxxxxxxxxxxxxxxxxxxx” into"),
        (TranslateAll((HUNGRY,), "en", "de", MODEL, beam=11), "A beam of 11 can't be searched"),
        (TranslateAll((HUNGRY,), "en", "de", MODEL, beam=0), "A beam of 0 can't be searched"),
        (TranslateAll((HUNGRY,), "en", "de", MODEL, alpha=math.nan), "A length penalty of nan makes no sense"),
        (TranslateAll((HUNGRY,), "en", "de", MODEL, coverage=-1), "A coverage penalty of -1 makes no sense"),
    ],
)
def test_what_cannot_be_done_is_said(engine: TranslateEngine, request_: Any, said: str) -> None:
    with pytest.raises(TranslateError) as raised:
        ask(engine, request_)
    assert said in (engine.explain(raised.value) or "")


def test_it_is_loaded_and_released(engine: TranslateEngine) -> None:
    _, status = ask(engine, LoadModel(MODEL))
    assert isinstance(status, ModelStatus)
    assert (status.loaded, status.runtime) == (True, "parrot")
    assert ask(engine, ReleaseModel(MODEL))[1] == ModelStatus(MODEL, False)
    assert ask(engine, UseDevice("cpu"))[1] == devices.cpu().name
    with pytest.raises(TypeError, match="no answer to str"):
        ask(engine, "hello")
    with pytest.raises(StoreError, match="There is no model “nobody”") as raised:
        ask(engine, Translate((HUNGRY,), "en", "de", "nobody"))
    assert engine.explain(raised.value)


def test_nothing_to_do(engine: TranslateEngine) -> None:
    assert ask(engine, Translate((), "en", "de", MODEL)) == ([], 0)
    assert ask(engine, TranslateAll((), "en", "de", MODEL)) == ([], 0)


# Anything at all

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
LIKELY = st.lists(
    st.sampled_from(
        ["I", "am", "hungry,", "„schön“", "⟨1⟩", "⟨7⟩", "5 km", "a@b.example", "🙂", "世界", "שלום", "\u202b", "\x00",
         "e\u0301", "½", "ﬁsh", "\u00a0", "\n", "\ud800", "https://x.example/%20", "{name}", "<b>", "\u2581", "<2de>",
         "</s>", "<unk>"]
    ),
    max_size=12,
).map(" ".join)  # fmt: skip


@pytest.fixture(scope="module")
def babbling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TranslateEngine]:
    with pytest.MonkeyPatch.context() as patch:
        parrots.install(patch, tmp_path_factory.mktemp("weights"), Babbler)
        yield TranslateEngine(Store(), "cpu")


@settings(max_examples=60)
@given(text=ANYTHING | LIKELY, beam=st.sampled_from([1, 3]))
@example(text="I am ½ hungry … e\u0301 \ud800 ⟨1⟩", beam=2)
@example(text="한국어 and 中文 x 日本 y русский z ελληνικά w ไทย v हिन्दी u " * 2, beam=1)
def test_any_text_gives_a_sentence_or_a_copy(babbling: TranslateEngine, text: str, beam: int) -> None:
    """As one sentence, and cut into sentences."""
    cut = sentences.split(text, "en")
    texts = (text, *(sentence.text for sentence in cut.sentences))
    answers, count = ask(babbling, TranslateAll(texts, "en", "de", MODEL, beam=beam))
    assert count == len(texts) == len(answers)
    for given_, answer in zip(texts, answers, strict=True):
        assert answer.sentence == given_
        holds(answer)
    growing, _ = ask(babbling, Translate(texts, "en", "de", MODEL, beam=beam))
    assert {answer.sentence for answer in growing} == set(texts)
    joined = cut.join([answer.translations[0].text for answer in answers[1:]])
    assert len(joined.splitlines()) >= len(text.splitlines()) - sum(
        len(sentence.source.splitlines()) - 1 for sentence in cut.sentences
    )


def test_a_megabyte_on_one_line(babbling: TranslateEngine) -> None:
    """Of one letter, of Chinese, of words: the first two stand for themselves; of the third the beginning is enough."""
    for text in ("x" * 1_000_000, "世界" * 500_000, " " * 1_000_000, "🙂" * 1_000_000):
        assert one(babbling, text).translations[0].text == text
        assert not sentences.split(text, "en").sentences
    cut = sentences.split("we see the old man " * 53_000, "en").sentences
    assert max(len(sentence.text) for sentence in cut) <= sentences.LONGEST
    answers, _ = ask(babbling, TranslateAll(tuple(sentence.text for sentence in cut[:20]), "en", "de", MODEL, beam=1))
    for answer in answers:
        assert answer.source_pieces  # read, not copied
        holds(answer)


# Through the runtime, with random weights


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[TranslateEngine]:
    translators.install(monkeypatch)
    made = TranslateEngine(Store(), "cpu")
    yield made
    made.close()


def test_a_network_is_asked(real: TranslateEngine) -> None:
    """Alone, growing, and among others of other lengths: the same words."""
    texts = (
        "The dog runs.", "Where is the nearest station, and can you help me find my 5 km/h keys at a@b.example?",
        "She has lived in this house for ten years.", "日本 and café 🙂 \ud800", "…",
    )  # fmt: skip
    for coverage in (0.0, 0.2):
        together, count = ask(real, TranslateAll(texts, "en", "de", MODEL, beam=4, coverage=coverage))
        assert count == len(texts)
        for text, answer in zip(texts, together, strict=True):
            holds(answer)
            *growing, alone = ask(real, Translate((text,), "en", "de", MODEL, beam=4, coverage=coverage))[0]
            assert all(isinstance(partial, Growing) for partial in growing)
            best, other = answer.translations[0], alone.translations[0]
            assert best.score == pytest.approx(other.score, rel=0.02)
            np.testing.assert_allclose(best.attention.sum(1)[:-1], 1 if answer.source_pieces else 0, atol=1e-3)
    assert "a@b.example" in together[1].translations[0].text
    assert together[-1].translations[0].text == "…"


def test_tags_stay_around_the_sentence(engine: TranslateEngine, parrot: Parrot) -> None:
    (found,) = ask(engine, Translate(("I am <i>hungry</i>, and you?",), "en", "de", MODEL))[0][-1:]
    best = found.translations[0]
    assert best.text == "<i>you? and hungry, am I</i>"
    said, read = (
        [text[a:b] for a, b in words] for text, words in ((best.text, best.words), (found.sentence, found.words))
    )
    assert said == ["you", "and", "hungry", "am", "I"]
    assert read == ["I", "am", "hungry", "and", "you"]
    assert [read[k] for k in best.links.argmax(1)] == said
