"""The figure's widgets around descriptions made by hand: they know nothing of networks."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QGraphicsItem

from app.engines.figure import Cell, Edge, Figure, Maps, Node, Stage
from app.gui import numbers
from app.gui.tasks import join
from app.gui.widgets.figure import FigureView
from app.gui.widgets.figure_items import EdgeItem, NodeItem, folded_words, node_words, share_words, short
from app.gui.widgets.maps_grid import MapsGrid, Section, Tile
from tests.gui.stand_in import StandIn


def a_map(bright: int) -> np.ndarray:
    values = np.zeros((8, 8), np.uint8)
    values[bright % 8, :] = 255
    return values


def residual(cells: int = 6, times: bool = True) -> Figure:
    """An input, a convolution, `cells` residual cells (the first with a projection) and a dense layer."""
    share = 0.01 if times else None
    nodes = [
        Node("x", "input", "input", 0.0, shape=(3, 224, 224)),
        Node("stem", "7 × 7 conv, /2", "conv", 1.0, shape=(64, 112, 112), parameters=9_536,
             share=0.5 if times else None, also=("batch norm", "ReLU"), path="conv1", glance=(a_map(2),),
             has_filters=True),
    ]  # fmt: skip
    edges = [Edge("x", "stem")]
    column, before = 2.0, "stem"
    for k in range(cells):
        one, two, add = f"a{k}", f"b{k}", f"add{k}"
        if k == 0:
            nodes.append(Node("proj", "1 × 1 conv", "conv", column + 0.5, lane=-1, small=True, shape=(64, 56, 56),
                              parameters=4_096, share=share, cell=0, path="layer.0.down"))  # fmt: skip
            edges += [Edge(before, "proj", "projection"), Edge("proj", add, "projection")]
        for name in (one, two):
            nodes.append(Node(name, "3 × 3 conv", "conv", column, shape=(64, 56, 56), parameters=36_992, share=share,
                              cell=k, path=f"layer.{k}.{name}", glance=(a_map(k),)))  # fmt: skip
            column += 1
        nodes.append(Node(add, "+", "add", column, shape=(64, 56, 56), share=share, cell=k))
        column += 1
        edges += [Edge(before, one), Edge(one, two), Edge(two, add)]
        edges += [Edge(before, add, "bypass")] if k else []
        before = add
    nodes.append(Node("fc", "dense", "dense", column, shape=(1000,), parameters=513_000, share=share,
                      said=(("espresso", 0.93), ("cup", 0.04))))  # fmt: skip
    edges.append(Edge(before, "fc"))
    stages = (Stage("stage 1", cells, (64, 56, 56)),)
    made = tuple(Cell(f"layer.{k}", "BasicBlock", 0) for k in range(cells))
    total = sum(node.parameters for node in nodes)
    ms = 20.0 if times else None
    return Figure("net", "ResNet-14", tuple(nodes), tuple(edges), made, stages, total, True, ms, 5, 2)


def towers() -> Figure:
    nodes = (
        Node("x", "input", "input", 0.0, shape=(3, 224, 224)),
        Node("c1", "11 × 11 conv, /4", "conv", 1.0, towers=2, shape=(96, 55, 55), glance=(a_map(1), a_map(2))),
        Node("c2", "5 × 5 conv", "conv", 2.0, towers=2, shape=(256, 27, 27)),
        Node("c3", "3 × 3 conv", "conv", 3.0, towers=2, shape=(384, 13, 13)),
        Node("fc", "dense", "dense", 4.0, shape=(4096,)),
    )
    edges = (Edge("x", "c1"), Edge("c1", "c2"), Edge("c2", "c3", "cross"), Edge("c3", "fc"))
    return Figure("alex", "AlexNet", nodes, edges, (), (), 1, True)


def unrolled(words: int = 4, layers: int = 3) -> Figure:
    """LSTM layers above each other, unrolled over words: what the captioner and the translator will draw."""
    nodes, edges = [], []
    for word in range(words):
        nodes.append(Node(f"w{word}", f"word {word}", "input", float(word), lane=layers, small=True, shape=(512,)))
        for layer in range(layers):
            strip = np.arange(32, dtype=np.uint8).reshape(32, 1) * 8
            lane = layers - 1 - layer
            nodes.append(Node(f"h{layer}.{word}", f"LSTM {layer + 1}", "other", float(word), lane=lane, small=True,
                              shape=(512,), glance=(strip,)))  # fmt: skip
            below = f"w{word}" if layer == 0 else f"h{layer - 1}.{word}"
            edges.append(Edge(below, f"h{layer}.{word}"))
            if layer == 2:
                edges.append(Edge(f"h0.{word}", f"h2.{word}", "bypass"))
            if word:
                edges.append(Edge(f"h{layer}.{word - 1}", f"h{layer}.{word}"))
    return Figure("gnmt", "GNMT", tuple(nodes), tuple(edges), (), (), 0, True)


@pytest.fixture
def view(qtbot: Any, theme: Any) -> FigureView:
    made = FigureView(theme)
    qtbot.addWidget(made)
    made.resize(1000, 500)
    made.show()
    qtbot.waitExposed(made)
    return made


def items(view: FigureView, kind: type[QGraphicsItem]) -> list[Any]:
    return [item for item in view.scene().items() if isinstance(item, kind)]


def drawn(view: FigureView) -> list[str]:
    return [slot.id for slot in view._layout.slots]


def middle(view: FigureView, node: str) -> QPoint:
    slot = view._layout.slot(node)
    assert slot is not None
    return view.mapFromScene(slot.centre, slot.axis)


# Words


def test_numbers_have_three_digits() -> None:
    assert [short(n) for n in (0, 9_536, 34_944, 999_499, 999_500, 37_752_832)] == [
        "0", numbers.whole(9_536), "34.9 k", "999 k", "1.00 M", "37.8 M",
    ]  # fmt: skip
    assert share_words(None) == "…"
    assert share_words(0.0001) == "< 0.1 %"
    assert share_words(0.123) == "12.3 %"


def test_a_block_says_shape_and_parameters() -> None:
    tower = towers().node("c1")
    assert node_words(tower) == ["11 × 11 conv, /4", "2 × 48 × 55 × 55", ""]
    assert node_words(residual().node("stem"))[2] == f"{numbers.whole(9_536)} parameters"
    hidden = tuple(node for node in residual().nodes if node.cell in (1, 2, 3, 4))
    assert folded_words(hidden) == ["4 more", "cells like these", "296 k parameters"]


# The diagram


def test_long_stages_fold_to_their_first_and_last_cell(view: FigureView) -> None:
    view.show_figure(residual(6))
    assert drawn(view) == ["x", "stem", "a0", "proj", "b0", "add0", "a1", "a5", "b5", "add5", "fc"]
    fold = view._layout.slot("b3")
    assert fold is not None
    assert fold.node is None
    assert {node.cell for node in fold.hidden} == {1, 2, 3, 4}
    view.fold(0, False)
    assert len(drawn(view)) == len(residual(6).nodes)
    view.fold_all(True)
    assert len(drawn(view)) == 11


def test_short_stages_do_not_fold(view: FigureView) -> None:
    view.show_figure(residual(4))
    assert len(drawn(view)) == len(residual(4).nodes)
    assert not view.can_fold


def test_cells_stay_whole_and_nothing_overlaps(view: FigureView) -> None:
    figure = residual(4)
    for width in (400, 700, 1500):
        view.resize(width, 400)
        view.show_figure(None)
        view.show_figure(figure)
        on_line = [slot for slot in view._layout.slots if slot.node is not None and slot.node.lane == 0]
        for cell in range(4):
            assert len({slot.row for slot in on_line if slot.node is not None and slot.node.cell == cell}) == 1
        for one, other in pairwise(on_line):
            assert other.row == one.row + 1 or other.x >= one.x + one.width
    assert {slot.row for slot in view._layout.slots} == {0}  # wide enough for one row


def test_every_bypass_is_a_curve_over_its_cell(view: FigureView) -> None:
    view.resize(1800, 400)
    view.show_figure(residual(4))
    curves = [item for item in items(view, EdgeItem) if item._kind == "bypass"]
    assert len(curves) == 3
    for curve in curves:
        place = curve._path.boundingRect()
        convs = [
            s for s in view._layout.slots if s.node is not None and s.node.kind == "conv" and s.node.cell is not None
        ]
        passed = [s for s in convs if place.left() < s.centre < place.right()]
        assert len({s.node.cell for s in passed if s.node is not None}) == 1
        assert len(passed) == 2
        assert place.top() < min(s.axis for s in passed) - 40
    assert sum(item._kind == "projection" for item in items(view, EdgeItem)) == 2


def test_towers_cross_where_the_description_says(view: FigureView) -> None:
    view.resize(1400, 400)
    view.show_figure(towers())
    kinds = [item._kind for item in items(view, EdgeItem)]
    assert kinds.count("cross") == 4
    assert kinds.count("flow") == 2 + 2 + 2  # from the input to both, side by side, from both to the dense layer
    heights = {round(p.y()) for item in items(view, EdgeItem) if item._kind == "cross"
               for p in (item._path.pointAtPercent(0), item._path.pointAtPercent(1))}  # fmt: skip
    assert len(heights) == 2


def test_layers_unrolled_over_words_lie_in_columns_and_lanes(view: FigureView, qtbot: Any) -> None:
    view.show_figure(unrolled())
    places = {slot.id: slot for slot in view._layout.slots}
    assert len({round(places[f"h1.{word}"].axis) for word in range(4)}) == 1
    assert len({round(places[f"h{layer}.2"].centre) for layer in range(3)}) == 1
    assert places["h2.0"].axis < places["h1.0"].axis < places["h0.0"].axis < places["w0"].axis
    assert places["h0.0"].centre < places["h0.1"].centre
    assert len(items(view, EdgeItem)) == len(unrolled().edges)
    view.setFocus()
    view.set_current("h0.1")
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert view.current == "h1.1"
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.current == "w1"


def test_the_maps_lie_on_the_blocks(view: FigureView) -> None:
    view.resize(1400, 400)
    view.show_figure(towers())
    slot = view._layout.slot("c1")
    assert slot is not None
    from app.gui.widgets.figure_items import faces

    image = view.grab().toImage()
    upper, lower = faces(slot)
    for face, row in ((upper, 1), (lower, 2)):  # the bright row of each map, viridis's yellow
        bright = view.mapFromScene(face.left() + face.width() / 2, face.top() + face.height() * (row + 0.5) / 8)
        dark = view.mapFromScene(face.left() + face.width() / 2, face.top() + face.height() * 5.5 / 8)
        assert QColor(image.pixel(bright)).lightness() > 120
        assert QColor(image.pixel(dark)).lightness() < 70


def test_times_come_later_and_nothing_moves(view: FigureView) -> None:
    view.show_figure(residual(6, times=False))
    view.setFocus()
    view.fold(0, False)
    view.zoom(1.7)
    view.set_current("b3")
    before = (view.scale_in_per_cent, view.mapToScene(QPoint(0, 0)), drawn(view), view.current)
    view.show_figure(residual(6, times=True))
    assert (view.scale_in_per_cent, view.mapToScene(QPoint(0, 0)), drawn(view), view.current) == before
    item = next(item for item in items(view, NodeItem) if item.slot.id == "stem")
    assert item._share == 0.5
    assert item._bar == 1.0
    assert "50.0 % of the time (10.00 ms)" in item.toolTip()


# Hands


def test_arrows_walk_and_enter_opens(view: FigureView, qtbot: Any) -> None:
    view.resize(1800, 400)
    view.show_figure(residual(6))
    view.setFocus()
    said: list[str] = []
    opened: list[str] = []
    view.current_changed.connect(said.append)
    view.chosen.connect(opened.append)
    qtbot.keyClick(view, Qt.Key.Key_Home)
    for _ in range(2):
        qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.current == "a0"
    assert "layer.0.a0" in said[-1]
    assert view.accessibleDescription() == said[-1]
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert view.current == "proj"
    assert "on the bypass" in said[-1]
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.current in ("a0", "b0")
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert opened == [view.current]
    view.set_current("a2")  # folded away: its fold
    assert view.current == "a1"
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert len(drawn(view)) == len(residual(6).nodes)
    assert len(opened) == 1
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert len(drawn(view)) == 11
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.current == "fc"


def test_up_and_down_go_from_row_to_row(view: FigureView, qtbot: Any) -> None:
    view.resize(500, 700)
    view.show_figure(residual(4))
    rows = {slot.id: slot.row for slot in view._layout.slots}
    assert max(rows.values()) >= 2
    view.set_current("a1")
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert rows[view.current] == rows["a1"] + 1
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert rows[view.current] == rows["a1"]


def test_tab_goes_from_stage_to_stage_and_leaves(view: FigureView, qtbot: Any) -> None:
    view.show_figure(residual(6))
    view.setFocus()
    view.set_current("x")
    stops = []
    for _ in range(3):
        assert view.focusNextPrevChild(True) is not None
        stops.append(view.current)
    assert stops[:2] == ["a0", "fc"]
    assert stops[2] == "fc"
    view.focusNextPrevChild(False)
    assert view.current == "a0"


def test_a_click_opens_and_a_drag_moves(view: FigureView, qtbot: Any) -> None:
    view.show_figure(residual(6))
    opened: list[str] = []
    view.chosen.connect(opened.append)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=middle(view, "stem"))
    assert opened == ["stem"]
    view.zoom(2.5)
    before = view.mapToScene(QPoint(0, 0))
    start = QPoint(400, 250)
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for step in (QPoint(-20, -10), QPoint(-80, -40)):
        qtbot.mouseMove(view.viewport(), start + step)
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=start + QPoint(-80, -40))
    after = view.mapToScene(QPoint(0, 0))
    assert after.x() > before.x() + 10
    assert opened == ["stem"]


def test_a_click_on_a_fold_unfolds_it(view: FigureView, qtbot: Any) -> None:
    view.show_figure(residual(6))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=middle(view, "a1"))
    assert view.unfolded


def test_zoom_keeps_what_is_under_the_mouse(view: FigureView) -> None:
    view.show_figure(residual(6))
    view.zoom(3.0)
    at = QPoint(500, 250)
    before = view.mapToScene(at)
    view.zoom(1.2, at)
    after = view.mapToScene(at)
    assert abs(after.x() - before.x()) < 3
    assert abs(after.y() - before.y()) < 3


def test_a_new_size_arranges_anew_but_not_over_an_own_zoom(view: FigureView, qtbot: Any) -> None:
    view.resize(1800, 400)
    view.show_figure(residual(4))
    assert view._layout.rows == 1
    view.resize(500, 700)
    qtbot.waitUntil(lambda: view._layout.rows > 1)
    view.resize(520, 700)
    view.fit()
    scale = view.scale_in_per_cent
    qtbot.waitUntil(lambda: not view._later.isActive())
    assert view.scale_in_per_cent == scale


def test_zoom_keys(view: FigureView, qtbot: Any) -> None:
    view.show_figure(residual(6))
    view.setFocus()
    control = Qt.KeyboardModifier.ControlModifier
    before = view.scale_in_per_cent
    qtbot.keyClick(view, Qt.Key.Key_Plus, control)
    assert view.scale_in_per_cent > before
    qtbot.keyClick(view, Qt.Key.Key_Minus, control)
    assert view.scale_in_per_cent == pytest.approx(before, abs=1)
    view.zoom(3.0)
    qtbot.keyClick(view, Qt.Key.Key_0, control)
    room, shown = view.viewport().rect(), view.mapFromScene(view.sceneRect()).boundingRect()
    assert room.width() + 2 >= shown.width()
    assert room.height() + 2 >= shown.height()
    qtbot.keyClick(view, Qt.Key.Key_0, control)
    assert view.scale_in_per_cent == 100
    for _ in range(60):
        qtbot.keyClick(view, Qt.Key.Key_Minus, control)
    assert view.scale_in_per_cent == 8
    bar = view.horizontalScrollBar()
    view.zoom(50)
    bar.setValue(bar.minimum())
    qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert bar.value() > bar.minimum()


def test_without_a_figure_keys_are_left_to_others(view: FigureView, qtbot: Any) -> None:
    view.show_figure(None)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    view.fold_all(False)
    view.fit()
    assert view.current == ""


# Saving


def test_the_svg_reads_back(view: FigureView) -> None:
    from PySide6.QtSvg import QSvgRenderer

    view.show_figure(residual(6))
    view.setFocus()
    view.set_current("stem")
    content = view.svg("ResNet-14 · 20 ms · Triptych")
    root = ET.fromstring(content)  # it is XML
    words = " ".join("".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text"))
    for wanted in ("7 × 7 conv, /2", "64 × 112 × 112", "37.0 k parameters", "identity", "4 more", "espresso", "20 ms"):
        assert wanted in words
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "ResNet-14"
    assert sum(element.tag.endswith("}image") for element in root.iter()) == 1 + 2 + 2  # a map a block
    accent = view._theme.colours.soft
    assert accent not in content.decode()  # what the hand is at is not saved
    renderer = QSvgRenderer(content)
    assert renderer.isValid()
    assert renderer.viewBoxF().width() == pytest.approx(view._layout.width, abs=1)


def test_the_png_holds_all_of_it_at_any_zoom(view: FigureView) -> None:
    view.show_figure(residual(6))
    view.zoom(4.0)
    image = view.image("caption", scale=1.0)
    assert abs(image.width() - view._layout.width) < 2
    slot = view._layout.slot("add5")
    assert slot is not None
    edge = QColor(image.pixel(round(slot.centre), round(slot.axis)))
    assert edge != view._theme.colour("surface")


# Maps


def tile(k: int, label: str = "") -> Tile:
    return Tile(a_map(k), label or str(k), f"channel {k}", 0.0, float(k))


@pytest.fixture
def grid(qtbot: Any, theme: Any) -> MapsGrid:
    made = MapsGrid(theme)
    qtbot.addWidget(made)
    made.resize(420, 260)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_arrows_and_enter_in_the_grid(grid: MapsGrid, qtbot: Any) -> None:
    said: list[str] = []
    grid.pointed.connect(said.append)
    grid.show_sections(
        [Section("Tower 1", tuple(map(tile, range(12)))), Section("Tower 2", tuple(map(tile, range(12, 24))))]
    )
    grid.setFocus()
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert grid.current == 1
    assert said[-1] == "channel 1: from 0 to 1"
    assert grid.accessibleDescription() == said[-1]
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    assert grid.current > 3
    qtbot.keyClick(grid, Qt.Key.Key_End)
    assert grid.current == 23
    assert grid.verticalScrollBar().value() > 0
    qtbot.keyClick(grid, Qt.Key.Key_Return)
    assert grid.enlarged
    qtbot.keyClick(grid, Qt.Key.Key_Left)
    assert grid.current == 22
    assert grid.enlarged
    qtbot.keyClick(grid, Qt.Key.Key_Backspace)
    assert not grid.enlarged
    assert not grid.shrink()


def test_the_large_one_tells_each_value(grid: MapsGrid, qtbot: Any) -> None:
    said: list[str] = []
    grid.pointed.connect(said.append)
    values = np.arange(6, dtype=np.uint8).reshape(2, 3) * 51
    grid.show_sections(
        [Section("", (Tile(values, "", "units", -1.0, 4.0, units=True, names=("tench", "shark", "cock")),))]
    )
    assert grid.enlarged  # a single one comes large
    place = grid._large_place()
    qtbot.mouseMove(grid.viewport(), QPoint(place.left() + place.width() * 5 // 6, place.top() + place.height() // 4))
    assert said[-1] == "unit 2, cock: 1"
    qtbot.mouseMove(grid.viewport(), QPoint(place.left() + 4, place.bottom() - 4))
    assert said[-1] == "unit 3: 2"


def test_a_click_enlarges_and_another_goes_back(grid: MapsGrid, qtbot: Any) -> None:
    grid.show_sections([Section("", tuple(map(tile, range(5))))])
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=grid._places[3].center())
    assert grid.enlarged
    assert grid.current == 3
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(200, 100))
    assert not grid.enlarged


# The pane


def maps(towers: int = 1, filters: bool = False, count: int = 4) -> Maps:
    values = np.stack([a_map(k) for k in range(count)]) if count else np.zeros((0, 1, 1), np.uint8)
    n = np.zeros(count, np.float32)
    pictures = np.full((8, 5, 5, 3), 128, np.uint8) if filters else None
    return Maps("net", "stem", "conv", (8, 8, 8), values, (0, 2, 5, 7)[:count], n, n + 1, towers, filters=pictures)


def test_the_pane_keeps_towers_apart(qtbot: Any, theme: Any) -> None:
    from app.gui.widgets.maps_pane import MapsPane

    pane = MapsPane(theme)
    qtbot.addWidget(pane)
    pane.show()
    node = residual().node("stem")
    pane.announce(node, True)
    pane.show_maps(maps(towers=2, filters=True))
    assert [section.title for section in pane.grid._sections] == [
        "Tower 1: channels 0 to 3",
        "Tower 2: channels 4 to 7",
    ]
    assert [tile.label for tile in pane.grid.tiles] == ["0", "2", "5", "7"]
    assert "4 of 8 channels" in pane.info.text()
    pane.filters_button.click()
    assert len(pane.grid.tiles) == 8
    assert "All 8 filters of 5 × 5" in pane.info.text()
    pane.announce(residual().node("a1"), True)
    pane.show_maps(maps())
    assert pane.filters_button.isHidden()
    assert len(pane.grid.tiles) == 4
    pane.announce(node, False)
    pane.show_maps(maps(filters=True, count=0))
    assert pane.filters_button.isChecked()
    pane.maps_button.click()
    assert "Drop a picture" in pane.grid._sentence


# The view inside the panel


class FigureFake(StandIn):
    """Answers like the figure's engine; `gate` holds the times back, not the diagram."""

    def handle(self, request: Any, ticket: Any) -> Any:
        from app.engines.figure import RecordFigure, ShowMaps

        self.seen.append(request)
        yield None
        if self.wrong is not None:
            raise RuntimeError(self.wrong)
        match request:
            case RecordFigure(model=model, picture=picture):
                from dataclasses import replace

                yield replace(residual(6, times=False), model=model, of_picture=picture is not None)
                yield from self.held()
                return replace(residual(6), model=model, of_picture=picture is not None)
            case ShowMaps(node=node, picture=picture):
                return maps(filters=node == "stem", count=4 if picture is not None else 0)


