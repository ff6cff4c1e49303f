"""The networks that a card can name: building one by name, and telling which one a file of weights belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from app.store.errors import StoreError

if TYPE_CHECKING:
    from torch import nn

# "alexnet-2012": two groups, local response normalisation (Krizhevsky et al. 2012). "alexnet": torchvision's one tower.
NAMES = (
    "alexnet-2012",
    "alexnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "efficientnet-lite0",
)

# Counters of training steps: files written before PyTorch 1.0 don't have them, and inference never reads them.
COUNTER = ".num_batches_tracked"

Shapes = Mapping[str, tuple[int, ...]]


def build(name: str) -> nn.Module:
    """The network with random weights, in evaluation mode: `.features(x)`, `.classify(grid)`. Raises StoreError."""
    if name not in NAMES:
        raise StoreError(f"This version of Triptych doesn't know the network “{name}”; it knows {', '.join(NAMES)}.")
    module: nn.Module
    if name.startswith("alexnet"):
        from app.nets.alexnet import AlexNet

        module = AlexNet(towers=2 if name == "alexnet-2012" else 1)
    elif name.startswith("resnet"):
        from app.nets.resnet import ResNet

        module = ResNet(int(name.removeprefix("resnet")))
    else:
        from app.nets.efficientnet_lite import EfficientNetLite

        module = EfficientNetLite(0)
    return module.eval()


@cache
def shapes_of(name: str) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of a network's weights and running statistics, counters left out."""
    import torch

    with torch.device("meta"):  # shapes alone: nothing is allocated
        module = build(name)
    return {key: tuple(value.shape) for key, value in module.state_dict().items() if not key.endswith(COUNTER)}


def plain_names(names: Mapping[str, object]) -> dict[str, str]:
    """From a network's own names to those in the file: `DataParallel` puts "module." before every one."""
    prefix = "module." if names and all(name.startswith("module.") for name in names) else ""
    return {name.removeprefix(prefix): name for name in names}


def recognise(shapes: Shapes) -> str:
    """The network whose state dict has exactly these names and shapes ("module." before all of them is taken off,
    counters of training steps don't matter). Raises StoreError that says what differs from the nearest network."""
    plain = plain_names(shapes)
    given = {name: tuple(shapes[there]) for name, there in plain.items() if not name.endswith(COUNTER)}
    for name in NAMES:
        if shapes_of(name) == given:
            return name
    # Shared names, then shared shapes: a ResNet-18 with another last layer is nearest to ResNet-18.
    nearest = max(NAMES, key=lambda name: (_alike(shapes_of(name), given), -len(shapes_of(name))))
    wanted = shapes_of(nearest)
    if len(wanted.keys() & given.keys()) < len(wanted) / 2:
        raise StoreError(
            f"This is not a network that Triptych knows: {', '.join(NAMES)}. It holds {_listed(sorted(given))}."
        )
    raise StoreError(f"These are not the weights of a network that Triptych knows; {_difference(nearest, given)}.")


def _alike(wanted: Shapes, given: Shapes) -> float:
    same = sum(1.0 if wanted[name] == given[name] else 0.5 for name in wanted.keys() & given.keys())
    return same / max(len(wanted), len(given), 1)


def _difference(nearest: str, given: Shapes) -> str:
    wanted = shapes_of(nearest)
    missing = [name for name in wanted if name not in given]
    surplus = [name for name in given if name not in wanted]
    other = [name for name in wanted if name in given and wanted[name] != given[name]]
    words = []
    if missing:
        words.append(f"{_listed(missing)} missing")
    if surplus:
        words.append(f"{_listed(surplus)} too many")
    for name in other[:2]:
        words.append(f"{name} is {_shape(given[name])} instead of {_shape(wanted[name])}")
    if len(other) > 2:
        words.append(f"{len(other) - 2} more have another shape")
    return f"the nearest is {nearest}, but {'; '.join(words)}"


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"


def _listed(names: list[str]) -> str:
    """Up to three names, shortened: they come from a stranger's file and go into a sentence."""
    if not names:
        return "no weights"
    short = ", ".join(name if len(name) <= 60 else name[:57] + "…" for name in names[:3])
    return f"{short} and {len(names) - 3} more" if len(names) > 3 else short
