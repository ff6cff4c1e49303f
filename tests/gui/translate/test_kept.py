"""What is kept across restarts: the history, and the text itself."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from app.text.history import Entry


def sources(panel: Any) -> list[str]:
    return [entry.source for entry in panel.keeper.entries]


@pytest.fixture
def file(home: Path) -> Path:
    return home / "data" / "translate" / "history.jsonl"


def test_a_text_that_rests_goes_into_the_history(panel: Any, file: Path, qtbot: Any, shows: Any) -> None:
    panel._resting.setInterval(150)
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    qtbot.waitUntil(lambda: sources(panel) == ["the dog"])
    panel.left.field.insert(" runs")
    shows(panel, "der Hund läuft")
    qtbot.waitUntil(lambda: sources(panel) == ["the dog runs"])  # it has grown
    entry = panel.keeper.entries[0]
    assert (entry.source_language, entry.target_language, entry.translation) == ("en", "de", "der Hund läuft")
    assert file.exists()
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("act", ["copy", "clear", "hidden"])
def test_copied_cleared_or_left_it_goes_there_too(panel: Any, qtbot: Any, shows: Any, act: str) -> None:
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    getattr(panel, act)()
    qtbot.waitUntil(lambda: sources(panel) == ["the dog"])


def test_left_while_it_is_translated_it_goes_there_when_that_is_done(
    panel: Any, engine: Any, qtbot: Any, shows: Any
) -> None:
    engine.gate.clear()
    panel.left.field.insert("the dog")
    qtbot.waitUntil(lambda: panel.session.working)
    panel.note()
    assert sources(panel) == []
    engine.gate.set()
    qtbot.waitUntil(lambda: sources(panel) == ["the dog"])


def test_the_view_searches_brings_back_removes_and_clears(panel: Any, file: Path, qtbot: Any, shows: Any) -> None:
    for k, (text, language) in enumerate((("the dog", "en"), ("der Hund", "de"), ("a man", "en"))):
        other = "de" if language == "en" else "en"
        panel.keeper.add(Entry(time.time() - 5000 + 1000 * k, language, other, text, text.upper()))
    panel.inside.choose("history")
    panel.toggle_inside()
    view = panel.inside.view("history")
    qtbot.waitUntil(lambda: view.rows.rowCount() == 3)
    assert view.rows.data(view.rows.index(0)) == "a man"  # the newest first
    assert view.count.text() == "3 texts"
    view.search.setText("HUND")
    assert (view.rows.rowCount(), view.count.text()) == (1, "1 of 3 texts")
    qtbot.mouseClick(
        view.list.viewport(), Qt.MouseButton.LeftButton, pos=view.list.visualRect(view.rows.index(0)).center()
    )
    assert panel.left.field.text == "der Hund"
    assert (panel.choice.language, panel.choice.target) == ("de", "en")
    view.search.clear()
    view.list.setCurrentIndex(view.rows.index(0))
    view.remove.click()
    qtbot.waitUntil(lambda: view.rows.rowCount() == 2)
    view.clear.click()
    qtbot.waitUntil(lambda: view.rows.rowCount() == 0)
    qtbot.waitUntil(lambda: not file.exists())


def test_the_text_comes_back_at_the_next_start(make_panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    panel = make_panel()
    engine.gate.clear()  # it is still being translated
    panel.left.field.insert("the dog\u00a0runs 🍓")
    panel.close_panel(5.0)
    engine.gate.set()
    again = make_panel()
    qtbot.waitUntil(lambda: again.left.field.text == "the dog\u00a0runs 🍓")
    assert again.left.field.textCursor().position() == len("the dog runs 🍓") + 1
    assert not again.left.field.document().isUndoAvailable()


def test_what_was_cleared_does_not_come_back(make_panel: Any, qtbot: Any, shows: Any, home: Path) -> None:
    panel = make_panel()
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    panel._keep()
    panel.clear()
    panel.close_panel(5.0)
    assert not (home / "data" / "translate" / "text.json").exists()


def test_switched_off_nothing_is_kept(make_panel: Any, file: Path, qtbot: Any, shows: Any) -> None:
    panel = make_panel()
    panel.left.field.insert("the dog")
    shows(panel, "der Hund")
    panel._keep()
    panel.inside.choose("history")
    panel.toggle_inside()
    panel.inside.view("history").on.setChecked(False)
    panel.note()
    panel.close_panel(5.0)
    assert not file.exists()
    assert not file.with_name("text.json").exists()
    assert panel.test_context.settings.value("translate.history", True) is False


def test_a_damaged_text_is_said(home: Path, make_panel: Any, qtbot: Any) -> None:
    folder = home / "data" / "translate"
    folder.mkdir(parents=True)
    (folder / "text.json").write_text("{")
    panel = make_panel()
    qtbot.waitUntil(lambda: bool(panel.strips.sentences()))
    assert panel.strips.sentences() == ["The text of last time can't be read: its file text.json is damaged."]


def test_a_click_that_chooses_several_brings_none_back(panel: Any, qtbot: Any) -> None:
    for k, text in enumerate(("the dog", "a man")):
        panel.keeper.add(Entry(time.time() - 5000 + 1000 * k, "en", "de", text, text.upper()))
    panel.inside.choose("history")
    panel.toggle_inside()
    view = panel.inside.view("history")
    qtbot.waitUntil(lambda: view.rows.rowCount() == 2)
    panel.left.field.insert("what is typed")
    for row, held in ((0, Qt.KeyboardModifier.ControlModifier), (1, Qt.KeyboardModifier.ShiftModifier)):
        place = view.list.visualRect(view.rows.index(row)).center()
        qtbot.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, held, place)
    assert panel.left.field.text == "what is typed"
    assert len(view.list.selectionModel().selectedIndexes()) == 2


def test_the_longest_text_that_can_be_typed_comes_back(home: Path, qtbot: Any) -> None:
    from app.gui.translate.keeper import Draft, Keeper
    from app.gui.translate.text_field import LARGEST
    from app.store.locate import folders

    text = "汉" * LARGEST
    keeper = Keeper(folders(), True)
    keeper.keep(Draft(text))
    for thread in keeper.close():
        thread.join(20)
    again = Keeper(folders(), True)
    with qtbot.waitSignal(again.restored, timeout=20_000) as restored:
        again.start()
    assert restored.args[0].text == text
    for thread in again.close():
        thread.join(20)


def test_a_swapped_text_goes_into_the_history(panel: Any, engine: Any, qtbot: Any, shows: Any) -> None:
    panel.left.field.insert("the dog. the man.")
    shows(panel, "der DOG. der MAN.")
    engine.gate.clear()
    panel.left.field.insert(" two.")
    qtbot.waitUntil(lambda: panel.session.working)
    panel.right.swap.click()
    qtbot.waitUntil(lambda: sources(panel) == ["the dog. the man. two."])
    engine.gate.set()


def test_switched_off_what_cannot_be_deleted_is_said(home: Path, make_panel: Any, qtbot: Any) -> None:
    panel = make_panel()
    folder = home / "data" / "translate"
    (folder / "text.json").mkdir(parents=True)  # no file, so it can't be deleted like one
    left = folder / ".text.json.123.part"
    left.write_text("what was typed")
    panel.keeper.turn(False)
    qtbot.waitUntil(lambda: bool(panel.strips.sentences()))
    assert panel.strips.sentences()[0].startswith("The text that was kept, text.json, can't be deleted (")
    qtbot.waitUntil(lambda: not left.exists())


def test_who_comes_while_something_is_written_sees_it(home: Path, qtbot: Any) -> None:
    from app.gui.translate.keeper import Keeper
    from app.store.locate import folders

    keeper = Keeper(folders(), True)
    keeper.add(Entry(1e9, "en", "de", "the dog", "der Hund"))
    for thread in keeper.close():
        thread.join(5)
    assert keeper.entries == ()  # written, and not yet heard of
    seen: list[Any] = []
    keeper.entries_changed.connect(seen.append)
    qtbot.waitUntil(lambda: bool(keeper.entries))
    assert seen == [keeper.entries]
