"""The guards of the tests do catch what they are there for: bad tests fail, and the message names the line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards.network import is_here

ROOT = Path(__file__).parents[1]
BAD = """
import socket, subprocess, sys, threading
import pytest

def test_thread():
    threading.Thread(target=threading.Event().wait, name="forgotten", daemon=True).start()  # here: thread

def test_pool():
    from concurrent.futures import ThreadPoolExecutor
    pool = ThreadPoolExecutor(1)
    pool.submit(int).result()  # here: pool
    test_pool.kept = pool

def test_timer(qtbot):
    from PySide6.QtCore import QTimer
    test_timer.kept = QTimer()
    test_timer.kept.start(1000)  # here: timer

def test_qthread(qapp):
    from PySide6.QtCore import QThread
    test_qthread.kept = QThread()
    test_qthread.kept.start()  # here: qthread

def test_widget(qapp):
    from PySide6.QtWidgets import QLabel
    test_widget.kept = QLabel("forgotten")
    test_widget.kept.setWindowTitle("Forgotten")
    test_widget.kept.show()  # here: widget

def test_qt_warning(qapp):
    from PySide6.QtCore import qWarning
    qWarning("something is wrong")

def test_python_warning():
    import warnings
    warnings.warn("old", DeprecationWarning)

def test_socket():
    with pytest.raises(OSError), socket.socket() as client:
        client.connect(("192.0.2.1", 80))  # here: socket

def test_name():
    with pytest.raises(OSError):
        socket.getaddrinfo("example.org", 443)  # here: name

def test_server_for_all():
    with pytest.raises(OSError), socket.socket() as server:
        server.bind(("", 0))  # here: server

def test_child():
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 1

def test_own_home_1():
    import app.store.locate as locate
    locate.writable(locate.folders().config).joinpath("settings.json").write_text("1")

# Good ones

def test_own_home_2():
    import app.store.locate as locate
    assert not locate.folders().config.exists()

def test_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass

def test_none_at_all(no_sockets):
    with pytest.raises(OSError, match="a socket was made"):
        socket.socket()

def test_clean(qtbot):
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QDialog, QWidget
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    QDialog(parent).show()
    timer = QTimer(parent)
    timer.start(1000)
    loose = QTimer()
    loose.start(1000)
    circle = [QWidget()]
    circle.append(circle)
    thread = threading.Thread(target=int)
    thread.start()
"""
GOOD = ("own_home_1", "own_home_2", "loopback", "clean")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the bad tests, run in a process of its own under the guards."""
    file = tmp_path_factory.mktemp("bad") / "test_bad.py"
    file.write_text(BAD)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-rA"]
    command += ["-p", "no:cacheprovider", str(file)]
    environment = {name: value for name, value in os.environ.items() if name != "TRIPTYCH_TEST_SOCKETS"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def line_of(what: str) -> int:
    return next(number for number, line in enumerate(BAD.splitlines(), 1) if line.endswith(f"# here: {what}"))


@pytest.mark.parametrize(
    ("name", "what", "said"),
    [
        ("thread", "thread", "the thread 'forgotten', started at"),
        ("pool", "pool", "the thread 'ThreadPoolExecutor-0_0', started at"),
        ("timer", "timer", "a QTimer that runs, started at"),
        ("qthread", "qthread", "a QThread that runs, started at"),
        ("widget", "widget", "the widget QLabel “Forgotten”, shown at"),
        ("socket", "socket", "socket.connect(('192.0.2.1', 80)) at"),
        ("name", "name", "socket.getaddrinfo('example.org') at"),
        ("server_for_all", "server", "socket.bind(('', 0)) at"),
    ],
)
def test_what_is_left_or_reached_for_is_named_with_its_line(outcome: str, name: str, what: str, said: str) -> None:
    assert f"ERROR ::test_{name}" in outcome
    told = [line for line in outcome.splitlines() if said in line]
    assert told, outcome
    assert told[0].rstrip().endswith(f"test_bad.py:{line_of(what)}")


def test_children_are_watched_too(outcome: str) -> None:
    assert "ERROR ::test_child" in outcome
    assert "socket.sendto(('192.0.2.1', 9)) at nowhere in Python, in a process of its own" in outcome


@pytest.mark.parametrize("name", ["qt_warning", "python_warning"])
def test_warnings_fail(outcome: str, name: str) -> None:
    assert f"FAILED ::test_{name}" in outcome


@pytest.mark.parametrize("name", GOOD)
def test_what_is_clean_passes(outcome: str, name: str) -> None:
    assert f"PASSED ::test_{name}" in outcome
    assert f"ERROR ::test_{name}" not in outcome


@pytest.mark.parametrize(
    ("address", "here"),
    [
        (("127.0.0.1", 80), True),
        (("127.9.9.9", 80), True),
        (("::1", 80, 0, 0), True),
        ("localhost", True),
        (None, True),
        ("/run/a.socket", True),
        (("", 80), False),
        (("0.0.0.0", 80), False),
        (("192.168.1.1", 80), False),
        (("fe80::1%eth0", 80, 0, 2), False),
        ("localhost.example.org", False),
        (b"example.org", False),
    ],
)
def test_what_is_on_this_machine(address: object, here: bool) -> None:
    assert is_here(address) is here
