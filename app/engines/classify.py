"""Requests and answers of the Classify panel, and the engine that serves them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from app.engines import gradcam, selfcheck
from app.engines.ahead import Ahead

# These names are asked for here, too.
from app.engines.models import CheckModel as CheckModel
from app.engines.models import LoadModel as LoadModel
from app.engines.models import ModelChecked as ModelChecked
from app.engines.models import ModelEngine
from app.engines.models import ModelStatus as ModelStatus
from app.engines.models import ReleaseModel as ReleaseModel
from app.engines.models import UseDevice as UseDevice
from app.media import pictures
from app.media.pictures import Picture, PictureError
from app.media.preprocess import Preprocessing, apply, seen_box
from app.runtimes import Network, Output
from app.runtimes.devices import Device
from app.store.errors import StoreError
from app.store.labels import labels

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store
    from app.worker import Steps, Ticket


@dataclass(frozen=True)
class Label:
    """One line of an answer: an ImageNet-1k class and its softmax probability (0 to 1)."""

    index: int
    label: str
    p: float


@dataclass(frozen=True, eq=False)
class Classification:
    """One picture through one model."""

    model: str  # the card's id
    top: tuple[Label, ...]  # best first
    probabilities: np.ndarray  # (classes,) float32
    ms: float  # the network's forward pass, this picture's share of its batch
    device: str  # "CPU", "NVIDIA …"
    runtime: str  # "openvino" or "torch"


@dataclass(frozen=True, eq=False)
class ModelFailed:
    """One model could not answer; the others' answers stand."""

    model: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Classify:
    """One picture through some models. Partials: a `Classification` or a `ModelFailed` a model, in order.
    Done: None. `picture` may be a path (decoded in a step of its own) or a decoded picture."""

    picture: Picture | Path
    models: tuple[str, ...]
    top: int = 5


@dataclass(frozen=True)
class ClassifyFiles:
    """Many files through some models, for the queue. Partials: tuples of `FileResult`, in the order of `paths`.
    Done: the number of files. Decoding happens in threads of its own, ahead of the network, within a bound."""

    paths: tuple[Path, ...]
    models: tuple[str, ...]
    top: int = 5


@dataclass(frozen=True, eq=False)
class FileResult:
    """One file: an answer a model, or why there is none."""

    path: Path
    answers: tuple[Classification | ModelFailed, ...] = ()
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Explain:
    """Where in the picture `model` sees `target` (Grad-CAM), or what speaks for `target` and not for `against`.
    Done: a `HeatMap`."""

    picture: Picture
    model: str
    target: int
    against: int | None = None


@dataclass(frozen=True, eq=False)
class HeatMap:
    """`values`: (h, w) float32 at the network's own grid. Without `against` in 0…1; with it in -1…1, where positive
    speaks for `target`. `box` is the part of the picture that the network saw: left, top, width, height in
    pixels of the decoded picture (centre crop); the map belongs to that part only."""

    model: str
    target: int
    against: int | None
    values: np.ndarray
    box: tuple[float, float, float, float]
    method: str  # "class activation map (exact)" or "Grad-CAM"
    ms: float


