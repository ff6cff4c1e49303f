"""Where answers and pictures go: the clipboard, a table, a PNG."""

from __future__ import annotations

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
