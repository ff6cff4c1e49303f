"""`triptych bench translate --published-size` and `… caption --published-size`: networks as large as the published ones
with random weights, made for the occasion. What they say means nothing, and how long a word takes doesn't depend on it;
they say as many as a real one would."""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from app.cli.bench_bare import Timed
from app.cli.bench_classify import Report, rounds
from app.cli.output import json_line, line, prepare_json
from app.media import inputs
from app.media.preprocess import Preprocessing
from app.nets.published_searches import im2txt, nmt
from app.runtimes import captioner, devices, translator
from app.store import architectures, int8, locate, stream, vocabulary
from app.store.cards import Card, Measurement, write_card
from app.store.catalog import Store
from app.store.codec import METADATA_KEY
from app.store.locate import Folders
from app.text.moses_bpe import SPECIAL
from app.text.wordpieces import END, START

if TYPE_CHECKING:
    from app.store.architectures import Shapes

BEAMS = (1, 5, 10)
LOADS = 2.0  # seconds, memory-mapped
CAPTION_WORDS = 10  # that each caption has
TWENTY = (
    "The old man who lives in the small house near the river told us that his dog had run away.",
    "When we came back from the station last night, nobody could find the keys of the car in the garden.",
    "She said that the children had read all of the books which their mother bought for them in the city.",
)

Made = TypeVar("Made")


def translate(options: argparse.Namespace) -> int:
    return _reported(options, lambda report: translator_figures(report, options.device, options.runs))


def caption(options: argparse.Namespace) -> int:
    return _reported(options, lambda report: captioner_figures(report, options.device, options.runs))


def _reported(options: argparse.Namespace, measure: Callable[[Report], None]) -> int:
    if options.json:
        prepare_json()
    report = Report(options.json)
    measure(report)
    if options.json:
        device = devices.choose(options.device).name
        found = {"device": device, "figures": report.figures, "targets": report.targets, "notes": report.notes}
        line(json_line(found))
    return 0


# A GNMT


def translator_figures(
    report: Report, device: str, runs: int, pieces: int = 32_000, width: int = 1024, layers: int = 4
) -> None:
    """Loading and translating happen in a process of its own, after one that has made all that is kept: as at every
    start but the first."""
    with tempfile.TemporaryDirectory(prefix="triptych-bench-", ignore_cleanup_errors=True) as home:
        card = make_translator(Path(home), pieces, width, layers)
        report.note(
            f"random weights: {layers} + {layers} layers of {width:,}, {pieces:,} wordpieces, a file of "
            f"{(card.size or 0) / 1e6:.0f} MB"
        )
        first = apart(load_translator, home, card.id, device)
        found = apart(run_translator, home, card.id, device, runs)
    report.show(
        "loading, libraries imported",
        {"as at every start but the first": found["load"], "the very first time": first},
        "s",
    )
    report.target(f"loading ≤ {LOADS:.0f} s", found["load"], LOADS, found["load"] <= LOADS, "s")
    report.show("memory of the process", {name: found[name] for name in ("libraries", "loaded", "after")}, "MB")
    report.note(f"{found['read']:.1f} wordpieces a sentence of 20 words are read, and as many said")
    report.show("one sentence of 20 words", {f"beam {beam}": found[f"beam {beam}"] for beam in BEAMS})


