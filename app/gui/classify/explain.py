"""Which class of which model is being explained, against which other, and the worker's map of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.context import Context

if TYPE_CHECKING:
    from app.engines.classify import HeatMap
    from app.media.pictures import Picture
    from app.worker import Done, Failed, Ticket

PANEL, MAILBOX = "classify", "explain"


class Explainer(QObject):
    """`changed`: model, target or against; `mapped`: the map for them has come. Stale maps are dropped."""

    changed = Signal()
    mapped = Signal(object)
    failed = Signal(str)

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._picture: Picture | None = None
        self._ticket: Ticket | None = None
        self.model = ""
        self.target: int | None = None
        self.against: int | None = None
        context.bridge.done.connect(self._done)
        context.bridge.failed.connect(self._failed)

    def set_picture(self, picture: Picture | None) -> None:
        """A new picture; what was explained belonged to the old one."""
        self._picture = picture
        self.clear()

    @property
    def waiting(self) -> bool:
        return self._ticket is not None

    def explain(self, model: str, target: int) -> None:
        """Where `model` sees `target`. What it was held against goes, unless it is another class of the same model."""
        if model != self.model or target == self.against:
            self.against = None
        self.model, self.target = model, target
        self._ask()

    def hold_against(self, model: str, against: int) -> None:
        """Why the target and not this; once more takes it back. Without a target this one becomes it."""
        if self.target is None or model != self.model or against == self.target:
            self.explain(model, against)
            return
        self.against = None if against == self.against else against
        self._ask()

    def drop_against(self) -> None:
        if self.against is not None:
            self.against = None
            self._ask()

    def clear(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        self.target = self.against = None
        self.changed.emit()

    def _ask(self) -> None:
        from app.engines.classify import Explain

        self.changed.emit()
        if self._picture is None or self.target is None:
            return
        request = Explain(self._picture, self.model, self.target, self.against)
        self._ticket = self._context.worker.post(PANEL, request, mailbox=MAILBOX)

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._ticket:
            self._ticket = None
            heat: HeatMap = answer.value
            self.mapped.emit(heat)

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._ticket:
            self._ticket = None
            self.failed.emit(answer.sentence)
