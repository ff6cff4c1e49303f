"""The left of the laboratory: which network, and what is done to its bypasses."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.engines.lab import DEPTHS, INITS, Fresh, Place, Setup
from app.gui.lab.switches import Switches
from app.gui.lab.words import is_plain, scale_words
from app.gui.theme import QUARTER, STEP, Theme, sized, tabular
from app.gui.widgets.buttons import flat_button

FRESH = ("residual", "plain")  # after the trained ones, in the list of networks


class Controls(QWidget):
    """`setup()` says what is wanted; `changed` when that changes, `of_changed` when another norm of the gradient is."""

    changed = Signal()
    of_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trained: list[str] = []
        self._picked = False  # by the person; before, a trained network goes first
        self.network = self._list(self.tr("Network"))
        self.layers = self._list(self.tr("Layers"), [str(depth) for depth in DEPTHS])
        self.layers.setCurrentIndex(DEPTHS.index(56))
        words = {"small": self.tr("Gaussian, 0.01"), "xavier": "Xavier", "he": "He"}
        self.init = self._list(self.tr("First weights"), [words[init] for init in INITS])
        self.init.setCurrentIndex(INITS.index("he"))
        self.norm = QCheckBox(self.tr("Batch n&ormalisation"), self)
        self.norm.setChecked(True)
        self.of = self._list(self.tr("Gradient by"), [self.tr("the activations"), self.tr("the weights")])
        self.bypass = QSlider(Qt.Orientation.Horizontal, self)
        self.bypass.setRange(0, 100)
        self.bypass.setValue(100)
        self.bypass.setPageStep(10)
        self.bypass.setAccessibleName(self.tr("How much of it every bypass lets through, in per cent"))
        self._scale = QLabel(self)
        self._scale.setFont(tabular(self._scale.font()))
        self._scale.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.switches = Switches(theme, self)
        self._blocks = QLabel(self)
        sized(self._blocks, "secondary")
        self._blocks.setProperty("quiet", True)
        self._blocks.setWordWrap(True)
        self.all = self._button(self.tr("&Whole"), self.tr("All bypasses there"))
        self.none = self._button(self.tr("Cut all"), self.tr("All bypasses cut"))
        self._put_together()
        self._connect()
        self.show_trained([])

    def _put_together(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(STEP)
        grid.setVerticalSpacing(STEP)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget], ...] = (
            (self.tr("&Network"), self.network),
            (self.tr("La&yers"), self.layers),
            (self.tr("F&irst weights"), self.init),
            ("", self.norm),
            (self.tr("Gradient b&y"), self.of),
        )
        self._labels: dict[QWidget, QLabel] = {}
        for row, (words, control) in enumerate(rows):
            label = QLabel(words, self)
            label.setBuddy(control)
            self._labels[control] = label
            grid.addWidget(label, row, 0)
            grid.addWidget(control, row, 1)
        label = QLabel(self.tr("&Bypass"), self)
        label.setBuddy(self.bypass)
        head = QHBoxLayout()
        head.addWidget(label)
        head.addStretch(1)
        head.addWidget(self._scale)
        both = QHBoxLayout()
        both.setSpacing(QUARTER)
        both.addWidget(self.all)
        both.addWidget(self.none)
        both.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(QUARTER)
        column.addLayout(grid)
        column.addSpacing(STEP)
        column.addLayout(head)
        column.addWidget(self.bypass)
        column.addLayout(both)
        column.addWidget(self._blocks)
        column.addWidget(self.switches)
        column.addStretch(1)

    def _connect(self) -> None:
        self.network.activated.connect(self._pick)
        self.network.currentIndexChanged.connect(self._other_network)
        self.layers.currentIndexChanged.connect(self._other_network)
        self.init.currentIndexChanged.connect(self.changed)
        self.norm.toggled.connect(self.changed)
        self.of.currentIndexChanged.connect(self.of_changed)
        self.bypass.valueChanged.connect(self._moved)
        self.switches.changed.connect(self._switched)
        self.all.clicked.connect(self._make_whole)
        self.none.clicked.connect(lambda: self.switches.switch_all(False))

    # What is wanted

    def setup(self) -> Setup:
        return Setup(self._network(), self.bypass.value() / 100, self.switches.cut)

    def _network(self) -> str | Fresh:
        place = self.network.currentIndex()
        if place < len(self._trained):
            return self._trained[place]
        kind = "residual" if FRESH[place - len(self._trained)] == "residual" else "plain"
        depth, init = DEPTHS[self.layers.currentIndex()], INITS[self.init.currentIndex()]
        return Fresh(kind, depth, self.norm.isChecked(), init)  # type: ignore[arg-type]

    @property
    def fresh(self) -> bool:
        return self.network.currentIndex() >= len(self._trained)

    @property
    def of_weights(self) -> bool:
        return self.of.currentIndex() == 1

    # What there is

    def show_trained(self, cards: Sequence[tuple[str, str]]) -> None:
        """Id and name of the trained networks that are here. What the person chose stays chosen where it still is."""
        before = self.network.currentText()
        self._trained = [card for card, _ in cards]
        self.network.blockSignals(True)
        self.network.clear()
        self.network.addItems([name for _, name in cards])
        self.network.addItems([self.tr("Fresh, residual"), self.tr("Fresh, plain")])
        place = self.network.findText(before) if self._picked else 0
        self.network.setCurrentIndex(max(0, place))
        self.network.blockSignals(False)
        self._show_fitting()
        if self.network.currentText() != before:
            self._other_network()

    def show_gradient(self, gradient: bool) -> None:
        """The list of norms is there for gradients alone."""
        self.of.setVisible(gradient)
        self._labels[self.of].setVisible(gradient)

    def show_places(self, places: Sequence[Place]) -> None:
        """The blocks of the network that has answered."""
        self.switches.show_blocks([p.name for p in places if p.block is not None and p.bypass is not None])
        self._tell()

    def _pick(self) -> None:
        self._picked = True

    def _other_network(self) -> None:
        """What was cut in one network means nothing in another."""
        self.switches.blockSignals(True)
        self.switches.show_blocks([])
        self.switches.blockSignals(False)
        self._show_fitting()
        self.changed.emit()

    def _show_fitting(self) -> None:
        shown: tuple[QWidget, ...] = (self.layers, self.init, self.norm)
        for control in shown:
            control.setVisible(self.fresh)
            self._labels[control].setVisible(self.fresh)
        has_bypass = not is_plain(Setup(self._network()))
        for part in (self.bypass, self.switches, self.all, self.none, self._scale):
            part.setEnabled(has_bypass)
        self._tell()

    def _make_whole(self) -> None:
        self.bypass.setValue(100)
        self.switches.switch_all(True)

    def _moved(self) -> None:
        self._tell()
        self.changed.emit()

    def _switched(self) -> None:
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        self._scale.setText(f"× {scale_words(self.bypass.value() / 100)}" if self.bypass.isEnabled() else "")
        count = self.switches.count
        if not self.bypass.isEnabled():
            self._blocks.setText(self.tr("A plain network has no bypasses."))
        elif count:
            words = self.tr("{0} of {1} blocks have theirs. A click cuts it, or puts it back.")
            self._blocks.setText(words.format(count - len(self.switches.cut), count))
        else:
            self._blocks.setText(self.tr("Its blocks stand here as soon as it has answered."))

    def _list(self, name: str, words: Sequence[str] = ()) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        box.addItems(list(words))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(6)
        return box

    def _button(self, words: str, tip: str) -> QPushButton:
        button = flat_button(words, tip, self)
        button.setStyleSheet("QPushButton { padding-left: 0; }")  # its words stand under the others
        button.setAccessibleName(tip)
        return button
