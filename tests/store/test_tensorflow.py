"""Checkpoints of TensorFlow: read as they are, refused where they are spoilt. That TensorFlow itself writes them so is
held by tests/store/test_convert.py, with checkpoints that it wrote."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest

from app.store import tensorflow
from app.store.errors import StoreError
from tests.store import bundles

SHARED = Path(__file__).parents[3] / "shared" / "data" / "show_and_tell"


@pytest.fixture
def variables() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    made: dict[str, np.ndarray] = {
        f"net/layer_{k}/kernel": rng.standard_normal((3 + k % 5, 7), np.float32) for k in range(90)
    }
    made["net/bias"] = rng.standard_normal(11)
    made["net/half"] = rng.standard_normal((2, 0, 4)).astype(np.float16)
    made["global_step"] = np.array(254_000, np.int64)
    made["naïve/größe"] = np.array([[1, 2]], np.int32)
    return made


@pytest.mark.parametrize("shards", [1, 3])
def test_everything_comes_back(tmp_path: Path, variables: dict[str, np.ndarray], shards: int) -> None:
    bundle = tensorflow.open_bundle(bundles.write(tmp_path / "model.ckpt-7", variables, shards))
    assert list(bundle.variables) == sorted(variables, key=str.encode)
    assert len(bundle.shards) == shards
    assert all(file.is_file() for file in bundle.files)
    assert bundle.size == sum(array.nbytes for array in variables.values())
    for name, array in variables.items():
        found = bundle.read(name)
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)
        assert bundle.variables[name].shape == array.shape


def spoilt(**change: object) -> Callable[[dict[str, bundles.Entry]], None]:
    return lambda entries: entries["net/layer_7/kernel"].update(change)


def overlapping(entries: dict[str, bundles.Entry]) -> None:
    entries["net/layer_7/kernel"]["offset"] = int(entries["net/layer_8/kernel"]["offset"]) + 4  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (overlapping, "net/layer_8/kernel and net/layer_7/kernel overlap"),
        (spoilt(offset=-8), "net/layer_7/kernel has a negative offset or size"),
        (spoilt(shard=1), "net/layer_7/kernel lies in shard 1 of 1"),
        (spoilt(shape=(4, 7)), r"net/layer_7/kernel has 140 bytes, which its shape \(4 × 7\) doesn't take"),
        (spoilt(shape=(1 << 40, 2)), "the shape of net/layer_7/kernel is wrong"),
        (spoilt(shape=(0, 1 << 62), size=0), "the shape of net/layer_7/kernel is wrong"),
        (spoilt(shape=(5, -7)), "the shape of net/layer_7/kernel is wrong"),
        (spoilt(shape=(1,) * 17), "the shape of net/layer_7/kernel is wrong"),
        (spoilt(more=bundles.field(7, b"")), "net/layer_7/kernel is stored in slices"),
        (spoilt(more=bundles.field(2, 5)), "an entry is wrong"),
        (spoilt(more=b"\x0a\x7f"), "an entry is cut off"),
        (spoilt(more=b"\x0b"), "an entry is wrong"),
    ],
)
def test_entries_that_are_wrong(
    tmp_path: Path, variables: dict[str, np.ndarray], change: Callable[[dict[str, bundles.Entry]], None], said: str
) -> None:
    index = bundles.write(tmp_path / "bad", variables, change=change)
    with pytest.raises(StoreError, match=rf"^bad\.index is not a sound index of a .*checkpoint: .*{said}.*\.$"):
        tensorflow.open_bundle(index)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (bundles.field(1, 1) + bundles.field(2, 1), "big-endian machine"),
        (bundles.field(1, 5000), "claims to have 5,000 shards"),
        (b"", "claims to have 0 shards"),
    ],
)
def test_headers_that_are_wrong(tmp_path: Path, variables: dict[str, np.ndarray], head: bytes, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        tensorflow.open_bundle(bundles.write(tmp_path / "bad", variables, head=head))


def test_tables_that_are_wrong(tmp_path: Path, variables: dict[str, np.ndarray]) -> None:
    index = bundles.write(tmp_path / "bad", variables)
    sound = index.read_bytes()

    def said(content: bytes) -> str:
        index.write_bytes(content)
        with pytest.raises(StoreError) as caught:
            tensorflow.open_bundle(index)
        return str(caught.value)

    assert "its end is missing or it is another kind of file" in said(sound[:-100])
    assert "its end is missing or it is another kind of file" in said(b"<!doctype html>" + b" " * 100)
    assert "its end is missing" in said(b"")
    assert "the checksum of a block is wrong" in said(sound[:60] + bytes([sound[60] ^ 1]) + sound[61:])
    entry = bundles.entry({"dtype": 1, "shape": (0,), "shard": 0, "offset": 0, "size": 0, "crc32c": 0})
    head = bundles.header(1)
    assert "it is empty" in said(bundles.table([]))
    assert "it has no header" in said(bundles.table([(b"a", entry)]))
    assert "its names are not in order" in said(bundles.table([(b"", head), (b"b", entry), (b"a", entry)]))
    assert "a variable's name is no text" in said(bundles.table([(b"", head), (b"\xff", entry)]))
    assert "a block is wrong" in said(bundles.table([(b"", head), (b"a" * 2000, entry)]))
    data = bundles.block([(b"", head)], compression=1)
    end = bundles.varint(len(data) + 13) + bundles.varint(0)
    listed = bundles.block([(b"", bundles.varint(0) + bundles.varint(len(data) - 5))])
    footer = (b"\0\0" + bundles.varint(len(data)) + bundles.varint(len(listed) - 5)).ljust(40, b"\0")
    assert "a block is compressed" in said(data + listed + footer + bundles.MAGIC.to_bytes(8, "little"))
    footer = (b"\0\0" + end).ljust(40, b"\0")
    assert "a block lies outside of it" in said(data + listed + footer + bundles.MAGIC.to_bytes(8, "little"))
    twice = bundles.block([(b"", bundles.varint(0) + bundles.varint(len(data) - 5))] * 200, restart=1)
    footer = (b"\0\0" + bundles.varint(len(data)) + bundles.varint(len(twice) - 5)).ljust(40, b"\0")
    assert "compressed" in said(data + twice + footer + bundles.MAGIC.to_bytes(8, "little"))
    index.unlink()
    with pytest.raises(StoreError, match=r"bad\.index can't be read"):
        tensorflow.open_bundle(index)
    with pytest.raises(StoreError, match=r"its name must end in “\.index”"):
        tensorflow.open_bundle(tmp_path / "checkpoint")


def test_shards_that_are_wrong(tmp_path: Path, variables: dict[str, np.ndarray]) -> None:
    index = bundles.write(tmp_path / "bad", variables, 2)
    shard = tmp_path / "bad.data-00001-of-00002"
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(StoreError, match=rf"{shard.name} is truncated: .* bytes are announced"):
        tensorflow.open_bundle(index)
    name = next(v.name for v in tensorflow.read_index(index.read_bytes())[0].values() if v.shard == 1 and not v.offset)
    shard.write_bytes(bytes([content[0] ^ 64]) + content[1:])
    bundle = tensorflow.open_bundle(index)
    with pytest.raises(StoreError, match=rf"{shard.name} is damaged: the checksum of {name} is wrong"):
        bundle.read(name)
    bundle.read("global_step")  # the others are sound
    shard.write_bytes(b"")
    with pytest.raises(StoreError, match="became shorter while it was read"):
        bundle.read(name)
    shard.unlink()
    with pytest.raises(StoreError, match=rf"needs {shard.name} beside it, and that is missing"):
        tensorflow.open_bundle(index)


def test_what_holds_no_numbers(tmp_path: Path, variables: dict[str, np.ndarray]) -> None:
    def text(entries: dict[str, bundles.Entry]) -> None:
        entries["net/bias"].update(dtype=7)

    bundle = tensorflow.open_bundle(bundles.write(tmp_path / "texts", variables, change=text))
    assert bundle.variables["net/bias"].type is None
    with pytest.raises(StoreError, match="net/bias holds no numbers that Triptych reads"):
        bundle.read("net/bias")


def test_memory_is_that_of_one_variable(tmp_path: Path) -> None:
    made = {f"v{k}": np.full((1 << 20,), k, np.float32) for k in range(12)}  # 4 MiB each
    bundle = tensorflow.open_bundle(bundles.write(tmp_path / "large", made))
    tracemalloc.start()
    try:
        for name in bundle.variables:
            bundle.read(name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20


def test_mutated_indexes_are_refused_with_a_sentence(tmp_path: Path, variables: dict[str, np.ndarray]) -> None:
    """A slice of `python -m tests.benchmarks.fuzz_checkpoints`."""
    from tests.benchmarks import fuzz_checkpoints

    outcomes = fuzz_checkpoints.run(fuzz_checkpoints.corpus(), seed=13, count=1500, folder=tmp_path)
    assert not outcomes.findings, "\n".join(outcomes.findings)
    assert outcomes.read > 0
    assert outcomes.refused > 100


needs_the_index = pytest.mark.skipif(
    not (SHARED / "model.ckpt-2000000.index").is_file(), reason="../shared/data/show_and_tell is not there"
)


@needs_the_index
def test_the_index_of_show_and_tell(tmp_path: Path) -> None:
    """What its page says: one shard, 383 variables, 149,002,244 bytes, and the shapes of the network. A data file of
    that layout is sparse: only what is looked at is written, with its checksum put into the index's place."""
    raw = (SHARED / "model.ckpt-2000000.index").read_bytes()
    variables, shards = tensorflow.read_index(raw)
    assert (shards, len(variables)) == (1, 383)
    assert sum(variable.size for variable in variables.values()) == 149_002_244
    assert max(variable.offset + variable.size for variable in variables.values()) == 149_002_244
    for name, shape in {
        "image_embedding/weights": (2048, 512),
        "seq_embedding/map": (12000, 512),
        "lstm/basic_lstm_cell/weights": (1024, 2048),
        "lstm/basic_lstm_cell/biases": (2048,),
        "logits/weights": (512, 12000),
        "logits/biases": (12000,),
        "global_step": (),
        "InceptionV3/Mixed_6a/Branch_0/Conv2d_1a_1x1/weights": (3, 3, 288, 384),
        "InceptionV3/Mixed_6b/Branch_1/Conv2d_0b_1x7/weights": (1, 7, 128, 128),
    }.items():
        assert variables[name].shape == shape
    convolutions = [name for name in variables if name.startswith("InceptionV3/") and name.endswith("/weights")]
    assert len(convolutions) == 94
    for name in convolutions:
        base = name.removesuffix("weights") + "BatchNorm/"
        width = variables[name].shape[3:]
        assert all(variables[base + part].shape == width for part in ("beta", "moving_mean", "moving_variance"))
        assert base + "gamma" not in variables
    index = tmp_path / "model.ckpt-2000000.index"
    index.write_bytes(raw)
    with pytest.raises(StoreError, match=r"model\.ckpt-2000000\.data-00000-of-00001 beside it, and that is missing"):
        tensorflow.open_bundle(index)
    with (tmp_path / "model.ckpt-2000000.data-00000-of-00001").open("wb") as file:
        file.truncate(149_002_244)
    bundle = tensorflow.open_bundle(index)
    assert bundle.size == 149_002_244
    with pytest.raises(StoreError, match="the checksum of logits/biases is wrong"):  # zeros are not its numbers
        bundle.read("logits/biases")


def test_the_checksum_is_the_one_of_the_standard() -> None:
    """RFC 3720, appendix B.4, and LevelDB's own test of its mask."""
    assert google_crc32c.value(bytes(32)) == 0x8A9136AA
    assert google_crc32c.value(bytes(range(32))) == 0x46DD794E
    assert google_crc32c.implementation == "c"  # else 800 MB would take minutes
    assert bundles.masked(google_crc32c.value(b"foo")) != google_crc32c.value(b"foo")


def test_mutations_are_always_the_same() -> None:
    from tests.benchmarks import fuzz_checkpoints

    files: Any = fuzz_checkpoints.corpus()
    dice = random.Random(0)
    for number in (dice.randrange(10_000) for _ in range(5)):
        assert fuzz_checkpoints.mutate(files, 3, number) == fuzz_checkpoints.mutate(files, 3, number)
