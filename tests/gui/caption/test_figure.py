"""The figure inside the Caption panel: what it follows, what a click shows, what is saved; and the page to read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage

from app.engines.figure import Cell, Edge, Figure, Lane, Maps, Node, Stage, Strip
from app.engines.figure_caption import CaptionFigure, Step
from app.gui.caption.page import values
from app.gui.caption.session import Kind

RED = "a red bird sits on a branch"
GREEN = "a frog on green grass"
UNITS = 32


def strip(name: str, signed: bool) -> Strip:
    return Strip(name, np.arange(UNITS, dtype=np.uint8).reshape(8, -1) * 8, -1.0 if signed else 0.0, 1.0)


def step(given: str, word: str, k: int) -> Step:
    attention = np.full((7, 7), 0.4 / 49, np.float32)
    attention[k % 7, 3] += 0.6
    gates = {name: np.linspace(0.0 if name in "ifo" else -0.9, 0.9, UNITS, dtype=np.float32) for name in "ifgoch"}
    others = (("dog", 0.2), ("cat", 0.1), ("⟨end⟩", 0.05))
    return Step(given, word, 0.5, others, attention, np.linspace(-1, 1, 16, dtype=np.float32), gates)


def drawing(words: tuple[str, ...], times: bool = True) -> CaptionFigure:
    """A small captioner, described by hand: an encoder of six cells, the grid, a column a word and one for the end."""
    share = 0.05 if times else None
    tile = np.full((48, 64, 3), 90, np.uint8)
    nodes = [Node("x", "input", "input", 0.0, shape=(3, 224, 224), glance=(tile,))]
    nodes += [
        Node(f"conv{k}", "3 × 3 conv", "conv", 1.0 + k, shape=(32, 56, 56), parameters=900, share=share, cell=k)
        for k in range(6)
    ]
    nodes += [
        Node("grid", "grid of features", "grid", 7.0, shape=(1280, 7, 7), glance=(tile,)),
        Node("start", "start state", "state", 8.0, 3, small=True, shape=(UNITS,), parameters=50, share=share,
             strips=(strip("c", True), strip("h", True))),
    ]  # fmt: skip
    edges = [Edge("x", "conv0"), *(Edge(f"conv{k}", f"conv{k + 1}") for k in range(5)), Edge("conv5", "grid")]
    edges.append(Edge("grid", "start", "look"))
    steps = []
    for k, word in enumerate((*words, "⟨end⟩")):
        given = words[k - 1] if k else "⟨start⟩"
        steps.append(step(given, word, k))
        column = 9.0 + k
        strips = tuple(strip(name, name in "gch") for name in "ifgoch")
        nodes += [
            Node(f"attention.{k}", "attention", "attention", column, 1, small=True, shape=(7, 7), glance=(tile,),
                 word=word),
            Node(f"in.{k}", given, "word", column, 2, small=True, shape=(16,), word=word),
            Node(f"lstm.{k}", "LSTM", "lstm", column, 3, small=True, shape=(UNITS,), strips=strips, word=word),
            Node(f"out.{k}", word, "said", column, 4, small=True, shape=(3000,), word=word, p=0.5),
        ]  # fmt: skip
        before = f"lstm.{k - 1}" if k else "start"
        edges += [Edge("grid", f"attention.{k}", "look"), Edge(before, f"attention.{k}"), Edge(before, f"lstm.{k}")]
        edges += [Edge(f"attention.{k}", f"lstm.{k}"), Edge(f"in.{k}", f"lstm.{k}"), Edge(f"lstm.{k}", f"out.{k}")]
        edges += [Edge(f"out.{k - 1}", f"in.{k}")] if k else []
    lanes = tuple(Lane(n + 1, name, 1000, share) for n, name in enumerate(("attention", "word in", "LSTM", "word out")))
    cells = tuple(Cell(f"blocks.{k}", "MBConv", 0) for k in range(6))
    ms = 40.0 if times else None
    figure = Figure("captioner", "Captioner", tuple(nodes), tuple(edges), cells, (Stage("encoder", 6, (32, 56, 56)),),
                    9450, True, ms, 5, 2, lanes)  # fmt: skip
    state = np.linspace(-0.5, 0.5, UNITS, dtype=np.float32)
    lengths = np.linspace(1, 9, 49, dtype=np.float32).reshape(7, 7)
    return CaptionFigure(figure, tuple(steps), {"c": state, "h": state}, lengths, tile)


class FigureFake:
    """Answers like the figure's engine, when it is let."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.wrong: str | None = None
        self.gate = threading.Event()
        self.gate.set()

    def handle(self, request: Any, ticket: Any) -> Any:
        from app.engines.figure import ShowMaps
        from app.engines.figure_caption import RecordCaption

        self.seen.append(request)
        yield None
        if self.wrong is not None:
            raise RuntimeError(self.wrong)
        match request:
            case RecordCaption(words=words):
                assert words is not None
                yield drawing(words, times=False)
                while not self.gate.wait(0.01):
                    yield None
                return drawing(words)
            case ShowMaps(node=node):
                n = np.zeros(2, np.float32)
                return Maps("captioner", node, "conv", (8, 8, 8), np.zeros((2, 8, 8), np.uint8), (0, 3), n, n + 1)

    def recorded(self) -> list[str]:
        """The captions that it was asked to draw."""
        return [" ".join(request.words) for request in self.seen if type(request).__name__ == "RecordCaption"]

    def out_of_memory(self, error: BaseException) -> str | None:
        return None

    def explain(self, error: BaseException) -> str | None:
        return str(error)

    def close(self) -> None:
        pass


