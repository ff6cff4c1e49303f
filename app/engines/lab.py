"""The bypass laboratory: what is asked, what is answered, and the engine that computes it.

Three experiments on the question of He et al. 2015 (arXiv 1512.03385): what does the bypass connection do?

- `Signal`: how large the activations are after every block. For a mailbox: sliders, newest wins.
- `Gradient`: how large the loss's gradient is at every block. For a mailbox as well.
- `Race`: a plain and a residual network learn the same small task, side by side. For the queue.

The networks are trained ResNets of the store (`network` is a card's id) or freshly initialised ones (`network` is a
`Fresh`). Every number in an answer is computed; seeds are in the requests, and an answer carries its request's
`setup`, so that the same request gives the same numbers on the same machine. Fresh networks run on the CPU with one
thread: they are small, and so their numbers depend on the seed and not on the number of processors.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.engines.classify import Label, UseDevice
from app.media import pictures
from app.media.pictures import Picture, PictureError
from app.media.preprocess import Preprocessing, apply
from app.runtimes import devices
from app.runtimes.devices import Device, DeviceError
from app.store.catalog import State
from app.store.errors import StoreError
from app.store.labels import labels
from app.store.locate import bundled

if TYPE_CHECKING:
    import torch

    from app.engines.depth import Backward, Parts
    from app.engines.race import Runners
    from app.store.cards import Card
    from app.store.catalog import Store
    from app.worker import Steps, Ticket

Kind = Literal["plain", "residual"]
Init = Literal["small", "xavier", "he"]
Verdict = Literal["residual ahead", "plain ahead", "level"]

KINDS: tuple[Kind, ...] = ("plain", "residual")
INITS: tuple[Init, ...] = ("small", "xavier", "he")
DEPTHS = (8, 20, 56, 110, 152)  # offered; every 6n + 2 from 8 to 152 is taken
SMALLEST_FLOAT32 = 1.1754944e-38  # below this, in the numbers networks are trained with, a signal loses its digits


CROPS = 8
MOST_STEPS = 10_000
MOST_KEPT = 4  # networks in memory
LAB_DEVICE = "CPU, 1 thread"  # of fresh networks and of the race
AHEAD = 0.8  # of the other's loss: from here on one network counts as ahead


class LabError(Exception):
    """str(error) is one sentence: what can't be done, why, what to do."""


@dataclass(frozen=True)
class Fresh:
    """A freshly initialised network of section 4.2 of the paper (6n + 2 layers, 3 x 3 convolutions on 32 x 32 pixels).

    `plain` and `residual` have the same weights for the same seed: shortcuts hold none (option A), so a residual
    network whose `bypass` is 0 is the plain one. `norm`: batch normalisation after each convolution, over the crops
    of the picture. `init`: "small" (Gaussian, deviation 0.01), "xavier" (Glorot and Bengio 2010), "he" (He et al.
    2015, arXiv 1502.01852)."""

    kind: Kind
    depth: int = 56
    norm: bool = True
    init: Init = "he"
    seed: int = 0


@dataclass(frozen=True)
class Setup:
    """A network and what is done to its bypasses. `bypass` (0 to 1) scales all of them; `cut` lists blocks, counted
    from 1, whose bypass is 0 whatever the scale. A plain network has none: for it both are without effect."""

    network: str | Fresh  # a card's id (`is_residual(card)`), or a fresh network
    bypass: float = 1.0
    cut: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Signal:
    """The size of the activations after each block. Done: a `SignalCurve`. `picture` may be a file."""

    picture: Picture | Path
    setup: Setup


@dataclass(frozen=True, eq=False)
class Gradient:
    """The size of the loss's gradient at each block. Done: a `GradientCurve`. `picture` may be a file."""

    picture: Picture | Path
    setup: Setup


@dataclass(frozen=True)
class Place:
    """A place along the depth: the stem, a block, or the head. Curves have one value a place, in this order."""

    name: str  # "stem", "layer2.0" (a ResNet's own names), "stage2.5" (fresh networks), "head"
    layers: int  # weight layers from the picture to here, this one included (projections aside): a curve's x
    block: int | None  # counted from 1, as in `Setup.cut`; None for stem and head
    bypass: float | None  # the scale in force, 0 where it is cut; None where there is no bypass

    @property
    def cut(self) -> bool:
        return self.bypass == 0


