"""Inside Caption, the figure (app.gui.figure_tab): the captioner with the picture in it, unrolled over the words of the
caption. While other frames come by themselves it stays at the caption it was drawn of: a drawing that changes under
one's eyes can't be read, and recording takes time from the captions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from app.gui import figure_tab
from app.gui.caption.reading import Reading
from app.gui.caption.session import Session
from app.gui.caption.values_pane import KINDS, ValuesPane
from app.gui.context import Context
from app.gui.figure_tab import PANEL
from app.gui.saving import Files
from app.gui.theme import STEP

if TYPE_CHECKING:
    from app.engines.figure import Figure, Node
    from app.engines.figure_caption import CaptionFigure
    from app.media.sources import Frame
    from app.worker import Ticket


class FigureTab(figure_tab.FigureTab):
    def __init__(
        self, context: Context, session: Session, reading: Reading, files: Files, parent: QWidget | None = None
    ) -> None:
        super().__init__(context, files, "caption.folder", ValuesPane(context.theme), parent)
        self.maps: ValuesPane
        self._session, self._reading = session, reading
        self._frame: Frame | None = None  # what the drawing is of
        self._words: tuple[str, ...] = ()
        self._drawn: CaptionFigure | None = None
        self._due = True  # the next caption is drawn, even while others will come
        self.now = QPushButton(self.tr("&Draw this caption"), self)
        self.now.setToolTip(self.tr("Draw the figure of the caption that stands there now"))
        self.now.clicked.connect(self._draw)
        self.now.hide()
        self.bar.insertWidget(0, self.now)
        self.bar.insertSpacing(1, STEP)
        QWidget.setTabOrder(self.now, self.folds)
        self._empty = QLabel(self)
        self._empty.setTextFormat(Qt.TextFormat.PlainText)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setProperty("quiet", True)
        self._pages.addWidget(self._empty)
        session.source_changed.connect(self._another_source)
        reading.shown.connect(self._changed)
        session.status_changed.connect(self._changed)

    # What app.gui.figure_tab asks

    @property
    def model(self) -> str:
        return self._session.model

    def look(self) -> None:
        """The caption that stands in large; while others come by themselves, the one that is drawn already."""
        if not self.model:
            self._show_empty(self.tr("The network that is drawn here is not on this machine."))
        elif self._reading.answer is not None:
            if self._due or not self._session.moving:
                self._draw()
        elif self._session.source is None:
            self._show_empty(self.tr("Show it a picture: the network is drawn with the caption, word by word."))
        elif self._drawn is None:
            self._show_empty(self.tr("The network is drawn as soon as it has said something."))
        self._tell_live()

    def again(self) -> None:
        self._draw()

    def request(self) -> object:
        from app.engines.figure_caption import RecordCaption

        assert self._frame is not None
        return RecordCaption(self.model, self._frame.pixels, self._words)

    def take(self, answer: Any) -> Figure:
        self._drawn = answer
        return answer.figure  # type: ignore[no-any-return]

    def ask_values(self, node: Node) -> Ticket | None:
        from app.engines.figure import ShowMaps

        assert self._frame is not None
        if node.kind in KINDS:
            assert self._drawn is not None
            self.maps.show_values(node, self._drawn)
            return None
        self.maps.announce(node, True)
        return self._context.worker.post(PANEL, ShowMaps(self.model, node.id, self._frame.pixels), mailbox="maps")

    def about(self, figure: Figure) -> str:
        words = self.tr("“{0}”").format(" ".join(self._words))
        return f"{words} · {super().about(figure)}"

    # What is drawn

    def models_changed(self) -> None:
        """Which network describes pictures, or whether its file is here, has changed."""
        self._changed()

    @Slot()
    def _another_source(self) -> None:
        self._due = True

    @Slot()
    def _changed(self) -> None:
        if self._looked_at:
            self.look()

    @Slot()
    def _draw(self) -> None:
        """The caption that stands there now."""
        caption, answer = self._reading.caption, self._reading.answer
        if caption is None or answer is None:
            return
        self._due = False
        self._frame, self._words = answer.frame, tuple(word.text for word in caption.words)
        self.record(self.model, self._frame, self._words)
        self._tell_live()

    def _show(self, figure: Figure) -> None:
        super()._show(figure)
        node = next((n for n in figure.nodes if n.id == self._node), None)
        if self._node and node is None:  # a caption of fewer words
            self.close_maps()
        elif node is not None and node.kind in KINDS:
            self.ask_values(node)

    def _show_empty(self, words: str) -> None:
        self._empty.setText(words)
        self.close_maps()
        self.show_page(self._empty)

    def _tell_live(self) -> None:
        """Whether what is drawn is what stands there now."""
        self._offer()
        if self._recording is None:
            self.tell_figure()

    def _offer(self) -> None:
        caption = self._reading.caption
        words = tuple(word.text for word in caption.words) if caption is not None else ()
        self.now.setVisible(self._behind)
        self.now.setEnabled(words != self._words)

    @property
    def _behind(self) -> bool:
        return self._session.moving and self._drawn is not None

    def tell_figure(self) -> None:
        self._offer()
        figure = self.view.figure if self._pages.currentWidget() is self._leaves else None
        words = self.about(figure) if figure is not None else ""
        if figure is not None and self._behind:
            words = f"{self.tr('Does not follow live pictures: pause, or draw anew.')} {words}"
        if words != self._told:  # with every caption that comes; what is said of a block may stay
            self._say(words)
