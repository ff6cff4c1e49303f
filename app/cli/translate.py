"""`triptych translate`: a text, lines from a pipe, or a document, into another language."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.classify import DEFAULT_MODELS, chosen, some_path
from app.cli.output import CommandError, UsageError, duration, json_line, line, prepare_json, say, styled

if TYPE_CHECKING:
    from app.cli.asking import Asked
    from app.engines.translate import TranslateAll, Translated
    from app.store.cards import Card
    from app.store.catalog import Store

LANGUAGES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
}  # as app.text.languages, which is heavier
BEAM, WIDEST = 5, 10  # as app.engines.translate
EPILOG = """\
examples:
  triptych translate --from en --to de "I am hungry. And you?"
  triptych translate --to de < letter.txt
  tail -f chat.log | triptych translate --from de --to en -
  triptych translate --to de --file story.txt          saved as story.de.txt
  triptych translate --to en --file film.srt --output film.en.srt
  triptych translate --to de --json --nbest 3 "Where do you live?"

A line comes out for each line that goes in, at once, an empty one for an empty one; a line may hold a paragraph of
several sentences. Nothing is written over: a document whose name is taken is saved as story.de.2.txt.

--nbest prints, instead of lines, the best translations of every sentence:
  LINE.SENTENCE <tab> SCORE <tab> TRANSLATION
--json prints one object a line (of a document: one a sentence):
  {"line": 1, "source": "I am hungry.", "translation": "Ich habe Hunger.", "sentences": [{"source": …,
   "translation": …, "score": -0.31, "logprob": -0.72, "source_words": ["I", "am", "hungry"],
   "words": ["Ich", "habe", "Hunger"], "alignment": [[0.93, 0.02, 0.01], …], "source_pieces": ["<2de>", "▁I", …],
   "pieces": [{"piece": "▁Ich", "p": 0.92}, …], "alternatives": [{"translation": …, "score": …, "logprob": …}, …],
   "ms": 21.4}]}
alignment has a row for each word of the translation: how much it was aligned with each word of the source.

exit codes: 0; 1 where something failed; 2 for wrong usage; 130 after Ctrl-C
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], debug: argparse.ArgumentParser) -> None:
    known = ", ".join(LANGUAGES)
    command = commands.add_parser(
        "translate",
        help="translate a text, lines or a document",
        description="Translates a text, lines from a pipe, or a document (.txt, .srt).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[debug],
        allow_abbrev=False,
    )
    command.add_argument("text", nargs="*", metavar="TEXT", help="what to translate; - is standard input")
    command.add_argument(
        "--from", dest="source", type=_language, metavar="LANGUAGE", help=f"{known} (default: guessed from the text)"
    )
    command.add_argument(
        "--to", dest="target", type=_language, metavar="LANGUAGE", help="the same; may be left out where there is one"
    )
    command.add_argument("--file", "-f", type=some_path, metavar="FILE", help="a document: .txt or .srt")
    command.add_argument(
        "--output", "-o", type=some_path, metavar="FILE", help="save the document as (default: beside it, a new name)"
    )
    command.add_argument(
        "--model",
        "-m",
        metavar="ID",
        help=f"as “triptych models list” names it (default: one that knows the languages, such as "
        f"{DEFAULT_MODELS['translate']})",
    )
    command.add_argument(
        "--beam", "-b", type=_beam, metavar="N", help=f"translations kept in view, 1 to {WIDEST} (default: {BEAM})"
    )
    command.add_argument(
        "--alpha", type=_penalty, metavar="A", help="length normalisation, 0 to 10 (default: the model's own)"
    )
    command.add_argument(
        "--coverage", type=_penalty, metavar="B", help="coverage penalty, 0 to 10 (default: the model's own)"
    )
    command.add_argument("--nbest", "-n", type=_beam, metavar="N", help="the N best of every sentence, see below")
    command.add_argument("--json", action="store_true", help="one JSON object a line, see below")
    command.add_argument(
        "--device",
        choices=("auto", "cuda", "mps", "cpu"),
        default="auto",
        help="where the network runs (default: the fastest that is there)",
    )
    command.set_defaults(run=run)


def _language(text: str) -> str:
    for code, name in LANGUAGES.items():
        if text.lower() in (code, name.lower()):
            return code
    known = ", ".join(f"{code} ({name})" for code, name in LANGUAGES.items())
    raise argparse.ArgumentTypeError(f"“{text}” is none of the languages: {known}")


