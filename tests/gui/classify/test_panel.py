"""One picture: the ways in, the answers, what is explained, the keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QColor, QGuiApplication, QImage
from PySide6.QtTest import QTest

from tests.gui.dropping import drop, of_files

LEFT = Qt.MouseButton.LeftButton


def labels(panel: Any, model: str) -> list[str]:
    return [row.bar.label for row in panel.right.columns.column(model).bars.rows if row.bar is not None]


def test_empty_it_says_what_to_do_and_samples_work_with_one_click(panel: Any, qtbot: Any, answered: Any) -> None:
    assert panel.left.pages.currentWidget() is panel.left.empty
    assert len(panel.left.empty.samples) == 4
    qtbot.mouseClick(panel.left.empty.samples[0], LEFT)
    answered(panel)
    assert panel.session.current.name == "chelsea.jpg"
    assert panel.left.pages.currentWidget() is panel.left.view
    assert len(labels(panel, "one")) == 5


def test_a_dropped_file_is_answered_by_every_model(panel: Any, picture: Any, answered: Any) -> None:
    drop(panel, of_files(picture("cat-ä 1.png")))
    answered(panel)
    assert labels(panel, "one")[0] == "tabby"
    assert labels(panel, "other")[0] == "tiger cat"
    assert "differ" in panel.right.columns.sentence.text()
    assert "CPU, test" in panel.right.columns.column("one")._below.text()
    assert "7.5 ms" in panel.right.columns.column("one")._below.text()


def test_labels_that_another_model_lists_too_carry_its_mark(panel: Any, picture: Any, answered: Any) -> None:
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    bars = panel.right.columns.column("one").bars
    assert bars.rows[0].bar.marks == (1,)
    assert "Other" in bars.rows[0].bar.also
    assert "Other" in bars.rows[0].accessibleName()


def test_all_say_the_same(panel: Any, picture: Any, answered: Any) -> None:
    panel.open_paths([picture("coffee-1.png")])
    answered(panel)
    assert panel.right.columns.sentence.text() == "Both say “espresso”."


def test_pasted_image_data(panel: Any, answered: Any) -> None:
    image = QImage(40, 30, QImage.Format.Format_ARGB32)
    image.fill(QColor(255, 0, 0, 0))
    QGuiApplication.clipboard().setImage(image)
    panel.paste()
    answered(panel)
    assert panel.session.current.name == "Pasted picture"
    assert panel.session.decoded.picture.pixels.shape == (30, 40, 3)
    assert panel.session.decoded.picture.pixels[0, 0].tolist() == [255, 255, 255]  # alpha lies on white


def test_pasted_file(panel: Any, picture: Any, answered: Any) -> None:
    QGuiApplication.clipboard().setMimeData(of_files(picture("rocket-1.png")))
    panel.paste()
    answered(panel)
    assert labels(panel, "one")[0] == "rocket"


def test_encoded_image_data_goes_through_our_own_decoder(panel: Any, picture: Any, answered: Any) -> None:
    mime = QMimeData()
    mime.setData("image/png", picture("cat-1.png").read_bytes())
    mime.setUrls([QUrl("https://example.org/cat.png")])
    drop(panel, mime)
    answered(panel)
    assert panel.session.decoded.picture.format == "PNG"


def test_an_address_alone_is_not_fetched(panel: Any) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/cat.jpg")])
    QGuiApplication.clipboard().setMimeData(mime)
    panel.paste()
    assert any("fetches nothing from the network" in sentence for sentence in panel.strips.sentences())
    assert panel.session.current is None


def test_hovering_says_what_will_happen(panel: Any, picture: Any, tmp_path: Path) -> None:
    from app.gui.classify.intake import read_hover

    one, other = picture("cat-1.png"), picture("cat-2.png")
    assert read_hover(of_files(one)) == (True, "A picture to classify")
    assert read_hover(of_files(one, other)) == (True, "2 pictures to classify")
    assert read_hover(of_files(one.parent))[1] == "All pictures in “pictures” to classify"
    foreign = tmp_path / "notes.psd"
    foreign.write_bytes(b"x")
    acceptable, sentence = read_hover(of_files(foreign))
    assert not acceptable
    assert "isn't supported" in sentence


def test_open_dialog(panel: Any, picture: Any, answered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture("cat-1.png")
    monkeypatch.setattr("app.gui.classify.panel.choose_files", lambda *_: [path])
    panel.open_dialog()
    answered(panel)
    assert panel.session.current.path == path
    assert panel.test_context.settings.value("classify.folder", "") == str(path.parent)


def test_a_file_that_is_no_picture_says_so_in_its_place(panel: Any, picture: Any, answered: Any) -> None:
    panel.open_paths([picture("broken.jpg")])
    answered(panel)
    assert panel.left.view.sentence == "broken.jpg could not be opened: the file is empty."
    assert panel.pictures.failed == 1


def test_the_newest_picture_wins(panel: Any, picture: Any, answered: Any, engine: Any, qtbot: Any) -> None:
    engine.gate.clear()
    panel.open_paths([picture("cat-1.png")])
    qtbot.waitUntil(lambda: panel.session.waiting)
    panel.open_paths([picture("rocket-1.png")])
    qtbot.waitUntil(lambda: panel.session.waiting)
    engine.gate.set()
    answered(panel)
    assert panel.session.current.name == "rocket-1.png"
    assert labels(panel, "one")[0] == "rocket"
    cat = panel.pictures.items[0]
    assert not cat.answers  # what belonged to the old ticket was dropped …
    panel.session.select(cat)
    answered(panel)
    assert labels(panel, "one")[0] == "tabby"  # … and nothing is lost: it is asked again


def test_one_model_fails_and_the_other_stands(panel: Any, picture: Any, answered: Any, engine: Any) -> None:
    engine.broken["other"] = "Other can't be loaded: its file is damaged."
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    column = panel.right.columns.column("other")
    assert column.pages.currentWidget() is column._words
    assert column._said.text() == "Other can't be loaded: its file is damaged."
    assert labels(panel, "one")[0] == "tabby"


def test_a_request_that_fails_as_a_whole_is_said_in_every_column(
    panel: Any, picture: Any, answered: Any, engine: Any
) -> None:
    engine.wrong = "There is no such device."
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    assert panel.right.columns.column("one")._said.text() == "There is no such device."


def test_an_absent_model_shows_what_it_is_and_downloads(
    make_panel: Any, picture: Any, answered: Any, qtbot: Any
) -> None:
    panel = make_panel(models=("one", "other"), absent=("other",))
    column = panel.right.columns.column("other")
    assert column.absent
    assert "9.4 MB" in column.download.text()
    assert "none of us has opened it" in column.caution.text()
    context, started = panel.test_context, []
    context.downloads.start = started.append
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    assert labels(panel, "one")[0] == "tabby"  # the rest works meanwhile
    qtbot.mouseClick(column.download, LEFT)
    assert started == ["other"]
    assert not column.download.isEnabled()
    from app.store.progress import Progress

    context.downloads.progress.emit("other", Progress(5_000_000, 9_411_840, 1e6, 4.4, "https://example.org"))
    assert column.progress.isVisible()
    cancelled = []
    context.downloads.cancelled.connect(cancelled.append)
    context.downloads.cancelled.emit("other")
    assert column.download.isEnabled()
    context.store.absent.clear()
    context.downloads.finished.emit("other")
    answered(panel)
    qtbot.waitUntil(lambda: labels(panel, "other") != [])  # the picture in view is asked about at once


def test_no_model_at_all_says_so(make_panel: Any) -> None:
    panel = make_panel(models=("one",), absent=("one",))
    assert "No model is here yet" in panel.right.columns.sentence.text()


@pytest.fixture
def cat(panel: Any, picture: Any, answered: Any) -> Any:
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    panel.activateWindow()
    return panel


def mapped(qtbot: Any, panel: Any) -> None:
    qtbot.waitUntil(lambda: panel.left.view.has_heat and not panel.explainer.waiting)


def test_a_click_on_a_label_lays_its_heat_map_over_the_picture(cat: Any, qtbot: Any, engine: Any) -> None:
    row = cat.right.columns.column("other").bars.rows[1]
    qtbot.mouseClick(row, LEFT)
    mapped(qtbot, cat)
    request = engine.asked("Explain")[-1]
    assert (request.model, request.target, request.against) == ("other", row.bar.index, None)
    assert "Other" in cat.left.explain.line.text()
    assert f"“{row.bar.label}”" in cat.left.explain.line.text()
    assert "explained" in row.accessibleName()


@pytest.mark.parametrize("way", ["ctrl-click", "button", "shift-enter", "menu"])
def test_why_this_and_not_that(cat: Any, qtbot: Any, engine: Any, way: str) -> None:
    rows = cat.right.columns.column("one").bars.rows
    qtbot.mouseClick(rows[0], LEFT)
    mapped(qtbot, cat)
    if way == "ctrl-click":
        qtbot.mouseClick(rows[2], LEFT, Qt.KeyboardModifier.ControlModifier)
    elif way == "button":
        rows[2]._not.click()
    elif way == "menu":
        next(action for action in cat.left.explain._menu.actions() if action.text() == rows[2].bar.label).trigger()
    else:
        rows[2].setFocus()
        QTest.keyClick(rows[2], Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: engine.asked("Explain")[-1].against == rows[2].bar.index)
    mapped(qtbot, cat)
    qtbot.waitUntil(lambda: "and not" in cat.left.explain.line.text())
    assert "held against" in rows[2].accessibleName()
    cat.cancel()  # Esc: what is open last goes first
    qtbot.waitUntil(lambda: engine.asked("Explain")[-1].against is None)
    mapped(qtbot, cat)
    cat.cancel()
    assert not cat.left.view.has_heat


def test_keys(cat: Any, qtbot: Any, engine: Any, picture: Any, answered: Any) -> None:
    QTest.keyClick(cat, Qt.Key.Key_H)
    mapped(qtbot, cat)
    assert engine.asked("Explain")[-1].target == 0  # the best label
    QTest.keyClick(cat, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: engine.asked("Explain")[-1].target == 2)
    QTest.keyClick(cat, Qt.Key.Key_8)  # a runner-up that the bars don't show
    qtbot.waitUntil(lambda: engine.asked("Explain")[-1].target == 7)
    qtbot.waitUntil(lambda: "place 8" in cat.left.explain.line.text())
    cat.open_paths([picture("rocket-1.png")])
    answered(cat)
    mapped(qtbot, cat)  # the heat map stays on, for the best label of the new picture
    assert engine.asked("Explain")[-1].target == 6
    QTest.keyClick(cat, Qt.Key.Key_Left)
    assert cat.session.current.name == "cat-1.png"
    QTest.keyClick(cat, Qt.Key.Key_Right)
    assert cat.session.current.name == "rocket-1.png"
    answered(cat)
    QTest.keyClick(cat, Qt.Key.Key_H)
    assert not cat.left.view.has_heat


def test_keys_without_ctrl_can_be_switched_off(cat: Any) -> None:
    from app.gui.context import KEYS_KEY

    cat.test_context.settings.set(KEYS_KEY, False)
    QTest.keyClick(cat, Qt.Key.Key_H)
    assert not cat.left.explain.heat.isChecked()


def test_the_map_lies_only_where_the_network_saw(cat: Any, qtbot: Any) -> None:
    qtbot.mouseClick(cat.right.columns.column("one").bars.rows[0], LEFT)
    mapped(qtbot, cat)
    cat.left.explain.strength.setValue(100)
    plain, made = cat.session.decoded.image, cat.left.view.composed()
    assert made.pixel(2, 2) == plain.pixel(2, 2)
    assert made.pixel(59, 49) == plain.pixel(59, 49)
    assert made.pixel(30, 40) != plain.pixel(30, 40)


def test_inside_shows_every_label_of_every_model(cat: Any) -> None:
    cat.toggle_inside()
    table = cat.labels.table
    assert table.columnCount() == 3
    assert table.rowCount() == 9
    cat.toggle_inside()
    assert not cat.inside.isVisible()


def test_narrow_windows_put_the_leaves_one_above_the_other(make_panel: Any, qtbot: Any) -> None:
    panel = make_panel(size=(720, 450))
    assert panel._leaves.orientation() == Qt.Orientation.Vertical
    panel.resize(1200, 700)
    assert panel._leaves.orientation() == Qt.Orientation.Horizontal


@pytest.mark.parametrize(("size", "shape"), [((1280, 760), "wide"), ((720, 700), "narrow")])
def test_where_the_handle_was_put_is_remembered_and_nothing_else(make_panel: Any, size: Any, shape: str) -> None:
    panel = make_panel(size=size)
    settings = panel.test_context.settings
    assert not any(settings.value(f"classify.{shape}", []) for shape in ("wide", "narrow"))
    panel._leaves.moveSplitter(400, 1)  # as the handle does
    moved = panel._leaves.sizes()
    panel.hide()  # as the window does before it closes its panels
    panel.close_panel()
    assert settings.value(f"classify.{shape}", []) == moved
    assert not settings.value("classify.narrow" if shape == "wide" else "classify.wide", [])


def test_tab_goes_in_reading_order_after_the_models_have_changed(make_panel: Any) -> None:
    from PySide6.QtWidgets import QPushButton, QWidget

    panel = make_panel()
    outside = QPushButton("what the window has below", panel)  # made before the columns are made again
    panel.right.columns.set_models(panel.models.cards)
    left, right = panel.left, panel.right
    wanted = [left.open, left.paste, left.view, left.explain.heat, left.strip, right.one, right.copy, right.models]
    for column in right.columns.columns:
        wanted += [column.chip, *column.bars.rows]
    wanted += [right.folder.text, right.folder.table, outside]
    order: list[QWidget] = [left.open]
    while (following := order[-1].nextInFocusChain()) is not left.open:
        order.append(following)
    assert [widget for widget in order if widget in wanted] == wanted


def test_what_was_only_said_goes_when_something_new_begins(panel: Any, picture: Any, answered: Any) -> None:
    panel.say("error", "table.csv could not be written.")
    panel.say("info", "Saved: one.csv")
    panel.say("info", "Saved: two.csv")
    assert panel.strips.sentences() == ["Saved: two.csv", "table.csv could not be written."]
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    assert panel.strips.sentences() == ["table.csv could not be written."]


def test_space_is_kept_while_an_answer_is_on_its_way(panel: Any, picture: Any, answered: Any, qtbot: Any) -> None:
    panel.open_paths([picture("cat-1.png")])
    answered(panel)
    qtbot.wait(20)
    places = [column.geometry() for column in panel.right.columns.columns]
    view = panel.left.view.geometry()
    panel.open_paths([picture("coffee-1.png")])
    panel.pictures.flush()
    answered(panel)
    panel.left.strip.hide()
    qtbot.wait(20)
    assert [column.geometry() for column in panel.right.columns.columns] == places
    assert panel.left.view.geometry().width() == view.width()


def test_copy(cat: Any) -> None:
    cat.copy()
    text = QGuiApplication.clipboard().text()
    assert text.splitlines()[0] == "picture\tmodel\tlabel\tp\tms\tdevice"
    assert "cat-1.png\tone\ttabby\t" in text


def test_names_for_screen_readers(panel: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QSlider

    kinds = (QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QSlider)
    for kind in kinds:
        for widget in panel.findChildren(kind):
            if widget.isVisibleTo(panel) and not widget.objectName().startswith("qt_"):
                assert widget.accessibleName() or getattr(widget, "text", lambda: "")(), widget


def test_a_folder_is_opened_by_its_dialog(
    panel: Any, folder: Path, finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.gui.classify.panel.choose_folder", lambda *asked: folder)
    panel.open_folder_dialog()
    finished(panel, 11)
    assert len(panel.pictures.items) == 11
    monkeypatch.setattr("app.gui.classify.panel.choose_folder", lambda *asked: None)
    panel.open_folder_dialog()
    assert len(panel.pictures.items) == 11


def test_the_picture_takes_the_focus_from_controls_that_go(cat: Any, qtbot: Any) -> None:
    QTest.keyClick(cat.left.view, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: cat.left.view.has_heat)
    cat.left.explain.strength.setFocus()
    QTest.keyClick(cat.left.explain.strength, Qt.Key.Key_H)
    assert cat.window().focusWidget() is cat.left.view
    cat.left.clear.setFocus()
    cat.left.clear.click()
    assert cat.window().focusWidget() is cat.left.open


def test_copying_is_said_where_nothing_moves(cat: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    monkeypatch.setattr("app.gui.classify.panel.COPIED", 1)
    said: list[str] = []
    cat.status_changed.connect(said.append)
    cat.copy()
    assert said == ["Copied"]
    qtbot.waitUntil(lambda: len(said) == 2)
    assert said[1].startswith("One 7.5")


def test_arrows_on_this_picture_step_and_a_low_table_has_rows(
    make_panel: Any, folder: Path, finished: Any, answered: Any, qtbot: Any
) -> None:
    panel = make_panel(size=(720, 440))
    panel.open_paths([folder])
    finished(panel, 11)
    table = panel.right.folder.table
    qtbot.waitUntil(lambda: table.viewport().height() >= 4 * table.rowHeight(0))
    panel.right.one.click()
    panel._go_to(1)
    QTest.keyClick(panel.right.one, Qt.Key.Key_Right)
    assert panel.right.one.isChecked()
    assert panel.selection.currentIndex().row() == 2
