"""The shipped translator and its card, from a training run: `python -m app.training.export_gnmt runs/gnmt/en-de
--id gnmt-en-de --stopped time`.

Reads RUN/average.safetensors, RUN/curve.tsv, RUN/told.json, and wordpieces.model and tokens.npz beside RUN
(app.training.gnmt). Writes OUT/ID.safetensors (app.store.int8, its wordpieces inside) and OUT/ID.toml. What the card
says is measured from the file that is written, through the program's own engine; nothing is typed in but the reason why
training stopped.

The penalties are chosen on tatoeba-dev from a small grid, and what int8 costs is measured there, against the same
weights in half precision run in float32.

`--out weights` makes the embedded model; any other folder, such as data/models in a TRIPTYCH_HOME, an imported one.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from app.engines.translate import TranslateEngine
from app.engines.translate import penalties as of_card
from app.store import int8, locate
from app.store.architectures import TIED
from app.store.cards import Card, Measurement, write_card
from app.store.catalog import Store
from app.store.codec import METADATA_KEY
from app.store.fingerprints import sha256_of
from app.store.official import RESEARCH
from app.store.vocabulary import WORDPIECES
from app.training import measure
from app.training.export import REASONS
from app.training.gnmt import TOLD
from app.training.gnmt_data import LANGUAGES
from app.training.measure import Dev

if TYPE_CHECKING:
    from app.runtimes.devices import Device
    from app.runtimes.translator import TranslationNetwork

LARGEST = 64 << 20  # bytes of a shipped file
MOST_LOST = 0.3  # BLEU that int8 may cost
ALPHAS = (0.4, 0.6, 0.8, 1.0, 1.2)
COVERAGES = (0.0, 0.1, 0.2)

PAPER = (
    "Y. Wu et al.: Google's Neural Machine Translation System (arXiv:1609.08144, 2016); M. Johnson et al.: Google's "
    "Multilingual Neural Machine Translation System (arXiv:1611.04558, 2017)"
)
LICENCE = "Research and education (as the texts it learnt from: weights/LICENSE.md; the code is Apache-2.0)"
LIMITS = (
    "It learnt from a few hundred thousand pairs, most of them short everyday sentences and descriptions of "
    "photographs, where GNMT had tens of millions: long, technical and literary sentences go wrong, rare words are "
    "guessed, names and numbers can change, something can be left out or made up in fluent words, and “you” is "
    "sometimes formal, sometimes not. It sees one sentence at a time. Don't rely on it where a mistake would do harm."
)
NAMES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish"}
TERMS = {  # as the sources state them (../shared/data/README.md)
    "tatoeba": "Tatoeba (CC BY 2.0 FR; tatoeba.org, by way of www.manythings.org/anki)",
    "tatoeba-challenge": "sentences of the Tatoeba Challenge (content of Tatoeba, CC BY 2.0 FR)",
    "multi30k": "Multi30k (for researchers and educators, non-commercial)",
    "bcontrast": "BConTrasT (CC BY-SA 4.0)",
    "diabla": "DiaBLa (CC BY-SA 4.0)",
    "msctd": "MSCTD (repository MIT; nothing stated for the film subtitles)",
    "cocoa-mt": "CoCoA-MT (CDLA-Sharing-1.0)",
    "opensubtitles": "OpenSubtitles 2018 (www.opensubtitles.org; rights in the subtitles not stated)",
    "wmt-news": "news test sets of WMT (for research)",
    "pud": "Universal Dependencies PUD (CC BY-SA 3.0)",
    "mlqe-pe": "MLQE-PE (CC0 1.0)",
    "mt-geneval": "MT-GenEval (CC BY-SA 3.0)",
    "xquad": "XQuAD (CC BY-SA 4.0)",
    "woz2": "WOZ 2.0 (repository Apache-2.0)",
    "tico19": "TICO-19 (CC0 1.0)",
    "opennmt-wmt10k": "OpenNMT-py's sample of WMT (repository MIT; origin of the sentences not stated)",
    "refugee-phrasebook": "Refugee Phrasebook (nothing stated)",
    "gnome-user-docs": "GNOME's user documentation (CC BY 3.0)",
    "python-docs": "Python's documentation (PSF licence; translations CC0)",
    "mozilla-www": "Mozilla's web pages (MPL 2.0)",
    "scratch": "Scratch's texts (BSD-style licence)",
}


@dataclass(frozen=True)
class Curve:
    """What a run says about itself: RUN/curve.tsv."""

    directions: tuple[str, ...]
    steps: int
    points: dict[str, tuple[tuple[float, float], ...]]  # of each direction: (hours, BLEU)

    def mean(self) -> tuple[tuple[float, float], ...]:
        """Over the directions, where all have been measured."""
        hours = sorted(set.intersection(*({hour for hour, _ in points} for points in self.points.values())))
        tables = [dict(points) for points in self.points.values()]
        return tuple((hour, round(fmean(table[hour] for table in tables), 2)) for hour in hours)


def curve(path: Path) -> Curve:
    """A run that was resumed from an earlier moment has points of training that was lost: they are left out. Raises
    SystemExit where nothing has been measured yet."""
    points: dict[str, list[tuple[float, float]]] = {}
    steps = 0
    for line in path.read_text("utf-8").splitlines():
        hours, step, direction, score = line.split("\t")
        found = points.setdefault(direction, [])
        while found and found[-1][0] >= float(hours):
            found.pop()
        found.append((float(hours), float(score)))
        steps = int(step)
    if not points:
        raise SystemExit(f"{path} is empty: this run has not been measured yet.")
    return Curve(tuple(points), steps, {direction: tuple(found) for direction, found in points.items()})


def learnt_from(tokens: Path, directions: Sequence[str]) -> tuple[int, str]:
    """The number of pairs of these directions in tokens.npz, and the terms of their sources."""
    with np.load(tokens) as file:
        meta, names = file["meta"], [str(name) for name in file["sources"]]  # (pairs, 2): source, other language
    others = {LANGUAGES.index(language) for direction in directions for language in direction.split("-")}
    rows = meta[np.isin(meta[:, 1], sorted(others - {LANGUAGES.index("en")}))]
    sources = [names[k] for k in np.unique(rows[:, 0])]
    terms = "; ".join(TERMS[name] for name in TERMS if name in sources)
    return len(rows), f"Sentence pairs of {terms}. {RESEARCH}"


def stored(state: dict[str, Tensor], pieces: bytes, coded: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What a file holds, and its metadata: int8, or (to be compared with) half precision."""
    model = torch.from_numpy(np.frombuffer(pieces, np.uint8).copy())
    if not coded:
        return {key: tensor.half() for key, tensor in state.items()} | {WORDPIECES: model}, {"format": "pt"}
    return int8.encode(state) | {WORDPIECES: model}, {"format": "pt", METADATA_KEY: int8.VERSION}


