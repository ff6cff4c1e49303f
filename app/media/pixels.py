"""From a Pillow picture of any mode to plain RGB pixels, upright, on white."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageCms

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BITS_PER_SAMPLE = 258  # TIFF


def upright_rgb(image: Image.Image) -> tuple[np.ndarray, bool]:
    """(height, width, 3) uint8 RGB of a loaded picture, and whether its sides were swapped to stand upright."""
    orientation = _orientation(image)
    rgb = to_rgb(image)
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    return np.asarray(rgb), orientation in (5, 6, 7, 8)


def to_rgb(image: Image.Image) -> Image.Image:
    """Mode "RGB", alpha and transparent colours laid on white.

    Pillow itself inverts Adobe's CMYK, and takes the high byte of 16-bit colour. Colour profiles are not applied:
    the networks learnt from pictures that were read without them."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return _deep_grey(image)
    if image.mode == "LAB":
        return _from_lab(image)
    if "transparency" in image.info or "A" in image.mode or "a" in image.mode:  # RGBA, LA, PA, RGBa, La
        if image.mode in ("La", "RGBa"):
            image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """1…8; 1 where there is none, or where the metadata is damaged (the picture may well be whole)."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a parser of strangers' bytes: SyntaxError, struct.error, ValueError, KeyError …
        return 1


def _deep_grey(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and floating-point grey to 8 bits. What counts as white is the format's largest value; where
    that is unknown (scientific pictures), 1 or 255 or 65,535, whichever the values fit, else their own range."""
    values = np.asarray(image, dtype=np.float32)  # (height, width)
    if not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, white = 0.0, _white(image, values)
    if white is None:
        low, white = float(values.min()), float(values.max())
    if white <= low:
        low, white = 0.0, 1.0
    grey = np.clip((values - low) * (255.0 / (white - low)) + 0.5, 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # PNG: one grey value that is see-through
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _white(image: Image.Image, values: np.ndarray) -> float | None:
    if image.mode.startswith("I;16"):
        tags = getattr(image, "tag_v2", {})
        bits = tags.get(_BITS_PER_SAMPLE, (16,))
        return float(2 ** min(int(bits[0]), 16) - 1) if bits else 65535.0
    low, high = float(values.min()), float(values.max())
    if low < 0:
        return None
    candidates = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    return next((white for white in candidates if high <= white), None)


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    rgb = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert rgb is not None  # not in place
    return rgb
