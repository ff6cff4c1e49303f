"""The words of a captioner, kept in the header of its safetensors file, and the wordpieces of a translator, kept as a
tensor of bytes; and the vocabularies of published models. No torch: the header is plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from app.store.errors import StoreError

KEY = "vocabulary"
WORDPIECES = "wordpieces"
# Of a published GNMT: its two vocabularies, a wordpiece a line, and how words are split, as published.
SOURCE, TARGET, CODES = "vocabulary.source", "vocabulary.target", "bpe.codes"
TEXTS = (WORDPIECES, SOURCE, TARGET, CODES)
SPECIAL = ("<pad>", "<unknown>", "<start>", "<end>")  # the first ids; app.nets.captioner counts on them
PAD, UNKNOWN, START, END = range(4)
LARGEST_HEADER = 8 << 20  # bytes
_UNUSED = "<unused "  # how the name begins of an embedding that stands for no word

Parsed = TypeVar("Parsed")


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


def never(words: Sequence[str]) -> tuple[int, ...]:
    """Ids that no captioner says: those that stand for no word."""
    return (PAD, UNKNOWN, START, *(k for k, word in enumerate(words) if word.startswith(_UNUSED)))


# Published models


def published(texts: Mapping[str, bytes], name: str) -> tuple[str, ...]:
    """The wordpieces of a GNMT's vocabulary file, in the order of its checkpoint's ids. Raises StoreError."""
    from app.text import moses_bpe

    return _parsed(texts, name, moses_bpe.vocabulary)


def codes(texts: Mapping[str, bytes]) -> dict[tuple[str, str], int]:
    """How subword-nmt joins the pieces of a word: the rank of each pair. Raises StoreError."""
    from app.text import moses_bpe

    return _parsed(texts, CODES, moses_bpe.codes)[0]


def texts_of(path: Path) -> dict[str, bytes]:
    """The three files that a "gnmt-2016" has within it, checked: a wordpiece for each embedding. Raises StoreError."""
    import safetensors

    counts = {SOURCE: "embedding.weight", TARGET: "target_embedding.weight"}
    try:
        with safetensors.safe_open(str(path), framework="np") as file:
            texts = {name: bytes(file.get_tensor(name).tobytes()) for name in (SOURCE, TARGET, CODES)}
            rows = {name: file.get_slice(key).get_shape()[0] for name, key in counts.items()}
    except (OSError, safetensors.SafetensorError, IndexError) as error:
        raise StoreError(f"{path.name} has no wordpieces that can be read: remove it and get it again.") from error
    try:
        codes(texts)
        found = {name: 1 + len(published(texts, name)) for name in counts}  # with padding
    except StoreError as error:
        raise StoreError(f"{path.name} can't be used: {error} Remove it and get it again.") from error
    for name, count in found.items():
        if count != rows[name]:
            raise StoreError(
                f"{path.name} has damaged wordpieces ({count:,} for {rows[name]:,} embeddings): get it again."
            )
    return texts


def show_and_tell(texts: Mapping[str, bytes], name: str, rows: int) -> tuple[tuple[str, ...], list[int]]:
    """The words of im2txt's word_counts.txt in this program's order, `SPECIAL` first, and the row of the checkpoint
    that each one has, -1 for padding, which has none. The unknown word comes behind the file's last; rows behind that
    stand for no word. Raises StoreError."""
    words = [line.split()[0] if line.split() else "" for line in _lines(texts, name)]
    if len(set(words)) != len(words) or not all(words):
        raise StoreError(f"the file {name} is damaged: it has empty lines, or the same word twice.")
    if "<S>" not in words or "</S>" not in words:
        raise StoreError(f"the file {name} is not Show and Tell's vocabulary: “<S>” or “</S>” is missing.")
    if len(words) + 1 > rows:
        raise StoreError(
            f"the file {name} has {len(words):,} words for {rows:,} embeddings: it belongs to another model."
        )
    first = [-1, len(words), words.index("<S>"), words.index("</S>")]
    rest = [row for row in range(rows) if row not in first]
    names = [words[row] if row < len(words) else f"{_UNUSED}{row}>" for row in rest]
    return (*SPECIAL, *names), first + rest


def _lines(texts: Mapping[str, bytes], name: str) -> list[str]:
    """Without the line ends. Raises StoreError."""

    def lines(raw: bytes) -> list[str]:
        return raw.decode().removesuffix("\n").split("\n")  # what can't be decoded is a ValueError, too

    return _parsed(texts, name, lines)


def _parsed(texts: Mapping[str, bytes], name: str, parse: Callable[[bytes], Parsed]) -> Parsed:
    if name not in texts:
        raise StoreError(f"the file {name}, its vocabulary, is missing.")
    try:
        return parse(texts[name])
    except UnicodeDecodeError as error:
        raise StoreError(f"the file {name} is damaged: it is no text.") from error
    except ValueError as error:
        raise StoreError(f"the file {name} is damaged: {error}.") from error
