"""Cameras: which there are, and opening one.

Listing never opens a device: on Linux names are read from sysfs and what a device can from udev's notes (a camera has
several, of which one or two give pictures); elsewhere cv2-enumerate-cameras asks the system, which on Linux would open
every /dev/video*.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time as clock
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.media.opencv import import_cv2
from app.media.pictures import natural
from app.media.sources import Frame, SourceError

WIDTH, HEIGHT, FPS = 1280, 720, 30
"""What a camera is asked for; it gives what it can."""
LOOK = 2.0  # seconds between two looks at what is plugged in

_SYSFS = Path("/sys/class/video4linux")
_UDEV = Path("/run/udev/data")
_DEV = Path("/dev")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Camera:
    """A camera by what stays when it is plugged in again; its index may change."""

    name: str
    index: int = 0
    backend: int = 0  # OpenCV's number, 0 for any
    key: str = ""  # to be remembered in settings and found again by `find`
    live = True

    def open(self) -> CameraStream:
        """Switches the camera on. Only `Capture` calls it. Raises SourceError: not plugged in, no permission, busy."""
        camera = find(self.key, listed()) if self.key else self
        if camera is None:
            raise _missing(self.name)
        if not allowed(camera):
            raise SourceError(
                f"{self.name} can't be used: your account has no permission. Add it to the group “video” "
                "(sudo usermod -aG video $USER) and sign in again."
            )
        device = connect(camera)
        if not device.isOpened():
            device.release()
            raise _missing(self.name) if camera not in listed() else SourceError(_busy(self.name))
        return CameraStream(self, device)


class CameraStream:
    """A camera that is switched on: `sources.Stream`. `device`: cv2.VideoCapture, or what has its `read`, `release`."""

    length = None

    def __init__(self, camera: Camera, device: Any) -> None:
        self._camera, self._device, self._count = camera, device, 0
        self.size: tuple[int, int] | None = None
        self._begun = clock.perf_counter()

    @property
    def fps(self) -> float | None:
        return None  # what drivers say is what they were asked for

    def read(self, after: float | None = None) -> Frame:
        """Waits for the next picture."""
        good, pixels = self._device.read()
        now = clock.perf_counter()
        if not good or pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            if self._camera.key and find(self._camera.key, listed()) is None:
                raise _missing(self._camera.name)
            raise SourceError(
                f"{self._camera.name} stopped sending pictures. Unplug it and plug it in again, or close other "
                "programs that use it."
            )
        self.size = (pixels.shape[1], pixels.shape[0])
        frame = Frame(pixels, self._count, now - self._begun, now, self._camera.name)
        self._count += 1
        return frame

    def seek(self, time: float) -> None:
        """A camera has no past."""

    def close(self) -> None:
        self._device.release()


def connect(camera: Camera) -> Any:
    """A cv2.VideoCapture of it: this switches the camera on. Tests put a fake in its place."""
    cv2 = import_cv2()
    backend = camera.backend or (cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    device = cv2.VideoCapture(camera.index, backend)
    if device.isOpened():
        # Uncompressed, USB 2 has no room for more than ten pictures of that size a second.
        device.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
        device.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)
        device.set(cv2.CAP_PROP_FPS, FPS)
    return device


def allowed(camera: Camera) -> bool:
    """Whether this account may use it; where only trying tells, True."""
    node = _DEV / f"video{camera.index}"
    return sys.platform != "linux" or not node.exists() or os.access(node, os.R_OK | os.W_OK)


def listed() -> tuple[Camera, ...]:
    """The cameras that are plugged in, in the system's order. A few milliseconds on Linux, more elsewhere."""
    return tuple(_linux() if sys.platform == "linux" else _elsewhere())


def find(key: str, among: Iterable[Camera]) -> Camera | None:
    """The camera that was remembered as `key`: in the same socket, else of the same make in any."""
    among = tuple(among)
    same = [camera for camera in among if camera.key == key]
    make = key.rpartition("@")[0]
    alike = [camera for camera in among if camera.key.rpartition("@")[0] == make]
    return next(iter(same + alike), None)


def at(index: int) -> Camera:
    """The camera with the system's number `index`, listed or not (`triptych caption --camera 0`)."""
    return next((camera for camera in listed() if camera.index == index), Camera(f"Camera {index}", index))


class Watcher:
    """Looks every two seconds which cameras are plugged in, on a thread. `on_change()` is called there, after the first
    look as well."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._closed = threading.Event()
        self._cameras: tuple[Camera, ...] = ()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """As of the last look."""
        return self._cameras

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float = 2.0) -> bool:
        """False where the system keeps the thread waiting: it is left behind."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        first = True
        while True:
            try:
                cameras = listed()
            except Exception:
                _log.exception("Listing cameras failed")
                cameras = ()
            if self._closed.is_set():
                return
            if first or cameras != self._cameras:
                self._cameras, first = cameras, False
                try:
                    self._on_change()
                except Exception:
                    _log.exception("What was told of other cameras failed")
            if self._closed.wait(LOOK):
                return


def _linux() -> Iterator[Camera]:
    try:
        nodes = sorted(_SYSFS.iterdir(), key=lambda node: natural(node.name))
    except OSError:  # no video device at all
        return
    for node in nodes:
        number = node.name.removeprefix("video")
        if not number.isdigit() or not (_DEV / node.name).exists() or not _gives_pictures(node):
            continue
        device = (node / "device").resolve()
        usb = device.parent if ":" in device.name else device
        make = f"{_line(usb / 'idVendor')}:{_line(usb / 'idProduct')}:{_line(node / 'name')}"
        place = f"{device}/{_line(node / 'index')}"
        yield Camera(_line(node / "name") or f"Camera {number}", int(number), 0, f"{make}@{place}")


def _gives_pictures(node: Path) -> bool:
    """By what udev found out when the device was plugged in; without its notes, the first of a device's nodes does."""
    try:
        notes = (_UDEV / f"c{_line(node / 'dev')}").read_text("utf-8", "replace").splitlines()
    except OSError:
        notes = []
    for note in notes:
        if note.startswith("E:ID_V4L_CAPABILITIES="):
            return ":capture:" in note
    return _line(node / "index") in ("0", "")


def _line(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _elsewhere() -> Iterator[Camera]:
    """Windows and macOS. One that several of the system's interfaces know is named once, as the first of them does."""
    from cv2_enumerate_cameras import enumerate_cameras, supported_backends

    names: set[str] = set()
    for backend in supported_backends:
        found = [
            Camera(info.name or f"Camera {info.index}", info.index, backend, _key(info))
            for info in enumerate_cameras(backend)
        ]
        yield from (camera for camera in found if camera.name not in names)
        names |= {camera.name for camera in found}


def _key(info: Any) -> str:
    return f"{info.vid}:{info.pid}:{info.name}@{info.path}"


def _missing(name: str) -> SourceError:
    return SourceError(f"{name} is not plugged in. Plug it in and it goes on by itself, or choose another source.")


def _busy(name: str) -> str:
    if sys.platform == "linux":
        why = "most likely another program has it. Close that program, and it goes on by itself."
    else:
        why = (
            "another program has it, or the system does not allow it. Close that program, or allow it in the system's "
            "settings (Privacy & Security › Camera)."
        )
    return f"{name} can't be used: {why}"
