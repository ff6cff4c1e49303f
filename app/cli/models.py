"""`triptych models`: which networks there are; bring them, check them, remove them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.output import CommandError, UsageError, duration, json_line, line, prepare_json, say, size, styled, table

if TYPE_CHECKING:
    from app.store.cards import Card, Measurement
    from app.store.catalog import Store
    from app.store.checks import SelfCheck
    from app.store.progress import Progress
    from app.worker import Engine

EPILOG = """\
examples:
  triptych models list
  triptych models download resnet50-v2
  triptych models verify
  triptych models download gnmt-wmt16-en-de
  triptych models import my_resnet18.pth --name "My ResNet"

Nothing but "download" uses the network, and it sends nothing of yours.
"""
IMPORT_EPILOG = """\
Takes a safetensors file, or a plain state dict as torch.save writes it. Files are read as data only: code in a pickle
is refused, never run. The architecture (AlexNet, a ResNet, EfficientNet-Lite0) is recognised from the weights' names
and shapes. The compressed ResNets of Stock et al. 2020 (kill-the-bits, .pth) are decoded into ordinary weights. Prints
the new model's id, so that a script can go on:
  id=$(triptych models import my_resnet18.pth --name mine) && triptych classify photo.jpg --model "$id"

Also takes the published GNMT and Show and Tell: an archive (.zip, .tar.gz) or a folder with the checkpoint that
TensorFlow wrote and its vocabulary, or with both archives of the GNMT. They are recognised by what they hold.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], debug: argparse.ArgumentParser) -> None:
    def sub(name: str, help_: str, run: Any, epilog: str | None = None) -> argparse.ArgumentParser:
        made = inner.add_parser(
            name,
            help=help_,
            description=help_[0].upper() + help_[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[debug],
            allow_abbrev=False,
        )
        made.set_defaults(run=run)
        return made

    command = commands.add_parser(
        "models",
        help="list, download, verify, remove and import networks",
        description="The networks: embedded ones come with Triptych, official ones are a download away, and you may "
        "import your own.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    inner = command.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listing = sub("list", "show every model with its state, size, score and licence", list_models)
    listing.add_argument("--json", action="store_true", help="one JSON object a line")

    download = sub("download", "download official models", download_models)
    download.add_argument("ids", nargs="+", metavar="ID", help="as “triptych models list” names it")
    download.add_argument(
        "--mirror", metavar="ADDRESS", help="take the files from this address instead (they must have the same hashes)"
    )

    verify = sub(
        "verify", "read models' files whole, compare their hashes, and try them on the sample pictures", verify_models
    )
    verify.add_argument("ids", nargs="*", metavar="ID", help="default: the embedded ones, and all others that are here")
    verify.add_argument(
        "--whole",
        action="store_true",
        help="of the published GNMT, translate all 3,003 test sentences, not the first 100",
    )

    remove = sub("remove", "remove the files of downloaded or imported models", remove_models)
    remove.add_argument("ids", nargs="+", metavar="ID")

    import_ = sub("import", "take in a file of weights of your own", import_model, IMPORT_EPILOG)
    import_.add_argument("file", metavar="FILE", help=".safetensors, .pth or .pt; or an archive or a folder, see below")
    import_.add_argument("--name", help="what to call it (default: the file's name)")


def _store() -> Store:
    from app.store.catalog import Store

    return Store()


def list_models(options: argparse.Namespace) -> int:
    store = _store()
    cards = store.cards()
    if options.json:
        prepare_json()
        for card in cards:
            line(json_line(_as_json(store, card)))
    else:
        rows = [
            (card.id, store.state(card).value, size(store.size(card)), _score(card), card.name, card.licence)
            for card in cards
        ]
        line(table(("ID", "STATE", "SIZE", "SCORE (TOP-1 / TOP-5)", "NAME", "LICENCE"), rows, right=(2,)))
        if any(card.published and not card.measured for card in cards):
            line("\n" + styled("*  as published, not measured by us on the data of the others: don't compare.", "dim"))
    for problem in store.problems():
        say(problem)
    return 1 if store.problems() else 0


def _score(card: Card) -> str:
    scores = card.measured or card.published
    if not scores:
        return "–"
    return f"{_figures(scores[0])}{'' if card.measured else ' *'}"


def _figures(score: Measurement) -> str:
    """ "69.8 / 89.1 %": top-1 and, where it is known, top-5; "CIDEr 0.581", "BLEU 23.1" of other networks."""
    if score.top1 is None:
        name, value = score.scores[0]
        return f"{name} {value:.3g}"
    return f"{score.top1:.1f} / {'–' if score.top5 is None else f'{score.top5:.1f}'} %"


def _as_json(store: Store, card: Card) -> dict[str, Any]:
    def scores(given: tuple[Any, ...]) -> list[dict[str, Any]]:
        return [
            {"data": m.data, "source": m.source, "top1": m.top1, "top5": m.top5, "scores": dict(m.scores)}
            for m in given
        ]

    return {
        "id": card.id,
        "name": card.name,
        "year": card.year,
        "task": card.task,
        "architecture": card.architecture,
        "origin": card.origin,
        "state": store.state(card).value,
        "size": store.size(card),
        "parameters": card.parameters,
        "licence": card.licence,
        "terms": card.terms,
        "confirmed": card.confirmed,
        "measured": scores(card.measured),
        "published": scores(card.published),
        "official": card.official or None,
        "checked": _check_as_json(store.self_check(card)),
    }


def _check_as_json(check: SelfCheck | None) -> dict[str, Any] | None:
    if check is None:
        return None
    found = {"ok": check.ok, "day": check.day, "right": list(check.right), "wrong": list(check.wrong)}
    return found | ({"outcome": check.outcome, "said": check.said} if check.outcome else {})


def _cards(store: Store, ids: list[str]) -> list[Card]:
    """Raises UsageError for a name that isn't there."""
    from app.store.errors import StoreError

    try:
        return [store.card(id_) for id_ in ids]
    except StoreError as error:
        raise UsageError(str(error)) from error


def download_models(options: argparse.Namespace) -> int:
    store = _store()
    cards = _cards(store, options.ids)  # a wrong name is told before the first byte is fetched
    code = 0
    for card in cards:
        try:
            _download(store, card, options.mirror)
        except CommandError as error:
            say(f"triptych: {error}")
            code = 1
    return code


def _download(store: Store, card: Card, mirror: str | None) -> None:
    from app.store.catalog import State
    from app.store.errors import StoreError

    if store.state(card) is State.READY:
        say(f"{card.id} is already on this machine.")
        return
    say(f"{card.id}: {card.licence}.")
    if not card.confirmed:
        say(f"{card.id}: nobody of Triptych's makers has opened its address or read the terms there.")
    shown = _ProgressLine(card.id)
    try:
        path = store.download(card.id, shown, None, mirror)
    except StoreError as error:
        shown.end()
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        shown.end()
        kept = f"Cancelled. What has come of {card.id} is kept; the same command goes on from there."
        raise KeyboardInterrupt(kept) from None
    shown.end()
    found, sentence = _checked(store, card.id)
    if not found and not card.parts:
        raise CommandError(f"{sentence} Its hash and its shapes are right all the same.")
    say(sentence)
    say(f"{card.id} is ready: {size(path.stat().st_size)}. Try: {_try(card)}")


def _try(card: Card) -> str:
    if card.task == "translate":
        return f'triptych translate --model {card.id} "How are you?"'
    return f"triptych {card.task} PICTURE --model {card.id}"


def _checked(store: Store, model: str, whole: bool = False) -> tuple[bool, str]:
    """Whether the model's answers are those that are known to be right, and a sentence. The engine thread runs it, as
    it runs every network."""
    import queue

    from app.engines.models import Checking, CheckModel
    from app.worker import Done, Failed, Partial, Worker

    task = store.card(model).task
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    worker = Worker({task: lambda: _engine(store, task)}, answers.put)
    shown = _Line()
    worker.start()
    try:
        worker.control(task, CheckModel(model, whole))
        while True:
            try:
                answer = answers.get(timeout=0.5)  # a time limit, as Windows lets no Ctrl-C through without one
            except queue.Empty:
                continue
            if isinstance(answer, Partial) and isinstance(answer.value, Checking):
                shown.show(f"{model}  checking, {answer.value.done:,} of {answer.value.total:,}")
            if isinstance(answer, Done):
                return answer.value.check.ok, answer.value.sentence
            if isinstance(answer, Failed):
                return False, f"{model} could not be tried: {answer.sentence}"
    finally:
        shown.end()
        worker.close()


def _engine(store: Store, task: str) -> Engine:
    if task == "caption":
        from app.engines.caption import CaptionEngine

        return CaptionEngine(store)
    if task == "translate":
        from app.engines.translate import TranslateEngine

        return TranslateEngine(store)
    from app.engines.classify import ClassifyEngine

    return ClassifyEngine(store)


class _Line:
    """One line that rewrites itself on a terminal; a line every few seconds anywhere else."""

    def __init__(self) -> None:
        self._live, self._width = sys.stderr.isatty(), 0
        self._next = 0.0

    def show(self, text: str) -> None:
        if self._live:
            sys.stderr.write("\r" + text.ljust(self._width))
            sys.stderr.flush()
            self._width = len(text)
            return
        import time

        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 5
            say(text)

    def end(self) -> None:
        if self._live and self._width:
            sys.stderr.write("\n")


class _ProgressLine(_Line):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __call__(self, progress: Progress) -> None:
        share = f"{progress.received / progress.total * 100:3.0f} %  " if progress.total else ""
        total = f" of {size(progress.total)}" if progress.total else ""
        speed = f"  {size(progress.bytes_per_second)}/s" if progress.bytes_per_second else ""
        left = f"  {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
        doing = f"{progress.doing} " if progress.doing else ""
        self.show(f"{self._name}  {doing}{share}{size(progress.received)}{total}{speed}{left}")


def verify_models(options: argparse.Namespace) -> int:
    from app.store.catalog import State

    store = _store()
    if options.ids:
        cards = _cards(store, options.ids)
    else:
        # Embedded ones must be here.
        cards = [card for card in store.cards() if card.origin == "embedded" or store.state(card) is not State.ABSENT]
    bad = 0
    for card in cards:
        result = store.verify(card.id)
        mark = styled("sound   ", "green") if result.ok else styled("damaged ", "red")
        line(f"{mark} {card.id}: {result.sentence}")
        if result.sha256 is not None:
            line(f"         SHA-256 {result.sha256}, {result.size:,} bytes, {card.origin}")
        for scores, how in ((card.measured, "measured by us"), (card.published, "published")):
            for score in scores:
                found = ", ".join(f"{name} {value:.3g}" for name, value in score.scores)
                found = found or f"top-1 / top-5 {_figures(score)}"
                line(f"         {found} on {score.data}, {how}: {score.source}")
        right = True
        if result.ok and (card.task == "classify" or card.parts):
            right, sentence = _checked(store, card.id, options.whole)
            line(f"         {sentence}" if right else "         " + styled(sentence, "red"))
        # A weak network that somebody trained may be wrong about a picture; an official one must not. What a published
        # checkpoint says is told beside what was published, and never refused.
        bad += not result.ok or (card.origin == "official" and not card.parts and not right)
    for problem in store.problems():
        say(problem)
    return 1 if bad or store.problems() else 0


def remove_models(options: argparse.Namespace) -> int:
    store = _store()
    for card in _cards(store, options.ids):
        store.remove(card.id)
        say(f"{card.id} is removed.")
    return 0


def import_model(options: argparse.Namespace) -> int:
    file = Path(options.file)
    store, shown = _store(), _ProgressLine(file.name)
    try:
        card = store.import_file(file, options.name, shown)
    finally:
        shown.end()
    line(card.id)
    if card.parts:
        say(_checked(store, card.id)[1])
    say(f"{card.name} is a {card.architecture}. Try: {_try(card)}")
    return 0
