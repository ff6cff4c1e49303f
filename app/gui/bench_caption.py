"""How live the Caption panel is: `triptych bench ui --panel caption` runs this in a process of its own, as
`python -m app.gui.bench_caption --seconds 30`.

It is the program's own window with its own engine, looking at a test picture of 720p with 30 frames a second that plays
over and over. A timer of 5 ms tells how late the window's thread is; the picture counts what it draws, the session what
it is answered; the system tells the memory. What is found goes to stdout as one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.gui import start, system

if TYPE_CHECKING:
    from app.gui.caption.panel import CaptionPanel
    from app.gui.caption.session import Answer
    from app.gui.window import MainWindow

INTERVAL = 5  # ms
PATIENCE = 120  # seconds for the first caption, which may mean converting the network first
LOOP = 30.0  # seconds after which the source begins again
LOOK = 1.0  # seconds between two looks at the memory


def main(arguments: Sequence[str]) -> int:
    """Returns 0, or 1 where the window can't be made or no network can answer; stderr then has the sentence."""
    parser = argparse.ArgumentParser(prog="python -m app.gui.bench_caption")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--beam", type=int, default=3)
    options = parser.parse_args(arguments)
    if problem := system.problem():
        print(problem, file=sys.stderr)
        return 1
    system.keep_constants()
    from PySide6.QtWidgets import QApplication

    from app.store import locate

    application = QApplication(["triptych"])
    start.prepare(application)
    window = start.make_window(locate.folders().config / "settings.json")
    window.context.settings.set("caption.beam", options.beam)
    try:
        found = measure(window, options.seconds)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        window.close()
    found["threads_left"] = left_over()
    print(json.dumps(found), flush=True)
    return 0


def measure(window: MainWindow, seconds: float) -> dict[str, Any]:
    """Shows the window and looks at the test picture for `seconds` after the first caption. RuntimeError: no caption
    can come."""
    from PySide6.QtCore import QEventLoop, QTimer

    from app.gui.caption.panel import CaptionPanel
    from app.gui.caption.session import Kind
    from app.media.synthetic import Synthetic
    from app.store.locate import bundled

    window.tabs.setCurrentIndex(1)
    panel = window.tabs.widget(1)
    if not isinstance(panel, CaptionPanel):
        raise RuntimeError("The Caption panel can't be loaded: “triptych doctor” says what is missing.")
    if not panel.session.model:
        raise RuntimeError("No network that describes pictures is on this machine: “triptych models list” says more.")
    window.painted.connect(window.warm_up)
    window.show()
    pictures = tuple(sorted((bundled("assets") / "samples").glob("*.jpg")))
    watch = _Watch(panel)
    loop = QEventLoop()
    panel.session.answered.connect(loop.quit)
    panel.session.failed.connect(loop.quit)
    QTimer.singleShot(1000 * PATIENCE, loop, loop.quit)
    panel.watching.play(Synthetic(seconds=LOOP, pictures=pictures), Kind.MOVING, loop=True)
    loop.exec()
    panel.session.answered.disconnect(loop.quit)
    if panel.reading.newest is None:
        raise RuntimeError("\n".join(panel.strips.sentences()) or f"There was no caption within {PATIENCE} seconds.")
    first = start.since_start()
    watch.run(seconds)
    status = panel.session.status
    return {
        "model": panel.session.model,
        "beam": panel.session.beam,
        "device": panel.reading.newest.described.device,
        "runtime": panel.reading.newest.described.runtime,
        "first_caption_s": round(first, 3),
        "seconds": round(watch.seconds, 3),
        "delays_ms": [round(delay, 3) for delay in watch.delays],
        "latencies_ms": [round(latency, 3) for latency in watch.latencies],
        "drawn": watch.drawn,
        "frames": watch.frames,
        "dropped": status.dropped if status is not None else 0,
        "captions_shown": len(panel.history.rows),
        "memory_mb": [[round(when, 1), round(taken, 2)] for when, taken in watch.memory],
        "cancel_ms": round(watch.cancel(), 3),
    }


def left_over(patience: float = 3.0) -> list[str]:
    """Threads of ours that still run, some time after the window has closed."""
    end = time.monotonic() + patience
    while True:
        left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.02)


class _Watch:
    """The timer whose delays are kept, and what the panel did meanwhile."""

    def __init__(self, panel: CaptionPanel) -> None:
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        self.delays = array("d")  # ms
        self.latencies = array("d")  # ms, from the frame to the text
        self.memory: list[tuple[float, float]] = []  # seconds, MB
        self.drawn = self.frames = 0
        self.seconds = 0.0
        self._panel = panel
        self._loop = QEventLoop()
        self._timer = QTimer(timerType=Qt.TimerType.PreciseTimer, singleShot=True, interval=INTERVAL)
        self._timer.timeout.connect(self._fired)
        self._due = self._began = self._end = self._looked = 0.0

    def run(self, seconds: float) -> None:
        session, view = self._panel.session, self._panel.left.view
        assert session.status is not None
        drawn, frames = view.drawn, session.status.frames
        self._began = time.perf_counter()
        self._end = self._began + seconds
        session.answered.connect(self._answered)
        self._arm()
        self._loop.exec()
        self._timer.stop()
        session.answered.disconnect(self._answered)
        self.seconds = time.perf_counter() - self._began
        self.drawn, self.frames = view.drawn - drawn, session.status.frames - frames

    def cancel(self) -> float:
        """Milliseconds from the flag to the answer that says so."""
        from PySide6.QtCore import QTimer

        session = self._panel.session
        session.pause()
        frame = session.frame
        assert frame is not None
        session.set_beam(10)
        ended: list[float] = []

        def end() -> None:
            ended.append(time.perf_counter())
            self._loop.quit()

        bridge = self._panel._context.bridge
        for signal in (bridge.cancelled, bridge.done):
            signal.connect(end)
        QTimer.singleShot(20, self._loop.quit)
        self._loop.exec()
        began = time.perf_counter()
        if not session.cancel():
            return 0.0
        QTimer.singleShot(5000, self._loop, self._loop.quit)
        self._loop.exec()
        return 1000 * ((ended[-1] if ended else time.perf_counter()) - began)

    def _answered(self, answer: Answer) -> None:
        self.latencies.append(self._panel.session.latency)

    def _arm(self) -> None:
        self._due = time.perf_counter() + INTERVAL / 1000
        self._timer.start()

    def _fired(self) -> None:
        now = time.perf_counter()
        self.delays.append(1000 * (now - self._due))
        if now - self._looked >= LOOK:
            import psutil

            self._looked = now
            self.memory.append((now - self._began, psutil.Process().memory_info().rss / 1e6))
        if now >= self._end:
            self._loop.quit()
            return
        self._arm()


if __name__ == "__main__":
    start.leave(main(sys.argv[1:]))
