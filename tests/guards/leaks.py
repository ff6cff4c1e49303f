"""Finds what a test leaves behind: threads, timers, Qt threads, animations, top-level widgets; and where it came from.

After napari's fixtures: `start` and its like are watched, so that the message names the line that started the thing.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from tests.guards.network import where

PATIENCE = 1.0  # seconds that a thread may take to end after its test
# Threads that may stay, by the beginning of their names: why.
ALLOWED_THREADS: dict[str, str] = {}
# Top-level widgets that may stay, by class: why.
ALLOWED_WIDGETS = {
    "QTipLabel": "Qt keeps the last tool tip's window for the next one",
}

_thread_start: weakref.WeakKeyDictionary[threading.Thread, str] = weakref.WeakKeyDictionary()
_started: list[tuple[weakref.ref[Any], Callable[[Any], bool], str]] = []  # Qt's timers, threads, animations
_shown: dict[int, str] = {}  # the C++ address of a widget: where it was shown last


def clear_clipboard() -> None:
    """What a test has put there may be Python's own, and the offscreen clipboard frees it after Python has ended, which
    crashes: an exit code without any test that has failed."""
    from PySide6.QtGui import QGuiApplication

    QGuiApplication.clipboard().clear()


def watch_threads() -> None:
    """From now on every thread remembers who started it."""
    start = threading.Thread.start

    def watched(self: threading.Thread) -> None:
        _thread_start[self] = where(sys._getframe(1))
        start(self)

    threading.Thread.start = watched  # type: ignore[method-assign]


def threads() -> set[threading.Thread]:
    """Those that run now. Not those that C code brings (OpenVINO, Qt, torch): they are no Python threads, and show up
    as dummies once they have called into Python."""
    return {
        thread
        for thread in threading.enumerate()
        if not isinstance(thread, threading._DummyThread) and not thread.name.startswith(tuple(ALLOWED_THREADS))
    }


def left_threads(before: set[threading.Thread]) -> list[str]:
    end = time.monotonic() + PATIENCE
    left = threads() - before
    for thread in left:
        thread.join(max(0.0, end - time.monotonic()))
    return [
        f"the thread {thread.name!r}, started at {_thread_start.get(thread, 'an unknown place')}"
        for thread in left
        if thread.is_alive()
    ]


_watching_qt = False


def watch_qt() -> None:
    """From now on Qt's timers, threads and animations that Python starts, and widgets that it shows, are remembered."""
    global _watching_qt
    if _watching_qt:
        return
    _watching_qt = True
    from PySide6.QtCore import QAbstractAnimation, QThread, QTimer
    from PySide6.QtWidgets import QMenu, QWidget

    _watch(QTimer, "start", lambda timer: timer.isActive())
    _watch(QThread, "start", lambda thread: thread.isRunning())
    _watch(QAbstractAnimation, "start", lambda animation: animation.state() is not QAbstractAnimation.State.Stopped)
    # No virtual method (setVisible, open, exec): Qt would take the watcher for an override, and call it.
    _watch_showing(QWidget, "show")
    _watch_showing(QMenu, "popup")


def _watch(kind: Any, name: str, alive: Callable[[Any], bool]) -> None:
    original = getattr(kind, name)

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        _started.append((weakref.ref(self), alive, where(sys._getframe(1))))
        return original(self, *arguments, **named)

    setattr(kind, name, watched)


def _watch_showing(kind: Any, name: str) -> None:
    original = getattr(kind, name)

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        _shown[_address(self)] = where(sys._getframe(1))
        return original(self, *arguments, **named)

    setattr(kind, name, watched)


def _address(widget: Any) -> int:
    import shiboken6

    return int(shiboken6.getCppPointer(widget)[0])


def widgets() -> set[int]:
    """The C++ addresses of all top-level widgets."""
    from PySide6.QtWidgets import QApplication

    return {_address(widget) for widget in QApplication.topLevelWidgets()}


def left_of_qt(before: set[int]) -> list[str]:
    """Timers and the like that still run, top-level widgets that are still there."""
    found = _look(before)
    if found:  # perhaps in a circle of references only: collecting costs a tenth of a second, so only now
        gc.collect()
        found = _look(before)
    _started.clear()
    _shown.clear()
    return found


def _look(before: set[int]) -> list[str]:
    import shiboken6
    from PySide6.QtCore import QCoreApplication, QEvent
    from PySide6.QtWidgets import QApplication

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # `deleteLater` of the closing windows
    QCoreApplication.processEvents()
    found = []
    for reference, alive, place in _started:
        thing = reference()
        if thing is not None and shiboken6.isValid(thing) and alive(thing):
            found.append(f"a {type(thing).__name__} that runs, started at {place}")
    for widget in QApplication.topLevelWidgets():
        address = _address(widget)
        if address not in before and widget.metaObject().className() not in ALLOWED_WIDGETS:
            found.append(f"the widget {_described(widget)}, shown at {_shown.get(address, 'no place of Python')}")
    return found


def _described(widget: Any) -> str:
    kind = type(widget)
    title = widget.windowTitle() or widget.objectName()
    place = ""
    if kind.__module__.partition(".")[0] != "PySide6":
        try:
            place = f" ({inspect.getsourcefile(kind)}:{inspect.getsourcelines(kind)[1]})"
        except (OSError, TypeError):
            place = f" ({kind.__module__})"
    return f"{kind.__name__}{f' “{title}”' if title else ''}{place}"
