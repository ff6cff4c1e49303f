"""Through a network block by block, forwards and backwards, measuring on the way. Imports torch.

A network is a row of parts (`parts()` of app.nets.resnet and app.nets.lab). Each part is run, and differentiated, for
itself; the gradient by its output goes into the next one back. That is the chain rule as it stands, so the numbers are
those of one backward pass, but the work can be left between any two parts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from app.nets.resnet import Block

STEP = 0.04  # seconds of work between two looks at the worker's other requests
T = TypeVar("T")
Parts = list[tuple[str, nn.Module]]


@dataclass(frozen=True)
class Backward:
    """Norms of the loss's gradient, one a part: by its output, by its weights. `loss` in nats."""

    outputs: tuple[float, ...]
    weights: tuple[float, ...]
    loss: float
    logits: Tensor


def paced(work: Generator[Any, None, T], threads: int) -> Generator[Any, None, T]:
    """Does `work`, which yields after every small piece, in steps of about `STEP` seconds; a value that it yields comes
    through at once. `threads` of torch's are set within a step only: other engines live on this thread too."""
    while True:
        value = None
        end = time.perf_counter() + STEP
        with settings(threads):
            try:
                while value is None and time.perf_counter() < end:
                    value = next(work)
            except StopIteration as stop:
                done: T = stop.value
                return done
        yield value


@contextmanager
def settings(threads: int) -> Iterator[None]:
    """The same numbers each time: a fixed number of threads, and cuDNN's deterministic kernels in full float32."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)


def blocks(parts: Parts) -> list[Block]:
    """Those of the parts that have a bypass."""
    return [part for _, part in parts if isinstance(part, Block)]


def weights(part: nn.Module) -> list[Tensor]:
    """Of the convolutions and linear layers that lie one after the other: projections in a bypass are left out."""
    return [
        module.weight
        for name, module in part.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "downsample" not in name
    ]


def forward(
    parts: Parts, scales: Sequence[float | None], x: Tensor
) -> Generator[None, None, tuple[tuple[float, ...], Tensor]]:
    """Root mean squares of what leaves each part, and the logits (n, classes). `scales`: the bypass of each part that
    is a block, else None. Set just before a part runs: other work on the same network may lie between two pieces."""
    sizes = []
    for (_, part), scale in zip(parts, scales, strict=True):
        _set(part, scale)
        with torch.no_grad():
            x = part(x)
            sizes.append(rms(x))
        yield None
    return tuple(sizes), x


def backward(
    parts: Parts, scales: Sequence[float | None], x: Tensor, target: int | None
) -> Generator[None, None, Backward]:
    """The gradient of the mean cross-entropy with class `target`; None: the class with the least mean probability."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    for (_, part), scale in zip(parts, scales, strict=True):
        _set(part, scale)
        inputs.append(x.detach().requires_grad_())
        outputs.append(part(inputs[-1]))
        x = outputs[-1]
        yield None
    logits = x.detach().requires_grad_()
    if target is None:
        target = int(logits.detach().softmax(1).mean(0).argmin())
    loss = F.cross_entropy(logits, torch.full((len(logits),), target, device=logits.device))
    (gradient,) = torch.autograd.grad(loss, logits)
    by_output, by_weights = [], []
    for _, part in reversed(parts):
        by_output.append(_norm(gradient))
        gradient, *others = torch.autograd.grad(outputs.pop(), [inputs.pop(), *weights(part)], gradient)
        by_weights.append(math.hypot(*(_norm(other) for other in others)))
        yield None
    return Backward(tuple(reversed(by_output)), tuple(reversed(by_weights)), loss.item(), logits.detach())


def rms(x: Tensor) -> float:
    """Root mean square. By its norm, so that squares of float32's smallest numbers don't vanish."""
    return _norm(x) / math.sqrt(x.numel())


def _norm(x: Tensor) -> float:
    """2-norm over all numbers. Scaled first: 1e-200 squared is nothing even in float64."""
    largest: float = x.detach().abs().max().item()
    if largest == 0 or not math.isfinite(largest):
        return largest
    norm: float = torch.linalg.vector_norm(x.detach() / largest).item()
    return largest * norm


def _set(part: nn.Module, scale: float | None) -> None:
    if isinstance(part, Block):
        assert scale is not None
        part.bypass = scale
