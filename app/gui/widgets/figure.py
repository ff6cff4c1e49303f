"""The figure of a network: drawn from its description, zoomed, panned, walked through with keys, saved as SVG and PNG.

Keys: ← → from block to block, ↑ ↓ to the row or bypass above and below, Tab to the next stage, Enter opens a block or a
fold, Space folds and unfolds the stage, Ctrl and + − zoom, Ctrl+0 shows all of it and, pressed again, its full size,
Shift and the arrows move the sheet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QEvent, QIODevice, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QFocusEvent,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsScene, QGraphicsView, QWidget

from app.gui.theme import STEP, Theme
from app.gui.widgets.figure_items import (
    LaneItem,
    NodeItem,
    StageItem,
    edge_items,
    folded_words,
    fonts,
    lane_words,
    node_words,
    sentence,
    shape_words,
)
from app.gui.widgets.figure_layout import Layout, Slot, arrange, foldable, in_grid

if TYPE_CHECKING:
    from app.engines.figure import Figure, Node

LEAST_SCALE, MOST_SCALE = 0.08, 4.0
COMFORT = 0.66  # the scale that it opens with, at least: words can be read
GRID = 0.55  # the same where it can't be broken into rows
ONCE = 1.2  # a step of zooming
FEWER = 1.15  # so much larger must it become before it is worth another row
WIDTHS = 16  # ways to break it into rows that are tried
PAUSE = 30  # ms after the last change of size before it is arranged anew
CAPTION = 28  # pixels under the figure in what is saved


class FigureView(QGraphicsView):
    """Knows nothing of networks: `app.engines.figure.Figure` is all it is told."""

    chosen = Signal(str)  # a block was clicked, or Enter pressed on it
    current_changed = Signal(str)  # what the keys have come to: a sentence about it

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._figure: Figure | None = None
        self._layout = Layout()
        self._grid: Layout | None = None  # what was measured last
        self._unfolded: set[int] = set()
        self._nodes: dict[str, NodeItem] = {}
        self._current = self._opened = ""
        self._hovered: NodeItem | None = None
        self._own_zoom = False  # the person has zoomed: resizing leaves the scale alone
        self._pressed: QPoint | None = None
        self._moved = False
        self._widths: dict[str, float] = {}  # of the words under each block: measuring them takes longest
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(PAUSE)
        self._later.timeout.connect(self._settle)
        self.setScene(QGraphicsScene(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMouseTracking(True)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Diagram of the network"))
        self.setMinimumSize(200, 90)
        theme.changed.connect(self._draw)

    # What is shown

    @property
    def figure(self) -> Figure | None:
        return self._figure

    @property
    def current(self) -> str:
        """The block that the keys have come to; "" before they came to any."""
        return self._current

    def show_figure(self, figure: Figure | None) -> None:
        """Another network begins with its own view; the same one, recorded anew, stays where it is. With other words it
        keeps its folds and its scale."""
        before = self._figure
        known = figure is not None and before is not None and figure.model == before.model
        same = figure is not None and before is not None and _alike(figure, before)
        self._figure = figure
        if not same:
            self._grid = None
            self._widths.clear()
            self._current = self._opened = ""
        if not known:
            self._unfolded.clear()
            self._own_zoom = False
        if figure is None:
            self.setAccessibleName(self.tr("Diagram of the network"))
        else:
            self.setAccessibleName(self.tr("Diagram of {0}, {1} blocks").format(figure.title, len(figure.nodes)))
        if same:
            self._draw()
        elif self._own_zoom:
            self._arrange(self._line_width(self._scale()))
            self._draw()
        else:
            self.home()
        self._describe()

    def mark_opened(self, node: str) -> None:
        """The block whose maps are shown beside; "" for none."""
        self._opened = node
        self._mark()

    def set_current(self, node: str) -> None:
        slot = self._layout.slot(node)
        if slot is None:
            return
        self._current = slot.id
        self._mark()
        self._bring(slot)
        self._describe()
        self.current_changed.emit(self.describe(slot))

    def describe(self, slot: Slot) -> str:
        return sentence(slot, self._figure) if self._figure is not None else ""

    def fold(self, stage: int, folded: bool) -> None:
        if self._figure is None or not foldable(self._figure, stage):
            return
        (self._unfolded.discard if folded else self._unfolded.add)(stage)
        if self._own_zoom:
            self._arrange(self._line_width(self._scale()))
            self._draw()
        else:
            self.home()
        if (slot := self._layout.slot(self._current)) is not None:
            self._current = slot.id
            self._mark()
            self._bring(slot)

    def fold_all(self, folded: bool) -> None:
        if self._figure is None:
            return
        stages = range(len(self._figure.stages))
        self._unfolded = set() if folded else {stage for stage in stages if foldable(self._figure, stage)}
        self.home()

    @property
    def can_fold(self) -> bool:
        return self._figure is not None and any(foldable(self._figure, s) for s in range(len(self._figure.stages)))

    @property
    def unfolded(self) -> bool:
        return bool(self._unfolded)

    # Zoom

    def home(self) -> None:
        """As it opens: all of it where words can still be read, else its beginning at a scale where they can."""
        self._own_zoom = False
        self._later.stop()
        room = self._room()
        scale, width = self._best()
        if scale < COMFORT:
            width = self._balanced(self._line_width(COMFORT))
            if self._has_grid:  # as wide as it is, the main line may be, too
                width = max(width, self._measured(width).width)
        self._arrange(width)
        self._draw()
        across = room.width() / max(self._layout.width, 1.0)
        if scale < COMFORT:
            scale = min(across, 1.0)
            if self._layout.height * scale > room.height():  # the scroll bar wants room, too
                scale = min((room.width() - self.verticalScrollBar().sizeHint().width()) / self._layout.width, 1.0)
            scale = max(scale, GRID) if self._has_grid else scale
        else:
            scale = min(scale, 1.25)
        self._set_scale(scale)
        across, down = min(self._layout.width, room.width() / scale), min(self._layout.height, room.height() / scale)
        self.centerOn(across / 2, down / 2)

    @property
    def _has_grid(self) -> bool:
        return self._figure is not None and any(in_grid(node) for node in self._figure.nodes)

    @property
    def _all_grid(self) -> bool:
        """Nothing of it can be broken into rows."""
        return self._figure is not None and all(in_grid(node) for node in self._figure.nodes)

    def _balanced(self, width: float) -> float:
        """The shortest rows that are no more than rows of `width` would be: none is left with a single block."""
        if self._all_grid:
            return width
        rows = self._measured(width).rows
        while self._measured(width * 0.95).rows == rows and width > 300:
            width *= 0.95
        return width

    def fit(self) -> None:
        """All of it, however small."""
        self._own_zoom = True
        scale, width = self._best()
        self._arrange(width)
        self._draw()
        self._set_scale(min(scale, MOST_SCALE))
        self.centerOn(self._layout.width / 2, self._layout.height / 2)

    def zoom(self, factor: float, around: QPoint | None = None) -> None:
        """Around a point of the window; the middle without one."""
        self._own_zoom = True
        point = around if around is not None else self.viewport().rect().center()
        before = self.mapToScene(point)
        self._set_scale(self._scale() * factor)
        after = self.mapToScene(point)
        self.centerOn(self.mapToScene(self.viewport().rect().center()) + before - after)

    def toggle_fit(self) -> None:
        """All of it; where it is all in view already, full size."""
        scale, _ = self._best()
        if self._own_zoom and abs(self._scale() - scale) < 0.005:
            self.zoom(1.0 / self._scale())
        else:
            self.fit()

    @property
    def scale_in_per_cent(self) -> int:
        return round(100 * self._scale())

    def _scale(self) -> float:
        return self.transform().m11()

    def _set_scale(self, scale: float) -> None:
        scale = min(max(scale, LEAST_SCALE), MOST_SCALE)
        self.resetTransform()
        self.scale(scale, scale)

    def _room(self) -> QSize:
        return self.maximumViewportSize() - QSize(2, 2)  # what fits to the pixel would already bring scroll bars

    def _line_width(self, scale: float) -> float:
        return max(200.0, self._room().width() / scale - STEP)

    def _best(self) -> tuple[float, float]:
        """The largest scale at which all of it fits, and the rows' width for it."""
        if self._figure is None:
            return 1.0, 1000.0
        room = self._room()
        whole = self._measured(1e9)
        best = (0.0, 1000.0)
        for rows in range(1, 2 if self._all_grid else WIDTHS + 1):
            width = whole.width if rows == 1 else whole.width / rows * 1.08 + 60
            layout = whole if rows == 1 else self._measured(width)
            scale = min(room.width() / max(layout.width, 1), room.height() / max(layout.height, 1))
            if scale > best[0] * (FEWER if best[0] else 1.0):
                best = (scale, width)
            elif scale < 0.7 * best[0]:
                break  # too many rows already
        return best

    # Drawing

    def _measured(self, width: float) -> Layout:
        assert self._figure is not None
        if self._all_grid and self._grid is not None:  # as wide as it is, whatever room there is
            return self._grid
        words, titles = fonts(self.font())
        metrics, title_metrics = QFontMetricsF(words), QFontMetricsF(titles)

        def wide(node: Node | None, hidden: tuple[Node, ...]) -> float:
            name = node.id if node is not None else f"{hidden[0].id} {len(hidden)}"
            if name in self._widths:
                return self._widths[name]
            lines = node_words(node) if node is not None else folded_words(hidden)
            if node is not None and node.small:
                second = "100.0 %" if node.p is not None else shape_words(node)
                lines = [lines[0], "00.0 M · 00.0 %" if node.parameters else second]
            widths = [title_metrics.horizontalAdvance(lines[0]), *(metrics.horizontalAdvance(x) for x in lines[1:])]
            self._widths[name] = max(widths)
            return self._widths[name]

        lanes = [lane_words(lane) for lane in self._figure.lanes]
        heads = [title_metrics.horizontalAdvance(words[0]) for words in lanes]
        heads += [metrics.horizontalAdvance(line) for words in lanes for line in words[1:]]
        head = max(heads, default=0.0) + (2 * STEP if lanes else 0.0)
        self._grid = arrange(self._figure, wide, self._line_height(), self._unfolded, width, head)
        return self._grid

    def _line_height(self) -> float:
        return QFontMetricsF(fonts(self.font())[1]).height() + 1

    def _arrange(self, width: float) -> None:
        self._layout = self._measured(width) if self._figure is not None else Layout()

    def _draw(self) -> None:
        scene = self.scene()
        scene.clear()
        self._nodes.clear()
        self._hovered = None
        self.setBackgroundBrush(self._theme.colour("surface"))
        if self._figure is None:
            scene.setSceneRect(QRectF())
            return
        # The layout holds the nodes of the figure that it was made of.
        fresh = {node.id: node for node in self._figure.nodes}
        slots = [_with_fresh_nodes(slot, fresh) for slot in self._layout.slots]
        self._layout.put(slots)
        base = self.font()
        for box in self._layout.stages:
            scene.addItem(StageItem(box, self._figure, self._theme, base))
        lanes = {lane.lane: lane for lane in self._figure.lanes}
        for place in self._layout.lanes:
            scene.addItem(LaneItem(place, lanes[place.lane], self._theme, base, self._line_height()))
        for edge in edge_items(self._figure, self._layout, self._theme, base):
            scene.addItem(edge)
        for slot in slots:
            item = NodeItem(slot, self._figure, self._theme, base, self._line_height())
            scene.addItem(item)
            self._nodes[slot.id] = item
        scene.setSceneRect(QRectF(0, 0, self._layout.width, self._layout.height))
        self._mark()

    def _mark(self) -> None:
        opened = self._layout.slot(self._opened) if self._opened else None
        for name, item in self._nodes.items():
            current = name == self._current and self.hasFocus()
            chosen = opened is not None and name == opened.id
            if (item.current, item.chosen) != (current, chosen):
                item.current, item.chosen = current, chosen
                item.update()

    def _bring(self, slot: Slot) -> None:
        """Into view, with something around it."""
        self.ensureVisible(QRectF(slot.x - 30, slot.y - 60, slot.width + 60, slot.height + 90), 0, 0)

    def _describe(self) -> None:
        slot = self._layout.slot(self._current) if self._current else None
        words = self.describe(slot) if slot is not None else ""
        self.setAccessibleDescription(words)
        if words and self.hasFocus() and QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    # Saving

    def svg(self, caption: str) -> bytes:
        """All of it as it is folded now, with `caption` under it."""
        from PySide6.QtSvg import QSvgGenerator

        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        size = self._size_to_save()
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setResolution(self.logicalDpiX())  # or letters would be smaller than they were measured
        generator.setSize(size)
        generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
        generator.setTitle(self._figure.title if self._figure is not None else "")
        generator.setDescription(caption)
        painter = QPainter(generator)
        self._render(painter, size, caption)
        painter.end()
        return bytes(buffer.data().data())

    def image(self, caption: str, scale: float = 2.0) -> QImage:
        """The same in pixels, `scale` to one of the screen's; at most some 16,000 a side."""
        size = self._size_to_save()
        scale = min(scale, 16_000 / max(size.width(), size.height()))
        made = QImage(size * scale, QImage.Format.Format_RGB32)
        painter = QPainter(made)
        painter.scale(scale, scale)
        self._render(painter, size, caption)
        painter.end()
        return made

    def _size_to_save(self) -> QSize:
        return QSize(round(self._layout.width), round(self._layout.height) + CAPTION)

    def _render(self, painter: QPainter, size: QSize, caption: str) -> None:
        for item in self._nodes.values():  # what the hand is at is not part of the figure
            item.current = item.chosen = item.hovered = False
        painter.fillRect(QRectF(0, 0, size.width(), size.height()), self._theme.colour("surface"))
        rect = QRectF(0, 0, size.width(), size.height() - CAPTION)
        self.scene().render(painter, rect, QRectF(0, 0, self._layout.width, self._layout.height))
        words, _ = fonts(self.font())
        painter.setFont(words)
        painter.setPen(self._theme.colour("secondary"))
        place = QRectF(24, size.height() - CAPTION - 4, size.width() - 48, CAPTION)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), caption)
        self._mark()

    # Hands

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._figure is not None and self._key(event):
            event.accept()
            return
        event.ignore()  # not QGraphicsView's own scrolling: the panel may want the key

    def _key(self, event: QKeyEvent) -> bool:
        keys, key = Qt.Key, event.key()
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        arrows: dict[int, tuple[int, int]] = {
            keys.Key_Left: (-1, 0),
            keys.Key_Right: (1, 0),
            keys.Key_Up: (0, -1),
            keys.Key_Down: (0, 1),
        }
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            if key in (keys.Key_Plus, keys.Key_Equal):
                self.zoom(ONCE)
            elif key == keys.Key_Minus:
                self.zoom(1 / ONCE)
            elif key == keys.Key_0:
                self.toggle_fit()
            else:
                return False
        elif modifiers == Qt.KeyboardModifier.ShiftModifier and key in arrows:
            self._pan(-80 * arrows[key][0], -60 * arrows[key][1])
        elif modifiers:
            return False
        elif key in arrows:
            self._walk(*arrows[key])
        elif key in (keys.Key_Home, keys.Key_End):
            order = self._order()
            self.set_current(order[0 if key == keys.Key_Home else -1].id)
        elif key in (keys.Key_Return, keys.Key_Enter):
            self._open(self._current)
        elif key == keys.Key_Space:
            slot = self._layout.slot(self._current)
            if slot is None or slot.stage is None:
                return False
            self.fold(slot.stage, slot.stage in self._unfolded)
        else:
            return False
        return True

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes from stage to stage, and on after the last."""
        order = self._order()
        here = next((k for k, slot in enumerate(order) if slot.id == self._current), -1)
        if order and not (here < 0 and not forward):
            part = _part(order[here]) if here >= 0 else None
            ahead = order[here + 1 :] if forward else order[:here][::-1]
            to = next((slot for slot in ahead if _part(slot) != part), None)
            if to is not None and not forward:  # to the first of the stage before
                to = next(slot for slot in order if _part(slot) == _part(to) and slot.row <= to.row)
            if to is not None:
                self.set_current(to.id)
                return True
        return super().focusNextPrevChild(forward)

    def _order(self) -> list[Slot]:
        return self._layout.slots

    def _walk(self, across: int, down: int) -> None:
        order = self._order()
        here = self._layout.slot(self._current) if self._current else None
        if here is None:
            self.set_current(order[0].id)
        elif across:
            self.set_current(self._beside(here, across).id)
        else:
            beyond = [slot for slot in order if (slot.axis - here.axis) * down > 10]
            if beyond:
                nearest = min(abs(slot.axis - here.axis) for slot in beyond)
                band = [slot for slot in beyond if abs(slot.axis - here.axis) < nearest + 10]
                chips = nearest < self._layout.arcs + 10
                near = [slot for slot in band if not chips or abs(slot.centre - here.centre) < 160]
                pool = near or [slot for slot in beyond if slot.row != here.row]
                if pool:
                    self.set_current(min(pool, key=lambda s: (abs(s.row - here.row), abs(s.centre - here.centre))).id)

    def _beside(self, here: Slot, across: int) -> Slot:
        """The block before or after; in the grid the one at the word before or after, and before all of them the end of
        the main line."""
        order = self._order()
        if not in_grid(here.node):
            return order[min(max(order.index(here) + across, 0), len(order) - 1)]
        lane = [slot for slot in order if in_grid(slot.node) and slot.axis == here.axis]
        place = lane.index(here) + across
        if place >= 0:
            return lane[min(place, len(lane) - 1)]
        return next((slot for slot in reversed(order) if not in_grid(slot.node)), here)

    def _open(self, node: str) -> None:
        slot = self._layout.slot(node) if node else None
        if slot is None:
            return
        if slot.node is None:
            assert slot.stage is not None
            self.fold(slot.stage, False)
        elif slot.node.has_maps:
            self.chosen.emit(slot.id)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn = event.angleDelta().y() or event.angleDelta().x()
        if turn:
            self.zoom(ONCE ** (turn / 120), event.position().toPoint())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._moved = event.position().toPoint(), False
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if self._pressed is not None:
            way = at - self._pressed
            if self._moved or way.manhattanLength() > 4:
                self._moved = True
                self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
                self._pan(way.x(), way.y())
                self._pressed = at
            return
        item = self._node_at(at)
        if item is not self._hovered:
            for changed, on in ((self._hovered, False), (item, True)):
                if changed is not None:
                    changed.hovered = on
                    changed.update()
            self._hovered = item
        hand = item is not None or self._stage_at(at) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if hand else Qt.CursorShape.OpenHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        self._pressed = None
        at = event.position().toPoint()
        self.viewport().setCursor(Qt.CursorShape.OpenHandCursor)
        if self._moved:
            return
        item, stage = self._node_at(at), self._stage_at(at)
        if item is not None:
            self._current = item.slot.id
            self._mark()
            self._describe()
            self._open(item.slot.id)
        elif stage is not None:
            self.fold(stage, stage in self._unfolded)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)  # the second click of two quick ones

    def leaveEvent(self, event: QEvent) -> None:
        if self._hovered is not None:
            self._hovered.hovered = False
            self._hovered.update()
            self._hovered = None
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self._current and self._layout.slots:
            self._current = self._layout.slots[0].id
        self._mark()
        self._describe()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._mark()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._figure is not None and not self._own_zoom:
            self._later.start()

    def _settle(self) -> None:
        if not self._own_zoom:
            self.home()
            if (slot := self._layout.slot(self._opened)) is not None:  # what was clicked stays in view
                self._bring(slot)

    def _pan(self, across: int, down: int) -> None:
        for bar, by in ((self.horizontalScrollBar(), across), (self.verticalScrollBar(), down)):
            bar.setValue(bar.value() - by)

    def _node_at(self, at: QPoint) -> NodeItem | None:
        return next((item for item in self.items(at) if isinstance(item, NodeItem)), None)

    def _stage_at(self, at: QPoint) -> int | None:
        """The stage whose title, where it can fold, lies there."""
        for item in self.items(at):
            if isinstance(item, StageItem) and item.box.open is not None and item.head().contains(self.mapToScene(at)):
                return item.box.stage
        return None


def _part(slot: Slot) -> tuple[int | None, bool]:
    """What Tab goes by: the stage, or the grid."""
    return slot.stage, in_grid(slot.node)


def _alike(one: Figure, other: Figure) -> bool:
    """Whether one's places are the other's."""
    return one.model == other.model and [_told(node) for node in one.nodes] == [_told(node) for node in other.nodes]


def _told(node: Node) -> tuple[str, str]:
    return node.id, node.title


def _with_fresh_nodes(slot: Slot, nodes: dict[str, Node]) -> Slot:
    node = nodes[slot.node.id] if slot.node is not None else None
    return replace(slot, node=node, hidden=tuple(nodes[n.id] for n in slot.hidden))
