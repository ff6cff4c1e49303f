"""The style sheet: only what Fusion with a palette can't say. Imports no Qt."""

from __future__ import annotations

from app.gui.colours import Colours


def style_sheet(c: Colours, corner: int, controls: str, name: str) -> str:
    """One style sheet for the whole program. Properties that widgets set: `primary`, `flat` on buttons, `quiet` on
    labels (secondary text). `controls`: the folder of the small drawings in controls, which a style sheet can't tint:
    so there is one a theme, named `name` ("light" or "dark")."""
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
        QHeaderView::section {{ background: {c.surface}; color: {c.secondary}; border: none; padding: 6px 11px;
            border-bottom: 1px solid {c.hairline}; }}
        QTableView, QTreeView, QListView {{ border: none; gridline-color: transparent; background: {c.raised};
            selection-background-color: {c.soft}; selection-color: {c.text}; outline: none; }}
        QTableView::item, QTreeView::item {{ padding: 0 8px; }}

        QComboBox {{ padding: 5px 8px; border: 1px solid {c.outline}; border-radius: {corner}px;
            background: {c.raised}; }}
        QComboBox:focus {{ border: 2px solid {c.accent}; padding: 4px 7px; }}
        QComboBox:disabled {{ color: {c.disabled}; border-color: {c.hairline}; }}
        QComboBox::drop-down {{ border: none; width: 24px; }}
        QComboBox::down-arrow {{ image: url("{controls}/down-{name}.svg"); width: 14px; height: 14px; }}
        QComboBox QAbstractItemView {{ border: 1px solid {c.hairline}; background: {c.raised}; padding: 4px;
            selection-background-color: {c.soft}; selection-color: {c.text}; outline: none; }}

        QCheckBox {{ spacing: 8px; padding: 2px; border: 2px solid transparent; border-radius: {corner}px; }}
        QCheckBox:focus {{ border-color: {c.accent}; }}
        QCheckBox::indicator, QTableView::indicator, QTreeView::indicator, QListView::indicator {{
            width: 14px; height: 14px; border: 1px solid {c.outline}; border-radius: 3px; background: {c.raised}; }}
        QCheckBox::indicator:hover, QTableView::indicator:hover, QTreeView::indicator:hover,
        QListView::indicator:hover {{ border-color: {c.accent}; }}
        QCheckBox::indicator:checked, QTableView::indicator:checked, QTreeView::indicator:checked,
        QListView::indicator:checked {{ border-color: {c.accent}; background: {c.accent};
            image: url("{controls}/check-{name}.svg"); }}
        QCheckBox::indicator:disabled {{ border-color: {c.hairline}; }}

        QSlider:horizontal {{ min-height: 22px; }}
        QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {c.outline}; }}
        QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {c.accent}; }}
        QSlider::handle:horizontal {{ width: 14px; height: 14px; margin: -6px 0; border-radius: 8px;
            border: 1px solid {c.accent}; background: {c.raised}; }}
        QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{ background: {c.accent}; }}
        QSlider::sub-page:horizontal:disabled {{ background: {c.hairline}; }}
        QSlider::groove:horizontal:disabled {{ background: {c.hairline}; }}
        QSlider::handle:horizontal:disabled {{ border-color: {c.hairline}; }}

        QScrollBar:vertical {{ width: 12px; background: transparent; margin: 0; }}
        QScrollBar:horizontal {{ height: 12px; background: transparent; margin: 0; }}
        QScrollBar::handle {{ background: {c.outline}; border-radius: 3px; margin: 3px; }}
        QScrollBar::handle:vertical {{ min-height: 32px; }}
        QScrollBar::handle:horizontal {{ min-width: 32px; }}
        QScrollBar::handle:hover {{ background: {c.secondary}; }}
        QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
        QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
        QAbstractScrollArea::corner {{ background: transparent; }}
        QScrollArea {{ border: none; background: transparent; }}
    """
