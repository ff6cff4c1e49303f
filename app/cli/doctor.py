"""`triptych doctor`: what is here, what is missing or damaged, and what to do about it. Works when half of it is
broken: each part is looked at by itself, and whatever it raises becomes a line."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from app.cli.output import line, size, styled

EPILOG = """\
Looks at the libraries, devices, cameras (by name; none is switched on), folders and models of this machine. Reads no
pictures and uses no network. Your home folder is written as ~, and the names of people in paths as …, so that the
report can be shown to others.

exit codes: 0 where all is well; 1 where something is broken
"""
# What the window needs of Qt, tried in a process of its own, as Qt ends a process that it can't work in.
QT_TRIAL = """\
from PySide6 import QtGui, QtSvg, QtWidgets
application = QtGui.QGuiApplication(["triptych"])
print(len(QtGui.QFontDatabase.families()), "fonts")
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], debug: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "doctor",
        help="look whether everything is all right on this machine",
        description="Looks whether everything that Triptych needs is here and whole; says what to do where it isn't.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[debug],
        allow_abbrev=False,
    )
    command.set_defaults(run=run)


class Report:
    """Lines on stdout as they are found; what is wrong is collected for the end."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def head(self, title: str) -> None:
        line(("" if title == "Triptych" else "\n") + styled(title, "bold"))

    def fact(self, name: str, value: str, good: bool | None = None) -> None:
        mark = {None: " ", True: styled("+", "green"), False: styled("!", "red")}[good]
        line(f"{mark} {name:<24} {_short(value)}".rstrip())

    def problem(self, name: str, value: str, advice: str) -> None:
        self.fact(name, value, False)
        self.problems.append(advice)


def run(options: argparse.Namespace) -> int:
    report = Report()
    for title, part in (
        ("Triptych", _program),
        ("Libraries", _libraries),
        ("Window", _window),
        ("Devices", _devices),
        ("Cameras", _cameras),
        ("Folders", _folders),
        ("Models", _models),
    ):
        report.head(title)
        _guarded(part, report, title)
    if not report.problems:
        line("\n" + styled("All is well.", "green"))
        return 0
    line("\n" + styled("What to do", "bold"))
    for number, advice in enumerate(dict.fromkeys(report.problems), 1):
        line(f"{number}. {_short(advice)}")
    return 1


def _guarded(part: Callable[[Report], None], report: Report, title: str) -> None:
    try:
        part(report)
    except Exception as error:  # a doctor that falls ill helps nobody
        reason = " ".join(str(error).split()) or type(error).__name__
        report.problem(title.lower(), reason, f"{title} could not be looked at: {reason}")


def _program(report: Report) -> None:
    from app.cli import own_version

    report.fact("version", own_version())
    report.fact("Python", f"{platform.python_version()}, {platform.python_implementation()}, {sys.executable}")
    report.fact("system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    report.fact("processor", f"{_processor()}, {os.cpu_count()} threads")
    try:
        import psutil

        memory = psutil.virtual_memory()
        report.fact("memory", f"{size(memory.total)}, {size(memory.available)} free")
    except ImportError:
        pass


def _processor() -> str:
    try:
        for text in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if text.startswith("model name"):
                return text.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _libraries(report: Report) -> None:
    from app.cli.libraries import LIBRARIES, installed, reinstall, tested, why_not

    for library in LIBRARIES:
        version = installed(library.distribution)
        reason = why_not(library)
        if reason is None:
            pinned = tested(library.distribution)
            if version and pinned and version.partition("+")[0] != pinned:
                advice = f"{library.distribution}: {reinstall(library.distribution, pinned)}"
                report.problem(library.distribution, f"{version}, but Triptych is tested with {pinned}", advice)
            else:
                report.fact(library.distribution, version or "there", True)
            continue
        advice = f"{library.distribution}, needed for {library.use}: {reinstall(library.distribution)}"
        report.problem(library.distribution, f"{version or ''} can't be loaded: {reason}".strip(), advice)
    for twin in ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"):
        if version := installed(twin):
            report.problem(
                twin,
                f"{version} stands beside opencv-python-headless and takes its place",
                f'{twin}: "{sys.executable}" -m pip uninstall {twin}, then {reinstall("opencv-python-headless")}',
            )


def _window(report: Report) -> None:
    from app.gui import system  # imports no Qt

    missing = system.missing_libraries()
    if missing:
        advice = f"Qt's system libraries: {system.advice(missing)}"
        report.problem("system libraries", "missing: " + ", ".join(missing), advice)
    elif sys.platform.startswith("linux"):
        report.fact("system libraries", "all there", True)
    else:
        report.fact("system libraries", "come with PySide6", True)
    _qt(report, whole=not missing)
    seen = [name for name in ("WAYLAND_DISPLAY", "DISPLAY", "QT_QPA_PLATFORM") if os.environ.get(name)]
    screen = ", ".join(f"{name}={os.environ[name]}" for name in seen)
    problem = system.screen_problem()
    if seen and problem:
        report.problem("screen", f"{screen} can't be opened", problem)
    else:
        report.fact("screen", "none here; the command line works without" if problem else screen or "there")


def _qt(report: Report, whole: bool) -> None:
    """Loads Qt in another process, without a screen, and counts the fonts. `whole`: the system's libraries are there;
    where they aren't, that has been said already."""
    if importlib.util.find_spec("PySide6") is None or getattr(sys, "frozen", False) or not whole:
        return
    from app.cli.libraries import reinstall
    from app.gui import system

    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false"}
    trial = subprocess.run(  # noqa: S603 - our own Python, our own words
        [sys.executable, "-c", QT_TRIAL], capture_output=True, text=True, errors="replace", env=environment, timeout=60
    )
    if trial.returncode:
        said = trial.stderr.strip().splitlines() or [f"it ends with code {trial.returncode}"]
        advice = f"PySide6-Essentials, needed for the window: {reinstall('PySide6-Essentials')}"
        report.problem("Qt", f"can't be started: {said[-1]}", advice)
    elif trial.stdout.startswith("0 "):
        report.problem("fonts", "none", system.NO_FONTS)
    else:
        report.fact("Qt", f"starts; {trial.stdout.strip()}", True)


