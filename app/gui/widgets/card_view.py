"""A model's card for reading: everything that the program says about a model comes from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QDate, QLocale, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.gui import numbers
from app.gui.theme import QUARTER, STEP, Theme, sized
from app.gui.widgets.official_line import OfficialLine

if TYPE_CHECKING:
    from app.store.cards import Card, Measurement
    from app.store.checks import SelfCheck

STATES = ("loaded", "loading", "ready", "absent", "damaged", "downloading")


@dataclass(frozen=True)
class Beside:
    """What a card doesn't say itself: what the check on the sample pictures found in its file, the official model of
    the same network with its state, and the bytes of its file."""

    check: SelfCheck | None = None
    official: Card | None = None
    official_state: str = "absent"
    size: int | None = None


def tr(text: str) -> str:
    return QCoreApplication.translate("CardView", text)


def state_words(state: str) -> str:
    """One of `STATES` for a person."""
    words = {
        "loaded": tr("in memory"),
        "loading": tr("loading…"),
        "ready": tr("ready"),
        "absent": tr("not downloaded"),
        "damaged": tr("damaged"),
        "downloading": tr("downloading…"),
    }
    return words[state]


def score(card: Card) -> Measurement | None:
    """What we measured; where we have not, what was published."""
    return next(iter(card.measured or card.published), None)


def short_licence(card: Card) -> str:
    """The licence without its explanation: "BSD-3-Clause"."""
    return card.licence.partition(" (")[0].partition(";")[0].strip()


class CardView(QWidget):
    """Title, summary, limits, then facts in two columns. Texts can be selected and copied."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._title = self._words("title", bold=True)
        self._under = self._words("secondary", quiet=True)
        self._summary = self._words()
        self._limits = self._words()
        self._curve = _Curve(theme, self)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(STEP)
        self._facts.setVerticalSpacing(QUARTER)
        self._facts.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(STEP)
        head = QVBoxLayout()
        head.setSpacing(0)
        head.addWidget(self._title)
        head.addWidget(self._under)
        column.addLayout(head)
        column.addWidget(self._summary)
        column.addWidget(self._limits)
        self.official = OfficialLine(self)
        column.addWidget(self.official)
        column.addLayout(self._facts)
        column.addWidget(self._curve)
        column.addStretch(1)

    def show_card(self, card: Card, state: str, beside: Beside = Beside()) -> None:
        self._title.setText(card.name)
        self._under.setText(f"{card.year} · {card.id} · {state_words(state)}")
        self._summary.setText(card.summary)
        self._limits.setText(card.limits)
        self._curve.set_points(card.curve, next((one.scores[0][0] for one in card.measured if one.scores), ""))
        self.official.show_official(beside.official, beside.official_state)
        while (item := self._facts.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for row, (name, value) in enumerate(self._rows(card, state, beside)):
            label = self._words("secondary", quiet=True)
            label.setText(name)
            label.setWordWrap(False)
            text = self._words("secondary")
            text.setText(value)
            text.setAccessibleName(f"{name}: {value}")
            self._facts.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(text, row, 1, Qt.AlignmentFlag.AlignTop)
            label.show()  # at once: a layout counts new widgets only when they are shown, and would squeeze the rest
            text.show()
        if (layout := self.layout()) is not None:
            layout.activate()

    def _rows(self, card: Card, state: str, beside: Beside) -> list[tuple[str, str]]:
        rows = [(self.tr("Size"), numbers.size(beside.size if beside.size is not None else card.approximate_size))]
        if card.parameters:
            rows.append((self.tr("Parameters"), numbers.millions(card.parameters)))
        rows += [(self.tr("Measured by us"), _measurement(one)) for one in card.measured]
        if not card.measured:
            rows.append((self.tr("Measured by us"), self.tr("not yet")))
        rows += [(self.tr("Published"), _measurement(one)) for one in card.published]
        if card.origin != "embedded" and state in ("loaded", "loading", "ready"):
            rows.append((self.tr("Checked"), _check(beside.check, bool(card.parts))))
        if card.training:
            rows.append((self.tr("How it learnt"), card.training))
        rows.append((self.tr("Licence"), card.licence))
        rows.append((self.tr("Learnt from"), card.terms))
        if card.source:
            rows.append((self.tr("Source"), card.source))
        if card.attribution:
            rows.append((self.tr("Thanks to"), card.attribution))
        for address in card.addresses:
            rows.append((self.tr("Address"), address))
        if card.addresses and not card.confirmed:
            rows.append(("", self.tr("None of us has opened this address or read the terms there.")))
        return rows

    def _words(self, size: str = "body", bold: bool = False, quiet: bool = False) -> QLabel:
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)  # a card comes from a file: nothing in it is markup
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if size != "body" or bold:
            sized(label, size, bold)
        label.setProperty("quiet", quiet)
        return label


