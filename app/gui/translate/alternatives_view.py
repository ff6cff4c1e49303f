"""Inside Translate: the beam's translations of the sentence at the cursor, and how they are searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QSlider, QWidget

from app.gui.caption.sentences_view import SentencesView
from app.gui.theme import QUARTER, STEP, WIDE, Theme, sized, tabular
from app.gui.translate.choice import ALPHA_STEPS, COVERAGE_STEPS, MOST_ALPHA, MOST_COVERAGE, WIDEST_BEAM, Choice
from app.gui.translate.scribe import fit

if TYPE_CHECKING:
    from app.gui.translate.session import Known

SETTLE = 250  # ms that a slider has come to rest, before all is translated anew


class AlternativesView(QWidget):
    """`taken` carries the number of the translation that the person wants."""

    taken = Signal(int)

    def __init__(self, choice: Choice, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = choice
        self._showing = False
        self.list = SentencesView(theme, self)
        self.list.setAccessibleName(self.tr("Other translations of the sentence (beam)"))
        self.list.picked.connect(self.taken)
        self.empty = QLabel(self.tr("The other translations of the sentence at the cursor stand here."), self)
        self.empty.setProperty("quiet", True)
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(STEP, STEP, STEP, 0)

        controls = QWidget(self)
        self.beam = self._slider(1, WIDEST_BEAM)
        self.alpha = self._slider(0, round(MOST_ALPHA * ALPHA_STEPS))
        self.coverage = self._slider(0, round(MOST_COVERAGE * COVERAGE_STEPS))
        grid = QGridLayout(controls)
        grid.setContentsMargins(STEP, QUARTER, STEP, QUARTER)
        grid.setHorizontalSpacing(STEP)
        grid.setVerticalSpacing(QUARTER)
        self._values: list[QLabel] = []
        rows = (
            (self.beam, self.tr("Followed at once (beam)"), self.tr("How many translations are followed at once")),
            (
                self.alpha,
                self.tr("Longer ones win (α)"),
                self.tr("Length normalisation, α: at 0 the likeliest translation wins, which is often too short"),
            ),
            (
                self.coverage,
                self.tr("Nothing left out (β)"),
                self.tr("Coverage penalty, β: translations that have looked at every word of the sentence win"),
            ),
        )
        for row, (slider, words, tip) in enumerate(rows):
            label = QLabel(words, controls)
            label.setBuddy(slider)
            value = QLabel(controls)
            value.setFont(tabular(value.font()))
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setMinimumWidth(value.fontMetrics().horizontalAdvance("0.00"))
            slider.setAccessibleName(words)
            for widget in (label, slider):
                widget.setToolTip(tip)
            grid.addWidget(label, row, 0)
            grid.addWidget(slider, row, 1)
            grid.addWidget(value, row, 2)
            self._values.append(value)
            slider.valueChanged.connect(self._moved)
        self.reset = QPushButton(self.tr("As the model's card says"), controls)
        self.reset.setProperty("flat", True)
        self.reset.clicked.connect(choice.reset_search)
        grid.addWidget(self.reset, len(rows), 0, 1, 3, Qt.AlignmentFlag.AlignLeft)
        grid.setRowStretch(len(rows) + 1, 1)
        grid.setColumnStretch(1, 1)
        scroll = QScrollArea(self)
        scroll.setWidget(controls)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.viewport().setAutoFillBackground(False)
        controls.setAutoFillBackground(False)
        scroll.setMinimumWidth(controls.minimumSizeHint().width() + WIDE)
        box = QHBoxLayout(self)
        box.setContentsMargins(STEP, 0, STEP, STEP)
        box.setSpacing(WIDE)
        box.addWidget(self.list, 3)
        box.addWidget(self.empty, 3)
        box.addWidget(scroll, 2)
        sized(self.empty, "body")
        self._settling = QTimer(self, singleShot=True, interval=SETTLE)
        self._settling.timeout.connect(self._choose)
        choice.changed.connect(self._show_choice)
        self._show_choice()
        self.show_known(None)

    def show_known(self, known: Known | None) -> None:
        self.list.setVisible(known is not None)
        self.empty.setVisible(known is None)
        if known is None:
            self.list.clear()
            return
        self.list.show_sentences([(fit(one.text), one.logprob, one.score) for one in known.translated.translations])
        self.list.setCurrentRow(known.index)

    # How it is searched

    def _slider(self, least: int, most: int) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal, self)
        slider.setRange(least, most)
        slider.setPageStep(1)
        slider.setMinimumWidth(80)
        return slider

    def _show_choice(self) -> None:
        beam, alpha, coverage = self._choice.search()
        self._showing = True
        self.beam.setValue(beam)
        self.alpha.setValue(round(alpha * ALPHA_STEPS))
        self.coverage.setValue(round(coverage * COVERAGE_STEPS))
        self._showing = False
        self._tell()

    def _moved(self) -> None:
        self._tell()
        if not self._showing:
            self._settling.start()

    def _now(self) -> tuple[int, float, float]:
        return self.beam.value(), self.alpha.value() / ALPHA_STEPS, self.coverage.value() / COVERAGE_STEPS

    def _tell(self) -> None:
        beam, alpha, coverage = self._now()
        words = (str(beam), QLocale().toString(alpha, "f", 1), QLocale().toString(coverage, "f", 2))
        for label, text in zip(self._values, words, strict=True):
            label.setText(text)
        self.reset.setEnabled((beam, alpha, coverage) != self._choice.own_search())

    def _choose(self) -> None:
        self._choice.set_search(*self._now())

    def close_view(self) -> None:
        self._settling.stop()
