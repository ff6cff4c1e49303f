"""Inside, the figure: the network that is chosen, drawn from its own modules with the picture in it, and the maps of
the block that is clicked. The network is recorded while this is looked at, and forgotten when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QSize, Qt, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import numbers
from app.gui.classify.maps_pane import MapsPane
from app.gui.classify.saving import Saver
from app.gui.classify.session import Session
from app.gui.context import Context, chosen_models
from app.gui.theme import QUARTER, STEP, sized
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.figure import FigureView
from app.gui.widgets.message_strip import Strips

if TYPE_CHECKING:
    from app.engines.figure import Figure
    from app.media.pictures import Picture
    from app.store.cards import Card
    from app.store.progress import Progress
    from app.worker import Done, Failed, Partial, Ticket

PANEL = "figure"  # the engine of its own
MODEL_KEY = "figure.model"  # in the settings: the network that was looked at last
NARROW = 760  # pixels: below, the maps take the diagram's place


class FigureTab(QWidget):
    """See `app.gui.inside.Inside`."""

    def __init__(self, context: Context, session: Session, saver: Saver, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context, self._session, self._saver = context, session, saver
        self._picture: Picture | None = None
        self._looked_at = False
        self._recorded: tuple[str, Picture | None] | None = None  # what is asked for, or shown
        self._recording: Ticket | None = None
        self._mapping: Ticket | None = None
        self._node = ""  # whose maps are open
        self._told = ""
        self._held = False  # the engine has a network of ours
        theme = context.theme

        self.chooser = QComboBox(self)
        self.chooser.setAccessibleName(self.tr("Network"))
        self.chooser.setToolTip(self.tr("The network that is drawn"))
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.chooser.setMinimumContentsLength(18)
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
        bar = QHBoxLayout()
        bar.setSpacing(QUARTER)
        bar.addWidget(self.chooser)
        bar.addSpacing(STEP)
        bar.addWidget(self.line, 1)
        for tool in (self.folds, self.zoom_out, self.zoom_in, self.fits, self.save):
            bar.addWidget(tool)

        self.strips = Strips(theme, self)
        self.view = FigureView(theme, self)
        self.maps = MapsPane(theme, self)
        self.maps.hide()
        self._leaves = QSplitter(Qt.Orientation.Horizontal, self)
        self._leaves.setChildrenCollapsible(False)
        self._leaves.setHandleWidth(1)
        self._leaves.addWidget(self.view)
        self._leaves.addWidget(self.maps)
        self._leaves.setStretchFactor(0, 1)
        self._absent = _Absent(self)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._leaves)
        self._pages.addWidget(self._absent)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, QUARTER, STEP, QUARTER)
        column.setSpacing(QUARTER)
        column.addLayout(bar)
        column.addWidget(self.strips)
        column.addWidget(self._pages, 1)
        self._connect()
        self._fill_chooser()

    def _connect(self) -> None:
        self.chooser.activated.connect(self._network_chosen)
        self.view.chosen.connect(self.open_maps)
        self.view.current_changed.connect(self._tell_block)
        self.maps.closed.connect(self.close_maps)
        self.folds.toggled.connect(lambda on: self.view.fold_all(not on))
        self.zoom_in.clicked.connect(lambda: self.view.zoom(1.2))
        self.zoom_out.clicked.connect(lambda: self.view.zoom(1 / 1.2))
        self.fits.clicked.connect(self.view.toggle_fit)
        self._absent.download.clicked.connect(self._download)
        self._session.loaded.connect(self._picture_changed)
        self._session.current_changed.connect(self._picture_changed)
        bridge, downloads = self._context.bridge, self._context.downloads
        bridge.partial.connect(self._partial)
        bridge.done.connect(self._done)
        bridge.failed.connect(self._failed)
        downloads.progress.connect(self._progress)
        for ended in (downloads.finished, downloads.cancelled, downloads.failed):
            ended.connect(self.models_changed)

    # What the frame of tabs calls

    def shown(self) -> None:
        self._looked_at = True
        self.models_changed()
        self._picture_changed()

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
        again = ((self.tr("Record again"), self._look),)
        self.strips.say("info", self.tr("The recording was stopped."), again)
        return True

    def close_view(self) -> None:
        self._looked_at = False
        self._drop_tickets()

    # Which network

    def models_changed(self) -> None:
        """The choice of models, or which files are here, has changed."""
        self._fill_chooser()
        if self._looked_at:
            self._look()

    @property
    def model(self) -> str:
        return str(self.chooser.currentData() or "")

    def _fill_chooser(self) -> None:
        """The panel's networks first, then all others that are here."""
        from app.store.catalog import State

        store = self._context.store
        here = {card.id: card for card in store.cards("classify") if store.state(card) is State.READY}
        panel = [store.card(model) for model in chosen_models(self._context)]
        cards = [*panel, *(card for card in here.values() if card.id not in [c.id for c in panel])]
        cards.sort(key=lambda card: card.id not in here)
        kept = self.model or self._context.settings.value(MODEL_KEY, "")
        self.chooser.clear()
        for card in cards:
            name = card.name if card.id in here else self.tr("{0} (not here yet)").format(card.name)
            self.chooser.addItem(name, card.id)
        place = self.chooser.findData(kept)
        self.chooser.setCurrentIndex(max(place, 0) if cards else -1)
        self.chooser.setEnabled(len(cards) > 1)

    def _network_chosen(self) -> None:
        self._context.settings.set(MODEL_KEY, self.model)
        self.close_maps()
        self._look()

    def _download(self) -> None:
        self._context.downloads.start(self.model)
        self._absent.show_progress(self.tr("Downloading…"))

    @Slot(str, object)
    def _progress(self, model: str, progress: Progress) -> None:
        if model == self.model and progress.total:
            share = numbers.per_cent(100 * progress.received / progress.total, 0)
            self._absent.show_progress(self.tr("Downloading: {0}").format(share))

    # Recording

    def _picture_changed(self) -> None:
        decoded = self._session.decoded
        if decoded is None and self._session.current is not None and not self._session.current.error:
            return  # on its way
        self._picture = decoded.picture if decoded is not None else None
        if self._looked_at:
            self._look()

    def _look(self) -> None:
        """Whatever the choice of network and picture asks for."""
        from app.store.catalog import State

        store = self._context.store
        if not self.model:
            self._absent.show_none()
            self._show_absent()
            return
        card = store.card(self.model)
        if store.state(card) is not State.READY:
            self._absent.show_card(card, store.state(card) is State.DAMAGED)
            self._show_absent()
            return
        self._pages.setCurrentWidget(self._leaves)
        if self._recorded != (card.id, self._picture):
            self._record()

    def _show_absent(self) -> None:
        self._drop_tickets()
        self._recorded = None
        self._pages.setCurrentWidget(self._absent)
        self._say("")
        self._enable(False)

    def _record(self) -> None:
        self.strips.clear()
        another = self.view.figure is not None and self.view.figure.model != self.model
        if another:
            self.view.show_figure(None)
        self._recorded = (self.model, self._picture)
        self._say(self.tr("Recording: one pass through the network…"))
        self._enable(self.view.figure is not None)
        self._recording = None  # the older one: the mailbox drops it
        if self._node:
            self._ask_maps()
        self._recording = self._post_recording()

    def _post_recording(self) -> Ticket:
        from app.engines.figure import RecordFigure

        self._held = True
        return self._context.worker.post(PANEL, RecordFigure(self.model, self._picture), mailbox="record")

    @Slot(object)
    def _partial(self, answer: Partial) -> None:
        if answer.ticket is self._recording:
            self._show(answer.value)
            self._say(self.tr("Measuring how long each block takes…"))

    @Slot(object)
    def _done(self, answer: Done) -> None:
        if answer.ticket is self._recording:
            self._recording = None
            self._show(answer.value)
            self._say(self.about(answer.value))
        elif answer.ticket is self._mapping:
            self._mapping = None
            self.maps.show_maps(answer.value)

    @Slot(object)
    def _failed(self, answer: Failed) -> None:
        if answer.ticket is self._recording:
            self._recording = self._recorded = None
            self._say("")
            self.strips.say("error", answer.sentence, ((self.tr("Try again"), self._look),))
        elif answer.ticket is self._mapping:
            self._mapping = None
            self.maps.show_sentence(answer.sentence)

    def _show(self, figure: Figure) -> None:
        self.view.show_figure(figure)
        self._enable(True)
        self.view.mark_opened(self._node)

    def about(self, figure: Figure) -> str:
        """Of the whole network; honest about whose time it is."""
        parts = [] if figure.of_picture else [self.tr("Drop a picture, and each block shows what it makes of it.")]
        parts.append(self.tr("{0} parameters").format(numbers.whole(figure.parameters)))
        if figure.pass_ms is not None:
            words = self.tr(
                "{0} ms in torch on the CPU ({1} threads, median of {2} passes): not the time of the answers"
            )
            milliseconds = QLocale().toString(figure.pass_ms, "f", 0 if figure.pass_ms >= 100 else 1)
            parts.append(words.format(milliseconds, figure.threads, figure.passes))
        return " · ".join(parts)

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
            self._say(self.about(self.view.figure) if self.view.figure is not None else "")
        self._recording = self._mapping = None
        return bool(ran)

    # Maps

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
        from app.engines.figure import ShowMaps

        figure = self.view.figure
        if figure is None or figure.model != self.model:
            return
        node = next((n for n in figure.nodes if n.id == self._node), None)
        if node is None:
            self.close_maps()
            return
        self.maps.announce(node, self._picture is not None)
        self._mapping = self._context.worker.post(PANEL, ShowMaps(self.model, node.id, self._picture), mailbox="maps")
        self._held = True
        if self._recording is not None:  # measuring takes longer and can wait: put in anew, it comes after the maps
            self._recording = self._post_recording()

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

        folder = self._context.settings.value("classify.folder", "")
        self._saver.save_figure(draw, figure.title, folder, svg)

    def _tool(self, icon: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(self._context.theme.icon(icon))
        button.setIconSize(QSize(18, 18))
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.setEnabled(False)
        return button


class _Absent(QWidget):
    """The network that is chosen isn't here: what it is, its size, one button."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._words, self._terms, self._doing = (self._label(quiet) for quiet in (False, True, True))
        self.download = QPushButton(self)
        self.download.setProperty("primary", True)
        column = QVBoxLayout(self)
        column.setSpacing(STEP)
        column.addStretch(1)
        column.addWidget(self._words)
        column.addWidget(self._terms)
        column.addWidget(self.download, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._doing)
        column.addStretch(1)

    def _label(self, quiet: bool) -> QLabel:
        label = QLabel(self)
        label.setProperty("quiet", quiet)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        return label

    def show_card(self, card: Card, damaged: bool) -> None:
        words = card.summary
        if damaged:
            words += "\n" + self.tr("Its file is damaged: verify it on the models page.")
        unconfirmed = self.tr("Its address comes from the people who made it; none of us has opened it yet.")
        self._words.setText(words)
        self._terms.setText(f"{card.licence}. {'' if card.confirmed else unconfirmed}")
        self.download.setVisible(bool(card.addresses) and not damaged)
        self.download.setText(self.tr("Download {0} ({1})").format(card.name, numbers.size(card.approximate_size)))
        self.download.setEnabled(True)
        self._doing.hide()

    def show_none(self) -> None:
        self._words.setText(self.tr("No network is here yet: download one, or import one on the models page."))
        self._terms.setText("")
        self.download.hide()
        self._doing.hide()

    def show_progress(self, words: str) -> None:
        self.download.setEnabled(False)
        self._doing.setText(words)
        self._doing.show()
