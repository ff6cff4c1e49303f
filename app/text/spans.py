"""What is copied, not translated: web and mail addresses, file names, placeholders, tags, numbers, emoji.

One regular expression finds them, the earlier alternative winning at the same place. Sentences are short (see
`app.text.sentences`), so that no alternative can become slow.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Span(NamedTuple):
    """`sentence[start:end]` is copied. `kind`: the name of the group below."""

    start: int
    end: int
    kind: str


_ENDINGS = (
    "txt|md|rst|pdf|docx?|odt|rtf|tex|csv|tsv|xlsx?|ods|pptx?|odp|jpe?g|png|gif|svg|webp|bmp|tiff?|heic|mp[34]|m4a|wav"
    "|ogg|flac|avi|mov|mkv|webm|srt|vtt|zip|tar|gz|xz|7z|rar|exe|msi|dmg|deb|rpm|apk|iso|html?|css|js|ts|json|xml|ya?ml"
    "|toml|ini|cfg|conf|log|py|ipynb|c|cpp|h|hpp|java|rs|go|rb|php|sh|bat|sql|db|bak|tmp|dll|so|ttf|epub"
)
_DOMAINS = "com|org|net|edu|gov|info|io|dev|app|ai|eu|de|at|ch|fr|be|es|mx|uk|us|ca|nl|it"
_UNITS = (
    "km/h|m/s|mph|km|cm|mm|nm|µm|m²|m³|m|kg|mg|g|t|ml|cl|l|°C|°F|°|%|‰|€|\\$|£|¥|EUR|USD|GBP|CHF|kB|KB|MB|GB|TB|KiB|MiB|GiB"
    "|kHz|MHz|GHz|Hz|kWh|mAh|kW|MW|W|V|mA|px|dpi|fps|ms|µs|ns|s|min|h"
)
_EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf\u2b05-\u2b55\u231a\u231b\u23e9-\u23fa\u2934\u2935\u3030\u303d"

_FOUND = re.compile(
    rf"""
    (?P<url>\b(?:https?|ftps?|file|mailto|sftp|ssh|git)://?[^\s<>"“”„«»]+ | \bwww\.[^\s<>"“”„«»]+)
  | (?P<mail>\b[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{2,63}}){{1,6}}\b)
  | (?P<placeholder>
        \{{\{{[^{{}}\n]{{0,80}}\}}\}} | \$?\{{[^{{}}\n]{{0,80}}\}}
      | %(?:\(\w{{1,40}}\)|\d{{1,2}}\$)?[-+\#0]{{0,3}}\d{{0,3}}(?:\.\d{{1,3}})?[sdifgxXeEcru@](?!\w)
      | ⟨\d⟩ | `[^`\n]{{1,120}}` | &(?:\w{{2,10}}|\#\d{{1,6}}|\#x[\da-fA-F]{{1,6}});)
  | (?P<tag></?[A-Za-z][\w:-]{{0,40}}
        (?:\s{{1,3}}[\w:-]{{1,40}}\s?=\s?(?:"[^"<>]{{0,200}}"|'[^'<>]{{0,200}}'|[^\s"'<>]{{1,200}})){{0,8}}\s?/?>
      | <!--.{{0,200}}?-->)
  | (?P<path>
        (?<!\w)[A-Za-z]:\\[^\s:*?"<>|,;]* | (?<!\S)\\\\[^\s:*?"<>|,;]+
      | (?<![\w/.])(?:~|\.{{1,2}})/[\w.@+-]+(?:/[\w.@+-]+)*/? | (?<![\w/.<])/[\w.@+-]+(?:/[\w.@+-]+)+/?)
  | (?P<file>(?<![\w@])(?!\w\.\w\b)[\w-][\w.-]{{0,100}}\.(?:{_ENDINGS})\b(?![\w@])
      | (?<![\w@])(?:[\w-]{{1,63}}\.){{1,5}}(?:{_DOMAINS})\b(?:/[^\s<>"“”„«»]*)?(?!\.?\w))
  | (?P<code>(?<![\w@])[@\#][A-Za-z_]\w{{1,60}} | \b[A-Za-z]\w{{0,40}}_\w{{1,40}}(?:\(\))? | \b\w{{1,40}}\(\))
  | (?P<phone>(?<![\w.,+])\+\d{{1,3}}(?:[\s/()-]{{1,2}}\d{{2,8}}){{1,5}}(?!\w))
  | (?P<number>(?<![\w.,])[-+±−≈~]?(?:[$€£¥]\s?)?(?:
        \d[\d.,:/'’\u00a0\u202f]*\d?(?:[\s\u00a0\u202f]?(?:{_UNITS})(?!\w))
      | \d{{1,4}}(?:[.,:/'’\u00a0\u202f-]\d{{1,4}})+ | \d{{5,}} | v?\d+(?:\.\d+){{2,}} )(?!\w) | [$€£¥]\s?\d+(?!\w))
  | (?P<count>(?<![\w.,])\d{{2,4}}(?!\w))
  | (?P<emoji>[{_EMOJI}](?:[{_EMOJI}\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f]|\s(?=[{_EMOJI}]))*
      | [\d\#*]\ufe0f?\u20e3)
    """,
    re.VERBOSE,
)
_AFTER = re.compile(r"[.,;:!?'’…]+$")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def find(sentence: str) -> list[Span]:
    """From left to right, without overlap."""
    found = []
    for match in _FOUND.finditer(sentence):
        kind = match.lastgroup or ""
        start, end = match.span()
        if kind in ("url", "file", "path"):
            end = _trimmed(sentence, start, end)
        elif kind == "number":
            end = start + len(match.group().rstrip(".,:/'’"))
        if end > start:
            found.append(Span(start, end, kind))
    return found


def _trimmed(sentence: str, start: int, end: int) -> int:
    """Where an address ends: the full stop of its sentence and a bracket that is opened before it are not its own."""
    while end > start:
        text = sentence[start:end]
        if text[-1] in _PAIRS and text.count(text[-1]) > text.count(_PAIRS[text[-1]]):
            end -= 1
        elif after := _AFTER.search(text):
            end = start + after.start()
        else:
            break
    return end
