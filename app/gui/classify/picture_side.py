"""The left leaf: the picture with its heat map, the line about it, and the strip of all pictures."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.classify.empty import EmptyPage
from app.gui.classify.explain_bar import STRENGTH, ExplainBar
from app.gui.classify.folder_model import FAILED_ROLE, KEY_ROLE, FolderModel
from app.gui.classify.loader import Decoded
from app.gui.theme import QUARTER, STEP, Theme
from app.gui.widgets.buttons import tool_button
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.picture_view import PictureView
from app.gui.widgets.thumbnails import Strip, Thumbnails

LOW = 360  # pixels: below, the line under the picture is one
STRIP = 300  # below, there is no strip: the picture itself, keys and the table are enough
LOWEST = 160  # below, there is no line, either


class PictureSide(QWidget):
    cleared = Signal()

    def __init__(
        self, pictures: FolderModel, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        # Made in reading order, as Tab follows it.
        self.name = ElidedLabel("", self)
        self.details = ElidedLabel("", self)
        self.details.setProperty("quiet", True)
        self.open = tool_button("open", self.tr("Open… (Ctrl+O)"), theme, self)
        self.paste = tool_button("paste", self.tr("Paste (Ctrl+V)"), theme, self)
        self.clear = tool_button("remove", self.tr("Remove all pictures from the panel"), theme, self)
        self.clear.clicked.connect(self.cleared)
        self.view = PictureView(theme, self)
        self.view.set_strength(STRENGTH / 100)
        self.empty = EmptyPage(thumbnails, theme, self)
        self.pages = QStackedWidget(self)
        self.pages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.pages.setMinimumHeight(60)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.view)
        top = QHBoxLayout()
        top.setSpacing(STEP)
        top.addWidget(self.name)
        top.addWidget(self.details, 1)
        for tool in (self.open, self.paste, self.clear):
            top.addWidget(tool)
        self.explain = ExplainBar(theme, self)
        self.strip = Strip(thumbnails, theme, KEY_ROLE, FAILED_ROLE, self)
        self.strip.nothing = self.tr("No picture passes the filter of “All pictures”.")
        self.strip.setModel(pictures)
        self._several = self._table_shown = False
        self.strip.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, STEP)
        column.setSpacing(QUARTER)
        column.addLayout(top)
        column.addWidget(self.pages, 1)
        column.addWidget(self.explain)
        column.addWidget(self.strip)
        self.setMinimumWidth(300)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.explain.set_compact(self.height() < LOW)
        self._show_explain()
        self._show_strip()

    def _show_explain(self) -> None:
        """Where hardly anything fits (a small window with the inside open) the picture goes first."""
        self.explain.setVisible(self.pages.currentWidget() is self.view and self.height() >= LOWEST)

    def want_strip(self, several: bool, table_shown: bool) -> None:
        """There is something to choose from; where it is low, the table beneath is enough to choose from it."""
        self._several, self._table_shown = several, table_shown
        self._show_strip()

    def _show_strip(self) -> None:
        high = self.height() >= (LOW if self._table_shown else STRIP)
        self.strip.setVisible(self._several and high)

    def share_selection(self, selection: QItemSelectionModel) -> None:
        """The strip and the table have one current picture."""
        own = self.strip.selectionModel()
        self.strip.setSelectionModel(selection)
        if own is not None and own is not selection:
            own.deleteLater()

    def show_empty(self) -> None:
        self.pages.setCurrentWidget(self.empty)
        self._show_explain()
        self.name.setText("")
        self.details.setText("")
        if self.window().focusWidget() is self.clear:
            self.open.setFocus()
        self.clear.setEnabled(False)
        self.explain.show_nothing(False)
        self.view.show_sentence("")

    def show_name(self, name: str) -> None:
        """A picture is on its way; the old one stays until it is there, so that nothing flickers."""
        self.pages.setCurrentWidget(self.view)
        self._show_explain()
        self.name.setText(name)
        self.clear.setEnabled(True)
        self.view.clear_heat()

    def show_picture(self, decoded: Decoded) -> None:
        picture = decoded.picture
        self.view.show_picture(decoded.image, picture.name)
        width, height = (numbers.whole(side) for side in picture.size)
        kind = "" if picture.format == "clipboard" else f" · {picture.format}"
        self.details.setText(self.tr("{0} × {1} pixels").format(width, height) + kind)

    def keep_focus(self) -> None:
        """The controls of the heat map are about to go: the picture takes the focus from them."""
        focused = self.window().focusWidget()
        if focused in (self.explain.strength, self.explain.save, self.explain.against):
            self.view.setFocus()

    def show_failure(self, sentence: str) -> None:
        self.view.show_sentence(sentence)
        self.details.setText("")
        self.explain.show_nothing(False)
