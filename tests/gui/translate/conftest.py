"""An engine that translates without a network, and a panel around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.gui.stand_in import StandIn

WORDS = {"dog": "Hund", "the": "der", "a": "ein", "runs": "läuft", "man": "Mann", "Hund": "dog", "der": "the"}


class FakeTranslator(StandIn):
    """Word by word, in the same order; a word that it doesn't know it shouts."""

    def __init__(self) -> None:
        super().__init__()
        self.word_gate = threading.Semaphore(1_000_000)  # a word of the first sentence needs one
        self.loaded: list[str] = []

    def answer(self, request: Any) -> Any:
        from app.engines import translate
        from app.engines.models import LoadModel, ModelStatus

        match request:
            case translate.Translate(sentences=sentences):
                for number, sentence in enumerate(sentences):
                    yield from self.held()
                    words = self.said(sentence).split()
                    for k in range(len(words)) if number == 0 else ():
                        while not self.word_gate.acquire(timeout=0.005):
                            yield None
                        yield translate.Growing(sentence, " ".join(words[: k + 1]))
                    yield self.translated(request, sentence)
                return len(sentences)
            case translate.TranslateAll(sentences=sentences):
                for sentence in sentences:
                    yield from self.held()
                    yield self.translated(request, sentence)
                return len(sentences)
            case LoadModel(model=model):
                self.loaded.append(model)
                return ModelStatus(model, True, "CPU, test", "openvino", 1.0)

    def said(self, sentence: str) -> str:
        return " ".join(WORDS.get(word) or word.upper() for word in sentence.split(" "))

    def translated(self, request: Any, sentence: str) -> Any:
        from app.engines.translate import Translated

        texts = [self.said(sentence)] + [self.said(sentence) + f" ({k})" for k in range(2, request.beam + 1)]
        one = [self.translation(sentence, text, k) for k, text in enumerate(texts)]
        source = (f"<2{request.target}>", *(f"▁{word}" for word in sentence.split()), "</s>")
        return Translated(
            request.model, sentence, request.source, request.target, tuple(one), source, words(sentence), 10.0,
            "CPU, test", "openvino",
        )  # fmt: skip

    def translation(self, sentence: str, text: str, k: int) -> Any:
        from app.engines.translate import Translation

        pieces = tuple(f"▁{word}" for word in text.split())
        read = len(sentence.split()) + 2
        attention = np.full((len(pieces) + 1, read), 0.2 / read, np.float32)
        for row in range(len(pieces) + 1):
            attention[row, min(row + 1, read - 1)] += 0.8
        links = np.zeros((len(words(text)), len(words(sentence))), np.float32)
        for row in range(min(links.shape)):
            links[row, row] = 0.8
        return Translation(
            text, pieces, (0.9,) * (len(pieces) + 1), attention, words(text), links, -1.0 - k, -0.5 - 0.1 * k, True
        )


def words(text: str) -> tuple[tuple[int, int], ...]:
    from app.text import alignment

    return alignment.words(text)


@pytest.fixture
def engine() -> FakeTranslator:
    return FakeTranslator()


@pytest.fixture
def engines(engine: FakeTranslator) -> dict[str, Callable[[], Any]]:
    return {"translate": lambda: engine}


class TranslatorStore:
    """One translator's card, made of EfficientNet's."""

    def __init__(self, folders: Any, state: str = "ready", official: bool = False, directions: str = "") -> None:
        from dataclasses import replace

        from app.store.cards import Measurement
        from app.store.catalog import Store

        base = Store(folders).card("efficientnet-lite0")
        self.folders, self.now = folders, state
        self._card = replace(
            base,
            id="gnmt",
            name="GNMT",
            task="translate",
            year=2016,
            measured=tuple(
                Measurement(f"tatoeba-dev {one}, beam 5", None, None, "", (("BLEU", 24.1),))
                for one in directions.split()
            ),
            summary="Eight LSTM layers that read and eight that speak.",
            limits="Short everyday sentences; it makes things up elsewhere.",
            addresses=("https://example.org/gnmt.safetensors",) if official else (),
            extra=(("directions", "en-de de-en"), ("alpha", 0.8), ("coverage", 0.1)),
        )

    def cards(self, task: str | None = None) -> Any:
        return (self._card,) if task in (None, "translate") and self.now != "none" else ()

    def card(self, model: str) -> Any:
        return self._card

    def state(self, card: Any) -> Any:
        from app.store.catalog import State

        return State(self.now)

    def size(self, card: Any) -> Any:
        return card.approximate_size

    def self_check(self, card: Any) -> None:
        return None


@pytest.fixture
def make_panel(qtbot: Any, home: Any, make_context: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A panel in view, as the window brings it there. `state` is that of the model's file, "none" for no model."""
    from app.gui.translate.panel import TranslatePanel
    from app.store.locate import folders

    panels = []

    def make(
        state: str = "ready", size: Any = (1280, 760), official: bool = False, directions: str = "en-de de-en"
    ) -> Any:
        context = make_context(TranslatorStore(folders(), state, official, directions))
        panel = TranslatePanel(context)
        panel.test_context = context
        qtbot.addWidget(panel)
        panel.resize(*size)
        panel.show()
        panel.shown()
        context.worker.start()
        panels.append(panel)
        return panel

    yield make
    for panel in panels:
        panel.close_panel(5.0)


@pytest.fixture
def panel(make_panel: Callable[..., Any]) -> Any:
    return make_panel()


@pytest.fixture
def shows(qtbot: Any) -> Callable[..., None]:
    """Waits until that stands in the other field, and nothing is on its way."""

    def wait(panel: Any, text: str) -> None:
        def ready() -> bool:
            return panel.right.field.text == text and panel.settled and not panel.session.working

        try:
            qtbot.waitUntil(ready, timeout=8000)
        except Exception:
            raise AssertionError(f"{panel.right.field.text!r} is shown, not {text!r}") from None

    return wait
