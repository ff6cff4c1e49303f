"""What the window asks of the engine for itself: the device, and models brought into memory before they are needed."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.context import Context
from app.worker import Cancelled, Done, Failed, Partial, Ticket

PANEL = "classify"


class Machine(QObject):
    """Watches its own requests only; answers to a panel's requests are the panel's."""

    device_named = Signal(str)  # the device in use, for a person
    busy_changed = Signal(str)  # what is being done, "" for nothing
    failed = Signal(str)  # a sentence
    checked = Signal(object)  # app.engines.models.ModelChecked
    checking = Signal(str, int, int)  # a model, of how many lines how many are done; 0 of 0: it has ended

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._waiting: dict[Ticket, tuple[str, str]] = {}  # what kind, and what to say meanwhile
        self.device = ""
        self.preference = context.settings.value("device", "auto")
        self._checks: dict[Ticket, str] = {}  # those of published checkpoints: the model
        context.bridge.partial.connect(self._partial)
        context.bridge.done.connect(self._done)
        context.bridge.failed.connect(self._failed)
        context.bridge.cancelled.connect(self._cancelled)

    def start(self, models: Iterable[str]) -> None:
        """Find the device, then load `models`. Returns at once."""
        self.use_device(self.preference)
        for model in models:
            self.load(model)

    def use_device(self, preference: str) -> None:
        from app.engines.classify import UseDevice

        self.preference = preference
        self._ask(UseDevice(preference), "device", self.tr("looking for a graphics card…"))

    def load(self, model: str) -> None:
        from app.engines.classify import LoadModel

        self._ask(LoadModel(model), "load", self.tr("loading {0}…").format(model), self._panel(model))

    def release(self, model: str) -> None:
        from app.engines.classify import ReleaseModel

        self._ask(ReleaseModel(model), "release", self.tr("releasing {0}…").format(model), self._panel(model))

    def check(self, model: str) -> None:
        """Try a file that has come, or that was verified: a classifier on the sample pictures, a published checkpoint
        on what was published with it. That takes minutes, so it stands behind all that a person asks for."""
        from app.engines.models import CheckModel

        card = self._context.store.card(model)
        text = self.tr("checking {0}…").format(model)
        if card.task == PANEL:
            self._ask(CheckModel(model), "check", text)
        elif card.parts and model not in self._checks.values():
            ticket = self._context.worker.enqueue(card.task, CheckModel(model))
            self._checks[ticket] = model
            self._waiting[ticket] = ("check", text)
            self.busy_changed.emit(self.busy())
            self.checking.emit(model, 0, 0)

    def checked_now(self) -> tuple[str, ...]:
        """The published checkpoints that are being checked."""
        return tuple(self._checks.values())

    def stop_check(self, model: str) -> None:
        """It can be had again, with “Verify”."""
        for ticket, one in self._checks.items():
            if one == model:
                ticket.cancel()

    def busy(self) -> str:
        """What is being done now, "" for nothing."""
        return next((text for _, text in self._waiting.values()), "")

    def _panel(self, model: str) -> str:
        """The worker's panel whose engine holds the model."""
        return self._context.store.card(model).task

    def _ask(self, request: object, kind: str, text: str, panel: str = PANEL) -> None:
        self._waiting[self._context.worker.control(panel, request)] = (kind, text)
        self.busy_changed.emit(self.busy())

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        from app.engines.models import Checking

        if answer.ticket in self._checks and isinstance(answer.value, Checking):
            self.checking.emit(answer.value.model, answer.value.done, answer.value.total)

    @Slot(object)
    def _done(self, answer: Done) -> None:
        kind = self._take(answer.ticket)
        if kind == "device":
            self.device = str(answer.value)
            self._context.bridge.forget_loaded()
            if self._context.settings.value("device", "auto") != self.preference:
                self._context.settings.set("device", self.preference)
                self._context.settings.save()
            self.device_named.emit(self.device)
        elif kind == "check" and answer.value is not None:
            self.checked.emit(answer.value)

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        kind = self._take(answer.ticket)
        if kind is not None:
            self.failed.emit(answer.sentence)
        if kind == "device" and self.preference != "auto":
            self.use_device("auto")  # what was asked for isn't there: the next best answers meanwhile

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        self._take(answer.ticket)

    def _take(self, ticket: Ticket) -> str | None:
        found = self._waiting.pop(ticket, None)
        if found is None:
            return None
        if (model := self._checks.pop(ticket, None)) is not None:
            self.checking.emit(model, 0, 0)
        self.busy_changed.emit(self.busy())
        return found[0]
