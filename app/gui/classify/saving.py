"""Where answers and pictures go: the clipboard, a table, a PNG. Files are written in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.classify import export
from app.gui.classify.answers import Item
from app.gui.tasks import Tasks


class Saver(QObject):
    said = Signal(str, str)  # kind and sentence

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._tasks = Tasks(self)
        self._tasks.done.connect(self._done)
        self._number = 0

    def copy(self, items: list[Item]) -> None:
        QGuiApplication.clipboard().setText(export.as_text(items))

    def save_table(self, items: list[Item], folder: str = "") -> None:
        """Asks for a file; the dialog asks again before an old one is replaced."""
        path = self._ask(
            self.tr("Save all answers"),
            str(Path(folder) / self.tr("classified.csv")),
            {".csv": self.tr("Table, CSV (*.csv)"), ".json": self.tr("JSON (*.json)")},
        )
        if path is None:
            return
        # A copy of the list: the window goes on filling it. Answers themselves are never changed.
        kept = [Item(item.name, item.source, dict(item.answers), item.error, item.done) for item in items]
        make = export.as_json if path.suffix.lower() == ".json" else export.as_csv
        self._run(path, lambda: export.write(path, make(kept)))

    def save_picture(self, image: QImage, name: str, folder: str = "") -> None:
        suggestion = Path(folder) / self.tr("{0} heat map.png").format(Path(name).stem)
        path = self._ask(self.tr("Save the picture"), str(suggestion), {".png": self.tr("Picture, PNG (*.png)")})
        if path is not None:
            self._run(path, lambda: _write_png(image, path))

    def save_figure(
        self, draw: Callable[[bool], bytes | QImage], name: str, folder: str = "", svg: bool = True
    ) -> None:
        """A network's diagram. `draw` gives SVG where it is told True, pixels otherwise."""
        kinds = {".svg": self.tr("Drawing, SVG (*.svg)"), ".png": self.tr("Picture, PNG (*.png)")}
        first = ".svg" if svg else ".png"
        kinds = {first: kinds.pop(first), **kinds}
        suggestion = Path(folder) / self.tr("{0} diagram{1}").format(name, first)
        path = self._ask(self.tr("Save the diagram"), str(suggestion), kinds)
        if path is None:
            return
        drawn = draw(path.suffix.lower() == ".svg")
        if isinstance(drawn, bytes):
            self._run(path, lambda: export.write(path, drawn.decode()))
        else:
            self._run(path, lambda: _write_png(drawn, path))

    def threads(self) -> list[Thread]:
        """Those that still write."""
        return self._tasks.threads()

    def _run(self, path: Path, work: object) -> None:
        self._number += 1
        self._tasks.start(f"save {self._number} {path.name}", work)  # type: ignore[arg-type]

    def _done(self, name: str, result: object, sentence: str) -> None:
        problem = sentence or (result if isinstance(result, str) else "")
        file = name.split(" ", 2)[2]
        if problem:
            self.said.emit("error", problem)
        else:
            self.said.emit("info", self.tr("Saved: {0}").format(file))

    def _ask(self, title: str, suggestion: str, kinds: dict[str, str]) -> Path | None:
        """A path with the ending of the kind that was chosen."""
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


def choose_file(parent: QWidget, title: str, suggestion: str, kinds: str) -> tuple[str, str]:
    """The system's dialog; tests put their own answer here."""
    return QFileDialog.getSaveFileName(parent, title, suggestion, kinds)


def _write_png(image: QImage, path: Path) -> str:
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
