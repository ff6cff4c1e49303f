"""A translator in the layout of the embedded one, with its card, in a folder of weights: few layers, a few hundred
wordpieces, random weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.store import int8, locate
from app.store.cards import Card, Measurement, write_card
from app.store.codec import METADATA_KEY
from app.store.fingerprints import sha256_of
from app.store.vocabulary import WORDPIECES
from app.text.wordpieces import END, Wordpieces

MODEL = "gnmt"
PIECES = 400
LAYERS, WIDTH = 3, 32
DIRECTIONS = "en-de de-en"
SENTENCES = (
    "The dog runs through the snow.", "A man reads a book by the window.", "Where is the nearest station?",
    "I would like a cup of tea, please.", "She has lived in this house for ten years.", "It will rain tomorrow.",
    "Two children play with a red ball in the garden.", "Can you help me find my keys?", "We have to leave early.",
    "The train to Berlin leaves at eight o'clock.", "He didn't know what to say.", "That was a very good film!",
    "Der Hund läuft durch den Schnee.", "Ein Mann liest am Fenster ein Buch.", "Wo ist der nächste Bahnhof?",
    "Ich hätte gern eine Tasse Tee, bitte.", "Sie wohnt seit zehn Jahren in diesem Haus.", "Morgen wird es regnen.",
    "Zwei Kinder spielen im Garten mit einem roten Ball.", "Kannst du mir helfen, meine Schlüssel zu finden?",
    "Wir müssen früh aufbrechen.", "Der Zug nach Berlin fährt um acht Uhr ab.", "Er wusste nicht, was er sagen sollte.",
    "Das war ein sehr guter Film!", "Über den Flüssen fährt ein großes, blaues Schiff.", "„Quark“ (mit Äpfeln): ß?",
    "Q W X Y Z J K V 0 1 2 3 4 5 6 7 8 9 - ' \" ; / & %",
)  # fmt: skip


@cache
def wordpieces() -> bytes:
    """sentencepiece's model, learnt in a moment from `SENTENCES`."""
    from app.training.gnmt_data import learn_wordpieces

    return learn_wordpieces(SENTENCES, PIECES)


@cache
def folder() -> Path:
    """A folder of weights with this translator alone, for the whole session. Nobody writes there."""
    from tests.conftest import SESSION

    made = SESSION / "translator"
    made.mkdir()
    write(made)
    return made


def install(monkeypatch: pytest.MonkeyPatch, weights: Path | None = None) -> None:
    """The program finds its embedded weights there (default: `folder`) until the test ends."""
    place, real = weights or folder(), locate.bundled
    monkeypatch.setattr(locate, "bundled", lambda name: place if name == "weights" else real(name))


def state_dict(seed: int = 4, layers: int = LAYERS, width: int = WIDTH) -> dict[str, Any]:
    """Float32. Larger weights than a fresh network's: what it says then depends on the sentence and on what was said
    before. Its last unit counts wordpieces, by steps that depend on the sentence, and makes the end ever likelier."""
    import torch

    from app.nets.gnmt import GNMT
    from app.store.architectures import TIED

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        net = GNMT(PIECES, width, layers)
        for parameter in net.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
        net.embedding.weight.mul_(2.0)
        for layer in net.decoder[1:]:
            assert isinstance(layer, torch.nn.LSTM)
            top = layer is net.decoder[-1]
            for gate, bias in enumerate((10.0, 10.0, 0.1, 10.0 if top else -10.0)):  # i, f, g, o
                row = gate * width + width - 1
                for weight in (layer.weight_ih_l0, layer.weight_hh_l0):
                    weight[row] *= 0.02 if gate == 2 else 0.0
                layer.bias_ih_l0[row] = bias
        net.embedding.weight[:, -1] = 0.0
        net.embedding.weight[END, -1] = 14.0
        assert net.output.bias is not None
        net.output.bias[END] = -5.0
        pieces = Wordpieces(wordpieces())
        spelt = [k for k, piece in enumerate(pieces.pieces(range(PIECES))) if piece.startswith("<0x")]
        net.output.bias[spelt] = -20.0  # no bytes that are no characters
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items() if name not in TIED}


def tensors(state: dict[str, Any] | None = None, pieces: bytes | None = None) -> dict[str, Any]:
    """As they stand in the file."""
    import numpy as np
    import torch

    model = torch.from_numpy(np.frombuffer(pieces if pieces is not None else wordpieces(), np.uint8).copy())
    return int8.encode(state if state is not None else state_dict()) | {WORDPIECES: model}


def write(
    folder: Path, stored: dict[str, Any] | None = None, directions: str = DIRECTIONS, measured: str = DIRECTIONS
) -> Card:
    """gnmt.safetensors and gnmt.toml; whatever card was there is replaced."""
    from safetensors.torch import save_file

    file = folder / f"{MODEL}.safetensors"
    save_file(stored if stored is not None else tensors(), file, metadata={"format": "pt", METADATA_KEY: int8.VERSION})
    card = Card(
        id=MODEL,
        name="GNMT",
        year=2016,
        task="translate",
        architecture="gnmt",
        origin="embedded",
        file=file.name,
        licence="none: random weights for tests",
        terms="Nothing was learnt.",
        limits="Says wordpieces at random.",
        summary="A translator for tests.",
        size=file.stat().st_size,
        sha256=sha256_of(file),
        labels="",
        measured=tuple(
            Measurement(f"tatoeba-dev {direction} (1,000 sentences), beam 5", None, None, "nowhere", (("BLEU", 23.1),))
            for direction in measured.split()
        ),
        extra=(("directions", directions), ("alpha", 0.8), ("coverage", 0.1)),
    )
    write_card(card, folder / f"{MODEL}.toml")
    return card
