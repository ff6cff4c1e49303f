"""Which caption stands in large, which of its words is looked at, and what is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.caption.caption_side import CaptionSide
from app.gui.caption.lighting import Lighting
from app.gui.caption.live_side import LiveSide
from app.gui.caption.session import Answer, Session
from app.gui.caption.wording import logprob, unsure

if TYPE_CHECKING:
    import numpy as np

    from app.engines.caption import Caption
    from app.engines.steady import Steady


class Reading(QObject):
    """Between the session and the two leaves. While a person looks at a word, or at a sentence of their own making,
    what comes meanwhile is kept for later: nothing changes under their eyes."""

    said = Signal(object, float)  # Answer, when it was first said on the source's clock: another sentence holds now
    holds = Signal(object)  # Answer: the same sentence as before
    shown = Signal()  # something else stands in large, of whatever kind

    def __init__(
        self,
        session: Session,
        left: LiveSide,
        right: CaptionSide,
        lighting: Lighting,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._left, self._right, self._lighting = session, left, right, lighting
        self.answer: Answer | None = None  # what stands in large
        self.newest: Answer | None = None  # the last one of the network's own
        self.own: Answer | None = None  # the network's own sentence, while the person's choice stands in large
        self.place = 0  # which of the beam's sentences stands in large
        self.word = -1  # stepped to, or clicked; it stays
        self.pointed = -1  # under the mouse
        self._due: Answer | None = None  # the one to be read now
        self._steady: Steady | None = None
        session.jumped.connect(self.begin_again)
        session.growing.connect(self._growing)
        session.answered.connect(self._answered)
        lighting.changed.connect(self.show_attention)
        right.caption.pointed.connect(self._point)
        right.caption.picked.connect(lambda place: self.choose_word(-1 if place == self.word else place))
        right.runner_picked.connect(self.pick)
        right.sentence_picked.connect(self.show_place)
        right.own_words_wanted.connect(self.back_to_own_words)

    @property
    def caption(self) -> Caption | None:
        """The one that stands in large."""
        return self.answer.described.captions[self.place] if self.answer is not None else None

    @property
    def looked_at(self) -> int:
        """The word that the mouse is over, else the one that was stepped to; -1: none."""
        return self.pointed if self.pointed >= 0 else self.word

    @property
    def held(self) -> bool:
        """Whether what stands in large must stay."""
        return self.looked_at >= 0 or self.own is not None or self.place > 0

    def forget(self) -> None:
        """Another source, another beam: what was said is over."""
        self.answer = self.newest = self.own = None
        self.place, self.word, self.pointed = 0, -1, -1
        self._steady = self._due = None
        self.show()

    # What the network says

    def _growing(self, caption: Caption) -> None:
        """Words appear as they are decoded, where they don't take the place of what is being read."""
        if not self.held and (self.answer is None or self._right.raw.isChecked()):
            self._right.caption.show_caption(caption)

    @Slot(object)
    def _answered(self, answer: Answer) -> None:
        if answer.forced:
            self.own = self.own or self.answer
            self.answer, self.place = answer, 0
            self.word = answer.forced - 1
            self.show()
            self._right.caption.announce()
            return
        self.newest = answer
        again = self._due is not None and self._due.caption.text == answer.caption.text
        since = self._weigh(answer)
        if self._due is answer:
            if again:
                self.holds.emit(answer)
            else:
                self.said.emit(answer, since)
        self._take_up()

    def _weigh(self, answer: Answer) -> float:
        """Decides whether it is the one to be read now. Returns when that one was first said."""
        if self._session.moving and self._session.steadies and not self._right.raw.isChecked():
            from app.engines.steady import Steady  # only now: not before the window's first paint

            self._steady = self._steady or Steady()
            self._steady.offer(answer.caption, answer.frame.time, answer.described.scene)
            if self._steady.shown is answer.caption:
                self._due = answer
            return self._steady.since
        self._steady, self._due = None, answer
        return answer.frame.time

    def _take_up(self) -> None:
        """Show what is to be read now, unless a person looks closer at something."""
        if self.held or self._due is None:
            return
        if self._due is self.answer:
            self.show_attention()
            return
        before = self.answer
        self.answer = self._due
        self.show()
        if before is None or before.caption.text != self.answer.caption.text:
            self._right.caption.announce()

    def begin_again(self) -> None:
        """After a pause, or at another place of the video: what comes next has nothing to do with what was, the same
        sentence or not."""
        self._steady = self._due = None

    def catch_up(self) -> None:
        """Nobody looks closer any more: the newest answer may stand in large again."""
        if not self.held:
            self._take_up()
            self._show_word()

    # Words

    def _point(self, place: int) -> None:
        if place != self.pointed:
            self.pointed = place
            self._show_word()
            self.catch_up()

    def step(self, by: int) -> None:
        """To the next or previous word."""
        caption = self.caption
        if caption is None or not caption.words:
            return
        last = len(caption.words) - 1
        self.choose_word(min(max(self.word + by, 0), last) if self.word >= 0 else (0 if by > 0 else last))
        self._right.caption.announce_word()

    def choose_word(self, place: int) -> None:
        """-1: none. What plays is paused meanwhile, or the sentence would run away."""
        if place >= 0:
            self._hold()
        self.word = place
        self._show_word()
        self.catch_up()

    def pick(self, rank: int) -> None:
        """Another word in the place that is looked at: the network goes on from there."""
        caption, place = self.caption, self.looked_at
        if caption is None or self.answer is None or not 0 <= place < len(caption.words):
            return
        others = caption.words[place].runners_up
        if rank < len(others):
            self._hold()
            self.pointed, self.word = -1, place
            self.own = self.own or self.answer
            prefix = (*(word.text for word in caption.words[:place]), others[rank][0])
            self._session.go_on_from(self.answer.frame, prefix)

    def show_place(self, place: int) -> None:
        """Another sentence of the beam in large."""
        if self.answer is not None and 0 <= place < len(self.answer.described.captions):
            self._hold()
            self.place, self.word = place, -1
            self.show()

    def back_to_own_words(self) -> None:
        if self.own is not None:
            self.answer, self.own = self.own, None
        self.place, self.word = 0, -1
        self.show()
        self.catch_up()

    def cancel(self) -> bool:
        """A step back. False where there was none to take."""
        if self.own is not None or self.place > 0:
            self.back_to_own_words()
        elif self.word >= 0:
            self.choose_word(-1)
        else:
            return False
        return True

    def _hold(self) -> None:
        if self._session.moving:
            self._session.pause()

    # What is shown

    def show(self) -> None:
        """What stands in large, and all that is said about it."""
        caption, right = self.caption, self._right
        if caption is None or self.answer is None:
            right.caption.show_sentence(self._invitation())
            right.show_about("", False)
            right.show_sentences((), -1)
        else:
            right.caption.show_caption(caption, self.answer.forced)
            right.show_about(self._about(caption), self.own is not None or self.place > 0)
            right.show_sentences(self.answer.described.captions, self.place)
        self._show_word()
        self.shown.emit()

    def _invitation(self) -> str:
        if self._session.source is None:
            return self.tr("Here stands what the network sees, in words.")
        if self._session.frame is None:
            return ""
        return self.tr("Looking…")

    def _about(self, caption: Caption) -> str:
        assert self.answer is not None
        parts = [self.tr("log-probability {0}").format(logprob(caption.logprob))]
        if self.answer.forced:
            parts.append(self.tr("underlined: yours"))
        if any(unsure(word) for word in caption.words[self.answer.forced :]):
            parts.append(self.tr("dotted: unsure"))
        return " · ".join(parts)

    def show_frame(self) -> None:
        """The newest one; while a word is looked at, the very one that the words are about."""
        if self.answer is not None and (self.looked_at >= 0 or self.own is not None):
            self._left.view.show_frame(self.answer.frame)
        elif self._session.frame is not None:
            self._left.view.show_frame(self._session.frame)

    def _show_word(self) -> None:
        """The word that is looked at: its region, and what else could have stood in its place."""
        caption, place = self.caption, self.looked_at
        if caption is None or place >= len(caption.words):
            place = -1
        self._right.caption.set_current(place)
        word = caption.words[place] if caption is not None and place >= 0 else None
        self._right.show_runners(word, word.runners_up if word is not None else (), caption is not None)
        self.show_frame()
        self.show_attention()

    def show_attention(self) -> None:
        """Of the word that is looked at; of all words together where none is."""
        bar, view = self._left.attention, self._left.view
        if not bar.heat.isChecked():
            view.show_attention(None)
            bar.show_line(self.tr("H shows where the network looks.") if self.answer is not None else "", False)
            return
        caption, place = self.caption, self.looked_at
        if caption is not None and 0 <= place < len(caption.words):
            word = caption.words[place]
            if word.attention is None:
                self._show_light(caption, place)
                return
            view.show_attention(word.attention)
            words = self.tr("Where the network looked for “{0}” (attention)")
            bar.show_line(words.format(word.text), view.has_heat)
            return
        if self._session.moving and self.newest is not None:
            caption = self.newest.caption  # the one that fits the frame that is shown
        view.show_attention(_together(caption) if caption is not None else None)
        words = self.tr("Where the network looked, all words together (attention)") if view.has_heat else ""
        if caption is not None and caption.words and not view.has_heat:
            words = self.tr("Without attention: point at a word to see what in the picture speaks for it.")
        bar.show_line(words, view.has_heat)

    def _show_light(self, caption: Caption, place: int) -> None:
        """Of a network without attention: another measure, which has to be asked for."""
        assert self.answer is not None
        bar, view, word = self._left.attention, self._left.view, caption.words[place].text
        found = self._lighting.of(caption)
        if found is None or isinstance(found, str):
            view.show_attention(None)
            bar.show_line(found or self.tr("Looking for what speaks for “{0}”…").format(word), False)
            if found is None:
                self._lighting.ask(self.answer, caption)
            return
        speaks = bool(found.maps[place].any())
        view.show_attention(found.maps[place] if speaks else None, found.box)
        words = self.tr("What speaks for “{0}”: a gradient, another measure than attention")
        if not speaks:
            words = self.tr("Nothing in the picture speaks for “{0}” (its gradient; this network has no attention)")
        bar.show_line(words.format(word), speaks)


def _together(caption: Caption) -> np.ndarray | None:
    """The mean of the words' attention; None where there is none."""
    seen = [word.attention for word in caption.words if word.attention is not None]
    if not seen:
        return None
    import numpy as np

    mean: np.ndarray = np.mean(seen, axis=0)
    return mean
