"""The page to read about the captioner, with what its card says of its training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtWidgets import QWidget

from app.gui.read_view import ReadView
from app.gui.theme import Theme

if TYPE_CHECKING:
    from app.store.cards import Card


def page(card: Card | None, theme: Theme, parent: QWidget | None = None) -> ReadView:
    title = QCoreApplication.translate("Caption", "From a picture to a sentence")
    return ReadView({"captioner": title}, theme, parent, values(card))


def values(card: Card | None) -> dict[str, str]:
    """What the page's names stand for; {} where the card doesn't tell what training end to end has brought."""
    extra = dict(card.extra) if card is not None else {}
    frozen, whole = extra.get("cider_frozen"), extra.get("cider_end_to_end")
    if not isinstance(frozen, float) or not isinstance(whole, float) or not 0 < frozen < whole:
        return {}
    return {
        "cider_frozen": QLocale().toString(frozen, "f", 3),
        "cider_end_to_end": QLocale().toString(whole, "f", 3),
        "cider_gain": QLocale().toString(round(100 * (whole / frozen - 1))),
    }
