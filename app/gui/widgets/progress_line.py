"""What is being done, how far it is, how long it will take, and a way to stop it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.theme import QUARTER, STEP, Theme, sized, tabular
from app.gui.widgets.elided import ElidedLabel

if TYPE_CHECKING:
    from app.store.progress import Progress

PATIENCE = 300  # ms: a job that takes less shows none
WINDOW = 10.0  # seconds that the speed is taken over


class ProgressLine(QWidget):
    """Keeps its room while it is hidden, so that nothing jumps. `cancelled` is what the person wants; the line stays
    until `finish`."""

    cancelled = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None, keep_room: bool = True) -> None:
        super().__init__(parent)
        self._what = ""
        self._seen: deque[tuple[float, int]] = deque()
        self._label = ElidedLabel("", self)
        self._right = ElidedLabel("", self, Qt.TextElideMode.ElideLeft)
        self._right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        sized(self._label, "secondary")
        sized(self._right, "secondary")
        self._right.setFont(tabular(self._right.font()))
        self._right.setProperty("quiet", True)
        self._bar = _Bar(theme, self)
        self._stop = QToolButton(self)
        self._stop.setIcon(theme.icon("close", "secondary"))
        self._stop.setToolTip(self.tr("Cancel (Esc)"))
        self._stop.setAccessibleName(self.tr("Cancel"))
        self._stop.clicked.connect(self._cancel)

        words = QHBoxLayout()
        words.setSpacing(STEP)
        words.addWidget(self._label, 2)
        words.addWidget(self._right, 3)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(QUARTER)
        left.addLayout(words)
        left.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(STEP)
        row.addLayout(left, 1)
        row.addWidget(self._stop)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setRetainSizeWhenHidden(keep_room)
        self.setSizePolicy(policy)
        self.hide()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE)
        self._patience.timeout.connect(self.show)

    @property
    def running(self) -> bool:
        return not self.isHidden() or self._patience.isActive()

    def start(self, what: str, at_once: bool = False) -> None:
        """Shown after 300 ms, or now."""
        self._what = what
        self._seen.clear()
        self._stop.setEnabled(True)
        self._say(what, "", None)
        if at_once:
            self._patience.stop()
            self.show()
        elif not self.isVisible():
            self._patience.start()

    def advance(self, done: int, total: int | None) -> None:
        """So many of so many, pictures say; the time left comes from the last seconds."""
        now = time.monotonic()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        if not total:
            self._say(self._what, numbers.whole(done), None)
            return
        far = self.tr("{0} of {1}").format(numbers.whole(done), numbers.whole(total))
        then, before = self._seen[0]
        if now - then > 0.5 and done > before and done < total:
            left = (total - done) * (now - then) / (done - before)
            far += " · " + self.tr("{0} left").format(numbers.duration(left))
        self._say(self._what, far, done / total)

    def advance_download(self, progress: Progress) -> None:
        """The same for a download's own report, and for what is made of it."""
        doing = {"unpacking": self.tr("Unpacking"), "converting": self.tr("Converting")}
        what = doing.get(progress.doing, self._what)
        if progress.total is None:
            far = numbers.size(progress.received) if progress.received else self.tr("asking for it…")
            self._say(what, far, None)
            return
        far = self.tr("{0} of {1}").format(numbers.size(progress.received), numbers.size(progress.total))
        if progress.seconds_left is not None:
            far += " · " + self.tr("{0} left").format(numbers.duration(progress.seconds_left))
        self._say(what, far, progress.received / max(1, progress.total))

    def finish(self) -> None:
        self._patience.stop()
        self.hide()

    def _cancel(self) -> None:
        self._stop.setEnabled(False)
        self._right.setText(self.tr("cancelling…"))
        self.cancelled.emit()

    def _say(self, what: str, far: str, share: float | None) -> None:
        self._label.setText(what)
        if self._stop.isEnabled():  # else the person has cancelled, and is told so
            self._right.setText(far)
        self._bar.set_share(share)
        self.setAccessibleName(f"{what} {far}".strip())


class _Bar(QWidget):
    """A thin line that fills. Where nobody knows how far it is, a piece in the middle: no movement to wait for."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.share: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_share(self, share: float | None) -> None:
        self.share = None if share is None else min(1.0, max(0.0, share))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(80, 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        whole = QRectF(self.rect())
        painter.setBrush(self._theme.colour("hairline"))
        painter.drawRoundedRect(whole, 2, 2)
        painter.setBrush(self._theme.colour("accent"))
        if self.share is None:
            painter.drawRoundedRect(QRectF(whole.width() * 0.4, 0, whole.width() * 0.2, whole.height()), 2, 2)
        elif self.share > 0:
            painter.drawRoundedRect(QRectF(0, 0, max(4.0, whole.width() * self.share), whole.height()), 2, 2)
