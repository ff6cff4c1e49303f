"""Captions in another language as well: which languages are offered, what is asked, and where translations stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.engines.models import UseDevice
from app.engines.translate import Translate, Translated, Translation
from app.gui.caption import translating
from app.gui.caption.history import TRANSLATION_ROLE
from app.gui.caption.session import Kind
from app.store.cards import Card, Measurement
from tests.gui.stand_in import StandIn

RED, GREEN = "a red bird sits on a branch", "a frog on green grass"
SENTENCES = {RED: "A red bird sits on a branch.", GREEN: "A frog on green grass."}


class Interpreter(StandIn):
    """Says a sentence in capitals, and which language it was asked for."""

    def answer(self, request: Any) -> Any:
        if isinstance(request, Translate):
            for sentence in request.sentences:
                text = f"{request.target}: {sentence.upper()}"
                links = np.zeros((0, 0), np.float32)
                said = Translation(text, (), (1.0,), links, (), links, 0.0, 0.0, True)
                yield Translated(request.model, sentence, "en", request.target, (said,), (), (), 1.0, "CPU", "fake")
            return len(request.sentences)
        return None

    def sentences(self) -> list[str]:
        return [sentence for request in self.asked(Translate) for sentence in request.sentences]


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter()


@pytest.fixture
def engines(engine: Any, interpreter: Interpreter) -> dict[str, Callable[[], Any]]:
    return {"caption": lambda: engine, "translate": lambda: interpreter}


def translator(panel: Any, directions: str, measured: str, name: str = "gnmt") -> Card:
    """A card like the captioner's."""
    scores = (("BLEU", 23.0),)
    return replace(
        panel.test_context.store.card("captioner"), id=name, name="GNMT", task="translate", preprocessing=None,
        measured=tuple(Measurement(f"tatoeba-dev {d}, beam 5", None, None, "", scores) for d in measured.split()),
        extra=(("directions", directions), ("alpha", 0.7), ("coverage", 0.1)),
    )  # fmt: skip


def bring(panel: Any, *cards: Card) -> None:
    """These translators are on the machine from now on."""
    store = panel.test_context.store
    captioners = store.cards("caption")
    store.cards = lambda task=None: cards if task == "translate" else captioners if task == "caption" else ()
    panel.models_changed()


