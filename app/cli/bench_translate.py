"""`triptych bench translate`: how fast sentences are translated here, beside the same weights driven by a plain loop,
and how far a step is from what the memory allows."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from app.cli.asking import Asked
from app.cli.bench_bare import Timed
from app.cli.bench_classify import Report, rounds
from app.cli.classify import chosen
from app.cli.output import CommandError, json_line, line, prepare_json
from app.engines.translate import TranslateAll, TranslateEngine, penalties
from app.nets.hypotheses import Offers, length_penalty, search
from app.runtimes import devices, translator
from app.runtimes.translator import Read, TranslationNetwork
from app.store.cards import directions
from app.store.catalog import Store
from app.text.copying import prepare
from app.text.wordpieces import END, START

if TYPE_CHECKING:
    from app.store.cards import Card

BEAM = 5
WORDS = 12  # of the one sentence
FASTER = 5.0  # than the plain loop, one sentence with a beam of 5
PLAIN = 10  # sentences that the plain loop gets of the many
LARGE = 256 << 20  # bytes: larger than any cache but a server's

_WHO = ("Tom", "She", "He", "Everyone", "My brother", "The old man", "Nobody", "The doctor", "Mary")
_DOES = ("reads", "found", "sold", "wants", "has forgotten", "likes", "bought", "can't find")
_WHAT = ("a book", "the red car", "his keys", "a letter", "the photos", "that house", "a coat", "the map")
_WHERE = ("", "today", "again", "in the garden", "at the station", "near the river", "with a friend", "before dinner")
TWELVE = (
    "My brother wants to read the old book in the garden today.",
    "The doctor has forgotten his keys at the station and goes back.",
    "She bought a new coat for her daughter before the winter came.",
    "A young woman is looking for the letter that Tom has found.",
    "We can't find the small house near the river on this map.",
    "He told me yesterday that he likes to cook for his friends.",
)


def run(options: argparse.Namespace) -> int:
    if options.published_size:
        from app.cli import bench_published

        return bench_published.translate(options)
    if options.json:
        prepare_json()
    store = Store()
    (card, *_) = chosen(options.model, "translate")
    source, target = _direction(card, options.direction)
    device = devices.choose(options.device)
    report = Report(options.json)
    report.note(f"{card.id}, {source} to {target}, on {device.name}")
    one, many = _sentences(options.text, source, options.sentences)
    report.note(
        f"{len(one)} sentences of {WORDS} words; {len(many):,} of {_words(many) / len(many):.1f} words"
        f"{'' if options.text else ', made up'}"
    )
    from app.runtimes.torch_runtime import build

    net: Any = build(card, store)
    with ExitStack() as stack:
        engine = stack.enter_context(Asked("translate", lambda: TranslateEngine(store, options.device)))
        bench = _Bench(report, card, engine, net, translator.load(card, store, device), source, target)
        bench.one_sentence(one, options.runs)
        bench.steps(one, options.runs)
        bench.many(many)
    if options.json:
        found = {"device": device.name, "figures": report.figures, "targets": report.targets, "notes": report.notes}
        line(json_line(found))
    return 0


def _direction(card: Card, wanted: str | None) -> tuple[str, str]:
    """Raises CommandError."""
    known = directions(card)
    if wanted is None and known:
        return known[0]
    for source, target in known:
        if wanted == f"{source}-{target}":
            return source, target
    names = ", ".join("-".join(direction) for direction in known) or "nothing that was measured"
    raise CommandError(f"{card.id} doesn't translate {wanted or 'anything'}; it knows {names}.")


def _sentences(file: str | None, source: str, count: int) -> tuple[list[str], list[str]]:
    """Sentences of twelve words, and `count` of any. Raises CommandError."""
    if file is None:
        if source != "en":
            raise CommandError(f"The sentences made up are English: give some in “{source}” with --text FILE.")
        return list(TWELVE), list(itertools.islice(_made_up(), count))
    try:
        lines = [text.strip() for text in Path(file).read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{Path(file).name} can't be read as UTF-8 text.") from error
    many = [text for text in dict.fromkeys(lines) if text][:count]
    one = [text for text in many if len(text.split()) == WORDS][: len(TWELVE)]
    if not one:
        raise CommandError(f"{Path(file).name} has no sentence of {WORDS} words.")
    return one, many


def _made_up() -> Iterator[str]:
    """Some four thousand sentences, each once, of 4 to 10 words, neighbours unlike."""
    total = len(_WHO) * len(_DOES) * len(_WHAT) * len(_WHERE)
    for k in range(total):
        n, parts = k * 2801 % total, []  # 2801 is prime: every number comes once
        for choices in (_WHO, _DOES, _WHAT, _WHERE):
            n, rest = divmod(n, len(choices))
            parts.append(choices[rest])
        yield " ".join(filter(None, parts)) + "."


def _words(texts: Sequence[str]) -> int:
    return sum(len(text.split()) for text in texts)


class _Bench:
    def __init__(
        self, report: Report, card: Card, engine: Asked, net: Any, network: TranslationNetwork, source: str, target: str
    ) -> None:
        self._report, self._card, self._engine, self._net, self._network = report, card, engine, net, network
        self._source, self._target = source, target
        self._alpha, self._coverage = penalties(card)

    def _request(self, sentences: Sequence[str], beam: int) -> TranslateAll:
        return TranslateAll(
            tuple(sentences), self._source, self._target, self._card.id, beam, self._alpha, self._coverage
        )

    def _ids(self, sentence: str) -> list[int]:
        pieces = self._network.wordpieces
        return list(pieces.framed(pieces.encode(prepare(sentence, pieces.alphabet).text), self._target))

    def one_sentence(self, sentences: Sequence[str], runs: int) -> None:
        def ours(beam: int) -> Timed:
            turn = itertools.cycle(sentences)
            return lambda: self._engine.ask(self._request([next(turn)], beam))

        def theirs(beam: int) -> Timed:
            turn = itertools.cycle([self._ids(sentence) for sentence in sentences])
            return lambda: plain(self._net, next(turn), beam, self._alpha, self._network.wordpieces.never)

        for beam in (1, BEAM):
            name = _named(beam)
            taken = rounds(
                {"Triptych, through the worker": ours(beam), "plain loop": theirs(beam)}, runs, len(sentences)
            )
            self._report.show(f"{name}, one sentence of {WORDS} words", taken)
            mine, other = taken.values()
            if beam == BEAM:
                title = f"{name}, one sentence, ≥ {FASTER:.0f} × the plain loop"
                self._report.target(title, other / mine, FASTER, FASTER * mine <= other, "×")

    def steps(self, sentences: Sequence[str], runs: int) -> None:
        """What a step takes, and the floor: reading its weights once, as fast as the memory gives them."""
        size = step_bytes(self._net, self._network.runtime == "openvino")
        memory, cached = bandwidth(LARGE), bandwidth(size)
        self._report.note(
            f"a step reads {size / 1e6:.1f} MB of weights; {devices.threads()} threads read {memory / 1e9:.1f} GB/s "
            f"from memory, and {cached / 1e9:.1f} GB/s of as much as the weights again and again, which caches may hold"
        )
        for beam in (1, BEAM):
            times: list[float] = []
            for _ in range(runs):
                for sentence in sentences:
                    ids = self._ids(sentence)
                    timed = _Watched(self._network.read([ids]), times)
                    for _ in search(
                        timed, batch=1, start=START, end=END, beam=beam, longest=[2 * len(ids) + 10], alpha=self._alpha,
                        exact=False,
                    ):  # fmt: skip
                        pass
            step, floor, near = median(times), 1000 * size / memory, 1000 * size / cached
            self._report.show(
                f"{_named(beam)}, a step ({len(times) / runs / len(sentences):.1f} a sentence)",
                {"a step": step, "floor: its weights read from memory": floor, "its weights read from caches": near},
            )
            self._report.note(f"{_named(beam)}: a step takes {step / floor:.1f} × the floor")

    def many(self, sentences: Sequence[str]) -> None:
        for beam in (1, BEAM):
            begin = time.perf_counter()
            answers = list(self._engine.partials(self._request(sentences, beam)))
            took = time.perf_counter() - begin
            said = _words([answer.translations[0].text for answer in answers])
            few = sentences[:: max(1, len(sentences) // PLAIN)][:PLAIN]
            begin = time.perf_counter()
            for sentence in few:
                plain(self._net, self._ids(sentence), beam, self._alpha, self._network.wordpieces.never)
            plainly = time.perf_counter() - begin
            self._report.show(
                f"{_named(beam)}, {len(sentences):,} sentences",
                {
                    "Triptych, in batches": _words(sentences) / took,
                    f"plain loop, {len(few)} of them": _words(few) / plainly,
                },
                "words of the source a second, more is better",
            )
            self._report.note(f"{_named(beam)}: {said / took:.0f} words of the translation a second, in batches")


class _Watched:
    """Notes how long each step takes, in milliseconds."""

    def __init__(self, read: Read, times: list[float]) -> None:
        self._read, self._times = read, times

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        begin = time.perf_counter()
        offers = self._read.advance(tokens, parents, inputs, forced)
        self._times.append(1000 * (time.perf_counter() - begin))
        return offers


def _named(beam: int) -> str:
    return "greedy" if beam == 1 else f"beam {beam}"


def step_bytes(net: Any, integers: bool) -> int:
    """Of the matrices that a step reads: one byte a weight and a scale a row of four as `integers`, else four."""
    lstms = [matrix for lstm in net.decoder for matrix in (lstm.weight_ih_l0, lstm.weight_hh_l0)]
    matrices = [*lstms, net.attention.query.weight, net.output.weight]
    return sum(matrix.numel() + 4 * len(matrix) if integers else 4 * matrix.numel() for matrix in matrices)


def bandwidth(size: int) -> float:
    """Bytes a second at which all threads together read `size` bytes, the best of some tries."""
    threads = devices.threads()
    parts = [np.ones(max(1, size // 4 // threads), np.float32) for _ in range(threads)]
    again = max(1, (64 << 20) // size)  # a small array is read several times between two looks at the clock

    def read(part: np.ndarray) -> None:
        for _ in range(again):
            part.max()

    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(7):
            begin = time.perf_counter()
            list(pool.map(read, parts))
            best = max(best, again * sum(part.nbytes for part in parts) / (time.perf_counter() - begin))
    return best


def plain(net: Any, ids: Sequence[int], beam: int, alpha: float, never: Sequence[int]) -> list[int]:
    """The loop that anyone would write: `nn.LSTM`, one hypothesis at a time, the attention's keys made anew for every
    wordpiece."""
    import torch

    torch.set_num_threads(devices.threads())
    forbidden, longest = list(never), 2 * len(ids) + 10
    with torch.inference_mode():
        memory = net.encode(torch.tensor([list(ids)]))
        live: list[tuple[list[int], float, Any]] = [([START], 0.0, net.start(memory))]
        done: list[tuple[list[int], float]] = []
        while live and len(done) < beam:
            offers = []
            for spoken, total, state in live:
                anew = memory._replace(keys=net.attention.key(memory.values))
                logits, _, following = net.step(torch.tensor(spoken[-1:]), state, anew)
                log_p = logits.log_softmax(-1)[0]
                log_p[forbidden] = float("-inf")
                best, which = log_p.topk(beam)
                offers += [([*spoken, int(w)], total + float(p), following) for p, w in zip(best, which, strict=True)]
            offers.sort(key=lambda offer: -offer[1])
            live = []
            for spoken, total, following in offers[:beam]:
                if spoken[-1] == END or len(spoken) > longest:
                    done.append((spoken, total / length_penalty(len(spoken) - 1, alpha)))
                else:
                    live.append((spoken, total, following))
    return max(done, key=lambda found: found[1])[0]
