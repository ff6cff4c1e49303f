"""Captions in another language as well: `triptych caption --to de`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from app.cli.asking import Asked
from app.cli.output import UsageError
from app.engines.translate import BEAM, Translate, TranslateEngine, penalties
from app.store.cards import directions
from app.store.catalog import State
from app.text.languages import NAMES
from app.text.timeline import as_sentence

if TYPE_CHECKING:
    from app.store.catalog import Store

SPOKEN = "en"  # what captions are in
KEPT = 3000  # translations: 0.3 MB; a camera may look for days


class Interpreter:
    """A context: called with a caption, it gives the translation. What was said before, of the last `KEPT`, is
    not asked again."""

    def __init__(self, store: Store, target: str, device: str) -> None:
        """Raises UsageError where nothing that is here translates so."""
        offers = [card for card in store.cards("translate") if store.state(card) is State.READY]
        pairs = {pair: card for card in reversed(offers) for pair in directions(card)}
        card = pairs.get((SPOKEN, target))
        if card is None:
            known = ", ".join(f"--to {b}" for a, b in pairs if a == SPOKEN) or "none"
            name = NAMES.get(target, target)
            raise UsageError(
                f"Captions are in English, and nothing here translates them into {name}: there is {known}."
            )
        self._model, self._target, self._penalties = card.id, target, penalties(card)
        self._known: dict[str, str] = {}
        self._engine = Asked("translate", lambda: TranslateEngine(store, device))

    def __enter__(self) -> Self:
        self._engine.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._engine.__exit__(*error)

    def __call__(self, caption: str) -> str:
        """Raises CommandError."""
        if caption not in self._known:
            request = Translate((as_sentence(caption),), SPOKEN, self._target, self._model, BEAM, *self._penalties)
            found = [answer for answer in self._engine.partials(request) if hasattr(answer, "translations")]
            self._known[caption] = found[-1].translations[0].text
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        return self._known[caption]