@pytest.fixture
def german(panel: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A panel with a translator into German and French, of which only German was measured; German is wanted."""
    monkeypatch.setattr(translating, "MOST_REST", 1)
    bring(panel, translator(panel, "en-de de-en en-fr", "en-de de-en"))
    choose(panel, "de")
    return panel


def choose(panel: Any, language: str) -> None:
    """As a person does."""
    chooser = panel.right.language
    chooser.setCurrentIndex(chooser.findData(language))
    chooser.activated.emit(chooser.currentIndex())


def test_without_a_translator_there_is_nothing_to_choose(panel: Any) -> None:
    assert panel.right.language.isHidden()
    assert panel.right.translation.isHidden()


def test_only_measured_languages_are_offered_and_the_others_say_why(german: Any) -> None:
    chooser = german.right.language
    assert chooser.isVisible()
    assert [chooser.itemText(k) for k in range(chooser.count())] == [
        "English only", "and German", "and French", "and Spanish",
    ]  # fmt: skip
    enabled = [bool(chooser.model().item(k).flags() & Qt.ItemFlag.ItemIsEnabled) for k in range(chooser.count())]
    assert enabled == [True, True, False, False]
    why = chooser.itemData(chooser.findData("fr"), Qt.ItemDataRole.ToolTipRole)
    assert why == "No translator from English into French whose quality is measured is on this machine."
    bring(german)
    assert chooser.isHidden()
    assert german.right.translation.isHidden()


def test_the_caption_stands_there_in_both_languages(
    german: Any, picture: Any, answered: Any, interpreter: Interpreter, qtbot: Any
) -> None:
    german.open_paths([picture("red.png")])
    answered(german, RED)
    line = german.right.translation
    qtbot.waitUntil(lambda: line.text() == "de: A RED BIRD SITS ON A BRANCH.")
    assert line.isVisible()
    assert line.isEnabled()
    (request,) = interpreter.asked(Translate)
    assert (request.source, request.target, request.model) == ("en", "de", "gnmt")
    assert (request.alpha, request.coverage) == (0.7, 0.1)
    (row,) = german.history.rows
    assert row.translation == line.text()
    assert german.history.index(0, 0).data(TRANSLATION_ROLE) == line.text()
    assert german.history.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole).endswith(line.text())
    german.copy()
    assert QGuiApplication.clipboard().text() == f"{SENTENCES[RED]}\n{line.text()}"
    assert german.history.text_of([0]).split("\t")[1:3] == [SENTENCES[RED], line.text()]


def test_one_question_at_a_time_and_the_newest_wins(
    german: Any, interpreter: Interpreter, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter.gate.clear()
    found: list[tuple[str, str]] = []
    german.translations.found.connect(lambda *pair: found.append(pair))
    for text in ("one", "two", "three", "four"):
        german.translations.want(text)
    german.translations.want_older(["past", "one"])
    interpreter.gate.set()
    qtbot.waitUntil(lambda: ("past", "de: PAST.") in found)
    assert interpreter.sentences() == ["One.", "Four.", "Past."]  # "one" was known when its turn came
    german.translations.want("four")
    assert found[-1] == ("four", "de: FOUR.")  # at once, and asked no more
    assert len(interpreter.seen) == 3


def test_a_document_in_the_queue_holds_no_captions_up(
    german: Any, interpreter: Interpreter, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.engines.translate import TranslateAll

    monkeypatch.setattr(translating, "PATIENCE", 0.05)
    answer = interpreter.answer

    def slow(request: Any) -> Any:
        if isinstance(request, TranslateAll):
            while True:  # a long one
                yield None
        return (yield from answer(request))

    interpreter.answer = slow  # type: ignore[method-assign]
    document = german.test_context.worker.enqueue("translate", TranslateAll(("Long.",), "en", "de", "gnmt"))
    german.translations.want("one")
    qtbot.wait(80)
    with qtbot.waitSignal(german.translations.found) as heard:
        german.translations.want("two")
    assert heard.args == ["two", "de: TWO."]
    document.cancel()


def test_after_a_translation_captions_have_their_turn(german: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translating, "MOST_REST", 60_000)
    translations = german.translations
    begun: list[int] = []
    monkeypatch.setattr(translations._rest, "start", begun.append)
    monkeypatch.setattr(translating.time, "perf_counter", iter((10.0, 10.25)).__next__)
    with qtbot.waitSignal(translations.found):
        translations.want("one")
    qtbot.waitUntil(lambda: begun == [250])  # as long as it took


def test_all_that_was_said_is_translated_when_a_language_is_chosen(
    german: Any, picture: Any, answered: Any, interpreter: Interpreter, qtbot: Any
) -> None:
    choose(german, "")
    german.open_paths([picture("red.png")])
    answered(german, RED)
    german.open_paths([picture("green.png")])
    answered(german, GREEN)
    qtbot.wait(20)
    assert interpreter.seen == []
    assert german.right.translation.isHidden()
    choose(german, "de")
    qtbot.waitUntil(lambda: all(row.translation for row in german.history.rows))
    assert interpreter.sentences() == [SENTENCES[GREEN], SENTENCES[RED]]
    choose(german, "")
    assert [entry.translation for entry in german.history.entries] == [None, None]
    assert [row.translation for row in german.history.rows] == ["", ""]


def test_pictures_of_a_folder_are_translated_too(
    german: Any, picture: Any, interpreter: Interpreter, qtbot: Any
) -> None:
    folder = picture("red.png", "many").parent
    picture("green.png", "many")
    picture("red-2.png", "many")
    german.open_paths([folder])
    qtbot.waitUntil(lambda: len(german.history.rows) == 3 and all(row.translation for row in german.history.rows))
    assert sorted(interpreter.sentences()) == sorted(SENTENCES.values())  # each once


@pytest.mark.parametrize("ending", ["srt", "vtt", "csv", "json"])
def test_what_is_saved_has_both(
    german: Any, hand: Any, answered: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    german.right.raw.setChecked(True)
    video = hand("clip.mp4", live=False)
    german.watching.play(video, Kind.MOVING)
    video.frames.append("red")
    answered(german, RED)
    video.frames += ["red"] * 3
    qtbot.waitUntil(lambda: bool(german.history.rows[0].translation))
    target = tmp_path / f"both.{ending}"
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(target), ""))
    german.save_captions()
    qtbot.waitUntil(target.exists)
    text = target.read_text("utf-8")
    assert RED in text
    assert "de: A RED BIRD SITS ON A BRANCH." in text
    if ending == "json":
        assert json.loads(text)["captions"][0]["translation"] == "de: A RED BIRD SITS ON A BRANCH."


def test_a_failure_is_said_once_and_can_be_tried_again(
    german: Any, picture: Any, answered: Any, interpreter: Interpreter, qtbot: Any
) -> None:
    interpreter.wrong = "The file of GNMT is damaged."
    german.open_paths([picture("red.png")])
    answered(german, RED)
    qtbot.waitUntil(lambda: interpreter.wrong in german.strips.sentences())
    german.open_paths([picture("green.png")])
    answered(german, GREEN)
    assert len(interpreter.seen) == 1
    interpreter.wrong = None
    (strip,) = german.strips._shown
    strip.buttons[0].click()
    qtbot.waitUntil(lambda: german.right.translation.text() == "de: A FROG ON GREEN GRASS.")


def test_the_language_is_remembered(make_panel: Any, german: Any) -> None:
    assert german.test_context.settings.value("caption.language", "") == "de"


def test_a_translator_that_comes_and_goes(
    german: Any, picture: Any, answered: Any, interpreter: Interpreter, qtbot: Any
) -> None:
    german.open_paths([picture("red.png")])
    answered(german, RED)
    qtbot.waitUntil(lambda: bool(german.history.rows[0].translation))
    bring(german)
    assert german.history.rows[0].translation == ""
    bring(german, translator(german, "en-de", "en-de", name="gnmt-2"))
    qtbot.waitUntil(lambda: bool(german.history.rows[0].translation))
    assert interpreter.asked(Translate)[-1].model == "gnmt-2"


def test_another_device(german: Any, interpreter: Interpreter, qtbot: Any) -> None:
    german.test_context.settings.set("device", "cpu")
    with qtbot.waitSignal(german.translations.found):
        german.translations.want("one")
    assert [type(request) for request in interpreter.seen] == [UseDevice, Translate]


def test_what_was_translated_stays_when_a_failure_is_tried_again(
    german: Any, picture: Any, answered: Any, interpreter: Interpreter, qtbot: Any
) -> None:
    german.open_paths([picture("red.png")])
    answered(german, RED)
    qtbot.waitUntil(lambda: bool(german.history.rows[0].translation))
    interpreter.wrong = "The file of GNMT is damaged."
    german.open_paths([picture("green.png")])
    answered(german, GREEN)
    qtbot.waitUntil(lambda: interpreter.wrong in german.strips.sentences())
    interpreter.wrong = None
    interpreter.gate.clear()
    german.strips._shown[0].buttons[0].click()
    assert german.history.rows[0].translation == "de: A RED BIRD SITS ON A BRANCH."
    interpreter.gate.set()
    qtbot.waitUntil(lambda: german.right.translation.text() == "de: A FROG ON GREEN GRASS.")


def test_many_older_captions_hold_nothing_up(german: Any) -> None:
    class Counted(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return str.__eq__(self, other)

    german.translations.want_older(Counted(f"caption {k}") for k in range(1000))
    german.translations.want_older(Counted(f"caption {k}") for k in range(1000))
    assert Counted.compared < 10_000
