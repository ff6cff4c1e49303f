"""A picture without a file, as a source."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtGui import QImage

from app.media.sources import Frame, SourceError, Stream


@dataclass(frozen=True, eq=False)
class Pasted:
    """What was on the clipboard, or dropped out of a browser: the bytes of a file, or a picture of Qt's."""

    content: bytes | QImage
    name: str
    live = False

    def open(self) -> Stream:
        return _Once(self)


class _Once:
    """Gives the picture, once."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    length: float | None = None

    def __init__(self, pasted: Pasted) -> None:
        self._pasted: Pasted | None = pasted

    def read(self, after: float | None = None) -> Frame | None:
        if self._pasted is None:
            return None
        from app.gui.classify.loader import SHARP, decode
        from app.media.pictures import PictureError

        pasted, self._pasted = self._pasted, None
        try:
            pixels = decode(pasted.content, pasted.name, SHARP).picture.pixels  # (h, w, 3) RGB
        except PictureError as error:
            raise SourceError(str(error)) from error
        self.size = (pixels.shape[1], pixels.shape[0])
        return Frame(pixels[..., ::-1].copy(), 0, 0.0, time.perf_counter(), pasted.name)

    def seek(self, time: float) -> None:
        """There is nowhere to go."""

    def close(self) -> None:
        self._pasted = None
