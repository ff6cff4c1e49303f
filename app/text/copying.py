"""What a translator must not touch goes around it: addresses, placeholders, numbers, emoji, unknown scripts.

`prepare` takes them out of a sentence before it is cut into wordpieces, `restore` puts them into the translation.
Between the two, a symbol of the vocabulary, ⟨1⟩ to ⟨6⟩, stands for each (as in Crego et al. 2016, "SYSTRAN's Pure
Neural Machine Translation Systems", section 4.2); `mask_pair` makes the training pairs from which a network learns to
carry them over. A vocabulary without these symbols gets the words themselves, and `restore` looks afterwards whether
they have come through: where not, the word takes the place that the attention gives it.

A wordpiece that stands for nothing is replaced by the best aligned word of the source (Luong et al. 2015, "Addressing
the Rare Word Problem in Neural Machine Translation"), so that nothing is dropped.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.text import spans

SYMBOLS = tuple(f"⟨{k}⟩" for k in range(1, 7))
NAMES = 0.1  # share of the training pairs in which a name or number that both sides have is masked as well

_SYMBOL = re.compile("⟨\\d⟩")
_TAG = re.compile(r"<(/?)([A-Za-z][\w:-]*)")
BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")
_BYTES = re.compile("(?:<0x[0-9A-Fa-f]{2}>)+")
CONTROL = re.compile("<(?:2[a-z]{2}|/?s|pad|unk)>")
_UNKNOWN = "\ufdd0"  # (no character) what no piece stands for, until it is replaced
_WORD = re.compile(r"[^\W_][\w\u0300-\u036f\u200c\u200d'’-]*")
_NUMBER = re.compile(r"\d[\d.,:/'’\u00a0\u202f-]*")
_MARKS = r"[\"'“”„«»‘’()\[\].,;:!?¡¿…-]*"
_CORE = re.compile(f"^({_MARKS})(.*?)({_MARKS})$", re.DOTALL)

Alignment = Sequence[Sequence[float]]  # (target pieces, source pieces); an array does as well


@dataclass(frozen=True)
class Alphabet:
    """What a vocabulary can say: characters that it has pieces of, and symbols that stand for something copied."""

    characters: frozenset[str]
    symbols: tuple[str, ...]

    @staticmethod
    def of(pieces: Iterable[str]) -> Alphabet:
        """`pieces`: all wordpieces of the vocabulary."""
        plain = [piece for piece in pieces if not BYTE.fullmatch(piece) and not CONTROL.fullmatch(piece)]
        symbols = tuple(symbol for symbol in SYMBOLS if symbol in plain)
        return Alphabet(frozenset("".join(set(plain) - set(symbols))) - {"▁"}, symbols)

    def takes(self, character: str) -> bool:
        """Wordpieces are made of text in normal form (NFKC), in which "…" is three points."""
        return character.isspace() or all(c in self.characters or c == " " for c in _normal(character))


@dataclass(frozen=True)
class Kept:
    """`text` is copied. `symbol` stands for it in `Prepared.text`, or it stands there itself. `word`: the number of the
    word of `Prepared.text` that it begins in; `last`: that it ends in."""

    text: str
    kind: str
    symbol: str | None
    word: int
    last: int


@dataclass(frozen=True)
class Prepared:
    """`text` is what the wordpieces are made of; `symbols`: all that the network may come up with."""

    text: str
    kept: tuple[Kept, ...]
    symbols: tuple[str, ...]


@dataclass(frozen=True)
class Bare:
    """A sentence without the tags that hold parts of it, which stand around all of its translation: which words of that
    they would hold isn't known."""

    text: str
    before: str = ""
    after: str = ""
    cuts: tuple[tuple[int, int], ...] = ()  # (place in `text`, length) of what was taken out there

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the sentence."""
        return (
            start + sum(length for at, length in self.cuts if at <= start),
            end + sum(length for at, length in self.cuts if at < end),
        )


def bare(sentence: str) -> Bare:
    """Takes out pairs of tags, one that is opened before all else, and one that is closed after it."""
    if "<" not in sentence:
        return Bare(sentence)
    opened: list[tuple[spans.Span, str]] = []
    pairs: list[tuple[spans.Span, spans.Span | None]] = []
    closing: list[spans.Span] = []
    for span in (span for span in spans.find(sentence) if span.kind == "tag"):
        match = _TAG.match(sentence, span.start)
        if match is None or sentence[span.start : span.end].endswith("/>"):
            continue
        if not match[1]:
            opened.append((span, match[2]))
        elif opened and opened[-1][1] == match[2]:
            pairs.append((opened.pop()[0], span))
        elif not sentence[span.end :].strip():
            closing.append(span)
    pairs += [(span, None) for span, _ in opened if not sentence[: span.start].strip()]
    pairs.sort()
    openings = [span for span, _ in pairs]
    closing = [other for _, other in reversed(pairs) if other is not None] + closing
    text, cuts, done = "", [], 0
    for span in sorted([*openings, *closing]):
        text += sentence[done : span.start]
        cuts.append((len(text), span.end - span.start))
        done = span.end
    before, after = ("".join(sentence[a:b] for a, b, _ in tags) for tags in (openings, closing))
    return Bare(text + sentence[done:], before, after, tuple(cuts))


def prepare(sentence: str, alphabet: Alphabet) -> Prepared:
    """Takes out what is copied. What a vocabulary without enough symbols leaves in is watched over by `restore`."""
    found = _merged(sentence, sorted([*spans.find(sentence), *_strange(sentence, alphabet)]))
    # Where there are too few symbols, what would be taken for one comes first, and numbers last. Short ones ("300") are
    # left to the network then: another language may write them as words.
    last = ("number", "count")
    order = sorted(
        found, key=lambda span: (not _SYMBOL.search(sentence, *span[:2]), span.kind in last, span.kind == "count")
    )
    chosen = set(order[: len(alphabet.symbols)])
    found = [span for span in found if span.kind != "count" or span in chosen]
    free = iter(alphabet.symbols)
    out, kept, done = "", [], 0
    for span in found:
        out += _visible(sentence[done : span.start])
        text = sentence[span.start : span.end]
        symbol = next(free) if span in chosen else None
        word = _word_number(out)
        out += symbol or text
        kept.append(Kept(text, span.kind, symbol, word, _word_number(out, inside=True)))
        done = span.end
    return Prepared(out + _visible(sentence[done:]), tuple(kept), alphabet.symbols)


def restore(pieces: Sequence[str], alignment: Alignment, source_pieces: Sequence[str], prepared: Prepared) -> str:
    """The translation. `pieces`: its wordpieces without start and end tokens, `alignment` (len(pieces) or more,
    len(source_pieces)): the attention, a row a piece; `source_pieces`: what the network has read of `prepared.text`,
    tokens of languages and ends included."""
    source_words = prepared.text.split()
    columns = _columns(source_pieces)
    if len(columns) == len(source_words):
        words = _replaced(_words(pieces, prepared.text), alignment, source_words, columns)
    else:  # normal form has made other words of it: nothing can be said of the places of those that are kept
        read = [text for text, _ in _words(source_pieces, prepared.text)]
        words = [(word, -1) for word, _ in _replaced(_words(pieces, prepared.text), alignment, read, columns)]
    for kept in prepared.kept:
        _put_back(words, kept, prepared, source_words)
    text = " ".join(word for word, _ in words if word)
    meant = {kept.symbol: kept.text for kept in prepared.kept if kept.symbol}
    for symbol in prepared.symbols:  # one that stands for nothing is no word
        text = text if symbol in meant else text.replace(symbol, "")
    return _SYMBOL.sub(lambda match: meant.get(match.group(), match.group()), text).strip()


def mask_pair(source: str, target: str, chance: random.Random) -> tuple[str, str]:
    """A training pair with symbols for what is the same on both sides: all that `prepare` would take out and, in a
    tenth of the pairs, a name or a number, so that the network sees symbols often and everywhere in a sentence."""
    shared = [source[span.start : span.end] for span in spans.find(source)]
    if chance.random() < NAMES:
        other = set(_WORD.findall(target))
        names = [w for w in _WORD.findall(source) if len(w) > 2 and (w[0].isupper() or w[0].isdigit()) and w in other]
        shared += chance.sample(names, min(len(names), chance.choice((1, 1, 2))))
    symbols = chance.sample(SYMBOLS, len(SYMBOLS))  # in any order, or the last would hardly be learnt
    for text in dict.fromkeys(shared):
        whole = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
        if symbols and len(whole.findall(source)) == len(whole.findall(target)) == 1 and not _SYMBOL.search(text):
            symbol = symbols.pop()
            source, target = whole.sub(symbol, source), whole.sub(symbol, target)
    return source, target


# Before


@lru_cache(4096)
def _normal(character: str) -> str:
    return unicodedata.normalize("NFKC", character)


def _visible(text: str) -> str:
    """Without soft hyphens, marks of direction and the like, which would cut words into pieces."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf") if not text.isascii() else text


