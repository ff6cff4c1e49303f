"""The models page: what each model is, and what can be done about it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from app.gui.context import MODELS_KEY, chosen_models
from app.gui.models_table import LICENCE, NAME, SCORE, SIZE, STATE
from app.gui.window import MainWindow
from app.store.catalog import State, Store, Verification
from app.store.download import DownloadCancelled, DownloadError
from app.store.errors import StoreError
from app.store.progress import Progress


class PlayStore(Store):
    """Downloads without a network: reports, then does what `then` says. Other files are as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.then = "finish"
        self.go = threading.Event()
        self.here: set[str] = set()
        self.mirrors: list[str | None] = []

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
    assert _text(page, "resnet18-v1", SCORE) == "69.8 %"
    assert len(page.table.cards) == len(page.context.store.cards())


def test_three_at_most_in_the_panel(page, context):
    assert len(chosen_models(context)) == 3
    assert not _check(page, "resnet50-v2", True)
    assert "3 models at most" in page.strips.sentences()[0]
    assert _check(page, "alexnet-v1", False)
    assert _check(page, "resnet50-v2", True)
    assert chosen_models(context) == ["resnet18-v1", "efficientnet-lite0", "resnet50-v2"]
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


def test_an_import_that_is_refused_is_said(page, tmp_path, qtbot):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"no weights at all")
    with qtbot.waitSignal(page.tasks.done, timeout=60_000):
        page.import_file(file)
    assert "weights.pth" in page.strips.sentences()[0]


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
