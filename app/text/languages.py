"""Languages of the translator: their names, and which one a text is in.

The guess is py3langid's (Lui and Baldwin 2012, "langid.py"), among the four languages. It keeps silent where it isn't
sure, and where another language is much likelier: of the sentences of `tatoeba-dev` it names 99 of 100, none of them
wrongly, of their first three words 94, and one of 700 wrongly (tests/text/test_languages.py counts).
"""

from __future__ import annotations

import math
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from app.text import spans

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

NAMES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish"}
SURE = 0.75  # probability among the four
OTHER = 0.05  # how likely, relative to the likeliest of all languages, it must be at least
ENOUGH = 2000  # characters that are looked at


def guess(text: str) -> str | None:
    """The code of the language, or None where that isn't sure. The first call takes about a second (numpy, 4 MB of
    model), so call it on a thread of its own; every other one a tenth of a millisecond. Any thread may call it."""
    words = _words(text[:ENOUGH])
    letters = [c for c in words if c.isalpha()]
    if len(letters) < 3 or 2 * sum(c < "ɐ" for c in letters) < len(letters):
        return None
    with _lock:
        ranked = dict(_identifier().rank(words))
    heat = math.sqrt(len(words.encode("utf-8", "replace")))  # as py3langid calibrates it
    best = max(NAMES, key=lambda code: ranked[code])
    p = 1 / sum(math.exp((ranked[code] - ranked[best]) / heat) for code in NAMES)
    if p < SURE or math.exp((ranked[best] - max(ranked.values())) / heat) < OTHER:
        return None
    return best


_lock = Lock()


@lru_cache(1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def _words(text: str) -> str:
    """Without addresses and the like, which are in no language."""
    out, done = [], 0
    for span in spans.find(text):
        out.append(text[done : span.start])
        done = span.end
    return " ".join([*out, text[done:]]).strip()
