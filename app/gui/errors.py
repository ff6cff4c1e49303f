"""When the program itself fails: a rotating log, a dialog for what nobody expected, a note after a hard crash.

None of it holds what a person typed, nor a full path: `redact` goes over everything that is written or shown.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import logging.handlers
import os
import platform
import re
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TextIO

from PySide6.QtCore import (
    QMessageLogContext,
    QObject,
    QSocketNotifier,
    Qt,
    QtMsgType,
    Signal,
    Slot,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QWidget

LOG = "triptych.log"
LARGEST = 1_000_000  # bytes a file of the log
KEPT = 3  # older files

_QUOTED = re.compile(r"""(["'“])((?:/|~/|[A-Za-z]:[\\/]|\\\\)[^"'”\n]*)(["'”])""")
_BARE = re.compile(r"""(?<![\w./:\\-])(?:~?/(?:[^\s/"'“”:;,()<>]+/)+|[A-Za-z]:\\(?:[^\\\s"'“”]+\\)+)""")
_log = logging.getLogger(__name__)


def redact(text: str) -> str:
    """Of every full path only the file's name is left. Addresses of the web stay as they are."""
    home = str(Path.home())
    if len(home) > 1:
        text = text.replace(home, "~")
    text = _QUOTED.sub(lambda found: found[1] + re.split(r"[\\/]", found[2].rstrip("\\/"))[-1] + found[3], text)
    return _BARE.sub("…/", text)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class Log:
    """The log on the disk, for as long as the program runs."""

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)

    def close(self) -> None:
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(self._level)
        self._handler.close()


def start_log(folder: Path) -> Log:
    """Everything from INFO on into FOLDER/triptych.log. Where the folder can't be written to, on stderr."""
    handler: logging.Handler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(folder / LOG, "a", LARGEST, KEPT, encoding="utf-8", delay=True)
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = Log(handler)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line for every request says nothing to a person
    _log.info("Triptych starts: Python %s, %s", platform.python_version(), platform.platform())
    return log


class CrashWatch:
    """faulthandler's file of this run; `last_time` holds what an earlier run left when it crashed."""

    def __init__(self, file: TextIO | None, last_time: str | None) -> None:
        self._file = file
        self.last_time = last_time

    def close(self) -> None:
        """The program ends well: nothing to tell the next time."""
        if self._file is None:
            return
        faulthandler.disable()
        name = Path(self._file.name)
        self._file.close()
        with contextlib.suppress(OSError):
            name.unlink()


def watch_crashes(folder: Path) -> CrashWatch:
    """Looks for what earlier runs left, then writes where this one is, should it crash. The file of a run that still
    goes on is locked, and left alone."""
    last_time = None
    for old in sorted(folder.glob("crash-*.log")):
        with contextlib.suppress(OSError):
            text = _take(old)
            if text and text.strip():
                last_time = redact(text)
                _log.error("an earlier run crashed\n%s", last_time)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f"crash-{os.getpid()}.log").open("w", encoding="utf-8")
        _lock(file)
        faulthandler.enable(file)
    except (OSError, RuntimeError):
        return CrashWatch(None, last_time)
    return CrashWatch(file, last_time)


def _take(file: Path) -> str | None:
    """The text of a file that nobody holds any more, which is removed; None where a run still writes it."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        if not _lock(opened):
            return None
        text = opened.read()
    file.unlink()  # on Windows this fails while another process has it open: OSError, left alone
    return text


def _lock(file: TextIO) -> bool:
    """The system frees the lock when the process ends, however it ends."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Reporter(QObject):
    """What nobody caught, on any thread: into the log, then into a dialog whose text can be copied. The program goes
    on."""

    _happened = Signal(str)

    def __init__(self, logs: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._logs = logs
        self.parent_for_dialogs: QWidget | None = None
        self.dialog: Any = None
        self._before: tuple[Any, Any, Any] | None = None
        self._happened.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        self._before = sys.excepthook, threading.excepthook, sys.unraisablehook
        sys.excepthook = self.on_exception
        threading.excepthook = self._on_thread
        sys.unraisablehook = self._on_unraisable
        qInstallMessageHandler(_qt_says)

    def uninstall(self) -> None:
        if self._before is not None:
            sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
            self._before = None
            qInstallMessageHandler(None)

    def on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None, where: str = "the window"
    ) -> None:
        """Never raises: what goes wrong in here goes to stderr."""
        if issubclass(kind, KeyboardInterrupt):
            from PySide6.QtCore import QCoreApplication

            QCoreApplication.quit()
            return
        try:
            text = "".join(traceback.format_exception(kind, error, trace))
            _log.error("nobody caught this, on %s\n%s", where, text)
            self._happened.emit(redact(text))
        except Exception:
            sys.__excepthook__(kind, error, trace)

    def _on_thread(self, given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and given.exc_type is not SystemExit:
            name = given.thread.name if given.thread else "a thread"
            self.on_exception(given.exc_type, given.exc_value, given.exc_traceback, name)

    def _on_unraisable(self, given: Any) -> None:
        """In a destructor or the like: nothing was lost, so the log is enough."""
        error = given.exc_value
        _log.error("ignored: %s", "".join(traceback.format_exception(error)) if error else given.err_msg)

    @Slot(str)
    def _show(self, text: str) -> None:
        from app.gui.error_dialog import ErrorDialog

        if self.dialog is None or not self.dialog.isVisible():
            self.dialog = ErrorDialog(self._logs, self.parent_for_dialogs)
            self.dialog.show()
        self.dialog.add(text)


def show_text(title: str, text: str, parent: QWidget | None = None) -> QWidget:
    """A text that can be read and copied."""
    from app.gui.error_dialog import TextDialog

    dialog = TextDialog(title, text, parent)
    dialog.show()
    return dialog


def _qt_says(kind: QtMsgType, context: QMessageLogContext, message: str | None) -> None:
    """Qt's own messages go to the log, not to a terminal that nobody sees."""
    levels = {QtMsgType.QtDebugMsg: logging.DEBUG, QtMsgType.QtInfoMsg: logging.INFO}
    _log.log(levels.get(kind, logging.WARNING), "Qt: %s", message)


class Interrupts(QObject):
    """Ctrl-C in the terminal, and the system's wish to end, close the window as its own button would.

    Python runs a signal's handler only when its interpreter runs, and Qt's event loop sleeps in C++: so the signal's
    number is written to a socket, which wakes the loop. No timer has to poll."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._old_wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        wanted = (signal.SIGINT, signal.SIGTERM)
        self._old = {number: signal.signal(number, _nothing) for number in wanted}
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)

    def close(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    @Slot()
    def _woken(self) -> None:
        with contextlib.suppress(OSError):
            numbers = self._reader.recv(64)
            if any(number in self._old for number in numbers):
                self._window.close()


def _nothing(number: int, frame: FrameType | None) -> None:
    """The socket has it."""