def _strange(sentence: str, alphabet: Alphabet) -> list[spans.Span]:
    """What the vocabulary can't say: words with a strange letter, and strange signs."""
    found: list[spans.Span] = []
    for k, character in enumerate(sentence):
        if (found and k < found[-1].end) or alphabet.takes(character) or unicodedata.category(character) == "Cf":
            continue
        start, end = k, k + 1
        if unicodedata.category(character)[0] in "LM":
            while start > 0 and _in_word(sentence[start - 1]):
                start -= 1
            while end < len(sentence) and _in_word(sentence[end]):
                end += 1
        found.append(spans.Span(start, end, "strange"))
    return found


def _in_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN" or character in "'’-\u00ad\u200c\u200d"


def _merged(sentence: str, found: Sequence[spans.Span]) -> list[spans.Span]:
    """Without overlaps; strange words and emoji side by side are one."""
    out: list[spans.Span] = []
    for span in found:
        if out and span.start < out[-1].end:
            out[-1] = spans.Span(out[-1].start, max(out[-1].end, span.end), out[-1].kind)
        elif (
            out and {out[-1].kind, span.kind} <= {"strange", "emoji"} and not sentence[out[-1].end : span.start].strip()
        ):
            out[-1] = spans.Span(out[-1].start, span.end, "strange")
        else:
            out.append(span)
    return out


