"""How live the Translate panel is: `triptych bench ui --panel translate` runs this in a process of its own, as
`python -m app.gui.bench_translate --seconds 60`.

It is the program's own window with its own engine. A text of 200 words lies in the field; then somebody types into its
middle, 8 characters a second. A timer of 5 ms tells how late the window's thread is. What stands there in the end is
compared with what a new window says of the same text, pasted at once. What is found goes to stdout as one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from app.gui import start, system

if TYPE_CHECKING:
    from app.gui.translate.panel import TranslatePanel
    from app.gui.window import MainWindow

INTERVAL = 5  # ms
STROKE = 125  # ms between two key strokes
PATIENCE = 120.0  # seconds for a whole text, the first of which may mean converting the network first
WORDS = 200


def main(arguments: Sequence[str]) -> int:
    """Returns 0, or 1 where the window can't be made or no network can answer; stderr then has the sentence."""
    parser = argparse.ArgumentParser(prog="python -m app.gui.bench_translate")
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args(arguments)
    if problem := system.problem():
        print(problem, file=sys.stderr)
        return 1
    system.keep_constants()
    from PySide6.QtWidgets import QApplication

    application = QApplication(["triptych"])
    start.prepare(application)
    try:
        found = measure(options.seconds)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found), flush=True)
    return 0


def measure(seconds: float) -> dict[str, Any]:
    """RuntimeError: nothing can be translated."""
    window, panel = _window()
    text, more = texts()
    field = panel.left.field
    field.insert(text)
    _wait(panel)
    middle = text.index("\n\n", len(text) // 2)
    cursor = field.textCursor()
    cursor.setPosition(middle)
    field.setTextCursor(cursor)
    typist = Typist(panel, " " + more)
    typist.run(seconds)
    began = time.perf_counter()
    _wait(panel)
    settled = time.perf_counter() - began
    typed, shown = field.text, panel.right.field.text
    key, latency, pace = panel.session.key, panel.session.latency, panel.session.words_a_second
    device = window.machine.device
    window.close()
    again, other = _window()
    other.left.field.replace(typed)
    _wait(other)
    pasted = other.right.field.text
    again.close()
    assert key is not None
    return {
        "model": key.model,
        "direction": f"{key.source}-{key.target}",
        "beam": key.beam,
        "device": device,
        "seconds": round(typist.seconds, 3),
        "words": len(text.split()),
        "typed": typist.typed,
        "delays_ms": [round(delay, 3) for delay in typist.delays],
        "shown": typist.shown,
        "settled_s": round(settled, 3),
        "ms_a_sentence": round(latency, 2),
        "words_a_second": round(pace, 1),
        "same": shown == pasted and bool(shown.strip()),
    }


def texts() -> tuple[str, str]:
    """A text of 200 words, and what is typed into it: the English samples, over and over."""
    from app.store.locate import bundled

    folder = bundled("assets") / "samples" / "texts"
    samples = [
        (folder / f"{name}.en.txt").read_text("utf-8").strip() for name in ("letter", "garden", "list", "station")
    ]
    words, made = 0, []
    for line in cycle(line for sample in samples for line in [*sample.split("\n"), ""]):
        took = line.split(" ")[: WORDS - words]
        made.append(" ".join(took))
        words += len(line.split())
        if words >= WORDS:
            break
    typed = " ".join(" ".join(sample.split()) for sample in samples[::-1])
    return "\n".join(made), "".join(islice(cycle(f"{typed} "), 100_000))


def _window() -> tuple[MainWindow, TranslatePanel]:
    from app.gui.translate.panel import TranslatePanel
    from app.store import locate

    window = start.make_window(locate.folders().config / "settings.json")
    window.context.settings.set("translate.history", False)  # the second one is to begin with nothing
    window.tabs.setCurrentIndex(2)
    panel = window.tabs.widget(2)
    if not isinstance(panel, TranslatePanel):
        raise RuntimeError("The Translate panel can't be loaded: “triptych doctor” says what is missing.")
    if not panel.choice.ready:
        raise RuntimeError("No network that translates is on this machine: “triptych models list” says more.")
    panel.choice.choose_source("en" if "en" in panel.choice.sources() else panel.choice.sources()[0])
    window.painted.connect(window.warm_up)
    window.show()
    return window, panel


def _wait(panel: TranslatePanel) -> None:
    """Until all that stands there is translated."""
    from PySide6.QtCore import QEventLoop, QTimer

    failures: list[str] = []

    def done() -> bool:
        page = panel.session.page
        return bool(failures) or (page is not None and page.complete and panel.settled and not panel.session.working)

    panel.session.failed.connect(failures.append)
    loop = QEventLoop()
    look = QTimer()
    look.timeout.connect(lambda: loop.quit() if done() else None)
    look.start(5)
    QTimer.singleShot(round(1000 * PATIENCE), loop, loop.quit)
    loop.exec()
    look.stop()
    panel.session.failed.disconnect(failures.append)
    if failures:
        raise RuntimeError(failures[0])
    if not done():
        raise RuntimeError(f"The text was not translated within {PATIENCE:.0f} seconds.")


class Typist:
    """Types, and keeps the delays of the timer."""

    def __init__(self, panel: TranslatePanel, text: str) -> None:
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        self.delays = array("d")  # ms
        self.typed = self.shown = 0  # characters; changes of the other field
        self.seconds = 0.0
        self._panel, self._letters = panel, iter(text)
        self._loop = QEventLoop()
        precise = Qt.TimerType.PreciseTimer
        self._timer = QTimer(timerType=precise, singleShot=True, interval=INTERVAL)
        self._timer.timeout.connect(self._fired)
        self._strokes = QTimer(timerType=precise, interval=STROKE)
        self._strokes.timeout.connect(self._stroke)
        self._due = self._end = 0.0

    def run(self, seconds: float) -> None:
        count: Callable[[], None] = self._count
        self._panel.right.field.textChanged.connect(count)
        began = time.perf_counter()
        self._end = began + seconds
        self._strokes.start()
        self._arm()
        self._loop.exec()
        self._strokes.stop()
        self._panel.right.field.textChanged.disconnect(count)
        self.seconds = time.perf_counter() - began

    def _count(self) -> None:
        self.shown += 1

    def _stroke(self) -> None:
        from PySide6.QtCore import QCoreApplication, QEvent, Qt
        from PySide6.QtGui import QKeyEvent

        letter = next(self._letters)
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, Qt.Key.Key_unknown, Qt.KeyboardModifier.NoModifier, letter)
            QCoreApplication.sendEvent(self._panel.left.field, event)
        self.typed += 1

    def _arm(self) -> None:
        self._due = time.perf_counter() + INTERVAL / 1000
        self._timer.start()

    def _fired(self) -> None:
        now = time.perf_counter()
        self.delays.append(1000 * (now - self._due))
        if now >= self._end:
            self._loop.quit()
            return
        self._arm()


if __name__ == "__main__":
    start.leave(main(sys.argv[1:]))
