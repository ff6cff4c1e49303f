"""Curves: their scales and numbers, what mouse and keys read, what is copied and saved."""

from __future__ import annotations

import csv
import io
import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest

from app.gui.widgets.line_plot import LinePlot
from app.gui.widgets.plot_paint import Chart, Series, reading, summary
from app.gui.widgets.plot_scale import Scale, line_words, value_words

FALLING = Series("cut", (1, 3, 5, 7), (1.0, 1e-3, 1e-6, 0.0), 0, ("stem", "one", "two", "head"), frozenset({1, 2}))
LEVEL = Series("whole", (1, 3, 5, 7), (1.0, 0.9, 1.1, 1.25), 1)
CHART = Chart("Signal", "layers", "size", (FALLING, LEVEL), log=True, x_at="after {0} layers", hollow="bypass cut")


@pytest.fixture
def plot(qtbot: Any, theme: Any) -> LinePlot:
    made = LinePlot(theme)
    qtbot.addWidget(made)
    made.resize(640, 360)
    made.show_chart(CHART)
    made.show()
    return made


def test_a_logarithmic_scale_holds_everything_positive_between_its_ends() -> None:
    scale = Scale.around([1e-300, 2.0, 0.0], log=True)
    assert scale.place(0.0) is None
    assert 0 < scale.place(1e-300) < scale.place(2.0) < 1
    assert scale.place(1e-150) == pytest.approx(0.5, abs=0.01)
    lines = scale.lines(8)
    assert 3 <= len(lines) <= 8
    steps = {round(math.log10(b) - math.log10(a)) for a, b in itertools.pairwise(lines)}
    assert len(steps) == 1


@pytest.mark.parametrize("values", [[1.0], [0.98, 1.02], [3e-5, 3.1e-5]])
def test_what_hardly_changes_does_not_look_like_a_precipice(values: list[float]) -> None:
    scale = Scale.around(values, log=True)
    assert scale.high - scale.low >= 1.0
    assert scale.lines(5)
    assert all(0 < scale.place(v) < 1 for v in values)


def test_a_linear_scale_ends_on_round_numbers_and_begins_with_zero_where_asked() -> None:
    assert Scale.around([0.31, 2.28], from_zero=True) == Scale(0.0, 2.5)
    assert Scale(0.0, 2.5).lines(6) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert Scale.around([4.0]).place(4.0) == pytest.approx(0.5)
    assert Scale.around([]).lines(3)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (1.0, "1.00"),
        (0.0312, "0.0312"),
        (0.00999999, "0.0100"),
        (123.4, "123"),
        (2.31e-7, "2.31 × 10⁻⁷"),
        (9.999e-7, "1.00 × 10⁻⁶"),
        (-4.2e9, "-4.20 × 10⁹"),
        (5e-324, "4.94 × 10⁻³²⁴"),
    ],
)
def test_values_in_words(value: float, words: str) -> None:
    assert value_words(value) == words


def test_numbers_at_the_lines() -> None:
    assert [line_words(v, True) for v in (1e-12, 0.001, 0.5, 1.0, 1000.0, 1e4)] == [
        *("10⁻¹²", "0.001", "0.5", "1"),
        *("1,000", "10⁴"),
    ]
    assert line_words(3000000.0, False) == "3 × 10⁶"


def test_zero_has_a_line_of_its_own_beneath_the_axis(plot: LinePlot) -> None:
    drawing = plot.drawing
    assert drawing.point(7, 0.0).y() > drawing.area.bottom()
    assert drawing.point(5, 1e-6).y() <= drawing.area.bottom()


def test_the_mouse_reads_the_point_it_is_near(plot: LinePlot, qtbot: Any) -> None:
    at = plot.drawing.point(5, 1e-6)
    QTest.mouseMove(plot, QPoint(round(at.x()) + 3, round(at.y()) - 4))
    qtbot.waitUntil(lambda: plot.reads == (0, 2))
    head, rows = reading(plot.chart, plot.reads)
    assert head == "after 5 layers · two"
    assert rows == [(0, "1.000 × 10⁻⁶"), (1, "1.100")]
    above = plot.drawing.point(5, 1.1)
    QTest.mouseMove(plot, above.toPoint())
    qtbot.waitUntil(lambda: plot.reads == (1, 2))
    QTest.mouseMove(plot, QPoint(2, 2))
    qtbot.waitUntil(lambda: plot.reads is None)


def test_the_keys_walk_through_the_points(plot: LinePlot) -> None:
    keys, places = Qt.Key, []
    for key in (keys.Key_Right, keys.Key_Right, keys.Key_Down, keys.Key_Down, keys.Key_End, keys.Key_Right):
        QTest.keyClick(plot, key)
        places.append(plot.reads)
    assert places == [(0, 0), (0, 1), (1, 1), (1, 1), (1, 3), (1, 3)]
    QTest.keyClick(plot, keys.Key_Up)
    QTest.keyClick(plot, keys.Key_Home)
    QTest.keyClick(plot, keys.Key_Left)
    assert plot.reads == (0, 0)


