"""The pieces: sentences, export, percentages, heat maps, thumbnails."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QImage

from app.gui.classify import export
from app.gui.classify.answers import Answer, Item, agreement, agrees, elsewhere, percent
from app.gui.tasks import join

NAMES = {"a": "A-Net", "b": "B-Net", "c": "C-Net"}


def answer(model: str, *labels: tuple[int, str, float]) -> Answer:
    from app.engines.classify import Label

    return Answer(model, tuple(Label(*label) for label in labels), 7.0, "CPU", "openvino")


CAT, DOG = (1, "cat", 0.8), (2, "dog", 0.1)


@pytest.mark.parametrize(
    ("answers", "sentence", "kind"),
    [
        ([], "", ""),
        ([answer("a", CAT)], "A-Net says “cat”.", "one"),
        ([answer("a", (1, "cat", 0.2))], "Perhaps “cat”, but it is unsure: 20.0 %.", "one"),
        ([answer("a", CAT), answer("b", CAT)], "Both say “cat”.", "same"),
        ([answer("a", CAT), answer("b", CAT), answer("c", CAT)], "All 3 say “cat”.", "same"),
        ([answer("a", CAT), answer("b", DOG), answer("c", CAT)], "2 of 3 say “cat”. B-Net: “dog”.", "most"),
        ([answer("a", CAT), answer("b", DOG)], "They differ: “cat”, “dog”.", "differ"),
        ([answer("a", CAT), Answer("b", error="No.")], "A-Net says “cat”.", "one"),
    ],
)
def test_agreement(answers: list[Answer], sentence: str, kind: str) -> None:
    assert agreement(answers, NAMES) == (sentence, kind)


def test_agrees_and_elsewhere() -> None:
    one, other = answer("a", CAT, DOG), answer("b", DOG, CAT)
    assert agrees([one]) is None
    assert agrees([one, other]) is False
    assert agrees([one, one]) is True
    assert elsewhere([one, other], "a", 1) == [("b", 2, 0.8)]


def test_percentages_never_round_to_certainty() -> None:
    assert percent(0.934) == "93.4 %"
    assert percent(0.99996) == "> 99.9 %"
    assert percent(0.00001) == "< 0.1 %"
    assert percent(0.0) == "0.0 %"
    assert percent(1.0) == "100.0 %"


def test_csv_is_well_formed_and_no_formula() -> None:
    item = Item('=cmd, "x"\n.png', b"", {"a": answer("a", (1, "a, b", 1 / 3))})
    text = export.as_csv([item, Item("b.png", Path("/x/b.png"), error="b.png, it is empty.")])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == list(export.HEAD)
    assert rows[1][0] == '\'=cmd, "x"\n.png'
    assert rows[1][3:6] == ["a, b", "1", repr(1 / 3)]
    assert rows[2] == ["/x/b.png", *[""] * 7, "b.png, it is empty."]


def test_undecodable_names_do_not_break_the_export() -> None:
    item = Item("caf�.png", Path("/x/caf\udce9.png"), {"a": answer("a", CAT)})
    for text in (export.as_csv([item]), export.as_json([item]), export.as_text([item])):
        text.encode("utf-8")


def test_overlay_has_nothing_at_zero_and_two_colours() -> None:
    from app.gui.widgets.heat_map import overlay, side_colour

    values = np.zeros((7, 7), np.float32)
    values[:, 0], values[:, 6] = 1, -1
    image = overlay(values, signed=True)
    middle = image.height() // 2
    left, centre, right = (image.pixelColor(x, middle) for x in (2, image.width() // 2, image.width() - 3))
    assert centre.alpha() == 0
    assert left.alpha() > 200
    assert (left.red(), left.blue()) == (side_colour(False).red(), side_colour(False).blue())
    assert (right.red(), right.blue()) == (side_colour(True).red(), side_colour(True).blue())


def test_overlay_ends_in_the_ends_of_viridis() -> None:
    from app.gui.widgets.heat_map import overlay

    low, high = (overlay(np.full((7, 7), v, np.float32), signed=False).pixelColor(9, 9) for v in (0.0, 1.0))
    assert low.name() == "#440154"
    assert high.name() == "#fde725"
    assert low.alpha() < high.alpha()


def test_thumbnails_come_from_a_thread_of_their_own_and_the_last_wish_first(qtbot: Any) -> None:
    from app.gui.widgets.thumbnails import Thumbnails

    made: list[Any] = []
    gate = threading.Event()

    def make(key: Any) -> QImage | None:
        assert threading.current_thread() is not threading.main_thread()
        gate.wait(5)
        made.append(key)
        return QImage(4, 4, QImage.Format.Format_RGB32) if key != 3 else None

    thumbnails = Thumbnails(make)
    thumbnails.get(0)
    qtbot.waitUntil(lambda: not thumbnails._wanted)
    for key in (1, 2, 3):
        assert thumbnails.get(key) is None
    gate.set()
    qtbot.waitUntil(lambda: len(made) == 4)
    assert made == [0, 3, 2, 1]
    qtbot.waitUntil(lambda: thumbnails.known(1))
    assert thumbnails.get(1) is not None
    assert thumbnails.get(3) is None
    join(thumbnails.stop(), 5.0)


def test_thumbnails_are_bounded(qapp: Any) -> None:
    from app.gui.widgets.thumbnails import KEPT, WAITING, Thumbnails

    thumbnails = Thumbnails(lambda key: None)
    for key in range(KEPT + 50):
        thumbnails.put(key, QImage(4, 4, QImage.Format.Format_RGB32))
    assert len(thumbnails._kept) == KEPT
    assert not thumbnails.known(0)
    assert thumbnails._wanted.maxlen == WAITING
    join(thumbnails.stop(), 5.0)


def test_legend_says_what_the_colours_mean(qtbot: Any, theme: Any) -> None:
    from app.gui.widgets.heat_map import Legend

    legend = Legend(theme)
    qtbot.addWidget(legend)
    legend.show_scale(True, "dog", "cat")
    assert legend.accessibleName() == "Colours from dog to cat"


def test_a_large_picture_is_scaled_for_the_screen_and_the_map_with_it(tmp_path: Path) -> None:
    from PIL import Image

    from app.gui.classify.loader import LARGEST, decode

    Image.new("RGB", (4096, 1024), (9, 8, 7)).save(tmp_path / "wide.png")
    decoded = decode(tmp_path / "wide.png", "wide.png", 512)
    assert decoded.picture.pixels.shape == (1024, 4096, 3)
    assert decoded.image.width() == LARGEST
    assert decoded.scale == 0.5
    assert min(decoded.small.width(), decoded.small.height()) == 128
