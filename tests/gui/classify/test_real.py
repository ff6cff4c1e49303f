"""The panel with the real engine and the embedded network, and no socket at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

MODEL = "efficientnet-lite0"


@pytest.fixture
def real(qtbot: Any, theme: Any, tmp_path: Path) -> Iterator[Any]:
    from app.engines.classify import ClassifyEngine
    from app.gui.bridge import Bridge
    from app.gui.classify.panel import ClassifyPanel
    from app.gui.context import Context
    from app.gui.downloads import Downloads
    from app.gui.settings import Settings
    from app.store.catalog import Store
    from app.worker import Worker

    settings, store, bridge = Settings(tmp_path / "settings.json"), Store(), Bridge()
    worker = Worker({"classify": lambda: ClassifyEngine(store, "cpu")}, bridge.deliver)
    panel = ClassifyPanel(Context(worker, bridge, store, settings, theme, Downloads(store, settings)))
    qtbot.addWidget(panel)
    panel.resize(1280, 760)
    panel.show()
    worker.start()
    yield panel
    panel.close_panel()
    assert worker.close(20.0)


@pytest.mark.usefixtures("no_sockets")
def test_a_sample_is_named_and_explained(real: Any, qtbot: Any) -> None:
    qtbot.mouseClick(real.left.empty.samples[1], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(real.session.current and real.session.current.done), timeout=120_000)
    answer = real.session.current.answers[MODEL]
    assert answer.error == ""
    assert answer.top[0].label == "espresso"
    assert answer.top[0].p > 0.9
    bars = real.right.columns.column(MODEL).bars
    qtbot.mouseClick(bars.rows[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: real.left.view.has_heat, timeout=60_000)
    plain, laid = real.session.decoded.image, real.left.view.composed()
    changed = np.array([[plain.pixel(x, y) != laid.pixel(x, y) for x in (20, 300, 580)] for y in (10, 200, 390)])
    assert changed.tolist() == [[False] * 3, [False, True, False], [False] * 3]  # the middle is what the network saw


@pytest.mark.usefixtures("no_sockets")
def test_a_folder_and_a_single_picture_say_the_same(real: Any, qtbot: Any, picture: Callable[..., Path]) -> None:
    import shutil

    from app.store.locate import bundled

    samples = bundled("assets") / "samples"
    folder = picture("plain.png").parent
    for name in ("chelsea.jpg", "rocket.jpg"):
        shutil.copy(samples / name, folder / name)
    real.open_paths([samples / "chelsea.jpg"])
    qtbot.waitUntil(lambda: bool(real.session.current and real.session.current.done), timeout=120_000)
    single = real.session.current.answers[MODEL].top
    real.open_paths([folder])
    qtbot.waitUntil(lambda: real.pictures.done == 4 and not real.session.run.running, timeout=60_000)
    item = next(item for item in real.pictures.items if item.path == folder / "chelsea.jpg")
    assert [label.index for label in item.answers[MODEL].top[:3]] == [label.index for label in single[:3]]
    assert item.answers[MODEL].top[0].p == pytest.approx(single[0].p, abs=0.02)
