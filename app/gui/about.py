"""About: which version, on what it stands, under which licences."""

from __future__ import annotations

import importlib.metadata
import platform
import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui.theme import QUARTER, STEP, WIDE, WIDER, Theme, sized

NONE = "–"
# For a checkout that was never installed: what pyproject.toml asks for.
REQUIRED = [
    *("PySide6-Essentials", "torch", "torchvision", "openvino", "opencv-python-headless", "numpy", "sentencepiece"),
    *("safetensors", "Pillow", "pi-heif", "platformdirs", "httpx", "filelock", "tomli-w", "psutil"),
    *("cv2-enumerate-cameras", "pysubs2"),
]


def libraries() -> list[tuple[str, str, str]]:
    """Name, version and licence of each library that Triptych asks for, as the installed packages say it."""
    found = []
    for name in _required():
        try:
            about = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found.append((about["Name"] or name, about["Version"] or "?", licence(about)))
    return sorted(found, key=lambda row: row[0].lower())


def licence(about: importlib.metadata.PackageMetadata) -> str:
    """One line. Packages say it in three places, from the newest way to the oldest; some put the whole text there."""
    if expression := about.get_all("License-Expression"):
        return str(expression[0])
    free = " ".join(" ".join(about.get_all("License") or []).split())
    if free and len(free) <= 80 and free.upper() != "UNKNOWN":
        return free
    classifiers = about.get_all("Classifier") or []
    named = [entry.rpartition("::")[2].strip() for entry in classifiers if entry.startswith("License ::")]
    return ", ".join(named) or (free[:60] + "…" if free else NONE)


def _required() -> list[str]:
    """The libraries that the program itself needs; not those for tests and training."""
    try:
        wanted = importlib.metadata.requires("triptych") or REQUIRED
    except importlib.metadata.PackageNotFoundError:  # started from a checkout
        wanted = REQUIRED
    names = (re.split(r"[^A-Za-z0-9._-]", entry, maxsplit=1)[0] for entry in wanted if "extra ==" not in entry)
    return list(dict.fromkeys(names))  # one that is wanted in two versions, by Python's, is named once


def own_version() -> str:
    try:
        return importlib.metadata.version("triptych")
    except importlib.metadata.PackageNotFoundError:
        return ""


class About(QDialog):
    """Also what to send along with a report: the versions can be copied."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About Triptych"))
        self.resize(620, 640)
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(WIDER, WIDER, WIDER, WIDE)
        column.setSpacing(STEP)
        column.addLayout(self._head(theme, page))
        column.addSpacing(STEP)
        for text in self._texts():
            label = QLabel(text, page)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label)
        column.addSpacing(WIDE)
        column.addWidget(self._title(self.tr("It stands on"), page))
        grid = QGridLayout()
        grid.setHorizontalSpacing(WIDE)
        grid.setVerticalSpacing(QUARTER)
        grid.setColumnStretch(2, 1)
        self.rows = libraries()
        for row, (name, version, terms) in enumerate(self.rows):
            for place, text in enumerate((name, version, terms)):
                label = QLabel(text, page)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setWordWrap(place == 2)
                label.setProperty("quiet", place > 0)
                grid.addWidget(label, row, place, Qt.AlignmentFlag.AlignTop)
        column.addLayout(grid)
        column.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName(self.tr("About Triptych"))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, WIDE)
        outer.setSpacing(WIDE)
        outer.addWidget(scroll, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(WIDER, 0, WIDER, 0)
        copy = QPushButton(self.tr("Copy the versions"), self)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.versions()))
        foot.addWidget(copy)
        foot.addStretch(1)
        close = QPushButton(self.tr("Close"), self)
        close.setDefault(True)
        close.clicked.connect(self.close)
        foot.addWidget(close)
        outer.addLayout(foot)

    def versions(self) -> str:
        """For a report. No path, no name of a person or a machine."""
        lines = [f"Triptych {own_version() or '(from a checkout)'}", f"Python {platform.python_version()}"]
        lines.append(f"{platform.system()} {platform.release()}, {platform.machine()}")
        return "\n".join(lines + [f"{name} {version}" for name, version, _ in self.rows])

    def _head(self, theme: Theme, page: QWidget) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(WIDE)
        mark = QLabel(page)
        mark.setPixmap(theme.pixmap("app", "accent", 48, self.devicePixelRatioF()))
        row.addWidget(mark)
        words = QVBoxLayout()
        words.setSpacing(0)
        name = QLabel("Triptych", page)
        sized(name, "caption")
        words.addWidget(name)
        under = QLabel(self.tr("Version {0}").format(own_version() or self.tr("from a checkout")), page)
        under.setProperty("quiet", True)
        words.addWidget(under)
        row.addLayout(words, 1)
        return row

    def _title(self, text: str, page: QWidget) -> QLabel:
        label = QLabel(text, page)
        sized(label, "title", bold=True)
        return label

    def _texts(self) -> tuple[str, ...]:
        return (
            self.tr("Three panels in which to see how landmark networks work, on your own machine."),
            self.tr("The program: Apache License 2.0."),
            self.tr(
                "The weights are another matter: they are learnt from research data, for research and education. "
                "Each model's card (Models) says from what it learnt and under which terms."
            ),
            self.tr("PySide6 and Qt are used under the LGPL 3; their source is at code.qt.io."),
        )
