"""`triptych classify`: pictures and folders through some networks, answers as they come."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.output import CommandError, UsageError, duration, prepare_json, say

if TYPE_CHECKING:
    from app.engines.classify import FileResult
    from app.store.cards import Card
    from app.store.catalog import Store

DEFAULT_MODEL = "efficientnet-lite0"
DEFAULT_MODELS = {"classify": DEFAULT_MODEL, "caption": "captioner", "translate": "gnmt-en-de"}
EPILOG = """\
examples:
  triptych classify photo.jpg
  triptych classify holiday/ more/*.png --top 3
  triptych classify photo.jpg --model efficientnet-lite0,resnet50-v2
  triptych classify holiday/ --json > answers.jsonl
  triptych classify holiday/ --csv table.csv

--json prints one object a line for each picture and model, as soon as it is there:
  {"path": "cat.jpg", "model": "efficientnet-lite0", "top": [{"label": "tabby", "index": 281, "p": 0.62}, …],
   "ms": 7.4, "device": "CPU"}
index counts ImageNet-1k's classes (0 to 999), p is a probability (0 to 1), ms the network's own time. A picture that
can't be opened gives {"path": …, "error": …}, a model that fails {"path": …, "model": …, "error": …}; the rest goes on.

exit codes: 0; 1 where a picture or a model failed; 2 for wrong usage; 130 after Ctrl-C
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], debug: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "classify",
        help="say what is in pictures",
        description="Says what is in pictures: for each picture the most probable of ImageNet's 1,000 classes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[debug],
        allow_abbrev=False,
    )
    command.add_argument(
        "paths",
        nargs="+",
        type=some_path,
        metavar="PATH",
        help="a picture, or a folder: all pictures in it and its subfolders",
    )
    command.add_argument(
        "--model",
        "-m",
        action="append",
        metavar="A,B",
        help=f"one or more models, as “triptych models list” names them (default: {DEFAULT_MODEL})",
    )
    command.add_argument("--top", "-n", type=_top, default=5, metavar="N", help="classes a picture (default: 5)")
    command.add_argument("--json", action="store_true", help="one JSON object a line, see below")
    command.add_argument(
        "--csv", type=some_path, metavar="FILE", help="also write a table: a line for each picture, model and class"
    )
    command.add_argument(
        "--device",
        choices=("auto", "cuda", "mps", "cpu"),
        default="auto",
        help="where the networks run (default: the fastest that is there)",
    )
    command.set_defaults(run=run)


def _top(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number from 1 to 1000")
    return number


def some_path(text: str) -> str:
    if not text:  # a shell's variable that isn't set; the empty path would be the folder one is in
        raise argparse.ArgumentTypeError("an empty name can't be opened")
    return text


@dataclass
class Tally:
    """What has come so far."""

    pictures: int = 0
    failed: int = 0


def run(options: argparse.Namespace) -> int:
    from app.cli.answers import CsvTable, Lines, fails

    if options.json:
        prepare_json()
    cards = chosen(options.model)
    tally = Tally()
    start = time.monotonic()
    with ExitStack() as stack:
        printers: list[Any] = [Lines(options.json, several=len(cards) > 1)]
        if options.csv:
            printers.append(stack.enter_context(CsvTable(options.csv)))
        names, paths = [], []
        for name, path in named(options.paths):
            if path is None:
                tally.failed += 1
                for printer in printers:
                    printer.failed(name, f"{Path(name).name or name} holds no pictures that Triptych can read.")
            else:
                names.append(name)
                paths.append(path)
        for result in classify(cards, tuple(paths), options, tally):
            name = names[tally.pictures]
            tally.pictures += 1
            tally.failed += fails(result)
            for printer in printers:
                printer.result(name, result)
    if not options.json and tally.pictures > 1:
        say(_summary(tally, time.monotonic() - start))
    return 1 if tally.failed else 0


def chosen(given: list[str] | None, task: str = "classify") -> list[Card]:
    """The cards of `--model`, each once, in the order given. Raises UsageError for a name that isn't there, and
    CommandError for a model whose file isn't."""
    from app.store.catalog import State, Store
    from app.store.errors import StoreError

    store = Store()
    ids = [name.strip() for text in given or [DEFAULT_MODELS[task]] for name in text.split(",")]
    if not all(ids):
        raise UsageError("--model wants names with a comma between them, such as: --model efficientnet-lite0,alexnet")
    cards = []
    for id_ in dict.fromkeys(ids):
        try:
            card = store.card(id_)
        except StoreError as error:
            raise UsageError(str(error)) from error
        if card.task != task:
            what = {"classify": "classify pictures", "caption": "describe pictures", "translate": "translate"}[task]
            raise UsageError(f"The model “{id_}” doesn't {what} (its task is “{card.task}”).")
        cards.append(card)
    for card in cards:
        state = store.state(card)
        if state is not State.READY:
            raise CommandError(_not_ready(store, card, damaged=state is State.DAMAGED))
    return cards


def _not_ready(store: Store, card: Card, damaged: bool) -> str:
    what = f"The file of “{card.id}” is damaged" if damaged else f"“{card.id}” isn't on this machine yet"
    if card.origin == "official":
        remove = f"triptych models remove {card.id}; " if damaged else ""
        return f"{what}. Get it with: {remove}triptych models download {card.id}"
    if card.origin == "imported":
        return f"{what}. Remove it with “triptych models remove {card.id}” and import it again."
    return f"{what}: this installation is incomplete. Install Triptych again."


def named(arguments: list[str]) -> Iterator[tuple[str, Path | None]]:
    """(what to call it in the answers, file) for each picture; (folder, None) for a folder without any. Files keep the
    very name that was given, so that whoever asked finds it again."""
    from app.media.pictures import find

    for argument in arguments:
        if os.path.isdir(argument):  # noqa: PTH112 - any text, null bytes included
            empty = True
            for path in find([Path(argument)]):
                empty = False
                yield str(path), path
            if empty:
                yield argument, None
        else:
            yield argument, Path(argument)


def classify(
    cards: list[Card], paths: tuple[Path, ...], options: argparse.Namespace, tally: Tally
) -> Iterator[FileResult]:
    """The results of all `paths`, in their order, as they come from the engine thread."""
    if not paths:
        return
    from app.cli.asking import Asked
    from app.engines.classify import ClassifyEngine, ClassifyFiles
    from app.store.catalog import Store

    store = Store()
    with Asked("classify", lambda: ClassifyEngine(store, options.device)) as engine:
        try:
            for results in engine.partials(ClassifyFiles(paths, tuple(card.id for card in cards), options.top)):
                yield from _checked(results)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"Cancelled after {tally.pictures} of {len(paths)} pictures.") from None


_told = False


def _checked(results: tuple[FileResult, ...]) -> tuple[FileResult, ...]:
    """The same; and, once, what is wrong where a network can't answer because a library can't be loaded."""
    global _told
    from app.engines.classify import ModelFailed

    if not _told and any(isinstance(answer, ModelFailed) for result in results for answer in result.answers):
        _told = True
        from app.cli.libraries import engines_broken

        for sentence in engines_broken():
            say(f"triptych: {sentence}")
    return results


def _summary(tally: Tally, seconds: float) -> str:
    pace = f", {tally.pictures / seconds:.1f} a second" if tally.pictures >= 20 and seconds >= 1 else ""
    failed = f"; {tally.failed} failed" if tally.failed else ""
    return f"{tally.pictures:,} pictures in {duration(seconds)}{pace}{failed}"
