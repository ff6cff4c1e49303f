"""Feed the reader of TensorFlow's checkpoints mutated ones:
`python -m tests.benchmarks.fuzz_checkpoints [--count 50000] [--seed 0]`.

Indexes are mutated with their checksums left as they were and, more often, made right again, so that the parser behind
them is reached; the data are mutated as well. What must never happen: an exception other than `StoreError`, a sentence
that names no file, more than a second, and wrong numbers: whatever is read has the checksum that the index gives.
Exit code 1 where one of them did. A slice of it runs with the tests (tests/store/test_tensorflow.py).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import google_crc32c
import numpy as np

from app.store import tensorflow
from app.store.errors import StoreError
from tests.store import bundles

SLOW = 1.0  # seconds
EDGES = (0, 1, 127, 128, 255)


@dataclass
class Outcomes:
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Blocks:
    """An index as its blocks' pairs, so that checksums can be made right after a change."""

    pairs: tuple[tuple[bytes, bytes], ...]
    data: bytes


def corpus() -> list[Blocks]:
    """Small checkpoints of one shard."""
    rng = np.random.default_rng(1)
    made = []
    for count in (1, 5, 60):
        with tempfile.TemporaryDirectory() as folder:
            arrays: dict[str, np.ndarray] = {
                f"layer/{k:03d}/w": rng.standard_normal((k % 4, 3), np.float32) for k in range(count)
            }
            arrays["global_step"] = np.array(5, np.int64)
            pairs: list[tuple[bytes, bytes]] = [(b"", bundles.header(1))]

            def keep(entries: dict[str, bundles.Entry], pairs: list[tuple[bytes, bytes]] = pairs) -> None:
                pairs += sorted((name.encode(), bundles.entry(found)) for name, found in entries.items())

            bundles.write(Path(folder) / "c", arrays, change=keep)
            made.append(Blocks(tuple(pairs), (Path(folder) / "c.data-00000-of-00001").read_bytes()))
    return made


def mutate(files: list[Blocks], seed: int, number: int) -> tuple[bytes, bytes]:
    """The `number`th mutated checkpoint of `seed`, always the same: index, data."""
    dice = random.Random(f"{seed}/{number}")
    original = files[number % len(files)]
    pairs, data = list(original.pairs), bytearray(original.data)
    kind = dice.randrange(4)
    if kind in (0, 1):  # keys or values, checksums right
        for _ in range(dice.choice((1, 1, 2, 5))):
            k = dice.randrange(len(pairs))
            key, value = pairs[k]
            if dice.random() < 0.2:
                key = changed(key, dice)
            else:
                value = changed(value, dice)
            pairs[k] = (key, value)
    index = bytearray(bundles.table(pairs, dice.choice((2, 40))))
    if kind == 1:  # the layout of a block, its checksum right
        at = dice.randrange(len(index))
        index[at] = dice.choice(EDGES)
        mend(index)
    if kind == 2:
        index = bytearray(changed(bytes(index), dice))
    if kind == 3 and data:
        data = bytearray(changed(bytes(data), dice))
    return bytes(index), bytes(data)


def changed(content: bytes, dice: random.Random) -> bytes:
    data = bytearray(content) or bytearray(b"\0")
    at = dice.randrange(len(data))
    match dice.randrange(6):
        case 0:
            data[at] ^= 1 << dice.randrange(8)
        case 1:
            data[at] = dice.choice(EDGES)
        case 2:
            data[at : at + 9] = b"\xff" * 9 + b"\x01"
        case 3:
            del data[at : at + dice.choice((1, 2, 30))]
        case 4:
            data[at:at] = dice.randbytes(dice.choice((1, 4, 20)))
        case 5:
            del data[at:]
    return bytes(data)


def mend(index: bytearray) -> None:
    """Makes the checksums right of the blocks that an index's footer and its last block name, as far as they can be
    found."""
    try:
        footer = bytes(index[-48:-8])
        _, at = tensorflow._handle(footer, 0)
        (offset, size), _ = tensorflow._handle(footer, at)
        _sum(index, offset, size)
        for _, value in tensorflow._block(bytes(index), (offset, size), len(index) - 48):
            (there, length), _ = tensorflow._handle(value, 0)
            _sum(index, there, length)
    except ValueError:
        pass


def _sum(index: bytearray, offset: int, size: int) -> None:
    end = offset + size
    if end + 5 <= len(index) - 48:
        crc = bundles.masked(google_crc32c.value(bytes(index[offset : end + 1])))
        index[end + 1 : end + 5] = crc.to_bytes(4, "little")


def run(files: list[Blocks], seed: int, count: int, folder: Path, first: int = 0) -> Outcomes:
    outcomes = Outcomes()
    index, shard = folder / "c.index", folder / "c.data-00000-of-00001"
    for number in range(first, first + count):
        raw, data = mutate(files, seed, number)
        index.write_bytes(raw)
        shard.write_bytes(data)
        begun = time.perf_counter()
        try:
            bundle = tensorflow.open_bundle(index)
            for name, variable in bundle.variables.items():
                array = bundle.read(name)
                if bundles.masked(google_crc32c.value(array.tobytes())) != variable.crc32c:
                    outcomes.findings.append(f"{number}: {name} came with a wrong checksum")
            outcomes.read += 1
        except StoreError as error:
            outcomes.refused += 1
            sentence = str(error)
            if "\n" in sentence or not sentence.startswith("c.") or not sentence.endswith(".") or len(sentence) > 500:
                outcomes.findings.append(f"{number}: sentence {sentence!r}")
        except Exception:
            outcomes.findings.append(f"{number}: {traceback.format_exc()}")
        seconds = time.perf_counter() - begun
        outcomes.slowest = max(outcomes.slowest, seconds)
        if seconds > SLOW:
            outcomes.findings.append(f"{number}: {seconds:.1f} s")
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one checkpoint")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first, count = (0, options.count) if options.only is None else (options.only, 1)
        outcomes = run(corpus(), options.seed, count, Path(folder), first)
    print(f"{count:,} mutated checkpoints (seed {options.seed}): {outcomes.read:,} read, {outcomes.refused:,} refused")
    print(f"slowest: {outcomes.slowest:.2f} s")
    print(f"findings: {len(outcomes.findings)}")
    print(*outcomes.findings[:50], sep="\n")
    return 1 if outcomes.findings else 0


if __name__ == "__main__":
    sys.exit(main())