class Exact(TranslateEngine):
    """In float32, through torch: what a file's weights can do, whatever the processor has."""

    def _make(self, card: Card, device: Device) -> TranslationNetwork:
        from app.runtimes.torch_translator import TorchTranslator

        return TorchTranslator(card, self._store, device)


class Draft:
    """A store of its own with the file that is to be shipped and with the same weights in half precision."""

    def __init__(self, folder: Path, card: Card, state: dict[str, Tensor], pieces: bytes, device: str) -> None:
        places = {name: folder / name for name in ("config", "data", "cache", "logs", "models")}
        places["models"].mkdir()
        for model, coded in (("draft", True), ("draft-half", False)):
            file = places["models"] / f"{model}.safetensors"
            tensors, metadata = stored(state, pieces, coded)
            save_file(dict(sorted(tensors.items())), file, metadata=metadata)
            write_card(replace(card, id=model, file=file.name, origin="imported"), file.with_suffix(".toml"))
        self.file = places["models"] / "draft.safetensors"
        self.store = Store(locate.Folders(**places))
        self.engine, self.exact = TranslateEngine(self.store, device), Exact(self.store, device)

    def score(self, on: Sequence[Dev], alpha: float, coverage: float) -> float:
        """BLEU, the mean of the dev sets."""
        ours = (measure.translated(self.engine, "draft", dev, alpha, coverage) for dev in on)
        return fmean(measure.bleu(said, dev)[0] for said, dev in zip(ours, on, strict=True))

    def exact_score(self, on: Sequence[Dev], alpha: float, coverage: float) -> float:
        ours = (measure.translated(self.exact, "draft-half", dev, alpha, coverage) for dev in on)
        return fmean(measure.bleu(said, dev)[0] for said, dev in zip(ours, on, strict=True))


