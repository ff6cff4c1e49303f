"""Documents to translate: .txt and .srt. Everything but the sentences stays as it is, the encoding included.

`read` gives a Document, `Translated` takes the translations one by one and saves beside the original: `story.de.txt`,
never over another file. What is done when the work stops stands in `story.de.partial.txt`, which is written every now
and then, so that a crash or a power cut takes a few sentences only.
"""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from app.text import files
from app.text.languages import NAMES
from app.text.sentences import Piece, Segments, gathered, split, split_wrapped

ENDINGS = (".txt", ".srt")
LARGEST = 20_000_000  # bytes
SAVE_EVERY = 200  # sentences
_TIMES = re.compile(r"\s*\d{1,3}:\d{1,2}:\d{1,2}(?:[,.]\d{1,3})?\s*-->\s*\d{1,3}:\d{1,2}:\d{1,2}")  # of a subtitle
_BOMS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class DocumentError(Exception):
    """str(error) is one sentence: which file, why, what to do."""


@dataclass(frozen=True)
class Damage:
    """Where the encoding is damaged. `line` counts from 1, `byte` from 0, from the file's beginning."""

    line: int
    byte: int


@dataclass(frozen=True)
class Document:
    """`text` holds damaged bytes as Python's surrogate escapes: they are copied, and written back as they were.

    `damaged`: how many bytes (in UTF-16: units) are; `damage`: the first of them."""

    path: Path
    text: str
    encoding: str
    bom: bytes
    tail: bytes = b""  # UTF-16 and -32: what remains of the last unit
    damaged: int = 0
    damage: Damage | None = None

    @property
    def warning(self) -> str:
        """One sentence about a damaged encoding, else ""."""
        if self.damage is None:
            return ""
        others = "one more place" if self.damaged == 2 else f"{self.damaged - 1} more places"
        more = f", and in {others}" if self.damaged > 1 else ""
        return (
            f"{self.path.name} is damaged: line {self.damage.line}, byte {self.damage.byte} is not valid "
            f"{_ENCODINGS[self.encoding]}{more}; what is damaged stays as it is."
        )

    def split(self, language: str) -> Segments:
        if self.path.suffix.lower() == ".srt":
            return gathered(chain.from_iterable(_subtitles(self.text, language)))
        return split(self.text, language)

    def encode(self, text: str) -> tuple[bytes, int]:
        """The bytes, and how many characters this encoding has no room for: they are written without their accents, or
        as question marks."""
        errors = "surrogateescape" if self.encoding == "utf-8" else "surrogatepass"
        if self.encoding in _BYTES:
            missing = {c for c in set(text) if not _fits(c, self.encoding)}
            plain = text.translate({ord(c): _plain(c, self.encoding) for c in missing})
            return plain.encode(self.encoding), sum(map(text.count, missing))
        if self.encoding == "utf-8":  # halves of pairs that are no damaged byte: no network says them, but who knows
            text = re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", text)
        return self.bom + text.encode(self.encoding, errors) + self.tail, 0


_BYTES = ("cp1252", "latin-1")
_ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
}


def read(path: Path) -> Document:
    """Raises DocumentError."""
    if path.suffix.lower() not in ENDINGS:
        raise DocumentError(f"{path.name} can't be translated: only .txt and .srt files can; save it as plain text.")
    try:
        if not path.is_file():
            raise DocumentError(f"{path.name} can't be opened: there is no such file.")
        size = path.stat().st_size
        if size > LARGEST:
            raise DocumentError(
                f"{path.name} is too large ({size / 1e6:.0f} MB; {LARGEST / 1e6:.0f} MB can be translated): cut it up."
            )
        with path.open("rb") as file:
            content = file.read(LARGEST)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise DocumentError(f"{path.name} can't be opened: {reason}.") from error
    document = _decoded(path, content)
    controls = len(_CONTROL.findall(document.text))
    if 20 * controls > len(document.text) or 3 * document.damaged > len(document.text):
        raise DocumentError(f"{path.name} can't be translated: it is no text, or in an encoding that isn't known.")
    if path.suffix.lower() == ".srt" and not any(_TIMES.match(line) for line in document.text.splitlines()):
        raise DocumentError(f"{path.name} holds no subtitles: no line with times was found. Is it a .txt file?")
    return document