def apart(work: Callable[..., Made], *arguments: Any) -> Made:
    """In a new process, which has imported nothing before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def load_translator(home: str, model: str, device: str) -> float:
    """Seconds."""
    store = Store(_folders(Path(home)))
    begin = time.perf_counter()
    translator.load(store.card(model), store, devices.choose(device))
    return time.perf_counter() - begin


def run_translator(home: str, model: str, device: str, runs: int) -> dict[str, float]:
    """Seconds of loading, megabytes, wordpieces a sentence, milliseconds a sentence with each beam."""
    import psutil

    def memory() -> float:
        return float(psutil.Process().memory_info().rss / 1e6)

    store, chosen = Store(_folders(Path(home))), devices.choose(device)
    if chosen.kind == "cpu":
        from app.runtimes.openvino_runtime import import_openvino

        import_openvino()
    found = {"libraries": memory()}
    begin = time.perf_counter()
    network = translator.load(store.card(model), store, chosen)
    found |= {"load": time.perf_counter() - begin, "loaded": memory()}
    sources = [network.wordpieces.framed(network.wordpieces.encode(sentence), "de") for sentence in TWENTY]
    found["read"] = sum(map(len, sources)) / len(sources)
    for beam in BEAMS:
        taken = []
        for ids in [sources[0], *runs * sources]:  # one to warm up
            begin = time.perf_counter()
            read = network.read([ids])
            for _ in nmt(read, batch=1, start=START, end=END, beam=beam, longest=[len(ids)]):
                pass
            taken.append(1000 * (time.perf_counter() - begin))
        found[f"beam {beam}"] = median(taken[1:])
    return found | {"after": memory()}


def make_translator(home: Path, pieces: int, width: int, layers: int) -> Card:
    rows = pieces + 1  # padding
    given = {f"encoder.{k}.weight_ih_l0": (4 * width, width) for k in range(layers)}
    given |= {"embedding.weight": (rows, width), "target_embedding.weight": (rows, width)}
    names, codes = _wordpieces(pieces)
    texts = {vocabulary.SOURCE: names, vocabulary.TARGET: names, vocabulary.CODES: codes}
    return _make(home, "translate", "gnmt-2016", given, "output.bias", texts, {}, Preprocessing())


def _wordpieces(count: int) -> tuple[bytes, bytes]:
    """A vocabulary file of so many lines, the special ones among them, in which the words of `TWENTY` are whole, as in
    a real one most are, and the codes that put them together."""
    words = dict.fromkeys(word.strip(".,") for sentence in TWENTY for word in sentence.split())
    known = [*SPECIAL, ".", ",", *words]
    joins: dict[str, None] = {}
    for word in words:
        letters = [*word[:-1], word[-1] + "</w>"]
        for k in range(1, len(letters)):
            joins["".join(letters[:k]) + " " + letters[k]] = None
    filled = itertools.islice(itertools.chain(known, (f"filler{k}" for k in itertools.count())), count)
    return "\n".join(filled).encode(), "\n".join(["#version: 0.2", *joins]).encode()


# A Show and Tell


def captioner_figures(
    report: Report, device: str, runs: int, words: int = 12_000, width: int = 512, scale: int = 16
) -> None:
    from app.cli.bench_caption import plain
    from app.runtimes.torch_runtime import build

    with tempfile.TemporaryDirectory(prefix="triptych-bench-", ignore_cleanup_errors=True) as home:
        card = make_captioner(Path(home), words, width, scale)
        store, chosen = Store(_folders(Path(home))), devices.choose(device)
        network, net = captioner.load(card, store, chosen), build(card, store)
        report.note(
            f"random weights: Inception v3 and an LSTM of {width:,}, {words:,} words, a file of "
            f"{(card.size or 0) / 1e6:.0f} MB, on {chosen.name}; {CAPTION_WORDS} words a caption"
        )
        frame = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)

        def ours(beam: int) -> Timed:
            def describe() -> object:
                looked = network.look(inputs.tensor(frame, card.preprocessing)[None])
                *_, last = im2txt(looked, batch=1, start=START, end=END, beam=beam, longest=[CAPTION_WORDS])
                return last

            return describe

        def theirs(beam: int) -> Timed:
            return lambda: plain(net, inputs.tensor(frame, card.preprocessing), beam, CAPTION_WORDS)

        for beam, name in ((1, "greedy"), (3, "beam 3")):
            taken = rounds({"Triptych": ours(beam), "plain loop, torch eager": theirs(beam)}, runs)
            found = {who: 1000 / ms for who, ms in taken.items()}
            report.show(f"{name}, one picture after the other", found, "captions a second, more is better")


def make_captioner(home: Path, words: int, width: int, scale: int) -> Card:
    given = {
        "decoder.embedding.weight": (words, width),
        "decoder.cell.weight_hh": (4 * width, width),
        "encoder.Conv2d_1a_3x3.conv.weight": (2 * scale, 3, 3, 3),
    }
    names = [*vocabulary.SPECIAL, *(f"word{k}" for k in range(words - len(vocabulary.SPECIAL)))]
    seen = Preprocessing(crop=299, mean=(0.5,) * 3, deviation=(0.5,) * 3, squeeze=True, squeezed=346)
    metadata = {vocabulary.KEY: "\n".join(names)}
    return _make(home, "caption", "show-and-tell", given, "decoder.to_word.bias", {}, metadata, seen)


# Both


def _folders(home: Path) -> Folders:
    return Folders(home / "config", home / "data", home / "cache", home / "logs", home / "models")


def _make(
    home: Path,
    task: str,
    architecture: str,
    given: Shapes,
    bias: str,
    texts: Mapping[str, bytes],
    metadata: Mapping[str, str],
    preprocessing: Preprocessing,
) -> Card:
    """The file, as conversion leaves it, and its card. `bias`: the output's name; it never lets the end be said."""
    model = f"{architecture}-random"
    file = locate.writable(_folders(home).models) / f"{model}.safetensors"
    shapes = architectures.shapes_of(architecture, given)
    layout: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        layout[name] = (np.dtype("i1" if len(shape) == 2 else "<f2"), shape)
        if len(shape) == 2:
            layout[f"{name}.scales"] = (np.dtype("<f2"), shape[:1])
    layout |= {name: (np.dtype("u1"), (len(text),)) for name, text in texts.items()}
    rng = np.random.default_rng(17)
    with stream.Writer(file, layout, dict(metadata) | {METADATA_KEY: int8.VERSION}) as writer:
        for name, text in texts.items():
            writer.write(name, np.frombuffer(text, np.uint8))
        for name, shape in shapes.items():
            if len(shape) == 2:
                writer.write(name, rng.integers(-127, 128, shape, np.int8))
                writer.write(f"{name}.scales", np.full(shape[0], 4e-4, np.float32))
            else:
                writer.write(name, _values(name, shape, rng, name == bias))
    card = Card(
        id=model,
        name=f"{architecture}, random weights",
        year=2016,
        task=task,  # type: ignore[arg-type]  # one of two
        architecture=architecture,
        origin="imported",
        file=file.name,
        licence="none: random weights",
        terms="Nothing was learnt.",
        limits="Says words at random.",
        summary="A network to be timed.",
        size=file.stat().st_size,
        labels="",
        preprocessing=preprocessing,
        measured=(Measurement("nothing en-de", None, None, "nowhere", (("score", 0.0),)),),
        extra=(("directions", "en-de"),) if task == "translate" else (),
    )
    write_card(card, file.with_suffix(".toml"))
    return card


def _values(name: str, shape: Sequence[int], rng: np.random.Generator, is_output_bias: bool) -> np.ndarray:
    """Of what is no matrix, so that numbers stay of ordinary size from layer to layer."""
    if is_output_bias:
        bias = np.zeros(shape, np.float32)
        bias[[vocabulary.PAD, vocabulary.END]] = -1e4
        return bias
    if len(shape) == 4:  # a convolution: He et al. 2015
        return rng.standard_normal(shape, np.float32) * math.sqrt(2 / math.prod(shape[1:]))
    if name.endswith((".bn.weight", ".running_var")):
        return np.ones(shape, np.float32)
    if name.startswith("attention."):
        return np.full(shape, 1 / 32, np.float32)
    return np.zeros(shape, np.float32)
