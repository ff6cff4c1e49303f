"""The words of a captioner, kept in the header of its safetensors file, and the wordpieces of a translator, kept as a
tensor of bytes. No torch: the header is plain JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from app.store.errors import StoreError

KEY = "vocabulary"
WORDPIECES = "wordpieces"
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


def wordpieces(path: Path, languages: Iterable[str]) -> bytes:
    """sentencepiece's model, checked. Raises StoreError where there is none, where it is damaged, has other than one
    piece for each embedding, or no token for one of the `languages`."""
    import safetensors

    from app.text.wordpieces import Wordpieces

    try:
        with safetensors.safe_open(str(path), framework="np") as file:
            count = file.get_slice("embedding.weight").get_shape()[0]
            model: bytes = file.get_tensor(WORDPIECES).tobytes()
    except (OSError, safetensors.SafetensorError, IndexError) as error:
        raise StoreError(f"{path.name} has no wordpieces that can be read: install Triptych again.") from error
    try:
        pieces = Wordpieces(model)
        for language in languages:
            pieces.language(language)
    except ValueError as error:
        raise StoreError(f"{path.name} can't be used: {error}. Install Triptych again.") from error
    if pieces.size != count:
        raise StoreError(
            f"{path.name} has damaged wordpieces ({pieces.size:,} for {count:,} embeddings): install Triptych again."
        )
    return model
