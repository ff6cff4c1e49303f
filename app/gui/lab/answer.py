"""Beside the curves: the five labels of a trained network as its bypasses now are, or why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.classify.answers import SHOWN, percent
from app.gui.theme import STEP, Theme, sized
from app.gui.widgets.probability_bars import Bar, ProbabilityBars

if TYPE_CHECKING:
    from app.engines.classify import Label
    from app.store.cards import Card


class AnswerPane(QWidget):
    models_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        title = QLabel(self.tr("What it sees now"), self)
        sized(title, "body", bold=True)
        self.bars = ProbabilityBars(theme, SHOWN, self)
        self.bars.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)  # read only: here no click explains
        self.before = self._text()
        self.words = self._text()
        self.hint = self._text()  # what to think of it
        self.models = QPushButton(self.tr("Download one…"), self)
        self.models.setAccessibleName(self.tr("Download a trained ResNet on the models page"))
        self.models.clicked.connect(self.models_wanted)
        self._learnt: tuple[QWidget, ...] = (self.bars, self.before)
        self._fresh: tuple[QWidget, ...] = (self.words, self.models)
        row = QHBoxLayout()
        row.addWidget(self.models)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(STEP)
        column.addWidget(title)
        column.addWidget(self.bars)
        column.addWidget(self.before)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addWidget(self.hint)
        column.addStretch(1)

    def _text(self) -> QLabel:
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setProperty("quiet", True)
        sized(label, "secondary")
        return label

    def show_top(self, top: Sequence[Label], whole: Label | None) -> None:
        """`whole`: the first label with all bypasses there; None where that is not known yet, or is what one sees."""
        self.bars.show_bars([Bar(label.index, label.label, label.p, percent(label.p)) for label in top[:SHOWN]])
        said = ""
        if whole is not None:
            said = self.tr("With all bypasses whole: “{0}”, {1}.").format(whole.label, _unbroken(percent(whole.p)))
        self.before.setText(said)
        self._show(learnt=True)

    def show_fresh(self, offers: Sequence[Card]) -> None:
        """A network that has learnt nothing. `offers`: trained ones that could be downloaded, where none is here."""
        nothing = self.tr("A fresh network has learnt nothing: it has no answer.")
        if offers:
            least = min(offers, key=lambda card: card.approximate_size or 0)
            size = numbers.size(least.approximate_size)
            words = self.tr(
                "With a trained ResNet one sees its answer fall apart here. None is on this machine: {0}, {1}."
            )
            self.words.setText(nothing + " " + words.format(least.name, size))
        else:
            self.words.setText(nothing + " " + self.tr("Choose a trained one to see its answer fall apart."))
        self._show(learnt=False)
        self.models.setVisible(bool(offers))

    def _show(self, learnt: bool) -> None:
        for part in self._learnt:
            part.setVisible(learnt)
        for part in self._fresh:
            part.setVisible(not learnt)


def _unbroken(words: str) -> str:
    """A number and its unit stay on one line."""
    return words.replace(" ", "\N{NO-BREAK SPACE}")
