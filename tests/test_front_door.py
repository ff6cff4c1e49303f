"""README and its neighbours say what is true: the same commands, packages, versions and terms everywhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import app
from app.cli import parser
from app.gui import system
from tests import run as tests_run

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGING = ROOT / "packaging"
NO_DOMAIN = "cid-desktopapp-is-not-rdns=info"  # a name such as org.example.Triptych belongs to whoever owns the domain


def code(language: str) -> list[str]:
    """The lines of README's blocks of a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def test_ci_runs_readmes_second_command() -> None:
    command = "python3 tests/run.py"
    assert command in code("sh")
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith(f"exec {command}")


@pytest.mark.parametrize(("start", "index", "python"), [("sudo apt", 0, "python3-venv"), ("sudo dnf", 1, "python3")])
def test_readme_names_the_packages_that_the_window_asks_for(start: str, index: int, python: str) -> None:
    (line,) = (line for line in code("sh") if line.startswith(start))
    libraries = {**system.ALWAYS, **system.X11, **system.WAYLAND}
    wanted = {packages[index] for packages in libraries.values()} | {python, tests_run.FONT[index]}
    assert set(line.split()[3:]) == wanted
    assert tests_run.FONT[index] in system.NO_FONTS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Qt brings its libraries elsewhere")
@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf (binutils)")
def test_the_window_asks_for_what_qt_is_linked_against() -> None:
    import PySide6

    qt = Path(PySide6.__file__).parent / "Qt"
    everywhere = [*(qt / "lib" / f"libQt6{name}.so.6" for name in ("Core", "Gui", "Widgets", "Svg", "DBus"))]
    everywhere += [qt / "plugins" / "platforms" / "libqoffscreen.so"]
    xcb = [qt / "plugins" / "platforms" / "libqxcb.so", qt / "lib" / "libQt6XcbQpa.so.6"]
    wayland = [qt / "plugins" / "platforms" / "libqwayland.so", qt / "lib" / "libQt6WaylandClient.so.6"]
    assert needed(everywhere) <= set(system.ALWAYS)
    assert needed(xcb) <= {*system.ALWAYS, *system.X11}
    assert needed(wayland) <= {*system.ALWAYS, *system.WAYLAND}


def needed(files: list[Path]) -> set[str]:
    """What the files are linked against, less what Qt brings and what every Linux with a package manager has."""
    said = subprocess.run(
        ["readelf", "-d", *files], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}
    ).stdout
    names = set(re.findall(r"\(NEEDED\).*\[(.+)\]", said))
    base = (
        r"(libQt6|libicu|libc\.|libm\.|libdl\.|librt\.|libpthread\.|libgcc_s\.|libstdc\+\+\.|ld-linux|libz\.|libzstd\.)"
    )
    return {name for name in names if not re.match(base, name)}


def test_readmes_commands_can_be_given() -> None:
    examples = [line[2:] for line in code("console") if line.startswith("$ ")]
    assert len(examples) > 5
    for example in examples:
        program, *arguments = shlex.split(example)
        assert program == "triptych"
        parser().parse_args(arguments)  # ends the process where something is wrong


def test_readmes_torch_is_the_tested_pair() -> None:
    pinned = [entry for entry in PROJECT["dependencies"] if entry.startswith(("torch==", "torchvision=="))]
    assert len(pinned) == 2
    assert f"pip install {' '.join(pinned)} --index-url" in README


def test_versions_of_python_are_the_same_everywhere() -> None:
    oldest, newest = (".".join(map(str, version)) for version in (tests_run.OLDEST, tests_run.NEWEST))
    assert f"Python {oldest} to {newest}" in README
    after = f"{tests_run.NEWEST[0]}.{tests_run.NEWEST[1] + 1}"
    assert PROJECT["requires-python"] == f">={oldest},<{after}"


def test_there_is_one_version_of_triptych() -> None:
    assert app.__version__ == PROJECT["version"]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## (\S+)", changes, re.MULTILINE).group(1) == PROJECT["version"]  # type: ignore[union-attr]
    releases = ET.parse(PACKAGING / "triptych.metainfo.xml").getroot().find("releases")
    assert releases is not None
    assert releases[0].get("version") == PROJECT["version"]


def test_links_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "packaging/README.md", "weights/LICENSE.md"):
        file = ROOT / page
        for target in re.findall(r"\]\(([^)#]+)", file.read_text("utf-8")):
            assert target.startswith("https://") or (file.parent / target).exists(), f"{page}: {target}"


def test_every_embedded_file_has_its_terms() -> None:
    terms = (ROOT / "weights" / "LICENSE.md").read_text("utf-8")
    for file in (ROOT / "weights").iterdir():
        if file.suffix not in (".toml", ".md", "") and ".LICENSE." not in file.name:
            assert f"`{file.name}`" in terms, f"weights/LICENSE.md says nothing of {file.name}"


@pytest.mark.parametrize(
    ("tool", "file"),
    [
        (["desktop-file-validate"], "triptych.desktop"),
        (["appstreamcli", "validate", "--no-net", "--override", NO_DOMAIN], "triptych.metainfo.xml"),
    ],
)
def test_desktop_files_are_valid(tool: list[str], file: str) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    finished = subprocess.run([*tool, PACKAGING / file], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_desktop_files_agree_with_the_program() -> None:
    desktop = (PACKAGING / "triptych.desktop").read_text("utf-8")
    assert re.search(r"^Exec=triptych$", desktop, re.MULTILINE)
    metainfo = ET.parse(PACKAGING / "triptych.metainfo.xml").getroot()
    assert metainfo.findtext("launchable") == "triptych.desktop"
    assert metainfo.findtext("project_license") == PROJECT["license"]
    assert metainfo.findtext("provides/binary") == "triptych"


def test_ready_environments_are_left_alone_and_gates_all_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`tests/run.py` without its work: which commands it gives, and what it makes of their exit codes."""
    given: list[list[str]] = []
    codes = {"mypy": 1, "pytest": 0}

    def run(command: list[str], *_: object) -> int:
        given.append(command)
        return next((code for name, code in codes.items() if name in command), 0)

    monkeypatch.setattr(tests_run, "_run", run)
    monkeypatch.setattr(tests_run, "_system", lambda: None)
    monkeypatch.setattr(tests_run, "_install", lambda: None)
    monkeypatch.chdir(ROOT)
    assert tests_run.main(["tests/cli"]) == 1
    assert [command[-1] for command in given[:-1]] == ["check", "--check", "mypy", "--no-logo"]
    assert [*given[-1][-2:]] == ["tests/cli", "--cov"]  # in this order: “--cov tests/cli” would run all tests
    codes["mypy"] = 0
    assert tests_run.main([]) == 0
    assert capfd.readouterr().out.count("FAILED (exit code 1): ") == 1
    codes["pytest"] = -11
    assert tests_run.main([]) == 1
    assert capfd.readouterr().out.startswith("FAILED (ended by signal 11): ")
    monkeypatch.setattr(tests_run, "_system", lambda: "packages are missing")
    assert tests_run.main([]) == 2
