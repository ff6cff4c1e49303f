"""Places in a text: Python counts characters, Qt counts units of UTF-16, of which an emoji has two."""

from __future__ import annotations

import re
from bisect import bisect_left

_WIDE = re.compile("[\U00010000-\U0010ffff]")


class Units:
    def __init__(self, text: str) -> None:
        self._wide = [] if text.isascii() else [match.start() for match in _WIDE.finditer(text)]
        self._begins = [place + k for k, place in enumerate(self._wide)]  # in units

    def of(self, place: int) -> int:
        """The unit at which the character begins."""
        return place + bisect_left(self._wide, place)

    def place(self, unit: int) -> int:
        """The character that the unit begins; of the second half of one, the next."""
        return unit - bisect_left(self._begins, unit)
