"""The window: three tabs, the menu, the status bar, and the strips where the program speaks for itself."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QByteArray, QSize, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QMainWindow, QTabWidget, QToolButton, QVBoxLayout, QWidget

from app.gui.context import KEYS_KEY, Context, Panel, chosen_models
from app.gui.machine import Machine
from app.gui.menus import Doings, Menu
from app.gui.places import show_folder
from app.gui.status import StatusBar
from app.gui.theme import STEP
from app.gui.widgets.message_strip import Action, Strips
from app.worker import Notice

LEAST = QSize(720, 520)
FIRST = QSize(1280, 800)
CLOSING = 1.2  # seconds for all threads together; with the settings and the end of the process, it stays below 2 s
PANELS = (
    ("app.gui.classify.panel", "ClassifyPanel"),
    ("app.gui.caption.panel", "CaptionPanel"),
    ("app.gui.translate.panel", "TranslatePanel"),
)
PANEL_ACTIONS = ("open", "open-folder", "paste", "copy", "save", "cancel", "inside")

_log = logging.getLogger(__name__)


class MainWindow(QMainWindow):
    """Makes the panels and hands them what the menu and the keys ask for."""

    painted = Signal()  # the first time
    closed = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self._painted = self._closed = False
        self._dialogs: dict[str, QDialog] = {}
        self._answers: dict[int, str] = {}  # what each panel last said for the status bar
        self.setWindowTitle("Triptych")
        self.setMinimumSize(LEAST)
        self.machine = Machine(context, self)

        self.strips = Strips(context.theme, self)
        self.tabs = QTabWidget(self)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName(self.tr("Panels"))
        centre = QWidget(self)
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strips)
        column.addWidget(self.tabs, 1)
        self.setCentralWidget(centre)

        titles = [self.tr("Classify"), self.tr("Caption"), self.tr("Translate")]
        for title in titles:
            self.tabs.addTab(_Later(self), title)
        self.menu = Menu(self._doings(), context.theme, titles, context.settings.value(KEYS_KEY, True), self)
        for number in range(len(titles)):
            self.tabs.setTabToolTip(number, self.menu.actions[f"panel-{number + 1}"].shortcut().toString())
        self._corner()
        self.status = StatusBar(context.theme, self)
        self.setStatusBar(self.status)
        self._connect()
        self._restore()

    # The panels

    @property
    def panel(self) -> Panel | None:
        """The panel in view; None where it can't be loaded."""
        page = self.tabs.currentWidget()
        return cast(Panel, page) if page is not None and hasattr(page, "open_paths") else None

    def panels(self) -> list[Panel]:
        pages = [self.tabs.widget(number) for number in range(self.tabs.count())]
        return [cast(Panel, page) for page in pages if hasattr(page, "open_paths")]

    def _make(self, number: int) -> None:
        """The page of a tab that is looked at for the first time: the others cost nothing at the start."""
        later, title = self.tabs.widget(number), self.tabs.tabText(number)
        if not isinstance(later, _Later):
            return
        page, tip, focused = self._page(number, title), self.tabs.tabToolTip(number), self.focusWidget()
        blocked = self.tabs.blockSignals(True)  # the tab stays the chosen one all the time
        self.tabs.removeTab(number)
        self.tabs.insertTab(number, page, title)
        self.tabs.setTabToolTip(number, tip)
        self.tabs.setCurrentIndex(number)
        self.tabs.blockSignals(blocked)
        later.deleteLater()
        (self.tabs.tabBar() if focused is self.tabs.tabBar() else page).setFocus()
        if hasattr(page, "open_paths"):
            panel = cast(Panel, page)
            panel.status_changed.connect(partial(self._panel_says, panel))
            panel.models_wanted.connect(self.show_models)

    def _page(self, number: int, title: str) -> QWidget:
        """A panel; where one of its libraries can't be loaded, a page that says so."""
        module, name = PANELS[number]
        try:
            page: QWidget = getattr(importlib.import_module(module), name)(self.context, self)
        except ImportError as error:
            _log.exception("the panel %s can't be loaded", name)
            from app.gui.broken import Broken

            return Broken(title, error, self.context.theme, self)
        return page

    def _panel_shown(self) -> None:
        self._make(self.tabs.currentIndex())
        page = self.tabs.currentWidget()
        for panel in self.panels():
            if cast(QWidget, panel) is not page:
                panel.hidden()
        panel_now = self.panel
        self.menu.enable(PANEL_ACTIONS, panel_now is not None)
        self.status.set_answer(self._answers.get(self.tabs.currentIndex(), ""))
        if panel_now is not None:
            panel_now.shown()
        self.context.settings.set("window.tab", self.tabs.currentIndex())

    def _panel_says(self, panel: Panel, text: str) -> None:
        """For the status bar, which shows what the panel in view says."""
        number = self.tabs.indexOf(cast(QWidget, panel))
        self._answers[number] = text
        if number == self.tabs.currentIndex():
            self.status.set_answer(text)

    # Coming up and going away

    def warm_up(self) -> None:
        """After the first paint: start the engine thread, find the device, load the models of the panel in view."""
        self.context.worker.start()
        self.machine.start(self.panel.ready_models() if self.panel is not None else ())
        self.status.look()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.painted.emit)  # after the children have painted, too

    def showEvent(self, event: QShowEvent) -> None:
        """Keys act in the panel from the first moment; else the tabs, being first in order, would have the focus."""
        super().showEvent(event)
        page = self.tabs.currentWidget()
        if page is not None and self.focusWidget() in (None, self.tabs, self.tabs.tabBar()):
            page.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Never asks: nothing here can be lost. Out of sight at once, gone within 2 s: all are told before any is
        waited for, and what still runs after `CLOSING` ends with the process."""
        if not self._closed:
            self._closed = True
            end = time.monotonic() + CLOSING
            self._keep()
            self.hide()
            for dialog in self._dialogs.values():
                dialog.close()
            self.context.downloads.cancel_all()
            self.context.worker.close(0.0)
            for panel in self.panels():
                panel.close_panel(end - time.monotonic())
            self.context.settings.save()
            if not self.context.worker.close(max(0.0, end - time.monotonic())):
                _log.info("a step of the engine still runs; the process ends without it")
            self.context.downloads.close(max(0.0, end - time.monotonic()))
            self.closed.emit()
        event.accept()

    def _restore(self) -> None:
        settings = self.context.settings
        geometry = settings.value("window.geometry", "")
        # restoreGeometry looks whether the screen is still there
        if not geometry or not self.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii", "ignore"))):
            self.resize(FIRST)
        tab = settings.value("window.tab", 0)
        self.tabs.setCurrentIndex(tab if 0 <= tab < self.tabs.count() else 0)
        self._panel_shown()
        if settings.problem:
            self.strips.say("warning", settings.problem)
            settings.problem = None

    def _keep(self) -> None:
        self.context.settings.set("window.geometry", self.saveGeometry().toBase64().toStdString())

    # What the program says

    def say(self, kind: str, sentence: str, actions: tuple[Action, ...] = ()) -> None:
        """A strip over the panels."""
        self.strips.say(kind, sentence, actions)

    @Slot(object)
    def _notice(self, notice: Notice) -> None:
        self.say("warning", notice.sentence)

    @Slot(str)
    def _machine_failed(self, sentence: str) -> None:
        self.say("error", sentence)

    @Slot(str)
    def _download_failed(self, model: str, sentence: str) -> None:
        again: Action = (self.tr("Try again"), lambda: self.context.downloads.start(model))
        self.say("error", sentence, (again,))

    @Slot(str)
    def _download_finished(self, model: str) -> None:
        if model in chosen_models(self.context):
            self.machine.load(model)
        if (card := self.context.store.card(model)).task != "classify":  # for that it was fetched
            self.context.settings.set(f"{card.task}.model", model)
        self.machine.check(model)
        self.models_changed()

    @Slot(object)
    def _model_checked(self, found: object) -> None:
        """What a check found stands on the model's card; only a bad one is said here, too."""
        if not bool(getattr(getattr(found, "check", None), "ok", False)):
            self.say("warning", str(getattr(found, "sentence", "")))
        self.models_changed()

    def models_changed(self) -> None:
        """The choice of models has changed, or which files are here."""
        for panel in self.panels():
            panel.models_changed()

    def _downloads_changed(self) -> None:
        self.status.set_downloading(len(self.context.downloads.active()))

    # What a person does

    def _doings(self) -> Doings:
        def of_panel(name: str) -> Callable[[], None]:
            def act() -> None:
                if (panel := self.panel) is not None:
                    getattr(panel, name)()

            return act

        return Doings(
            panel=self.tabs.setCurrentIndex,
            open=of_panel("open_dialog"),
            open_folder=of_panel("open_folder_dialog"),
            paste=of_panel("paste"),
            copy=of_panel("copy"),
            save=of_panel("save"),
            cancel=of_panel("cancel"),
            inside=of_panel("toggle_inside"),
            models=self.show_models,
            settings=self.show_settings,
            shortcuts=self.show_shortcuts,
            about=self.show_about,
            logs=lambda: cast(None, show_folder(self.context.store.folders.logs)),
            quit=lambda: cast(None, self.close()),
            theme=self.choose_theme,
            keys=self.choose_keys,
        )

    def open_paths(self, paths: list[Path]) -> None:
        """For files that the program is started with."""
        if (panel := self.panel) is not None:
            panel.open_paths(paths)

    def choose_theme(self, choice: str) -> None:
        self.context.theme.choose(choice)
        self.context.settings.set("theme", choice)
        self.context.settings.save()
        self.menu.show_theme(choice)

    def choose_keys(self, on: bool) -> None:
        """Whether keys without Ctrl act."""
        self.context.settings.set(KEYS_KEY, on)
        self.context.settings.save()

    def show_models(self) -> None:
        from app.gui.models_page import ModelsPage

        page = self._dialog("models", lambda: ModelsPage(self.context, self.machine, self))
        if isinstance(page, ModelsPage):
            page.refresh()

    def show_settings(self) -> None:
        from app.gui.preferences import Preferences

        self._dialog(
            "settings", lambda: Preferences(self.context, self.machine, self.choose_theme, self.menu.keys, self)
        )

    def show_shortcuts(self) -> None:
        from app.gui.shortcuts import Shortcuts

        self._dialog("shortcuts", lambda: Shortcuts(self))

    def show_about(self) -> None:
        from app.gui.about import About

        self._dialog("about", lambda: About(self.context.theme, self))

    def show_privacy(self) -> None:
        self.say(
            "info",
            self.tr(
                "Pictures and texts are worked on by networks on this machine and are never sent anywhere. Only a "
                "download that you click asks the internet for a file; it sends nothing of yours."
            ),
        )

    def _dialog(self, name: str, make: Callable[[], QDialog]) -> QDialog:
        """One of each; not modal, so that the panel stays in reach."""
        if name not in self._dialogs:
            self._dialogs[name] = make()
        dialog = self._dialogs[name]
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        return dialog

    # Putting it together

    def _corner(self) -> None:
        button = QToolButton(self)
        button.setIcon(self.context.theme.icon("menu"))
        button.setIconSize(QSize(20, 20))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(self.menu.menu)
        button.setToolTip(self.tr("Menu (F10)"))
        button.setAccessibleName(self.tr("Menu"))
        button.setShortcut("F10")
        self.menu_button = button
        corner = QWidget(self)
        row = QHBoxLayout(corner)
        row.setContentsMargins(0, 0, STEP, 0)
        row.addWidget(button)
        self.tabs.setCornerWidget(corner)

    def _connect(self) -> None:
        context = self.context
        self.tabs.currentChanged.connect(self._panel_shown)
        context.bridge.notice.connect(self._notice)
        self.machine.device_named.connect(lambda name: self.status.set_device(name, self.machine.preference))
        self.machine.busy_changed.connect(self.status.set_busy)
        self.machine.failed.connect(self._machine_failed)
        self.machine.checked.connect(self._model_checked)
        self.status.device_chosen.connect(self.machine.use_device)
        self.status.privacy_asked.connect(self.show_privacy)
        for signal in (context.downloads.started, context.downloads.finished, context.downloads.cancelled):
            signal.connect(self._downloads_changed)
        context.downloads.failed.connect(self._downloads_changed)
        context.downloads.failed.connect(self._download_failed)
        context.downloads.finished.connect(self._download_finished)


class _Later(QWidget):
    """Holds the place of a page that nobody has looked at yet."""
