"""Taking in a file of weights that the person brings: checked, saved again as safetensors, with a card of its own."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.media.preprocess import Preprocessing
from app.store import architectures, cards, weights
from app.store.cards import Card
from app.store.errors import StoreError
from app.store.fingerprints import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import torch


# Names of devices on Windows, whatever comes after the dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_YEARS = {"alexnet-2012": 2012, "alexnet": 2014, "efficientnet-lite0": 2020}
LITE = Preprocessing(256, 224, "bicubic", (127 / 255,) * 3, (128 / 255,) * 3)


def slug(name: str) -> str:
    """A model's id out of what a person typed: small ASCII letters, digits, dots, dashes, underscores. May be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:60].rstrip("-._")
    return f"{made}-model" if _DEVICES.fullmatch(made) else made


def take_in(file: Path, model_id: str, name: str, folder: Path, official: Iterable[Card]) -> Card:
    """Reads `file`, writes `folder`/`model_id`.safetensors and then its card: the card is what makes the model exist.
    Raises StoreError; then nothing is left in the folder."""
    architecture, tensors = weights.read(file)
    if architecture not in architectures.CLASSIFIERS:
        raise StoreError(f"{file.name} holds a {architecture}; only networks that classify pictures can be imported.")
    given_hash = sha256_of(file)
    target = folder / f"{model_id}.safetensors"
    card = Card(
        id=model_id,
        name=name,
        year=_YEARS.get(architecture, 2015),
        task="classify",
        architecture=architecture,
        origin="imported",
        file=target.name,
        licence="Not known (ask whoever made the file)",
        terms="Not known: ask whoever made the file. Most weights of this kind are learnt from research data, for "
        "research and education.",
        limits="Knows the 1,000 classes of ImageNet-1k and nothing else, if the file is what it seems to be.",
        summary=f"A file that you imported; its weights are those of a network of the kind {architecture}.",
        parameters=sum(
            tensor.numel() for key, tensor in tensors.items() if not key.endswith((".running_mean", ".running_var"))
        ),
        preprocessing=LITE if architecture == "efficientnet-lite0" else Preprocessing(),
        extra=(("imported_from", file.name), ("imported_sha256", given_hash)),
    )
    for known in official:  # the very file, brought by hand: then its card's word is better than a guess
        if (digest := known.sha256 or known.sha256_prefix) and given_hash.startswith(digest):
            card = _as(card, known)
    draft = folder / f".{model_id}.{os.getpid()}.part"
    try:
        save(tensors, draft)
        size, digest = draft.stat().st_size, sha256_of(draft)
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"{target.name} can't be written ({error.strerror or error}).") from error
    finally:
        draft.unlink(missing_ok=True)
    card = replace(card, size=size, sha256=digest)
    try:
        cards.write_card(card, folder / f"{model_id}.toml")
    except StoreError:
        target.unlink(missing_ok=True)
        raise
    return card


def save(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Writes safetensors, on the disk when this returns. Raises OSError."""
    import safetensors
    import safetensors.torch

    try:
        safetensors.torch.save_file(dict(tensors), path, metadata={"format": "pt"})
    except safetensors.SafetensorError as error:  # how it tells of a full disk
        raise OSError(str(error)) from error
    with path.open("rb+") as written:
        os.fsync(written.fileno())


def _as(card: Card, known: Card) -> Card:
    return replace(
        card,
        summary=f"A file that you imported; it is the official {known.name}.",
        year=known.year,
        licence=known.licence,
        terms=known.terms,
        limits=known.limits,
        source=known.source,
        attribution=known.attribution,
        preprocessing=known.preprocessing,
        published=known.published,
    )
