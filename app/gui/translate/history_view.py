"""Inside Translate: what was translated before. A click brings it back."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QDateTime,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.gui import numbers
from app.gui.theme import CORNER, QUARTER, STEP, Theme, scaled, sized
from app.gui.translate.choice import language_name
from app.gui.translate.keeper import Keeper
from app.gui.widgets.buttons import flat_button
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.row_list import RowList
from app.text.history import Entry

Index = QModelIndex | QPersistentModelIndex
BELOW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
ENTRY_ROLE = BELOW_ROLE + 1
SHOWN = 300  # characters of a text that a line can hold at most


class Rows(QAbstractListModel):
    """The newest first; of a search, what has the words in the text or in its translation."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        self.found: list[Entry] = []
        self._wanted = ""

    def show_entries(self, entries: tuple[Entry, ...]) -> None:
        self._entries = list(entries[::-1])
        self._find()

    def search(self, words: str) -> None:
        self._wanted = words.strip().casefold()
        self._find()

    def _find(self) -> None:
        self.beginResetModel()
        wanted = self._wanted
        self.found = [
            entry
            for entry in self._entries
            if not wanted or wanted in entry.source.casefold() or wanted in entry.translation.casefold()
        ]
        self.endResetModel()

    @property
    def total(self) -> int:
        return len(self._entries)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.found)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        if not index.isValid() or index.row() >= len(self.found):
            return None
        entry = self.found[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return " ".join(entry.source[:SHOWN].split())
        if role == BELOW_ROLE:
            return " ".join(entry.translation[:SHOWN].split())
        if role == ENTRY_ROLE:
            return entry
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.about(entry)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.data(index)} → {self.data(index, BELOW_ROLE)}. {self.about(entry)}"
        return None

    def about(self, entry: Entry) -> str:
        when = QLocale().toString(QDateTime.fromSecsSinceEpoch(int(entry.time)), QLocale.FormatType.ShortFormat)
        words = self.tr("{0} → {1}, {2}")
        return words.format(language_name(entry.source_language), language_name(entry.target_language), when)


class HistoryView(QWidget):
    """`chosen` carries the Entry that the person wants back; `turned`, whether a history is kept."""

    chosen = Signal(object)
    turned = Signal(bool)

    def __init__(self, keeper: Keeper, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setAccessibleName(self.tr("Search the history"))
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(280)
        self.count = ElidedLabel("", self)
        self.count.setProperty("quiet", True)
        sized(self.count, "secondary")
        self.on = QCheckBox(self.tr("Keep a history"), self)
        self.on.setToolTip(self.tr("In a file that only you can read; off: nothing more is written, nor the text kept"))
        self.on.setChecked(keeper.on)
        self.on.toggled.connect(self.turned)
        self.remove = flat_button(self.tr("Remove"), self.tr("Forget the chosen texts (Delete)"), self)
        self.remove.clicked.connect(self._remove)
        self.clear = flat_button(self.tr("Clear"), self.tr("Forget all of it, and delete the file"), self)
        self.clear.clicked.connect(keeper.clear)
        row = QHBoxLayout()
        row.setContentsMargins(STEP, 0, STEP, 0)
        row.setSpacing(STEP)
        row.addWidget(self.search, 2)
        row.addWidget(self.count, 1)
        for widget in (self.on, self.remove, self.clear):
            row.addWidget(widget)
        self.rows = Rows(self)
        self.list = _List(self.rows, theme, self)
        self.list.clicked.connect(self._chosen)
        self.list.activated.connect(self._chosen)
        self.list.delete_wanted.connect(self._remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, QUARTER, 0, 0)
        column.setSpacing(QUARTER)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        self.search.textChanged.connect(self._search)
        self.list.selectionModel().selectionChanged.connect(lambda *_: self._tell())
        keeper.entries_changed.connect(self._show)
        self._show(keeper.entries)

    def _show(self, entries: tuple[Entry, ...]) -> None:
        self.rows.show_entries(entries)
        self._tell()

    def _search(self, words: str) -> None:
        self.rows.search(words)
        self._tell()

    def _tell(self) -> None:
        found, total = self.rows.rowCount(), self.rows.total
        one, many = self.tr("1 text"), self.tr("{0} texts")
        words = (one if total == 1 else many.format(numbers.whole(total))) if total else ""
        if found < total:
            words = self.tr("{0} of {1}").format(numbers.whole(found), words)
        self.count.setText(words)
        self.clear.setEnabled(total > 0)
        self.remove.setEnabled(self.list.selectionModel().hasSelection())
        if not total:
            empty = self.tr("Texts that you have translated are kept here, in a file that only you can read.")
        else:
            empty = self.tr("Nothing has these words in it.")
        self.list.empty = empty if self._keeper.on or total else self.tr("No history is kept.")
        self.list.viewport().update()

    def _chosen(self, index: Index) -> None:
        """Not by a click that chooses several, to be removed."""
        held = QGuiApplication.keyboardModifiers()
        if held & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier):
            return
        entry = index.data(ENTRY_ROLE)
        if entry is not None:
            self.chosen.emit(entry)

    def _remove(self) -> None:
        for index in self.list.selectionModel().selectedIndexes():
            self._keeper.remove(index.data(ENTRY_ROLE))


class _List(RowList):
    delete_wanted = Signal()

    def __init__(self, rows: Rows, theme: Theme, parent: QWidget) -> None:
        super().__init__(rows, theme, parent)
        self.setAccessibleName(self.tr("History of translations"))
        self.setItemDelegate(_Row(theme, self))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)


class _Row(QStyledItemDelegate):
    """The text, and under it the translation."""

    def __init__(self, theme: Theme, parent: QListView) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        lines = option.fontMetrics.height() + QFontMetrics(scaled(option.font, "secondary")).height()
        return QSize(200, lines + STEP + QUARTER)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place: QRect = option.rect
        around = QRectF(place).adjusted(QUARTER + 1, 1, -QUARTER - 1, -1)
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("soft"))
            painter.drawRoundedRect(around, CORNER, CORNER)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(around, CORNER, CORNER)
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        small = scaled(option.font, "secondary")
        high, low = option.fontMetrics.height(), QFontMetrics(small).height()
        words = QRect(place.left() + 2 * STEP, place.top() + QUARTER + 2, place.width() - 4 * STEP, high)
        elide = Qt.TextElideMode.ElideRight
        painter.setPen(self._theme.colour("text"))
        painter.drawText(words, left, option.fontMetrics.elidedText(str(index.data()), elide, words.width()))
        words.translate(0, high)
        words.setHeight(low)
        painter.setFont(small)
        painter.setPen(self._theme.colour("secondary"))
        below = QFontMetrics(small).elidedText(str(index.data(BELOW_ROLE)), elide, words.width())
        painter.drawText(words, left, below)
        painter.restore()