@dataclass(frozen=True)
class SignalCurve:
    """`rms`: root mean square of the activations that leave each place (after the addition and the ReLU; the head's are
    the logits), without a unit. Always finite, 0 where everything has died out. `before`: the same of the picture as
    the network gets it. Fresh networks see `CROPS` crops of 32 x 32, and the mean goes over all of them. Without
    normalisation they compute in float64, so that a curve goes on where float32 ends (`SMALLEST_FLOAT32`); all others
    in float32.

    `top` is the answer of a trained network as its bypasses now are, best first; empty for a fresh one, which knows
    no classes."""

    setup: Setup
    places: tuple[Place, ...]
    before: float
    rms: tuple[float, ...]  # one a place
    top: tuple[Label, ...]
    took_ms: float  # of the computing, without preparing network and picture
    device: str


@dataclass(frozen=True)
class GradientCurve:
    """`outputs`: the norm (2-norm over all numbers) of the loss's gradient by the activations that leave each place:
    what flows backwards. `weights`: the norm of its gradient by the weights of the convolutions (or of the linear
    layer) in that place: what training would change them by. Both without a unit, finite, 0 where nothing arrives.

    The loss is the cross-entropy with `target`: for a trained network the class that it puts first with all its
    bypasses whole, so that the curves stay comparable while they are cut. For a fresh one `target` is None, and the
    loss that with the class which it holds least probable: of a class that it happens to be sure of (a deep network
    without normalisation often is) hardly any gradient would come, at any depth."""

    setup: Setup
    places: tuple[Place, ...]
    outputs: tuple[float, ...]  # one a place
    weights: tuple[float, ...]  # one a place
    loss: float  # in nats
    target: Label | None  # its probability: as the bypasses now are
    top: tuple[Label, ...]  # as in `SignalCurve`
    took_ms: float  # of the computing, without preparing network and picture
    device: str


@dataclass(frozen=True)
class Race:
    """A plain and a residual network of `depth` layers learn the same small task from the same first weights and the
    same pictures in the same order. For the queue. Partials: a `RacePoint` after each training step of both.
    Done: a `RaceEnd`, after `steps` steps or when it was paused. Cancel its ticket to end it for good."""

    depth: int = 56
    steps: int = 300
    seed: int = 0


@dataclass(frozen=True)
class PauseRace:
    """Control request: the race that runs ends with `RaceEnd(finished=False)` at its next step, so that the queue is
    free for others, and both networks are kept. Done: True; False where no race runs."""


@dataclass(frozen=True)
class ResumeRace:
    """For the queue: the paused race goes on where it stopped, in a job of its own. Partials and Done as those of
    `Race` (points from the pause on; `RaceEnd.points` has all of them). Fails with a sentence where none is paused."""


@dataclass(frozen=True)
class RacePoint:
    """After `step` training steps (from 1). Losses: cross-entropy of that step's batch before it was learnt, in nats.
    Accuracies (0 to 1): on pictures held out, at every tenth of the way and at the end, else None."""

    step: int
    plain_loss: float
    residual_loss: float
    plain_accuracy: float | None
    residual_accuracy: float | None


@dataclass(frozen=True)
class RaceEnd:
    """`verdict` compares the mean losses of the last fifth of the steps: the lower one is ahead where it is less than
    `AHEAD` of the other; nothing is presumed. `seconds`: computing alone, pauses left out."""

    race: Race
    finished: bool  # False: paused
    points: tuple[RacePoint, ...]
    plain_loss: float  # means of the last fifth of `points`
    residual_loss: float
    verdict: Verdict
    seconds: float
    device: str


def is_residual(card: Card) -> bool:
    """Whether the network of `card` has bypasses, so that the laboratory can work on it."""
    return card.task == "classify" and card.architecture.startswith("resnet")


def trained(store: Store) -> tuple[Card, ...]:
    """The trained networks with bypasses that are here and sound, those of this project first."""
    return tuple(card for card in store.cards("classify") if is_residual(card) and store.state(card) is State.READY)


