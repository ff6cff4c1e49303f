"""The window: tabs, keys, status bar, settings that persist, and a close that waits for nobody."""

from __future__ import annotations

import threading
import time

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit

from app.engines.classify import LoadModel, ReleaseModel, UseDevice
from app.gui.context import KEYS_KEY, MODELS_KEY, chosen_models
from app.gui.window import MainWindow
from app.store.catalog import State
from app.worker import Notice


def test_three_tabs_each_with_its_panel(window):
    assert [window.tabs.tabText(number) for number in range(3)] == ["Classify", "Caption", "Translate"]
    for number in range(3):
        window.tabs.setCurrentIndex(number)
        assert window.panel is window.tabs.widget(number)
        assert window.panel.title == window.tabs.tabText(number)
        assert window.menu.actions["open"].isEnabled()


def test_a_page_is_made_when_it_is_first_looked_at_and_keys_act_in_it(window, qtbot):
    assert len(window.panels()) == 1
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert len(window.panels()) == 2
    assert window.focusWidget() is window.tabs.widget(1)
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    window.tabs.tabBar().setFocus()
    qtbot.keyClick(window.tabs.tabBar(), Qt.Key.Key_Right)
    qtbot.keyClick(window.tabs.tabBar(), Qt.Key.Key_Right)
    assert window.tabs.currentIndex() == 2
    assert window.focusWidget() is window.tabs.tabBar()  # the arrows go on through the tabs


def test_keys_change_the_panel(window, qtbot):
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    for number in (3, 2, 1):
        qtbot.keyClick(window, Qt.Key(int(Qt.Key.Key_0) + number), Qt.KeyboardModifier.ControlModifier)
        assert window.tabs.currentIndex() == number - 1


def test_every_key_is_there_once(window):
    keys = [action.shortcut().toString() for action in window.actions() if not action.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))
    assert {"Ctrl+1", "Ctrl+2", "Ctrl+3", "Ctrl+O", "Ctrl+V", "Ctrl+C", "Ctrl+S", "Ctrl+Q", "F1", "Ctrl+,"} <= set(keys)


def _here(context):
    """The models of the panel whose files are on this machine."""
    return [model for model in chosen_models(context) if context.store.state(context.store.card(model)) is State.READY]


def test_warming_up_finds_the_device_and_loads_what_is_there(window, context, engine, qtbot):
    window.show()
    said = []
    window.machine.busy_changed.connect(said.append)
    with qtbot.waitSignal(window.machine.device_named):
        window.warm_up()
    qtbot.waitUntil(lambda: context.bridge.loaded == set(_here(context)))
    kinds = [type(request) for request in engine.seen]
    assert kinds[0] is UseDevice
    assert [request.model for request in engine.seen if isinstance(request, LoadModel)] == _here(context)
    assert "loading efficientnet-lite0…" in said
    qtbot.waitUntil(lambda: window.machine.busy() == "")
    assert "CPU, test" in window.status.device.text()
    assert "MB" in window.status.memory.text()


def test_a_library_that_cannot_be_loaded_is_said_once(window, engine, qtbot):
    engine.wrong = "The library torch can't be loaded: it is not there."
    window.show()
    window.warm_up()
    qtbot.waitUntil(lambda: bool(window.strips.sentences()))
    qtbot.waitUntil(lambda: window.machine.busy() == "")
    assert window.strips.sentences() == [engine.wrong]


def test_the_device_can_be_chosen_and_is_remembered(window, context, engine, qtbot):
    context.worker.start()
    with qtbot.waitSignal(window.machine.device_named):
        next(action for action in window.status.device_menu.actions() if action.data() == "cpu").trigger()
    assert engine.seen == [UseDevice("cpu")]
    assert context.settings.value("device", "auto") == "cpu"


def test_a_device_that_is_not_there_is_said_and_auto_goes_on(window, context, engine, qtbot):
    context.worker.start()
    engine.wrong = "“cuda” can't be used: there is no NVIDIA graphics card."
    window.machine.failed.connect(lambda _: setattr(engine, "wrong", None))
    with qtbot.waitSignal(window.machine.device_named):
        window.machine.use_device("cuda")
    assert window.machine.preference == "auto"
    assert "cuda" in window.strips.sentences()[0]


def test_a_notice_of_the_engine_becomes_a_strip(window, context, qtbot):
    context.bridge.deliver(Notice("Graphics memory is full."))
    qtbot.waitUntil(lambda: window.strips.sentences() == ["Graphics memory is full."])


def test_a_model_is_released_and_known_to_be(window, context, engine, qtbot):
    window.warm_up()
    qtbot.waitUntil(lambda: context.bridge.loaded == set(_here(context)))
    with qtbot.waitSignal(context.bridge.loaded_changed):
        window.machine.release("efficientnet-lite0")
    assert isinstance(engine.seen[-1], ReleaseModel)
    assert context.bridge.loaded == set(_here(context)) - {"efficientnet-lite0"}


def test_the_badge_tells_of_downloads(window):
    assert window.status.badge.text() == "nothing leaves this machine"
    window.status.set_downloading(1)
    assert window.status.badge.text() == "downloading; nothing of yours is sent"
    window.status.badge.click()
    assert "never sent" in window.strips.sentences()[0]


def test_the_memory_is_looked_at_only_while_the_window_is_seen(window):
    assert not window.status._timer.isActive()
    window.show()
    assert window.status._timer.isActive()
    window.hide()
    assert not window.status._timer.isActive()


