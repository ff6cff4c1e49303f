"""Loaded models and the device they are on: what the engines of the panels have in common."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from app.media.pictures import PictureError
from app.runtimes import devices
from app.runtimes.devices import Device, DeviceError
from app.store.errors import StoreError

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store
    from app.store.checks import SelfCheck


@dataclass(frozen=True)
class LoadModel:
    """Control request: bring a model to the device, so that the first answer does not wait. Done: `ModelStatus`."""

    model: str


@dataclass(frozen=True)
class ReleaseModel:
    """Control request: free the memory of a model. Done: `ModelStatus`."""

    model: str


@dataclass(frozen=True)
class UseDevice:
    """Control request: "auto", "cuda", "mps" or "cpu". Done: the device's name. Loaded models are released and
    come back with the next input."""

    device: str


@dataclass(frozen=True)
class ModelStatus:
    model: str
    loaded: bool
    device: str = ""
    runtime: str = ""
    load_ms: float = 0.0


@dataclass(frozen=True)
class CheckModel:
    """Request: try a model on what its right answers are known of, and keep what was found (app.engines.selfcheck).
    Partials: `Checking` or None. Done: a `ModelChecked`. The model stays in memory only if it was there before."""

    model: str
    whole: bool = False  # all there is, where otherwise a beginning is enough (3,003 sentences in place of 100)


@dataclass(frozen=True)
class Checking:
    model: str
    done: int
    total: int


@dataclass(frozen=True)
class ModelChecked:
    model: str
    check: SelfCheck
    sentence: str
    loaded: bool


MOST_LOADED = 6  # models in memory; the least recently used one goes


class Loaded(Protocol):
    """A network that is ready to run."""

    runtime: str
    device: Device


N = TypeVar("N", bound=Loaded)


class ModelEngine(ABC, Generic[N]):
    """Owns the loaded models of one panel. Called on the engine thread only (app.worker.Engine)."""

    def __init__(self, store: Store, device: str = "auto") -> None:
        self._store = store
        self._preference = device
        self._device: Device | None = None  # chosen at the first request: it can need torch
        self._loaded: OrderedDict[str, tuple[N, Card]] = OrderedDict()  # least recently used first

    @abstractmethod
    def _make(self, card: Card, device: Device) -> N:
        """The network, ready to run. Raises StoreError, ImportError."""

    # What the worker asks

    def out_of_memory(self, error: BaseException) -> str | None:
        if self._device is None or self._device.kind == "cpu" or not devices.memory_is_full(error):
            return None
        name = self._device.name
        self._forget_all()
        self._device = devices.cpu()
        devices.free_memory(error)
        return f"The memory of {name} is full, so Triptych goes on on the CPU. Choose the device again to go back."

    def explain(self, error: BaseException) -> str | None:
        if isinstance(error, PictureError | StoreError | DeviceError):
            return str(error)
        if isinstance(error, ImportError):
            return (
                f"The library {error.name or 'torch'} can't be loaded, so no network can run: {error}. "
                "“triptych doctor” says more; installing Triptych again usually mends it."
            )
        if isinstance(error, MemoryError):
            return "There is not enough memory for this. Release models (Models), or close other programs."
        return None

    def close(self) -> None:
        self._forget_all()

    # Models and the device

    def _load(self, request: LoadModel) -> ModelStatus:
        begin = time.perf_counter()
        network, _ = self._network(request.model)
        ms = 1000 * (time.perf_counter() - begin)
        return ModelStatus(request.model, True, network.device.name, network.runtime, ms)

    def _release(self, request: ReleaseModel) -> ModelStatus:
        self._forget(request.model)
        return ModelStatus(request.model, False)

    def _use_device(self, request: UseDevice) -> str:
        device = devices.choose(request.device)
        self._preference, self._device = request.device, device
        self._forget_all()
        return device.name

    def _network(self, model: str) -> tuple[N, Card]:
        """The loaded model; loads it where need be. Raises StoreError, DeviceError, ImportError."""
        try:
            card = self._store.card(model)
        except StoreError:
            self._forget(model)
            raise
        if model in self._loaded and self._loaded[model][1] != card:  # removed, and another imported under its name
            self._forget(model)
        if model not in self._loaded:
            if self._device is None:
                self._device = devices.choose(self._preference)
            self._loaded[model] = self._make(card, self._device), card
            while len(self._loaded) > MOST_LOADED:
                self._forget(next(iter(self._loaded)))
        self._loaded.move_to_end(model)
        return self._loaded[model]

    def _forget(self, model: str) -> None:
        self._loaded.pop(model, None)

    def _forget_all(self) -> None:
        self._loaded.clear()
