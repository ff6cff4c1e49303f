"""How far a download is, at a pace that a person can read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

REPORT = 0.1  # seconds between two reports
WINDOW = 5.0  # seconds that the speed is taken over


@dataclass(frozen=True)
class Progress:
    """`received` and `total` in bytes; None: not known (yet)."""

    received: int
    total: int | None
    bytes_per_second: float | None
    seconds_left: float | None
    address: str
    doing: Literal["", "unpacking", "converting"] = ""  # with what has come; "": it comes


class Reporter:
    """Turns bytes into reports at a human pace; the speed is that of the last few seconds."""

    def __init__(self, progress: Callable[[Progress], None] | None, address: str) -> None:
        self._progress, self._address = progress, address
        self._seen: deque[tuple[float, int]] = deque()
        self._first, self._last = 0, -REPORT

    def start(self, address: str, received: int) -> None:
        self._address, self._first = address, received
        self._seen.clear()
        self._seen.append((time.monotonic(), received))

    def since(self, received: int) -> int:
        """Bytes that this try has brought."""
        return received - self._first

    def waiting(self, received: int) -> None:
        self._tell(Progress(received, None, None, None, self._address), last=False)

    def __call__(self, received: int, total: int | None, last: bool = False) -> None:
        now = time.monotonic()
        if now - self._last < REPORT and not last:
            return
        self._seen.append((now, received))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        then, before = self._seen[0]
        speed = (received - before) / (now - then) if now - then > 0.2 else None
        left = (total - received) / speed if total is not None and speed else None
        self._tell(Progress(received, total, speed, left, self._address), last)

    def _tell(self, report: Progress, last: bool) -> None:
        now = time.monotonic()
        if self._progress is not None and (last or now - self._last >= REPORT):
            self._last = now
            self._progress(report)
