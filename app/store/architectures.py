"""The networks that a card can name: building one by name, and telling which one a file of weights belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from app.store.errors import StoreError

if TYPE_CHECKING:
    from torch import nn

# "alexnet-2012": two groups, local response normalisation (Krizhevsky et al. 2012). "alexnet": torchvision's one tower.
# "gnmt-2016": input feeding, states handed over, an embedding a language (Wu et al. 2016, as tensorflow/nmt has it).
# "gnmt": none of these, one embedding for all.
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
    "show-and-tell",
    "gnmt-2016",
)
CLASSIFIERS = NAMES[:8]

# Counters of training steps: files written before PyTorch 1.0 don't have them, and inference never reads them.
COUNTER = ".num_batches_tracked"
# A "gnmt"'s other names for its embedding: files may leave them out. A "gnmt-2016" has matrices of these names.
TIED = {"output.weight", "target_embedding.weight"}

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
    if name == "gnmt-2016":
        from app.nets.gnmt import GNMT

        vocabulary, width, layers, target = sizes
        return GNMT(
            vocabulary, width, layers, dropout=0.0, target_vocabulary=target, share_embedding=False,
            input_feeding=True, pass_hidden_state=True,
        )  # fmt: skip
    if name == "show-and-tell":
        from app.nets.show_and_tell import ShowAndTell

        return ShowAndTell(*sizes)
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
    captioner's vocabulary, embedding and width, and a Show and Tell's scale of the encoder; a GNMT's vocabulary, width
    and layers, and where it has one its target vocabulary."""
    if name == "captioner":
        words, width = shapes.get("decoder.embedding.weight", ()), shapes.get("decoder.query.weight", ())
        sizes = (*words, *width[:1])
        return (
            sizes if len(words) == 2 and len(sizes) == 3 and all(4 < n <= 65_536 for n in sizes) else (5000, 256, 512)
        )
    if name in ("gnmt", "gnmt-2016"):
        pieces, layers = shapes.get("embedding.weight", ()), 0
        while f"encoder.{layers}.weight_ih_l0" in shapes and layers < 64:
            layers += 1
        target = shapes.get("target_embedding.weight", ())[:1] if name == "gnmt-2016" else ()
        sizes = (*pieces, layers, *target)
        sensible = len(pieces) == 2 and all(4 < n <= 65_536 for n in (*pieces, *target)) and layers >= 3
        if name == "gnmt":
            return sizes if sensible else (8000, 256, 8)
        return sizes if sensible and target else (32_000, 1024, 4, 32_000)
    if name == "show-and-tell":
        words, cell = shapes.get("decoder.embedding.weight", ()), shapes.get("decoder.cell.weight_hh", ())
        first = shapes.get("encoder.Conv2d_1a_3x3.conv.weight", ())
        sizes = (*words, *cell[1:], *(width // 2 for width in first[:1]))
        sensible = len(words) == 2 and len(sizes) == 4 and all(4 < n <= 65_536 for n in sizes[:3])
        return sizes if sensible and 1 <= sizes[3] <= 64 else (12_000, 512, 512, 16)
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
    return {key: tuple(value.shape) for key, value in module.state_dict().items() if _counts(key, name)}


def _counts(key: str, name: str) -> bool:
    """Whether a tensor counts for the network `name`."""
    return not key.endswith(COUNTER) and (key not in TIED or name == "gnmt-2016")


def plain_names(names: Mapping[str, object]) -> dict[str, str]:
    """From a network's own names to those in the file: `DataParallel` puts "module." before every one."""
    prefix = "module." if names and all(name.startswith("module.") for name in names) else ""
    return {name.removeprefix(prefix): name for name in names}


def recognise(shapes: Shapes) -> str:
    """The network whose state dict has exactly these names and shapes ("module." before all of them is taken off,
    counters of training steps and other names of the same weights don't matter). Raises StoreError that says what
    differs from the nearest network."""
    plain = plain_names(shapes)
    every = {key: tuple(shapes[there]) for key, there in plain.items()}
    counted = {name: {key: shape for key, shape in every.items() if _counts(key, name)} for name in NAMES}
    for name, given in counted.items():
        if shapes_of(name, given) == given:
            return name
    # Shared names, then shared shapes: a ResNet-18 with another last layer is nearest to ResNet-18.
    nearest = max(
        NAMES, key=lambda name: (_alike(shapes_of(name, counted[name]), counted[name]), -len(shapes_of(name)))
    )
    given = counted[nearest]
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