def count_blocks(network: str | Fresh, store: Store) -> int:
    """How many bypasses the network has, or would have, were it not plain. Imports torch for a trained one.
    Raises LabError, StoreError."""
    if isinstance(network, Fresh):
        check_depth(network.depth)
        return (network.depth - 2) // 2
    card = store.card(network)
    _check_residual(card)
    from app.nets.resnet import LAYERS

    return sum(LAYERS[int(card.architecture.removeprefix("resnet"))])


def sample() -> Path:
    """The picture to begin with. Raises StoreError where this installation is incomplete."""
    return bundled("assets") / "samples" / "chelsea.jpg"


@dataclass(frozen=True, eq=False)
class _Subject:
    """A network in memory."""

    network: str | Fresh
    parts: Parts
    card: Card | None  # None: fresh
    dtype: torch.dtype
    device: Device
    threads: int
    preprocessing: Preprocessing

    def scales(self, bypass: float, cut: tuple[int, ...]) -> tuple[float | None, ...]:
        """For each part what its bypass is multiplied with; None for stem and head. Raises LabError."""
        from app.engines.depth import blocks
        from app.nets.resnet import Block

        count = len(blocks(self.parts))
        plain = isinstance(self.network, Fresh) and self.network.kind == "plain"
        if not 0 <= bypass <= 1:
            raise LabError(f"The bypass can be scaled from 0 to 1, not by {bypass:g}.")
        if wrong := [number for number in cut if not 1 <= number <= count]:
            raise LabError(f"There is no block {wrong[0]} to cut: this network has blocks 1 to {count}.")
        numbers = iter(range(1, count + 1))
        return tuple(
            None if not isinstance(part, Block) else 0.0 if next(numbers) in cut or plain else bypass
            for _, part in self.parts
        )

    def places(self, scales: tuple[float | None, ...]) -> tuple[Place, ...]:
        from app.engines.depth import weights

        plain = isinstance(self.network, Fresh) and self.network.kind == "plain"
        places = []
        layers = number = 0
        for (name, part), scale in zip(self.parts, scales, strict=True):
            layers += len(weights(part))
            number += scale is not None
            places.append(Place(name, layers, None if scale is None else number, None if plain else scale))
        return tuple(places)


