"""Every label that any model lists, with what each model gives it: the first tab of the inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui.classify.answers import Answer, Item, percent
from app.gui.theme import QUARTER, STEP, Theme, sized, tabular


class LabelsView(QWidget):
    """A table of labels and models."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._about = QLabel(self)
        self._about.setProperty("quiet", True)
        self._about.setWordWrap(True)
        sized(self._about, "secondary")
        self.table = QTableWidget(self)
        self.table.setFrameShape(QFrame.Shape.NoFrame)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setShowGrid(False)
        self.table.setAccessibleName(self.tr("Every label and what each model gives it"))
        self.table.setFont(tabular(self.table.font()))
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.table.fontMetrics().height() + STEP)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, QUARTER, STEP, QUARTER)
        column.setSpacing(QUARTER)
        column.addWidget(self._about)
        column.addWidget(self.table, 1)

    def show_answers(self, item: Item | None, names: Mapping[str, str], seen: Mapping[str, str]) -> None:
        """`seen`: for each model what it saw of the picture, in words."""
        answers = [a for a in item.answers.values() if a.top and a.model in names] if item is not None else []
        self._fill(answers, names)
        if not answers:
            self._about.setText(self.tr("As soon as there is an answer, all labels of all models stand here together."))
            return
        words = self.tr("A dot: not among the labels that this model gave.")
        lines = [f"{names[a.model]}: {seen[a.model]}" for a in answers if a.model in seen]
        self._about.setText("  ·  ".join([*lines, words]))

    def _fill(self, answers: Sequence[Answer], names: Mapping[str, str]) -> None:
        labels: dict[int, str] = {}
        most: dict[int, float] = {}
        for answer in answers:
            for label in answer.top:
                labels[label.index] = label.label
                most[label.index] = max(most.get(label.index, 0.0), label.p)
        order = sorted(labels, key=lambda index: -most[index])
        self.table.setRowCount(len(order))
        self.table.setColumnCount(1 + len(answers))
        self.table.setHorizontalHeaderLabels([self.tr("Label"), *(names[answer.model] for answer in answers)])
        head = self.table.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column in range(1 + len(answers)):
            title = self.table.horizontalHeaderItem(column)
            assert title is not None
            title.setTextAlignment(left if column == 0 else right)
        for row, index in enumerate(order):
            self.table.setItem(row, 0, QTableWidgetItem(labels[index]))
            for column, answer in enumerate(answers, 1):
                p = next((label.p for label in answer.top if label.index == index), None)
                cell = QTableWidgetItem(percent(p) if p is not None else "·")
                cell.setTextAlignment(right)
                self.table.setItem(row, column, cell)
