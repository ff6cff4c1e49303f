"""The shared pieces: each says what it should, can be reached by keyboard, and stays within its room."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from app.gui.widgets.card_view import STATES, CardView, short_licence, state_words
from app.gui.widgets.drop_area import DropArea, Offer
from app.gui.widgets.elided import ElidedLabel
from app.gui.widgets.message_strip import MessageStrip, Strips
from app.gui.widgets.model_chip import ModelChip
from app.gui.widgets.progress_line import ProgressLine
from app.store.catalog import Store
from app.store.progress import Progress


@pytest.fixture
def place(qtbot, theme):
    """A widget to put things into, with a column."""
    widget = QWidget()
    QVBoxLayout(widget)
    widget.resize(500, 300)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_a_long_line_is_shortened_and_kept_whole_as_tip(place):
    label = ElidedLabel("a line that is much too long for the room that there is", place)
    label.show()
    label.resize(80, 20)
    assert label.shown_text().endswith("…")
    assert label.toolTip() == label.text()
    label.resize(900, 20)
    assert label.shown_text() == label.text()
    assert label.toolTip() == ""
    label.setText("two\nlines")
    assert label.text() == "two lines"


def test_a_strip_is_dismissed_and_acts_once(place, theme, qtbot):
    done = []
    strip = MessageStrip("error", "cat.jpg can't be read.", theme, (("Try again", lambda: done.append(1)),), place)
    place.layout().addWidget(strip)
    assert strip.accessibleName() == "cat.jpg can't be read."
    with qtbot.waitSignal(strip.dismissed):
        strip.buttons[0].click()
    assert done == [1]
    assert strip.isHidden()


def test_a_strip_is_as_high_as_its_sentence(place, theme, qtbot):
    short = MessageStrip("info", "Short.", theme, parent=place)
    long = MessageStrip("info", "A sentence of many words that goes on and on. " * 6, theme, parent=place)
    for strip in (short, long):
        place.layout().addWidget(strip)
    place.layout().addStretch(1)
    qtbot.waitUntil(lambda: long.height() > short.height() > 0)
    assert short.height() < 60


def test_a_wide_strip_has_no_room_for_lines_it_does_not_need(place, theme, qtbot):
    strips = Strips(theme, place)
    strips.say("info", "There is no picture in it: bring a file, a folder or a copied picture.")
    qtbot.wait(20)
    assert strips.heightForWidth(160) > strips.heightForWidth(1280)
    assert strips.minimumSizeHint().height() <= strips.heightForWidth(1280)


def test_strips_say_a_sentence_once_and_three_at_most(place, theme):
    strips = Strips(theme, place)
    assert strips.isHidden()
    for _ in range(2):
        strips.say("warning", "one")
    assert strips.sentences() == ["one"]
    for number in range(4):
        strips.say("info", f"sentence {number}")
    assert strips.sentences() == ["sentence 3", "sentence 2", "sentence 1"]
    strips.clear()
    assert strips.isHidden()


def test_a_short_job_shows_no_progress(place, theme, qtbot):
    line = ProgressLine(theme, place)
    line.start("quick")
    qtbot.wait(50)
    line.finish()
    qtbot.wait(350)
    assert line.isHidden()
    line.start("slow")
    qtbot.waitUntil(lambda: line.isVisible(), timeout=2000)
    line.finish()
    assert line.isHidden()
    assert not line.running


def test_progress_says_how_far_and_how_long(place, theme, qtbot):
    line = ProgressLine(theme, place)
    line.start("Classifying", at_once=True)
    line.advance(0, 200)
    line._seen[0] = (line._seen[0][0] - 10, 0)  # ten seconds ago
    line.advance(100, 200)
    assert "100 of 200" in line.accessibleName()
    assert "10 s left" in line.accessibleName()
    with qtbot.waitSignal(line.cancelled):
        line._stop.click()
    line.advance(120, 200)
    assert line._right.text() == "cancelling…"
    line.start("again", at_once=True)
    assert line._stop.isEnabled()


def test_progress_of_a_download(place, theme):
    line = ProgressLine(theme, place)
    line.start("Downloading", at_once=True)
    line.advance_download(Progress(0, None, None, None, ""))
    assert "asking" in line.accessibleName()
    line.advance_download(Progress(12_300_000, 46_800_000, 1e6, 75, ""))
    assert "12.3 MB of 46.8 MB · 1 min 15 s left" in line.accessibleName()
    assert line._bar.share == pytest.approx(0.263, abs=0.001)


def test_it_keeps_its_room_while_hidden(place, theme):
    line = ProgressLine(theme, place)
    assert line.sizePolicy().retainSizeWhenHidden()


def _files(*names: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(f"/{name}") for name in names])
    return data


class TestDropArea:
    @pytest.fixture
    def area(self, place, theme):
        def describe(data: QMimeData) -> Offer:
            good = all(url.path().endswith(".jpg") for url in data.urls())
            return Offer(f"{len(data.urls())} to classify") if good else Offer("This can't be opened", False)

        return DropArea(place, theme, describe)

    def _send(self, place: QWidget, kind: type, data: QMimeData) -> QDropEvent:
        how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        try:
            event = kind(QPointF(5, 5), *how)
        except TypeError:  # Qt before 6.12
            event = kind(QPoint(5, 5), *how)
        QApplication.sendEvent(place, event)
        return event

    def test_it_says_what_will_happen_and_takes_it(self, place, area, qtbot):
        data = _files("a.jpg", "b.jpg")
        self._send(place, QDragEnterEvent, data)
        assert area.isVisible()
        assert area.offer == Offer("2 to classify")
        assert area.geometry() == place.rect()
        assert self._send(place, QDragMoveEvent, data).isAccepted()
        with qtbot.waitSignal(area.dropped) as caught:
            self._send(place, QDropEvent, data)
        assert caught.args[0].urls()[0].path() == "/a.jpg"
        assert area.isHidden()

    def test_it_says_why_not_and_takes_nothing(self, place, area, qtbot):
        data = _files("a.exe")
        self._send(place, QDragEnterEvent, data)
        assert area.isVisible()
        assert area.offer is not None
        assert not area.offer.acceptable
        assert not self._send(place, QDragMoveEvent, data).isAccepted()
        with qtbot.assertNotEmitted(area.dropped):
            self._send(place, QDropEvent, data)

    def test_it_goes_when_the_drag_leaves(self, place, area):
        self._send(place, QDragEnterEvent, _files("a.jpg"))
        place.resize(400, 200)
        assert area.geometry() == place.rect()
        QApplication.sendEvent(place, QDragLeaveEvent())
        assert area.isHidden()


class TestModels:
    @pytest.fixture
    def card(self, home):
        return Store().card("resnet18-v1")

    @pytest.mark.parametrize("state", STATES)
    def test_a_chip_says_name_score_and_state(self, card, state, place, theme):
        chip = ModelChip(card, state, theme, place)
        assert card.name in chip.accessibleName()
        assert "69.8 %" in chip.accessibleName()
        assert state_words(state) in chip.accessibleName()
        chip.resize(90, chip.sizeHint().height())
        assert not chip.grab().isNull()

    def test_a_click_opens_the_card_and_offers_the_download(self, card, place, theme, qtbot):
        chip = ModelChip(card, "absent", theme, place)
        chip.show()
        chip.setFocus()
        qtbot.keyClick(chip, Qt.Key.Key_Space)
        popover = chip.popover
        assert popover is not None
        assert popover.isVisible()
        assert "46.8 MB" in popover.download.text()
        assert popover.release.isHidden()
        with qtbot.waitSignal(chip.download_wanted) as caught:
            popover.download.click()
        assert caught.args == [card.id]
        qtbot.waitUntil(lambda: chip.popover is None)

    def test_a_loaded_model_can_be_released_from_its_card(self, card, place, theme, qtbot):
        chip = ModelChip(card, "loaded", theme, place)
        chip.open_card()
        with qtbot.waitSignal(chip.release_wanted):
            chip.popover.release.click()
        qtbot.waitUntil(lambda: chip.popover is None)

    def test_an_open_card_follows_the_state(self, card, place, theme, qtbot):
        chip = ModelChip(card, "absent", theme, place)
        chip.open_card()
        chip.set_state("loaded")
        assert chip.popover.download.isHidden()
        with qtbot.waitSignal(chip.models_wanted):
            chip.popover.all.click()
        qtbot.waitUntil(lambda: chip.popover is None)

    def test_a_card_says_everything_and_nothing_is_markup(self, card, place, theme):
        import dataclasses

        view = CardView(theme, place)
        view.show_card(dataclasses.replace(card, summary="<b>bold</b>", curve=((0.0, 1.0), (2.0, 50.0))), "ready")
        texts = [label.text() for label in view.findChildren(QLabel)]
        assert "<b>bold</b>" in texts
        assert all(label.textFormat() == Qt.TextFormat.PlainText for label in view.findChildren(QLabel))
        everything = "\n".join(texts)
        for part in (card.name, card.licence, card.terms, card.limits, card.addresses[0], "None of us has opened"):
            assert part in everything
        assert "50.0 %" in view._curve.accessibleName()
        view.show_card(card, "ready")
        assert view._curve.isHidden()

    def test_licences_are_named_shortly(self, card):
        assert short_licence(card) == "BSD-3-Clause"
