"""The thread that looks at a source: every failure, with cameras that can be plugged in and out."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.media import capture as capture_module
from app.media.capture import Capture, State
from app.media.slides import Pictures
from app.media.sources import Frame, SkippedError, SourceError
from app.media.synthetic import Synthetic
from app.media.videos import Video
from tests.media.conftest import Make
from tests.media.fakes import FakeCamera, FakeCameras

Look = Callable[..., Capture]


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where people wait for seconds, tests don't."""
    monkeypatch.setattr(capture_module, "AGAIN", 0.01)
    monkeypatch.setattr(capture_module, "BLACK_AFTER", 0.02)
    monkeypatch.setattr(capture_module, "SUSPECT", 0.02)


@pytest.fixture
def unit() -> FakeCamera:
    return FakeCamera("Fake camera")


@pytest.fixture
def machine(unit: FakeCamera, monkeypatch: pytest.MonkeyPatch) -> FakeCameras:
    machine = FakeCameras(unit)
    machine.install(monkeypatch)
    return machine


@pytest.fixture
def look(machine: FakeCameras) -> Iterator[Look]:
    made: list[Capture] = []

    def start(source: object, **options: object) -> Capture:
        made.append(Capture(source, **options))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield start
    for unit in machine.units:
        unit.stuck.set()
    for capture in made:
        assert capture.close(5.0)
    assert not any(unit.on for unit in machine.units)


def test_live(look: Look, unit: FakeCamera) -> None:
    capture = look(unit.camera)
    until(lambda: capture.status.frames > 3)
    status = capture.status
    assert status.state is State.LIVE
    assert status.is_open
    assert status.size == (64, 48)
    assert status.sentence == ""
    frame = capture.newest()
    assert frame is not None
    assert frame.name == "Fake camera"
    assert frame.captured <= time.perf_counter()


def test_newest_wins_and_drops_are_counted(look: Look, unit: FakeCamera) -> None:
    capture = look(unit.camera)
    until(lambda: capture.status.frames >= 5)
    capture.pause()
    until(lambda: not capture.status.is_open)
    status = capture.status
    frame = capture.take()
    assert frame is not None
    assert frame.number == status.frames - 1
    assert status.dropped == status.frames - 1  # nobody took any of those before
    assert capture.take() is None
    assert capture.newest() is frame


def test_nothing_opens_a_camera_but_start(unit: FakeCamera, machine: FakeCameras) -> None:
    from app.media import cameras

    (camera,) = cameras.listed()
    assert cameras.find(camera.key, cameras.listed()) == camera
    assert cameras.at(0) == camera
    seen: list[tuple[object, ...]] = []
    watcher = cameras.Watcher(lambda: seen.append(watcher.cameras))
    watcher.start()
    until(lambda: seen)
    assert watcher.close()
    capture = Capture(camera)
    capture.pause()
    capture.resume()
    capture.retry()
    assert capture.close()
    capture.start()
    assert machine.connected == []
    assert capture.status.state is State.CLOSED


def test_pausing_releases_the_camera(look: Look, unit: FakeCamera) -> None:
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.LIVE)
    assert unit.on
    capture.pause()
    until(lambda: not capture.status.is_open)
    assert not unit.on
    assert capture.status.state is State.PAUSED
    frame = capture.newest()
    assert frame is not None
    reads = unit.reads
    time.sleep(0.02)
    assert unit.reads == reads
    capture.resume()
    until(lambda: capture.newest() is not frame)
    newer = capture.newest()
    assert newer is not None
    assert newer.time > frame.time  # the clock went on
    assert unit.opened == 2


def test_closing_releases_the_camera(unit: FakeCamera, machine: FakeCameras) -> None:
    capture = Capture(unit.camera)
    capture.start()
    until(lambda: capture.status.frames)
    assert capture.close()
    assert not unit.on
    assert not capture.status.is_open
    assert capture.status.state is State.CLOSED


def test_not_plugged_in_and_back(look: Look, unit: FakeCamera) -> None:
    unit.plugged = False
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.FAILED)
    assert capture.status.sentence == (
        "Fake camera is not plugged in. Plug it in and it goes on by itself, or choose another source."
    )
    assert not capture.status.is_open
    unit.plugged = True
    until(lambda: capture.status.state is State.LIVE)
    assert capture.status.sentence == ""


def test_unplugged_in_the_middle_and_back(look: Look, unit: FakeCamera) -> None:
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.LIVE)
    unit.plugged = False
    until(lambda: capture.status.state is State.FAILED)
    assert capture.status.sentence.startswith("Fake camera is not plugged in.")
    assert capture.newest() is not None  # the last picture stays
    until(lambda: not unit.on)
    frames = capture.status.frames
    unit.plugged = True
    until(lambda: capture.status.frames > frames)
    assert capture.status.state is State.LIVE


