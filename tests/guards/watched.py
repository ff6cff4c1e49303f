"""Runs a module as `python -m MODULE ARGUMENTS` and writes down what reaches beyond this process and its folder:

    python -m tests.guards.watched REPORT FOLDER MODULE [ARGUMENT …]

One line a deed: a socket (refused, even on the loopback address), a child process, a file written outside of FOLDER.
Python's audit events show what Python does; children that C code starts show up in the books of the system.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

from tests.guards.network import Guard, where

_CHILDREN = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn")
# Events whose first argument names a file or folder that is made, changed or removed.
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


class Watcher:
    def __init__(self, report: Path, folder: Path) -> None:
        self._report = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._folder = str(folder.resolve())
        self._allowed = {str(report), os.devnull}
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHILDREN:
            self.tell(f"a child process: {event}{arguments[:2]!r}")
        elif event == "open":
            name, mode, flags = arguments
            if (set(mode) & set("wax+")) if mode is not None else flags & _WRITING:
                self._file(event, name)
        elif event in _CHANGES:
            self._file(event, arguments[0])

    def _file(self, event: str, name: Any) -> None:
        if isinstance(name, int):  # a descriptor that is open already
            return
        path = os.path.realpath(os.fsdecode(name))
        if path not in self._allowed and not path.startswith(self._folder):
            self.tell(f"a file: {event}({path!r})")

    def tell(self, what: str) -> None:
        os.write(self._report, f"{what} at {where(sys._getframe(2))}\n".encode())

    def count_children(self) -> None:
        """Also those of C code: who lives, and whether any has ended."""
        import psutil

        for child in psutil.Process().children(recursive=True):
            self.tell(f"a child process that lives: {child.name()}")
        if sys.platform != "win32":
            import resource

            if resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss:
                self.tell("a child process that has ended")


def main() -> None:
    report, folder, module, *arguments = sys.argv[1:]
    guard = Guard(Path(report))
    watcher = Watcher(Path(report), Path(folder))
    sys.argv = [module, *arguments]
    with guard.none_at_all():
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            watcher.count_children()


if __name__ == "__main__":
    main()
