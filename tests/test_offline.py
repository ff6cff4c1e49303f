"""Nothing leaves this machine, and nothing is written outside of our own folders: seen from a fresh process.

OpenVINO's package of telemetry is what makes this more than a promise: `import openvino` alone starts it. It keeps
still where CI is set, so CI is not.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.store.locate import bundled

ROOT = Path(__file__).parents[1]
CHELSEA = bundled("assets") / "samples" / "chelsea.jpg"
CATS = {"tabby", "tiger cat", "Egyptian cat"}


class Fresh:
    """A process with an empty home, run by tests/guards/watched.py."""

    def __init__(self, folder: Path) -> None:
        self.home, self.own, self.temporary = folder / "home", folder / "triptych", folder / "tmp"
        self.here = folder / "here"  # the working folder
        self.report = folder / "report"
        for made in (self.home, self.own, self.temporary, self.here):
            made.mkdir()
        kept = {name: value for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if (value := os.environ.get(name))}
        self.environment = kept | {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "TRIPTYCH_HOME": str(self.own),
            "TMPDIR": str(self.temporary),
            "TEMP": str(self.temporary),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "guards" / "children"), str(ROOT), str(folder)]),
            "PYTHONDONTWRITEBYTECODE": "1",  # Python's own doing, and beside the modules
            "PYTHONUTF8": "1",
            "TRIPTYCH_TEST_SOCKETS": str(self.report),
        }

    def run(self, module: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.guards.watched", str(self.report), str(self.own), module]
        return subprocess.run(
            [*command, *map(str, arguments)],
            cwd=self.here,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=600,
        )

    @property
    def told(self) -> list[str]:
        return self.report.read_text("utf-8").splitlines()

    @property
    def left(self) -> list[Path]:
        """What lies in the folders that are not ours."""
        return [found for folder in (self.home, self.temporary, self.here) for found in folder.rglob("*")]


@pytest.fixture
def fresh(tmp_path: Path) -> Fresh:
    return Fresh(tmp_path)


def test_classifying_opens_no_socket_starts_no_child_and_writes_to_our_folders_only(fresh: Fresh) -> None:
    """Twice: with the conversion of the first start, and with what it has kept."""
    for _ in range(2):
        done = fresh.run("app", "classify", CHELSEA, "--json")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["top"][0]["label"] in CATS
        assert done.stderr == ""
        assert fresh.told == []
        assert fresh.left == []
    assert list((fresh.own / "cache" / "openvino").iterdir())  # the network did run through OpenVINO, and was kept


@pytest.mark.skipif(importlib.util.find_spec("openvino_telemetry") is None, reason="the package isn't installed")
def test_the_watch_would_notice(fresh: Fresh, tmp_path: Path) -> None:
    """OpenVINO imported as everybody does it. Its sockets are refused: nothing is sent by this test either."""
    (tmp_path / "careless.py").write_text("import openvino\nopen('note.txt', 'w').close()\n")
    fresh.run("careless")
    assert any("telemetry" in line or "socket" in line for line in fresh.told), fresh.told
    assert any(line.startswith("a child process") for line in fresh.told), fresh.told
    assert any(line.startswith("a file: open") and "note.txt" in line for line in fresh.told), fresh.told
    assert any("intel" in found.parts for found in fresh.left)


@pytest.mark.usefixtures("no_sockets")
def test_the_whole_path_of_classify_needs_no_socket(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """From the command line to the answers, in this process; the window's is tests/gui/classify/test_real.py."""
    from app.cli import run

    table = tmp_path / "table.csv"
    assert run(["classify", str(CHELSEA.parent), "--csv", str(table), "--json", "--device", "cpu"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    firsts = {Path(answer["path"]).stem: answer["top"][0]["label"] for answer in answers}
    assert firsts.keys() == {"astronaut", "chelsea", "coffee", "rocket"}
    assert firsts["chelsea"] in CATS
    assert firsts["coffee"] == "espresso"
    assert len(table.read_text("utf-8").splitlines()) == 1 + 4 * 5
