"""F1: every key, and the ways in."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.gui.theme import QUARTER, STEP, WIDE, WIDER, sized


class Shortcuts(QDialog):
    """A page to read: keys left, what they do right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keys and help"))
        self.resize(560, 620)
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(WIDER, WIDE, WIDER, WIDE)
        column.setSpacing(STEP)
        for title, words, keys in self._parts():
            head = QLabel(title, page)
            sized(head, "title", bold=True)
            column.addWidget(head)
            if words:
                text = QLabel(words, page)
                text.setWordWrap(True)
                column.addWidget(text)
            grid = QGridLayout()
            grid.setHorizontalSpacing(WIDE)
            grid.setVerticalSpacing(QUARTER)
            grid.setColumnMinimumWidth(0, 160)
            grid.setColumnStretch(1, 1)
            for row, (key, does) in enumerate(keys):
                left = QLabel(key, page)
                left.setProperty("quiet", True)
                right = QLabel(does, page)
                right.setWordWrap(True)
                grid.addWidget(left, row, 0, Qt.AlignmentFlag.AlignTop)
                grid.addWidget(right, row, 1)
            column.addLayout(grid)
            column.addSpacing(WIDE)
        column.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName(self.tr("Keys and help"))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, WIDE)
        outer.setSpacing(WIDE)
        outer.addWidget(scroll, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(WIDER, 0, WIDER, 0)
        foot.addStretch(1)
        close = QPushButton(self.tr("Close"), self)
        close.setDefault(True)
        close.clicked.connect(self.close)
        foot.addWidget(close)
        outer.addLayout(foot)

    def _parts(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        ctrl = "⌘" if self._mac() else "Ctrl+"
        return [
            (
                self.tr("Bring something in"),
                self.tr(
                    "Drop pictures or folders anywhere on the panel, in Caption a video, too, in Translate a text or a "
                    "document (.txt, .srt); drag a picture out of a browser, paste one, or open files. The samples "
                    "work with one click."
                ),
                [
                    (f"{ctrl}O", self.tr("open files")),
                    (f"{ctrl}Shift+O", self.tr("open a folder with all that is in it")),
                    (f"{ctrl}V", self.tr("paste a picture, a text, or copied files")),
                ],
            ),
            (
                self.tr("Everywhere"),
                "",
                [
                    (f"{ctrl}1  {ctrl}2  {ctrl}3", self.tr("Classify, Caption, Translate")),
                    (f"{ctrl}C", self.tr("copy the answer")),
                    (f"{ctrl}S", self.tr("save the answer")),
                    (f"{ctrl}I", self.tr("look inside the networks, and fold it away")),
                    (f"{ctrl}Shift+I", self.tr("the inside takes the whole panel, and gives it back")),
                    (f"{ctrl}M", self.tr("models: download, import, choose")),
                    (f"{ctrl},", self.tr("settings")),
                    ("Esc", self.tr("cancel what runs, then close what is open")),
                    ("F10", self.tr("menu")),
                    (f"{ctrl}Q", self.tr("quit")),
                ],
            ),
            (
                self.tr("In a translation"),
                self.tr("Point at a word, in either text, to see which words belong to it."),
                [
                    ("← →  Home  End", self.tr("its words one after the other, the first, the last")),
                    ("1 … 9", self.tr("take the n-th translation of the sentence at the cursor")),
                    ("H", self.tr("the light behind the words, on and off")),
                    (f"{ctrl}Z", self.tr("in the text: undo, also after it was cleared or swapped")),
                ],
            ),
            (
                self.tr("On curves"),
                "",
                [
                    ("← →  Home  End", self.tr("read the points one after the other, the first, the last")),
                    ("↑ ↓", self.tr("to the curve before, to the next")),
                    (f"{ctrl}C  {ctrl}S", self.tr("copy the numbers as CSV, save the drawing as PNG or SVG")),
                ],
            ),
            (
                self.tr("While no text field has the focus"),
                self.tr("These can be switched off in the settings."),
                [
                    ("← →", self.tr("previous and next picture; in a caption, the words")),
                    ("H", self.tr("heat on and off: where the network sees the class, looks for the word")),
                    ("1 … 9", self.tr("pick the n-th class, or the n-th word that could have stood there")),
                    ("Space", self.tr("pause and resume a camera, a video, a slide show; a paused camera is off")),
                ],
            ),
            (
                self.tr("In the figure of a network"),
                self.tr("Click a block for its feature maps. Drag to move, turn the wheel to zoom."),
                [
                    ("← → ↑ ↓", self.tr("from block to block or word to word, to what lies above and below")),
                    ("Tab", self.tr("to the next stage, and on after the last")),
                    ("Enter", self.tr("feature maps of the block; in the maps: one of them large")),
                    ("Space", self.tr("fold and unfold the stage")),
                    (f"{ctrl}+  {ctrl}−", self.tr("larger, smaller")),
                    (f"{ctrl}0", self.tr("all of it, then full size")),
                    (self.tr("Shift and arrows"), self.tr("move the sheet")),
                ],
            ),
        ]

    @staticmethod
    def _mac() -> bool:
        import sys

        return sys.platform == "darwin"
