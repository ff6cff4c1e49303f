"""Inside Classify, the figure (app.gui.figure_tab): which network it is, and the picture in view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import figure_tab, numbers
from app.gui.classify.session import Session
from app.gui.context import Context, chosen_models
from app.gui.figure_tab import PANEL
from app.gui.saving import Files
from app.gui.theme import STEP
from app.gui.widgets.maps_pane import MapsPane

if TYPE_CHECKING:
    from app.engines.figure import Figure, Node
    from app.media.pictures import Picture
    from app.store.cards import Card
    from app.store.progress import Progress
    from app.worker import Ticket

MODEL_KEY = "figure.model"  # in the settings: the network that was looked at last


class FigureTab(figure_tab.FigureTab):
    def __init__(self, context: Context, session: Session, files: Files, parent: QWidget | None = None) -> None:
        super().__init__(context, files, "classify.folder", MapsPane(context.theme), parent)
        self._session = session
        self._picture: Picture | None = None
        self.chooser = QComboBox(self)
        self.chooser.setAccessibleName(self.tr("Network"))
        self.chooser.setToolTip(self.tr("The network that is drawn"))
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.chooser.setMinimumContentsLength(18)
        self.bar.insertWidget(0, self.chooser)
        self.bar.insertSpacing(1, STEP)
        QWidget.setTabOrder(self.chooser, self.folds)
        self._absent = _Absent(self)
        self._pages.addWidget(self._absent)
        self.chooser.activated.connect(self._network_chosen)
        self._absent.download.clicked.connect(self._download)
        session.loaded.connect(self._picture_changed)
        session.current_changed.connect(self._picture_changed)
        downloads = context.downloads
        downloads.progress.connect(self._progress)
        for ended in (downloads.finished, downloads.cancelled, downloads.failed):
            ended.connect(self.models_changed)
        self._fill_chooser()

    # What app.gui.figure_tab asks

    def shown(self) -> None:
        self._looked_at = True
        self._fill_chooser()
        self._picture_changed()

    @property
    def model(self) -> str:
        return str(self.chooser.currentData() or "")

    def look(self) -> None:
        """Whatever the choice of network and picture asks for."""
        from app.store.catalog import State

        store = self._context.store
        if not self.model:
            self._absent.show_none()
            self.show_page(self._absent)
            return
        card = store.card(self.model)
        if store.state(card) is not State.READY:
            self._absent.show_card(card, store.state(card) is State.DAMAGED)
            self.show_page(self._absent)
            return
        self.record(card.id, self._picture)

    def request(self) -> object:
        from app.engines.figure import RecordFigure

        return RecordFigure(self.model, self._picture)

    def take(self, answer: Any) -> Figure:
        return answer  # type: ignore[no-any-return]

    def ask_values(self, node: Node) -> Ticket | None:
        from app.engines.figure import ShowMaps

        self.maps.announce(node, self._picture is not None)
        return self._context.worker.post(PANEL, ShowMaps(self.model, node.id, self._picture), mailbox="maps")

    def about(self, figure: Figure) -> str:
        invitation = self.tr("Drop a picture, and each block shows what it makes of it.")
        return super().about(figure) if figure.of_picture else f"{invitation} · {super().about(figure)}"

    # Which network, which picture

    def models_changed(self) -> None:
        """The choice of models, or which files are here, has changed."""
        self._fill_chooser()
        if self._looked_at:
            self.look()

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
        self.look()

    def _download(self) -> None:
        self._context.downloads.start(self.model)
        self._absent.show_progress(self.tr("Downloading…"))

    @Slot(str, object)
    def _progress(self, model: str, progress: Progress) -> None:
        if model == self.model and progress.total:
            share = numbers.per_cent(100 * progress.received / progress.total, 0)
            self._absent.show_progress(self.tr("Downloading: {0}").format(share))

    def _picture_changed(self) -> None:
        decoded = self._session.decoded
        if decoded is None and self._session.current is not None and not self._session.current.error:
            return  # on its way
        self._picture = decoded.picture if decoded is not None else None
        if self._looked_at:
            self.look()


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
