"""A caption as a strip of small pictures: one a word, with the places the network looked at when it said it, or what
speaks for it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.media import viridis

COLUMNS = 7  # small pictures in a row
SIDE = 192  # pixels: the longer side of a small picture
GAP = 8
LINE = 24  # for the word
SURFACE, INK, QUIET = (255, 255, 255), (27, 31, 36), (101, 109, 118)
_FLOOR = 0.15  # how much of viridis's dark end is laid on: enough to see where the map ends
_STRENGTH = 0.75


Box = tuple[float, float, float, float]  # part of a picture: left, top, width, height as shares of its sides
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Word:
    """A word, its probability (0 to 1), and where the network looked, or what spoke for it: (h, w), of `box`."""

    text: str
    p: float
    seen: np.ndarray | None
    box: Box = WHOLE


def strip(pixels: np.ndarray, words: Sequence[Word]) -> np.ndarray:
    """`pixels` (height, width, 3) uint8 RGB. The picture first, then a small one a word, in rows of `COLUMNS`:
    (height, width, 3) uint8 RGB. Each map is drawn from nothing to its own largest value."""
    small = shrunk(pixels, SIDE)
    height, width = small.shape[:2]
    count = len(words) + 1
    columns, rows = min(count, COLUMNS), -(-count // COLUMNS)
    cell_width = max(width, SIDE // 2)  # a narrow picture leaves room for its words
    cell = (cell_width + GAP, height + LINE + GAP)
    sheet = Image.new("RGB", (columns * cell[0] + GAP, rows * cell[1] + GAP), SURFACE)
    draw = ImageDraw.Draw(sheet)
    for k in range(count):
        left, top = GAP + k % COLUMNS * cell[0], GAP + k // COLUMNS * cell[1]
        word = words[k - 1] if k else None
        picture = small if word is None or word.seen is None else lit(small, word.seen, word.box)
        sheet.paste(Image.fromarray(picture), (left + (cell_width - width) // 2, top))
        if word is not None:
            _write(draw, word, left, top + height + LINE // 2, cell_width)
    return np.asarray(sheet)


def png(pixels: np.ndarray, words: Sequence[Word]) -> bytes:
    """`strip` as a PNG file, which carries the caption as its description."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("Description", " ".join(word.text for word in words))
    out = io.BytesIO()
    Image.fromarray(strip(pixels, words)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """The same picture with `side` pixels along its longer side."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(
        Image.fromarray(pixels).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    )


def lit(small: np.ndarray, seen: np.ndarray, box: Box = WHOLE) -> np.ndarray:
    """The map, smoothed by cubic interpolation between the network's own few places, laid on the picture in grey, so
    that its colours are the map's."""
    picture = small.copy()
    left, top = (round(share * side) for share, side in zip(box[:2], small.shape[1::-1], strict=True))
    width, height = (max(1, round(share * side)) for share, side in zip(box[2:], small.shape[1::-1], strict=True))
    part = picture[top : top + height, left : left + width]
    part[:] = _lit(part, np.asarray(seen, np.float32))
    return picture


def _lit(small: np.ndarray, values: np.ndarray) -> np.ndarray:
    height, width = small.shape[:2]
    values = values / max(float(values.max()), 1e-9)
    smooth = Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)
    v = np.clip(np.asarray(smooth), 0.0, 1.0)
    colours = viridis.table()[np.round(255 * v).astype(np.uint8)].astype(np.float32)
    alpha = (_STRENGTH * (_FLOOR + (1 - _FLOOR) * v))[..., None]
    grey = small.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    coloured: np.ndarray = np.round((1 - alpha) * grey[..., None] + alpha * colours).astype(np.uint8)
    return coloured


def _write(draw: ImageDraw.ImageDraw, word: Word, left: int, middle: int, width: int) -> None:
    """The word, and its probability where there is room for both."""
    share = f"{100 * word.p:.0f} %" if word.p >= 0.01 else "< 1 %"
    room = width - draw.textlength(share, _font(12)) - GAP
    if draw.textlength(word.text, _font(15)) > room:
        share, room = "", width
    text = word.text
    while len(text) > 2 and draw.textlength(text, _font(15)) > room:
        text = text.removesuffix("…")[:-1] + "…"
    draw.text((left, middle), text, INK, _font(15), anchor="lm")
    draw.text((left + width, middle), share, QUIET, _font(12), anchor="rm")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own; it knows the letters that captions are made of."""
    return ImageFont.load_default(size)
