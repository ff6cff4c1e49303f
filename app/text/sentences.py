"""A text as sentences to translate, and what stands between them: paragraphs, lists, indentation, spaces, line ends.

`split(text, language)` gives Segments; `join` of the unchanged sentences is the text again, character for character,
whatever the text holds. Sentence ends come from sentencex (Wikimedia), which knows abbreviations; a few that it lacks
are added here. Lines are apart, but for a paragraph that was wrapped by hand or by an old e-mail program.

What holds no word in Latin script, or only what is copied anyway (`app.text.spans`), is never a sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

from app.text import spans

LONGEST = 300  # characters of a sentence, about the 80 wordpieces that the translator was trained on
LONGEST_WORD = 100  # characters; what is longer is no word, and stays as it is
# Characters of a line that is remembered, so that typing splits one line only: a line of a list, a paragraph. Of each
# letter that is typed into a paragraph the whole of it is remembered, so there are fewer of them. A character takes 7
# bytes.
_SHORT, _LONG = 200, 2000
_SHORT_LINES, _LONG_LINES = 32768, 4096  # about as many as 1 MB of text has at most

# What the lists of sentencex 1.0.32 lack: no sentence ends after these …
_ABBREVIATIONS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "ft approx vols eds viz incl excl dept est",
        "de": "inkl exkl sog ing bspw vgl evtl ggf bzw ca nr bd kap hrsg",
        "fr": "m mm mme mmes mlle mlles mgr me dr drs pr prof st ste d chap éd cf env n.b",
        "es": "dña dr dra sr sra srta d lic ing arq prof profa pág págs cf núm cap",
    }.items()
}
# … nor after these where a number follows: "No. 5", but "No. That is wrong."
_BEFORE_NUMBERS = frozenset(["no", "nos", "art", "fig", "figs", "min", "mín", "max", "máx", "p", "pp", "vol"])
# A number with a full stop before one of these is an ordinal.
_ORDINAL_NOUNS = re.compile(
    r"(?:Jahrhundert|Jh|Jahrestag|Jahrgang|Lebensjahr|Geburtstag|Hochzeitstag|Klasse|Stock|Etage|Platz|Rang|Auflage"
    r"|Kapitel|Mal\b|Tag|Woche|Monat|Weltkrieg|Runde|Spieltag|Minute|Stunde|Sinfonie|Armee|Division|Bezirk|Reich\b"
    r"|Januar|Februar|März|April|Mai\b|Juni|Juli|August|September|Oktober|November|Dezember|Jänner|Feber)"
)
_WHITE = "[ \\t\\n\\r\\v\\f\\x1c-\\x1f\\x85\\u2028\\u2029]"
_RUN = re.compile(f"{_WHITE}+")
_WORD = re.compile(_WHITE.replace("[", "[^", 1) + "+")
_LINE_END = re.compile("[\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029]")
_COLUMN = re.compile("[ \\x1f]*\\t[ \\t\\x1f]*|[ \\x1f]{3,}")  # as between the columns of a table
_TAGS = r"(?:\{\\[^{}\n]{0,60}\}|</?[a-zA-Z]{1,10}(?:\s[^<>\n]{0,80}=[^<>\n]{0,80})?>)*"
_MARKER = re.compile(  # of a list's item, of a quoted mail, of a heading; a dash before what somebody says
    r"((?:[ \t]*TAGS(?:[-*+•◦‣▪·–—]{1,3}(?=[ \t\u00a0])|[-–—](?=[^\W\d_])|\(?\d{1,3}[.)](?=[ \t])"
    r"|\(?[a-zA-Z]\)(?=[ \t])|\#{1,6}(?=[ \t])|>|\[[ xX]\](?=[ \t])))*)\s*TAGS\s*".replace("TAGS", _TAGS)
)
_LATIN = re.compile("[A-Za-zª²³¹ºÀ-ÖØ-öø-ɏḀ-ỿ]")
_PLAIN_WORD = re.compile(r"(?<!\S)[A-Za-zÀ-ÖØ-öø-ž]{4,}[.,;:!?]?(?!\S)")  # no unit is as long
_INITIALS = re.compile(r"(?:^|[\s(\[-])((?:\w\.[\s\u00a0]?)+)$")
_LAST_WORD = re.compile(r"([^\s\u00a0\u202f(\[„“«\"'’]+)\.[\s\u00a0\u202f]*$")
_CLOSING = tuple('"“”’»›')
_CLAUSE = re.compile(r"[,;:)\]…–—]$")
_TO_SPACES = {ord(c): " " for c in "\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"}
_FOR_SENTENCEX = {**_TO_SPACES, **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}  # UTF-8 has no halves of pairs


@dataclass(frozen=True)
class Sentence:
    """`source` as it stands in the text; `text` with one space wherever several spaces or a line break stood."""

    source: str
    text: str

    def laid_out(self, translation: str) -> str:
        """The translation with the line breaks and runs of spaces of the source, at about the same places. Line breaks
        are never lost: what finds no space to stand in comes at the end."""
        if translation == self.text:
            return self.source
        if self.source == self.text:
            return translation
        breaks, length = [], 0  # (place in self.text, run)
        for piece in re.split(f"({_WHITE}+)", self.source):
            if _RUN.match(piece):
                if piece != " ":
                    breaks.append((length / len(self.text), piece))
                length += 1
            else:
                length += len(piece)
        spaces = [i for i, character in enumerate(translation) if character == " "]
        out: list[str] = []
        done = low = 0
        for k, (share, run) in enumerate(breaks):
            high = len(spaces) - (len(breaks) - k - 1)  # leave one for each that follows
            if low >= len(spaces):
                if _LINE_END.search(run):
                    out.append(translation[done:] + run)
                    done = len(translation)
                continue
            wanted = share * len(translation)
            i = bisect_left(spaces, wanted, low, max(high, low + 1))
            if i > low and (i >= max(high, low + 1) or wanted - spaces[i - 1] <= spaces[i] - wanted):
                i -= 1
            out.append(translation[done : spaces[i]] + run)
            done, low = spaces[i] + 1, i + 1
        return "".join(out) + translation[done:]


@dataclass(frozen=True)
class Segments:
    """`gaps[0] sentences[0] gaps[1] … sentences[-1] gaps[-1]`."""

    sentences: tuple[Sentence, ...]
    gaps: tuple[str, ...]

    def join(self, translations: Sequence[str]) -> str:
        """The text with a translation in each sentence's place. Raises ValueError where their number is another."""
        if len(translations) != len(self.sentences):
            raise ValueError(f"{len(self.sentences)} sentences, but {len(translations)} translations")
        return self.begin(translations) + self.gaps[-1]

    def begin(self, translations: Sequence[str]) -> str:
        """The text as far as it is translated: up to the end of the last of these translations."""
        out: list[str] = []
        for gap, sentence, translation in zip(self.gaps, self.sentences, translations, strict=False):
            out += gap, sentence.laid_out(translation)
        return "".join(out)

    def spans(self, translations: Sequence[str] | None = None) -> list[tuple[int, int]]:
        """Where each sentence, or each translation in `join(translations)`, begins and ends."""
        if translations is None:
            parts = [sentence.source for sentence in self.sentences]
        else:
            parts = [s.laid_out(t) for s, t in zip(self.sentences, translations, strict=True)]
        pieces = [len(piece) for pair in zip(self.gaps, parts, strict=False) for piece in pair]
        ends = list(accumulate(pieces))
        return list(zip(ends[::2], ends[1::2], strict=True))