@pytest.fixture
def tab(qtbot: Any, make_context: Any, engine: Any) -> Any:
    from app.gui.classify.figure_view import FigureTab
    from app.gui.classify.saving import Saver
    from app.gui.classify.session import Session

    context = make_context()
    fake = FigureFake()
    context.worker._factories["figure"] = lambda: fake
    session = Session(context)
    tab = FigureTab(context, session, None)  # type: ignore[arg-type]
    tab._files = Saver(tab)
    tab.fake, tab.session, tab.context = fake, session, context
    qtbot.addWidget(tab)
    tab.resize(1100, 420)
    tab.show()
    context.worker.start()
    yield tab
    tab.close_view()
    join(session.stop(), 5.0)
    join(tab._files.threads(), 5.0)


def timed(tab: Any) -> bool:
    return tab.view.figure is not None and tab.view.figure.pass_ms is not None and tab._recording is None


def test_nothing_is_recorded_before_it_is_looked_at(tab: Any, qtbot: Any) -> None:
    from app.gui.context import chosen_models
    from app.store.catalog import State

    qtbot.wait(50)
    assert tab.fake.seen == []
    tab.shown()
    qtbot.waitUntil(lambda: timed(tab))
    assert "Drop a picture" in tab.line.text()
    assert "20.0 ms in torch on the CPU (2 threads, median of 5 passes)" in tab.line.text()
    store = tab.context.store
    shown = [store.card(model) for model in chosen_models(tab.context)]
    assert tab.chooser.currentText() == next(card.name for card in shown if store.state(card) is State.READY)
    assert tab.save.isEnabled()
    assert tab.folds.isEnabled()


