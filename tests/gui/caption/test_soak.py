"""A short slice of what `triptych bench ui --panel caption --minutes 30` watches: nothing piles up, nothing is left."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from app.gui.caption.session import Kind


def test_frames_and_answers_do_not_pile_up(panel: Any, qtbot: Any, engine: Any) -> None:
    from app.media.synthetic import Synthetic

    panel.right.raw.setChecked(True)
    frames: list[weakref.ref[Any]] = []
    answers: list[weakref.ref[Any]] = []
    panel.session.frame_changed.connect(lambda: frames.append(weakref.ref(panel.session.frame)))
    panel.session.answered.connect(lambda answer: answers.append(weakref.ref(answer)))
    panel.watching.play(Synthetic(320, 180, fps=100.0, seconds=0.5), Kind.MOVING, loop=True)
    qtbot.waitUntil(lambda: len(frames) >= 150 and len(answers) >= 60, timeout=30_000)
    panel.toggle()
    qtbot.waitUntil(lambda: not panel.session.playing and not panel.session.waiting)
    engine.seen.clear()
    gc.collect()
    assert sum(ref() is not None for ref in frames) <= 4  # the newest, what is described, what is drawn
    assert sum(ref() is not None for ref in answers) <= 2


def test_no_thread_is_left(panel: Any, qtbot: Any, picture: Any) -> None:
    from app.media.synthetic import Synthetic

    before = set(threading.enumerate())
    for _ in range(3):
        panel.watching.play(Synthetic(160, 90, fps=100.0), Kind.MOVING)
        qtbot.waitUntil(lambda: panel.session.frame is not None)
    panel.open_paths([picture("red.png").parent])
    qtbot.waitUntil(lambda: len(panel.history.rows) >= 1 and not panel.run.running)
    panel.hidden()
    panel.close_panel()
    panel.test_context.worker.close(2.0)
    qtbot.waitUntil(lambda: set(threading.enumerate()) <= before)