def penalties(draft: Draft, on: Sequence[Dev]) -> tuple[float, float, float]:
    """alpha, coverage and the BLEU that they reach: first the length penalty alone, then coverage with the best one."""
    scores = {(alpha, COVERAGES[0]): draft.score(on, alpha, COVERAGES[0]) for alpha in ALPHAS}
    best = max(scores, key=scores.__getitem__)
    scores |= {(best[0], coverage): draft.score(on, best[0], coverage) for coverage in COVERAGES[1:]}
    for (alpha, coverage), score in scores.items():
        print(f"alpha {alpha}, coverage {coverage}: BLEU {score:.2f}", flush=True)
    best = max(scores, key=scores.__getitem__)
    return *best, scores[best]


def shown(directions: Sequence[str]) -> str:
    """ "English → French, Spanish" of en-fr and en-es; an arrow for each set of sources."""
    sources: dict[str, list[str]] = {}
    for direction in directions:
        source, target = direction.split("-")
        sources.setdefault(NAMES[target], []).append(NAMES[source])
    joined: dict[str, list[str]] = {}
    for name, found in sources.items():
        joined.setdefault(", ".join(found), []).append(name)
    return "; ".join(f"{source} → {', '.join(names)}" for source, names in joined.items())


def _where(given: dict[str, Any]) -> str:
    if given["device"] != "cpu":
        return "on one GPU"
    return "with one thread" if given["threads"] == 1 else f"with {given['threads']} threads"