def test_leaving_releases_the_network_and_coming_back_keeps_the_diagram(tab: Any, qtbot: Any) -> None:
    tab.shown()
    qtbot.waitUntil(lambda: timed(tab))
    tab.hidden()
    qtbot.waitUntil(lambda: len(tab.fake.asked("ReleaseFigure")) == 1)
    tab.shown()
    qtbot.wait(50)
    assert len(tab.fake.asked("RecordFigure")) == 1


def test_a_click_shows_maps_and_esc_closes_them(tab: Any, qtbot: Any) -> None:
    tab.shown()
    qtbot.waitUntil(lambda: timed(tab))
    tab.open_maps("stem")
    qtbot.waitUntil(lambda: tab.maps._maps is not None)
    assert tab.maps.isVisible()
    assert tab.fake.asked("ShowMaps")[0].node == "stem"
    assert tab.view.isVisible()
    assert tab.cancel()
    assert not tab.maps.isVisible()
    assert not tab.cancel()


def test_esc_stops_the_recording_and_offers_another(tab: Any, qtbot: Any) -> None:
    tab.fake.gate.clear()
    tab.shown()
    qtbot.waitUntil(lambda: tab.view.figure is not None)
    assert tab.cancel()
    assert tab._recording is None
    (strip,) = tab.strips._shown
    tab.fake.gate.set()
    strip.buttons[0].click()
    qtbot.waitUntil(lambda: timed(tab))


