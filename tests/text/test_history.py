"""The history of translations: kept, private, bounded, and never in the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text import files, history
from app.text.history import Entry, History


def entry(source: str, translation: str = "…", time: float = 1e9, target: str = "de") -> Entry:
    return Entry(time, "en", target, source, translation)


class Kept:
    """A history and what it says."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "data" / "history.jsonl"
        self.said: list[str] = []
        self.opened = self.again()

    def again(self, on: bool = True) -> History:
        self.opened = History(self.path, self.said.append, on)
        return self.opened


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_entries_outlive_a_restart(kept: Kept) -> None:
    entries = (entry("Hello.\r\n\u2028", "Hallo. 😀"), entry("Bye.", "\ud800 \x00", 2e9))
    for one in entries:
        kept.opened.add(one)
    assert kept.again().entries == entries
    assert kept.said == []
    assert [path.name for path in kept.path.parent.iterdir()] == ["history.jsonl"]  # no draft is left


@pytest.mark.skipif(os.name != "posix", reason="on Windows the person's folder is theirs alone")
def test_only_its_owner_can_read_the_file(kept: Kept) -> None:
    old = os.umask(0)
    try:
        kept.opened.add(entry("Hello."))
        assert kept.path.stat().st_mode & 0o777 == 0o600
        kept.path.chmod(0o644)
        assert len(kept.again().entries) == 1
        assert kept.path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old)


def test_a_text_that_is_typed_on_is_one_entry(kept: Kept) -> None:
    for time, source in enumerate(["I like", "I like dogs.", "I like dogs. And cats.", "Something else"]):
        kept.opened.add(entry(source, time=time))
    kept.opened.add(entry("I like dogs. And cats.", "again", time=10))
    kept.opened.add(entry("I like dogs. And cats. Too.", time=10_000))  # much later
    assert [one.source for one in kept.again().entries] == [
        "Something else",
        "I like dogs. And cats.",
        "I like dogs. And cats. Too.",
    ]


def test_off_writes_nothing_and_clearing_deletes_the_file(kept: Kept) -> None:
    kept.again(on=False).add(entry("Hello."))
    assert not kept.path.exists()
    kept.again().add(entry("Hello."))
    assert kept.again(on=False).entries  # what was kept before can still be seen
    kept.opened.clear()
    assert not kept.path.exists()
    assert kept.opened.entries == ()
    kept.opened.clear()  # nothing there: nothing said
    assert kept.said == []


def test_removing_the_last_one_deletes_the_file(kept: Kept) -> None:
    kept.opened.add(entry("Hello."))
    kept.opened.remove(entry("Hello."))
    assert not kept.path.exists()


def test_it_is_bounded(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST", 5)
    monkeypatch.setattr(history, "MOST_CHARACTERS", 100)
    for k in range(9):
        kept.opened.add(entry(f"Text {k}"))
    assert [one.source for one in kept.again().entries] == [f"Text {k}" for k in range(4, 9)]
    for k in range(3):
        kept.opened.add(entry(f"{k}" * 19))
    assert sum(len(one.source + one.translation) for one in kept.opened.entries) <= 100
    kept.opened.add(entry("x" * 50))  # too long to be kept
    assert kept.opened.entries[-1].source == "2" * 19


@pytest.mark.parametrize("damage", [b"{", b"[1]", b'{"time": "x"}', b"\xff\x00", b"null", b"[" * 100_000])
def test_a_damaged_line_takes_no_other_with_it(kept: Kept, damage: bytes) -> None:
    for k in range(3):
        kept.opened.add(entry(f"Text {k}"))
    lines = kept.path.read_bytes().splitlines()
    lines[1] = damage
    kept.path.write_bytes(b"\n".join(lines))
    assert [one.source for one in kept.again().entries] == ["Text 0", "Text 2"]
    assert kept.said == [
        "The history file was damaged: 2 entries could be read, the file was set aside as history.damaged.jsonl."
    ]
    kept.opened.add(entry("Text 3"))
    assert len(kept.again().entries) == 3
    kept.opened.clear()
    assert list(kept.path.parent.iterdir()) == []


@given(st.binary(max_size=200))
def test_no_file_stops_the_program(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        path.write_bytes(content)
        said: list[str] = []
        opened = History(path, said.append)
        assert opened.entries == ()
        assert bool(said) == bool(content.strip(b"\n \t\r\x0b\x0c"))


def test_where_it_cannot_be_written_the_session_goes_on(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    kept = Kept(tmp_path)
    kept.said.clear()
    kept.opened.add(entry("Hello."))
    assert len(kept.opened.entries) == 1
    assert len(kept.said) == 1
    assert kept.said[0].startswith("The history can't be kept in history.jsonl: ")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30, True, None])
def test_times_that_are_none(kept: Kept, bad: object) -> None:
    kept.path.parent.mkdir()
    line = {"time": bad, "source_language": "en", "target_language": "de", "source": "a", "translation": "b"}
    kept.path.write_text(json.dumps(line))
    assert kept.again().entries == ()


def test_files_are_whole_and_never_over_another(tmp_path: Path) -> None:
    names = [tmp_path / "a.txt", tmp_path / "b.txt"]
    assert files.create(names, b"1") == names[0]
    assert files.create(names, b"2") == names[1]
    with pytest.raises(FileExistsError):
        files.create(names, b"3")
    files.replace(names[0], b"4")
    assert [path.read_bytes() for path in names] == [b"4", b"2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]


@pytest.mark.skipif(os.name != "posix", reason="on Windows the person's folder is theirs alone")
def test_what_is_set_aside_is_its_owner_s_as_well(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.opened.add(entry("Hello."))
    kept.path.chmod(0o644)
    monkeypatch.setattr(history, "MOST_CHARACTERS", 1)  # by now it is too large
    assert kept.again().entries == ()
    assert kept.path.with_name("history.damaged.jsonl").stat().st_mode & 0o777 == 0o600


def test_clearing_leaves_no_draft_of_a_program_that_died(kept: Kept) -> None:
    kept.opened.add(entry("Hello."))
    kept.path.with_name(".history.jsonl.123.part").write_text("Hello.")
    other = kept.path.with_name(".text.json.123.part")
    other.write_text("Hello.")
    kept.opened.clear()
    assert list(kept.path.parent.iterdir()) == [other]
