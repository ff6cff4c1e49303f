"""The laboratory in the window: what it asks while switches move, what it draws and says, the race, and every state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.engines.classify import Label, UseDevice
from app.engines.lab import (
    Fresh,
    Gradient,
    GradientCurve,
    PauseRace,
    Place,
    Race,
    RaceEnd,
    RacePoint,
    ResumeRace,
    Setup,
    Signal,
    SignalCurve,
    end,
)
from app.gui.lab import words
from tests.gui.stand_in import StandIn

BLOCKS = {8: 3, 20: 9, 56: 27, 110: 54, 152: 75, "trained": 4}
LEFT = Qt.MouseButton.LeftButton


def places(setup: Setup) -> tuple[Place, ...]:
    network = setup.network
    count = BLOCKS[network.depth if isinstance(network, Fresh) else "trained"]
    plain = isinstance(network, Fresh) and network.kind == "plain"
    made = [Place("stem", 1, None, None)]
    for number in range(1, count + 1):
        scale = None if plain else 0.0 if number in setup.cut else setup.bypass
        made.append(Place(f"stage.{number}", 1 + 2 * number, number, scale))
    return (*made, Place("head", 2 + 2 * count, None, None))


def values(setup: Setup) -> tuple[float, ...]:
    """Falls where there is no bypass, and the faster the more of them are gone."""
    factor, result = 1.0, []
    for place in places(setup):
        factor *= 0.1 if place.block is not None and not place.bypass else (place.bypass or 1.0)
        result.append(factor)
    return tuple(result)


class FakeLab(StandIn):
    """Answers at once, but for `gate` and the race's `race_gate`, which hold it back while they are shut."""

    def __init__(self) -> None:
        super().__init__()
        self.race_gate = threading.Event()
        self.verdict_losses = (1.5, 0.5)  # plain, residual
        self._pause, self._racing, self._points = False, False, []
        self._race = Race()

    def handle(self, request: Any, ticket: Any) -> Any:
        self.seen.append(request)
        match request:
            case UseDevice(device=device):
                return device
            case PauseRace():
                self._pause = self._racing
                return self._racing
            case Race():
                self._race, self._points = request, []
                return (yield from self._run())
            case ResumeRace():
                return (yield from self._run())
        yield from self.held()
        if self.wrong is not None:
            raise RuntimeError(self.wrong)
        setup, trained = request.setup, not isinstance(request.setup.network, Fresh)
        whole = setup.bypass == 1 and not setup.cut
        first = Label(7, "cat", 0.9) if whole else Label(8, "sponge", 0.2)
        top = (first, *(Label(k, f"other {k}", 0.02) for k in range(4))) if trained else ()
        if isinstance(request, Signal):
            return SignalCurve(setup, places(setup), 1.0, values(setup), top, 12.0, "CPU, test")
        both = values(setup)
        return GradientCurve(
            setup, places(setup), both[::-1], tuple(3 * v for v in both[::-1]), 2.0, None, top, 9.0, "CPU, test"
        )

    def _run(self) -> Any:
        self._racing, self._pause = True, False
        while len(self._points) < self._race.steps and not self._pause:
            while not self.race_gate.wait(0.01):
                yield None
                if self._pause:
                    break
            else:
                step = len(self._points) + 1
                held = 0.25 if step == self._race.steps else None
                self._points.append(RacePoint(step, *self.verdict_losses, held, held))
                yield self._points[-1]
        self._racing = False
        return end(self._race, tuple(self._points) or (RacePoint(1, 1.0, 1.0, None, None),), 1.0)

    def close(self) -> None:
        self.race_gate.set()


@pytest.fixture
def lab() -> FakeLab:
    return FakeLab()


@pytest.fixture
def engines(engine: Any, lab: FakeLab) -> dict[str, Callable[[], Any]]:
    return {"classify": lambda: engine, "lab": lambda: lab}