def _word_number(text: str, inside: bool = False) -> int:
    """Which word comes next; or which one it has ended in."""
    words = len(text.split())
    return words - 1 if words and (inside or not text[-1].isspace()) else words


# After

Words = list[tuple[str, list[int]]]  # a word and the rows or columns of its pieces


def _words(pieces: Sequence[str], source: str) -> Words:
    """Pieces gathered into words, bytes into characters. Control tokens belong to no word."""
    words: Words = []
    for k, piece in enumerate(pieces):
        if piece != "<unk>" and CONTROL.fullmatch(piece):
            continue
        if piece.startswith("▁") or not words:
            words.append(("", []))
        text, rows = words[-1]
        said = piece.lstrip("▁")
        words[-1] = (text + (_UNKNOWN if said == "<unk>" else said), [*rows, k])
    return [(_spelt(text, source), rows) for text, rows in words if text]


def _spelt(text: str, source: str) -> str:
    """Runs of byte pieces as the characters that they spell; where the source has no such letters, it is a guess."""

    def spelt(run: re.Match[str]) -> str:
        said = bytes(int(byte, 16) for byte in BYTE.findall(run.group())).decode("utf-8", "replace")
        return said if said.isascii() or said in source else _UNKNOWN

    return _BYTES.sub(spelt, text) if "<0x" in text else text


