"""From which language into which, and by which network. No widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.gui.context import Context, by_choice
from app.gui.translate.session import Key

if TYPE_CHECKING:
    from app.store.cards import Card

AUTO = "auto"  # the language of the text is guessed
WIDEST_BEAM = 10
ALPHA_STEPS, COVERAGE_STEPS = 10, 20  # steps of a slider for 1
MOST_ALPHA, MOST_COVERAGE = 2.0, 1.0


class Choice(QObject):
    """What the person has chosen, what was guessed, and what follows from both. All of it is remembered."""

    changed = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings, self._store = context.settings, context.store
        self._by_direction: dict[tuple[str, str], Card] = {}  # of the networks that are here
        self.cards: tuple[Card, ...] = ()  # all that there are
        self.ready = False  # whether one of them is here
        self.damaged = self.unmeasured = False
        self.source = self._settings.value("translate.source", AUTO)
        self.guessed = self._settings.value("translate.guessed", "en")
        self.sure = False  # whether it was guessed of the text that stands there
        self.target = self._settings.value("translate.target", "")

    def look(self) -> None:
        """Which networks are here?"""
        from app.store.cards import directions
        from app.store.catalog import State

        self.cards = self._store.cards("translate")
        states = {card.id: self._store.state(card) for card in self.cards}
        self._by_direction = {}
        for card in by_choice(self._settings, self.cards):
            if states[card.id] is State.READY:
                for direction in directions(card):
                    self._by_direction.setdefault(direction, card)
        self.ready = bool(self._by_direction)
        self.damaged = any(state is State.DAMAGED for state in states.values())
        self.unmeasured = not self.ready and any(state is State.READY for state in states.values())
        if self.source not in (AUTO, *self.sources()):
            self.source = AUTO
        if self.guessed not in self.sources() and self.ready:
            self.guessed = self.sources()[0]
        self._fit_target()
        self.changed.emit()

    # Languages

    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(source for source, _ in self._by_direction))

    def targets(self) -> tuple[str, ...]:
        """Into which languages the text can be translated."""
        return tuple(target for source, target in self._by_direction if source == self.language)

    @property
    def language(self) -> str:
        """Of the text, as chosen or guessed."""
        return self.guessed if self.source == AUTO else self.source

    @property
    def card(self) -> Card | None:
        """The network that translates; while none is here, the first that there is."""
        found = self._by_direction.get((self.language, self.target))
        return found or next(iter(self._by_direction.values()), None) or next(iter(self.cards), None)

    @property
    def foreign(self) -> bool:
        """Whether the text is in a language that nothing here translates."""
        return self.ready and self.language not in self.sources()

    def choose_source(self, code: str) -> None:
        if code != self.source:
            if code == AUTO and self.source in self.sources():
                self.guessed = self.source  # until something is guessed
            self.source = code
            self._fit_target()
            self._keep()

    def choose_target(self, code: str) -> None:
        if code != self.target:
            self.target = code
            self._keep()

    def hear(self, code: str) -> None:
        """This language was guessed; "": it isn't sure, and the one before is assumed."""
        sure = bool(code)
        if not sure or code == self.guessed:
            if sure != self.sure:
                self.sure = sure
                self.changed.emit()
        else:
            self.guessed, self.sure = code, True
            if self.source == AUTO:
                self._fit_target()
            self._keep()

    def can_swap(self) -> bool:
        return (self.target, self.language) in self._by_direction

    def swap(self) -> None:
        if self.can_swap():
            automatic = self.source == AUTO
            before = self.language
            self.guessed = self.target
            self.source = AUTO if automatic else self.target
            self.target = before
            self._keep()

    def _fit_target(self) -> None:
        """The target that was chosen for this language, else the first that there is."""
        targets = self.targets()
        if self.target not in targets and targets:
            remembered = self._settings.value(f"translate.target.{self.language}", "")
            self.target = remembered if remembered in targets else targets[0]

    def _keep(self) -> None:
        self._settings.set("translate.source", self.source)
        self._settings.set("translate.guessed", self.guessed)
        self._settings.set("translate.target", self.target)
        self._settings.set(f"translate.target.{self.language}", self.target)
        self.changed.emit()

    # The search

    @property
    def key(self) -> Key | None:
        """None: nothing here can translate the text."""
        card = self._by_direction.get((self.language, self.target))
        return Key(card.id, self.language, self.target, *self.search()) if card is not None else None

    def key_from(self, language: str) -> Key | None:
        """The same for a text in another language."""
        own = (language, self.target)
        direction = own if own in self._by_direction else next((d for d in self._by_direction if d[0] == language), own)
        card = self._by_direction.get(direction)
        return Key(card.id, direction[0], direction[1], *self.search()) if card is not None else None

    @property
    def known_language(self) -> str | None:
        """What was guessed last; None where nothing is to be guessed."""
        return self.guessed if self.source == AUTO else None

    def search(self) -> tuple[int, float, float]:
        """Beam, α, β."""
        beam, alpha, coverage = self.own_search()
        value = self._settings.value
        return (
            min(max(value("translate.beam", beam), 1), WIDEST_BEAM),
            min(max(value("translate.alpha", alpha), 0.0), MOST_ALPHA),
            min(max(value("translate.coverage", coverage), 0.0), MOST_COVERAGE),
        )

    def own_search(self) -> tuple[int, float, float]:
        """As the network's card says."""
        from app.engines.translate import ALPHA, BEAM, penalties

        alpha, coverage = penalties(self.card) if self.card is not None else (ALPHA, 0.0)
        return BEAM, alpha, coverage

    def set_search(self, beam: int, alpha: float, coverage: float) -> None:
        if (beam, alpha, coverage) != self.search():
            for name, value in (("beam", beam), ("alpha", alpha), ("coverage", coverage)):
                self._settings.set(f"translate.{name}", value)
            self.changed.emit()

    def reset_search(self) -> None:
        if self.search() != self.own_search():
            for name in ("beam", "alpha", "coverage"):
                self._settings.set(f"translate.{name}", None)
            self.changed.emit()


def language_name(code: str) -> str:
    """ "German"; the code itself of a language that isn't known."""
    names = {
        "en": QCoreApplication.translate("Translate", "English"),
        "de": QCoreApplication.translate("Translate", "German"),
        "fr": QCoreApplication.translate("Translate", "French"),
        "es": QCoreApplication.translate("Translate", "Spanish"),
    }
    return names.get(code, code)
