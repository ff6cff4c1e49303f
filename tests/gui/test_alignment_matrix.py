"""The alignment matrix: what it shows, what mouse and keys read, what lights up, and that it copes with much and with
nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFont, QMouseEvent
from PySide6.QtTest import QTest

from app.engines.translate import Translated, Translation
from app.gui.widgets.alignment_matrix import AlignmentMatrix
from app.text.alignment import words

READ = ("<2de>", "▁The", "▁dog", "▁runs", "▁to", "▁", "⟨1⟩", "▁house", "s", ".", "</s>")
SAID = ("▁Der", "▁Hund", "▁läuft", "▁zu", "▁", "⟨1⟩", "▁Häuser", "n", ".")
LOOKS = (1, 2, 3, 4, 5, 6, 7, 7, 9, 10)  # of each piece that is said, the end last: at the piece of this number


def translated(sentence: str, read: Sequence[str], text: str, said: Sequence[str], looks: Sequence[int]) -> Translated:
    attention = np.full((len(said) + 1, len(read)), 0.1 / (len(read) - 1), np.float32)
    attention[range(len(looks)), list(looks)] = 0.9
    found, source = words(text), words(sentence)
    links = np.zeros((len(found), len(source)), np.float32)
    best = Translation(text, tuple(said), (0.9,) * (len(said) + 1), attention, found, links, -2.0, -1.0, True)
    copied = Translation(sentence, (), (), np.zeros((0, 0), np.float32), source, links.T, 0.0, 0.0, True)
    return Translated("gnmt", sentence, "en", "de", (best, copied), tuple(read), source, 9.0, "CPU", "openvino")


DOGS = translated("The dog runs to 12 houses.", READ, "Der Hund läuft zu 12 Häusern.", SAID, LOOKS)


@pytest.fixture
def matrix(qtbot: Any, theme: Any) -> AlignmentMatrix:
    made = AlignmentMatrix(theme)
    qtbot.addWidget(made)
    made.resize(700, 420)
    made.show_translation(DOGS)
    made.show()
    return made


def move_to(matrix: AlignmentMatrix, at: QPoint) -> None:
    """The mouse, without the screen's own pointer."""
    view = matrix.grid.viewport()
    place, none = QPointF(at), Qt.MouseButton.NoButton
    event = QMouseEvent(
        QMouseEvent.Type.MouseMove, place, QPointF(view.mapToGlobal(at)), none, none, Qt.KeyboardModifier.NoModifier
    )
    matrix.grid.mouseMoveEvent(event)


def centre(matrix: AlignmentMatrix, row: int, column: int) -> QPoint:
    origin, (wide, high) = matrix.grid._origin(), matrix.grid._cell
    return QPoint(round(origin.x() + (column + 0.5) * wide), round(origin.y() + (row + 0.5) * high))


def test_keys_walk_through_the_cells_and_read_them(matrix: AlignmentMatrix, qtbot: Any) -> None:
    grid, said = matrix.grid, []
    matrix.hovered.connect(lambda *at: said.append(at))
    QTest.keyClick(grid, Qt.Key.Key_Down)  # the first key comes to the first cell
    assert grid.at == (0, 0)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down):
        QTest.keyClick(grid, key)
    assert grid.at == (1, 2)
    assert matrix.reading.text() == "“▁Hund” looked at “▁dog” with 90.0 % of its attention"
    assert grid.accessibleDescription() == matrix.reading.text()
    assert said == [(-1, 0), (0, 0), (1, 0), (1, 1)]
    QTest.keyClick(grid, Qt.Key.Key_End)
    QTest.keyClick(grid, Qt.Key.Key_PageDown)
    assert grid.at == (len(SAID), len(READ) - 1)
    assert said[-1] == (-1, -1)  # the end belongs to no word
    QTest.keyClick(grid, Qt.Key.Key_Escape)
    assert grid.at == (-1, -1)


