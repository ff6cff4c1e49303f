"""The page to read about the translator, with what its card says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtWidgets import QWidget

from app.gui import numbers
from app.gui.read_view import ReadView
from app.gui.theme import Theme

if TYPE_CHECKING:
    from app.store.cards import Card


def page(card: Card | None, theme: Theme, parent: QWidget | None = None) -> ReadView:
    title = QCoreApplication.translate("Translate", "Sixteen layers that translate")
    return ReadView({"gnmt": title}, theme, parent, values(card))


def values(card: Card | None) -> dict[str, str]:
    """What the page's names stand for; what the card doesn't tell is left out, and so is its sentence."""
    if card is None:
        return {}
    told = {"summary": card.summary, "limits": card.limits}
    if card.parameters is not None:
        told["parameters"] = numbers.millions(card.parameters)
    lines = [
        f"- {one.data}: **{QLocale().toString(value, 'f', 1)}**"
        for one in card.measured
        for name, value in one.scores
        if name == "BLEU"
    ]
    if lines:
        told["scores"] = "\n".join(lines)
    return {name: words for name, words in told.items() if words}
