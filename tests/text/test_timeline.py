"""Timelines of captions: right times, every format read back by another reader, nothing overwritten unasked."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text import timeline
from app.text.timeline import Entry, ExistsError, Timeline, TimelineError, as_sentence, save

ENTRIES = (
    Entry(0.0, 1.5, "a dog runs", (("a", 0.9), ("dog", 0.75), ("runs", 0.5)), -1.25, "film.mp4"),
    Entry(1.5, 3661.042, "two people & a <red> ball", (), -2.0, "film.mp4", "zwei Leute"),
)


def test_captions_last_until_the_next() -> None:
    line = Timeline()
    line.say(0.0, "a dog", [("a", 0.9), ("dog", 0.8)], -0.5, "film.mp4")
    line.lasts(1.0)
    line.say(2.0, "a cat", source="film.mp4")
    line.lasts(2.5)
    line.say(0.25, "a camera's", source="Camera 0")  # another clock: the cat's end is what was last known
    line.stop(0.75)
    line.stop(9.0)  # nothing is open any more
    assert [(e.begin, e.end, e.text) for e in line.entries] == [
        (0.0, 2.0, "a dog"),
        (2.0, 2.5, "a cat"),
        (0.25, 0.75, "a camera's"),
    ]
    assert line.entries[0].words == (("a", 0.9), ("dog", 0.8))
    line.say(3.0, "a cat")
    line.translate("a cat", "eine Katze")
    assert [entry.translation for entry in line.entries] == [None, "eine Katze", None, "eine Katze"]
    line.forget_translations()
    assert [entry.translation for entry in line.entries] == [None] * 4


def test_captions_become_sentences() -> None:
    captions = {"a dog": "A dog.", "über den dächern": "Über den dächern.", "A dog.": "A dog.", "": ""}
    assert [as_sentence(text) for text in captions] == list(captions.values())


def test_a_clock_that_goes_back_ends_nothing_before_its_beginning() -> None:
    line = Timeline()
    line.say(5.0, "a dog", source="film.mp4")
    line.lasts(6.0)
    line.say(1.0, "a cat", source="film.mp4")  # the video was wound back
    assert [(e.begin, e.end) for e in line.entries] == [(5.0, 6.0), (1.0, 1.0)]


def test_at_another_place_it_ends_where_it_was_last_known_to_hold() -> None:
    line = Timeline()
    line.say(5.0, "a dog", source="film.mp4")
    line.lasts(6.0)
    line.stop()
    line.say(60.0, "a cat", source="film.mp4")
    assert [(e.begin, e.end) for e in line.entries] == [(5.0, 6.0), (60.0, 60.0)]


def test_what_is_added_leaves_open_what_still_lasts() -> None:
    line = Timeline(3)
    line.say(5.0, "a dog", source="Camera 0")
    for k in range(2):
        line.add(Entry(4.0 * k, 4.0 * k + 4, "a cat", source=f"{k}.png"))
    line.lasts(7.0)
    assert [(e.begin, e.end) for e in line.entries] == [(5.0, 7.0), (0.0, 4.0), (4.0, 8.0)]
    line.add(Entry(8.0, 12.0, "a cow", source="3.png"))  # the camera's entry goes: it was the oldest
    line.lasts(9.0)
    assert [(e.begin, e.end) for e in line.entries] == [(0.0, 4.0), (4.0, 8.0), (8.0, 12.0)]


@pytest.mark.parametrize("ending", ["srt", "vtt"])
def test_subtitles_are_read_back(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"film.{ending}"
    save(ENTRIES, file)
    read = pysubs2.load(str(file))
    assert [(event.start, event.end) for event in read] == [(0, 1500), (1500, 3661042)]
    text = file.read_text("utf-8")
    assert ("two people &amp; a &lt;red&gt; ball" if ending == "vtt" else "two people & a <red> ball") in text
    assert text.index("a dog runs") < text.index("two people") < text.index("zwei Leute")
    assert ("01:01:01.042" if ending == "vtt" else "01:01:01,042") in text


def test_subtitles_never_overlap_and_are_in_order() -> None:
    later, earlier = Entry(2.0, 5.0, "later"), Entry(1.0, 4.0, "earlier")
    read = pysubs2.SSAFile.from_string(timeline.srt((later, earlier, Entry(2.0, 2.0, "newer"))))
    assert [(event.start, event.end, event.text) for event in read] == [
        (1000, 2000, "earlier"),
        (2000, 2100, "newer"),  # "later" was replaced the moment it came
    ]


def test_what_was_cleared_can_be_put_back() -> None:
    line = Timeline(3)
    line.say(1.0, "a dog", source="film.mp4")
    line.say(2.0, "a cat", source="film.mp4")
    gone = line.clear()
    assert (len(line), [entry.text for entry in gone]) == (0, ["a dog", "a cat"])
    line.lasts(2.5)
    line.say(3.0, "a cow", source="film.mp4")
    line.say(4.0, "a hen", source="film.mp4")
    line.put_back(gone)
    line.lasts(5.0)
    assert [(entry.text, entry.end) for entry in line.entries] == [("a cat", 2.0), ("a cow", 4.0), ("a hen", 5.0)]


def test_subtitles_have_one_clock() -> None:
    """Two videos one after the other: their times say nothing about each other."""
    line = Timeline()
    line.say(0.0, "a dog", source="film.mp4")
    line.say(4.0, "a cat", source="film.mp4")
    line.stop(9.0)
    line.another_source()
    line.say(1.0, "a cow", source="other.mp4")
    line.say(2.0, "", source="other.mp4")  # nothing was said: nothing is shown
    line.say(3.0, "a hen", source="other.mp4")
    line.stop(5.0)
    read = pysubs2.SSAFile.from_string(timeline.srt(line.entries))
    assert [(event.start, event.end, event.text) for event in read] == [(1000, 2000, "a cow"), (3000, 5000, "a hen")]
    assert len(json.loads(timeline.json_list(line.entries))["captions"]) == 5
    assert len({line.another_clock() for _ in range(3)}) == 3
    assert timeline.srt(()) == ""


def test_excel_reads_the_letters_of_a_table(tmp_path: Path) -> None:
    save([Entry(0, 1, "a dog", source="Küche.mp4")], tmp_path / "film.csv")
    assert (tmp_path / "film.csv").read_bytes().startswith(b"\xef\xbb\xbfbegin,")


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30)


@given(TEXTS)
def test_no_text_vanishes_from_subtitles(text: str) -> None:
    """Every word is in the file, whatever signs it has that mean something elsewhere."""
    written = timeline.srt((Entry(0, 1, text),))
    expected = " ".join(text.replace("{", "(").replace("}", ")").replace("\\", "⧵").split())
    assert expected in written


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_tables_are_read_back_and_hold_no_formula(rows: list[tuple[str, str]]) -> None:
    entries = [Entry(k, k + 0.5, text, (), -1.0, source) for k, (text, source) in enumerate(rows)]
    head, *lines = csv.reader(io.StringIO(timeline.csv_table(entries)))
    assert head[:3] == ["begin", "end", "caption"]
    assert len(lines) == len(rows)
    for k, (line, (text, source)) in enumerate(zip(lines, rows, strict=True)):
        assert (float(line[0]), float(line[1])) == (k, k + 0.5)
        for cell, given_ in ((line[2], text), (line[6], source)):
            assert cell in (given_, "'" + given_)
            assert not cell.startswith(("=", "+", "-", "@"))
    assert [entry["caption"] for entry in json.loads(timeline.json_list(entries))["captions"]] == [t for t, _ in rows]


def test_json_holds_every_word(tmp_path: Path) -> None:
    save(ENTRIES, tmp_path / "film.json")
    first, second = json.loads((tmp_path / "film.json").read_text("utf-8"))["captions"]
    assert first == {
        "begin": 0.0,
        "end": 1.5,
        "caption": "a dog runs",
        "translation": None,
        "logprob": -1.25,
        "words": [{"word": "a", "p": 0.9}, {"word": "dog", "p": 0.75}, {"word": "runs", "p": 0.5}],
        "source": "film.mp4",
    }
    assert second["translation"] == "zwei Leute"


def test_nothing_is_overwritten_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "film.srt"
    file.write_text("mine")
    with pytest.raises(ExistsError, match=r"film\.srt is there already"):
        save(ENTRIES, file)
    assert file.read_text() == "mine"
    monkeypatch.setattr(Path, "exists", lambda path: False)  # it came a moment after one looked
    with pytest.raises(ExistsError):
        save(ENTRIES, file)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)  # a file system without links
    with pytest.raises(ExistsError):
        save(ENTRIES, file)
    assert file.read_text() == "mine"
    save(ENTRIES, file, overwrite=True)
    assert "a dog runs" in file.read_text("utf-8")
    assert [found.name for found in tmp_path.iterdir()] == ["film.srt"]


def test_where_it_cannot_be_written_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match=r"film\.doc can't be written: its name must end with \.srt"):
        save(ENTRIES, tmp_path / "film.doc")
    with pytest.raises(TimelineError, match=r"film\.srt can't be written: No such file or directory"):
        save(ENTRIES, tmp_path / "gone" / "film.srt")
