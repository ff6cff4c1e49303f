from __future__ import annotations

from typing import Any

import pytest

from app.store import architectures
from app.store.errors import StoreError


def shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


@pytest.mark.parametrize("name", architectures.NAMES)
def test_every_network_is_built_and_recognised(name: str) -> None:
    import torch

    with torch.device("meta"):
        module = architectures.build(name)
    assert not module.training
    assert architectures.recognise(shapes(module.state_dict())) == name


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_torchvisions_own_are_recognised(name: str) -> None:
    import torch

    from app.nets._torchvision import import_torchvision

    models = import_torchvision().models
    with torch.device("meta"):
        module = getattr(models, name)(weights=None)
    assert architectures.recognise(shapes(module.state_dict())) == name


def test_wrapped_and_old_files_are_recognised(resnet18: dict[str, Any]) -> None:
    found = {f"module.{name}": shape for name, shape in shapes(resnet18).items() if "num_batches" not in name}
    assert architectures.recognise(found) == "resnet18"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"fc.weight": (10, 512), "fc.bias": (10,)},
            "nearest is resnet18, but fc.weight is 10 × 512 instead of 1000 × 512",
        ),
        ({"extra.weight": (1,)}, "nearest is resnet18, but extra.weight too many"),
        ({"conv1.weight": None, "bn1.bias": None}, "nearest is resnet18, but conv1.weight, bn1.bias missing"),
    ],
)
def test_what_differs_is_said(change: dict[str, Any], sentence: str, resnet18: dict[str, Any]) -> None:
    found = {name: shape for name, shape in (shapes(resnet18) | change).items() if shape is not None}
    with pytest.raises(StoreError) as refused:
        architectures.recognise(found)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("found", [{}, {"w": (3, 3)}, {"x" * 500: (1,), "b": (), "c": (), "d": ()}])
def test_another_network(found: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(StoreError, match="not a network that Triptych knows: alexnet-2012, ") as refused:
        architectures.recognise(found)
    assert len(str(refused.value)) < 400


def test_an_unknown_name() -> None:
    with pytest.raises(StoreError, match="doesn't know the network “vgg16”"):
        architectures.build("vgg16")
