"""Typing, and what is shown meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication, QTextCursor

from app.text.history import Entry

LEFT = Qt.MouseButton.LeftButton


def put_cursor(field: Any, place: int) -> None:
    cursor = field.textCursor()
    cursor.setPosition(place)
    field.setTextCursor(cursor)


def test_what_is_typed_is_translated(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    qtbot.keyClicks(panel.left.field, "the dog runs.")
    shows(panel, "der Hund RUNS.")
    assert panel.right.copy.isEnabled()
    request = engine.asked("Translate")[-1]
    assert (request.source, request.target, request.model) == ("en", "de", "gnmt")
    assert (request.beam, request.alpha, request.coverage) == (5, 0.8, 0.1)  # the card's


def test_samples_work_with_one_click(panel: Any, qtbot: Any) -> None:
    assert panel.left.samples.isVisible()
    qtbot.mouseClick(panel.left.samples.buttons[0], LEFT)
    assert not panel.left.samples.isVisible()
    qtbot.waitUntil(lambda: "STATION?" in panel.right.field.text)


def test_typed_letter_by_letter_it_ends_as_when_pasted_at_once(
    panel: Any, make_panel: Any, qtbot: Any, shows: Any
) -> None:
    text = "the man runs. a dog, too!\n\n- one thing\n-  another 🍓 thing… and more?"
    for letter in text:
        panel.left.field.textCursor().insertText(letter)
        qtbot.wait(2)
    other = make_panel()
    other.left.field.insert(text)
    qtbot.waitUntil(lambda: other.session.page is not None and other.session.page.complete)
    shows(panel, other.right.field.text)
    assert "- ONE THING\n-  ANOTHER 🍓 THING…" in panel.right.field.text


def test_words_appear_as_they_are_decoded_and_the_old_translation_stays(
    panel: Any, engine: Any, qtbot: Any, shows: Any
) -> None:
    while engine.word_gate.acquire(blocking=False):
        pass
    panel.left.field.insert("the dog runs")
    engine.word_gate.release(2)
    qtbot.waitUntil(lambda: panel.right.field.text == "der Hund")
    engine.word_gate.release(1_000)
    shows(panel, "der Hund läuft")
    while engine.word_gate.acquire(blocking=False):
        pass
    panel.left.field.insert(" home")
    qtbot.waitUntil(lambda: len(engine.asked("Translate")) == 2)
    engine.word_gate.release(2)
    qtbot.wait(50)
    assert panel.right.field.text == "der Hund läuft"
    engine.word_gate.release(1_000)
    shows(panel, "der Hund läuft HOME")


def test_a_key_stroke_cancels_what_runs(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    while engine.word_gate.acquire(blocking=False):
        pass
    panel.left.field.insert("the dog runs over the hills and far away")
    qtbot.waitUntil(lambda: len(engine.asked("Translate")) == 1)
    panel.left.field.insert(" today")
    qtbot.waitUntil(lambda: len(engine.asked("Translate")) == 2, timeout=2000)
    engine.word_gate.release(1_000)
    shows(panel, "der Hund läuft OVER der HILLS AND FAR AWAY TODAY")


def test_what_is_nearly_finished_may_end(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    while engine.word_gate.acquire(blocking=False):
        pass
    panel.session._patience.setInterval(60_000)
    panel.left.field.insert("the dog runs home")
    engine.word_gate.release(3)
    qtbot.waitUntil(lambda: panel.right.field.text == "der Hund läuft")
    panel.left.field.insert(" today")
    qtbot.wait(200)
    assert len(engine.asked("Translate")) == 1
    engine.word_gate.release(1)
    qtbot.waitUntil(lambda: panel.right.field.text == "der Hund läuft HOME")  # better than nothing
    engine.word_gate.release(1_000)
    shows(panel, "der Hund läuft HOME TODAY")


def test_only_what_changed_is_asked_for_and_the_cursor_s_sentence_first(
    panel: Any, engine: Any, qtbot: Any, shows: Any
) -> None:
    panel.left.field.insert("one dog. two dogs. three dogs.")
    shows(panel, "ONE DOG. TWO DOGS. THREE DOGS.")
    put_cursor(panel.left.field, len("one dog. two"))
    panel.left.field.insert(" nice")
    shows(panel, "ONE DOG. TWO NICE DOGS. THREE DOGS.")
    assert engine.asked("Translate")[-1].sentences == ("two nice dogs.",)


def test_the_translation_is_changed_only_where_it_has_changed(panel: Any, shows: Any) -> None:
    panel.left.field.insert("one dog. two dogs. three dogs.")
    shows(panel, "ONE DOG. TWO DOGS. THREE DOGS.")
    field = panel.right.field
    cursor = field.textCursor()
    cursor.setPosition(field.text.index("THREE"))
    cursor.setPosition(cursor.position() + 5, QTextCursor.MoveMode.KeepAnchor)
    field.setTextCursor(cursor)
    put_cursor(panel.left.field, 3)
    panel.left.field.insert(" big")
    shows(panel, "ONE BIG DOG. TWO DOGS. THREE DOGS.")
    assert field.textCursor().selectedText() == "THREE"


def test_clear_and_undo(panel: Any, shows: Any) -> None:
    panel.left.field.insert("the dog.")
    shows(panel, "der DOG.")
    panel.left.clear.click()
    shows(panel, "")
    strip = panel.strips._shown[0]
    assert strip.sentence == "The text is cleared."
    strip.buttons[0].click()
    shows(panel, "der DOG.")


def test_copy_takes_the_translation_with_its_no_break_spaces(panel: Any, shows: Any) -> None:
    panel.left.field.insert("the 5\u00a0dog thing\nthe end")
    shows(panel, "der 5\u00a0DOG THING\nder END")
    panel.copy()
    assert QGuiApplication.clipboard().text() == "der 5\u00a0DOG THING\nder END"


def test_pasted_and_dropped_text(panel: Any, shows: Any) -> None:
    mime = QMimeData()
    mime.setText("the dog\r\nruns")
    QGuiApplication.clipboard().setMimeData(mime)
    panel.left.field.paste()
    shows(panel, "der Hund\nläuft")


def test_a_line_that_would_freeze_the_window_is_refused(panel: Any) -> None:
    panel.left.field.insert("word " * 200_000)
    assert "save it as a .txt file" in panel.left.strips.sentences()[0]
    assert panel.left.field.text == ""


def test_the_language_is_guessed_and_the_other_one_follows(panel: Any, engine: Any, qtbot: Any) -> None:
    panel.left.field.insert("Der Hund läuft heute Morgen durch den tiefen Schnee nach Hause.")
    qtbot.waitUntil(lambda: panel.choice.language == "de", timeout=8000)
    assert panel.choice.target == "en"
    assert panel.left.language.currentText() == "German (detected)"
    panel.left.field.replace("ok")
    qtbot.waitUntil(lambda: panel.left.language.currentText() == "German (assumed)")  # of so little nothing is guessed
    qtbot.waitUntil(lambda: panel.session.page.complete)
    assert engine.asked("Translate")[-1].source == "de"


def test_a_language_that_nothing_translates_is_said(panel: Any, engine: Any, qtbot: Any) -> None:
    panel.left.field.insert("Le chien court dans la neige profonde pour rentrer à la maison ce matin.")
    qtbot.waitUntil(lambda: bool(panel.left.strips.sentences()), timeout=8000)
    assert panel.left.strips.sentences()[0].startswith("This looks like French, which nothing here translates.")
    panel.choice.choose_source("en")  # the person knows better
    assert panel.left.strips.sentences() == []
    qtbot.waitUntil(lambda: panel.right.field.text.startswith("LE CHIEN"))


def test_swap(panel: Any, engine: Any, shows: Any) -> None:
    panel.choice.choose_source("en")
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    panel.right.swap.click()
    shows(panel, "the dog")
    assert panel.left.field.text == "der Hund"
    assert (panel.choice.source, panel.choice.target) == ("de", "en")


def test_esc_stops_and_goes_on(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    engine.gate.clear()
    panel.left.field.insert("one dog. two dogs.")
    qtbot.waitUntil(lambda: panel.session.working)
    panel.cancel()
    qtbot.waitUntil(lambda: not panel.session.working)
    assert panel.right.go_on.isVisible()
    assert panel.right.far.text() == "0 of 2 sentences"
    engine.gate.set()
    panel.right.go_on.click()
    shows(panel, "ONE DOG. TWO DOGS.")
    assert not panel.right.go_on.isVisible()


def test_a_failure_is_said_and_tried_again(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    engine.wrong = "GNMT can't be loaded: its file is damaged."
    panel.left.field.insert("the dog")
    qtbot.waitUntil(lambda: bool(panel.right.strips.sentences()))
    assert panel.right.strips.sentences() == [engine.wrong]
    engine.wrong = None
    panel.right.strips._shown[0].buttons[0].click()
    shows(panel, "der Hund")
    assert panel.right.strips.sentences() == []


@pytest.mark.parametrize(
    ("options", "title", "words", "download"),
    [
        ({"state": "none"}, "There is no translator in this installation.", "What you type stays here", False),
        ({"state": "absent"}, "GNMT can't translate now", "Its file is missing", False),
        ({"state": "absent", "official": True}, "GNMT can't translate now", "not on this machine yet", True),
        ({"directions": ""}, "GNMT can't translate now", "has not been measured", False),
    ],
)
def test_without_a_network_it_says_why(
    make_panel: Any, options: Any, title: str, words: str, download: bool, qtbot: Any
) -> None:
    panel = make_panel(**options)
    assert panel.right.pages.currentWidget() is panel.right.absent
    assert panel.right.absent.title.text() == title
    assert words in panel.right.absent.words.text()
    assert panel.right.absent.download.isVisible() is download
    qtbot.keyClicks(panel.left.field, "still typed")
    assert panel.left.field.text == "still typed"


def test_hovering_lights_the_words_that_belong_together(panel: Any, shows: Any) -> None:
    panel.left.field.insert("the dog runs.  🍓 the man runs.")
    shows(panel, "der Hund RUNS.  🍓 der Mann RUNS.")
    panel.left.field.pointed.emit(panel.left.field.document().toRawText().index("man") + 1)  # Qt counts 🍓 twice
    lit = panel.right.field.lights
    text = panel.right.field.document().toRawText()
    units = text.encode("utf-16-le")
    assert [units[2 * one.start : 2 * one.end].decode("utf-16-le") for one in lit] == ["Mann"]
    assert lit[0].share == pytest.approx(0.8)
    assert panel.right.reading.text() == "“man” → “Mann” 80 %"
    panel.left.field.pointed.emit(-1)
    assert panel.right.field.lights == ()


def test_arrows_step_through_the_translation(panel: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog. the man runs.")
    shows(panel, "der DOG. der Mann RUNS.")
    put_cursor(panel.left.field, 0)
    field = panel.right.field
    field.setFocus()
    for _ in range(4):
        qtbot.keyClick(field, Qt.Key.Key_Right)
    assert panel.right.reading.text() == "“Mann” ← “man” 80 %"
    assert panel.looking.sentence == "the man runs."
    for _ in range(2):
        qtbot.keyClick(field, Qt.Key.Key_Left)
    assert panel.right.reading.text() == "“DOG” ← “dog” 80 %"
    panel.cancel()
    assert panel.right.reading.text() == ""


def test_an_alternative_is_taken_and_stays(panel: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("one dog. the man runs.")
    shows(panel, "ONE DOG. der Mann RUNS.")
    panel.inside.choose("alternatives")
    panel.toggle_inside()
    view = panel.inside.view("alternatives")
    assert [view.list.item(k).text() for k in range(2)] == ["der Mann RUNS.", "der Mann RUNS. (2)"]
    view.list.picked.emit(1)
    shows(panel, "ONE DOG. der Mann RUNS. (2)")
    put_cursor(panel.left.field, 3)
    panel.left.field.insert(" big")
    shows(panel, "ONE BIG DOG. der Mann RUNS. (2)")
    put_cursor(panel.left.field, len(panel.left.field.text) - 1)
    panel.left.field.insert(" home")
    shows(panel, "ONE BIG DOG. der Mann läuft HOME.")


def test_the_search_is_set_and_reset(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    panel.inside.choose("alternatives")
    panel.toggle_inside()
    view = panel.inside.view("alternatives")
    assert not view.reset.isEnabled()
    view.beam.setValue(2)
    view.alpha.setValue(12)
    qtbot.waitUntil(lambda: engine.asked("Translate")[-1].beam == 2)
    request = engine.asked("Translate")[-1]
    assert (request.alpha, request.coverage) == (1.2, 0.1)
    assert panel.test_context.settings.value("translate.beam", 0) == 2
    qtbot.waitUntil(lambda: view.list.count() == 2)
    view.reset.click()
    qtbot.waitUntil(lambda: engine.asked("Translate")[-1].beam == 5)
    assert view.beam.value() == 5
    assert not view.reset.isEnabled()


def test_the_matrix_follows_and_points(panel: Any, shows: Any) -> None:
    panel.left.field.insert("the dog. the man runs.")
    shows(panel, "der DOG. der Mann RUNS.")
    panel.inside.choose("alignment")
    panel.toggle_inside()
    matrix = panel.inside.view("alignment")
    assert matrix.grid._shown.rows[:2] == ("▁der", "▁Mann")
    matrix.hovered.emit(-1, 1)
    assert panel.right.reading.text() == "“Mann” ← “man” 80 %"
    matrix.hovered.emit(-1, -1)
    put_cursor(panel.left.field, 2)
    assert matrix.grid._shown.rows[1] == "▁DOG."


def test_letters_in_the_translation_are_keys_of_the_panel(panel: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    panel.right.field.setFocus()
    qtbot.keyClick(panel.right.field, Qt.Key.Key_2)
    shows(panel, "der Hund (2)")
    qtbot.keyClick(panel.right.field, Qt.Key.Key_H)
    assert panel.looking.on is False
    panel.left.field.pointed.emit(5)
    assert panel.right.field.lights == ()


def test_both_fields_scroll_together_and_writing_moves_nothing(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    lines = [f"paragraph number {k} is here." for k in range(150)]
    panel.left.field.insert("\n".join(lines))
    shows(panel, "\n".join(line.upper() for line in lines))
    source, target = panel.left.field.verticalScrollBar(), panel.right.field.verticalScrollBar()
    assert source.value() >= source.maximum() - 1  # the cursor is at the end
    assert target.value() == source.value()
    source.setValue(40)
    assert panel.right.field.firstVisibleBlock().blockNumber() == 40
    target.setValue(70)
    assert panel.left.field.firstVisibleBlock().blockNumber() == 70
    cursor = panel.left.field.textCursor()
    cursor.setPosition(3)  # far above what is in view, and not brought there
    cursor.insertText(" more")
    shows(panel, "\n".join(line.upper() for line in ["par moreagraph number 0 is here.", *lines[1:]]))
    assert (source.value(), target.value()) == (70, 70)


def test_a_word_stays_lit_while_the_rest_is_translated(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    while engine.word_gate.acquire(blocking=False):
        pass
    panel.left.field.insert("the dog runs. ")
    engine.word_gate.release(100)
    shows(panel, "der Hund RUNS. ")
    engine.gate.clear()
    panel.left.field.insert("the man.")
    qtbot.waitUntil(lambda: panel.settled and len(panel.session.page.slots) == 2)
    panel.looking.step_to_end(-1)
    put_cursor(panel.left.field, 0)
    panel.looking.step_to_end(-1)
    assert panel.right.reading.text() == "“der” ← “the” 80 %"
    engine.gate.set()
    shows(panel, "der Hund RUNS. der MAN.")
    assert panel.right.reading.text() == "“der” ← “the” 80 %"


def test_every_control_has_a_name(panel: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QSlider

    for name in ("alternatives", "history"):
        panel.inside.choose(name)
        panel.inside.show()
    for kind in (QAbstractButton, QComboBox, QSlider):
        for control in panel.findChildren(kind):
            if control.isVisible() and control.focusPolicy() != Qt.FocusPolicy.NoFocus:
                assert control.accessibleName() or getattr(control, "text", str)(), control


@pytest.mark.parametrize(
    "text",
    [
        "   \n\t\n  ",
        "🍓🎉👩‍👩‍👧‍👦🇩🇪\n\n🍓",
        "\x00\x01\x02 \x0b\x0c \x1c\x1d\x1e\x85 \x7f",
        "مرحبا بالعالم\u200f, שלום",
        "你好，世界。再见！\n这是第二行。",
        "\u2028\u2028 12:30 \u00a0 3,5 %\u2009€ https://example.org/a?b=c",
    ],
)
def test_what_cannot_be_translated_is_copied_faithfully(panel: Any, qtbot: Any, text: str) -> None:
    panel.choice.choose_source("en")
    panel.left.field.insert(text)
    qtbot.waitUntil(lambda: panel.settled and panel.session.page is not None)
    assert panel.right.field.text == panel.left.field.text
    assert len(panel.right.field.text) == len(text)
    assert panel.session.page.slots == ()


def test_progress_is_told_of_what_takes_long(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("one dog. two dogs. three dogs.")
    shows(panel, "ONE DOG. TWO DOGS. THREE DOGS.")
    assert not panel.right.telling
    engine.gate.clear()
    panel.left.clear.click()
    panel.left.field.insert("four dogs. five dogs. six dogs.")
    qtbot.waitUntil(lambda: panel.right.far.text() == "0 of 3 sentences")
    assert panel.right.stop.isVisible()
    engine.gate.set()
    shows(panel, "FOUR DOGS. FIVE DOGS. SIX DOGS.")
    assert not panel.right.telling
    assert not panel.right.stop.isVisible()


def test_until_the_network_is_in_memory_that_is_said(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    qtbot.waitUntil(lambda: panel.test_context.bridge.loaded == {"gnmt"})
    panel.test_context.bridge.forget_loaded()
    engine.gate.clear()
    panel.left.field.insert("the dog")
    qtbot.waitUntil(lambda: panel.right.far.text() == "Loading the network…")
    engine.gate.set()
    shows(panel, "der Hund")
    assert not panel.right.telling


@pytest.mark.parametrize("act", ["swap", "bring back"])
def test_the_language_is_that_of_the_new_text_not_of_the_old_one(
    panel: Any, engine: Any, qtbot: Any, shows: Any, act: str
) -> None:
    """Of the new text alone it can't be guessed; of the old one it could."""
    engine.said = lambda sentence: "Na ja."
    panel.left.field.insert("The dog runs through the deep snow this morning.")
    shows(panel, "Na ja.")
    if act == "swap":
        panel.right.swap.click()
    else:
        panel.bring_back(Entry(1e9, "de", "en", "Na ja.", "Well."))
    asked = len(engine.asked("Translate"))
    shows(panel, "Na ja.")
    qtbot.waitUntil(lambda: engine.asked("Translate")[-1].sentences == ("Na ja.",))
    assert panel.left.field.text == "Na ja."
    assert (panel.choice.language, panel.choice.target) == ("de", "en")
    assert {request.source for request in engine.asked("Translate")[asked:]} == {"de"}
    panel.left.field.undo()
    assert panel.left.field.text == "The dog runs through the deep snow this morning."


def test_after_a_failure_there_is_a_way_on_whatever_became_of_the_message(
    panel: Any, engine: Any, qtbot: Any, shows: Any
) -> None:
    engine.wrong = "GNMT can't be loaded: its file is damaged."
    panel.left.field.insert("the dog")
    qtbot.waitUntil(lambda: bool(panel.right.strips.sentences()))
    panel.right.strips._shown[0].dismiss()
    engine.wrong = None
    panel.left.field.insert(" runs")
    qtbot.waitUntil(lambda: panel.settled)
    assert panel.right.go_on.isVisible()
    panel.right.go_on.click()
    shows(panel, "der Hund läuft")
    assert not panel.right.go_on.isVisible()


def test_what_runs_for_a_text_that_is_gone_ends(panel: Any, engine: Any, qtbot: Any) -> None:
    while engine.word_gate.acquire(blocking=False):
        pass
    panel.left.field.insert("one big dog. two big dogs. three big dogs.")
    engine.word_gate.release(2)
    qtbot.waitUntil(lambda: panel.right.field.text.startswith("THREE BIG", 1) or "THREE BIG" in panel.right.field.text)
    panel.left.field.replace("")
    qtbot.waitUntil(lambda: panel.settled and panel.session.page.slots == ())
    engine.gate.clear()  # the others have no answer
    engine.word_gate.release(100)
    qtbot.waitUntil(lambda: not panel.session.working)


