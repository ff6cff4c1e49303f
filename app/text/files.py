"""Writing what must be whole or not there at all: beside a document, or for the person's eyes only."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path


def create(paths: Iterable[Path], content: bytes) -> Path:
    """Writes a new file under the first of these names that is free, never over another one, even one that came a
    moment ago. Raises OSError."""
    for path in paths:
        if os.path.lexists(path):
            continue
        draft = _draft(path, content, 0o666)
        try:
            _link(draft, path)
        except FileExistsError:
            continue
        finally:
            draft.unlink(missing_ok=True)
        return path
    raise FileExistsError("every name is taken")


def replace(path: Path, content: bytes, mode: int = 0o666) -> None:
    """The file has the old content or the new one, at every moment. `mode` as for a new file: 0o600 is its owner's
    alone. Raises OSError."""
    draft = _draft(path, content, mode)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def drafts(path: Path) -> list[Path]:
    """Of this file, left by a process that has died while it wrote; or by one that writes just now."""
    return list(path.parent.glob(f".{glob.escape(path.name)}.*.part"))


def _draft(path: Path, content: bytes, mode: int) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)  # of a process of the same number that has died
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except (OSError, AttributeError, NotImplementedError):  # a file system without links
        with path.open("xb") as file:
            file.write(draft.read_bytes())
