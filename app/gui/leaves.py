"""What every panel looks like: input left, answer right, the inside below, sentences on top. See it, read it, look
inside."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from app.gui.context import KEYS_KEY, Context
from app.gui.inside import Inside
from app.gui.widgets.message_strip import Action, Strips

NARROW = 900  # pixels: below, the leaves stand one above the other
LEAST_LEAVES = 200  # pixels: where the inside leaves less than that to picture and answers, it takes all


class Leaves(QWidget):
    """A panel (app.gui.context.Panel) makes its two leaves and its views inside, then calls `put_together`.

    `name` is the panel's in the settings, where the places of the handles are kept. `first_sizes`: how the leaves share
    the room until the person moves a handle, by `division`.
    """

    status_changed = Signal(str)
    models_wanted = Signal()

    def __init__(
        self, name: str, first_sizes: dict[str, list[int]], context: Context, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._name, self._first_sizes, self._context = name, first_sizes, context
        self.strips = Strips(context.theme, self)
        self.inside = Inside(context.theme, self)
        self.inside.hide()
        self._leaves = QSplitter(Qt.Orientation.Horizontal, self)
        self._floors = QSplitter(Qt.Orientation.Vertical, self)
        self._shape = ""

    def put_together(self, left: QWidget, right: QWidget) -> None:
        self._leaves.addWidget(left)
        self._leaves.addWidget(right)
        self._floors.addWidget(self._leaves)
        self._floors.addWidget(self.inside)
        for splitter in (self._leaves, self._floors):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(1)
        self._reshape()
        self.inside.choose(self._context.settings.value(f"{self._name}.inside", ""))
        self.inside.chosen.connect(self._inside_chosen)
        self.inside.whole_wanted.connect(self._share_out)
        self._floors.splitterMoved.connect(self._keep_height)
        self._leaves.splitterMoved.connect(self._keep_sizes)

    def say(self, kind: str, sentence: str, actions: tuple[Action, ...] = ()) -> None:
        self.strips.settle()  # "Saved" three times over would leave little of the picture
        self.strips.say(kind, sentence, actions)

    def key(self, key: int) -> bool:
        """A key without Ctrl: it comes here only where no text field has taken it. False: it does nothing here."""
        return False

    def inside_changed(self) -> None:
        """The inside has come, gone, or shows another tab."""

    @property
    def division(self) -> str:
        """What decides how the leaves share the room: "wide" or "narrow", unless a panel knows more."""
        return self._shape

    # The inside

    def toggle_inside(self) -> None:
        self.inside.setVisible(self.inside.isHidden())
        self._share_floors()
        self.inside_changed()

    def _inside_chosen(self, name: str) -> None:
        self._context.settings.set(f"{self._name}.inside", name)
        self._share_floors()
        self.inside_changed()

    def _share_floors(self) -> None:
        """The inside has the height that its view needs, or that the person gave it; where hardly anything is left for
        picture and answers, all of it."""
        height = self._floors.height()
        kept = self._context.settings.value(f"{self._name}.inside.{self.inside.current}", 0)
        wanted = kept or max(self.inside.least, round(height * 0.3))
        self.inside.whole.setChecked(not self.inside.isHidden() and height - wanted < LEAST_LEAVES)
        self._share_out()
        self._floors.setSizes([height - wanted, wanted])

    def _keep_height(self) -> None:
        """The person has moved the handle."""
        self._context.settings.set(f"{self._name}.inside.{self.inside.current}", self.inside.height())

    def _share_out(self) -> None:
        self._leaves.setVisible(self.inside.isHidden() or not self.inside.whole.isChecked())

    # Keys and shape

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if plain and self._context.settings.value(KEYS_KEY, True) and self.key(event.key()):
            event.accept()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()
        self._reshape()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._lay_out()
            return True
        return super().event(event)

    def _lay_out(self) -> None:
        """By hand: a QLayout passes each new text of a label on to the tab widget, which then repaints the whole panel,
        many times a second while a folder is being worked on or a camera is watched."""
        height = 0
        if not self.strips.isHidden():
            height = max(self.strips.heightForWidth(self.width()), self.strips.minimumSizeHint().height())
        self.strips.setGeometry(0, 0, self.width(), height)
        self._floors.setGeometry(0, height, self.width(), self.height() - height)

    def minimumSizeHint(self) -> QSize:
        return QSize(600, 380)

    def _reshape(self) -> None:
        shape = "narrow" if self.width() < NARROW else "wide"
        if shape == self._shape:
            return
        self._shape = shape
        narrow = shape == "narrow"
        self._leaves.setOrientation(Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal)
        for place, share in enumerate(self._first_sizes[shape]):
            self._leaves.setStretchFactor(place, share)
        # Once the splitter has its new size: before, Qt would share out the old one.
        QTimer.singleShot(0, self._leaves, self.restore_sizes)

    def restore_sizes(self) -> None:
        """The leaves share the room as the person had it last in this `division`."""
        sizes = self._context.settings.value(f"{self._name}.{self.division}", self._first_sizes[self.division])
        self._leaves.setSizes([size for size in sizes if isinstance(size, int)])

    def _keep_sizes(self) -> None:
        """The person has moved the handle. At no other time: sizes on the way to a layout are nobody's choice."""
        self._context.settings.set(f"{self._name}.{self.division}", self._leaves.sizes())