def test_what_is_lit_goes_with_the_words_that_were_lit(panel: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog runs")
    shows(panel, "der Hund läuft")
    panel.right.field.setFocus()
    qtbot.keyClick(panel.right.field, Qt.Key.Key_2)
    shows(panel, "der Hund läuft (2)")
    qtbot.keyClick(panel.right.field, Qt.Key.Key_End)
    assert panel.right.reading.text().startswith("“2”")
    qtbot.keyClick(panel.right.field, Qt.Key.Key_1)
    shows(panel, "der Hund läuft")
    assert (panel.right.field.lights, panel.left.field.lights) == ((), ())
    assert panel.right.reading.text() == ""


def test_the_matrix_lights_no_word_while_one_of_another_sentence_is_pointed_at(panel: Any, shows: Any) -> None:
    panel.left.field.insert("the dog. the man runs.")
    shows(panel, "der DOG. der Mann RUNS.")
    lit: list[tuple[int, int]] = []
    panel.looking.lit.connect(lambda *words: lit.append(words))
    panel.left.field.pointed.emit(panel.left.field.text.index("man"))
    assert lit[-1] == (1, -1)
    panel.left.field.pointed.emit(panel.left.field.text.index("dog"))
    assert panel.right.reading.text().startswith("“dog”")
    assert lit[-1] == (-1, -1)


def test_what_is_looked_at_stays_while_the_rest_is_translated(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog. the man runs.")
    shows(panel, "der DOG. der Mann RUNS.")
    panel.right.field.setFocus()
    put_cursor(panel.right.field, 0)
    assert panel.looking.sentence == "the dog."
    panel.session.take("the man runs.", 1)  # something else is written anew
    shows(panel, "der DOG. der Mann RUNS. (2)")
    assert panel.looking.sentence == "the dog."


def test_hovering_over_what_is_known_no_more_asks_for_it_again(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog. the man runs.")
    shows(panel, "der DOG. der Mann RUNS.")
    panel.session._known.clear()  # as with more than KEPT sentences
    asked = len(engine.asked("Translate"))
    for _ in range(3):
        panel.left.field.pointed.emit(panel.left.field.text.index("dog"))
    qtbot.waitUntil(lambda: panel.session.known("the dog.") is not None)
    # What the cursor stands in may be asked for again meanwhile.
    assert [request.sentences for request in engine.asked("Translate")[asked:]].count(("the dog.",)) == 1
    panel.left.field.pointed.emit(panel.left.field.text.index("dog") + 1)
    assert panel.right.reading.text() == "“dog” → “DOG” 80 %"


def test_what_undoes_the_clearing_goes_once_something_new_is_typed(panel: Any, shows: Any) -> None:
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    panel.left.clear.click()
    assert panel.strips.sentences() == ["The text is cleared."]
    panel.left.field.insert("a man")
    assert panel.strips.sentences() == []
    shows(panel, "ein Mann")


def test_without_a_sentence_nothing_is_pointed_at(panel: Any, shows: Any) -> None:
    panel.left.field.insert("🍓")
    shows(panel, "🍓")
    panel.looking.point_inside(0, -1)
    panel.looking.point_inside(-1, 0)
    assert (panel.left.field.lights, panel.right.field.lights) == ((), ())


def test_stepping_passes_over_no_sentence_that_is_known_no_more(panel: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog. the man runs. one.")
    shows(panel, "der DOG. der Mann RUNS. ONE.")
    put_cursor(panel.left.field, 0)
    panel.looking.step_to_end(1)
    assert panel.right.reading.text() == "“DOG” ← “dog” 80 %"
    del panel.session._known["the man runs."]  # as with more than KEPT sentences
    panel.looking.step(1)
    qtbot.waitUntil(lambda: panel.session.known("the man runs.") is not None)
    panel.looking.step(1)
    assert panel.right.reading.text() == "“der” ← “the” 80 %"
    assert panel.looking.sentence == "the man runs."
