"""Beside the translator's figure: what happens in one layer at one wordpiece, or in a layer at all of them; how
probable a wordpiece was, and what else the network thought of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.gui import numbers
from app.gui.widgets.bars_pane import MOST, BarsPane, units
from app.gui.widgets.figure_items import quoted
from app.gui.widgets.maps_grid import Section, Tile, number
from app.gui.widgets.probability_bars import Bar

if TYPE_CHECKING:
    from app.engines.figure import Node
    from app.engines.figure_translate import TranslationFigure


LABEL = 10  # letters under a tile


class ValuesPane(BarsPane):
    def show_values(self, node: Node, drawn: TranslationFigure) -> None:
        self.entitle(node)
        self.turn(bars=node.kind in ("says", "looking"))
        layer, _, place = node.id.partition(":")
        if node.kind == "cell":
            self._show_cell(node, drawn, layer, int(place))
        elif node.kind == "piece":
            self._show_embedding(node, drawn.embedded[layer][int(place)])
        elif node.kind == "says":
            self._show_said(drawn, int(place))
        elif node.kind == "looking":
            self._show_look(drawn, int(place))
        elif node.kind == "memory":
            words = self.tr("What the encoder has made of each wordpiece: {0} numbers, which the attention reads.")
            self._show_pieces(drawn.read, drawn.memory, words)
        elif layer == "attention":
            words = self.tr("How each of {0} wordpieces out (rows) looked at {1} wordpieces in (columns).")
            tile = Tile(np.round(255 * drawn.attention).astype(np.uint8), "", node.title, reads=drawn.attention)
            self.show_sections([Section("", (tile,))], words.format(*drawn.attention.shape))
        else:
            self._show_layer(node, drawn)

    def _show_cell(self, node: Node, drawn: TranslationFigure, layer: str, place: int) -> None:
        values = drawn.layers[layer]
        gates = {name: rows[place] for name, rows in values.gates.items()}
        tiles = self.lstm_tiles(gates)
        widest = number(float(np.abs(gates["c"]).max()))
        sections = [
            Section(self.tr("Gates: 0, closed (dark), to 1, open (bright)"), tuple(tiles[name] for name in "ifo")),
            Section(self.tr("−1 (orange) to 1 (blue)"), (tiles["g"], tiles["h"])),
            Section(self.tr("−{0} (orange) to {0} (blue)").format(widest), (tiles["c"],)),
        ]
        if not np.array_equal(values.out[place], gates["h"]):
            most = number(float(np.abs(values.out[place]).max()))
            title = self.tr("With what came in added (the residual connection), −{0} to {0}").format(most)
            name = self.tr("output")
            sections.append(Section(title, (units(values.out[place], name, name, signed=True),)))
        words = self.tr("All {0} units of {1} at {2}, row by row.")
        self.show_sections(sections, words.format(len(gates["h"]), node.title, quoted(node.word)))

    def _show_embedding(self, node: Node, values: np.ndarray) -> None:
        words = self.tr("{0} as {1} learnt numbers: orange below zero, blue above.")
        tile = units(values, "", self.tr("embedding"), signed=True)
        self.show_sections([Section("", (tile,))], words.format(quoted(node.title), len(values)))

    def _show_layer(self, node: Node, drawn: TranslationFigure) -> None:
        """One layer over the whole sentence."""
        stack, _, which = node.id.partition(".")
        rows = drawn.embedded[which] if stack == "embedding" else drawn.layers[node.id].gates["h"]
        pieces = (
            drawn.read if stack == "encoder" or which == "read" else drawn.given if which == "given" else drawn.said
        )
        self._show_pieces(pieces, rows, self.tr("What it says at each wordpiece, {0} units, row by row."))

    def _show_pieces(self, pieces: tuple[str, ...], rows: np.ndarray, words: str) -> None:
        """(pieces, width): a tile for each, all on one scale."""
        most = float(np.abs(rows).max()) or 1.0
        tiles = tuple(
            units(row, piece if len(piece) <= LABEL else piece[: LABEL - 1] + "…", quoted(piece), True, most)
            for piece, row in zip(pieces, rows, strict=True)
        )
        scale = self.tr("−{0} (orange) to {0} (blue)").format(number(most))
        self.show_sections([Section(scale, tiles)], words.format(rows.shape[1]))

    def _show_said(self, drawn: TranslationFigure, place: int) -> None:
        said, p = drawn.said[place], drawn.p[place]
        bars = [Bar(0, said, p, _percent(p))]
        bars += [Bar(k + 1, piece, q, _percent(q)) for k, (piece, q) in enumerate(drawn.runners_up[place])]
        self.bars.show_bars(bars[:MOST])
        rest = max(0.0, 1.0 - sum(bar.p for bar in bars[:MOST]))
        words = self.tr("{0} and the most probable others; all the rest together: {1}.")
        self.show_sections([], words.format(quoted(said), _percent(rest)))

    def _show_look(self, drawn: TranslationFigure, place: int) -> None:
        look = drawn.attention[place]
        order = np.argsort(-look, kind="stable")[:MOST]
        self.bars.show_bars(
            [Bar(k, drawn.read[j], float(look[j]), _percent(float(look[j]))) for k, j in enumerate(map(int, order))]
        )
        words = self.tr("Before {0}, the wordpieces that it looked at most, of {1}.")
        self.show_sections([], words.format(quoted(drawn.said[place]), len(look)))


def _percent(p: float) -> str:
    return numbers.per_cent(100 * p)
