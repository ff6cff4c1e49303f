"""Passes through a traced network, in steps: what each block makes of a picture, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from app.engines.figure import glance
from app.engines.tracing import Block, Traced
from app.media import inputs
from app.media.pictures import Picture
from app.media.preprocess import Preprocessing

if TYPE_CHECKING:
    from app.store.cards import Card

STEP = 0.05  # seconds of computing between two looks at the mailboxes
MEASURE = 0.8  # seconds of passes that are measured, about
PASSES = (3, 9)  # at least, at most

Pass = Generator[None, None, list[float]]  # gives the seconds of each part


@dataclass(eq=False)
class Held:
    """A network that is looked at. `seconds` don't depend on the picture, and are measured once."""

    card: Card
    net: Any  # torch.nn.Module
    traced: Traced
    blocks: list[Block] | None = None
    seconds: np.ndarray | None = None  # (parts,): medians over `passes`
    passes: int = 0


class Pace:
    """Whether it is time to let others have their turn."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def due(self) -> bool:
        now = time.perf_counter()
        if now - self._last < STEP:
            return False
        self._last = now
        return True


class Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap."""
        before, self._last = self._last, time.perf_counter()
        return self._last - before


def tensor(picture: Picture | np.ndarray | None, preprocessing: Preprocessing) -> Any:
    """(1, 3, crop, crop), as the network takes it; zeros without a picture. Raises PictureError."""
    import torch

    side = preprocessing.crop
    pixels = np.zeros((3, side, side), np.float32) if picture is None else inputs.tensor(picture, preprocessing)
    return torch.from_numpy(pixels)[None]


def blocks_of(held: Held, x: Any) -> Generator[None, None, list[Block]]:
    """The blocks, from the shapes of one pass where they are not known yet."""
    if held.blocks is None:
        shapes = {}
        pace = Pace()
        for call, value, _ in held.traced.run(x):
            if hasattr(value, "shape"):
                shapes[call] = tuple(value.shape)
            if pace.due():
                yield None
        held.blocks = held.traced.blocks(shapes)
    return held.blocks


def glances_of(
    traced: Traced, blocks: list[Block], x: Any
) -> Generator[None, None, tuple[dict[Block, tuple[np.ndarray, ...]], np.ndarray]]:
    """A small map a tower for every block, and the last block's output (units,) or (C, h, w)."""
    of = {block.output: block for block in blocks}
    made: dict[Block, tuple[np.ndarray, ...]] = {}
    last = np.zeros(0, np.float32)
    pace = Pace()
    for call, value, _ in traced.run(x):
        if call in of:
            last = value[0].numpy()
            made[of[call]] = tuple(glance(half) for half in np.split(last, of[call].towers))
        if pace.due():
            yield None
    return made, last.copy()


class Measured(Protocol):
    """Whatever is looked at keeps what it was measured to take."""

    seconds: np.ndarray | None
    passes: int


def measure(held: Measured, one_pass: Callable[[], Pass]) -> Generator[None, None, np.ndarray]:
    """The seconds of all parts: medians over some passes, of which a slow network gets fewer."""
    if held.seconds is None:
        begin = time.perf_counter()
        passes: list[list[float]] = []
        while len(passes) < PASSES[0] or (len(passes) < PASSES[1] and time.perf_counter() - begin < MEASURE):
            passes.append((yield from one_pass()))
            yield None  # a pass can be shorter than the pace
        held.seconds, held.passes = np.median(np.array(passes), axis=0), len(passes)
    return held.seconds


def timed(traced: Traced, blocks: list[Block], x: Any) -> Pass:
    """Seconds of each block in one pass."""
    of = {call: k for k, block in enumerate(blocks) for call in block.calls}
    seconds = [0.0] * len(blocks)
    pace = Pace()
    for call, _, took in traced.run(x):
        if call in of:
            seconds[of[call]] += took
        if pace.due():
            yield None
    return seconds