Piece = Sentence | str  # or what stands between two


def split(text: str, language: str) -> Segments:
    """`language`: the code of the text's language, such as "de"; of an unknown one English's abbreviations hold."""
    return gathered(piece for block in _blocks(text) for piece in _block(block, language, False))


def split_wrapped(text: str, language: str) -> list[Piece]:
    """One paragraph whose lines belong together, such as a subtitle; but a line that begins with a dash or a list's
    mark begins anew. To be `gathered`."""
    return list(_block(text, language, True))


def gathered(pieces: Iterable[Piece]) -> Segments:
    sentences: list[Sentence] = []
    gaps: list[list[str]] = [[]]
    for piece in pieces:
        if isinstance(piece, Sentence):
            sentences.append(piece)
            gaps.append([])
        else:
            gaps[-1].append(piece)
    return Segments(tuple(sentences), tuple("".join(gap) for gap in gaps))


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs: lines without an empty one between them; and what is between them."""
    block: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.isspace():
            if block:
                yield "".join(block)
                block = []
            yield line
        else:
            block.append(line)
    if block:
        yield "".join(block)


def _block(block: str, language: str, wrapped: bool) -> Iterator[Piece]:
    lines = block.splitlines(keepends=True)
    if not wrapped:
        wrapped = _is_wrapped(lines)
    run = ""
    for line in lines:
        if run and not (wrapped and not _MARKER.match(line)[1]):  # type: ignore[index]
            yield from _remembered(run, language)
            run = ""
        run += line
    yield from _remembered(run, language)


def _remembered(line: str, language: str) -> Iterable[Piece]:
    if len(line) > _LONG:
        return _line(line, language)
    return (_short if len(line) <= _SHORT else _long)(line, language)


def _whole(line: str, language: str) -> tuple[Piece, ...]:
    return tuple(_line(line, language))


_short, _long = lru_cache(_SHORT_LINES)(_whole), lru_cache(_LONG_LINES)(_whole)


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Whether the lines of a paragraph were broken where the page was full: three or more, and the next one's first
    word would not have fitted into any of them."""
    if len(lines) < 3:
        return False
    shown = [line.strip() for line in lines]
    width = max(len(line) for line in shown)
    if not 40 <= width <= 100:
        return False
    return all(
        line and after and len(line) + 1 + len(after.split(maxsplit=1)[0]) > width for line, after in pairwise(shown)
    ) and not any(_COLUMN.search(line) for line in shown)


