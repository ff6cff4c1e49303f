"""The models page: what each model is, and what can be done about it."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.gui.context import MODELS_KEY, chosen_models
from app.gui.models_table import LICENCE, NAME, SCORE, SIZE, STATE
from app.gui.window import MainWindow
from app.store.cards import Card, Measurement
from app.store.catalog import State, Store, Verification
from app.store.checks import SelfCheck
from app.store.download import DownloadCancelled, DownloadError
from app.store.errors import StoreError
from app.store.progress import Progress
from app.worker import Ticket


class PlayStore(Store):
    """Downloads without a network: reports, then does what `then` says. Other files are as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.then = "finish"
        self.go = threading.Event()
        self.here: set[str] = set()
        self.mirrors: list[str | None] = []
        self.official = ""  # of the embedded model
        self.checks: dict[str, SelfCheck] = {}

    def cards(self, task=None):
        return tuple(
            dataclasses.replace(card, official=self.official) if card.origin == "embedded" else card
            for card in super().cards(task)
        )

    def size(self, card):
        return card.approximate_size

    def self_check(self, card):
        return self.checks.get(card.id)

    def state(self, card):
        return State.READY if card.id in self.here else super().state(card)

    def download(self, model_id, progress=None, cancelled=None, mirror=None):
        self.mirrors.append(mirror)
        progress(Progress(10_000_000, 46_800_000, 1e6, 36.8, "https://example.org"))
        while not self.go.wait(0.01):
            if cancelled():
                raise DownloadCancelled("cancelled")
        if self.then == "fail":
            raise DownloadError("The address can't be reached: try again later.")
        if self.then == "fault":
            raise KeyError("a fault")
        self.here.add(model_id)
        return Path(model_id)

    def remove(self, model_id):
        if model_id not in self.here:
            raise StoreError("not here")
        self.here.discard(model_id)

    def verify(self, model_id):
        return Verification(model_id, model_id != "resnet18-v1", f"{model_id} was looked at.")


@pytest.fixture
def store(home):
    return PlayStore()


@pytest.fixture
def context(make_context, store):
    return make_context(store)


@pytest.fixture
def page(qtbot, context):
    window = MainWindow(context)
    qtbot.addWidget(window)
    window.show()
    window.show_models()
    return window._dialogs["models"]


def _text(page, model: str, column: int) -> str:
    row = next(row for row, card in enumerate(page.table.cards) if card.id == model)
    return page.table.index(row, column).data()


def _check(page, model: str, on: bool) -> bool:
    row = next(row for row, card in enumerate(page.table.cards) if card.id == model)
    state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
    return page.table.setData(page.table.index(row, NAME), state, Qt.ItemDataRole.CheckStateRole)


def test_each_model_is_listed_with_what_matters(page):
    assert _text(page, "efficientnet-lite0", STATE) == "ready"
    assert _text(page, "efficientnet-lite0", SIZE) == "9.4 MB"
    assert _text(page, "resnet18-v1", STATE) == "not downloaded"
    assert _text(page, "resnet18-v1", SCORE) == "top-1 69.8 % *"
    assert len(page.table.cards) == len(page.context.store.cards())


def test_three_at_most_in_the_panel(page, context):
    first, second, third = chosen_models(context)
    assert not _check(page, "resnet50-v2", True)
    assert "3 models at most" in page.strips.sentences()[0]
    assert _check(page, first, False)
    assert _check(page, "resnet50-v2", True)
    assert chosen_models(context) == [second, third, "resnet50-v2"]
    assert context.settings.value(MODELS_KEY, [""]) == chosen_models(context)


def test_a_download_shows_progress_and_ends_ready(page, context, store, qtbot):
    page.choose("resnet18-v1")
    assert page.download.text() == "Download (46.8 MB)"
    page.download.click()
    assert _text(page, "resnet18-v1", STATE) == "downloading…"
    assert page.download.isHidden()
    qtbot.waitUntil(lambda: "10.0 MB of 46.8 MB" in page.progress.accessibleName())
    store.go.set()
    with qtbot.waitSignal(context.downloads.finished):
        pass
    assert _text(page, "resnet18-v1", STATE) == "ready"
    assert page.progress.isHidden()
    assert not page.verify.isHidden()
    assert not page.remove.isHidden()


