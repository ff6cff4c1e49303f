"""When a library can't be loaded: which one, why, what to do. The rest of the program goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.gui.theme import WIDER, Theme
from app.gui.widgets.message_strip import MessageStrip

if TYPE_CHECKING:
    from app.store.catalog import Store
    from app.worker import Engine, Steps, Ticket


def tr(text: str) -> str:
    return QCoreApplication.translate("Broken", text)


def sentence(error: BaseException) -> str:
    """For a person: which library, why, what to do."""
    name = (getattr(error, "name", None) or "").split(".")[0]
    why = " ".join(str(error).split()) or type(error).__name__
    what = tr("The library {0}").format(name) if name and name != "app" else tr("A part of Triptych")
    return tr(
        "{0} can't be loaded, so networks can't run: {1}. “triptych doctor” in a terminal says more; installing "
        "Triptych again usually mends it."
    ).format(what, why.rstrip("."))


class Broken(QWidget):
    """In place of a panel."""

    def __init__(self, title: str, error: BaseException, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        column = QVBoxLayout(self)
        column.setContentsMargins(WIDER, WIDER, WIDER, WIDER)
        column.addWidget(MessageStrip("error", sentence(error), theme, parent=self, lasting=True))
        column.addWidget(QLabel(self.tr("The other panels and the menu work all the same."), self))
        column.addStretch(1)


class NoEngine:
    """Stands in for an engine whose libraries can't be loaded: every request fails with the same sentence."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        yield from ()
        raise self._error

    def out_of_memory(self, error: BaseException) -> str | None:
        return None

    def explain(self, error: BaseException) -> str | None:
        return sentence(self._error)

    def close(self) -> None:
        """Nothing is held."""


def classify_engine(store: Store, device: str) -> Callable[[], Engine]:
    """What makes the Classify engine, called on the engine thread: its libraries take seconds to load."""

    def make() -> Engine:
        try:
            from app.engines.classify import ClassifyEngine

            return ClassifyEngine(store, device=device)
        except (ImportError, OSError) as error:  # OSError: a shared library is missing
            return NoEngine(error)

    return make


def caption_engine(store: Store, device: str) -> Callable[[], Engine]:
    """What makes the Caption engine, called on the engine thread at the first picture."""

    def make() -> Engine:
        try:
            from app.engines.caption import CaptionEngine

            return CaptionEngine(store, device=device)
        except (ImportError, OSError) as error:
            return NoEngine(error)

    return make


def translate_engine(store: Store, device: str) -> Callable[[], Engine]:
    """What makes the Translate engine, called on the engine thread at the first sentence."""

    def make() -> Engine:
        try:
            from app.engines.translate import TranslateEngine

            return TranslateEngine(store, device=device)
        except (ImportError, OSError) as error:
            return NoEngine(error)

    return make


def figure_engine(store: Store) -> Callable[[], Engine]:
    """What makes the figure's engine, called on the engine thread when the figure is first looked at."""

    def make() -> Engine:
        try:
            from app.engines.figure_engine import FigureEngine

            return FigureEngine(store)
        except (ImportError, OSError) as error:
            return NoEngine(error)

    return make


def lab_engine(store: Store, device: str) -> Callable[[], Engine]:
    """What makes the laboratory's engine, called on the engine thread when the laboratory is first asked."""

    def make() -> Engine:
        try:
            from app.engines.lab import LabEngine

            return LabEngine(store, device=device)
        except (ImportError, OSError) as error:
            return NoEngine(error)

    return make
