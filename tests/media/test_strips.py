"""Strips of small pictures: one a word, lit where the network looked."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.media import strips
from app.media.strips import COLUMNS, GAP, SIDE, Word

GREY = np.full((120, 160, 3), 128, np.uint8)


def corner() -> np.ndarray:
    """Looks at the upper left alone."""
    values = np.zeros((7, 7), np.float32)
    values[0, 0] = 1.0
    return values


def words(count: int, text: str = "dog") -> list[Word]:
    return [Word(text, 0.5, corner()) for _ in range(count)]


@pytest.mark.parametrize(("count", "columns", "rows"), [(0, 1, 1), (3, 4, 1), (6, 7, 1), (7, 7, 2), (20, 7, 3)])
def test_it_has_a_place_for_each_word(count: int, columns: int, rows: int) -> None:
    made = strips.strip(GREY, words(count))
    assert COLUMNS == 7
    height = round(SIDE * 120 / 160)
    assert made.shape == (rows * (height + strips.LINE + GAP) + GAP, columns * (SIDE + GAP) + GAP, 3)


def test_it_is_lit_where_the_network_looked() -> None:
    made = strips.strip(GREY, words(1)).astype(int)
    height = round(SIDE * 120 / 160)
    plain = made[GAP : GAP + height, GAP : GAP + SIDE]
    lit = made[GAP : GAP + height, 2 * GAP + SIDE : 2 * GAP + 2 * SIDE]
    assert (plain == 128).all()
    assert lit[3, 3] @ (0.5, 0.5, -1) > 60  # yellow: red and green, little blue
    far = lit[-20:, -20:].reshape(-1, 3).mean(0)
    assert abs(far - far.mean()).max() < 20  # hardly coloured


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (5, 5), (224, 224)])
@pytest.mark.parametrize("text", ["a", "skateboarder", "antidisestablishmentarianism" * 3, "…", "狗"])
def test_any_picture_and_any_word_has_room(size: tuple[int, int], text: str) -> None:
    made = strips.strip(np.zeros((*size, 3), np.uint8), words(8, text))
    assert made.dtype == np.uint8
    assert max(made.shape) < 3000


def test_a_map_of_a_part_lights_that_part() -> None:
    part = strips.lit(GREY, corner(), (0.5, 0.25, 0.5, 0.5)).astype(int)
    assert part[32, 83] @ (0.5, 0.5, -1) > 60
    assert (part[:, :79] == 128).all()
    assert (part[:29] == 128).all()
    assert (part[91:] == 128).all()


def test_a_word_without_attention_shows_the_picture() -> None:
    made = strips.strip(GREY, [Word("dog", 0.001, None)])
    assert (made[20, 2 * GAP + SIDE + 20] == 128).all()


def test_the_file_carries_the_caption() -> None:
    with Image.open(io.BytesIO(strips.png(GREY, [Word("a", 0.9, corner()), Word("dog", 0.8, None)]))) as image:
        assert image.format == "PNG"
        assert image.info["Description"] == "a dog"
