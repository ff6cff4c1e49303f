"""Pages to read: what the networks are about, and how the laboratory is read. Texts of assets/pages."""

from __future__ import annotations

import re
from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QFont,
    QKeySequence,
    QResizeEvent,
    QShortcut,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QApplication, QFrame, QTextBrowser, QVBoxLayout, QWidget

from app.gui.theme import QUARTER, STEP, WIDE, Theme
from app.gui.widgets.choices import Choices
from app.store.locate import bundled

READABLE = 90  # letters a line at most
LINE = 130.0  # per cent of the type's own height
NAMES = re.compile(r"\{(\w+)\}")
HEADINGS = {1: (2, 0.0, 0.5), 2: (1, 0.9, 0.2)}  # level: Qt's steps of size, room above and below in ems


class ReadView(QWidget):
    """A choice of pages over the page. Links are opened by the person's own browser, and only when they are clicked.

    `pages`: a file's name in assets/pages, without its ending, and its title. `values`: what stands in the text in
    place of {names}; a paragraph with a name that has none is left out."""

    def __init__(
        self, pages: Mapping[str, str], theme: Theme, parent: QWidget | None = None, values: Mapping[str, str] = {}
    ) -> None:
        super().__init__(parent)
        self._theme, self._pages, self._values = theme, tuple(pages), values
        self.choices = Choices(list(pages.values()), theme, self)
        self.choices.setContentsMargins(WIDE, 0, WIDE, 0)
        self.choices.setVisible(len(pages) > 1)
        self.page = QTextBrowser(self)
        self.page.setFrameShape(QFrame.Shape.NoFrame)
        self.page.setOpenLinks(False)
        self.page.viewport().setAutoFillBackground(False)
        self.page.anchorClicked.connect(self._open)
        self.page.highlighted.connect(self._point_out)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0 if len(pages) > 1 else STEP, 0, 0)
        column.setSpacing(STEP)
        column.addWidget(self.choices)
        column.addWidget(self.page, 1)
        for key, by in (("Ctrl+PgUp", -1), ("Ctrl+PgDown", 1)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda step=by: self._turn(step))
        self.choices.chosen.connect(self._show)
        theme.changed.connect(self._dress)
        self._show()

    def open(self, name: str) -> None:
        self.choices.choose(self._pages.index(name))

    def _turn(self, step: int) -> None:
        self.choices.choose(min(max(self.choices.place + step, 0), len(self._pages) - 1))

    def _show(self) -> None:
        place = self.choices.place
        text = (bundled("assets") / "pages" / f"{self._pages[place]}.md").read_text("utf-8")
        self.page.setMarkdown(filled(text, self._values))
        self.page.setAccessibleName(self.choices.buttons()[place].text())
        self._dress()

    def _dress(self) -> None:
        """Type, spacing and colours: Qt's reader of Markdown knows no style sheet."""
        colours = self._theme.colours
        self.page.setStyleSheet(f"QTextBrowser {{ background: transparent; color: {colours.text}; border: none; }}")
        self.page.document().setDefaultFont(QApplication.font())
        self.page.document().setDocumentMargin(QUARTER)
        self.page.document().setIndentWidth(WIDE)
        em = self.page.fontMetrics().height()
        block = self.page.document().begin()
        while block.isValid():
            self._dress_block(block, em)
            block = block.next()
        self._narrow()

    def _dress_block(self, block: QTextBlock, em: int) -> None:
        level = block.blockFormat().headingLevel()
        size, above, below = HEADINGS.get(level, (0, 0.0, 0.6))
        if block.textList() is not None:
            below = 0.3
        shape = QTextBlockFormat()
        shape.setLineHeight(LINE if not level else 110.0, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        shape.setTopMargin(above * em)
        shape.setBottomMargin(below * em)
        cursor = QTextCursor(block)
        cursor.mergeBlockFormat(shape)
        if level:
            letters = QTextCharFormat()
            letters.setProperty(QTextFormat.Property.FontSizeAdjustment.value, size)
            letters.setFontWeight(QFont.Weight.Bold)
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(letters)
        parts = block.begin()
        while not parts.atEnd():
            part = parts.fragment()
            if part.charFormat().isAnchor():
                link = QTextCursor(block)
                link.setPosition(part.position())
                link.setPosition(part.position() + part.length(), QTextCursor.MoveMode.KeepAnchor)
                letters = QTextCharFormat()
                letters.setForeground(self._theme.colour("accent"))
                letters.setFontUnderline(True)
                link.mergeCharFormat(letters)
            parts += 1

    def _open(self, address: QUrl) -> None:
        QDesktopServices.openUrl(address)

    def _point_out(self, address: QUrl) -> None:
        """Where a link leads, before it is clicked."""
        words = self.tr("Opens {0} in your browser").format(address.toString()) if not address.isEmpty() else ""
        self.page.setToolTip(words)

    # Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._narrow()

    def _narrow(self) -> None:
        """Lines no longer than can be read, left where all texts begin."""
        widest = READABLE * self.page.fontMetrics().averageCharWidth()
        right = max(WIDE, self.width() - WIDE - widest)
        self.page.setViewportMargins(WIDE, 0, right, 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 160)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its {names} replaced; paragraphs with names that have no value are left out."""
    kept = [part for part in text.split("\n\n") if set(NAMES.findall(part)) <= values.keys()]
    return NAMES.sub(lambda found: values[found[1]], "\n\n".join(kept))
