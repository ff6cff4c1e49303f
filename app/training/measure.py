"""Top-1 and top-5 on imagenet_dev, through the program's own decoding and preprocessing, in float32; of a captioner
BLEU and CIDEr on flickr8k_val, of a translator sacreBLEU's BLEU and chrF on the dev files of `translation/dev`, both
through the program's own engine.

python -m app.training.measure --card resnet18
    a model of the store, from its shipped file, as its card says; exit code 1 where the card says another figure.
    `--write` puts the figures into an embedded model's card.
python -m app.training.measure runs/resnet18/weights.safetensors --size 128 160
    a file of weights at several sizes: `--size` is the crop; the short side is 8/7 of it (256 for 224) unless
    `--resize` says otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from app.media import pictures
from app.media.preprocess import Preprocessing, apply
from app.store import locate, weights
from app.store.architectures import build
from app.store.cards import Card, Measurement, directions, write_card
from app.store.catalog import Store
from app.store.sideload import LITE
from app.training.pictures import in_zip

if TYPE_CHECKING:
    from app.engines.translate import TranslateEngine

BATCH = 50
BEAM = 5  # of a captioner and of a translator
TOLERANCE = 0.2  # points: three pictures of 1,500, whose answers hang on the last digits of a sum
DEV = ("tatoeba-dev", "multi30k-val", "multi30k-test_2016_flickr", "newstest2013-multi")  # the telling one first
COLUMNS = ("en", "de", "fr", "es")  # of a dev file that doesn't name its languages


@dataclass(frozen=True, eq=False)
class Measured:
    """Of a data set: pictures as the program decodes them, and their ImageNet classes."""

    name: str
    pixels: list[np.ndarray]  # (height, width, 3) uint8 each
    labels: Tensor  # (n,)

    def __str__(self) -> str:
        return f"{self.name} ({len(self.pixels):,} pictures)"


def imagenet_dev(data: Path, limit: int | None = None) -> Measured:
    """The pictures for measuring; nothing is trained or chosen on them. `limit`: the first so many."""
    rows = list(in_zip(data / "imagenet_dev.zip"))[:limit]
    pixels = [pictures.decode(encoded).pixels for encoded, _, _ in rows]
    return Measured("imagenet_dev", pixels, torch.tensor([label for _, label, _ in rows]))


@torch.no_grad()
def accuracy(net: nn.Module, on: Measured, preprocessing: Preprocessing) -> tuple[float, float]:
    """Top-1 and top-5 (%)."""
    logits = []
    for begin in range(0, len(on.pixels), BATCH):
        x = np.stack([apply(pixels, preprocessing) for pixels in on.pixels[begin : begin + BATCH]])
        # (n, 3, crop, crop)
        logits.append(net(torch.from_numpy(x).contiguous(memory_format=torch.channels_last)))
    found = torch.cat(logits).topk(5).indices == on.labels[:, None]  # (n, 5)
    return 100 * found[:, 0].float().mean().item(), 100 * found.any(1).float().mean().item()


def network(architecture: str, state: dict[str, Tensor]) -> nn.Module:
    """Ready to be measured: float32, evaluation mode."""
    net = build(architecture)
    net.load_state_dict({key: tensor.float() for key, tensor in state.items()}, strict=False)  # counters may be missing
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def of_card(store: Store, card: Card, on: Measured) -> Measurement:
    """The card's model from its file. Raises StoreError."""
    net = network(card.architecture, store.state_dict(card))
    top1, top5 = accuracy(net, on, card.preprocessing)
    return measurement(card.id, top1, top5, on)


def measurement(model: str, top1: float, top5: float, on: Measured) -> Measurement:
    """As a card has it, with the command that repeats it."""
    return Measurement(str(on), round(top1, 2), round(top5, 2), f"python -m app.training.measure --card {model}")


def captions(store: Store, model: str, data: Path, limit: int | None = None) -> Measurement:
    """BLEU-1 to BLEU-4 and CIDEr as the COCO evaluation computes them, on flickr8k_val, by the program's engine with
    its beam of 5. `limit`: the first so many pictures."""
    from app.engines.caption import CaptionEngine, Describe
    from app.training.captioner import read_captions, scores, words_of
    from app.worker import Ticket

    engine = CaptionEngine(store, device="cpu")
    ours, references = [], []
    for encoded, group in islice(read_captions(data / "flickr8k_val.zip"), limit):
        steps = engine.handle(Describe(pictures.decode(encoded), model, BEAM, details=False), Ticket("caption"))
        while True:
            try:
                next(steps)
            except StopIteration as stopped:
                ours.append(words_of(stopped.value.captions[0].text))
                break
        references.append(group)
    found = scores(ours, references)
    table = tuple((name, round(found[name], 3)) for name in ("CIDEr", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"))
    where = f"flickr8k_val ({len(ours):,} pictures), beam {BEAM}"
    return Measurement(where, None, None, f"python -m app.training.measure --card {model}", table)


@dataclass(frozen=True)
class Dev:
    """Sentences of a dev file and their translations, which nothing is trained on."""

    name: str
    source: str  # "en"
    target: str  # "de"
    sentences: tuple[str, ...]
    references: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.source}-{self.target} ({len(self.sentences):,} sentences), beam {BEAM}"


def dev_sets(data: Path, wanted: Iterable[tuple[str, str]], limit: int | None = None) -> Iterator[Dev]:
    """Every dev file of each direction. `limit`: the first so many sentences."""
    for source, target in wanted:
        for name in DEV:
            for path in sorted((data / "translation" / "dev").glob(f"{name}*.tsv")):
                rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()][:limit]
                pair = path.stem.removeprefix(name).removeprefix(".")  # "en-de"
                columns = pair.split("-") if pair else list(COLUMNS[: len(rows[0])])
                if {source, target} <= set(columns):
                    left, right = (tuple(row[columns.index(language)] for row in rows) for language in (source, target))
                    yield Dev(name, source, target, left, right)


