"""The translator's training data: wordpieces, token ids, and batches of sentences of like length.

`python -m app.training.gnmt_data OUT --data ../shared/data/translation --pairs en-de,en-fr,en-es --vocabulary 16000`
writes OUT/wordpieces.model and OUT/tokens.npz: all sentence pairs as token ids, small enough to travel to a machine
with a GPU. The text itself is not needed after that. With `--like gnmt-en-de` the wordpieces are that model's, so that
its training can go on.
"""

from __future__ import annotations

import argparse
import io
import lzma
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.store.catalog import Store
from app.text.copying import SYMBOLS, mask_pair
from app.text.wordpieces import END, PAD, START, UNKNOWN, language_token

LANGUAGES = ("en", "de", "fr", "es")

# How often a pair of a source is drawn, relative to its share of the data: everyday language leads, long news
# sentences and software texts season. A source that is not named here stays out: xdailydialog (CC BY-NC-SA), freedict,
# picard, openstreetmap-website and shattered-pixel-dungeon (GPL), whose terms are not ours to pass on.
WEIGHTS = {
    "tatoeba": 2.0,
    "tatoeba-challenge": 2.0,
    "multi30k": 1.5,
    "bcontrast": 1.0,
    "diabla": 1.0,
    "msctd": 0.7,
    "cocoa-mt": 1.0,
    "opensubtitles": 0.7,
    "wmt-news": 0.3,
    "pud": 1.0,
    "mlqe-pe": 0.3,
    "mt-geneval": 1.0,
    "xquad": 1.0,
    "woz2": 0.5,
    "tico19": 0.7,
    "opennmt-wmt10k": 0.3,
    "refugee-phrasebook": 1.0,
    "gnome-user-docs": 0.3,
    "python-docs": 0.3,
    "mozilla-www": 0.3,
    "scratch": 0.3,
}


