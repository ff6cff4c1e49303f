"""Under the picture: what the heat map shows, against what, how strong it is laid on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QSlider, QToolButton, QWidget

from app.gui.theme import STEP, Theme, sized
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.heat_map import Legend

STRENGTH = 70  # per cent


class ExplainBar(QWidget):
    """Always takes the same room, also before there is anything to explain."""

    heat_wanted = Signal(bool)
    strength_changed = Signal(float)
    against_wanted = Signal(int)
    against_dropped = Signal()
    save_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.heat = QToolButton(self)
        self.heat.setCheckable(True)
        self.heat.setIcon(theme.icon("heat"))
        self.heat.setIconSize(QSize(18, 18))
        self.heat.setToolTip(self.tr("Where the network looks (H)"))
        self.heat.setAccessibleName(self.tr("Heat map on or off"))
        self.heat.toggled.connect(self.heat_wanted)
        self.line = ElidedLabel("", self)
        self.against = QPushButton(self.tr("and not…"), self)
        self.against.setProperty("flat", True)
        self.against.setToolTip(self.tr("Choose another label and see what speaks for the one against the other"))
        self._menu = QMenu(self.against)
        self.against.setMenu(self._menu)
        self.strength = QSlider(Qt.Orientation.Horizontal, self)
        self.strength.setRange(10, 100)
        self.strength.setValue(STRENGTH)
        self.strength.setFixedWidth(110)
        self.strength.setToolTip(self.tr("How strong the heat map is laid on"))
        self.strength.setAccessibleName(self.tr("Strength of the heat map"))
        self.strength.valueChanged.connect(lambda value: self.strength_changed.emit(value / 100))
        self.legend = Legend(theme, self)
        sized(self.legend, "secondary")
        self._method = ElidedLabel("", self)
        self._method.setProperty("quiet", True)
        sized(self._method, "secondary")
        self.save = QToolButton(self)
        self.save.setIcon(theme.icon("save"))
        self.save.setIconSize(QSize(18, 18))
        self.save.setToolTip(self.tr("Save the picture with the heat map as PNG"))
        self.save.setAccessibleName(self.tr("Save the picture with the heat map"))
        self.save.clicked.connect(self.save_wanted)

        self._has_map = False
        self._compact = False
        first = QHBoxLayout()
        first.setSpacing(STEP)
        first.addWidget(self.heat)
        first.addWidget(self.line, 1)
        first.addWidget(self.against)
        second = QHBoxLayout()
        second.setSpacing(STEP)
        second.addWidget(self.strength)
        second.addWidget(self.legend)
        second.addWidget(self._method, 1)
        second.addStretch()
        second.addWidget(self.save)
        self._lines = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(0)
        self._lines.addLayout(first)
        self._lines.addLayout(second)
        self._line_height = max(self.heat.sizeHint().height(), self.against.sizeHint().height())
        self.setFixedHeight(2 * self._line_height)
        self.show_nothing(False)

    def set_compact(self, compact: bool) -> None:
        """One line instead of two, where the picture would get too low otherwise."""
        if compact == self._compact:
            return
        self._compact = compact
        directions = QBoxLayout.Direction
        self._lines.setDirection(directions.LeftToRight if compact else directions.TopToBottom)
        self._lines.setSpacing(STEP if compact else 0)
        self.strength.setFixedWidth(72 if compact else 110)
        self._lines.setStretch(0, 1 if compact else 0)
        self.setFixedHeight(self._line_height * (1 if compact else 2))
        self._method.setVisible(self._has_map and not compact)

    def show_nothing(self, has_picture: bool) -> None:
        """No map: what one would have to do for one."""
        words = self.tr("Click a label to see where the network sees it (H).") if has_picture else ""
        self.line.setText(words)
        self._set(has_map=False, can_toggle=has_picture)

    def show_map(self, line: str, method: str, signed: bool, low: str, high: str) -> None:
        self.line.setText(line)
        self._method.setText(method)
        self.legend.setToolTip(method)
        self.legend.show_scale(signed, low, high)
        self._set(has_map=True, can_toggle=True)

    def show_line(self, line: str) -> None:
        """While it is reckoned, or where it could not be."""
        self.line.setText(line)

    def offer_against(self, labels: Sequence[tuple[int, str]], held: int | None) -> None:
        """The other labels of the model, of which one may be held."""
        self._menu.clear()
        for index, label in labels:
            action = self._menu.addAction(label)
            action.setCheckable(True)
            action.setChecked(index == held)
            action.triggered.connect(lambda _=False, index=index: self.against_wanted.emit(index))
        if held is not None:
            self._menu.addSeparator()
            self._menu.addAction(self.tr("Nothing: only where it sees it"), self.against_dropped.emit)
        self.against.setEnabled(bool(labels))

    def set_heat(self, on: bool) -> None:
        """Without telling anybody."""
        blocked = self.heat.blockSignals(True)
        self.heat.setChecked(on)
        self.heat.blockSignals(blocked)

    def _set(self, has_map: bool, can_toggle: bool) -> None:
        self.heat.setVisible(can_toggle)
        self.strength.setEnabled(has_map)
        self.save.setVisible(has_map)
        self.legend.setVisible(has_map)
        self._has_map = has_map
        self._method.setVisible(has_map and not self._compact)
        self.strength.setVisible(has_map)
        if not has_map:
            self.offer_against((), None)
        self.against.setVisible(has_map)
