"""Captions in another language as well: what is asked of the Translate engine, and what was answered. No widgets.

Only captions that stay are translated, one question at a time and of these the newest first; what was said before
without a translation comes when nothing newer waits. The same worker computes captions and translations: a question in
its queue has every third step, and after each it rests as long as that took, so that captions keep most of the time. In
a mailbox it would wait for the live captions, which leave no gap (measured: 1.5 s a sentence, not 0.25); that is left
for the time in which a long document is in the queue.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.gui.context import Context

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.worker import Cancelled, Done, Failed, Partial, Ticket

ENGINE = "translate"
SPOKEN = "en"  # what captions are in
LANGUAGES = ("de", "fr", "es")  # that they can be wanted in
BEAM = 2  # a caption is short and will soon be replaced
KEPT = 3000  # translations, as many as the timeline has captions: 0.3 MB
MOST_REST = 2000  # ms
PATIENCE = 3.0  # seconds after which something else holds up the queue


class Translations(QObject):
    found = Signal(str, str)  # a caption's text, and its translation
    failed = Signal(str)  # why there are none

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._cards: dict[str, Card] = {}  # by the language that they translate into
        self._language = ""
        self._device = context.settings.value("device", "auto")
        self._known: OrderedDict[str, str] = OrderedDict()  # of this language and network
        self._newest = ""  # the caption that is to be translated next; "": none
        self._older: deque[str] = deque()  # captions that were said before, the newest last
        self._ticket: Ticket | None = None
        self._asked = ""
        self._begun = 0.0
        self._held_up = False  # a document is in the queue
        self._broken = False
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self._ask)
        bridge = context.bridge
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._over)
        bridge.cancelled.connect(self._over)
        bridge.failed.connect(self._failed)

    # Which languages there are

    def look(self) -> None:
        """Which translators are here? Only what is measured is offered (`app.store.cards.directions`)."""
        from app.store.cards import directions
        from app.store.catalog import State

        store = self._context.store
        before = self._cards.get(self._language)
        self._cards = {}
        for card in store.cards("translate"):
            if store.state(card) is State.READY:
                for source, target in directions(card):
                    if source == SPOKEN and target in LANGUAGES:
                        self._cards.setdefault(target, card)
        if self._cards.get(self._language) != before:
            self._begin_anew()

    @property
    def offered(self) -> tuple[str, ...]:
        return tuple(language for language in LANGUAGES if language in self._cards)

    @property
    def language(self) -> str:
        """ "": none is wanted, or none can be had."""
        return self._language if self._language in self._cards else ""

    def choose(self, language: str) -> None:
        """ "" for none. What was said in another language before is forgotten."""
        if language != self._language:
            self._language = language
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._known.clear()
        self._older.clear()
        self._newest, self._broken, self._held_up = "", False, False
        self._rest.stop()
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    # What is asked

    def known(self, text: str) -> str:
        """A caption's translation; "" while there is none."""
        return self._known.get(text, "")

    def want(self, text: str) -> None:
        """Of a caption that stands there now. The newest wins."""
        if not self.language or not text:
            return
        if text in self._known:
            self._known.move_to_end(text)
            self.found.emit(text, self._known[text])
        else:
            if self._ticket is not None and not self._held_up and time.perf_counter() - self._begun > PATIENCE:
                self._held_up = True
                self._ticket.cancel()
                self._ticket = None
            self._newest = "" if self._ticket is not None and text == self._asked else text
            self._ask()

    def want_older(self, texts: Iterable[str]) -> None:
        """Of captions that were said before, the newest last, when nothing newer waits."""
        if self.language:
            waiting = set(self._older)
            self._older.extend(text for text in dict.fromkeys(texts) if text and text not in waiting)
            self._ask()

    def again(self) -> None:
        """After a failure."""
        self._broken = False
        self._ask()

    @Slot()
    def _ask(self) -> None:
        card = self._cards.get(self._language)
        if card is None or self._ticket is not None or self._broken or self._rest.isActive():
            return
        text = self._newest
        while not text and self._older:
            older = self._older.pop()
            if older in self._known:
                self.found.emit(older, self._known[older])
            else:
                text = older
        if not text:
            return
        from app.engines.translate import Translate, penalties  # only now: not before the window's first paint
        from app.text.timeline import as_sentence

        self._newest = "" if text == self._newest else self._newest
        self._follow_device()
        self._asked, self._begun = text, time.perf_counter()
        request = Translate((as_sentence(text),), SPOKEN, self._language, card.id, BEAM, *penalties(card))
        worker = self._context.worker
        self._ticket = worker.post(ENGINE, request, "captions") if self._held_up else worker.enqueue(ENGINE, request)

    def _follow_device(self) -> None:
        """The person has chosen another one since; the engine began with the one of the settings."""
        from app.engines.models import UseDevice

        device = self._context.settings.value("device", "auto")
        if device != self._device:
            self._device = device
            self._context.worker.control(ENGINE, UseDevice(device))

    # What is answered

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket is self._ticket and hasattr(answer.value, "translations"):
            translation = answer.value.translations[0].text
            self._known[self._asked] = translation
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            self.found.emit(self._asked, translation)

    @Slot(object)
    def _over(self, answer: Done | Cancelled) -> None:
        if answer.ticket is self._ticket:
            self._ticket = None
            self._rest.start(min(round(1000 * (time.perf_counter() - self._begun)), MOST_REST))

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._ticket:
            self._ticket, self._broken = None, True
            self.failed.emit(answer.sentence)

    def close(self) -> None:
        self._begin_anew()
        self._cards = {}