def test_what_was_chosen_is_there_the_next_time(window, context, make_context, qtbot):
    window.show()
    window.resize(760, 600)
    window.tabs.setCurrentIndex(2)
    window.choose_theme("dark")
    window.menu.keys.setChecked(False)
    window.close()
    again = make_context()
    second = MainWindow(again)
    qtbot.addWidget(second)
    assert second.size() == QSize(760, 600)
    assert second.tabs.currentIndex() == 2
    assert again.settings.value("theme", "system") == "dark"
    assert again.settings.value(KEYS_KEY, True) is False
    assert not second.menu.keys.isChecked()
    window.choose_theme("light")


def test_damaged_settings_are_said_in_the_window(home, make_context, qtbot):
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text("{")
    window = MainWindow(make_context())
    qtbot.addWidget(window)
    assert ".damaged-" in window.strips.sentences()[0]


def test_nonsense_in_the_settings_stops_nothing(make_context, qtbot):
    context = make_context()
    for key, value in (("window.geometry", "?!"), ("window.tab", 99), (MODELS_KEY, ["x", 3, "resnet18-v1", "x"])):
        context.settings.set(key, value)
    window = MainWindow(context)
    qtbot.addWidget(window)
    assert window.tabs.currentIndex() == 0
    assert chosen_models(context) == ["resnet18-v1"]


def test_models_by_default(context):
    assert chosen_models(context)[-1] == "efficientnet-lite0"
    assert len(chosen_models(context)) == 3


def test_closing_while_the_engine_is_busy_takes_less_than_two_seconds(make_context, engine, qtbot):
    context = make_context()
    window = MainWindow(context)
    qtbot.addWidget(window)
    window.show()

    def slow(request, ticket):
        time.sleep(3)
        yield None

    engine.handle = slow
    context.worker.start()
    context.worker.control("classify", LoadModel("efficientnet-lite0"))
    qtbot.wait(100)
    begin = time.monotonic()
    with qtbot.waitSignal(window.closed):
        window.close()
    assert time.monotonic() - begin < 2.0
    context.worker.close(5.0)


def test_it_fits_into_its_least_size(window, qtbot):
    window.show()
    window.resize(10, 10)
    assert window.size() == QSize(720, 520)
    for number in range(3):
        window.tabs.setCurrentIndex(number)
        page = window.tabs.currentWidget()
        assert page.width() == 720
        assert page.height() + window.tabs.tabBar().height() + window.status.height() <= 520
    assert window.status.badge.geometry().right() <= window.width()


@pytest.mark.parametrize("name", ["models", "settings", "shortcuts", "about"])
def test_every_control_has_a_name(window, name, qtbot):
    window.show()
    getattr(window, f"show_{name}")()
    dialog = window._dialogs[name]
    qtbot.waitUntil(dialog.isVisible)
    for root in (window.status, window.strips, dialog):
        for control in [*root.findChildren(QAbstractButton), *root.findChildren(QComboBox)]:
            if control.isVisible() and control.focusPolicy() != Qt.FocusPolicy.NoFocus:
                label = control.text() if isinstance(control, QAbstractButton) else control.currentText()
                assert label or control.accessibleName(), control
    getattr(window, f"show_{name}")()
    assert window._dialogs[name] is dialog
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_menu_holds_everything_with_its_key(window):
    texts = {action.text(): action for action in window.menu.menu.actions() if not action.isSeparator()}
    for text in (
        "Open…",
        "Open a folder…",
        "Paste",
        "Save the answer…",
        "Models…",
        "Settings…",
        "Keys and help",
        "About Triptych",
        "Quit",
    ):
        assert isinstance(texts[text], QAction)
    assert window.menu_button.accessibleName() == "Menu"


def test_settings_act_at_once(window, context, qtbot):
    window.show_settings()
    dialog = window._dialogs["settings"]
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    dialog.theme.activated.emit(dialog.theme.currentIndex())
    assert context.theme.dark
    window.choose_theme("light")
    assert dialog.theme.currentData() == "light"
    mirror: QLineEdit = dialog.mirror
    mirror.setText("files on my disk")
    mirror.editingFinished.emit()
    assert "no address" in dialog.mirror_words.text()
    assert context.settings.value("downloads.mirror", "") == ""
    mirror.setText("https://mirror.example/models/")
    dialog.close()
    assert context.settings.value("downloads.mirror", "") == "https://mirror.example/models"


def test_about_names_libraries_and_licences(window, qtbot):
    window.show_about()
    dialog = window._dialogs["about"]
    rows = {name.lower().replace("_", "-"): (version, licence) for name, version, licence in dialog.rows}
    assert "pyside6-essentials" in rows
    assert len(rows) == len(dialog.rows), "each library once"
    assert all(licence not in ("", "–") for _, licence in rows.values()), rows
    assert "Python" in dialog.versions()
    QApplication.clipboard().clear()


def test_the_status_bar_shows_what_the_panel_in_view_says(window):
    panel = window.panel
    panel.status_changed.emit("efficientnet-lite0 · 7 ms")
    assert window.status.model.text() == "efficientnet-lite0 · 7 ms"
    window.tabs.setCurrentIndex(1)
    panel.status_changed.emit("resnet18 · 9 ms")
    assert window.status.model.text() == ""


def test_closing_tells_all_threads_before_it_waits_for_one_of_them_and_not_for_long(window, context, monkeypatch):
    told, gate = [], threading.Event()
    panel, thread = window.panel, threading.Thread(target=gate.wait, daemon=True)
    thread.start()
    for part in (panel.session, panel.thumbnails):
        part.stop = lambda part=part: told.append(part) or [thread]
    panel.saver.threads = lambda: [thread]
    close = context.worker.close
    context.worker.close = lambda timeout: told.append(timeout) or close(timeout)
    monkeypatch.setattr("app.gui.window.CLOSING", 0.05)
    window.show()
    window.close()
    gate.set()
    assert told == [0.0, panel.session, panel.thumbnails, 0.0]  # nothing was left for the engine
