"""How a network runs fast on this machine. `load` gives a `Network`; nobody else needs to know which runtime it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from app.runtimes.devices import Device

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store

_log = logging.getLogger(__name__)
N = TypeVar("N")


@dataclass(frozen=True, eq=False)
class Output:
    """What a classifier gives for a batch: `logits` (n, classes) and `grid` (n, C, h, w), its last grid of features."""

    logits: np.ndarray
    grid: np.ndarray


@dataclass(frozen=True, eq=False)
class Head:
    """The one linear layer after pooling: logits = weight @ mean(grid) + bias. weight (classes, C), bias (classes,)."""

    weight: np.ndarray
    bias: np.ndarray


class Network(Protocol):
    """A classifier that is ready to run. Used on one thread only."""

    runtime: str  # "openvino" or "torch"
    device: Device
    best_batch: int  # pictures a batch at which a folder goes fastest
    head: Head | None  # None where more than one linear layer follows the grid (AlexNet)

    def run(self, batch: np.ndarray) -> Output:
        """`batch` (n, 3, h, w) float32, preprocessed as the card says."""


def load(card: Card, store: Store, device: Device) -> Network:
    """See `fastest`. Raises StoreError where the weights are missing or wrong, ImportError where neither runtime can be
    imported."""

    def openvino() -> Network:
        from app.runtimes.openvino_runtime import OpenVinoNetwork

        return OpenVinoNetwork(card, store, device)

    def torch() -> Network:
        from app.runtimes.torch_runtime import TorchNetwork

        return TorchNetwork(card, store, device)

    return fastest(card, device, openvino, torch)


def fastest(card: Card, device: Device, openvino: Callable[[], N], torch: Callable[[], N]) -> N:
    """OpenVINO's on the CPU; torch's on a GPU and wherever OpenVINO is missing or refuses."""
    if device.kind != "cpu":
        return torch()
    from app.store.errors import StoreError

    try:
        return openvino()
    except (StoreError, MemoryError):
        raise
    except Exception as error:  # its own errors share no base but this
        _log.warning("OpenVINO can't run %s (%s: %s); torch does", card.id, type(error).__name__, str(error)[:200])
        return torch()
