"""Which caption to show, so that it holds still long enough to be read, and changes when the scene or the sentence
really does. Plain Python.

A live picture is described many times a second, and neighbouring frames give neighbouring sentences: "a man in a red
shirt", "a man wearing a red shirt", and back. What is shown changes

- at once, where the **scene** is another one: the encoder's mean feature is further than `CUT` (cosine distance) from
  what it was when the sentence on show was last said. Measured on 120 pictures of flickr8k_val with the encoder as it
  was trained end to end: a picture and its copy moved by 6 % are 0.07 apart, in 99 of 100 cases at most 0.12; two
  different pictures in 99 of 100 cases at least 0.45. Only after `LEAST` seconds, so that fast cuts don't flicker;
- where the **sentence** is really another one, and the one on show has had its time to be read (`reading_time`): the
  new one was the answer twice at least and more often than not over the last `WINDOW` seconds; or once, and is more
  probable by `BETTER` (score: log probability over the length penalty) than the sentence on show when it was last
  said; or the one on show was not said for `STALE` seconds, whatever is said instead.

The same sentence again is no change; its newest words (probabilities, attention) take the place of the older ones.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from app.engines.caption import Caption

CUT = 0.4  # cosine distance
LEAST = 0.6  # seconds that any caption stays
WINDOW = 1.0  # seconds of answers that vote
BETTER = 1.0  # natural logarithm
STALE = 2.0  # seconds
BEGIN, PER_WORD, LONGEST = 0.6, 0.25, 3.5  # seconds: to find the line, to read a word (240 a minute), at most


def reading_time(words: int) -> float:
    """Seconds that a caption of so many words stays at least, while the scene does."""
    return min(BEGIN + PER_WORD * words, LONGEST)


class Steady:
    """Offered every answer, it holds the one to show. Times are seconds of the source's own clock."""

    def __init__(self) -> None:
        self.shown: Caption | None = None
        self.since = 0.0  # when the sentence on show was first said: its entry in a timeline begins here
        self._begun = 0.0  # when it came on show
        self._said = 0.0  # when it was last said
        self._scene: np.ndarray | None = None
        self._last: deque[tuple[float, str]] = deque()  # answers of the last `WINDOW`, two at least

    def reset(self) -> None:
        """Another source, or another place in a video: what comes next has nothing to do with what was."""
        self.shown, self._scene = None, None
        self._last.clear()

    def offer(self, caption: Caption, time: float, scene: np.ndarray | None = None) -> bool:
        """Whether another sentence is on show now. `scene`: `Described.scene`. A clock that goes back (a video begins
        again) is another place."""
        if self._last and time < self._last[-1][0]:
            self.reset()
        self._last.append((time, caption.text))
        while len(self._last) > 2 and self._last[0][0] <= time - WINDOW:
            self._last.popleft()
        if self.shown is not None and caption.text == self.shown.text:
            self.shown, self._said, self._scene = caption, time, scene
            return False
        cut = self.shown is None or (self._is_cut(scene) and time - self._begun >= LEAST)
        if not cut and not self._is_due(caption, time):
            return False
        first = next(then for then, text in self._last if text == caption.text)
        self.since = time if cut else max(first, self._begun)
        self.shown, self._begun, self._said, self._scene = caption, time, time, scene
        return True

    def _is_cut(self, scene: np.ndarray | None) -> bool:
        return scene is not None and self._scene is not None and distance(scene, self._scene) > CUT

    def _is_due(self, caption: Caption, time: float) -> bool:
        """Another sentence about the same scene."""
        assert self.shown is not None
        if time - self._begun < reading_time(len(self.shown.words)):
            return False
        if time - self._said >= STALE or caption.score > self.shown.score + BETTER:
            return True
        votes = sum(text == caption.text for _, text in self._last)
        return votes >= 2 and 2 * votes > len(self._last)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """1 - cosine of the angle between two mean features: 0 the same scene, 1 nothing in common."""
    lengths = math.sqrt(float(one @ one) * float(other @ other))
    return 1 - float(one @ other) / lengths if lengths else 1.0
