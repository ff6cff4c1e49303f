"""Beside the figure: what a block makes of the picture, channel by channel, and filters that are pictures, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.theme import QUARTER, STEP, Theme, sized
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.figure_items import name_of, shape_words
from app.gui.widgets.heat_map import Legend
from app.gui.widgets.maps_grid import MapsGrid, Section, Tile, number

if TYPE_CHECKING:
    from app.engines.figure import Maps, Node


class MapsPane(QWidget):
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._maps: Maps | None = None
        self._about = ""
        self.title = ElidedLabel("", self)
        sized(self.title, "body", bold=True)
        self.maps_button = self._choice(self.tr("Maps"), self.tr("What the block makes of the picture"))
        self.filters_button = self._choice(
            self.tr("Filters"), self.tr("The weights that look at the picture's colours")
        )
        self._choices = QButtonGroup(self)
        for button in (self.maps_button, self.filters_button):
            self._choices.addButton(button)
        self.maps_button.setChecked(True)
        self._choices.buttonClicked.connect(self._fill)
        self.close_button = QToolButton(self)
        self.close_button.setIcon(theme.icon("close", "secondary"))
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.setToolTip(self.tr("Close the maps (Esc)"))
        self.close_button.setAccessibleName(self.tr("Close the maps"))
        self.close_button.clicked.connect(self.closed)
        self.grid = MapsGrid(theme, self)
        sized(self.grid, "secondary")
        self.info = ElidedLabel("", self)
        self.info.setProperty("quiet", True)
        sized(self.info, "secondary")
        self.legend = Legend(theme, self)
        sized(self.legend, "secondary")
        self.legend.show_scale(False, self.tr("lowest"), self.tr("highest"))
        self.grid.pointed.connect(self._point)
        top = QHBoxLayout()
        top.setSpacing(QUARTER)
        top.addWidget(self.title, 1)
        top.addWidget(self.maps_button)
        top.addWidget(self.filters_button)
        top.addWidget(self.close_button)
        bottom = QHBoxLayout()
        bottom.setSpacing(STEP)
        bottom.addWidget(self.info, 1)
        bottom.addWidget(self.legend)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(STEP, 0, 0, 0)
        self.column.setSpacing(QUARTER)
        self.column.addLayout(top)
        self.column.addWidget(self.grid, 1)
        self.column.addLayout(bottom)
        self.setMinimumWidth(220)

    def entitle(self, node: Node) -> None:
        self.title.setText(f"{name_of(node)} · {shape_words(node)}")
        for button in (self.maps_button, self.filters_button):
            button.setVisible(node.has_filters)

    def announce(self, node: Node, has_picture: bool) -> None:
        """A block is chosen; its maps are on their way. What was there stays until they come."""
        self.entitle(node)
        if not node.has_filters or (has_picture and self._maps is not None and self._maps.node != node.id):
            self.maps_button.setChecked(True)
        if not has_picture and node.has_filters:
            self.filters_button.setChecked(True)
        if self._maps is None:
            self.show_sentence(self.tr("Computing…"))

    def show_maps(self, maps: Maps) -> None:
        self._maps = maps
        self._fill()

    def show_sections(self, sections: Sequence[Section], about: str) -> None:
        """Other values than maps; `about` says what they are."""
        self._maps = None
        self._about = about
        self.legend.hide()
        self.grid.show_sections(sections)
        self.info.setText(about)

    def show_sentence(self, sentence: str) -> None:
        self._maps = None
        self._about = ""
        self.grid.show_sentence(sentence)
        self.info.setText("")

    def show_nothing(self) -> None:
        self._maps = None
        self.grid.show_sections(())
        self.info.setText("")

    def _fill(self) -> None:
        maps = self._maps
        if maps is None:
            return
        filters = self.filters_button.isChecked() and maps.filters is not None
        self.legend.setVisible(not filters and len(maps.values) > 0)
        if filters:
            self.grid.show_sections(self._filters(maps))
        elif len(maps.values):
            self.grid.show_sections(self._sections(maps))
        else:
            self.grid.show_sentence(self.tr("Drop a picture to see what this block makes of it."))
        self._about = self._tell(maps, filters)
        self.info.setText(self._about)

    def _sections(self, maps: Maps) -> list[Section]:
        if maps.units:
            ends = float(maps.low[0]), float(maps.high[0])
            tile = Tile(maps.values[0], "", self.tr("units"), *ends, units=True, names=maps.names)
            return [Section("", (tile,))]
        each = maps.shape[0] // maps.towers
        sections = []
        for tower in range(maps.towers):
            tiles = tuple(
                Tile(values, str(channel), self.tr("channel {0}").format(channel), float(low), float(high))
                for values, channel, low, high in zip(maps.values, maps.channels, maps.low, maps.high, strict=True)
                if channel // each == tower
            )
            sections.append(Section(self._tower(maps, tower, each), tiles))
        return sections

    def _filters(self, maps: Maps) -> list[Section]:
        assert maps.filters is not None
        each = len(maps.filters) // maps.towers
        return [
            Section(
                self._tower(maps, tower, each),
                tuple(
                    Tile(maps.filters[k], "", self.tr("filter {0}").format(k))
                    for k in range(tower * each, (tower + 1) * each)
                ),
            )
            for tower in range(maps.towers)
        ]

    def _tower(self, maps: Maps, tower: int, each: int) -> str:
        if maps.towers == 1:
            return ""
        return self.tr("Tower {0}: channels {1} to {2}").format(tower + 1, tower * each, (tower + 1) * each - 1)

    def _tell(self, maps: Maps, filters: bool) -> str:
        if filters:
            assert maps.filters is not None
            count, side = maps.filters.shape[:2]
            return self.tr("All {0} filters of {1} × {1} pixels, in colour; grey is zero.").format(count, side)
        if not len(maps.values):
            return ""
        if maps.units:
            words = self.tr("All {0} units, row by row, from {1} to {2}.")
            return words.format(numbers.whole(maps.units), number(float(maps.low[0])), number(float(maps.high[0])))
        if len(maps.channels) < maps.shape[0]:
            words = self.tr("The {0} of {1} channels that vary most over the picture, each stretched to its own range.")
            return words.format(len(maps.channels), numbers.whole(maps.shape[0]))
        return self.tr("All {0} channels, those that vary most first, each stretched to its own range.").format(
            maps.shape[0]
        )

    def _point(self, words: str) -> None:
        self.info.setText(words or self._about)

    def _choice(self, words: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(words)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setAccessibleName(words)
        return button
