"""Dialogs around a text that can be copied: an error that nobody expected, the last crash."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.gui.places import show_folder
from app.gui.theme import STEP, WIDE, sized


class TextDialog(QDialog):
    """A title, a text to read, a button that copies it. It goes when it is closed."""

    def __init__(self, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(680, 420)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        self.column.setSpacing(STEP)
        self.head = QLabel(title, self)
        sized(self.head, "title")
        self.column.addWidget(self.head)
        self.text = QPlainTextEdit(text, self)
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(title)
        self.text.setTabChangesFocus(True)
        self.column.addWidget(self.text, 1)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(STEP)
        self.copy_button = QPushButton(self.tr("Copy the text"), self)
        self.copy_button.clicked.connect(self._copy)
        self.buttons.addWidget(self.copy_button)
        self.buttons.addStretch(1)
        close = QPushButton(self.tr("Close"), self)
        close.setDefault(True)
        close.clicked.connect(self.close)
        self.buttons.addWidget(close)
        self.column.addLayout(self.buttons)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())


class ErrorDialog(TextDialog):
    """Errors that come while it is open are added to it: one dialog, however many there are."""

    MOST = 200_000  # letters

    def __init__(self, logs: Path, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.setWindowTitle(self.tr("A fault in Triptych"))
        self.text.setAccessibleName(self.tr("The error's text"))
        self.head.setText(self.tr("Something went wrong that should not have"))
        words = QLabel(
            self.tr(
                "This is a fault of Triptych, not of yours. It goes on running; save what matters to you. The "
                "text below helps to mend it. It holds no picture, no text of yours and no full path."
            ),
            self,
        )
        words.setWordWrap(True)
        self.column.insertWidget(1, words)
        folder = QPushButton(self.tr("Open the folder of the log"), self)
        folder.clicked.connect(lambda: show_folder(logs))
        self.buttons.insertWidget(1, folder)

    def add(self, text: str) -> None:
        before = self.text.toPlainText()
        if len(before) < self.MOST:
            self.text.setPlainText(f"{before}\n\n{text}".strip())
