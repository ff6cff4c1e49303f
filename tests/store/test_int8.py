"""The translator's codec: a byte a weight, a scale a row; and the store's way with a translator's file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import load_file, save_file

from app.store import cards, int8, sideload, weights
from app.store.catalog import State, Store
from app.store.codec import METADATA_KEY
from app.store.errors import CardError, StoreError
from tests import translators
from tests.translators import LAYERS, MODEL, PIECES, WIDTH

CODED = {"format": "pt", METADATA_KEY: int8.VERSION}

matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@given(matrices)
def test_a_matrix_comes_back_within_half_a_step(weight: np.ndarray) -> None:
    coded = int8.encode({"w": torch.from_numpy(weight)})
    integers, scales = coded["w"].numpy(), coded["w.scales"].float().numpy()
    back = int8.decode(coded, "w")["w"].numpy()
    assert np.array_equal(back, integers.astype(np.float32) * scales[:, None])
    largest = np.abs(weight).max(1, keepdims=True)
    # Half a step, the rounding of the scale itself, and what half precision can't tell from zero.
    assert (np.abs(back - weight) <= 0.5 * scales[:, None] + 0.001 * largest + 127 * 6e-8).all()


@given(st.integers(0, 2**32 - 1))
def test_what_was_decoded_has_the_same_integers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    state = {
        f"layer.weight_{kind}_l0": torch.from_numpy(rng.standard_normal((8, columns), np.float32) * 0.1)
        for kind, columns in (("ih", 12), ("hh", 6))
    }
    coded = int8.encode(state)
    assert torch.equal(coded["layer.weight_ih_l0.scales"], coded["layer.weight_hh_l0.scales"])
    fused = torch.cat([tensor for _, tensor in sorted(int8.decode(coded, "file").items(), reverse=True)], 1).numpy()
    integers = torch.cat([coded["layer.weight_ih_l0"], coded["layer.weight_hh_l0"]], 1).numpy()
    scales = int8.scales_of(fused)
    assert np.array_equal(scales, coded["layer.weight_ih_l0.scales"].float().numpy())
    assert np.array_equal(int8.quantise(fused, scales), integers)


def test_rows_of_zeros_and_vectors() -> None:
    coded = int8.encode({"w": torch.zeros(2, 3), "b": torch.tensor([0.5, -2.0]), "g": torch.tensor(0.25)})
    assert not coded["w"].any()
    assert coded["b"].dtype == coded["g"].dtype == torch.float16
    assert torch.equal(int8.decode(coded, "file")["w"], torch.zeros(2, 3))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_what_does_not_fit_is_refused(value: float) -> None:
    with pytest.raises(StoreError, match="w holds values that don't fit half precision"):
        int8.encode({"w": torch.tensor([[1.0, value]])})


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    return translators.tensors()


@pytest.fixture
def embedded(tmp_path: Path, stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights with the translator alone."""
    folder = tmp_path / "weights"
    folder.mkdir()
    translators.write(folder, stored)
    translators.install(monkeypatch, folder)
    return folder


def test_a_translator_is_known_by_its_weights(embedded: Path) -> None:
    store = Store()
    card = store.card(MODEL)
    assert store.cards("translate") == (card,)
    assert store.state(card) is State.READY
    assert store.wordpieces(card) == translators.wordpieces()
    found = store.state_dict(card)
    assert found["embedding.weight"].shape == (PIECES, WIDTH)
    assert found["embedding.weight"].dtype == torch.float32
    assert "wordpieces" not in found
    original = translators.state_dict()
    assert found.keys() == original.keys()
    for name, tensor in original.items():
        torch.testing.assert_close(found[name], tensor, atol=0.01 * float(tensor.abs().max()), rtol=0.001)
    result = store.verify(MODEL)
    assert result.ok, result.sentence
    from app.runtimes.torch_runtime import build

    net: Any = build(card, store)
    assert (net.layers, net.width) == (LAYERS, WIDTH)
    assert torch.equal(net.output.weight, found["embedding.weight"])


