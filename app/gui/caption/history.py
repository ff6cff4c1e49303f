"""What was said when, as a list model: the timeline (app.text.timeline) with a small picture and its way out as a file.

It outlives pauses and changes of the source. Its memory is bounded: the oldest captions go, the oldest pictures before
them. A picture is kept as a JPEG of 3 kB and decoded when it is in sight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QImage

from app.gui.caption.wording import clock, sentence
from app.gui.widgets.thumbnails import Thumbnails

if TYPE_CHECKING:
    import numpy as np

    from app.engines.caption import Caption
    from app.media.sources import Frame
    from app.text.timeline import Entry, Timeline

MOST = 3000  # captions: 6 MB
PICTURES = 1000  # of the newest of them: 3 MB
IN_SIGHT = 100  # decoded: 5 MB
SMALL = (128, 96)  # pixels that a small picture has at most
TIME_ROLE = int(Qt.ItemDataRole.UserRole) + 1  # "0:12 – 0:15 · clip.mp4"
KEY_ROLE = TIME_ROLE + 1  # the row, for thumbnails
FAILED_ROLE = TIME_ROLE + 2
TRANSLATION_ROLE = TIME_ROLE + 3  # "" for none

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


@dataclass(eq=False)
class Row:
    """A caption, or why there is none. `path`: of a picture, which the small one is made from when it is in sight."""

    text: str
    source: str
    begin: float
    end: float
    path: Path | None = None
    failed: bool = False
    jpeg: bytes = b""  # the small picture of a frame
    said: str = ""  # as the network said it
    translation: str = ""

    @property
    def when(self) -> str:
        if self.end - self.begin >= 1:
            return f"{clock(self.begin)} – {clock(self.end)}"
        return clock(self.begin)


Forgotten = tuple[list[Row], "tuple[Entry, ...]"]


class History(QAbstractListModel):
    """The newest caption comes last. What was said lasts while `hold` says so, until another one is said or `stop`."""

    counted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self.thumbnails = Thumbnails(_thumbnail, self, IN_SIGHT)
        self._timeline: Timeline | None = None
        self._lasting: Row | None = None
        self._files = 0  # the clock of the pictures that are added

    @property
    def timeline(self) -> Timeline:
        if self._timeline is None:
            from app.text.timeline import Timeline  # only now: not before the window's first paint

            self._timeline = Timeline(MOST)
        return self._timeline

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.timeline.entries

    # What comes in

    def say(self, caption: Caption, begin: float, source: str, frame: Frame) -> None:
        """`begin`: seconds on the source's clock. The small picture is made of the frame."""
        if self._lasting is not None and self._lasting.source == source:
            self._stretch(begin)
        self.timeline.say(begin, caption.text, _words(caption), caption.logprob, source)
        self._lasting = Row(sentence(caption), source, begin, begin, jpeg=small(frame.pixels), said=caption.text)
        self._append(self._lasting)

    def add(self, caption: Caption, begin: float, end: float, source: str, path: Path) -> None:
        """Of a file, which the small picture is made of. What is being said of another source meanwhile goes on."""
        from app.text.timeline import Entry

        words = tuple(_words(caption))
        self.timeline.add(Entry(begin, end, caption.text, words, caption.logprob, source, clock=self._files))
        self._append(Row(sentence(caption), source, begin, end, path, said=caption.text))

    def another_source(self) -> None:
        """What is said from now on has times of another clock."""
        self._lasting = None
        self.timeline.another_source()

    def another_show(self) -> None:
        """The same, of what is added."""
        self._files = self.timeline.another_clock()

    def fail(self, words: str, source: str, path: Path | None) -> None:
        """A picture that could not be described. It stands in the list, not in what is exported."""
        self._append(Row(words, source, 0.0, 0.0, path, failed=True))

    def hold(self, time: float) -> None:
        """What was said last still holds."""
        self.timeline.lasts(time)
        self._stretch(time)

    def stop(self, time: float | None = None) -> None:
        """What was said last holds no longer: the source is paused, at its end, another one. Without a time: it is at
        another place, and nobody knows when that began."""
        self.timeline.stop(time)
        if time is not None:
            self._stretch(time)
        self._lasting = None

    def translate(self, text: str, translation: str) -> None:
        """Of all captions that say so."""
        self.timeline.translate(text, translation)
        for place, row in enumerate(self.rows):
            if row.said == text and not row.failed and row.translation != translation:
                row.translation = translation
                index = self.index(place, 0)
                self.dataChanged.emit(index, index, [TRANSLATION_ROLE])

    def forget_translations(self) -> None:
        """Another language is wanted, or none."""
        self.timeline.forget_translations()
        for row in self.rows:
            row.translation = ""
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, 0), [TRANSLATION_ROLE])

    def clear(self) -> Forgotten:
        """Returns what `put_back` takes."""
        self.beginResetModel()
        forgotten = self.rows, self.timeline.clear()
        self.rows, self._lasting = [], None
        self.thumbnails.forget()
        self.endResetModel()
        self.counted.emit()
        return forgotten

    def put_back(self, forgotten: Forgotten) -> None:
        """Before what has been said since."""
        rows, entries = forgotten
        self.beginResetModel()
        self.rows = [*rows, *self.rows][-MOST:]
        self.timeline.put_back(entries)
        self.endResetModel()
        self.counted.emit()

    def _stretch(self, time: float) -> None:
        row = self._lasting
        if row is None or time < row.end:
            return
        before, row.end = row.when, time
        if row.when != before and row in self.rows:  # seconds are shown: sixty answers a second change nothing
            index = self.index(self.rows.index(row), 0)
            self.dataChanged.emit(index, index, [TIME_ROLE])

    def _append(self, row: Row) -> None:
        surplus = len(self.rows) + 1 - MOST
        if surplus > 0:
            self.beginRemoveRows(_ROOT, 0, surplus - 1)
            del self.rows[:surplus]
            self.endRemoveRows()
        place = len(self.rows)
        if place >= PICTURES:
            self.rows[place - PICTURES].jpeg = b""
        self.beginInsertRows(_ROOT, place, place)
        self.rows.append(row)
        self.endInsertRows()
        self.counted.emit()

    # Qt

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.text
        if role == TIME_ROLE:
            return row.source if row.failed else f"{row.when} · {row.source}"
        if role == KEY_ROLE:
            return row
        if role == FAILED_ROLE:
            return row.failed
        if role == TRANSLATION_ROLE:
            return row.translation
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(words for words in (row.text, row.translation) if words)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(words for words in (row.when, row.text, row.translation) if words)
        return None

    def text_of(self, places: Iterable[int]) -> str:
        """Lines to be pasted somewhere: the time, the caption, its translation where there is one."""
        rows = [self.rows[place] for place in sorted(places) if not self.rows[place].failed]
        translated = any(row.translation for row in rows)
        cells = [(row.when, row.text, *([row.translation] if translated else []), row.source) for row in rows]
        return "".join("\t".join(row) + "\n" for row in cells)


def _words(caption: Caption) -> list[tuple[str, float]]:
    return [(word.text, word.p) for word in caption.words]


def small(pixels: np.ndarray) -> bytes:
    """A frame, (h, w, 3) BGR, as small as the list needs it, as a JPEG."""
    from app.media.opencv import import_cv2

    cv2 = import_cv2()
    height, width = pixels.shape[:2]
    scale = min(SMALL[0] / width, SMALL[1] / height, 1.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    good, made = cv2.imencode(".jpg", cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return made.tobytes() if good else b""


def _thumbnail(key: object) -> QImage | None:
    """For `Thumbnails`, on its thread."""
    from app.gui.classify.answers import Item
    from app.gui.classify.loader import thumbnail

    assert isinstance(key, Row)
    if key.jpeg:
        return QImage.fromData(key.jpeg)
    return thumbnail(Item(key.source, key.path)) if key.path is not None else None
