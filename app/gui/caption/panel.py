"""The Caption panel: puts the two leaves and the inside together and connects them with the session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QHideEvent, QImage, QShowEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.caption.attention_bar import STRENGTH
from app.gui.caption.caption_side import CaptionSide
from app.gui.caption.intake import offer
from app.gui.caption.live_side import LiveSide
from app.gui.caption.session import PANEL, Answer, Session
from app.gui.caption.wording import UNSURE, logprob, pace, percent, sentence, unsure
from app.gui.classify import intake
from app.gui.classify.loader import thumbnail
from app.gui.context import Context
from app.gui.leaves import Leaves
from app.gui.saving import Files, write_png
from app.gui.tasks import join
from app.gui.widgets.drop_area import DropArea
from app.gui.widgets.message_strip import MessageStrip
from app.gui.widgets.thumbnails import Thumbnails

if TYPE_CHECKING:
    import numpy as np

    from app.engines.caption import Caption
    from app.media.cameras import Camera, Watcher
    from app.media.sources import Source
    from app.store.cards import Card

FIRST_SIZES = {"wide": [625, 375], "narrow": [480, 520]}
COPIED = 2000  # ms for which the status bar says so
TELL = 500  # ms between two changes of the status bar: numbers that flicker can't be read


class CaptionPanel(Leaves):
    """See `app.gui.context.Panel`."""

    _cameras_stirred = Signal()  # on the thread that looks for them

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__("caption", FIRST_SIZES, context, parent)
        self.title = self.tr("Caption")
        theme, settings = context.theme, context.settings
        self.session = Session(context, self)
        self.thumbnails = Thumbnails(thumbnail, self)
        self.left = LiveSide(self.thumbnails, theme, self)
        self.right = CaptionSide(theme, self)
        self.files = Files(self)
        self.card: Card | None = None
        self.answer: Answer | None = None  # what stands in large
        self.newest: Answer | None = None  # the last one of all
        self.own: Answer | None = None  # the network's own sentence, while the person's choice stands in large
        self.place = 0  # which of the beam's sentences stands in large
        self.word = -1  # stepped to or clicked; it stays
        self.pointed = -1  # under the mouse
        self._failure: MessageStrip | None = None
        self._skipped = 0
        self._watcher: Watcher | None = None
        self._cameras: tuple[Camera, ...] = ()
        self._file: tuple[Source, bool] | None = None  # what was open last beside a camera
        self._still = False  # one picture, which neither plays nor ends
        self._pasted = 0
        self._shown = False
        self._watched: QWidget | None = None  # the window, to be told when it is minimised
        self.put_together(self.left, self.right)
        self.drops = DropArea(self, theme, offer)
        self._tell_timer = QTimer(self)
        self._tell_timer.setSingleShot(True)
        self._tell_timer.setInterval(TELL)
        self._tell_timer.timeout.connect(self._tell_status)
        self._connect()
        beam = min(max(settings.value("caption.beam", 3), 1), self.right.beam.count())
        self.right.beam.setCurrentIndex(beam - 1)
        self.session.beam = beam
        self.right.raw.setChecked(settings.value("caption.raw", False))
        self.left.attention.strength.setValue(settings.value("caption.strength", STRENGTH))
        self.left.attention.set_heat(settings.value("caption.attention", True))
        self.models_changed()
        self._source_changed()

    def _connect(self) -> None:
        session, left, right, bar = self.session, self.left, self.right, self.left.bar
        self.drops.dropped.connect(self._take)
        self._cameras_stirred.connect(self._cameras_changed, Qt.ConnectionType.QueuedConnection)
        session.source_changed.connect(self._source_changed)
        session.status_changed.connect(self._status_changed)
        session.frame_changed.connect(self._frame_changed)
        session.growing.connect(self._growing)
        session.answered.connect(self._answered)
        session.failed.connect(self._not_answered)
        for camera_chosen in (bar.camera_chosen, left.empty.camera_chosen):
            camera_chosen.connect(self.play_camera)
        for opened in (bar.open_wanted, left.empty.opened):
            opened.connect(self.open_dialog)
        for pasted in (bar.paste_wanted, left.empty.pasted):
            pasted.connect(self.paste)
        bar.file_chosen.connect(self._file_again)
        bar.pause_wanted.connect(self.toggle)
        left.empty.sample_chosen.connect(lambda path: self.open_paths([path]))
        left.seek_wanted.connect(session.seek)
        left.attention.heat_wanted.connect(self._turn_attention)
        left.attention.strength_changed.connect(self._set_strength)
        right.caption.pointed.connect(self._point)
        right.caption.picked.connect(self._click)
        right.runner_picked.connect(self.pick)
        right.sentence_picked.connect(self.show_place)
        right.own_words_wanted.connect(self.back_to_own_words)
        right.beam_chosen.connect(self._set_beam)
        right.raw_wanted.connect(lambda on: self._context.settings.set("caption.raw", on))
        right.copy_wanted.connect(self.copy)
        right.save_picture_wanted.connect(self.save_picture)
        right.models_wanted.connect(self.models_wanted)
        right.download_wanted.connect(self._context.downloads.start)
        self.files.said.connect(self.say)
        self._context.bridge.loaded_changed.connect(self._tell_chip)

    # What the window asks (app.gui.context.Panel)

    def open_paths(self, paths: list[Path]) -> None:
        from app.media.slides import Pictures
        from app.media.videos import source_of

        source = source_of(paths)
        self._play(source, still=isinstance(source, Pictures) and len(paths) == 1 and not paths[0].is_dir())

    def open_dialog(self) -> None:
        chosen = choose_files(self, self.tr("Open a video or pictures"), self._folder)
        if chosen:
            self._context.settings.set("caption.folder", str(chosen[0].parent))
            self.open_paths(chosen)

    def open_folder_dialog(self) -> None:
        from app.gui.classify.panel import choose_folder

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
        """The caption."""
        if self.caption is not None:
            QGuiApplication.clipboard().setText(sentence(self.caption))
            self.status_changed.emit(self.tr("Copied"))
            QTimer.singleShot(COPIED, self, self._tell_status)

    def save(self) -> None:
        """What has the focus: the picture, else the captions."""
        self.save_picture()

    def save_picture(self) -> None:
        image = self.left.view.composed()
        if image is None or self.answer is None:
            return
        name = self.tr("{0} attention.png").format(Path(self.answer.frame.name).stem)
        kinds = {".png": self.tr("Picture, PNG (*.png)")}
        path = self.files.ask(self.tr("Save the picture"), str(Path(self._folder) / name), kinds)
        if path is not None:
            self.files.run(path, lambda: write_png(image, path))

    def cancel(self) -> None:
        """What runs; then what is open."""
        if self.inside.cancel():
            return
        if self.own is not None:
            self.back_to_own_words()
        elif self.word >= 0:
            self._set_word(-1)
        elif self._moving:
            self.session.pause()
        elif not self.inside.isHidden():
            self.toggle_inside()

    def shown(self) -> None:
        self._context.worker.show(PANEL)
        self._shown = True
        self._watch_cameras(True)
        self._look_on()
        self._tell_status()

    def hidden(self) -> None:
        """Nothing is read any more, and no camera stays on."""
        self._shown = False
        self._watch_cameras(False)
        self._look_on()

    def models_changed(self) -> None:
        from app.store.catalog import State

        store = self._context.store
        cards = store.cards("caption")
        states = {card.id: store.state(card) for card in cards}
        ready = [card for card in cards if states[card.id] is State.READY]
        self.card = next(iter(ready or cards), None)
        damaged = self.card is not None and states[self.card.id] is State.DAMAGED
        self.right.show_model(self.card, bool(ready), damaged)
        self._tell_chip()
        self.session.set_model(self.card.id if ready and self.card is not None else "")

    def close_panel(self, timeout: float = 1.0) -> None:
        self._tell_timer.stop()
        self.inside.close_views()
        self._watch_cameras(False)
        join([*self.files.threads(), *self.session.close(), *self.thumbnails.stop()], timeout)

    # What comes in

    @Slot(object)
    def _take(self, mime: QMimeData) -> None:
        taken = intake.read(mime)
        if taken.paths:
            self.open_paths(list(taken.paths))
        elif taken.picture is not None:
            self.add_picture(taken.picture)
        else:
            self.say("info", taken.sentence)

    def add_picture(self, content: bytes | QImage) -> None:
        """A picture without a file."""
        from app.gui.caption.pasted import Pasted

        self._pasted += 1
        name = self.tr("Pasted picture") if self._pasted == 1 else self.tr("Pasted picture {0}").format(self._pasted)
        self._play(Pasted(content, name), still=True)

    @Slot(object)
    def play_camera(self, camera: Camera) -> None:
        self._context.settings.set("caption.camera", camera.key)
        self._play(camera)

    def _file_again(self) -> None:
        """The file that was open before the camera."""
        if self._file is not None:
            self._play(*self._file)

    def _play(self, source: Source, still: bool = False) -> None:
        self.strips.settle()
        self._still = still
        if not source.live:
            self._file = (source, still)
        self.session.play(source)

    def toggle(self) -> None:
        """Pause, or go on."""
        if not self.session.playing:
            self._set_word(-1)
            if self.own is not None:
                self.back_to_own_words()
        self.session.toggle()

    def _watch_cameras(self, watch: bool) -> None:
        from app.media import cameras

        if watch and self._watcher is None:
            self._watcher = cameras.Watcher(self._stir_cameras)
            self._watcher.start()
        elif not watch and self._watcher is not None:
            self._watcher.close(0.0)
            self._watcher = None

    def _stir_cameras(self) -> None:
        try:
            self._cameras_stirred.emit()
        except RuntimeError:  # the window has gone meanwhile
            return

    @Slot()
    def _cameras_changed(self) -> None:
        from app.media.cameras import find

        if self._watcher is None:
            return
        self._cameras = self._watcher.cameras
        self.left.bar.set_cameras(self._cameras)
        remembered = find(self._context.settings.value("caption.camera", ""), self._cameras)
        self.left.empty.offer_camera(remembered or next(iter(self._cameras), None))

    @property
    def _moving(self) -> bool:
        """Whether other frames come by themselves."""
        return self.session.playing and not self._still

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

    # The source

    def _source_changed(self) -> None:
        source = self.session.source
        self.answer = self.newest = self.own = None
        self.word = self.pointed = -1
        self._skipped = 0
        self._drop_failure()
        self.left.show_empty(source is None)
        live = source is not None and source.live
        camera = cast("Camera", source) if live else None
        self.left.bar.set_source(camera, "" if source is None or live else source.name)
        self.left.view.show_sentence("")
        self._show_answer()
        self._status_changed()

    def _status_changed(self) -> None:
        from app.media.capture import State

        status, source = self.session.status, self.session.source
        left = self.left
        if status is None or source is None:
            left.bar.show_playing(False, False)
            left.bar.sign.show_on(False)
            left.show_length(None)
            return
        left.bar.show_playing(self.session.playing, not self._still)
        left.bar.sign.show_on(status.is_open and source.live)
        left.show_length(None if self._still else status.length)
        notes = {
            State.OPENING: self.tr("Opening…"),
            State.PAUSED: self.tr("Paused"),
            State.ENDED: self.tr("The end"),
            State.CLOSED: "" if self.session.looking else self.tr("Paused"),
        }
        left.view.set_note("" if self._still else notes.get(status.state, ""))
        skipped = status.skipped[self._skipped :]
        self._skipped = len(status.skipped)
        for sentence_ in skipped:
            self.strips.say("warning", sentence_)
        if status.state == State.FAILED and self.session.frame is None:
            left.view.show_sentence(status.sentence)
        if status.sentence and status.sentence not in status.skipped:
            self._show_failure(status.sentence, error=status.state == State.FAILED)
        else:
            self._drop_failure()
        if self.answer is None:
            self._show_answer()
        self._tell_soon()

    def _show_failure(self, words: str, error: bool) -> None:
        """One sentence and a button; it goes by itself when the source is back."""
        if self._failure is not None and self._failure.sentence == words:
            return
        self._drop_failure()
        again = ((self.tr("Try again"), self.session.retry),)
        self._failure = self.strips.say("error" if error else "warning", words, again)
        self._failure.dismissed.connect(self._failure_gone)

    def _failure_gone(self) -> None:
        self._failure = None

    def _drop_failure(self) -> None:
        if self._failure is not None:
            self._failure.dismiss()

    def _frame_changed(self) -> None:
        frame, status = self.session.frame, self.session.status
        if frame is None or status is None:
            return
        if self._looked_at < 0:
            self.left.view.show_frame(frame)
        self.left.show_time(status.time)

    # The caption

    @property
    def caption(self) -> Caption | None:
        """The one that stands in large."""
        return self.answer.described.captions[self.place] if self.answer is not None else None

    @property
    def _looked_at(self) -> int:
        """The word that the mouse is over, else the one that was stepped to; -1: none."""
        return self.pointed if self.pointed >= 0 else self.word

    def _growing(self, caption: Caption) -> None:
        """Words appear as they are decoded, where they don't take the place of what is being read."""
        if self._looked_at < 0 and self.own is None and (self.answer is None or self.right.raw.isChecked()):
            self.right.caption.show_caption(caption)

    @Slot(object)
    def _answered(self, answer: Answer) -> None:
        self._tell_soon()
        if answer.forced:
            if self.own is None:
                self.own = self.answer
            self.answer, self.place = answer, 0
            self.word = answer.forced - 1
            self._show_answer()
            self.right.caption.announce()
            return
        self.newest = answer
        if self._looked_at >= 0 or self.own is not None:
            return  # not under the eyes of who looks at a word
        changed = self._is_new(answer)
        if changed or not self._moving or self.answer is None:
            self.answer, self.place = answer, 0
            self._show_answer()
            if changed:
                self.right.caption.announce()
        self._show_attention()

    def _is_new(self, answer: Answer) -> bool:
        """Whether the caption that is shown must change."""
        return self.answer is None or answer.caption.text != self.answer.caption.text

    def _not_answered(self, words: str) -> None:
        if self.answer is None:
            self.right.caption.show_sentence(words)
        again = ((self.tr("Try again"), self.session.describe_again),)
        self.strips.say("error", words, again)

    def _show_answer(self) -> None:
        """What stands in large, and all that is said about it."""
        caption, right = self.caption, self.right
        if caption is None or self.answer is None:
            right.caption.show_sentence(self._invitation())
            right.show_about("", False)
            right.show_sentences((), -1)
        else:
            right.caption.show_caption(caption, self.answer.forced)
            right.show_about(self._about(caption), self.own is not None)
            right.show_sentences(self.answer.described.captions, self.place)
        right.offer(caption is not None, False)
        self._show_word()

    def _invitation(self) -> str:
        if self.session.source is None:
            return self.tr("Here stands what the network sees, in words.")
        if self.session.frame is None:
            return ""
        return self.tr("Looking…")

    def _about(self, caption: Caption) -> str:
        assert self.answer is not None
        parts = [self.tr("log-probability {0}").format(logprob(caption.logprob))]
        if self.answer.forced:
            parts.append(self.tr("underlined: your words"))
        if any(unsure(word) for word in caption.words[self.answer.forced :]):
            parts.append(self.tr("dotted: unsure (below {0})").format(percent(UNSURE)))
        return " · ".join(parts)

    # Words

    def _point(self, place: int) -> None:
        if place != self.pointed:
            self.pointed = place
            self._show_word()
            if place < 0:
                self._catch_up()

    def _click(self, place: int) -> None:
        self._set_word(-1 if place == self.word else place)

    def step(self, by: int) -> None:
        """To the next or previous word; what plays is paused, or the sentence would run away."""
        caption = self.caption
        if caption is None or not caption.words:
            return
        last = len(caption.words) - 1
        self._set_word(min(max(self.word + by, 0), last) if self.word >= 0 else (0 if by > 0 else last))
        self.right.caption.announce_word()

    def _set_word(self, place: int) -> None:
        if place >= 0 and self._moving:
            self.session.pause()
        self.word = place
        self._show_word()
        if place < 0:
            self._catch_up()

    def _catch_up(self) -> None:
        """Nobody looks at a word any more: the newest answer may stand in large again."""
        if self._looked_at >= 0 or self.own is not None:
            return
        if self.session.frame is not None:
            self.left.view.show_frame(self.session.frame)
        if self.newest is not None and self.newest is not self.answer and self._moving:
            self._answered(self.newest)
        self._show_attention()

    def _show_word(self) -> None:
        """The word that is looked at: its region, and what else could have stood in its place."""
        caption, place = self.caption, self._looked_at
        if caption is None or place >= len(caption.words):
            place = -1
        self.right.caption.set_current(place)
        word = caption.words[place] if caption is not None and place >= 0 else None
        self.right.show_runners(word, word.runners_up if word is not None else ())
        if word is not None and self.answer is not None:
            self.left.view.show_frame(self.answer.frame)  # the very one that the words are about
        elif self.session.frame is not None:
            self.left.view.show_frame(self.session.frame)
        self._show_attention()

    def pick(self, rank: int) -> None:
        """Another word in the place that is looked at: the network goes on from there."""
        caption, place = self.caption, self._looked_at
        if caption is None or self.answer is None or not 0 <= place < len(caption.words):
            return
        others = caption.words[place].runners_up
        if rank >= len(others):
            return
        if self._moving:
            self.session.pause()
        self.pointed = -1
        self.word = place
        prefix = (*(word.text for word in caption.words[:place]), others[rank][0])
        self.session.go_on_from(self.answer.frame, prefix)

    def back_to_own_words(self) -> None:
        if self.own is not None:
            self.answer, self.own, self.place, self.word = self.own, None, 0, -1
            self._show_answer()
            self._catch_up()

    def show_place(self, place: int) -> None:
        """Another sentence of the beam in large."""
        if self.answer is not None and 0 <= place < len(self.answer.described.captions):
            if self._moving:
                self.session.pause()
            self.place, self.word = place, -1
            self._show_answer()

    # The attention

    def _turn_attention(self, on: bool) -> None:
        self._context.settings.set("caption.attention", on)
        self.left.attention.set_heat(on)
        self._show_attention()

    def _set_strength(self, per_cent: int) -> None:
        self._context.settings.set("caption.strength", per_cent)
        self.left.view.set_strength(per_cent / 100)

    def _show_attention(self) -> None:
        """Of the word that is looked at; of all words together where none is."""
        bar, view = self.left.attention, self.left.view
        if not bar.heat.isChecked():
            view.show_attention(None)
            bar.line.setText(self.tr("H shows where the network looks."))
            return
        caption, place = self.caption, self._looked_at
        if caption is not None and 0 <= place < len(caption.words):
            word = caption.words[place]
            view.show_attention(word.attention)
            words = self.tr("Where the network looked for “{0}” (attention)")
            if word.attention is None:
                words = self.tr("This network has no attention to show for “{0}”.")
            bar.line.setText(words.format(word.text))
            return
        answer = self.newest if self._moving and self.newest is not None else self.answer
        together = _together(answer.described.captions[self.place if answer is self.answer else 0]) if answer else None
        view.show_attention(together)
        if together is None:
            bar.line.setText("")
        else:
            bar.line.setText(self.tr("Where the network looked, all words together (attention)"))

    # Choices, status

    def _set_beam(self, beam: int) -> None:
        self._context.settings.set("caption.beam", beam)
        self.answer = self.answer if self._moving else None
        self.own = None
        self.word = -1
        self.session.set_beam(beam)
        self._show_answer()

    def _tell_chip(self) -> None:
        chip = self.right.chip
        if chip is not None:
            from app.gui.models_table import state_of

            chip.set_state(state_of(self._context, chip.card))

    def _tell_soon(self) -> None:
        if not self._tell_timer.isActive():
            self._tell_timer.start()

    def _tell_status(self) -> None:
        status = self.session.status
        if self.newest is None or status is None:
            self.status_changed.emit("")
            return
        moving = not self._still
        text = pace(self.session.pace if moving else 0.0, self.session.latency, status.dropped if moving else None)
        self.status_changed.emit(text)

    # Keys

    def key(self, key: int) -> bool:
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.step(-1 if key == Qt.Key.Key_Left else 1)
        elif key == Qt.Key.Key_Space and self.session.source is not None and not self._still:
            self.toggle()
        elif key == Qt.Key.Key_H:
            self._turn_attention(not self.left.attention.heat.isChecked())
        elif Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            self.pick(key - Qt.Key.Key_1)
        else:
            return False
        return True


def _together(caption: Caption) -> np.ndarray | None:
    """The mean of the words' attention; None where there is none."""
    seen = [word.attention for word in caption.words if word.attention is not None]
    if not seen:
        return None
    import numpy as np

    mean: np.ndarray = np.mean(seen, axis=0)
    return mean


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
