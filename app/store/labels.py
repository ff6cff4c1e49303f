"""Names of classes, as a network's last layer counts them. No torch here: labels are shown before it is loaded."""

from __future__ import annotations

from functools import cache

from app.store import locate
from app.store.errors import StoreError

COUNTS = {"imagenet-1k": 1000}


@cache
def labels(name: str = "imagenet-1k") -> tuple[str, ...]:
    """The labels of a set, in order of index (ImageNet-1k: torchvision's 1,000 names). Raises StoreError."""
    if name not in COUNTS:
        raise StoreError(f"Triptych doesn't know the labels “{name}”; it knows {', '.join(COUNTS)}.")
    file = locate.bundled("assets") / "labels" / f"{name}.txt"
    try:
        lines = tuple(file.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"The labels {file.name} can't be read ({error}): install Triptych again.") from error
    if len(lines) != COUNTS[name] or not all(lines):
        raise StoreError(f"The labels {file.name} are damaged: install Triptych again.")
    return lines
