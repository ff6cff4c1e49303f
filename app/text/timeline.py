"""What was said when: a timeline of captions, and its ways out as SubRip, WebVTT, CSV and JSON.

Times are seconds of the source's own clock: a video's time stamps, so that subtitles fit the file; of a camera, since
it was opened.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.text import files

SHORTEST = 0.1  # seconds that a subtitle is shown
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class TimelineError(Exception):
    """str(error) is one sentence: which file, why, what to do."""


class ExistsError(TimelineError):
    """There is such a file already, and nobody said that it may be overwritten."""


@dataclass(frozen=True)
class Entry:
    """One caption. `words`: each with its probability. `source`: the camera's or the file's name. `clock`: times of the
    same one can be compared; every source that is opened has its own."""

    begin: float
    end: float
    text: str
    words: tuple[tuple[str, float], ...] = ()
    logprob: float = 0.0
    source: str = ""
    translation: str | None = None
    clock: int = 0


def as_sentence(text: str) -> str:
    """A caption with a capital letter and a full stop, as one reads it, hears it and translates it; most captioners say
    neither."""
    return text[:1].upper() + text[1:] + ("." if text and text[-1] not in ".!?" else "")


class Timeline:
    """Captions as they come; each lasts until the next one of its source, or until `stop`. The newest `most` are kept:
    a camera may look for days."""

    def __init__(self, most: int | None = None) -> None:
        self._entries: list[Entry] = []
        self._most = most
        self._open = -1  # the number of the entry that still lasts; -1: none does
        self._clock = self._clocks = 0  # of what is being said; how many others there have been

    @property
    def entries(self) -> tuple[Entry, ...]:
        """In the order in which they were said."""
        return tuple(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def say(
        self, begin: float, text: str, words: Iterable[tuple[str, float]] = (), logprob: float = 0.0, source: str = ""
    ) -> None:
        if self._open >= 0 and self._entries[self._open].source == source:
            self.stop(begin)
        self._open = len(self._entries)
        self._append(Entry(begin, begin, text, tuple(words), logprob, source, clock=self._clock))

    def add(self, entry: Entry) -> None:
        """One whose end is known. What still lasts goes on."""
        self._append(entry)

    def another_clock(self) -> int:
        """A number for `Entry.clock` that no other has."""
        self._clocks += 1
        return self._clocks

    def another_source(self) -> None:
        """What is said from now on has times of another clock."""
        self.stop()
        self._clock = self.another_clock()

    def _append(self, entry: Entry) -> None:
        self._entries.append(entry)
        if self._most is not None and len(self._entries) > self._most:
            del self._entries[0]
            self._open = max(self._open - 1, -1)

    def lasts(self, time: float) -> None:
        """What was said last still holds at `time`. A clock that has gone back says nothing about it."""
        if self._open >= 0:
            last = self._entries[self._open]
            self._entries[self._open] = replace(last, end=max(last.end, time))

    def stop(self, time: float | None = None) -> None:
        """What was said last ends at `time`: the source is paused, ended or changed. Where its clock has gone back, or
        nobody knows the time (None), it ends where it was last known to hold."""
        if self._open >= 0:
            last = self._entries[self._open]
            if time is not None and time >= last.begin:
                self._entries[self._open] = replace(last, end=time)
            self._open = -1

    def translate(self, text: str, translation: str | None) -> None:
        """Of all captions that say so."""
        for k, entry in enumerate(self._entries):
            if entry.text == text:
                self._entries[k] = replace(entry, translation=translation)

    def forget_translations(self) -> None:
        self._entries = [replace(entry, translation=None) for entry in self._entries]

    def clear(self) -> tuple[Entry, ...]:
        """Returns what was there."""
        entries = self.entries
        self._entries.clear()
        self._open = -1
        return entries

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Before what has been said since."""
        since, open_ = len(self._entries), self._open
        self._entries[:0] = entries
        if self._most is not None:
            del self._entries[: -self._most]
        if open_ >= 0:
            self._open = len(self._entries) - since + open_


