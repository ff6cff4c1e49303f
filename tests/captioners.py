"""A captioner in the layout of the embedded one, with its card, in a folder of weights: EfficientNet-Lite0's encoder,
so that pictures differ, and a decoder with random weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.media.preprocess import Preprocessing
from app.store import locate
from app.store.cards import Card, Measurement, write_card
from app.store.fingerprints import sha256_of
from app.store.vocabulary import END, KEY, SPECIAL

ROOT = Path(__file__).resolve().parent.parent
MODEL = "captioner"
WORDS = (
    *SPECIAL, "a", "the", "dog", "man", "woman", "child", "in", "on", "of", "and", "is", "with", "red", "blue", "ball",
    "snow", "water", "field", "runs", "sits",
)  # fmt: skip
SQUEEZED = Preprocessing(crop=224, mean=(127 / 255,) * 3, deviation=(128 / 255,) * 3, squeeze=True)


@cache
def folder() -> Path:
    """A folder of weights with this captioner alone, for the whole session. Nobody writes there."""
    from tests.conftest import SESSION

    made = SESSION / "captioner"
    made.mkdir()
    write(made)
    return made


def install(monkeypatch: pytest.MonkeyPatch, weights: Path | None = None) -> None:
    """The program finds its embedded weights there (default: `folder`) until the test ends."""
    place, real = weights or folder(), locate.bundled
    monkeypatch.setattr(locate, "bundled", lambda name: place if name == "weights" else real(name))


def state_dict(seed: int = 8, words: int = len(WORDS)) -> dict[str, Any]:
    """Half precision, without counters. Larger weights than a fresh network's: its words then depend on the picture
    and on what was said before."""
    import torch
    from safetensors.torch import load_file

    from app.store import architectures

    shapes = {"decoder.embedding.weight": (words, 256), "decoder.query.weight": (512, 512)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = architectures.build("captioner", shapes).state_dict()
        for name, tensor in state.items():
            if name.startswith("decoder.") and tensor.dim() > 1:
                tensor.mul_(3.0)
            if name == "decoder.embedding.weight":
                tensor.mul_(4.0)
        state["decoder.to_word.weight"][:, 512:] *= 0.1  # of what is seen: else one word is said for ever
        state["decoder.bias"][END] = -0.5
    encoder = load_file(ROOT / "weights" / "efficientnet-lite0.safetensors")
    state |= {f"encoder.{name}": tensor for name, tensor in encoder.items() if not name.startswith("fc.")}
    return {name: tensor.half() for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def write(folder: Path, state: dict[str, Any] | None = None, words: tuple[str, ...] = WORDS) -> Card:
    """captioner.safetensors and captioner.toml; whatever card was there is replaced."""
    from safetensors.torch import save_file

    file = folder / "captioner.safetensors"
    save_file(state if state is not None else state_dict(), file, metadata={"format": "pt", KEY: "\n".join(words)})
    card = Card(
        id=MODEL,
        name="Captioner",
        year=2015,
        task="caption",
        architecture="captioner",
        origin="embedded",
        file=file.name,
        licence="none: random weights for tests",
        terms="Nothing was learnt.",
        limits="Says words at random.",
        summary="A captioner for tests.",
        size=file.stat().st_size,
        sha256=sha256_of(file),
        preprocessing=SQUEEZED,
        labels="",
        measured=(Measurement("a test", None, None, "nowhere", (("CIDEr", 0.581), ("BLEU-4", 0.225))),),
    )
    write_card(card, folder / "captioner.toml")
    return card
