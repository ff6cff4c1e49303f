"""The right leaf: the translation, into which language, and which network says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import numbers
from app.gui.caption.chooser import Chooser
from app.gui.theme import QUARTER, STEP, Theme, sized, tabular
from app.gui.translate.absent import Absent
from app.gui.translate.choice import Choice, language_name
from app.gui.translate.source_side import FOOT, head_height
from app.gui.translate.text_field import TargetField
from app.gui.widgets.buttons import tool_button
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.message_strip import Strips
from app.gui.widgets.model_chip import ModelChip

if TYPE_CHECKING:
    from app.store.cards import Card

TOLD = 3.0  # seconds: of what takes less, nobody wants to know how long it takes


class TargetSide(QWidget):
    target_chosen = Signal(str)
    swap_wanted = Signal()
    links_wanted = Signal(bool)
    copy_wanted = Signal()
    save_wanted = Signal()
    stop_wanted = Signal()
    again_wanted = Signal()
    models_wanted = Signal()
    release_wanted = Signal(str)
    download_wanted = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        # Made in reading order, as Tab follows it.
        self.swap = self._tool("swap", self.tr("Swap the languages; the translation becomes the text"))
        self.swap.clicked.connect(self.swap_wanted)
        self.language = Chooser(self)
        self.language.setSizeAdjustPolicy(Chooser.SizeAdjustPolicy.AdjustToContents)
        self.language.setAccessibleName(self.tr("Language of the translation"))
        self.language.setToolTip(self.tr("Language of the translation"))
        self.language.activated.connect(lambda _: self.target_chosen.emit(self.language.currentData()))
        self.chip: ModelChip | None = None
        self._chip_place = QHBoxLayout()
        self.links = self._tool("link", self.tr("Light the words that belong together (H)"))
        self.links.setCheckable(True)
        self.links.setChecked(True)
        self.links.toggled.connect(self.links_wanted)
        self.copy = self._tool("copy", self.tr("Copy the translation (Ctrl+C)"))
        self.copy.clicked.connect(self.copy_wanted)
        self.save = self._tool("save", self.tr("Save the translation (Ctrl+S)"))
        self.save.clicked.connect(self.save_wanted)
        head = QWidget(self)
        head.setFixedHeight(head_height(head))
        top = QHBoxLayout(head)
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(QUARTER)
        top.addWidget(self.swap)
        top.addWidget(self.language)
        top.addSpacing(STEP)
        top.addLayout(self._chip_place, 1)
        top.addStretch(0)
        top.addWidget(self.links)
        top.addWidget(self.copy)
        top.addWidget(self.save)

        self.strips = Strips(theme, self)  # why there is no translation
        self.field = TargetField(theme, self)
        self.reading = ElidedLabel("", self)  # of the word that is looked at
        self.far = ElidedLabel("", self, Qt.TextElideMode.ElideLeft)
        for label in (self.reading, self.far):
            sized(label, "secondary")
            label.setFont(tabular(label.font()))
        self.far.setProperty("quiet", True)
        self.far.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.stop = self._tool("close", self.tr("Stop translating (Esc)"), "secondary")
        self.stop.clicked.connect(self.stop_wanted)
        policy = self.stop.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.stop.setSizePolicy(policy)
        self.go_on = QPushButton(self.tr("Go on"), self)
        self.go_on.setProperty("flat", True)
        self.go_on.clicked.connect(self.again_wanted)
        foot = QWidget(self)
        foot.setFixedHeight(FOOT)
        row = QHBoxLayout(foot)
        row.setContentsMargins(STEP, 0, 0, 0)
        row.setSpacing(STEP)
        row.addWidget(self.reading, 3)
        row.addWidget(self.far, 2)
        row.addWidget(self.go_on)
        row.addWidget(self.stop)

        self._answer = QWidget(self)
        inner = QVBoxLayout(self._answer)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(QUARTER)
        inner.addWidget(self.strips)
        inner.addWidget(self.field, 1)
        inner.addWidget(foot)
        self.absent = Absent(theme, self)
        self.absent.models_wanted.connect(self.models_wanted)
        self.absent.download_wanted.connect(self.download_wanted)
        self.pages = QStackedWidget(self)
        self.pages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.pages.setMinimumHeight(80)
        self.pages.addWidget(self._answer)
        self.pages.addWidget(self.absent)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, QUARTER)
        column.setSpacing(QUARTER)
        column.addWidget(head)
        column.addWidget(self.pages, 1)
        self.setMinimumWidth(260)
        self.show_progress(0, 0, 0.0, working=False, stopped=False, loading=False)
        self.offer(False)

    # What can be done

    def show_choice(self, choice: Choice) -> None:
        entries = [(language_name(code), code) for code in choice.targets() or (choice.target,)]
        now = [(self.language.itemText(k), self.language.itemData(k)) for k in range(self.language.count())]
        if entries != now:
            self.language.clear()
            for words, code in entries:
                self.language.addItem(words, code)
        self.language.setCurrentIndex(self.language.findData(choice.target))
        self.language.setVisible(choice.ready)
        for button in (self.swap, self.links, self.copy, self.save):
            button.setVisible(choice.ready)
        self.swap.setEnabled(choice.can_swap())
        self._show_card(choice.card)
        self.absent.show_card(choice.card, choice.damaged, choice.unmeasured)
        self.pages.setCurrentWidget(self._answer if choice.ready else self.absent)
        if choice.card is not None:
            self.field.setToolTip(choice.card.limits)

    def _show_card(self, card: Card | None) -> None:
        if self.chip is not None and (card is None or card != self.chip.card):
            self._chip_place.removeWidget(self.chip)
            self.chip.hide()
            self.chip.deleteLater()
            self.chip = None
        if card is not None and self.chip is None:
            self.chip = ModelChip(card, "ready", self._theme, self)
            self.chip.models_wanted.connect(self.models_wanted)
            self.chip.release_wanted.connect(self.release_wanted)
            self.chip.download_wanted.connect(self.download_wanted)
            self._chip_place.addWidget(self.chip)
            QWidget.setTabOrder(self.language, self.chip)
            QWidget.setTabOrder(self.chip, self.links)

    def offer(self, translation: bool) -> None:
        """Whether there is something to copy and save."""
        self.copy.setEnabled(translation)
        self.save.setEnabled(translation)

    # What is said

    @property
    def telling(self) -> bool:
        """Whether progress is told."""
        return bool(self.far.text())

    def show_progress(self, done: int, total: int, seconds: float, working: bool, stopped: bool, loading: bool) -> None:
        """Sentences; the last one needs no telling. `seconds`: that it will take. `loading`: the network is on its way
        into memory."""
        self.stop.setVisible(working and total > done + 1)
        self.go_on.setVisible(stopped and done < total)
        words = self.tr("Loading the network…") if loading else ""
        if not loading and ((working and done + 1 < total) or (stopped and done < total)):
            words = self.tr("{0} of {1} sentences").format(numbers.whole(done), numbers.whole(total))
            if working and seconds >= TOLD:
                words += " · " + self.tr("{0} left").format(numbers.duration(seconds))
        self.far.setText(words)

    def _tool(self, icon: str, words: str, role: str = "text") -> QToolButton:
        button = tool_button(icon, words, self._theme, self, role)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button
