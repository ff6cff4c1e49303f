"""Writes TensorFlow checkpoints as TensorFlow does, so that tests can spoil them where they like: app.store.tensorflow
reads them, and tests/store/data holds ones that TensorFlow itself wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import google_crc32c
import numpy as np

MAGIC = 0xDB4775248B80FB57
NUMBERS = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}

Entry = dict[str, object]  # dtype, shape, shard, offset, size, crc32c: what a test may change


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: int | bytes, fixed32: bool = False) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if fixed32:
        return varint(number << 3 | 5) + value.to_bytes(4, "little")
    return varint(number << 3) + varint(value)


def masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def entry(found: Entry) -> bytes:
    """BundleEntryProto; defaults are left out, as protocol buffers do."""
    shape = b"".join(field(2, field(1, size) if size else b"") for size in found["shape"])  # type: ignore[attr-defined]
    out = field(1, found["dtype"]) + field(2, shape)  # type: ignore[arg-type]
    for number, name in ((3, "shard"), (4, "offset"), (5, "size")):
        if found[name]:
            out += field(number, found[name])  # type: ignore[arg-type]
    return out + field(6, found["crc32c"], fixed32=True) + found.get("more", b"")  # type: ignore[arg-type, operator]


def block(pairs: Iterable[tuple[bytes, bytes]], restart: int = 16, compression: int = 0) -> bytes:
    """A block with its trailer; every `restart`th key is whole."""
    data, restarts, before = bytearray(), [], b""
    for count, (key, value) in enumerate(pairs):
        shared = 0
        if count % restart == 0:
            restarts.append(len(data))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    for at in restarts or [0]:
        data += at.to_bytes(4, "little")
    data += len(restarts or [0]).to_bytes(4, "little")
    data.append(compression)
    return bytes(data) + masked(google_crc32c.value(bytes(data))).to_bytes(4, "little")


def table(pairs: list[tuple[bytes, bytes]], block_entries: int = 40) -> bytes:
    out, index = bytearray(), []

    def add(made: bytes) -> bytes:
        handle = varint(len(out)) + varint(len(made) - 5)
        out.extend(made)
        return handle

    for first in range(0, len(pairs), block_entries):
        part = pairs[first : first + block_entries]
        index.append((part[-1][0], add(block(part))))
    footer = add(block([])) + add(block(index, restart=1))
    return bytes(out) + footer.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def header(shards: int) -> bytes:
    return field(1, shards) + field(3, field(1, 1))


def write(
    prefix: Path,
    variables: Mapping[str, np.ndarray],
    shards: int = 1,
    change: Callable[[dict[str, Entry]], None] | None = None,
    head: bytes | None = None,
) -> Path:
    """PREFIX.index and its shards, variables dealt out in turn. `change` may spoil the entries. The index's path."""
    files = [bytearray() for _ in range(shards)]
    entries: dict[str, Entry] = {}
    for k, name in enumerate(sorted(variables)):
        array = variables[name]
        raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
        entries[name] = {
            "dtype": NUMBERS[array.dtype.name],
            "shape": array.shape,
            "shard": k % shards,
            "offset": len(files[k % shards]),
            "size": len(raw),
            "crc32c": masked(google_crc32c.value(raw)),
        }
        files[k % shards] += raw
    if change is not None:
        change(entries)
    pairs = [(b"", header(shards) if head is None else head)]
    pairs += sorted((name.encode(), entry(found)) for name, found in entries.items())
    for k, content in enumerate(files):
        prefix.with_name(f"{prefix.name}.data-{k:05d}-of-{shards:05d}").write_bytes(content)
    index = prefix.with_name(f"{prefix.name}.index")
    index.write_bytes(table(pairs))
    return index
