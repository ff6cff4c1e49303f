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
    "captioner",
    "gnmt",
)
CLASSIFIERS = NAMES[:-2]

# Counters of training steps: files written before PyTorch 1.0 don't have them, and inference never reads them.
COUNTER = ".num_batches_tracked"
TIED = {"output.weight", "target_embedding.weight"}  # a GNMT's other names for its embedding: files may leave them out

Shapes = Mapping[str, tuple[int, ...]]


def build(name: str, shapes: Shapes | None = None) -> nn.Module:
    """The network with random weights, in evaluation mode: `.features(x)`, `.classify(grid)`; a captioner: `.encoder`,
    `.decoder`; a GNMT: `.encode`, `.step`; both of the sizes that `shapes` (names and shapes of its weights) tells.
    Raises StoreError."""
    if name not in NAMES:
        raise StoreError(f"This version of Triptych doesn't know the network “{name}”; it knows {', '.join(NAMES)}.")
    return _build(name, _sizes(name, shapes or {})).eval()


def _build(name: str, sizes: tuple[int, ...]) -> nn.Module:
    if name.startswith("alexnet"):
        from app.nets.alexnet import AlexNet

        return AlexNet(towers=2 if name == "alexnet-2012" else 1)
    if name.startswith("resnet"):
        from app.nets.resnet import ResNet

        return ResNet(int(name.removeprefix("resnet")))
    if name == "captioner":
        return _captioner(*sizes)
    if name == "gnmt":
        from app.nets.gnmt import GNMT

        return GNMT(*sizes, dropout=0.0)
    from app.nets.efficientnet_lite import EfficientNetLite

    return EfficientNetLite(0)


def _captioner(vocabulary: int, embedding: int, width: int) -> nn.Module:
    """EfficientNet-Lite0 without its classifier, and a decoder."""
    from torch import nn

    from app.nets.captioner import CaptionDecoder, Captioner
    from app.nets.efficientnet_lite import EfficientNetLite

    encoder = EfficientNetLite(0)
    encoder.fc = nn.Identity()  # type: ignore[assignment]  # no weights of that name
    return Captioner(encoder, CaptionDecoder(vocabulary, width=width, embedding=embedding))


def _sizes(name: str, shapes: Shapes) -> tuple[int, ...]:
    """What is free in a network, as its weights' shapes tell; usual values where they tell nothing sensible. A
    captioner's vocabulary, embedding and width; a GNMT's vocabulary, width and layers."""
    if name == "captioner":
        words, width = shapes.get("decoder.embedding.weight", ()), shapes.get("decoder.query.weight", ())
        sizes = (*words, *width[:1])
        return (
            sizes if len(words) == 2 and len(sizes) == 3 and all(4 < n <= 65_536 for n in sizes) else (5000, 256, 512)
        )
    if name == "gnmt":
        pieces, layers = shapes.get("embedding.weight", ()), 0
        while f"encoder.{layers}.weight_ih_l0" in shapes and layers < 64:
            layers += 1
        sensible = len(pieces) == 2 and all(4 < n <= 65_536 for n in pieces) and layers >= 3
        return (*pieces, layers) if sensible else (8000, 256, 8)
    return ()


def shapes_of(name: str, given: Shapes | None = None) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of a network's weights and running statistics, without counters and names that stand for another
    one's weights. Those of a captioner and of a GNMT go by those `given`."""
    return _shapes_of(name, _sizes(name, given or {}))


@cache
def _shapes_of(name: str, sizes: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
    import torch

    with torch.device("meta"):  # shapes alone: nothing is allocated
        module = _build(name, sizes)
    return {key: tuple(value.shape) for key, value in module.state_dict().items() if _counts(key)}


def _counts(name: str) -> bool:
    return not name.endswith(COUNTER) and name not in TIED


def plain_names(names: Mapping[str, object]) -> dict[str, str]:
    """From a network's own names to those in the file: `DataParallel` puts "module." before every one."""
    prefix = "module." if names and all(name.startswith("module.") for name in names) else ""
    return {name.removeprefix(prefix): name for name in names}


def recognise(shapes: Shapes) -> str:
    """The network whose state dict has exactly these names and shapes ("module." before all of them is taken off,
    counters of training steps and other names of the same weights don't matter). Raises StoreError that says what
    differs from the nearest network."""
    plain = plain_names(shapes)
    given = {name: tuple(shapes[there]) for name, there in plain.items() if _counts(name)}
    for name in NAMES:
        if shapes_of(name, given) == given:
            return name
    # Shared names, then shared shapes: a ResNet-18 with another last layer is nearest to ResNet-18.
    nearest = max(NAMES, key=lambda name: (_alike(shapes_of(name, given), given), -len(shapes_of(name))))
    wanted = shapes_of(nearest, given)
    if len(wanted.keys() & given.keys()) < len(wanted) / 2:
        raise StoreError(
            f"This is not a network that Triptych knows: {', '.join(NAMES)}. It holds {_listed(sorted(given))}."
        )
    raise StoreError(f"These are not the weights of a network that Triptych knows; {_difference(nearest, given)}.")


def _alike(wanted: Shapes, given: Shapes) -> float:
    same = sum(1.0 if wanted[name] == given[name] else 0.5 for name in wanted.keys() & given.keys())
    return same / max(len(wanted), len(given), 1)


def _difference(nearest: str, given: Shapes) -> str:
    wanted = shapes_of(nearest, given)
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
