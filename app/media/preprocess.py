"""From a decoded picture to a network's input: what to resize to, what to cut out, how to scale the values.

Preprocessing belongs to the card: torchvision's networks take short side 256, bilinear, centre crop 224, ImageNet's mean
and deviation; EfficientNet-Lite takes (x - 127) / 128 and bicubic (ImageNet's mean and deviation cost it 8 points).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Preprocessing:
    """`resize` is the short side in pixels (long side follows; rounded as torchvision does), `crop` the centre square
    cut out of it; `squeeze` resizes the whole picture to `crop` x `crop` instead. Values are
    (x / 255 - mean) / deviation, x in 0…255, channels RGB."""

    resize: int = 256
    crop: int = 224
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    squeeze: bool = False