@pytest.fixture
def make_view(make_panel: Any, qtbot: Any, lab: FakeLab) -> Callable[..., Any]:
    """The view, as a person finds it after Ctrl+I. `residual`: those of the models that are ResNets."""

    def make(residual: tuple[str, ...] = ("one",), absent: tuple[str, ...] = (), size: Any = (1280, 760)) -> Any:
        panel = make_panel(absent=absent, size=size)
        store = panel.test_context.store
        store._cards = tuple(
            replace(card, architecture="resnet18" if card.id in residual else "alexnet") for card in store._cards
        )
        panel.toggle_inside()
        panel.inside.choose("laboratory")
        view = panel.inside.view("laboratory")
        view.test_panel = panel
        return view

    return make


@pytest.fixture
def settled(qtbot: Any) -> Callable[..., None]:
    """Waits until everything that was asked is answered and drawn."""

    def wait(view: Any) -> None:
        asker = view.asker
        qtbot.waitUntil(lambda: not asker.waiting and asker._beside_ticket is None and asker.now is not None)

    return wait


def test_a_trained_network_stands_first_with_its_answer(make_view: Any, settled: Any) -> None:
    view = make_view()
    settled(view)
    assert view.asker.now.setup == Setup("one")
    assert view.answer.bars.rows[0].bar.label == "cat"
    assert not view.controls.layers.isVisible()
    series = view.plot.chart.series
    assert [s.name for s in series] == ["all bypasses whole"]
    assert series[0].ys == (1.0, *values(Setup("one")))
    assert view.sentence.text() == "From the first layer to the last block the signal keeps its size (× 1.0)."
    assert "Chelsea the cat" in view.about.text()


def test_the_answer_falls_apart_as_bypasses_are_cut(make_view: Any, settled: Any, qtbot: Any, lab: FakeLab) -> None:
    view = make_view()
    settled(view)
    switches = view.controls.switches
    assert switches.count == 4
    qtbot.mouseClick(switches._switches[1], LEFT)
    settled(view)
    assert view.asker.now.setup == Setup("one", 1.0, (2,))
    now, whole = view.plot.chart.series
    assert (now.name, whole.name) == ("1 bypass cut", "all bypasses whole")
    assert now.number != whole.number
    assert now.hollow == {3}  # the picture, the stem, the first block, then this one
    assert not whole.hollow
    assert view.answer.bars.rows[0].bar.label == "sponge"
    assert view.answer.before.text() == "With all bypasses whole: “cat”, 90.0\N{NO-BREAK SPACE}%."
    assert "bypass cut" in switches._switches[1].accessibleName()
    assert "3 of 4" in view.controls._blocks.text()
    qtbot.mouseClick(view.controls.none, LEFT)
    settled(view)
    assert view.asker.now.setup.cut == (1, 2, 3, 4)
    assert view.sentence.text() == (
        "From the first layer to the last block the signal shrinks 10,000-fold. "
        "All bypasses whole: it keeps its size (× 1.0)."
    ).replace("10,000", words.value_words(1e4, 2))
    qtbot.mouseClick(view.controls.all, LEFT)
    settled(view)
    assert view.asker.now.setup == Setup("one")
    assert len(view.plot.chart.series) == 1


def test_a_slider_that_moves_asks_for_the_newest_and_not_for_all(make_view: Any, settled: Any, lab: FakeLab) -> None:
    view = make_view()
    settled(view)
    before = len(lab.asked(Signal))
    for value in range(99, 19, -1):
        view.controls.bypass.setValue(value)
    settled(view)
    asked = lab.asked(Signal)[before:]
    assert asked[-1].setup.bypass == 0.2
    assert view.asker.now.setup.bypass == 0.2
    assert len(asked) <= 3
    assert view.controls._scale.text() == "× 0.20"


