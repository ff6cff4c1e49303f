"""Buttons as all panels have them."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from app.gui.theme import Theme

ICON = QSize(18, 18)


def tool_button(icon: str, words: str, theme: Theme, parent: QWidget, role: str = "text") -> QToolButton:
    """An icon. `words`: its tool tip, and its name for screen readers; `role`: its colour in the theme."""
    button = QToolButton(parent)
    button.setIcon(theme.icon(icon, role))
    button.setIconSize(ICON)
    button.setToolTip(words)
    button.setAccessibleName(words)
    return button


def flat_button(words: str, tip: str, parent: QWidget) -> QPushButton:
    """Words without a frame."""
    button = QPushButton(words, parent)
    button.setProperty("flat", True)
    button.setToolTip(tip)
    return button
