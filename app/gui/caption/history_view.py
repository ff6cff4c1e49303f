"""The timeline to look at: a small picture, the caption, when it held and where it came from."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.gui import numbers
from app.gui.caption.history import FAILED_ROLE, KEY_ROLE, TIME_ROLE, TRANSLATION_ROLE, History, Row
from app.gui.theme import CORNER, QUARTER, STEP, Theme, paint_icon, scaled, sized, tabular
from app.gui.widgets.buttons import flat_button
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.row_list import RowList

PICTURE = QSize(64, 48)  # of a row
Index = QModelIndex | QPersistentModelIndex


class HistoryView(QWidget):
    """See `app.gui.inside.Inside`. `chosen` carries the Row that the person wants to see again."""

    copy_wanted = Signal()
    save_wanted = Signal()
    clear_wanted = Signal()
    chosen = Signal(object)

    def __init__(self, history: History, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self.list = _List(history, theme, self)
        self.list.activated.connect(lambda index: self.chosen.emit(index.data(KEY_ROLE)))
        self.count = ElidedLabel("", self)
        self.count.setProperty("quiet", True)
        sized(self.count, "secondary")
        self.copy = flat_button(self.tr("Copy"), self.tr("Copy the chosen captions, or all (Ctrl+C)"), self)
        self.copy.clicked.connect(self.copy_wanted)
        self.save = flat_button(
            self.tr("Export…"), self.tr("Save as subtitles (SRT, WebVTT) or as a table (CSV, JSON) (Ctrl+S)"), self
        )
        self.save.clicked.connect(self.save_wanted)
        self.clear = flat_button(self.tr("Clear"), self.tr("Forget all captions of the timeline"), self)
        self.clear.clicked.connect(self.clear_wanted)
        row = QHBoxLayout()
        row.setContentsMargins(STEP, 0, STEP, 0)
        row.setSpacing(QUARTER)
        row.addWidget(self.count, 1)
        for button in (self.copy, self.save, self.clear):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        history.counted.connect(self._tell)
        self._tell()

    def places(self) -> list[int]:
        """The rows that are chosen; all where none is."""
        chosen = [index.row() for index in self.list.selectionModel().selectedIndexes()]
        return chosen or list(range(self._history.rowCount()))

    def _tell(self) -> None:
        count = self._history.rowCount()
        failed = sum(row.failed for row in self._history.rows)
        one, many = self.tr("1 caption"), self.tr("{0} captions")
        words = (one if count - failed == 1 else many.format(numbers.whole(count - failed))) if count else ""
        if failed:
            words += self.tr(" · {0} failed").format(numbers.whole(failed))
        self.count.setText(words)
        for button in (self.copy, self.save, self.clear):
            button.setEnabled(count > 0)


class _List(RowList):
    """Follows the newest caption while its end is in sight."""

    def __init__(self, history: History, theme: Theme, parent: QWidget) -> None:
        super().__init__(history, theme, parent)
        self.setAccessibleName(self.tr("Timeline of captions"))
        self.empty = self.tr("Captions are kept here with their times, ready to be copied or saved as subtitles.")
        self.setItemDelegate(_Rows(history, theme, self))
        history.thumbnails.ready.connect(self.viewport().update)
        history.rowsAboutToBeInserted.connect(self._look)
        history.rowsInserted.connect(self._follow)
        self._at_end = True

    def _look(self) -> None:
        bar = self.verticalScrollBar()
        self._at_end = bar.value() >= bar.maximum() - QUARTER

    def _follow(self) -> None:
        if self._at_end:
            self.scrollToBottom()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left, right, Space, letters and digits are the panel's."""
        panels = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Space)
        if event.key() in panels or (event.text() and event.text().isalnum()):
            event.ignore()
            return
        super().keyPressEvent(event)


class _Rows(QStyledItemDelegate):
    def __init__(self, history: History, theme: Theme, parent: QListView) -> None:
        super().__init__(parent)
        self._thumbnails, self._theme, self._list = history.thumbnails, theme, parent

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        lines = option.fontMetrics.height() + 2 * QFontMetrics(scaled(option.font, "secondary")).height()
        return QSize(200, max(PICTURE.height(), lines) + 2 * QUARTER)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place: QRect = option.rect
        around = QRectF(place).adjusted(QUARTER + 1, 1, -QUARTER - 1, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("soft"))
            painter.drawRoundedRect(around, CORNER, CORNER)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(around, CORNER, CORNER)
        picture = QRect(place.topLeft() + QPoint(STEP, QUARTER), PICTURE)
        self._paint_picture(painter, picture, index)
        small = scaled(option.font, "secondary")
        high, low = option.fontMetrics.height(), QFontMetrics(small).height()
        words = QRect(picture.right() + 2 * STEP, 0, place.right() - picture.right() - 3 * STEP, high)
        translation = index.data(TRANSLATION_ROLE)
        words.moveTop(place.center().y() - (high + low * (2 if translation else 1)) // 2)
        elide = Qt.TextElideMode.ElideRight
        painter.setPen(self._theme.colour("text"))
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(words, left, option.fontMetrics.elidedText(index.data(), elide, words.width()))
        words.translate(0, high)
        words.setHeight(low)
        painter.setFont(tabular(small))
        if translation:
            painter.drawText(words, left, QFontMetrics(small).elidedText(translation, elide, words.width()))
            words.translate(0, low)
        painter.setPen(self._theme.colour("secondary"))
        below = QFontMetrics(tabular(small)).elidedText(index.data(TIME_ROLE), elide, words.width())
        painter.drawText(words, left, below)
        painter.restore()

    def _paint_picture(self, painter: QPainter, place: QRect, index: Index) -> None:
        key: Row = index.data(KEY_ROLE)
        if index.data(FAILED_ROLE):
            icon = QRect(0, 0, 20, 20)
            icon.moveCenter(place.center())
            painter.fillRect(place, self._theme.colour("hairline"))
            paint_icon(painter, icon, "warning", self._theme.colours.of("warning"))
            return
        pixmap = self._thumbnails.get(key)
        if pixmap is None:
            painter.fillRect(place, self._theme.colour("hairline"))
            return
        cut = QRect(0, 0, pixmap.width(), pixmap.height())
        if cut.width() * place.height() > cut.height() * place.width():
            cut.setWidth(round(cut.height() * place.width() / place.height()))
        else:
            cut.setHeight(round(cut.width() * place.height() / place.width()))
        cut.moveCenter(QPoint(pixmap.width() // 2, pixmap.height() // 2))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(place, pixmap, cut)
