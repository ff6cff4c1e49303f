"""How late the window's event loop is while a folder is being classified: `triptych bench ui` runs this in a process of
its own, as `python -m app.gui.bench FOLDER --models A,B`.

It is the program's own window with its own engine, driven as a person would: started, the models loaded, a folder
brought in. A timer of 5 ms that is started anew each time it has fired tells how long anything else on the window's
thread had to wait: a key, a click, a repaint. What is found goes to stdout as one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.gui import start, system

if TYPE_CHECKING:
    from app.gui.classify.panel import ClassifyPanel
    from app.gui.window import MainWindow

INTERVAL = 5  # ms
PATIENCE = 300  # seconds for loading the models, which may mean converting them first, and for the first answers


def main(arguments: Sequence[str]) -> int:
    """Returns 0, or 1 where the window can't be made or no model can answer; stderr then has the sentence."""
    parser = argparse.ArgumentParser(prog="python -m app.gui.bench")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", required=True)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args(arguments)
    if problem := system.problem():
        print(problem, file=sys.stderr)
        return 1
    system.keep_constants()
    from PySide6.QtWidgets import QApplication

    from app.gui.context import MODELS_KEY
    from app.store import locate

    application = QApplication(["triptych"])
    start.prepare(application)
    window = start.make_window(locate.folders().config / "settings.json")
    window.context.settings.set(MODELS_KEY, options.models.split(","))
    window.models_changed()
    window.show()
    try:
        found = measure(window, options.folder, options.samples, options.seconds)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        window.close()
    print(json.dumps(found), flush=True)
    return 0


def measure(window: MainWindow, folder: Path, samples: int, seconds: float | None = None) -> dict[str, object]:
    """Classifies `folder` in the window until there are `samples` delays (some more where answers are slow to come),
    `seconds` have gone by, or all is done.

    The answer has `delays_ms` (in the order in which they came), `pictures` and the `seconds` they took from the first
    batch of answers to the last one, the `models`, and whether the folder was `finished`. RuntimeError: no answer
    can come."""
    from app.gui.classify.panel import ClassifyPanel

    window.tabs.setCurrentIndex(0)
    panel = window.tabs.widget(0)
    if not isinstance(panel, ClassifyPanel):
        raise RuntimeError("The Classify panel can't be loaded: “triptych doctor” says what is missing.")
    window.warm_up()
    _wait_for_models(window, panel)
    clock = _Clock(panel, samples, seconds)
    clock.run(folder)
    if not clock.advances:
        raise RuntimeError("The panel has answered for no picture: “triptych classify FOLDER” may say why.")
    (first, before), (last, after) = clock.advances[0], clock.advances[-1]
    return {
        "delays_ms": [round(delay, 3) for delay in clock.delays],
        "pictures": after - before,
        "seconds": round(last - first, 4),
        "listed": len(panel.pictures.items),
        "models": list(panel.session.models),
        "device": window.machine.device,
        "finished": not panel.session.run.running,
    }


def _wait_for_models(window: MainWindow, panel: ClassifyPanel) -> None:
    from PySide6.QtCore import QEventLoop, QTimer

    failures: list[str] = []
    window.machine.failed.connect(failures.append)
    if not panel.session.models:
        raise RuntimeError("No model of the panel is on this machine: “triptych models list” says where they are.")
    loop = QEventLoop()
    look = QTimer()
    look.timeout.connect(lambda: loop.quit() if failures or not window.machine.busy() else None)
    look.start(20)
    QTimer.singleShot(1000 * PATIENCE, loop, loop.quit)
    loop.exec()
    look.stop()
    if failures:
        raise RuntimeError(failures[0])
    if window.machine.busy():
        raise RuntimeError(f"The models were not loaded within {PATIENCE} seconds.")


class _Clock:
    """The timer whose delays are kept, and how far the folder is."""

    def __init__(self, panel: ClassifyPanel, samples: int, seconds: float | None) -> None:
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        self.delays = array("d")  # ms
        self.advances: list[tuple[float, int]] = []  # when, and how many pictures were done
        self._panel, self._samples = panel, samples
        self._seconds = float("inf") if seconds is None else seconds
        self._loop = QEventLoop()
        self._timer = QTimer(timerType=Qt.TimerType.PreciseTimer, singleShot=True, interval=INTERVAL)
        self._timer.timeout.connect(self._fired)
        self._due = self._began = 0.0
        panel.session.run.advanced.connect(self._advanced)
        panel.session.run.ended.connect(self._loop.quit)

    def run(self, folder: Path) -> None:
        self._began = time.perf_counter()
        self._panel.open_paths([folder])
        self._arm()
        self._loop.exec()
        self._timer.stop()

    def _arm(self) -> None:
        self._due = time.perf_counter() + INTERVAL / 1000
        self._timer.start()

    def _fired(self) -> None:
        now = time.perf_counter()
        self.delays.append(1000 * (now - self._due))
        enough = len(self.delays) >= self._samples or now - self._began >= self._seconds
        # A pace takes two batches of answers, however slow the machine.
        if (enough and len(self.advances) > 1) or now - self._began >= PATIENCE:
            self._loop.quit()
            return
        self._arm()

    def _advanced(self, done: int, total: int) -> None:
        if done and (not self.advances or done > self.advances[-1][1]):
            self.advances.append((time.perf_counter(), done))


if __name__ == "__main__":
    start.leave(main(sys.argv[1:]))
