"""What was translated, kept across restarts in a file that only its owner can read.

One JSON object a line, the newest last, so that a damaged line takes no other one with it. The file is bounded, and
written whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.text import files

MOST = 1000  # entries
MOST_CHARACTERS = 2_000_000  # of all of them; one longer than a fifth of that is not kept
SAME_THOUGHT = 600  # seconds in which an entry that goes on where the last one ended takes its place


@dataclass(frozen=True)
class Entry:
    """`time`: seconds since 1970, UTC."""

    time: float
    source_language: str
    target_language: str
    source: str
    translation: str


class History:
    """Entries, the newest last. Nothing is written while `on` is False; what was written before stays. Not to be used
    from two threads at once.

    `said` is called with one sentence where the file was damaged, or can't be written; what was typed goes on then, and
    the entries stay for this session."""

    def __init__(self, path: Path, said: Callable[[str], None], on: bool = True) -> None:
        self.on = on
        self._path, self._said = path, said
        self._entries: list[Entry] = self._read()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    def add(self, entry: Entry) -> None:
        """Keeps it. What is there already comes to the end; a text that was typed on takes its beginning's place."""
        size = len(entry.source) + len(entry.translation)
        if not self.on or not entry.source.strip() or not entry.translation.strip() or size > MOST_CHARACTERS // 5:
            return
        self._entries = [old for old in self._entries if not _same(old, entry)]
        if self._entries and _grew(self._entries[-1], entry):
            self._entries.pop()
        self._entries.append(entry)
        self._bound()
        self._write()

    def remove(self, entry: Entry) -> None:
        self._entries = [old for old in self._entries if old != entry]
        self._write()

    def clear(self) -> None:
        """Deletes the file, what had to be set aside of it, and what was being written when a program ended."""
        self._entries = []
        for path in (self._path, self._aside, *files.drafts(self._path)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._said(f"The history file {path.name} can't be deleted ({error.strerror}): delete it yourself.")

    @property
    def _aside(self) -> Path:
        return self._path.with_suffix(".damaged" + self._path.suffix)

    def _bound(self) -> None:
        del self._entries[:-MOST]
        size = sum(len(entry.source) + len(entry.translation) for entry in self._entries)
        while size > MOST_CHARACTERS:
            gone = self._entries.pop(0)
            size -= len(gone.source) + len(gone.translation)

    def _write(self) -> None:
        if not self._entries:
            self.clear()
            return
        # As ASCII: so it holds halves of pairs (UTF-16) as well, which UTF-8 has no room for.
        lines = "".join(json.dumps(asdict(entry)) + "\n" for entry in self._entries)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(self._path, lines.encode("ascii"), 0o600)
        except OSError as error:
            self._said(f"The history can't be kept in {self._path.name}: {error.strerror}.")

    def _read(self) -> list[Entry]:
        try:
            if os.name == "posix" and self._path.stat().st_mode & 0o077:
                self._path.chmod(0o600)
            if self._path.stat().st_size > 8 * MOST_CHARACTERS:
                raise ValueError("too large")
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except ValueError:
            self._set_aside(0)
            return []
        except OSError as error:
            self._said(f"The history in {self._path.name} can't be read: {error.strerror}.")
            return []
        lines = [line for line in content.split(b"\n") if line.strip()]
        entries = [entry for entry in map(_entry, lines) if entry is not None]
        if len(entries) < len(lines):
            self._set_aside(len(entries))
        return entries[-MOST:]

    def _set_aside(self, saved: int) -> None:
        try:
            self._path.replace(self._aside)
        except OSError as error:
            self._said(f"The history file {self._path.name} is damaged, and can't be set aside: {error.strerror}.")
            return
        rest = f"{saved} entries could be read" if saved != 1 else "one entry could be read"
        self._said(f"The history file was damaged: {rest}, the file was set aside as {self._aside.name}.")


def _entry(line: bytes) -> Entry | None:
    """Of one line; None where it is damaged."""
    try:
        found = json.loads(line)
        entry = Entry(**found)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (entry.source_language, entry.target_language, entry.source, entry.translation)
    if not all(isinstance(text, str) for text in texts) or isinstance(entry.time, bool):
        return None
    try:
        datetime.fromtimestamp(entry.time, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return entry


def _same(a: Entry, b: Entry) -> bool:
    return (a.source, a.source_language, a.target_language) == (b.source, b.source_language, b.target_language)


def _grew(old: Entry, new: Entry) -> bool:
    return (
        (old.source_language, old.target_language) == (new.source_language, new.target_language)
        and new.source.startswith(old.source)
        and 0 <= new.time - old.time <= SAME_THOUGHT
    )
