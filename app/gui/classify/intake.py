"""What comes in by a drop or from the clipboard, and what can be said about it before it is taken."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QCoreApplication, QMimeData, QUrl
from PySide6.QtGui import QImage

# As bytes, so that our own decoder with its limits reads them and not Qt's.
_IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/tiff", "image/bmp", "image/gif", "image/avif")


@dataclass(frozen=True)
class Intake:
    """`paths`, or one `picture` without a file, or neither and a `sentence` that says why not."""

    paths: tuple[Path, ...] = ()
    picture: bytes | QImage | None = None
    sentence: str = ""

    def __bool__(self) -> bool:
        return bool(self.paths) or self.picture is not None


def read(mime: QMimeData) -> Intake:
    """A file beats image data (it has a name), and both beat an address: nothing is fetched from the network."""
    paths = tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    if not paths and mime.hasText():
        paths = _paths_in(mime.text())
    if paths:
        return Intake(paths)
    for kind in _IMAGE_TYPES:
        if mime.hasFormat(kind) and (content := bytes(mime.data(kind).data())):
            return Intake(picture=content)
    if mime.hasImage():
        image = mime.imageData()
        if isinstance(image, QImage) and not image.isNull():
            return Intake(picture=image)
    for url in mime.urls():
        if url.scheme() == "data" and (content := _data(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))):
            return Intake(picture=content)
    if any(url.scheme() in ("http", "https") for url in mime.urls()):
        return Intake(
            sentence=_tr(
                "That is only the picture's address, and Triptych fetches nothing from the network: "
                "save the picture first, then drop the file."
            )
        )
    return Intake(sentence=_tr("There is no picture in it: bring a file, a folder or a copied picture."))


def read_hover(mime: QMimeData) -> tuple[bool, str]:
    """Whether a drop would be taken, and what to say while it hovers. Touches no file but to tell a folder."""
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if not paths:
        if mime.hasImage() or any(mime.hasFormat(kind) for kind in _IMAGE_TYPES):
            return True, _tr("A picture to classify")
        taken = read(mime)
        return bool(taken), taken.sentence or _tr("A picture to classify")
    folders = sum(path.is_dir() for path in paths)
    if len(paths) == 1:
        if folders:
            return True, _tr("All pictures in “{0}” to classify").format(paths[0].name)
        if _foreign(paths[0]):
            return False, _tr("“{0}” can't be opened: this file type isn't supported").format(paths[0].name)
        return True, _tr("A picture to classify")
    if all(_foreign(path) for path in paths if not path.is_dir()) and not folders:
        return False, _tr("These file types can't be opened")
    if folders:
        return True, _tr("{0} files and folders to classify").format(len(paths))
    return True, _tr("{0} pictures to classify").format(len(paths))


def _foreign(path: Path) -> bool:
    """Whether its name says that it is something else. A name without an ending may be anything."""
    from app.media.pictures import SUFFIXES

    return bool(path.suffix) and path.suffix.lower() not in SUFFIXES and not path.is_dir()


def _paths_in(text: str) -> tuple[Path, ...]:
    """Files named in plain text, as file managers and terminals copy them: every line must be one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()][:100_000]
    paths = []
    for line in lines:
        path = Path(QUrl(line).toLocalFile()) if line.startswith("file://") else Path(line)
        try:
            if not (path.is_absolute() and path.exists()):
                return ()
        except (OSError, ValueError):
            return ()
        paths.append(path)
    return tuple(paths)


def _data(address: str) -> bytes:
    """The content of a `data:` address, as browsers give for pictures that a page brings along."""
    head, _, body = address.removeprefix("data:").partition(",")
    if not head.startswith("image/"):
        return b""
    raw = unquote_to_bytes(body)
    if not head.endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw)
    except binascii.Error:
        return b""


def _tr(text: str) -> str:
    return QCoreApplication.translate("Intake", text)
