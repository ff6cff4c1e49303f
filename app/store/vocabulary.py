"""The words of a captioner, kept in the header of its safetensors file. No torch: the header is plain JSON."""

from __future__ import annotations

import json
from pathlib import Path

from app.store.errors import StoreError

KEY = "vocabulary"
SPECIAL = ("<pad>", "<unknown>", "<start>", "<end>")  # the first ids; app.nets.captioner counts on them
PAD, UNKNOWN, START, END = range(4)
LARGEST_HEADER = 8 << 20  # bytes


def read(path: Path) -> tuple[str, ...]:
    """Words in the order of their ids. Raises StoreError where there are none, or not as many as embeddings."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= LARGEST_HEADER:
                raise ValueError("no header")
            header = json.loads(file.read(length))
        words = tuple(header["__metadata__"][KEY].split("\n"))
        count = header["decoder.embedding.weight"]["shape"][0]
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise StoreError(f"{path.name} has no vocabulary that can be read: install Triptych again.") from error
    if words[:4] != SPECIAL or len(words) != count or len(set(words)) != count or not all(words):
        raise StoreError(f"{path.name} has a damaged vocabulary ({len(words):,} words): install Triptych again.")
    return words
