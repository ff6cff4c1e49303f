"""The Classify panel: puts the two leaves and the inside together and connects them with the session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QMimeData, QModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.classify import intake
from app.gui.classify.answer_side import AnswerSide
from app.gui.classify.answers import Item, milliseconds
from app.gui.classify.explain import Explainer
from app.gui.classify.explanations import Explanations
from app.gui.classify.loader import thumbnail
from app.gui.classify.models import Models
from app.gui.classify.picture_side import PictureSide
from app.gui.classify.saving import Saver
from app.gui.classify.session import Session
from app.gui.context import Context
from app.gui.leaves import Leaves
from app.gui.tasks import join
from app.gui.widgets.drop_area import DropArea, Offer
from app.gui.widgets.thumbnails import Thumbnails

if TYPE_CHECKING:
    from app.gui.classify.labels_view import LabelsView
    from app.gui.classify.loader import Decoded

# "table": narrow, with the table of all pictures
FIRST_SIZES = {"wide": [625, 375], "narrow": [540, 460], "table": [330, 670]}
COPIED = 2000  # ms for which the status bar says so


class ClassifyPanel(Leaves):
    """See `app.gui.context.Panel`."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__("classify", FIRST_SIZES, context, parent)
        self.title = self.tr("Classify")
        theme = context.theme
        self.session = Session(context, self)
        self.pictures = self.session.pictures
        self.thumbnails = Thumbnails(thumbnail, self)
        self.left = PictureSide(self.pictures, self.thumbnails, theme, self)
        self.right = AnswerSide(self.pictures, theme, self)
        self.labels: LabelsView | None = None  # when it is first looked at
        self.saver = Saver(self)
        self.explainer = Explainer(context, self)
        self.explanations = Explanations(context, self.session, self.explainer, self.left, self.right.columns, self)
        self.models = Models(context, self.session, self.right, self)
        self._add_views()

        self.put_together(self.left, self.right)
        self.drops = DropArea(self, theme, _offer)
        self.selection = self.right.folder.table.selectionModel()
        self.left.share_selection(self.selection)
        self._connect()
        self.models_changed()
        self._current_changed()

    def _add_views(self) -> None:
        """What lies inside, in the order of the tabs. Nothing of it is made or imported before it is looked at."""
        theme = self._context.theme

        def labels() -> QWidget:
            from app.gui.classify.labels_view import LabelsView

            self.labels = LabelsView(theme, self.inside)
            self._fill_labels()
            return self.labels

        def figure() -> QWidget:
            from app.gui.classify.figure_view import FigureTab

            return FigureTab(self._context, self.session, self.saver, self.inside)

        def laboratory() -> QWidget:
            from app.gui.lab.view import LabView

            view = LabView(self._context, self.session, self.inside)
            view.models_wanted.connect(self.models_wanted)
            view.said.connect(self.say)
            return view

        def read() -> QWidget:
            from app.gui.read_view import ReadView

            pages = {
                "alexnet": self.tr("AlexNet, 2012"),
                "resnet": self.tr("ResNet and the bypass"),
                "laboratory": self.tr("Reading the laboratory"),
            }
            return ReadView(pages, theme, self.inside)

        self.inside.add("labels", self.tr("&Labels"), labels)
        self.inside.add("figure", self.tr("&Figure"), figure, least=340)
        self.inside.add("laboratory", self.tr("L&aboratory"), laboratory, least=380)
        self.inside.add("read", self.tr("&Read"), read, least=340)

    def _connect(self) -> None:
        self.drops.dropped.connect(self._take)
        session, left, right = self.session, self.left, self.right
        session.current_changed.connect(self._current_changed)
        session.loaded.connect(self._loaded)
        session.answers_changed.connect(self._answers_changed)
        session.said.connect(self.say)
        session.several.connect(self._several)
        session.run.started.connect(self._run_started)
        session.run.advanced.connect(self._run_advanced)
        session.run.ended.connect(self._run_ended)
        session.run.failed.connect(lambda sentence: self.say("error", sentence))
        self.saver.said.connect(self.say)
        self.selection.currentChanged.connect(self._row_chosen)
        self.pictures.counted.connect(self._counted)
        self.pictures.layoutChanged.connect(self._follow)
        self.pictures.rowsInserted.connect(self._follow)
        left.open.clicked.connect(self.open_dialog)
        left.paste.clicked.connect(self.paste)
        left.empty.opened.connect(self.open_dialog)
        left.empty.pasted.connect(self.paste)
        left.empty.sample_chosen.connect(lambda path: self.open_paths([path]))
        left.cleared.connect(session.clear)
        left.cleared.connect(right.folder.show_all)  # what comes next is not to be missed for a filter of before
        left.explain.save_wanted.connect(self.save_picture)
        right.copy_wanted.connect(self.copy)
        right.save_table_wanted.connect(self.save_table)
        right.save_picture_wanted.connect(self.save_picture)
        right.models_wanted.connect(self.models_wanted)
        right.all.toggled.connect(self._counted)
        right.all.toggled.connect(self.restore_sizes)
        right.folder.opened.connect(lambda: right.one.setChecked(True))
        right.folder.cancelled.connect(self.cancel)
        right.folder.go_on.connect(session.complete)
        self.models.models_wanted.connect(self.models_wanted)
        self.models.incomplete.connect(self._offer_to_complete)

    # What the window asks (app.gui.context.Panel)

    def open_paths(self, paths: list[Path]) -> None:
        self.strips.settle()
        self.session.add_paths(paths)

    def open_dialog(self) -> None:
        chosen = choose_files(self, self.tr("Open pictures"), self._context.settings.value("classify.folder", ""))
        if chosen:
            self._context.settings.set("classify.folder", str(chosen[0].parent))
            self.open_paths(chosen)

    def open_folder_dialog(self) -> None:
        chosen = choose_folder(self, self.tr("Open a folder"), self._context.settings.value("classify.folder", ""))
        if chosen is not None:
            self._context.settings.set("classify.folder", str(chosen))
            self.open_paths([chosen])

    def paste(self) -> None:
        self._take(QGuiApplication.clipboard().mimeData())

    def copy(self) -> None:
        """The picture in view, or the row that has the focus."""
        if self.session.current is not None:
            self.saver.copy([self.session.current])
            self.status_changed.emit(self.tr("Copied"))
            QTimer.singleShot(COPIED, self, self._tell_status)

    def save(self) -> None:
        """The answer that has the focus."""
        if self.left.view.hasFocus() and self.left.view.has_heat:
            self.save_picture()
        else:
            self.save_table()

    def save_table(self) -> None:
        if self.pictures.items:
            self.saver.save_table(self.pictures.items, self._context.settings.value("classify.folder", ""))

    def save_picture(self) -> None:
        image = self.left.view.composed()
        if image is not None and self.session.current is not None:
            folder = self._context.settings.value("classify.folder", "")
            self.saver.save_picture(image, self.session.current.name, folder)

    def cancel(self) -> None:
        """What runs; then what is open."""
        if self.session.cancel() or self.inside.cancel():
            return
        if self.right.all.isChecked() and self.right.folder.filtered:
            self.right.folder.show_all()
        elif self.explainer.against is not None:
            self.explainer.drop_against()
        elif self.explainer.target is not None:
            self.explanations.turn(False)
        elif not self.inside.isHidden():
            self.toggle_inside()

    def shown(self) -> None:
        self._context.worker.show("classify")
        self._tell_status()

    def hidden(self) -> None:
        """Nothing moves here that would have to rest."""

    def inside_changed(self) -> None:
        self._fill_labels()

    def ready_models(self) -> list[str]:
        return list(self.session.models)

    def models_changed(self) -> None:
        self.models.refresh()
        self.explanations.models_changed()
        if (figure := self.inside.view("figure")) is not None:
            figure.models_changed()  # type: ignore[attr-defined]
        if (laboratory := self.inside.view("laboratory")) is not None:
            laboratory.models_changed()  # type: ignore[attr-defined]

    def close_panel(self, timeout: float = 1.0) -> None:
        self.inside.close_views()
        join([*self.saver.threads(), *self.session.stop(), *self.thumbnails.stop()], timeout)

    # What comes in

    @Slot(object)
    def _take(self, mime: QMimeData) -> None:
        taken = intake.read(mime)
        if taken.paths:
            self.open_paths(list(taken.paths))
        elif taken.picture is not None:
            self.strips.settle()
            self.session.add_picture(taken.picture)
        else:
            self.say("info", taken.sentence)

    # The picture in view

    def _current_changed(self) -> None:
        item = self.session.current
        self.explainer.set_picture(None)
        if item is None:
            self.left.show_empty()
        else:
            self.left.show_name(item.name)
            self._follow()
        self._answers_changed()

    def _loaded(self) -> None:
        decoded: Decoded | None = self.session.decoded
        assert decoded is not None
        assert self.session.current is not None
        self.left.show_picture(decoded)
        self.thumbnails.put(self.session.current, decoded.small)
        self.explainer.set_picture(decoded.picture)
        self.explanations.look_again()
        self._fill_labels()

    def _answers_changed(self) -> None:
        item = self.session.current
        self.models.show_item(item)
        self.explanations.look_again()
        if item is not None and item.error:
            self.left.show_failure(item.error)
        self.right.offer(bool(self.pictures.items))
        self._tell_status()
        self._fill_labels()

    def _tell_status(self) -> None:
        item = self.session.current
        parts, names = [], self.models.names()
        for answer in item.answers.values() if item is not None else ():
            if answer.top:
                parts.append(f"{names.get(answer.model, answer.model)} {milliseconds(answer.ms)}")
        self.status_changed.emit(" · ".join(parts))

    def _fill_labels(self) -> None:
        if self.labels is not None and not self.inside.isHidden() and self.inside.current == "labels":
            self.labels.show_answers(self.session.current, self.models.names(), self.models.seen())

    # Many pictures

    def step(self, by: int) -> None:
        """To the previous or next picture, in the order in view."""
        rows = self.pictures.rowCount()
        if not rows:
            return
        here = self.selection.currentIndex().row()
        row = min(max(here + by, 0), rows - 1) if here >= 0 else 0
        if row != here:
            self._go_to(row)

    def _go_to(self, row: int) -> None:
        flags = QItemSelectionModel.SelectionFlag
        self.selection.setCurrentIndex(self.pictures.index(row, 0), flags.ClearAndSelect | flags.Rows)

    @Slot(QModelIndex, QModelIndex)
    def _row_chosen(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid():
            item: Item = self.pictures.item(current.row())
            if item is not self.session.current:
                self.session.select(item)

    def _follow(self) -> None:
        """Select the row of the picture in view where it has one."""
        item = self.session.current
        row = self.pictures.row(item) if item is not None else -1
        if row >= 0 and self.selection.currentIndex().row() != row:
            self._go_to(row)

    def _several(self) -> None:
        self.right.all.setEnabled(True)
        self.right.all.setChecked(True)

    def _counted(self) -> None:
        several = len(self.pictures.items) > 1
        self.left.want_strip(several, self.right.all.isChecked())
        self.right.show_all_offered(several or self.session.searching)

    def _run_started(self) -> None:
        self.right.folder.offer_to_go_on(False)
        self.right.folder.progress.start(self.tr("Classifying"))

    def _run_advanced(self, done: int, total: int) -> None:
        self.right.folder.progress.advance(done, total)

    def _run_ended(self, cancelled: bool) -> None:
        self.right.folder.progress.finish()
        self.right.folder.tell()
        if cancelled and self.session.incomplete:
            self.right.folder.offer_to_go_on(True)

    def _offer_to_complete(self, names: str, count: int) -> None:
        words = self.tr("{0} has not answered for {1} of the pictures.").format(names, count)
        self.strips.say("info", words, ((self.tr("Ask it now"), self.session.complete),))

    # Keys and shape

    def key(self, key: int) -> bool:
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.step(-1 if key == Qt.Key.Key_Left else 1)
        elif key == Qt.Key.Key_H:
            self.explanations.turn(not self.left.explain.heat.isChecked())
        elif Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            self.explanations.pick(key - Qt.Key.Key_1)
        else:
            return False
        return True

    @property
    def division(self) -> str:
        """Where the leaves stand one above the other, a table needs more of the height than the answers."""
        return "table" if self._shape == "narrow" and self.right.all.isChecked() else self._shape


def _offer(mime: QMimeData) -> Offer:
    acceptable, sentence = intake.read_hover(mime)
    return Offer(sentence, acceptable)


def choose_files(parent: QWidget, title: str, folder: str) -> list[Path]:
    """The system's dialog; tests put their own answer here."""
    from app.media.pictures import SUFFIXES

    endings = " ".join(f"*{ending} *{ending.upper()}" for ending in sorted(SUFFIXES))
    kinds = f"{parent.tr('Pictures')} ({endings});;{parent.tr('All files')} (*)"
    chosen, _ = QFileDialog.getOpenFileNames(parent, title, folder, kinds)
    return [Path(name) for name in chosen]


def choose_folder(parent: QWidget, title: str, folder: str) -> Path | None:
    """The system's dialog; tests put their own answer here."""
    chosen = QFileDialog.getExistingDirectory(parent, title, folder)
    return Path(chosen) if chosen else None
