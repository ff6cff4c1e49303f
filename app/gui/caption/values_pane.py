"""Beside the captioner's figure: maps of a block, as in Classify, and what happened at one word: where the network
looked, how its LSTM's gates stood, which other words it thought of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.gui import numbers
from app.gui.caption.wording import percent
from app.gui.widgets.bars_pane import MOST, BarsPane, units
from app.gui.widgets.maps_grid import Section, Tile, number
from app.gui.widgets.probability_bars import Bar

if TYPE_CHECKING:
    from app.engines.figure import Node
    from app.engines.figure_caption import CaptionFigure, Step

KINDS = (
    "grid",
    "picture",
    "state",
    "attention",
    "word",
    "lstm",
    "said",
)  # of nodes that a `CaptionFigure` has the values of


class ValuesPane(BarsPane):
    def show_values(self, node: Node, drawn: CaptionFigure) -> None:
        """Of a node of `KINDS`."""
        self.entitle(node)
        self.turn(bars=node.kind == "said")
        if node.kind == "grid":
            self._show_grid(node, drawn)
            return
        if node.kind == "picture" and drawn.entered is not None:
            self._show_picture_in(drawn.entered)
            return
        if node.kind == "state":
            self._show_start(drawn)
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

    def _show_grid(self, node: Node, drawn: CaptionFigure) -> None:
        from app.media.strips import lit

        lengths = drawn.lengths
        words = self.tr("How long the vector of {0} features is at each of {1} × {2} places: {3} to {4}.")
        sizes = numbers.whole(node.shape[0]), *lengths.shape
        ends = number(float(lengths.min())), number(float(lengths.max()))
        tile = Tile(lit(drawn.picture, lengths - lengths.min()), "", self.tr("length"), reads=lengths)
        self.show_sections([Section("", (tile,))], words.format(*sizes, *ends))

    def _show_picture_in(self, entered: np.ndarray) -> None:
        words = self.tr(
            "The mean of the grid as {0} learnt numbers, in the place of a word. The LSTM sees the picture here and "
            "never again: attention, which came later, looks at the grid anew for each word."
        )
        tile = units(entered, "", self.tr("embedding"), signed=True)
        self.show_sections([Section("", (tile,))], words.format(len(entered)))

    def _show_start(self, drawn: CaptionFigure) -> None:
        if drawn.entered is None:
            tiles = self.lstm_tiles(drawn.start)
            words = self.tr("What the LSTM begins with, computed from the mean of the grid.")
            self.show_sections([Section("", (tiles["c"], tiles["h"]))], words)
            return
        words = self.tr(
            "What the LSTM keeps of the picture, its first input: all that it knows of it from here on. What it says "
            "to it is not used."
        )
        self._show_gates(drawn.start, words)

    def _show_attention(self, step: Step, picture: np.ndarray) -> None:
        from app.media.strips import lit

        words = self.tr("Before “{0}”: the brightest of {1} × {2} places has {3} of the attention.")
        assert step.attention is not None  # its node is there
        most = percent(float(step.attention.max()))
        tile = Tile(lit(picture, step.attention), "", self.tr("attention"), reads=step.attention)
        self.show_sections([Section("", (tile,))], words.format(step.word, *step.attention.shape, most))

    def _show_word_in(self, step: Step) -> None:
        words = self.tr("“{0}” as {1} learnt numbers: orange below zero, blue above.")
        tile = units(step.embedding, "", self.tr("embedding"), signed=True)
        self.show_sections([Section("", (tile,))], words.format(step.given, len(step.embedding)))

    def _show_lstm(self, step: Step) -> None:
        words = self.tr("All {0} units, row by row, as “{1}” went in and “{2}” came out.")
        self._show_gates(step.gates, words.format(len(step.gates["h"]), step.given, step.word))

    def _show_gates(self, gates: dict[str, np.ndarray], words: str) -> None:
        tiles = self.lstm_tiles(gates)
        widest = number(float(np.abs(gates["c"]).max()))
        sections = [
            Section(self.tr("Gates: 0, closed (dark), to 1, open (bright)"), tuple(tiles[name] for name in "ifo")),
            Section(self.tr("−1 (orange) to 1 (blue)"), (tiles["g"], tiles["h"])),
            Section(self.tr("−{0} (orange) to {0} (blue)").format(widest), (tiles["c"],)),
        ]
        self.show_sections(sections, words)

    def _show_word_out(self, step: Step) -> None:
        bars = [Bar(0, step.word, step.p, percent(step.p))]
        bars += [Bar(k + 1, word, p, percent(p)) for k, (word, p) in enumerate(step.runners_up)]
        self.bars.show_bars(bars[:MOST])
        rest = max(0.0, 1.0 - sum(bar.p for bar in bars[:MOST]))
        words = self.tr("“{0}” and the most probable others; all the rest together: {1}.")
        self.show_sections([], words.format(step.word, percent(rest)))
