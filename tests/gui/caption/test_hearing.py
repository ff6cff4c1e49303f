"""What a screen reader hears, and that everything has a name."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QComboBox, QListView


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A screen reader listens."""
    said: list[str] = []

    def note(event: Any) -> None:
        if isinstance(event, QAccessibleAnnouncementEvent):
            said.append(event.message())

    monkeypatch.setattr(QAccessible, "isActive", staticmethod(lambda: True))
    monkeypatch.setattr(QAccessible, "updateAccessibility", staticmethod(note))
    return said


def test_a_new_caption_is_announced_and_the_same_is_not_again(
    panel: Any, hand: Any, heard: list[str], qtbot: Any, answered: Any
) -> None:
    panel.right.raw.setChecked(True)
    camera = hand()
    panel.watching.play_camera(camera)
    camera.frames.append("red")
    answered(panel)
    assert heard == ["A red bird sits on a branch."]
    before = panel.reading.newest
    camera.frames.append("red")
    qtbot.waitUntil(lambda: panel.reading.newest is not before)
    camera.frames.append("green")
    answered(panel, "a frog on green grass")
    assert heard == ["A red bird sits on a branch.", "A frog on green grass."]


def test_a_word_is_announced_with_what_else_could_stand_there(
    panel: Any, picture: Any, heard: list[str], answered: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel)
    panel.reading.step(1)
    assert heard[-1] == "a, 92.0 %; or dog 36.8 %, cat 18.4 %, horse 9.2 %"


def test_every_control_has_a_name(panel: Any, picture: Any, answered: Any, qtbot: Any) -> None:
    panel.open_paths([picture("red.png"), picture("green.png")])
    qtbot.waitUntil(lambda: len(panel.history.rows) == 2 and not panel.run.running)
    answered(panel)
    kinds = (QAbstractButton, QAbstractSlider, QComboBox, QListView)
    nameless = [
        widget
        for kind in kinds
        for widget in panel.findChildren(kind)
        if widget.isVisible() and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    own = [widget for widget in nameless if not widget.objectName().startswith("qt_")]
    assert [type(widget).__name__ for widget in own if type(widget).__name__ != "QScrollBar"] == []
