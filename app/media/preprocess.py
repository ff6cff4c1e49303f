"""From a decoded picture to a network's input: what to resize to, what to cut out, how to scale the values.

Preprocessing belongs to the card: torchvision's networks take short side 256, bilinear, centre crop 224, ImageNet's
mean and deviation; EfficientNet-Lite takes (x - 127) / 128 and bicubic (ImageNet's mean and deviation cost it 8
points).

The semantics are torchvision's on PIL pictures (`Resize`, `CenterCrop`, `ToTensor`, `Normalize`), rounding included.
Only the part of the resized picture that the crop keeps is ever computed: Pillow's `resize(box=…)` takes the same
filter at the same places, which is twice as fast for a photo and keeps a panorama of 1 × 50,000 pixels harmless.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Preprocessing:
    """`resize` is the short side in pixels (long side follows; rounded as torchvision does), `crop` the centre square
    cut out of it; `squeeze` resizes the whole picture to `crop` x `crop` instead, or to a square of `squeezed` pixels
    out of which the crop is cut. Values are (x / 255 - mean) / deviation, x in 0…255, channels RGB."""

    resize: int = 256
    crop: int = 224
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    squeeze: bool = False
    squeezed: int | None = None


_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_REACH = {"bilinear": 1, "bicubic": 2}  # pixels, before it is stretched for shrinking


def apply(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """`pixels`: (height, width, 3) uint8 RGB. Returns (3, crop, crop) float32, C-contiguous."""
    height, width = pixels.shape[:2]
    left, top, seen_width, seen_height = seen_box(width, height, preprocessing)
    right, bottom = min(left + seen_width, width), min(top + seen_height, height)
    crop, filter_ = preprocessing.crop, _FILTERS[preprocessing.interpolation]
    # Horizontally, then vertically: by itself Pillow 13 takes whichever order is cheaper, which depends on the box and
    # rounds differently in between. Only the rows within the filter's reach are needed.
    reach = _REACH[preprocessing.interpolation] * max(seen_height / crop, 1.0) + 1
    first, last = max(int(top - reach), 0), min(math.ceil(bottom + reach), height)
    rows = Image.fromarray(pixels[first:last])
    narrow = rows.resize((crop, last - first), filter_, box=(left, 0, right, last - first))
    seen = narrow.resize((crop, crop), filter_, box=(0, top - first, crop, bottom - first))
    scale, shift = _values(preprocessing)
    planes = np.asarray(seen).transpose(2, 0, 1)  # (3, crop, crop) uint8
    values = np.empty(planes.shape, np.float32)
    np.multiply(planes, scale, out=values)
    values += shift
    return values


def seen_box(width: int, height: int, preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """The part of a `width` × `height` picture that the network sees: left, top, width, height in its pixels."""
    resize, crop = preprocessing.resize, preprocessing.crop
    if preprocessing.squeeze:
        if preprocessing.squeezed is None:
            return 0.0, 0.0, float(width), float(height)
        across, down = width / preprocessing.squeezed, height / preprocessing.squeezed
        start = (preprocessing.squeezed - crop) // 2  # TensorFlow rounds down
        return start * across, start * down, crop * across, crop * down
    if crop > resize:
        raise ValueError(f"a crop of {crop} does not fit into a short side of {resize}")
    short, long = sorted((width, height))
    resized_long = resize * long // short  # torchvision truncates
    resized_width, resized_height = (resize, resized_long) if width <= height else (resized_long, resize)
    # torchvision rounds halves to even here, as Python does.
    left, top = round((resized_width - crop) / 2), round((resized_height - crop) / 2)
    across, down = width / resized_width, height / resized_height
    return left * across, top * down, crop * across, crop * down


@cache
def _values(preprocessing: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """(x / 255 - mean) / deviation as x * scale + shift: (3, 1, 1) float32 each."""
    mean, deviation = np.array(preprocessing.mean), np.array(preprocessing.deviation)
    scale, shift = 1 / (255 * deviation), -mean / deviation
    return scale.astype(np.float32).reshape(3, 1, 1), shift.astype(np.float32).reshape(3, 1, 1)