def test_a_cursor_stays_where_the_new_chart_has_that_point(plot: LinePlot) -> None:
    QTest.keyClick(plot, Qt.Key.Key_End)
    plot.show_chart(CHART)
    assert plot.reads == (0, 3)
    plot.show_chart(Chart("Short", "x", "y", (Series("one", (1, 2), (1.0, 2.0)),)))
    assert plot.reads is None


def test_the_description_says_every_curve(plot: LinePlot) -> None:
    assert plot.accessibleName() == "Signal"
    words = plot.accessibleDescription()
    assert words == summary(CHART)
    assert "cut: 4 points, from 1.00 to 0" in words
    assert "whole: 4 points, from 1.00 to 1.25; least 0.900, most 1.25." in words


def test_copied_numbers_are_exact_and_empty_where_a_curve_has_no_point(plot: LinePlot) -> None:
    other = Series("kept", (3, 4), (0.1 + 0.2, 7e-310), 2)
    plot.show_chart(Chart("Signal", "layers", "size", (FALLING, other), log=True))
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    rows = list(csv.reader(io.StringIO(QGuiApplication.clipboard().text())))
    assert rows[0] == ["layers", "place", "cut", "kept"]
    assert rows[1] == ["1", "stem", "1.0", ""]
    assert rows[2] == ["3", "one", "0.001", "0.30000000000000004"]
    assert float(rows[3][3]) == 7e-310
    assert len(rows) == 6


def test_ctrl_c_is_the_curves_own_only_while_they_have_the_focus(window: Any, qtbot: Any, theme: Any) -> None:
    """The window's Ctrl+C copies the answer; the plot goes first."""
    plot = LinePlot(theme, window)
    plot.show_chart(CHART)
    plot.resize(300, 200)
    window.show()
    plot.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    copied: list[bool] = []
    window.menu.actions["copy"].triggered.connect(lambda: copied.append(True))
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == plot.csv()
    assert not copied
    window.tabs.currentWidget().setFocus()
    QTest.keyClick(window.tabs.currentWidget(), Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert copied


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_saved_drawings(plot: LinePlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    path, said = tmp_path / f"curves.{ending}", []
    plot.said.connect(lambda kind, sentence: said.append((kind, sentence)))
    monkeypatch.setattr("app.gui.widgets.line_plot.choose_file", lambda *_: path)
    plot.save()
    assert said == [("info", f"curves.{ending} is saved.")]
    if ending == "svg":
        text = path.read_text("utf-8")
        assert "<title>Signal</title>" in text
        assert "bypass cut" in text
    else:
        image = QImage(str(path))
        assert image.width() >= 1920
        colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, 400, 3)}
        assert {plot._theme.mark(0).name(), plot._theme.mark(1).name()} <= colours


def test_a_folder_that_cannot_be_written_to_is_said(
    plot: LinePlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str]] = []
    plot.said.connect(lambda kind, sentence: said.append((kind, sentence)))
    for name in ("a.svg", "a.png"):
        monkeypatch.setattr("app.gui.widgets.line_plot.choose_file", lambda *_, n=name: tmp_path / "nowhere" / n)
        plot.save()
    assert [kind for kind, _ in said] == ["error", "error"]
    assert "Choose another one" in said[0][1]


def test_a_scale_that_is_kept_grows_and_does_not_shrink(plot: LinePlot) -> None:
    before = plot.drawing.y
    plot.show_chart(Chart("Signal", "layers", "size", (LEVEL,), log=True), keep_scale=True)
    assert plot.drawing.y.low == before.low
    assert plot.drawing.y.high >= before.high
    plot.show_chart(Chart("Signal", "layers", "size", (LEVEL,), log=True))
    assert plot.drawing.y.high - plot.drawing.y.low < 1.5


def test_without_a_chart_there_is_a_sentence_and_nothing_to_copy(plot: LinePlot) -> None:
    plot.show_sentence("No trained ResNet is here.")
    assert plot.accessibleDescription() == "No trained ResNet is here."
    assert not plot._copy.isVisible()
    QGuiApplication.clipboard().setText("before")
    plot.copy()
    assert QGuiApplication.clipboard().text() == "before"
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert plot.reads is None


@pytest.mark.parametrize("size", [(240, 150), (300, 160), (1600, 900)])
def test_any_size_can_be_drawn_and_read(plot: LinePlot, size: tuple[int, int]) -> None:
    plot.resize(*size)
    area = plot.drawing.area
    assert 0 <= area.left() < area.right() <= size[0]
    assert 0 <= area.top() < area.bottom() <= size[1]
    assert plot.drawing.nearest(QPointF(area.right(), area.top())) == (1, 3)
    plot.reads = (0, 2)
    assert not plot.grab().isNull()
