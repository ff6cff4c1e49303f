"""What tests of the window share: folders of their own, and an engine that answers without a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.gui import system
from tests.gui.stand_in import StandIn

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
system.keep_constants()  # as the program does at its start


class QuickEngine(StandIn):
    """Answers what the window asks."""

    def __init__(self) -> None:
        super().__init__()
        self.right: tuple[str, ...] = ("cat.jpg", "coffee.jpg")
        self.wrong_about: tuple[str, ...] = ()  # sample pictures

    def answer(self, request: Any) -> Any:
        from app.engines import classify
        from app.store.checks import SelfCheck

        yield None
        match request:
            case classify.UseDevice():
                return "CPU, test"
            case classify.LoadModel(model=model):
                return classify.ModelStatus(model, True, "CPU, test", "openvino", 1.0)
            case classify.ReleaseModel(model=model):
                return classify.ModelStatus(model, False)
            case classify.CheckModel(model=model):
                found = SelfCheck("0" * 64, "2026-11-25", self.right, self.wrong_about)
                return classify.ModelChecked(model, found, found.sentence(model), False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All folders of the program under a temporary one."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TRIPTYCH_HOME", str(folder))
    return folder


@pytest.fixture
def theme(qapp: Any) -> Any:
    from app.gui.theme import Theme

    return Theme("light")


@pytest.fixture
def engine() -> QuickEngine:
    return QuickEngine()


@pytest.fixture
def engines(engine: QuickEngine) -> dict[str, Callable[[], Any]]:
    """What makes the worker's engines, by name: tests of a view that asks another one add theirs."""
    return {"classify": lambda: engine, "translate": QuickEngine}


@pytest.fixture
def make_context(qapp: Any, home: Path, engines: dict[str, Callable[[], Any]]) -> Iterator[Callable[..., Any]]:
    """A context around these engines; its worker is not started. `store` may be another one."""
    from app.gui.bridge import Bridge
    from app.gui.context import Context
    from app.gui.downloads import Downloads
    from app.gui.settings import Settings
    from app.gui.theme import Theme
    from app.store.catalog import Store
    from app.worker import Worker

    made = []

    def make(store: Any = None) -> Context:
        settings = Settings(home / "config" / "settings.json")
        store = store or Store()
        bridge = Bridge()
        worker = Worker(engines, bridge.deliver)
        context = Context(worker, bridge, store, settings, Theme("light"), Downloads(store, settings))
        made.append(context)
        return context

    yield make
    for context in made:
        context.downloads.close(2.0)
        context.worker.close(2.0)


@pytest.fixture
def context(make_context: Callable[..., Any]) -> Any:
    return make_context()


@pytest.fixture
def window(qtbot: Any, context: Any) -> Any:
    """The window, not shown yet; it is closed at the end."""
    from app.gui.window import MainWindow

    made = MainWindow(context)
    qtbot.addWidget(made)
    return made
