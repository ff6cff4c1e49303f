"""The left leaf: what is typed, in which language."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.caption.chooser import Chooser
from app.gui.theme import QUARTER, STEP, Theme, sized, tabular
from app.gui.translate.choice import AUTO, Choice, language_name
from app.gui.translate.samples import SampleTexts
from app.gui.translate.text_field import SourceField
from app.gui.widgets.buttons import tool_button
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.message_strip import Strips
from app.gui.widgets.progress_line import ProgressLine

FOOT = 32  # pixels: as high as that of the other leaf, so that both fields end at one line


def head_height(widget: QWidget) -> int:
    """Of the line over a field: two lines of a model chip. The same in both leaves, so that the fields begin at one
    height."""
    return 2 * widget.fontMetrics().height() + STEP + 2


class SourceSide(QWidget):
    source_chosen = Signal(str)  # a code, or AUTO
    open_wanted = Signal()
    paste_wanted = Signal()
    clear_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Made in reading order, as Tab follows it.
        self.language = Chooser(self)
        self.language.setSizeAdjustPolicy(Chooser.SizeAdjustPolicy.AdjustToContents)
        self.language.setAccessibleName(self.tr("Language of the text"))
        self.language.setToolTip(self.tr("Language of the text"))
        self.language.activated.connect(lambda _: self.source_chosen.emit(self.language.currentData()))
        self.open = self._tool("open", self.tr("Translate a document (.txt, .srt) (Ctrl+O)"), theme)
        self.open.clicked.connect(self.open_wanted)
        self.paste = self._tool("paste", self.tr("Paste (Ctrl+V)"), theme)
        self.paste.clicked.connect(self.paste_wanted)
        self.clear = self._tool("remove", self.tr("Clear the text (Ctrl+Z brings it back)"), theme)
        self.clear.clicked.connect(self.clear_wanted)
        head = QWidget(self)
        head.setFixedHeight(head_height(head))
        top = QHBoxLayout(head)
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(QUARTER)
        top.addWidget(self.language)
        top.addStretch(1)
        for button in (self.open, self.paste, self.clear):
            top.addWidget(button)
        self.strips = Strips(theme, self)  # what is wrong with the text
        self.field = SourceField(theme, self)
        self.samples = SampleTexts(self.field)
        self.count = ElidedLabel("", self)
        self.count.setProperty("quiet", True)
        sized(self.count, "secondary")
        self.count.setFont(tabular(self.count.font()))
        self.count.setFixedHeight(FOOT)
        self.count.setContentsMargins(STEP, 0, 0, 0)
        self.progress = ProgressLine(theme, self, keep_room=False)  # of a document
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, QUARTER)
        column.setSpacing(QUARTER)
        column.addWidget(head)
        column.addWidget(self.strips)
        column.addWidget(self.field, 1)
        column.addWidget(self.count)
        column.addWidget(self.progress)
        self.setMinimumWidth(260)
        self.show_count("")

    def show_choice(self, choice: Choice) -> None:
        automatic = self.tr("Detect language")
        if choice.source == AUTO and choice.ready and not self.field.document().isEmpty():
            words = self.tr("{0} (detected)") if choice.sure else self.tr("{0} (assumed)")
            automatic = words.format(language_name(choice.guessed))
        entries = [(automatic, AUTO), *((language_name(code), code) for code in choice.sources())]
        now = [(self.language.itemText(k), self.language.itemData(k)) for k in range(self.language.count())]
        if entries != now:
            self.language.clear()
            for words, code in entries:
                self.language.addItem(words, code)
        self.language.setCurrentIndex(max(0, self.language.findData(choice.source)))
        self.language.setEnabled(choice.ready)

    def show_count(self, text: str) -> None:
        """How much there is."""
        self.clear.setEnabled(bool(text))
        if not text:
            self.count.setText("")
            return
        words = len(text.split()) if len(text) < 100_000 else 0  # of a book, nobody waits for it
        characters = self.tr("{0} characters").format(numbers.whole(len(text)))
        if not words:
            self.count.setText(characters)
            return
        count = self.tr("1 word") if words == 1 else self.tr("{0} words").format(numbers.whole(words))
        self.count.setText(f"{count} · {characters}")

    def _tool(self, icon: str, words: str, theme: Theme) -> QToolButton:
        button = tool_button(icon, words, theme, self)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button
