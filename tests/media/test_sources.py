"""Slide shows, the test picture, and the list of cameras."""

from __future__ import annotations

import builtins
import io
import os
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.media import cameras
from app.media.cameras import Camera
from app.media.slides import Pictures
from app.media.sources import SkippedError, SourceError, every
from app.media.synthetic import Synthetic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n in (1, 2, 10):
        Image.new("RGB", (20, 10), (n, 0, 0)).save(tmp_path / f"{n}.png")
    return tmp_path


def test_a_folder_in_its_order(folder: Path) -> None:
    stream = Pictures((folder,), 2.0).open()
    assert (stream.length, stream.fps) == (6.0, 0.5)
    read = list(iter(stream.read, None))
    assert [(frame.name, frame.time, frame.number) for frame in read] == [
        ("1.png", 0.0, 0),
        ("2.png", 2.0, 1),
        ("10.png", 4.0, 2),
    ]
    assert [frame.pixels[0, 0].tolist() for frame in read] == [[0, 0, 1], [0, 0, 2], [0, 0, 10]]  # BGR
    assert stream.size == (20, 10)
    stream.seek(2.0)
    frame = stream.read()
    assert frame is not None
    assert frame.name == "2.png"
    stream.seek(0.0)
    assert [frame.name for frame in every(stream, 3.0, pytest.fail)] == ["1.png", "10.png"]


def test_broken_pictures(folder: Path) -> None:
    (folder / "2.png").write_bytes(b"nothing")
    stream = Pictures((folder,)).open()
    assert stream.read() is not None
    with pytest.raises(SkippedError, match=r"^2\.png could not be opened: "):
        stream.read()
    frame = stream.read()
    assert frame is not None
    assert frame.name == "10.png"


def test_nothing_but_broken_pictures(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"nothing")
    stream = Pictures((tmp_path,)).open()
    with pytest.raises(SkippedError):
        stream.read()
    with pytest.raises(SourceError, match=r"^2\.png could not be opened: .* Nor could the other 1\.$") as caught:
        stream.read()
    assert not isinstance(caught.value, SkippedError)


def test_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there are no pictures in it"):
        Pictures((tmp_path,)).open()


def test_pixels_are_those_of_the_file(folder: Path) -> None:
    from app.media.pictures import decode

    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    frame = Pictures((folder / "noise.png",)).open().read()
    assert frame is not None
    assert np.array_equal(frame.pixels[..., ::-1], decode(folder / "noise.png").pixels)


def test_the_test_picture_is_the_same_each_time(folder: Path) -> None:
    for source in (Synthetic(64, 48), Synthetic(64, 48, pictures=(folder,), hold=0.1)):
        first, second = source.open(), source.open()
        one = [first.read() for _ in range(8)]
        second.seek(3 / 30)
        other = [second.read() for _ in range(5)]
        for a, b in zip(one[3:], other, strict=True):
            assert a is not None
            assert b is not None
            assert a.pixels.shape == (48, 64, 3)
            assert a.pixels.flags.c_contiguous
            assert (a.number, a.time) == (b.number, b.time)
            assert np.array_equal(a.pixels, b.pixels)
    moving = Synthetic(64, 48).open()
    a, b = moving.read(), moving.read(after=1.0)
    assert a is not None
    assert b is not None
    assert b.time == 1.0
    assert not np.array_equal(a.pixels, b.pixels)


def test_the_test_picture_shows_each_picture_in_turn(folder: Path) -> None:
    stream = Synthetic(64, 48, pictures=(folder,), hold=1.0, seconds=4.0).open()
    shown = [int(frame.pixels[0, 0, 2]) for frame in every(stream, 1.0, pytest.fail)]
    assert shown == [1, 2, 10, 1]
    (folder / "empty").mkdir()
    with pytest.raises(SourceError, match="no pictures"):
        Synthetic(pictures=(folder / "empty",)).open()


# -- cameras ---------------------------------------------------------------------------------------------------------