@pytest.fixture
def recorder() -> FigureFake:
    return FigureFake()


@pytest.fixture
def engines(engine: Any, recorder: FigureFake) -> dict[str, Callable[[], Any]]:
    return {"caption": lambda: engine, "figure": lambda: recorder}


@pytest.fixture
def tab(panel: Any) -> Any:
    """The figure's tab, looked at."""
    panel.toggle_inside()
    panel.inside.choose("figure")
    return panel.inside.view("figure")


def drawn(tab: Any, words: str) -> bool:
    figure = tab.view.figure
    return bool(
        figure is not None
        and figure.pass_ms is not None
        and tab._recording is None
        and [node.title for node in figure.nodes if node.kind == "said"] == [*words.split(), "⟨end⟩"]
    )


def test_nothing_is_recorded_before_it_is_looked_at(
    panel: Any, picture: Any, answered: Any, recorder: FigureFake, qtbot: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel, RED)
    qtbot.wait(30)
    assert recorder.seen == []
    panel.toggle_inside()
    panel.inside.choose("figure")
    tab = panel.inside.view("figure")
    qtbot.waitUntil(lambda: drawn(tab, RED))
    assert recorder.recorded() == [RED]
    assert recorder.seen[0].picture is panel.reading.answer.frame.pixels
    assert f"“{RED}”" in tab.line.text()
    assert "40.0 ms in torch on the CPU" in tab.line.text()
    assert tab.now.isHidden()
    panel.toggle_inside()
    qtbot.waitUntil(lambda: type(recorder.seen[-1]).__name__ == "ReleaseFigure")


def test_empty_it_says_what_will_be_here(tab: Any, panel: Any, picture: Any, qtbot: Any) -> None:
    assert tab._pages.currentWidget() is tab._empty
    assert "Show it a picture" in tab._empty.text()
    assert not tab.save.isEnabled()
    panel.open_paths([picture("green.png")])
    qtbot.waitUntil(lambda: drawn(tab, GREEN))
    assert tab._pages.currentWidget() is tab._leaves
    assert tab.save.isEnabled()
    panel.session.stop()
    assert tab._pages.currentWidget() is tab._empty


def test_without_the_network_it_says_so(make_panel: Any) -> None:
    panel = make_panel(state="absent")
    panel.toggle_inside()
    panel.inside.choose("figure")
    assert "not on this machine" in panel.inside.view("figure")._empty.text()


