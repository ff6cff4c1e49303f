"""What a drop would be translated as, said while it hovers."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QMimeData

from app.gui.widgets.drop_area import Offer
from app.text.documents import ENDINGS


def offer(mime: QMimeData, target: str) -> Offer:
    """`target`: the name of the language; "" where nothing can be translated. Touches no file but to tell a folder."""
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if not paths:
        if mime.hasText() and not mime.hasUrls():
            return Offer(_tr("A text to translate"))
        return Offer(_tr("There is no text in it: bring a text, or a document (.txt, .srt)"), False)
    if not target:
        return Offer(_tr("No translator is here, so documents can't be translated"), False)
    fitting = [path for path in paths if path.suffix.lower() in ENDINGS or path.is_dir()]
    if not fitting:
        if len(paths) == 1:
            words = _tr("“{0}” can't be translated: only .txt and .srt files can")
            return Offer(words.format(paths[0].name), False)
        return Offer(_tr("None of these can be translated: only .txt and .srt files can"), False)
    if len(paths) == 1:
        words = (
            _tr("All documents in “{0}” to translate into {1}")
            if paths[0].is_dir()
            else _tr("“{0}” to translate into {1}")
        )
        return Offer(words.format(paths[0].name, target))
    return Offer(_tr("{0} documents to translate into {1}").format(len(fitting), target))


def documents_in(paths: list[Path]) -> list[Path]:
    """Files as given; of a folder the documents that lie in it, by name."""
    found = []
    for path in paths:
        if path.is_dir():
            found += sorted(one for one in path.iterdir() if one.suffix.lower() in ENDINGS and one.is_file())
        else:
            found.append(path)
    return found


def _tr(text: str) -> str:
    return QCoreApplication.translate("Translate", text)
