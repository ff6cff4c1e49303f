"""The table of all pictures: filter, order, progress; it fills while the engine works."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.gui import numbers
from app.gui.classify.folder_model import AGREE, LABEL, NAME, SURE, FolderModel
from app.gui.theme import STEP, WIDER, Theme, sized, tabular
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.progress_line import ProgressLine

_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
BROAD = 560  # pixels


class FolderView(QWidget):
    """`opened`: the person wants the answers to a row's picture."""

    opened = Signal()
    cancelled = Signal()
    go_on = Signal()

    def __init__(self, model: FolderModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.text = QLineEdit(self)
        self.text.setPlaceholderText(self.tr("Label or file name"))
        self.text.setAccessibleName(self.tr("Show only labels or names with"))
        self.text.setClearButtonEnabled(True)
        self.whose = QComboBox(self)
        self.whose.setAccessibleName(self.tr("Whose answers the table shows"))
        self.whose.setMinimumWidth(80)
        self.whose.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.least = QSlider(Qt.Orientation.Horizontal, self)
        self.least.setRange(0, 99)
        self.least.setAccessibleName(self.tr("Show only answers that are at least so sure"))
        self._least_text = QLabel(self)
        self._least_text.setProperty("quiet", True)
        self._least_text.setFont(tabular(self._least_text.font()))
        self._least_text.setMinimumWidth(self._least_text.fontMetrics().horizontalAdvance(self.tr("at least 99 %")) + 2)
        self.failed = QPushButton(self)
        self.failed.setCheckable(True)
        self.failed.setProperty("flat", True)
        kept = self.failed.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.failed.setSizePolicy(kept)
        self.failed.hide()

        self.table = Table(model, theme, self)
        self.progress = ProgressLine(theme, self)
        self._count = ElidedLabel("", self)
        self._count.setProperty("quiet", True)
        sized(self._count, "secondary")
        self._on = QPushButton(self.tr("Go on"), self)
        self._on.setProperty("flat", True)
        self._on.setSizePolicy(kept)
        self._on.hide()

        self._dress(theme)
        theme.changed.connect(lambda: self._dress(theme))
        first = QHBoxLayout()
        first.setSpacing(STEP)
        first.addWidget(self.text, 1)
        first.addWidget(self.whose)
        second = QHBoxLayout()
        second.setSpacing(STEP)
        second.addWidget(self._least_text)
        second.addWidget(self.least, 1)
        second.addWidget(self.failed)
        last = QHBoxLayout()
        last.setSpacing(STEP)
        last.addWidget(self._count, 1)
        last.addWidget(self._on)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, 0, 0, 0)
        column.setSpacing(STEP)
        down = QBoxLayout.Direction.TopToBottom
        self._filters, self._foot = QBoxLayout(down), QBoxLayout(down)
        for box in (self._filters, self._foot):
            box.setSpacing(STEP)
        self._filters.addLayout(first, 1)
        self._filters.addLayout(second, 1)
        self._foot.addLayout(last, 1)
        self._foot.addWidget(self.progress, 1)
        column.addLayout(self._filters)
        column.addWidget(self.table, 1)
        column.addLayout(self._foot)

        self.text.textChanged.connect(self._filter)
        self.least.valueChanged.connect(self._filter)
        self.failed.toggled.connect(self._filter)
        self.whose.activated.connect(self._choose_model)
        self.table.activated.connect(self._open)
        self.table.all_wanted.connect(self.show_all)
        self.progress.cancelled.connect(self.cancelled)
        self._on.clicked.connect(self.go_on)
        model.counted.connect(self.tell)
        self._filter()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is wide it is low: one line instead of two leaves rows for the table."""
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        for box in (self._filters, self._foot):
            box.setDirection(directions.LeftToRight if self.width() >= BROAD else directions.TopToBottom)

    def _dress(self, theme: Theme) -> None:
        """A pressed button that shows it."""
        c = theme.colours
        self.failed.setStyleSheet(f"QPushButton:checked {{ background: {c.soft}; border-color: {c.accent}; }}")

    def set_models(self, models: list[tuple[str, str]], preferred: str) -> None:
        """Id and name of those that can answer."""
        ids = [model for model, _ in models]
        kept = self._model.shown_model if self._model.shown_model in ids else preferred
        self.whose.clear()
        for model, name in models:
            self.whose.addItem(name, model)
        self.whose.setCurrentIndex(max(0, ids.index(kept)) if kept in ids else -1)
        self.whose.setVisible(len(models) > 1)
        self.table.setColumnHidden(AGREE, len(models) < 2)
        self._model.show_model(kept)

    def tell(self) -> None:
        """How many, in words."""
        model = self._model
        count, shown = len(model.items), len(model.rows)
        parts = [self.tr("1 picture") if count == 1 else self.tr("{0} pictures").format(numbers.whole(count))]
        if shown != count and self.filtered:
            parts.append(self.tr("{0} shown").format(numbers.whole(shown)))
        waiting = count - model.done
        if waiting:
            parts.append(self.tr("{0} to do").format(numbers.whole(waiting)))
        if model.failed:
            parts.append(self.tr("{0} failed").format(numbers.whole(model.failed)))
        self._count.setText(" · ".join(parts))
        self.failed.setText(self.tr("Only failed ({0})").format(numbers.whole(model.failed)))
        self.failed.setVisible(model.failed > 0 or self.failed.isChecked())
        nothing = bool(count) and not shown and self.filtered
        if nothing != self.table.nothing_found:  # a whole repaint ten times a second would cost the window its pace
            self.table.nothing_found = nothing
            self.table.viewport().update()

    def offer_to_go_on(self, offer: bool) -> None:
        self._on.setVisible(offer)

    def show_all(self) -> None:
        self.text.clear()
        self.least.setValue(0)
        self.failed.setChecked(False)

    @property
    def filtered(self) -> bool:
        return bool(self.text.text().strip() or self.least.value() or self.failed.isChecked())

    def _filter(self) -> None:
        least = self.least.value()
        words = self.tr("at least {0} %").format(least) if least else self.tr("any certainty")
        self._least_text.setText(words)
        self._model.set_filter(self.text.text(), least / 100, self.failed.isChecked())
        self.tell()

    def _choose_model(self, place: int) -> None:
        self._model.show_model(self.whose.itemData(place))
        self.tell()

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit()


class Table(QTableView):
    """Rows of one height, no widget a row: ten thousand are no more work than ten."""

    all_wanted = Signal()

    def __init__(self, model: FolderModel, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.nothing_found = False
        self.setModel(model)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(self.tr("All pictures and their labels"))
        self.setFont(tabular(self.font()))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 10)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.setSortIndicatorClearable(True)
        head.setSectionResizeMode(LABEL, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Interactive)
        metrics = self.fontMetrics()
        head.resizeSection(SURE, metrics.horizontalAdvance(self.tr("How sure")) + WIDER + STEP)
        head.resizeSection(AGREE, metrics.horizontalAdvance(self.tr("Agree")) + WIDER + STEP)
        head.setMinimumSectionSize(48)
        self.setSortingEnabled(True)
        self.setItemDelegate(_Delegate(model, theme, self))
        self.setMinimumHeight(72)
        self._fitting = False
        self._own_width = False  # the person has chosen one
        head.sectionResized.connect(self._resized)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right, letters and digits are the panel's."""
        sideways = event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
        if sideways or (event.text() and event.text().isalnum()):
            event.ignore()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self._own_width:
            self._fitting = True
            self.horizontalHeader().resizeSection(NAME, max(96, self.viewport().width() * 34 // 100))
            self._fitting = False

    def _resized(self, section: int, old: int, new: int) -> None:
        self._own_width = self._own_width or (section == NAME and not self._fitting)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self.nothing_found:
            self.all_wanted.emit()

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The frame around the current row goes over all its cells; Qt repaints only one of them."""
        super().currentChanged(current, previous)
        for index in (current, previous):
            if index.isValid():
                row = self.visualRect(index)
                self.viewport().update(0, row.top(), self.viewport().width(), row.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        if self.hasFocus() and self.currentIndex().isValid():
            row = self.visualRect(self.currentIndex())
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRect(QRect(1, row.top() + 1, self.viewport().width() - 2, row.height() - 2))
        if self.nothing_found:
            painter.setPen(self._theme.colour("secondary"))
            room = self.viewport().rect().adjusted(WIDER, WIDER, -WIDER, -WIDER)
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(room, flags, self.tr("No picture matches. Esc, or a click here, shows all of them."))


class _Delegate(QStyledItemDelegate):
    """Draws a cell in one go. Qt's own way asks the model seven times a cell, which is six hundred calls into Python a
    picture of the table; this asks once. Names lose their middle, as their end tells them apart; labels and reasons
    their end."""

    def __init__(self, model: FolderModel, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._model, self._theme = model, theme
        self._colours = (QColor(), QColor(), QColor())
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        theme = self._theme
        self._colours = (theme.colour("text"), theme.colour("secondary"), theme.colour("soft"))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        text, secondary, soft = self._colours
        column, item = index.column(), self._model.item(index.row())
        place = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(place, soft)
        words = self._model.text(item, column)
        if not words:
            return
        painter.setPen(secondary if column == LABEL and (item.error or not item.done) else text)
        place = place.adjusted(STEP + 3, 0, -STEP, 0)
        elide = Qt.TextElideMode.ElideMiddle if column == NAME else Qt.TextElideMode.ElideRight
        words = option.fontMetrics.elidedText(words, elide, place.width())
        painter.drawText(place, _RIGHT if column == SURE else _LEFT, words)