def test_it_follows_pictures_and_the_persons_own_words(
    tab: Any, panel: Any, picture: Any, answered: Any, recorder: FigureFake, qtbot: Any
) -> None:
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: drawn(tab, RED))
    panel.open_paths([picture("green.png")])
    qtbot.waitUntil(lambda: drawn(tab, GREEN))
    panel.reading.step(1)
    panel.reading.pick(0)
    qtbot.waitUntil(lambda: panel.reading.own is not None and not panel.session.waiting)
    own = panel.reading.caption.text
    assert own != GREEN
    qtbot.waitUntil(lambda: drawn(tab, own))
    assert recorder.recorded() == [RED, GREEN, own]


def test_live_it_stays_at_its_caption_until_it_is_asked_or_paused(
    tab: Any, panel: Any, camera: Any, answered: Any, recorder: FigureFake, qtbot: Any
) -> None:
    panel.right.raw.setChecked(True)  # every caption stands there at once
    panel.watching.play(camera, Kind.MOVING)
    camera.frames.append("red")
    qtbot.waitUntil(lambda: drawn(tab, RED))
    assert "Does not follow live pictures" in tab.line.text()
    assert tab.now.isVisible()
    assert not tab.now.isEnabled()  # nothing newer to draw
    camera.frames.append("green")
    answered(panel, GREEN)
    qtbot.waitUntil(tab.now.isEnabled)
    assert drawn(tab, RED)
    tab.now.click()
    qtbot.waitUntil(lambda: drawn(tab, GREEN))
    camera.frames.append("red")
    answered(panel, RED)
    assert drawn(tab, GREEN)
    panel.toggle()  # paused
    qtbot.waitUntil(lambda: drawn(tab, RED))
    assert "Does not follow" not in tab.line.text()
    assert tab.now.isHidden()
    assert recorder.recorded() == [RED, GREEN, RED]


def test_another_source_is_drawn_at_its_first_caption(
    tab: Any, panel: Any, hand: Any, recorder: FigureFake, qtbot: Any
) -> None:
    panel.right.raw.setChecked(True)
    for colour, words in (("red", RED), ("green", GREEN)):
        source = hand()
        panel.watching.play(source, Kind.MOVING)
        source.frames.append(colour)
        qtbot.waitUntil(lambda words=words: drawn(tab, words))
    assert recorder.recorded() == [RED, GREEN]


@pytest.fixture
def figure(tab: Any, panel: Any, picture: Any, qtbot: Any) -> Any:
    """The tab with a drawing of `RED`."""
    panel.inside.whole.setChecked(True)
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: drawn(tab, RED))
    return tab


def test_the_words_stand_under_the_encoder(figure: Any) -> None:
    places = {slot.id: slot for slot in figure.view._layout.slots}
    bottom = max(slot.y + slot.height for name, slot in places.items() if name in ("x", "conv0", "conv5", "grid"))
    lanes = [places[f"{name}.2"] for name in ("attention", "in", "lstm", "out")]
    assert bottom < lanes[0].y
    assert all(one.y + one.height < other.y for one, other in pairwise(lanes))
    assert len({round(slot.centre) for slot in lanes}) == 1
    heads = figure.view._layout.lanes
    assert [box.lane for box in heads] == [1, 2, 3, 4]
    assert min(slot.x for slot in places.values() if "." in slot.id) > heads[0].x + 60  # the lanes' names have room


def test_a_long_caption_stays_legible_and_can_be_moved(figure: Any, qtbot: Any) -> None:
    view = figure.view
    view.resize(700, 420)
    view.show_figure(drawing((*RED.split(), "and", *GREEN.split(), "by", "the", "sea")).figure)
    qtbot.waitUntil(lambda: not view._later.isActive())
    assert view.scale_in_per_cent >= 55
    assert max(slot.row for slot in view._layout.slots) == 1  # the encoder in one row: the grid is wide enough
    assert view.horizontalScrollBar().maximum() > 0
    assert view.horizontalScrollBar().value() == 0
    view.setFocus()
    view.set_current("out.14")
    assert view.horizontalScrollBar().value() > 0


