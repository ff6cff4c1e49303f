"""The sample pictures that come with the program, and what is right for them: `assets/samples/classes.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.store import locate
from app.store.errors import StoreError


@dataclass(frozen=True)
class Sample:
    """A picture, the ImageNet-1k classes that are right for it, and why these."""

    path: Path
    classes: frozenset[int]
    reason: str


@cache
def samples() -> tuple[Sample, ...]:
    """The sample pictures for which ImageNet-1k has a right class. Raises StoreError."""
    folder = locate.bundled("assets") / "samples"
    try:
        table = tomllib.loads((folder / "classes.toml").read_text("utf-8"))
        return tuple(
            Sample(folder / str(row["file"]), frozenset(int(k) for k in row["classes"]), str(row["reason"]))
            for row in table["sample"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"The table of sample pictures can't be read ({error}): install Triptych again.") from error