def test_a_download_is_cancelled(page, context, qtbot):
    page.choose("resnet18-v1")
    page.download.click()
    with qtbot.waitSignal(context.downloads.cancelled):
        page.progress.cancelled.emit()
    assert _text(page, "resnet18-v1", STATE) == "not downloaded"
    assert context.downloads.active() == ()


@pytest.mark.parametrize(("then", "said"), [("fail", "can't be reached"), ("fault", "the log has more")])
def test_a_download_that_fails_is_said(page, context, store, then, said, qtbot):
    store.then = then
    store.go.set()
    context.settings.set("downloads.mirror", "https://mirror.example")
    page.choose("resnet18-v1")
    with qtbot.waitSignal(context.downloads.failed):
        page.download.click()
    assert said in page.strips.sentences()[0]
    assert said in page._window.strips.sentences()[0]
    assert store.mirrors == ["https://mirror.example"]
    assert page._window.status.badge.text() == "nothing leaves this machine"


def test_verifying_says_what_it_found(page, store, qtbot):
    page.choose("efficientnet-lite0")
    with qtbot.waitSignal(page.tasks.done):
        page.verify.click()
        assert not page.verify.isEnabled()
    assert page.strips.sentences() == ["efficientnet-lite0 was looked at."]
    assert page.verify.isEnabled()


def test_removing_asks_first(page, store, qtbot):
    store.here.add("resnet18-v1")
    page.refresh()
    page.choose("resnet18-v1")
    page.remove.click()
    assert "resnet18-v1" in store.here
    strip = page.strips._shown[0]
    assert "46.8 MB" in strip.sentence
    strip.buttons[0].click()
    assert store.here == set()
    assert _text(page, "resnet18-v1", STATE) == "not downloaded"


def test_embedded_models_cannot_be_removed(page):
    page.choose("efficientnet-lite0")
    assert page.remove.isHidden()


def test_an_import_shows_how_far_it_is_and_can_be_cancelled(page, store, tmp_path, qtbot, monkeypatch):
    def take_in(file, name=None, progress=None, cancelled=None):
        progress(Progress(300_000_000, 800_000_000, None, None, file.name, doing="converting"))
        while not cancelled():
            time.sleep(0.005)
        raise DownloadCancelled("cancelled")

    monkeypatch.setattr(store, "import_file", take_in)
    page.import_file(tmp_path / "gnmt_model.zip")
    assert page.progress._label.text() == "Importing gnmt_model.zip"
    qtbot.waitUntil(lambda: page.progress._label.text() == "Converting")
    assert "300" in page.progress._right.text()
    page.choose("resnet18-v1")
    assert page.progress.running
    with qtbot.waitSignal(page.tasks.done):
        page.progress._stop.click()
    assert page.strips.sentences() == ["The import is cancelled: nothing of it stays."]
    assert not page.progress.running
    assert page.import_button.text() == "Import…"


def test_an_import_that_is_refused_is_said(page, tmp_path, qtbot):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"no weights at all")
    with qtbot.waitSignal(page.tasks.done, timeout=60_000):
        page.import_file(file)
    assert "weights.pth" in page.strips.sentences()[0]
    again = tmp_path / "others.pth"
    again.write_bytes(b"no weights either")
    with qtbot.waitSignal(page.tasks.done, timeout=60_000):
        page.import_file(again)
    (sentence,) = page.strips.sentences()  # what was said of the first one is over
    assert "others.pth" in sentence
    page.close()
    assert page.strips.sentences() == []


def test_a_bad_card_is_said(page, home, qtbot):
    folder = page.context.store.folders.models
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text("id = ")
    page.refresh()
    assert "broken.toml" in page.strips.sentences()[0]


def test_keyboard_moves_through_the_list(page, qtbot):
    page.view.setFocus()
    first = page.chosen().id
    qtbot.keyClick(page.view, Qt.Key.Key_Down)
    assert page.chosen().id != first
    assert page.card_view._title.text() == page.chosen().name


