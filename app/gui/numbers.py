"""Numbers as people read them, with the locale's separators: "23 MB", "8.6 ms", "3 min 20 s"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale

if TYPE_CHECKING:
    from app.store.cards import Measurement


def tr(text: str) -> str:
    return QCoreApplication.translate("Numbers", text)


def size(count: float | None) -> str:
    """Bytes: "9.4 MB", "244 MB"."""
    if count is None:
        return tr("size not known")
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            digits = 0 if unit == "B" or count >= 100 else 1
            return f"{QLocale().toString(float(count), 'f', digits)} {unit}"
        count /= 1000
    raise AssertionError


def whole(count: int) -> str:
    """1,234"""
    return QLocale().toString(count)


def per_cent(value: float, digits: int = 1) -> str:
    """`value` in per cent, 0 to 100: "93.4 %"."""
    return f"{QLocale().toString(value, 'f', digits)} %"


def headline(score: Measurement) -> str:
    """A model's score in two words: "top-1 93.4 %", "CIDEr 0.581"."""
    if score.top1 is not None:
        return tr("top-1 {0}").format(per_cent(score.top1))
    name, value = score.scores[0]
    return f"{name} {plain(value)}"


def plain(value: float) -> str:
    """A score that is no percentage: "0.581"; one of a hundred, such as BLEU: "24.1"."""
    return QLocale().toString(value, "f", 3 if 0 < abs(value) < 2 else 1)


def millions(count: int | None) -> str:
    """Parameters: "4.65 million"."""
    if count is None:
        return tr("not known")
    return tr("{0} million").format(QLocale().toString(count / 1e6, "f", 2 if count < 1e7 else 1))


def duration(seconds: float) -> str:
    """ "8 s", "3 min 20 s", "2 h 5 min"."""
    count = max(0, round(seconds))
    if count < 60:
        return f"{count} s"
    if count < 3600:
        return f"{count // 60} min {count % 60} s"
    return f"{count // 3600} h {count % 3600 // 60} min"
