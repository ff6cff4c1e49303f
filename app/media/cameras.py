"""Cameras: which there are, and opening one.

Listing never opens a device: on Linux names are read from sysfs and what a device can from udev's notes; elsewhere
cv2-enumerate-cameras asks the system. (On Linux it would open every /dev/video* to ask what it can.)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.media.sources import Stream


@dataclass(frozen=True)
class Camera:
    """A camera by what stays when it is plugged in again; its index may change."""

    name: str
    index: int = 0
    backend: int = 0  # OpenCV's number, 0 for any
    key: str = ""  # to be remembered in settings and found again by `find`
    live = True

    def open(self) -> Stream:
        """Switches the camera on. Only `Capture` calls it."""
        raise NotImplementedError


def listed() -> tuple[Camera, ...]:
    """The cameras that are plugged in, in the system's order. A few milliseconds on Linux, more elsewhere."""
    raise NotImplementedError


def find(key: str, among: Iterable[Camera]) -> Camera | None:
    """The camera that was remembered as `key`: in the same socket, else of the same make in any."""
    raise NotImplementedError


def at(index: int) -> Camera:
    """The camera with the system's number `index`, listed or not (`triptych caption --camera 0`)."""
    raise NotImplementedError


class Watcher:
    """Looks every two seconds which cameras are plugged in, on a thread. `on_change()` is called there."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """As of the last look."""
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def close(self, timeout: float = 2.0) -> bool:
        """False where the system keeps the thread waiting: it is abandoned."""
        raise NotImplementedError
