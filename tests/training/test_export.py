"""From a training run to the shipped file and its card, on a small scale: random weights, a few random pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.media.preprocess import Preprocessing
from app.store import architectures, locate, weights
from app.store.cards import read_card, write_card
from app.store.catalog import State, Store
from app.training import export, measure
from app.training.export import KINDS, Curve
from app.training.measure import Measured
from app.training.pictures import Pictures

RUN = Curve((0.5, 1.0, 2.0), (10.0, 20.0, 30.0), 123_456, 160)


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    torch.manual_seed(0)
    made = architectures.build("resnet18").state_dict()
    return {key: value.half() for key, value in made.items() if not key.endswith("tracked")}


@pytest.fixture(scope="module")
def on() -> Measured:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (70, 80, 3), np.uint8) for _ in range(4)]
    return Measured("imagenet_dev", pixels, torch.tensor([0, 1, 2, 3]))


def test_a_curve_is_read(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    points = [{"hours": h, "step": 1, "crops": c, "size": s, "top1": t} for h, c, s, t in
              ((0.5, 10, 96, 10.0), (1.1, 19, 96, 19.0), (1.0, 20, 128, 20.0), (2.0, 30, 160, 30.000002))]  # fmt: skip
    path.write_text("".join(json.dumps(point) + "\n" for point in points))
    found = export.curve(path)
    assert found == Curve((0.5, 1.0, 2.0), (10.0, 20.0, 30.0), 30, 160)
    assert found.last_quarter() == pytest.approx(5.0)  # 25 % at 1.5 hours
    path.write_text("")
    with pytest.raises(SystemExit, match="has not been examined yet"):
        export.curve(path)


def test_how_it_learnt_is_counted() -> None:
    count = 40
    labels = np.where(np.arange(count) < 30, np.arange(count), -1)
    nothing = np.zeros(count, np.int64)
    pictures = Pictures(np.zeros(0, np.uint8), nothing, np.zeros((count, 2), np.int64), labels, nothing)
    rows, held = pictures.split()
    text = export.training(RUN, pictures, "flat")
    assert f"on {len(rows)} pictures ({30 - len(held)} of them with labels): 123,456 crops in 2.0 hours" in text
    assert f"chosen on {len(held)} labelled pictures held out of training" in text
    assert text.endswith("because the curve had become flat: +5.0 points in the last quarter of it.")


def test_a_resnet_is_shipped_and_measured_from_its_file(
    state: dict[str, Any], on: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "resnet18.safetensors"
    export.write_weights("resnet18", state, file)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    _, read = weights.read(file, "resnet18")
    assert all(torch.equal(read[key], state[key]) for key in read)
    preprocessing = Preprocessing(resize=73, crop=64)
    card = export.card(KINDS["resnet18"], "resnet18", file, RUN, preprocessing, "How.", on)
    write_card(card, tmp_path / "resnet18.toml")
    assert read_card(tmp_path / "resnet18.toml") == card
    assert (card.id, card.origin, card.official, card.training) == ("resnet18", "embedded", "resnet18-v1", "How.")
    assert card.parameters == 11_689_512
    assert card.curve == ((0.5, 10.0), (1.0, 20.0), (2.0, 30.0))
    assert "trained by this project" in card.summary
    assert f"{card.measured[0].top1:.1f} % top-1 on imagenet_dev; the official weights reach 69.8 %" in card.summary
    assert card.measured[0].data == "imagenet_dev (4 pictures)"
    assert "for research and education" in card.terms

    # It is the store's, and measuring it again says the same.
    bundled = locate.bundled
    (tmp_path / "official").mkdir()
    monkeypatch.setattr(locate, "bundled", lambda name: tmp_path if name == "weights" else bundled(name))
    store = Store()
    assert store.state(store.card("resnet18")) is State.READY
    assert store.verify("resnet18").ok
    monkeypatch.setattr(measure, "imagenet_dev", lambda data, limit: on)
    assert measure._card("resnet18", tmp_path, None, False) == 0
    wrong = (0.0 if card.measured[0].top1 else 100.0, 100.0)
    monkeypatch.setattr(measure, "accuracy", lambda *_: wrong)
    assert measure._card("resnet18", tmp_path, None, False) == 1


def test_alexnet_is_coded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.store import codec

    small = {"fc6.weight": torch.randn(1024, 1024), "conv1.weight": torch.randn(4, 3, 2, 2)}
    file = tmp_path / "alexnet.safetensors"
    export.write_weights("alexnet-2012", small, file)
    from safetensors import safe_open

    with safe_open(str(file), framework="pt") as opened:
        assert opened.metadata()[codec.METADATA_KEY] == codec.VERSION
        assert set(opened.keys()) == {"conv1.weight", *(f"fc6.weight.{plane}" for plane in codec.PLANES)}
    monkeypatch.setattr(export, "LARGEST", 1000)
    with pytest.raises(SystemExit, match="more than 1,000"):
        export.write_weights("alexnet-2012", small, tmp_path / "other.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_accuracy_counts_the_right_ones(on: Measured) -> None:
    class Says(torch.nn.Module):
        """The classes 0, 1 and 7 first for every picture."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(len(x), 1000)
            logits[:, 0], logits[:, 1], logits[:, 7:10] = 3.0, 2.0, 1.0
            return logits

    assert measure.accuracy(Says(), on, Preprocessing(resize=64, crop=64)) == (25.0, 50.0)
