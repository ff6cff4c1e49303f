"""`triptych caption`: pictures and folders, videos and cameras, described in sentences."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.classify import DEFAULT_MODELS, chosen, named, some_path
from app.cli.output import CommandError, UsageError, duration, json_line, line, prepare_json, say, styled, unicode_out

if TYPE_CHECKING:
    from app.cli.asking import Asked
    from app.cli.interpreter import Interpreter
    from app.engines.caption import Caption, Described, DescribedFile
    from app.store.cards import Card
    from app.store.catalog import Store

EPILOG = """\
examples:
  triptych caption photo.jpg
  triptych caption holiday/ --beam 5 --json > captions.jsonl
  triptych caption photo.jpg --attention strips/
  triptych caption film.mp4 --srt film.srt --every 1
  triptych caption --camera 0 --seconds 10 --to de

--json prints one object a line for each picture, as soon as it is there:
  {"path": "dog.jpg", "caption": "a dog runs through the grass", "logprob": -7.3,
   "words": [{"word": "a", "p": 0.93}, …], "alternatives": [{"caption": "a brown dog runs", "logprob": -8.1}, …],
   "ms": 18.2}
logprob is the natural logarithm of the sentence's probability, p a word's given those before it. A picture that can't
be opened gives {"path": …, "error": …}; the rest goes on. Of a video and a camera it is one object a caption:
  {"path": "film.mp4", "begin": 1.5, "end": 4.2, "caption": …, "logprob": …, "words": …}
Their captions hold still as they do in the window; times are seconds of the video's own clock. With --to each object
has a "translation", and files have both.