def save(entries: Sequence[Entry], path: Path, overwrite: bool = False) -> None:
    """Writes them in the format that the file's ending names: .srt, .vtt, .csv or .json. Whole or not at all; a file
    that is there already only with `overwrite`. Raises ExistsError, TimelineError."""
    made = FORMATS.get(path.suffix.lower())
    if made is None:
        raise TimelineError(f"{path.name} can't be written: its name must end with {', '.join(FORMATS)}.")
    # A byte order mark, or Excel takes UTF-8 for something else.
    content = made(entries).encode("utf-8-sig" if made is csv_table else "utf-8", "replace")
    try:
        if overwrite:
            files.replace(path, content)
        else:
            files.create([path], content)
    except FileExistsError as error:
        sentence = f"{path.name} is there already: choose another name, or say that it may be overwritten."
        raise ExistsError(sentence) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise TimelineError(f"{path.name} can't be written: {reason}.") from error


def srt(entries: Sequence[Entry]) -> str:
    """SubRip. A translation stands under its caption. Subtitles have one clock, the last entry's: entries of other
    clocks are left to the tables."""
    return _subtitles(entries, "srt", lambda text: text)


def vtt(entries: Sequence[Entry]) -> str:
    """WebVTT (https://www.w3.org/TR/webvtt1), where <, > and & are written out."""
    return _subtitles(entries, "vtt", lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _subtitles(entries: Sequence[Entry], kind: str, escaped: Callable[[str], str]) -> str:
    import pysubs2

    file = pysubs2.SSAFile()
    spoken = [entry for entry in entries if entry.text and entry.clock == entries[-1].clock]
    ordered = sorted(spoken, key=lambda entry: entry.begin)
    for number, entry in enumerate(ordered):
        begin = round(1000 * entry.begin)
        end = max(round(1000 * entry.end), begin + round(1000 * SHORTEST))
        if number + 1 < len(ordered):  # never two at once
            end = min(end, max(round(1000 * ordered[number + 1].begin), begin))
        if end <= begin:
            continue  # replaced the moment it came
        event = pysubs2.SSAEvent(start=begin, end=end)
        lines = [line for line in (entry.text, entry.translation) if line]
        event.plaintext = "\n".join(escaped(_one_line(line)) for line in lines)
        file.append(event)
    return file.to_string(kind)


def _one_line(text: str) -> str:
    """Braces and backslashes would be taken for commands of another kind of subtitles, and vanish."""
    return " ".join(text.translate({ord("{"): "(", ord("}"): ")", ord("\\"): "⧵"}).split())


def csv_table(entries: Sequence[Entry]) -> str:
    """A head and a line a caption; words as "a 0.931 dog 0.708"."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("begin", "end", "caption", "translation", "logprob", "words", "source"))
    for entry in entries:
        words = " ".join(f"{word} {p:.3f}" for word, p in entry.words)
        times, logprob = (f"{entry.begin:.3f}", f"{entry.end:.3f}"), f"{entry.logprob:.4f}"
        text, translation = _harmless(entry.text), _harmless(entry.translation or "")
        writer.writerow((*times, text, translation, logprob, _harmless(words), _harmless(entry.source)))
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A text that begins as a formula must not become one in a spreadsheet."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


def json_list(entries: Sequence[Entry]) -> str:
    return json.dumps({"captions": [_plain(entry) for entry in entries]}, ensure_ascii=False, indent=1) + "\n"


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "begin": round(entry.begin, 3),
        "end": round(entry.end, 3),
        "caption": entry.text,
        "translation": entry.translation,
        "logprob": round(entry.logprob, 4),
        "words": [{"word": word, "p": round(p, 4)} for word, p in entry.words],
        "source": entry.source,
    }


FORMATS: dict[str, Callable[[Sequence[Entry]], str]] = {
    ".srt": srt,
    ".vtt": vtt,
    ".csv": csv_table,
    ".json": json_list,
}