def _beam(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= WIDEST:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number from 1 to {WIDEST}")
    return int(text)


def _penalty(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 10:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number from 0 to 10")
    return number


def run(options: argparse.Namespace) -> int:
    _check(options)
    if options.json:
        prepare_json()
    else:
        _prepare_lines()
    return _document(options) if options.file else _lines(options)


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError."""
    if options.file and options.text:
        raise UsageError("Either a text or a document: --file goes without a TEXT.")
    if options.output and not options.file:
        raise UsageError("--output goes with --file; lines go to standard output.")
    nobody = sys.stdin is None or (not options.text and sys.stdin.isatty())  # a window's process has no input
    if not options.file and options.text in ([], ["-"]) and nobody:
        raise UsageError("What is to be translated? Give a text in quotes, --file FILE, or - for standard input.")
    if options.nbest and options.beam and options.nbest > options.beam:
        raise UsageError(f"--nbest {options.nbest} needs a beam as wide: --beam {options.nbest}.")
    options.beam = options.beam or max(BEAM, options.nbest or 1)


def _prepare_lines() -> None:
    """Bytes that were no text come out as they went in."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        reconfigure(errors="surrogateescape")


# Which network, from which language into which


@dataclass(frozen=True)
class _Work:
    """All that a request needs but the sentences."""

    card: Card
    source: str
    target: str
    options: argparse.Namespace

    def request(self, sentences: Iterable[str]) -> TranslateAll:
        from app.engines.translate import TranslateAll, penalties

        alpha, coverage = penalties(self.card)
        given = self.options
        return TranslateAll(
            tuple(sentences),
            self.source,
            self.target,
            self.card.id,
            given.beam,
            alpha if given.alpha is None else given.alpha,
            coverage if given.coverage is None else given.coverage,
        )


def _work(options: argparse.Namespace, store: Store, sample: str) -> _Work:
    """`sample`: some of the text, of which the language is guessed where none is given. Raises UsageError,
    CommandError."""
    offers = _offers(options, store)
    if options.source is None:
        options.source = _guessed(options, {pair for _, pair in offers}, sample)
    targets = [pair[1] for _, pair in offers if pair[0] == options.source]
    if not targets and options.target is None:
        who = f"{options.model} doesn't translate" if options.model else "Nothing here translates"
        raise UsageError(f"{who} from {LANGUAGES[options.source]}: {_known(offers)}.")
    if options.target is None:
        if len(set(targets)) != 1:
            which = " or ".join(f"--to {code}" for code in dict.fromkeys(targets))
            raise UsageError(f"Into which language is the {LANGUAGES[options.source]} to be translated? {which}.")
        options.target = targets[0]
    for card, pair in offers:
        if pair == (options.source, options.target):
            return _Work(card, *pair, options)
    raise UsageError(
        f"Nothing here translates from {LANGUAGES[options.source]} into {LANGUAGES[options.target]}: {_known(offers)}."
    )


Offer = tuple["Card", tuple[str, str]]


def _offers(options: argparse.Namespace, store: Store) -> list[Offer]:
    """(card, direction) of the networks that are ready, or of the one that is asked for."""
    from app.store.cards import directions
    from app.store.catalog import State

    if options.model:
        cards = chosen([options.model], "translate")
        if len(cards) != 1:
            raise UsageError("--model wants one name here: a text is translated by one network.")
    else:
        cards = [card for card in store.cards("translate") if store.state(card) is State.READY]
    offers = [(card, pair) for card in cards for pair in directions(card)]
    if not offers:
        raise CommandError("No network that translates is on this machine: this installation is incomplete. Install "
                           "Triptych again, or get one with: triptych models download gnmt-wmt16-en-de")  # fmt: skip
    return offers


def _guessed(options: argparse.Namespace, pairs: set[tuple[str, str]], sample: str) -> str:
    """Said on stderr. Raises UsageError."""
    from app.text import languages

    possible = {source for source, target in pairs if options.target in (None, target)}
    found = languages.guess(sample)
    if found is None and len(possible) == 1:
        (found,) = possible
        say(f"From {LANGUAGES[found]}: nothing else can be translated.")
        return found
    if found is None:
        raise UsageError("In which language the text is isn't sure. Say it: --from en, for example.")
    if found == options.target:
        raise UsageError(f"The text seems to be {LANGUAGES[found]} already. If it isn't, say --from.")
    say(f"From {LANGUAGES[found]}, as it seems; --from says another.")
    return found


def _known(offers: Iterable[Offer]) -> str:
    pairs = dict.fromkeys(pair for _, pair in offers)
    return "there is " + ", ".join(f"{LANGUAGES.get(a, a)} into {LANGUAGES.get(b, b)}" for a, b in pairs)


def _asked(stack: ExitStack, store: Store, options: argparse.Namespace) -> Asked:
    from app.cli.asking import Asked
    from app.engines.translate import TranslateEngine

    return stack.enter_context(Asked("translate", lambda: TranslateEngine(store, options.device)))


# Lines


def _lines(options: argparse.Namespace) -> int:
    from itertools import islice

    from app.cli.stdin_lines import StandardInput
    from app.store.catalog import Store
    from app.text import sentences

    if options.text and options.text != ["-"]:
        chunks: Iterator[list[str]] = iter([" ".join(options.text).split("\n")])
    else:
        if sys.stdin.isatty():
            say("Type or paste: each line is translated. Ctrl-D ends.")
        chunks = iter(StandardInput())
    done = 0
    try:
        first = next(chunks, [])
        if not first:
            return 0
        store = Store()
        work = _work(options, store, "\n".join(first[:100]))
        with ExitStack() as stack:
            engine = _asked(stack, store, options)
            for chunk in _behind(first, chunks):
                cut = [sentences.split(text, work.source) for text in chunk]
                wanted = [sentence.text for segments in cut for sentence in segments.sentences]
                answers = engine.partials(work.request(wanted)) if wanted else iter(())
                for text, segments in zip(chunk, cut, strict=True):
                    found = list(islice(answers, len(segments.sentences)))
                    translation = segments.join([one.translations[0].text for one in found]).replace("\n", " ")
                    done += 1
                    _show(options, found, {"line": done, "source": text, "translation": translation})
                next(answers, None)  # nothing comes: the request ends
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Cancelled after {done:,} {'line' if done == 1 else 'lines'}.") from None
    return 0


def _behind(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _show(options: argparse.Namespace, found: list[Translated], of_line: dict[str, Any]) -> None:
    """One line's answers. `of_line`: its number, its text, its translation."""
    if options.json:
        line(json_line({**of_line, "sentences": [as_json(one, options.nbest) for one in found]}))
    elif options.nbest:
        for k, one in enumerate(found, 1):
            _show_best(f"{of_line['line']}.{k}", one, options.nbest)
    else:
        line(of_line["translation"])


def _show_best(number: str, translated: Translated, count: int) -> None:
    for translation in translated.translations[:count]:
        line(f"{number}\t{translation.score:.4f}\t{translation.text}")


def as_json(translated: Translated, nbest: int | None = None) -> dict[str, Any]:
    """One sentence, as `translate --json` prints it. `nbest`: how many translations at most."""
    best, *others = translated.translations[:nbest]
    pieces = zip(best.pieces, best.probabilities, strict=False)
    return {
        "source": translated.sentence,
        "translation": best.text,
        "score": round(best.score, 4),
        "logprob": round(best.logprob, 4),
        "source_words": [translated.sentence[start:end] for start, end in translated.words],
        "words": [best.text[start:end] for start, end in best.words],
        "alignment": [[round(float(link), 3) for link in row] for row in best.links],
        "source_pieces": list(translated.source_pieces),
        "pieces": [{"piece": piece, "p": round(p, 6)} for piece, p in pieces],
        "alternatives": [
            {"translation": other.text, "score": round(other.score, 4), "logprob": round(other.logprob, 4)}
            for other in others
        ],
        "ms": round(translated.ms, 3),
    }


# Documents


def _document(options: argparse.Namespace) -> int:
    from app.store.catalog import Store
    from app.text.documents import DocumentError, Translated, read

    document = read(Path(options.file))
    if document.warning:
        say(styled(document.warning, "yellow", sys.stderr))
    store = Store()
    sentences = document.split("en").sentences
    if not sentences:
        raise CommandError(f"There is nothing to translate in {document.path.name}.")
    sample = " ".join(sentence.text for sentence in sentences[:50])
    work = _work(options, store, sample)
    translated = Translated(document, work.source, work.target, Path(options.output) if options.output else None)
    count, start = len(translated.sentences), time.monotonic()
    progress = _Progress(document.path.name, count)
    with ExitStack() as stack:
        stack.callback(progress.end)
        try:
            if count:
                for answer in _asked(stack, store, options).partials(work.request(translated.sentences)):
                    translated.add(answer.translations[0].text)
                    if options.json:
                        line(json_line({"sentence": translated.done, **as_json(answer, options.nbest)}))
                    elif options.nbest:
                        _show_best(str(translated.done), answer, options.nbest)
                    progress.show(translated.done)
            saved = translated.finish()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(" ".join(["Cancelled.", *_kept(translated.stop())])) from None
        except (CommandError, DocumentError, BrokenPipeError):
            try:
                kept = _kept(translated.stop())
            except DocumentError:
                kept = []  # the folder that was full is still full, and that is being said
            progress.end()
            for sentence in kept:
                say(sentence)
            raise
    seconds = time.monotonic() - start
    if not (options.json or options.nbest):
        line(str(saved.path))
    say(f"{count:,} {'sentence' if count == 1 else 'sentences'} in {duration(seconds)}, saved as {saved.path.name}.")
    if saved.sentence:
        say(styled(saved.sentence, "yellow", sys.stderr))
    return 0


def _kept(saved: Any) -> list[str]:
    """What is said of a document that was left half done. `saved`: an `app.text.documents.Saved` or None."""
    return [f"{saved.sentence} They are in {saved.path.name}."] if saved is not None else []


class _Progress:
    """One line that rewrites itself on a terminal; nothing anywhere else."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._count = name, count
        self._live = sys.stderr.isatty()
        self._next, self._width = 0.0, 0

    def show(self, done: int) -> None:
        if self._live and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            text = f"{self._name}  {100 * done // self._count} %  {done:,} of {self._count:,} sentences"
            self._write("\r" + text.ljust(self._width))
            self._width = len(text)

    def end(self) -> None:
        """The line makes room for what comes."""
        if self._width:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
