"""Beside an embedded model: what the official weights of the same network reach, and the button that fetches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.theme import QUARTER, STEP, sized

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.progress import Progress


class OfficialLine(QWidget):
    """Hidden until `show_official` is given a card. `download_wanted` and `models_wanted` carry the official model's
    id; the second asks for the models page, where the file that is here can be put into the panel."""

    download_wanted = Signal(str)
    models_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card: Card | None = None
        self._state = ""
        self.words = QLabel(self)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.words.setProperty("quiet", True)
        sized(self.words, "secondary")
        self.button = QPushButton(self)
        self.button.clicked.connect(self._clicked)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(QUARTER + QUARTER // 2)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addSpacing(STEP)
        self.hide()

    def show_official(self, card: Card | None, state: str) -> None:
        """`state`: one of `card_view.STATES`. None: there is no official model of this network."""
        self._card, self._state = card, state
        self.setVisible(card is not None)
        if card is None:
            return
        if card.task == "classify":
            top1 = card.published[0].top1 if card.published else None
            words = self.tr("The official weights reach {0} top-1.")
            reach = words.format("–" if top1 is None else numbers.per_cent(top1))
        else:
            reach = f"{card.name}: {card.summary}"
        size = numbers.size(card.approximate_size)
        self.button.setEnabled(state != "downloading")
        if state in ("absent", "damaged", "downloading"):
            caution = self.tr("Licence: {0}.").format(card.licence)
            if not card.confirmed:
                caution += " " + self.tr("None of us has opened the address.")
            self.words.setText(f"{reach} {caution}")
            self.button.setText(self.tr("Download ({0})").format(size))
            self.button.setAccessibleName(self.tr("Download {0}, {1}").format(card.name, size))
        else:
            self.words.setText(reach + " " + self.tr("They are on this machine."))
            self.button.setText(self.tr("Put them into the panel…"))
            self.button.setAccessibleName(self.tr("Put {0} into the panel").format(card.name))
        if state == "downloading":
            self.button.setText(self.tr("Downloading…"))

    def show_progress(self, progress: Progress) -> None:
        if self._state == "downloading" and progress.total:
            share = numbers.per_cent(100 * progress.received / progress.total, 0)
            self.button.setText(self.tr("Downloading… {0}").format(share))

    def _clicked(self) -> None:
        if self._card is not None:
            here = self._state in ("ready", "loaded", "loading")
            (self.models_wanted if here else self.download_wanted).emit(self._card.id)
