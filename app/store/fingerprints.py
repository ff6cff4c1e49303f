"""SHA-256 of files, remembered by size and time of change: no start has to read a quarter of a gigabyte."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path

from app.store.cards import write_whole
from app.store.errors import CardError, StoreError

_log = logging.getLogger(__name__)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits. Raises StoreError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path.name} can't be read ({error.strerror or error}).") from error


class Fingerprints:
    """The memory: one JSON file in the cache folder. It may be deleted at any time, damaged or impossible to write:
    then files are hashed again."""

    def __init__(self, cache_folder: Path) -> None:
        self._file = cache_folder / "fingerprints.json"
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, int, str]] | None = None

    def known(self, path: Path) -> str | None:
        """The SHA-256 if the file has been hashed since it last changed. Reads nothing of the file itself."""
        try:
            status = path.stat()
        except OSError:
            return None
        with self._lock:
            size, changed, digest = self._memory().get(str(path), (-1, -1, ""))
        return digest if (size, changed) == (status.st_size, status.st_mtime_ns) else None

    def of(self, path: Path, *, again: bool = False) -> str:
        """The SHA-256; `again` reads the file whatever is remembered. Raises StoreError."""
        digest = None if again else self.known(path)
        if digest is None:
            digest = sha256_of(path)
            self.remember(path, digest)
        return digest

    def remember(self, path: Path, digest: str) -> None:
        """Takes a digest that the caller has just worked out."""
        try:
            status = path.stat()
        except OSError:
            return
        with self._lock:
            memory = self._memory()
            memory[str(path)] = (status.st_size, status.st_mtime_ns, digest)
            kept = {name: entry for name, entry in memory.items() if Path(name).exists()}
            self._known = kept
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self._file, json.dumps(kept, indent=1).encode())
            except (OSError, CardError):
                _log.info("The cache of fingerprints can't be written; files will be hashed again.")

    def _memory(self) -> dict[str, tuple[int, int, str]]:
        if self._known is None:
            self._known = {}
            try:
                for name, (size, changed, digest) in json.loads(self._file.read_text("utf-8")).items():
                    self._known[str(name)] = (int(size), int(changed), str(digest))
            except (OSError, ValueError, TypeError, AttributeError, RecursionError):
                self._known = {}
        return self._known
