"""The bypass laboratory: what is asked, what is answered, and the engine that computes it.

Three experiments on the question of He et al. 2015 (arXiv 1512.03385): what does the bypass connection do?

- `Signal`: how large the activations are after every block. For a mailbox: sliders, newest wins.
- `Gradient`: how large the loss's gradient is at every block. For a mailbox as well.
- `Race`: a plain and a residual network learn the same small task, side by side. For the queue.

The networks are trained ResNets of the store (`network` is a card's id) or freshly initialised ones (`network` is a
`Fresh`). Every number in an answer is computed; seeds are in the requests, and an answer carries its request's
`setup`, so that the same request gives the same numbers on the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.engines.classify import Label
from app.media.pictures import Picture

Kind = Literal["plain", "residual"]
Init = Literal["small", "xavier", "he"]
Verdict = Literal["residual ahead", "plain ahead", "level"]

KINDS: tuple[Kind, ...] = ("plain", "residual")
INITS: tuple[Init, ...] = ("small", "xavier", "he")
DEPTHS = (8, 20, 56, 110, 152)  # offered; every 6n + 2 from 8 to 152 is taken
SMALLEST_FLOAT32 = 1.1754944e-38  # below this, in the numbers networks are trained with, a signal loses its digits


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
    the network gets it. Fresh networks compute in float64, so that a curve goes on where float32 ends
    (`SMALLEST_FLOAT32`); trained ones in float32.

    `top` is the answer of a trained network as its bypasses now are, best first; empty for a fresh one, which knows
    no classes."""

    setup: Setup
    places: tuple[Place, ...]
    before: float
    rms: tuple[float, ...]  # one a place
    top: tuple[Label, ...]
    took_ms: float
    device: str


@dataclass(frozen=True)
class GradientCurve:
    """`outputs`: the norm (2-norm over all numbers) of the loss's gradient by the activations that leave each place:
    what flows backwards. `weights`: the norm of its gradient by the weights of the convolutions (or of the linear
    layer) in that place: what training would change them by. Both without a unit, finite, 0 where nothing arrives.

    The loss is the cross-entropy with `target`: for a trained network the class that it puts first with all its
    bypasses whole (so that the curves stay comparable while they are cut); for a fresh one always class 0 of 10, and
    `target` is None."""

    setup: Setup
    places: tuple[Place, ...]
    outputs: tuple[float, ...]  # one a place
    weights: tuple[float, ...]  # one a place
    loss: float  # in nats
    target: Label | None  # its probability: as the bypasses now are
    top: tuple[Label, ...]  # as in `SignalCurve`
    took_ms: float
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


AHEAD = 0.8
