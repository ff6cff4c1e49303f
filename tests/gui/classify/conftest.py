"""An engine that answers like Classify's without a network, and a panel around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.gui.stand_in import StandIn

LABELS = ("tabby", "tiger cat", "Egyptian cat", "lynx", "espresso", "cup", "rocket", "missile", "tench")


class FakeEngine(StandIn):
    """Labels follow from the name of the picture: "cat…" gives cats. `broken` models fail."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, str] = {}
        self.portion = 4
        self.portions_left: int | None = None  # after so many of a folder the gate falls shut

    def answer(self, request: Any) -> Any:
        from app.engines import classify

        match request:
            case classify.Classify(picture=picture, models=models, top=top):
                for model in models:
                    yield self.classified(model, picture.name, top)
            case classify.ClassifyFiles(paths=paths, models=models, top=top):
                for first in range(0, len(paths), self.portion):
                    if self.portions_left is not None:
                        self.portions_left -= 1
                        if self.portions_left < 0:
                            self.gate.clear()
                    yield from self.held()
                    yield tuple(self.result(path, models, top) for path in paths[first : first + self.portion])
                return len(paths)
            case classify.Explain(model=model, target=target, against=against):
                values = np.linspace(-1 if against is not None else 0, 1, 49, dtype=np.float32).reshape(7, 7)
                return classify.HeatMap(model, target, against, values, (10.0, 5.0, 40.0, 40.0), "Grad-CAM", 3.0)
            case classify.ReleaseModel(model=model):
                return classify.ModelStatus(model, False)

    def classified(self, model: str, name: str, top: int) -> Any:
        from app.engines.classify import Classification, Label, ModelFailed

        if model in self.broken:
            return ModelFailed(model, self.broken[model])
        first = {"cat": 0, "coffee": 4, "rocket": 6}.get(name.split("-")[0].split(".")[0], 8)
        if model == "other":
            first += name.startswith("cat")
        order = [first, *(k for k in range(len(LABELS)) if k != first)]
        p = 0.9 - 0.1 * (len(name) % 5)
        chances = [p, *(0.05 / 2**k for k in range(len(order)))]
        labels = tuple(Label(k, LABELS[k], chances[place]) for place, k in enumerate(order))[:top]
        return Classification(model, labels, np.zeros(1000, np.float32), 7.5, "CPU, test", "openvino")

    def result(self, path: Path, models: tuple[str, ...], top: int) -> Any:
        from app.engines.classify import FileResult

        if path.stem.startswith("broken"):
            return FileResult(path, (), f"{path.name} could not be opened: the file is empty.")
        return FileResult(path, tuple(self.classified(model, path.name, top) for model in models))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


class FakeStore:
    """EfficientNet's card under several ids; those in `absent` have no file."""

    def __init__(self, ids: tuple[str, ...], absent: tuple[str, ...], folders: Any) -> None:
        from dataclasses import replace

        from app.store.catalog import Store

        base = Store(folders).card("efficientnet-lite0")
        address = ("https://example.org/model.pth",)
        self.folders = folders
        self.absent = set(absent)
        self._cards = tuple(
            replace(base, id=model, name=model.title(), addresses=address, confirmed=False, measured=())
            for model in ids
        )

    def cards(self, task: str | None = None) -> Any:
        return self._cards

    def card(self, model: str) -> Any:
        return next(card for card in self._cards if card.id == model)

    def state(self, card: Any) -> Any:
        from app.store.catalog import State

        return State.ABSENT if card.id in self.absent else State.READY

    def size(self, card: Any) -> Any:
        return card.approximate_size

    def self_check(self, card: Any) -> None:
        return None


@pytest.fixture
def make_panel(qtbot: Any, home: Path, make_context: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    from app.gui.classify.panel import ClassifyPanel
    from app.gui.context import MODELS_KEY
    from app.store.locate import folders

    panels = []

    def make(models: tuple[str, ...] = ("one", "other"), absent: tuple[str, ...] = (), size: Any = (1280, 760)) -> Any:
        context = make_context(FakeStore(models, absent, folders()))
        context.settings.set(MODELS_KEY, list(models))
        panel = ClassifyPanel(context)
        panel.test_context = context
        qtbot.addWidget(panel)
        panel.resize(*size)
        panel.show()
        context.worker.start()
        panels.append(panel)
        return panel

    yield make
    for panel in panels:
        panel.close_panel()


@pytest.fixture
def panel(make_panel: Callable[..., Any]) -> Any:
    return make_panel()


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small picture; names that begin with "broken" get none."""

    def write(name: str, folder: str = "pictures") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("broken"):
            path.write_bytes(b"")
        else:
            Image.new("RGB", (60, 50), (200, 120, 40)).save(path)
        return path

    return write


@pytest.fixture
def folder(picture: Callable[..., Path]) -> Path:
    """Eleven pictures of three kinds, one of them broken."""
    for k in range(4):
        picture(f"cat-{k}.png")
        picture(f"coffee-{'x' * k}.png")
    picture("rocket-1.png")
    picture("broken.jpg")
    return picture("tench.png").parent


@pytest.fixture
def answered(qtbot: Any) -> Callable[..., None]:
    """Waits until the picture in view is there and answered."""

    def wait(panel: Any) -> None:
        def ready() -> bool:
            item = panel.session.current
            return item is not None and item.done and (panel.session.decoded is not None or bool(item.error))

        qtbot.waitUntil(ready, timeout=10_000)

    return wait


@pytest.fixture
def finished(qtbot: Any) -> Callable[..., None]:
    """Waits until a folder is found and answered."""

    def wait(panel: Any, count: int) -> None:
        def ready() -> bool:
            session = panel.session
            return len(session.pictures.items) >= count and not session.run.running and not session.searching

        qtbot.waitUntil(ready, timeout=20_000)
        panel.pictures.flush()

    return wait
