"""Files are looked for and pictures are decoded in threads of their own; the window is told by queued signals."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage

from app.gui.classify.answers import Item
from app.gui.widgets.thumbnails import small

if TYPE_CHECKING:
    from app.media.pictures import Picture

SHARP = 512  # a JPEG may come smaller while its short side stays at least twice this: enough for the largest view
LARGEST = 2048
PORTION = 100  # files a message: more would hold the window up while they become rows
HASTE = 0.15  # seconds after which a smaller portion goes on, too

_log = logging.getLogger(__name__)
Source = Path | bytes | QImage


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture for the networks, and the same for the screen: at most `LARGEST` pixels long, as the window's thread
    scales it anew whenever its size changes. `small` is for the strip."""

    picture: Picture
    image: QImage
    small: QImage

    @property
    def scale(self) -> float:
        """Pixels on the screen's picture for one of the networks'."""
        return self.image.width() / int(self.picture.pixels.shape[1])


class Loader(QObject):
    """Decodes the picture that was asked for last; what it replaces is dropped."""

    loaded = Signal(object, object)  # Item, Decoded
    failed = Signal(object, str)  # Item, sentence

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._next: Item | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def load(self, item: Item | None) -> None:
        """None: nothing any more."""
        with self._changed:
            self._next = item
            self._changed.notify()
        if self._thread is None and item is not None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="triptych-decode-one", daemon=True)
            self._thread.start()

    def stop(self) -> list[threading.Thread]:
        """For good. Returns the thread that has been told to end."""
        with self._changed:
            self._closing, self._next = True, None
            self._changed.notify()
        return [self._thread] if self._thread is not None else []

    def _run(self) -> None:
        from app.media.pictures import PictureError

        while True:
            with self._changed:
                while self._next is None and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                item, self._next = self._next, None
            assert item is not None
            try:
                try:
                    decoded = decode(item.source, item.name, SHARP)
                except PictureError as error:
                    self.failed.emit(item, str(error))
                except Exception:
                    _log.exception("decoding a picture")
                    text = "{0} could not be opened because of a fault; the log has more."
                    self.failed.emit(item, QCoreApplication.translate("Loader", text).format(item.name))
                else:
                    self.loaded.emit(item, decoded)
            except RuntimeError:  # the window has gone meanwhile
                return


def decode(source: Source, name: str, at_least: int) -> Decoded:
    """On any thread but the window's. Raises PictureError."""
    from app.media import pictures

    if isinstance(source, QImage):
        picture = _from_qimage(source, name)
    else:
        picture = pictures.decode(source, name=name, at_least=at_least)
    image = as_image(picture)
    return Decoded(picture, image, small(image))


def as_image(picture: Picture) -> QImage:
    height, width = picture.pixels.shape[:2]
    # A copy in the screen's own format: quick to draw, and its memory is its own.
    flat = QImage(picture.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    image = flat.convertToFormat(QImage.Format.Format_RGB32)
    if max(width, height) > LARGEST:
        keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        image = image.scaled(LARGEST, LARGEST, keep, smooth)
    return image


def thumbnail(key: Hashable) -> QImage | None:
    """For `widgets.thumbnails`: the small picture of an Item."""
    from app.gui.widgets.thumbnails import SHARP as SIDE
    from app.media.pictures import PictureError

    assert isinstance(key, Item)
    try:
        return decode(key.source, key.name, SIDE // 2).small
    except PictureError:
        return None
    except Exception:
        _log.exception("making a small picture")
        return None


def _from_qimage(image: QImage, name: str) -> Picture:
    """What another program put on the clipboard without a file's format: alpha laid on white."""
    import numpy as np

    from app.media.pictures import MAX_PIXELS, Picture, PictureError

    if image.width() * image.height() > MAX_PIXELS:
        text = "{0} could not be opened: it has more than {1} megapixels. Save a smaller copy."
        raise PictureError(QCoreApplication.translate("Loader", text).format(name, MAX_PIXELS // 1_000_000))
    rgba = image.convertToFormat(QImage.Format.Format_RGBA8888_Premultiplied)
    width, height = rgba.width(), rgba.height()
    rows = np.frombuffer(rgba.constBits(), np.uint8).reshape(height, rgba.bytesPerLine())[:, : 4 * width]
    values = rows.reshape(height, width, 4)
    on_white = values[..., :3].astype(np.uint16) + (255 - values[..., 3:].astype(np.uint16))
    pixels = np.minimum(on_white, 255).astype(np.uint8)
    return Picture(name, np.ascontiguousarray(pixels), (width, height), "clipboard")


class Finder(QObject):
    """Walks folders; one search at a time. The next portion waits until the window has taken the one before: many that
    came at once would be worked through without a look at the mouse."""

    found = Signal(object)  # list[Path]
    finished = Signal(int)  # how many in all
    _found = Signal(object, object)
    _ended = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()
        self._taken = threading.Semaphore()
        self._threads: list[threading.Thread] = []
        self.running = False
        self._found.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._end, Qt.ConnectionType.QueuedConnection)

    def find(self, paths: list[Path]) -> None:
        self.cancel()
        self._stop, self._taken = threading.Event(), threading.Semaphore()
        self.running = True
        thread = threading.Thread(
            target=self._run, args=(paths, self._stop, self._taken), name="triptych-find-pictures", daemon=True
        )
        self._threads = [*(old for old in self._threads if old.is_alive()), thread]
        thread.start()

    def cancel(self) -> None:
        """Does not wait: a folder on a sleeping disk may take long to answer."""
        self._stop.set()
        self.running = False

    def stop(self) -> list[threading.Thread]:
        """Returns the threads that have been told to end."""
        self.cancel()
        return self._threads

    def _run(self, paths: list[Path], stop: threading.Event, taken: threading.Semaphore) -> None:
        from app.media import pictures

        def hand_over(portion: list[Path]) -> None:
            while not stop.is_set():
                if taken.acquire(timeout=0.05):
                    self._found.emit(portion, stop)
                    return

        portion: list[Path] = []
        count, begin = 0, time.monotonic()
        try:
            for path in pictures.find(paths):
                if stop.is_set():
                    return
                portion.append(path)
                count += 1
                if len(portion) >= PORTION or time.monotonic() - begin > HASTE:
                    hand_over(portion)
                    portion, begin = [], time.monotonic()
            if portion:
                hand_over(portion)
            self._ended.emit(count, stop)
        except RuntimeError:  # the window has gone meanwhile
            return

    @Slot(object, object)
    def _pass_on(self, paths: list[Path], stop: threading.Event) -> None:
        if not stop.is_set():
            self.found.emit(paths)
            self._taken.release()

    @Slot(int, object)
    def _end(self, count: int, stop: threading.Event) -> None:
        if not stop.is_set():
            self.running = False
            self.finished.emit(count)
