"""Makes bpe.json: how subword-nmt itself splits words, which tests/text/test_moses_bpe.py holds ours against. From the
repository's root, in an environment of its own:

    python3.11 -m venv /tmp/subword && /tmp/subword/bin/pip install subword-nmt==0.3.8
    /tmp/subword/bin/python tests/text/data/make_bpe.py

The codes are learnt from the sample texts that come with the program, in version 0.2 as the published ones are, and
rewritten as version 0.1 would have them.
"""

from __future__ import annotations

import io
import json
import re
from importlib.metadata import version
from pathlib import Path

from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

ROOT = Path(__file__).parents[3]
WORDS = [
    "the",
    "bypasses",
    "unbelievably",
    "a",
    "network",
    "networked",
    "Ünlü",
    "x",
    "&apos;s",
    "aaaaaaa",
    "banana",
    "ss",
]


def main() -> None:
    text = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "assets" / "pages").glob("*.md")))
    words = re.findall(r"\S+", text)
    out = io.StringIO()
    learn_bpe(io.StringIO(" ".join(words)), out, 300, min_frequency=2)
    new = out.getvalue() + "a a\n"
    old = new.split("\n", 1)[1].replace("</w>", " </w>")  # pairs that have become triples were none in version 0.1
    old = "".join(f"{line}\n" for line in old.split("\n") if len(line.split(" ")) == 2) + "e </w>\ns </w>\n"
    found: dict[str, object] = {"version": version("subword-nmt")}
    for name, codes in (("0.2", new), ("0.1", old)):
        bpe = BPE(io.StringIO(codes))
        chosen = sorted(set(words), key=lambda word: (len(word), word))[::12][:100] + WORDS
        found[name] = {"codes": codes, "words": {word: bpe.segment(word).split(" ") for word in chosen}}
    path = Path(__file__).with_name("bpe.json")
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
