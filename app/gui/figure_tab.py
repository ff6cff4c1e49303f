"""Inside, the figure: a network drawn from its own modules with the picture in it, and beside it the values of the
block that is clicked. The network is recorded while this is looked at, and forgotten when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QLocale, Qt, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSplitter, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.context import Context
from app.gui.saving import Files
from app.gui.theme import QUARTER, STEP, sized
from app.gui.widgets.buttons import tool_button
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.figure import FigureView
from app.gui.widgets.maps_pane import MapsPane
from app.gui.widgets.message_strip import Strips

if TYPE_CHECKING:
    from app.engines.figure import Figure, Node
    from app.worker import Done, Failed, Partial, Ticket

PANEL = "figure"  # the engine of its own
NARROW = 760  # pixels: below, the values take the diagram's place


class FigureTab(QWidget):
    """See `app.gui.inside.Inside`. A panel's own tab decides in `look` what is to be seen, and calls `record`; the rest
    of what it gives stands under "What a panel's own tab says". `maps`: the pane beside the diagram."""

    def __init__(
        self, context: Context, files: Files, folder_key: str, maps: MapsPane, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._files, self._folder_key = context, files, folder_key
        self._looked_at = False
        self._recorded: tuple[object, ...] | None = None  # what is asked for, or shown
        self._recording: Ticket | None = None
        self._mapping: Ticket | None = None
        self._node = ""  # whose values are open
        self._told = ""
        self._held = False  # the engine has a network of ours
        theme = context.theme

        self.line = ElidedLabel("", self)
        self.line.setProperty("quiet", True)
        sized(self.line, "secondary")
        self.folds = self._tool("fold", self.tr("Fold or unfold all stages (Space: the stage of the current block)"))
        self.folds.setCheckable(True)
        self.zoom_out = self._tool("zoom-out", self.tr("Smaller (Ctrl+−)"))
        self.zoom_in = self._tool("zoom-in", self.tr("Larger (Ctrl++)"))
        self.fits = self._tool("fit", self.tr("All of it, then full size (Ctrl+0)"))
        self.save = self._tool("save", self.tr("Save the diagram"))
        menu = QMenu(self.save)
        menu.addAction(self.tr("As a drawing (SVG)…"), lambda: self.save_as(svg=True))
        menu.addAction(self.tr("As a picture (PNG)…"), lambda: self.save_as(svg=False))
        self.save.setMenu(menu)
        self.save.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.bar = QHBoxLayout()
        self.bar.setSpacing(QUARTER)
        self.bar.addWidget(self.line, 1)
        for tool in (self.folds, self.zoom_out, self.zoom_in, self.fits, self.save):
            self.bar.addWidget(tool)

        self.strips = Strips(theme, self)
        self.view = FigureView(theme, self)
        self.maps = maps
        self.maps.hide()
        self._leaves = QSplitter(Qt.Orientation.Horizontal, self)
        self._leaves.setChildrenCollapsible(False)
        self._leaves.setHandleWidth(1)
        self._leaves.addWidget(self.view)
        self._leaves.addWidget(self.maps)
        self._leaves.setStretchFactor(0, 1)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._leaves)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, QUARTER, STEP, QUARTER)
        column.setSpacing(QUARTER)
        column.addLayout(self.bar)
        column.addWidget(self.strips)
        column.addWidget(self._pages, 1)
        self._connect_parts()

    def _connect_parts(self) -> None:
        self.view.chosen.connect(self.open_maps)
        self.view.current_changed.connect(self._tell_block)
        self.maps.closed.connect(self.close_maps)
        self.folds.toggled.connect(lambda on: self.view.fold_all(not on))
        self.zoom_in.clicked.connect(lambda: self.view.zoom(1.2))
        self.zoom_out.clicked.connect(lambda: self.view.zoom(1 / 1.2))
        self.fits.clicked.connect(self.view.toggle_fit)
        bridge = self._context.bridge
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)

    # What a panel's own tab says

    @property
    def model(self) -> str:
        """The card's id; "" for none."""
        raise NotImplementedError

    def look(self) -> None:
        """Whatever is to be seen now: `record` it, or `show_page` what stands in its place."""
        raise NotImplementedError

    def again(self) -> None:
        """After it was stopped, or failed."""
        self.look()

    def request(self) -> object:
        """What the engine is asked for the figure; about what `record` was called with."""
        raise NotImplementedError

    def take(self, answer: Any) -> Figure:
        """The figure in the engine's answer."""
        raise NotImplementedError

    def ask_values(self, node: Node) -> Ticket | None:
        """Shows the values of a block in the pane, or asks the engine for them."""
        raise NotImplementedError

    def about(self, figure: Figure) -> str:
        """Of the whole network; honest about whose time it is."""
        parts = [self.tr("{0} parameters").format(numbers.whole(figure.parameters))]
        if figure.pass_ms is not None:
            words = self.tr(
                "{0} ms in torch on the CPU ({1} threads, median of {2} passes): not the time of the answers"
            )
            milliseconds = QLocale().toString(figure.pass_ms, "f", 0 if figure.pass_ms >= 100 else 1)
            parts.append(words.format(milliseconds, figure.threads, figure.passes))
        return " · ".join(parts)

    def tell_figure(self) -> None:
        """In the line above."""
        self._say(self.about(self.view.figure) if self.view.figure is not None else "")

    # What the frame of tabs calls

    def shown(self) -> None:
        self._looked_at = True
        self.look()

    def hidden(self) -> None:
        """Nothing is recorded and no network held while nobody looks."""
        from app.engines.figure import ReleaseFigure

        self._looked_at = False
        if self._drop_tickets():
            self._recorded = None
        if self._held:
            self._held = False
            self._context.worker.control(PANEL, ReleaseFigure())

    def cancel(self) -> bool:
        """Esc: the large map, the maps, what runs."""
        if self.maps.isVisible():
            if not self.maps.grid.shrink():
                self.close_maps()
            return True
        if not self._drop_tickets():
            return False
        again = ((self.tr("Record again"), self.again),)
        self.strips.say("info", self.tr("The recording was stopped."), again)
        return True

    def close_view(self) -> None:
        self._looked_at = False
        self._drop_tickets()

    # Recording

    def show_page(self, page: QWidget) -> None:
        """In place of the figure."""
        self._drop_tickets()
        self._recorded = None
        self._pages.setCurrentWidget(page)
        self._say("")
        self._enable(False)

    def record(self, *what: object) -> None:
        """`what` is to be seen; where it is already, nothing happens."""
        self._pages.setCurrentWidget(self._leaves)
        if self._recorded == what:
            return
        self.strips.clear()
        if self.view.figure is not None and self.view.figure.model != self.model:
            self.view.show_figure(None)
        self._recorded = what
        self._say(self.tr("Recording: one pass through the network…"))
        self._enable(self.view.figure is not None)
        self._recording = None  # the older one: the mailbox drops it
        if self._node:
            self._ask_maps()
        self._recording = self._post_recording()

    def _post_recording(self) -> Ticket:
        self._held = True
        return self._context.worker.post(PANEL, self.request(), mailbox="record")

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket is self._recording:
            self._show(self.take(answer.value))
            self._say(self.tr("Measuring how long each block takes…"))

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._recording:
            self._recording = None
            self._show(self.take(answer.value))
            self.tell_figure()
        elif answer.ticket is self._mapping:
            self._mapping = None
            self.maps.show_maps(answer.value)

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._recording:
            self._recording = self._recorded = None
            self._say("")
            self.strips.say("error", answer.sentence, ((self.tr("Try again"), self.again),))
        elif answer.ticket is self._mapping:
            self._mapping = None
            self.maps.show_sentence(answer.sentence)

    def _show(self, figure: Figure) -> None:
        self.view.show_figure(figure)
        self._enable(True)
        self.view.mark_opened(self._node)

    def _say(self, words: str) -> None:
        self._told = words
        self.line.setText(words)

    def _tell_block(self, words: str) -> None:
        self.line.setText(words or self._told)

    def _enable(self, on: bool) -> None:
        for tool in (self.zoom_in, self.zoom_out, self.fits, self.save):
            tool.setEnabled(on)
        self.folds.setEnabled(on and self.view.can_fold)
        blocked = self.folds.blockSignals(True)
        self.folds.setChecked(self.view.unfolded)
        self.folds.blockSignals(blocked)

    def _drop_tickets(self) -> bool:
        """False where nothing ran."""
        ran = [ticket for ticket in (self._recording, self._mapping) if ticket is not None]
        for ticket in ran:
            ticket.cancel()
        if self._recording is not None:
            self._recorded = None
            self.tell_figure()
        self._recording = self._mapping = None
        return bool(ran)

    # The values of a block

    def open_maps(self, node: str) -> None:
        if self.view.figure is None:
            return
        self._node = node
        self.view.mark_opened(node)
        if self.maps.isHidden():
            self.maps.show()
            self._share_out()
        self._ask_maps()
        if self.maps.isVisible() and not self.view.isVisible():
            self.maps.grid.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_maps(self) -> None:
        if self._mapping is not None:
            self._mapping.cancel()
            self._mapping = None
        had_focus = self.maps.isAncestorOf(self.focusWidget()) if self.focusWidget() is not None else False
        self._node = ""
        self.maps.hide()
        self.maps.show_nothing()
        self.view.show()
        self.view.mark_opened("")
        if had_focus:
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _ask_maps(self) -> None:
        figure = self.view.figure
        if figure is None or figure.model != self.model:
            return
        node = next((n for n in figure.nodes if n.id == self._node), None)
        if node is None:
            self.close_maps()
            return
        self._mapping = self.ask_values(node)
        self._held = self._held or self._mapping is not None
        if self._mapping is not None and self._recording is not None:
            self._recording = self._post_recording()  # measuring takes longer and can wait: now it comes after the maps

    def _share_out(self) -> None:
        narrow = self.width() < NARROW
        self.view.setVisible(not narrow or self.maps.isHidden())
        if not narrow and not self.maps.isHidden():
            wide = self._leaves.width()
            self._leaves.setSizes([round(wide * 0.62), round(wide * 0.38)])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self.maps.isHidden() and (self.width() < NARROW) == self.view.isVisibleTo(self):
            self._share_out()

    # Saving

    def save_as(self, svg: bool) -> None:
        figure = self.view.figure
        if figure is None:
            return
        caption = f"{figure.title} · {self.about(figure)} · Triptych"

        def draw(as_svg: bool) -> bytes | QImage:
            return self.view.svg(caption) if as_svg else self.view.image(caption)

        self._files.save_figure(draw, figure.title, self._context.settings.value(self._folder_key, ""), svg)

    def _tool(self, icon: str, words: str) -> QToolButton:
        button = tool_button(icon, words, self._context.theme, self)
        button.setEnabled(False)
        return button
