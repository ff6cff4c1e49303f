"""Model cards: everything the program says about a model comes from its card (TOML, beside the weights)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from app.media.preprocess import Preprocessing

Origin = Literal["embedded", "official", "imported"]


@dataclass(frozen=True)
class Measurement:
    """A score with where it comes from. Ours: the command that measured it. Published: its source."""

    data: str  # "imagenet_dev (1,500 pictures)"
    top1: float  # per cent
    top5: float
    source: str  # the command, or the address of the publication


@dataclass(frozen=True)
class Card:
    """See ARCHITECTURE.md, "The store". Ids are unique; nothing shadows anything."""

    id: str
    name: str
    year: int
    task: Literal["classify", "caption", "translate"]
    architecture: str  # "alexnet-2012", "alexnet", "resnet18" …, "efficientnet-lite0": app.store.architectures
    origin: Origin
    file: str  # name within weights/ or the user's models folder
    licence: str
    terms: str  # of the data it learnt from
    limits: str  # what it can't do, one or two sentences
    summary: str  # one sentence: what it is
    size: int | None = None  # bytes; None: unknown before the download
    parameters: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    addresses: tuple[str, ...] = ()
    confirmed: bool = True  # false: none of us has opened the address or read the terms there
    source: str = ""  # paper or repository
    attribution: str = ""
    preprocessing: Preprocessing = Preprocessing()
    labels: str = "imagenet-1k"
    measured: tuple[Measurement, ...] = ()
    published: tuple[Measurement, ...] = ()
    curve: tuple[tuple[float, float], ...] = ()  # (hours, top-1 in per cent)
    extra: tuple[tuple[str, Any], ...] = ()
