"""Files that a person saves: asked for in the system's dialog, written whole, in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.tasks import Tasks


class Files(QObject):
    """`said` tells how each ended: kind and sentence for a strip."""

    said = Signal(str, str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._tasks = Tasks(self)
        self._tasks.done.connect(self._done)
        self._number = 0

    def ask(self, title: str, suggestion: str, kinds: dict[str, str]) -> Path | None:
        """A path with the ending of the kind that was chosen (`kinds`: ending, what the dialog calls it). None where
        there is none, or one that is taken and that the dialog has not asked about."""
        chosen, kind = choose_file(self._window, title, suggestion, ";;".join(kinds.values()))
        if not chosen:
            return None
        path = Path(chosen)
        if path.suffix.lower() in kinds:
            return path
        ending = next((ending for ending, words in kinds.items() if words == kind), next(iter(kinds)))
        longer = path.with_name(path.name + ending)
        if longer.exists():  # the dialog has asked about another name
            self.said.emit("warning", self.tr("{0} is there already: save under another name.").format(longer.name))
            return None
        return longer

    def run(self, path: Path, work: Callable[[], str]) -> None:
        """`work` writes the file, and returns a sentence where it could not."""
        self._number += 1
        self._tasks.start(f"save {self._number} {path.name}", work)

    def save_figure(
        self, draw: Callable[[bool], bytes | QImage], name: str, folder: str = "", svg: bool = True
    ) -> None:
        """A network's diagram. `draw` gives SVG where it is told True, pixels otherwise."""
        kinds = {".svg": self.tr("Drawing, SVG (*.svg)"), ".png": self.tr("Picture, PNG (*.png)")}
        first = ".svg" if svg else ".png"
        kinds = {first: kinds.pop(first), **kinds}
        suggestion = Path(folder) / self.tr("{0} diagram{1}").format(name, first)
        path = self.ask(self.tr("Save the diagram"), str(suggestion), kinds)
        if path is None:
            return
        drawn = draw(path.suffix.lower() == ".svg")
        if isinstance(drawn, bytes):
            self.run(path, lambda: write_text(path, drawn.decode()))
        else:
            self.run(path, lambda: write_png(drawn, path))

    def threads(self) -> list[Thread]:
        """Those that still write."""
        return self._tasks.threads()

    def _done(self, name: str, result: object, sentence: str) -> None:
        problem = sentence or (result if isinstance(result, str) else "")
        file = name.split(" ", 2)[2]
        if problem:
            self.said.emit("error", problem)
        else:
            self.said.emit("info", self.tr("Saved: {0}").format(file))


def choose_file(parent: QWidget, title: str, suggestion: str, kinds: str) -> tuple[str, str]:
    """The system's dialog; tests put their own answer here."""
    return QFileDialog.getSaveFileName(parent, title, suggestion, kinds)


def write_text(path: Path, content: str) -> str:
    """Writes the file whole. Returns a sentence where that failed, "" otherwise."""
    # A byte order mark, or Excel takes UTF-8 for something else; JSON must have none.
    encoding = "utf-8-sig" if path.suffix.lower() == ".csv" else "utf-8"
    return write_bytes(path, content.encode(encoding, "replace"))


def write_bytes(path: Path, content: bytes) -> str:
    """The same for any content."""
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        return f"{path.name} could not be written: {error.strerror or error}."
    return ""


def write_png(image: QImage, path: Path) -> str:
    """Writes the picture whole. Returns a sentence where that failed, "" otherwise."""
    draft = path.with_name(f".{path.name}.part")
    if not image.save(str(draft), "PNG"):  # type: ignore[call-overload]
        draft.unlink(missing_ok=True)
        return f"{path.name} could not be written."
    try:
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        return f"{path.name} could not be written: {error.strerror or error}."
    return ""