def test_names_keep_their_room(page, qtbot):
    page.resize(1100, 600)
    qtbot.waitUntil(lambda: not page.view.isColumnHidden(LICENCE))
    page.resize(page.minimumSize())
    qtbot.waitUntil(lambda: page.view.isColumnHidden(LICENCE))
    assert page.view.columnWidth(NAME) >= 20 * page.view.fontMetrics().averageCharWidth()
    assert not page.view.isColumnHidden(STATE)


def _facts(page) -> dict[str, str]:
    """What the card says in its two columns."""
    grid = page.card_view._facts
    rows = [[grid.itemAtPosition(row, column) for column in (0, 1)] for row in range(grid.rowCount())]
    return {name.widget().text(): value.widget().text() for name, value in rows if name and value}


def test_the_official_weights_stand_beside_the_embedded_ones(page, store, context, qtbot):
    line = page.card_view.official
    page.choose("efficientnet-lite0")
    assert line.isHidden()
    store.official = "resnet18-v1"
    page.refresh()
    assert not line.isHidden()
    assert "The official weights reach 69.8 % top-1. Licence: BSD-3-Clause" in line.words.text()
    assert "None of us has opened the address." in line.words.text()
    assert line.button.text() == "Download (46.8 MB)"
    line.button.click()
    assert context.downloads.active() == ("resnet18-v1",)
    assert not line.button.isEnabled()
    qtbot.waitUntil(lambda: line.button.text() == "Downloading… 21 %")
    store.go.set()
    with qtbot.waitSignal(context.downloads.finished):
        pass
    qtbot.waitUntil(lambda: "They are on this machine." in line.words.text())
    line.button.click()
    assert page.chosen().id == "resnet18-v1"


def test_a_file_that_has_come_is_checked(page, context, store, engine, qtbot):
    context.worker.start()
    store.go.set()
    with qtbot.waitSignal(page._machine.checked):
        context.downloads.start("resnet18-v1")
    assert page.strips.sentences() == ["resnet18-v1 names all 2 sample pictures right among its first 5 answers."]
    assert page._window.strips.sentences() == [], "what is as it should be isn't said twice"
    engine.wrong_about = ("rocket.jpg",)
    with qtbot.waitSignal(page._machine.checked):
        context.downloads.start("resnet50-v2")
    sentence = "resnet50-v2 has a right answer among its first 5 for 2 of 3 sample pictures; not for rocket.jpg."
    assert sentence in page.strips.sentences()
    assert page._window.strips.sentences() == [sentence]


def test_verifying_tries_the_sample_pictures_too(page, context, store, engine, qtbot):
    context.worker.start()
    page.choose("efficientnet-lite0")
    with qtbot.waitSignal(page._machine.checked):
        page.verify.click()
    assert [type(request).__name__ for request in engine.seen] == ["CheckModel"]
    assert set(page.strips.sentences()) == {
        "efficientnet-lite0 was looked at.",
        "efficientnet-lite0 names all 2 sample pictures right among its first 5 answers.",
    }


def test_a_damaged_file_is_not_tried(page, context, store, engine, qtbot):
    store.here.add("resnet18-v1")
    page.refresh()
    context.worker.start()
    page.choose("resnet18-v1")
    with qtbot.waitSignal(page.tasks.done):
        page.verify.click()
    assert page.strips.sentences() == ["resnet18-v1 was looked at."]
    assert engine.seen == []


def test_the_card_shows_the_check_beside_the_published_score(page, store):
    store.here.add("resnet18-v1")
    page.refresh()
    page.choose("resnet18-v1")
    assert _facts(page)["Checked"].startswith("not yet on the sample pictures")
    store.checks["resnet18-v1"] = SelfCheck("0" * 64, "2026-11-25", ("a.jpg", "b.jpg", "c.jpg"), ())
    page.refresh()
    assert "for all 3 sample pictures" in _facts(page)["Checked"]
    assert "69.8 %" in _facts(page)["Published"]
    store.checks["resnet18-v1"] = SelfCheck("0" * 64, "2026-11-25", ("a.jpg",), ("b.jpg",))
    page.refresh()
    assert "right about 1 of 2 sample pictures, not about b.jpg" in _facts(page)["Checked"]
    page.choose("efficientnet-lite0")
    assert "Checked" not in _facts(page)


