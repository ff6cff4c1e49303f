"""One way from whatever shows a picture to a network's input: a file, a decoded picture, a camera's or video's frame.

The same pixels make the same tensor on each of them: files are decoded to RGB, frames come from OpenCV as BGR, and
from there on there is one path.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.media.pictures import Picture, PictureError, decode
from app.media.preprocess import Preprocessing, apply

Source = Picture | Path | np.ndarray


def tensor(source: Source, preprocessing: Preprocessing) -> np.ndarray:
    """(3, crop, crop) float32 of a path, a picture, or a frame ((height, width, 3) uint8 BGR). Raises PictureError."""
    if isinstance(source, Path):
        source = decode(source, at_least=max(preprocessing.resize, preprocessing.crop))
    return apply(rgb(source), preprocessing)


def rgb(source: Picture | np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8 RGB. Raises PictureError where a frame is none."""
    if isinstance(source, Picture):
        return source.pixels
    if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or not source.size:
        raise PictureError("The frame can't be looked at: it is no picture of 8 bits in three colours.")
    return np.ascontiguousarray(source[:, :, ::-1])
