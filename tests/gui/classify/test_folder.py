"""Many pictures: the table fills, is filtered, sorted and saved; cancelling keeps what is done."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.gui.classify.folder_model import AGREE, LABEL, NAME, SURE


def column(panel: Any, number: int) -> list[str]:
    model = panel.pictures
    return [model.data(model.index(row, number)) for row in range(model.rowCount())]


@pytest.fixture
def full(panel: Any, folder: Path, finished: Any) -> Any:
    panel.open_paths([folder])
    finished(panel, 11)
    return panel


def test_a_folder_fills_the_table_in_natural_order(full: Any) -> None:
    assert column(full, NAME)[:5] == ["broken.jpg", "cat-0.png", "cat-1.png", "cat-2.png", "cat-3.png"]
    assert column(full, LABEL)[0] == "The file is empty."
    assert column(full, LABEL)[1] == "tabby"
    assert column(full, AGREE)[1] == "no"
    assert full.pictures.done == 11
    assert full.pictures.failed == 1
    assert full.right.pages.currentWidget() is full.right.folder
    assert full.left.strip.isVisible()
    assert "11 pictures" in full.right.folder._count.text()
    assert "1 failed" in full.right.folder._count.text()


def test_each_file_is_asked_about_once_and_with_five_labels(full: Any, engine: Any) -> None:
    paths = [path for request in engine.asked("ClassifyFiles") for path in request.paths]
    assert len(paths) == len(set(paths)) == 11
    assert {request.top for request in engine.asked("ClassifyFiles")} == {5}


def test_filter_by_text_certainty_and_failure(full: Any) -> None:
    view = full.right.folder
    view.text.setText("ESPR")
    assert set(column(full, LABEL)) == {"espresso"}
    view.text.setText("tiger")  # the other model says so
    assert set(column(full, NAME)) == {f"cat-{k}.png" for k in range(4)}
    view.text.setText("rocket-1")  # a name
    assert column(full, NAME) == ["rocket-1.png"]
    view.text.setText("zebra")
    assert column(full, NAME) == []
    assert view.table.nothing_found
    view.show_all()
    assert full.pictures.rowCount() == 11
    view.least.setValue(75)
    sure = [item.answers["one"].top[0].p for item in full.pictures.rows]
    assert sure
    assert min(sure) >= 0.75
    view.show_all()
    view.failed.setChecked(True)
    assert column(full, NAME) == ["broken.jpg"]


def test_sorting(full: Any) -> None:
    table = full.right.folder.table
    table.sortByColumn(SURE, Qt.SortOrder.DescendingOrder)
    sure = [item.answers["one"].top[0].p for item in full.pictures.rows if item.answers]
    assert sure == sorted(sure, reverse=True)
    assert column(full, NAME)[-1] == "broken.jpg"  # no answer comes last …
    table.sortByColumn(LABEL, Qt.SortOrder.AscendingOrder)
    assert column(full, LABEL)[:4] == ["espresso"] * 4
    assert column(full, NAME)[-1] == "broken.jpg"  # … either way
    table.sortByColumn(NAME, Qt.SortOrder.DescendingOrder)
    assert column(full, NAME)[-1] == "broken.jpg"
    table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert column(full, NAME)[1] == "cat-0.png"


def test_the_picture_in_view_stays_when_the_order_changes(full: Any) -> None:
    full._go_to(3)
    item = full.session.current
    full.right.folder.table.sortByColumn(NAME, Qt.SortOrder.DescendingOrder)
    assert full.pictures.item(full.selection.currentIndex().row()) is item
    assert full.session.current is item


def test_a_row_brings_its_picture_and_enter_its_answers(full: Any, answered: Any, engine: Any) -> None:
    asked = len(engine.asked("Classify"))
    full._go_to(2)
    answered(full)
    assert full.session.current.name == "cat-1.png"
    assert len(engine.asked("Classify")) == asked  # the table's answer is shown, not asked for again
    QTest.keyClick(full.right.folder.table, Qt.Key.Key_Right)
    answered(full)
    assert full.session.current.name == "cat-2.png"
    full.right.folder.table.activated.emit(full.selection.currentIndex())
    assert full.right.pages.currentWidget() is full.right.columns
    assert full.right.columns.column("one").bars.rows[0].bar.label == "tabby"


def test_esc_a_click_and_clearing_take_the_filter_away(full: Any, qtbot: Any) -> None:
    view = full.right.folder
    for way in (
        full.cancel,
        lambda: QTest.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton),
        full.left.clear.click,
    ):
        view.text.setText("zebra")
        view.least.setValue(50)
        assert full.pictures.rowCount() == 0
        assert view.filtered
        way()
        assert not view.filtered
        assert full.pictures.rowCount() == len(full.pictures.items)


def test_the_frame_leaves_the_row_that_it_was_on(full: Any, qtbot: Any) -> None:
    table = full.right.folder.table
    table.window().activateWindow()
    full.selection.clear()
    table.setFocus(Qt.FocusReason.TabFocusReason)  # Qt makes the first row the current one, and selects nothing
    qtbot.waitUntil(table.hasFocus)
    assert table.currentIndex().row() == 0
    qtbot.wait(20)
    repainted: list[Any] = []
    paint = table.paintEvent
    table.paintEvent = lambda event: (repainted.append(event.region()), paint(event))
    QTest.keyClick(table, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: bool(repainted))
    for row in (0, 1):
        place = table.visualRect(full.pictures.index(row, 0))
        ends = (place.topLeft(), QPoint(table.viewport().width() - 2, place.center().y()))
        assert all(any(region.contains(end) for region in repainted) for end in ends), row


def test_letters_and_digits_are_keys_not_a_search(full: Any, qtbot: Any, answered: Any, engine: Any) -> None:
    full._go_to(1)
    answered(full)
    QTest.keyClick(full.right.folder.table, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: full.left.view.has_heat)
    QTest.keyClick(full.left.strip, Qt.Key.Key_2)
    qtbot.waitUntil(lambda: engine.asked("Explain")[-1].target == 1)
    full.right.folder.text.setFocus()
    QTest.keyClicks(full.right.folder.text, "cat 2h")
    assert full.right.folder.text.text() == "cat 2h"


def test_cancel_keeps_what_is_done_and_goes_on_from_there(
    panel: Any, folder: Path, engine: Any, qtbot: Any, finished: Any
) -> None:
    engine.portion, engine.portions_left = 3, 2
    panel.open_paths([folder])
    qtbot.waitUntil(lambda: panel.pictures.done >= 6)
    panel.cancel()
    qtbot.waitUntil(lambda: not panel.session.run.running)
    assert 6 <= panel.pictures.done < 11
    engine.portions_left = None
    engine.gate.set()
    assert panel.pictures.rowCount() == 11  # all are listed
    assert not panel.right.folder._on.isHidden()
    panel.right.folder._on.click()
    finished(panel, 11)
    assert panel.pictures.done == 11
    paths = [path for request in engine.asked("ClassifyFiles") for path in request.paths]
    assert set(paths) == {item.path for item in panel.pictures.items}


def test_the_picture_in_view_goes_before_the_folder(panel: Any, folder: Path, engine: Any, qtbot: Any) -> None:
    engine.gate.clear()
    panel.open_paths([folder])
    qtbot.waitUntil(lambda: panel.session.run.running)
    panel._go_to(2)
    qtbot.waitUntil(lambda: panel.session.waiting)
    engine.gate.set()
    qtbot.waitUntil(lambda: panel.session.current.done)


def test_several_drops_are_all_answered(panel: Any, folder: Path, picture: Any, finished: Any) -> None:
    more = picture("rocket-9.png", "more")
    panel.open_paths([folder])
    panel.open_paths([more.parent])
    finished(panel, 12)
    assert panel.pictures.done == 12
    panel.open_paths([folder])  # once more: nothing is doubled
    finished(panel, 12)
    assert len(panel.pictures.items) == 12
    assert any("here already" in sentence for sentence in panel.strips.sentences())


def test_a_folder_without_pictures_says_so(panel: Any, tmp_path: Path, qtbot: Any) -> None:
    (tmp_path / "nothing").mkdir()
    panel.open_paths([tmp_path / "nothing"])
    qtbot.waitUntil(lambda: bool(panel.strips.sentences()))
    assert panel.strips.sentences() == ["There is no picture in “nothing”."]


def test_files_that_vanish_meanwhile_are_listed_with_their_sentence(
    panel: Any, folder: Path, engine: Any, qtbot: Any, finished: Any
) -> None:
    engine.gate.clear()
    panel.open_paths([folder])
    qtbot.waitUntil(lambda: len(panel.pictures.items) == 11)
    shutil.rmtree(folder)
    engine.gate.set()
    finished(panel, 11)
    panel._go_to(4)
    qtbot.waitUntil(lambda: "no such file" in panel.left.view.sentence)


def test_a_request_that_fails_marks_its_files(panel: Any, folder: Path, engine: Any, finished: Any) -> None:
    engine.wrong = "There is not enough memory."
    panel.open_paths([folder])
    finished(panel, 11)
    assert panel.pictures.failed == 11
    assert panel.strips.sentences() == ["There is not enough memory."]


def test_another_model_can_answer_afterwards(make_panel: Any, folder: Path, finished: Any) -> None:
    panel = make_panel(models=("one", "other"), absent=("other",))
    panel.open_paths([folder])
    finished(panel, 11)
    assert panel.right.folder.table.isColumnHidden(AGREE)
    panel.test_context.store.absent.clear()
    panel.models_changed()
    assert any("Other has not answered for" in sentence for sentence in panel.strips.sentences())
    panel.session.complete()
    finished(panel, 11)
    answers = [set(item.answers) for item in panel.pictures.items if not item.error]
    assert answers == [{"one", "other"}] * 10


def test_saved_tables(full: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    target = tmp_path / "out.csv"
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(target), ""))
    full.save_table()
    qtbot.waitUntil(target.exists)
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 * 2 * 5 + 1
    assert sum(bool(row["error"]) for row in rows) == 1
    first = full.pictures.items[1]
    mine = [row for row in rows if row["path"] == str(first.path) and row["model"] == "one"]
    assert [row["label"] for row in mine] == [label.label for label in first.answers["one"].top]
    assert [float(row["p"]) for row in mine] == [label.p for label in first.answers["one"].top]
    target = tmp_path / "out.json"
    full.save_table()
    qtbot.waitUntil(target.exists)
    objects = json.loads(target.read_text("utf-8"))
    assert len(objects) == 21
    assert {"path", "error"} in [set(item) for item in objects]
    assert set(objects[1]) == {"path", "model", "top", "ms", "device"}
    assert objects[1]["top"][0] == {"label": "tabby", "index": 0, "p": first.answers["one"].top[0].p}
    qtbot.waitUntil(lambda: "Saved: out.json" in full.strips.sentences())


def test_a_table_that_cannot_be_written_says_so(full: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: ("/no/such/folder/a.csv", ""))
    full.save_table()
    qtbot.waitUntil(lambda: any("could not be written" in sentence for sentence in full.strips.sentences()))


def test_a_name_without_ending_never_hits_a_file_that_is_there(
    full: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.csv").write_text("mine")
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(tmp_path / "out"), ""))
    full.save_table()
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert any("is there already" in sentence for sentence in full.strips.sentences())


def test_the_saved_picture_has_its_own_size(
    full: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any, answered: Any
) -> None:
    from PIL import Image

    full._go_to(1)
    answered(full)
    QTest.keyClick(full, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: full.left.view.has_heat)
    target = tmp_path / "heat.png"
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(target), ""))
    full.left.view.setFocus()
    full.save_picture()
    qtbot.waitUntil(target.exists)
    with Image.open(target) as saved:
        assert saved.size == (60, 50)


def test_clear_empties_everything(full: Any, qtbot: Any) -> None:
    full.left.clear.click()
    assert full.session.current is None
    assert full.pictures.rowCount() == 0
    assert full.left.pages.currentWidget() is full.left.empty
    assert full.right.pages.currentWidget() is full.right.columns


def test_copy_of_a_failed_picture_has_its_sentence(full: Any) -> None:
    full._go_to(0)
    full.copy()
    assert "could not be opened" in QGuiApplication.clipboard().text()


def test_ten_thousand_rows_come_in_small_portions(panel: Any, qtbot: Any) -> None:
    from app.gui.classify.answers import Item

    items = [Item(f"{k}.png", Path(f"/nowhere/{k}.png")) for k in range(10_000)]
    inserted: list[int] = []
    panel.pictures.rowsInserted.connect(lambda _, first, last: inserted.append(last - first + 1))
    panel.pictures.add(items)
    qtbot.waitUntil(lambda: panel.pictures.rowCount() == 10_000, timeout=20_000)
    assert max(inserted) <= 500


def test_the_folder_tells_pictures_of_one_name_apart(panel: Any, picture: Any, finished: Any, tmp_path: Path) -> None:
    for place in ("all/first", "all/second"):
        picture("cat-1.png", place)
    picture("cat-2.png", "all/second")
    panel.open_paths([tmp_path / "all"])
    finished(panel, 3)
    assert sorted(column(panel, NAME)) == ["cat-2.png", "first/cat-1.png", "second/cat-1.png"]