def test_networks_that_are_only_passed_by_are_not_asked_about(
    make_view: Any, settled: Any, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = make_view()
    settled(view)
    worker, posted = view.test_panel.test_context.worker, []
    post = worker.post
    monkeypatch.setattr(worker, "post", lambda *asked: posted.append(asked) or post(*asked))
    view.controls.network.setCurrentIndex(1)
    for place in (4, 3, 1, 0):
        view.controls.layers.setCurrentIndex(place)
    settled(view)
    fresh = [request.setup.network for request in lab.seen if isinstance(request.setup.network, Fresh)]
    assert fresh == [Fresh("residual", 8)]
    assert len(posted) == 1


def test_while_an_answer_is_on_its_way_the_next_wish_waits_for_it(
    make_view: Any, settled: Any, lab: FakeLab, qtbot: Any
) -> None:
    view = make_view()
    settled(view)
    lab.gate.clear()
    view.controls.bypass.setValue(80)
    qtbot.waitUntil(lambda: lab.seen[-1].setup.bypass == 0.8)
    view.controls.bypass.setValue(50)
    qtbot.waitUntil(lambda: not view.asker._timer.isActive())
    assert lab.seen[-1].setup.bypass == 0.8
    drawn = []
    view.asker.answered.connect(lambda: drawn.append(view.asker.now.setup.bypass))
    lab.gate.set()
    settled(view)
    assert drawn == [0.8, 0.5]  # the curve follows: neither was thrown away


def test_another_network_does_not_wait(make_view: Any, settled: Any, lab: FakeLab, qtbot: Any) -> None:
    view = make_view()
    settled(view)
    lab.gate.clear()
    view.controls.bypass.setValue(80)
    qtbot.waitUntil(lambda: lab.seen[-1].setup.bypass == 0.8)
    view.controls.network.setCurrentIndex(1)
    qtbot.waitUntil(lambda: lab.seen[-1].setup.network == Fresh("residual"))
    lab.gate.set()
    settled(view)
    assert view.asker.now.setup == Setup(Fresh("residual"), 0.8)
    assert view.controls.switches.count == 27


def test_a_plain_network_is_compared_with_its_residual_twin(make_view: Any, settled: Any, lab: FakeLab) -> None:
    view = make_view()
    controls = view.controls
    controls.network.setCurrentIndex(2)
    controls.layers.setCurrentIndex(0)
    controls.norm.setChecked(False)
    controls.init.setCurrentIndex(1)
    settled(view)
    asked = lab.asked(Signal)
    assert Setup(Fresh("plain", 8, False, "xavier")) in [request.setup for request in asked]
    assert [s.name for s in view.plot.chart.series] == ["plain: no bypasses", "the same weights with bypasses"]
    assert not controls.bypass.isEnabled()
    assert controls._blocks.text() == "A plain network has no bypasses."
    assert "has no answer" in view.answer.words.text()
    assert "common account of vanishing" in view.answer.hint.text()
    controls.norm.setChecked(True)
    assert "section 4.1" in view.answer.hint.text()
    settled(view)


def test_the_gradient_by_activations_and_by_weights(make_view: Any, settled: Any, lab: FakeLab) -> None:
    view = make_view()
    assert not view.controls.of.isVisible()
    QTest.mouseClick(view.what.buttons()[1], LEFT)
    settled(view)
    view.controls.switches.switch_all(False)
    settled(view)
    assert isinstance(lab.seen[-1], Gradient)
    outputs = view.plot.chart.series[0].ys
    assert outputs == view.asker.now.outputs
    assert view.sentence.text().startswith("Back from the last block to the first layer the gradient shrinks")
    count = len(lab.seen)
    view.controls.of.setCurrentIndex(1)
    assert view.plot.chart.series[0].ys == view.asker.now.weights
    assert len(lab.seen) == count  # both came with one answer
    assert len(view.plot.chart.series) == 2
    view.keep.click()
    assert view.plot.chart.series[2].ys == view.asker.now.weights
    view.controls.of.setCurrentIndex(0)
    assert view.plot.chart.series[2].ys == view.asker.now.outputs  # a kept curve is of what the axis says


def test_kept_curves_stay_beside_the_others(make_view: Any, settled: Any) -> None:
    view = make_view()
    view.controls.network.setCurrentIndex(2)
    for place in (0, 1, 2):
        view.controls.layers.setCurrentIndex(place)
        settled(view)
        view.keep.click()
    assert not view.keep.isVisible()  # five colours: no more
    view.controls.layers.setCurrentIndex(4)
    settled(view)
    series = view.plot.chart.series
    assert [s.name for s in series[2:]] == [f"plain, {n} layers, He, normalised" for n in (8, 20, 56)]
    assert len({s.number for s in series}) == 5
    view.drop.click()
    assert len(view.plot.chart.series) == 2
    assert view.keep.isVisible()


def test_the_picture_in_view_is_asked_about(
    make_view: Any, settled: Any, picture: Any, lab: FakeLab, answered: Any
) -> None:
    view = make_view()
    settled(view)
    assert isinstance(lab.seen[0].picture, Path)
    view.controls.bypass.setValue(50)
    settled(view)
    view.test_panel.open_paths([picture("cat-1.png")])
    answered(view.test_panel)
    settled(view)
    asked = lab.seen[-2:]  # the curve, and what it is compared with: that was another picture's
    assert all(request.picture is view.test_panel.session.decoded.picture for request in asked)
    assert [request.setup.bypass for request in asked] == [0.5, 1.0]
    assert "cat-1.png" in view.about.text()
    view.test_panel.open_paths([picture("broken.jpg")])
    answered(view.test_panel)
    settled(view)
    assert isinstance(lab.seen[-1].picture, Path)
    assert "a sample, as the picture could not be opened" in view.about.text()


def test_nothing_is_asked_while_nobody_looks(
    make_view: Any, settled: Any, lab: FakeLab, picture: Any, answered: Any
) -> None:
    view = make_view()
    settled(view)
    view.test_panel.inside.choose("labels")
    count = len(lab.seen)
    view.test_panel.open_paths([picture("cat-1.png")])
    answered(view.test_panel)
    assert len(lab.seen) == count
    view.test_panel.inside.choose("laboratory")
    settled(view)
    assert lab.seen[-1].picture is view.test_panel.session.decoded.picture


def test_without_a_trained_network_it_says_what_to_download(make_view: Any, settled: Any, qtbot: Any) -> None:
    view = make_view(absent=("one",))
    settled(view)
    assert view.asker.now.setup.network == Fresh("residual")
    assert "None is on this machine: One, 9.4 MB" in view.answer.words.text()
    with qtbot.waitSignal(view.test_panel.models_wanted):
        qtbot.mouseClick(view.answer.models, LEFT)
    view.test_panel.test_context.store.absent.clear()
    view.test_panel.models_changed()
    settled(view)
    assert view.asker.now.setup.network == "one"  # nothing was chosen yet, so it comes into view
    assert view.answer.bars.isVisible()


def test_a_network_that_was_chosen_stays_when_another_arrives(make_view: Any, settled: Any) -> None:
    view = make_view(absent=("one",))
    settled(view)
    view.controls.network.setCurrentIndex(1)
    view.controls.network.activated.emit(1)
    view.test_panel.test_context.store.absent.clear()
    view.test_panel.models_changed()
    settled(view)
    assert view.asker.now.setup.network == Fresh("plain")


def test_a_failure_is_said_in_the_place_of_the_curves(make_view: Any, settled: Any, lab: FakeLab, qtbot: Any) -> None:
    lab.wrong = "One can't be loaded: its file is damaged. Verify it on the models page."
    view = make_view()
    qtbot.waitUntil(lambda: view.plot.sentence == lab.wrong)
    assert view.sentence.text() == ""
    lab.wrong = None
    view.controls.bypass.setValue(90)
    settled(view)
    assert view.plot.chart.series


def test_another_device_is_told_before_the_next_question(make_view: Any, settled: Any, lab: FakeLab) -> None:
    view = make_view()
    settled(view)
    assert not lab.asked(UseDevice)
    view.test_panel.test_context.settings.set("device", "cpu")
    view.controls.bypass.setValue(40)
    settled(view)
    kinds = [type(request) for request in lab.seen]
    assert lab.asked(UseDevice) == [UseDevice("cpu")]
    assert kinds[kinds.index(UseDevice) + 1] is Signal


def test_what_takes_longer_says_that_it_is_on_its_way(make_view: Any, settled: Any, lab: FakeLab, qtbot: Any) -> None:
    lab.gate.clear()
    view = make_view()
    assert view.plot.sentence == ""  # not at once: most answers are quicker than the eye
    qtbot.waitUntil(lambda: view.plot.sentence == "The network is being made ready…")
    assert "Loading the network…" in view.about.text()
    lab.gate.set()
    settled(view)
    assert view.plot.chart.series
    assert "12 ms, CPU, test" in view.about.text()


@pytest.fixture
def race(make_view: Any, lab: FakeLab) -> Any:
    view = make_view()
    view.what.choose(2)
    view.race.steps.setValue(20)
    return view


def test_the_race_draws_both_losses_as_they_come(race: Any, lab: FakeLab, qtbot: Any) -> None:
    assert "as soon as the race has started" in race.plot.sentence
    race.race.layers.setCurrentIndex(1)
    race.race.seed.setValue(3)
    qtbot.mouseClick(race.race.start, LEFT)
    assert not race.race.start.isEnabled()
    assert race.progress.isVisible()
    lab.race_gate.set()
    qtbot.waitUntil(lambda: race.run.state == "done")
    assert lab.asked(Race) == [Race(20, 20, 3)]
    residual, plain = race.plot.chart.series
    assert (residual.name, plain.name) == ("residual", "plain")
    assert residual.ys == (0.5,) * 20
    assert plain.ys == (1.5,) * 20
    assert race.plot.chart.x_scale().high == 20
    assert not race.progress.isVisible()
    assert race.race.start.isEnabled()
    assert race.sentence.text().startswith("The residual network is ahead: mean loss 0.500")
    assert "25.0 % right (residual)" in race.sentence.text()


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((0.5, 1.5), "This time the plain network is ahead: mean loss 0.500"),
        ((1.0, 0.95), "Neither is clearly ahead: mean loss 0.950 (residual) and 1.00 (plain)"),
    ],
)
def test_who_is_ahead_is_said_whoever_it_is(race: Any, lab: FakeLab, qtbot: Any, losses: Any, said: str) -> None:
    lab.verdict_losses = losses
    lab.race_gate.set()
    race.race.start.click()
    qtbot.waitUntil(lambda: race.run.state == "done")
    assert race.sentence.text().startswith(said)


