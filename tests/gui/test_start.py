"""The way to the window, in processes of its own: the probe, Ctrl-C, what is missing on the system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.gui import start, system

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux")
# What must not be loaded before the first paint: each takes a tenth of a second to seconds.
LATE = ("torch", "torchvision", "cv2", "openvino", "httpx", "scipy", "safetensors")


def _environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIPTYCH", "COVERAGE"))}
    return {**kept, "TRIPTYCH_HOME": str(home), "QT_QPA_PLATFORM": "offscreen", **more}


def _run(environment: dict[str, str], *code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(code or ("-m", "app"))]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_probe_says_when_the_window_was_painted(home):
    done = _run(_environment(home, TRIPTYCH_STARTUP_PROBE="1"))
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[:2] == ["first", "paint:"]
    assert float(words[2]) < 10_000
    assert "Traceback" not in done.stderr
    assert (home / "logs" / "triptych.log").exists()
    assert list((home / "logs").glob("crash-*")) == []


def test_nothing_heavy_is_loaded_before_the_first_paint(home):
    code = (
        "import sys; sys.argv = ['triptych']\n"
        "from app.gui import start, window\n"
        "old = window.MainWindow.warm_up\n"
        "def look(self):\n"
        f"    print('late:', [name for name in {LATE!r} if name in sys.modules])\n"
        "    self.close()\n"
        "window.MainWindow.warm_up = look\n"
        "sys.exit(start.main([]))"
    )
    done = _run(_environment(home), "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "late: []"


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_closes_the_window(home, number):
    environment = _environment(home, PYTHONUNBUFFERED="1")
    code = (
        "import sys; from app.gui import start, window\n"
        "window.MainWindow.warm_up = lambda self: print('ready', flush=True)\n"
        "sys.exit(start.main([]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begin = time.monotonic()
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert time.monotonic() - begin < 5
    assert (home / "config" / "settings.json").exists()


@LINUX
def test_without_a_screen_it_says_so(home):
    environment = _environment(home)
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    done = _run(environment)
    assert done.returncode == 1
    assert "no screen" in done.stderr
    assert "triptych classify" in done.stderr


@LINUX
def test_a_screen_that_cannot_be_opened_is_said_not_an_abort(home):
    environment = _environment(home, DISPLAY=":987")
    environment.pop("QT_QPA_PLATFORM", None)
    environment.pop("WAYLAND_DISPLAY", None)
    done = _run(environment)
    assert done.returncode == 1
    assert ":987" in done.stderr or "needs libraries" in done.stderr


@LINUX
def test_a_missing_library_is_named_with_its_packages(home):
    code = (
        "import sys; from app.gui import start, system\n"
        "system.ALWAYS['libnothere.so.7'] = ('libnothere7', 'nothere')\n"
        "code = start.main([]); print('PySide6' in sys.modules); sys.exit(code)"
    )
    done = _run(_environment(home), "-c", code)
    assert done.returncode == 1
    assert "libnothere.so.7" in done.stderr
    assert "apt install libnothere7" in done.stderr
    assert "dnf install nothere" in done.stderr
    assert done.stdout.strip() == "False"


@LINUX
@pytest.mark.parametrize(
    ("environment", "there", "not_there"),
    [
        ({"QT_QPA_PLATFORM": "offscreen"}, "libEGL.so.1", "libxcb-cursor.so.0"),
        ({"DISPLAY": ":0"}, "libxcb-cursor.so.0", "libwayland-client.so.0"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "libwayland-cursor.so.0", "libxcb-cursor.so.0"),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "libEGL.so.1", "libxcb-cursor.so.0"),
        ({"QT_QPA_PLATFORM": "xcb:something", "WAYLAND_DISPLAY": "x"}, "libxcb-cursor.so.0", "libwayland-client.so.0"),
    ],
)
def test_only_what_the_platform_needs_is_asked_for(environment, there, not_there):
    wanted = system.wanted(environment)
    assert there in wanted
    assert not_there not in wanted


def test_each_package_is_named_once():
    said = system.advice(["libxcb-randr.so.0", "libxcb-shape.so.0", "libxcb.so.1", "libnobodyknows.so"])
    assert said.count("libxcb ") + said.endswith("libxcb") <= 2
    assert "libxcb-randr0" in said


def test_a_broken_library_leaves_a_window_that_says_so(home):
    code = (
        "import sys\n"
        "sys.modules['app.engines.classify'] = None\n"
        "from app.gui import start, window\n"
        "def look(self):\n"
        "    print('open', flush=True)\n"
        "    self.close()\n"
        "window.MainWindow.warm_up = look\n"
        "sys.exit(start.main([]))"
    )
    done = _run(_environment(home), "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "open\n"


def test_since_start_is_about_this_process():
    assert 0 < start.since_start() < 24 * 3600


def test_signals_by_the_hundred_thousand_kill_nobody(home):
    """PySide6 6.12.0 on Python 3.11: see `system.keep_constants`."""
    code = (
        "from app.gui import system; system.keep_constants()\n"
        "from PySide6.QtCore import QObject, Signal\n"
        "class Bell(QObject):\n"
        "    rung = Signal(bool)\n"
        "bell = Bell(); bell.rung.connect(lambda _: None)\n"
        "for _ in range(100_000): bell.rung.emit(True)\n"
        "print('alive')"
    )
    done = _run(_environment(home), "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "alive\n"


def test_without_numpy_it_says_so_in_a_window_and_in_the_terminal(home):
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from app.gui import start, system\n"
        "system.keep_constants()\n"
        "from app.gui.error_dialog import TextDialog\n"
        "TextDialog.exec = lambda self: print(self.text.toPlainText())\n"
        "sys.exit(start.main([]))"
    )
    done = _run(_environment(home), "-c", code)
    assert done.returncode == 1
    assert "The library numpy can't be loaded" in done.stdout
    assert "The library numpy can't be loaded" in done.stderr
    assert "Traceback" not in done.stderr
