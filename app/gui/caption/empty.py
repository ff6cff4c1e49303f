"""The left leaf before there is anything to look at: one sentence, the ways in, samples that work with one click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui.classify.empty import SIDE, SampleButton
from app.gui.theme import STEP, WIDE, WIDER, Theme, sized
from app.gui.widgets.thumbnails import Thumbnails
from app.store.locate import bundled

if TYPE_CHECKING:
    from app.media.cameras import Camera


class EmptyPage(QWidget):
    camera_chosen = Signal(object)
    opened = Signal()
    pasted = Signal()
    sample_chosen = Signal(object)  # Path

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._camera: Camera | None = None
        sentence = QLabel(self.tr("Drop a video or pictures here, or switch on the camera."), self)
        sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        sentence.setWordWrap(True)
        sized(sentence, "title", bold=True)
        self._more = more = QLabel(self)
        more.setProperty("quiet", True)
        more.setWordWrap(True)
        more.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.camera = QPushButton(self.tr("Start the camera"), self)
        self.camera.setIcon(theme.icon("camera", "on_accent"))
        self.camera.setProperty("primary", True)
        self.camera.clicked.connect(lambda: self.camera_chosen.emit(self._camera))
        self.open = QPushButton(self.tr("Open…"), self)
        self.open.clicked.connect(self.opened)
        self.paste = QPushButton(self.tr("Paste"), self)
        self.paste.clicked.connect(self.pasted)
        buttons = QHBoxLayout()
        buttons.setSpacing(STEP)
        buttons.addStretch(1)
        for button in (self.camera, self.open, self.paste):
            buttons.addWidget(button)
        buttons.addStretch(1)

        self.samples: list[SampleButton] = []
        row = QHBoxLayout()
        row.setSpacing(WIDE)
        row.addStretch(1)
        folder = bundled("assets") / "samples"
        for file, label in (
            ("chelsea.jpg", self.tr("A cat")),
            ("coffee.jpg", self.tr("Coffee")),
            ("astronaut.jpg", self.tr("An astronaut")),
            ("rocket.jpg", self.tr("A rocket")),
        ):
            sample = SampleButton(folder / file, label, thumbnails, theme, self)
            sample.chosen.connect(self.sample_chosen)
            row.addWidget(sample)
            self.samples.append(sample)
        row.addStretch(1)
        self._try_one = try_one = QLabel(self.tr("Or try one:"), self)
        try_one.setProperty("quiet", True)
        try_one.setAlignment(Qt.AlignmentFlag.AlignCenter)

        column = QVBoxLayout(self)
        column.setContentsMargins(WIDE, STEP, WIDE, STEP)
        column.setSpacing(STEP)
        column.addStretch(2)
        column.addWidget(sentence)
        column.addWidget(more)
        column.addSpacing(STEP)
        column.addLayout(buttons)
        column.addSpacing(WIDER)
        column.addWidget(try_one)
        column.addLayout(row)
        column.addStretch(3)
        self.offer_camera(None)

    def offer_camera(self, camera: Camera | None) -> None:
        """The camera that the button starts: the one of last time, or the first. None: none is plugged in."""
        self._camera = camera
        self.camera.setVisible(camera is not None)
        self.open.setProperty("primary", camera is None)
        self.open.style().polish(self.open)
        if camera is None:
            self._more.setText(
                self.tr("No camera is plugged in; one that you plug in appears here. Everything stays on this machine.")
            )
        else:
            self.camera.setToolTip(camera.name)
            self._more.setText(
                self.tr("A network says what it sees, live. The camera is switched on by you, here; nothing is sent.")
            )

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 110)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is low the pictures shrink first, then the words go; the ways in stay."""
        super().resizeEvent(event)
        height = self.height()
        self._more.setVisible(height >= 280)
        self._try_one.setVisible(height >= 260)
        for sample in self.samples:
            sample.set_side(SIDE if height >= 300 else 56)
            sample.setVisible(height >= 170)
