"""The bypass laboratory: its numbers against torch's own, the phenomenon it is there for, and its manners."""

from __future__ import annotations

import dataclasses
import itertools
import json
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F

from app.engines import depth, lab, race
from app.engines.classify import UseDevice
from app.engines.lab import (
    DEPTHS,
    SMALLEST_FLOAT32,
    Fresh,
    Gradient,
    GradientCurve,
    LabEngine,
    LabError,
    PauseRace,
    Race,
    RaceEnd,
    RacePoint,
    ResumeRace,
    Setup,
    Signal,
    SignalCurve,
)
from app.media.pictures import Picture, decode
from app.nets.lab import LabNet
from app.nets.resnet import ResNet
from app.runtimes import devices
from app.runtimes.devices import Device
from app.store.catalog import Store
from app.store.errors import StoreError
from app.worker import Answer, Cancelled, Done, Failed, Partial, Ticket, Worker
from tests.engines.nets import seeded

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The networks are small, and other tests may run beside these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return decode(lab.sample(), at_least=64)


@pytest.fixture
def engine() -> LabEngine:
    return LabEngine(Store(), "cpu")


@pytest.fixture
def resnet(tmp_path: Path) -> Store:
    """A store with a ResNet-18 of random weights, called "mine"."""
    file = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(seeded("resnet18").state_dict(), file)
    store = Store()
    store.import_file(file, "mine")
    return store


def done(engine: LabEngine, request: Any) -> Any:
    steps = engine.handle(request, Ticket("lab"))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def signal(engine: LabEngine, picture: Picture | Path, network: str | Fresh, **changed: Any) -> SignalCurve:
    curve = done(engine, Signal(picture, Setup(network, **changed)))
    assert isinstance(curve, SignalCurve)
    return curve


def gradient(engine: LabEngine, picture: Picture | Path, network: str | Fresh, **changed: Any) -> GradientCurve:
    curve = done(engine, Gradient(picture, Setup(network, **changed)))
    assert isinstance(curve, GradientCurve)
    return curve


def untimed(curve: T) -> T:
    return dataclasses.replace(curve, took_ms=0.0)  # type: ignore[type-var]


def drained(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


# The numbers


@pytest.mark.parametrize("norm", [True, False])
def test_one_backward_pass_gives_the_same_gradients(norm: bool) -> None:
    net = LabNet(14, residual=True, norm=norm, seed=1).double()
    x = torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    scales = (None, *[0.7] * 6, None)
    back = drained(depth.backward(net.parts(), scales, x, 4))
    kept = [x]
    for _, part in net.parts():
        kept.append(part(kept[-1]))
        kept[-1].retain_grad()
    loss = F.cross_entropy(kept.pop(), torch.full((3,), 4))
    loss.backward()
    assert back.loss == pytest.approx(loss.item(), rel=1e-9)
    assert back.outputs[:-1] == pytest.approx([y.grad.norm().item() for y in kept[1:] if y.grad is not None], rel=1e-6)
    for k, (_, part) in enumerate(net.parts()):
        weights = torch.cat([m.weight.grad.flatten() for m in part.modules() if isinstance(m, nn.Conv2d | nn.Linear)])
        assert back.weights[k] == pytest.approx(weights.norm().item(), rel=1e-6)


def test_signal_is_the_root_mean_square(engine: LabEngine, picture: Picture) -> None:
    curve = signal(engine, picture, Fresh("residual", 8, norm=False, seed=4))
    net = LabNet(8, residual=True, norm=False, seed=4).double()
    subject = engine._subject(Fresh("residual", 8, norm=False, seed=4))
    x = lab._crops(torch.from_numpy(lab.apply(picture.pixels, subject.preprocessing))).double()
    assert curve.before == pytest.approx(x.square().mean().sqrt().item())
    for value, (_, part) in zip(curve.rms, net.parts(), strict=True):
        x = part(x)
        assert value == pytest.approx(x.square().mean().sqrt().item(), rel=1e-9)


def test_norms_of_numbers_whose_squares_vanish() -> None:
    assert depth.rms(torch.full((10,), 1e-200, dtype=torch.float64)) == pytest.approx(1e-200)
    assert depth.rms(torch.full((10,), 1e200, dtype=torch.float64)) == pytest.approx(1e200)
    assert depth.rms(torch.zeros(3)) == 0


def test_places_go_from_stem_to_head(engine: LabEngine, picture: Picture) -> None:
    curve = signal(engine, picture, Fresh("residual", 20), bypass=0.5, cut=(2, 9))
    assert [place.layers for place in curve.places] == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 20]
    assert [place.block for place in curve.places] == [None, *range(1, 10), None]
    assert [place.bypass for place in curve.places] == [None, 0.5, 0.0, *[0.5] * 6, 0.0, None]
    assert [place.block for place in curve.places if place.cut] == [2, 9]
    assert len(curve.rms) == len(curve.places)
    assert curve.top == ()


