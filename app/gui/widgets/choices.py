"""A row of words of which one is chosen; a line under it tells which, as with the tabs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from app.gui.theme import STEP, Theme


class Choices(QWidget):
    chosen = Signal(int)  # its place, when it changes

    def __init__(self, words: Sequence[str], theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(STEP)
        for place, word in enumerate(words):
            button = QPushButton(word, self)
            button.setCheckable(True)
            button.setProperty("flat", True)
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            self._group.addButton(button, place)
            row.addWidget(button)
        row.addStretch(1)
        self._group.button(0).setChecked(True)
        self._group.idToggled.connect(lambda place, on: self.chosen.emit(place) if on else None)
        theme.changed.connect(self._dress)
        self._dress()

    @property
    def place(self) -> int:
        return self._group.checkedId()

    def choose(self, place: int) -> None:
        self._group.button(place).setChecked(True)

    def buttons(self) -> list[QPushButton]:
        return [button for button in self._group.buttons() if isinstance(button, QPushButton)]

    def _dress(self) -> None:
        c = self._theme.colours
        self.setStyleSheet(
            f"QPushButton {{ border: none; border-bottom: 2px solid transparent; border-radius: 0; padding: 6px 4px; "
            f"background: transparent; color: {c.secondary}; }}"
            f"QPushButton:hover {{ color: {c.text}; }}"
            f"QPushButton:checked {{ color: {c.text}; border-bottom-color: {c.accent}; }}"
            f"QPushButton:focus {{ background: {c.soft}; padding: 6px 4px; }}"
        )