def _columns(source_pieces: Sequence[str]) -> list[list[int]]:
    """Of each word of the source."""
    return [columns for _, columns in _words(source_pieces, "")]


def _replaced(
    words: Words, alignment: Alignment, source_words: Sequence[str], columns: Sequence[Sequence[int]]
) -> list[tuple[str, int]]:
    """Words of the translation, each with the source word that it is aligned with best (-1: none). A word with an
    unknown piece becomes that word, once; its own punctuation stays."""
    out: list[tuple[str, int]] = []
    copied = -1  # the source word that the word before is a copy of
    for text, rows in words:
        best = _best(rows, alignment, columns)
        if _UNKNOWN not in text:
            out.append((text, best))
            copied = -1
        elif best >= 0 and best != copied:
            before, _, after = _parts(text)
            out.append((before + _parts(source_words[best])[1] + after, best))
            copied = best
    return out


def _parts(word: str) -> tuple[str, str, str]:
    """Punctuation, the word itself, punctuation."""
    match = _CORE.match(word)
    return (match[1], match[2], match[3]) if match and match[2] else ("", word, "")


def _best(rows: Sequence[int], alignment: Alignment, columns: Sequence[Sequence[int]]) -> int:
    if not columns:
        return -1
    sums = [sum(float(alignment[t][s]) for t in rows for s in word) for word in columns]
    best = max(range(len(sums)), key=sums.__getitem__)
    return best if sums[best] > 0 else -1


def _put_back(words: list[tuple[str, int]], kept: Kept, prepared: Prepared, source_words: Sequence[str]) -> None:
    """Sees to it that what is kept stands in the translation; once, where a symbol stands for it."""
    if kept.symbol is not None:
        places = [k for k, (word, _) in enumerate(words) if kept.symbol in word]
        for n, k in enumerate(places):
            word, best = words[k]
            at = word.index(kept.symbol) + len(kept.symbol) if n == 0 else 0
            words[k] = (word[:at] + word[at:].replace(kept.symbol, ""), best)
        if not places:
            words.insert(_place(words, kept), (kept.symbol, kept.word))
        return
    text = " ".join(word for word, _ in words)
    whole = " ".join(kept.text.split())
    if whole in text:
        _hold_together(words, whole)
        return
    if kept.kind == "number" and _digits(whole) in map(_digits, _NUMBER.findall(text)):
        return
    others = [other.symbol or other.text for other in prepared.kept if other is not kept]
    taken = [part for text in others for part in text.split()]
    aligned = [
        k
        for k, (word, best) in enumerate(words)
        if kept.word <= best <= kept.last and not any(part in word for part in taken)
    ]
    if not aligned:
        words.insert(_place(words, kept), (kept.text, kept.word))
        return
    run = [k for n, k in enumerate(aligned) if k - n == aligned[0]]  # side by side, from the first on
    said = " ".join(source_words[kept.word : kept.last + 1])
    before, _, after = said.partition(whole)
    if re.fullmatch(_MARKS, before + after):  # mere punctuation: the translation has its own
        said = _parts(words[run[0]][0])[0] + whole + _parts(words[run[-1]][0])[2]
    words[run[0] : run[-1] + 1] = [(said, kept.word)]


def _hold_together(words: list[tuple[str, int]], whole: str) -> None:
    """Several words that are kept as one become one, so that nothing comes between them."""
    size = len(whole.split())
    for k in range(len(words) - size + 1) if size > 1 else ():
        said = " ".join(word for word, _ in words[k : k + size])
        if whole in said:
            words[k : k + size] = [(said, words[k][1])]
            return


def _place(words: Sequence[tuple[str, int]], kept: Kept) -> int:
    """Behind the translation of the word before it, else before that of the word behind it, else at the end."""
    if behind := [k for k, (_, best) in enumerate(words) if best == kept.word - 1 >= 0]:
        return behind[-1] + 1
    if before := [k for k, (_, best) in enumerate(words) if best == kept.last + 1]:
        return before[0]
    return len(words) if kept.word else 0


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
