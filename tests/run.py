"""Everything that a change has to pass, from a fresh clone:

    python3 tests/run.py [WHAT PYTEST SHALL RUN …]

Makes the virtual environment .venv, installs Triptych and what its tests need, then runs ruff, mypy, import-linter and
pytest with coverage. All of them run, whichever fails; the exit code is 0 where all have passed. Where libraries of the
system are missing it says which packages bring them; as root on Debian or Ubuntu, as in a container, it installs them.
Needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "triptych-tests.txt"  # what was installed last
OLDEST, NEWEST = (3, 11), (3, 14)
FONT = ("fonts-dejavu-core", "dejavu-sans-fonts")
GATES: tuple[tuple[str, ...], ...] = (
    (str(PYTHON), "-m", "ruff", "check"),
    (str(PYTHON), "-m", "ruff", "format", "--check"),
    (str(PYTHON), "-m", "mypy"),
    (str(SCRIPTS / "lint-imports"), "--no-logo"),
)


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 where a gate or a test has failed, 2 where this machine lacks something."""
    os.chdir(ROOT)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if problem := _wrong_python() or _system() or _install():
        print(f"tests/run.py: {problem}", file=sys.stderr)
        return 2
    tests = (str(PYTHON), "-m", "pytest", *arguments, "--cov")
    failed = [(command, code) for command in (*GATES, tests) if (code := _run(command))]
    for command, code in failed:  # at the end, where it is seen
        how = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
        print(f"FAILED ({how}): {_shown(command)}", flush=True)
    return 1 if failed else 0


def _wrong_python() -> str | None:
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return None
    here, oldest, newest = (".".join(map(str, version)) for version in (sys.version_info[:2], OLDEST, NEWEST))
    return f"Triptych needs Python {oldest} to {newest}; this is {here}. Try another, as in: python3.12 tests/run.py"


def _system() -> str | None:
    """What is missing of the system, if it can't be installed from here."""
    if not sys.platform.startswith("linux"):
        return None  # Qt brings all it needs, and Python comes with venv
    missing = _missing()
    if not missing:
        return None
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        packages = dict.fromkeys(debian for debian, _ in missing)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run([apt, "update", "-qq"], quiet)
        _run([apt, "install", "-y", "-qq", "--no-install-recommends", *packages], quiet)
        missing = _missing()
        if not missing:
            return None
    debian, fedora = (" ".join(dict.fromkeys(names)) for names in zip(*missing, strict=True))
    advice = f"Debian, Ubuntu: sudo apt install {debian}; Fedora: sudo dnf install {fedora}"
    return f"packages of the system are missing. {advice}"


def _missing() -> list[tuple[str, str]]:
    """(Debian's, Fedora's) packages that the tests lack here."""
    sys.path.insert(0, str(ROOT))
    from app.gui import system  # imports no Qt

    known = {**system.ALWAYS, **system.X11, **system.WAYLAND}
    missing = [known[library] for library in system.missing_libraries()]
    if not PYTHON.exists() and importlib.util.find_spec("ensurepip") is None:  # Debian takes venv's half out of Python
        missing.append((f"python{sys.version_info.major}.{sys.version_info.minor}-venv", "python3"))
    if not any(_fonts()):
        missing.append(FONT)
    return missing


def _fonts() -> list[Path]:
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
    return [file for folder in folders for file in folder.rglob("*.[ot]t[fc]")]


def _install() -> str | None:
    """Fills .venv, unless it was filled for this very pyproject.toml. Returns what went wrong."""
    wanted = f"{sys.version}\n{hashlib.sha256(Path('pyproject.toml').read_bytes()).hexdigest()}\n"
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text("utf-8") == wanted:
        return None
    if not _works(PYTHON) and _run([sys.executable, "-m", "venv", "--clear", str(VENV)]):
        return f"no virtual environment could be made in {VENV.name} (see above)."
    if _run([str(PYTHON), "-m", "pip", "install", "--editable", ".[test]"]):
        return "what the tests need could not be installed (see above)."
    STAMP.write_text(wanted, "utf-8")
    return None


def _works(python: Path) -> bool:
    """Whether .venv has a Python and a pip: an interrupted set-up leaves half of one."""
    try:
        return subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> int:
    print(f"\n$ {_shown(command)}", flush=True)
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode


def _shown(command: Sequence[str]) -> str:
    """As a person would type it here."""
    return shlex.join(word.replace(f"{ROOT}{os.sep}", "") for word in command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
