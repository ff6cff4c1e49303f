"""The left leaf before there is anything to look at. A camera is one of the ways in, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from app.gui.first_page import FirstPage
from app.gui.theme import Theme
from app.gui.widgets.thumbnails import Thumbnails

if TYPE_CHECKING:
    from app.media.cameras import Camera


class EmptyPage(FirstPage):
    camera_chosen = Signal(object)

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        words = QCoreApplication.translate("EmptyPage", "Drop a video or pictures here, or switch on the camera.")
        super().__init__(words, thumbnails, theme, parent)
        self._camera: Camera | None = None
        self.camera = QPushButton(self.tr("Start the camera"), self)
        self.camera.setIcon(theme.icon("camera", "on_accent"))
        self.camera.setProperty("primary", True)
        self.camera.clicked.connect(lambda: self.camera_chosen.emit(self._camera))
        self.ways.insertWidget(1, self.camera)
        QWidget.setTabOrder(self.camera, self.open)
        self.offer_camera(None)

    def offer_camera(self, camera: Camera | None) -> None:
        """The camera that the button starts: the one of last time, or the first. None: none is plugged in."""
        self._camera = camera
        self.camera.setVisible(camera is not None)
        self.open.setProperty("primary", camera is None)
        self.open.style().polish(self.open)
        if camera is None:
            self.more.setText(
                self.tr("No camera is plugged in; one that you plug in appears here. Everything stays on this machine.")
            )
        else:
            self.camera.setToolTip(camera.name)
            self.more.setText(
                self.tr("A network says what it sees, live. The camera is switched on by you, here; nothing is sent.")
            )
