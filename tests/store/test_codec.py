"""The codec of AlexNet's large matrices: its layout bit by bit, how near it comes, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.store import codec, weights
from app.store.codec import GROUP, LEVELS, Palette, dequantise, quantise
from app.store.errors import StoreError
from tests.embedded import coded_alexnet


def error(weight: np.ndarray) -> float:
    """Squared error over squared weights."""
    return float(np.square(weight - dequantise(quantise(weight))).sum() / np.square(weight).sum())


def as_documented(palette: Palette) -> np.ndarray:
    """The layout as the module's docstring has it, one weight after the other."""
    rows, columns = palette.shape
    weight = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            four = palette.low[i, j // 2] >> (4 * (j % 2)) & 15
            fifth = palette.high[i, j // 8] >> (j % 8) & 1
            weight[i, j] = palette.levels[four | fifth << 4] * np.float32(palette.scales[i, j // GROUP])
    return weight


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 2))
def test_decoding_is_the_documented_layout(seed: int, rows: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    columns = groups * GROUP
    palette = Palette(
        rng.integers(0, 256, (rows, columns // 2), np.uint8),
        rng.integers(0, 256, (rows, columns // 8), np.uint8),
        rng.standard_normal((rows, groups)).astype(np.float16),
        np.sort(rng.standard_normal(LEVELS)).astype(np.float32),
    )
    assert np.array_equal(dequantise(palette), as_documented(palette))


matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.sampled_from([GROUP, 2 * GROUP])),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@given(matrices, st.sampled_from([1e-20, 1e-3, 1.0, 1e10]))
def test_any_matrix_comes_back_near(weight: np.ndarray, magnitude: float) -> None:
    """Scales by least squares: no group comes back further away than zeros would be, and zeros stay zeros."""
    weight = weight * np.float32(magnitude)
    palette = quantise(weight)
    back = dequantise(palette)
    assert np.array_equal(back, as_documented(palette))
    # In float64: squares of 1e-16 are too small for float32.
    given_, left = (np.asarray(x, np.float64).reshape(-1, GROUP) for x in (weight, weight - back))
    assert np.isfinite(left).all()
    assert (np.linalg.norm(left, axis=1) <= np.linalg.norm(given_, axis=1) * 1.002 + 1e-6 * np.abs(given_).max()).all()
    assert (back.reshape(-1, GROUP)[~given_.any(1)] == 0).all()


def test_two_values_come_back_as_they_are() -> None:
    rng = np.random.default_rng(3)
    weight = rng.choice(np.array([-0.5, 0.5], np.float32), (64, 4 * GROUP))
    assert error(weight) < 1e-6


RANDOM = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 0.0026),
    "Student's t, 5 degrees": (lambda rng, shape: rng.standard_t(5, shape), 0.0044),
    "Student's t, 3 degrees": (lambda rng, shape: rng.standard_t(3, shape), 0.0060),
    "Laplace": (lambda rng, shape: rng.laplace(size=shape), 0.0042),
}


@pytest.mark.parametrize("kind", RANDOM)
def test_the_error_is_that_of_five_bits(kind: str) -> None:
    """The best that 32 levels can do for normal weights is 0.00250 (Max 1960, table 1), group scales aside."""
    draw, most = RANDOM[kind]
    assert error((0.01 * draw(np.random.default_rng(0), (256, 9 * GROUP))).astype(np.float32)) < most


def test_rows_and_columns_of_different_size() -> None:
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((256, 9 * GROUP)) * np.repeat(np.exp(rng.standard_normal(64)), 36)
    weight *= np.exp(2 * rng.standard_normal((256, 1)))
    assert error(weight.astype(np.float32)) < 0.005


def test_coding_is_deterministic() -> None:
    weight = np.random.default_rng(2).standard_normal((8, 2 * GROUP)).astype(np.float32)
    first, second = quantise(weight), quantise(weight)
    assert all(np.array_equal(getattr(first, plane), getattr(second, plane)) for plane in codec.PLANES)


# Whole files


def test_encoding_a_state_dict(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    state = {
        "large.weight": torch.randn(1024, 1024),
        "large.bias": torch.randn(1024),
        "small.weight": torch.randn(8, GROUP),
        "ragged.weight": torch.randn(1100, 1000),
        "conv.weight": torch.randn(16, 8, 3, 3),
    }
    coded, metadata = codec.encode(state)
    assert {key for key in coded if key.startswith("large.weight")} == {
        f"large.weight.{plane}" for plane in codec.PLANES
    }
    back = codec.decode(coded, metadata, "file")
    assert {key: value.shape for key, value in back.items()} == {key: value.shape for key, value in state.items()}
    for key, value in back.items():
        if key == "large.weight":
            assert (value - state[key]).square().sum() < 0.003 * state[key].square().sum()
        else:
            assert torch.equal(value, state[key].half())


@pytest.fixture(scope="module")
def coded() -> tuple[dict[str, Any], dict[str, str]]:
    return coded_alexnet()


def saved(coded: tuple[dict[str, Any], dict[str, str]], path: Path) -> Path:
    from safetensors.torch import save_file

    save_file(coded[0], path, metadata=coded[1])
    return path


def test_alexnet_fits_and_is_read(coded: tuple[dict[str, Any], dict[str, str]], tmp_path: Path) -> None:
    import torch

    from app.store import architectures

    path = saved(coded, tmp_path / "alexnet.safetensors")
    assert path.stat().st_size <= 40 * 2**20
    recognised, state = weights.read(path)
    assert recognised == "alexnet-2012"
    assert {key: tuple(value.shape) for key, value in state.items()} == architectures.shapes_of("alexnet-2012")
    assert torch.equal(state["conv3.weight"], coded[0]["conv3.weight"])
    fc8 = Palette(*(coded[0][f"fc8.weight.{plane}"].numpy()[:2] for plane in ("low", "high", "scales")),
                  coded[0]["fc8.weight.levels"].numpy())  # fmt: skip
    assert np.array_equal(state["fc8.weight"].numpy()[:2], as_documented(fc8))


def damaged(coded: tuple[dict[str, Any], dict[str, str]], change: Any) -> tuple[dict[str, Any], dict[str, str]]:
    tensors, metadata = dict(coded[0]), dict(coded[1])
    change(tensors, metadata)
    return tensors, metadata


def _nan(key: str) -> Any:
    def change(tensors: dict[str, Any], _: Any) -> None:
        tensors[key] = tensors[key].clone()
        tensors[key].view(-1)[5] = float("nan")

    return change


DAMAGES: dict[str, tuple[Any, str]] = {
    "a newer version": (lambda t, m: m.update(codec="palette-2"), "coded as “palette-2”.* install the newest"),
    "no metadata": (lambda t, m: m.pop("codec"), "the nearest is alexnet-2012"),
    "no scales": (lambda t, m: t.pop("fc7.weight.scales"), r"fc7\.weight\.scales is missing"),
    "no codes": (lambda t, m: t.pop("fc7.weight.low"), r"fc7\.weight\.low is missing"),
    "short codes": (lambda t, m: t.update({"fc6.weight.high": t["fc6.weight.high"][:-1]}), "high is uint8 4095 × 1152"),
    "codes of another type": (
        lambda t, m: t.update({"fc8.weight.low": t["fc8.weight.low"].short()}),
        "low is int16 1000 × 2048",
    ),
    "odd columns": (
        lambda t, m: t.update({"fc8.weight.low": t["fc8.weight.low"][:, :-1].contiguous()}),
        "low is uint8 1000 × 2047",
    ),
    "flat codes": (lambda t, m: t.update({"fc8.weight.low": t["fc8.weight.low"].view(-1)}), "low is uint8 2048000"),
    "few levels": (lambda t, m: t.update({"fc6.weight.levels": t["fc6.weight.levels"][:16]}), "levels is float32 16"),
    "NaN among the scales": (_nan("fc6.weight.scales"), r"fc6\.weight\.scales holds NaN"),
    "NaN among the levels": (_nan("fc6.weight.levels"), r"fc6\.weight\.levels holds NaN"),
    "too few rows": (
        lambda t, m: t.update(
            {f"fc8.weight.{plane}": t[f"fc8.weight.{plane}"][:999].contiguous() for plane in ("low", "high", "scales")}
        ),
        r"fc8\.weight is 999 × 4096 instead of 1000 × 4096",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence(damage: str, coded: tuple[dict[str, Any], dict[str, str]], tmp_path: Path) -> None:
    change, said = DAMAGES[damage]
    path = saved(damaged(coded, change), tmp_path / "alexnet.safetensors")
    with pytest.raises(StoreError, match=said) as told:
        weights.read(path)
    assert str(told.value).startswith("alexnet.safetensors")
    assert "\n" not in str(told.value)


def test_what_cannot_be_coded() -> None:
    import torch

    with pytest.raises(StoreError, match="NaN"):
        quantise(np.full((1, GROUP), np.nan, np.float32))
    with pytest.raises(ValueError, match="groups of 256"):
        quantise(np.zeros((1, 100), np.float32))
    with pytest.raises(StoreError, match=r"conv1\.weight holds values that don't fit"):
        codec.encode({"conv1.weight": torch.full((2, 3), 1e6)})