def test_pause_and_go_on(race: Any, lab: FakeLab, qtbot: Any) -> None:
    race.race.start.click()
    qtbot.waitUntil(lambda: bool(lab.asked(Race)))
    qtbot.mouseClick(race.race.pause, LEFT)
    qtbot.waitUntil(lambda: race.run.state == "paused")
    assert race.race.pause.text() == "Go &on"
    assert race.sentence.text().startswith("Paused")
    lab.race_gate.set()
    qtbot.mouseClick(race.race.pause, LEFT)
    qtbot.waitUntil(lambda: race.run.state == "done")
    assert len(lab.asked(ResumeRace)) == 1
    assert len(race.run.points) == 20


def test_a_race_rests_while_nobody_looks(race: Any, lab: FakeLab, qtbot: Any) -> None:
    race.race.start.click()
    qtbot.waitUntil(lambda: bool(lab.asked(Race)))
    race.test_panel.inside.choose("labels")
    qtbot.waitUntil(lambda: race.run.state == "paused")
    lab.race_gate.set()
    race.test_panel.inside.choose("laboratory")
    qtbot.waitUntil(lambda: race.run.state == "done")


def test_a_glance_elsewhere_does_not_leave_the_race_paused(race: Any, lab: FakeLab, qtbot: Any) -> None:
    """Back again before the pause has come into force."""
    race.race.start.click()
    qtbot.waitUntil(lambda: bool(lab.asked(Race)))
    race.test_panel.inside.choose("labels")
    race.test_panel.inside.choose("laboratory")
    assert race.run.state == "pausing"
    lab.race_gate.set()
    qtbot.waitUntil(lambda: race.run.state == "done")


