"""Decoding pictures from strangers, within limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class PictureError(Exception):
    """str(error) is one sentence: which file, why, what to do."""


@dataclass(frozen=True, eq=False)
class Picture:
    """`pixels`: (height, width, 3) uint8 RGB, upright (EXIF orientation applied), alpha laid on white.

    Large JPEGs may have been scaled while decoding (by 2, 4 or 8): `size` is the file's own (width, height) after
    orientation."""

    name: str  # for sentences; a file's name, never its path
    pixels: np.ndarray
    size: tuple[int, int]
    format: str  # Pillow's name, such as "JPEG"
