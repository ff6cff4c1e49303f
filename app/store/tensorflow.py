"""Reading TensorFlow's checkpoints without TensorFlow: the "tensor bundle", an index and raw numbers beside it.

**NAME.index** is a table as LevelDB writes them (its `doc/table_format.md`): blocks of sorted keys and values, each
with a checksum, and a footer of 48 bytes that says where the block of blocks lies. The empty key holds a
`BundleHeaderProto` (how many shards), every other one is a variable's name and holds a `BundleEntryProto`: type, shape,
and which bytes of which shard, with their checksum (tensorflow/core/protobuf/tensor_bundle.proto). TensorFlow never
compresses the blocks.

**NAME.data-00000-of-00001** and further shards are the variables' bytes, little-endian, nothing else.

Nothing in either is ever run. A checksum is CRC-32C, masked as LevelDB masks it. One variable at a time is in memory,
and none comes out whose checksum is wrong. A file from a stranger can claim anything, so all is bounded by what is
really there, and each kind of damage is one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from app.store.errors import StoreError

MAGIC = 0xDB4775248B80FB57  # the last 8 bytes of a table
FOOTER = 48  # bytes
LARGEST_INDEX = 16 << 20  # bytes; Show and Tell's is 17 kB for 383 variables
LONGEST_NAME = 1024  # bytes
MOST_VARIABLES = 65_536
MOST_SHARDS = 1000
MOST_AXES = 16
MOST_NUMBERS = 1 << 40  # of a variable; numpy counts the other axes of an empty one as well

_BLOCK = 4 << 20  # bytes read at a time
_TRAILER = 5  # bytes behind a block: its compression, its checksum
_TYPES: Mapping[int, np.dtype[Any]] = {  # tensorflow/core/framework/types.proto
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    17: np.dtype("<u2"),
    19: np.dtype("<f2"),
    22: np.dtype("<u4"),
    23: np.dtype("<u8"),
}


class _DamagedError(ValueError):
    """What is wrong with the file, as the middle of a sentence."""


@dataclass(frozen=True)
class Variable:
    """What the index says of one. `type` is None where Triptych doesn't read it (texts, complex numbers …)."""

    name: str
    type: np.dtype[Any] | None
    shape: tuple[int, ...]
    shard: int
    offset: int  # bytes, in the shard
    size: int  # bytes
    crc32c: int  # masked


@dataclass(frozen=True)
class Bundle:
    """A checkpoint: its variables by name, in the order of the index, and the files they lie in."""

    index: Path
    variables: Mapping[str, Variable]
    shards: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.index, *self.shards)

    @property
    def size(self) -> int:
        """Bytes of all variables."""
        return sum(variable.size for variable in self.variables.values())

    def read(self, name: str) -> np.ndarray:
        """The variable, its checksum verified. Raises StoreError; KeyError where there is none of that name."""
        import google_crc32c

        variable = self.variables[name]
        shard = self.shards[variable.shard]
        if variable.type is None:
            raise StoreError(f"{self.index.name}: {short(name)} holds no numbers that Triptych reads.")
        array = np.empty(variable.shape, variable.type)
        raw = array.reshape(-1).view(np.uint8)  # (size,)
        crc = 0
        try:
            with shard.open("rb", buffering=0) as file:
                file.seek(variable.offset)
                for start in range(0, variable.size, _BLOCK):
                    part = raw[start : start + _BLOCK]
                    if file.readinto(part.data) != len(part):
                        raise StoreError(f"{shard.name} became shorter while it was read: copy it again.")
                    crc = google_crc32c.extend(crc, part)
        except OSError as error:
            raise StoreError(f"{shard.name} can't be read ({error.strerror or error}).") from error
        if _masked(crc) != variable.crc32c:
            raise StoreError(
                f"{shard.name} is damaged: the checksum of {short(name)} is wrong; download or copy it again."
            )
        return array


