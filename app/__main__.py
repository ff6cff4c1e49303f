"""`triptych` and `python -m app`: without arguments the window, with arguments the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit code: 0, 1 for input that failed, 2 for wrong usage, 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments:
        try:
            from app.cli import run

            return run(arguments)
        except KeyboardInterrupt:  # before it began
            return 130
    try:
        from app.gui.start import main as window

        return window([])
    except ImportError as error:  # of Qt itself: once the window is there it says such things itself
        print(
            f"triptych: the window can't be opened, as a library can't be loaded ({error}). Install it again with "
            f'"{sys.executable} -m pip install --force-reinstall PySide6-Essentials"; "triptych doctor" tells more, '
            'and "triptych classify PICTURE" works without a window.',
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
