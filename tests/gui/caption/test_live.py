"""Cameras and videos: what is read when, what is drawn, what the network is asked, and what a person is told."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt

from app.gui.caption.session import Kind
from app.media.capture import State

RED = "a red bird sits on a branch"
GREEN = "a frog on green grass"
BLUE = "two people swim in the water"


def colour(panel: Any) -> str:
    """Of the frame that is shown."""
    blue, green, red = panel.left.view.frame.pixels[0, 0].tolist()
    return {red: "red", green: "green", blue: "blue"}[max(red, green, blue)] if max(red, green, blue) > 60 else "dark"


@pytest.fixture
def live(panel: Any, camera: Any, qtbot: Any, answered: Any) -> Any:
    """A camera that has given one picture; every raw caption is shown."""
    panel.right.raw.setChecked(True)
    camera.frames.append("red")
    panel.watching.play_camera(camera)
    answered(panel, RED)
    return panel


def test_the_sign_says_that_a_camera_is_on_and_pausing_lets_it_go(live: Any, camera: Any, qtbot: Any) -> None:
    assert camera.held == 1
    qtbot.waitUntil(lambda: live.left.bar.sign.on)
    qtbot.keyClick(live, Qt.Key.Key_Space)
    camera.frames.append("red")  # a read in progress must come back first
    qtbot.waitUntil(lambda: camera.held == 0 and not live.left.bar.sign.on)
    assert live.left.view.note == "Paused"
    assert live.reading.caption.text == RED  # what was said stays
    qtbot.keyClick(live, Qt.Key.Key_Space)
    camera.frames.append("green")
    qtbot.waitUntil(lambda: camera.held == 1 and live.left.bar.sign.on)
    qtbot.waitUntil(lambda: colour(live) == "green")


def test_leaving_the_tab_lets_the_camera_go_and_coming_back_takes_it_again(
    live: Any, camera: Any, qtbot: Any, answered: Any
) -> None:
    live.hidden()
    camera.frames.append("red")
    qtbot.waitUntil(lambda: camera.held == 0)
    assert not live.session.playing
    live.shown()
    camera.frames.append("green")
    qtbot.waitUntil(lambda: camera.held == 1)
    answered(live, GREEN)


def test_a_camera_that_was_paused_stays_off_when_the_tab_comes_back(live: Any, camera: Any, qtbot: Any) -> None:
    live.toggle()
    camera.frames.append("red")
    qtbot.waitUntil(lambda: camera.held == 0)
    live.hidden()
    live.shown()
    qtbot.wait(50)
    assert camera.opened == 1


def test_a_failed_camera_is_not_tried_again_behind_a_person_s_back(
    live: Any, camera: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.capture.AGAIN", 0.02)
    camera.fails = camera.fails_to_open = "The camera is gone: plug it in again."
    camera.frames.append("red")
    qtbot.waitUntil(lambda: live.session.status.state == State.FAILED)
    live.hidden()
    camera.fails = camera.fails_to_open = ""
    opened = camera.opened
    qtbot.wait(150)
    assert (camera.held, camera.opened) == (0, opened)
    live.shown()
    qtbot.waitUntil(lambda: camera.held == 1)


def test_the_sign_stays_while_a_driver_holds_a_camera_that_was_left(
    live: Any, camera: Any, hand: Any, qtbot: Any
) -> None:
    qtbot.waitUntil(lambda: live.left.bar.sign.on)
    live.session.play(hand("Test video", live=False), Kind.MOVING)
    qtbot.wait(100)
    assert camera.held == 1
    assert live.left.bar.sign.on
    camera.frames.append("red")  # the driver comes back
    qtbot.waitUntil(lambda: camera.held == 0 and not live.left.bar.sign.on)


def test_a_minimised_window_holds_no_camera(live: Any, camera: Any, qtbot: Any) -> None:
    live.showMinimized()
    camera.frames.append("red")
    qtbot.waitUntil(lambda: camera.held == 0)
    live.showNormal()
    qtbot.waitUntil(lambda: camera.held == 1)


def test_closing_lets_the_camera_go(live: Any, camera: Any, qtbot: Any) -> None:
    live.close_panel()
    camera.frames.append("red")
    qtbot.waitUntil(lambda: camera.held == 0)


def test_another_source_lets_the_camera_go(live: Any, camera: Any, picture: Any, qtbot: Any, answered: Any) -> None:
    live.open_paths([picture("green.png")])
    camera.frames.append("red")
    qtbot.waitUntil(lambda: camera.held == 0)
    answered(live, GREEN)
    qtbot.waitUntil(lambda: not live.left.bar.sign.on)  # a camera that was left is asked again


def test_an_answer_that_comes_too_late_is_dropped(live: Any, camera: Any, engine: Any, qtbot: Any) -> None:
    """It was on its way to the window when the person chose something else."""
    from app.worker import Done

    heard: list[Any] = []
    live.session.answered.connect(heard.append)
    engine.gate.clear()
    camera.frames.append("green")
    qtbot.waitUntil(lambda: live.session.waiting)
    ticket = live.session._ticket
    described = live.reading.newest.described
    live.session.stop()
    live.session._done(Done(ticket, described))
    assert heard == []
    engine.gate.set()


def test_frames_are_drawn_while_the_network_is_busy_and_then_it_sees_the_newest(
    live: Any, camera: Any, engine: Any, qtbot: Any, answered: Any
) -> None:
    engine.gate.clear()
    asked = len(engine.seen)
    camera.frames.append("green")
    qtbot.waitUntil(lambda: len(engine.seen) == asked + 1)
    for name in ("dark", "red", "dark", "blue"):
        camera.frames.append(name)
        qtbot.waitUntil(lambda name=name: colour(live) == name)
    assert len(engine.seen) == asked + 1  # never more than one on its way
    engine.gate.set()
    answered(live, BLUE)
    assert len(engine.seen) == asked + 2  # what lay between was never asked about


def test_a_camera_that_fails_is_said_with_a_button_and_comes_back_by_itself(
    live: Any, camera: Any, qtbot: Any, answered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Test camera is not plugged in. Plug it in and it goes on by itself, or choose another source."
    camera.fails = camera.fails_to_open = words
    qtbot.waitUntil(lambda: words in live.strips.sentences())
    assert not live.left.bar.sign.on
    assert live.watching.failure.buttons[0].text() == "Try again"
    camera.fails = camera.fails_to_open = ""
    camera.frames.append("green")
    live.watching.failure.buttons[0].click()
    answered(live, GREEN)
    assert live.strips.sentences() == []


def test_looking_at_a_word_holds_the_frame_and_the_sentence(live: Any, camera: Any, qtbot: Any, answered: Any) -> None:
    view = live.right.caption
    qtbot.mouseMove(view, view._placed[1].place.center().toPoint())
    qtbot.waitUntil(lambda: view.current == 1)
    camera.frames.append("green")
    qtbot.waitUntil(lambda: live.reading.newest.caption.text == GREEN)
    assert live.reading.caption.text == RED
    assert colour(live) == "red"
    assert live.session.playing  # only looked at: nothing was paused
    qtbot.mouseMove(view, QPoint(view.width() - 2, view.height() - 2))
    answered(live, GREEN)
    assert colour(live) == "green"


def test_stepping_pauses_and_a_picked_word_is_about_the_frame_that_was_described(
    live: Any, camera: Any, engine: Any, qtbot: Any, answered: Any
) -> None:
    described = live.reading.answer.frame
    qtbot.keyClick(live, Qt.Key.Key_Right)
    assert not live.session.playing
    camera.frames.append("green")
    qtbot.waitUntil(lambda: camera.held == 0)
    qtbot.keyClick(live, Qt.Key.Key_1)
    answered(live, "dog red bird sits on a branch")
    assert engine.seen[-1].picture is described.pixels
    qtbot.keyClick(live, Qt.Key.Key_Space)
    camera.frames.append("blue")
    answered(live, BLUE)
    assert live.right.caption.forced == 0


def test_a_video_has_a_place_that_can_be_chosen(panel: Any, hand: Any, qtbot: Any, answered: Any) -> None:
    video = hand("clip.mp4", live=False, length=10.0)
    panel.right.raw.setChecked(True)
    video.frames += ["red", "green"]
    panel.watching.play(video, Kind.MOVING)
    answered(panel, GREEN)
    assert panel.left.seek.isVisible()
    assert panel.left.clock.text() == "0:00 / 0:10"
    assert not panel.left.bar.sign.on
    panel.left.seek.setValue(500)
    video.frames.append("blue")
    qtbot.waitUntil(lambda: video.seeks == [5.0])
    video.ends = True
    qtbot.waitUntil(lambda: panel.left.view.note == "The end")


def test_the_status_bar_says_how_fast_and_what_was_dropped(panel: Any, hand: Any, qtbot: Any) -> None:
    video = hand("clip.mp4", live=False)
    said: list[str] = []
    panel.status_changed.connect(said.append)
    video.frames += ["red", "green"] * 20
    panel.watching.play(video, Kind.MOVING)
    qtbot.waitUntil(lambda: any("captions/s" in text for text in said))
    text = next(text for text in said if "captions/s" in text)
    assert "ms to text" in text
    assert "dropped" in text
