"""The race: a plain and a residual network learn the same, live. Its controls, and what the engine says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.engines.lab import DEPTHS, PauseRace, Race, RaceEnd, RacePoint, ResumeRace
from app.gui.context import Context
from app.gui.lab.asking import PANEL
from app.gui.theme import QUARTER, STEP, sized

if TYPE_CHECKING:
    from app.worker import Cancelled, Done, Failed, Partial, Ticket

OFTEN = 60  # ms between two drawings of the curves


class RaceRun(QObject):
    """One race at a time. `state`: "" (none yet), "running", "pausing", "paused", "done", "cancelled" or "failed"."""

    changed = Signal()  # state, points or end
    failed = Signal(str)

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = context.worker
        self._ticket: Ticket | None = None
        self._pause_ticket: Ticket | None = None
        self._go_on = False  # as soon as the pause that was asked for has come
        self.race = Race()
        self.state = ""
        self.points: list[RacePoint] = []
        self.end: RaceEnd | None = None
        self._draw = QTimer(self)
        self._draw.setSingleShot(True)
        self._draw.setInterval(OFTEN)
        self._draw.timeout.connect(self.changed)
        bridge = context.bridge
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)
        bridge.cancelled.connect(self._cancelled)

    @property
    def running(self) -> bool:
        return self.state in ("running", "pausing")

    def start(self, race: Race) -> None:
        self.cancel()
        self.race, self.points, self.end = race, [], None
        self._ticket = self._worker.enqueue(PANEL, race)
        self._set("running")

    def pause(self) -> None:
        self._go_on = False
        if self.state == "running":
            self._pause_ticket = self._worker.control(PANEL, PauseRace())
            self._set("pausing")

    def resume(self) -> None:
        if self.state == "pausing":
            self._go_on = True
        elif self.state == "paused":
            self._go_on = False
            self._ticket = self._worker.enqueue(PANEL, ResumeRace())
            self._set("running")

    def cancel(self) -> bool:
        """For good; the curves so far stay. False where there was nothing to cancel."""
        there = self.running or self.state == "paused"
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        if there:
            self._set("cancelled")
        return there

    def _set(self, state: str) -> None:
        self.state = state
        self.changed.emit()

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket is self._ticket and isinstance(answer.value, RacePoint):
            self.points.append(answer.value)
            if not self._draw.isActive():
                self._draw.start()

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._ticket:
            self._ticket = None
            end: RaceEnd = answer.value
            self.points, self.end = list(end.points), end
            self._set("done" if end.finished else "paused")
            if self._go_on:
                self.resume()
        elif answer.ticket is self._pause_ticket:
            self._pause_ticket = None
            if not answer.value and self.state == "pausing":  # it still waits for its turn
                self._set("running")

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._ticket:
            self._ticket = None
            self._set("failed")
            self.failed.emit(answer.sentence)

    @Slot(object)
    def _cancelled(self, answer: Cancelled) -> None:
        if answer.ticket is self._ticket:
            self._ticket = None
            self._set("cancelled")


class RaceControls(QWidget):
    def __init__(self, run: RaceRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        first = Race()
        self.layers = QComboBox(self)
        self.layers.addItems([str(depth) for depth in DEPTHS])
        self.layers.setCurrentIndex(DEPTHS.index(first.depth))
        self.layers.setAccessibleName(self.tr("Layers of both networks"))
        self.steps = self._number(self.tr("Training steps"), 20, 5000, first.steps, 50)
        self.seed = self._number(
            self.tr("Seed of the first weights and of the order of the pictures"), 0, 9999, first.seed
        )
        grid = QGridLayout()
        grid.setHorizontalSpacing(STEP)
        grid.setVerticalSpacing(STEP)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget], ...] = (
            (self.tr("La&yers"), self.layers),
            (self.tr("Ste&ps"), self.steps),
            (self.tr("S&eed"), self.seed),
        )
        for row, (words, control) in enumerate(rows):
            label = QLabel(words, self)
            label.setBuddy(control)
            grid.addWidget(label, row, 0)
            grid.addWidget(control, row, 1)
        self.start = QPushButton(self.tr("Star&t"), self)
        self.start.setProperty("primary", True)
        self.start.clicked.connect(self._start)
        self.pause = QPushButton(self.tr("Pa&use"), self)
        self.pause.clicked.connect(self._pause_or_go_on)
        self.cancel = QPushButton(self.tr("Ca&ncel"), self)
        self.cancel.clicked.connect(run.cancel)
        buttons = QHBoxLayout()
        buttons.setSpacing(STEP)
        for button in (self.start, self.pause, self.cancel):
            buttons.addWidget(button)
        buttons.addStretch(1)
        about = QLabel(
            self.tr(
                "Two networks with the same first weights learn to tell eight shapes apart, from the same drawings in "
                "the same order: one with bypasses, one without. Both are normalised."
            ),
            self,
        )
        about.setWordWrap(True)
        about.setProperty("quiet", True)
        sized(about, "secondary")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(STEP)
        column.addLayout(grid)
        column.addSpacing(QUARTER)
        column.addLayout(buttons)
        column.addWidget(about)
        column.addStretch(1)
        run.changed.connect(self._follow)
        self._follow()

    def _start(self) -> None:
        self._run.start(Race(DEPTHS[self.layers.currentIndex()], self.steps.value(), self.seed.value()))

    def _pause_or_go_on(self) -> None:
        if self._run.state == "paused":
            self._run.resume()
        else:
            self._run.pause()

    def _follow(self) -> None:
        state = self._run.state
        controls: tuple[QWidget, ...] = (self.layers, self.steps, self.seed, self.start)
        for control in controls:
            control.setEnabled(not self._run.running and state != "paused")
        self.pause.setText(self.tr("Go &on") if state == "paused" else self.tr("Pa&use"))
        self.pause.setEnabled(state in ("running", "paused"))
        self.cancel.setEnabled(self._run.running or state == "paused")

    def _number(self, name: str, least: int, most: int, value: int, step: int = 1) -> QSpinBox:
        box = QSpinBox(self)
        box.setRange(least, most)
        box.setSingleStep(step)
        box.setValue(value)
        box.setAccessibleName(name)
        box.setMinimumHeight(self.layers.sizeHint().height())
        return box
