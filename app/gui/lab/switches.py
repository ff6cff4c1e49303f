"""A switch for each block's bypass: filled where it is there, open and crossed where it is cut."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.gui.theme import Theme

SIDE, GAP = 16, 4  # pixels


class Switches(QWidget):
    """In rows as long as there is room. Tab reaches the first (or the last one used), the arrows the others, Space
    switches."""

    changed = Signal()
    reached = Signal(QWidget)  # the switch that the arrows have come to, for whoever scrolls

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._switches: list[_Switch] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(self.tr("Bypasses of the blocks"))

    def show_blocks(self, names: Sequence[str]) -> None:
        """The names of the blocks that have a bypass, in order. The same ones again change nothing."""
        if [switch.name for switch in self._switches] == list(names):
            return
        for switch in self._switches:
            switch.hide()
            switch.deleteLater()
        self._switches = [_Switch(number, name, self._theme, self) for number, name in enumerate(names, 1)]
        for switch in self._switches:
            switch.toggled.connect(self._toggled)
            switch.show()
        self._reach(0)
        self._place()
        self.updateGeometry()

    @property
    def count(self) -> int:
        return len(self._switches)

    @property
    def cut(self) -> tuple[int, ...]:
        """Blocks, counted from 1, whose bypass is cut."""
        return tuple(switch.number for switch in self._switches if not switch.isChecked())

    @property
    def focused(self) -> QWidget | None:
        """The switch that has the focus of its window."""
        focused = self.window().focusWidget()
        return next((switch for switch in self._switches if switch is focused), None)

    def switch_all(self, there: bool) -> None:
        """All at once; `changed` comes once."""
        before = self.cut
        self.blockSignals(True)
        for switch in self._switches:
            switch.setChecked(there)
        self.blockSignals(False)
        if self.cut != before:
            self.changed.emit()

    def step(self, switch: _Switch, key: int) -> None:
        row = max(1, self._in_row())
        by = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -row, Qt.Key.Key_Down: row}[Qt.Key(key)]
        place = self._switches.index(switch) + by
        if 0 <= place < len(self._switches):
            self._reach(place)
            self._switches[place].setFocus(Qt.FocusReason.TabFocusReason)
            self.reached.emit(self._switches[place])

    def _toggled(self) -> None:
        self.changed.emit()

    def _reach(self, place: int) -> None:
        for k, switch in enumerate(self._switches):
            switch.setFocusPolicy(Qt.FocusPolicy.StrongFocus if k == place else Qt.FocusPolicy.ClickFocus)

    # Qt

    def _in_row(self, width: int | None = None) -> int:
        return max(1, ((self.width() if width is None else width) + GAP) // (SIDE + GAP))

    def _place(self) -> None:
        row = self._in_row()
        for k, switch in enumerate(self._switches):
            switch.setGeometry((k % row) * (SIDE + GAP), (k // row) * (SIDE + GAP), SIDE, SIDE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        rows = -(-len(self._switches) // self._in_row(width))
        return max(1, rows) * (SIDE + GAP) - GAP

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(max(self.width(), 200)))


class _Switch(QAbstractButton):
    def __init__(self, number: int, name: str, theme: Theme, switches: Switches) -> None:
        super().__init__(switches)
        self.number, self.name = number, name
        self._theme, self._switches = theme, switches
        self.setCheckable(True)
        self.setChecked(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.toggled.connect(self._tell)
        theme.changed.connect(self.update)
        self._tell()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._switches.step(self, event.key())
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner = QRectF(self.rect()).adjusted(2.5, 2.5, -2.5, -2.5)
        edge = "accent" if self.isChecked() or self.underMouse() else "outline"
        if not self.isEnabled():
            edge = "hairline"
        painter.setPen(QPen(self._theme.colour(edge), 1.2))
        painter.setBrush(self._theme.colour(edge) if self.isChecked() else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(inner, 2.5, 2.5)
        if not self.isChecked():
            painter.setPen(QPen(self._theme.colour("text" if self.isEnabled() else "disabled"), 1.4))
            painter.drawLine(inner.bottomLeft() + QPointF(1.5, -1.5), inner.topRight() + QPointF(-1.5, 1.5))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("text"), 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75), 4, 4)

    def _tell(self) -> None:
        words = self.tr("Block {0}, {1}: bypass there") if self.isChecked() else self.tr("Block {0}, {1}: bypass cut")
        self.setAccessibleName(words.format(self.number, self.name))
        self.setToolTip(words.format(self.number, self.name))
        self.update()
