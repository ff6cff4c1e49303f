"""A file that is still coming: `NAME.part`, a note beside it on where it comes from, a lock against a second writer.

The note holds what HTTP needs to go on safely (RFC 9110, Range with If-Range). Without a usable note a part is thrown
away: bytes of two versions of a file must never end up in one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from app.store.cards import write_whole
from app.store.errors import CardError, DownloadCancelled, DownloadError

_BLOCK = 4 << 20  # bytes hashed at a time; between two of them a cancel is seen
_LOCK_POLL = 0.05  # seconds


@dataclass(frozen=True)
class Note:
    """Which version of which file the part is a piece of."""

    address: str
    total: int | None = None
    etag: str | None = None
    modified: str | None = None

    @property
    def validator(self) -> str | None:
        """For If-Range: a strong ETag, else the date of change."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.modified


class Part:
    """The growing file. Holds its length and SHA-256 as it goes; use it under `locked`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path, self.note_path = leftovers(target)
        self.length = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def on_disk(self) -> int:
        """Bytes that are there; grows while another process writes."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @contextlib.contextmanager
    def locked(self, cancelled: Callable[[], bool], waiting: Callable[[], None]) -> Iterator[bool]:
        """Keeps every other thread and process out of the part; waits for its turn, calling `waiting`. Gives whether
        it had to wait. Raises DownloadCancelled, DownloadError."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.target.with_name(f".{self.target.name}.lock"))
        waited = False
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                waited = True
                if cancelled():
                    raise DownloadCancelled(f"The download of {self.target.name} was cancelled.") from None
                waiting()
                time.sleep(_LOCK_POLL)
            except OSError as error:
                raise DownloadError(
                    f"{self.target.name} can't be downloaded into its folder ({error.strerror or error})."
                ) from error
        try:
            yield waited
        finally:
            lock.release()

    async def pick_up(self, address: str, hash_known: bool) -> Note | None:
        """Reads and hashes what is there, if it may be continued from `address`; otherwise throws it away and gives
        None. From another address, or without a validator, only where the end will be checked by a hash."""
        note, self.length, self._hash = self._read_note(), 0, hashlib.sha256()
        size = self.on_disk()
        safe = note is not None and (
            (note.address == address and note.validator is not None) or (hash_known and note.total is not None)
        )
        if note is None or not safe or size == 0 or (note.total is not None and size > note.total):
            self.discard()
            return None
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK):
                self._hash.update(block)
                self.length += len(block)
                await asyncio.sleep(0)
        return note if note.address == address else Note(address, note.total)

    def begin(self, note: Note) -> None:
        """An empty part with its note. The note comes first: a part without one is worth nothing. Raises OSError."""
        self.discard()
        with contextlib.suppress(CardError):  # without a note the download only can't be continued
            write_whole(self.note_path, json.dumps(asdict(note)).encode())
        self.path.write_bytes(b"")

    @contextlib.contextmanager
    def appending(self) -> Iterator[Callable[[bytes], None]]:
        """Gives a function that adds bytes. Raises OSError, on a full disk for one."""
        with self.path.open("ab") as file:

            def add(chunk: bytes) -> None:
                file.write(chunk)
                self._hash.update(chunk)
                self.length += len(chunk)

            yield add

    def discard(self) -> None:
        """Leaves nothing behind. Raises DownloadError where the system refuses."""
        self.length, self._hash = 0, hashlib.sha256()
        try:
            self.path.unlink(missing_ok=True)
            self.note_path.unlink(missing_ok=True)
        except OSError as error:
            raise DownloadError(f"{self.path.name} can't be removed ({error.strerror or error}).") from error

    def commit(self) -> None:
        """The part becomes the file, in one step. Raises OSError."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)
        self.note_path.unlink(missing_ok=True)

    def _read_note(self) -> Note | None:
        try:
            note = Note(**json.loads(self.note_path.read_text("utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        texts = (note.address, note.etag or "", note.modified or "")
        sound = all(isinstance(text, str) and text.isprintable() for text in texts)
        return note if sound and (note.total is None or (type(note.total) is int and note.total > 0)) else None


def leftovers(target: Path) -> tuple[Path, Path]:
    """The part of a file and the note beside it; either may be there or not."""
    return target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
