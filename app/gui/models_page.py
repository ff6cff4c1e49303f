"""The models page: all models in one list, the chosen one's card beside it, and what can be done about it."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.gui import numbers
from app.gui.context import MOST_MODELS, Context, by_choice
from app.gui.machine import Machine
from app.gui.models_table import ModelsList, ModelsTable, beside
from app.gui.places import show_folder
from app.gui.tasks import Tasks
from app.gui.theme import STEP, WIDE, sized
from app.gui.widgets.card_view import CardView
from app.gui.widgets.message_strip import Strips
from app.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from app.gui.window import MainWindow
    from app.store.cards import Card
    from app.store.progress import Progress


class ModelsPage(QDialog):
    """Not modal: the panel changes while one looks on."""

    _imported_so_far = Signal(object)  # Progress, from the thread that imports

    def __init__(self, context: Context, machine: Machine, window: MainWindow) -> None:
        super().__init__(window)
        self.context, self._machine, self._window = context, machine, window
        self.setWindowTitle(self.tr("Models"))
        self.resize(1000, 620)
        self.setMinimumSize(640, 420)
        self.tasks = Tasks(self)
        self.strips = Strips(context.theme, self)
        self.table = ModelsTable(context, self)
        self.view = ModelsList(self.table, self)
        self.card_view = CardView(context.theme, self)
        self.progress = ProgressLine(context.theme, self, keep_room=False)
        self._doing = ""  # what it shows
        self._importing = ""  # the file's name
        self._stop_import = Event()
        self._buttons()

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
        column.addWidget(self.strips)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.view)
        self.splitter.addWidget(self._detail())
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setSizes([640, 360])
        column.addWidget(self.splitter, 1)
        kept = context.settings.value("models.splitter", "")
        self.splitter.restoreState(QByteArray.fromBase64(kept.encode("ascii", "ignore")))
        self._connect()
        self.refresh()
        self.view.selectRow(0)

    # What is shown

    def chosen(self) -> Card | None:
        """The model whose card is shown."""
        row = self.view.currentIndex().row()
        return self.table.cards[row] if 0 <= row < len(self.table.cards) else None

    def choose(self, model: str) -> None:
        for row, card in enumerate(self.table.cards):
            if card.id == model:
                self.view.selectRow(row)

    @Slot()
    def refresh(self) -> None:
        """Looks at the store again: files may have come and gone."""
        before = self.chosen()
        self.table.refresh()
        if before is not None:
            self.choose(before.id)
        if self.chosen() is None and self.table.cards:
            self.view.selectRow(0)
        self._show()
        for problem in self.context.store.problems():
            self.strips.say("warning", problem)

    def _show(self) -> None:
        card = self.chosen()
        if card is None:
            return
        state = self.table.state(card)
        self.card_view.show_card(card, state, beside(self.context, card))
        downloading, here = state == "downloading", state in ("loaded", "ready", "damaged")
        self.download.setText(self.tr("Download ({0})").format(numbers.size(card.approximate_size)))
        self.download.setVisible(bool(card.addresses) and state in ("absent", "damaged"))
        self.release.setVisible(state == "loaded")
        self.use.setVisible(self._can_be_used(card))
        self.verify.setVisible(here)
        self.remove.setVisible(here and card.origin != "embedded")
        busy = self.tasks.running()
        self.verify.setEnabled(not any(name.startswith("verify") for name in busy))
        self.remove.setEnabled(not busy)
        self.import_button.setEnabled("import" not in busy)
        doing = ""
        if downloading:
            doing = self.tr("Downloading {0}").format(card.name)
        elif card.id in self._machine.checked_now():
            doing = self.tr("Checking {0}").format(card.name)
        elif "import" in busy:
            doing = self.tr("Importing {0}").format(self._importing)
        if not doing:
            self.progress.finish()
        elif doing != self._doing or not self.progress.running:
            self.progress.start(doing, at_once=True)
        self._doing = doing

    def _can_be_used(self, card: Card) -> bool:
        """Whether it could take the place of the one that its panel uses: of captioners it is one, of translators one
        for each direction."""
        from app.store.cards import directions
        from app.store.catalog import State

        def does(one: Card) -> tuple[tuple[str, str], ...]:
            return directions(one) if one.task == "translate" else (("", ""),)

        store = self.context.store
        if card.task == "classify" or store.state(card) is not State.READY:
            return False
        used: dict[tuple[str, str], str] = {}
        for one in by_choice(self.context.settings, store.cards(card.task)):
            if store.state(one) is State.READY:
                for work in does(one):
                    used.setdefault(work, one.id)
        return any(used[work] != card.id for work in does(card))

    # What a person does

    def _download(self) -> None:
        if (card := self.chosen()) is not None:
            self.strips.clear()
            self.context.downloads.start(card.id)

    def _cancel(self) -> None:
        if self._is_importing():
            self._stop_import.set()
        elif (card := self.chosen()) is not None:
            self.context.downloads.cancel(card.id)
            self._machine.stop_check(card.id)

    def _close_tasks(self) -> None:
        self._stop_import.set()
        self.tasks.close(0.2)

    def _is_importing(self) -> bool:
        """Whether that is what the line under the card tells of."""
        return self.progress.running and self._doing == self.tr("Importing {0}").format(self._importing)

    def _use(self) -> None:
        if (card := self.chosen()) is not None:
            self.context.settings.set(f"{card.task}.model", card.id)
            self._choice_changed()
            self._show()

    @Slot(str, int, int)
    def _checking(self, model: str, done: int, total: int) -> None:
        if (card := self.chosen()) is not None and card.id == model:
            self._show()
            if total and self.progress.running:
                self.progress.advance(done, total)

    def _release(self) -> None:
        if (card := self.chosen()) is not None:
            self._machine.release(card.id)

    def _verify(self) -> None:
        if (card := self.chosen()) is not None:
            self.strips.clear()  # what was said of an earlier action is over
            store, model = self.context.store, card.id
            self.tasks.start(f"verify {model}", lambda: store.verify(model))
            self.verify.setText(self.tr("Verifying…"))
            self._show()

    def _remove(self) -> None:
        """Asks first, in a strip: a download of a quarter of a gigabyte is not undone by a click."""
        card = self.chosen()
        if card is None:
            return
        self.strips.clear()
        question = self.tr("Remove {0} ({1}) from this machine?").format(
            card.name, numbers.size(self.context.store.size(card))
        )
        self.strips.say("warning", question, ((self.tr("Remove it"), lambda: self._really_remove(card.id)),))

    def _really_remove(self, model: str) -> None:
        from app.store.errors import StoreError

        if model in self.context.bridge.loaded:
            self._machine.release(model)
        try:
            self.context.store.remove(model)
        except StoreError as error:
            self.strips.say("error", str(error))
        self._changed()

    def _import(self) -> None:
        kinds = self.tr("Weights ({0})").format("*.safetensors *.pth *.pt *.bin *.zip *.tar.gz *.tgz *.tar")
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Import weights"), "", kinds)
        if name:
            self.import_file(Path(name))

    def import_file(self, file: Path) -> None:
        store = self.context.store
        self.strips.clear()
        stop = Event()

        def work() -> Card | None:
            from app.store.errors import DownloadCancelled

            try:
                return store.import_file(file, progress=self._imported_so_far.emit, cancelled=stop.is_set)
            except DownloadCancelled:
                return None

        if self.tasks.start("import", work):
            self._importing, self._stop_import = file.name, stop
            self.import_button.setText(self.tr("Importing…"))
            self._show()

    @Slot(str, object, str)
    def _task_done(self, name: str, result: object, sentence: str) -> None:
        self.verify.setText(self.tr("Verify"))
        self.import_button.setText(self.tr("Import…"))
        if sentence:
            self.strips.say("error", sentence)
        elif name == "import" and result is None:
            self.strips.say("info", self.tr("The import is cancelled: nothing of it stays."))
        elif name == "import":
            model = str(getattr(result, "id", ""))
            if published := bool(getattr(result, "parts", ())):
                self.context.settings.set(f"{getattr(result, 'task', '')}.model", model)
            self._changed()
            self.choose(model)
            self.view.setFocus()
            words = self.tr("{0} is imported. Its check box puts it into the panel.")
            self.strips.say("info", (self.tr("{0} is imported.") if published else words).format(model))
            if published:
                self._machine.check(model)
        else:
            good = bool(getattr(result, "ok", False))
            self.strips.say("info" if good else "error", str(getattr(result, "sentence", "")))
            if good:
                self._machine.check(name.removeprefix("verify "))
        self.refresh()

    @Slot(object)
    def _checked(self, found: object) -> None:
        """A file has been tried on the sample pictures."""
        self.refresh()
        if self.isVisible():
            good = bool(getattr(getattr(found, "check", None), "ok", False))
            self.strips.say("info" if good else "warning", str(getattr(found, "sentence", "")))

    def _changed(self) -> None:
        """Files or the choice have changed: the list and the panels want to know."""
        self.refresh()
        self._window.models_changed()

    @Slot()
    def _choice_changed(self) -> None:
        self.context.settings.save()
        self._window.models_changed()

    @Slot(object)
    def _import_progress(self, progress: Progress) -> None:
        if self._is_importing():
            self.progress.advance_download(progress)

    @Slot(str, object)
    def _progress(self, model: str, progress: Progress) -> None:
        card = self.chosen()
        if card is not None and card.id == model and self.progress.running:
            self.progress.advance_download(progress)
        elif card is not None and card.official == model:
            self.card_view.official.show_progress(progress)

    # Putting it together

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(WIDE, WIDE, WIDE, STEP)
        row.setSpacing(STEP)
        words = QVBoxLayout()
        words.setSpacing(0)
        title = QLabel(self.tr("Models"), self)
        sized(title, "title", bold=True)
        words.addWidget(title)
        under = QLabel(
            self.tr(
                "A check puts a model into the panel, {0} at most. *: as published, on other data than ours."
            ).format(MOST_MODELS),
            self,
        )
        under.setProperty("quiet", True)
        words.addWidget(under)
        row.addLayout(words, 1)
        self.import_button = QPushButton(self.tr("Import…"), self)
        self.import_button.setToolTip(self.tr("Weights that you have: safetensors, or a PyTorch state dict"))
        self.folder = QPushButton(self.tr("Open the folder"), self)
        row.addWidget(self.import_button)
        row.addWidget(self.folder)
        return row

    def _buttons(self) -> None:
        self.download = QPushButton(self)
        self.download.setProperty("primary", True)
        self.release = QPushButton(self.tr("Release from memory"), self)
        self.use = QPushButton(self.tr("Put into the panel"), self)
        self.use.setToolTip(self.tr("In place of the one that is used there now"))
        self.use.hide()  # seldom there, and wide: the card's column need not make room for it
        self.verify = QPushButton(self.tr("Verify"), self)
        self.verify.setToolTip(self.tr("Reads the whole file: its SHA-256, every weight, then the sample pictures"))
        self.remove = QPushButton(self.tr("Remove"), self)

    def _detail(self) -> QWidget:
        detail = QWidget(self)
        column = QVBoxLayout(detail)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.card_view.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        scroll = QScrollArea(detail)
        scroll.setWidget(self.card_view)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(260)
        scroll.setAccessibleName(self.tr("Card of the model"))
        column.addWidget(scroll, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(WIDE, STEP, WIDE, WIDE)
        foot.setSpacing(STEP)
        foot.addWidget(self.progress)
        row = QHBoxLayout()
        row.setSpacing(STEP)
        for button in (self.download, self.use, self.release, self.verify, self.remove):
            row.addWidget(button)
        row.addStretch(1)
        foot.addLayout(row)
        column.addLayout(foot)
        return detail

    def _connect(self) -> None:
        self.view.selectionModel().currentRowChanged.connect(self._row_changed)
        self.table.chosen_changed.connect(self._choice_changed)
        self.table.refused.connect(lambda sentence: self.strips.say("warning", sentence))
        self.download.clicked.connect(self._download)
        self.use.clicked.connect(self._use)
        self.release.clicked.connect(self._release)
        self.verify.clicked.connect(self._verify)
        self.remove.clicked.connect(self._remove)
        self.import_button.clicked.connect(self._import)
        self.folder.clicked.connect(lambda: show_folder(self.context.store.folders.models))
        self.progress.cancelled.connect(self._cancel)
        self._imported_so_far.connect(self._import_progress)
        self.tasks.done.connect(self._task_done)
        self._machine.checked.connect(self._checked)
        self._machine.checking.connect(self._checking)
        self.card_view.official.download_wanted.connect(self.context.downloads.start)
        self.card_view.official.models_wanted.connect(self.choose)
        self._window.closed.connect(self._close_tasks)
        downloads = self.context.downloads
        downloads.progress.connect(self._progress)
        for signal in (downloads.started, downloads.finished, downloads.cancelled):
            signal.connect(lambda _: self.refresh())
        downloads.failed.connect(self._download_failed)
        self.context.bridge.loaded_changed.connect(self.refresh)

    @Slot(str, str)
    def _download_failed(self, model: str, sentence: str) -> None:
        self.refresh()
        if self.isVisible():
            self.strips.say("error", sentence)

    @Slot(QModelIndex, QModelIndex)
    def _row_changed(self, now: QModelIndex, before: QModelIndex) -> None:
        self.progress.finish()
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.view.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.strips.clear()
        self.context.settings.set("models.splitter", self.splitter.saveState().toBase64().toStdString())
        super().closeEvent(event)
