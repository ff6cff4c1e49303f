"""No test reaches beyond this machine: what tries is refused, and the test fails.

An audit hook sees every socket of the interpreter, asyncio's and those that C code opens through Python's own module
included; nothing needs to be patched, and nothing can be forgotten. Imports the standard library alone: child
processes load this file, too (children/sitecustomize.py), and write down what they tried.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

# Events that name whom they would speak to, and where in their arguments it stands.
_SPEAK = {
    "socket.connect": 1,
    "socket.bind": 1,  # a server for everybody is a socket beyond the loopback address as well
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
}


class Refused(OSError):
    """What the program sees: a network that isn't there."""


class Guard:
    """Refuses what goes beyond the loopback address; with `none_at_all`, every socket. Keeps what was tried, in a file
    where one is given."""

    def __init__(self, report: Path | None = None) -> None:
        self.tried: list[str] = []
        self._report = report
        self._none_at_all = False
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith("socket."):
            return
        if event == "socket.__new__" and self._none_at_all:
            self._refuse("a socket was made")
        if event in _SPEAK and not is_here(arguments[_SPEAK[event]]):
            self._refuse(f"{event}({arguments[_SPEAK[event]]!r})")

    def _refuse(self, what: str) -> None:
        told = f"{what} at {where(sys._getframe(2))}"
        self.tried.append(told)
        if self._report is not None:
            with self._report.open("a", encoding="utf-8") as file:
                file.write(f"{told}, in a process of its own\n")
        raise Refused(f"tests stay on this machine: {told}")

    @contextmanager
    def none_at_all(self) -> Iterator[None]:
        self._none_at_all = True
        try:
            yield
        finally:
            self._none_at_all = False


def is_here(address: Any) -> bool:
    """Whether an address, or a name to look up, is the loopback's. Unix sockets and wake-up pipes are."""
    if isinstance(address, tuple):  # (host, port, …) of IPv4 and IPv6
        address = address[0]
        if address == "":  # every interface
            return False
    elif isinstance(address, str | bytes) and os.fsdecode(address).startswith(("/", "\0")):
        return True  # a Unix socket
    if address is None or address in ("", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(os.fsdecode(address).partition("%")[0]).is_loopback
    except (TypeError, ValueError):
        return False


def where(frame: FrameType | None) -> str:
    """FILE:LINE of the innermost call that is neither the standard library's, nor a package's, nor of these guards."""
    here, library = str(Path(__file__).parent), str(Path(os.__file__).parent)
    found = "nowhere in Python"
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((here, library, "<")) and "site-packages" not in file:
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return found
