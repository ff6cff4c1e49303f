"""A translator small enough for a repository: every matrix as int8 with a scale a row.

Wu et al. 2016 (arXiv:1609.08144), section 6, serve GNMT with 8-bit matrices and a scale a row; here, too, the largest
weight of a row becomes 127. A quarter of float32, and the very integers that the network can run with.

**The file** is safetensors; its metadata say `codec = "int8-1"`. A matrix NAME (rows, columns) is stored as

    NAME         int8     (rows, columns)    -127 to 127
    NAME.scales  float16  (rows,)

    weight[i, j] = NAME[i, j] · NAME.scales[i]

An LSTM's two matrices, "…weight_ih…" and "…weight_hh…", have the same scales: they are one product when it runs, and a
row of it then has one scale. Every other tensor is stored under its own name, floating ones in half precision.

The root of the mean squared error is 0.8 % of a row of 512 normal weights (a 127th of about 3.2 deviations, over √12).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from app.store.errors import StoreError

if TYPE_CHECKING:
    import torch

VERSION = "int8-1"
LARGEST = 127
_SCALES = ".scales"


def encode(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What to write to a safetensors file whose metadata say "int8-1". Raises StoreError where a tensor doesn't fit."""
    import torch

    coded: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor.half()).all():
            raise StoreError(f"{key} holds values that don't fit half precision.")
        if tensor.dim() != 2:
            coded[key] = tensor.half().contiguous() if tensor.is_floating_point() else tensor
            continue
        pair = [key.replace("weight_ih", "weight_hh"), key.replace("weight_hh", "weight_ih")]
        together = torch.cat([state[name].float() for name in dict.fromkeys(pair) if name in state], dim=1)
        scales = scales_of(together.numpy())
        coded[key] = torch.from_numpy(quantise(tensor.float().numpy(), scales))
        coded[key + _SCALES] = torch.from_numpy(scales.astype(np.float16))
    return coded


def scales_of(weight: np.ndarray) -> np.ndarray:
    """A scale a row of (rows, columns): (rows,) float32, as half precision has them. A row of zeros has zero."""
    scales = np.abs(weight).max(1) / np.float32(LARGEST)
    rounded: np.ndarray = scales.astype(np.float16).astype(np.float32)
    return rounded


def quantise(weight: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(rows, columns) float32 -> int8, to the nearest. Of what `decode` gave, with its scales: the integers again."""
    rounded = np.rint(weight / np.where(scales > 0, scales, 1)[:, None])
    return np.clip(rounded, -LARGEST, LARGEST).astype(np.int8)


def decode(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The tensors of a file, matrices as float32. `name`: what sentences call it. Raises StoreError where integers or
    scales are missing or damaged."""
    import torch

    plain: dict[str, torch.Tensor] = {}
    for key, tensor in tensors.items():
        if key.endswith(_SCALES):
            if (base := key.removesuffix(_SCALES)) not in tensors:
                raise StoreError(f"{name} is damaged: {base} is missing.")
        elif tensor.dtype == torch.int8:
            plain[key] = tensor.float() * _scales(tensors, key, name).float().unsqueeze(1)
        else:
            plain[key] = tensor
    return plain


def _scales(tensors: Mapping[str, torch.Tensor], key: str, name: str) -> torch.Tensor:
    """Checked. Raises StoreError."""
    import torch

    scales = tensors.get(key + _SCALES)
    if scales is None:
        raise StoreError(f"{name} is damaged: {key}{_SCALES} is missing, so {key} can't be decoded.")
    if tensors[key].dim() != 2 or scales.dtype != torch.float16 or scales.shape != tensors[key].shape[:1]:
        held = f"{str(scales.dtype).removeprefix('torch.')} {' × '.join(map(str, scales.shape))}"
        raise StoreError(f"{name} is damaged: {key}{_SCALES} is {held}, so {key} can't be decoded.")
    if not torch.isfinite(scales).all():
        raise StoreError(f"{name} is damaged: {key}{_SCALES} holds NaN or infinite values.")
    return scales
