"""Beam search over anything that speaks step by step, batched over inputs and hypotheses. Plain Python: no tensor is
touched here, so that a network runs through any library, and captions come without torch.

Wu et al. 2016 (arXiv 1609.08144), section 7: hypotheses are ranked by

    s(Y, X) = log P(Y | X) / lp(Y) + penalty
    lp(Y)   = (5 + |Y|)^alpha / (5 + 1)^alpha

alpha = 0 and no penalty is plain beam search. A beam of one is greedy decoding: its first end is the end, whatever
alpha is (ranked by lp, a second-best word could overtake the end that was just the most probable).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol


class Rows(Protocol):
    """An array of whatever kind the network has."""

    def __getitem__(self, row: int, /) -> Any: ...


class Offers(NamedTuple):
    """What may come next, a row a hypothesis: most probable first. A token whose log probability is -inf is none."""

    tokens: Sequence[Sequence[int]]  # (hypotheses, count)
    log_p: Sequence[Sequence[float]]  # (hypotheses, count)
    attention: Rows | None  # a row (source,) a hypothesis


class Speaker(Protocol):
    """A decoder in the middle of its sentences. It keeps the state of the hypotheses of its last step."""

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        """One token further. Hypothesis k goes on from the last step's hypothesis `parents[k]` (at the first step: the
        input itself) with `tokens[k]`; it belongs to input `inputs[k]`, and `inputs` ascends. `forced`: this token
        comes first in every row, with its own log probability, however improbable it is. At least
        2 · beam tokens a row, as far as the vocabulary goes."""


@dataclass(frozen=True, eq=False, slots=True)
class Spoken:
    """A token of a hypothesis, and what was spoken before it."""

    before: Spoken | None
    token: int
    log_probability: float  # of this token, given those before it
    total: float  # of all so far
    length: int
    offers: Offers  # the step that offered it, ...
    row: int  # ... and the row there

    def chain(self) -> list[Spoken]:
        """First token first."""
        found: list[Spoken] = []
        node: Spoken | None = self
        while node is not None:
            found.append(node)
            node = node.before
        return found[::-1]


class Hypothesis(NamedTuple):
    """`last` is the end token where it is `finished`; else the sentence still grows, or is cut at its longest length.
    None: nothing was spoken yet."""

    last: Spoken
    score: float
    finished: bool


Allowed = Callable[[int, Spoken | None, int], bool]  # (input, what was spoken before, token): whether it may come
Penalty = Callable[[Spoken, int], float]  # (last token, input) -> at most 0, added to a finished sentence's score


def length_penalty(length: int, alpha: float) -> float:
    return float((5 + length) ** alpha / 6**alpha)


def search(
    speaker: Speaker,
    *,
    batch: int,
    start: int,
    end: int,
    beam: int,
    longest: Sequence[int],
    alpha: float = 0.0,
    penalty: Penalty | None = None,
    allowed: Allowed | None = None,
    prefix: Sequence[int] = (),
    exact: bool = True,
) -> Iterator[list[list[Hypothesis]]]:
    """Yields after every token: for each input its hypotheses so far, finished and growing, best first, at most `beam`;
    the last yield holds finished ones (or cut ones) alone.

    What is not `allowed` is passed over, unless nothing else is offered. `longest[i]` bounds input i's length in
    tokens. `prefix` forces the first tokens. For an input the search ends with `beam` finished hypotheses and nothing
    that still grows being better than the last of them: `exact`, not even at the longest length, where lp is largest
    (log probabilities only fall); else, at its length now."""
    finished: list[list[Hypothesis]] = [[] for _ in range(batch)]
    live: list[Spoken | None] = [None] * batch
    inputs = parents = list(range(batch))
    tokens = [start] * batch
    bounds = [length_penalty(length, alpha) for length in longest]
    lengths = [length_penalty(length, alpha) for length in range(max(longest, default=0) + 2)]
    for t in range(max(longest, default=0) + 1):
        forced = prefix[t] if t < len(prefix) else None
        offers = speaker.advance(tokens, parents, inputs, forced)
        grown: list[Spoken] = []
        grown_parents: list[int] = []
        grown_inputs: list[int] = []
        scale = lengths[t + 1] if t + 1 < len(lengths) else length_penalty(t + 1, alpha)
        for i, first, last in _groups(inputs):
            kept = 0
            best: list[Offer] = []
            count = 1 if forced is not None else 2 * beam  # a hypothesis: half of them may end
            if allowed is not None and forced is None:
                best = _best_offers(offers, live, first, last, count, partial(allowed, i))
            for total, log_p, row, token in best or _best_offers(offers, live, first, last, count):
                spoken = Spoken(live[row], token, log_p, total, t + 1, offers, row)
                ended = token == end
                if ended or t + 1 >= longest[i]:
                    extra = penalty(spoken, i) if penalty is not None else 0.0
                    finished[i].append(Hypothesis(spoken, total / scale + extra, ended))
                    if beam == 1:
                        break
                    continue
                grown.append(spoken)
                grown_parents.append(row)
                grown_inputs.append(i)
                kept += 1
                if kept == beam:
                    break
            if kept and _decided(finished[i], grown[-kept].total / (bounds[i] if exact else scale), beam):
                del grown[-kept:], grown_parents[-kept:], grown_inputs[-kept:]
        if not grown:
            break
        live, parents, inputs = list(grown), grown_parents, grown_inputs
        tokens = [spoken.token for spoken in grown]
        yield _so_far(finished, grown, inputs, scale, beam)
    yield [_best(hypotheses, beam) for hypotheses in finished]


def _groups(inputs: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(input, first hypothesis, behind the last one)."""
    first = 0
    for k in range(1, len(inputs) + 1):
        if k == len(inputs) or inputs[k] != inputs[first]:
            yield inputs[first], first, k
            first = k


Offer = tuple[float, float, int, int]  # total, log probability, row, token


def _best_offers(
    offers: Offers,
    live: Sequence[Spoken | None],
    first: int,
    last: int,
    count: int,
    allowed: Callable[[Spoken | None, int], bool] | None = None,
) -> list[Offer]:
    """Of one input's hypotheses, best total first; `count` a hypothesis at most."""
    found = []
    for row in range(first, last):
        before = live[row]
        so_far = before.total if before is not None else 0.0
        left = count
        for token, log_p in zip(offers.tokens[row], offers.log_p[row], strict=True):
            if log_p > float("-inf") and (allowed is None or allowed(before, token)):
                found.append((so_far + log_p, log_p, row, token))
                left -= 1
                if not left:
                    break
    if last - first > 1:
        found.sort(key=lambda offer: -offer[0])
    return found


def _decided(finished: list[Hypothesis], best_growing: float, beam: int) -> bool:
    """Nothing that is still growing can enter the `beam` best. The penalty is at most zero."""
    if len(finished) < beam:
        return False
    return beam == 1 or best_growing <= sorted((found.score for found in finished), reverse=True)[beam - 1]


def _best(hypotheses: list[Hypothesis], beam: int) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda found: -found.score)[:beam]


def _so_far(
    finished: list[list[Hypothesis]], grown: list[Spoken], inputs: list[int], scale: float, beam: int
) -> list[list[Hypothesis]]:
    current = [list(hypotheses) for hypotheses in finished]
    for spoken, i in zip(grown, inputs, strict=True):
        current[i].append(Hypothesis(spoken, spoken.total / scale, False))
    return [_best(hypotheses, beam) for hypotheses in current]
