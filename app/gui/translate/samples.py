"""Texts that work with one click, over the empty field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui.theme import STEP, WIDE, sized
from app.gui.translate.choice import language_name
from app.gui.translate.text_field import SourceField
from app.store.locate import bundled

MOST = 4
LOWEST = 130  # pixels of the field: below, there is no room for them


def tr(text: str) -> str:
    return QCoreApplication.translate("Translate", text)


@dataclass(frozen=True)
class Sample:
    path: Path
    title: str
    language: str


def samples(languages: tuple[str, ...]) -> list[Sample]:
    """Of these languages in turn."""
    titles = {"station": tr("A journey"), "letter": tr("A letter"), "list": tr("A list"), "garden": tr("A garden")}
    folder = bundled("assets") / "samples" / "texts"
    found = []
    for k, (name, title) in enumerate(titles.items()):
        if languages:
            language = languages[k % len(languages)]
            found.append(Sample(folder / f"{name}.{language}.txt", title, language))
    return [sample for sample in found if sample.path.is_file()][:MOST]


class SampleTexts(QWidget):
    """Lies over the field, under what stands there while it is empty."""

    chosen = Signal(object)  # Sample

    def __init__(self, field: SourceField) -> None:
        super().__init__(field)
        self._field = field
        self.buttons: list[QPushButton] = []
        self._try = QLabel(tr("Or try one of these:"), self)
        self._try.setProperty("quiet", True)
        sized(self._try, "secondary")
        self._row = QHBoxLayout()
        self._row.setSpacing(STEP)
        self._row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(STEP)
        column.addWidget(self._try)
        column.addLayout(self._row)
        field.installEventFilter(self)
        field.textChanged.connect(self._look)

    def offer(self, languages: tuple[str, ...]) -> None:
        for button in self.buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = []
        for sample in samples(languages):
            words = sample.title
            if len(languages) > 1:
                words = self.tr("{0} ({1})").format(words, language_name(sample.language))
            button = QPushButton(words, self)
            button.setAccessibleName(tr("Sample: {0}").format(words))
            button.clicked.connect(lambda _=False, which=sample: self.chosen.emit(which))
            self._row.insertWidget(len(self.buttons), button)
            self.buttons.append(button)
        self._look()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._look()
        return super().eventFilter(watched, event)

    def _look(self) -> None:
        room = self._field.viewport().geometry()
        empty = self._field.document().isEmpty()
        self.setVisible(empty and bool(self.buttons) and room.height() >= LOWEST)
        if not self.isVisibleTo(self._field):
            return
        width = room.width() - 4 * STEP
        used = 0
        for button in self.buttons:  # as many as there is room for
            used += button.sizeHint().width() + STEP
            button.setVisible(used <= width + STEP)
        words = room.adjusted(STEP, STEP, -STEP, 0)
        wrapped = int(Qt.TextFlag.TextWordWrap)
        below = self._field.fontMetrics().boundingRect(words, wrapped, self._field.placeholderText()).bottom()
        self.setGeometry(room.x() + STEP, below + 2 * WIDE, width, self.sizeHint().height())
        self.raise_()
