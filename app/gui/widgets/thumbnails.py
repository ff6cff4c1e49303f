"""Small pictures, made in a thread of their own and only for what is in sight, and the strip that shows them."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPen, QPixmap, QWheelEvent
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
    """`make` is called on the thread: the small picture of a key, or None where there is none."""

    ready = Signal()
    _made = Signal(object, object)

    def __init__(self, make: Make, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make = make
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

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._wanted.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @Slot(object, object)
    def _keep(self, key: Hashable, image: QImage | None) -> None:
        self._kept[key] = QPixmap.fromImage(image) if image is not None else None
        while len(self._kept) > KEPT:
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
    """A row of small pictures. Its model gives the key of each in `key_role`; it works with ten thousand, as only what
    is in sight is ever painted."""

    def __init__(
        self, thumbnails: Thumbnails, theme: Theme, key_role: int, failed_role: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setItemDelegate(_Delegate(thumbnails, theme, key_role, failed_role, self))
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(SIDE + 2 * QUARTER + bar + 2)
        self.setAccessibleName(self.tr("Pictures"))
        self.setStyleSheet("QListView { background: transparent; }")
        self.setMouseTracking(True)
        thumbnails.ready.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)

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

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(SIDE + STEP, SIDE + 2 * QUARTER)

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
