"""The command line. One module a command, each with `add(commands)`, which describes it to argparse, and a function
that runs it. Nothing heavy is imported before a command runs: `--help` answers at once.

Exit codes: 0; 1 where some input failed or something is broken; 2 for wrong usage; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from app.cli import bench, caption, classify, doctor, lab, models, translate
from app.cli.output import CommandError, UsageError, prepare, say

COMMANDS = (classify, caption, translate, lab, models, doctor, bench)
NAMES = tuple(command.__name__.rpartition(".")[2] for command in COMMANDS)

DESCRIPTION = """\
Triptych shows how landmark networks see your own pictures, on your own machine. Without arguments it opens its window;
the commands below do the same work in a terminal. Nothing leaves this machine: only "models download" uses the network.
"""
EPILOG = """\
examples:
  triptych                                     open the window
  triptych classify photo.jpg                  what is in the picture?
  triptych classify holiday/ --csv table.csv   a whole folder, as a table
  triptych caption photo.jpg                   what does it show, in a sentence?
  triptych translate --to de "I am hungry."    what is that in German?
  triptych lab signal photo.jpg                what do a ResNet's bypasses do?
  triptych models list                         which networks there are
  triptych doctor                              is everything all right here?

exit codes: 0; 1 for input that failed; 2 for wrong usage; 130 after Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line, described."""
    debug = argparse.ArgumentParser(add_help=False)
    # No default of its own: the one before the command must not be undone by the one after it.
    debug.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show traces of errors and a log"
    )
    top = argparse.ArgumentParser(
        prog="triptych",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[debug],
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"triptych {own_version()}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands, debug)
    return top


def own_version() -> str:
    """Triptych's version; "unknown" where it runs from files that nobody installed."""
    try:
        return version("triptych")
    except PackageNotFoundError:
        return "unknown (not installed)"


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns the exit code. Expected errors are one sentence on stderr; a trace only with
    `--debug`."""
    prepare()
    if arguments and arguments[0] not in NAMES and os.path.exists(arguments[0]):  # noqa: PTH110 - any text
        say(f"triptych: “{arguments[0]}” is a file, not a command. Did you mean: triptych classify {arguments[0]}")
        return 2
    try:
        options = parser().parse_args(arguments)
    except SystemExit as exit_:  # argparse has said why, or shown its help
        return exit_.code if isinstance(exit_.code, int) else 2
    debug = getattr(options, "debug", False)
    _log(debug)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        say(str(interrupt) or "Cancelled.")
        return 130
    except BrokenPipeError:  # whoever read our lines has gone, as "head" does: no reason for words
        _drop_stdout()
        return 1
    except Exception as error:
        if debug:
            raise
        say(f"triptych: {sentence(error)}")
        return 2 if isinstance(error, UsageError) else 1
    return code


def sentence(error: Exception) -> str:
    """One sentence for the person. Our own errors bring theirs; of the modules that define them only those are looked
    at that are loaded, as no other can have raised one."""
    known: list[type[Exception]] = [CommandError]
    for module, name in (
        ("app.store.errors", "StoreError"),
        ("app.runtimes.devices", "DeviceError"),
        ("app.media.pictures", "PictureError"),
        ("app.media.sources", "SourceError"),
        ("app.text.timeline", "TimelineError"),
        ("app.text.documents", "DocumentError"),
    ):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type):
            known.append(kind)
    if isinstance(error, tuple(known)):
        return str(error)
    if isinstance(error, ImportError):
        from app.cli.libraries import broken

        return broken(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "There is no space left where the output goes. Make room, or send it somewhere else."
    return f"something went wrong ({type(error).__name__}: {error}). The same command with --debug shows where."


def _log(debug: bool) -> None:
    """Without `--debug` nothing of the log reaches the screen: what matters is said in a sentence of its own."""
    if debug:
        logging.basicConfig(level=logging.INFO, format="%(relativeCreated)7.0f ms %(name)s: %(message)s")
    else:
        logging.getLogger().addHandler(logging.NullHandler())


def _drop_stdout() -> None:
    """The interpreter flushes stdout once more at its end; let that go nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