def test_maps_come_before_the_measuring_is_over(tab: Any, qtbot: Any) -> None:
    tab.fake.gate.clear()  # it records, and goes on measuring
    tab.shown()
    qtbot.waitUntil(lambda: tab.view.figure is not None)
    assert tab.view.figure.pass_ms is None
    tab.open_maps("stem")
    qtbot.waitUntil(lambda: tab.maps._maps is not None)
    assert not timed(tab)
    tab.fake.gate.set()
    qtbot.waitUntil(lambda: timed(tab))


def test_in_a_narrow_window_the_maps_take_the_diagrams_place(tab: Any, qtbot: Any) -> None:
    tab.resize(640, 360)
    tab.shown()
    qtbot.waitUntil(lambda: timed(tab))
    tab.open_maps("stem")
    assert not tab.view.isVisible()
    tab.maps.close_button.click()
    assert tab.view.isVisible()


def test_a_new_picture_is_recorded_and_its_maps_too(tab: Any, qtbot: Any, tmp_path: Path) -> None:
    from PIL import Image

    tab.shown()
    qtbot.waitUntil(lambda: timed(tab))
    tab.open_maps("stem")
    Image.new("RGB", (40, 30), (200, 10, 10)).save(tmp_path / "red.png")
    tab.session.add_paths([tmp_path / "red.png"])
    qtbot.waitUntil(lambda: tab._picture is not None and timed(tab) and tab._mapping is None)
    assert [request.picture is not None for request in tab.fake.asked("RecordFigure")] == [False, True]
    assert tab.fake.asked("ShowMaps")[-1].picture is tab._picture
    assert len(tab.maps.grid.tiles) in (4, 8)
    assert "Drop a picture" not in tab.line.text()
    tab.session.clear()
    qtbot.waitUntil(lambda: tab._picture is None and timed(tab))
    assert tab.fake.asked("RecordFigure")[-1].picture is None