# Encodings


def _decoded(path: Path, content: bytes) -> Document:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _wide(path, content, encoding, bom) if encoding != "utf-8" else _utf8(path, content, bom)
    if unmarked := _utf16_without_bom(content):
        return _wide(path, content, unmarked, b"")
    document = _utf8(path, content, b"")
    letters = sum(not c.isascii() for c in document.text) - document.damaged
    if document.damaged > letters:  # hardly any of it is UTF-8: one byte a character
        try:
            return Document(path, content.decode("cp1252"), "cp1252", b"")
        except UnicodeDecodeError:  # five bytes mean nothing in Windows' table, and hardly anything in Latin-1
            return Document(path, content.decode("latin-1"), "latin-1", b"")
    return document


def _utf16_without_bom(content: bytes) -> str | None:
    """Text of European languages has a null in nearly every second byte."""
    even, odd = content[0:100_000:2], content[1:100_000:2]
    if len(content) < 4 or b"\0" not in content:
        return None
    first, second = even.count(0) / len(even), odd.count(0) / len(odd)
    if second > 0.5 and first < 0.1:
        return "utf-16-le"
    return "utf-16-be" if first > 0.5 and second < 0.1 else None


def _utf8(path: Path, content: bytes, bom: bytes) -> Document:
    body = content[len(bom) :]
    text = body.decode("utf-8", "surrogateescape")
    damaged = [match.start() for match in _SURROGATE.finditer(text)]  # UTF-8 itself has none
    damage = None
    if damaged:
        before = text[: damaged[0]]
        damage = Damage(_line(before), len(bom) + len(before.encode("utf-8")))
    return Document(path, text, "utf-8", bom, b"", len(damaged), damage)


def _wide(path: Path, content: bytes, encoding: str, bom: bytes) -> Document:
    unit = 2 if "16" in encoding else 4
    body = content[len(bom) :]
    whole = len(body) - len(body) % unit
    try:
        text = body[:whole].decode(encoding, "surrogatepass")
    except UnicodeDecodeError as error:  # UTF-32 beyond the last character; or half a pair at the very end
        line = _line(body[: error.start].decode(encoding, "replace"))
        if unit == 4:
            raise DocumentError(
                f"{path.name} is damaged: line {line}, byte {len(bom) + error.start} is not valid UTF-32; "
                "save it again as UTF-8."
            ) from error
        whole = error.start
        text = body[:whole].decode(encoding, "surrogatepass")
    places = [match.start() for match in _SURROGATE.finditer(text)]
    damage = None
    if places:
        before = text[: places[0]]
        damage = Damage(_line(before), len(bom) + len(before.encode(encoding)))
    elif whole < len(body):
        damage = Damage(_line(text), len(bom) + whole)
    return Document(path, text, encoding, bom, body[whole:], len(places) + (whole < len(body)), damage)


def _line(before: str) -> int:
    """The number of the line that comes after this text."""
    return len(f"{before}.".splitlines())


