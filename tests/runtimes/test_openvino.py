"""OpenVINO against float32 torch on real pictures, what is kept of a conversion, and what happens without OpenVINO."""

from __future__ import annotations

import csv
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import runtimes
from app.media.pictures import decode
from app.media.preprocess import apply
from app.runtimes import devices, openvino_runtime
from app.runtimes.torch_runtime import TorchNetwork
from app.store.catalog import Store
from app.store.errors import StoreError
from app.store.locate import bundled

# Looked for, not imported: imported by anybody else than `import_openvino`, it calls home.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO isn't installed")

ROOT = Path(__file__).parents[2]
ZIP = ROOT.parent / "shared" / "data" / "imagenet_dev.zip"
MODEL = "efficientnet-lite0"
PICTURES = 60  # of the zip
EMBEDDED = [card.id for card in Store().cards("classify") if card.origin == "embedded"]


def samples() -> list[Path | bytes]:
    return [*sorted((bundled("assets") / "samples").glob("*.jpg"))]


def of_the_zip() -> list[Path | bytes]:
    """Every 25th picture, so that both of its sources are among them."""
    if not ZIP.exists():
        pytest.skip("../shared/data/imagenet_dev.zip isn't there: only the four samples are compared")
    with zipfile.ZipFile(ZIP) as opened:
        rows = csv.DictReader(
            opened.read("index.tsv").decode("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE
        )
        return [opened.read(row["file"]) for row in list(rows)[::25][:PICTURES]]


def probabilities(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    p: np.ndarray = e / e.sum(1, keepdims=True)
    return p


@pytest.mark.parametrize("pictures", [samples, of_the_zip])
@pytest.mark.parametrize("model", EMBEDDED)
def test_openvino_says_what_float32_says(model: str, pictures: Any) -> None:
    """Its default takes bfloat16 where the processor has it. Near-ties may flip, and nothing else."""
    store = Store()
    card = store.card(model)
    x = np.stack([apply(decode(picture).pixels, card.preprocessing) for picture in pictures()])
    quick, exact = runtimes.load(card, store, devices.cpu()), TorchNetwork(card, store, devices.cpu())
    assert (quick.runtime, exact.runtime) == ("openvino", "torch")
    output, reference = quick.run(x), exact.run(x)
    assert output.logits.shape == reference.logits.shape == (len(x), 1000)
    assert output.grid.shape == reference.grid.shape
    ours, theirs = probabilities(output.logits), probabilities(reference.logits)
    second, first = np.sort(theirs, 1)[:, -2:].T
    clear = first - second > 0.05
    # Otherwise nothing much is compared. Our own ResNet-18 is weak, and so it is often unsure.
    assert clear.sum() >= (0.7 if model == MODEL else 0.2) * len(x)
    np.testing.assert_array_equal(ours.argmax(1)[clear], theirs.argmax(1)[clear])
    best = theirs.argmax(1)
    rows = np.arange(len(x))
    assert np.abs(ours[rows, best] - theirs[rows, best]).mean() <= 0.02


def test_batches_and_single_pictures_give_the_same() -> None:
    store = Store()
    card = store.card(MODEL)
    network = runtimes.load(card, store, devices.cpu())
    x = np.stack([apply(decode(picture).pixels, card.preprocessing) for picture in samples()] * 3)[:11]  # 8 + 1 + 1 + 1
    whole = network.run(x)
    singly = [network.run(x[k : k + 1]) for k in range(len(x))]
    np.testing.assert_allclose(
        probabilities(whole.logits), probabilities(np.concatenate([one.logits for one in singly])), atol=0.02
    )
    assert whole.grid.shape == (11, 1280, 7, 7)


def test_the_head_is_the_network_s(caplog: pytest.LogCaptureFixture) -> None:
    """After pooling, its layer gives the very logits: heat maps rest on that."""
    store = Store()
    card = store.card(MODEL)
    x = apply(decode(samples()[1]).pixels, card.preprocessing)[None]
    for network in (runtimes.load(card, store, devices.cpu()), TorchNetwork(card, store, devices.cpu())):
        assert network.head is not None
        output = network.run(x)
        by_hand = network.head.weight @ output.grid[0].mean((1, 2)) + network.head.bias
        assert np.abs(by_hand - output.logits[0]).max() < 0.02 * np.abs(output.logits).max()


# What is kept


@pytest.fixture
def own_cache() -> Iterator[Path]:
    """A cache of the test's own with one network in it, copied from the shared one: conversions take long."""
    store = Store()
    runtimes.load(store.card(MODEL), store, devices.cpu())
    shared = store.folders.cache
    before = os.environ["TRIPTYCH_HOME"]
    home = Path(before) / "again"
    (home / "cache").mkdir(parents=True)
    os.environ["TRIPTYCH_HOME"] = str(home)
    (kept,) = [folder for folder in (shared / "openvino").iterdir() if holds(folder, store)]
    shutil.copytree(kept, home / "cache" / "openvino" / kept.name)
    yield home / "cache" / "openvino"
    os.environ["TRIPTYCH_HOME"] = before


def holds(folder: Path, store: Store) -> bool:
    """Whether a folder of the shared cache is the embedded network's: its grid's channels tell."""
    if not (folder / "head.npz").exists():  # a captioner's
        return False
    with np.load(folder / "head.npz") as head:
        return head["weight"].shape == (1000, 1280)


CODE = """
import sys
import numpy as np
from app import runtimes
from app.runtimes import devices
from app.store.catalog import Store
store = Store()
network = runtimes.load(store.card("efficientnet-lite0"), store, devices.choose("cpu"))
print(network.runtime, network.head.weight.shape, network.run(np.zeros((1, 3, 224, 224), np.float32)).logits.shape)
print(*sorted({"torch", "torchvision", "openvino_telemetry"} & {k for k, v in sys.modules.items() if v is not None}))
"""


@pytest.mark.usefixtures("own_cache")
def test_a_second_start_needs_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["openvino (1000, 1280) (1, 1000)", ""]


def damage(folder: Path, how: str) -> None:
    if how == "a byte of the weights":
        content = bytearray((folder / "model.bin").read_bytes())
        content[len(content) // 2] ^= 0x40
        (folder / "model.bin").write_bytes(content)
    elif how == "cut off weights":
        os.truncate(folder / "model.bin", 1_000_000)
    elif how == "empty description":
        (folder / "model.xml").write_text("")
    elif how == "no head":
        (folder / "head.npz").unlink()
    elif how == "no sums":
        (folder / openvino_runtime.SUMS).unlink()
    else:
        for file in folder.iterdir():
            file.unlink()


@pytest.mark.parametrize(
    "how", ["a byte of the weights", "cut off weights", "empty description", "no head", "no sums", "empty"]
)
def test_what_is_damaged_is_converted_anew(
    own_cache: Path, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder,) = own_cache.iterdir()
    converted = []
    read, whole = openvino_runtime.OpenVinoNetwork._read, shutil.copytree(folder, own_cache.parent / "whole")
    damage(folder, how)

    def convert(network: Any, card: Any, store: Store, into: Path) -> Any:
        """Played, with what an earlier conversion gave: the real one is the next test's."""
        assert not into.exists()  # the damaged one is out of the way
        converted.append(into)
        return read(network, shutil.copytree(whole, into))

    monkeypatch.setattr(openvino_runtime.OpenVinoNetwork, "_convert", convert)
    store = Store()
    network = runtimes.load(store.card(MODEL), store, devices.cpu())
    assert converted == [folder]
    assert network.runtime == "openvino"
    assert network.head is not None
    assert "converted anew" in caplog.text
    runtimes.load(store.card(MODEL), store, devices.cpu())
    assert len(converted) == 1


def test_a_conversion_is_kept_whole(own_cache: Path) -> None:
    (folder,) = own_cache.iterdir()
    shutil.rmtree(folder)
    store = Store()
    first = runtimes.load(store.card(MODEL), store, devices.cpu())
    assert [found.name for found in own_cache.iterdir()] == [folder.name]
    assert {file.name for file in folder.iterdir()} == {"model.xml", "model.bin", "head.npz", openvino_runtime.SUMS}
    second = runtimes.load(store.card(MODEL), store, devices.cpu())
    x = np.ones((1, 3, 224, 224), np.float32)
    np.testing.assert_array_equal(first.run(x).logits, second.run(x).logits)


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="rights of POSIX")
def test_a_cache_that_cannot_be_written_is_no_obstacle(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "utime", refuse)  # root may write everywhere, so the refusal is played
    store = Store()
    assert runtimes.load(store.card(MODEL), store, devices.cpu()).runtime == "openvino"
    assert "converted anew" not in caplog.text
    shutil.rmtree(own_cache)
    own_cache.write_text("a file where the folder should be")
    assert runtimes.load(store.card(MODEL), store, devices.cpu()).runtime == "openvino"
    assert "can't be kept" in caplog.text


def test_the_cache_is_pruned_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_runtime, "LARGEST_CACHE", 3000)

    def folder(name: str, age: int) -> Path:
        made = tmp_path / name
        made.mkdir()
        (made / "model.bin").write_bytes(bytes(1000))
        os.utime(made, (1_700_000_000 - age, 1_700_000_000 - age))
        return made

    newest = folder("newest", 0)
    for name, age in (("oldest", 90), ("old", 50), ("young", 10), ("part-killed", 10_000)):
        folder(name, age)
    os.utime(folder("part-at-work", 0))  # now: another process writes it
    openvino_runtime._make_room(tmp_path, keep=newest)
    assert {path.name for path in tmp_path.iterdir()} == {"newest", "old", "young", "part-at-work"}
    # The one that was just made stays, whatever its size.
    (newest / "model.bin").write_bytes(bytes(5000))
    openvino_runtime._make_room(tmp_path, keep=newest)
    assert {path.name for path in tmp_path.iterdir()} == {"newest", "part-at-work"}


# Without OpenVINO


def test_where_openvino_is_missing_torch_does_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)  # importing it raises ImportError
    store = Store()
    with caplog.at_level(logging.WARNING):
        network = runtimes.load(store.card(MODEL), store, devices.cpu())
    assert network.runtime == "torch"
    assert f"OpenVINO can't run {MODEL} (ModuleNotFoundError" in caplog.text
    x = apply(decode(samples()[2]).pixels, store.card(MODEL).preprocessing)[None]
    assert int(network.run(x).logits.argmax()) == 967  # espresso


class Refusal(Exception):
    """As openvino.tools.ovc.error.Error and OpConversionFailure are: no RuntimeError."""


def test_where_openvino_refuses_torch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise Refusal("this operation is unknown")

    monkeypatch.setattr(openvino_runtime, "OpenVinoNetwork", refuse)
    store = Store()
    assert runtimes.load(store.card(MODEL), store, devices.cpu()).runtime == "torch"


def test_missing_weights_are_no_reason_for_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    absent = next(card for card in store.cards("classify") if card.origin == "official")
    with pytest.raises(StoreError, match="is not on this machine"):
        runtimes.load(absent, store, devices.cpu())


def test_on_a_gpu_torch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def network(card: Any, store: Store, device: devices.Device) -> Any:
        asked.append((card.id, device.kind))
        return "a network"

    monkeypatch.setattr("app.runtimes.torch_runtime.TorchNetwork", network)
    store = Store()
    assert runtimes.load(store.card(MODEL), store, devices.Device("cuda", "NVIDIA Test")) == "a network"
    assert asked == [(MODEL, "cuda")]
