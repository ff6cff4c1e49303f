"""What the panel asks the network, and what it was answered. No widgets."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import islice
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.gui.context import Context
from app.gui.translate.scribe import Edit, Page, Scribe

if TYPE_CHECKING:
    from app.engines.translate import Growing, Translated, Translation
    from app.worker import Cancelled, Done, Failed, Partial, Ticket

PANEL = "translate"
MOST = 200  # sentences that are asked for at once
NEARLY = 0.5  # a translation that is so long, of its sentence, may be finished although something else was typed
STARVED = 1.0  # seconds without an answer after which a sentence may be finished, however fast somebody types
PATIENCE = 400  # ms that what may be finished has
KEPT = 300  # translations with their alignments that are kept: 100 kB each, at most
PACE = 40  # answers over which the words a second are counted


class Key(NamedTuple):
    """All that a translation depends on."""

    model: str
    source: str
    target: str
    beam: int
    alpha: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Known:
    """A translated sentence, and which of its translations stands in the text."""

    translated: Translated
    index: int = 0

    @property
    def translation(self) -> Translation:
        return self.translated.translations[self.index]


class Session(QObject):
    """`edit` tells what was typed; `page_changed` what is to be shown then. Newest wins: a key stroke cancels what
    runs, unless it is nearly finished."""

    page_changed = Signal(object)  # Page
    guessed = Signal(str)  # the language of the text; "" where that isn't sure
    known_changed = Signal(str)  # the sentence of which more is known now
    working_changed = Signal(bool)
    failed = Signal(str)

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.key: Key | None = None  # None: there is nothing that could translate
        self.known_language: str | None = None  # what was guessed last; None: the person has chosen the language
        self.page: Page | None = None
        self._number = 0
        self._text, self._cursor = "", 0
        self._device = context.settings.value("device", "auto")
        self.scribe = Scribe(self)
        self.scribe.written.connect(self._written)
        self.scribe.guessed.connect(self._guessed)
        self._ticket: Ticket | None = None
        self._asked_key: Key | None = None
        self._asked: tuple[str, ...] = ()
        self._left: set[str] = set()  # of them, not answered yet
        self._grown = 0  # characters of the first one's translation
        self._detail: Ticket | None = None
        self._detail_of: tuple[Key, str] | None = None
        self._broken = self._stopped = False
        self._due = False  # something else is to be asked as soon as the first sentence is there
        self._known: OrderedDict[str, Known] = OrderedDict()  # of this key
        self._taken: dict[tuple[Key, str], str] = {}  # translations that the person has taken
        self._answered_at = 0.0
        self._paces: deque[tuple[int, float]] = deque(maxlen=PACE)  # words, ms
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE)
        self._patience.timeout.connect(self._ask)
        bridge = context.bridge
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)
        bridge.cancelled.connect(self._cancelled)

    # What is typed

    def edit(self, text: str, cursor: int) -> None:
        """`cursor`: a place in the text; its sentence is translated first."""
        self._text, self._cursor = text, cursor
        self._stopped = False
        self._submit()

    def choose(self, key: Key | None, known_language: str | None) -> None:
        """How it is to be translated from now on."""
        if (key, known_language) != (self.key, self.known_language):
            if key != self.key:
                self._broken = self._stopped = False
                self._known.clear()
            self.key, self.known_language = key, known_language
            self._submit()

    def _submit(self) -> None:
        self._number += 1
        language = self.key.source if self.key is not None else self.known_language or "en"
        self.scribe.edit(Edit(self._number, self._text, self._cursor, language, self.key, self.known_language))

    @property
    def settled(self) -> bool:
        """Whether the page in view is about all that was typed."""
        return self.page is not None and self.page.edit.number == self._number

    @Slot(object)
    def _written(self, page: Page) -> None:
        before, self.page = self.page, page
        self.page_changed.emit(page)
        if before is None or before.edit is not page.edit:
            self._ask_anew()
        elif self._ticket is None:
            self._ask()

    @Slot(object, str)
    def _guessed(self, edit: Edit, language: str) -> None:
        if edit.known == self.known_language:
            self.guessed.emit(language)

    # What is asked

    def _wanted(self) -> list[str]:
        """What is to be asked for; what was answered since the page was written is not in it."""
        page = self.page
        if page is None or self.key is None or page.edit.key != self.key or self._broken or self._stopped:
            return []
        return list(islice((sentence for sentence in page.wanted if sentence not in self._known), MOST))

    def _ask_anew(self) -> None:
        """Something was typed."""
        wanted = self._wanted()
        if self._ticket is None:
            self._ask()
        elif wanted and self._asked_key == self.key and self._is_on_its_way(wanted):
            return
        elif self._may_finish():
            self._due = True
            self._patience.start()
        else:
            self._ask()

    def _is_on_its_way(self, wanted: list[str]) -> bool:
        now = next((sentence for sentence in self._asked if sentence in self._left), None)
        return now == wanted[0] and self._left.issuperset(wanted)

    def _may_finish(self) -> bool:
        """Whether what runs is worth waiting for."""
        if self._asked_key != self.key or not self._asked or self._asked[0] not in self._left:
            return False
        nearly = self._grown >= NEARLY * len(self._asked[0])
        return nearly or time.monotonic() - self._answered_at > STARVED

    @Slot()
    def _ask(self) -> None:
        self._due = False
        self._patience.stop()
        wanted = self._wanted()
        if not wanted or self.key is None:
            if self._ticket is not None:
                self._ticket.cancel()
            return
        from app.engines.translate import Translate  # only now: not before the window's first paint

        self.follow_device()
        key = self.key
        if self._ticket is None:
            self._answered_at = time.monotonic()
        self._asked_key, self._asked = key, tuple(wanted)
        self._left, self._grown = set(self._asked), 0
        request = Translate(self._asked, key.source, key.target, key.model, key.beam, key.alpha, key.coverage)
        self._ticket = self._context.worker.post(PANEL, request)
        self.working_changed.emit(True)

    def look_closer(self, sentence: str) -> None:
        """Its alignment and its alternatives are wanted, and only its translation is known any more."""
        key = self.key
        if key is None or self._broken or sentence in self._left or sentence in self._known:
            return
        if self._detail is not None and self._detail_of == (key, sentence):  # on its way, or that has failed
            return
        from app.engines.translate import Translate

        self.follow_device()
        request = Translate((sentence,), key.source, key.target, key.model, key.beam, key.alpha, key.coverage)
        self._detail, self._detail_of = self._context.worker.post(PANEL, request, "details"), (key, sentence)

    def again(self) -> None:
        """After a failure, or when it was stopped."""
        self._broken = self._stopped = False
        self._ask()

    @property
    def stopped(self) -> bool:
        """By the person or by a failure, before all was translated: `again` goes on."""
        return self._stopped or self._broken

    @property
    def working(self) -> bool:
        return self._ticket is not None

    def cancel(self) -> bool:
        """False where nothing was being translated. What is typed next is translated again, with the rest."""
        if self._ticket is None:
            return False
        self._ticket.cancel()
        self._due = False
        self._patience.stop()
        self._stopped = True
        return True

    def follow_device(self) -> None:
        """The person has chosen another one since; the engine began with the one of the settings."""
        from app.engines.models import UseDevice

        device = self._context.settings.value("device", "auto")
        if device != self._device:
            self._device = device
            self._context.worker.control(PANEL, UseDevice(device))

    # What is answered

    def known(self, sentence: str) -> Known | None:
        return self._known.get(sentence)

    def take(self, sentence: str, index: int) -> None:
        """Another one of its translations, which stays until the sentence changes."""
        found = self.known(sentence)
        if found is not None and self.key is not None and 0 <= index < len(found.translated.translations):
            self._taken[self.key, sentence] = found.translated.translations[index].text
            self._keep(self.key, Known(found.translated, index))

    def _keep(self, key: Key, known: Known) -> None:
        sentence = known.translated.sentence
        self.scribe.answer(sentence, known.translation.text, key)
        if key == self.key:
            self._known[sentence] = known
            self._known.move_to_end(sentence)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            self.known_changed.emit(sentence)

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket is self._detail and self._detail_of is not None:
            if hasattr(answer.value, "translations"):
                self._found(self._detail_of[0], answer.value)
        elif answer.ticket is self._ticket and self._asked_key is not None:
            if hasattr(answer.value, "translations"):
                self._left.discard(answer.value.sentence)
                self._answered_at = time.monotonic()
                self._found(self._asked_key, answer.value)
                if self._due:
                    self._ask()
            else:
                growing: Growing = answer.value
                self._grown = len(growing.text)
                self.scribe.grow(growing.sentence, growing.text, self._asked_key)

    def _found(self, key: Key, translated: Translated) -> None:
        taken = self._taken.get((key, translated.sentence))
        index = next((k for k, one in enumerate(translated.translations) if one.text == taken), 0)
        self._paces.append((len(translated.translations[index].words), translated.ms))
        self._keep(key, Known(translated, index))

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._detail:
            self._detail = None
        elif answer.ticket is self._ticket:
            self._end()
            self._ask_rest()

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._ticket:
            self._end()
            self._broken = True
            self.failed.emit(answer.sentence)

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        if answer.ticket is self._detail:
            self._detail = None
        elif answer.ticket is self._ticket:
            self._end()
            self._ask_rest()

    def _end(self) -> None:
        self._ticket = None
        self._patience.stop()

    def _ask_rest(self) -> None:
        self._ask()
        if self._ticket is None:
            self.working_changed.emit(False)

    @property
    def words_a_second(self) -> float:
        """Of the last answers, as the network took; 0 where there are none."""
        ms = sum(taken for _, taken in self._paces)
        return 1000 * sum(words for words, _ in self._paces) / ms if ms else 0.0

    @property
    def latency(self) -> float:
        """ms a sentence, of the last answers."""
        return sum(taken for _, taken in self._paces) / len(self._paces) if self._paces else 0.0

    # The end

    def close(self) -> list[Thread]:
        """For good. Returns the threads that have been told to end."""
        self._patience.stop()
        return self.scribe.close()
