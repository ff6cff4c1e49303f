"""Parts without a window: places, what is to be written anew, words in a laid-out sentence."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.gui.translate.looking import _laid_out
from app.gui.translate.scribe import Edit, Scribe, _changes
from app.gui.translate.units import Units

TEXTS = st.text(alphabet=st.sampled_from("ab \n🍓é𝄞"), max_size=20)


@given(TEXTS)
def test_units_are_those_of_utf_16(text: str) -> None:
    units = Units(text)
    for place in range(len(text) + 1):
        unit = len(text[:place].encode("utf-16-le")) // 2
        assert units.of(place) == unit
        assert units.place(unit) == place


@given(st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_changes_turn_the_old_text_into_the_new_one(sentences: list[str], data: Any) -> None:
    new = data.draw(st.lists(TEXTS, min_size=len(sentences), max_size=len(sentences)) | st.lists(TEXTS, min_size=1))
    old_parts, new_parts = ("", *(x for s in sentences for x in (s, " "))), ("", *(x for s in new for x in (s, " ")))
    text = "".join(old_parts)
    for start, end, words in _changes(old_parts, new_parts):
        text = text[:start] + words + text[end:]
    assert text == "".join(new_parts)


def test_words_in_a_sentence_that_is_laid_out() -> None:
    assert _laid_out("a bc", "a bc") == [0, 1, 2, 3]
    assert _laid_out("a bc d", "a \n bc  d")[2:4] == [4, 5]
    assert _laid_out("a bc d", "a \n bc  d")[5] == 8


def test_a_long_text_is_split_beside_the_window(qtbot: Any) -> None:
    scribe = Scribe()
    pages: list[Any] = []
    scribe.written.connect(pages.append)
    text = "One more sentence is here. And another one!\n" * 5_000
    scribe.edit(Edit(1, "short.", 0, "en", "key"))
    scribe.edit(Edit(2, text, 0, "en", "key"))
    qtbot.waitUntil(lambda: bool(pages) and len(pages[-1].slots) == 10_000, timeout=20_000)
    assert pages[-1].edit.number == 2
    scribe.answer("And another one!", "Noch einer!", "key")
    qtbot.waitUntil(lambda: pages[-1].done == 5_000, timeout=20_000)
    assert pages[-1].wanted == ("One more sentence is here.",)
    for thread in scribe.close():
        thread.join(5)
        assert not thread.is_alive()


def test_a_fault_does_not_keep_the_thread_busy(qtbot: Any, monkeypatch: Any) -> None:
    wrong = []

    def fail(*_: Any) -> Any:
        wrong.append(1)
        raise AssertionError

    scribe = Scribe()
    pages: list[Any] = []
    scribe.written.connect(pages.append)
    scribe.edit(Edit(1, "One dog.", 0, "en", "key"))
    qtbot.waitUntil(lambda: len(pages) == 1)
    monkeypatch.setattr("app.gui.translate.scribe._changes", fail)
    try:
        scribe.answer("One dog.", "Ein Hund.", "key")
        qtbot.waitUntil(lambda: bool(wrong))
        qtbot.wait(100)
        assert len(wrong) == 1
        monkeypatch.undo()
        scribe.edit(Edit(2, "One dog. Two.", 0, "en", "key"))
        qtbot.waitUntil(lambda: len(pages) == 2 and pages[-1].shown.startswith("Ein Hund."))
    finally:
        for thread in scribe.close():
            thread.join(5)