def _devices(report: Report) -> None:
    from app.runtimes import devices

    chosen = devices.choose("auto")
    for device in devices.available():
        report.fact(device.kind, device.name + (" (chosen)" if device == chosen else ""), True)


def _cameras(report: Report) -> None:
    found = list(_camera_names())
    if found:
        for device, name in found:
            report.fact(device, name)
    elif sys.platform.startswith("linux"):
        report.fact("none", "no /dev/video* with a camera behind it")
    else:
        report.fact("not looked for", "on this system that would switch them on")


def _camera_names() -> Iterator[tuple[str, str]]:
    """(device, name) from Linux's own list; nothing is opened. Only a device's first node gives pictures."""
    for folder in sorted(Path("/sys/class/video4linux").glob("video*")):
        try:
            if (folder / "index").read_text().strip() == "0":
                yield f"/dev/{folder.name}", (folder / "name").read_text("utf-8", "replace").strip()
        except OSError:
            continue


def _folders(report: Report) -> None:
    from app.store import locate

    for name in ("weights", "assets"):
        report.fact(name, str(locate.bundled(name)), True)
    folders = locate.folders()
    for name in ("config", "data", "cache", "logs", "models"):
        path = getattr(folders, name)
        nearest = next(parent for parent in (path, *path.parents) if parent.exists())
        if os.access(nearest, os.W_OK):
            report.fact(name, str(path) + ("" if path.exists() else " (not made yet)"), True)
        else:
            advice = f"Make {nearest} writable, or set {locate.HOME_VARIABLE} to a folder that is."
            report.problem(name, f"{path} can't be written to", advice)


def _models(report: Report) -> None:
    from app.store.catalog import State, Store

    store = Store()
    absent = 0
    for card in store.cards():
        state = store.state(card)
        if state is State.READY:
            report.fact(card.id, f"ready, {size(store.path(card).stat().st_size)}", True)
        elif card.origin == "official" and state is State.ABSENT:
            absent += 1
        else:
            remedy = {
                "embedded": "install Triptych again",
                "official": f"triptych models remove {card.id}; triptych models download {card.id}",
                "imported": f"triptych models remove {card.id}; then import it again",
            }[card.origin]
            report.problem(card.id, state.value, f"{card.id}: {remedy}")
    if absent:
        report.fact("to download", f"{absent} official models (triptych models list)")
    for problem in store.problems():
        report.problem("card", problem, problem)


def _short(text: str) -> str:
    """`text` with ~ for the home folder and … for other names of people in paths: a report is there to be shown."""
    for home in {str(Path.home()), str(Path.home().resolve())}:
        if len(home) > 1:
            # A shell expands no ~ between quotation marks: they go, or stand behind it where there are blanks.
            text = re.sub(f'"{re.escape(home + os.sep)}([^"]*)"', _unquoted, text)
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    return re.sub(r"((?:/home|/media|/Users|\\Users)[/\\])[^/\\\s\"]+", r"\1…", text)


def _unquoted(found: re.Match[str]) -> str:
    return f"~{os.sep}" + (f'"{found[1]}"' if " " in found[1] else found[1])
