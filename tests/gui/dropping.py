"""What a person drops on a panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication

LEFT = Qt.MouseButton.LeftButton


def drop(panel: Any, mime: QMimeData) -> None:
    actions, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    try:  # Qt 6.12 takes a QPointF and warns of the other, which is all that older ones have
        enter = QDragEnterEvent(QPointF(50, 50), actions, mime, LEFT, keys)  # type: ignore[arg-type, unused-ignore]
    except (TypeError, ValueError):
        enter = QDragEnterEvent(QPoint(50, 50), actions, mime, LEFT, keys)
    QGuiApplication.sendEvent(panel, enter)
    QGuiApplication.sendEvent(panel, QDropEvent(QPointF(50, 50), actions, mime, LEFT, keys))


def of_files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime
