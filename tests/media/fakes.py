"""Cameras for tests, behind the small interface of cv2.VideoCapture: no machine that builds this has one."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from app.media import cameras
from app.media.cameras import Camera


class FakeCamera:
    """A camera that can be plugged in and out, taken by another program, or get stuck. Gives pictures whose value is
    `value`, every `pace` seconds."""

    def __init__(self, name: str = "Fake camera", index: int = 0, *, pace: float = 0.002) -> None:
        self.camera = Camera(name, index, 0, f"1:2:{name}@socket{index}")
        self.pace, self.value = pace, 100
        self.plugged, self.busy = True, False
        self.stuck = threading.Event()  # set: it goes on; clear: opening and reading block
        self.stuck.set()
        self.tries = self.opened = self.released = self.reads = 0

    @property
    def on(self) -> bool:
        """Whether its light shines."""
        return self.opened > self.released


class FakeDevice:
    """What cv2.VideoCapture would be."""

    def __init__(self, unit: FakeCamera) -> None:
        self._unit = unit
        unit.tries += 1
        unit.stuck.wait()
        self._good = unit.plugged and not unit.busy
        if self._good:
            unit.opened += 1

    def isOpened(self) -> bool:
        return self._good

    def read(self) -> tuple[bool, Any]:
        time.sleep(self._unit.pace)
        self._unit.stuck.wait()
        self._unit.reads += 1
        if not self._unit.plugged:
            return False, None
        return True, np.full((48, 64, 3), self._unit.value, np.uint8)

    def release(self) -> None:
        if self._good:
            self._unit.released += 1
        self._good = False


class FakeCameras:
    """All cameras of a machine. Keeps who asked for what."""

    def __init__(self, *units: FakeCamera) -> None:
        self.units = [*units]
        self.connected: list[str] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In place of the machine's own, until the test ends."""
        monkeypatch.setattr(cameras, "listed", self._listed)
        monkeypatch.setattr(cameras, "connect", self._connect)
        monkeypatch.setattr(cameras, "allowed", lambda camera: True)

    def _listed(self) -> tuple[Camera, ...]:
        return tuple(unit.camera for unit in self.units if unit.plugged)

    def _connect(self, camera: Camera) -> FakeDevice:
        self.connected.append(camera.name)
        return FakeDevice(next(unit for unit in self.units if unit.camera.index == camera.index))
