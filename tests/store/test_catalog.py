"""The store as a whole: states, verification, downloads of official files, broken neighbours."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.store import fingerprints, locate
from app.store.cards import write_card
from app.store.catalog import State, Store
from app.store.download import Progress
from app.store.errors import DownloadCancelled, DownloadError, StoreError


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder of our own, so that a test can damage it: the embedded model and one official card."""
    real, copy = locate.bundled("weights"), tmp_path / "weights"
    (copy / "official").mkdir(parents=True)
    for name in ("efficientnet-lite0.toml", "efficientnet-lite0.safetensors", "official/resnet18-v1.toml"):
        shutil.copy(real / name, copy / name)
    bundled = locate.bundled
    monkeypatch.setattr(locate, "bundled", lambda name: copy if name == "weights" else bundled(name))
    return copy


@pytest.fixture
def official(serve: Callable[[bytes], Any], bundle: Path, store: Store, resnet18_pth: Path) -> Any:
    """A server that has a file of torchvision's format, and the official card changed to expect its hash. Everything
    else, the address too, is as torchvision's record says: the server is a mirror."""
    site = serve(resnet18_pth.read_bytes())
    card = replace(fresh(store).card("resnet18-v1"), sha256_prefix=site.sha256[:8])
    write_card(card, bundle / "official" / "resnet18-v1.toml")
    return site


def fresh(store: Store) -> Store:
    return Store(store.folders)


def test_the_embedded_model_is_ready_and_loads(store: Store) -> None:
    from app.store import architectures

    card = store.card("efficientnet-lite0")
    assert card in store.cards("classify")
    assert store.cards("classify") == tuple(card for card in store.cards() if card.task == "classify")
    assert card not in store.cards("translate")
    assert store.state(card) is State.READY
    architectures.build(card.architecture).load_state_dict(store.state_dict(card), strict=True)
    found = store.verify(card.id)
    assert found.ok
    assert (found.size, found.sha256) == (card.size, card.sha256)
    assert "is sound" in found.sentence
    assert store.path(card).read_bytes()[8:9] == b"{", "no embedded file is a pickle"


def test_an_unknown_name(store: Store) -> None:
    with pytest.raises(StoreError, match="no model “resnet50-V2”; did you mean “resnet50-v2”"):
        store.card("resnet50-V2")
    with pytest.raises(StoreError, match="no model “zzz”: “triptych models list”"):
        store.card("zzz")


def test_nothing_is_written_by_looking(store: Store) -> None:
    for card in store.cards():
        store.state(card)
    assert not store.folders.data.exists()
    assert not store.folders.cache.exists()


def test_a_read_only_cache_costs_time_only(store: Store) -> None:
    store.folders.cache.parent.mkdir(parents=True)
    store.folders.cache.write_text("a file in the way")
    card = store.card("efficientnet-lite0")
    assert store.fingerprint(card) == card.sha256


def test_fingerprints_are_remembered_until_the_file_changes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = fingerprints.sha256_of
    monkeypatch.setattr(fingerprints, "sha256_of", lambda path: hashed.append(path.name) or real(path))
    path = tmp_path / "file"
    path.write_bytes(b"one")
    memory = fingerprints.Fingerprints(store.folders.cache)
    first = memory.of(path)
    assert memory.of(path) == fingerprints.Fingerprints(store.folders.cache).of(path) == first
    assert hashed == ["file"]
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert memory.known(path) is None
    assert memory.of(path) != first
    (store.folders.cache / "fingerprints.json").write_text('{"x": 3}')
    assert fingerprints.Fingerprints(store.folders.cache).of(path) == memory.of(path)


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "altered"])
def test_a_damaged_embedded_file(damage: str, store: Store, bundle: Path) -> None:
    path = bundle / "efficientnet-lite0.safetensors"
    if damage == "missing":
        path.unlink()
    elif damage == "altered":
        with path.open("r+b") as file:
            file.seek(-100, os.SEEK_END)
            file.write(b"????")
    else:
        os.truncate(path, 0 if damage == "empty" else 5_000_000)
    card = store.card("efficientnet-lite0")
    found = store.verify(card.id)
    assert not found.ok
    assert "install Triptych again" in found.sentence
    assert store.state(card) is (State.ABSENT if damage == "missing" else State.DAMAGED)  # altered: known since verify
    with pytest.raises(StoreError, match="install Triptych again"):
        store.state_dict(card)
    assert store.state(store.card("resnet18-v1")) is State.ABSENT  # the rest goes on


