"""Under the picture: whose attention is laid over it, how strong, and what it means."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QToolButton, QWidget

from app.gui.theme import STEP, Theme, sized
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.heat_map import Legend

STRENGTH = 50  # per cent


class AttentionBar(QWidget):
    """One line; always takes the same room."""

    heat_wanted = Signal(bool)
    strength_changed = Signal(int)  # per cent

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._has_map = self._compact = False
        self.heat = QToolButton(self)
        self.heat.setCheckable(True)
        self.heat.setIcon(theme.icon("heat"))
        self.heat.setIconSize(QSize(18, 18))
        self.heat.setToolTip(self.tr("Where the network looks (H)"))
        self.heat.setAccessibleName(self.tr("Where the network looks: on or off"))
        self.heat.toggled.connect(self.heat_wanted)
        self.line = ElidedLabel("", self)
        self.legend = Legend(theme, self)
        sized(self.legend, "secondary")
        self.legend.show_scale(False, self.tr("little"), self.tr("much"))
        self.legend.setToolTip(self.tr("How it is spread over the picture, from none to the most that any place has"))
        self.strength = QSlider(Qt.Orientation.Horizontal, self)
        self.strength.setRange(10, 100)
        self.strength.setFixedWidth(96)
        self.strength.setToolTip(self.tr("How strong the colours are laid on"))
        self.strength.setAccessibleName(self.tr("Strength of the colours"))
        self.strength.valueChanged.connect(self.strength_changed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(STEP)
        row.addWidget(self.heat)
        row.addWidget(self.line, 1)
        row.addWidget(self.legend)
        row.addWidget(self.strength)
        self.setFixedHeight(max(self.heat.sizeHint().height(), self.strength.sizeHint().height()))

    def set_compact(self, compact: bool) -> None:
        """Where it is narrow the legend goes."""
        self._compact = compact
        self.legend.setVisible(self._has_map and not compact)

    def show_line(self, words: str, has_map: bool) -> None:
        """What lies over the picture."""
        self._has_map = has_map
        self.line.setText(words)
        self.strength.setVisible(has_map)
        self.legend.setVisible(has_map and not self._compact)

    def set_heat(self, on: bool) -> None:
        """Without telling anybody."""
        blocked = self.heat.blockSignals(True)
        self.heat.setChecked(on)
        self.heat.blockSignals(blocked)
