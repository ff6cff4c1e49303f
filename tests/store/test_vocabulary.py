"""The words of a captioner: in its file's header, as many as it has embeddings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.store import sideload, vocabulary, weights
from app.store.catalog import State, Store
from app.store.errors import StoreError
from tests import captioners
from tests.captioners import MODEL, WORDS


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    return captioners.state_dict()


@pytest.fixture
def embedded(tmp_path: Path, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights with the captioner alone."""
    folder = tmp_path / "weights"
    folder.mkdir()
    captioners.write(folder, state)
    captioners.install(monkeypatch, folder)
    return folder


def test_a_captioner_is_known_by_its_weights(embedded: Path) -> None:
    store = Store()
    card = store.card(MODEL)
    assert store.cards("classify") == ()
    assert store.state(card) is State.READY
    assert store.vocabulary(card) == WORDS
    found = store.state_dict(card)
    assert found["decoder.embedding.weight"].shape == (len(WORDS), 256)
    assert not any("fc" in name for name in found)
    result = store.verify(MODEL)
    assert result.ok
    assert "every weight in its place" in result.sentence


def test_other_sizes_are_known_too(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from app.store import architectures

    shapes = {"decoder.embedding.weight": (30, 64), "decoder.query.weight": (96, 96)}
    state = architectures.build("captioner", shapes).state_dict()
    save_file({name: tensor.half() for name, tensor in state.items()}, tmp_path / "small.safetensors")
    name, found = weights.read(tmp_path / "small.safetensors")
    assert name == "captioner"
    assert found["decoder.cell.weight_hh"].shape == (4 * 96, 96)
    state["decoder.cell.weight_hh"] = state["decoder.cell.weight_hh"][:8].clone()
    save_file(state, tmp_path / "wrong.safetensors")
    with pytest.raises(
        StoreError, match=r"nearest is captioner, but decoder\.cell\.weight_hh is 8 × 96 instead of 384"
    ):
        weights.read(tmp_path / "wrong.safetensors")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (WORDS[:-1], "damaged vocabulary (23 words)"),
        ((*WORDS[:-1], "dog"), "damaged vocabulary"),  # twice
        ((*WORDS[:-1], ""), "damaged vocabulary"),
        ((*WORDS[4:], *WORDS[:4]), "damaged vocabulary"),
    ],
)
def test_damaged_vocabularies(embedded: Path, state: dict[str, Any], words: tuple[str, ...], said: str) -> None:
    captioners.write(embedded, state, words)
    result = Store().verify(MODEL)
    assert not result.ok
    assert said in result.sentence


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x05\0\0\0\0\0\0\0[1,2]", b"\x02\0\0\0\0\0\0\0{}"])
def test_files_without_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "captioner.safetensors"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=re.escape("captioner.safetensors has no vocabulary that can be read")):
        vocabulary.read(file)


def test_captioners_are_not_imported(embedded: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="only networks that classify pictures can be imported"):
        sideload.take_in(embedded / "captioner.safetensors", "mine", "Mine", tmp_path, [])
    assert not list(tmp_path.glob("mine*"))