def test_a_folder_of_pictures_goes_first(
    race: Any, lab: FakeLab, qtbot: Any, folder: Path, finished: Any, engine: Any
) -> None:
    race.race.start.click()
    qtbot.waitUntil(lambda: bool(lab.asked(Race)))
    engine.gate.clear()
    race.test_panel.open_paths([folder])
    qtbot.waitUntil(lambda: race.run.state == "paused")
    assert race.sentence.text().endswith("It goes on after the other pictures.")
    lab.race_gate.set()
    engine.gate.set()
    finished(race.test_panel, 11)
    qtbot.waitUntil(lambda: race.run.state == "done")
    assert len(race.run.points) == 20


def test_a_race_that_was_paused_by_hand_stays_paused(race: Any, lab: FakeLab, qtbot: Any) -> None:
    race.race.start.click()
    qtbot.waitUntil(lambda: bool(lab.asked(Race)))
    race.race.pause.click()
    qtbot.waitUntil(lambda: race.run.state == "paused")
    race.test_panel.inside.choose("labels")
    race.test_panel.inside.choose("laboratory")
    assert race.run.state == "paused"
    qtbot.mouseClick(race.race.cancel, LEFT)
    assert race.run.state == "cancelled"
    assert race.race.start.isEnabled()


@pytest.mark.parametrize("way", ["button", "escape", "progress"])
def test_a_race_is_cancelled(race: Any, lab: FakeLab, qtbot: Any, way: str) -> None:
    race.race.start.click()
    qtbot.waitUntil(lambda: bool(lab.asked(Race)))
    if way == "button":
        qtbot.mouseClick(race.race.cancel, LEFT)
    elif way == "escape":
        race.test_panel.cancel()
    else:
        race.progress.cancelled.emit()
    assert race.run.state == "cancelled"
    assert race.sentence.text() == "Cancelled after step 0 of 20."
    assert race.test_panel.inside.isVisible()  # Esc once more would fold it
    lab.race_gate.set()
    race.race.start.click()
    qtbot.waitUntil(lambda: race.run.state == "done")


