"""AlexNet small enough for a repository: large matrices at five bits a weight and a scale for every 256 of them.

58.6 of the 61 million weights of AlexNet lie in its three fully connected layers; in half precision the file would be
122 MB, with this codec it is 42. It is palettising (32 levels a matrix, as Han et al. 2016, "Deep Compression",
arXiv:1510.00149, share weights) with a scale a group (as Dettmers et al. 2023, "QLoRA", arXiv:2305.14314, section 3,
do for 4 bits). QLoRA's levels are those of a normal distribution; here they are fitted to the very matrix for the least
squared error, and so are the scales.

**The file** is safetensors; its metadata say `codec = "palette-1"`. A matrix NAME (rows, columns) is stored as

    NAME.low     uint8    (rows, columns / 2)    lower four bits of two codes; the first weight in bits 0 to 3
    NAME.high    uint8    (rows, columns / 8)    fifth bit of eight codes; the first weight in bit 0
    NAME.scales  float16  (rows, columns / 256)  one a group of 256 neighbours in a row
    NAME.levels  float32  (32,)                  what the codes 0 to 31 stand for, ascending

    weight[i, j] = levels[code[i, j]] · scales[i, j // 256]

Every other tensor is stored under its own name, in half precision, and is taken over as it is.

Squared error over squared weights, on random matrices of fc6's width: normal weights 0.0024 (with sixteen levels
0.0091, with NF4's own sixteen 0.0097), Student's t with three degrees of freedom 0.0050 (0.021, 0.033), columns of
different scale 0.0039 (0.015, 0.018). Four bits would save a fifth of the file for four times the error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.store import int8
from app.store.errors import StoreError

if TYPE_CHECKING:
    import torch

METADATA_KEY = "codec"
VERSION = "palette-1"
LEVELS = 32
GROUP = 256  # weights that share a scale
PLANES = ("low", "high", "scales", "levels")
LEAST = 1 << 20  # weights; smaller matrices are stored in half precision

_ROWS = 64  # a step's rows: its temporary arrays stay in the processor's cache
_SAMPLE = 1 << 21  # weights that the levels are fitted to
_ROUNDS = 4  # of levels and scales fitted in turn; further ones change the error in its fourth digit
_SHIFTS = np.array([0, 2, 4, 6], np.uint8)  # of the pairs of fifth bits in a byte


@dataclass(frozen=True, eq=False)
class Palette:
    """One coded matrix: the four arrays of the module's docstring."""

    low: np.ndarray
    high: np.ndarray
    scales: np.ndarray
    levels: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.low.shape[0], 2 * self.low.shape[1]


# Coding


