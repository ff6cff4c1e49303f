"""The right leaf: the caption, what else could have stood there, and which network says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.caption.caption_view import CaptionView
from app.gui.caption.chooser import Chooser
from app.gui.caption.sentences_view import SentencesView
from app.gui.caption.wording import UNSURE, percent
from app.gui.theme import QUARTER, STEP, Theme, sized
from app.gui.widgets.buttons import tool_button
from app.gui.widgets.choices import Choices
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.message_strip import Strips
from app.gui.widgets.model_chip import ModelChip
from app.gui.widgets.probability_bars import Bar, ProbabilityBars

if TYPE_CHECKING:
    from app.engines.caption import Caption, Word
    from app.store.cards import Card

RUNNERS = 9  # as many as the number keys reach
WIDEST_BEAM = 10
LOW = 330  # pixels: below, the limits are told by a tip alone
LOWEST = 230  # below, the rest of the room is the caption's
BROAD = 560  # pixels across: from here on there is room for two columns


class CaptionSide(QWidget):
    beam_chosen = Signal(int)
    raw_wanted = Signal(bool)
    language_chosen = Signal(str)  # "" for none
    runner_picked = Signal(int)  # its place among the runners-up, from 0
    sentence_picked = Signal(int)  # its place in the beam
    own_words_wanted = Signal()  # the network's own sentence again
    copy_wanted = Signal()
    save_captions_wanted = Signal()
    save_strip_wanted = Signal()
    save_picture_wanted = Signal()
    again_wanted = Signal()
    models_wanted = Signal()
    release_wanted = Signal(str)
    download_wanted = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        # Made in reading order, as Tab follows it.
        self.chip: ModelChip | None = None
        self._chip_place = QHBoxLayout()
        self.copy = tool_button("copy", self.tr("Copy the caption (Ctrl+C)"), theme, self)
        self.copy.clicked.connect(self.copy_wanted)
        self.save = tool_button("save", self.tr("Save (Ctrl+S)"), theme, self)
        self.save.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.save)
        self.save_captions = menu.addAction(self.tr("Save all captions…"), self.save_captions_wanted.emit)
        self.save_strip = menu.addAction(
            self.tr("Save a strip of the words, one small picture each…"), self.save_strip_wanted.emit
        )
        self.save_picture = menu.addAction(
            self.tr("Save the picture with the attention…"), self.save_picture_wanted.emit
        )
        self.save.setMenu(menu)
        self._top = QHBoxLayout()
        self._top.setSpacing(STEP)
        self._top.addLayout(self._chip_place, 1)
        self._top.addWidget(self.copy)
        self._top.addWidget(self.save)

        self._controls = QWidget(self)
        self.beam = Chooser(self._controls)
        self.beam.addItem(self.tr("Greedy"), 1)
        for width in range(2, WIDEST_BEAM + 1):
            self.beam.addItem(self.tr("Beam {0}").format(width), width)
        self.beam.setToolTip(self.tr("How many sentences are followed at once (beam search); greedy follows one"))
        self.beam.setAccessibleName(self.tr("How many sentences are followed at once (beam)"))
        self.beam.currentIndexChanged.connect(lambda _: self.beam_chosen.emit(int(self.beam.currentData())))
        self.raw = QCheckBox(self.tr("Every raw caption"), self._controls)
        self.raw.setToolTip(
            self.tr("Show what the network says of every frame. Otherwise a caption stays until another one has held.")
        )
        self.raw.toggled.connect(self.raw_wanted)
        controls = QHBoxLayout(self._controls)
        controls.setContentsMargins(0, 0, 0, 0)
        controls.setSpacing(STEP)
        self.language = Chooser(self._controls)
        self.language.setToolTip(self.tr("Captions in another language as well, under each and in what is saved"))
        self.language.setAccessibleName(self.tr("Another language for captions"))
        self.language.activated.connect(lambda _: self.language_chosen.emit(str(self.language.currentData())))
        self.language.hide()
        controls.addWidget(self.beam)
        controls.addWidget(self.raw)
        controls.addWidget(self.language)
        controls.addStretch(1)

        self.strips = Strips(theme, self)  # why there is no caption
        self.caption = CaptionView(theme, self)
        self.about = ElidedLabel("", self)
        self.about.setProperty("quiet", True)
        sized(self.about, "secondary")
        self.own = QPushButton(self.tr("Its own words again"), self)
        self.own.setProperty("flat", True)
        self.own.setToolTip(self.tr("The network's own sentence again (Esc)"))
        self.own.clicked.connect(self.own_words_wanted)
        self.own.hide()
        self.about.setMinimumHeight(self.own.sizeHint().height())  # nothing moves when it comes
        line = QHBoxLayout()
        line.setContentsMargins(STEP, 0, 0, 0)
        line.addWidget(self.about, 1)
        line.addWidget(self.own)

        self.which = Choices((self.tr("Words"), self.tr("Sentences")), theme, self)
        for button, tip in zip(
            self.which.buttons(),
            (self.tr("What else could have stood in a word's place"), self.tr("The other sentences of the beam")),
            strict=True,
        ):
            button.setToolTip(tip)
        self.which.chosen.connect(self._switch)
        self.place = ElidedLabel("", self)
        self.place.setContentsMargins(STEP, 0, 0, 0)
        self.bars = ProbabilityBars(theme, RUNNERS, self)
        self.bars.chosen.connect(self.runner_picked)
        for row in self.bars.rows:
            row.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.sentences = SentencesView(theme, self)
        self.sentences.picked.connect(self.sentence_picked)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._scrolled(self.bars, self.tr("Runner-up words")))
        self._pages.addWidget(self.sentences)
        self._lower = QWidget(self)
        lower = QVBoxLayout(self._lower)
        lower.setContentsMargins(0, 0, 0, 0)
        lower.setSpacing(QUARTER)
        lower.addWidget(self.which)
        lower.addWidget(self.place)
        lower.addWidget(self._pages, 1)
        self.limits = QLabel(self)
        self.limits.setTextFormat(Qt.TextFormat.PlainText)
        self.limits.setWordWrap(True)
        self.limits.setProperty("quiet", True)
        sized(self.limits, "secondary")
        self.limits.setContentsMargins(STEP, 0, 0, 0)

        upper = QVBoxLayout()
        upper.setSpacing(STEP)
        self.translation = TranslationLine(self)
        upper.addWidget(self.caption)
        upper.addWidget(self.translation)
        upper.addLayout(line)
        self._body = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._body.setSpacing(STEP)
        self._body.addLayout(upper)
        self._body.addWidget(self._lower, 1)
        self._answer = QWidget(self)
        self._inner = QVBoxLayout(self._answer)
        self._inner.setContentsMargins(0, 0, 0, 0)
        self._inner.setSpacing(STEP)
        self._inner.addWidget(self._controls)
        self._inner.addWidget(self.strips)
        self._inner.addLayout(self._body, 1)
        self._inner.addWidget(self.limits)
        self.absent = _Absent(self)
        self.absent.models_wanted.connect(self.models_wanted)
        self.absent.download_wanted.connect(self.download_wanted)
        self.pages = QStackedWidget(self)
        self.pages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.pages.setMinimumHeight(120)
        self.pages.addWidget(self._answer)
        self.pages.addWidget(self.absent)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, STEP)
        column.setSpacing(STEP)
        column.addLayout(self._top)
        column.addWidget(self.pages, 1)
        self.setMinimumWidth(260)
        self._beside = False
        self.show_runners(None, (), False)
        self.offer(False, False)

    # The model

    def show_model(self, card: Card | None, ready: bool, damaged: bool) -> None:
        if self.chip is not None and (card is None or card.id != self.chip.card.id):
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
            QWidget.setTabOrder(self.chip, self.copy)
        self.absent.show_card(card, damaged)
        self.limits.setText(card.limits if card is not None else "")
        self.pages.setCurrentWidget(self._answer if ready else self.absent)

    # The answer

    def offer(self, caption: bool, timeline: bool) -> None:
        """Whether there is a caption, and anything in the timeline, to copy and save."""
        self.copy.setEnabled(caption or timeline)
        self.save.setEnabled(caption or timeline)
        self.save_captions.setEnabled(timeline)
        self.save_strip.setEnabled(caption)
        self.save_picture.setEnabled(caption)

    def show_languages(self, offered: Sequence[tuple[str, str, str]], chosen: str) -> None:
        """`offered`: code, name, and why it can't be had, "" where it can. Without one that can there is no chooser."""
        self.language.clear()
        self.language.addItem(self.tr("English only"), "")
        for code, name, why in offered:
            self.language.addItem(self.tr("and {0}").format(name), code)
            if why:
                place = self.language.count() - 1
                model = self.language.model()
                assert isinstance(model, QStandardItemModel)
                model.item(place).setEnabled(False)
                self.language.setItemData(place, why, Qt.ItemDataRole.ToolTipRole)
        self.language.setCurrentIndex(max(0, self.language.findData(chosen)))
        self.language.setVisible(any(not why for _, _, why in offered))
        self.translation.setVisible(bool(chosen))

    def show_about(self, words: str, forced: bool) -> None:
        """The line under the caption."""
        self.about.setText(words)
        self.own.setVisible(forced)

    def show_runners(self, word: Word | None, others: tuple[tuple[str, float], ...], caption: bool) -> None:
        """What else could have stood in the place of `word`; None: no word is looked at, of the `caption` that is there
        or isn't."""
        if word is None:
            self.place.setText(self.tr("Point at a word, or step through them with ← →.") if caption else "")
        elif others:
            self.place.setText(self.tr("In place of “{0}” ({1}):").format(word.text, percent(word.p)))
        else:
            self.place.setText(self.tr("“{0}” ({1}); no other word was near.").format(word.text, percent(word.p)))
        self.bars.show_bars([Bar(k, text, p, percent(p)) for k, (text, p) in enumerate(others[:RUNNERS])])
        for row in self.bars.rows:
            row.setVisible(row.bar is not None)

    def show_sentences(self, captions: tuple[Caption, ...], chosen: int) -> None:
        self.sentences.show_captions(captions, chosen)

    def _switch(self, place: int) -> None:
        self._pages.setCurrentIndex(place)
        self.place.setVisible(place == 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        height = self.height()
        self.limits.setVisible(height >= LOW)
        dots = self.tr("Dotted: the network thought the word less likely than {0}.").format(percent(UNSURE, 0))
        self.caption.setToolTip(dots if height >= LOW else f"{dots}\n{self.limits.text()}")
        self._lower.setVisible(self._beside or height >= LOWEST)
        beside = height < LOW and self.width() >= BROAD
        if beside != self._beside:
            self._lay_beside(beside)

    def _lay_beside(self, beside: bool) -> None:
        """Where it is low and broad: the controls in the first line, the caption left, what else there is right."""
        self._beside = beside
        directions = QBoxLayout.Direction
        self._body.setDirection(directions.LeftToRight if beside else directions.TopToBottom)
        self._body.setStretch(0, int(beside))
        if beside:
            self._top.insertWidget(1, self._controls)
        else:
            self._inner.insertWidget(0, self._controls)
        self._lower.setVisible(beside or self.height() >= LOWEST)

    def _scrolled(self, inner: QWidget, name: str) -> QScrollArea:
        scroll = QScrollArea(self)
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setAccessibleName(name)
        scroll.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        return scroll


class TranslationLine(QLabel):
    """Under the caption, the same in another language. Room for two lines is kept; a translation that is on its way
    leaves the one before there, paler."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setContentsMargins(STEP, 0, 0, 0)
        self.setAccessibleName(self.tr("Translation"))
        sized(self, "title")
        self.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.hide()

    def show_translation(self, words: str) -> None:
        if words and words != self.text() and self.isVisible() and QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))
        self.setText(words)
        self._tell(waits=False)

    def wait(self) -> None:
        """The caption is another one already."""
        self._tell(waits=True)

    def _tell(self, waits: bool) -> None:
        if self.isEnabled() == waits:
            self.setEnabled(not waits)
        self.setAccessibleDescription("" if waits else self.text())


class _Absent(QWidget):
    """The network is not here: what it is, its size, one button."""

    models_wanted = Signal()
    download_wanted = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._card: Card | None = None
        self.words = QLabel(self)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.download = QPushButton(self)
        self.download.setProperty("primary", True)
        self.download.clicked.connect(lambda: self.download_wanted.emit(self._card.id if self._card else ""))
        self.models = QPushButton(self.tr("All models…"), self)
        self.models.clicked.connect(self.models_wanted)
        row = QHBoxLayout()
        row.setSpacing(STEP)
        row.addWidget(self.download)
        row.addWidget(self.models)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, 0)
        column.setSpacing(STEP)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addStretch(1)

    def show_card(self, card: Card | None, damaged: bool) -> None:
        from app.gui import numbers

        self._card = card
        self.download.setVisible(card is not None and bool(card.addresses))
        if card is None:
            self.words.setText(
                self.tr("No network that describes pictures is in this installation: install Triptych again.")
            )
            return
        if card.addresses:
            why = self.tr("Its file is damaged.") if damaged else self.tr("It is not on this machine yet.")
        elif damaged:
            why = self.tr("Its file is damaged: install Triptych again. The other panels go on.")
        else:
            why = self.tr("Its file is missing: install Triptych again. The other panels go on.")
        if card.addresses and not card.confirmed:
            why += " " + self.tr("Licence: {0}.").format(card.licence)
            why += " " + self.tr("None of us has opened its address or read the terms there.")
        self.words.setText(f"{card.name}. {card.summary}\n\n{why}")
        size = numbers.size(card.approximate_size)
        self.download.setText(self.tr("Download ({0})").format(size))
        self.download.setAccessibleName(self.tr("Download {0}, {1}").format(card.name, size))