def test_words_for_what_is_cut() -> None:
    assert words.setup_words(Setup("a", 0.3, (1, 2))) == "bypass × 0.30, 2 bypasses cut"
    assert words.setup_words(Setup("a", 0.0, (1,))) == "all bypasses cut"
    assert words.setup_words(Setup("a")) == "all bypasses whole"
    assert words.setup_words(Setup(Fresh("plain"))) == "plain: no bypasses"
    assert words.whole(Setup(Fresh("plain", 20, seed=4), 0.5)) == Setup(Fresh("residual", 20, seed=4))


def test_a_signal_that_dies_is_said_to_die() -> None:
    setup = Setup(Fresh("plain", 8))
    curve = SignalCurve(setup, places(setup), 1.0, (1.0, 1e-200, 0.0, 0.0, 0.0), (), 1.0, "CPU")
    assert words.signal_sentence(curve, None) == "The signal dies out: from stage.2 on every activation is 0."
    back = GradientCurve(setup, places(setup), (0.0, 0.0, 1e-9, 1.0, 1.0), (1.0,) * 5, 2.3, None, (), 1.0, "CPU")
    assert words.gradient_sentence(back, None, False).endswith("the gradient never arrives: it is 0 there.")
    assert words.gradient_sentence(back, None, True).endswith("keeps its size (× 1.0).")


def test_an_unfinished_race_says_where_it_stands() -> None:
    points = tuple(RacePoint(k, 2.0, 1.0, None, None) for k in range(1, 8))
    made = RaceEnd(Race(steps=20), False, points, 2.0, 1.0, "residual ahead", 1.0, "CPU")
    assert words.race_sentence(made) == "Paused after step 7 of 20."


def test_the_switches_by_keys(make_view: Any, settled: Any) -> None:
    view = make_view()
    settled(view)
    switches = view.controls.switches._switches
    switches[0].setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Space, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Left):
        QTest.keyClick(view.window().focusWidget(), key)
    assert view.controls.switches.cut == (2,)
    assert view.window().focusWidget() is switches[0]


