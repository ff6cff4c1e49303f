"""What a drop would be played as, said while it hovers."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QMimeData

from app.gui.classify import intake
from app.gui.widgets.drop_area import Offer


def offer(mime: QMimeData) -> Offer:
    """Touches no file but to tell a folder."""
    from app.media.pictures import SUFFIXES as PICTURES
    from app.media.videos import SUFFIXES as VIDEOS

    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if not paths:
        acceptable, sentence = intake.read_hover(mime)
        return Offer(_tr("A picture to describe") if acceptable else sentence, acceptable)
    folders = sum(path.is_dir() for path in paths)
    if len(paths) == 1 and not folders:
        ending = paths[0].suffix.lower()
        if ending in VIDEOS:
            return Offer(_tr("A video to describe"))
        if ending and ending not in PICTURES:
            words = _tr("“{0}” can't be opened: this file type isn't supported")
            return Offer(words.format(paths[0].name), False)
        return Offer(_tr("A picture to describe"))
    if len(paths) == 1:
        return Offer(_tr("All pictures in “{0}” to describe, one after the other").format(paths[0].name))
    known = PICTURES | {""}
    if not folders and all(path.suffix.lower() not in known for path in paths):
        if any(path.suffix.lower() in VIDEOS for path in paths):
            return Offer(_tr("One video at a time"), False)
        return Offer(_tr("These file types can't be opened"), False)
    if folders:
        return Offer(_tr("{0} files and folders to describe, one after the other").format(len(paths)))
    return Offer(_tr("{0} pictures to describe, one after the other").format(len(paths)))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Caption", text)
