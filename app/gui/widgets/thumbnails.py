"""Small pictures, made in a thread of their own and only for what is in sight, and the strip that shows them."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QPixmap, QRegion, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.gui.theme import QUARTER, STEP, Theme, paint_icon

SIDE = 64  # of a small picture, in pixels of the screen at 100 %
SHARP = 128  # as kept, for screens at 200 %
KEPT = 400  # small pictures in memory: 25 MB
WAITING = 48  # asked for and not yet made; older wishes are out of sight by then

Make = Callable[[Hashable], QImage | None]


class Thumbnails(QObject):
    """`make` is called on the thread: the small picture of a key, or None where there is none. `kept` of them stay in
    memory."""

    ready = Signal()
    _made = Signal(object, object)

    def __init__(self, make: Make, parent: QObject | None = None, kept: int = KEPT) -> None:
        super().__init__(parent)
        self._make, self._most = make, kept
        self._kept: OrderedDict[Hashable, QPixmap | None] = OrderedDict()
        self._wanted: deque[Hashable] = deque(maxlen=WAITING)
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._made.connect(self._keep, Qt.ConnectionType.QueuedConnection)

    def get(self, key: Hashable) -> QPixmap | None:
        """The small picture where it is there; it is made otherwise, and `ready` says when. The last wish goes first:
        it is what came into sight last."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        with self._changed:
            if not self._closing and key not in self._wanted:
                self._wanted.append(key)
                self._changed.notify()
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="triptych-thumbnails", daemon=True)
            self._thread.start()
        return None

    def known(self, key: Hashable) -> bool:
        """Whether it has been made, or found to have none."""
        return key in self._kept

    def put(self, key: Hashable, image: QImage) -> None:
        """The small picture of one that has been decoded anyway."""
        if key not in self._kept:
            self._keep(key, image)

    def forget(self) -> None:
        with self._changed:
            self._wanted.clear()
        self._kept.clear()

    def stop(self) -> list[threading.Thread]:
        """For good. Returns the thread that has been told to end."""
        with self._changed:
            self._closing = True
            self._wanted.clear()
            self._changed.notify()
        return [self._thread] if self._thread is not None else []

    @Slot(object, object)
    def _keep(self, key: Hashable, image: QImage | None) -> None:
        self._kept[key] = QPixmap.fromImage(image) if image is not None else None
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        self.ready.emit()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._wanted and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                key = self._wanted.pop()
            image = self._make(key)
            try:
                self._made.emit(key, image)
            except RuntimeError:  # the window has gone meanwhile
                return


def small(image: QImage) -> QImage:
    """Scaled so that the short side is what a square of the strip needs."""
    return image.scaled(
        SHARP,
        SHARP,
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )


class Strip(QListView):
    """A row of small pictures. Its model gives the key of each in `key_role`.

    Where a cell lies follows from its number: all that asks for geometry is answered here. QListView would ask the
    model for every row whenever some are added, and with ten thousand hold the window up each time."""

    CELL = SIDE + STEP  # pixels, the width of one

    def __init__(
        self, thumbnails: Thumbnails, theme: Theme, key_role: int, failed_role: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setItemDelegate(_Delegate(thumbnails, theme, key_role, failed_role, self))
        self._theme = theme
        self.nothing = ""  # what is said in place of small pictures where there is none
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(SIDE + 2 * QUARTER + bar + 2)
        self.setAccessibleName(self.tr("Pictures"))
        self.setStyleSheet("QListView { background: transparent; }")
        self.setMouseTracking(True)
        thumbnails.ready.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)

    # Geometry

    def _rect(self, first: int, last: int) -> QRect:
        """Of the cells `first` to `last` in the viewport."""
        height = SIDE + 2 * QUARTER
        return QRect(first * self.CELL - self.horizontalOffset(), 0, (last - first + 1) * self.CELL, height)

    def _row(self, x: int) -> int:
        """The number of the cell at `x` in the viewport, which may be beyond the last one."""
        return (x + self.horizontalOffset()) // self.CELL

    def _count(self) -> int:
        model = self.model()
        return model.rowCount() if model is not None else 0

    def doItemsLayout(self) -> None:
        QAbstractItemView.doItemsLayout(self)

    def updateGeometries(self) -> None:
        bar, width = self.horizontalScrollBar(), self.viewport().width()
        bar.setRange(0, max(0, self._count() * self.CELL - width))
        bar.setPageStep(width)
        bar.setSingleStep(self.CELL)

    def horizontalOffset(self) -> int:
        return self.horizontalScrollBar().value()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().scroll(dx, 0)

    def visualRect(self, index: QModelIndex | QPersistentModelIndex) -> QRect:
        return self._rect(index.row(), index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self._row(point.x())
        inside = 0 <= row < self._count() and 0 <= point.y() < SIDE + 2 * QUARTER
        return self.model().index(row, 0) if inside else QModelIndex()

    def scrollTo(
        self,
        index: QModelIndex | QPersistentModelIndex,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        """As little as brings all of the cell into sight, whatever the hint."""
        if not index.isValid():
            return
        self.updateGeometries()  # rows may be new
        bar, left = self.horizontalScrollBar(), index.row() * self.CELL
        bar.setValue(max(min(bar.value(), left), left + self.CELL - self.viewport().width()))

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        count, here, actions = self._count(), self.currentIndex().row(), QAbstractItemView.CursorAction
        if not count:
            return QModelIndex()
        page = max(1, self.viewport().width() // self.CELL)
        if action == actions.MoveHome:
            row = 0
        elif action == actions.MoveEnd:
            row = count - 1
        elif action in (actions.MovePageUp, actions.MovePageDown):
            row = here + (page if action == actions.MovePageDown else -page)
        else:
            forward = action in (actions.MoveRight, actions.MoveNext, actions.MoveDown)
            row = here + (1 if forward else -1)
        return self.model().index(min(max(row, 0), count - 1), 0)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Whole rows, as in the table that shares the selection."""
        model, last = self.model(), self._count() - 1
        first, final = max(0, self._row(rect.left())), min(last, self._row(rect.right()))
        chosen = QItemSelection(model.index(first, 0), model.index(final, 0)) if first <= final else QItemSelection()
        self.selectionModel().select(chosen, command | QItemSelectionModel.SelectionFlag.Rows)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region = QRegion()
        for chosen in (selection.at(place) for place in range(selection.count())):
            region += self._rect(chosen.top(), chosen.bottom())
        return region

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        if not self._count() and self.nothing:
            painter.setPen(self._theme.colour("secondary"))
            painter.drawText(self.viewport().rect(), int(Qt.AlignmentFlag.AlignCenter), self.nothing)
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        plain, selected = option.state, option.state | QStyle.StateFlag.State_Selected
        model, chosen, delegate = self.model(), self.selectionModel(), self.itemDelegate()
        area = event.rect()
        for row in range(max(0, self._row(area.left())), min(self._count(), self._row(area.right()) + 1)):
            index = model.index(row, 0)
            option.rect = self._rect(row, row)
            option.state = selected if chosen.isSelected(index) else plain
            delegate.paint(painter, option, index)
        painter.end()

    # What comes in

    def dataChanged(
        self,
        top_left: QModelIndex | QPersistentModelIndex,
        bottom_right: QModelIndex | QPersistentModelIndex,
        roles: object = (),
    ) -> None:
        """Answers change nothing here, and QListView would paint the whole strip for each batch of them."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """A wheel that turns up and down scrolls sideways, too."""
        delta = event.angleDelta()
        if abs(delta.y()) > abs(delta.x()):
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() - delta.y())
            event.accept()
            return
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Letters and digits are the panel's, not a search."""
        if event.text() and event.text().isalnum():
            event.ignore()
            return
        super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    def __init__(self, thumbnails: Thumbnails, theme: Theme, key_role: int, failed_role: int, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails, self._theme = thumbnails, theme
        self._key_role, self._failed_role = key_role, failed_role

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        place = QRect(0, 0, SIDE, SIDE)
        cell: QRect = option.rect
        place.moveTopLeft(cell.topLeft() + QPoint(QUARTER, QUARTER))  # the same with a scroll bar and without
        key = index.data(self._key_role)
        pixmap = self._thumbnails.get(key)
        if pixmap is not None:
            ratio = pixmap.width() / SIDE, pixmap.height() / SIDE
            side = min(pixmap.width(), pixmap.height())
            cut = QRect((pixmap.width() - side) // 2, (pixmap.height() - side) // 2, side, side)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, min(ratio) != 1)
            painter.drawPixmap(place, pixmap, cut)
        else:
            painter.fillRect(place, self._theme.colour("hairline"))
            if index.data(self._failed_role) or self._thumbnails.known(key):
                icon = QRect(0, 0, 20, 20)
                icon.moveCenter(place.center())
                paint_icon(painter, icon, "warning", self._theme.colours.of("warning"))
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("surface"), 1))
            painter.drawRect(place.adjusted(1, 1, -2, -2))
            painter.setPen(QPen(self._theme.colour("accent"), 3))
            painter.drawRect(place.adjusted(-1, -1, 0, 0))