class Machine:
    """sysfs, udev's notes and /dev of a Linux machine, in a folder."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sysfs, self.udev, self.dev = root / "video4linux", root / "udev", root / "dev"
        for folder in (self.sysfs, self.udev, self.dev):
            folder.mkdir()
        self._devices = root / "devices"
        monkeypatch.setattr(cameras, "_SYSFS", self.sysfs)
        monkeypatch.setattr(cameras, "_UDEV", self.udev)
        monkeypatch.setattr(cameras, "_DEV", self.dev)
        monkeypatch.setattr(sys, "platform", "linux")

    def plug(self, number: int, name: str, socket: str, index: int = 0, capabilities: str | None = None) -> None:
        usb = self._devices / "usb1" / socket
        interface = usb / f"{socket}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        (usb / "idVendor").write_text("046d\n")
        (usb / "idProduct").write_text("0825\n")
        node = self.sysfs / f"video{number}"
        node.mkdir()
        (node / "device").symlink_to(interface)
        for file, text in (("name", name), ("index", str(index)), ("dev", f"81:{number}")):
            (node / file).write_text(text + "\n")
        (self.dev / node.name).touch()
        if capabilities is not None:
            (self.udev / f"c81:{number}").write_text(f"I:1\nE:ID_V4L_CAPABILITIES={capabilities}\n")

    def unplug(self, number: int) -> None:
        node = self.sysfs / f"video{number}"
        for file in node.iterdir():
            file.unlink()
        node.rmdir()
        (self.dev / node.name).unlink()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


posix = pytest.mark.skipif(os.name == "nt", reason="colons in file names")


@posix
def test_linux_cameras(machine: Machine) -> None:
    assert cameras.listed() == ()
    machine.plug(10, "Second", "1-7", capabilities=":capture:")
    machine.plug(2, "Integrated Camera", "1-5", capabilities=":capture:")
    machine.plug(3, "Integrated Camera", "1-5", index=1, capabilities=":")  # gives metadata, no pictures
    machine.plug(4, "Without notes", "1-8")
    machine.plug(5, "Without notes", "1-8", index=1)
    found = cameras.listed()
    assert [(camera.name, camera.index) for camera in found] == [
        ("Integrated Camera", 2),
        ("Without notes", 4),
        ("Second", 10),
    ]
    assert len({camera.key for camera in found}) == 3


@posix
def test_listing_opens_no_device(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.plug(0, "Integrated Camera", "1-5", capabilities=":capture:")
    opened: list[str] = []
    for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
        original = getattr(module, name)

        def watched(path: Any, *arguments: Any, _original: Any = original, **named: Any) -> Any:
            opened.append(os.fspath(path) if not isinstance(path, int) else "")
            return _original(path, *arguments, **named)

        monkeypatch.setattr(module, name, watched)
    (camera,) = cameras.listed()
    cameras.find(camera.key, cameras.listed())
    cameras.at(0)
    monkeypatch.undo()
    assert any("video4linux" in path for path in opened)  # the watching works
    assert not any(path.startswith(f"{machine.dev}{os.sep}") for path in opened)


@posix
def test_found_again(machine: Machine) -> None:
    machine.plug(0, "C270", "1-5")
    machine.plug(2, "C270", "1-6")
    first, second = cameras.listed()
    machine.unplug(0)
    assert cameras.find(first.key, cameras.listed()) == second  # the same make
    machine.plug(4, "C270", "1-5")
    again = cameras.find(first.key, cameras.listed())
    assert again is not None
    assert (again.key, again.index) == (first.key, 4)  # its own socket, under another number
    assert cameras.find("046d:0825:Other@nowhere", cameras.listed()) is None
    assert cameras.at(2) == second
    assert cameras.at(7) == Camera("Camera 7", 7)


def test_a_camera_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    """With the real OpenCV, which says nothing of it on stderr."""
    with pytest.raises(SourceError, match=r"^Camera 63 is not plugged in\. "):
        cameras.at(63).open()
    assert capfd.readouterr() == ("", "")


def test_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """cv2-enumerate-cameras names a camera once for each of Windows's interfaces."""

    class Info:
        def __init__(self, index: int, name: str, path: str) -> None:
            self.index, self.name, self.path, self.vid, self.pid = index, name, path, 1, 2

    module = types.ModuleType("cv2_enumerate_cameras")
    of = {1400: [Info(0, "HD", "a"), Info(1, "HD", "b")], 700: [Info(0, "HD", "a"), Info(1, "OBS", "")]}
    module.supported_backends = (1400, 700)  # type: ignore[attr-defined]
    module.enumerate_cameras = of.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", module)
    monkeypatch.setattr(sys, "platform", "win32")
    assert cameras.listed() == (
        Camera("HD", 0, 1400, "1:2:HD@a"),
        Camera("HD", 1, 1400, "1:2:HD@b"),
        Camera("OBS", 1, 700, "1:2:OBS@"),
    )