def translated(engine: TranslateEngine, model: str, dev: Dev, alpha: float, coverage: float) -> list[str]:
    """Its sentences as the program translates texts: split, the sentences translated, and joined again."""
    from app.engines.translate import TranslateAll, Translated
    from app.text.sentences import split
    from app.worker import Ticket

    texts = [split(text, dev.source) for text in dev.sentences]
    sentences = tuple(dict.fromkeys(sentence.text for text in texts for sentence in text.sentences))
    request = TranslateAll(sentences, dev.source, dev.target, model, BEAM, alpha, coverage)
    found = {
        answer.sentence: answer.translations[0].text
        for answer in engine.handle(request, Ticket("translate"))
        if isinstance(answer, Translated)
    }
    return [text.join([found[sentence.text] for sentence in text.sentences]) for text in texts]


def bleu(ours: Iterable[str], dev: Dev) -> tuple[float, float, str]:
    """sacreBLEU's BLEU and chrF2 of a dev file (0 to 100), and BLEU's signature."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    said, metric = list(ours), BLEU()
    score = metric.corpus_score(said, [list(dev.references)]).score
    return float(score), float(CHRF().corpus_score(said, [list(dev.references)]).score), str(metric.get_signature())


def translations(
    store: Store, card: Card, data: Path, limit: int | None = None, device: str = "cpu"
) -> Iterator[Measurement]:
    """BLEU and chrF2 of every direction on every dev file, by the program's engine with a beam of 5 and the card's
    penalties. `limit`: the first so many sentences."""
    from app.engines.translate import TranslateEngine, penalties

    engine = TranslateEngine(store, device)
    alpha, coverage = penalties(card)
    for dev in dev_sets(data, directions(card), limit):
        ours = translated(engine, card.id, dev, alpha, coverage)
        score, chrf, _ = bleu(ours, dev)
        scores = (("BLEU", round(score, 1)), ("chrF2", round(chrf, 1)))
        yield Measurement(str(dev), None, None, f"python -m app.training.measure --card {card.id}", scores)


def _told(found: Measurement) -> str:
    if found.top1 is None:
        return ", ".join(f"{name} {value:.3g}" for name, value in found.scores)
    return f"top-1 {found.top1:.2f} %, top-5 {found.top5:.2f} %"


def _apart(one: Measurement, other: Measurement) -> float:
    """How far two measurements differ at most, in points of the scores as a card shows them (0 to 100)."""
    if one.top1 is None or other.top1 is None:
        there = dict(other.scores)
        return max((1 if name in ("BLEU", "chrF2") else 100) * abs(value - there[name]) for name, value in one.scores)
    return max(abs(one.top1 - other.top1), abs((one.top5 or other.top5 or 0) - (other.top5 or 0)))


def _card(model: str, data: Path, limit: int | None, write: bool) -> int:
    store = Store()
    card = store.card(model)
    made: Iterable[Measurement]
    if card.task == "translate":
        made = translations(store, card, data, limit)
    elif card.task == "caption":
        made = [captions(store, model, data, limit)]
    else:
        made = [of_card(store, card, imagenet_dev(data, limit))]
    found, code = [], 0
    for one in made:
        found.append(one)
        print(f"{model}: {_told(one)} on {one.data}", flush=True)
        if not write and not _as_said(card, one):
            code = 1
    if write:
        if card.origin != "embedded":
            raise SystemExit(f"{model} is not embedded: its card is not ours to write.")
        rest = tuple(one for one in card.measured if one.data not in {new.data for new in found})
        write_card(replace(card, measured=(*found, *rest)), locate.bundled("weights") / f"{model}.toml")
    return code


def _as_said(card: Card, found: Measurement) -> bool:
    """Whether the card says the same, or nothing."""
    said = [one for one in card.measured if one.data == found.data]
    for one in said:
        differs = _apart(one, found)
        print(f"its card says {_told(one)}: {differs:.2f} points away at most")
        if differs > TOLERANCE:
            return False
    if not said:
        print(f"its card says nothing about {found.data}")
    return True


def _file(path: Path, sizes: Iterable[int], resize: int | None, on: Measured) -> int:
    architecture, state = weights.read(path)
    net = network(architecture, state)
    for size in sizes:
        given = replace(
            LITE if architecture.startswith("efficientnet") else Preprocessing(),
            resize=resize or round(size * 8 / 7),
            crop=size,
        )
        top1, top5 = accuracy(net, on, given)
        print(f"{path}: {on}, {given.resize}/{size}: top-1 {top1:.1f} %, top-5 {top5:.1f} %", flush=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("weights", type=Path, nargs="?", help="a file of weights; its network is recognised")
    what.add_argument("--card", metavar="ID", help="a model of the store")
    parser.add_argument("--write", action="store_true", help="with --card: write the figures into the card")
    parser.add_argument("--size", type=int, nargs="+", default=[224], help="crop in pixels (default: 224)")
    parser.add_argument("--resize", type=int, help="short side before the crop (default: 8/7 of the size)")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="the first so many pictures or sentences")
    args = parser.parse_args()
    if args.card:
        return _card(args.card, args.data, args.limit, args.write)
    return _file(args.weights, args.size, args.resize, imagenet_dev(args.data, args.limit))


if __name__ == "__main__":
    raise SystemExit(main())
