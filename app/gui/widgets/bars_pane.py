"""Beside the figure of a network that speaks: maps of a block, all units of an LSTM with its gates, and bars that tell
how probable words were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.gui.theme import Theme
from app.gui.widgets.maps_grid import Tile
from app.gui.widgets.maps_pane import MapsPane
from app.gui.widgets.probability_bars import ProbabilityBars

if TYPE_CHECKING:
    from app.engines.figure import Node

MOST = 10  # bars: the one that was said, and its runners-up


class BarsPane(MapsPane):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.bars = ProbabilityBars(theme, MOST, self)
        for row in self.bars.rows:  # to be read: what else the network could say is chosen beside the caption
            row.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            row.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._scroll = QScrollArea(self)
        self._scroll.setWidget(self.bars)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(self.tr("How probable the words were"))
        self._scroll.viewport().setAutoFillBackground(False)
        self.bars.setAutoFillBackground(False)
        self.column.insertWidget(2, self._scroll, 1)
        self._scroll.hide()

    def announce(self, node: Node, has_picture: bool) -> None:
        self.turn(bars=False)
        super().announce(node, has_picture)

    def turn(self, bars: bool) -> None:
        """Bars, or tiles."""
        self.grid.setVisible(not bars)
        self._scroll.setVisible(bars)

    def lstm_tiles(self, gates: dict[str, np.ndarray]) -> dict[str, Tile]:
        names = {
            "i": self.tr("input gate i"),
            "f": self.tr("forget gate f"),
            "o": self.tr("output gate o"),
            "g": self.tr("candidate g"),
            "h": self.tr("output h"),
            "c": self.tr("cell state c"),
        }
        wide = {"g": 1.0, "h": 1.0}
        return {
            name: units(gates[name], names[name], names[name], signed=name in "ghc", wide=wide.get(name))
            for name in names
            if name in gates
        }


def units(values: np.ndarray, label: str, name: str, signed: bool, wide: float | None = None) -> Tile:
    """(n,) as a tile, row by row: from 0 to 1, or, `signed`, from −`wide` to `wide`; without it as wide as they are."""
    rows = next(k for k in range(int(len(values) ** 0.5), 0, -1) if len(values) % k == 0)
    largest = wide or float(np.abs(values).max()) or 1.0
    scaled = 127.5 + 127.5 * values / largest if signed else 255 * values
    shown = np.round(np.clip(scaled, 0, 255)).astype(np.uint8).reshape(rows, -1)
    return Tile(shown, label, name, units=True, signed=signed, reads=values.reshape(rows, -1))
