"""Both fields scroll together: the paragraph that is first in the one is first in the other."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QPlainTextEdit


class Scrolling(QObject):
    """The one that a person scrolls leads."""

    def __init__(self, one: QPlainTextEdit, other: QPlainTextEdit, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._one, self._other = one, other
        self._held = False
        one.verticalScrollBar().valueChanged.connect(lambda _: self._follow(one, other))
        other.verticalScrollBar().valueChanged.connect(lambda _: self._follow(other, one))

    def write(self, act: Callable[[], None]) -> None:
        """Something is written into the other field: nothing moves in the one that is typed in, and the other stays
        beside it, unless it is being read."""
        self._hold(act)
        if not (self._other.underMouse() or self._other.hasFocus()):
            self._follow(self._one, self._other)

    def _hold(self, act: Callable[[], None]) -> None:
        self._held = True
        try:
            act()
        finally:
            self._held = False

    def _follow(self, leader: QPlainTextEdit, follower: QPlainTextEdit) -> None:
        if not self._held:
            self._hold(lambda: follower.verticalScrollBar().setValue(_place(leader, follower)))


def _place(leader: QPlainTextEdit, follower: QPlainTextEdit) -> int:
    """Lines of the follower above its first one in view."""
    bar, other = leader.verticalScrollBar(), follower.verticalScrollBar()
    if bar.value() in (bar.minimum(), bar.maximum()):  # both ends meet
        return other.minimum() if bar.value() == bar.minimum() else other.maximum()
    block = leader.firstVisibleBlock()
    into = (bar.value() - block.firstLineNumber()) / max(1, block.lineCount())
    same = follower.document().findBlockByNumber(block.blockNumber())
    if not same.isValid():
        return round(other.maximum() * bar.value() / bar.maximum())
    return same.firstLineNumber() + round(into * same.lineCount())
