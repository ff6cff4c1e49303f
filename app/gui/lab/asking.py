"""What is asked of the laboratory's engine while a person moves switches: the newest, one at a time, and what it is
compared with. No widgets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.engines.lab import Fresh, Gradient, Setup
from app.engines.lab import Signal as SignalRequest
from app.gui.context import Context
from app.gui.lab.words import Curve, whole

if TYPE_CHECKING:
    from app.media.pictures import Picture
    from app.worker import Cancelled, Done, Failed, Ticket

PANEL, MAILBOX, BESIDE = "lab", "input", "beside"
PAUSE = 30  # ms that controls have to rest before anything is asked
KEPT = 12  # curves to compare with that are remembered

Kind = type[SignalRequest] | type[Gradient]
Wish = tuple[Kind, "Picture | Path", Setup]


class Asker(QObject):
    """While an answer for the same network is on its way, the next wish waits for it, so that the curve follows a
    slider that moves; a wish for another network or picture takes its place at once (the mailbox: newest wins)."""

    answered = Signal()  # `now` or `beside` has changed
    failed = Signal(str)
    waiting_changed = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = context.worker
        self.now: Curve | None = None
        self._wish: Wish | None = None
        self._asked: Wish | None = None  # what `_ticket` is for
        self._ticket: Ticket | None = None
        self._beside_asked: Wish | None = None
        self._beside_ticket: Ticket | None = None
        self._picture: Picture | Path | None = None
        self._whole: dict[tuple[Kind, str | Fresh], Curve] = {}  # of `_picture`
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._send)
        bridge = context.bridge
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)
        bridge.cancelled.connect(self._cancelled)

    @property
    def waiting(self) -> bool:
        return self._ticket is not None or self._timer.isActive()

    @property
    def beside(self) -> Curve | None:
        """What `now` is compared with; None where that isn't here yet, or is `now` itself."""
        if self.now is None or self.now.setup == whole(self.now.setup):
            return None
        kind = SignalRequest if hasattr(self.now, "rms") else Gradient
        return self._whole.get((kind, whole(self.now.setup).network))

    def ask(self, kind: Kind, picture: Picture | Path, setup: Setup) -> None:
        if picture is not self._picture and picture != self._picture:
            self._picture = picture
            self._whole.clear()
        self._wish = (kind, picture, setup)
        self._timer.start()
        self.waiting_changed.emit()

    def stop(self) -> None:
        """Nothing is wanted any more."""
        self._timer.stop()
        self._wish = None
        for ticket in (self._ticket, self._beside_ticket):
            if ticket is not None:
                ticket.cancel()
        self._ticket = self._asked = self._beside_ticket = self._beside_asked = None
        self.waiting_changed.emit()

    def _send(self) -> None:
        if self._wish is None:
            return
        if self._ticket is not None and self._asked is not None and _alike(self._asked, self._wish):
            return  # `_done` comes back here
        kind, picture, setup = self._asked = self._wish
        self._ticket = self._worker.post(PANEL, kind(picture, setup), MAILBOX)
        self.waiting_changed.emit()

    def _send_beside(self, wish: Wish) -> None:
        kind, picture, setup = wish
        other = whole(setup)
        key = (kind, other.network)
        if setup == other or key in self._whole:
            return
        if self._beside_asked is not None and self._beside_asked[0] is kind and self._beside_asked[2] == other:
            return
        self._beside_asked = (kind, picture, other)
        self._beside_ticket = self._worker.post(PANEL, kind(picture, other), BESIDE)

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._beside_ticket and self._beside_asked is not None:
            kind, _, setup = self._beside_asked
            self._beside_ticket = self._beside_asked = None
            self._remember(kind, setup, answer.value)
            self.answered.emit()
        elif answer.ticket is self._ticket and self._asked is not None:
            asked, self._ticket, self._asked = self._asked, None, None
            kind, _, setup = asked
            self.now = answer.value
            if setup == whole(setup):
                self._remember(kind, setup, answer.value)
            if self._wish is not None and self._wish != asked:
                self._send()
            self._send_beside(self._wish or asked)
            self.answered.emit()
            self.waiting_changed.emit()

    def _remember(self, kind: Kind, setup: Setup, curve: Curve) -> None:
        self._whole.pop((kind, setup.network), None)
        self._whole[kind, setup.network] = curve
        while len(self._whole) > KEPT:
            del self._whole[next(iter(self._whole))]

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._beside_ticket:
            self._beside_ticket = self._beside_asked = None  # the curve itself stands
        elif answer.ticket is self._ticket:
            self._ticket = self._asked = None
            self.now = None
            self.failed.emit(answer.sentence)
            self.waiting_changed.emit()

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        if answer.ticket is self._beside_ticket:
            self._beside_ticket = self._beside_asked = None
        elif answer.ticket is self._ticket:
            self._ticket = self._asked = None
            self.waiting_changed.emit()


def _alike(one: Wish, other: Wish) -> bool:
    """Whether both need the same network, and so about the same time, and answer the same question."""
    same_picture = one[1] is other[1] or one[1] == other[1]
    return one[0] is other[0] and same_picture and one[2].network == other[2].network