def test_a_training_s_own_file_is_known_too(tmp_path: Path) -> None:
    """In half precision, with the embedding under its other names."""
    state = {name: tensor.half() for name, tensor in translators.state_dict(layers=4, width=24).items()}
    save_file(state | {"target_embedding.weight": state["embedding.weight"].clone()}, tmp_path / "average.safetensors")
    name, found = weights.read(tmp_path / "average.safetensors")
    assert name == "gnmt"
    assert found["decoder.3.weight_ih_l0"].shape == (96, 48)
    assert "target_embedding.weight" not in found
    save_file(state | {"output.weight": state["embedding.weight"] + 1}, tmp_path / "two.safetensors")
    with pytest.raises(StoreError, match=r"two\.safetensors: output\.weight is not the embedding"):
        weights.read(tmp_path / "two.safetensors")
    state["decoder.1.weight_hh_l0"] = state["decoder.1.weight_hh_l0"][:8].clone()
    save_file(state, tmp_path / "wrong.safetensors")
    with pytest.raises(StoreError, match=r"nearest is gnmt, but decoder\.1\.weight_hh_l0 is 8 × 24 instead of 96 × 24"):
        weights.read(tmp_path / "wrong.safetensors")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decoder.0.weight_hh_l0.scales": None}, "decoder.0.weight_hh_l0.scales is missing"),
        ({"decoder.0.weight_hh_l0": None}, "decoder.0.weight_hh_l0 is missing"),
        ({"embedding.weight.scales": torch.ones(3).half()}, "embedding.weight.scales is float16 3, so"),
        ({"embedding.weight.scales": torch.ones(PIECES)}, f"embedding.weight.scales is float32 {PIECES}, so"),
        ({"embedding.weight.scales": torch.full((PIECES,), torch.nan).half()}, "holds NaN or infinite values"),
        ({"output.bias": None}, "nearest is gnmt, but output.bias missing"),
        ({"wordpieces": None}, "gnmt.safetensors has no wordpieces that can be read"),
        ({"wordpieces": torch.zeros(9, dtype=torch.uint8)}, "gnmt.safetensors can't be used: the wordpieces"),
    ],
)
def test_damaged_files(embedded: Path, stored: dict[str, Any], change: dict[str, Any], said: str) -> None:
    changed = {name: tensor for name, tensor in (stored | change).items() if tensor is not None}
    translators.write(embedded, changed)
    result = Store().verify(MODEL)
    assert not result.ok
    assert said in result.sentence
    assert "\n" not in result.sentence


def test_wordpieces_of_another_model(embedded: Path, stored: dict[str, Any]) -> None:
    state = translators.state_dict()
    state["embedding.weight"], state["output.bias"] = state["embedding.weight"][:-1], state["output.bias"][:-1]
    translators.write(embedded, translators.tensors(state))
    assert f"damaged wordpieces ({PIECES} for {PIECES - 1} embeddings)" in Store().verify(MODEL).sentence
    translators.write(embedded, stored, "en-it", "en-it")
    assert "no token for “it”" in Store().verify(MODEL).sentence


def test_what_is_measured_is_offered(embedded: Path, stored: dict[str, Any]) -> None:
    assert cards.directions(Store().card(MODEL)) == (("en", "de"), ("de", "en"))
    assert cards.directions(translators.write(embedded, stored, measured="de-en")) == (("de", "en"),)


@pytest.mark.parametrize("directions", ["", "en", "en-de,de-en", "EN-DE"])
def test_directions_that_are_none(tmp_path: Path, stored: dict[str, Any], directions: str) -> None:
    with pytest.raises(CardError, match=re.escape("“extra.directions” of a translator must name them")):
        translators.write(tmp_path, stored, directions)


def test_penalties_are_numbers(embedded: Path) -> None:
    card = Store().card(MODEL)
    with pytest.raises(CardError, match=re.escape("“extra.alpha” must be a number")):
        cards.check(replace(card, extra=(("directions", "en-de"), ("alpha", "much"))), "The card")


def test_translators_are_not_imported(embedded: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds a gnmt; only networks that classify pictures can be imported"):
        sideload.take_in(embedded / "gnmt.safetensors", "mine", "Mine", tmp_path, [])
    assert not list(tmp_path.glob("mine*"))


def test_a_file_of_the_codec_alone(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(2, 2, dtype=torch.int8)}, tmp_path / "w.safetensors", metadata=CODED)
    with pytest.raises(StoreError, match=r"w\.safetensors is damaged: w\.scales is missing"):
        weights.read(tmp_path / "w.safetensors")
    assert load_file(tmp_path / "w.safetensors").keys() == {"w"}