def encode(state: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """What to write to a safetensors file, and its metadata. Raises StoreError where half precision can't hold a
    tensor."""
    import torch

    coded: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        if suits(tuple(tensor.shape)):
            palette = quantise(tensor.float().numpy())
            coded |= {f"{key}.{plane}": torch.from_numpy(getattr(palette, plane)) for plane in PLANES}
        else:
            coded[key] = tensor.half().contiguous()
            if not torch.isfinite(coded[key]).all():
                raise StoreError(f"{key} holds values that don't fit half precision.")
    return coded, {"format": "pt", METADATA_KEY: VERSION}


def suits(shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape is coded: matrices of a million weights and more, in whole groups."""
    return len(shape) == 2 and shape[1] % GROUP == 0 and shape[0] * shape[1] >= LEAST


def quantise(weight: np.ndarray) -> Palette:
    """The matrix (rows, columns) float32 with the least squared error that turns of fitting find: levels to the scaled
    weights (Lloyd 1982), each weight to its nearest level, scales to both by least squares. Raises StoreError for NaN
    and infinities."""
    rows, columns = weight.shape
    if columns % GROUP:
        raise ValueError(f"{columns} columns are not whole groups of {GROUP}")
    if not np.isfinite(weight).all():
        raise StoreError("A matrix with NaN or infinite values can't be coded.")
    grouped = weight.reshape(rows, -1, GROUP)  # (rows, groups, 256)
    largest = float(np.abs(weight).max()) or 1.0
    scales = np.sqrt(np.square(grouped / largest).mean(2))  # (rows, groups); the levels carry the magnitude
    levels = np.linspace(-1, 1, LEVELS, dtype=np.float32)
    for turn in range(_ROUNDS):
        scales = _rounded(scales)
        levels = _fit_levels(grouped, scales * largest, None if turn == 0 else levels)
        scales = np.concatenate([
            _fit_scales(grouped[part] / largest, levels[_codes(grouped[part], scales[part] * largest, levels)])
            for part in _parts(rows)
        ])  # fmt: skip
    scales = _rounded(scales)
    low, high = np.empty((rows, columns // 2), np.uint8), np.empty((rows, columns // 8), np.uint8)
    for part in _parts(rows):
        codes = _codes(grouped[part], scales[part] * largest, levels).reshape(-1, columns)
        low[part] = (codes[:, 0::2] & 15) | ((codes[:, 1::2] & 15) << 4)
        high[part] = np.packbits(codes >> 4, axis=1, bitorder="little")
    return Palette(low, high, scales.astype(np.float16), (levels * largest).astype(np.float32))


def _rounded(scales: np.ndarray) -> np.ndarray:
    """As half precision has them, their largest 1: so the smallest that counts is far above half precision's least."""
    scales = scales / (scales.max() or 1.0)
    return scales.astype(np.float16).astype(np.float32)


def _fit_levels(grouped: np.ndarray, scales: np.ndarray, levels: np.ndarray | None) -> np.ndarray:
    """Lloyd's algorithm on a sample of the weights over their scales, each with the weight that its error has: the
    scale squared. Without `levels` it begins where the optimum of a smooth distribution lies, at the density's third
    root (Panter and Dite 1951)."""
    rows, groups = np.nonzero(scales)
    if not len(rows):
        return np.linspace(-1, 1, LEVELS, dtype=np.float32)
    some = np.random.default_rng(0).permutation(len(rows))[: max(1, _SAMPLE // GROUP)]
    scale = scales[rows[some], groups[some]].astype(np.float64)[:, None]
    values = (grouped[rows[some], groups[some]] / scale).ravel()
    weights = np.broadcast_to(np.square(scale / scale.max()), (len(some), GROUP)).ravel()
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    if levels is None:
        counts, edges = np.histogram(values, 2048)
        density = np.cumsum(np.cbrt(counts))
        levels = np.interp((np.arange(LEVELS) + 0.5) / LEVELS, density / density[-1], edges[1:])
    below = np.concatenate([[0.0], np.cumsum(weights)])
    sums = np.concatenate([[0.0], np.cumsum(weights * values)])
    for _ in range(200):
        ends = np.concatenate([[0], np.searchsorted(values, (levels[1:] + levels[:-1]) / 2), [len(values)]])
        mass = np.diff(below[ends])
        moved = np.where(mass > 0, np.diff(sums[ends]) / np.where(mass > 0, mass, 1), levels)
        moved.sort()
        if np.abs(moved - levels).max() < 1e-6 * np.abs(moved).max():
            break
        levels = moved
    fitted: np.ndarray = np.asarray(levels, np.float32)
    return fitted


def _codes(grouped: np.ndarray, scales: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The nearest level of each weight: (rows, groups, 256) uint8."""
    scaled = grouped / np.where(scales > 0, scales, np.float32(1))[:, :, None]
    codes: np.ndarray = np.searchsorted((levels[1:] + levels[:-1]) / 2, scaled).astype(np.uint8)
    return codes


def _fit_scales(grouped: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Least squares: the scale s of each group for which s · nearest comes closest to it. Never negative."""
    over = np.einsum("rgk,rgk->rg", grouped, nearest)
    under = np.einsum("rgk,rgk->rg", nearest, nearest)
    scales: np.ndarray = np.maximum(over / np.where(under > 0, under, 1), 0)
    return scales


def _parts(rows: int) -> Iterator[slice]:
    return (slice(first, min(first + _ROWS, rows)) for first in range(0, rows, _ROWS))


# Decoding


def decode(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None, name: str
) -> dict[str, torch.Tensor]:
    """The tensors of a file whose metadata may name a codec, matrices decoded to float32. `name`: what sentences call
    the file. Raises StoreError where a plane is missing or damaged, or the codec is of another version."""
    import torch

    version = (metadata or {}).get(METADATA_KEY)
    if version is None:
        return dict(tensors)
    if version == int8.VERSION:
        return int8.decode(tensors, name)
    if version != VERSION:
        raise StoreError(
            f"{name} is coded as “{version[:40]}”, which this version of Triptych can't read (it reads {VERSION} and "
            f"{int8.VERSION}): install the newest Triptych."
        )
    plain: dict[str, torch.Tensor] = {}
    for key, tensor in tensors.items():
        base, _, plane = key.rpartition(".")
        if plane not in PLANES:
            plain[key] = tensor
        elif base not in plain:
            plain[base] = torch.from_numpy(dequantise(_palette(tensors, base, name)))
    return plain


def dequantise(palette: Palette) -> np.ndarray:
    """The matrix (rows, columns) float32. Two weights at a time: their ten bits are looked up in a table of all 1,024
    pairs, in as many threads as there are processors (numpy lets go of the interpreter meanwhile)."""
    rows, columns = palette.shape
    two = np.arange(1024)
    first, second = (two & 15) | (two >> 8 & 1) << 4, (two >> 4 & 15) | (two >> 9 & 1) << 4
    # Two float32 look like one complex64: numpy moves a pair as one element.
    pairs = np.stack([palette.levels[first], palette.levels[second]], 1).view(np.complex64).ravel()
    weight = np.empty((rows, columns), np.float32)

    def fill(part: slice) -> None:
        fifth = (palette.high[part, :, None] >> _SHIFTS) & 3  # (rows, columns / 8, 4): of each pair
        index = fifth.reshape(len(fifth), -1).astype(np.uint16)
        index <<= 8
        index |= palette.low[part]
        np.take(pairs, index, out=weight[part].view(np.complex64), mode="clip")
        grouped = weight[part].reshape(len(fifth), -1, GROUP)
        grouped *= palette.scales[part, :, None].astype(np.float32)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(fill, _parts(rows)):
            pass
    return weight


def _palette(tensors: Mapping[str, torch.Tensor], key: str, name: str) -> Palette:
    """The planes of one matrix, checked. Raises StoreError."""
    import torch

    missing = [plane for plane in PLANES if f"{key}.{plane}" not in tensors]
    if missing:
        raise StoreError(f"{name} is damaged: {key}.{missing[0]} is missing, so {key} can't be decoded.")
    low, high, scales, levels = (tensors[f"{key}.{plane}"] for plane in PLANES)
    rows, columns = (low.shape[0], 2 * low.shape[1]) if low.dim() == 2 else (0, 0)
    wanted = {
        "low": (low, torch.uint8, (rows, columns // 2)),
        "high": (high, torch.uint8, (rows, columns // 8)),
        "scales": (scales, torch.float16, (rows, columns // GROUP)),
        "levels": (levels, torch.float32, (LEVELS,)),
    }
    for plane, (tensor, kind, shape) in wanted.items():
        if not rows or columns % GROUP or tensor.dtype != kind or tuple(tensor.shape) != shape:
            held = f"{str(tensor.dtype).removeprefix('torch.')} {' × '.join(map(str, tensor.shape))}"
            raise StoreError(f"{name} is damaged: {key}.{plane} is {held}, so {key} can't be decoded.")
    for plane in ("scales", "levels"):
        if not torch.isfinite(wanted[plane][0]).all():
            raise StoreError(f"{name} is damaged: {key}.{plane} holds NaN or infinite values.")
    return Palette(*(tensor.numpy() for tensor, _, _ in wanted.values()))