def test_keys_go_from_word_to_word_and_lane_to_lane(figure: Any, qtbot: Any) -> None:
    view = figure.view
    view.setFocus()
    view.set_current("x")
    stops = []
    for _ in range(3):
        view.focusNextPrevChild(True)
        stops.append(view.current)
    assert stops == ["conv0", "grid", "start"]
    for key, at in (
        (Qt.Key.Key_Right, "lstm.0"),
        (Qt.Key.Key_Right, "lstm.1"),
        (Qt.Key.Key_Down, "out.1"),
        (Qt.Key.Key_Right, "out.2"),
        (Qt.Key.Key_Up, "lstm.2"),
        (Qt.Key.Key_Up, "in.2"),
        (Qt.Key.Key_Up, "attention.2"),
        (Qt.Key.Key_Left, "attention.1"),
        (Qt.Key.Key_Left, "attention.0"),
        (Qt.Key.Key_Left, "grid"),
    ):
        qtbot.keyClick(view, key)
        assert view.current == at
    view.set_current("lstm.1")
    assert view.accessibleDescription().startswith("LSTM at “red” · output 32 · ")
    assert "1" in view.accessibleDescription()
    view.set_current("out.1")
    assert "word out: “red” · 50.0 % likely" in view.accessibleDescription()


def test_attention_is_read_from_the_picture(figure: Any, qtbot: Any) -> None:
    figure.open_maps("attention.1")
    (tile,) = figure.maps.grid.tiles
    assert tile.values.shape == (48, 64, 3)
    assert "Before “red”" in figure.maps.info.text()
    grid = figure.maps.grid
    place = grid._large_place()
    qtbot.mouseMove(grid.viewport(), QPoint(place.center().x(), place.top() + place.height() * 3 // 14))
    assert figure.maps.info.text() == "attention, row 2, column 4: 0.608"


def test_the_lstm_shows_all_units_of_its_gates(figure: Any, qtbot: Any) -> None:
    figure.open_maps("lstm.2")
    tiles = {tile.label: tile for tile in figure.maps.grid.tiles}
    assert list(tiles) == ["input gate i", "forget gate f", "output gate o", "candidate g", "output h", "cell state c"]
    step = drawing(tuple(RED.split())).steps[2]
    assert tiles["candidate g"].signed
    assert not tiles["input gate i"].signed
    for label, tile in tiles.items():
        np.testing.assert_array_equal(tile.reads.reshape(-1), step.gates[label[-1]])
    assert "as “red” went in and “bird” came out" in figure.maps.info.text()
    grid = figure.maps.grid
    grid.setFocus()
    qtbot.keyClick(grid, Qt.Key.Key_Return)
    place = grid._large_place()
    qtbot.mouseMove(grid.viewport(), place.bottomRight() - QPoint(3, 3))
    assert figure.maps.info.text() == "input gate i, unit 31: 0.9"


def test_the_output_shows_the_other_words(figure: Any) -> None:
    figure.open_maps("out.1")
    assert not figure.maps.grid.isVisible()
    shown = [(row.bar.label, row.bar.percent) for row in figure.maps.bars.rows if row.bar is not None]
    assert shown == [("red", "50.0 %"), ("dog", "20.0 %"), ("cat", "10.0 %"), ("⟨end⟩", "5.0 %")]
    assert "all the rest together: 15.0 %" in figure.maps.info.text()
    figure.open_maps("in.1")
    assert figure.maps.grid.isVisible()
    (tile,) = figure.maps.grid.tiles
    assert tile.reads.size == 16


def test_a_block_of_the_encoder_shows_maps(figure: Any, recorder: FigureFake, qtbot: Any) -> None:
    figure.open_maps("conv0")
    qtbot.waitUntil(lambda: figure.maps._maps is not None)
    assert recorder.seen[-1].node == "conv0"
    assert len(figure.maps.grid.tiles) == 2
    figure.open_maps("grid")
    (tile,) = figure.maps.grid.tiles
    assert tile.reads.shape == (7, 7)
    assert figure.cancel()  # Esc
    assert figure.maps.isHidden()


def test_values_stay_open_over_another_caption(figure: Any, panel: Any, picture: Any, qtbot: Any) -> None:
    figure.open_maps("lstm.1")
    panel.open_paths([picture("green.png")])
    qtbot.waitUntil(lambda: drawn(figure, GREEN))
    assert "as “a” went in and “frog” came out" in figure.maps.info.text()
    figure.open_maps("lstm.5")
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: drawn(figure, RED))
    figure.open_maps("lstm.7")
    panel.open_paths([picture("green-again.png")])
    qtbot.waitUntil(lambda: drawn(figure, GREEN))
    assert figure.maps.isHidden()  # that many words it has not


def test_space_is_left_to_the_video(figure: Any, qtbot: Any) -> None:
    figure.view.setFocus()
    figure.view.set_current("lstm.1")
    pressed: list[int] = []
    parent = figure.parentWidget()
    parent.keyPressEvent = lambda event: pressed.append(event.key())
    figure.keyPressEvent = lambda event: pressed.append(event.key())
    qtbot.keyClick(figure.view, Qt.Key.Key_Space)
    assert pressed == [Qt.Key.Key_Space]
    figure.view.set_current("conv0")
    qtbot.keyClick(figure.view, Qt.Key.Key_Space)
    assert figure.view.unfolded


def test_failures_are_said_and_can_be_tried_again(
    tab: Any, panel: Any, picture: Any, recorder: FigureFake, qtbot: Any
) -> None:
    recorder.wrong = "The file of Captioner is damaged."
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: tab.strips.sentences() == [recorder.wrong])
    recorder.wrong = None
    (strip,) = tab.strips._shown
    strip.buttons[0].click()
    qtbot.waitUntil(lambda: drawn(tab, RED))
    assert tab.strips.sentences() == []


