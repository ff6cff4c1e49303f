"""The Translate panel: puts the two leaves and the inside together and connects them with the session."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, Qt, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.context import Context
from app.gui.leaves import Leaves
from app.gui.places import show_folder
from app.gui.saving import Files, write_text
from app.gui.tasks import join
from app.gui.translate.choice import AUTO, Choice, language_name
from app.gui.translate.documents import Documents
from app.gui.translate.intake import documents_in, offer
from app.gui.translate.keeper import Draft, Keeper
from app.gui.translate.looking import Looking
from app.gui.translate.samples import Sample
from app.gui.translate.scribe import Page
from app.gui.translate.scrolling import Scrolling
from app.gui.translate.session import PANEL, Key, Known, Session
from app.gui.translate.source_side import SourceSide
from app.gui.translate.target_side import TargetSide
from app.gui.translate.units import Units
from app.gui.translate.wording import pace
from app.gui.widgets.drop_area import DropArea
from app.gui.widgets.message_strip import MessageStrip
from app.text.history import Entry

if TYPE_CHECKING:
    from app.engines.translate import Translated

FIRST_SIZES = {"wide": [500, 500], "narrow": [500, 500]}
DEBOUNCE = 60  # ms after a key stroke: fast typing is looked at once or twice a word
UNCHANGED = 5000  # ms after which a text goes into the history
KEEP = 2000  # ms after which the text is kept for the next start
PATIENCE = 300  # ms: what takes less shows no progress
PAUSE = 800  # ms without a key stroke after which screen readers hear the translation
COPIED = 2000  # ms for which the status bar says so
TELL = 300  # ms between two changes of the status bar


class TranslatePanel(Leaves):
    """See `app.gui.context.Panel`."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__("translate", FIRST_SIZES, context, parent)
        self.title = self.tr("Translate")
        theme, settings = context.theme, context.settings
        self.choice = Choice(context, self)
        self.session = Session(context, self)
        self.left = SourceSide(theme, self)
        self.right = TargetSide(theme, self)
        self.looking = Looking(self.session, self.left, self.right, self)
        self.looking.on = settings.value("translate.links", True)
        self.right.links.setChecked(self.looking.on)
        self.scrolling = Scrolling(self.left.field, self.right.field, self)
        self.documents = Documents(context, self)
        self.keeper = Keeper(context.store.folders, settings.value("translate.history", True), self)
        self.files = Files(self)
        self._cleared: MessageStrip | None = None
        self._loaded = ""  # the model that was asked to be loaded
        self._to_note = False  # the text is to go into the history as soon as it is translated
        self._noted: Page | None = None  # the one that went there last
        self._heard = ""  # the translation that was announced last
        self._typing = QTimer(self, singleShot=True, interval=DEBOUNCE)
        self._typing.timeout.connect(self._submit)
        self._resting = QTimer(self, singleShot=True, interval=UNCHANGED)
        self._resting.timeout.connect(self.note)
        self._keeping = QTimer(self, singleShot=True, interval=KEEP)
        self._keeping.timeout.connect(self._keep)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE)
        self._patience.timeout.connect(self._tell_progress)
        self._pausing = QTimer(self, singleShot=True, interval=PAUSE)
        self._pausing.timeout.connect(self._announce)
        self._telling = QTimer(self, singleShot=True, interval=TELL)
        self._telling.timeout.connect(self._tell_status)
        self._add_views()
        self.put_together(self.left, self.right)
        self.setFocusProxy(self.left.field)
        self.drops = DropArea(self, theme, lambda mime: offer(mime, self._target_name()))
        self._connect()
        self.keeper.start()
        self.models_changed()

    def _add_views(self) -> None:
        """What lies inside, in the order of the tabs. Nothing of it is made or imported before it is looked at."""

        def alignment() -> QWidget:
            from app.gui.widgets.alignment_matrix import AlignmentMatrix

            matrix = AlignmentMatrix(self._context.theme, self.inside)
            self._follow(matrix.show_translation)
            matrix.hovered.connect(self.looking.point_inside)
            self.looking.lit.connect(matrix.light)
            self.looking.show()
            return matrix

        def alternatives() -> QWidget:
            from app.gui.translate.alternatives_view import AlternativesView

            view = AlternativesView(self.choice, self._context.theme, self.inside)
            view.taken.connect(self._take_alternative)
            self.looking.sentence_changed.connect(view.show_known)
            view.show_known(self.looking.known)
            return view

        def figure() -> QWidget:
            from app.gui.translate.figure_view import FigureTab

            view = FigureTab(self._context, self.files, self.inside)
            self._follow(view.show_translation)
            return view

        def history() -> QWidget:
            from app.gui.translate.history_view import HistoryView

            view = HistoryView(self.keeper, self._context.theme, self.inside)
            view.chosen.connect(self.bring_back)
            view.turned.connect(self._turn_history)
            return view

        def read() -> QWidget:
            from app.gui.translate.page import page

            return page(self.choice.card, self._context.theme, self.inside)

        self.inside.add("alignment", self.tr("Ali&gnment"), alignment, least=260)
        self.inside.add("alternatives", self.tr("Al&ternatives"), alternatives, least=200)
        self.inside.add("figure", self.tr("&Figure"), figure, least=340)
        self.inside.add("history", self.tr("Histor&y"), history, least=200)
        self.inside.add("read", self.tr("&Read"), read, least=340)

    def _follow(self, show: Callable[[Translated | None, int], None]) -> None:
        """A view shows the sentence that is looked at, from now on."""

        def changed(known: Known | None) -> None:
            show(known.translated if known is not None else None, known.index if known is not None else 0)

        self.looking.sentence_changed.connect(changed)
        changed(self.looking.known)

    def _connect(self) -> None:
        session, left, right = self.session, self.left, self.right
        self.drops.dropped.connect(self._take)
        self.choice.changed.connect(self._choice_changed)
        session.page_changed.connect(self._page_changed)
        session.guessed.connect(self.choice.hear)
        session.working_changed.connect(self._working_changed)
        session.failed.connect(self._not_translated)
        session.known_changed.connect(lambda _: self._tell_soon())
        left.field.textChanged.connect(self._typed)
        left.field.left.connect(self.note)
        left.field.documents_given.connect(self.open_paths)
        left.field.refused.connect(lambda words: left.strips.say("warning", words))
        left.source_chosen.connect(self.choice.choose_source)
        left.open_wanted.connect(self.open_dialog)
        left.paste_wanted.connect(self.paste)
        left.clear_wanted.connect(self.clear)
        left.samples.chosen.connect(self._try_sample)
        left.progress.cancelled.connect(self.documents.cancel)
        right.target_chosen.connect(self.choice.choose_target)
        right.swap_wanted.connect(self.swap)
        right.links_wanted.connect(self._turn_links)
        right.copy_wanted.connect(self.copy_translation)
        right.save_wanted.connect(self.save)
        right.stop_wanted.connect(self.session.cancel)
        right.again_wanted.connect(self.session.again)
        right.models_wanted.connect(self.models_wanted)
        right.download_wanted.connect(self._context.downloads.start)
        right.release_wanted.connect(self._release)
        right.field.key_given.connect(self._field_key)
        self.documents.started.connect(self._document_started)
        self.documents.advanced.connect(left.progress.advance)
        self.documents.ended.connect(left.progress.finish)
        self.documents.saved.connect(self._document_saved)
        self.documents.said.connect(self.say)
        self.keeper.restored.connect(self._restore)
        self.keeper.said.connect(self._not_kept)
        self.files.said.connect(self.say)
        self._context.bridge.loaded_changed.connect(self._tell_chip)
        self._context.bridge.loaded_changed.connect(self._tell_progress)
        downloads = self._context.downloads
        for signal in (downloads.started, downloads.finished, downloads.cancelled, downloads.failed):
            signal.connect(self._tell_chip)

    # What the window asks (app.gui.context.Panel)

    def open_paths(self, paths: list[Path]) -> None:
        """Documents to translate."""
        if not self.choice.ready:
            self.say("warning", self.tr("No translator is here, so documents can't be translated."))
            return
        try:
            found = documents_in(paths)
        except OSError as error:
            words = self.tr("{0} can't be opened: {1}.")
            self.say("warning", words.format(Path(error.filename).name, error.strerror))
            return
        if not found:
            self.say("info", self.tr("There is no document (.txt, .srt) in it."))
            return
        self.strips.settle()
        self.session.follow_device()
        self.documents.add(found, self._key_for, self.choice.source == AUTO)

    def _key_for(self, guessed: str | None) -> Key | None:
        """How a document is translated: as the text would be, or in its own language where that is to be guessed."""
        return self.choice.key_from(guessed) if guessed is not None else self.choice.key

    def open_dialog(self) -> None:
        chosen = choose_documents(self, self.tr("Open documents to translate"), self._folder)
        if chosen:
            self._context.settings.set("translate.folder", str(chosen[0].parent))
            self.open_paths(chosen)

    def open_folder_dialog(self) -> None:
        from app.gui.classify.panel import choose_folder  # the whole of another panel

        chosen = choose_folder(self, self.tr("Open a folder with documents"), self._folder)
        if chosen is not None:
            self._context.settings.set("translate.folder", str(chosen))
            self.open_paths([chosen])

    @property
    def _folder(self) -> str:
        return self._context.settings.value("translate.folder", "")

    def paste(self) -> None:
        self._take(QGuiApplication.clipboard().mimeData())

    def copy(self) -> None:
        """What is selected where the focus is; else the translation."""
        field = self.left.field if self.left.field.hasFocus() else self.right.field
        if field.hasFocus() and field.textCursor().hasSelection():
            field.copy()
        else:
            self.copy_translation()

    def copy_translation(self) -> None:
        text = self.right.field.text
        if text:
            QGuiApplication.clipboard().setText(text)
            self.note()
            self.status_changed.emit(self.tr("Copied"))
            QTimer.singleShot(COPIED, self, self._tell_status)

    def save(self) -> None:
        """The translation, as a text. The dialog asks before an old file is replaced."""
        text = self.right.field.text
        if not text:
            return
        kinds = {".txt": self.tr("Text (*.txt)")}
        name = self.tr("translation.{0}.txt").format(self.choice.target)
        path = self.files.ask(self.tr("Save the translation"), str(Path(self._folder) / name), kinds)
        if path is not None:
            self.note()
            self.files.run(path, lambda: write_text(path, text))

    def clear(self) -> None:
        """As one step to undo."""
        if self.left.field.document().isEmpty():
            return
        self.note(at_once=True)
        self.left.field.replace("")
        self.left.field.setFocus()
        if self._cleared is not None:  # of an earlier time: the same sentence stands there once
            self._cleared.dismiss()
        undo = ((self.tr("Undo"), self.left.field.undo),)
        self._cleared = self.strips.say("info", self.tr("The text is cleared."), undo)
        self._cleared.dismissed.connect(self._cleared_gone)

    def _cleared_gone(self) -> None:
        self._cleared = None

    def cancel(self) -> None:
        """What runs; then what is open."""
        if self.inside.cancel() or self.looking.cancel() or self.documents.cancel() or self.session.cancel():
            self._tell_progress()
        elif not self.inside.isHidden():
            self.toggle_inside()

    def shown(self) -> None:
        self._context.worker.show(PANEL)
        self.session.scribe.warm_up()
        self._load()
        self._tell_status()

    def hidden(self) -> None:
        self.note()

    def ready_models(self) -> list[str]:
        return [self.choice.card.id] if self.choice.ready and self.choice.card is not None else []

    def models_changed(self) -> None:
        self.choice.look()
        if (figure := self.inside.view("figure")) is not None:
            figure.models_changed()  # type: ignore[attr-defined]

    def close_panel(self, timeout: float = 1.0) -> None:
        for timer in (self._typing, self._resting, self._keeping, self._patience, self._pausing, self._telling):
            timer.stop()
        self.inside.close_views()
        self.note()
        self._keep()
        threads = [*self.session.close(), *self.documents.close(), *self.keeper.close(), *self.files.threads()]
        join(threads, timeout)

    # What comes in

    @Slot(object)
    def _take(self, mime: QMimeData) -> None:
        paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        if paths:
            self.open_paths(paths)
        elif mime.hasText():
            self.left.field.insert(mime.text())
            self.left.field.setFocus()
        else:
            self.say("info", self.tr("There is no text to translate in it."))

    def _try_sample(self, sample: Sample) -> None:
        if self.choice.source not in (AUTO, sample.language):
            self.choice.choose_source(sample.language)
        self.left.field.replace(sample.path.read_text("utf-8").rstrip("\n"))
        self.left.field.setFocus()

    @Slot(object)
    def _restore(self, draft: Draft) -> None:
        """The text of last time, unless something was typed already."""
        field = self.left.field
        if field.document().isEmpty():
            field.setPlainText(draft.text)
            cursor = field.textCursor()
            cursor.setPosition(min(max(draft.cursor, 0), field.document().characterCount() - 1))
            field.setTextCursor(cursor)

    def bring_back(self, entry: Entry) -> None:
        """A text of the history, in its languages."""
        self.note(at_once=True)
        self._put(entry.source)
        if self.choice.source != AUTO:
            self.choice.choose_source(entry.source_language)
        else:
            self.choice.hear(entry.source_language)
        if entry.target_language in self.choice.targets():
            self.choice.choose_target(entry.target_language)
        self.left.field.setFocus()

    def swap(self) -> None:
        """The translation becomes the text; that it was another is one step to undo."""
        text = self.right.field.text
        self.note(at_once=True)
        if text:
            self._put(text)
        self.choice.swap()
        self.left.field.setFocus()

    def _put(self, text: str) -> None:
        """In the place of the text, as one step to undo; before its language is chosen, or that would be guessed of the
        text that stood there."""
        self.left.field.replace(text)
        self._typing.stop()
        self._submit()

    # Typing

    def _typed(self) -> None:
        self._to_note = False
        if self._cleared is not None and not self.left.field.document().isEmpty():
            self._cleared.dismiss()  # its undo would undo what is typed now
        self._typing.start()
        self._resting.start()
        self._pausing.start()
        if not self._keeping.isActive():  # also of somebody who types without a rest
            self._keeping.start()

    def _submit(self) -> None:
        field = self.left.field
        text, unit = field.text, field.textCursor().position()
        self.left.show_count(text)
        self.left.show_choice(self.choice)
        if not self.choice.foreign:
            self.left.strips.clear()
        if not text.strip():
            self.note(at_once=True)
        self.session.edit(text, Units(text).place(unit))

    @Slot(object)
    def _page_changed(self, page: Page) -> None:
        self.scrolling.write(lambda: self.right.field.write(page.changes))
        self.right.offer(bool(page.shown.strip()))
        self._tell_progress()
        if page.complete and self.settled:
            if self._to_note:
                self.note()
            if not self._pausing.isActive():
                self._announce()

    @property
    def settled(self) -> bool:
        """Whether what stands there is of the text as it stands now."""
        return self.session.settled and not self._typing.isActive()

    def note(self, at_once: bool = False) -> None:
        """Into the history: now, or as soon as all of it is translated. `at_once`: the text is about to go."""
        page = self.session.page
        self._to_note = False
        if page is None or not page.edit.text.strip() or not isinstance(page.edit.key, Key):
            self._to_note = not at_once
            return
        if not at_once and not (page.complete and self.settled):
            self._to_note = True
            return
        if self._noted is not None and self._noted.edit.text == page.edit.text and self._noted.shown == page.shown:
            return
        self._noted, key = page, page.edit.key
        self.keeper.add(Entry(time.time(), key.source, key.target, page.edit.text, page.shown))

    def _announce(self) -> None:
        """Screen readers hear the translation of the sentence at the cursor, once somebody has stopped typing."""
        known, page = self.looking.known, self.session.page
        if not QAccessible.isActive() or known is None or page is None or not page.complete:
            return
        words = known.translation.text
        if words != self._heard and known.translated.sentence == self.looking.sentence:
            self._heard = words
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self.right.field, words))

    def _keep(self) -> None:
        field = self.left.field
        self.keeper.keep(Draft(field.text, field.textCursor().position()))

    @Slot(str)
    def _not_kept(self, words: str) -> None:
        self.say("warning", words)

    def _turn_history(self, on: bool) -> None:
        self._context.settings.set("translate.history", on)
        self.keeper.turn(on)
        if on:
            self._keep()

    # What comes of it

    def _choice_changed(self) -> None:
        self.left.show_choice(self.choice)
        self.right.show_choice(self.choice)
        self._tell_chip()
        languages = (self.choice.source,) if self.choice.source != AUTO else self.choice.sources()
        self.left.samples.offer(languages if self.choice.ready else ())
        if self.choice.foreign:
            words = self.tr(
                "This looks like {0}, which nothing here translates. Choose the language, if it is another."
            )
            self.left.strips.say("info", words.format(language_name(self.choice.language)))
        else:
            self.left.strips.clear()
        self.session.choose(self.choice.key, self.choice.known_language)
        self._load()

    def _load(self) -> None:
        """Bring the network into memory before it is needed."""
        key = self.choice.key
        if self.isVisible() and key is not None and key.model != self._loaded:
            from app.engines.models import LoadModel

            self._loaded = key.model
            self._context.worker.control(PANEL, LoadModel(key.model))

    def _turn_links(self, on: bool) -> None:
        self._context.settings.set("translate.links", on)
        self.looking.turn(on)

    def _take_alternative(self, index: int) -> None:
        known = self.looking.known
        if known is not None:
            self.session.take(known.translated.sentence, index)

    def _not_translated(self, words: str) -> None:
        self.right.strips.say("error", words, ((self.tr("Try again"), self.session.again),))
        self._tell_progress()

    def _working_changed(self, working: bool) -> None:
        if working:
            if not self._patience.isActive() and not self.right.telling:
                self._patience.start()
        else:
            self._patience.stop()
            self._tell_progress()

    @Slot()
    def _tell_progress(self) -> None:
        page, session = self.session.page, self.session
        done, total = (page.done, len(page.slots)) if page is not None else (0, 0)
        key, slow = session.key, session.working and not self._patience.isActive()
        loading = slow and key is not None and key.model not in self._context.bridge.loaded
        left = session.latency * (total - done) / 1000
        self.right.show_progress(done, total, left, slow, session.stopped, loading)
        if page is not None and page.complete:
            self.right.strips.clear()  # why there was nothing
        self._tell_soon()

    # Documents

    def _target_name(self) -> str:
        return language_name(self.choice.target) if self.choice.ready else ""

    def _document_started(self, name: str, source: str, target: str) -> None:
        words = self.tr("{0}, from {1} into {2}")
        self.left.progress.start(words.format(name, language_name(source), language_name(target)))

    @Slot(object, str)
    def _document_saved(self, path: Path, sentence: str) -> None:
        words = self.tr("Saved: {0}").format(path.name)
        folder = ((self.tr("Show the folder"), lambda: show_folder(path.parent)),)
        self.say("info", f"{words}. {sentence}" if sentence else words, folder)

    # Choices, status

    def _release(self, model: str) -> None:
        from app.engines.models import ReleaseModel

        self._loaded = ""
        self._context.worker.control(PANEL, ReleaseModel(model))

    def _tell_chip(self) -> None:
        chip = self.right.chip
        if chip is not None:
            from app.gui.models_table import beside, state_of

            chip.set_state(state_of(self._context, chip.card))
            chip.set_beside(beside(self._context, chip.card))

    def _tell_soon(self) -> None:
        if not self._telling.isActive():
            self._telling.start()

    def _tell_status(self) -> None:
        key = self.choice.key
        self.status_changed.emit(pace(key.model, self.session.latency, self.session.words_a_second) if key else "")

    # Keys

    def _field_key(self, key: int) -> None:
        """A letter or a digit in the translation, which is only read."""
        from app.gui.context import KEYS_KEY

        if self._context.settings.value(KEYS_KEY, True):
            self.key(key)

    def key(self, key: int) -> bool:
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.looking.step(-1 if key == Qt.Key.Key_Left else 1)
        elif key == Qt.Key.Key_H:
            self.right.links.toggle()
        elif Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            self._take_alternative(key - Qt.Key.Key_1)
        else:
            return False
        return True


def choose_documents(parent: QWidget, title: str, folder: str) -> list[Path]:
    """The system's dialog; tests put their own answer here."""
    kinds = ";;".join(
        (f"{parent.tr('Texts and subtitles')} (*.txt *.TXT *.srt *.SRT)", f"{parent.tr('All files')} (*)")
    )
    chosen, _ = QFileDialog.getOpenFileNames(parent, title, folder, kinds)
    return [Path(name) for name in chosen]
