"""A weights folder as it is once AlexNet and ResNet-18 are embedded: random weights under cards of the right kind."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.store import codec, locate
from app.store.cards import Measurement, read_card, write_card
from app.store.fingerprints import sha256_of


def coded_alexnet() -> tuple[dict[str, Any], dict[str, str]]:
    """AlexNet's file with random codes: fitting levels to 60 million weights would take half a minute."""
    import torch

    from app.store import architectures

    rng = np.random.default_rng(0)
    tensors: dict[str, Any] = {}
    for key, shape in architectures.shapes_of("alexnet-2012").items():
        if not codec.suits(shape):
            tensors[key] = torch.from_numpy((0.01 * rng.standard_normal(shape)).astype(np.float16))
            continue
        rows, columns = shape
        planes = {
            "low": rng.integers(0, 256, (rows, columns // 2), np.uint8),
            "high": rng.integers(0, 256, (rows, columns // 8), np.uint8),
            "scales": rng.random((rows, columns // codec.GROUP)).astype(np.float16),
            "levels": np.linspace(-0.1, 0.1, codec.LEVELS, dtype=np.float32),
        }
        tensors |= {f"{key}.{plane}": torch.from_numpy(array) for plane, array in planes.items()}
    return tensors, {"format": "pt", codec.METADATA_KEY: codec.VERSION}


def random_resnet18() -> tuple[dict[str, Any], dict[str, str]]:
    import torch

    from app.store import architectures

    torch.manual_seed(0)
    state = architectures.build("resnet18").state_dict()
    return {key: value.half() for key, value in state.items() if not key.endswith("tracked")}, {"format": "pt"}


def bundle(folder: Path) -> Path:
    """Writes the folder: the real cards, EfficientNet-Lite0's real file, and AlexNet and ResNet-18 at random."""
    from safetensors.torch import save_file

    real = locate.bundled("weights")
    shutil.copytree(real, folder, ignore=shutil.ignore_patterns("alexnet.*", "resnet18.*", "captioner.*", "gnmt*"))
    base = read_card(real / "efficientnet-lite0.toml")
    made = (
        ("alexnet", "AlexNet", 2012, "alexnet-2012", coded_alexnet()),
        ("resnet18", "ResNet-18", 2015, "resnet18", random_resnet18()),
    )
    for model, name, year, architecture, (tensors, metadata) in made:
        file = folder / f"{model}.safetensors"
        save_file(tensors, file, metadata=metadata)
        card = replace(
            base,
            id=model,
            name=name,
            year=year,
            architecture=architecture,
            file=file.name,
            size=file.stat().st_size,
            sha256=sha256_of(file),
            preprocessing=replace(base.preprocessing, resize=182, crop=160),
            measured=(Measurement("imagenet_dev (1,500 pictures)", 32.1, 57.5, "a test's random weights"),),
            official=f"{model}-v1",
            training="Not at all: random weights for tests.",
            curve=((0.5, 10.0), (1.0, 20.0)),
        )
        write_card(card, folder / f"{model}.toml")
    return folder