def open_bundle(index: Path) -> Bundle:
    """The checkpoint whose index this is; its shards lie in the same folder. The index is read whole and checked, of
    the shards only that they are long enough. Raises StoreError."""
    if not index.name.endswith(".index"):
        raise StoreError(f"{index.name} is not the index of a TensorFlow checkpoint: its name must end in “.index”.")
    try:
        size = index.stat().st_size
        if size > LARGEST_INDEX:
            raise StoreError(f"{index.name} is too large for the index of a checkpoint ({size / 1e6:.0f} MB).")
        raw = index.read_bytes()
    except OSError as error:
        raise StoreError(f"{index.name} can't be read ({error.strerror or error}).") from error
    try:
        variables, count = read_index(raw)
    except ValueError as error:
        raise StoreError(f"{index.name} is not a sound index of a TensorFlow checkpoint: {error}.") from error
    prefix = index.name.removesuffix(".index")
    shards = tuple(index.with_name(f"{prefix}.data-{k:05d}-of-{count:05d}") for k in range(count))
    ends = [0] * count
    for variable in variables.values():
        ends[variable.shard] = max(ends[variable.shard], variable.offset + variable.size)
    for shard, end in zip(shards, ends, strict=True):
        try:
            there = shard.stat().st_size
        except OSError as error:
            raise StoreError(f"{index.name} needs {shard.name} beside it, and that is missing.") from error
        if there < end:
            raise StoreError(f"{shard.name} is truncated: {end:,} bytes are announced, {there:,} are there.")
    return Bundle(index, variables, shards)


def read_index(raw: bytes) -> tuple[dict[str, Variable], int]:
    """An index's variables and the number of shards. Raises ValueError with the middle of a sentence."""
    shards: int | None = None
    variables: dict[str, Variable] = {}
    for key, value in _table(raw):
        if shards is None:
            if key:
                raise _DamagedError("it has no header")
            shards = _header(value)
            continue
        if len(variables) >= MOST_VARIABLES:
            raise _DamagedError(f"it names more than {MOST_VARIABLES:,} variables")
        try:
            name = key.decode()
        except UnicodeDecodeError:
            raise _DamagedError("a variable's name is no text") from None
        variables[name] = _entry(name, value, shards)
    if shards is None:
        raise _DamagedError("it is empty")
    _check_overlap(variables.values())
    return variables, shards


# The table


