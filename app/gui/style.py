"""The style sheet: only what Fusion with a palette can't say. Imports no Qt."""

from __future__ import annotations

from app.gui.colours import Colours


def style_sheet(c: Colours, corner: int) -> str:
    """One style sheet for the whole program. Properties that widgets set: `primary`, `flat` on buttons, `quiet` on
    labels (secondary text)."""
    return f"""
        QToolTip {{ color: {c.text}; background: {c.raised}; border: 1px solid {c.hairline}; padding: 4px; }}
        QLabel[quiet="true"] {{ color: {c.secondary}; }}

        QPushButton {{ padding: 6px 14px; border: 1px solid {c.outline}; border-radius: {corner}px;
            background: {c.raised}; }}
        QPushButton:hover {{ border-color: {c.accent}; }}
        QPushButton:pressed {{ background: {c.soft}; }}
        QPushButton:focus {{ border: 2px solid {c.accent}; padding: 5px 13px; }}
        QPushButton:disabled {{ color: {c.disabled}; border-color: {c.hairline}; }}
        QPushButton[primary="true"] {{ background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; }}
        QPushButton[primary="true"]:hover {{ border-color: {c.text}; }}
        QPushButton[primary="true"]:focus {{ border: 2px solid {c.text}; padding: 5px 13px; }}
        QPushButton[primary="true"]:disabled {{ background: {c.hairline}; color: {c.disabled};
            border-color: {c.hairline}; }}
        QPushButton[flat="true"] {{ border-color: transparent; background: transparent; color: {c.accent};
            padding: 6px 8px; }}
        QPushButton[flat="true"]:hover {{ background: {c.soft}; }}
        QPushButton[flat="true"]:focus {{ border: 2px solid {c.accent}; padding: 5px 7px; }}
        QPushButton[flat="true"]:disabled {{ color: {c.disabled}; }}

        QToolButton {{ border: 1px solid transparent; border-radius: {corner}px; padding: 4px; }}
        QToolButton:hover {{ background: {c.soft}; }}
        QToolButton:focus {{ border: 2px solid {c.accent}; padding: 3px; }}
        QToolButton:checked {{ background: {c.soft}; }}
        QToolButton::menu-indicator {{ image: none; }}

        QLineEdit {{ padding: 5px 8px; border: 1px solid {c.outline}; border-radius: {corner}px;
            background: {c.raised}; }}
        QLineEdit:focus {{ border: 2px solid {c.accent}; padding: 4px 7px; }}
        QPlainTextEdit {{ border: 1px solid {c.hairline}; border-radius: {corner}px; background: {c.raised}; }}
        QPlainTextEdit:focus {{ border-color: {c.accent}; }}

        QTabWidget::pane {{ border: none; border-top: 1px solid {c.hairline}; }}
        QTabWidget::tab-bar {{ left: 8px; }}
        QTabBar::tab {{ padding: 10px 16px 8px 16px; border: none; border-bottom: 2px solid transparent;
            color: {c.secondary}; background: transparent; }}
        QTabBar::tab:hover {{ color: {c.text}; }}
        QTabBar::tab:selected {{ color: {c.text}; border-bottom-color: {c.accent}; }}
        QTabBar:focus {{ outline: none; }}
        QTabBar::tab:focus {{ background: {c.soft}; }}

        QStatusBar {{ border-top: 1px solid {c.hairline}; }}
        QStatusBar::item {{ border: none; }}
        QStatusBar QToolButton {{ color: {c.secondary}; padding: 2px 6px; }}
        QStatusBar QToolButton:focus {{ padding: 1px 5px; }}

        QMenu {{ background: {c.raised}; border: 1px solid {c.hairline}; padding: 4px; }}
        QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: 4px; }}
        QMenu::icon {{ padding-left: 8px; }}
        QMenu::item:selected {{ background: {c.soft}; color: {c.text}; }}
        QMenu::item:disabled {{ color: {c.disabled}; }}
        QMenu::separator {{ height: 1px; background: {c.hairline}; margin: 4px 8px; }}

        QSplitter::handle {{ background: {c.hairline}; }}
        QSplitter::handle:hover {{ background: {c.accent}; }}
        QSplitter::handle:horizontal {{ width: 1px; }}
        QSplitter::handle:vertical {{ height: 1px; }}

        QHeaderView {{ background: {c.surface}; border: none; }}
        QHeaderView::section {{ background: {c.surface}; color: {c.secondary}; border: none; padding: 6px 8px;
            border-bottom: 1px solid {c.hairline}; }}
        QTableView, QTreeView, QListView {{ border: none; gridline-color: transparent; background: {c.raised};
            selection-background-color: {c.soft}; selection-color: {c.text}; outline: none; }}
        QTableView::item, QTreeView::item {{ padding: 0 8px; }}
        QComboBox {{ min-height: 24px; }}
        QScrollArea {{ border: none; background: transparent; }}
    """