def read_pairs(data: Path, pair: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(source name, [(English, other), …]) for each training file of `pair`, such as "en-de"."""
    for path in sorted((data / "train").glob(f"*.{pair}.tsv.xz")):
        name = path.name.split(".")[0]
        if name not in WEIGHTS:
            continue
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines]
        yield name, [(row[0], row[1]) for row in rows if len(row) == 2]


def prepare(out: Path, data: Path, pairs: list[str], vocabulary: int, longest: int, known: bytes | None = None) -> None:
    """Learn the wordpieces, unless they are `known`, and write all pairs as ids; pairs longer than `longest` pieces a
    side are left out."""
    import sentencepiece

    out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(0)  # noqa: S311 - no secret
    texts = {
        pair: [(name, [mask_pair(a, b, chance) for a, b in rows]) for name, rows in read_pairs(data, pair)]
        for pair in pairs
    }
    model = known or learn_wordpieces(
        (side for sources in texts.values() for _, rows in sources for row in rows for side in row), vocabulary
    )
    (out / "wordpieces.model").write_bytes(model)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    columns: dict[str, list[np.ndarray]] = {"ids": [], "starts": [], "meta": []}
    names = sorted(WEIGHTS)
    offset = 0
    for pair, sources in texts.items():
        other = pair.split("-")[1]
        for name, rows in sources:
            left, right = pieces.encode([a for a, _ in rows]), pieces.encode([b for _, b in rows])
            keep = [(a, b) for a, b in zip(left, right, strict=True) if 0 < len(a) <= longest and 0 < len(b) <= longest]
            flat = np.array([i for a, b in keep for i in (*a, *b)], dtype=np.uint16)
            lengths = np.array([(len(a), len(b)) for a, b in keep], dtype=np.int64).reshape(-1, 2)
            starts = offset + np.concatenate([[0], lengths.reshape(-1).cumsum()])
            columns["ids"].append(flat)
            columns["starts"].append(np.stack([starts[0:-1:2], starts[1::2], starts[2::2]], axis=1))
            columns["meta"].append(np.tile([names.index(name), LANGUAGES.index(other)], (len(keep), 1)))
            offset += len(flat)
            print(f"{name}.{pair}: {len(keep)} of {len(rows)} pairs", flush=True)
    np.savez_compressed(
        out / "tokens.npz",
        ids=np.concatenate(columns["ids"]),
        starts=np.concatenate(columns["starts"]).astype(np.int32),  # (pairs, 3): English, other, end
        meta=np.concatenate(columns["meta"]).astype(np.int8),  # (pairs, 2): source, other language
        sources=np.array(names),
    )


def learn_wordpieces(sentences: Iterable[str], vocabulary: int) -> bytes:
    """sentencepiece's model, of `vocabulary` pieces, languages and symbols among them."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        vocab_size=vocabulary,
        model_type="unigram",
        character_coverage=0.9998,
        input_sentence_size=600_000,
        shuffle_input_sentence=True,
        pad_id=PAD,
        unk_id=UNKNOWN,
        bos_id=START,
        eos_id=END,
        byte_fallback=True,  # what the vocabulary has never seen is spelt in bytes, never dropped
        control_symbols=[language_token(language) for language in LANGUAGES],
        user_defined_symbols=list(SYMBOLS),  # what the network is to carry over as it is (app.text.copying)
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    return model.getvalue()


@dataclass(frozen=True, eq=False)
class Batch:
    """Padded token ids: `source` (n, s) begins with the language token and ends with END; `target` (n, t) begins with
    START and ends with END."""

    source: np.ndarray
    target: np.ndarray


class Corpus:
    """The token file, and endless batches from it."""

    def __init__(self, folder: Path, language_ids: dict[str, int], directions: list[str]) -> None:
        """`directions` such as ["en-de", "de-en"]; `language_ids` are the ids of the language tokens."""
        with np.load(folder / "tokens.npz") as file:
            self.ids, self.starts, self.meta = file["ids"], file["starts"], file["meta"]
            names = [str(name) for name in file["sources"]]
        self.language_ids, self.directions = language_ids, directions
        weights = np.array([WEIGHTS[name] for name in names])
        self.weights = weights[self.meta[:, 0]]

    def batches(self, tokens: int, seed: int) -> Iterator[Batch]:
        """Batches of about `tokens` target tokens, padding included; pools of like length, in random order."""
        rng = np.random.default_rng(seed)
        candidates = []
        for direction in self.directions:
            a, b = direction.split("-")
            other = LANGUAGES.index(b if a == "en" else a)
            rows = np.flatnonzero(self.meta[:, 1] == other)
            candidates.append((direction, rows, self.weights[rows] / self.weights[rows].sum()))
        share = np.array([np.sqrt(len(rows)) for _, rows, _ in candidates])
        share = share / share.sum()
        while True:
            pool: list[tuple[int, int, bool, str]] = []
            for (direction, rows, p), part in zip(candidates, share, strict=True):
                drawn = rng.choice(rows, size=max(1, int(40_000 * part)), p=p)
                forwards = direction.startswith("en-")
                lengths = np.diff(self.starts[drawn], axis=1)
                for row, (english, foreign) in zip(drawn.tolist(), lengths.tolist(), strict=True):
                    source, target = (english, foreign) if forwards else (foreign, english)
                    pool.append((target * 1000 + source, row, forwards, direction))
            rng.shuffle(pool)
            pool.sort(key=lambda entry: entry[0])
            groups: list[list[tuple[int, int, bool, str]]] = [[]]
            for entry in pool:
                width = entry[0] // 1000 + 2
                if groups[-1] and (len(groups[-1]) + 1) * width > tokens:
                    groups.append([])
                groups[-1].append(entry)
            for k in rng.permutation(len(groups)):
                yield self._batch(groups[k])

    def _batch(self, group: list[tuple[int, int, bool, str]]) -> Batch:
        sources, targets = [], []
        for _, row, forwards, direction in group:
            a, b, c = self.starts[row]
            english, foreign = self.ids[a:b], self.ids[b:c]
            source, target = (english, foreign) if forwards else (foreign, english)
            sources.append(np.concatenate([[self.language_ids[direction.split("-")[1]]], source, [END]]))
            targets.append(np.concatenate([[START], target, [END]]))
        return Batch(pad(sources), pad(targets))


def pad(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of ids -> (rows, longest) int64, padded at the end."""
    out = np.full((len(rows), max(len(row) for row in rows)), PAD, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/translation"))
    parser.add_argument("--pairs", default="en-de,en-fr,en-es")
    parser.add_argument("--vocabulary", type=int, default=16_000)
    parser.add_argument("--longest", type=int, default=80, help="wordpieces a side")
    parser.add_argument("--like", metavar="ID", help="an embedded model whose wordpieces these are to be")
    args = parser.parse_args()
    store = Store()
    known = store.wordpieces(store.card(args.like)) if args.like else None
    prepare(args.out, args.data, args.pairs.split(","), args.vocabulary, args.longest, known)


if __name__ == "__main__":
    main()
