"""What in the picture speaks for the words of a caption, where the network has no attention: asked of the worker when a
person looks at a word, for all words of that caption at once, and never for every frame."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.caption.session import PANEL, Answer
from app.gui.context import Context

if TYPE_CHECKING:
    from app.engines.caption import Caption, Light
    from app.worker import Cancelled, Done, Failed, Ticket

KEPT = 12  # captions of which it is known: a beam's, and one's own


class Lighting(QObject):
    changed = Signal()  # more is known, or why there is nothing

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._known: deque[tuple[Caption, Light | str]] = deque(maxlen=KEPT)
        self._asked: Caption | None = None
        self._ticket: Ticket | None = None
        bridge = context.bridge
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)
        bridge.cancelled.connect(self._cancelled)

    def of(self, caption: Caption) -> Light | str | None:
        """A sentence where it can't be told; None where it isn't known yet."""
        return next((found for known, found in self._known if known is caption), None)

    def ask(self, answer: Answer, caption: Caption) -> None:
        """The newest question counts; asked again, nothing happens."""
        if caption is self._asked:
            return
        from app.engines.caption import ShowLight

        self._asked = caption
        words = tuple(word.text for word in caption.words)
        request = ShowLight(answer.frame.pixels, answer.described.model, words)
        self._ticket = self._context.worker.post(PANEL, request, mailbox="light")

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._ticket:
            self._learn(answer.value)

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._ticket:
            self._learn(answer.sentence)

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        if answer.ticket is self._ticket:
            self._asked = self._ticket = None

    def _learn(self, found: Light | str) -> None:
        assert self._asked is not None
        self._known.append((self._asked, found))
        self._asked = self._ticket = None
        self.changed.emit()
