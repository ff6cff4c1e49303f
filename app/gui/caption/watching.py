"""Which source is looked at, what is said of it, and when: never while nobody can see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from app.gui.caption.live_side import LiveSide
from app.gui.caption.session import Kind, Session
from app.gui.context import Context
from app.gui.widgets.message_strip import MessageStrip, Strips

if TYPE_CHECKING:
    from app.media.cameras import Camera, Watcher
    from app.media.sources import Source

CAMERA_KEY = "caption.camera"  # in the settings: which one was chosen last


class Watching(QObject):
    """Between the session and the left leaf."""

    files_opened = Signal(object)  # list[Path]: more than one picture, or a folder
    _stirred = Signal()  # on the thread that looks for cameras

    def __init__(
        self, context: Context, session: Session, left: LiveSide, strips: Strips, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._session, self._left, self._strips = context, session, left, strips
        self.failure: MessageStrip | None = None
        self._skipped = 0  # pictures that could not be opened, and have been said
        self._watcher: Watcher | None = None
        self._file: tuple[Source, Kind] | None = None  # what was open last beside a camera
        self._pasted = 0
        self._sign_timer = QTimer(self)
        self._sign_timer.setSingleShot(True)
        self._sign_timer.setInterval(400)
        self._sign_timer.timeout.connect(self._show_sign)
        self._stirred.connect(self._cameras_changed, Qt.ConnectionType.QueuedConnection)
        session.source_changed.connect(self._source_changed)
        session.status_changed.connect(self.show_status)
        left.bar.camera_chosen.connect(self.play_camera)
        left.empty.camera_chosen.connect(self.play_camera)
        left.bar.file_chosen.connect(self._file_again)
        left.seek_wanted.connect(session.seek)
        self._source_changed()

    # What is looked at

    def open_paths(self, paths: Sequence[Path]) -> None:
        """One video, one picture, or several pictures and folders one after the other."""
        from app.media.videos import Video, source_of

        source = source_of(paths)
        if isinstance(source, Video):
            kind = Kind.MOVING
        elif len(paths) == 1 and not paths[0].is_dir():
            kind = Kind.STILL
        else:
            kind = Kind.SLIDES
            self.files_opened.emit(list(paths))
        self.play(source, kind)

    def add_picture(self, content: bytes | QImage) -> None:
        """A picture without a file."""
        from app.gui.caption.pasted import Pasted

        self._pasted += 1
        name = self.tr("Pasted picture") if self._pasted == 1 else self.tr("Pasted picture {0}").format(self._pasted)
        self.play(Pasted(content, name), Kind.STILL)

    @Slot(object)
    def play_camera(self, camera: Camera) -> None:
        self._context.settings.set(CAMERA_KEY, camera.key)
        self.play(camera, Kind.MOVING)

    def play(self, source: Source, kind: Kind, loop: bool = False) -> None:
        self._strips.settle()
        if not source.live:
            self._file = (source, kind)
        self._session.play(source, kind, loop)

    def _file_again(self) -> None:
        """The file that was open before the camera."""
        if self._file is not None:
            self.play(*self._file)

    # Cameras that there are

    def watch_cameras(self, watch: bool) -> None:
        """Only while somebody can see the list."""
        from app.media import cameras

        if watch:
            self._show_sign()
        else:
            self._sign_timer.stop()
        if watch and self._watcher is None:
            self._watcher = cameras.Watcher(self._stir)
            self._watcher.start()
        elif not watch and self._watcher is not None:
            self._watcher.close(0.0)
            self._watcher = None

    def _stir(self) -> None:
        try:
            self._stirred.emit()
        except RuntimeError:  # the window has gone meanwhile
            return

    @Slot()
    def _cameras_changed(self) -> None:
        from app.media.cameras import find

        if self._watcher is not None:
            found = self._watcher.cameras
            self._left.bar.set_cameras(found)
            remembered = find(self._context.settings.value(CAMERA_KEY, ""), found)
            self._left.empty.offer_camera(remembered or next(iter(found), None))

    # What is said of it

    def _source_changed(self) -> None:
        source, left = self._session.source, self._left
        self._skipped = 0
        self._drop_failure()
        left.show_empty(source is None)
        camera = cast("Camera", source) if source is not None and source.live else None
        left.bar.set_source(camera, "" if source is None or source.live else source.name)
        left.view.show_sentence("")
        self.show_status()

    def _show_sign(self) -> None:
        self._left.bar.sign.show_on(self._session.camera_on)
        if self._session.left_camera_on:
            self._sign_timer.start()

    def show_status(self) -> None:
        from app.media.capture import State

        session, left = self._session, self._left
        status, source = session.status, session.source
        self._show_sign()
        if status is None or source is None:
            left.bar.show_playing(False, False)
            left.show_length(None)
            return
        still = session.kind is Kind.STILL
        left.bar.show_playing(session.playing, not still)
        left.show_length(None if still else status.length)
        notes = {
            State.OPENING: self.tr("Opening…"),
            State.PAUSED: self.tr("Paused"),
            State.ENDED: self.tr("The end"),
        }
        left.view.set_note("" if still else notes.get(status.state, ""))
        for words in status.skipped[self._skipped :]:
            self._strips.say("warning", words)
        self._skipped = len(status.skipped)
        nothing = status.state == State.FAILED and session.frame is None
        if nothing:
            left.view.show_sentence(
                self.tr("No picture from {0}.").format(source.name) if source.live else status.sentence
            )
        if status.sentence and status.sentence not in status.skipped and (source.live or not nothing):
            self._show_failure(status.sentence, error=status.state == State.FAILED)
        else:
            self._drop_failure()

    def _show_failure(self, words: str, error: bool) -> None:
        """One sentence and a button; it goes by itself when the source is back."""
        if self.failure is not None and self.failure.sentence == words:
            return
        self._drop_failure()
        again = ((self.tr("Try again"), self._session.retry),)
        self.failure = self._strips.say("error" if error else "warning", words, again)
        self.failure.dismissed.connect(self._failure_gone)

    def _failure_gone(self) -> None:
        self.failure = None

    def _drop_failure(self) -> None:
        if self.failure is not None:
            self.failure.dismiss()