def test_a_compressed_resnet_says_its_terms_before_the_click(page):
    page.choose("resnet18-compressed")
    facts = _facts(page)
    assert "CC BY-NC 4.0 (not for commercial use" in facts["Licence"]
    assert facts["Published"] == "top-1 65.8 % on ImageNet-1k, validation (50,000 pictures)"
    assert page.download.text() == "Download (1.7 MB)"


def test_a_published_checkpoint_is_offered_brought_and_checked(page, store, context, qtbot):
    """The buttons say what nobody has read; what is done with it is shown; then it is in the panel."""
    from app.engines.models import Checking, CheckModel, ModelChecked
    from app.worker import Done, Partial

    page.choose("gnmt-wmt16-en-de")
    assert page.download.isVisible()
    assert page.download.text() == "Download (800 MB)"
    assert "BLEU 23.9" in page.table.data(page.table.index(page.view.currentIndex().row(), SCORE))
    asked = []

    def enqueue(panel, request):
        ticket = Ticket(panel)
        asked.append((ticket, request))
        return ticket

    context.worker.enqueue = enqueue
    page.download.click()
    context.downloads.progress.emit(
        "gnmt-wmt16-en-de", Progress(400_000_000, 800_000_000, None, None, "x", doing="converting")
    )
    qtbot.waitUntil(lambda: "Converting" in page.progress.accessibleName())
    assert "400 MB of 800 MB" in page.progress.accessibleName()
    store.go.set()
    qtbot.waitUntil(lambda: bool(asked))
    ((ticket, request),) = asked
    assert request == CheckModel("gnmt-wmt16-en-de")
    assert context.settings.value("translate.model", "") == "gnmt-wmt16-en-de"
    context.bridge.partial.emit(Partial(ticket, Checking("gnmt-wmt16-en-de", 40, 100)))
    assert "Checking GNMT" in page.progress.accessibleName()
    assert "40 of 100" in page.progress.accessibleName()
    page.progress.cancelled.emit()
    assert ticket.cancelled
    check = SelfCheck("0" * 64, "2026-11-25", outcome="passed", said="BLEU 24.1 on the first 100 lines.")
    store.checks["gnmt-wmt16-en-de"] = check
    context.bridge.done.emit(Done(ticket, ModelChecked("gnmt-wmt16-en-de", check, check.sentence("GNMT"), False)))
    assert not page.progress.running
    assert any("passed: BLEU 24.1" in label.text() for label in page.card_view.findChildren(QLabel))


def test_one_of_two_captioners_is_in_the_panel(page, store, context):
    page.choose("show-and-tell")
    assert not page.use.isVisible()
    store.here |= {"show-and-tell", "captioner"}
    page.refresh()
    assert page.use.isVisible()
    page.use.click()
    assert context.settings.value("caption.model", "") == "show-and-tell"
    assert not page.use.isVisible()
    page.choose("captioner")
    assert page.use.isVisible()
    line = page.card_view.official
    assert "Show and Tell (published): Inception v3" in line.words.text()
    assert "Licence" not in line.words.text()  # it is here
    store.here -= {"show-and-tell"}
    page.refresh()
    assert "None of us has opened the address." in line.words.text()
    assert line.button.text() == "Download (149 MB)"
    assert not page.use.isVisible()


def test_of_translators_one_is_in_use_for_each_direction(page, context, store, monkeypatch):
    cards = {card.id: card for card in Store.cards(store)}

    def translator(name: str, directions: str) -> Card:
        measured = tuple(Measurement(f"dev {one}", None, None, "", (("BLEU", 9.0),)) for one in directions.split())
        extra = (("directions", directions),)
        return dataclasses.replace(cards["gnmt-wmt16-en-de"], id=name, measured=measured, published=(), extra=extra)

    made = (translator("to", "en-de"), translator("from", "de-en"), translator("other", "en-de en-fr"))
    monkeypatch.setattr(store, "cards", lambda task=None: made)
    store.here.update(card.id for card in made)
    assert [page._can_be_used(card) for card in made] == [False, False, True]
    context.settings.set("translate.model", "other")
    assert [page._can_be_used(card) for card in made] == [True, False, False]