def test_a_plain_network_is_the_residual_one_without_bypass(engine: LabEngine, picture: Picture) -> None:
    plain, residual = Fresh("plain", 20, seed=2), Fresh("residual", 20, seed=2)
    assert signal(engine, picture, plain).rms == signal(engine, picture, residual, bypass=0.0).rms
    every = tuple(range(1, 10))
    cut = gradient(engine, picture, residual, cut=every)
    assert gradient(engine, picture, plain).weights == cut.weights
    assert all(place.bypass is None for place in signal(engine, picture, plain, bypass=0.5).places)


@pytest.mark.parametrize("norm", [True, False])
def test_the_same_request_gives_the_same_numbers(picture: Picture, norm: bool) -> None:
    network = Fresh("residual", 20, norm, seed=3)
    first, again = LabEngine(Store(), "cpu"), LabEngine(Store(), "cpu")
    signal(again, picture, network, cut=(1, 2, 3))  # what was asked before leaves no trace
    for ask in (signal, gradient):
        curve = ask(first, picture, network, bypass=0.8)
        assert untimed(curve) == untimed(ask(again, picture, network, bypass=0.8))
        assert curve != ask(first, picture, Fresh("residual", 20, norm, seed=4), bypass=0.8)


def test_a_file_does_as_well(engine: LabEngine) -> None:
    assert signal(engine, lab.sample(), Fresh("plain", 8)).before > 0


# The phenomenon


def test_without_normalisation_small_weights_let_the_signal_die(engine: LabEngine, picture: Picture) -> None:
    plain = signal(engine, picture, Fresh("plain", 56, norm=False, init="small")).rms
    residual = signal(engine, picture, Fresh("residual", 56, norm=False, init="small")).rms
    assert all(later < 0.2 * earlier for earlier, later in itertools.pairwise(plain))
    assert 0 < plain[-2] < SMALLEST_FLOAT32
    assert residual[-2] > 0.1 * residual[0]
    back = gradient(engine, picture, Fresh("plain", 56, norm=False, init="small"))
    assert 0 < back.weights[0] < SMALLEST_FLOAT32
    assert gradient(engine, picture, Fresh("residual", 56, norm=False, init="small")).weights[0] > 1e-3


def test_with_normalisation_nothing_vanishes(engine: LabEngine, picture: Picture) -> None:
    """Section 4.1: neither the signal nor the gradient of a plain network vanishes with batch normalisation. It is not
    that which makes deep ones hard to train."""
    plain = Fresh("plain", 56)
    assert all(0.3 < rms < 3 for rms in signal(engine, picture, plain).rms)
    back = gradient(engine, picture, plain)
    assert min(back.weights) > 0.1
    whole = gradient(engine, picture, Fresh("residual", 56))
    assert back.outputs[1] > 50 * whole.outputs[1]  # it grows on its way back, which bypasses prevent