def test_the_mouse_reads_cells_pieces_and_bars(matrix: AlignmentMatrix, qtbot: Any) -> None:
    grid = matrix.grid
    with qtbot.waitSignal(matrix.hovered) as heard:
        move_to(matrix, centre(matrix, 1, 2))
    assert heard.args == [1, 1]
    place = centre(matrix, 1, 2)
    move_to(matrix, QPoint(10, place.y()))  # over the row's piece
    assert grid.at == (1, -1)
    assert matrix.reading.text().startswith("“▁Hund” looked at “▁dog” 90.0 %, ")
    move_to(matrix, QPoint(place.x(), round(grid._bottom()) + 12))  # over the column's bar
    assert grid.at == (-1, 2)
    assert "looked at 0.99 times" in matrix.reading.text()
    move_to(matrix, QPoint(place.x() + 14, round(grid._head) - 14))  # over its slanted letters
    assert grid.at == (-1, 2)
    move_to(matrix, QPoint(690, 200))
    assert grid.at == (-1, -1)


def test_pieces_light_with_all_of_their_word(matrix: AlignmentMatrix) -> None:
    grid = matrix.grid
    assert grid._shown is not None
    matrix.light(5, 5)  # houses, Häusern
    assert grid._lit_pieces(grid._shown) == ({6, 7}, {7, 8})
    matrix.light(4, -1)  # 12, for which a symbol stands
    assert grid._lit_pieces(grid._shown) == (set(), {6})
    matrix.light(-1, -1)
    assert grid._lit_pieces(grid._shown) == (set(), set())


def test_what_is_said_twice_or_not_at_all_is_said_to_be(matrix: AlignmentMatrix) -> None:
    assert matrix.reading.text() == "11 wordpieces read, 10 said. Hardly looked at: “s”. More than once: “▁house”."
    QTest.keyClick(matrix.grid, Qt.Key.Key_Down)
    QTest.keyClick(matrix.grid, Qt.Key.Key_Escape)
    assert matrix.reading.text().startswith("11 wordpieces read")


def test_lighting_elsewhere_is_not_echoed(matrix: AlignmentMatrix) -> None:
    said: list[Any] = []
    matrix.hovered.connect(lambda *at: said.append(at))
    matrix.light(1, 1)
    assert said == []


def test_nothing_yet_and_nothing_to_translate(matrix: AlignmentMatrix) -> None:
    matrix.show_translation(None)
    assert matrix.legend.isHidden()
    assert "sentence" in matrix.grid.accessibleDescription()
    matrix.show_translation(DOGS, 1)  # a copy
    assert "copied" in matrix.grid.accessibleDescription()
    QTest.keyClick(matrix.grid, Qt.Key.Key_Down)
    assert matrix.grid.at == (-1, -1)
    matrix.grab()


def test_where_the_mouse_is_stays_unless_the_cell_is_gone(matrix: AlignmentMatrix, qtbot: Any) -> None:
    for key in (Qt.Key.Key_Down, Qt.Key.Key_End):
        QTest.keyClick(matrix.grid, key)
    matrix.show_translation(DOGS)
    assert matrix.grid.at == (0, len(READ) - 1)
    with qtbot.waitSignal(matrix.hovered) as heard:
        matrix.show_translation(translated("Yes.", ("<2de>", "▁Yes", "</s>"), "Ja", ("▁Ja",), (1, 2)))
    assert matrix.grid.at == (-1, -1)
    assert heard.args == [-1, -1]


@pytest.mark.parametrize("size", [(720, 200), (1200, 900)])
def test_eighty_by_eighty_pieces_scroll_with_their_names_in_view(
    matrix: AlignmentMatrix, size: tuple[int, int]
) -> None:
    sentence = " ".join(f"word{k}" for k in range(78))
    read = ("<2de>", *(f"▁word{k}" for k in range(78)), "</s>")
    said = tuple(f"▁word{k}" for k in range(79))
    text = " ".join(f"word{k}" for k in range(79))
    matrix.resize(*size)
    matrix.show_translation(translated(sentence, read, text, said, range(80)))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_End, Qt.Key.Key_PageDown):
        QTest.keyClick(matrix.grid, key)
    assert matrix.grid.at == (79, 79)
    place, view = centre(matrix, 79, 79), matrix.grid.viewport().rect()
    assert view.contains(place)
    assert matrix.grid._place_at(place) == (79, 79)
    matrix.grab()


def test_larger_letters_get_more_room(matrix: AlignmentMatrix) -> None:
    head = matrix.grid._head
    font = QFont(matrix.font())
    font.setPointSizeF(2 * font.pointSizeF())
    matrix.grid.setFont(font)
    assert matrix.grid._head > 1.5 * head
