"""Lines from standard input as soon as they are there: a thread reads, so that Ctrl-C acts and many lines that wait go
through the network together."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator

from app.cli.output import CommandError

BLOCK = 1 << 16  # bytes
MOST_WAITING = 16  # blocks


class StandardInput:
    """Iterates over lists of the lines that were there, without their ends. Bytes that are no text become surrogates.
    Raises CommandError."""

    def __init__(self) -> None:
        # Read past Python's own buffer, whose lock the thread would hold when the interpreter ends.
        self._file = sys.stdin.fileno()
        self._encoding = sys.stdin.encoding or "utf-8"
        self._blocks: queue.Queue[list[bytes] | OSError | None] = queue.Queue(MOST_WAITING)
        threading.Thread(target=self._read, name="triptych-stdin", daemon=True).start()

    def _read(self) -> None:
        rest: list[bytes] = []  # of a line that isn't at its end
        try:
            while block := os.read(self._file, BLOCK):
                first, *more = block.split(b"\n")
                rest.append(first)
                if more:
                    lines = [b"".join(rest), *more[:-1]]
                    rest = [more[-1]]
                    self._blocks.put(lines)
        except OSError as error:
            self._blocks.put(error)
            return
        if last := b"".join(rest):
            self._blocks.put([last])
        self._blocks.put(None)

    def __iter__(self) -> Iterator[list[str]]:
        begin = True
        while True:
            blocks = [self._next()]
            while blocks[-1] is not None and len(blocks) < MOST_WAITING and not self._blocks.empty():
                blocks.append(self._next())
            lines = [self._text(line) for block in blocks if block is not None for line in block]
            if lines:
                if begin:
                    lines[0] = lines[0].removeprefix("\ufeff")  # some programs write it before the text
                begin = False
                yield lines
            if blocks[-1] is None:
                return

    def _next(self) -> list[bytes] | None:
        while True:
            try:
                found = self._blocks.get(timeout=0.5)  # a limit, as Windows lets no Ctrl-C through without one
            except queue.Empty:
                continue
            if isinstance(found, OSError):
                raise CommandError(f"Standard input can't be read: {found.strerror or found}.") from found
            return found

    def _text(self, line: bytes) -> str:
        return line.decode(self._encoding, "surrogateescape")