def test_back_under_another_number(look: Look, unit: FakeCamera, machine: FakeCameras) -> None:
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.LIVE)
    unit.plugged = False
    until(lambda: capture.status.state is State.FAILED)
    machine.units.append(FakeCamera("Fake camera", 3))  # the same make, in another socket
    until(lambda: capture.status.state is State.LIVE)
    assert machine.units[1].on


def test_busy_and_free_again(look: Look, unit: FakeCamera) -> None:
    unit.busy = True
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.FAILED)
    assert "another program has it" in capture.status.sentence
    assert capture.status.sentence.startswith("Fake camera can't be used: ")
    unit.busy = False
    until(lambda: capture.status.state is State.LIVE)


def test_no_permission(look: Look, unit: FakeCamera, machine: FakeCameras, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.media import cameras

    monkeypatch.setattr(cameras, "allowed", lambda camera: False)
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.FAILED)
    assert "your account has no permission" in capture.status.sentence
    assert machine.connected == []


def test_stops_sending(look: Look, unit: FakeCamera, machine: FakeCameras, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.media import cameras

    monkeypatch.setattr(capture_module, "AGAIN", 1000.0)
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.LIVE)
    monkeypatch.setattr(cameras, "listed", lambda: (unit.camera,))  # it is still there, and gives nothing
    unit.plugged = False
    until(lambda: capture.status.state is State.FAILED)
    assert capture.status.sentence.startswith("Fake camera stopped sending pictures.")
    unit.plugged = True
    capture.retry()
    until(lambda: capture.status.state is State.LIVE)


def test_only_black_pictures(look: Look, unit: FakeCamera) -> None:
    unit.value = 3
    capture = look(unit.camera)
    until(lambda: capture.status.sentence)
    assert capture.status.state is State.LIVE
    assert capture.status.sentence.startswith("Fake camera gives only black pictures: its cover may be closed")
    capture.retry()
    until(lambda: unit.opened == 2)
    until(lambda: capture.status.sentence)
    unit.value = 80
    until(lambda: capture.status.sentence == "")
    assert capture.status.state is State.LIVE


def test_opening_blocks(look: Look, unit: FakeCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "PATIENCE", 0.05)
    unit.stuck.clear()
    told = threading.Event()
    capture = look(unit.camera, on_change=told.set)
    assert capture.status.state is State.OPENING
    told.clear()
    until(lambda: capture.status.state is State.FAILED)
    assert capture.status.sentence == (
        "Fake camera does not answer. Unplug it and plug it in again, or choose another source."
    )
    assert told.wait(5)
    assert capture.status.is_open  # as far as anybody knows
    unit.stuck.set()  # it answers after all
    until(lambda: capture.status.state is State.LIVE)
    assert capture.status.sentence == ""


def test_reading_blocks(look: Look, unit: FakeCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.LIVE)
    monkeypatch.setattr(capture_module, "PATIENCE", 0.05)
    unit.stuck.clear()
    until(lambda: capture.status.state is State.FAILED)
    assert "does not answer" in capture.status.sentence
    assert capture.status.is_open  # and that is said
    capture.pause()
    assert capture.status.state is State.PAUSED
    assert capture.status.is_open
    unit.stuck.set()
    until(lambda: not capture.status.is_open)
    assert not unit.on


def test_retrying_leaves_a_stuck_thread_behind(look: Look, unit: FakeCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "PATIENCE", 0.05)
    stuck, unit.stuck = unit.stuck, threading.Event()
    first = unit.stuck
    capture = look(unit.camera)
    until(lambda: capture.status.state is State.FAILED)
    unit.stuck = stuck  # a second try is not blocked
    capture.retry()
    until(lambda: capture.status.state is State.LIVE)
    assert unit.opened == 1
    first.set()  # the one left behind comes back, and lets go of what it got
    until(lambda: unit.opened == 2)
    until(lambda: unit.released == 1)
    assert capture.status.state is State.LIVE


def test_closing_does_not_wait_for_a_stuck_camera(unit: FakeCamera, machine: FakeCameras) -> None:
    unit.stuck.clear()
    changes: list[State] = []
    capture = Capture(unit.camera, lambda: changes.append(capture.status.state))
    capture.start()
    until(lambda: unit.tries)
    assert capture.close(0.05) is False
    assert capture.status.state is State.CLOSED
    before = len(changes)
    unit.stuck.set()
    assert capture.close(5.0) is True  # it came back, and let go
    assert not unit.on
    assert len(changes) == before  # and nobody was called who may be gone


