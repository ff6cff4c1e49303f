"""The log, the dialog for what nobody caught, the note after a crash: and none of it holds a full path."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication

from app.gui import errors


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("can't open '/home/ann/My Pictures/cat 1.jpg'", "can't open 'cat 1.jpg'"),
        ('  File "/opt/venv/lib/app/gui/window.py", line 3, in f', '  File "window.py", line 3, in f'),
        (r'File "C:\Users\Ann\x y\start.py", line 3', 'File "start.py", line 3'),
        ("at /usr/lib/python3/x.py: no", "at …/x.py: no"),
        (r"at D:\data\pictures\a.png", "at …/a.png"),
        ("see https://pytorch.org/models/resnet18.pth", "see https://pytorch.org/models/resnet18.pth"),
        ("3/4 of 5 MB/s, and/or", "3/4 of 5 MB/s, and/or"),
    ],
)
def test_of_a_path_only_the_name_is_left(text: str, wanted: str):
    assert errors.redact(text) == wanted


def test_the_home_folder_is_never_named():
    home = str(Path.home())
    if len(home) > 1:
        assert home not in errors.redact(f"in {home}/a b/c.jpg and {home}")


def test_the_log_rotates_and_holds_no_paths(tmp_path: Path):
    hidden = tmp_path / ("sec" + "ret folder")  # the trace shows this line, too
    log = errors.start_log(tmp_path / "logs")
    try:
        try:
            (hidden / "cat.jpg").read_bytes()
        except OSError:
            logging.getLogger("app.test").exception("reading %s", tmp_path / "plain" / "cat.jpg")
    finally:
        log.close()
    text = (tmp_path / "logs" / errors.LOG).read_text("utf-8")
    assert "cat.jpg" in text
    assert "secret" not in text
    assert str(tmp_path) not in text


def test_a_log_that_cannot_be_written_goes_to_stderr(tmp_path: Path, capsys):
    (tmp_path / "logs").write_text("in the way")
    log = errors.start_log(tmp_path / "logs")
    logging.getLogger("app.test").warning("heard")
    log.close()
    assert "heard" in capsys.readouterr().err


@pytest.fixture
def reporter(tmp_path: Path, qapp):
    made = errors.Reporter(tmp_path)
    yield made
    if made.dialog is not None:
        made.dialog.close()
        made.dialog.deleteLater()


def _raise() -> None:
    raise ValueError("in '/home/ann/private/cat.jpg'")


def test_an_error_nobody_caught_is_shown_and_the_program_goes_on(reporter, qtbot, caplog):
    try:
        _raise()
    except ValueError as error:
        reporter.on_exception(type(error), error, error.__traceback__)
    qtbot.waitUntil(lambda: reporter.dialog is not None and reporter.dialog.isVisible())
    text = reporter.dialog.text.toPlainText()
    assert "ValueError: in 'cat.jpg'" in text
    assert "private" not in text
    assert "ValueError" in caplog.text
    reporter.dialog.copy_button.click()
    assert QGuiApplication.clipboard().text() == text


def test_a_second_error_joins_the_first(reporter, qtbot):
    for number in range(2):
        reporter.on_exception(ValueError, ValueError(f"number {number}"), None)
    qtbot.waitUntil(lambda: reporter.dialog is not None and "number 1" in reporter.dialog.text.toPlainText())
    assert "number 0" in reporter.dialog.text.toPlainText()


def test_errors_of_threads_reach_the_dialog(reporter, qtbot):
    kept = threading.excepthook
    threading.excepthook = reporter._on_thread
    try:
        thread = threading.Thread(target=_raise, name="triptych-test")
        thread.start()
        thread.join()
    finally:
        threading.excepthook = kept
    qtbot.waitUntil(lambda: reporter.dialog is not None and "ValueError" in reporter.dialog.text.toPlainText())


def test_the_hooks_are_put_back(reporter):
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    reporter.install()
    assert sys.excepthook != before[0]
    reporter.uninstall()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


CRASH = """
import ctypes, sys
from pathlib import Path
from app.gui import errors
watch = errors.watch_crashes(Path(sys.argv[1]))
if sys.argv[2] == "crash":
    ctypes.string_at(0)
watch.close()
"""


def _run(folder: Path, how: str) -> int:
    return subprocess.run(
        [sys.executable, "-c", CRASH, str(folder), how], cwd=Path(__file__).parents[2], capture_output=True, check=False
    ).returncode


def test_after_a_crash_the_next_start_knows(tmp_path: Path):
    assert _run(tmp_path, "crash") != 0
    code = (
        "import sys; from pathlib import Path; from app.gui import errors\n"
        "w = errors.watch_crashes(Path(sys.argv[1])); print(w.last_time); w.close()"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Segmentation fault" in told or "access violation" in told
    assert "string_at" in told
    assert sys.prefix not in told
    assert list(tmp_path.glob("crash-*.log")) == []


def test_a_good_end_leaves_nothing(tmp_path: Path):
    assert _run(tmp_path, "end") == 0
    assert list(tmp_path.glob("crash-*.log")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_a_run_that_goes_on_is_no_crash(tmp_path: Path):
    other = (tmp_path / "crash-1.log").open("w+")
    other.write("something")
    other.flush()
    assert errors._lock(other)
    with (tmp_path / "crash-1.log").open() as second:
        assert not errors._lock(second)
    assert errors._take(tmp_path / "crash-1.log") is None
    other.close()
    assert errors._take(tmp_path / "crash-1.log") == "something"