def test_loading_notices_an_altered_file(store: Store, bundle: Path) -> None:
    card = store.card("efficientnet-lite0")
    store.state_dict(card)
    path = store.path(card)
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    assert store.state(card) is State.READY  # looks right from outside
    with pytest.raises(StoreError, match="has changed or is damaged"):
        store.state_dict(card)
    assert store.state(card) is State.DAMAGED


def test_an_official_model_is_downloaded(store: Store, official: Any, resnet18: dict[str, Any]) -> None:
    import torch

    card = store.card("resnet18-v1")
    assert store.state(card) is State.ABSENT
    assert "download it (“triptych models download resnet18-v1”)" in store.verify(card.id).sentence
    with pytest.raises(StoreError, match="not on this machine: download it"):
        store.state_dict(card)
    official.script += [official.drop_after(10_000_000)]
    told: list[Progress] = []
    path = store.download(card.id, told.append, lambda: False, official.root)
    assert path == store.path(card)
    assert official.paths[-1] == "/models/resnet18-f37072fd.pth"
    assert official.seen[1]["Range"] == "bytes=10000000-"
    assert told[-1].received == path.stat().st_size
    assert json.loads((path.parent / f"{card.file}.json").read_text())["sha256"] == official.sha256
    for each in (store, fresh(store)):
        assert each.state(card) is State.READY
        assert each.fingerprint(card) == official.sha256
    state = store.state_dict(card)
    assert torch.equal(state["layer4.1.conv2.weight"], resnet18["layer4.1.conv2.weight"])
    assert store.verify(card.id).ok
    asked = len(official.seen)
    assert store.download(card.id, mirror=official.root) == path
    assert len(official.seen) == asked, "what is there isn't fetched again"

    with path.open("r+b") as file:  # another byte, the same size and the same first bytes
        file.seek(20_000_000)
        file.write(b"?!?!")
    assert not store.verify(card.id).ok
    assert store.state(card) is State.DAMAGED
    store.download(card.id, mirror=official.root)
    assert store.state(card) is State.READY

    store.remove(card.id)
    assert store.state(card) is State.ABSENT
    assert [left.name for left in path.parent.iterdir()] == [".resnet18-f37072fd.pth.lock"]
    with pytest.raises(StoreError, match="nothing to remove"):
        store.remove(card.id)


def test_an_official_file_put_there_by_hand(store: Store, official: Any, bundle: Path, resnet18_pth: Path) -> None:
    card = store.card("resnet18-v1")
    locate.writable(store.folders.models)
    shutil.copy(resnet18_pth, store.path(card))
    assert store.state(card) is State.READY
    store.state_dict(card)
    os.truncate(store.path(card), 1_000_000)
    assert store.state(card) is State.DAMAGED
    with pytest.raises(StoreError, match="has changed or is damaged"):
        store.state_dict(card)


def test_an_official_download_of_another_network(
    store: Store, bundle: Path, serve: Callable[[bytes], Any], resnet18_pth: Path, tmp_path: Path
) -> None:
    """The hash is what the card says, the content isn't: the card names ResNet-34."""
    site = serve(resnet18_pth.read_bytes())
    card = replace(store.card("resnet18-v1"), architecture="resnet34", sha256_prefix=site.sha256[:8])
    write_card(card, bundle / "official" / "resnet18-v1.toml")
    other = fresh(store)
    with pytest.raises(DownloadError, match=r"resnet18-f37072fd\.pth holds the weights of resnet18, not of resnet34"):
        other.download(card.id, mirror=site.root)
    assert other.state(card) is State.ABSENT
    assert not list(store.folders.models.glob("*.part*"))


def test_a_cancelled_download_can_be_removed(store: Store, official: Any) -> None:
    official.script += [official.stall_after(5_000_000)]
    part = store.folders.models / "resnet18-f37072fd.pth.part"
    with pytest.raises(DownloadCancelled):
        store.download("resnet18-v1", None, lambda: part.exists() and part.stat().st_size > 0, official.root)
    assert part.exists()
    assert store.state(store.card("resnet18-v1")) is State.ABSENT
    store.remove("resnet18-v1")
    assert not list(store.folders.models.glob("*.part*"))