def _measurement(one: Measurement) -> str:
    if one.top1 is None:
        return tr("{0} on {1}").format(
            ", ".join(f"{name} {numbers.plain(value)}" for name, value in one.scores), one.data
        )
    if one.top5 is None:
        return tr("top-1 {0} on {1}").format(numbers.per_cent(one.top1), one.data)
    return tr("top-1 {0}, top-5 {1} on {2}").format(numbers.per_cent(one.top1), numbers.per_cent(one.top5), one.data)


def _check(check: SelfCheck | None, published: bool) -> str:
    if check is None:
        return tr("not yet: “Verify” does it") if published else tr("not yet on the sample pictures: “Verify” does it")
    day = QLocale().toString(QDate.fromString(check.day, Qt.DateFormat.ISODate), QLocale.FormatType.ShortFormat)
    if check.outcome:
        outcomes = {"passed": tr("passed"), "differs": tr("differs"), "not run": tr("not run")}
        return f"{outcomes[check.outcome]}: {check.said} ({day})"
    if check.ok:
        words = tr("hash, shapes, and a right class among the first five for all {0} sample pictures ({1})")
        return words.format(check.pictures, day)
    words = tr("right about {0} of {1} sample pictures, not about {2} ({3})")
    return words.format(len(check.right), check.pictures, ", ".join(check.wrong), day)


class _Curve(QWidget):
    """How the model learnt: top-1 over hours. Nothing where the card has no curve."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._points: tuple[tuple[float, float], ...] = ()
        self._score = ""
        sized(self, "secondary")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self.hide()

    def set_points(self, points: tuple[tuple[float, float], ...], score: str = "") -> None:
        """`score`: the name of what is drawn, where that isn't top-1 in per cent."""
        self._points, self._score = points, score
        self.setVisible(len(points) > 1)
        if len(points) > 1:
            hours, top1 = points[-1]
            text = self.tr("Learning curve: {0} {1} after {2} hours").format(
                score or self.tr("top-1"), self._value(top1), f"{hours:.1f}".rstrip("0").rstrip(".")
            )
            self.setAccessibleName(text)
            self.setToolTip(text)
        self.update()

    def _value(self, score: float) -> str:
        return numbers.plain(score) if self._score else numbers.per_cent(score)

    def sizeHint(self) -> QSize:
        return QSize(240, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        if len(self._points) < 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.fontMetrics().height()
        place = QRectF(self.rect()).adjusted(1, line + QUARTER, -1, -line - QUARTER)
        hours = max(x for x, _ in self._points) or 1.0
        top = max(y for _, y in self._points) or 1.0
        painter.setPen(QPen(self._theme.colour("hairline"), 1))
        painter.drawLine(place.bottomLeft(), place.bottomRight())
        painter.setPen(QPen(self._theme.colour("accent"), 2))
        painter.drawPolyline(
            [
                QPointF(place.left() + place.width() * x / hours, place.bottom() - place.height() * y / top)
                for x, y in self._points
            ]
        )
        painter.setPen(self._theme.colour("secondary"))
        painter.drawText(
            QPointF(0, self.fontMetrics().ascent()),
            self.tr("{0} while it learnt").format(self._score or self.tr("top-1")),
        )
        last = self._value(self._points[-1][1])
        painter.drawText(
            QPointF(self.width() - self.fontMetrics().horizontalAdvance(last) - 1, self.fontMetrics().ascent()), last
        )
        base = self.height() - self.fontMetrics().descent()
        painter.drawText(QPointF(0, base), "0 h")
        end = f"{hours:.1f}".rstrip("0").rstrip(".") + " h"
        painter.drawText(QPointF(self.width() - self.fontMetrics().horizontalAdvance(end) - 1, base), end)
