"""Where answers and pictures go: the clipboard, a table, a PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtGui import QGuiApplication, QImage

from app.gui.classify import export
from app.gui.classify.answers import Item
from app.gui.saving import Files, write_png, write_text


class Saver(Files):
    def copy(self, items: list[Item]) -> None:
        QGuiApplication.clipboard().setText(export.as_text(items))

    def save_table(self, items: list[Item], folder: str = "") -> None:
        """Asks for a file; the dialog asks again before an old one is replaced."""
        path = self.ask(
            self.tr("Save all answers"),
            str(Path(folder) / self.tr("classified.csv")),
            {".csv": self.tr("Table, CSV (*.csv)"), ".json": self.tr("JSON (*.json)")},
        )
        if path is None:
            return
        # A copy of the list: the window goes on filling it. Answers themselves are never changed.
        kept = [Item(item.name, item.source, dict(item.answers), item.error, item.done) for item in items]
        make = export.as_json if path.suffix.lower() == ".json" else export.as_csv
        self.run(path, lambda: write_text(path, make(kept)))

    def save_picture(self, image: QImage, name: str, folder: str = "") -> None:
        suggestion = Path(folder) / self.tr("{0} heat map.png").format(Path(name).stem)
        path = self.ask(self.tr("Save the picture"), str(suggestion), {".png": self.tr("Picture, PNG (*.png)")})
        if path is not None:
            self.run(path, lambda: write_png(image, path))

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
