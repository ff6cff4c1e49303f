"""The race of the bypass laboratory: two small networks that learn, and what they learn. Imports torch.

The task: generated drawings of 16 x 16 pixels, one of eight shapes each, turned, moved, scaled, light or dark, in
noise. Drawn anew for every step, so nothing can be learnt by heart. Both networks are those of section 4.2 of He et al.
2015 (arXiv 1512.03385) with half its channels, trained as there but for a batch of 32 and a rate of 0.03 (tried: 0.1,
at which the residual network of 56 layers stands still for its first steps, 0.03 and 0.01).

One thread, on the CPU: networks this small are not faster on more, and the numbers then depend on the seed alone, not
on how many processors there are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator

import torch
from torch.nn import functional as F

from app.engines.lab import Race, RacePoint
from app.nets.lab import LabNet

SHAPES = ("disc", "ring", "square", "frame", "triangle", "plus", "bar", "moon")
SIDE = 16  # pixels
WIDTH = 8  # channels of the first stage
BATCH = 32
RATE, MOMENTUM, DECAY = 0.03, 0.9, 1e-4
HELD_OUT = 256  # pictures
PIECE = 64  # of them at a time
HELD_OUT_SEED = 1_000_000  # added to the race's own


def draw(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` drawings (count, 1, 16, 16) float32 and which of `SHAPES` each shows (count,) int64."""

    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, generator=generator)

    label = torch.randint(len(SHAPES), (count,), generator=generator)
    axis = torch.linspace(-1, 1, SIDE)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    size, angle = between(0.45, 0.75), between(0, 2 * math.pi)
    dx, dy = x - between(-0.3, 0.3), y - between(-0.3, 0.3)  # (count, 16, 16)
    u, v = (dx * angle.cos() + dy * angle.sin()) / size, (dy * angle.cos() - dx * angle.sin()) / size
    far, across, along = (u * u + v * v).sqrt(), u.abs(), v.abs()
    square = torch.maximum(across, along)
    corners = [u * math.cos(turn) + v * math.sin(turn) for turn in (0, 2 * math.pi / 3, 4 * math.pi / 3)]
    # How far outside of each shape a pixel lies, in units of `size`; negative inside.
    outside = torch.stack(
        [
            far - 0.9,
            (far - 0.7).abs() - 0.22,
            square - 0.8,
            (square - 0.68).abs() - 0.2,
            torch.stack(corners).amax(0) - 0.5,
            torch.minimum(torch.maximum(across - 0.9, along - 0.27), torch.maximum(across - 0.27, along - 0.9)),
            torch.maximum(across - 0.95, along - 0.3),
            torch.maximum(far - 0.9, 0.75 - ((u - 0.5) ** 2 + v * v).sqrt()),
        ],
        1,
    )  # (count, 8, 16, 16)
    ink = torch.sigmoid(-outside[torch.arange(count), label] * size * SIDE)
    strength = torch.where(between(0, 1) < 0.5, -1.0, 1.0) * between(0.7, 1.3)
    noise = 0.3 * torch.randn(count, SIDE, SIDE, generator=generator)
    return (strength * ink + noise)[:, None], label


class Runners:
    """Both networks of a race, how far they are, and the drawings that come next."""

    def __init__(self, race: Race) -> None:
        self.race = race
        self.points: list[RacePoint] = []
        self.seconds = 0.0  # of computing
        self._nets = [
            LabNet(race.depth, residual=residual, seed=race.seed, width=WIDTH, channels=1, classes=len(SHAPES))
            for residual in (False, True)
        ]
        self._optimisers = [
            torch.optim.SGD(net.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY) for net in self._nets
        ]
        self._generator = torch.Generator().manual_seed(race.seed)
        self._held_out = draw(HELD_OUT, torch.Generator().manual_seed(race.seed + HELD_OUT_SEED))

    def steps(self) -> Generator[RacePoint | None, None, None]:
        """Learn on from where they are, a piece of work at a time; a point after each step of both. May be left after
        a point, and taken up again by calling this anew."""
        race = self.race
        for step in range(len(self.points) + 1, race.steps + 1):
            begin = time.perf_counter()
            x, label = draw(BATCH, self._generator)
            self.seconds += time.perf_counter() - begin
            losses = []
            for net, optimiser in zip(self._nets, self._optimisers, strict=True):
                begin = time.perf_counter()
                loss = F.cross_entropy(net(x), label)
                self.seconds += time.perf_counter() - begin
                yield None
                begin = time.perf_counter()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                losses.append(loss.item())
                self.seconds += time.perf_counter() - begin
                yield None
            accuracies: list[float | None] = [None, None]
            if step == race.steps or step % max(race.steps // 10, 1) == 0:
                for k, net in enumerate(self._nets):
                    accuracies[k] = yield from self._accuracy(net)
            self.points.append(RacePoint(step, losses[0], losses[1], accuracies[0], accuracies[1]))
            yield self.points[-1]

    def _accuracy(self, net: LabNet) -> Generator[None, None, float]:
        """Share of the drawings held out that the network names rightly (0 to 1)."""
        right = 0
        pictures, labels = self._held_out
        for first in range(0, HELD_OUT, PIECE):
            x, label = pictures[first : first + PIECE], labels[first : first + PIECE]
            begin = time.perf_counter()
            net.eval()
            with torch.no_grad():
                right += int((net(x).argmax(1) == label).sum())
            net.train()
            self.seconds += time.perf_counter() - begin
            yield None
        return right / HELD_OUT
