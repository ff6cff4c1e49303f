"""What the program remembers of a person's choices: one small JSON file, versioned, written whole."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any, TypeVar

VERSION = 1
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Settings:
    """Values by key. A file that is damaged or from a later version is set aside and said in `problem`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self._values: dict[str, Any] = {}
        self._read()

    def value(self, key: str, default: T) -> T:
        """The value of `key`; `default` where there is none, or one of another type."""
        found = self._values.get(key, default)
        if isinstance(default, float) and isinstance(found, int) and not isinstance(found, bool):
            found = float(found)
        same = isinstance(found, type(default)) and isinstance(found, bool) == isinstance(default, bool)
        fitting: T = found if same or default is None else default
        return fitting

    def set(self, key: str, value: Any) -> None:
        """Remember `value` (what JSON can hold); written with `save`."""
        self._values[key] = value

    def save(self) -> None:
        """Write the file whole or not at all. Never raises: a read-only home must not stop anyone from closing."""
        text = json.dumps({"version": VERSION, "values": self._values}, indent=1, sort_keys=True)
        part = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix="settings-", dir=self.path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(part).replace(self.path)
        except OSError as error:
            _log.warning("settings can't be saved (%s)", error.strerror)
            if part is not None:
                Path(part).unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            self._set_aside(f"can't be read ({type(error).__name__})")
            return
        try:
            content = json.loads(text)
            version, values = content["version"], content["values"]
            if not isinstance(values, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            self._set_aside("were damaged")
            return
        if version != VERSION:
            self._set_aside("are those of another version of Triptych")
            return
        self._values = values

    def _set_aside(self, why: str) -> None:
        aside = self.path.with_name(f"{self.path.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}{self.path.suffix}")
        try:
            self.path.replace(aside)
            kept = f"kept as {aside.name}"
        except OSError:
            kept = "left where they are"
        self.problem = f"Your settings {why}, so Triptych starts with its own; the old ones are {kept}."