def _fits(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _plain(character: str, encoding: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if _fits(c, encoding))
    return bare or "?"


# Subtitles


def _subtitles(text: str, language: str) -> Iterator[Sequence[Piece]]:
    """SubRip, line by line: numbers, times and empty lines lie between; the lines of a subtitle belong together.

    pysubs2 reads what a player can, but writes its own spacing, numbers and tags; here the file stays as it is."""
    lines = text.splitlines(keepends=True)
    shown = ""
    for k, line in enumerate(lines):
        times = _TIMES.match(line)
        number = line.strip().isdigit() and k + 1 < len(lines) and _TIMES.match(lines[k + 1])
        if times or number or not line.strip():
            if shown:
                yield split_wrapped(shown, language)
                shown = ""
            yield (line,)
        else:
            shown += line
    if shown:
        yield split_wrapped(shown, language)


# What is saved


@dataclass(frozen=True)
class Saved:
    """`sentence`: what a person should know about the file, else ""."""

    path: Path
    sentence: str


class Translated:
    """A document on its way into another language. `output`: what to save it as, instead of a name beside the original.
    Raises DocumentError where nothing can be saved in that folder, or something is there already."""

    def __init__(self, document: Document, source: str, target: str, output: Path | None = None) -> None:
        self.document, self.target, self._output = document, target, output
        if output is not None and os.path.lexists(output):
            raise self._taken(output)
        self.segments = document.split(source)
        self._translations: list[str] = []
        self._partial: Path | None = None
        self._save(b"", self._names("partial")).unlink(missing_ok=True)  # before an hour of work, not after it

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is to be translated, in this order."""
        return tuple(sentence.text for sentence in self.segments.sentences)

    @property
    def done(self) -> int:
        return len(self._translations)

    def add(self, translation: str) -> None:
        """The translation of the next sentence. Raises DocumentError where what is done can't be saved."""
        if self.done == len(self.segments.sentences):
            raise ValueError("there are no more sentences")
        self._translations.append(translation)
        if self.done % SAVE_EVERY == 0:
            self._save_partial()

    def finish(self) -> Saved:
        """Saves the whole. Raises DocumentError; what is done is then still in the partial file, where there is one."""
        content, missing = self.document.encode(self.segments.join(self._translations))
        path = self._save(content, self._names())
        self._forget()
        return Saved(path, self._missing(missing))

    def stop(self) -> Saved | None:
        """Saves what is done, up to the end of the last translated sentence; None where nothing is."""
        if not self.done:
            return None
        missing = self._save_partial()
        assert self._partial is not None
        count = f"{self.done} of {len(self.segments.sentences)} sentences"
        return Saved(self._partial, " ".join(filter(None, (f"{count} are translated.", self._missing(missing)))))

    def _save_partial(self) -> int:
        content, missing = self.document.encode(self.segments.begin(self._translations))
        try:
            if self._partial is None:
                self._partial = self._save(content, self._names("partial"))
            else:
                files.replace(self._partial, content)
        except OSError as error:
            raise self._refused(error) from error
        return missing

    def _forget(self) -> None:
        if self._partial is not None:
            try:
                self._partial.unlink(missing_ok=True)
            except OSError:
                return  # it does no harm
            self._partial = None

    def _save(self, content: bytes, names: Iterator[Path]) -> Path:
        try:
            return files.create(names, content)
        except FileExistsError as error:
            raise self._taken(next(self._names())) from error
        except OSError as error:
            raise self._refused(error) from error

    def _names(self, part: str = "") -> Iterator[Path]:
        """story.de.txt, story.de.2.txt, …; story.en.txt becomes story.de.txt as well. Of an output the very name."""
        if self._output is not None and not part:
            yield self._output
            return
        path = self._output or self.document.path
        stem, _, language = path.stem.rpartition(".")
        if self._output is not None or not stem or language.lower() not in NAMES:
            stem = path.stem
        for k in count(1):
            parts = (stem, self.target if self._output is None else "", part, str(k) if k > 1 else "", path.suffix[1:])
            yield path.with_name(".".join(filter(None, parts)))

    @staticmethod
    def _taken(path: Path) -> DocumentError:
        return DocumentError(f"{path.name} is there already, and nothing is written over: choose another name.")

    def _refused(self, error: OSError) -> DocumentError:
        name = next(self._names()).name
        if self._output is not None:
            return DocumentError(f"{name} can't be saved there: {error.strerror}. Choose another folder.")
        folder = "Copy the document into a folder that you may write to."
        return DocumentError(f"{name} can't be saved beside {self.document.path.name}: {error.strerror}. {folder}")

    def _missing(self, missing: int) -> str:
        if not missing:
            return ""
        what = "One character has" if missing == 1 else f"{missing} characters have"
        return f"{what} no place in {_ENCODINGS[self.document.encoding]}, the original's encoding, and were replaced."
