"""The right leaf: the answers to the picture in view, or the table of all pictures."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.classify.columns import Columns
from app.gui.classify.folder_model import FolderModel
from app.gui.classify.folder_view import FolderView
from app.gui.theme import STEP, Theme
from app.gui.widgets.buttons import tool_button


class AnswerSide(QWidget):
    copy_wanted = Signal()
    save_table_wanted = Signal()
    save_picture_wanted = Signal()
    models_wanted = Signal()

    def __init__(self, pictures: FolderModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Made in reading order, as Tab follows it.
        self.one = self._choice(self.tr("This picture"))
        self.all = self._choice(self.tr("All pictures"))
        self.one.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.one)
        group.addButton(self.all)
        self.all.setEnabled(False)

        self.copy = tool_button("copy", self.tr("Copy the answers as a table (Ctrl+C)"), theme, self)
        self.copy.clicked.connect(self.copy_wanted)
        self.save = tool_button("save", self.tr("Save (Ctrl+S)"), theme, self)
        self.save.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.save)
        menu.addAction(self.tr("Save all answers as CSV or JSON…"), self.save_table_wanted.emit)
        self.save_picture = menu.addAction(
            self.tr("Save the picture with the heat map as PNG…"), self.save_picture_wanted.emit
        )
        self.save.setMenu(menu)
        self.models = tool_button("models", self.tr("Choose models"), theme, self)
        self.models.clicked.connect(self.models_wanted)
        self.columns = Columns(theme, self)
        self.columns.after = self.models
        self.folder = FolderView(pictures, theme, self)
        self.pages = QStackedWidget(self)
        self.pages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.pages.setMinimumHeight(140)
        self.pages.addWidget(self.columns)
        self.pages.addWidget(self.folder)
        self.one.toggled.connect(lambda on: self.pages.setCurrentWidget(self.columns if on else self.folder))
        top = QHBoxLayout()
        top.setContentsMargins(STEP, 0, 0, 0)
        top.setSpacing(STEP)
        top.addWidget(self.one)
        top.addWidget(self.all)
        top.addStretch(1)
        for tool in (self.copy, self.save, self.models):
            top.addWidget(tool)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, STEP)
        column.setSpacing(STEP)
        column.addLayout(top)
        column.addWidget(self.pages, 1)
        self.setMinimumWidth(260)
        self._theme = theme
        theme.changed.connect(self._dress)
        self._dress()
        self.offer(False)

    def offer(self, answers: bool) -> None:
        """Whether there is anything to copy and save."""
        self.copy.setEnabled(answers)
        self.save.setEnabled(answers)

    def show_all_offered(self, several: bool) -> None:
        self.all.setEnabled(several)
        if not several:
            self.one.setChecked(True)

    def _dress(self) -> None:
        """Which of the two is in view is told by a line under it, as with the tabs."""
        c = self._theme.colours
        for button in (self.one, self.all):
            button.setStyleSheet(
                f"QPushButton {{ border: none; border-bottom: 2px solid transparent; border-radius: 0; "
                f"padding: 6px 4px; background: transparent; color: {c.secondary}; }}"
                f"QPushButton:hover {{ color: {c.text}; }}"
                f"QPushButton:checked {{ color: {c.text}; border-bottom-color: {c.accent}; }}"
                f"QPushButton:focus {{ border: 2px solid {c.accent}; border-radius: 6px; padding: 4px 2px 6px 2px; }}"
                f"QPushButton:disabled {{ color: {c.disabled}; }}"
            )

    def _choice(self, words: str) -> QPushButton:
        """One of two that exclude each other."""
        button = _Choice(words, self)
        button.setCheckable(True)
        button.setProperty("flat", True)
        button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        return button


class _Choice(QPushButton):
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from picture to picture, not from button to button."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            event.ignore()
        else:
            super().keyPressEvent(event)
