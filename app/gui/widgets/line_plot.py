"""Curves: several of them, linear or logarithmic, read with the mouse or the keys, copied as CSV, saved as PNG or SVG.

A widget of our own and not pyqtgraph's (0.14, MIT), which brings 9.6 MB, 297 modules and 0.19 s of import for a view
that should open at once, has no words for screen readers and no place for a 0 on a logarithmic axis, which is just what
the laboratory has to show.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QSizePolicy, QToolButton, QWidget

from app.gui.theme import CORNER, QUARTER, STEP, WIDER, Theme, scaled, tabular
from app.gui.widgets.plot_paint import Chart, Drawing, reading, summary
from app.gui.widgets.plot_scale import Scale

SAVED = QSize(960, 600)  # pixels of a saved drawing, at the least; a PNG has twice as many
EMPTY = Chart("", "", "", ())


class LinePlot(QWidget):
    """Shows a `Chart`, or a sentence where there is none. Left and right walk along a curve, up and down change it,
    Home and End are its ends; Ctrl+C copies the numbers, Ctrl+S saves the drawing."""

    said = Signal(str, str)  # kind and sentence, for a strip

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.chart = EMPTY
        self.sentence = ""
        self.reads: tuple[int, int] | None = None  # the curve and the point that are read
        self._hovered = False
        self._y = Scale(0.0, 1.0)
        self._drawing: Drawing | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._copy = self._tool("copy", self.tr("Copy the numbers as CSV (Ctrl+C)"))
        self._copy.clicked.connect(self.copy)
        self._save = self._tool("save", self.tr("Save the drawing as PNG or SVG (Ctrl+S)"))
        self._save.clicked.connect(self.save)
        theme.changed.connect(self._lay_out)
        self.show_sentence("")

    def _tool(self, icon: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(self._theme.icon(icon, "secondary"))
        button.setIconSize(QSize(16, 16))
        button.setToolTip(words)
        button.setAccessibleName(words)
        return button

    # What is shown

    def show_chart(self, chart: Chart, keep_scale: bool = False) -> None:
        """`keep_scale`: the y axis may grow but not shrink, so that curves that move stay comparable."""
        before = self._y if keep_scale and self.chart.series and self.chart.log == chart.log else None
        self.chart, self.sentence = chart, ""
        self._y = chart.y_scale() if before is None else chart.y_scale().united(before)
        if self.reads is not None:
            number, k = self.reads
            there = number < len(chart.series) and k < len(chart.series[number].xs)
            self.reads = self.reads if there else None
        self.setAccessibleName(chart.title)
        self.setAccessibleDescription(summary(chart))
        self._show_tools()
        self._lay_out()

    def show_sentence(self, sentence: str) -> None:
        """In place of curves that can't be shown."""
        self.chart, self.sentence, self.reads = EMPTY, sentence, None
        self.setAccessibleName(self.tr("Curves"))
        self.setAccessibleDescription(sentence)
        self._show_tools()
        self._lay_out()

    def _show_tools(self) -> None:
        for button in (self._copy, self._save):
            button.setVisible(bool(self.chart.series))

    def _lay_out(self) -> None:
        self._drawing = None
        corner = self._save.sizeHint().width()
        self._save.move(self.width() - corner, 0)
        self._copy.move(self.width() - 2 * corner, 0)
        self.update()

    @property
    def drawing(self) -> Drawing:
        """The chart as it is laid out now; made once a size."""
        if self._drawing is None:
            corner = 2 * self._save.sizeHint().width() + STEP
            size = QSizeF(self.width(), self.height())
            self._drawing = Drawing(self.chart, size, self._small(), self._theme, self._y, corner)
        return self._drawing

    @staticmethod
    def _small() -> QFont:
        return tabular(scaled(QApplication.font(), "secondary"))

    # Copying and saving

    def csv(self) -> str:
        """A row for each place on the x axis, a column for each curve; empty where a curve has no point."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        noted = next((series for series in self.chart.series if series.notes), None)
        columns = [dict(zip(series.xs, series.ys, strict=True)) for series in self.chart.series]
        notes = dict(zip(noted.xs, noted.notes, strict=True)) if noted is not None else {}
        places = [self.tr("place")] if noted is not None else []
        writer.writerow([self.chart.x_title, *places, *(series.name for series in self.chart.series)])
        for x in sorted({x for column in columns for x in column}):
            note = [notes.get(x, "")] if noted is not None else []
            writer.writerow([f"{x:g}", *note, *(repr(column[x]) if x in column else "" for column in columns)])
        return text.getvalue()

    def copy(self) -> None:
        if self.chart.series:
            QGuiApplication.clipboard().setText(self.csv())
            self.said.emit("info", self.tr("The numbers of the curves are on the clipboard, as CSV."))

    def save(self) -> None:
        if not self.chart.series:
            return
        path = choose_file(self, self.tr("Save the drawing"), "curves.png")
        if path is None:
            return
        if self.write(path):
            self.said.emit("info", self.tr("{0} is saved.").format(path.name))
        else:
            words = self.tr("{0} could not be saved: the folder can't be written to. Choose another one.")
            self.said.emit("error", words.format(path.name))

    def write(self, path: Path) -> bool:
        """The drawing as SVG where the name ends so, as PNG elsewhere."""
        size = QSizeF(self.size().expandedTo(SAVED))
        if path.suffix.lower() == ".svg":
            return self._write_svg(path, size)
        image = QImage(size.toSize() * 2, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(2.0)
        painter = QPainter(image)
        self._paint_saved(painter, size)
        painter.end()
        return image.save(str(path))

    def _write_svg(self, path: Path, size: QSizeF) -> bool:
        from PySide6.QtCore import QBuffer, QIODevice
        from PySide6.QtSvg import QSvgGenerator

        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(size.toSize())
        generator.setViewBox(QRectF(QPointF(), size))
        generator.setResolution(96)
        generator.setTitle(self.chart.title)
        generator.setDescription(summary(self.chart))
        painter = QPainter(generator)
        self._paint_saved(painter, size)
        painter.end()
        try:
            path.write_bytes(buffer.data().data())
        except OSError:
            return False
        return True

    def _paint_saved(self, painter: QPainter, size: QSizeF) -> None:
        painter.fillRect(QRectF(QPointF(), size), self._theme.colour("surface"))
        painter.translate(STEP, STEP)
        inner = size - QSizeF(2 * STEP, 2 * STEP)
        Drawing(self.chart, inner, self._small(), self._theme, self._y).paint(painter)

    # Mouse and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        drawing = self.drawing
        if self.chart.series and drawing.area.adjusted(-STEP, -STEP, STEP, WIDER).contains(event.position()):
            self._hovered = True
            self._read(drawing.nearest(event.position()))
        else:
            self._unhover()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._unhover()

    def _unhover(self) -> None:
        if self._hovered:
            self._hovered = False
            self._read(None)

    def _read(self, cursor: tuple[int, int] | None) -> None:
        if cursor != self.reads:
            self.reads = cursor
            self.update()

    def event(self, event: QEvent) -> bool:
        """Copy and save are the curves' own while they have the focus."""
        own = (QKeySequence.StandardKey.Copy, QKeySequence.StandardKey.Save)
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self.chart.series:
            event.setAccepted(any(event.matches(key) for key in own))
            if event.isAccepted():
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.Save):
            self.save()
        elif not self._walk(event.key()):
            super().keyPressEvent(event)

    def _walk(self, key: int) -> bool:
        """To the next point or curve. False where the key means something else."""
        steps = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        ends = (Qt.Key.Key_Home, Qt.Key.Key_End)
        if (key not in steps and key not in ends) or not any(series.xs for series in self.chart.series):
            return False
        if self.reads is None:
            first = next(number for number, series in enumerate(self.chart.series) if series.xs)
            self._go(first, len(self.chart.series[first].xs) - 1 if key == Qt.Key.Key_End else 0)
            return True
        number, k = self.reads
        series = self.chart.series[number]
        if key in ends:
            self._go(number, 0 if key == Qt.Key.Key_Home else len(series.xs) - 1)
            return True
        down, right = steps[Qt.Key(key)]
        other = min(max(number + down, 0), len(self.chart.series) - 1)
        if other != number and (xs := self.chart.series[other].xs):
            x = series.xs[k]
            self._go(other, min(range(len(xs)), key=lambda place: abs(xs[place] - x)))
        else:
            self._go(number, min(max(k + right, 0), len(series.xs) - 1))
        return True

    def _go(self, number: int, k: int) -> None:
        self._hovered = False
        self._read((number, k))
        head, rows = reading(self.chart, (number, k))
        value = dict(rows)[number]
        if QAccessible.isActive():
            words = f"{self.chart.series[number].name}, {head}: {value}"
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if not self.chart.series:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Copy the numbers as CSV"), self.copy)
        menu.addAction(self.tr("Save the drawing as PNG or SVG…"), self.save)
        menu.popup(event.globalPos())

    # Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def sizeHint(self) -> QSize:
        return QSize(520, 300)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 150)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.chart.series:
            painter.setPen(self._theme.colour("secondary"))
            place = self.rect().adjusted(WIDER, STEP, -WIDER, -STEP)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self.sentence)
        else:
            self.drawing.paint(painter)
            if self.reads is not None:
                self.drawing.paint_cursor(painter, self.reads)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            around = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            if self.chart.series:  # around the curves alone: the legend and the buttons stay clear of it
                around.setTop(self.drawing.area.top() - QUARTER)
            painter.drawRoundedRect(around, CORNER, CORNER)


def choose_file(parent: QWidget, title: str, name: str) -> Path | None:
    """The system's dialog; tests put their own answer here."""
    kinds = f"{parent.tr('Picture (PNG)')} (*.png);;{parent.tr('Drawing (SVG)')} (*.svg)"
    chosen, kind = QFileDialog.getSaveFileName(parent, title, name, kinds)
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix else path.with_suffix(".svg" if "*.svg" in kind else ".png")
