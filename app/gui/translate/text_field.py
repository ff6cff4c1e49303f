"""The two text fields: what is typed, and what is said of it. Words are lit in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QPoint, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QKeySequence, QMouseEvent, QTextCursor
from PySide6.QtGui import QTextCharFormat as Format
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from app.gui.theme import STEP, Theme, scaled
from app.text.typed import Change

LONGEST_LINE = 20_000  # characters: Qt lays a paragraph out anew at every key stroke
LARGEST = 2_000_000  # characters
NEAR = 24  # pixels: further from the letters the mouse is over none
FAINT, FULL = 0.10, 0.38  # how much of the accent lies behind a word that is hardly, and that is wholly looked at


@dataclass(frozen=True)
class Light:
    """Qt's places, and how much, 0 to 1. `pointed`: the word under the mouse or the keys itself."""

    start: int
    end: int
    share: float
    pointed: bool = False


class TextField(QPlainTextEdit):
    """`pointed` tells the place under the mouse, in Qt's units; -1: none."""

    pointed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lights: tuple[Light, ...] = ()
        self.setFont(scaled(self.font(), "title"))
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(STEP)
        self.viewport().setMouseTracking(True)
        theme.changed.connect(self._light)

    @property
    def text(self) -> str:
        """As it was typed: a line's end is one character, and a no-break space stays one."""
        return self.document().toRawText().replace("\u2029", "\n")

    def light(self, lights: Sequence[Light]) -> None:
        if tuple(lights) != self._lights:
            self._lights = tuple(lights)
            self._light()

    @property
    def lights(self) -> tuple[Light, ...]:
        return self._lights

    def _light(self) -> None:
        selections = []
        for light in self._lights:
            selection = QTextEdit.ExtraSelection()
            cursor = QTextCursor(self.document())
            last = max(0, self.document().characterCount() - 1)
            cursor.setPosition(min(light.start, last))
            cursor.setPosition(min(light.end, last), QTextCursor.MoveMode.KeepAnchor)
            look = Format()
            tint = QColor(self._theme.colour("accent"))
            tint.setAlphaF(FAINT + (FULL - FAINT) * light.share)
            look.setBackground(tint)
            if light.pointed:  # not by colour alone
                look.setFontUnderline(True)
                look.setUnderlineColor(self._theme.colour("accent"))
            selection.cursor, selection.format = cursor, look
            selections.append(selection)
        self.setExtraSelections(selections)

    def unit_at(self, where: QPoint) -> int:
        """-1: no letter is near."""
        cursor = self.cursorForPosition(where)
        place = self.cursorRect(cursor)
        if not place.top() <= where.y() <= place.bottom() or abs(where.x() - place.x()) > NEAR:
            return -1
        unit = cursor.position()
        return unit - 1 if where.x() < place.x() and cursor.positionInBlock() else unit

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if not event.buttons():
            self.pointed.emit(self.unit_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(-1)

    def createMimeDataFromSelection(self) -> QMimeData:
        # Qt's own, emptied: one that Python makes may lie in the clipboard until Python has ended, and crash then.
        mime = super().createMimeDataFromSelection()
        mime.html()  # now, not when somebody pastes it
        for kind in mime.formats():
            mime.removeFormat(kind)
        mime.setText(self.textCursor().selectedText().replace("\u2029", "\n"))
        return mime

    def event(self, event: QEvent) -> bool:
        """Ctrl+C without a selection is the window's: it copies the translation."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.matches(QKeySequence.StandardKey.Copy)
            and not self.textCursor().hasSelection()
        ):
            event.ignore()
            return True
        return super().event(event)


class SourceField(TextField):
    """What is typed. Documents that are pasted or dropped are the panel's."""

    documents_given = Signal(object)  # list[Path]
    refused = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setAccessibleName(self.tr("Text to translate"))
        self.setPlaceholderText(self.tr("Type or paste a text, or drop one here, or a document (.txt, .srt)."))

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Files hover over the whole panel, which says what will be done with them."""
        return source.hasText() and not source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        paths = [Path(url.toLocalFile()) for url in source.urls() if url.isLocalFile()]
        if paths:
            self.documents_given.emit(paths)
        elif source.hasText():
            self.insert(source.text())

    def insert(self, text: str) -> None:
        """In place of what is selected, as one step to undo; not what would keep the window from answering."""
        if len(text) + self.document().characterCount() > LARGEST:
            self.refused.emit(
                self.tr("That is too much to type in: save it as a .txt file, and open it here as a document.")
            )
        elif max(map(len, text.splitlines()), default=0) + self.textCursor().block().length() > LONGEST_LINE:
            self.refused.emit(
                self.tr(
                    "That has a line of more than {0} characters, too long to type in: save it as a .txt file, and "
                    "open it here as a document."
                ).format(self.locale().toString(LONGEST_LINE))
            )
        else:
            self.textCursor().insertText(text)
            self.ensureCursorVisible()

    def replace(self, text: str) -> None:
        """All of it, as one step to undo."""
        cursor = self.textCursor()
        cursor.beginEditBlock()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        cursor.endEditBlock()
        self.setTextCursor(cursor)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.MenuBarFocusReason):
            self.left.emit()


class TargetField(TextField):
    """What is said of it. It is read, not written: ← → step through its words."""

    stepped = Signal(int)  # by so many words
    ended = Signal(int)  # to the first (-1) or last (1) word
    key_given = Signal(int)  # another key without Ctrl, which is the panel's

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setCursorWidth(0)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName(self.tr("Translation"))
        self.setPlaceholderText(self.tr("Here stands the translation, sentence by sentence, while you type."))

    def write(self, changes: Sequence[Change]) -> None:
        """Only what has changed: selection, cursor and scroll position stay."""
        if not changes:
            return
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        last = max(0, self.document().characterCount() - 1)
        for start, end, text in changes:
            cursor.setPosition(min(start, last))
            cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
            cursor.insertText(text)
        cursor.endEditBlock()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = Qt.Key
        if event.modifiers() not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier):
            super().keyPressEvent(event)
        elif event.key() in (keys.Key_Left, keys.Key_Right):
            self.stepped.emit(-1 if event.key() == keys.Key_Left else 1)
        elif event.key() in (keys.Key_Home, keys.Key_End):
            self.ended.emit(-1 if event.key() == keys.Key_Home else 1)
        elif event.text() and event.text().isalnum():
            self.key_given.emit(event.key())
        else:
            super().keyPressEvent(event)