def test_the_arrows_scroll_to_the_switch_they_reach(make_view: Any, settled: Any, qtbot: Any) -> None:
    view = make_view()
    view.controls.network.setCurrentIndex(1)
    view.controls.layers.setCurrentIndex(4)
    settled(view)
    switches, port = view.controls.switches._switches, view.shelf.viewport()
    assert len(switches) == 75

    def seen(switch: Any) -> bool:
        return port.rect().contains(switch.mapTo(port, switch.rect().center()))

    qtbot.waitUntil(lambda: view.controls.switches.height() > 100)  # laid out
    assert not seen(switches[-1])
    switches[0].setFocus()
    for _ in range(8):
        QTest.keyClick(view.window().focusWidget(), Qt.Key.Key_Down)
    here = view.window().focusWidget()
    assert here.number > 60
    qtbot.waitUntil(lambda: seen(here))


def test_arrows_that_are_quicker_than_the_layout_are_scrolled_to_after_it(
    make_view: Any, settled: Any, qtbot: Any
) -> None:
    view = make_view()
    settled(view)
    port, switches = view.shelf.viewport(), view.controls.switches
    switches.show_blocks([f"block.{number}" for number in range(400)])
    switches._switches[0].setFocus()
    while (here := view.window().focusWidget()).number < 380:
        QTest.keyClick(here, Qt.Key.Key_Down)
    assert not port.rect().contains(here.mapTo(port, here.rect().center()))  # not laid out yet
    qtbot.waitUntil(lambda: port.rect().contains(here.mapTo(port, here.rect().center())))


def test_names_for_screen_readers(make_view: Any, settled: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox

    view = make_view()
    settled(view)
    for place in (0, 1, 2):
        view.what.choose(place)
        for kind in (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox):
            for widget in view.findChildren(kind):
                if widget.isVisibleTo(view) and not widget.objectName().startswith("qt_"):
                    assert widget.accessibleName() or getattr(widget, "text", lambda: "")(), widget


@pytest.mark.parametrize("size", [(720, 450), (1280, 760)])
def test_the_answer_finds_its_place(make_view: Any, settled: Any, size: Any) -> None:
    view = make_view(size=size)
    settled(view)
    below = view.answer.mapTo(view, view.answer.rect().topLeft())
    controls = view.controls.mapTo(view, view.controls.rect().topLeft())
    plot = view.plot.mapTo(view, view.plot.rect().topLeft())
    if size[0] < 900:
        assert below.x() == controls.x()
        assert below.y() >= controls.y() + view.controls.height()
    else:
        assert below.x() >= plot.x() + view.plot.width()
    assert view.plot.height() >= 150


class TestReal:
    """With the engine itself: fresh networks need no file."""

    @pytest.fixture
    def engines(self, engine: Any) -> dict[str, Callable[[], Any]]:
        def make() -> Any:
            from app.engines.lab import LabEngine
            from app.store.catalog import Store

            return LabEngine(Store(), "cpu")

        return {"classify": lambda: engine, "lab": make}

    def test_curves_of_fresh_networks(self, make_view: Any, qtbot: Any) -> None:
        view = make_view(absent=("one",))
        view.controls.network.setCurrentIndex(1)
        view.controls.layers.setCurrentIndex(0)
        view.controls.norm.setChecked(False)
        view.controls.init.setCurrentIndex(0)

        def drawn() -> bool:
            now = view.asker.now
            return now is not None and now.setup.network == Fresh("plain", 8, False, "small") and not view.asker.waiting

        qtbot.waitUntil(drawn, timeout=60_000)
        qtbot.waitUntil(lambda: len(view.plot.chart.series) == 2, timeout=30_000)
        plain, residual = view.plot.chart.series
        assert plain.ys[-2] < 1e-3 * residual.ys[-2]  # without bypass the small weights shrink it, block by block
        assert "shrinks" in view.sentence.text()
        view.what.choose(2)
        view.run.start(Race(8, 6))
        qtbot.waitUntil(lambda: view.run.state in ("done", "failed"), timeout=60_000)
        assert view.run.end.finished
        assert len(view.plot.chart.series[0].ys) == 6
