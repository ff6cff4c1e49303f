"""A model's check on the sample pictures, with real networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.engines.classify import CheckModel, ClassifyEngine, LoadModel, ModelChecked
from app.store.catalog import Store
from app.store.checks import SelfCheck
from app.store.errors import StoreError
from app.store.samples import samples
from app.worker import Ticket


def answer(engine: ClassifyEngine, request: object) -> Any:
    steps = engine.handle(request, Ticket("classify"))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def random_file(tmp_path: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    from app.store import architectures

    torch.manual_seed(0)
    state = architectures.build("resnet18").state_dict()
    path = tmp_path / "random.safetensors"
    save_file({key: value.half() for key, value in state.items() if not key.endswith("tracked")}, path)
    return path


def test_the_table_of_samples() -> None:
    from app.store.labels import labels

    table = {sample.path.name: {labels()[k] for k in sample.classes} for sample in samples()}
    assert table == {
        "chelsea.jpg": {"tabby", "tiger cat", "Egyptian cat"},
        "coffee.jpg": {"coffee mug", "espresso", "cup"},
        "rocket.jpg": {"missile", "projectile", "space shuttle"},
    }
    assert all(sample.path.is_file() and sample.reason for sample in samples())


def test_a_good_network_passes(store: Store) -> None:
    engine = ClassifyEngine(store, "cpu")
    found = answer(engine, CheckModel("efficientnet-lite0"))
    assert isinstance(found, ModelChecked)
    assert found.check.right == ("chelsea.jpg", "coffee.jpg", "rocket.jpg")
    assert found.sentence == "EfficientNet-Lite0 names all 3 sample pictures right among its first 5 answers."
    assert not found.loaded, "a check leaves the memory as it was"
    assert engine._loaded == {}
    card = store.card("efficientnet-lite0")
    assert store.self_check(card) is None, "of an embedded model nothing is kept"
    assert not list(store.path(card).parent.glob("*.json"))
    answer(engine, LoadModel("efficientnet-lite0"))
    assert answer(engine, CheckModel("efficientnet-lite0")).loaded
    assert list(engine._loaded) == ["efficientnet-lite0"]
    engine.close()


def test_random_weights_fail_and_that_is_kept_until_the_file_changes(store: Store, random_file: Path) -> None:
    card = store.import_file(random_file, "random")
    engine = ClassifyEngine(store, "cpu")
    found = answer(engine, CheckModel("random"))
    engine.close()
    assert not found.check.ok
    assert "for 0 of 3 sample pictures; not for chelsea.jpg, coffee.jpg, rocket.jpg" in found.sentence
    for each in (store, Store(store.folders)):
        assert each.self_check(card) == found.check
    beside = store.path(card).with_name("random.safetensors.check.json")
    kept = beside.read_text()
    for damage in ("", "[]", kept.replace("chelsea", "x")[:-5], kept.replace(found.check.sha256, "f" * 64)):
        beside.write_text(damage)
        assert store.self_check(card) is None
    beside.write_text(kept)
    with store.path(card).open("r+b") as file:
        file.seek(5_000_000)
        file.write(b"????")
    store.verify("random")
    assert store.self_check(card) is None, "it was another file that passed"
    store.remove("random")
    assert not beside.exists()


def test_a_model_without_its_file(store: Store) -> None:
    with pytest.raises(StoreError, match="not on this machine"):
        answer(ClassifyEngine(store, "cpu"), CheckModel("resnet50-v2"))


def test_sentences() -> None:
    assert not SelfCheck("0" * 64, "2026-11-25", (), ()).ok, "nothing tried is nothing right"
