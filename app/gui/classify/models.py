"""Which models the panel shows, in which state each is, and what a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.classify.answer_side import AnswerSide
from app.gui.classify.answers import Item
from app.gui.classify.session import PANEL, Session
from app.gui.context import Context, chosen_models
from app.gui.models_table import beside
from app.gui.widgets.card_view import score

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.progress import Progress


class Models(QObject):
    models_wanted = Signal()
    incomplete = Signal(str, int)  # names of models and the number of pictures that they have not seen

    def __init__(self, context: Context, session: Session, side: AnswerSide, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context, self._session, self._side = context, session, side
        self.cards: list[Card] = []
        self._ready: list[str] = []
        columns = side.columns
        columns.download_wanted.connect(self._download)
        columns.download_cancelled.connect(context.downloads.cancel)
        context.bridge.loaded_changed.connect(self._tell_chips)
        downloads = context.downloads
        downloads.progress.connect(self._progress)
        downloads.finished.connect(self._ended)
        downloads.cancelled.connect(self._ended)
        downloads.failed.connect(self._failed)

    def refresh(self) -> None:
        """The choice of models, or which files are here, has changed."""
        from app.store.catalog import State

        store = self._context.store
        cards = [store.card(model) for model in chosen_models(self._context)]
        states = {card.id: store.state(card) for card in cards}
        columns = self._side.columns
        cards.sort(key=lambda card: states[card.id] is not State.READY)  # what answers comes first
        if [card.id for card in cards] != [card.id for card in self.cards]:
            columns.set_models(cards)
            for column in columns.columns:
                column.chip.download_wanted.connect(self._download)
                column.chip.release_wanted.connect(self._release)
                column.chip.models_wanted.connect(self.models_wanted)
                column.official.download_wanted.connect(self._download)
                column.official.models_wanted.connect(lambda _: self.models_wanted.emit())
        self.cards = cards
        before, self._ready = set(self._ready), [card.id for card in cards if states[card.id] is State.READY]
        for column in columns.columns:
            if states[column.card.id] is not State.READY:
                column.show_absent(damaged=states[column.card.id] is State.DAMAGED)
                if column.card.id in self._context.downloads.active():
                    column.start_progress()
            elif column.absent:
                column.show_waiting()
        ready = [card for card in cards if card.id in self._ready]
        lacking = self._session.set_models(self._ready)
        self._side.folder.set_models([(card.id, card.name) for card in ready], _best(ready))
        self._tell_chips()
        self.show_item(self._session.current)
        new = [card.name for card in ready if card.id not in before]
        if lacking and new:
            self.incomplete.emit(", ".join(new), lacking)

    def show_item(self, item: Item | None) -> None:
        if self._ready:
            invitation = self.tr("Bring a picture: each network names what it sees, out of 1,000 things.")
        else:
            invitation = self.tr("No model is here yet: download one, or import one on the models page.")
        self._side.columns.show_item(item, invitation)

    def names(self) -> dict[str, str]:
        return {card.id: card.name for card in self.cards}

    def ready(self) -> list[str]:
        return list(self._ready)

    def seen(self) -> dict[str, str]:
        """What each model is given of a picture, in words."""
        words = {}
        for card in self.cards:
            given = card.preprocessing
            text = self.tr("short side to {0}, the middle {1} × {1} pixels, {2}")
            if given.squeeze:
                text = self.tr("the whole picture squeezed to {1} × {1} pixels, {2}")
            words[card.id] = text.format(given.resize, given.crop, given.interpolation)
        return words

    def _tell_chips(self) -> None:
        downloading = self._context.downloads.active()
        for column in self._side.columns.columns:
            model = column.card.id
            if model in downloading:
                state = "downloading"
            elif column.absent:
                state = "absent"
            else:
                state = "loaded" if model in self._context.bridge.loaded else "ready"
            column.chip.set_state(state)
            column.set_beside(beside(self._context, column.card))

    # Downloads and memory

    @Slot(str)
    def _download(self, model: str) -> None:
        self._context.downloads.start(model)
        if (column := self._side.columns.column(model)) is not None:
            column.start_progress()
        self._tell_chips()

    @Slot(str, object)
    def _progress(self, model: str, progress: Progress) -> None:
        if (column := self._side.columns.column(model)) is not None:
            column.show_progress(progress)
        for column in self._side.columns.columns:
            if column.card.official == model:
                column.official.show_progress(progress)

    @Slot(str)
    def _ended(self, model: str) -> None:
        if (column := self._side.columns.column(model)) is not None:
            column.show_progress(None)
            self.refresh()
        self._tell_chips()

    @Slot(str, str)
    def _failed(self, model: str, sentence: str) -> None:
        """The window says why, in a strip with "Try again"; the button is back."""
        self._ended(model)

    @Slot(str)
    def _release(self, model: str) -> None:
        from app.engines.classify import ReleaseModel

        self._context.worker.control(PANEL, ReleaseModel(model))


def _best(cards: list[Card]) -> str:
    """The id of the model with the best score: the table shows its answers first. Unmeasured ones come after."""

    def top1(card: Card) -> float:
        found = score(card)
        return found.top1 or 0.0 if found is not None else 0.0

    embedded = [card for card in cards if card.origin == "embedded"]
    best = max(cards, key=top1, default=None)
    if best is None or top1(best) == 0.0:
        best = next(iter(embedded or cards), None)
    return best.id if best is not None else ""
