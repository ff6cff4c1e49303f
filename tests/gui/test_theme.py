"""Colours stand out from each other in both themes; the theme follows and switches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QLabel

from app.gui.colours import DARK, LIGHT, ROLES, Colours, contrast
from app.gui.theme import SIZES, Theme, palette, sized
from app.store.locate import bundled

BOTH = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#0b63b0", "#0b63b0") == 1


@BOTH
@pytest.mark.parametrize("behind", ["surface", "raised", "soft"])
def test_text_can_be_read(colours: Colours, behind: str):
    for role in ("text", "secondary", "accent", "warning", "error"):
        if behind == "soft" and role in ("warning", "error"):
            continue  # never shown there
        assert contrast(colours.of(role), colours.of(behind)) >= 4.5, role
    assert contrast(colours.on_accent, colours.accent) >= 4.5


@BOTH
@pytest.mark.parametrize("behind", ["surface", "raised"])
def test_marks_and_edges_can_be_seen(colours: Colours, behind: str):
    for colour in (*colours.marks, colours.outline, colours.good, colours.accent):
        assert contrast(colour, colours.of(behind)) >= 3, colour


@BOTH
def test_the_palette_that_qt_gets_can_be_read(colours: Colours, qapp):
    made = palette(colours)
    pairs = [
        (QPalette.ColorRole.WindowText, QPalette.ColorRole.Window),
        (QPalette.ColorRole.Text, QPalette.ColorRole.Base),
        (QPalette.ColorRole.ButtonText, QPalette.ColorRole.Button),
        (QPalette.ColorRole.HighlightedText, QPalette.ColorRole.Highlight),
        (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Base),
        (QPalette.ColorRole.ToolTipText, QPalette.ColorRole.ToolTipBase),
        (QPalette.ColorRole.Link, QPalette.ColorRole.Window),
    ]
    for front, back in pairs:
        assert contrast(made.color(front).name(), made.color(back).name()) >= 4.5, front


@BOTH
def test_models_beside_each_other_have_different_colours(colours: Colours):
    assert len(set(colours.marks)) == len(colours.marks) == 5
    for role in ROLES:
        assert re.fullmatch(r"#[0-9a-f]{6}", colours.of(role))


def test_switching(qapp, qtbot):
    theme = Theme("light")
    assert not theme.dark
    with qtbot.waitSignal(theme.changed):
        theme.choose("dark")
    assert theme.dark
    assert QApplication.palette().color(QPalette.ColorRole.Window).name() == DARK.surface
    theme.choose("nonsense")
    assert theme.choice == "system"
    theme.choose("light")


def test_every_icon_is_drawn_in_the_colour_of_its_role(theme):
    names = [path.stem for path in (bundled("assets") / "icons").glob("*.svg") if path.stem != "app"]
    assert len(names) > 10
    for name in names:
        image = theme.icon(name, "accent").pixmap(QSize(48, 48)).toImage()
        colours = {
            image.pixelColor(x, y).name()
            for x in range(image.width())
            for y in range(image.height())
            if image.pixelColor(x, y).alpha() == 255
        }
        assert LIGHT.accent in colours, name


def test_own_icons_have_one_weight():
    for path in (bundled("assets") / "icons").glob("*.svg"):
        if path.stem != "app":
            text = Path(path).read_text("utf-8")
            assert 'stroke="currentColor"' in text, path.name
            assert 'stroke-width="1.75"' in text, path.name


def test_sizes_of_type(qtbot):
    label = QLabel("a")
    qtbot.addWidget(label)
    for name, factor in SIZES.items():
        sized(label, name)
        assert label.font().pointSizeF() == pytest.approx(QApplication.font().pointSizeF() * factor)
