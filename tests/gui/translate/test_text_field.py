"""The two text fields by themselves."""

from __future__ import annotations

import subprocess
import sys

COPIES = """
import sys
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from app.gui.theme import Theme
from app.gui.translate.text_field import SourceField

application = QApplication([])
field = SourceField(Theme("light"))
field.setPlainText("5\\u00a0dogs\\nrun")
field.selectAll()
field.copy()
mime = QGuiApplication.clipboard().mimeData()
print(ascii(mime.text()), *mime.formats())
del mime, field
sys.exit(0)
"""


def test_what_is_copied_outlives_the_program() -> None:
    """No-break spaces stay, nothing but text is there, and it is freed after Python has ended without a crash."""
    done = subprocess.run([sys.executable, "-c", COPIES], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "'5\\xa0dogs\\nrun' text/plain\n"