def test_a_closed_capture_leaves_no_frame_in_memory(machine: FakeCameras, unit: FakeCamera) -> None:
    """At once, not when the collector of circles comes round: frames are large."""

    def made() -> Capture:
        capture = Capture(unit.camera, lambda: looked.append(capture.status.frames))
        return capture

    looked: list[int] = []
    gc.disable()
    try:
        capture = made()
        capture.start()
        until(capture.newest)
        assert capture.close()
        frame = weakref.ref(capture.newest())
        del capture
        assert frame() is None
    finally:
        gc.enable()


def test_closing_from_the_callback(unit: FakeCamera, machine: FakeCameras) -> None:
    closed = threading.Event()

    def change() -> None:
        if capture.status.frames and not closed.is_set():
            capture.close()
            closed.set()

    capture = Capture(unit.camera, change)
    capture.start()
    assert closed.wait(5)
    assert capture.close()
    assert not unit.on


def test_a_camera_is_let_go_of_whatever_happens_to_who_looks(
    unit: FakeCamera, machine: FakeCameras, caplog: pytest.LogCaptureFixture
) -> None:
    def gone() -> None:
        raise RuntimeError("Signal source has been deleted")

    capture = Capture(unit.camera, gone)
    capture.start()
    until(lambda: capture.status.frames > 2)
    assert capture.close()
    assert not unit.on
    assert "What was told of a change failed" in caplog.text


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_pressed(look: Look, unit: FakeCamera, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """A camera that comes and goes under a person who presses everything: in the end it plays, and is let go of."""
    monkeypatch.setattr(capture_module, "PATIENCE", 0.01)
    capture = look(unit.camera)
    dice = random.Random(seed)
    for _ in range(200):
        dice.choice(
            (
                capture.pause,
                capture.resume,
                capture.retry,
                capture.take,
                lambda: setattr(unit, "plugged", dice.random() < 0.7),
                lambda: setattr(unit, "busy", dice.random() < 0.2),
                lambda: (unit.stuck.set if dice.random() < 0.7 else unit.stuck.clear)(),
                lambda: time.sleep(0.003),
            )
        )()
    unit.stuck.set()
    unit.plugged, unit.busy = True, False
    until(lambda: capture.status.state is not State.OPENING)
    capture.resume()
    until(lambda: capture.status.state is State.LIVE)
    frames = capture.status.frames
    until(lambda: capture.status.frames > frames + 2)
    capture.pause()
    until(lambda: not unit.on)
    assert not capture.status.is_open


def test_an_unexpected_error_is_a_sentence(look: Look) -> None:
    @dataclass(frozen=True)
    class Broken:
        name = "Thing"
        live = False

        def open(self) -> None:
            raise ZeroDivisionError

    capture = look(Broken())
    until(lambda: capture.status.state is State.FAILED)
    assert capture.status.sentence == "Thing can't be read: something unexpected went wrong. Try again."


@dataclass(frozen=True)
class Listed:
    """Frames at the times of `times`; None is a frame that can't be had."""

    times: tuple[float | None, ...]
    length: float | None = None
    name = "List"
    live = False

    def open(self) -> ListedStream:
        return ListedStream(self)


@dataclass
class ListedStream:
    source: Listed
    at: int = 0
    sought: list[float] = field(default_factory=list)
    size = (4, 4)
    fps = 100.0

    @property
    def length(self) -> float | None:
        return self.source.length

    def read(self, after: float | None = None) -> Frame | None:
        if self.at >= len(self.source.times):
            return None
        time_ = self.source.times[self.at]
        self.at += 1
        if time_ is None:
            raise SkippedError(f"Frame {self.at} is broken.")
        return Frame(np.full((4, 4, 3), self.at, np.uint8), self.at, time_, 0.0, "List")

    def seek(self, time: float) -> None:
        times = self.source.times
        self.at = next((n for n, t in enumerate(times) if t is not None and t >= time), len(times))

    def close(self) -> None:
        pass


def test_a_video_is_played_by_its_time_stamps(look: Look) -> None:
    """Never early: frame n is shown no sooner after the first than its stamp says."""
    shown: list[tuple[float, float]] = []

    def change() -> None:
        frame = capture.take()
        if frame is not None:
            shown.append((frame.time, frame.captured))

    capture = Capture(Listed((0.0, 0.05, 0.06, 0.2)), change)
    capture.start()
    until(lambda: capture.status.state is State.ENDED)
    assert capture.close()
    assert [stamp for stamp, _ in shown] == [0.0, 0.05, 0.06, 0.2]
    begun = shown[0][1]
    assert all(captured - begun >= stamp - 0.001 for stamp, captured in shown)
    assert capture.status.dropped == 0


def test_damaged_time_stamps_do_not_stop_a_video(look: Look) -> None:
    capture = look(Listed((0.0, 0.01, 1e7, 1e7 + 0.01, 0.02)))
    until(lambda: capture.status.state is State.ENDED)
    assert capture.status.frames == 5


def test_pause_seek_and_the_end(look: Look) -> None:
    capture = look(Listed(tuple(n / 100 for n in range(30)), 0.3))
    until(lambda: capture.status.frames > 2)
    capture.pause()
    frames = capture.status.frames
    time.sleep(0.05)
    assert capture.status.frames == frames
    assert capture.status.is_open  # a file keeps its place
    capture.seek(0.25)
    until(lambda: capture.status.time == 0.25)
    assert capture.status.state is State.PAUSED
    capture.seek(0.1)
    until(lambda: capture.status.time == 0.1)
    capture.resume()
    until(lambda: capture.status.state is State.ENDED)
    assert capture.status.time == 0.29
    capture.seek(0.2)  # at the end: that frame, and paused there
    until(lambda: capture.status.time == 0.2)
    assert capture.status.state is State.PAUSED
    capture.resume()
    until(lambda: capture.status.state is State.ENDED)
    capture.resume()  # from the beginning
    until(lambda: capture.status.time < 0.1)


def test_loop(look: Look) -> None:
    for source in (Listed((0.0, 0.01, None), 0.02), Listed((0.0, 0.01, None))):  # sought, or opened again
        capture = look(source, loop=True)
        until(lambda capture=capture: capture.status.frames > 6)  # type: ignore[misc]
        assert capture.status.skipped == ("Frame 3 is broken.",)
        assert capture.status.state is State.LIVE
        capture.loop = False
        until(lambda capture=capture: capture.status.state is State.ENDED)  # type: ignore[misc]


def test_a_video_file(look: Look, video: Make) -> None:
    capture = look(Video(video(frames=6, fps=50.0)))
    until(lambda: capture.status.state is State.ENDED)
    status = capture.status
    assert (status.frames, status.time, status.length, status.fps) == (6, 0.1, 0.12, 50.0)
    assert status.sentence == ""


def test_a_video_that_is_none(look: Look, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"<html>" * 100)
    capture = look(Video(path))
    until(lambda: capture.status.state is State.FAILED)
    assert capture.status.sentence == "clip.mp4 could not be opened: it is not a video, whatever its name says."
    path.unlink()
    capture.retry()
    until(lambda: "no such file" in capture.status.sentence)


def test_a_slide_show_says_what_is_broken_and_goes_on(look: Look, tmp_path: Path) -> None:
    for name, colour in (("1.png", (255, 0, 0)), ("3.png", (0, 0, 255))):
        Image.new("RGB", (8, 6), colour).save(tmp_path / name)
    (tmp_path / "2.png").write_bytes(b"no picture")
    frames: list[Frame] = []

    def change() -> None:
        frame = capture.take()
        if frame is not None:
            frames.append(frame)

    capture = Capture(Pictures((tmp_path,), seconds=0.02), change)
    capture.start()
    until(lambda: capture.status.state is State.ENDED)
    assert capture.close()
    assert [(frame.name, frame.pixels[0, 0].tolist(), frame.time) for frame in frames] == [
        ("1.png", [0, 0, 255], 0.0),
        ("3.png", [255, 0, 0], 0.04),
    ]
    (sentence,) = capture.status.skipped
    assert sentence.startswith("2.png could not be opened: ")


def test_a_slide_show_paused_goes_on_as_live(look: Look, tmp_path: Path) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "1.png")
    capture = look(Pictures((tmp_path,), seconds=100.0))
    until(lambda: capture.status.frames == 1)
    capture.pause()
    assert capture.status.state is State.PAUSED
    capture.resume()
    assert capture.status.state is State.LIVE  # although the next picture is far


def test_the_test_picture(look: Look) -> None:
    capture = look(Synthetic(64, 48, fps=100.0, seconds=0.05))
    until(lambda: capture.status.state is State.ENDED)
    assert capture.status.frames == 5


def test_errors_while_reading(look: Look) -> None:
    @dataclass(frozen=True)
    class Failing(Listed):
        def open(self) -> ListedStream:
            return FailingStream(self)

    class FailingStream(ListedStream):
        def read(self, after: float | None = None) -> Frame | None:
            raise SourceError("List was changed while it was being read. Open it again.")

    capture = look(Failing((0.0,)))
    until(lambda: capture.status.state is State.FAILED)
    assert capture.status.sentence == "List was changed while it was being read. Open it again."
    assert not capture.status.is_open
