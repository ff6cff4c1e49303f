"""What every panel is given, and what every panel gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PySide6.QtCore import SignalInstance

    from app.gui.bridge import Bridge
    from app.gui.downloads import Downloads
    from app.gui.settings import Settings
    from app.gui.theme import Theme
    from app.store.cards import Card
    from app.store.catalog import Store
    from app.worker import Worker

MODELS_KEY = "classify.models"  # in the settings: ids of the models in the panel
# Unless the person says otherwise; of each pair the embedded one where it is there, else the official one.
MODELS = (("alexnet", "alexnet-v1"), ("resnet18", "resnet18-v1"), ("efficientnet-lite0",))
MOST_MODELS = 3
KEYS_KEY = "keys.single"  # in the settings: whether keys without Ctrl act


@dataclass(frozen=True, eq=False)
class Context:
    """The parts that all panels share."""

    worker: Worker
    bridge: Bridge
    store: Store
    settings: Settings
    theme: Theme
    downloads: Downloads


def chosen_models(context: Context) -> list[str]:
    """The ids of the models in the Classify panel: three at most, only those that there are."""
    known = {card.id for card in context.store.cards("classify")}
    wanted = context.settings.value(MODELS_KEY, [next((m for m in pair if m in known), "") for pair in MODELS])
    return [model for model in dict.fromkeys(wanted) if isinstance(model, str) and model in known][:MOST_MODELS]


def by_choice(settings: Settings, cards: Iterable[Card]) -> list[Card]:
    """The one that the person has put into its panel first: of captioners one is in use, of translators the first that
    knows the direction."""
    return sorted(cards, key=lambda card: card.id != settings.value(f"{card.task}.model", ""))


class Panel(Protocol):
    """One leaf of the triptych; a widget, too. All of this is called on the window's thread."""

    title: str
    status_changed: SignalInstance  # str, for the status bar: "efficientnet-lite0 · 7 ms"
    models_wanted: SignalInstance  # the person asks for the models page

    def open_paths(self, paths: list[Path]) -> None: ...
    def open_dialog(self) -> None: ...
    def open_folder_dialog(self) -> None: ...
    def paste(self) -> None: ...
    def copy(self) -> None: ...
    def save(self) -> None: ...
    def cancel(self) -> None: ...
    def shown(self) -> None: ...
    def hidden(self) -> None: ...
    def toggle_inside(self) -> None: ...

    def ready_models(self) -> list[str]:
        """The ids of the models that will answer, to be loaded before they are needed."""

    def models_changed(self) -> None:
        """The choice of models, or which of their files are here, has changed: see `chosen_models`."""

    def close_panel(self, timeout: float = 1.0) -> None:
        """The window closes: keep what is to be kept (splitters) in the settings, stop timers and threads; wait for
        these `timeout` seconds at most in all."""
