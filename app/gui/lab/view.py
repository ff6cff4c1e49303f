"""The bypass laboratory: controls left, curves in the middle, the answer right; and the race."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.engines.classify import UseDevice
from app.engines.lab import Gradient, GradientCurve, SignalCurve, is_residual, sample, trained
from app.engines.lab import Signal as SignalRequest
from app.gui.context import Context
from app.gui.lab import words
from app.gui.lab.answer import AnswerPane
from app.gui.lab.asking import PANEL, Asker
from app.gui.lab.controls import Controls
from app.gui.lab.race import RaceControls, RaceRun
from app.gui.lab.words import Curve
from app.gui.theme import STEP, WIDE, sized
from app.gui.widgets.buttons import flat_button
from app.gui.widgets.choices import Choices
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.line_plot import LinePlot
from app.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from app.gui.classify.session import Session
    from app.media.pictures import Picture
    from app.store.cards import Card

WIDE_ENOUGH = 980  # pixels: from here on the answer stands beside the curves, else under the controls
ANSWER, SHELF = 250, 270  # pixels: the answer's width, and that of what stands left
ANY = 16_777_215  # pixels: Qt's largest width, which is no limit
MOST_KEPT = 3
PATIENCE = 300  # ms after which it is said that something is being computed
SIGNAL, GRADIENT, RACE = range(3)


class LabView(QWidget):
    """See `app.gui.inside.Inside` for what is asked of a view."""

    models_wanted = Signal()
    said = Signal(str, str)

    def __init__(self, context: Context, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context, self._session = context, session
        theme = context.theme
        self.asker = Asker(context, self)
        self.run = RaceRun(context, self)
        self._kept: list[Curve] = []
        self._shown_network: object = None  # the scale is kept while it stays the same
        self._in_view = self._resting = False
        self._beside = True
        self._offers: list[Card] = []
        self._device = context.settings.value("device", "auto")

        self.what = Choices([self.tr("&Signal"), self.tr("&Gradient"), self.tr("Ra&ce")], theme, self)
        self.controls = Controls(theme, self)
        self.race = RaceControls(self.run, self)
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sentence.setMinimumHeight(2 * self.sentence.fontMetrics().lineSpacing() + 2)  # kept, so that nothing jumps
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.sentence.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.about = ElidedLabel("", self)
        self.about.setProperty("quiet", True)
        sized(self.about, "secondary")
        self.keep = self._flat(self.tr("&Keep curve"), self.tr("Keep this curve to compare others with it"))
        self.drop = self._flat(self.tr("&Drop kept"), self.tr("Drop the curves that were kept"))
        self.plot = LinePlot(theme, self)
        self.progress = ProgressLine(theme, self, keep_room=False)
        self.answer = AnswerPane(theme, self)
        self._put_together()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE)
        self._patience.timeout.connect(self._tell_about)
        self._connect()
        self._look_for_models()
        self._turn()

    def _flat(self, words: str, tip: str) -> QPushButton:
        button = flat_button(words, tip, self)
        button.setAccessibleName(tip)
        return button

    def _put_together(self) -> None:
        side = QWidget(self)
        column = QVBoxLayout(side)
        column.setContentsMargins(WIDE, STEP, WIDE, STEP)
        column.setSpacing(STEP)
        column.addWidget(self.what)
        column.addWidget(self.controls)
        column.addWidget(self.race)
        column.addStretch(1)
        self._side = column
        self.shelf = QScrollArea(self)
        self.shelf.setWidget(side)
        self.shelf.setWidgetResizable(True)
        self.shelf.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.shelf.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        middle = QVBoxLayout()
        middle.setSpacing(STEP)
        middle.addWidget(self.sentence)
        middle.addWidget(self.plot, 1)
        line = QWidget(self)
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(STEP)
        row.addWidget(self.about, 1)
        row.addWidget(self.keep)
        row.addWidget(self.drop)
        self.foot = QStackedWidget(self)  # of one height, whether a race runs or not
        self.foot.addWidget(line)
        self.foot.addWidget(self.progress)
        self.foot.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        middle.addWidget(self.foot)
        self._right = QHBoxLayout()
        self._right.setContentsMargins(0, STEP, WIDE, STEP)
        self._right.setSpacing(WIDE)
        self._right.addLayout(middle, 1)
        self._right.addWidget(self.answer)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(STEP)
        whole.addWidget(self.shelf)
        whole.addLayout(self._right, 1)
        self.answer.setFixedWidth(ANSWER)
        self._widen_shelf()

    def _connect(self) -> None:
        self.what.chosen.connect(self._turn)
        self.controls.changed.connect(self._ask)
        self.controls.switches.reached.connect(self._scroll_to)
        # Keys may be quicker than the layout of a network that has just come: its switches scroll once there is room.
        self.shelf.verticalScrollBar().rangeChanged.connect(lambda: self._scroll_to(self.controls.switches.focused))
        self.controls.of_changed.connect(self._draw)
        self.keep.clicked.connect(self._keep)
        self.drop.clicked.connect(self._drop)
        self.asker.answered.connect(self._answered)
        self.asker.failed.connect(self._failed)
        self.asker.waiting_changed.connect(self._waiting)
        self.run.changed.connect(self._race_moved)
        self.run.failed.connect(lambda sentence: self.said.emit("error", sentence))
        self.progress.cancelled.connect(self.run.cancel)
        self.plot.said.connect(self.said)
        self.answer.models_wanted.connect(self.models_wanted)
        self._session.run.started.connect(self._race_rests)
        self._session.run.ended.connect(self._race_on)
        self._session.current_changed.connect(self._ask)
        self._session.loaded.connect(self._ask)
        self._session.answers_changed.connect(self._picture_failed)

    # What the inside asks

    def shown(self) -> None:
        self._in_view = True
        self._look_for_models()
        self._race_on()
        self._ask()

    def models_changed(self) -> None:
        """Others are here than before."""
        self._look_for_models()

    def hidden(self) -> None:
        """Nothing is computed for nobody: a race that runs waits until one comes back."""
        self._in_view = False
        self.asker.stop()
        self._race_rests()

    def cancel(self) -> bool:
        return self.run.running and self.run.cancel()

    def close_view(self) -> None:
        self.asker.stop()
        self.run.cancel()

    # What is wanted

    def _turn(self) -> None:
        """Signal, gradient or race."""
        race = self.what.place == RACE
        self.controls.setVisible(not race)
        self.race.setVisible(race)
        self.controls.show_gradient(self.what.place == GRADIENT)
        self.answer.setVisible(not race)
        self._kept.clear()
        self._shown_network = None
        if race:
            self.asker.stop()
            self._race_moved()
        else:
            self._end_progress()
            self.plot.show_sentence("")
            self.sentence.setText("")
            self._ask()
        self._show_kept()

    def _ask(self) -> None:
        """The curve for what the controls say now."""
        self._tell_hint()
        self._widen_shelf()
        picture = self._picture()
        if not self._in_view or self.what.place == RACE or picture is None:
            return
        self._follow_device()
        kind = Gradient if self.what.place == GRADIENT else SignalRequest
        self.asker.ask(kind, picture, self.controls.setup())

    def _scroll_to(self, switch: QWidget | None) -> None:
        if switch is not None:
            self.shelf.ensureWidgetVisible(switch, 0, STEP)

    def _follow_device(self) -> None:
        """The person has chosen another one since; its engine began with the one of the settings."""
        device = self._context.settings.value("device", "auto")
        if device != self._device:
            self._device = device
            self._context.worker.control(PANEL, UseDevice(device))

    def _picture(self) -> Picture | Path | None:
        """The one in view, or a sample where there is none; None while it is being read."""
        session = self._session
        if session.decoded is not None:
            return session.decoded.picture
        if session.current is not None and not session.current.error:
            return None
        return sample()

    def _picture_failed(self) -> None:
        if self._session.current is not None and self._session.current.error:
            self._ask()

    def _look_for_models(self) -> None:
        store = self._context.store
        ready = trained(store)
        self._offers = (
            [] if ready else [card for card in store.cards("classify") if is_residual(card) and card.addresses]
        )
        self.controls.show_trained([(card.id, card.name) for card in ready])
        self._names = {card.id: card.name for card in ready}
        self._show_answer()

    # What comes back

    def _answered(self) -> None:
        now = self.asker.now
        if now is None or self.what.place == RACE or now.setup.network != self.controls.setup().network:
            return
        if isinstance(now, SignalCurve) != (self.what.place == SIGNAL):
            return
        self.controls.show_places(now.places)
        self._draw()
        self._show_answer()
        self._show_kept()

    def _draw(self) -> None:
        now, beside = self.asker.now, self.asker.beside
        if now is None or self.what.place == RACE:
            return
        of_weights = self.controls.of_weights
        key = (type(now), of_weights, now.setup.network)
        kept = [
            words.curve_series(curve, of_weights, words.kept_words(curve.setup, self._names), number)
            for number, curve in enumerate(self._kept, 2)
        ]
        self.plot.show_chart(words.chart(now, beside, kept, of_weights), keep_scale=key == self._shown_network)
        self._shown_network = key
        if isinstance(now, SignalCurve):
            other = beside if isinstance(beside, SignalCurve) else None
            said = words.signal_sentence(now, other)
        else:
            back = beside if isinstance(beside, GradientCurve) else None
            said = words.gradient_sentence(now, back, of_weights)
        self._say(said, aloud=not self.asker.waiting)
        self._tell_about()

    def _say(self, sentence: str, aloud: bool) -> None:
        """`aloud`: to screen readers as well, but not at every step of something that moves."""
        changed = sentence != self.sentence.text()
        self.sentence.setText(sentence)
        if aloud and changed and sentence and QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self.sentence, sentence))

    def _show_answer(self) -> None:
        now, beside = self.asker.now, self.asker.beside
        if self.controls.fresh:
            self.answer.show_fresh(self._offers)
        elif now is not None and now.top:
            self.answer.show_top(now.top, beside.top[0] if beside is not None and beside.top else None)
        else:
            self.answer.show_top((), None)

    def _failed(self, sentence: str) -> None:
        self.plot.show_sentence(sentence)
        self._shown_network = None
        self.sentence.setText("")
        self._show_answer()
        self._show_kept()

    def _waiting(self) -> None:
        if self.asker.waiting:
            if not self._patience.isActive():
                self._patience.start()
        else:
            self._patience.stop()
            self._tell_about()

    def _tell_about(self) -> None:
        """The line under the curves: whose they are, or that they are on their way."""
        if self.what.place == RACE:
            self.about.setText("")
            return
        parts = [self._picture_words()]
        if self.asker.waiting and not self._patience.isActive():
            parts.append(self.tr("Computing…") if self.asker.now is not None else self.tr("Loading the network…"))
            if not self.plot.chart.series:
                self.plot.show_sentence(self.tr("The network is being made ready…"))
        elif (now := self.asker.now) is not None:
            parts.append(words.network_words(now.setup.network, self._names))
            parts.append(self.tr("{0} ms, {1}").format(round(now.took_ms), now.device))
        self.about.setText(" · ".join(parts))

    def _picture_words(self) -> str:
        current = self._session.current
        if current is None:
            return self.tr("Chelsea the cat, a sample, as no picture is open")
        if current.error:
            return self.tr("Chelsea the cat, a sample, as the picture could not be opened")
        return current.name

    def _tell_hint(self) -> None:
        self.answer.hint.setText(words.hint(self.controls.setup()))

    # Curves that are kept

    def _keep(self) -> None:
        now = self.asker.now
        if now is None or len(self._kept) >= MOST_KEPT:
            return
        self._kept.append(now)
        self._show_kept()
        self._draw()

    def _drop(self) -> None:
        self._kept.clear()
        self._shown_network = None
        self._show_kept()
        self._draw()

    def _show_kept(self) -> None:
        race = self.what.place == RACE
        self.keep.setVisible(not race and len(self._kept) < MOST_KEPT)
        self.keep.setEnabled(self.asker.now is not None)
        self.drop.setVisible(bool(self._kept))

    # The race

    def _race_moved(self) -> None:
        run = self.run
        if self.what.place != RACE:
            return
        if run.points:
            same = self._shown_network is run.race
            self.plot.show_chart(words.race_chart(run.race, run.points), keep_scale=same)
            self._shown_network = run.race
        else:
            waits = self.tr("Both networks are being built…")
            if self._session.run.running:
                waits = self.tr("The race begins after the other pictures.")
            idle = self.tr("Two loss curves grow here, step by step, as soon as the race has started.")
            self.plot.show_sentence(waits if run.running else idle)
            self._shown_network = None
        self._say(self._race_words(), aloud=not run.running)
        self._tell_hint()
        self._tell_about()
        if run.state == "running":
            if not self.progress.running:
                self.progress.start(self.tr("Training both"), at_once=True)
            self.progress.advance(len(run.points), run.race.steps)
            self.foot.setCurrentWidget(self.progress)
        elif not run.running:
            self._end_progress()

    def _race_rests(self) -> None:
        """While nobody looks, or many pictures are to be classified: both take the queue, and a person waits there."""
        if self.run.state == "running":
            self._resting = True
            self.run.pause()

    def _race_on(self) -> None:
        if self._resting and self._in_view and not self._session.run.running:
            self._resting = False
            self.run.resume()

    def _end_progress(self) -> None:
        self.progress.finish()
        self.foot.setCurrentIndex(0)

    def _race_words(self) -> str:
        run = self.run
        if run.end is not None and run.state in ("done", "paused"):
            said = words.race_sentence(run.end)
            return said + " " + self.tr("It goes on after the other pictures.") if self._resting else said
        if run.state == "cancelled":
            return self.tr("Cancelled after step {0} of {1}.").format(len(run.points), run.race.steps)
        if run.points:
            last = run.points[-1]
            return words.race_now(last, run.race.steps)
        return ""

    # Qt

    def sizeHint(self) -> QSize:
        return QSize(900, 420)

    def minimumSizeHint(self) -> QSize:
        return QSize(560, 200)

    def _widen_shelf(self) -> None:
        """As wide as its controls need in the language there is, so that nothing has to be scrolled sideways."""
        least = max(self.controls.minimumSizeHint().width(), self.race.minimumSizeHint().width())
        bar = self.shelf.verticalScrollBar().sizeHint().width()
        self.shelf.setFixedWidth(max(SHELF + (WIDE if self._beside else 0), least + 2 * WIDE + bar))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= WIDE_ENOUGH
        if beside != self._beside:
            self._beside = beside
            if beside:
                self._side.removeWidget(self.answer)
                self._right.addWidget(self.answer)
                self.answer.setFixedWidth(ANSWER)
            else:
                self._right.removeWidget(self.answer)
                self._side.insertWidget(self._side.count() - 1, self.answer)
                self.answer.setMinimumWidth(0)
                self.answer.setMaximumWidth(ANY)
            self._widen_shelf()
