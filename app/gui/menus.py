"""Every action of the window in one place: what it is called, its key, what it does; and the menu made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from app.gui.theme import CHOICES, Theme


def tr(text: str) -> str:
    return QCoreApplication.translate("Menu", text)


@dataclass(frozen=True)
class Doings:
    """What the actions do; the window fills it in."""

    panel: Callable[[int], None]
    open: Callable[[], None]
    open_folder: Callable[[], None]
    paste: Callable[[], None]
    copy: Callable[[], None]
    save: Callable[[], None]
    cancel: Callable[[], None]
    inside: Callable[[], None]
    models: Callable[[], None]
    settings: Callable[[], None]
    shortcuts: Callable[[], None]
    about: Callable[[], None]
    logs: Callable[[], None]
    quit: Callable[[], None]
    theme: Callable[[str], None]
    keys: Callable[[bool], None]


class Menu:
    """The actions by name, and `menu`, which holds most of them. All of them act in the whole window."""

    def __init__(self, doings: Doings, theme: Theme, titles: list[str], keys: bool, parent: QWidget) -> None:
        self._parent, self._theme = parent, theme
        self.actions: dict[str, QAction] = {}
        for number, title in enumerate(titles):
            self._add(f"panel-{number + 1}", title, f"Ctrl+{number + 1}", partial(doings.panel, number))
        self._add("open", tr("Open…"), QKeySequence.StandardKey.Open, doings.open, "open")
        self._add("open-folder", tr("Open a folder…"), "Ctrl+Shift+O", doings.open_folder)
        self._add("paste", tr("Paste"), QKeySequence.StandardKey.Paste, doings.paste, "paste")
        self._add("copy", tr("Copy the answer"), QKeySequence.StandardKey.Copy, doings.copy, "copy")
        self._add("save", tr("Save the answer…"), QKeySequence.StandardKey.Save, doings.save, "save")
        self._add("cancel", tr("Cancel what runs"), "Esc", doings.cancel, "close")
        self._add("inside", tr("Look inside"), "Ctrl+I", doings.inside)
        self._add("models", tr("Models…"), "Ctrl+M", doings.models, "models")
        self._add("settings", tr("Settings…"), "Ctrl+,", doings.settings, "settings")
        self._add("shortcuts", tr("Keys and help"), "F1", doings.shortcuts)
        self._add("logs", tr("Open the folder of the log"), None, doings.logs)
        self._add("about", tr("About Triptych"), None, doings.about, "info")
        self._add("quit", tr("Quit"), "Ctrl+Q", doings.quit)
        self.actions["about"].setMenuRole(QAction.MenuRole.AboutRole)
        self.actions["settings"].setMenuRole(QAction.MenuRole.PreferencesRole)
        self.actions["quit"].setMenuRole(QAction.MenuRole.QuitRole)
        self.keys = QAction(tr("Keys without Ctrl"), parent)
        self.keys.setCheckable(True)
        self.keys.setChecked(keys)
        self.keys.toggled.connect(doings.keys)
        self.theme_menu = self._themes(doings)
        self.menu = self._menu()

    def enable(self, names: tuple[str, ...], enabled: bool) -> None:
        for name in names:
            self.actions[name].setEnabled(enabled)

    def _add(
        self,
        name: str,
        text: str,
        key: str | QKeySequence.StandardKey | None,
        act: Callable[[], None],
        icon: str | None = None,
    ) -> None:
        action = QAction(text, self._parent)
        if key is not None:
            action.setShortcut(QKeySequence(key))
        if icon is not None:
            action.setIcon(self._theme.icon(icon, "secondary"))
        action.triggered.connect(lambda _=False: act())
        self._parent.addAction(action)  # the key works whether or not the menu was ever opened
        self.actions[name] = action

    def _themes(self, doings: Doings) -> QMenu:
        menu = QMenu(tr("Light or dark"), self._parent)
        group = QActionGroup(menu)
        names = {"system": tr("As the system"), "light": tr("Light"), "dark": tr("Dark")}
        for choice in CHOICES:
            action = menu.addAction(names[choice])
            action.setCheckable(True)
            action.setData(choice)
            action.setChecked(choice == self._theme.choice)
            action.triggered.connect(lambda _=False, which=choice: doings.theme(which))
            group.addAction(action)
        return menu

    def show_theme(self, choice: str) -> None:
        for action in self.theme_menu.actions():
            action.setChecked(action.data() == choice)

    def _menu(self) -> QMenu:
        menu = QMenu(tr("Menu"), self._parent)
        groups = (
            ("open", "open-folder", "paste", "copy", "save"),
            ("inside", "cancel"),
            ("models", "settings"),
            ("shortcuts", "logs", "about"),
            ("quit",),
        )
        for number, names in enumerate(groups):
            if number:
                menu.addSeparator()
            for name in names:
                menu.addAction(self.actions[name])
            if "inside" in names:
                menu.addMenu(self.theme_menu)
                menu.addAction(self.keys)
        return menu
