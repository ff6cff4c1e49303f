"""What the commands share: errors that are sentences, and text that any terminal can take."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

EIGHTHS = " ▏▎▍▌▋▊▉█"


class CommandError(Exception):
    """str(error) is one sentence: which thing, why, what to do. Exit code 1."""


class UsageError(CommandError):
    """The command was not given what it needs. Exit code 2."""


def prepare() -> None:
    """Names of files may hold bytes that are no text, and a terminal may know few letters: neither ends a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def prepare_json() -> None:
    """JSON is UTF-8 wherever it goes, whatever the terminal's own letters are."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8")


def say(text: str) -> None:
    """A line on stderr: for people, never part of a result."""
    with contextlib.suppress(OSError):  # nobody listens
        print(text, file=sys.stderr, flush=True)


def line(text: str) -> None:
    """A line on stdout, at once: who reads along sees each result when it is there."""
    print(text, flush=True)


def json_line(value: Mapping[str, Any]) -> str:
    """One JSON object in one line. Letters as they are (UTF-8); names that are no text stay readable for `json.loads`
    through escapes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False)
    return text


def unicode_out() -> bool:
    """Whether stdout can show bars and dots."""
    return (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32", "cp65001")


def bar(share: float, width: int = 20) -> str:
    """`share` (0 to 1) as a bar of `width` letters, padded with blanks."""
    share = min(max(share, 0.0), 1.0)
    if not unicode_out():
        return ("#" * round(share * width)).ljust(width)
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """`text` in bold, dim, red or green on a terminal that shows that (https://no-color.org)."""
    out = stream or sys.stdout
    codes = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
    if not out.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{codes[style]}m{text}\x1b[0m"


def size(number: float | None) -> str:
    """Bytes for people: "13.0 MB"."""
    if number is None:
        return "?"
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """ "0.4 s", "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(round(seconds), 0)
    if 0 < seconds < 0.95:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns aligned with two blanks between them; those numbered in `right` to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]

    def row(cells: Sequence[str]) -> str:
        aligned = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(aligned).rstrip()

    return "\n".join([styled(row(head), "bold"), *(row(cells) for cells in rows)])
