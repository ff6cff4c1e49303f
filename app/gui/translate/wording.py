"""What the panel says with numbers in it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale


def pace(model: str, ms: float, words: float) -> str:
    """For the status bar: "gnmt · 85 ms a sentence · 120 words/s"."""
    parts = [model]
    if ms:
        parts.append(_tr("{0} ms a sentence").format(QLocale().toString(round(ms))))
    if words:
        parts.append(_tr("{0} words/s").format(QLocale().toString(round(words))))
    return " · ".join(parts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Translate", text)