def test_what_cannot_be_downloaded_or_removed(store: Store) -> None:
    with pytest.raises(StoreError, match="can't be removed"):
        store.remove("efficientnet-lite0")
    with pytest.raises(StoreError, match="no address to download it from"):
        store.download("efficientnet-lite0")


def test_a_damaged_receipt_is_no_harm(store: Store, official: Any) -> None:
    card = store.card("resnet18-v1")
    path = store.download(card.id, mirror=official.root)
    receipt = path.parent / f"{card.file}.json"
    for content in ("", "{", "[]", '{"size": "x", "sha256": 3}', json.dumps({"size": 1, "sha256": "f" * 64})):
        receipt.write_text(content)
        assert fresh(store).state(card) is State.READY


def test_broken_cards_are_reported_and_left_out(store: Store, resnet18_pth: Path) -> None:
    mine = store.import_file(resnet18_pth, "mine")
    folder = store.folders.models
    write_card(replace(mine, id="resnet18-v1", file="resnet18-v1.safetensors"), folder / "resnet18-v1.toml")
    write_card(replace(mine, origin="official"), folder / "pretender.toml")
    write_card(replace(mine, id="else"), folder / "other.toml")
    write_card(replace(mine, id="thief"), folder / "thief.toml")  # another model's file
    (folder / "broken.toml").write_text("id = ")
    (folder / "empty.toml").write_text("")
    (folder / "folder.toml").mkdir()
    assert [card.id for card in store.cards() if card.origin == "imported"] == ["mine"]
    assert store.card("resnet18-v1").origin == "official"
    problems = store.problems()
    assert len(problems) == 7
    for name in ("resnet18-v1", "pretender", "other", "thief", "broken", "empty", "folder"):
        assert sum(f"{name}.toml" in problem for problem in problems) == 1
    with pytest.raises(StoreError, match="is taken"):
        store.import_file(resnet18_pth, "broken")  # its card may yet be repaired


def test_a_broken_bundled_card(store: Store, bundle: Path) -> None:
    (bundle / "official" / "resnet18-v1.toml").write_text("nonsense")
    assert [card.id for card in store.cards()] == ["efficientnet-lite0"]
    assert len(store.problems()) == 1


def test_without_any_weights(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Path:
        raise StoreError("Triptych's own folder “weights” is missing.")

    monkeypatch.setattr(locate, "bundled", missing)
    assert store.cards() == ()
    assert store.problems() == ("Triptych's own folder “weights” is missing.",)


def test_an_import_is_removed_whole(store: Store, resnet18_pth: Path) -> None:
    card = store.import_file(resnet18_pth, "mine")
    os.truncate(store.path(card), 1000)
    assert store.state(card) is State.DAMAGED
    assert "import it again" in store.verify("mine").sentence
    store.remove("mine")
    assert [path.name for path in store.folders.models.iterdir()] == [".import.lock"]
    assert store.import_file(resnet18_pth, "mine") == card


def test_another_process_import_is_seen(store: Store, resnet18_pth: Path) -> None:
    other = fresh(store)
    assert store.cards() == other.cards()
    other.import_file(resnet18_pth, "mine")
    assert store.cards()[-1].id == "mine"


def test_two_imports_of_one_name_at_once(store: Store, resnet18_pth: Path) -> None:
    outcomes: list[str] = []

    def take() -> None:
        try:
            outcomes.append(fresh(store).import_file(resnet18_pth, "mine").id)
        except StoreError as error:
            outcomes.append("taken" if "is taken" in str(error) else str(error))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["mine", "taken"]


def test_listing_is_quick_and_imports_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, time; began = time.perf_counter()\n"
        "from app.store.catalog import Store\n"
        "store = Store(); found = [store.state(card) for card in store.cards()]; assert len(found) >= 10\n"
        "assert not {'torch', 'httpx', 'torchvision', 'safetensors'} & set(sys.modules), 'heavy import'\n"
        "print(time.perf_counter() - began)"
    )
    root = Path(__file__).resolve().parents[2]
    began = time.monotonic()
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert float(out) < time.monotonic() - began < 10
