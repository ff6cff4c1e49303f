"""Requests and answers of the Classify panel, and the engine that serves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.media.pictures import Picture


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
    Done: None. `picture` may be a path (decoded on the engine's decoding thread) or a decoded picture."""

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
