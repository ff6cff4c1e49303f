"""The compressed ResNets of Stock et al. 2020, "And the bit goes down: Revisiting the quantization of neural networks"
(ICLR, arXiv:1907.05686), github.com/facebookresearch/kill-the-bits: a ResNet-18 in 1.7 MB, a ResNet-50 in 3.6 MB.

A file is a flat dict, saved by PyTorch, from a layer's name (torchvision's, without ".weight") to one of

    a convolution or `fc`   centroids (K, B) half, assignments (blocks · C_out,) integers, n_blocks, is_conv, k
    `conv1`                 weight (64, 3, 7, 7), half
    a batch normalisation   weight, bias (C,), half; the running statistics are already folded into them
    `fc_bias`               bias (1000,)

Row o of a layer, flattened as (C_in, k, k), is a run of blocks of B neighbours; block b of it is
`centroids[assignments[b · C_out + o]]`. Decoded, it is an ordinary torchvision state dict, and half
precision loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.store import architectures
from app.store.errors import StoreError

NETWORKS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
_CODED = {"centroids", "assignments"}


def looks_like(loaded: Mapping[str, Any]) -> bool:
    """Whether what a file holds is of this kind: layers with centroids and assignments."""
    return any(isinstance(layer, Mapping) and layer.keys() >= _CODED for layer in loaded.values())


def decode(loaded: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The state dict: names and shapes as `architectures.shapes_of` has them, in half precision (`fc.bias` as it is).
    Every size is compared with the network's before anything is made. `name`: what sentences call the file. Raises
    StoreError."""
    import torch

    shapes = _network(loaded, name)
    state: dict[str, Any] = {}
    for key, shape in shapes.items():
        layer, _, kind = key.rpartition(".")
        if kind in ("running_mean", "running_var"):  # folded into weight and bias
            state[key] = (torch.zeros if kind == "running_mean" else torch.ones)(shape, dtype=torch.float16)
            continue
        held = loaded[_entry(key)]
        if not isinstance(held, Mapping):
            raise StoreError(f"{name} is damaged: {layer} in it is no layer.")
        if kind == "weight" and held.keys() >= _CODED:
            state[key] = _weight(held, shape, key, name)
        else:
            state[key] = _tensor(held, kind, shape, key, name)
    return state


def _entry(key: str) -> str:
    """The entry of the file that holds a tensor of the network."""
    return "fc_bias" if key == "fc.bias" else key.rpartition(".")[0]


def _network(loaded: Mapping[str, Any], name: str) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of the ResNet that has exactly these layers."""
    for network in NETWORKS:
        shapes = architectures.shapes_of(network)
        if {_entry(key) for key in shapes} == loaded.keys():
            return shapes
    raise StoreError(f"{name} is a compressed network, but its layers are not those of {', '.join(NETWORKS)}.")


def _tensor(held: Mapping[str, Any], kind: str, shape: tuple[int, ...], key: str, name: str) -> Any:
    import torch

    tensor = held.get(kind)
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape:
        raise StoreError(f"{name} is damaged: {key} should be {' × '.join(map(str, shape))} numbers.")
    return tensor


def _weight(held: Mapping[str, Any], shape: tuple[int, ...], key: str, name: str) -> Any:
    """Every block looked up in the layer's code book: (C_out, C_in, k, k), or (C_out, C_in) for `fc`."""
    import torch

    def damaged(why: str) -> StoreError:
        return StoreError(f"{name} is damaged: {key} can't be decoded, {why}.")

    centroids, assignments = held["centroids"], held["assignments"]
    if not isinstance(centroids, torch.Tensor) or centroids.dim() != 2 or not centroids.is_floating_point():
        raise damaged("its code book is no table of numbers")
    width = centroids.shape[1]
    outputs, inputs = shape[0], int(torch.Size(shape[1:]).numel())
    if width == 0 or inputs % width or centroids.shape[0] > outputs * inputs:
        raise damaged(f"blocks of {width} don't fill rows of {inputs}")
    blocks = inputs // width
    integers = (torch.uint8, torch.int16, torch.int32, torch.int64)
    if (
        not isinstance(assignments, torch.Tensor)
        or assignments.dtype not in integers
        or tuple(assignments.shape) != (blocks * outputs,)
    ):
        raise damaged(f"it should have {blocks * outputs:,} assignments")
    index = assignments.long()
    if int(index.min()) < 0 or int(index.max()) >= centroids.shape[0]:
        raise damaged(f"an assignment is outside its code book of {centroids.shape[0]}")
    rows = centroids[index.view(blocks, outputs).T]  # (C_out, blocks, B)
    return rows.reshape(shape)