exit codes: 0; 1 where a picture, the video or the camera failed; 2 for wrong usage; 130 after Ctrl-C
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], debug: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "caption",
        help="describe pictures, a video or what a camera sees",
        description="Describes pictures in a sentence each, a video in subtitles, or what a camera sees.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[debug],
        allow_abbrev=False,
    )
    command.add_argument(
        "paths",
        nargs="*",
        type=some_path,
        metavar="PATH",
        help="a picture, a folder (all pictures in it and its subfolders), or one video",
    )
    command.add_argument(
        "--model",
        "-m",
        metavar="ID",
        help=f"as “triptych models list” names it (default: {DEFAULT_MODELS['caption']})",
    )
    command.add_argument(
        "--beam", "-b", type=_beam, default=3, metavar="N", help="sentences that are kept in view, 1 to 10 (default: 3)"
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line, see below")
    command.add_argument(
        "--attention",
        type=some_path,
        metavar="DIR",
        help="also write a PNG a picture: where each word was looked for, or (of a network without attention) what in "
        "the picture speaks for it",
    )
    command.add_argument(
        "--srt", type=some_path, metavar="FILE", help="write a video's captions: .srt, .vtt, .csv or .json"
    )
    command.add_argument("--every", type=_seconds, metavar="SECONDS", help="of a video, look so often (default: 0.5)")
    command.add_argument("--camera", type=_index, metavar="N", help="look through a camera (0 is the first)")
    command.add_argument(
        "--seconds", type=_seconds, metavar="S", help="how long to look through the camera (default: until Ctrl-C)"
    )
    command.add_argument(
        "--to", type=language, metavar="LANGUAGE", help="also in German (de), French (fr) or Spanish (es)"
    )
    command.add_argument("--overwrite", action="store_true", help="files that are there may be written over")
    command.add_argument(
        "--device",
        choices=("auto", "cuda", "mps", "cpu"),
        default="auto",
        help="where the network runs (default: the fastest that is there)",
    )
    command.set_defaults(run=run)


def _beam(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number from 1 to 10")
    return int(text)


def _index(text: str) -> int:
    if not text.isdecimal() or int(text) > 99:
        raise argparse.ArgumentTypeError(f"“{text}” is not a camera's number, such as 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (math.isfinite(number) and 0.01 <= number <= 1e6):
        raise argparse.ArgumentTypeError(f"“{text}” is not a number of seconds above zero")
    return number


def language(text: str) -> str:
    """A language's code, from code or name."""
    from app.cli.translate import LANGUAGES

    others = {code: name for code, name in LANGUAGES.items() if code != "en"}
    for code, name in others.items():
        if text.lower() in (code, name.lower()):
            return code
    known = ", ".join(f"{code} ({name})" for code, name in others.items())
    raise argparse.ArgumentTypeError(f"“{text}” is none of the languages: {known}")


def run(options: argparse.Namespace) -> int:
    video = _video(options)
    if options.json:
        prepare_json()
    cards = chosen([options.model] if options.model else None, "caption")
    if len(cards) != 1:
        raise UsageError("--model wants one name here: a picture is described by one network.")
    (card,) = cards
    if video is not None or options.camera is not None:
        from app.cli.caption_time import camera as of_camera
        from app.cli.caption_time import video as of_video

        return of_video(video, card, options) if video is not None else of_camera(card, options)
    return _pictures(card, options)


def _video(options: argparse.Namespace) -> Path | None:
    """The video that is to be described; None for pictures and cameras. Raises UsageError."""
    from app.media.pictures import SUFFIXES as PICTURES
    from app.media.videos import SUFFIXES as VIDEOS

    paths = [Path(text) for text in options.paths]
    films = [path for path in paths if path.suffix.lower() in VIDEOS]
    if options.camera is not None:
        if paths:
            raise UsageError("Either a camera or files: --camera goes without a PATH.")
        if options.attention or options.every:
            raise UsageError("--attention and --every don't go with --camera.")
        return None
    if options.seconds is not None:
        raise UsageError("--seconds goes with --camera.")
    if not paths:
        raise UsageError("What is to be described? Give a picture, a folder, a video, or --camera 0.")
    named_as_picture = len(paths) == 1 and paths[0].suffix.lower() in PICTURES
    if not films and not (options.srt and len(paths) == 1 and not named_as_picture):
        if options.srt or options.every:
            raise UsageError("--srt and --every go with one video.")
        return None
    if len(paths) > 1:
        raise UsageError("A video is described alone: give it without other files.")
    if options.attention:
        raise UsageError("--attention goes with pictures.")
    return paths[0]


@dataclass
class _Tally:
    pictures: int = 0
    failed: int = 0


def _pictures(card: Card, options: argparse.Namespace) -> int:
    from app.cli.asking import Asked
    from app.engines.caption import CaptionEngine, DescribeFiles
    from app.store.catalog import Store

    tally = _Tally()
    start = time.monotonic()
    names: list[str] = []
    paths: list[Path] = []
    for name, path in named(options.paths):
        if path is None:
            tally.failed += 1
            _fail(name, f"{Path(name).name or name} holds no pictures that Triptych can read.", options.json)
        else:
            names.append(name)
            paths.append(path)
    strips = _Strips(options.attention, options.overwrite, paths, card) if options.attention else None
    if paths:
        with ExitStack() as stack:
            store = Store()
            interpret = interpreter(stack, store, options)
            engine = stack.enter_context(Asked("caption", lambda: CaptionEngine(store, options.device)))
            try:
                for result in engine.partials(DescribeFiles(tuple(paths), card.id, options.beam)):
                    name = names[tally.pictures]
                    tally.pictures += 1
                    tally.failed += not _show(name, result, options.json, strips, interpret)
                if strips is not None:
                    tally.failed += strips.write_later(engine)
            except KeyboardInterrupt:
                words = f"Cancelled after {tally.pictures} of {len(paths)} pictures."
                if strips is not None and (unwritten := len(strips.later)):
                    words += f" {unwritten} strips are not written: ask for fewer pictures at once."
                raise KeyboardInterrupt(words) from None
    if not options.json and tally.pictures > 1:
        failed = f"; {tally.failed} failed" if tally.failed else ""
        say(f"{tally.pictures:,} pictures in {duration(time.monotonic() - start)}{failed}")
    return 1 if tally.failed else 0


def interpreter(stack: ExitStack, store: Store, options: argparse.Namespace) -> Interpreter | None:
    """What translates captions; None where they are to stay English. Raises UsageError."""
    if options.to is None:
        return None
    from app.cli.interpreter import Interpreter

    return stack.enter_context(Interpreter(store, options.to, options.device))


def _show(name: str, result: DescribedFile, json: bool, strips: _Strips | None, interpret: Interpreter | None) -> bool:
    """Whether all went well."""
    if result.described is None:
        _fail(name, result.error or "", json)
        return False
    translation = interpret(result.described.captions[0].text) if interpret is not None else None
    if json:
        line(json_line(as_json(name, result.described, translation)))
    else:
        line(as_text(name, result.described, translation))
    if strips is not None:
        return strips.add(result.path, result.described.captions[0])
    return True


def _fail(name: str, sentence: str, json: bool) -> None:
    if json:
        line(json_line({"path": name, "error": sentence}))
    else:
        say(styled(sentence, "red"))


def as_json(path: str, described: Described, translation: str | None = None) -> dict[str, Any]:
    """One picture, as `caption --json` prints it."""
    best, *others = described.captions
    return {
        "path": path,
        "caption": best.text,
        **({"translation": translation} if translation is not None else {}),
        "logprob": round(best.logprob, 4),
        "words": words_of(best),
        "alternatives": [{"caption": other.text, "logprob": round(other.logprob, 4)} for other in others],
        "ms": round(described.encoder_ms + described.decoder_ms, 3),
    }


def words_of(caption: Caption) -> list[dict[str, Any]]:
    return [{"word": word.text, "p": round(word.p, 6)} for word in caption.words]


def as_text(path: str, described: Described, translation: str | None = None) -> str:
    """One picture for a person:
    dog.jpg
      a dog runs through the grass
      Ein Hund läuft durch das Gras.
      -7.3  a brown dog runs
      captioner · 18 ms · CPU
    """
    best, *others = described.captions
    shown = "".join(letter if letter.isprintable() else "�" for letter in path)
    rows = [styled(shown, "bold"), f"  {best.text}", *([f"  {translation}"] if translation is not None else [])]
    rows += [styled(f"  {other.logprob:6.1f}  {other.text}", "dim") for other in others]
    dot = " · " if unicode_out() else ", "
    ms = f"{described.encoder_ms + described.decoder_ms:.0f} ms"
    return "\n".join([*rows, "  " + styled(dot.join((described.model, ms, described.device)), "dim"), ""])


class _Strips:
    """A PNG a picture in a folder: one small picture a word."""

    def __init__(self, folder: str, overwrite: bool, pictures: Iterable[Path], card: Card) -> None:
        self._folder, self._overwrite = Path(folder), overwrite
        self._card = card
        self.later: list[tuple[Path, Caption]] = []  # not written yet
        self._taken = {path.resolve() for path in pictures}  # never written over, and then what has been written
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandError(f"The folder {self._folder.name} can't be made: {reason}.") from error

    def add(self, picture: Path, caption: Caption) -> bool:
        """Whether all went well, so far. Of a network without attention it has to be asked what it saw, which waits
        until all pictures are described."""
        if caption.unattended:
            self.later.append((picture, caption))
            return True
        return self._try(picture, caption)

    def write_later(self, engine: Asked) -> int:
        """Those that waited. Returns how many failed."""
        failed = 0
        while self.later:
            failed += not self._try(*self.later[0], engine)
            del self.later[0]
        return failed

    def _try(self, picture: Path, caption: Caption, engine: Asked | None = None) -> bool:
        try:
            self._write(picture, caption, engine)
        except CommandError as error:
            say(styled(str(error), "red"))
            return False
        return True

    def _write(self, picture: Path, caption: Caption, engine: Asked | None) -> None:
        """Raises CommandError."""
        from app.engines.caption import ShowLight, strip_of
        from app.media.pictures import PictureError, decode

        given = self._card.preprocessing  # the same pixels as the caption's
        try:
            decoded = decode(picture, at_least=max(given.resize, given.crop))
        except PictureError as error:  # a moment ago it could be read
            raise CommandError(str(error)) from error
        light = None
        if engine is not None:
            light = engine.ask(ShowLight(decoded, self._card.id, tuple(word.text for word in caption.words)))
        content = strip_of(decoded.pixels, caption, light)
        target = self._target(picture.stem)
        try:
            with target.open("wb" if self._overwrite else "xb") as file:
                file.write(content)
        except FileExistsError as error:
            raise CommandError(f"{target.name} is there already; --overwrite writes over it.") from error
        except OSError as error:
            raise CommandError(f"{target.name} can't be written: {error.strerror or error}.") from error

    def _target(self, stem: str) -> Path:
        """Pictures of one name in different folders: photo.png, photo-2.png …"""
        target, number = self._folder / f"{stem}.png", 1
        while target.resolve() in self._taken:
            number += 1
            target = self._folder / f"{stem}-{number}.png"
        self._taken.add(target.resolve())
        return target
