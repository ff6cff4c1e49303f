"""All pictures of the panel as a table model: ten thousand rows, filtered and sorted without a proxy.

A QSortFilterProxyModel would call Python for every row it filters and every pair it compares, a hundred thousand times
for ten thousand pictures; here one `sorted` with a key does it in a few milliseconds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from app.gui.classify.answers import Answer, Item, agrees, percent

NAME, LABEL, SURE, AGREE = range(4)
KEY_ROLE = int(Qt.ItemDataRole.UserRole) + 1  # the item, for thumbnails
FAILED_ROLE = KEY_ROLE + 1
TICK = 100  # ms between two updates while answers come in
RESORT = 600  # ms between two new orders while answers come in
NEW_ROWS = 500  # put in at a time

_DISPLAY, _TIP = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.ToolTipRole)
_ALIGNMENT, _ACCESSIBLE = int(Qt.ItemDataRole.TextAlignmentRole), int(Qt.ItemDataRole.AccessibleTextRole)
_ANSWERED = frozenset((_DISPLAY, _TIP, _ALIGNMENT, _ACCESSIBLE, KEY_ROLE, FAILED_ROLE))
_RIGHT = int(Qt.AlignmentFlag.AlignRight.value | Qt.AlignmentFlag.AlignVCenter.value)

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class FolderModel(QAbstractTableModel):
    """`items` are all pictures in the order in which they came; the rows are those that the filter lets through, in the
    order that was asked for."""

    counted = Signal()  # how many there are, are done or failed has changed

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items: list[Item] = []
        self._rows: list[Item] = []
        self._named: Counter[str] = Counter()  # how many pictures have a name
        self._places: dict[Item, int] = {}  # in `_rows`
        self._model = ""  # whose answers are shown
        self._text, self._least, self._failed_only = "", 0.0, False
        self._sort: tuple[int, bool] | None = None  # column, descending
        self.done = self.failed = 0
        self._changed: set[Item] = set()
        self._new: list[Item] = []
        self._stopped = False
        self._tick = self._timer(TICK, self._flush)
        self._resort = self._timer(RESORT, self.arrange)

    def _timer(self, interval: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(act)
        return timer

    def stop(self) -> None:
        """For good: what still comes is counted, and shown no more."""
        self._stopped = True
        self._tick.stop()
        self._resort.stop()

    def _soon(self) -> None:
        """What has come is shown with the next tick."""
        if not self._stopped and not self._tick.isActive():
            self._tick.start()

    # Filling

    def add(self, items: Iterable[Item]) -> None:
        """New pictures, at the end; shown within 100 ms."""
        added = list(items)
        self.items += added
        self._named.update(item.name for item in added)
        self._new += added
        self._soon()
        self.counted.emit()

    def note(self, item: Item, answers: Iterable[Answer] = (), error: str = "", done: bool = True) -> None:
        """Answers for a picture have come, or why there are none."""
        failed, was_done = bool(item.failures), item.done
        for answer in answers:
            item.answers[answer.model] = answer
        item.error = error
        item.done = item.done or done
        self.done += item.done - was_done
        self.failed += bool(item.failures) - failed
        self._changed.add(item)
        self._soon()

    def drop(self, item: Item, model: str) -> None:
        """One model's answer counts no more."""
        failed = bool(item.failures)
        item.answers.pop(model, None)
        self.failed += bool(item.failures) - failed
        self._changed.add(item)

    def forget(self, item: Item) -> None:
        """Everything that is known of a picture: it is looked at again."""
        self.failed -= bool(item.failures)
        self.done -= item.done
        item.answers.clear()
        item.error, item.done = "", False
        self._changed.add(item)
        self._soon()

    def clear(self) -> None:
        self.beginResetModel()
        self.items, self._rows, self._places = [], [], {}
        self._named.clear()
        self._new.clear()
        self._changed.clear()
        self.done = self.failed = 0
        self.endResetModel()
        self.counted.emit()

    def flush(self) -> None:
        """Show at once what waits."""
        while self._new or self._changed:
            self._flush()

    def _flush(self) -> None:
        # Rows and answers in pieces: a folder of ten thousand must not hold the window up.
        some, self._new = self._new[:NEW_ROWS], self._new[NEW_ROWS:]
        if some and not self._arranged:
            self._insert(some)
        changed, self._changed = self._changed, set()
        if self._arranged and not self._new and not self._resort.isActive():
            self._resort.start()
        if changed:
            last = self.columnCount() - 1
            for first, final in _runs(sorted(self._places[item] for item in changed if item in self._places)):
                self.dataChanged.emit(self.index(first, 0), self.index(final, last))
        if self._new:
            self._soon()
        self.counted.emit()

    def _insert(self, items: list[Item]) -> None:
        first = len(self._rows)
        self.beginInsertRows(_ROOT, first, first + len(items) - 1)
        self._rows += items
        self._places.update((item, first + k) for k, item in enumerate(items))
        self.endInsertRows()

    # Filter and order

    @property
    def _arranged(self) -> bool:
        """Whether rows are left out or moved."""
        return bool(self._sort is not None or self._text or self._least > 0 or self._failed_only)

    def show_model(self, model: str) -> None:
        """Whose answers the columns show."""
        if model != self._model:
            self._model = model
            self.arrange()
            if self._rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, self.columnCount() - 1))

    @property
    def shown_model(self) -> str:
        return self._model

    def set_filter(self, text: str = "", least: float = 0.0, failed_only: bool = False) -> None:
        self._text, self._least, self._failed_only = text.casefold().strip(), least, failed_only
        self.arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort = (column, order == Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self.arrange()

    def arrange(self) -> None:
        """Filter and sort anew; what is selected stays selected."""
        begin = time.monotonic()
        filtered = bool(self._text or self._least > 0 or self._failed_only)
        kept = [item for item in self.items if self._passes(item)] if filtered else [*self.items]
        if self._sort is not None:
            column, descending = self._sort
            kept = self._sorted(kept, column, descending)
        self._new.clear()  # they are in `kept`
        self._resort.stop()
        if kept != self._rows:
            self._show(kept)
        # However many there are: a twentieth of the time at most goes into new orders while answers come in.
        self._resort.setInterval(max(RESORT, round(20_000 * (time.monotonic() - begin))))

    def _show(self, kept: list[Item]) -> None:
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        held = [(self._rows[index.row()], index.column()) for index in old]
        self._rows = kept
        self._places = {item: row for row, item in enumerate(kept)}
        fresh = [
            self.index(self._places[item], column) if item in self._places else QModelIndex() for item, column in held
        ]
        self.changePersistentIndexList(old, fresh)
        self.layoutChanged.emit()

    def _passes(self, item: Item) -> bool:
        if self._failed_only and not item.failures:
            return False
        best = self._best(item)
        if self._least > 0 and (best is None or best.top[0].p < self._least):
            return False
        if not self._text or self._text in item.name.casefold():
            return True
        return any(self._text in label.label.casefold() for answer in item.answers.values() for label in answer.top[:1])

    def _sorted(self, items: list[Item], column: int, descending: bool) -> list[Item]:
        """What has no answer comes last either way."""
        if column == NAME:
            from app.media.pictures import natural

            return sorted(items, key=lambda item: natural(item.name), reverse=descending)
        known: list[tuple[Any, Item]] = []
        rest: list[Item] = []
        for item in items:
            answer = item.answers.get(self._model)
            if answer is None or not answer.top:
                rest.append(item)
            elif column == SURE:
                known.append((answer.top[0].p, item))
            elif column == LABEL:
                known.append((answer.top[0].label.casefold(), item))
            else:
                known.append((bool(agrees(list(item.answers.values()))), item))
        known.sort(key=itemgetter(0), reverse=descending)
        return [item for _, item in known] + rest

    def _best(self, item: Item) -> Answer | None:
        """The shown model's answer, where there is one."""
        answer = item.answers.get(self._model)
        return answer if answer is not None and answer.top else None

    # What views ask

    def item(self, row: int) -> Item:
        return self._rows[row]

    def row(self, item: Item) -> int:
        """-1 where the filter leaves it out."""
        return self._places.get(item, -1)

    @property
    def rows(self) -> Sequence[Item]:
        return self._rows

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else 4

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        # Asked seven times a cell whenever the table is painted: so plain numbers first, and the usual answer at once.
        if role not in _ANSWERED or not index.isValid():
            return None
        item, column = self._rows[index.row()], index.column()
        if role == _DISPLAY:
            return self.text(item, column)
        if role == _ALIGNMENT:
            return _RIGHT if column == SURE else None
        if role == KEY_ROLE:
            return item
        if role == FAILED_ROLE:
            return bool(item.failures)
        return self._tip(item, column) or (self.text(item, column) if role == _ACCESSIBLE else None)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("Picture"), self.tr("Says"), self.tr("How sure"), self.tr("Agree"))[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == SURE else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def text(self, item: Item, column: int) -> str:
        if column == NAME:
            if self._named[item.name] > 1 and item.path is not None:  # the folder tells them apart
                return f"{item.path.parent.name}/{item.name}"
            return item.name
        best = self._best(item)
        if column == LABEL:
            if best is not None:
                return best.top[0].label
            return item.reason if item.done else "…"
        if column == SURE:
            return percent(best.top[0].p) if best is not None else ""
        said = agrees(list(item.answers.values()))
        return "" if said is None else (self.tr("yes") if said else self.tr("no"))

    def _tip(self, item: Item, column: int) -> str:
        if item.failures:
            return "\n".join(item.failures)
        if column == NAME:
            return str(item.path or item.name)
        lines = [f"{a.model}: {a.top[0].label}, {percent(a.top[0].p)}" for a in item.answers.values() if a.top]
        return "\n".join(lines)


def _runs(rows: list[int]) -> list[tuple[int, int]]:
    """Sorted numbers as runs without a gap: a view repaints what lies between the ends of what it is told."""
    runs: list[tuple[int, int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs
