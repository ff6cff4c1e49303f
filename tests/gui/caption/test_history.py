"""What is kept: the timeline, its ways out, many pictures at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage

from app.gui.caption.session import Kind

RED = "a red bird sits on a branch"
GREEN = "a frog on green grass"


@pytest.fixture
def video(panel: Any, hand: Any, answered: Any) -> Any:
    """A video that says two things, with every raw caption."""
    panel.right.raw.setChecked(True)
    made = hand("clip.mp4", live=False)
    panel.watching.play(made, Kind.MOVING)
    made.frames.append("red")
    answered(panel, RED)
    made.frames += ["red"] * 3
    made.frames.append("green")
    answered(panel, GREEN)
    return made


def test_each_sentence_is_kept_once_with_the_time_that_it_held(panel: Any, video: Any, qtbot: Any) -> None:
    assert [row.text for row in panel.history.rows] == ["A red bird sits on a branch.", "A frog on green grass."]
    first, second = panel.history.entries
    assert (first.begin, first.end) == pytest.approx((1 / 30, 5 / 30))  # frames 1 to 4; the fifth says another thing
    assert second.begin == pytest.approx(5 / 30)
    assert first.source == "clip.mp4"
    assert [word for word, _ in first.words] == RED.split()
    video.ends = True
    qtbot.waitUntil(lambda: panel.left.view.note == "The end")


def test_it_outlives_a_pause_and_another_source(
    panel: Any, video: Any, picture: Any, answered: Any, qtbot: Any
) -> None:
    panel.toggle()
    panel.open_paths([picture("blue.png")])
    answered(panel, "two people swim in the water")
    assert [row.source for row in panel.history.rows] == ["clip.mp4", "clip.mp4", "blue.png"]


def test_what_a_person_makes_of_a_sentence_is_not_written_down(panel: Any, picture: Any, answered: Any) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel, RED)
    panel.reading.step(1)
    panel.reading.pick(0)
    answered(panel, "dog red bird sits on a branch")
    assert [entry.text for entry in panel.history.entries] == [RED]


def test_failures_are_counted_however_many_there_are(panel: Any, qtbot: Any) -> None:
    from app.gui.caption.history_view import HistoryView

    view = HistoryView(panel.history, panel.test_context.theme)
    qtbot.addWidget(view)
    for k in range(600):
        panel.history.fail("It could not be opened.", f"{k}.png", None)
    assert view.count.text() == "0 captions · 600 failed"


def test_its_memory_is_bounded(panel: Any, monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from app.gui.caption import history
    from app.media.sources import Frame

    monkeypatch.setattr(history, "MOST", 10)
    monkeypatch.setattr(history, "PICTURES", 4)
    kept = history.History(panel)
    pixels = np.zeros((48, 64, 3), np.uint8)
    described = engine.described("captioner", ["a", "dog"], 1, pixels)
    for k in range(25):
        kept.say(described.captions[0], float(k), "camera", Frame(pixels, k, float(k), 0.0, "camera"))
    assert len(kept.rows) == kept.rowCount() == 10
    assert (
        [row.begin for row in kept.rows] == [entry.begin for entry in kept.entries] == [float(k) for k in range(15, 25)]
    )
    assert [bool(row.jpeg) for row in kept.rows] == [False] * 6 + [True] * 4


def spans(panel: Any) -> list[tuple[float, float, str]]:
    """What is exported, in thirtieths of a second."""
    return [(round(30 * entry.begin), round(30 * entry.end), entry.text) for entry in panel.history.entries]


def test_the_same_sentence_after_a_pause_is_kept_with_its_time(panel: Any, video: Any, qtbot: Any) -> None:
    panel.toggle()
    qtbot.waitUntil(lambda: panel.left.view.note == "Paused")
    panel.toggle()
    for number in (6, 7):
        video.frames.append("green")
        qtbot.waitUntil(lambda number=number: round(30 * panel.reading.newest.frame.time) == number)
    qtbot.waitUntil(lambda: not panel.session.waiting)
    assert spans(panel) == [(1, 5, RED), (5, 5, GREEN), (6, 7, GREEN)]
    assert [round(30 * row.begin) for row in panel.history.rows] == [1, 5, 6]


@pytest.mark.parametrize("colour", ["green", "red"])
def test_a_leap_in_a_video_lengthens_no_caption(panel: Any, hand: Any, answered: Any, qtbot: Any, colour: str) -> None:
    panel.right.raw.setChecked(True)
    video = hand("clip.mp4", live=False, length=100.0)
    panel.watching.play(video, Kind.MOVING)
    video.frames.append("green")
    answered(panel, GREEN)
    panel.session.seek(50.0)
    video.frames.append("green")  # the read in progress comes back first
    qtbot.waitUntil(lambda: video.seeks == [50.0])
    for number in (1500, 1501):
        video.frames.append(colour)
        qtbot.waitUntil(lambda number=number: round(30 * panel.reading.newest.frame.time) == number)
    qtbot.waitUntil(lambda: not panel.session.waiting)
    text = GREEN if colour == "green" else RED
    assert spans(panel)[0][1] < 1500
    assert spans(panel)[-1] == (1500, 1501, text)
    assert all(row.end < 50 for row in panel.history.rows if row.begin < 50)


def test_what_is_seen_when_all_is_forgotten_is_kept_again(panel: Any, video: Any, qtbot: Any) -> None:
    panel.clear_captions()
    assert panel.history.rowCount() == len(panel.history.entries) == 0
    video.frames.append("green")
    qtbot.waitUntil(lambda: [row.text for row in panel.history.rows] == ["A frog on green grass."])
    (undo,) = [strip for strip in panel.strips._shown if strip.sentence == "The timeline is empty."]
    undo.buttons[0].click()
    assert [row.text[:6] for row in panel.history.rows] == ["A red ", "A frog", "A frog"]
    video.frames.append("green")
    qtbot.waitUntil(lambda: spans(panel)[-1] == (6, 7, GREEN))  # what lasts goes on
    assert spans(panel)[:2] == [(1, 5, RED), (5, 5, GREEN)]
    for _ in range(2):  # what was forgotten last is what comes back
        panel.clear_captions()
        video.frames.append("green")
        qtbot.waitUntil(lambda: panel.history.rowCount() == 1)
    (undo,) = [strip for strip in panel.strips._shown if strip.sentence == "The timeline is empty."]
    undo.buttons[0].click()
    assert panel.history.rowCount() == 2


def test_pictures_described_meanwhile_do_not_end_what_a_camera_shows(panel: Any, video: Any, qtbot: Any) -> None:
    from app.engines.caption import DescribedFile

    described = panel.reading.newest.described
    panel._file_described(DescribedFile(Path("one.png"), described), 0)
    video.frames.append("green")
    qtbot.waitUntil(lambda: spans(panel)[1] == (5, 6, GREEN))
    assert spans(panel)[2] == (0, 120, GREEN)
    assert round(30 * panel.history.rows[1].end) == 6
    assert panel.history.rows[2].end == 4.0


@pytest.mark.parametrize("ending", [".srt", ".vtt", ".csv", ".json"])
def test_export(
    panel: Any, video: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    target = tmp_path / f"captions{ending}"
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(target), ""))
    panel.save()
    qtbot.waitUntil(target.exists)
    qtbot.waitUntil(lambda: any("Saved" in sentence for sentence in panel.strips.sentences()))
    text = target.read_text("utf-8")
    assert RED in text
    assert GREEN in text
    if ending == ".srt":
        assert "00:00:00,033 --> 00:00:00,167" in text
    if ending == ".json":
        assert json.loads(text)["captions"][0]["caption"] == RED


def test_subtitles_are_of_one_source_and_that_is_said(
    panel: Any, video: Any, hand: Any, answered: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = hand("other.mp4", live=False)
    panel.watching.play(other, Kind.MOVING)
    other.frames.append("blue")
    answered(panel, "two people swim in the water")
    for ending in (".srt", ".csv"):
        target = tmp_path / f"captions{ending}"
        monkeypatch.setattr("app.gui.saving.choose_file", lambda *_, target=target: (str(target), ""))
        panel.save_captions()
        qtbot.waitUntil(target.exists)
    assert any("only the captions of what was looked at last" in sentence for sentence in panel.strips.sentences())
    assert RED not in (tmp_path / "captions.srt").read_text("utf-8")
    assert "two people" in (tmp_path / "captions.srt").read_text("utf-8")
    assert RED in (tmp_path / "captions.csv").read_text("utf-8")
    qtbot.waitUntil(lambda: not panel.files.threads())


def test_export_without_an_ending_never_overwrites(
    panel: Any, video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.srt").write_text("mine")
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(tmp_path / "mine"), ""))
    panel.save()
    assert "mine.srt is there already: save under another name." in panel.strips.sentences()
    assert (tmp_path / "mine.srt").read_text() == "mine"


def test_a_strip_of_the_words_is_saved_where_the_caption_has_the_focus(
    panel: Any, picture: Any, answered: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    asked: list[str] = []

    def choose(parent: Any, title: str, suggestion: str, kinds: str) -> tuple[str, str]:
        asked.append(Path(suggestion).name)
        return str(tmp_path / Path(suggestion).name), kinds

    monkeypatch.setattr("app.gui.saving.choose_file", choose)
    panel.right.caption.setFocus()
    panel.save()
    panel.left.view.setFocus()
    panel.save()
    assert asked == ["red words.png", "red attention.png"]
    qtbot.waitUntil(lambda: len(list(tmp_path.glob("*.png"))) == 2 and not panel.files.threads())
    strip = QImage(str(tmp_path / "red words.png"))
    assert strip.text("Description") == RED
    assert QImage(str(tmp_path / "red attention.png")).width() == 64


def test_several_pictures_are_shown_one_after_the_other_and_all_are_listed(
    panel: Any, picture: Any, qtbot: Any
) -> None:
    for name in ("blue-1.png", "broken.jpg", "green-2.png"):
        picture(name)
    folder = picture("red-3.png").parent
    panel.open_paths([folder])
    qtbot.waitUntil(lambda: len(panel.history.rows) == 4 and not panel.run.running)
    assert panel.inside.isVisible()
    assert panel.inside.current == "timeline"
    assert [row.source for row in panel.history.rows] == ["blue-1.png", "broken.jpg", "green-2.png", "red-3.png"]
    assert [row.failed for row in panel.history.rows] == [False, True, False, False]
    assert "the file is empty" in panel.history.rows[1].text
    assert [(entry.begin, entry.end) for entry in panel.history.entries] == [(0.0, 4.0), (8.0, 12.0), (12.0, 16.0)]
    view = panel.inside.view("timeline")
    assert view.count.text() == "3 captions · 1 failed"
    view.list.setFocus()
    view.list.setCurrentIndex(panel.history.index(2, 0))
    panel.copy()
    assert QGuiApplication.clipboard().text() == "0:08 – 0:12\tA frog on green grass.\tgreen-2.png\n"
    qtbot.keyClick(view.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.session.source.name == "green-2.png")
    view.clear.click()
    assert panel.history.rowCount() == 0


def test_a_caption_of_a_video_leads_back_to_its_moment(panel: Any, hand: Any, answered: Any, qtbot: Any) -> None:
    panel.right.raw.setChecked(True)
    made = hand("clip.mp4", live=False, length=10.0)
    panel.watching.play(made, Kind.MOVING)
    made.frames.append("red")
    answered(panel, RED)
    panel._go_to(panel.history.rows[0])
    made.frames += ["green"] * 2
    qtbot.waitUntil(lambda: made.seeks == [pytest.approx(1 / 30)])


def test_captions_hold_still(panel: Any, hand: Any, qtbot: Any, answered: Any) -> None:
    camera = hand()
    panel.watching.play_camera(camera)
    camera.frames.append("red")
    answered(panel, RED)
    camera.frames.append("green")  # once is not enough
    qtbot.waitUntil(lambda: panel.reading.newest.caption.text == GREEN)
    assert panel.reading.caption.text == RED
    assert panel.right.caption.caption.text == RED
    panel.right.raw.setChecked(True)
    camera.frames.append("green")
    answered(panel, GREEN)
    assert [row.text for row in panel.history.rows] == ["A red bird sits on a branch.", "A frog on green grass."]
