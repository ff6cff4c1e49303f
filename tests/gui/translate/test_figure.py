"""The figure inside the Translate panel: what it follows, what a click shows; and the page to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.engines.figure_translate import RecordTranslation, TranslationFigure, record
from app.engines.translate import Translated, Translation
from app.gui.saving import Files
from app.gui.translate import figure_view
from app.gui.translate.page import page, values
from app.store.cards import Card, Measurement
from app.text.alignment import words
from app.text.wordpieces import Wordpieces
from tests import translators
from tests.engines.steps import drain
from tests.gui.stand_in import StandIn

LAYERS = 4


class Recorder(StandIn):
    """The figure of a small translator with random weights, on what it is asked about."""

    def answer(self, request: Any) -> Any:
        if isinstance(request, RecordTranslation):
            yield replace(drawn(request.source, request.said), figure=timeless(request))
            yield from self.held()
            return drawn(request.source, request.said)
        return None


def drawn(source: tuple[int, ...], said: tuple[int, ...]) -> TranslationFigure:
    import torch

    from app.engines.figure_translate import HeldTranslator
    from app.nets.gnmt import GNMT
    from app.store.catalog import Store

    torch.manual_seed(3)
    net = GNMT(translators.PIECES, 16, LAYERS).eval()
    card = replace(Store().cards()[0], id="gnmt", name="GNMT")
    held = HeldTranslator(card, net, Wordpieces(translators.wordpieces()), np.ones(2 * (LAYERS + 3)) / 1e3, 5)
    _, made = drain(record(held, RecordTranslation("gnmt", source, said)))
    assert isinstance(made, TranslationFigure)
    return made


def timeless(request: RecordTranslation) -> Any:
    figure = drawn(request.source, request.said).figure
    return replace(figure, pass_ms=None, nodes=tuple(replace(node, share=None) for node in figure.nodes))


def translated(sentence: str, *texts: str) -> Translated:
    pieces = Wordpieces(translators.wordpieces())
    source = pieces.framed(pieces.encode(sentence), "de") if texts else ()
    read = pieces.read(source)
    found = []
    for text in texts or (sentence,):
        ids = tuple(pieces.encode(text)) if texts else ()
        said = pieces.pieces(ids)
        attention = np.full((len(said) + 1, len(read)), 1 / max(len(read), 1), np.float32)
        links = np.zeros((len(words(text)), len(words(sentence))), np.float32)
        found.append(Translation(text, said, (0.5,) * len(said), attention, words(text), links, -2.0, -1.0, True, ids))
    return Translated("gnmt", sentence, "en", "de", tuple(found), read, words(sentence), 9.0, "CPU", "openvino", source)


DOGS = translated("The dog runs.", "Der Hund läuft.", "Hund!")
RAIN = translated("It will rain.", "Morgen wird es regnen.")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def engines(recorder: Recorder) -> dict[str, Callable[[], Any]]:
    return {"figure": lambda: recorder}


@pytest.fixture
def tab(qtbot: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(figure_view, "REST", 20)
    context.worker.start()
    made = figure_view.FigureTab(context, Files(None))  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.resize(1200, 500)
    made.show()
    yield made
    made.close_view()


def shows(tab: Any, text: str) -> bool:
    figure = tab.view.figure
    pieces = [node.title for node in figure.nodes if node.kind == "says"] if figure is not None else []
    return tab._recording is None and "".join(pieces) == text.replace(" ", "▁") + "⟨end⟩"


def test_nothing_is_recorded_before_it_is_looked_at(tab: Any, recorder: Recorder, qtbot: Any) -> None:
    tab.show_translation(DOGS)
    qtbot.wait(40)
    assert recorder.seen == []
    tab.shown()
    qtbot.waitUntil(lambda: shows(tab, "▁Der Hund läuft."), timeout=20_000)  # torch is imported
    assert recorder.seen[0] == RecordTranslation("gnmt", DOGS.source_ids, DOGS.translations[0].ids)
    assert f"{2 * LAYERS} LSTM layers over {len(DOGS.source_pieces)} wordpieces in" in tab.line.text()
    assert "in torch on the CPU" in tab.line.text()
    tab.hidden()
    qtbot.waitUntil(lambda: type(recorder.seen[-1]).__name__ == "ReleaseFigure")


def test_it_follows_what_rests_and_not_every_key_stroke(tab: Any, recorder: Recorder, qtbot: Any) -> None:
    tab.shown()
    tab.show_translation(DOGS)  # the first at once
    assert tab._recording is not None
    qtbot.waitUntil(lambda: shows(tab, "▁Der Hund läuft."))
    for k in range(1, 10):
        tab.show_translation(translated("It will rain"[:k], "Morgen"))
    tab.show_translation(RAIN)
    qtbot.waitUntil(lambda: shows(tab, "▁Morgen wird es regnen."))
    assert len(recorder.asked(RecordTranslation)) == 2
    tab.show_translation(DOGS, 1)  # another of its translations
    qtbot.waitUntil(lambda: shows(tab, "▁Hund!"))


def test_without_a_translation_it_says_what_will_be_here(tab: Any) -> None:
    tab.shown()
    assert tab._pages.currentWidget() is tab._empty
    assert "wordpiece by wordpiece" in tab._empty.text()
    tab.show_translation(translated("12 × 12"))
    assert "Nothing was translated" in tab._empty.text()
    assert not tab.save.isEnabled()


def test_a_click_shows_values(tab: Any, qtbot: Any) -> None:
    tab.shown()
    tab.show_translation(DOGS)
    qtbot.waitUntil(lambda: shows(tab, "▁Der Hund läuft."))
    made, pane = tab._drawn, tab.maps
    tab.open_maps("encoder.4:2")
    assert pane.title.text().startswith(f"encoder 4 at “{made.read[2]}”")
    assert [tile.name for tile in pane.grid.tiles[:3]] == ["input gate i", "forget gate f", "output gate o"]
    np.testing.assert_array_equal(pane.grid.tiles[1].reads.reshape(-1), made.layers["encoder.4"].gates["f"][2])
    np.testing.assert_array_equal(pane.grid.tiles[-1].reads.reshape(-1), made.layers["encoder.4"].out[2])
    tab.open_maps("decoder.1:0")
    assert len(pane.grid.tiles) == 6  # nothing is added in the first layers
    tab.open_maps("decoder.3")
    assert [tile.label for tile in pane.grid.tiles] == list(made.said)
    np.testing.assert_array_equal(pane.grid.tiles[2].reads.reshape(-1), made.layers["decoder.3"].gates["h"][2])
    tab.open_maps("attention")
    np.testing.assert_array_equal(pane.grid.tiles[0].reads, made.attention)
    for node in ("memory", "embedding.read", "embedding.given", "encoder.1.backward", "given:1", "read:0"):
        tab.open_maps(node)
        assert pane.grid.tiles
        assert pane.grid.isVisible()
    tab.open_maps("said:1")
    assert pane.bars.isVisible()
    assert made.said[1] in pane.bars.rows[0].accessibleName()
    tab.open_maps("attention:1")
    assert pane.bars.isVisible()
    assert "that it looked at most" in pane.info.text()
    assert [node.id for node in made.figure.nodes if not node.has_maps] == ["output"]
    assert tab.cancel()
    assert pane.isHidden()


def test_what_is_open_is_closed_where_the_next_sentence_has_none(tab: Any, qtbot: Any) -> None:
    tab.shown()
    tab.show_translation(DOGS)
    qtbot.waitUntil(lambda: shows(tab, "▁Der Hund läuft."))
    tab.open_maps(f"said:{len(DOGS.translations[0].pieces)}")
    tab.show_translation(DOGS, 1)
    qtbot.waitUntil(lambda: shows(tab, "▁Hund!"))
    assert tab.maps.isHidden()


def test_failures_are_said_and_can_be_tried_again(tab: Any, recorder: Recorder, qtbot: Any) -> None:
    recorder.wrong = "The file of GNMT is damaged."
    tab.shown()
    tab.show_translation(DOGS)
    qtbot.waitUntil(lambda: tab.strips.sentences() == [recorder.wrong])
    recorder.wrong = None
    (strip,) = tab.strips._shown
    strip.buttons[0].click()
    qtbot.waitUntil(lambda: shows(tab, "▁Der Hund läuft."))


# The page


@pytest.fixture
def card() -> Card:
    from app.store.catalog import Store

    scores = (("BLEU", 23.14), ("chrF", 48.0))
    measured = (Measurement("tatoeba-dev en-de (1,000 sentences), beam 5", None, None, "us", scores),)
    return replace(Store().cards()[0], summary="Ours.", limits="No news.", parameters=30_200_000, measured=measured)


def test_the_page_tells_what_the_card_tells(card: Card, qtbot: Any, theme: Any) -> None:
    view = page(card, theme)
    qtbot.addWidget(view)
    text = view.page.toPlainText()
    assert "reduces translation errors by an average of 60%" in text
    assert "4 + 4 layers" in text
    assert "30.2 million parameters; the paper" in text
    assert "tatoeba-dev en-de (1,000 sentences), beam 5: 23.1" in text
    assert "No news." in text
    assert "chrF" not in text


def test_what_the_card_does_not_tell_is_left_out(card: Card, qtbot: Any, theme: Any) -> None:
    assert "scores" not in values(replace(card, measured=()))
    assert "parameters" not in values(replace(card, parameters=None))
    view = page(None, theme)
    qtbot.addWidget(view)
    text = view.page.toPlainText()
    assert "The network of this program" not in text
    assert "in BLEU" not in text
    assert "{" not in text
