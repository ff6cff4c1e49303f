"""One picture or a video: the ways in, the caption, its words, the beam, the keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QColor, QGuiApplication, QImage

from tests.gui.dropping import drop, of_files

LEFT = Qt.MouseButton.LeftButton
RED = "a red bird sits on a branch"
GREEN = "a frog on green grass"


def runners(panel: Any) -> list[str]:
    return [row.bar.label for row in panel.right.bars.rows if row.bar is not None]


def test_empty_it_says_what_to_do_and_samples_work_with_one_click(panel: Any, qtbot: Any, answered: Any) -> None:
    assert panel.left.is_empty
    assert "what the network sees" in panel.right.caption.said
    qtbot.mouseClick(panel.left.empty.samples[0], LEFT)
    answered(panel)
    assert not panel.left.is_empty
    assert panel.session.source.name == "chelsea.jpg"
    assert panel.left.view.frame is panel.reading.answer.frame


def test_a_dropped_picture_is_described(panel: Any, picture: Any, answered: Any) -> None:
    drop(panel, of_files(picture("green-ä 1.png")))
    answered(panel, GREEN)
    assert "A frog on green grass." in panel.right.caption.accessibleDescription()


def test_pasted_pixels(panel: Any, answered: Any) -> None:
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(QColor(20, 40, 220))
    QGuiApplication.clipboard().setImage(image)
    panel.paste()
    answered(panel, "two people swim in the water")
    assert panel.session.source.name == "Pasted picture"
    assert panel.reading.answer.frame.pixels[0, 0].tolist() == [220, 40, 20]  # BGR


def test_an_address_alone_is_not_fetched(panel: Any) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/cat.jpg")])
    QGuiApplication.clipboard().setMimeData(mime)
    panel.paste()
    assert any("fetches nothing from the network" in sentence for sentence in panel.strips.sentences())
    assert panel.left.is_empty


def test_a_broken_picture_says_so_in_its_place(panel: Any, picture: Any, qtbot: Any) -> None:
    panel.open_paths([picture("broken.jpg")])
    qtbot.waitUntil(lambda: panel.left.view.sentence != "")
    assert panel.left.view.sentence == "broken.jpg could not be opened: the file is empty."
    assert panel.reading.caption is None


@pytest.mark.parametrize(
    ("names", "words", "acceptable"),
    [
        (["a.mp4"], "A video to describe", True),
        (["a.jpg"], "A picture to describe", True),
        (["a.jpg", "b.png"], "2 pictures to describe, one after the other", True),
        (["a.mp4", "b.mkv"], "One video at a time", False),
        (["a.psd"], "“a.psd” can't be opened: this file type isn't supported", False),
    ],
)
def test_hovering_says_what_will_happen(tmp_path: Path, names: list[str], words: str, acceptable: bool) -> None:
    from app.gui.caption.intake import offer

    found = offer(of_files(*(tmp_path / name for name in names)))
    assert (found.sentence, found.acceptable) == (words, acceptable)


def test_words_appear_as_they_are_decoded(panel: Any, picture: Any, engine: Any, qtbot: Any, answered: Any) -> None:
    for _ in range(1_000_000 - 3):
        engine.word_gate.acquire(blocking=False)
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: panel.right.caption.caption is not None and len(panel.right.caption.caption.words) == 3)
    assert panel.right.caption.caption.text == "a red bird"
    assert panel.reading.caption is None  # not an answer yet
    engine.word_gate.release(1_000)
    answered(panel, RED)


def test_stepping_lights_the_word_and_lists_what_else_could_stand_there(
    panel: Any, picture: Any, answered: Any, qtbot: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert panel.right.caption.current == 1
    assert runners(panel) == ["dog", "cat", "horse", "child", "bird"]
    assert "In place of “red” (61.0 %)" in panel.right.place.text()
    assert "“red”" in panel.left.attention.line.text()
    assert panel.left.view._attention is panel.reading.caption.words[1].attention
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    assert panel.right.caption.current == 0
    panel.cancel()
    assert panel.right.caption.current == -1
    assert runners(panel) == []


def test_hovering_does_the_same(panel: Any, picture: Any, answered: Any, qtbot: Any) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    view = panel.right.caption
    qtbot.mouseMove(view, view._placed[2].place.center().toPoint())
    qtbot.waitUntil(lambda: view.current == 2)
    assert "“bird”" in panel.left.attention.line.text()
    qtbot.mouseMove(view, QPoint(view.width() - 2, view.height() - 2))
    qtbot.waitUntil(lambda: view.current == -1)


def test_a_picked_word_leads_on_and_esc_goes_back(
    panel: Any, picture: Any, answered: Any, engine: Any, qtbot: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    panel.reading.step(1)
    panel.reading.step(1)
    panel.reading.step(1)
    qtbot.keyClick(panel, Qt.Key.Key_2)
    answered(panel, "a red cat sits on a branch")
    assert engine.seen[-1].prefix == ("a", "red", "cat")
    assert panel.right.caption.forced == 3
    assert "underlined: yours" in panel.right.about.text()
    assert panel.right.own.isVisible()
    panel.cancel()
    assert panel.reading.caption.text == RED
    assert panel.right.caption.forced == 0
    assert not panel.right.own.isVisible()


def test_a_click_on_a_bar_picks_too(panel: Any, picture: Any, answered: Any, qtbot: Any) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    panel.reading.step(-1)  # the last word
    qtbot.mouseClick(panel.right.bars.rows[0], LEFT)
    answered(panel, "a red bird sits on a dog")


def test_unsure_words_are_marked_and_said(panel: Any, picture: Any, answered: Any) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    assert "Unsure of: bird." in panel.right.caption.accessibleDescription()
    assert "dotted: unsure" in panel.right.about.text()


def test_the_beam_is_chosen_remembered_and_shown(
    panel: Any, picture: Any, answered: Any, engine: Any, qtbot: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    assert engine.seen[-1].beam == 3
    assert panel.right.sentences.count() == 3
    panel.right.beam.setCurrentIndex(4)
    qtbot.waitUntil(lambda: panel.right.sentences.count() == 5)
    assert panel.test_context.settings.value("caption.beam", 0) == 5
    panel.right.sentences.itemClicked.emit(panel.right.sentences.item(2))
    assert panel.reading.caption.text == "a red bird sits on a street"
    assert panel.right.caption.caption is panel.reading.caption
    assert "−8.50" in panel.right.about.text()


def test_attention_goes_and_comes_with_h(panel: Any, picture: Any, answered: Any, qtbot: Any) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    together = panel.left.view._attention
    assert together.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.allclose(together, np.mean([word.attention for word in panel.reading.caption.words], axis=0))
    assert panel.left.view.has_heat
    qtbot.keyClick(panel, Qt.Key.Key_H)
    assert not panel.left.view.has_heat
    assert panel.test_context.settings.value("caption.attention", True) is False
    panel.reading.step(1)
    assert not panel.left.view.has_heat
    qtbot.keyClick(panel, Qt.Key.Key_H)
    assert panel.left.view.has_heat


def test_copying(panel: Any, picture: Any, answered: Any) -> None:
    panel.open_paths([picture("green.png")])
    answered(panel)
    panel.copy()
    assert QGuiApplication.clipboard().text() == "A frog on green grass."


def test_keys_without_ctrl_can_be_switched_off(panel: Any, picture: Any, answered: Any, qtbot: Any) -> None:
    from app.gui.context import KEYS_KEY

    panel.test_context.settings.set(KEYS_KEY, False)
    panel.open_paths([picture("red.png")])
    answered(panel)
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert panel.right.caption.current == -1


def test_a_failure_is_said_once_and_can_be_tried_again(
    panel: Any, picture: Any, engine: Any, qtbot: Any, answered: Any
) -> None:
    engine.wrong = "The captioner can't be loaded: its file is damaged."
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: engine.wrong in panel.right.strips.sentences())
    engine.wrong = None
    panel.right.strips._shown[0].buttons[0].click()
    answered(panel, RED)
    assert panel.right.strips.sentences() == []


@pytest.mark.parametrize(
    ("state", "words"),
    [("absent", "Its file is missing"), ("damaged", "Its file is damaged"), ("none", "No network that describes")],
)
def test_without_its_model_it_says_so_and_still_plays(
    make_panel: Any, picture: Any, engine: Any, qtbot: Any, state: str, words: str
) -> None:
    panel = make_panel(state=state)
    assert panel.right.pages.currentWidget() is panel.right.absent
    assert words in panel.right.absent.words.text()
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: panel.left.view.frame is not None)
    assert engine.seen == []


def test_a_model_that_comes_answers_at_once(make_panel: Any, picture: Any, qtbot: Any, answered: Any) -> None:
    panel = make_panel(state="absent", official=True)
    started: list[str] = []
    panel.test_context.downloads.start = started.append
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: panel.left.view.frame is not None)
    panel.right.absent.download.click()
    assert panel.right.absent.download.isVisible()
    panel.test_context.store.now = "ready"
    panel.models_changed()
    answered(panel, RED)
