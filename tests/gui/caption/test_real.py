"""The panel with the real engine and the embedded network, and no socket at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.gui.caption.session import Kind
from app.store.locate import bundled

MODEL = "captioner"
pytestmark = pytest.mark.skipif(
    not (bundled("weights") / "captioner.safetensors").exists(), reason="the captioner's weights are not here"
)


@pytest.fixture
def real(qtbot: Any, theme: Any, tmp_path: Path) -> Iterator[Any]:
    from app.engines.caption import CaptionEngine
    from app.gui.bridge import Bridge
    from app.gui.caption.panel import CaptionPanel
    from app.gui.context import Context
    from app.gui.downloads import Downloads
    from app.gui.settings import Settings
    from app.store.catalog import Store
    from app.worker import Worker

    settings, store, bridge = Settings(tmp_path / "settings.json"), Store(), Bridge()
    worker = Worker({"caption": lambda: CaptionEngine(store, "cpu")}, bridge.deliver)
    panel = CaptionPanel(Context(worker, bridge, store, settings, theme, Downloads(store, settings)))
    qtbot.addWidget(panel)
    panel.resize(1280, 760)
    panel.show()
    panel.shown()
    worker.start()
    yield panel
    panel.close_panel()
    assert worker.close(20.0)


@pytest.mark.usefixtures("no_sockets")
def test_a_sample_is_described_and_a_picked_word_leads_on(real: Any, qtbot: Any) -> None:
    qtbot.mouseClick(real.left.empty.samples[2], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: real.reading.caption is not None, timeout=120_000)
    caption = real.reading.caption
    assert len(caption.words) >= 3
    assert real.right.chip.card.id == MODEL
    for word in caption.words:
        assert 0 < word.p <= 1
        assert word.attention.sum() == pytest.approx(1.0, abs=1e-3)
    real.reading.step(1)
    real.reading.step(1)
    others = [text for text, _ in caption.words[1].runners_up]
    qtbot.keyClick(real, Qt.Key.Key_1)
    qtbot.waitUntil(lambda: real.right.caption.forced == 2, timeout=30_000)
    assert [word.text for word in real.reading.caption.words[:2]] == [caption.words[0].text, others[0]]
    real.cancel()
    assert real.reading.caption is caption


@pytest.mark.usefixtures("no_sockets")
def test_the_test_picture_is_described_live(real: Any, qtbot: Any) -> None:
    from app.media.synthetic import Synthetic

    samples = bundled("assets") / "samples"
    real.right.raw.setChecked(True)
    real.watching.play(Synthetic(320, 240, pictures=(samples / "chelsea.jpg",), seconds=1.0), Kind.MOVING, loop=True)
    answers: list[Any] = []
    real.session.answered.connect(answers.append)
    qtbot.waitUntil(lambda: len(answers) >= 3, timeout=120_000)
    times = [answer.frame.captured for answer in answers]
    assert times == sorted(set(times))  # always a newer frame
    assert real.left.view.has_heat
    assert np.isfinite(answers[-1].caption.logprob)
    assert real.history.rows
