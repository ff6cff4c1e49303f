"""Which sentence is looked at, which word in it, and the words that this one was aligned with: lit in both fields."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

from app.gui import numbers
from app.gui.translate.scribe import Edit, Page, fit
from app.gui.translate.session import Known, Session
from app.gui.translate.source_side import SourceSide
from app.gui.translate.target_side import TargetSide
from app.gui.translate.text_field import Light
from app.text.typed import State

if TYPE_CHECKING:
    import numpy as np

LEAST = 0.1  # of a word's attention: what has less is not lit
TOLD = 3  # words that are told, the most likely first


def tr(text: str) -> str:
    return QCoreApplication.translate("Translate", text)


@dataclass(frozen=True)
class Word:
    """A word of a sentence, by its number. `target`: of the translation."""

    sentence: int
    number: int
    target: bool


class Looking(QObject):
    sentence_changed = Signal(object)  # Known | None: of the sentence that the cursor is in
    lit = Signal(int, int)  # words of that sentence and of its translation; -1: none

    def __init__(self, session: Session, left: SourceSide, right: TargetSide, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._left, self._right = session, left, right
        self.on = True  # whether words are lit
        self.sentence = ""  # the one that the cursor is in
        self.known: Known | None = None
        self._number = -1
        self._edit: Edit | None = None  # what the numbers of sentences are about
        self._pointed: Word | None = None  # under the mouse
        self._stepped: Word | None = None  # by the keys
        session.page_changed.connect(self._page_changed)
        session.known_changed.connect(self._known_changed)
        left.field.pointed.connect(lambda unit: self._point(unit, False))
        right.field.pointed.connect(lambda unit: self._point(unit, True))
        left.field.cursorPositionChanged.connect(self._cursor_moved)
        right.field.cursorPositionChanged.connect(self._target_cursor_moved)
        right.field.stepped.connect(self.step)
        right.field.ended.connect(self.step_to_end)

    # Which sentence

    def _page_changed(self, page: Page) -> None:
        if page.edit is not self._edit:
            self._edit, self._pointed, self._stepped = page.edit, None, None
            self._number = self._at(self._cursor(), False)
        self._choose(self._number)  # of the same text: the sentences are the same, and some more are translated
        self.show()

    def _cursor(self) -> int:
        return self._left.field.textCursor().position()

    def _cursor_moved(self) -> None:
        if self._session.settled:
            self._choose(self._at(self._cursor(), False))

    def _target_cursor_moved(self) -> None:
        field = self._right.field
        if field.hasFocus() and self._session.settled:
            self._choose(self._at(field.textCursor().position(), True))

    def _at(self, unit: int, target: bool) -> int:
        """The number of the sentence at one of Qt's places; between two it is the one before; -1: there is none."""
        page = self._session.page
        if page is None or not page.sources:
            return -1
        units, spans = (page.target_units, page.targets) if target else (page.source_units, page.sources)
        place = units.place(unit)
        return max(0, bisect_right(spans, place, key=lambda span: span[0]) - 1)

    def _choose(self, number: int) -> None:
        page = self._session.page
        self._number = number
        sentence = page.slots[number].sentence if page is not None and 0 <= number < len(page.slots) else ""
        found = self._session.known(sentence) if sentence else None
        if sentence == self.sentence and found is self.known:
            return
        self.sentence = sentence
        if found is not None or not sentence:
            self._show_known(found)
        elif page is not None and page.slots[number].state is State.DONE:
            self._session.look_closer(sentence)
        # Else it is being translated: what is shown inside stays until then, as the old translation does.

    def _known_changed(self, sentence: str) -> None:
        if sentence == self.sentence:
            self._show_known(self._session.known(sentence))

    def _show_known(self, known: Known | None) -> None:
        self.known = known
        self.sentence_changed.emit(known)

    # Which word

    def _point(self, unit: int, target: bool) -> None:
        word = self._word_at(unit, target) if unit >= 0 else None
        if word != self._pointed:
            self._pointed = word
            self.show()

    def _word_at(self, unit: int, target: bool) -> Word | None:
        page, number = self._session.page, self._at(unit, target)
        if page is None or not self._session.settled or number < 0:
            return None
        if self._ask_for(number) or self._of(number) is None:
            return None
        places = self._places(number, target)
        at = (page.target_units if target else page.source_units).place(unit)
        for k, (start, end) in enumerate(places):
            if start <= at < end:
                return Word(number, k, target)
        return None

    def _ask_for(self, number: int) -> bool:
        """Whether the words of a sentence that is translated are not known any more: then they come soon."""
        page = self._session.page
        assert page is not None
        slot = page.slots[number]
        if slot.state is not State.DONE or self._session.known(slot.sentence) is not None:
            return False
        self._session.look_closer(slot.sentence)
        return True

    def _of(self, number: int) -> Known | None:
        """What is known of a sentence, where its translation is the one that stands there."""
        page = self._session.page
        assert page is not None
        slot = page.slots[number]
        known = self._session.known(slot.sentence)
        return known if known is not None and fit(known.translation.text) == slot.shown else None

    def _places(self, number: int, target: bool) -> list[tuple[int, int]]:
        """Where the words of the sentence, or of its translation, stand in the field's text."""
        page, known = self._session.page, self._of(number)
        assert page is not None
        if known is None:
            return []
        start, end = (page.targets if target else page.sources)[number]
        if target:
            plain, words, laid = page.slots[number].shown, known.translation.words, page.shown[start:end]
        else:
            plain, words, laid = known.translated.sentence, known.translated.words, page.edit.text[start:end]
        where = _laid_out(plain, laid)
        return [(start + where[a], start + where[b - 1] + 1) for a, b in words]

    def step(self, by: int) -> None:
        """To the next or previous word of the translation."""
        page = self._session.page
        if page is None or not page.slots:
            return
        if self._stepped is None:
            number = max(self._number, 0)
            count = len(self._places(number, True))
            to = Word(number, 0 if by > 0 else count - 1, True)
        else:
            to = Word(self._stepped.sentence, self._stepped.number + by, True)
        count = len(self._places(to.sentence, True))
        while not 0 <= to.number < count:  # on into the neighbour
            number = to.sentence + (1 if by > 0 else -1)
            if not 0 <= number < len(page.slots) or self._ask_for(number):
                return
            count = len(self._places(number, True))
            to = Word(number, 0 if by > 0 else count - 1, True)
        self._go(to)

    def step_to_end(self, where: int) -> None:
        number = max(self._number, 0)
        page = self._session.page
        if page is not None and page.slots and (count := len(self._places(number, True))):
            self._go(Word(number, 0 if where < 0 else count - 1, True))

    def _go(self, word: Word) -> None:
        self._stepped, self._pointed = word, None
        page = self._session.page
        assert page is not None
        start, _ = self._places(word.sentence, True)[word.number]
        field = self._right.field
        cursor = field.textCursor()
        cursor.setPosition(page.target_units.of(start))
        field.setTextCursor(cursor)
        field.ensureCursorVisible()
        self._choose(word.sentence)
        self.show()
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(field, self._right.reading.text()))

    def point_inside(self, source_word: int, target_word: int) -> None:
        """A word of the sentence that the cursor is in, pointed at in the matrix; -1: none."""
        if self._number < 0:  # there is none
            self._pointed = None
        elif target_word >= 0:
            self._pointed = Word(self._number, target_word, True)
        elif source_word >= 0:
            self._pointed = Word(self._number, source_word, False)
        else:
            self._pointed = None
        self.show()

    def cancel(self) -> bool:
        """False where no word was looked at."""
        was = self._stepped is not None
        self._stepped = self._pointed = None
        self.show()
        return was

    def turn(self, on: bool) -> None:
        self.on = on
        self.show()

    # What is lit

    def show(self) -> None:
        """Light what is looked at, and tell of it."""
        word = self._pointed or self._stepped
        known = self._of(word.sentence) if word is not None and self._session.settled else None
        here = self._places(word.sentence, word.target) if word is not None and known is not None else []
        # A translation that was taken meanwhile may have fewer words.
        if word is None or known is None or not self.on or word.number >= len(here):
            self._left.field.light(())
            self._right.field.light(())
            self._right.reading.setText("")
            self.lit.emit(-1, -1)
            return
        links = known.translation.links
        there = self._places(word.sentence, not word.target)
        shares = links[word.number] if word.target else links[:, word.number]
        one, others = (self._right, self._left) if word.target else (self._left, self._right)
        one.field.light([self._light(here[word.number], 1.0, word.target, pointed=True)])
        others.field.light(
            [
                self._light(place, float(share), not word.target)
                for place, share in zip(there, shares, strict=True)
                if share >= LEAST
            ]
        )
        self._right.reading.setText(self._about(word, known, shares))
        inside = word.number if word.sentence == self._number else -1
        self.lit.emit(-1 if word.target else inside, inside if word.target else -1)

    def _light(self, place: tuple[int, int], share: float, target: bool, pointed: bool = False) -> Light:
        page = self._session.page
        assert page is not None
        units = page.target_units if target else page.source_units
        return Light(units.of(place[0]), units.of(place[1]), min(1.0, share), pointed)

    def _about(self, word: Word, known: Known, shares: np.ndarray) -> str:
        """ "“Hund” ← “dog” 84.0 %"."""
        translation, sentence = known.translation, known.translated.sentence
        one, other = (translation.text, sentence) if word.target else (sentence, translation.text)
        words, others = (translation.words, known.translated.words)
        if not word.target:
            words, others = others, words
        start, end = words[word.number]
        order = sorted(range(len(shares)), key=lambda k: -float(shares[k]))[:TOLD]
        found = [
            f"“{other[others[k][0] : others[k][1]]}” {numbers.per_cent(100 * float(shares[k]), 0)}"
            for k in order
            if shares[k] >= LEAST
        ]
        if not found:
            return tr("“{0}”: aligned with no word").format(one[start:end])
        arrow = "←" if word.target else "→"
        return f"“{one[start:end]}” {arrow} {', '.join(found)}"


def _laid_out(plain: str, laid: str) -> list[int]:
    """Where each letter of a sentence stands in it as it is laid out, with line breaks and several spaces."""
    if plain == laid:
        return list(range(len(plain)))
    found, at = [], 0
    for letter in plain:
        if letter != " ":
            while at < len(laid) - 1 and laid[at] != letter:
                at += 1
        found.append(min(at, max(0, len(laid) - 1)))
        at += 1
    return found
