"""Small videos, written by the test itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Make = Callable[..., Path]


@pytest.fixture
def video(tmp_path: Path) -> Make:
    """`video("clip.mp4", frames=12, fps=10.0)`: frame n is of the even brightness 20 n (at most 240), 64 × 48."""

    def make(name: str = "clip.mp4", frames: int = 12, fps: float = 10.0, size: tuple[int, int] = (64, 48)) -> Path:
        import cv2

        path = tmp_path / name
        code = "MJPG" if path.suffix == ".avi" else "mp4v"
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), fps, size)
        assert writer.isOpened()
        for n in range(frames):
            writer.write(np.full((size[1], size[0], 3), min(20 * n, 240), np.uint8))
        writer.release()
        return path

    return make
