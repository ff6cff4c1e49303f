"""The Caption panel: puts the two leaves and the inside together and connects them with the session."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.caption.attention_bar import STRENGTH
from app.gui.caption.caption_side import CaptionSide
from app.gui.caption.files_run import FilesRun
from app.gui.caption.history import History, Row
from app.gui.caption.intake import offer
from app.gui.caption.lighting import Lighting
from app.gui.caption.live_side import LiveSide
from app.gui.caption.reading import Reading
from app.gui.caption.session import PANEL, Answer, Kind, Session
from app.gui.caption.translating import LANGUAGES, Translations
from app.gui.caption.watching import Watching
from app.gui.caption.wording import pace, sentence
from app.gui.classify import intake
from app.gui.classify.loader import thumbnail
from app.gui.classify.panel import choose_folder
from app.gui.context import Context, by_choice
from app.gui.leaves import Leaves
from app.gui.saving import Files, write_bytes, write_png
from app.gui.tasks import join
from app.gui.widgets.drop_area import DropArea
from app.gui.widgets.message_strip import MessageStrip
from app.gui.widgets.thumbnails import Thumbnails

if TYPE_CHECKING:
    import numpy as np

    from app.engines.caption import Caption, DescribedFile, Light
    from app.gui.caption.history_view import HistoryView
    from app.store.cards import Card

FIRST_SIZES = {"wide": [625, 375], "narrow": [560, 440]}
COPIED = 2000  # ms for which the status bar says so
TELL = 500  # ms between two changes of the status bar: numbers that flicker can't be read


class CaptionPanel(Leaves):
    """See `app.gui.context.Panel`."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__("caption", FIRST_SIZES, context, parent)
        self.title = self.tr("Caption")
        theme, settings = context.theme, context.settings
        self.session = Session(context, self)
        self.thumbnails = Thumbnails(thumbnail, self)
        self.left = LiveSide(self.thumbnails, theme, self)
        self.right = CaptionSide(theme, self)
        self.session.prepare = self.left.view.prepare
        self.watching = Watching(context, self.session, self.left, self.strips, self)
        self.lighting = Lighting(context, self)
        self.reading = Reading(self.session, self.left, self.right, self.lighting, self)
        self.files = Files(self)
        self.history = History(self)
        self.run = FilesRun(context, self.session, self)
        self.translations = Translations(context, self)
        self.card: Card | None = None
        self._shown = False
        self._cleared: MessageStrip | None = None
        self._unsaved: list[tuple[Path, Answer, Caption]] = []  # to be saved
        self._watched: QWidget | None = None  # the window, to be told when it is minimised
        self._add_views()
        self.put_together(self.left, self.right)
        self.drops = DropArea(self, theme, offer)
        self._tell_timer = QTimer(self)
        self._tell_timer.setSingleShot(True)
        self._tell_timer.setInterval(TELL)
        self._tell_timer.timeout.connect(self._tell_status)
        self._connect()
        beam = min(max(settings.value("caption.beam", 3), 1), self.right.beam.count())
        self.session.beam = beam
        self.right.beam.setCurrentIndex(beam - 1)
        self.right.raw.setChecked(settings.value("caption.raw", False))
        self.left.attention.strength.setValue(settings.value("caption.strength", STRENGTH))
        self.left.attention.set_heat(settings.value("caption.attention", True))
        self.translations.choose(settings.value("caption.language", ""))
        self.models_changed()
        self.reading.show()

    def _add_views(self) -> None:
        """What lies inside, in the order of the tabs. Nothing of it is made or imported before it is looked at."""

        def timeline() -> QWidget:
            from app.gui.caption.history_view import HistoryView

            view = HistoryView(self.history, self._context.theme, self.inside)
            view.copy_wanted.connect(lambda: self.copy_captions(view.places()))
            view.save_wanted.connect(self.save_captions)
            view.clear_wanted.connect(self.clear_captions)
            view.chosen.connect(self._go_to)
            return view

        def figure() -> QWidget:
            from app.gui.caption.figure_view import FigureTab

            return FigureTab(self._context, self.session, self.reading, self.files, self.inside)

        def read() -> QWidget:
            from app.gui.caption.page import page

            return page(self.card, self._context.theme, self.inside)

        self.inside.add("timeline", self.tr("&Timeline"), timeline, least=200)
        self.inside.add("figure", self.tr("&Figure"), figure, least=340)
        self.inside.add("read", self.tr("&Read"), read, least=340)

    def _connect(self) -> None:
        session, left, right, bar = self.session, self.left, self.right, self.left.bar
        self.drops.dropped.connect(self._take)
        session.leaving.connect(self._stop_history)
        session.source_changed.connect(self.history.another_source)
        session.jumped.connect(self.history.stop)
        session.source_changed.connect(self.reading.forget)
        session.status_changed.connect(self._status_changed)
        session.frame_changed.connect(self._frame_changed)
        session.answered.connect(self._answered)
        session.failed.connect(self._not_answered)
        for opened in (bar.open_wanted, left.empty.opened):
            opened.connect(self.open_dialog)
        for pasted in (bar.paste_wanted, left.empty.pasted):
            pasted.connect(self.paste)
        bar.pause_wanted.connect(self.toggle)
        left.empty.sample_chosen.connect(lambda path: self.open_paths([path]))
        left.attention.heat_wanted.connect(self._turn_attention)
        left.attention.strength_changed.connect(self._set_strength)
        right.beam_chosen.connect(self._set_beam)
        right.language_chosen.connect(self._choose_language)
        right.raw_wanted.connect(lambda on: self._context.settings.set("caption.raw", on))
        right.copy_wanted.connect(self.copy)
        right.save_picture_wanted.connect(self.save_picture)
        right.save_strip_wanted.connect(self.save_strip)
        right.save_captions_wanted.connect(self.save_captions)
        right.models_wanted.connect(self.models_wanted)
        right.download_wanted.connect(self._context.downloads.start)
        right.release_wanted.connect(self._release)
        self.reading.shown.connect(self._offer)
        self.reading.shown.connect(self._translate_shown)
        self.translations.found.connect(self._translated)
        self.translations.failed.connect(self._not_translated)
        self.reading.said.connect(self._said)
        self.reading.holds.connect(lambda answer: self.history.hold(answer.frame.time))
        self.history.counted.connect(self._offer)
        self.watching.files_opened.connect(self._many)
        self.run.described.connect(self._file_described)
        self.run.advanced.connect(self.left.progress.advance)
        self.run.ended.connect(self.left.progress.finish)
        self.run.failed.connect(lambda words: self.say("error", words))
        self.left.progress.cancelled.connect(self.run.cancel)
        self.lighting.changed.connect(self._write_strips)
        self.files.said.connect(self.say)
        self._context.bridge.loaded_changed.connect(self._tell_chip)
        downloads = self._context.downloads
        for signal in (downloads.started, downloads.finished, downloads.cancelled, downloads.failed):
            signal.connect(self._tell_chip)

    # What the window asks (app.gui.context.Panel)

    def open_paths(self, paths: list[Path]) -> None:
        self.watching.open_paths(paths)

    def open_dialog(self) -> None:
        chosen = choose_files(self, self.tr("Open a video or pictures"), self._folder)
        if chosen:
            self._context.settings.set("caption.folder", str(chosen[0].parent))
            self.open_paths(chosen)

    def open_folder_dialog(self) -> None:
        chosen = choose_folder(self, self.tr("Open a folder"), self._folder)
        if chosen is not None:
            self._context.settings.set("caption.folder", str(chosen))
            self.open_paths([chosen])

    @property
    def _folder(self) -> str:
        return self._context.settings.value("caption.folder", "")

    def paste(self) -> None:
        self._take(QGuiApplication.clipboard().mimeData())

    def copy(self) -> None:
        """The captions of the timeline where that has the focus; else the one that stands in large."""
        timeline = self.inside.view("timeline")
        caption = self.reading.caption
        if timeline is not None and timeline.isAncestorOf(self._focused()):
            self.copy_captions(cast("HistoryView", timeline).places())
        elif caption is not None:
            translation = self.translations.known(caption.text)
            self._put("\n".join(words for words in (sentence(caption), translation) if words))

    def copy_captions(self, places: list[int]) -> None:
        if places:
            self._put(self.history.text_of(places))

    def _put(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.status_changed.emit(self.tr("Copied"))
        QTimer.singleShot(COPIED, self, self._tell_status)

    def _focused(self) -> QWidget:
        return self.window().focusWidget() or self

    def save(self) -> None:
        """What has the focus: the picture, the words of the caption; else all captions."""
        focused = self._focused()
        if focused is self.left.view and self.reading.answer is not None:
            self.save_picture()
        elif focused is self.right.caption and self.reading.answer is not None:
            self.save_strip()
        else:
            self.save_captions()

    def save_captions(self) -> None:
        """The timeline, as subtitles or as a table. The dialog asks before an old file is replaced."""
        if not self.history.rows:
            return
        from app.text import timeline

        kinds = {
            ".srt": self.tr("Subtitles, SubRip (*.srt)"),
            ".vtt": self.tr("Subtitles, WebVTT (*.vtt)"),
            ".csv": self.tr("Table, CSV (*.csv)"),
            ".json": self.tr("JSON (*.json)"),
        }
        path = self.files.ask(self.tr("Save all captions"), str(Path(self._folder) / self.tr("captions.srt")), kinds)
        entries = self.history.entries

        def write() -> str:
            assert path is not None
            try:
                timeline.save(entries, path, overwrite=True)
            except timeline.TimelineError as error:
                return str(error)
            return ""

        if path is not None:
            if path.suffix.lower() in (".srt", ".vtt") and len({entry.clock for entry in entries}) > 1:
                words = self.tr(
                    "Subtitles have one clock, so only the captions of what was looked at last are in them. Save a "
                    "table (CSV, JSON) to have all."
                )
                self.say("warning", words)
            self.files.run(path, write)

    def clear_captions(self) -> None:
        forgotten = self.history.clear()
        self.reading.begin_again()
        undo = ((self.tr("Undo"), lambda: self.history.put_back(forgotten)),)
        if self._cleared is not None:  # of an earlier time: the same sentence stands there once
            self._cleared.dismiss()
        self._cleared = self.strips.say("info", self.tr("The timeline is empty."), undo)
        self._cleared.dismissed.connect(self._cleared_gone)

    def _cleared_gone(self) -> None:
        self._cleared = None

    def save_strip(self) -> None:
        """A small picture a word, with the places that the network looked at, or with what speaks for it."""
        answer, caption = self.reading.answer, self.reading.caption
        if answer is None or caption is None:
            return
        name = self.tr("{0} words.png").format(Path(answer.frame.name).stem)
        kinds = {".png": self.tr("Picture, PNG (*.png)")}
        path = self.files.ask(self.tr("Save the strip"), str(Path(self._folder) / name), kinds)
        if path is not None:
            self._unsaved.append((path, answer, caption))
            self._write_strips()

    def _write_strips(self) -> None:
        """Those of which is known what the network saw; for the others it is asked."""
        waiting, self._unsaved = self._unsaved, []
        for path, answer, caption in waiting:
            light = self.lighting.of(caption)
            if light is None and caption.unattended:
                self._unsaved.append((path, answer, caption))
                self.lighting.ask(answer, caption)
            elif isinstance(light, str):
                self.say("warning", self.tr("{0} is not saved: {1}").format(path.name, light))
            else:
                self.files.run(path, partial(_write_strip, path, answer.frame.pixels[..., ::-1], caption, light))

    def save_picture(self) -> None:
        image, answer = self.left.view.composed(), self.reading.answer
        if image is None or answer is None:
            return
        name = self.tr("{0} attention.png").format(Path(answer.frame.name).stem)
        kinds = {".png": self.tr("Picture, PNG (*.png)")}
        path = self.files.ask(self.tr("Save the picture"), str(Path(self._folder) / name), kinds)
        if path is not None:
            self.files.run(path, lambda: write_png(image, path))

    def cancel(self) -> None:
        """What runs; then what is open."""
        if self.inside.cancel() or self.reading.cancel() or self.run.cancel():
            return
        if self.session.moving:
            self.session.pause()
        elif not self.inside.isHidden():
            self.toggle_inside()

    def shown(self) -> None:
        self._context.worker.show(PANEL)
        self._shown = True
        if self._focused() is self.left.bar.chooser:  # Qt's own choice: keys are to act in the panel from the start
            self.setFocus()
        self.watching.watch_cameras(True)
        self._look_on()
        self._tell_status()

    def hidden(self) -> None:
        """Nothing is read any more, and no camera stays on."""
        self._shown = False
        self.watching.watch_cameras(False)
        self._look_on()

    def ready_models(self) -> list[str]:
        return [self.session.model] if self.session.model else []

    def models_changed(self) -> None:
        from app.store.catalog import State

        store = self._context.store
        cards = store.cards("caption")
        states = {card.id: store.state(card) for card in cards}
        ready = [card for card in cards if states[card.id] is State.READY]
        self.card = next(iter(by_choice(self._context.settings, ready) or cards), None)
        damaged = self.card is not None and states[self.card.id] is State.DAMAGED
        self.right.show_model(self.card, bool(ready), damaged)
        self._tell_chip()
        self.session.set_model(self.card.id if ready and self.card is not None else "")
        self._show_languages()
        if (figure := self.inside.view("figure")) is not None:
            figure.models_changed()  # type: ignore[attr-defined]

    def close_panel(self, timeout: float = 1.0) -> None:
        self._tell_timer.stop()
        self.translations.close()
        self.inside.close_views()
        self.watching.watch_cameras(False)
        threads = [*self.files.threads(), *self.run.stop(), *self.session.close(), *self.thumbnails.stop()]
        join([*threads, *self.history.thumbnails.stop()], timeout)

    # What comes in

    @Slot(object)
    def _take(self, mime: QMimeData) -> None:
        taken = intake.read(mime)
        if taken.paths:
            self.open_paths(list(taken.paths))
        elif taken.picture is not None:
            self.watching.add_picture(taken.picture)
        else:
            self.say("info", taken.sentence)

    def toggle(self) -> None:
        """Pause, or go on."""
        if not self.session.playing:
            while self.reading.cancel():
                pass
        self.session.toggle()

    # Coming into view and going

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        window = self.window()
        if window is not self._watched:
            if self._watched is not None:
                self._watched.removeEventFilter(self)
            window.installEventFilter(self)
            self._watched = window
        self._look_on()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._look_on()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.WindowStateChange:
            self._look_on()
        return super().eventFilter(watched, event)

    def _look_on(self) -> None:
        """Sources are read only while a person can see it: what plays rests meanwhile, and then goes on."""
        self.session.look_on(self._shown and self.isVisible() and not self.window().isMinimized())

    # What is kept

    def _said(self, answer: Answer, since: float) -> None:
        """Another sentence holds now. A slide show is written down as a whole, by `_file_described`."""
        if self.session.kind is not Kind.SLIDES:
            self.history.say(answer.caption, since, answer.frame.name, answer.frame)
            self.translations.want(answer.caption.text)
            if not self.session.playing:
                self.history.stop(answer.frame.time)

    def _stop_history(self) -> None:
        """The source is paused, at its end, or about to be another one."""
        frame = self.session.frame
        if frame is not None and self.session.kind is Kind.MOVING:
            self.history.stop(frame.time)

    def _many(self, paths: list[Path]) -> None:
        """Several pictures: the timeline, which lists all of them, comes into view."""
        if not self.session.model:
            return
        self.left.progress.start(self.tr("Describing"))
        self.run.add(paths)
        self.inside.choose("timeline")
        if self.inside.isHidden():
            self.toggle_inside()

    def _file_described(self, found: DescribedFile, number: int) -> None:
        from app.media.pictures import shown
        from app.media.slides import Pictures

        name = shown(found.path.name)
        if number == 0:
            self.history.another_show()
        if found.described is None:
            self.history.fail(found.error or "", name, found.path)
        elif found.described.captions:
            begin = number * Pictures.seconds  # its turn in the slide show
            self.history.add(found.described.captions[0], begin, begin + Pictures.seconds, name, found.path)
            self.translations.want_older([found.described.captions[0].text])

    def _go_to(self, row: Row) -> None:
        """The moment of a video, or the picture, that a caption of the timeline is about."""
        source, status = self.session.source, self.session.status
        if row.path is not None:
            self.open_paths([row.path])
        elif source is not None and status is not None and status.length and source.name == row.source:
            self.session.seek(row.begin)

    # What comes of it

    def _status_changed(self) -> None:
        if not self.session.playing:
            self._stop_history()
        if self.reading.answer is None:
            self.reading.show()
        self._tell_soon()

    def _frame_changed(self) -> None:
        self.reading.show_frame()
        if self.session.status is not None:
            self.left.show_time(self.session.status.time)

    def _not_answered(self, words: str) -> None:
        if self.reading.answer is None:
            self.right.caption.show_sentence("")
        self.right.strips.say("error", words, ((self.tr("Try again"), self.session.describe_again),))

    def _answered(self) -> None:
        self.right.strips.clear()  # why there was none
        self._tell_soon()

    def _offer(self) -> None:
        self.right.offer(self.reading.caption is not None, bool(self.history.rows))

    # Choices, status

    def _set_beam(self, beam: int) -> None:
        self._context.settings.set("caption.beam", beam)
        self.reading.forget()
        self.session.set_beam(beam)

    def _show_languages(self) -> None:
        from app.text.languages import NAMES

        before = self.translations.language
        self.translations.look()
        offered = self.translations.offered
        why = self.tr("No translator from English into {0} whose quality is measured is on this machine.")
        names = [(code, QCoreApplication.translate("Translate", NAMES[code])) for code in LANGUAGES]
        self.right.show_languages(
            [(code, name, "" if code in offered else why.format(name)) for code, name in names],
            self.translations.language,
        )
        if self.translations.language != before:
            self._translate_all()

    def _choose_language(self, language: str) -> None:
        self._context.settings.set("caption.language", language)
        self.translations.choose(language)
        self.right.translation.setVisible(bool(language))
        self._translate_all()

    def _translate_all(self) -> None:
        """In the language that is wanted now: the caption that stands there, then those that were said before."""
        self.history.forget_translations()
        self.right.translation.show_translation("")
        self._translate_shown()
        self._translate_older()

    def _translate_older(self) -> None:
        self.translations.want_older(row.said for row in self.history.rows if not (row.failed or row.translation))

    def _translate_shown(self) -> None:
        caption = self.reading.caption
        if caption is None:
            self.right.translation.show_translation("")
        elif self.translations.language:
            self.right.translation.wait()
            self.translations.want(caption.text)

    def _translated(self, text: str, translation: str) -> None:
        caption = self.reading.caption
        if caption is not None and caption.text == text:
            self.right.translation.show_translation(translation)
        self.history.translate(text, translation)

    def _not_translated(self, words: str) -> None:
        self.say("error", words, ((self.tr("Try again"), self._translate_again),))

    def _translate_again(self) -> None:
        self.translations.again()
        self._translate_shown()
        self._translate_older()

    def _turn_attention(self, on: bool) -> None:
        self._context.settings.set("caption.attention", on)
        self.left.attention.set_heat(on)
        self.reading.show_attention()

    def _set_strength(self, per_cent: int) -> None:
        self._context.settings.set("caption.strength", per_cent)
        self.left.view.set_strength(per_cent / 100)

    def _release(self, model: str) -> None:
        from app.engines.models import ReleaseModel

        self._context.worker.control(PANEL, ReleaseModel(model))

    def _tell_chip(self) -> None:
        chip = self.right.chip
        if chip is not None:
            from app.gui.models_table import beside, state_of

            chip.set_state(state_of(self._context, chip.card))
            chip.set_beside(beside(self._context, chip.card))

    def _tell_soon(self) -> None:
        if not self._tell_timer.isActive():
            self._tell_timer.start()

    def _tell_status(self) -> None:
        status = self.session.status
        if self.reading.newest is None or status is None:
            self.status_changed.emit("")
            return
        moving = self.session.kind is Kind.MOVING
        text = pace(self.session.pace if moving else 0.0, self.session.latency, status.dropped if moving else None)
        self.status_changed.emit(text)

    # Keys

    def key(self, key: int) -> bool:
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.reading.step(-1 if key == Qt.Key.Key_Left else 1)
        elif key == Qt.Key.Key_Space and self.session.source is not None and self.session.kind is not Kind.STILL:
            self.toggle()
        elif key == Qt.Key.Key_H:
            self._turn_attention(not self.left.attention.heat.isChecked())
        elif Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            self.reading.pick(key - Qt.Key.Key_1)
        else:
            return False
        return True


def _write_strip(path: Path, pixels: np.ndarray, caption: Caption, light: Light | None) -> str:
    from app.engines.caption import strip_of

    return write_bytes(path, strip_of(pixels, caption, light))


def choose_files(parent: QWidget, title: str, folder: str) -> list[Path]:
    """The system's dialog; tests put their own answer here."""
    from app.media.pictures import SUFFIXES as PICTURES
    from app.media.videos import SUFFIXES as VIDEOS

    def endings(suffixes: frozenset[str]) -> str:
        return " ".join(f"*{ending} *{ending.upper()}" for ending in sorted(suffixes))

    kinds = ";;".join(
        (
            f"{parent.tr('Videos and pictures')} ({endings(VIDEOS | PICTURES)})",
            f"{parent.tr('Videos')} ({endings(VIDEOS)})",
            f"{parent.tr('Pictures')} ({endings(PICTURES)})",
            f"{parent.tr('All files')} (*)",
        )
    )
    chosen, _ = QFileDialog.getOpenFileNames(parent, title, folder, kinds)
    return [Path(name) for name in chosen]
