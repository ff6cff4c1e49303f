"""Settings come back as they were kept, and a damaged file stops nobody."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.gui.settings import VERSION, Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.json"


def test_kept_and_read_again(file: Path):
    settings = Settings(file)
    assert settings.problem is None
    settings.set("theme", "dark")
    settings.set("classify.models", ["a", "b"])
    settings.set("classify.strength", 1)
    settings.save()
    again = Settings(file)
    assert again.value("theme", "system") == "dark"
    assert again.value("classify.models", [""]) == ["a", "b"]
    assert again.value("classify.strength", 0.5) == 1.0
    assert isinstance(again.value("classify.strength", 0.5), float)
    assert json.loads(file.read_text("utf-8"))["version"] == VERSION
    assert [entry.name for entry in file.parent.iterdir()] == ["settings.json"]


def test_a_value_of_another_type_counts_as_none(file: Path):
    settings = Settings(file)
    settings.set("theme", 7)
    settings.set("keys.single", "yes")
    settings.set("window.tab", True)
    assert settings.value("theme", "system") == "system"
    assert settings.value("keys.single", True) is True
    assert settings.value("window.tab", 0) == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 1, "values": []}', b"\xff\xfe\x00", b"[" * 100_000],
    ids=["empty", "half", "list", "no values", "wrong values", "no text", "deep"],
)
def test_a_damaged_file_is_set_aside_and_said(file: Path, content: bytes):
    file.parent.mkdir()
    file.write_bytes(content)
    settings = Settings(file)
    assert settings.value("theme", "system") == "system"
    assert settings.problem is not None
    assert ".damaged-" in settings.problem
    assert str(file.parent) not in settings.problem
    kept = list(file.parent.glob("settings.damaged-*.json"))
    assert len(kept) == 1
    assert kept[0].read_bytes() == content
    settings.set("theme", "dark")
    settings.save()
    assert Settings(file).problem is None


def test_settings_of_a_later_version_are_kept(file: Path):
    file.parent.mkdir()
    file.write_text(json.dumps({"version": VERSION + 1, "values": {"theme": "dark"}}), "utf-8")
    settings = Settings(file)
    assert settings.value("theme", "system") == "system"
    assert "another version" in (settings.problem or "")


def test_a_folder_that_cannot_be_written_to_raises_nothing(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    settings = Settings(blocked / "settings.json")
    settings.set("theme", "dark")
    settings.save()


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_only_the_owner_can_read_them(file: Path):
    settings = Settings(file)
    settings.save()
    assert file.stat().st_mode & 0o077 == 0
