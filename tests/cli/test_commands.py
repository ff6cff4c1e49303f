"""Help, `models`, `doctor`, and the command line as a process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import output

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[str, str]]
HEAVY = ("torch", "torchvision", "openvino", "cv2", "numpy", "PIL", "PySide6", "httpx", "safetensors")


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["classify"],
        ["models"],
        *(["models", name] for name in ("list", "download", "verify", "remove", "import")),
        ["doctor"],
        ["bench"],
        *(["bench", name] for name in ("classify", "ui", "start")),
    ],
    ids=" ".join,
)
def test_help(command: Command, arguments: list[str]) -> None:
    out, err = command(*arguments, "--help")
    assert out.startswith("usage: triptych")
    assert len(out.splitlines()) > 6
    assert all(len(line) <= 120 for line in out.splitlines())
    assert err == ""


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, app.__main__; code = app.__main__.main(['classify', '--help']); "
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert finished.stdout.splitlines()[-1] == "0 []", finished.stderr


def test_version(command: Command) -> None:
    assert command("--version")[0].startswith("triptych ")


def test_without_a_window(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from app.__main__ import main

    monkeypatch.setitem(sys.modules, "app.gui.start", None)
    assert main([]) == 1
    assert "pip install" in capsys.readouterr().err


def test_qt_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from app.__main__ import main
    from app.gui import start

    monkeypatch.setattr("app.gui.system.problem", lambda: None)
    monkeypatch.setattr("app.gui.system.keep_constants", lambda: None)
    monkeypatch.setattr(start, "_before_qt", lambda: None)
    monkeypatch.setitem(sys.modules, "PySide6.QtWidgets", None)
    assert main([]) == 1
    assert "triptych classify PICTURE" in capsys.readouterr().err


def test_no_arguments_open_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    from app.__main__ import main

    start = ModuleType("app.gui.start")
    start.main = lambda argv: 7 if argv == [] else 8  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.gui.start", start)
    assert main([]) == 7


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_leaves() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "app", "models", "list"]
    finished = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert finished.stderr == ""
    assert finished.returncode == 1


# --- models ---


def test_models_list(command: Command) -> None:
    out, _ = command("models", "list")
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["ID", "STATE", "SIZE"]
    row = next(line for line in lines if line.startswith("efficientnet-lite0"))
    assert " ready " in row
    assert "Apache-2.0" in row
    assert any(line.startswith("resnet50-v2") and " absent " in line for line in lines)


def test_models_list_json(command: Command) -> None:
    cards = [json.loads(line) for line in command("models", "list", "--json")[0].splitlines()]
    lite = next(card for card in cards if card["id"] == "efficientnet-lite0")
    assert (lite["state"], lite["origin"], lite["task"]) == ("ready", "embedded", "classify")
    assert lite["size"] > 1_000_000
    assert lite["terms"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["remove", "efficientnet-lite0"], 1, "comes with Triptych"),
        (["remove", "resnet50-v2"], 1, "nothing to remove"),
        (["remove", "efficientnet-lite1"], 2, "did you mean “efficientnet-lite0”?"),
        (["verify", "nothing-like-it"], 2, "There is no model"),
        (["verify", "resnet50-v2"], 1, "not on this machine"),
        (["download", "resnet50-v3"], 2, "did you mean"),
        (["import", "gone.pth"], 1, "There is no file gone.pth"),
        (["import", str(Path(__file__).parent)], 1, "cli holds no checkpoint of TensorFlow"),
    ],
)
def test_models_that_cannot_be(command: Command, arguments: list[str], code: int, said: str) -> None:
    out, err = command("models", *arguments, code=code)
    assert said in out + err


def test_models_download(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from app.store.catalog import Store
    from app.store.errors import DownloadError
    from app.store.progress import Progress

    def download(
        self: Store, model_id: str, progress: Callable[[Progress], None], cancelled: object, mirror: str
    ) -> Path:
        assert mirror == "http://127.0.0.1:9/"
        progress(Progress(1_000_000, None, None, None, "https://example.org"))
        if model_id == "resnet34-v1":
            raise DownloadError("The server says no.")
        file = tmp_path / "file"
        file.write_bytes(b"x" * 1500)
        return file

    monkeypatch.setattr(Store, "download", download)
    monkeypatch.setattr(
        "app.cli.models._checked", lambda store, model, whole=False: (True, "It is right about the samples.")
    )
    given = ["models", "download", "--mirror", "http://127.0.0.1:9/", "resnet34-v1", "resnet18-v1"]
    _, err = command(*given, code=1)
    assert "triptych: The server says no." in err
    assert "resnet18-v1  1.0 MB" in err
    assert "resnet18-v1 is ready: 1.5 kB. Try: triptych classify PICTURE --model resnet18-v1" in err


def test_progress_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from app.cli.models import _ProgressLine
    from app.store.progress import Progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown = _ProgressLine("resnet18-v1")
    shown(Progress(11_700_000, 46_800_000, 5_200_000.0, 6.7, "https://example.org"))
    shown(Progress(46_800_000, 46_800_000, None, 0.0, "https://example.org"))
    shown.end()
    first, second = capsys.readouterr().err.split("\r")[1:]
    assert first == "resnet18-v1   25 %  11.7 MB of 46.8 MB  5.2 MB/s  7 s left"
    assert second.rstrip() == "resnet18-v1  100 %  46.8 MB of 46.8 MB  0 s left"
    assert len(second.rstrip("\n")) >= len(first)


def test_interrupted_download(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.store.catalog import Store

    def download(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "download", download)
    _, err = command("models", "download", "resnet18-v1", code=130)
    assert "goes on from there" in err


# --- doctor ---


def test_doctor_when_libraries_are_broken(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "openvino", "cv2", "torchvision"):
        monkeypatch.setitem(sys.modules, name, None)
    out, err = command("doctor", code=1)
    for name in ("torch", "openvino", "opencv-python-headless"):
        row = next(line for line in out.splitlines() if line.startswith(f"! {name} "))
        assert "can't be loaded" in row
        assert any(f'pip install --force-reinstall --no-deps "{name}' in line for line in out.splitlines())
    assert "efficientnet-lite0" in out
    assert "What to do" in out
    assert err == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/.cache", "~/.cache"),
        ("/home/ada", "~"),
        ("No /home/ada/lib/libx.so: no such file", "No ~/lib/libx.so: no such file"),
        ('"/home/ada/.venv/bin/python" -m pip', "~/.venv/bin/python -m pip"),
        ('"/home/ada/my things/bin/python" -m pip', '~/"my things/bin/python" -m pip'),
        ("/home/adalbert/x", "/home/…/x"),
        ("/media/ada/STICK", "/media/…/STICK"),
        (r"C:\Users\Grace\x", r"C:\Users\…\x"),
        ("/usr/share/fonts", "/usr/share/fonts"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="POSIX paths")
def test_doctor_names_nobody(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli.doctor import _short

    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert _short(text) == shown


def test_doctor_says_when_the_tested_pair_is_another(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli import doctor, libraries

    monkeypatch.setattr(doctor, "_models", lambda report: None)
    monkeypatch.setattr(libraries, "why_not", lambda library: None)
    monkeypatch.setattr(libraries, "installed", lambda name: {"torch": "2.9.1+cpu", "numpy": "2.4.0"}.get(name))
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["numpy>=2.0", "torch==2.13.0"])
    out, _ = command("doctor", code=1)
    assert "! torch                    2.9.1+cpu, but Triptych is tested with 2.13.0" in out
    assert '"torch==2.13.0" --index-url https://download.pytorch.org/whl/cpu' in out
    assert "+ numpy                    2.4.0" in out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Qt brings its libraries elsewhere")
def test_doctor_says_which_packages_the_window_lacks(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.gui import system

    monkeypatch.setattr(system, "missing_libraries", lambda: ["libEGL.so.1"])
    out, _ = command("doctor", code=1)
    assert "! system libraries         missing: libEGL.so.1" in out
    assert "sudo apt install libegl1" in out
    assert "sudo dnf install libglvnd-egl" in out


def test_doctor_tries_qt_in_a_process_of_its_own(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli import doctor

    assert re.search(r"\+ Qt +starts; \d+ fonts", command("doctor")[0])
    monkeypatch.setattr(doctor, "QT_TRIAL", "raise ImportError('libEGL.so.1: cannot open shared object file')")
    out, _ = command("doctor", code=1)
    assert "can't be started: ImportError: libEGL.so.1" in out
    assert '"PySide6-Essentials==' in out
    monkeypatch.setattr(doctor, "QT_TRIAL", "print('0 fonts')")
    assert "apt install fonts-dejavu-core" in command("doctor", code=1)[0]


def test_libraries_are_those_of_the_project_file() -> None:
    from app.cli.libraries import LIBRARIES

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    elsewhere = "sys_platform != 'linux'" if sys.platform == "linux" else "nowhere"
    entries = [entry for entry in project["dependencies"] if elsewhere not in entry]
    wanted = {re.split(r"[^\w.-]", entry, maxsplit=1)[0] for entry in entries}
    assert {library.distribution for library in LIBRARIES} == wanted


def test_doctor_says_what_is_damaged(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli import doctor
    from app.store.catalog import State, Store

    monkeypatch.setattr(doctor, "_libraries", lambda report: None)
    monkeypatch.setattr(Store, "state", lambda self, card: State.DAMAGED)
    monkeypatch.setattr(Store, "problems", lambda self: ("The card x.toml is not TOML: repair it.",))
    out, _ = command("doctor", code=1)
    assert "! efficientnet-lite0       damaged" in out
    assert "triptych models remove resnet18-v1; triptych models download resnet18-v1" in out
    assert "x.toml" in out


def test_doctor_imports_no_qt() -> None:
    code = "import sys; from app.cli import run; run(['doctor']); print([n for n in sys.modules if 'PySide' in n])"
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert finished.stdout.splitlines()[-1] == "[]", finished.stderr


# --- output ---


def test_sizes_durations_and_bars() -> None:
    assert [output.size(n) for n in (None, 0, 999, 1000, 12_340_000, 5e12)] == [
        "?", "0 B", "999 B", "1.0 kB", "12.3 MB", "5000.0 GB",
    ]  # fmt: skip
    assert [output.duration(s) for s in (-1, 0.42, 0.96, 8.4, 200, 7500)] == [
        "0 s",
        "0.4 s",
        "1 s",
        "8 s",
        "3 min 20 s",
        "2 h 5 min",
    ]
    assert output.bar(0.0) == " " * 20
    assert output.bar(1.0) == "█" * 20
    assert output.bar(2.0, 4) == "████"


def test_colours_only_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output.styled("x", "red") == "x"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.styled("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.styled("x", "red") == "x"
