"""What holds for every test: folders of its own, no network beyond this machine, nothing left behind.

Settings of the person never leak in, nor does the desktop: the environment is set before anything is imported.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

SESSION = Path(tempfile.mkdtemp(prefix="triptych-tests-"))
CACHE = SESSION / "cache"  # converted networks: made once, shared by all tests

os.environ["TRIPTYCH_HOME"] = str(SESSION / "home")
os.environ["TRIPTYCH_TEST_SOCKETS"] = str(SESSION / "sockets")
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["LC_ALL"] = "C.UTF-8"
os.environ["LANGUAGE"] = "en"
for _name in ("config", "data", "cache", "state"):
    os.environ[f"XDG_{_name.upper()}_HOME"] = str(SESSION / "xdg" / _name)
for _name in ("QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS", "QT_FONT_DPI", "QT_STYLE_OVERRIDE", "QT_LOGGING_RULES"):
    os.environ.pop(_name, None)
os.environ.pop("QT_QPA_PLATFORMTHEME", None)
os.environ.pop("CI", None)  # OpenVINO's telemetry keeps still where it is set, and would hide from its test
_children = str(Path(__file__).parent / "guards" / "children")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_children, os.environ.get("PYTHONPATH"))))

from tests.guards import leaks, network  # noqa: E402 - after the environment

hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")

GUARD = network.Guard()
leaks.watch_threads()
_homes = itertools.count(1)
_failed = pytest.StashKey[bool]()


def pytest_unconfigure() -> None:
    shutil.rmtree(SESSION, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        item.stash[_failed] = True
    return report


@pytest.fixture(autouse=True)
def _stays_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that has opened a socket beyond the loopback address, even where the program took it calmly."""
    report = Path(os.environ["TRIPTYCH_TEST_SOCKETS"])
    yield
    tried = [*GUARD.tried]
    GUARD.tried.clear()
    if report.exists():
        tried += report.read_text("utf-8").splitlines()
        report.unlink()
    if tried:
        pytest.fail("this test reaches beyond this machine:\n  " + "\n  ".join(tried), pytrace=False)


@pytest.fixture
def no_sockets() -> Iterator[None]:
    """Not even on the loopback address: any socket is refused."""
    with GUARD.none_at_all():
        yield


@pytest.fixture(autouse=True)
def _leaves_nothing(request: pytest.FixtureRequest, _stays_here: None) -> Iterator[None]:
    """Fails a test that leaves a thread, a timer or a top-level widget alive. Of one that has failed anyhow nothing is
    asked: its trace holds what it made."""
    threads = leaks.threads()
    with_qt = bool({"qapp", "qtbot"} & set(request.fixturenames))
    if with_qt:
        leaks.watch_qt()
        request.getfixturevalue("qapp")
    widgets = leaks.widgets() if with_qt else set()
    yield
    if with_qt:
        leaks.clear_clipboard()
    if request.node.stash.get(_failed, False):
        return
    left = leaks.left_threads(threads)
    if with_qt:
        left += leaks.left_of_qt(widgets)
    if left:
        said = "\n  ".join(left)
        pytest.fail(f"this test leaves behind:\n  {said}\nClose, stop, join or delete it in the test.", pytrace=False)


@pytest.fixture(autouse=True)
def _own_home(_leaves_nothing: None) -> Iterator[None]:
    """A home of the test's own, so that it begins with fresh settings; converted networks are shared."""
    home = SESSION / f"home-{next(_homes)}"
    home.mkdir()
    CACHE.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # Windows may refuse links: then each test converts what it needs
        (home / "cache").symlink_to(CACHE, target_is_directory=True)
    os.environ["TRIPTYCH_HOME"] = str(home)
    yield
    os.environ["TRIPTYCH_HOME"] = str(SESSION / "home")
    shutil.rmtree(home, ignore_errors=True)