def test_failures_are_said_and_can_be_tried_again(tab: Any, qtbot: Any) -> None:
    tab.fake.wrong = "The file of EfficientNet-Lite0 is damaged."
    tab.shown()
    qtbot.waitUntil(lambda: tab.strips.sentences() == [tab.fake.wrong])
    tab.fake.wrong = None
    (strip,) = tab.strips._shown
    strip.buttons[0].click()
    qtbot.waitUntil(lambda: timed(tab))
    assert tab.strips.sentences() == []


def test_an_absent_network_says_what_it_is_and_offers_itself(tab: Any, qtbot: Any) -> None:
    tab.context.settings.set("classify.models", ["efficientnet-lite0", "alexnet-v1"])
    tab.models_changed()
    tab.shown()
    absent = next(k for k in range(tab.chooser.count()) if "not here" in tab.chooser.itemText(k))
    tab.chooser.setCurrentIndex(absent)
    tab.chooser.activated.emit(absent)
    assert tab._pages.currentWidget() is tab._absent
    card = tab.context.store.card(tab.model)
    assert card.summary in tab._absent._words.text()
    assert card.name in tab._absent.download.text()
    assert tab._absent.download.isEnabled()
    assert not tab.save.isEnabled()
    assert tab._recording is None
    tab.chooser.setCurrentIndex(0)
    tab.chooser.activated.emit(0)
    qtbot.waitUntil(lambda: timed(tab))
    assert tab._pages.currentWidget() is tab._leaves


