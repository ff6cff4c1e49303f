"""The pages to read: all are there, readable, one at a time, and no link opens by itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextFormat
from PySide6.QtTest import QTest

from app.gui import read_view
from app.gui.read_view import ReadView, filled
from app.store.locate import bundled

PAGES = {
    "alexnet": "AlexNet, 2012",
    "resnet": "ResNet and the bypass",
    "laboratory": "Reading the laboratory",
}
CAPTIONER = {"captioner": "From a picture to a sentence"}
TRANSLATOR = {"gnmt": "Sixteen layers that translate"}
VALUES = {"cider_frozen": "0.412", "cider_end_to_end": "0.583", "cider_gain": "41"}
VALUES |= {"summary": "A small one.", "parameters": "30.2 million", "scores": "- en-de: **23.1**", "limits": "News."}


@pytest.fixture
def view(qtbot: Any, theme: Any) -> ReadView:
    made = ReadView(PAGES, theme)
    qtbot.addWidget(made)
    made.resize(1280, 700)
    made.show()
    return made


@pytest.fixture
def one(qtbot: Any, theme: Any, request: pytest.FixtureRequest) -> ReadView:
    """A page by itself, with all of its numbers."""
    made = ReadView({request.param: request.param}, theme, values=VALUES)
    qtbot.addWidget(made)
    made.resize(1280, 700)
    made.show()
    return made


every_page = pytest.mark.parametrize("one", [*PAGES, *CAPTIONER, *TRANSLATOR], indirect=True)


def blocks(view: ReadView) -> list[Any]:
    found, block = [], view.page.document().begin()
    while block.isValid():
        found.append(block)
        block = block.next()
    return found


@every_page
def test_a_page_has_a_title_parts_references_and_no_raw_marks(one: ReadView) -> None:
    levels = [block.blockFormat().headingLevel() for block in blocks(one)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert levels.count(2) >= 3
    text = one.page.toPlainText()
    assert "References" in text
    assert "arxiv.org/abs/" in text
    assert not re.search(r"\*\*|^#|\]\(|[{}]", text, re.MULTILINE)
    title = (bundled("assets") / "pages" / f"{one.page.accessibleName()}.md").read_text("utf-8").splitlines()[0]
    assert text.startswith(title.removeprefix("# "))


@every_page
def test_a_page_fits_one_screen(one: ReadView) -> None:
    """A window of 1280 × 800, the inside all over it; the references may need a turn of the wheel."""
    document = one.page.document()
    assert document.size().height() <= one.page.viewport().height() * 1.25


def test_lines_are_no_longer_than_can_be_read(view: ReadView) -> None:
    letter = view.page.fontMetrics().averageCharWidth()
    assert view.page.viewport().width() <= 92 * letter
    view.resize(420, 400)
    assert view.page.viewport().width() <= 420 - 16


def test_a_link_is_opened_only_by_a_click(view: ReadView, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    opened: list[str] = []
    monkeypatch.setattr(read_view.QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    view.open("resnet")
    before = view.page.toPlainText()
    cursor = view.page.document().find("arxiv.org/abs/1512.03385")
    cursor.setPosition(cursor.selectionStart() + 5)
    view.page.setTextCursor(cursor)
    view.page.ensureCursorVisible()
    assert not opened
    QTest.mouseClick(view.page.viewport(), Qt.MouseButton.LeftButton, pos=view.page.cursorRect(cursor).center())
    assert opened == ["https://arxiv.org/abs/1512.03385"]
    assert view.page.toPlainText() == before  # the page itself goes nowhere
    view.page.highlighted.emit(QUrl("https://arxiv.org/abs/1512.03385"))
    assert view.page.toolTip() == "Opens https://arxiv.org/abs/1512.03385 in your browser"


def test_links_have_the_colour_of_the_theme(view: ReadView, theme: Any) -> None:
    def colours() -> set[str]:
        found = set()
        for block in blocks(view):
            parts = block.begin()
            while not parts.atEnd():
                form = parts.fragment().charFormat()
                if form.isAnchor():
                    found.add(form.foreground().color().name())
                    assert form.property(QTextFormat.Property.TextUnderlineStyle.value)
                parts += 1
        return found

    assert colours() == {theme.colours.accent}
    theme.choose("dark")
    assert colours() == {theme.colours.accent}


def test_pages_turn_by_keys(view: ReadView) -> None:
    view.page.setFocus()
    for key, place in (
        (Qt.Key.Key_PageDown, 1),
        (Qt.Key.Key_PageDown, 2),
        (Qt.Key.Key_PageDown, 2),
        (Qt.Key.Key_PageUp, 1),
    ):
        QTest.keyClick(view.page, key, Qt.KeyboardModifier.ControlModifier)
        assert view.choices.place == place
    assert view.page.accessibleName() == "ResNet and the bypass"


def test_numbers_are_filled_in_or_their_paragraph_is_left_out() -> None:
    text = "# Title\n\nIt went from {low} to {high}.\n\nWhat always holds.\n\n- a {low}\n"
    assert filled(text, {"low": "1", "high": "2"}) == text.replace("{low}", "1").replace("{high}", "2")
    assert filled(text, {"low": "1"}) == "# Title\n\nWhat always holds.\n\n- a 1\n"
    assert filled(text, {}) == "# Title\n\nWhat always holds."


def test_a_single_page_has_nothing_to_choose(qtbot: Any, theme: Any) -> None:
    made = ReadView(CAPTIONER, theme)
    qtbot.addWidget(made)
    made.show()
    assert not made.choices.isVisible()
    assert "{" not in made.page.toPlainText()
