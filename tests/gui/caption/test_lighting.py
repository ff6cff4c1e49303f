"""A captioner without attention: what speaks for a word is asked for when a person looks at it, and said to be another
measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.gui.caption.conftest import FakeCaptioner

RED = "a red bird sits on a branch"
BOX = (8.0, 6.0, 48.0, 36.0)


class WithoutAttention(FakeCaptioner):
    wrong_light = ""

    def answer(self, request: Any) -> Any:
        from app.engines import caption

        if not isinstance(request, caption.ShowLight):
            return (yield from super().answer(request))
        yield from self.held()
        if self.wrong_light:
            raise RuntimeError(self.wrong_light)
        maps = [np.zeros((8, 8), np.float32) for _ in request.words]
        for k, one in enumerate(maps[1:]):  # nothing speaks for the first
            one[k % 8, 3] = 1.0
        return caption.Light(tuple(maps), BOX)

    def word(self, said: list[str], k: int) -> Any:
        return replace(super().word(said, k), attention=None)

    def asked_for(self) -> list[str]:
        return [" ".join(request.words) for request in self.seen if type(request).__name__ == "ShowLight"]


@pytest.fixture
def engine() -> WithoutAttention:
    return WithoutAttention()


def test_the_light_of_a_word_is_asked_for_once(
    panel: Any, picture: Any, answered: Any, engine: WithoutAttention, qtbot: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel, RED)
    bar, view = panel.left.attention, panel.left.view
    assert "point at a word" in bar.line.text()
    assert not view.has_heat
    assert engine.asked_for() == []
    panel.reading.choose_word(1)
    qtbot.waitUntil(lambda: view.has_heat)
    assert engine.asked_for() == [RED]
    assert view._box == BOX
    assert "“red”: a gradient, another measure than attention" in bar.line.text()
    panel.reading.choose_word(3)
    assert view.has_heat
    assert "“sits”" in bar.line.text()
    panel.reading.choose_word(0)
    assert not view.has_heat
    assert "Nothing in the picture speaks for “a”" in bar.line.text()
    assert engine.asked_for() == [RED]
    panel.reading.cancel()
    assert "point at a word" in bar.line.text()
    panel.reading.show_place(1)
    panel.reading.choose_word(2)
    qtbot.waitUntil(lambda: view.has_heat)
    assert len(engine.asked_for()) == 2


def test_without_the_light_it_says_why(
    panel: Any, picture: Any, answered: Any, engine: WithoutAttention, qtbot: Any
) -> None:
    engine.wrong_light = "There is no torch."
    panel.open_paths([picture("red.png")])
    answered(panel, RED)
    panel.reading.choose_word(1)
    assert "Looking for what speaks for “red”…" in panel.left.attention.line.text()
    qtbot.waitUntil(lambda: panel.left.attention.line.text() == "There is no torch.")
    panel.reading.choose_word(2)
    assert len(engine.asked_for()) == 1
    assert panel.reading.caption is not None


def test_a_strip_waits_for_the_light(
    panel: Any, picture: Any, answered: Any, engine: WithoutAttention, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel, RED)
    panel.left.attention.heat.setChecked(False)
    file = tmp_path / "strip.png"
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(file), ""))
    panel.save_strip()
    qtbot.waitUntil(lambda: file.exists() and not panel.files.threads())
    assert engine.asked_for() == [RED]
    with Image.open(file) as saved:
        assert saved.info["Description"] == RED
        pixels = np.asarray(saved.convert("RGB")).astype(int)
    places = [(pixels[:, left : left + 192].max(-1) - pixels[:, left : left + 192].min(-1)) for left in (208, 408)]
    assert (places[0] == (pixels[:, 8:200].max(-1) - pixels[:, 8:200].min(-1)))[:140].all()  # nothing speaks for “a”
    assert (places[1] != places[0])[:140].any()
    panel.save_strip()
    qtbot.waitUntil(lambda: not panel.files.threads())
    assert engine.asked_for() == [RED]


def test_without_the_light_no_strip_is_saved(
    panel: Any, picture: Any, answered: Any, engine: WithoutAttention, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    engine.wrong_light = "There is no torch."
    panel.open_paths([picture("red.png")])
    answered(panel, RED)
    monkeypatch.setattr("app.gui.saving.choose_file", lambda *_: (str(tmp_path / "strip.png"), ""))
    panel.save_strip()
    qtbot.waitUntil(lambda: "strip.png is not saved: There is no torch." in panel.strips.sentences())
    assert not (tmp_path / "strip.png").exists()


def test_nothing_is_asked_where_the_heat_is_off(
    panel: Any, picture: Any, answered: Any, engine: WithoutAttention, qtbot: Any
) -> None:
    panel.open_paths([picture("red.png")])
    answered(panel, RED)
    panel.left.attention.heat.setChecked(False)
    panel.reading.choose_word(1)
    qtbot.wait(30)
    assert engine.asked_for() == []
    panel.left.attention.heat.setChecked(True)
    qtbot.waitUntil(lambda: panel.left.view.has_heat)


class Written(WithoutAttention):
    """It learnt from written sentences, and says the full stop."""

    def words(self, rgb: np.ndarray, prefix: tuple[str, ...]) -> list[str]:
        return [*super().words(rgb, prefix), "."]

    def described(self, model: str, said: list[str], beam: int, picture: np.ndarray) -> Any:
        made = super().described(model, said, 1, picture)
        return replace(made, captions=(replace(made.captions[0], written=True),))


def test_a_full_stop_that_is_said_comes_once(
    make_panel: Any, picture: Any, engines: dict[str, Any], qtbot: Any
) -> None:
    from app.gui.caption.wording import sentence

    engines["caption"] = Written
    panel = make_panel()
    panel.open_paths([picture("red.png")])
    qtbot.waitUntil(lambda: panel.reading.caption is not None)
    assert sentence(panel.reading.caption) == "A red bird sits on a branch."
    *_, branch, stop = panel.right.caption._placed
    assert (branch.text, stop.text) == ("branch", ".")
    assert stop.base.x() == pytest.approx(branch.place.right() - (branch.base.x() - branch.place.left()))
    assert [row.text for row in panel.history.rows] == ["A red bird sits on a branch."]
