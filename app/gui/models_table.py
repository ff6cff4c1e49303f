"""The list of the models page: a row a model; the check box puts it into the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.gui import numbers
from app.gui.context import MODELS_KEY, MOST_MODELS, Context, chosen_models
from app.gui.theme import STEP
from app.gui.widgets.card_view import Beside, score, short_licence, state_words

if TYPE_CHECKING:
    from app.store.cards import Card

Index = QModelIndex | QPersistentModelIndex
NAME, STATE, SIZE, SCORE, LICENCE = range(5)


def state_of(context: Context, card: Card) -> str:
    """One of `card_view.STATES`."""
    if card.id in context.downloads.active():
        return "downloading"
    if card.id in context.bridge.loaded:
        return "loaded"
    return context.store.state(card).value


def beside(context: Context, card: Card) -> Beside:
    """What stands beside the card: the model's check, and the official weights of the same network; beside an embedded
    captioner or translator, the published one."""

    from app.store.cards import directions

    def better(one: Card) -> bool:
        if card.official or card.task == "classify" or card.origin != "embedded":
            return bool(card.official) and one.id == card.official
        shared = card.task != "translate" or {*directions(card)} & {*directions(one)}
        return one.origin == "official" and one.task == card.task and bool(shared)

    official = next((one for one in context.store.cards() if better(one)), None)
    state = state_of(context, official) if official is not None else "absent"
    return Beside(context.store.self_check(card), official, state, context.store.size(card))


class ModelsTable(QAbstractTableModel):
    """`chosen_changed`: the person has put a model into the panel, or taken one out. `refused`: a sentence."""

    chosen_changed = Signal()
    refused = Signal(str)

    def __init__(self, context: Context, parent: Any = None) -> None:
        super().__init__(parent)
        self._context = context
        self.cards: list[Card] = []
        self._states: dict[str, str] = {}
        self._chosen: list[str] = []
        self.refresh()

    def refresh(self) -> None:
        """Reads the store again. The rows stay themselves where the same models are there, so that the choice stays."""
        cards = list(self._context.store.cards())
        same = [card.id for card in cards] == [card.id for card in self.cards]
        if not same:
            self.beginResetModel()
        self.cards = cards
        self._states = {card.id: state_of(self._context, card) for card in cards}
        self._chosen = chosen_models(self._context)
        if not same:
            self.endResetModel()
        elif cards:
            self.dataChanged.emit(self.index(0, 0), self.index(len(cards) - 1, LICENCE))

    def state(self, card: Card) -> str:
        return self._states[card.id]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.cards)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else LICENCE + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(section)
        if orientation != Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        names = (self.tr("Model"), self.tr("State"), self.tr("Size"), self.tr("Score"), self.tr("Licence"))
        return names[section]

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == NAME and self.cards[index.row()].task == "classify":
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        card = self.cards[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.CheckStateRole and column == NAME and card.task == "classify":
            return Qt.CheckState.Checked if card.id in self._chosen else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(card, column)
        if role == Qt.ItemDataRole.ForegroundRole and column != NAME and self._states[card.id] == "absent":
            return self._context.theme.colour("secondary")
        if role == Qt.ItemDataRole.ToolTipRole and column == SCORE:
            return self._score_tip(card)
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != NAME:
            return False
        card = self.cards[index.row()]
        wanted = Qt.CheckState(value) == Qt.CheckState.Checked
        if wanted and len(self._chosen) >= MOST_MODELS:
            self.refused.emit(
                self.tr("The panel shows {0} models at most: take one out before you put {1} in.").format(
                    MOST_MODELS, card.name
                )
            )
            return False
        self._chosen = [model for model in self._chosen if model != card.id] + ([card.id] if wanted else [])
        self._context.settings.set(MODELS_KEY, list(self._chosen))
        self.dataChanged.emit(index, index, [Qt.ItemDataRole.CheckStateRole])
        self.chosen_changed.emit()
        return True

    def _text(self, card: Card, column: int) -> str:
        if column == NAME:
            return card.name
        if column == STATE:
            return state_words(self._states[card.id])
        if column == SIZE:
            return numbers.size(self._context.store.size(card))
        if column == LICENCE:
            return short_licence(card)
        found = score(card)
        if found is None:
            return "–"
        return numbers.headline(found) if card.measured else f"{numbers.headline(found)} *"

    def _score_tip(self, card: Card) -> str | None:
        found = score(card)
        if found is None:
            return self.tr("Neither measured nor published")
        how = self.tr("Measured by us") if card.measured else self.tr("Published")
        return f"{how}: {found.data}"

    @staticmethod
    def _alignment(column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if column in (SIZE, SCORE) else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


class ModelsList(QTableView):
    """The table as it is shown. Where there is little room the names keep theirs, and the columns that the card repeats
    go, the least important first."""

    BY_WEIGHT = (STATE, SCORE, SIZE, LICENCE)
    LEAST_NAME = 30  # letters

    def __init__(self, table: ModelsTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(table)
        self.setAccessibleName(self.tr("Models"))
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names differ at their ends: V1, V2
        self.setTabKeyNavigation(False)  # Tab leaves the list, arrows move in it
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * STEP)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in self.BY_WEIGHT:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(48)

    def resizeEvent(self, event: QResizeEvent) -> None:
        room = self.viewport().width() - self.LEAST_NAME * self.fontMetrics().averageCharWidth()
        for column in self.BY_WEIGHT:
            room -= max(self.sizeHintForColumn(column), self.horizontalHeader().sectionSizeHint(column))
            self.setColumnHidden(column, room < 0)
        super().resizeEvent(event)
