"""How captions are put into words for a person. Knows no widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale

from app.gui import numbers

if TYPE_CHECKING:
    from app.engines.caption import Caption, Word

UNSURE = 0.3  # a word that the network thought less likely than that is marked


def unsure(word: Word) -> bool:
    return word.p < UNSURE


def sentence(caption: Caption) -> str:
    """With a capital letter and a full stop, as one reads and hears it; most networks say neither."""
    text = caption.text
    return text[:1].upper() + text[1:] + ("." if open_ended(text) and caption.finished else "")


def open_ended(text: str) -> bool:
    """Whether a full stop is missing at its end."""
    return bool(text) and text[-1] not in ".!?"


def close_up(word: Word) -> bool:
    """Whether no space stands before it, as the caption's text has it."""
    return word.text[:1] in ".,;:!?'" or word.text == "n't"


def shown(words: tuple[Word, ...], place: int) -> str:
    """The word at `place` as it stands in the sentence."""
    text = words[place].text
    return text[:1].upper() + text[1:] if place == 0 else text


def percent(p: float, digits: int = 1) -> str:
    """In the locale's way; what is nearly nothing or nearly all is not rounded to it."""
    if 0 < p < 0.0005:
        return "< " + numbers.per_cent(0.1)
    if 0.9995 <= p < 1:
        return "> " + numbers.per_cent(99.9)
    return numbers.per_cent(100 * p, digits)


def logprob(value: float) -> str:
    """ "−12.31", with a true minus sign."""
    return QLocale().toString(value, "f", 2).replace("-", "−")


def clock(seconds: float) -> str:
    """ "0:12", "1:03:20"."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def pace(per_second: float, ms: float, dropped: int | None) -> str:
    """For the status bar: "14 captions/s · 85 ms to text · 3 dropped", frames that nobody described."""
    parts = []
    if per_second:
        digits = 1 if per_second < 10 else 0
        parts.append(_tr("{0} captions/s").format(QLocale().toString(per_second, "f", digits)))
    parts.append(_tr("{0} ms to text").format(QLocale().toString(round(ms))))
    if dropped is not None:
        parts.append(_tr("{0} dropped").format(numbers.whole(dropped)))
    return " · ".join(parts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Caption", text)