class ClassifyEngine(ModelEngine[Network]):
    """Owns the loaded classifiers. Called on the engine thread only (app.worker.Engine)."""

    def __init__(self, store: Store, device: str = "auto") -> None:
        super().__init__(store, device)
        self._modules: dict[str, Any] = {}  # torch modules for gradients, by model
        # Models or files of a request that are answered: asked again (`out_of_memory`), it goes on behind them.
        self._answered: WeakKeyDictionary[Ticket, int] = WeakKeyDictionary()

    # What the worker asks

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        match request:
            case Classify():
                yield from self._classify(request, ticket)
            case ClassifyFiles():
                return (yield from self._classify_files(request, ticket))
            case Explain():
                return self._explain(request)
            case LoadModel():
                return self._load(request)
            case ReleaseModel():
                return self._release(request)
            case CheckModel():
                return (yield from self._check(request))
            case UseDevice():
                return self._use_device(request)
            case _:
                raise TypeError(f"the Classify engine has no answer to {type(request).__name__}")

    def _make(self, card: Card, device: Device) -> Network:
        from app import runtimes

        return runtimes.load(card, self._store, device)

    # One picture

    def _classify(self, request: Classify, ticket: Ticket) -> Steps:
        """A model a step."""
        picture = request.picture
        if isinstance(picture, Path):
            picture = pictures.decode(picture, at_least=self._short_side(request.models))
            yield None
        inputs: dict[Preprocessing, np.ndarray] = {}
        answered = self._answered.get(ticket, 0)
        for k, model in enumerate(request.models[answered:], answered):
            answer: Classification | ModelFailed
            try:
                network, card = self._network(model)
                x = _prepared(picture, card.preprocessing, inputs)
                begin = time.perf_counter()
                output = network.run(x[None])
                ms = 1000 * (time.perf_counter() - begin)
                answer = _answer(card, network, output, 0, request.top, ms)
            except (StoreError, ImportError) as error:
                answer = ModelFailed(model, self.explain(error) or str(error))
            self._answered[ticket] = k + 1
            yield answer

    def _explain(self, request: Explain) -> HeatMap:
        network, card = self._network(request.model)
        begin = time.perf_counter()
        x = apply(request.picture.pixels, card.preprocessing)[None]
        if network.head is not None:
            raw = gradcam.from_head(network.run(x).grid[0], network.head, request.target, request.against)
            method = gradcam.EXACT
        else:
            raw = gradcam.from_gradient(self._module(card), x, request.target, request.against)
            method = gradcam.GRADIENT
        values = gradcam.scaled(raw, signed=request.against is not None)
        height, width = request.picture.pixels.shape[:2]
        box = seen_box(width, height, card.preprocessing)
        ms = 1000 * (time.perf_counter() - begin)
        return HeatMap(request.model, request.target, request.against, values, box, method, ms)

    # Many files

    def _classify_files(self, request: ClassifyFiles, ticket: Ticket) -> Steps:
        failed: dict[str, ModelFailed] = {}
        for model in request.models:  # a step each: loading takes long
            self._networks((model,), failed)
            yield None
        wanted = {card.preprocessing for _, card in self._networks(request.models, failed).values()}
        smallest = self._short_side(request.models)
        answered = self._answered.get(ticket, 0)
        prepare = partial(_prepare, wanted=wanted, smallest=smallest)
        with Ahead(request.paths[answered:], prepare) as files:
            while True:
                # Asked for again each time: meanwhile the device may have changed.
                networks = self._networks(request.models, failed)
                size = min((network.best_batch for network, _ in networks.values()), default=8)
                batch = yield from files.batch(size, ticket)
                if not batch:
                    break
                results = self._batch(request, batch, failed)
                answered += len(results)
                self._answered[ticket] = answered
                yield results
        return len(request.paths)

    def _networks(self, models: tuple[str, ...], failed: dict[str, ModelFailed]) -> dict[str, tuple[Network, Card]]:
        """Those of `models` that can answer; the others are put into `failed`, and not tried again."""
        found: dict[str, tuple[Network, Card]] = {}
        for model in models:
            if model in failed:
                continue
            try:
                found[model] = self._network(model)
            except (StoreError, ImportError) as error:
                failed[model] = ModelFailed(model, self.explain(error) or str(error))
        return found

    def _batch(
        self, request: ClassifyFiles, batch: list[tuple[Path, _Prepared]], failed: dict[str, ModelFailed]
    ) -> tuple[FileResult, ...]:
        prepared = [item for _, item in batch]
        good = [k for k, item in enumerate(prepared) if item.error is None]
        answers: dict[int, list[Classification | ModelFailed]] = {k: [] for k in good}
        networks = self._networks(request.models, failed)
        for model in request.models if good else ():
            if model in failed:
                for k in good:
                    answers[k].append(failed[model])
                continue
            network, card = networks[model]
            x = np.stack([prepared[k].inputs[card.preprocessing] for k in good])  # (n, 3, h, w)
            begin = time.perf_counter()
            output = network.run(x)
            ms = 1000 * (time.perf_counter() - begin) / len(good)
            for row, k in enumerate(good):
                answers[k].append(_answer(card, network, output, row, request.top, ms))
        return tuple(
            FileResult(path, tuple(answers.get(k, ())), prepared[k].error) for k, (path, _) in enumerate(batch)
        )

    # Models and the device

    def _check(self, request: CheckModel) -> Steps:
        before = request.model in self._loaded
        network, card = self._network(request.model)
        yield None
        try:
            found = yield from selfcheck.check(card, self._store, network)
        finally:
            if not before:
                self._release(ReleaseModel(request.model))
        return ModelChecked(card.id, found, found.sentence(card.name), before)

    def _module(self, card: Card) -> Any:
        from app.runtimes.torch_runtime import build

        if card.id not in self._modules:
            self._modules[card.id] = build(card, self._store)
        return self._modules[card.id]

    def _short_side(self, models: tuple[str, ...]) -> int:
        sides = []
        for model in models:
            try:
                preprocessing = self._store.card(model).preprocessing
            except StoreError:
                continue
            sides.append(max(preprocessing.resize, preprocessing.crop))
        return max(sides, default=256)

    def _forget(self, model: str) -> None:
        super()._forget(model)
        self._modules.pop(model, None)

    def _forget_all(self) -> None:
        super()._forget_all()
        self._modules.clear()


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A file as the networks take it, or why not."""

    inputs: dict[Preprocessing, np.ndarray]
    error: str | None = None


def _prepare(path: Path, wanted: set[Preprocessing], smallest: int) -> _Prepared:
    try:
        picture = pictures.decode(path, at_least=smallest)
    except PictureError as error:
        return _Prepared({}, str(error))
    return _Prepared({preprocessing: apply(picture.pixels, preprocessing) for preprocessing in wanted})


def _prepared(picture: Picture, preprocessing: Preprocessing, inputs: dict[Preprocessing, np.ndarray]) -> np.ndarray:
    if preprocessing not in inputs:
        inputs[preprocessing] = apply(picture.pixels, preprocessing)
    return inputs[preprocessing]


def _answer(card: Card, network: Network, output: Output, row: int, top: int, ms: float) -> Classification:
    p = _softmax(output.logits[row])
    names = labels(card.labels)
    best = np.argsort(-p, kind="stable")[:top]
    return Classification(
        model=card.id,
        top=tuple(Label(int(k), names[k], float(p[k])) for k in best),
        probabilities=p,
        ms=ms,
        device=network.device.name,
        runtime=network.runtime,
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    """(classes,) float32."""
    shifted = logits.astype(np.float64) - float(logits.max())
    e = np.exp(shifted)
    p: np.ndarray = (e / e.sum()).astype(np.float32)
    return p
