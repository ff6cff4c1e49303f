"""The strip of small pictures: where its cells lie, keys and the mouse, ten thousand rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, QRect, Qt
from PySide6.QtTest import QTest

from app.gui.classify.answers import Item
from app.gui.classify.folder_model import FAILED_ROLE, KEY_ROLE, FolderModel
from app.gui.tasks import join
from app.gui.widgets.thumbnails import SIDE, Strip, Thumbnails


@pytest.fixture
def strip(qtbot: Any, theme: Any) -> Any:
    """Thirty pictures, of which nine and a half are in sight."""
    thumbnails = Thumbnails(lambda key: None)
    strip = Strip(thumbnails, theme, KEY_ROLE, FAILED_ROLE)
    qtbot.addWidget(strip)
    model = FolderModel(strip)
    strip.setModel(model)
    fill(model, 30)
    strip.resize(int(9.5 * strip.CELL), strip.height())
    strip.show()
    yield strip
    join(thumbnails.stop(), 5.0)


def fill(model: FolderModel, count: int) -> None:
    model.add([Item(f"{number}.jpg", Path(f"/{number}.jpg")) for number in range(count)])
    model.flush()


def go_to(strip: Strip, row: int) -> None:
    flags = QItemSelectionModel.SelectionFlag
    strip.selectionModel().setCurrentIndex(strip.model().index(row, 0), flags.ClearAndSelect | flags.Rows)


def test_keys_move_and_bring_into_sight(strip: Strip) -> None:
    keys = Qt.Key
    go_to(strip, 0)
    for key, row in (
        (keys.Key_Left, 0),
        (keys.Key_Right, 1),
        (keys.Key_PageDown, 10),
        (keys.Key_Left, 9),
        (keys.Key_End, 29),
        (keys.Key_Right, 29),
        (keys.Key_PageUp, 20),
        (keys.Key_Home, 0),
    ):
        QTest.keyClick(strip, key)
        assert strip.currentIndex().row() == row
        assert strip.viewport().rect().contains(strip.visualRect(strip.currentIndex())), row
        assert [index.row() for index in strip.selectionModel().selectedRows()] == [row]


def test_a_click_takes_what_is_under_it_also_when_scrolled(strip: Strip) -> None:
    strip.horizontalScrollBar().setValue(3 * strip.CELL + 10)
    for place in (0, 5):
        point = QPoint(place * strip.CELL + strip.CELL // 2, SIDE // 2)
        QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=point)
        assert strip.currentIndex().row() == place + 3
        assert strip.visualRect(strip.currentIndex()).contains(point)


def test_beyond_the_last_picture_there_is_nothing(strip: Strip, qtbot: Any) -> None:
    strip.horizontalScrollBar().setValue(10**6)
    edge = strip.visualRect(strip.model().index(29, 0)).right()
    assert edge == strip.viewport().width() - 1
    strip.model().clear()
    assert not strip.indexAt(QPoint(10, 10)).isValid()
    qtbot.waitUntil(lambda: strip.horizontalScrollBar().maximum() == 0)
    QTest.keyClick(strip, Qt.Key.Key_Right)
    assert not strip.currentIndex().isValid()


def test_new_rows_ask_the_model_for_no_more_than_is_in_sight(strip: Strip, qtbot: Any) -> None:
    model = strip.model()
    asked: list[int] = []
    plain = type(model).index

    class Counting(type(model)):
        def index(self, row: int, column: int = 0, *parent: Any) -> Any:
            asked.append(row)
            return plain(self, row, column, *parent)

    many = Counting(strip)
    strip.setModel(many)
    fill(many, 10_000)
    qtbot.waitUntil(lambda: strip.horizontalScrollBar().maximum() > 700_000)
    strip.grab()
    assert 0 < len(asked) < 200


def test_the_selection_is_drawn_and_its_region_is_the_cell(strip: Strip) -> None:
    go_to(strip, 2)
    region = strip.visualRegionForSelection(strip.selectionModel().selection())
    assert region.boundingRect() == QRect(
        2 * strip.CELL, 0, strip.CELL, strip.visualRect(strip.currentIndex()).height()
    )
    chosen = strip.grab(strip.visualRect(strip.currentIndex())).toImage()
    other = strip.grab(strip.visualRect(strip.model().index(3, 0))).toImage()
    assert chosen != other


def test_an_empty_strip_says_why(strip: Any) -> None:
    strip.model().set_filter("none of them")
    empty = strip.grab().toImage()
    strip.nothing = "No picture passes."
    assert strip.grab().toImage() != empty