def _how(given: dict[str, Any], layers: int) -> str:
    first = given["first_layers"]
    grew = f"its stacks grew from {first} to {layers} layers a side, and " if first < layers else ""
    said = f"{grew}its attention was shown where IBM's model 1 aligns the words (app.training.aligner)."
    return f"While it learnt, {said}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a training run")
    parser.add_argument("--stopped", choices=sorted(REASONS), required=True, help="why training stopped")
    parser.add_argument("--id", required=True, help="such as gnmt-en-de")
    parser.add_argument("--like", metavar="ID", help="an embedded model whose penalties it is to have: saves minutes")
    parser.add_argument("--out", type=Path, default=Path("weights"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="cpu")
    parser.add_argument("--limit", type=int, help="measure on the first so many sentences only; for a trial")
    args = parser.parse_args()

    state = {key: value for key, value in load_file(args.run / "average.safetensors").items() if key not in TIED}
    pieces = (args.run.parent / "wordpieces.model").read_bytes()
    run = curve(args.run / "curve.tsv")
    try:
        given: dict[str, Any] = json.loads((args.run / TOLD).read_text("utf-8"))
    except FileNotFoundError as error:
        raise SystemExit(f"{args.run / TOLD} is missing: the training has not come to an end yet.") from error
    pairs, terms = learnt_from(args.run.parent / "tokens.npz", run.directions)
    layers = sum(key.startswith("decoder.") and key.endswith("weight_ih_l0") for key in state)
    width = state["embedding.weight"].shape[1]
    card = Card(
        id=args.id,
        name=f"GNMT ({shown(run.directions)})",
        year=2016,
        task="translate",
        architecture="gnmt",
        origin="embedded" if args.out.resolve() == locate.bundled("weights").resolve() else "imported",
        file=f"{args.id}.safetensors",
        licence=LICENCE,
        terms=terms,
        limits=LIMITS,
        summary="A GNMT that is being measured.",
        parameters=sum(tensor.numel() for tensor in state.values()),
        source=PAPER,
        attribution="Trained by Triptych (python -m app.training.gnmt)",
        labels="",
        curve=run.mean(),
        # Directions are offered once they are measured; for the draft it is enough that they are about to be.
        measured=(Measurement(f"to be measured: {' '.join(run.directions)}", None, None, "", (("BLEU", 0.0),)),),
        extra=(("directions", " ".join(run.directions)),),
    )
    with tempfile.TemporaryDirectory() as folder:
        draft = Draft(Path(folder), card, state, pieces, args.device)
        size = draft.file.stat().st_size
        if size > LARGEST:
            raise SystemExit(f"{card.file} would have {size:,} bytes, more than {LARGEST:,}.")
        wanted = [(direction[:2], direction[3:]) for direction in run.directions]
        chosen_on = [dev for dev in measure.dev_sets(args.data, wanted, args.limit) if dev.name == measure.DEV[0]]
        if args.like is None:
            alpha, coverage, score = penalties(draft, chosen_on)
        else:
            alpha, coverage = of_card(Store().card(args.like))
            score = draft.score(chosen_on, alpha, coverage)
            print(f"alpha {alpha}, coverage {coverage}, as {args.like}: BLEU {score:.2f}", flush=True)
        lost = draft.exact_score(chosen_on, alpha, coverage) - score
        print(f"int8 costs {lost:+.2f} BLEU", flush=True)
        if lost > MOST_LOST:
            raise SystemExit(f"int8 costs {lost:.2f} BLEU, more than {MOST_LOST}: nothing is written.")
        signature = measure.bleu(chosen_on[0].references, chosen_on[0])[2]
        extra: dict[str, Any] = {
            "directions": " ".join(run.directions),
            "steps": run.steps,
            "begun": given["begun"],
            "alpha": alpha,
            "coverage": coverage,
            "sacrebleu": signature,
            "int8_lost": round(lost, 2),
        }
        for direction, points in run.points.items():
            extra[f"curve_{direction}"] = " ".join(f"{hours:g}:{value:g}" for hours, value in points)
        card = replace(card, extra=tuple(extra.items()))
        measured = []
        for one in measure.translations(draft.store, replace(card, id="draft"), args.data, args.limit, args.device):
            measured.append(replace(one, source=one.source.replace("draft", card.id)))
            print(f"{one.scores} on {one.data}", flush=True)
        args.out.mkdir(parents=True, exist_ok=True)
        part = args.out / f".{card.file}.{os.getpid()}.part"
        part.write_bytes(draft.file.read_bytes())
        part.replace(args.out / card.file)
    told = ", ".join(
        f"{NAMES[a]} to {NAMES[b]} {dict(one.scores)['BLEU']:.1f}"
        for one in measured
        for a, b in wanted
        if one.data.startswith(f"{measure.DEV[0]} {a}-{b} ")
    )
    file = args.out / card.file
    chosen = (
        "were chosen on tatoeba-dev, so its scores are a little too good; the other files were measured only."
        if args.like is None
        else f"are those of {args.like}; nothing was chosen on the files that it was measured on."
    )
    card = replace(
        card,
        size=file.stat().st_size,
        sha256=sha256_of(file),
        summary=(
            f"A GNMT of {layers} + {layers} LSTM layers of width {width}, trained by this project: BLEU on tatoeba-dev "
            f"{told}."
        ),
        measured=tuple(measured),
        training=(
            f"Learnt from {pairs:,} sentence pairs in {max(run.mean())[0]:.1f} hours of computing {_where(given)} "
            f"({run.steps:,} steps of {given['tokens']} target wordpieces at most), {given['begun']}. "
            f"{_how(given, layers)} The curve shows BLEU of greedy translations of tatoeba-dev's first 300 sentences, "
            "the mean of the directions. "
            f"The penalties of length (alpha {alpha:g}) and coverage ({coverage:g}) {chosen} "
            f"Its matrices are stored in 8 bits, which changed BLEU on tatoeba-dev by {-extra['int8_lost'] + 0.0:+.2f} "
            "against half precision. "
            f"{REASONS[args.stopped]}."
        ),
    )
    write_card(card, file.with_suffix(".toml"))
    print(f"{file}: {card.size:,} bytes, SHA-256 {card.sha256}\n{card.summary}")


if __name__ == "__main__":
    main()
