"""Made the `.heic` files beside it, once, with pillow-heif 1.8.1 (the encoder; GPL, hence neither a dependency nor part
of the tests) and Pillow: `python make_heic.py`. A gradient, 64 × 48; `turned` says by `irot` that it stands upright
only after a quarter turn clockwise."""

from pathlib import Path

import numpy as np
import pillow_heif  # type: ignore[import-not-found]
from PIL import Image

HERE = Path(__file__).parent


def main() -> None:
    pillow_heif.register_heif_opener()
    y, x = np.mgrid[0:48, 0:64]
    image = Image.fromarray(np.stack([x * 4, y * 5, np.full_like(x, 128)], -1).astype(np.uint8))
    image.save(HERE / "plain.heic", quality=80)
    see_through = image.convert("RGBA")
    see_through.putalpha(Image.fromarray(np.where(x < 32, 0, 255).astype(np.uint8)))
    see_through.save(HERE / "alpha.heic", quality=80)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.info["exif"] = exif.tobytes()
    image.save(HERE / "turned.heic", quality=80)


if __name__ == "__main__":
    main()