class LabEngine:
    """Owns the networks of the laboratory. Called on the engine thread only (app.worker.Engine)."""

    def __init__(self, store: Store, device: str = "auto") -> None:
        self._store = store
        self._preference = device
        self._device: Device | None = None  # for trained networks; chosen when one is asked for
        self._subjects: OrderedDict[str | Fresh, _Subject] = OrderedDict()
        self._first: tuple[Picture, str, int] | None = None  # what a model puts first, all its bypasses whole
        self._paused: Runners | None = None
        self._racing = False
        self._pause = False

    # What the worker asks

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        match request:
            case Signal():
                return (yield from self._signal(request))
            case Gradient():
                return (yield from self._gradient(request))
            case Race():
                return (yield from self._race(_runners(request)))
            case ResumeRace():
                if self._paused is None:
                    raise LabError("No race is paused: start one.")
                return (yield from self._race(self._paused))
            case PauseRace():
                self._pause = self._racing
                return self._racing
            case UseDevice():
                return self._use_device(request)
            case _:
                raise TypeError(f"the laboratory has no answer to {type(request).__name__}")

    def out_of_memory(self, error: BaseException) -> str | None:
        if self._device is None or self._device.kind == "cpu" or not devices.memory_is_full(error):
            return None
        name = self._device.name
        self._subjects.clear()
        self._device = devices.cpu()
        devices.free_memory(error)
        return f"The memory of {name} is full, so the laboratory goes on on the CPU."

    def explain(self, error: BaseException) -> str | None:
        if isinstance(error, LabError | PictureError | StoreError | DeviceError):
            return str(error)
        if isinstance(error, ImportError):
            return (
                f"The library {error.name or 'torch'} can't be loaded, and the laboratory needs it: {error}. "
                "“triptych doctor” says more; installing Triptych again usually mends it."
            )
        if isinstance(error, MemoryError):
            return "There is not enough memory for this. Close other programs, or choose a smaller network."
        return None

    def close(self) -> None:
        self._subjects.clear()
        self._first = self._paused = None

    # Signal and gradient

    def _signal(self, request: Signal) -> Generator[None, None, SignalCurve]:
        setup = request.setup
        subject, _, x = yield from self._prepared(request.picture, setup)
        from app.engines import depth

        begin = time.perf_counter()
        scales = subject.scales(setup.bypass, setup.cut)
        before = depth.rms(x)
        rms, logits = yield from depth.paced(depth.forward(subject.parts, scales, x), subject.threads)
        _check_finite(rms)
        places, top = subject.places(scales), _top(subject, logits)
        return SignalCurve(setup, places, before, rms, top, _ms(begin), subject.device.name)

    def _gradient(self, request: Gradient) -> Generator[None, None, GradientCurve]:
        setup = request.setup
        subject, picture, x = yield from self._prepared(request.picture, setup)
        from app.engines import depth

        begin = time.perf_counter()
        scales = subject.scales(setup.bypass, setup.cut)
        first = None if subject.card is None else (yield from self._whole(subject, picture, x))
        back: Backward = yield from depth.paced(depth.backward(subject.parts, scales, x, first), subject.threads)
        _check_finite((*back.outputs, *back.weights, back.loss))
        target = None
        if first is not None:
            target = _top(subject, back.logits, (first,))[0]
        places, top = subject.places(scales), _top(subject, back.logits)
        took = _ms(begin)
        return GradientCurve(
            setup, places, back.outputs, back.weights, back.loss, target, top, took, subject.device.name
        )

    def _whole(self, subject: _Subject, picture: Picture, x: torch.Tensor) -> Generator[None, None, int]:
        """The class that the network puts first with all its bypasses whole; the last answer is kept."""
        from app.engines import depth

        assert isinstance(subject.network, str)
        if self._first is None or self._first[0] is not picture or self._first[1] != subject.network:
            work = depth.forward(subject.parts, subject.scales(1.0, ()), x)
            _, logits = yield from depth.paced(work, subject.threads)
            self._first = (picture, subject.network, int(logits[0].argmax()))
        return self._first[2]

    def _prepared(
        self, picture: Picture | Path, setup: Setup
    ) -> Generator[None, None, tuple[_Subject, Picture, torch.Tensor]]:
        """The network, the picture, and the picture as the network takes it: (n, 3, h, w)."""
        subject = self._subject(setup.network)
        subject.scales(setup.bypass, setup.cut)  # wrong numbers are told before the work
        yield None
        import torch

        if isinstance(picture, Path):
            picture = pictures.decode(picture, at_least=max(subject.preprocessing.resize, subject.preprocessing.crop))
            yield None
        x = torch.from_numpy(apply(picture.pixels, subject.preprocessing))  # (3, h, w)
        batch = x[None] if subject.card is not None else _crops(x)
        return subject, picture, batch.to(subject.device.kind, subject.dtype)

    def _subject(self, network: str | Fresh) -> _Subject:
        """From memory, or made. Raises LabError, StoreError, DeviceError, ImportError."""
        if network not in self._subjects:
            self._subjects[network] = _fresh(network) if isinstance(network, Fresh) else self._trained(network)
            while len(self._subjects) > MOST_KEPT:
                self._subjects.popitem(last=False)
        self._subjects.move_to_end(network)
        return self._subjects[network]

    def _trained(self, model: str) -> _Subject:
        card = self._store.card(model)
        _check_residual(card)
        if self._device is None:
            self._device = devices.choose(self._preference)
        import torch

        from app.engines.depth import weights
        from app.runtimes.torch_runtime import build

        net: Any = build(card, self._store).to(self._device.kind)
        parts: Parts = net.parts()
        for _, part in parts:
            for weight in weights(part):
                weight.requires_grad_()
        return _Subject(model, parts, card, torch.float32, self._device, devices.threads(), card.preprocessing)

    def _use_device(self, request: UseDevice) -> str:
        device = devices.choose(request.device)
        self._preference, self._device = request.device, device
        self._subjects.clear()
        return device.name

    # The race

    def _race(self, runners: Runners) -> Generator[RacePoint | None, None, RaceEnd]:
        from app.engines.depth import paced

        self._paused, self._racing, self._pause = None, True, False
        learning = paced(runners.steps(), threads=1)
        try:
            for value in learning:
                if value is not None:
                    yield value
                    if self._pause:
                        break
                else:
                    yield None
        finally:  # also where its ticket was cancelled: then nothing is kept
            self._racing = False
        finished = len(runners.points) == runners.race.steps
        if not finished:
            self._paused = runners
        return end(runners.race, tuple(runners.points), runners.seconds)


