"""The panel when one of the embedded files is gone or damaged, and the official weights beside an embedded model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.store import locate
from app.store.cards import read_card, write_card
from app.store.catalog import Store

EMBEDDED = ("alexnet", "resnet18", "efficientnet-lite0")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real cards and, under the names of the embedded models, EfficientNet-Lite0's file: the engine of these tests
    opens none."""
    real, folder = locate.bundled("weights"), tmp_path / "weights"
    shutil.copytree(real / "official", folder / "official")
    base = read_card(real / "efficientnet-lite0.toml")
    for model in EMBEDDED:
        official = f"{model}-v1" if model != "efficientnet-lite0" else ""
        shutil.copy(real / base.file, folder / f"{model}.safetensors")
        card = replace(base, id=model, name=model.title(), file=f"{model}.safetensors", official=official)
        write_card(card, folder / f"{model}.toml")
    bundled = locate.bundled
    monkeypatch.setattr(locate, "bundled", lambda name: folder if name == "weights" else bundled(name))
    return folder


@pytest.fixture
def panel_of(qtbot: Any, weights: Path, make_context: Callable[..., Any]) -> Iterator[Callable[[], Any]]:
    """A panel with the models that are ticked by default."""
    from app.gui.classify.panel import ClassifyPanel

    made = []

    def make() -> Any:
        context = make_context(Store())
        panel = ClassifyPanel(context)
        panel.test_context = context
        qtbot.addWidget(panel)
        panel.resize(1280, 760)
        panel.show()
        context.worker.start()
        made.append(panel)
        return panel

    yield make
    for panel in made:
        panel.close_panel()


def column(panel: Any, model: str) -> Any:
    found = panel.right.columns.column(model)
    assert found is not None
    return found


def test_the_embedded_models_are_ticked_by_default(panel_of: Any) -> None:
    panel = panel_of()
    assert [one.card.id for one in panel.right.columns.columns] == list(EMBEDDED)
    for model, text in (("alexnet", "The official weights reach 56.5 % top-1."), ("resnet18", "69.8 % top-1.")):
        line = column(panel, model).official
        assert line.isVisible()
        assert text in line.words.text()
    assert column(panel, "resnet18").official.button.text() == "Download (46.8 MB)"
    assert not column(panel, "efficientnet-lite0").official.isVisible()
    started: list[str] = []
    panel.test_context.downloads.start = started.append
    column(panel, "resnet18").official.button.click()
    assert started == ["resnet18-v1"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "Its file is missing: install Triptych again. The other models go on."),
        (lambda path: os.truncate(path, 1000), "Its file is damaged: install Triptych again. The other models go on."),
        (lambda path: os.truncate(path, 0), "Its file is damaged: install Triptych again. The other models go on."),
    ],
    ids=["missing", "truncated", "empty"],
)
def test_a_damaged_file_leaves_the_others_working(
    damage: Any, said: str, panel_of: Any, weights: Path, picture: Any, answered: Any
) -> None:
    damage(weights / "resnet18.safetensors")
    panel = panel_of()
    assert column(panel, "resnet18").absent
    assert column(panel, "resnet18").caution.text() == said
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    for model in ("alexnet", "efficientnet-lite0"):
        assert column(panel, model).answer is not None
    assert column(panel, "resnet18").answer is None


def test_a_broken_card_leaves_the_others_working(panel_of: Any, weights: Path, picture: Any, answered: Any) -> None:
    (weights / "alexnet.toml").write_text("id = ")
    panel = panel_of()
    # Its place is taken by the official model, as before there was an embedded one.
    assert {one.card.id for one in panel.right.columns.columns} == {"alexnet-v1", "resnet18", "efficientnet-lite0"}
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    assert column(panel, "resnet18").answer is not None
    assert any("alexnet.toml" in problem for problem in panel.test_context.store.problems())
