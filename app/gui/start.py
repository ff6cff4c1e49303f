"""The way to the window: system libraries, the log, the window, and only then what takes seconds."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from app.gui import system

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.gui.window import MainWindow

PROBE = "TRIPTYCH_STARTUP_PROBE"  # set: say how long the first paint took, and end


def main(arguments: Sequence[str] = ()) -> int:
    """Opens the window; when it is closed, the process ends. Returns the exit code where there can be no window.
    `arguments`: pictures to open."""
    if problem := system.problem():
        print(f"triptych: {problem}", file=sys.stderr)
        return 1
    system.keep_constants()
    _before_qt()
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication(["triptych"])
    assert isinstance(application, QApplication)
    prepare(application)
    if not _has_fonts():
        print(f"triptych: {system.NO_FONTS}", file=sys.stderr)

    from app.gui import errors
    from app.store import locate
    from app.store.errors import StoreError

    folders = locate.folders()
    log = errors.start_log(folders.logs)
    crash = errors.watch_crashes(folders.logs)
    reporter = errors.Reporter(folders.logs)
    reporter.install()
    try:
        window = make_window(folders.config / "settings.json")
    except (ImportError, OSError, StoreError) as error:  # not even the window's own parts are whole
        return _no_window(error)
    reporter.parent_for_dialogs = window
    if crash.last_time is not None:
        last = crash.last_time
        window.say(
            "warning",
            window.tr("Triptych crashed the last time. What it was doing is in the log; nothing was sent to anyone."),
            ((window.tr("Show the log"), lambda: errors.show_text(window.tr("The last crash"), last, window)),),
        )
    signals = errors.Interrupts(window)
    window.painted.connect(lambda: _painted(window))
    window.closed.connect(application.quit)
    window.show()
    if arguments:
        window.open_paths([Path(argument) for argument in arguments])
    code = application.exec()
    signals.close()
    reporter.uninstall()
    crash.close()
    log.close()
    return leave(code)


def leave(code: int) -> NoReturn:
    """Ends the process at once: all that is to be kept is written by now. Taking the interpreter down around Qt and the
    runtimes takes half a second (measured: 0.6 s), waits for pools of threads however long they decode, and can crash
    where a step that nothing can interrupt still runs in native code."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _no_window(error: Exception) -> int:
    """Says what is missing, on the screen and in the terminal."""
    import logging

    from app.gui.broken import sentence
    from app.gui.error_dialog import TextDialog
    from app.store.errors import StoreError

    logging.getLogger(__name__).error("the window can't be made", exc_info=error)
    words = str(error) if isinstance(error, StoreError) else sentence(error)
    print(f"triptych: {words}", file=sys.stderr)
    dialog = TextDialog("Triptych", words)
    dialog.exec()
    return 1


def _before_qt() -> None:
    """Once PySide6 is there, its import hook reads the source of every module that is imported later. So the largest
    of those that are needed for the first paint come first (measured: 60 ms). One that can't be loaded is said when it
    is needed, in the window."""
    with contextlib.suppress(Exception):
        import logging.handlers  # noqa: F401

        import app.store.catalog  # noqa: F401 - numpy, Pillow


def prepare(application: QApplication) -> None:
    """Names and the icon, as the desktop wants them."""
    from PySide6.QtGui import QIcon

    from app.store.errors import StoreError
    from app.store.locate import bundled

    application.setApplicationName("triptych")
    application.setApplicationDisplayName("Triptych")
    application.setDesktopFileName("triptych")
    try:
        application.setWindowIcon(QIcon(str(bundled("assets") / "icons" / "app.svg")))
    except StoreError:
        return  # said where it matters: the theme can't do without


def make_window(settings_file: Path) -> MainWindow:
    """The window with all it needs, nothing started yet."""
    from app.gui.bridge import Bridge
    from app.gui.broken import caption_engine, classify_engine, figure_engine, lab_engine, translate_engine
    from app.gui.context import Context
    from app.gui.downloads import Downloads
    from app.gui.settings import Settings
    from app.gui.theme import Theme
    from app.gui.window import MainWindow
    from app.store.catalog import Store
    from app.worker import Worker

    settings = Settings(settings_file)
    theme = Theme(settings.value("theme", "system"))
    store = Store()
    bridge = Bridge()
    device = settings.value("device", "auto")
    engines = {
        "classify": classify_engine(store, device),
        "caption": caption_engine(store, device),
        "translate": translate_engine(store, device),
        "figure": figure_engine(store),
        "lab": lab_engine(store, device),
    }
    worker = Worker(engines, bridge.deliver)
    downloads = Downloads(store, settings)
    window = MainWindow(Context(worker, bridge, store, settings, theme, downloads))
    for part in (theme, bridge, downloads):
        part.setParent(window)
    return window


def _painted(window: MainWindow) -> None:
    if os.environ.get(PROBE):
        print(f"first paint: {1000 * since_start():.0f} ms", flush=True)
        window.close()
        return
    window.warm_up()


def since_start() -> float:
    """Seconds since the process began."""
    try:
        fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
        ticks = int(fields[19])  # field 22 of the line: start time in clock ticks after boot
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        import psutil

        return float(time.time() - psutil.Process().create_time())


def _has_fonts() -> bool:
    from PySide6.QtGui import QFontDatabase

    return bool(QFontDatabase.families())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
