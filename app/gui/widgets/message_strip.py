"""One sentence and at most two actions, at the place where it happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.gui.theme import CORNER, QUARTER, STEP, WIDE, Theme, paint_icon

KINDS = {"info": ("info", "accent"), "warning": ("warning", "warning"), "error": ("error", "error")}
Action = tuple[str, Callable[[], object]]


class _Sentence(QLabel):
    """As high as its lines at the width it is given, and no higher: a label's own guess is for a narrower one."""

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.fontMetrics().height())

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self.fontMetrics().height())


class MessageStrip(QWidget):
    """`kind` is "info", "warning" or "error": shown by an icon of its own, not by colour alone. It closes when the
    person dismisses it or takes an action; a `lasting` one stays."""

    dismissed = Signal()

    def __init__(
        self,
        kind: str,
        sentence: str,
        theme: Theme,
        actions: Sequence[Action] = (),
        parent: QWidget | None = None,
        lasting: bool = False,
    ) -> None:
        super().__init__(parent)
        assert len(actions) <= 2, "a strip has two actions at most"
        self._theme = theme
        self.kind, self.sentence = kind, sentence
        self._icon, self._role = KINDS[kind]
        row = QHBoxLayout(self)
        row.setContentsMargins(WIDE + STEP + 20, STEP, STEP, STEP)
        row.setSpacing(STEP)
        self._label = _Sentence(sentence, self)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self._label.setSizePolicy(policy)
        row.addWidget(self._label, 1)
        self.buttons = [self._button(text, act) for text, act in actions]
        for button in self.buttons:
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._close = QToolButton(self)
        self._close.setIcon(theme.icon("close", "secondary"))
        self._close.setToolTip(self.tr("Dismiss"))
        self._close.setAccessibleName(self.tr("Dismiss this message"))
        self._close.clicked.connect(self.dismiss)
        self._close.setVisible(not lasting)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setAccessibleName(sentence)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        theme.changed.connect(self.update)
        self._announce()

    def dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()
        self.deleteLater()

    def _button(self, text: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(text, self)
        button.setProperty("flat", True)

        def clicked() -> None:
            self.dismiss()
            act()

        button.clicked.connect(clicked)
        return button

    def _announce(self) -> None:
        """Screen readers read it out, an error at once."""
        if QAccessible.isActive():
            event = QAccessibleAnnouncementEvent(self, self.sentence)
            if self.kind == "error":
                event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
            QAccessible.updateAccessibility(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("soft" if self.kind == "info" else "raised"))
        place = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.kind != "info":
            painter.setPen(self._theme.colour(self._role))
        painter.drawRoundedRect(place, CORNER, CORNER)
        box = self._label.geometry()
        top = box.top() + max(0, (box.height() - 18) // 2)
        mark = self.rect()
        mark.setRect(WIDE - QUARTER, top, 18, 18)
        paint_icon(painter, mark, self._icon, self._theme.colours.of(self._role))


class Strips(QWidget):
    """A place for strips, newest first; takes no room while there are none. The same sentence is shown once."""

    MOST = 3

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: list[MessageStrip] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(STEP, STEP, STEP, STEP)
        self._column.setSpacing(QUARTER)
        self.hide()

    def say(self, kind: str, sentence: str, actions: Sequence[Action] = ()) -> MessageStrip:
        for strip in self._shown:
            if strip.sentence == sentence:
                return strip
        strip = MessageStrip(kind, sentence, self._theme, actions, self)
        strip.dismissed.connect(lambda: self._gone(strip))
        self._shown.insert(0, strip)
        self._column.insertWidget(0, strip)
        while len(self._shown) > self.MOST:
            self._shown[-1].dismiss()
        self.show()
        return strip

    def sentences(self) -> list[str]:
        return [strip.sentence for strip in self._shown]

    def clear(self) -> None:
        for strip in list(self._shown):
            strip.dismiss()

    def settle(self) -> None:
        """Something new begins: what was only said, and asks for nothing, goes."""
        for strip in list(self._shown):
            if strip.kind == "info" and not strip.buttons:
                strip.dismiss()

    def _gone(self, strip: MessageStrip) -> None:
        if strip in self._shown:
            self._shown.remove(strip)
        self.setVisible(bool(self._shown))
