"""Beside the captioner's figure: maps of a block, as in Classify, and what happened at one word: where the network
looked, how its LSTM's gates stood, which other words it thought of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.gui import numbers
from app.gui.caption.wording import percent
from app.gui.theme import Theme
from app.gui.widgets.maps_grid import Section, Tile, number
from app.gui.widgets.maps_pane import MapsPane
from app.gui.widgets.probability_bars import Bar, ProbabilityBars

if TYPE_CHECKING:
    from app.engines.figure import Node
    from app.engines.figure_caption import CaptionFigure, Step

KINDS = ("grid", "state", "attention", "word", "lstm", "said")  # of nodes that a `CaptionFigure` has the values of
MOST = 10  # words: the one that was said, and its runners-up


class ValuesPane(MapsPane):
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
        self._turn(bars=False)
        super().announce(node, has_picture)

    def show_values(self, node: Node, drawn: CaptionFigure) -> None:
        """Of a node of `KINDS`."""
        self.entitle(node)
        self._turn(bars=node.kind == "said")
        if node.kind == "grid":
            self._show_grid(node, drawn)
            return
        if node.kind == "state":
            tiles = self._lstm_tiles(drawn.start)
            words = self.tr("What the LSTM begins with, computed from the mean of the grid.")
            self.show_sections([Section("", (tiles["c"], tiles["h"]))], words)
            return
        step = drawn.steps[int(node.id.rpartition(".")[2])]
        if node.kind == "attention":
            self._show_attention(step, drawn.picture)
        elif node.kind == "word":
            self._show_word_in(step)
        elif node.kind == "lstm":
            self._show_lstm(step)
        else:
            self._show_word_out(step)

    def _turn(self, bars: bool) -> None:
        self.grid.setVisible(not bars)
        self._scroll.setVisible(bars)

    def _show_grid(self, node: Node, drawn: CaptionFigure) -> None:
        from app.media.strips import lit

        lengths = drawn.lengths
        words = self.tr("How long the vector of {0} features is at each of {1} × {2} places: {3} to {4}.")
        sizes = numbers.whole(node.shape[0]), *lengths.shape
        ends = number(float(lengths.min())), number(float(lengths.max()))
        tile = Tile(lit(drawn.picture, lengths - lengths.min()), "", self.tr("length"), reads=lengths)
        self.show_sections([Section("", (tile,))], words.format(*sizes, *ends))

    def _show_attention(self, step: Step, picture: np.ndarray) -> None:
        from app.media.strips import lit

        words = self.tr("Before “{0}”: the brightest of {1} × {2} places has {3} of the attention.")
        most = percent(float(step.attention.max()))
        tile = Tile(lit(picture, step.attention), "", self.tr("attention"), reads=step.attention)
        self.show_sections([Section("", (tile,))], words.format(step.word, *step.attention.shape, most))

    def _show_word_in(self, step: Step) -> None:
        words = self.tr("“{0}” as {1} learnt numbers: orange below zero, blue above.")
        tile = _units(step.embedding, "", self.tr("embedding"), signed=True)
        self.show_sections([Section("", (tile,))], words.format(step.given, len(step.embedding)))

    def _show_lstm(self, step: Step) -> None:
        tiles = self._lstm_tiles(step.gates)
        widest = number(float(np.abs(step.gates["c"]).max()))
        sections = [
            Section(self.tr("Gates: 0, closed (dark), to 1, open (bright)"), tuple(tiles[name] for name in "ifo")),
            Section(self.tr("−1 (orange) to 1 (blue)"), (tiles["g"], tiles["h"])),
            Section(self.tr("−{0} (orange) to {0} (blue)").format(widest), (tiles["c"],)),
        ]
        words = self.tr("All {0} units, row by row, as “{1}” went in and “{2}” came out.")
        self.show_sections(sections, words.format(len(step.gates["h"]), step.given, step.word))

    def _lstm_tiles(self, gates: dict[str, np.ndarray]) -> dict[str, Tile]:
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
            name: _units(gates[name], names[name], names[name], signed=name in "ghc", wide=wide.get(name))
            for name in names
            if name in gates
        }

    def _show_word_out(self, step: Step) -> None:
        bars = [Bar(0, step.word, step.p, percent(step.p))]
        bars += [Bar(k + 1, word, p, percent(p)) for k, (word, p) in enumerate(step.runners_up)]
        self.bars.show_bars(bars[:MOST])
        rest = max(0.0, 1.0 - sum(bar.p for bar in bars[:MOST]))
        words = self.tr("“{0}” and the most probable others; all the rest together: {1}.")
        self.show_sections([], words.format(step.word, percent(rest)))


def _units(values: np.ndarray, label: str, name: str, signed: bool, wide: float | None = None) -> Tile:
    """(n,) as a tile, row by row: from 0 to 1, or, `signed`, from −`wide` to `wide`; without it as wide as they are."""
    rows = next(k for k in range(int(len(values) ** 0.5), 0, -1) if len(values) % k == 0)
    largest = wide or float(np.abs(values).max()) or 1.0
    scaled = 127.5 + 127.5 * values / largest if signed else 255 * values
    shown = np.round(np.clip(scaled, 0, 255)).astype(np.uint8).reshape(rows, -1)
    return Tile(shown, label, name, units=True, signed=signed, reads=values.reshape(rows, -1))