def _table(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values in ascending order."""
    if len(raw) < FOOTER or int.from_bytes(raw[-8:], "little") != MAGIC:
        raise _DamagedError("its end is missing or it is another kind of file")
    footer = raw[-FOOTER:-8]
    _, at = _handle(footer, 0)  # of a block with filters, which TensorFlow leaves empty
    index, _ = _handle(footer, at)
    body, total, before = len(raw) - FOOTER, 0, None
    for _, value in _block(raw, index, body):
        handle, end = _handle(value, 0)
        total += handle[1]
        if end != len(value) or total > body:  # so that no block can be named again and again
            raise _DamagedError("its list of blocks is wrong")
        for key, found in _block(raw, handle, body):
            if before is not None and key <= before:
                raise _DamagedError("its names are not in order")
            before = key
            yield key, found


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """(offset, size) of a block, and where it ends in `data`."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _block(raw: bytes, handle: tuple[int, int], body: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block: each key is stored as how much it shares with the one before, and the rest."""
    import google_crc32c

    offset, size = handle
    end = offset + size
    if size < 4 or end + _TRAILER > body:
        raise _DamagedError("a block lies outside of it")
    if raw[end] != 0:
        raise _DamagedError("a block is compressed, which TensorFlow never does")
    if _masked(google_crc32c.value(raw[offset : end + 1])) != int.from_bytes(raw[end + 1 : end + _TRAILER], "little"):
        raise _DamagedError("the checksum of a block is wrong")
    data = raw[offset:end]
    restarts = int.from_bytes(data[-4:], "little")  # places where a key is stored whole; nobody seeks here
    stop = size - 4 * (restarts + 1)
    if stop < 0:
        raise _DamagedError("a block is wrong")
    at, key = 0, b""
    while at < stop:
        shared, at = _varint(data, at)
        fresh, at = _varint(data, at)
        length, at = _varint(data, at)
        if shared > len(key) or at + fresh + length > stop or shared + fresh > LONGEST_NAME:
            raise _DamagedError("a block is wrong")
        key = key[:shared] + data[at : at + fresh]
        at += fresh
        yield key, data[at : at + length]
        at += length


def _masked(crc: int) -> int:
    """LevelDB's mask: a checksum is stored beside what contains checksums itself."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# What the values say: protocol buffers


def _header(value: bytes) -> int:
    """BundleHeaderProto -> the number of shards."""
    fields = _fields(value)
    shards, order = _number(fields, 1), _number(fields, 2)
    if order != 0:
        raise _DamagedError("it was written on a big-endian machine, which Triptych doesn't read")
    if not 1 <= shards <= MOST_SHARDS:
        raise _DamagedError(f"it claims to have {shards:,} shards")
    return shards


def _entry(name: str, value: bytes, shards: int) -> Variable:
    """BundleEntryProto of the variable `name`."""
    fields = _fields(value)
    if 7 in fields:
        raise _DamagedError(f"{short(name)} is stored in slices, which Triptych doesn't read")
    shape = _shape(name, _bytes(fields, 2))
    number = _number(fields, 1)
    shard, offset, size, crc32c = (_number(fields, k) for k in (3, 4, 5, 6))
    if not 0 <= shard < shards:
        raise _DamagedError(f"{short(name)} lies in shard {shard:,} of {shards}")
    if offset < 0 or size < 0:
        raise _DamagedError(f"{short(name)} has a negative offset or size")
    kind = _TYPES.get(number)
    if kind is not None and math.prod(shape) * kind.itemsize != size:
        raise _DamagedError(f"{short(name)} has {size:,} bytes, which its shape ({shown(shape)}) doesn't take")
    return Variable(name, kind, shape, shard, offset, size, crc32c)


def _shape(name: str, value: bytes) -> tuple[int, ...]:
    """TensorShapeProto."""
    fields = _fields(value)
    sizes = []
    for axis in fields.get(2, []):
        if not isinstance(axis, bytes):
            raise _DamagedError("an entry is wrong")
        sizes.append(_number(_fields(axis), 1))
    unbounded = _number(fields, 3) or len(sizes) > MOST_AXES or any(size < 0 for size in sizes)
    if unbounded or math.prod(max(size, 1) for size in sizes) > MOST_NUMBERS:
        raise _DamagedError(f"the shape of {short(name)} is wrong")
    return tuple(sizes)


def _fields(data: bytes) -> dict[int, list[int | bytes]]:
    """A message's fields by number, each with its values in order: numbers as unsigned, messages and texts as bytes."""
    found: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _varint(data, at)
            case 1 | 5 as wire:
                length = 8 if wire == 1 else 4
                value, at = int.from_bytes(data[at : at + length], "little"), at + length
            case 2:
                length, at = _varint(data, at)
                value, at = data[at : at + length], at + length
            case _:
                raise _DamagedError("an entry is wrong")
        if at > len(data):
            raise _DamagedError("an entry is cut off")
        found.setdefault(key >> 3, []).append(value)
    return found


def _number(fields: Mapping[int, list[int | bytes]], field: int) -> int:
    """The last value, as protocol buffers want it; 0 where there is none. Negative ones are stored as 64 bits."""
    value = fields.get(field, [0])[-1]
    if not isinstance(value, int):
        raise _DamagedError("an entry is wrong")
    return value - (1 << 64) if value >= 1 << 63 else value


def _bytes(fields: Mapping[int, list[int | bytes]], field: int) -> bytes:
    value = fields.get(field, [b""])[-1]
    if not isinstance(value, bytes):
        raise _DamagedError("an entry is wrong")
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to 64 bits, seven a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise _DamagedError("an entry is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise _DamagedError("an entry is wrong")


def _check_overlap(variables: Iterable[Variable]) -> None:
    filled = (variable for variable in variables if variable.size)
    ordered = sorted(filled, key=lambda variable: (variable.shard, variable.offset))
    for before, after in pairwise(ordered):
        if before.shard == after.shard and before.offset + before.size > after.offset:
            raise _DamagedError(f"{short(before.name)} and {short(after.name)} overlap")


def shown(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"


def short(name: str) -> str:
    """A stranger's name for a sentence."""
    plain = name if name.isprintable() else repr(name)[1:-1]
    return plain if len(plain) <= 100 else plain[:97] + "…"