def _line(line: str, language: str) -> Iterator[Piece]:
    """One line, or the lines of a wrapped paragraph."""
    start = _MARKER.match(line).end()  # type: ignore[union-attr]
    if start:
        yield line[:start]
    for part, is_text in _columns(line, start):
        if not is_text:
            yield part
            continue
        for sentence in _sentences(part, language):
            yield from _trimmed(sentence)


def _columns(line: str, start: int) -> Iterator[tuple[str, bool]]:
    """What is to be split into sentences, and what is between: tabs, wide spaces, words too long to be any."""
    done = start
    for begin, end in _separators(line, start):
        if begin > done:
            yield line[done:begin], True
        yield line[begin:end], False
        done = end
    if done < len(line):
        yield line[done:], True


def _separators(line: str, start: int) -> Iterator[tuple[int, int]]:
    done = start
    for white in _RUN.finditer(line, start):
        if _too_long(line, done, white.start()):
            yield done, white.start()
        if not _LINE_END.search(white.group()) and _COLUMN.fullmatch(white.group()):
            yield white.span()
        done = white.end()
    if _too_long(line, done, len(line)):
        yield done, len(line)


def _too_long(line: str, start: int, end: int) -> bool:
    """A long web address stays in its sentence, as long as it is one that somebody may mean."""
    return end - start > LONGEST_WORD and (end - start > 4 * LONGEST_WORD or "://" not in line[start:end])


