"""The left leaf before there is a picture."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from app.gui.first_page import FirstPage
from app.gui.theme import Theme
from app.gui.widgets.thumbnails import Thumbnails


class EmptyPage(FirstPage):
    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        words = QCoreApplication.translate("EmptyPage", "Drop a picture or a folder here.")
        super().__init__(words, thumbnails, theme, parent)
        self.more.setText(self.tr("Networks say what they see in it. It stays on this machine."))
        self.open.setProperty("primary", True)
