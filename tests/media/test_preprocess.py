"""Preprocessing is torchvision's, rounding included."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from app.media.preprocess import Preprocessing, apply, seen_box

TORCHVISION = Preprocessing()
LITE = Preprocessing(256, 224, "bicubic", (127 / 255,) * 3, (128 / 255,) * 3)
SIZES = [
    (640, 480),
    (480, 641),
    (227, 227),
    (256, 256),
    (256, 300),
    (301, 223),
    (60, 50),
    (1000, 751),
    (30, 900),
    (2000, 1501),
]


def sample(width: int, height: int) -> np.ndarray:
    """Smooth colours with noise and hard edges."""
    dice = np.random.default_rng(width * 10_000 + height)
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], -1)
    return np.clip(smooth + dice.normal(0, 25, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "preprocessing", [TORCHVISION, LITE, Preprocessing(292, 260, "bicubic")], ids=["torchvision", "lite0", "lite2"]
)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_like_torchvision(width: int, height: int, preprocessing: Preprocessing) -> None:
    from app.nets._torchvision import import_torchvision

    import_torchvision()
    from torchvision import transforms
    from torchvision.transforms import InterpolationMode

    pixels = sample(width, height)
    reference = transforms.Compose(
        [
            transforms.Resize(preprocessing.resize, InterpolationMode(preprocessing.interpolation)),
            transforms.CenterCrop(preprocessing.crop),
            transforms.ToTensor(),
            transforms.Normalize(preprocessing.mean, preprocessing.deviation),
        ]
    )(Image.fromarray(pixels)).numpy()
    values = apply(pixels, preprocessing)
    assert values.shape == reference.shape == (3, preprocessing.crop, preprocessing.crop)
    levels = np.abs(values - reference) * 255 * np.array(preprocessing.deviation).reshape(3, 1, 1)
    # A rounding to the other side here and there, which bicubic may double in the second pass.
    assert levels.max() <= (1.01 if preprocessing.interpolation == "bilinear" else 2.01)
    assert (levels > 0.01).mean() < 0.002


def test_form() -> None:
    values = apply(sample(300, 200), TORCHVISION)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    white = apply(np.full((300, 300, 3), 255, np.uint8), LITE)
    assert np.allclose(white, (255 - 127) / 128, atol=1e-6)


def test_squeeze() -> None:
    pixels = sample(300, 100)
    values = apply(pixels, Preprocessing(crop=64, squeeze=True, mean=(0, 0, 0), deviation=(1, 1, 1)))
    whole = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR)
    assert np.allclose(values * 255, np.asarray(whole).transpose(2, 0, 1), atol=1e-3)
    assert seen_box(300, 100, Preprocessing(squeeze=True)) == (0, 0, 300, 100)


@pytest.mark.parametrize("size", [(1, 50_000), (50_000, 1), (1, 1), (3, 7)])
def test_extreme_pictures_cost_nothing(size: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 100, np.uint8)
    assert apply(pixels, TORCHVISION).shape == (3, 224, 224)


def test_seen_box() -> None:
    left, top, width, height = seen_box(640, 480, TORCHVISION)
    assert (width, height) == pytest.approx((224 * 640 / 341, 420))
    assert (left, top) == pytest.approx((58 * 640 / 341, 30))  # (341 - 224) / 2 = 58.5, to even


@pytest.mark.parametrize("size", [(640, 480), (480, 641), (227, 227), (5, 9000), (256, 256)])
def test_seen_box_lies_inside(size: tuple[int, int]) -> None:
    for preprocessing in (TORCHVISION, Preprocessing(224, 224)):
        left, top, width, height = seen_box(*size, preprocessing)
        assert left >= 0
        assert top >= 0
        assert left + width <= size[0] + 1e-6
        assert top + height <= size[1] + 1e-6


def test_crop_larger_than_picture_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        seen_box(100, 100, Preprocessing(resize=200, crop=224))