@pytest.mark.parametrize("svg", [True, False])
def test_it_is_saved(
    figure: Any, panel: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, svg: bool
) -> None:
    from app.gui import saving

    said: list[tuple[str, str]] = []
    panel.files.said.connect(lambda kind, words: said.append((kind, words)))
    monkeypatch.setattr(
        saving, "choose_file", lambda parent, title, name, kinds: (str(tmp_path / "f"), kinds.split(";;")[0])
    )
    figure.save_as(svg)
    qtbot.waitUntil(lambda: bool(said))
    assert said == [("info", f"Saved: f.{'svg' if svg else 'png'}")]
    if svg:
        content = (tmp_path / "f.svg").read_text("utf-8")
        for words in ("bird", "50.0 %", "start state", "grid of features", "attention", RED, "5.0 % of the time"):
            assert words in content
        assert content.count("<image") == 1 + 1 + 7 + 1 + 2 + 6 * 8  # input, grid, attention, state, gates
    else:
        assert QImage(str(tmp_path / "f.png")).width() > 1500


# The page


def test_the_page_tells_this_projects_own_gain(make_panel: Any) -> None:
    from dataclasses import replace

    panel = make_panel()
    panel.card = replace(panel.card, extra=(("cider_frozen", 0.4), ("cider_end_to_end", 0.5)))
    panel.toggle_inside()
    panel.inside.choose("read")
    text = panel.inside.view("read").page.toPlainText()
    assert "a CIDEr of 0.400 with its convolutions left as they were, and 0.500 trained end to end: 25 % more" in text


def test_without_a_measurement_the_page_tells_none(panel: Any) -> None:
    panel.toggle_inside()
    panel.inside.choose("read")
    text = panel.inside.view("read").page.toPlainText()
    assert "From a picture to a sentence" in text
    assert "the gradient stops there" in text
    assert "CIDEr" not in text
    assert "{" not in text


@pytest.mark.parametrize("extra", [(), (("cider_frozen", 0.4),), (("cider_frozen", 0.5), ("cider_end_to_end", 0.5))])
def test_a_gain_that_was_not_measured_or_is_none_is_left_out(panel: Any, extra: Any) -> None:
    from dataclasses import replace

    assert values(None) == values(replace(panel.card, extra=extra)) == {}
