"""`triptych caption` of what moves: a video's captions on its own clock, a camera's while it looks."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.asking import Asked
from app.cli.caption import interpreter
from app.cli.output import CommandError, UsageError, duration, json_line, line, say, styled
from app.engines.caption import CaptionEngine, Describe, Described
from app.engines.steady import Steady
from app.media.sources import SourceError
from app.text.timeline import FORMATS, Entry, ExistsError, Timeline, save

if TYPE_CHECKING:
    from app.media.sources import Frame
    from app.store.cards import Card

EVERY = 0.5  # seconds between two looks at a video


class _Telling:
    """Steady captions as they come, on the screen and in a timeline."""

    def __init__(self, key: str, name: str, options: argparse.Namespace) -> None:
        """`key`, `name`: what JSON calls the source."""
        self._key, self._name, self._json = key, name, options.json
        self._srt = Path(options.srt) if options.srt else None
        self._overwrite = options.overwrite
        self._steady, self.timeline = Steady(), Timeline()
        self._told = 0
        self.interpret: Callable[[str], str] | None = None  # into another language as well
        if self._srt is not None:  # told before the work, not after it
            if self._srt.suffix.lower() not in FORMATS:
                raise UsageError(f"--srt wants a name that ends with {', '.join(FORMATS)}.")
            if self._srt.exists() and not self._overwrite:
                raise CommandError(f"{self._srt.name} is there already; --overwrite writes over it.")
            if not self._srt.parent.is_dir():
                raise CommandError(f"{self._srt.name} can't be written: its folder isn't there. Make it first.")

    def offer(self, frame: Frame, described: Described) -> None:
        if self._steady.offer(described.captions[0], frame.time, described.scene):
            caption = self._steady.shown
            assert caption is not None
            words = [(word.text, word.p) for word in caption.words]
            self.timeline.say(self._steady.since, caption.text, words, caption.logprob, frame.name)
            self._tell_ended(all_but=1)
            if not self._json:
                line(f"{_clock(self._steady.since)}  {caption.text}")
            if self.interpret is not None:
                translation = self.interpret(caption.text)
                self.timeline.translate(caption.text, translation)
                if not self._json:
                    line(f"{' ' * len(_clock(self._steady.since))}  {translation}")
        self.timeline.lasts(frame.time)

    def break_off(self, at: float) -> None:
        """Ctrl-C, a camera that was pulled out, a file that was replaced: what was said until then is kept."""
        if len(self.timeline):
            self.end(at)

    def end(self, at: float) -> None:
        self.timeline.stop(at)
        self._tell_ended(all_but=0)
        if self._srt is None:
            return
        try:
            save(self.timeline.entries, self._srt, self._overwrite)
        except ExistsError as error:
            raise CommandError(f"{self._srt.name} is there already; --overwrite writes over it.") from error
        count = len(self.timeline)
        say(f"{count:,} {'caption is' if count == 1 else 'captions are'} in {self._srt.name}.")

    def _tell_ended(self, all_but: int) -> None:
        """As JSON a caption is told when its end is known."""
        ended = self.timeline.entries[self._told : len(self.timeline) - all_but]
        self._told += len(ended)
        if self._json:
            for entry in ended:
                line(json_line(self._as_json(entry)))

    def _as_json(self, entry: Entry) -> dict[str, Any]:
        return {
            self._key: self._name,
            "begin": round(entry.begin, 3),
            "end": round(entry.end, 3),
            "caption": entry.text,
            **({"translation": entry.translation} if self.interpret is not None else {}),
            "logprob": round(entry.logprob, 4),
            "words": [{"word": word, "p": round(p, 6)} for word, p in entry.words],
        }


def video(path: Path, card: Card, options: argparse.Namespace) -> int:
    """A look at every `--every` seconds of the video's own clock, as fast as it goes."""
    from app.media.sources import every
    from app.media.videos import Video
    from app.store.catalog import Store

    telling = _Telling("path", str(path), options)
    step = options.every or EVERY
    start, last, looks = time.monotonic(), 0.0, 0
    failures: list[str] = []
    with ExitStack() as stack:
        stream = Video(path).open()
        stack.callback(stream.close)
        length = stream.length
        store = Store()
        telling.interpret = interpreter(stack, store, options)
        engine = stack.enter_context(Asked("caption", lambda: CaptionEngine(store, options.device)))
        try:
            for frame in every(stream, step, failures.append):
                telling.offer(frame, engine.ask(Describe(frame.pixels, card.id, options.beam, details=False)))
                last, looks = frame.time, looks + 1
        except KeyboardInterrupt:
            telling.break_off(last)
            raise KeyboardInterrupt(f"Cancelled after {_clock(last)} of the video.") from None
        except (CommandError, SourceError):
            telling.break_off(last)
            raise
    telling.end(max(last, min(last + step, length if length is not None else last + step)))
    for sentence in failures:
        say(styled(sentence, "red"))
    if not options.json:
        times = "1 look" if looks == 1 else f"{looks:,} looks"
        say(f"{times} at {_clock(last)} of video in {duration(time.monotonic() - start)}.")
    return 1 if failures else 0


def camera(card: Card, options: argparse.Namespace) -> int:
    """The newest frame, again and again, for `--seconds` after the first one."""
    from app.media import cameras
    from app.media.capture import Capture, State
    from app.store.catalog import Store

    source = cameras.at(options.camera)
    telling = _Telling("camera", source.name, options)
    stirred = threading.Event()
    latencies: list[float] = []
    begun: float | None = None
    last = 0.0
    warned = ""
    with ExitStack() as stack:
        store = Store()
        telling.interpret = interpreter(stack, store, options)
        engine = stack.enter_context(Asked("caption", lambda: CaptionEngine(store, options.device)))
        capture = Capture(source, stirred.set)
        stack.callback(capture.close)
        capture.start()
        try:
            while begun is None or options.seconds is None or time.perf_counter() - begun < options.seconds:
                stirred.wait(0.2)
                stirred.clear()
                if (status := capture.status).state is State.FAILED:
                    raise CommandError(status.sentence)
                if (frame := capture.take()) is None:
                    continue
                begun = begun or time.perf_counter()
                described = engine.ask(Describe(frame.pixels, card.id, options.beam, details=False))
                latencies.append(time.perf_counter() - frame.captured)
                telling.offer(frame, described)
                last = frame.time
                if (sentence := capture.status.sentence) and sentence != warned:  # nothing but black pictures
                    warned = sentence
                    say(styled(warned, "red"))
        except KeyboardInterrupt:
            if options.seconds is not None or begun is None:
                telling.break_off(last)
                raise
        except CommandError:
            telling.break_off(last)
            raise
        took = time.perf_counter() - (begun or time.perf_counter())
        dropped = capture.status.dropped
    telling.end(last)
    if not options.json and latencies:
        middle = 1000 * sorted(latencies)[len(latencies) // 2]
        say(
            f"{len(latencies):,} captions in {took:.1f} s, {len(latencies) / max(took, 1e-9):.1f} a second; "
            f"{middle:.0f} ms from frame to text (median); {dropped:,} frames dropped."
        )
    return 0


def _clock(seconds: float) -> str:
    """ "0:07.5", "1:02:07.5"."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
