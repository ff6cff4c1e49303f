"""What the panel keeps of an answer, and what it says about several. Knows neither widgets nor the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale

from app.gui import numbers

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from app.engines.classify import Label

SHOWN = 5  # labels a model
PICKED = 9  # labels that number keys reach
UNSURE = 0.3  # below this the sentence says so


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's labels for one picture, or the sentence why there are none. The thousand probabilities are not kept:
    ten thousand pictures would take a hundred megabytes."""

    model: str
    top: tuple[Label, ...] = ()
    ms: float = 0.0
    device: str = ""
    runtime: str = ""
    error: str = ""


@dataclass(eq=False, slots=True)
class Item:
    """One picture of the panel. `source` is a path, or what was pasted."""

    name: str
    source: Path | bytes | QImage
    answers: dict[str, Answer] = field(default_factory=dict)
    error: str = ""  # why it could not be opened
    done: bool = False  # opened and answered, or failed

    @property
    def path(self) -> Path | None:
        return self.source if isinstance(self.source, Path) else None

    @property
    def reason(self) -> str:
        """The first of the failures without "NAME could not be opened:", where the name stands beside it already."""
        sentence = next(iter(self.failures), "")
        rest = sentence.partition(": ")[2] if sentence.startswith(self.name) else ""
        rest = rest or sentence
        return rest[:1].upper() + rest[1:]

    @property
    def failures(self) -> list[str]:
        """Every sentence about what went wrong with it."""
        return [self.error] * bool(self.error) + [answer.error for answer in self.answers.values() if answer.error]


def percent(p: float) -> str:
    """One decimal, in the locale's way; what is nearly nothing or nearly all is not rounded to it."""
    if 0 < p < 0.0005:
        return "< " + numbers.per_cent(0.1)
    if 0.9995 <= p < 1:
        return "> " + numbers.per_cent(99.9)
    return numbers.per_cent(100 * p)


def milliseconds(ms: float) -> str:
    return _tr("{0} ms").format(QLocale().toString(ms, "f", 1 if ms < 100 else 0))


def agreement(answers: Sequence[Answer], names: Mapping[str, str]) -> tuple[str, str]:
    """The sentence over the columns and its mark: "same", "most", "differ" or "one"; "" where nobody answered."""
    voices = [answer for answer in answers if answer.top]
    if not voices:
        return "", ""
    firsts = [answer.top[0] for answer in voices]
    if len(voices) == 1:
        best = firsts[0]
        if best.p < UNSURE:
            return _tr("Perhaps “{0}”, but it is unsure: {1}.").format(best.label, percent(best.p)), "one"
        return _tr("{0} says “{1}”.").format(names[voices[0].model], best.label), "one"
    votes: dict[int, list[Answer]] = {}
    for answer in voices:
        votes.setdefault(answer.top[0].index, []).append(answer)
    winner = max(votes.values(), key=lambda group: (len(group), max(answer.top[0].p for answer in group)))
    label = winner[0].top[0].label
    unsure = max(answer.top[0].p for answer in winner) < UNSURE
    if len(winner) == len(voices):
        text = _tr("Both say “{0}”") if len(voices) == 2 else _tr("All {1} say “{0}”")
        said = text.format(label, len(voices))
        return (_tr("{0}, but none is sure.").format(said) if unsure else said + "."), "same"
    if len(winner) > 1:
        others = [answer for answer in voices if answer.top[0].index != winner[0].top[0].index]
        rest = ", ".join(_tr("{0}: “{1}”").format(names[answer.model], answer.top[0].label) for answer in others)
        text = _tr("{0} of {1} say “{2}”. {3}.")
        return text.format(len(winner), len(voices), label, rest), "most"
    return _tr("They differ: {0}.").format(", ".join(f"“{first.label}”" for first in firsts)), "differ"


def elsewhere(answers: Sequence[Answer], model: str, index: int) -> list[tuple[str, int, float]]:
    """Which other models have the class among the labels that are shown: model, place (from 1), p."""
    found = []
    for answer in answers:
        if answer.model == model:
            continue
        for place, label in enumerate(answer.top[:SHOWN], 1):
            if label.index == index:
                found.append((answer.model, place, label.p))
    return found


def agrees(answers: Sequence[Answer]) -> bool | None:
    """Whether all that answered have the same first label; None where fewer than two did."""
    firsts = [answer.top[0].index for answer in answers if answer.top]
    return len(set(firsts)) == 1 if len(firsts) > 1 else None


def _tr(text: str) -> str:
    return QCoreApplication.translate("Answers", text)
