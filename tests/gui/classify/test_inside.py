"""The inside: its tabs are made when they are looked at, hear when they come and go, and get the room they need."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QWidget


class View(QWidget):
    """Writes down what it is told. `running`: what Esc finds."""

    def __init__(self, parent: QWidget, heard: list[str], name: str) -> None:
        super().__init__(parent)
        self._heard, self._name, self.running = heard, name, False

    def shown(self) -> None:
        self._heard.append(f"{self._name} shown")

    def hidden(self) -> None:
        self._heard.append(f"{self._name} hidden")

    def cancel(self) -> bool:
        ran, self.running = self.running, False
        return ran

    def close_view(self) -> None:
        self._heard.append(f"{self._name} closed")


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def panel_with(make_panel: Any, heard: list[str]) -> Any:
    """A panel with two tabs more: one low, one that needs 330 pixels."""

    def make(size: tuple[int, int] = (1280, 760)) -> Any:
        panel = make_panel(size=size)
        for name, least in (("low", 100), ("tall", 330)):
            panel.inside.add(name, name, lambda n=name: View(panel.inside, heard, n), least)
        return panel

    return make


def test_a_view_is_made_when_it_is_first_looked_at_and_hears_of_it(panel_with: Any, heard: list[str]) -> None:
    panel = panel_with()
    assert panel.inside.view("labels") is None
    panel.toggle_inside()
    assert panel.inside.view("labels") is panel.labels
    assert panel.inside.view("low") is None
    panel.inside.choose("low")
    panel.inside.choose("tall")
    assert heard == ["low shown", "low hidden", "tall shown"]
    first = panel.inside.view("low")
    panel.inside.choose("low")
    assert panel.inside.view("low") is first
    heard.clear()
    panel.toggle_inside()
    panel.toggle_inside()
    assert heard == ["low hidden", "low shown"]
    heard.clear()
    panel.hide()  # another panel comes into view
    assert heard == ["low hidden"]


def test_the_tab_is_remembered(panel_with: Any, heard: list[str]) -> None:
    panel = panel_with()
    panel.toggle_inside()
    panel.inside.choose("tall")
    assert panel.test_context.settings.value("classify.inside", "") == "tall"
    panel.inside.choose("no such tab")
    assert panel.inside.current == "tall"


def test_a_view_has_the_height_it_needs_or_was_given(panel_with: Any) -> None:
    panel = panel_with()
    panel.toggle_inside()
    panel.inside.choose("tall")
    assert panel.inside.view("tall").height() >= 330
    assert panel.left.isVisible()
    panel._floors.setSizes([300, 460])
    panel._floors.splitterMoved.emit(300, 1)  # what Qt says where a person moves the handle
    given = panel.inside.height()
    panel.inside.choose("labels")
    assert panel.inside.height() < given
    panel.inside.choose("tall")
    assert abs(panel.inside.height() - given) <= 1


def test_where_hardly_anything_is_left_the_inside_takes_all(panel_with: Any) -> None:
    panel = panel_with(size=(720, 450))
    panel.toggle_inside()
    assert panel.left.isVisible()
    panel.inside.choose("tall")
    assert not panel.left.isVisible()
    assert panel.inside.whole.isChecked()
    panel.inside.whole.click()  # the person wants the picture beside it all the same
    assert panel.left.isVisible()
    panel.inside.choose("labels")
    assert panel.left.isVisible()
    panel.inside.choose("tall")
    panel.toggle_inside()
    assert panel.left.isVisible()


def test_esc_ends_what_runs_in_the_view_before_it_folds_the_inside(panel_with: Any, heard: list[str]) -> None:
    panel = panel_with()
    panel.toggle_inside()
    panel.inside.choose("low")
    panel.inside.view("low").running = True
    panel.cancel()
    assert panel.inside.isVisible()
    panel.cancel()
    assert not panel.inside.isVisible()


def test_views_are_closed_with_the_panel(panel_with: Any, heard: list[str]) -> None:
    panel = panel_with()
    panel.toggle_inside()
    panel.inside.choose("low")
    panel.close_panel()
    assert heard[-1] == "low closed"
    assert "tall closed" not in heard  # never made


def test_the_panel_has_pages_to_read(panel: Any) -> None:
    from app.gui.read_view import ReadView

    panel.toggle_inside()
    panel.inside.choose("read")
    view = panel.inside.view("read")
    assert isinstance(view, ReadView)
    assert view.page.isVisible()
    assert [button.text() for button in view.choices.buttons()] == [
        "AlexNet, 2012",
        "ResNet and the bypass",
        "Reading the laboratory",
    ]
