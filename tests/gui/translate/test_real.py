"""The panel with the real engine, around a network that says the words backwards; and around one that says anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QTextCursor

from tests import parrots


@pytest.fixture
def engines() -> dict[str, Callable[[], Any]]:
    def make() -> Any:
        from app.engines.translate import TranslateEngine
        from app.store.catalog import Store

        return TranslateEngine(Store(), "cpu")

    return {"translate": make}


@pytest.fixture
def real(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_context: Callable[..., Any], request: Any
) -> Iterator[Any]:
    from app.gui.translate.panel import TranslatePanel

    (tmp_path / "weights").mkdir()
    parrots.install(monkeypatch, tmp_path / "weights", getattr(request, "param", parrots.Parrot))
    context = make_context()
    panel = TranslatePanel(context)
    panel.choice.choose_source("en")
    qtbot.addWidget(panel)
    panel.resize(1280, 760)
    panel.show()
    panel.shown()
    context.worker.start()
    yield panel
    panel.close_panel(5.0)
    assert context.worker.close(20.0)


def done(panel: Any) -> bool:
    page = panel.session.page
    return panel.settled and not panel.session.working and page is not None and page.done == len(page.slots)


def test_a_word_and_where_it_comes_from(real: Any, qtbot: Any) -> None:
    real.left.field.insert("I am hungry, and you?\n\n-  Where do you live?")
    qtbot.waitUntil(lambda: done(real), timeout=20_000)
    assert real.right.field.text == "you? and hungry, am I\n\n-  live? you do Where"
    assert real.right.chip.card.id == parrots.MODEL
    real.inside.choose("alignment")
    real.toggle_inside()
    real.left.field.moveCursor(QTextCursor.MoveOperation.Start)
    real.right.field.setFocus()
    real.looking.step_to_end(-1)
    assert real.right.reading.text().startswith("“you” ← “you”")
    (light,) = real.left.field.lights
    assert (light.start, light.end) == (17, 20)
    assert real.inside.view("alignment").grid._lit == (-1, 0)
    assert real.session.words_a_second > 0


def test_a_long_text_is_asked_for_in_parts(real: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gui.translate.session.MOST", 25)
    monkeypatch.setattr("app.gui.translate.session.KEPT", 40)
    real.left.field.insert("\n".join(f"I am {k} today." for k in range(80)))
    qtbot.waitUntil(lambda: done(real), timeout=60_000)
    lines = real.right.field.text.split("\n")
    assert len(lines) == 80
    assert lines[79] == "today. 79 am I"
    assert len(real.session._known) == 40
    cursor = real.left.field.textCursor()
    cursor.setPosition(3)
    real.left.field.setTextCursor(cursor)  # of the first one only the translation is known any more
    qtbot.waitUntil(
        lambda: real.looking.known is not None and real.looking.known.translated.sentence == "I am 0 today."
    )


@pytest.mark.parametrize("real", [parrots.Babbler], indirect=True)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), place=st.integers(0, 60))
def test_whatever_is_typed_ends_in_a_translation_of_as_many_lines(real: Any, qtbot: Any, text: str, place: int) -> None:
    field = real.left.field
    cursor = field.textCursor()
    cursor.setPosition(min(place, field.document().characterCount() - 1))
    field.setTextCursor(cursor)
    field.insert(text)
    qtbot.waitUntil(lambda: done(real), timeout=20_000)
    page = real.session.page
    assert page.edit.text == field.text
    assert real.right.field.text == page.shown
    assert real.right.field.text.count("\n") == field.text.count("\n")