def _sentences(part: str, language: str) -> Iterator[str]:
    import sentencex  # 7 ms, when something is split first

    if len(part) < 2:
        yield part
        return
    ends = sentencex.segment(language if language in _ABBREVIATIONS else "en", part.translate(_FOR_SENTENCEX))
    if sum(map(len, ends)) != len(part):  # it gives everything back; were that ever untrue, nothing would be lost
        ends = [part]
    start = end = 0
    for k, piece in enumerate(ends):
        end += len(piece)
        following = ends[k + 1] if k + 1 < len(ends) else ""
        if following and end - start <= 2 * LONGEST and _goes_on(part[start:end], following, language):
            continue
        yield part[start:end]
        start = end


def _goes_on(before: str, after: str, language: str) -> bool:
    """Whether the sentence doesn't end between them, although sentencex thinks so."""
    if after[0].islower() and before.rstrip()[-1:] in _CLOSING:  # “Why?” asks Tom
        return True
    if not before[-1].isspace():
        return after[0] in "-–’'" or (before[-1] == "." and after[0].isalnum())
    stripped = before.rstrip()
    if not stripped.endswith("."):
        return False
    if initials := _INITIALS.search(stripped):  # "J. Dupont", "p. m. y": but "So am I. He …"
        letters = [c for c in initials[1] if c.isalpha()]
        if letters and (after[0].islower() or (len(letters) == 1 and letters[0].isupper() and letters[0] != "I")):
            return True
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    if language == "de" and word[1].isdigit() and len(word[1]) <= 2 and _ORDINAL_NOUNS.match(after):
        return True
    last = word[1].rpartition("-")[2].lower()
    if last in _BEFORE_NUMBERS:
        return after[0].isdigit()
    return last in _ABBREVIATIONS.get(language, ())


def _trimmed(sentence: str) -> Iterator[Piece]:
    """Without the spaces, tags and emoji at its ends, and in pieces where it is too long."""
    start, end = _inner(sentence, 0, len(sentence))
    if len(sentence) <= 4 * LONGEST and (not sentence.isascii() or "<" in sentence or "{" in sentence):
        edges = [span for span in spans.find(sentence) if _is_edge(sentence, span)]
        for span in edges:
            if span.start == start:
                start, end = _inner(sentence, span.end, end)
        for span in reversed(edges):
            if span.end == end and span.start >= start:
                start, end = _inner(sentence, start, span.start)
    yield sentence[:start]
    for piece in _pieces(sentence[start:end]):
        yield Sentence(piece, _RUN.sub(" ", piece)) if _is_translatable(piece) else piece
    yield sentence[end:]


def _inner(sentence: str, start: int, end: int) -> tuple[int, int]:
    """The same without the white space at both ends."""
    while start < end and sentence[start].isspace():
        start += 1
    while end > start and sentence[end - 1].isspace():
        end -= 1
    return start, end


def _is_edge(sentence: str, span: spans.Span) -> bool:
    """Whether it says nothing about the words that it stands before or behind."""
    return span.kind in ("emoji", "tag") or sentence.startswith("{\\", span.start)  # {\an8} places a subtitle


def _pieces(sentence: str) -> Iterator[str]:
    """Of bounded length, cut after a clause where there is one, else at a space. The spaces are pieces of their own."""
    start = end = clause = 0  # of the piece; of its last word; of its last clause
    for word in _WORD.finditer(sentence) if len(sentence) > LONGEST else ():
        while word.end() - start > LONGEST and end > start:
            cut = clause if clause > start + LONGEST // 3 else end
            yield sentence[start:cut]
            blank = _RUN.match(sentence, cut)
            start = blank.end() if blank else cut
            yield sentence[cut:start]
        end = word.end()
        if _CLAUSE.search(word.group()):
            clause = end
    yield sentence[start:]


def _is_translatable(piece: str) -> bool:
    if _PLAIN_WORD.search(piece):
        return True
    if not _LATIN.search(piece):
        return False
    done = 0
    for span in spans.find(piece):
        if _LATIN.search(piece, done, span.start):
            return True
        done = span.end
    return bool(_LATIN.search(piece, done))
