"""One model's column: who it is, what it says, or why it says nothing and what to do about that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.classify.answers import SHOWN, Answer, elsewhere, milliseconds, percent
from app.gui.theme import QUARTER, STEP, Theme, sized, tabular
from app.gui.widgets.card_view import Beside
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.model_chip import ModelChip
from app.gui.widgets.official_line import OfficialLine
from app.gui.widgets.probability_bars import MARK, Bar, ProbabilityBars, paint_mark
from app.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.progress import Progress


class ModelColumn(QWidget):
    """`number` is its place among the models in view, which gives it its mark."""

    chosen = Signal(str, int)
    held_against = Signal(str, int)
    hovered = Signal(int)
    download_wanted = Signal(str)
    download_cancelled = Signal(str)

    def __init__(self, card: Card, number: int, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.card, self.number = card, number
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.answer: Answer | None = None
        self.chip = ModelChip(card, "ready", theme, self)
        self._mark = _Mark(number, theme, self)
        self._beside, self._below = _cost_line(self), _cost_line(self)  # of the name, of the bars
        self._beside.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        self._beside.setContentsMargins(0, QUARTER + 1, QUARTER, 0)
        self._below.setContentsMargins(STEP, 0, 0, 0)

        self.bars = ProbabilityBars(theme, SHOWN, self)
        self.bars.chosen.connect(self._choose)
        self.bars.held_against.connect(self._hold_against)
        self.bars.hovered.connect(self.hovered)
        self._words, self._said, self.official = _text_page(self)
        self._absent = self._absent_page(theme)
        self.pages = _Pages(self.bars, self)
        for page in (self.bars, self._words, self._absent):
            self.pages.addWidget(page)

        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(self._mark)
        head.addWidget(self.chip, 3)
        head.addWidget(self._beside, 2, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.pages)
        column.addWidget(self._below)
        column.addStretch(1)

    def _absent_page(self, theme: Theme) -> QWidget:
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(STEP, QUARTER, 0, 0)
        column.setSpacing(STEP)
        about = _quiet(self.card.summary, page)
        column.addWidget(about)
        self.caution = _quiet("", page)
        sized(self.caution, "secondary")
        column.addWidget(self.caution)
        self.download = QPushButton(page)
        self.download.clicked.connect(lambda: self.download_wanted.emit(self.card.id))
        row = QHBoxLayout()
        row.addWidget(self.download)
        row.addStretch(1)
        column.addLayout(row)
        self.progress = ProgressLine(theme, page, keep_room=False)
        self.progress.cancelled.connect(lambda: self.download_cancelled.emit(self.card.id))
        column.addWidget(self.progress)
        column.addStretch(1)
        return page

    # What is shown

    def show_answer(self, answer: Answer, everybody: Sequence[Answer], names: dict[str, str], order: list[str]) -> None:
        self.answer = answer
        if answer.error:
            self.show_words(answer.error)
            return
        self.bars.show_bars([self._bar(label, everybody, names, order) for label in answer.top[:SHOWN]])
        self._tell_cost(self.tr("{0} · {1}").format(milliseconds(answer.ms), answer.device))
        runtime = {"openvino": "OpenVINO", "torch": "PyTorch"}.get(answer.runtime, answer.runtime)
        tip = self.tr("The network alone took {0}, on {1}, run by {2}")
        for line in (self._beside, self._below):
            line.setToolTip(tip.format(milliseconds(answer.ms), answer.device, runtime))
        self.pages.setCurrentWidget(self.bars)

    def _bar(self, label: object, everybody: Sequence[Answer], names: dict[str, str], order: list[str]) -> Bar:
        index, name, p = label.index, label.label, label.p  # type: ignore[attr-defined]
        others = elsewhere(everybody, self.card.id, index)
        said = self.tr("{0}: place {1}, {2}")
        words = [said.format(names[model], place, percent(q)) for model, place, q in others]
        also = self.tr("also in the list of {0}").format("; ".join(words)) if words else ""
        return Bar(index, name, p, percent(p), tuple(order.index(model) for model, _, _ in others), also)

    def show_waiting(self) -> None:
        """The picture is on its way; what stood here belonged to another one."""
        self.answer = None
        self.bars.show_bars([])
        self._tell_cost("")
        self.pages.setCurrentWidget(self.bars)

    def show_idle(self) -> None:
        """No picture yet: what this model is. Where the official weights stand below, its limits are left to its card,
        so that three models have room."""
        limits = "" if self.chip.beside.official is not None else " " + self.card.limits
        self.show_words(self.card.summary + limits, quiet=True)

    def set_beside(self, beside: Beside) -> None:
        """The model's check, and the official weights of the same network: on its card, and here where there is room,
        which is below a text."""
        self.chip.set_beside(beside)
        self.official.show_official(beside.official, beside.official_state)
        self.pages.updateGeometry()

    def show_words(self, sentence: str, quiet: bool = False) -> None:
        self.answer = None
        self._tell_cost("")
        self._said.setProperty("quiet", quiet)
        self._said.style().polish(self._said)
        self._said.setText(sentence)
        self.pages.setCurrentWidget(self._words)

    def show_absent(self, damaged: bool) -> None:
        """Not on this machine: what it is, its size, one button."""
        self.answer = None
        self._tell_cost("")
        size = numbers.size(self.card.approximate_size)
        if not self.card.addresses:
            text = self.tr("Its file is damaged: install Triptych again, or import it on the models page.")
            if self.card.origin == "embedded":
                text = self.tr("Its file is damaged: install Triptych again. The other models go on.")
            gone = self.tr("Its file is not here, and there is no address for it.")
            if self.card.origin == "embedded":
                gone = self.tr("Its file is missing: install Triptych again. The other models go on.")
            self.caution.setText(text if damaged else gone)
            self.download.hide()
        else:
            again = self.tr("Its file is damaged. ") if damaged else ""
            unconfirmed = self.tr("Its address comes from the people who made it; none of us has opened it yet.")
            self.caution.setText(again + self.card.licence + ". " + (unconfirmed if not self.card.confirmed else ""))
            words = self.tr("Download again ({0})") if damaged else self.tr("Download ({0})")
            self.download.setText(words.format(size))
            self.download.setAccessibleName(self.tr("Download {0}, {1}").format(self.card.name, size))
            self.download.show()
        self.pages.setCurrentWidget(self._absent)

    @property
    def absent(self) -> bool:
        return self.pages.currentWidget() is self._absent

    def show_progress(self, progress: Progress | None) -> None:
        """None: it has ended, or not begun."""
        if progress is None:
            self.progress.finish()
            self.download.setEnabled(True)
            return
        if not self.progress.running:
            self.start_progress()
        self.progress.advance_download(progress)

    def start_progress(self) -> None:
        self.download.setEnabled(False)
        self.progress.start(self.tr("Downloading"), at_once=True)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.bars.fit(self.width())
        self._place_cost()

    def _place_cost(self) -> None:
        """The name has all the room while there is nothing to stand beside it."""
        self._beside.setVisible(self.bars.wide and bool(self._beside.text()))
        self._below.setVisible(not self.bars.wide)

    def _tell_cost(self, text: str) -> None:
        for line in (self._beside, self._below):
            line.setText(text)
        self._place_cost()

    def _choose(self, index: int) -> None:
        self.chosen.emit(self.card.id, index)

    def _hold_against(self, index: int) -> None:
        self.held_against.emit(self.card.id, index)


class _Pages(QStackedWidget):
    """As high as the bars whichever page is in view, so that nothing moves when the answer comes; higher only where a
    text needs it. (A plain QStackedWidget is as high as its highest page, in view or not.)"""

    def __init__(self, bars: ProbabilityBars, parent: QWidget) -> None:
        super().__init__(parent)
        self._bars = bars
        self.currentChanged.connect(self.updateGeometry)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        page, least = self.currentWidget(), self._bars.rows_height()
        if page is None or page is self._bars:
            return least
        return max(least, page.heightForWidth(width) if page.hasHeightForWidth() else page.sizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._bars.rows_height())


class _Mark(QWidget):
    """The model's mark, which its labels carry in the other columns."""

    def __init__(self, number: int, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._number, self._theme = number, theme
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.setToolTip(self.tr("Labels that other models list, too, carry their marks"))
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(MARK + STEP + 2, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        line = self.fontMetrics().height()
        middle = QPointF(STEP + MARK / 2, QUARTER + 1 + line / 2)
        paint_mark(QPainter(self), middle, self._number, self._theme.mark(self._number))


def _cost_line(parent: QWidget) -> ElidedLabel:
    """Milliseconds and the device."""
    label = ElidedLabel("", parent)
    label.setProperty("quiet", True)
    sized(label, "secondary")
    label.setFont(tabular(label.font()))
    return label


def _quiet(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("quiet", True)
    return label


def _text_page(parent: QWidget) -> tuple[QWidget, QLabel, OfficialLine]:
    page = QWidget(parent)
    column = QVBoxLayout(page)
    column.setContentsMargins(STEP, QUARTER, STEP, 0)
    label = _quiet("", page)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    column.addWidget(label)
    column.addSpacing(STEP)
    official = OfficialLine(page)
    column.addWidget(official)
    column.addStretch(1)
    return page, label, official
