"""Inside Translate, the figure (app.gui.figure_tab): the translator's layers unrolled over a sentence and its
translation. It follows the sentence that is looked at, but not every key stroke: recording takes time from the
translations, and a drawing that changes under one's eyes can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QLabel, QWidget

from app.gui import figure_tab
from app.gui.context import Context
from app.gui.saving import Files
from app.gui.translate.values_pane import ValuesPane

if TYPE_CHECKING:
    from app.engines.figure import Figure, Node
    from app.engines.figure_translate import TranslationFigure
    from app.engines.translate import Translated
    from app.worker import Ticket

REST = 700  # ms that a translation stands still before it is drawn, after another one was


class FigureTab(figure_tab.FigureTab):
    """`show_translation` says what is looked at."""

    def __init__(self, context: Context, files: Files, parent: QWidget | None = None) -> None:
        super().__init__(context, files, "translate.folder", ValuesPane(context.theme), parent)
        self.maps: ValuesPane
        self._translated: Translated | None = None
        self._index = 0
        self._drawn: TranslationFigure | None = None
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(self._changed)
        self._empty = QLabel(self)
        self._empty.setTextFormat(Qt.TextFormat.PlainText)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setProperty("quiet", True)
        self._pages.addWidget(self._empty)

    def show_translation(self, translated: Translated | None, index: int = 0) -> None:
        """The sentence that is looked at, and which of its translations, best first."""
        self._translated, self._index = translated, index
        if self._looked_at:
            if self._recorded is None:
                self.look()
            else:
                self._rest.start()

    # What app.gui.figure_tab asks

    @property
    def model(self) -> str:
        return self._translated.model if self._translated is not None else ""

    @property
    def _ids(self) -> tuple[int, ...]:
        return self._translated.translations[self._index].ids if self._translated is not None else ()

    def look(self) -> None:
        self._rest.stop()
        if self._translated is None:
            self._show_empty(
                self.tr("The network is drawn with the sentence that is translated, wordpiece by wordpiece.")
            )
        elif not self._ids:
            self._show_empty(self.tr("Nothing was translated in this sentence: no network has read it."))
        else:
            self.record(self.model, self._translated.source_ids, self._ids)

    def request(self) -> object:
        from app.engines.figure_translate import RecordTranslation

        assert self._translated is not None
        return RecordTranslation(self.model, self._translated.source_ids, self._ids)

    def take(self, answer: Any) -> Figure:
        self._drawn = answer
        return answer.figure  # type: ignore[no-any-return]

    def ask_values(self, node: Node) -> Ticket | None:
        if self._drawn is not None and any(n.id == node.id for n in self._drawn.figure.nodes):
            self.maps.show_values(node, self._drawn)
        return None

    def about(self, figure: Figure) -> str:
        made = self._drawn
        if made is None:
            return super().about(figure)
        layers = {tuple(name.split(".")[:2]) for name in made.layers}  # the first one's two directions are one layer
        words = self.tr("{0} LSTM layers over {1} wordpieces in and {2} out")
        return f"{words.format(len(layers), len(made.read), len(made.said))} · {super().about(figure)}"

    def hidden(self) -> None:
        self._rest.stop()
        super().hidden()

    def close_view(self) -> None:
        self._rest.stop()
        super().close_view()

    # What is drawn

    @Slot()
    def _changed(self) -> None:
        if self._looked_at:
            self.look()

    def _show(self, figure: Figure) -> None:
        super()._show(figure)
        node = next((n for n in figure.nodes if n.id == self._node), None)
        if self._node and node is None:  # a sentence of fewer wordpieces
            self.close_maps()
        elif node is not None:
            self.ask_values(node)

    def _show_empty(self, words: str) -> None:
        self._empty.setText(words)
        self.close_maps()
        self.show_page(self._empty)