def end(race: Race, points: tuple[RacePoint, ...], seconds: float) -> RaceEnd:
    """What `points` (at least one) show."""
    last = points[-max(len(points) // 5, 1) :]
    plain = sum(point.plain_loss for point in last) / len(last)
    residual = sum(point.residual_loss for point in last) / len(last)
    verdict: Verdict = "level"
    if residual < AHEAD * plain:
        verdict = "residual ahead"
    elif plain < AHEAD * residual:
        verdict = "plain ahead"
    return RaceEnd(race, len(points) == race.steps, points, plain, residual, verdict, seconds, LAB_DEVICE)


def _runners(race: Race) -> Runners:
    if not 1 <= race.steps <= MOST_STEPS:
        raise LabError(f"A race has 1 to {MOST_STEPS:,} steps (asked: {race.steps}).")
    check_depth(race.depth)
    from app.engines.depth import settings
    from app.engines.race import Runners

    with settings(threads=1):
        return Runners(race)


def _check_residual(card: Card) -> None:
    if not is_residual(card):
        raise LabError(f"“{card.id}” has no bypasses: choose a ResNet, or a fresh network (plain or residual).")


def check_depth(depth: int) -> None:
    """Raises LabError where no fresh network has `depth` layers."""
    if not (DEPTHS[0] <= depth <= DEPTHS[-1] and depth % 6 == 2):
        near = min(max(6 * round((depth - 2) / 6) + 2, DEPTHS[0]), DEPTHS[-1])
        raise LabError(
            f"These networks have 6n + 2 layers, {DEPTHS[0]} to {DEPTHS[-1]}: none has {depth}; {near} is nearest."
        )


def _fresh(fresh: Fresh) -> _Subject:
    check_depth(fresh.depth)
    import torch

    from app.engines.depth import settings
    from app.nets.lab import LabNet

    dtype = torch.float32 if fresh.norm else torch.float64
    residual = fresh.kind == "residual"
    with settings(threads=1):
        net = LabNet(fresh.depth, residual=residual, norm=fresh.norm, init=fresh.init, seed=fresh.seed).to(dtype)
    # It stays in training mode: normalisation goes by the batch, as at the first step, when nothing is learnt yet.
    parts = net.parts()
    device = Device("cpu", LAB_DEVICE)
    return _Subject(fresh, parts, None, dtype, device, 1, Preprocessing(resize=40, crop=40))


def _crops(x: torch.Tensor) -> torch.Tensor:
    """(3, 40, 40) -> (8, 3, 32, 32): the middle, the corners, and three mirrored, as section 4.2 augments pictures."""
    import torch

    five = [x[:, top : top + 32, left : left + 32] for top, left in ((4, 4), (0, 0), (0, 8), (8, 0), (8, 8))]
    crops = torch.stack([*five, *(crop.flip(-1) for crop in five[: CROPS - len(five)])])
    assert len(crops) == CROPS
    return crops


def _top(subject: _Subject, logits: torch.Tensor, wanted: tuple[int, ...] | None = None) -> tuple[Label, ...]:
    """The five most probable classes, or those `wanted`, with their probabilities; nothing for a fresh network."""
    if subject.card is None:
        return ()
    names = labels(subject.card.labels)
    p = logits[0].cpu().double().softmax(0)
    best = wanted if wanted is not None else tuple(p.argsort(descending=True, stable=True)[:5].tolist())
    return tuple(Label(k, names[k], float(p[k])) for k in best)


def _check_finite(values: tuple[float, ...]) -> None:
    if not all(map(math.isfinite, values)):
        raise LabError(
            "With these settings the numbers grow beyond what the network's float32 can hold: nothing to show."
        )


def _ms(begin: float) -> float:
    return 1000 * (time.perf_counter() - begin)