@pytest.mark.parametrize("svg", [True, False])
def test_saving_asks_for_a_file_and_replaces_none(
    tab: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, svg: bool
) -> None:
    from app.gui import saving

    tab.shown()
    qtbot.waitUntil(lambda: timed(tab))
    said: list[tuple[str, str]] = []
    tab._files.said.connect(lambda kind, words: said.append((kind, words)))
    ending = "svg" if svg else "png"
    suggestions = []

    def choose(parent: Any, title: str, suggestion: str, kinds: str) -> tuple[str, str]:
        suggestions.append(suggestion)
        return str(tmp_path / "figure"), kinds.split(";;")[0]

    monkeypatch.setattr(saving, "choose_file", choose)
    tab.save_as(svg)
    path = tmp_path / f"figure.{ending}"
    qtbot.waitUntil(lambda: bool(said))
    assert said == [("info", f"Saved: figure.{ending}")]
    assert suggestions[0].endswith(f"ResNet-14 diagram.{ending}")
    if svg:
        assert "7 × 7 conv" in path.read_text("utf-8")
    else:
        assert QImage(str(path)).width() > 1000
    before = path.read_bytes()
    tab.save_as(svg)  # the dialog has asked about "figure", not about the name with its ending
    assert said[-1][0] == "warning"
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} <= {path.name, "home", "cache"}