@pytest.mark.parametrize("network", [Fresh("residual", 110, norm=False), Fresh("residual", 152)])
def test_a_fresh_network_always_has_something_to_learn(engine: LabEngine, picture: Picture, network: Fresh) -> None:
    """A deep network may be sure of a class by luck; with that as the aim there would be no gradient at all."""
    assert gradient(engine, picture, network).outputs[-1] > 0.9 / np.sqrt(lab.CROPS)


# Trained networks


def test_a_trained_network_answers(resnet: Store, picture: Picture) -> None:
    engine = LabEngine(resnet, "cpu")
    assert [card.id for card in lab.trained(resnet) if card.origin == "imported"] == ["mine"]
    assert lab.count_blocks("mine", resnet) == 8
    curve = signal(engine, picture, "mine")
    assert [place.name for place in curve.places][1:3] == ["layer1.0", "layer1.1"]
    assert [place.layers for place in curve.places] == [1, 3, 5, 7, 9, 11, 13, 15, 17, 18]
    x = torch.from_numpy(lab.apply(picture.pixels, resnet.card("mine").preprocessing))[None]
    with torch.no_grad():
        p = seeded("resnet18")(x)[0].softmax(0)
    assert [label.index for label in curve.top] == p.argsort(descending=True)[:5].tolist()
    assert curve.top[0].p == pytest.approx(p.max().item(), rel=1e-3)

    cut = signal(engine, picture, "mine", cut=(1, 4))
    assert cut.rms[0] == curve.rms[0]
    assert cut.rms[1] != curve.rms[1]
    assert [label.p for label in cut.top] != [label.p for label in curve.top]
    assert untimed(signal(engine, picture, "mine")) == untimed(curve)

    back = gradient(engine, picture, "mine", bypass=0.3)
    assert back.target is not None
    assert back.target.index == curve.top[0].index  # however the bypasses are now
    assert back.loss == pytest.approx(-np.log(back.target.p), rel=1e-3)
    assert min(back.weights) > 0


COMPRESSED = Path(__file__).parents[3] / "shared" / "data" / "compressed_resnets" / "resnet18_small_blocks.pth"


@pytest.mark.skipif(not COMPRESSED.exists(), reason="../shared/data isn't there: no trained ResNet to cut")
def test_the_answer_falls_apart_as_bypasses_are_cut(picture: Picture) -> None:
    store = Store()
    store.import_file(COMPRESSED, "mine")
    engine = LabEngine(store, "cpu")
    cats = {"tabby", "tiger cat", "Egyptian cat"}
    whole = [label.label for label in signal(engine, picture, "mine").top]
    assert set(whole[:3]) == cats
    for changed in ({"cut": tuple(range(1, 9))}, {"bypass": 0.0}, {"cut": (2, 4)}):
        assert not cats & {label.label for label in signal(engine, picture, "mine", **changed).top}


def test_what_cannot_be_done_is_said(engine: LabEngine, resnet: Store, picture: Picture) -> None:
    with pytest.raises(LabError, match="no bypasses: choose a ResNet"):
        signal(engine, picture, "efficientnet-lite0")
    with pytest.raises(LabError, match="no block 10 to cut: this network has blocks 1 to 9"):
        signal(engine, picture, Fresh("residual", 20), cut=(1, 10))
    with pytest.raises(LabError, match=r"from 0 to 1, not by 1\.5"):
        gradient(engine, picture, Fresh("residual", 20), bypass=1.5)
    with pytest.raises(LabError, match="none has 55; 56 is nearest"):
        signal(engine, picture, Fresh("plain", 55))
    with pytest.raises(LabError, match="none has 1000; 152 is nearest"):
        done(engine, Race(depth=1000))
    with pytest.raises(LabError, match="1 to 10,000 steps"):
        done(engine, Race(steps=0))
    with pytest.raises(LabError, match="No race is paused"):
        done(engine, ResumeRace())
    with pytest.raises(StoreError, match="did you mean"):
        signal(engine, picture, "resnet18-v7")
    with pytest.raises(TypeError):
        done(engine, "what is this?")
    for error in (LabError("Said."), StoreError("Said.")):
        assert engine.explain(error) == "Said."
    assert "torch" in (engine.explain(ImportError("gone", name="torch")) or "")
    assert engine.explain(ValueError("a fault")) is None


