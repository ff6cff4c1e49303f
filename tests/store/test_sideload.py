"""Files from strangers: taken in where they are weights, refused with a sentence where they are anything else."""

from __future__ import annotations

import collections
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.store import locate, sideload, weights
from app.store.cards import read_card
from app.store.catalog import State, Store
from app.store.errors import StoreError

State18 = dict[str, Any]


def as_safetensors(state: State18, path: Path) -> Path:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def as_pth(state: Any, path: Path, **options: Any) -> Path:
    import torch

    torch.save(state, path, **options)
    return path


def same(loaded: State18, state: State18) -> bool:
    """The same float32 values, counters left out."""
    import torch

    wanted = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    return loaded.keys() == wanted.keys() and all(
        torch.equal(loaded[name], tensor.float()) and loaded[name].dtype == torch.float32
        for name, tensor in wanted.items()
    )


WAYS: dict[str, Callable[[State18, Path], Path]] = {
    "safetensors": as_safetensors,
    "pth": as_pth,
    "legacy": lambda state, path: as_pth(state, path, _use_new_zipfile_serialization=False),
    "ordered": lambda state, path: as_pth(collections.OrderedDict(state), path),
    "wrapped": lambda state, path: as_pth({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, path),
    "wrapped as model": lambda state, path: as_pth({"model": state, "args": None}, path),
    "data parallel": lambda state, path: as_pth({f"module.{name}": value for name, value in state.items()}, path),
    "before PyTorch 1.0": lambda state, path: as_pth({n: v for n, v in state.items() if "num_batches" not in n}, path),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_resnet18_in_every_common_dress(way: str, resnet18: State18, tmp_path: Path) -> None:
    architecture, state = weights.read(WAYS[way](resnet18, tmp_path / "file.bin"))
    assert architecture == "resnet18"
    assert same(state, resnet18)


@pytest.mark.parametrize("way", ["safetensors", "pth"])
def test_importing(way: str, store: Store, resnet18: State18, tmp_path: Path) -> None:
    card = store.import_file(WAYS[way](resnet18, tmp_path / "My ResNet (2).bin"))
    assert (card.id, card.name, card.architecture, card.origin) == (
        "my-resnet-2",
        "My ResNet (2)",
        "resnet18",
        "imported",
    )
    assert card.parameters == 11_689_512
    assert store.state(card) is State.READY
    assert same(store.state_dict(card), resnet18)
    assert sorted(path.name for path in store.folders.models.iterdir() if path.suffix != ".lock") == [
        "my-resnet-2.safetensors",
        "my-resnet-2.toml",
    ]
    again = Store(store.folders)
    assert again.card(card.id) == card
    assert again.cards()[-1] == card
    assert again.verify(card.id).ok


def test_half_stays_half_and_double_becomes_single(store: Store, resnet18: State18, tmp_path: Path) -> None:
    import torch

    half = {name: value.half() if value.is_floating_point() else value for name, value in resnet18.items()}
    double = {name: value.double() if value.is_floating_point() else value for name, value in resnet18.items()}
    small = store.import_file(as_pth(half, tmp_path / "half.pth"))
    large = store.import_file(as_pth(double, tmp_path / "double.pth"))
    assert small.size is not None
    assert large.size is not None
    assert small.size < 24e6 < 46e6 < large.size < 48e6
    assert weights.read(store.path(small))[1]["fc.weight"].dtype == torch.float16
    assert same(store.state_dict(small), half)


class Malice:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("way", ["zip", "legacy", "plain pickle", "inside a state dict"])
def test_code_in_a_pickle_never_runs(way: str, store: Store, resnet18: State18, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "evil.pth"
    malice = Malice(mark)
    if way == "plain pickle":
        path.write_bytes(pickle.dumps(malice))
    elif way == "inside a state dict":
        as_pth(resnet18 | {"fc.bias": malice}, path)
    else:
        as_pth(malice, path, _use_new_zipfile_serialization=way == "zip")
    with pytest.raises(StoreError, match=r"evil\.pth (holds more than weights \((posix|nt)\.system\)|is neither)"):
        store.import_file(path)
    assert not mark.exists()
    assert not [path for path in store.folders.models.glob("*") if path.suffix != ".lock"]


def test_the_environment_cannot_allow_code(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path = as_pth(Malice(tmp_path / "mark"), tmp_path / "evil.pth")
    with pytest.raises(StoreError, match="could run code"):
        store.import_file(path)
    assert not (tmp_path / "mark").exists()


def test_a_whole_module_is_refused(store: Store, tmp_path: Path) -> None:
    from app.store.architectures import build

    with pytest.raises(StoreError, match="Ask for a plain state dict or for safetensors"):
        store.import_file(as_pth(build("resnet18"), tmp_path / "module.pth"))


def refused(store: Store, path: Path) -> str:
    with pytest.raises(StoreError) as error:
        store.import_file(path)
    sentence = str(error.value)
    assert path.name in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500
    assert not [left for left in store.folders.models.glob("*") if left.suffix != ".lock"], "something was left behind"
    return sentence


@pytest.mark.parametrize("way", ["safetensors", "pth", "legacy"])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.3, 0.999])
def test_truncated(way: str, share: float, store: Store, resnet18: State18, tmp_path: Path) -> None:
    path = WAYS[way](resnet18, tmp_path / "file.bin")
    os.truncate(path, int(path.stat().st_size * share))
    sentence = refused(store, path)
    assert ("empty" if share == 0 else "truncated") in sentence


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("way", ["safetensors", "pth"])
def test_not_finite(bad: float, way: str, store: Store, resnet18: State18, tmp_path: Path) -> None:
    spoilt = resnet18["layer2.0.conv1.weight"].clone()
    spoilt[3, 2, 1, 0] = bad
    path = WAYS[way](resnet18 | {"layer2.0.conv1.weight": spoilt}, tmp_path / "file.bin")
    assert "layer2.0.conv1.weight holds NaN or infinite values" in refused(store, path)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_that_is_not_finite(kind: str, store: Store, resnet18: State18, tmp_path: Path) -> None:
    import torch

    half = torch.zeros(1000, dtype=getattr(torch, kind))
    half[77] = float("nan")
    assert "NaN" in refused(store, as_pth(resnet18 | {"fc.bias": half}, tmp_path / "half.pth"))


def test_double_that_overflows(store: Store, resnet18: State18, tmp_path: Path) -> None:
    path = as_pth(resnet18 | {"fc.bias": resnet18["fc.bias"].double() + 1e300}, tmp_path / "file.bin")
    assert "NaN or infinite" in refused(store, path)


def test_negative_variance(store: Store, resnet18: State18, tmp_path: Path) -> None:
    path = as_pth(resnet18 | {"bn1.running_var": -resnet18["bn1.running_var"]}, tmp_path / "file.bin")
    assert "negative variances" in refused(store, path)


@pytest.mark.parametrize("kind", ["int64", "bool", "complex64"])
def test_the_wrong_type(kind: str, store: Store, resnet18: State18, tmp_path: Path) -> None:
    import torch

    path = as_pth(resnet18 | {"fc.bias": resnet18["fc.bias"].to(getattr(torch, kind))}, tmp_path / "file.bin")
    assert f"fc.bias holds {kind} values" in refused(store, path)


def test_sparse_and_meta(store: Store, resnet18: State18, tmp_path: Path) -> None:
    path = as_pth(resnet18 | {"fc.weight": resnet18["fc.weight"].to_sparse()}, tmp_path / "sparse.bin")
    assert "fc.weight is not a plain dense tensor" in refused(store, path)
    path = as_pth(resnet18 | {"fc.weight": resnet18["fc.weight"].to("meta")}, tmp_path / "meta.bin")
    assert "fc.weight is not a plain dense tensor" in refused(store, path)


def test_another_network(store: Store, resnet18: State18, tmp_path: Path) -> None:
    import torch

    path = as_pth(torch.nn.Linear(3, 4).state_dict(), tmp_path / "linear.pth")
    assert "not a network that Triptych knows: alexnet-2012, alexnet, resnet18" in refused(store, path)
    tuned = resnet18 | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    assert "fc.weight is 10 × 512 instead of 1000 × 512" in refused(store, as_safetensors(tuned, tmp_path / "ten.bin"))


def test_no_state_dict(store: Store, tmp_path: Path) -> None:
    import torch

    assert "not a state dict" in refused(store, as_pth([torch.zeros(3)], tmp_path / "list.pth"))
    assert "not a state dict" in refused(store, as_pth(torch.zeros(3), tmp_path / "tensor.pth"))
    assert "not a state dict" in refused(store, as_pth({}, tmp_path / "nothing.pth"))
    assert "“epoch” in it is no tensor" in refused(store, as_pth({"epoch": 3}, tmp_path / "epoch.pth"))
    loop: dict[str, Any] = {}
    loop["model"] = loop
    assert "loop.pth" in refused(store, as_pth(loop, tmp_path / "loop.pth"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<!DOCTYPE html><html><body>Not found", "is a web page"),
        (b"\xef\xbb\xbf\n  <html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "neither safetensors nor a PyTorch state dict"),
        (b"just text", "neither safetensors nor"),
        (b"x", "neither safetensors nor"),
        (struct.pack("<Q", 1 << 40) + b"{" + bytes(100), "header claims 1,099,511,627,776 bytes"),
        (struct.pack("<Q", 20) + b'{"a": "no header"}  ', "is damaged"),
        (struct.pack("<Q", 10) + b"{" + bytes(9), "is damaged"),
        (struct.pack("<Q", 2) + b"{}", "not a network that Triptych knows"),
        (b"PK\x03\x04" + bytes(100), "truncated or damaged"),
    ],
)
def test_anything_else(content: bytes, sentence: str, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    assert sentence in refused(store, path)


def test_a_header_deeper_than_any_parser(store: Store, tmp_path: Path) -> None:
    header = b'{"a":' + b"[" * 200_000
    path = tmp_path / "deep.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    assert "damaged" in refused(store, path)


def test_holes_and_overlaps_are_refused(store: Store, tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({"a": entry, "b": entry}).encode()
    path = tmp_path / "overlap.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert "damaged" in refused(store, path)


def test_zip_bombs_are_not_opened(store: Store, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.pth"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/data/0", bytes(50_000_000))
    assert "compressed archive" in refused(store, bomb)


def test_other_archives(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "file.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "not a PyTorch state dict" in refused(store, path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
        archive.writestr("archive/code/__torch__.py", "import os")
    assert "TorchScript program" in refused(store, path)


def test_a_tensor_that_claims_to_be_huge(store: Store, resnet18: State18, tmp_path: Path) -> None:
    """A few bytes seen as 4 TB (stride 0): refused by its shape, before anything is copied."""
    import torch

    huge = torch.zeros(1).expand(1_000_000, 1_000_000)
    path = as_pth(resnet18 | {"fc.weight": huge}, tmp_path / "huge.pth")
    assert "fc.weight is 1000000 × 1000000" in refused(store, path)


def test_too_large(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(5 << 30)  # sparse: takes no room
    assert "too large" in refused(store, path)


def test_mutated_files_never_crash(store: Store, tmp_path: Path) -> None:
    """A few hundred damaged small files of each format: always a sentence, never another exception."""
    import random

    import torch

    chance = random.Random(5)
    state = {"a": torch.ones(8), "b": torch.zeros(2, 3)}
    seeds = []
    for way in ("safetensors", "pth", "legacy"):
        path = WAYS[way](state, tmp_path / "seed.bin")
        seeds.append(path.read_bytes())
    path = tmp_path / "mutant.bin"
    for number in range(300):
        content = bytearray(seeds[number % 3])
        for _ in range(chance.choice((1, 2, 8))):
            content[chance.randrange(min(len(content), 1500))] = chance.randrange(256)
        path.write_bytes(content)
        with pytest.raises(StoreError):
            weights.read(path)


def test_names(store: Store, resnet18_pth: Path) -> None:
    assert sideload.slug("Мой ResNet-18 № 3!") == "resnet-18-no-3"
    assert sideload.slug("模型") == ""
    assert sideload.slug("CON") == "con-model"
    assert sideload.slug("../../etc/passwd") == "etc-passwd"
    card = store.import_file(resnet18_pth)  # “resnet18” is kept for the embedded one
    assert card.id == "resnet18-imported"
    for taken in ("resnet18", "ResNet18 V1", "efficientnet-lite0", "resnet18-imported"):
        with pytest.raises(StoreError, match=r"is taken: give resnet18\.pth another one"):
            store.import_file(resnet18_pth, taken)
    with pytest.raises(StoreError, match="is taken"):
        store.import_file(resnet18_pth)
    with pytest.raises(StoreError, match="leaves no id"):
        store.import_file(resnet18_pth, "模型")
    assert store.import_file(resnet18_pth, "Mine").id == "mine"


def test_a_file_without_letters_in_its_name(store: Store, resnet18_pth: Path, tmp_path: Path) -> None:
    path = tmp_path / "模型.pth"
    path.symlink_to(resnet18_pth)
    card = store.import_file(path)
    assert (card.id, card.name) == ("imported", "模型")


def test_the_official_file_brought_by_hand_keeps_its_preprocessing(
    store: Store, resnet18_pth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    official = store.card("resnet18-v1")
    monkeypatch.setattr(sideload, "sha256_of", lambda path: f"{official.sha256_prefix}{0:056}")
    card = store.import_file(resnet18_pth, "brought")
    assert (card.preprocessing, card.published) == (official.preprocessing, official.published)
    assert "official" in card.summary


def test_nowhere_to_put_it(store: Store, folders: locate.Folders, resnet18_pth: Path) -> None:
    folders.models.parent.parent.mkdir(parents=True)
    folders.models.parent.write_text("a file in the way")
    with pytest.raises(StoreError, match=locate.HOME_VARIABLE):
        store.import_file(resnet18_pth, "mine")


def test_a_full_disk_leaves_nothing(store: Store, resnet18_pth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sideload, "save", full)
    with pytest.raises(StoreError, match=r"mine\.safetensors can't be written \(No space left"):
        store.import_file(resnet18_pth, "mine")
    assert [path.name for path in store.folders.models.iterdir()] == [".import.lock"]


def test_the_card_is_whole(store: Store, resnet18_pth: Path) -> None:
    card = store.import_file(resnet18_pth, "mine")
    assert read_card(store.folders.models / "mine.toml") == card
    assert "for research and education" in card.terms
    assert dict(card.extra)["imported_from"] == "resnet18.pth"


def test_an_unreadable_file(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no file gone\.pth"):
        store.import_file(tmp_path / "gone.pth")
    with pytest.raises(StoreError, match="holds no checkpoint of TensorFlow"):
        store.import_file(tmp_path)


def test_weights_of_another_architecture_than_the_cards(resnet18_pth: Path) -> None:
    with pytest.raises(StoreError, match=r"resnet18\.pth holds the weights of resnet18, not of resnet34"):
        weights.read(resnet18_pth, "resnet34")


def test_reading_copies(resnet18: State18, tmp_path: Path) -> None:
    """The file may vanish or change while its weights are in use; a mapped one would end the process."""
    path = as_pth(resnet18, tmp_path / "file.pth")
    _, state = weights.read(path)
    os.truncate(path, 0)
    assert float(state["fc.weight"].sum()) == float(resnet18["fc.weight"].sum())
