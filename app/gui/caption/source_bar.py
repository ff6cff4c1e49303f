"""Over the picture: what is looked at, how it is paused, and whether a camera is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from app.gui.caption.chooser import Chooser
from app.gui.theme import QUARTER, STEP, Theme, sized

if TYPE_CHECKING:
    from app.media.cameras import Camera

DOT = 10  # pixels across


class SourceBar(QWidget):
    """`camera_chosen` carries a Camera. The chooser lists the cameras and the file that is open; its last line asks for
    another file."""

    camera_chosen = Signal(object)
    open_wanted = Signal()
    paste_wanted = Signal()
    pause_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cameras: tuple[Camera, ...] = ()
        self._file = ""  # the name of the file, or the files, that are open
        self._camera: Camera | None = None  # the one that is looked at
        self.chooser = Chooser(self)
        self.chooser.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.chooser.setMaximumWidth(360)
        self.chooser.setMinimumContentsLength(10)
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.chooser.setAccessibleName(self.tr("What is looked at"))
        self.chooser.setToolTip(self.tr("A camera, a video or pictures"))
        self.chooser.activated.connect(self._activated)
        self.pause = self._tool("pause", theme)
        self.pause.clicked.connect(self.pause_wanted)
        self.sign = CameraSign(theme, self)
        self.open = self._tool("open", theme)
        self.open.setToolTip(self.tr("Open a video or pictures… (Ctrl+O)"))
        self.open.setAccessibleName(self.tr("Open a video or pictures"))
        self.open.clicked.connect(self.open_wanted)
        self.paste = self._tool("paste", theme)
        self.paste.setToolTip(self.tr("Paste (Ctrl+V)"))
        self.paste.setAccessibleName(self.tr("Paste"))
        self.paste.clicked.connect(self.paste_wanted)
        self._theme = theme
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(STEP)
        row.addWidget(self.chooser, 3)
        row.addWidget(self.pause)
        row.addWidget(self.sign)
        row.addStretch(1)
        row.addWidget(self.open)
        row.addWidget(self.paste)
        self.show_playing(False, False)
        self._fill()

    def set_cameras(self, cameras: tuple[Camera, ...]) -> None:
        """Those that are plugged in."""
        self._cameras = cameras
        self._fill()

    def set_source(self, camera: Camera | None, file: str) -> None:
        """What is looked at: a camera, or a file's name; neither: nothing yet."""
        self._camera = camera
        if file:
            self._file = file
        self._fill()

    def show_playing(self, playing: bool, possible: bool) -> None:
        self.pause.setEnabled(possible)
        self.pause.setIcon(self._theme.icon("pause" if playing else "play"))
        words = self.tr("Pause (Space)") if playing else self.tr("Go on (Space)")
        self.pause.setToolTip(words)
        self.pause.setAccessibleName(self.tr("Pause") if playing else self.tr("Go on"))

    def _fill(self) -> None:
        chooser = self.chooser
        chooser.clear()
        place = -1
        for camera in self._cameras:
            if self._camera is not None and camera.key == self._camera.key:
                place = chooser.count()
            chooser.addItem(camera.name, camera)
        if self._camera is not None and place < 0:  # pulled out meanwhile
            place = chooser.count()
            chooser.addItem(self._camera.name, self._camera)
        if self._file:
            if self._camera is None:
                place = chooser.count()
            chooser.addItem(self._file, "file")
        if chooser.count():
            chooser.insertSeparator(chooser.count())
        chooser.addItem(self.tr("Open a video or pictures…"), "open")
        chooser.setPlaceholderText(
            self.tr("Choose a camera or a file") if self._cameras else self.tr("No camera: choose a file")
        )
        chooser.setCurrentIndex(place)
        self._place = place

    def _activated(self, row: int) -> None:
        chosen = self.chooser.itemData(row)
        if chosen == "open":
            self.chooser.setCurrentIndex(self._place)
            self.open_wanted.emit()
        elif chosen == "file":
            self.file_chosen.emit()
        elif chosen is not None:
            self.camera_chosen.emit(chosen)

    file_chosen = Signal()  # the file that was open before the camera

    def _tool(self, icon: str, theme: Theme) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(theme.icon(icon))
        button.setIconSize(QSize(18, 18))
        return button


class CameraSign(QWidget):
    """A filled dot and words while a camera is really held; takes its room always, so that nothing jumps."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on = False
        self._words = self.tr("Camera on")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        sized(self, "secondary", bold=True)
        theme.changed.connect(self.update)
        self.show_on(False)

    @property
    def on(self) -> bool:
        return self._on

    def show_on(self, on: bool) -> None:
        self._on = on
        self.setAccessibleName(self._words if on else self.tr("Camera off"))
        self.setToolTip(self.tr("The camera is held by this window. Space lets it go.") if on else "")
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(DOT + STEP + metrics.horizontalAdvance(self._words) + QUARTER, metrics.height() + QUARTER)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._on:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("error"))
        painter.drawEllipse(QPointF(DOT / 2, self.height() / 2), DOT / 2 - 1, DOT / 2 - 1)
        painter.setPen(self._theme.colour("text"))
        place = self.rect().adjusted(DOT + QUARTER, 0, 0, 0)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), self._words)