def test_numbers_that_outgrow_float32_are_said(resnet: Store, picture: Picture) -> None:
    engine = LabEngine(resnet, "cpu")
    with torch.no_grad():
        engine._subject("mine").parts[3][1].conv1.weight.mul_(1e30)  # type: ignore[operator,union-attr]
        engine._subject("mine").parts[4][1].conv1.weight.mul_(1e30)  # type: ignore[operator,union-attr]
    with pytest.raises(LabError, match="grow beyond"):
        signal(engine, picture, "mine")


def test_every_offered_depth_exists() -> None:
    for number in DEPTHS:
        lab.check_depth(number)
        assert lab.count_blocks(Fresh("plain", number), Store()) == (number - 2) / 2


def test_memory_and_devices(
    engine: LabEngine, resnet: Store, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal(engine, picture, "mine")
    for seed in range(lab.MOST_KEPT + 2):
        signal(engine, picture, Fresh("plain", 8, seed=seed))
    assert len(engine._subjects) == lab.MOST_KEPT
    full = type("OutOfMemoryError", (RuntimeError,), {})("full")
    assert engine.out_of_memory(full) is None  # on the CPU there is nowhere else to go
    engine._device = Device("cuda", "A card")
    assert "A card is full" in (engine.out_of_memory(full) or "")
    assert engine._device == devices.cpu()
    assert done(engine, UseDevice("cpu")) == devices.cpu().name
    engine.close()
    assert not engine._subjects


def test_torch_s_threads_are_left_as_they_were(engine: LabEngine, picture: Picture) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for _ in engine.handle(Signal(picture, Setup(Fresh("residual", 56))), Ticket("lab")):
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


# The race


def test_drawings() -> None:
    pictures, labels = race.draw(400, torch.Generator().manual_seed(0))
    assert pictures.shape == (400, 1, race.SIDE, race.SIDE)
    assert set(labels.tolist()) == set(range(len(race.SHAPES)))
    again, _ = race.draw(400, torch.Generator().manual_seed(0))
    assert torch.equal(pictures, again)
    assert not torch.equal(pictures, race.draw(400, torch.Generator().manual_seed(1))[0])


def points(*pairs: tuple[float, float]) -> tuple[RacePoint, ...]:
    return tuple(RacePoint(k, plain, residual, None, None) for k, (plain, residual) in enumerate(pairs, 1))


@pytest.mark.parametrize(
    ("last", "verdict"),
    [((2.0, 1.0), "residual ahead"), ((1.0, 2.0), "plain ahead"), ((1.0, 0.9), "level"), ((0.9, 1.0), "level")],
)
def test_the_verdict_comes_from_the_curves(last: tuple[float, float], verdict: str) -> None:
    curves = points(*[(5.0, 5.0)] * 8, last, last)
    found = lab.end(Race(steps=10), curves, 1.0)
    assert (found.verdict, found.finished) == (verdict, True)
    assert (found.plain_loss, found.residual_loss) == pytest.approx(last)
    assert not lab.end(Race(steps=11), curves, 1.0).finished


def test_networks_learn_in_a_race(engine: LabEngine) -> None:
    """At depth 8 both do, and neither is said to be ahead."""
    found = done(engine, Race(depth=8, steps=120, seed=0))
    first = [sum(getattr(p, name) for p in found.points[:10]) / 10 for name in ("plain_loss", "residual_loss")]
    assert found.plain_loss < 0.85 * first[0]
    assert found.residual_loss < 0.85 * first[1]
    assert found.verdict == "level"
    measured = [point.step for point in found.points if point.plain_accuracy is not None]
    assert measured == list(range(12, 121, 12))
    assert all(0 <= (point.residual_accuracy or 0) <= 1 for point in found.points)
    assert found.seconds > 0


class Desk:
    """A worker with a laboratory, and what it answered."""

    def __init__(self) -> None:
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.worker = Worker({"lab": lambda: LabEngine(Store(), "cpu")}, self._answers.put)
        self.worker.start()

    def until(self, ticket: Ticket, count: int | None = None) -> list[Any]:
        """Values of the ticket's partial answers and its end; with `count` the first partial ones."""
        values: list[Any] = []
        while count is None or len(values) < count:
            match self._answers.get(timeout=60):
                case Partial(of, value) if of is ticket:
                    values.append(value)
                case Done(of, value) if of is ticket:
                    return [*values, value]
                case Cancelled(of) | Failed(of) as end if of is ticket:
                    return [*values, end]
        return values


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    assert made.worker.close(timeout=30)


def test_a_race_that_was_paused_ends_as_one_that_was_not(desk: Desk) -> None:
    asked = Race(depth=8, steps=12, seed=5)
    *whole, whole_end = desk.until(desk.worker.enqueue("lab", asked))
    assert whole == list(whole_end.points)

    ticket = desk.worker.enqueue("lab", asked)
    desk.until(ticket, 3)
    pause = desk.worker.control("lab", PauseRace())
    *_, paused = desk.until(ticket)
    assert isinstance(paused, RaceEnd)
    assert not paused.finished
    assert 3 <= len(paused.points) < 12
    assert pause.cancelled is False
    other = desk.worker.enqueue("lab", Signal(lab.sample(), Setup(Fresh("plain", 8))))  # the queue is free meanwhile
    assert isinstance(desk.until(other)[-1], SignalCurve)
    *rest, end = desk.until(desk.worker.enqueue("lab", ResumeRace()))
    assert paused.points + tuple(rest) == end.points == whole_end.points
    assert dataclasses.replace(end, seconds=0) == dataclasses.replace(whole_end, seconds=0)
    assert isinstance(desk.until(desk.worker.enqueue("lab", ResumeRace()))[-1], Failed)


def test_a_cancelled_race_is_gone(desk: Desk) -> None:
    ticket = desk.worker.enqueue("lab", Race(depth=8, steps=10_000))
    desk.until(ticket, 2)
    ticket.cancel()
    assert isinstance(desk.until(ticket)[-1], Cancelled)
    assert desk.until(desk.worker.control("lab", PauseRace())) == [False]
    gone = desk.until(desk.worker.enqueue("lab", ResumeRace()))[-1]
    assert isinstance(gone, Failed)
    assert gone.sentence == "No race is paused: start one."


def test_sliders_go_before_a_race_and_the_newest_wins(desk: Desk, picture: Picture) -> None:
    running = desk.worker.enqueue("lab", Race(depth=8, steps=10_000))
    desk.until(running, 1)
    older = desk.worker.post("lab", Signal(picture, Setup(Fresh("residual", 152), 0.5)), "signal")
    newer = desk.worker.post("lab", Signal(picture, Setup(Fresh("residual", 8), 0.25)), "signal")
    answer = desk.until(newer)[-1]
    assert answer.setup.bypass == 0.25
    assert older.cancelled
    assert not running.cancelled
    running.cancel()


def test_answers_need_no_torch_to_be_read() -> None:
    """The window imports requests and answers; torch comes with the first experiment."""
    import subprocess

    code = (
        "import sys, json, app.engines.lab; print(json.dumps([n for n in ('torch', 'openvino') if n in sys.modules]))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(finished.stdout) == []


def test_resnet_s_projections_count_no_layers() -> None:
    assert sum(len(depth.weights(part)) for _, part in ResNet(50).parts()) == 50
