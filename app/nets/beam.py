"""Beam search for torch networks: `app.nets.hypotheses` with tensors, and Wu et al.'s coverage penalty.

Wu et al. 2016 (arXiv 1609.08144), section 7:

    s(Y, X) = log P(Y | X) / lp(Y) + cp(X; Y)
    cp(X; Y) = beta · Σ_i log(min(Σ_j p_ij, 1))

p_ij being the attention of target word j on source word i. alpha = 0 and beta = 0 is plain beam search.

Each step is one pass for all hypotheses of all inputs; states are selected by index; of the vocabulary only the
2 · beam best of each hypothesis leave the device, in one copy with the attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from app.nets import hypotheses
from app.nets.hypotheses import Offers, Penalty, Spoken, length_penalty

__all__ = ["Hypothesis", "State", "Step", "coverage_penalty", "length_penalty", "search", "search_steps"]


class State(Protocol):
    """A decoder's state for a number of hypotheses."""

    def select(self, rows: Tensor) -> Any:
        """The same state for the hypotheses `rows` (indices, repeats allowed)."""


# (tokens (n,), state, rows (n,)) -> logits (n, vocabulary), attention (n, source) or None, new state.
# `rows` tells for each hypothesis which input of the batch it belongs to.
Step = Callable[[Tensor, Any, Tensor], tuple[Tensor, Tensor | None, Any]]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One finished sentence, without the start and end tokens."""

    tokens: tuple[int, ...]
    log_probability: float  # of the sentence with its end token
    score: float  # what it is ranked by
    token_log_probabilities: tuple[float, ...]  # one a token, the end token last
    attention: Tensor | None  # (len(tokens) + 1, source) float32 on the CPU; the last row is the end token's
    finished: bool  # False: still growing, or cut at the longest length allowed


def coverage_penalty(attention: Tensor, mask: Tensor, beta: float) -> float:
    """`attention` (target, source) summed over the target; `mask` (source,) True at real tokens."""
    if beta == 0:
        return 0.0
    covered = attention.sum(0).clamp(1e-9, 1.0).log()
    return float(beta * covered[mask].sum())


@torch.no_grad()
def search(
    step: Step,
    state: State,
    *,
    batch: int,
    start: int,
    end: int,
    beam: int,
    longest: list[int],
    alpha: float = 0.0,
    beta: float = 0.0,
    source_mask: Tensor | None = None,
    forbidden: tuple[int, ...] = (),
    prefix: tuple[int, ...] = (),
    device: torch.device | str = "cpu",
) -> list[list[Hypothesis]]:
    """Search to the end; see `search_steps`, which does it one token at a time."""
    speaker = _Tensors(step, state, beam, forbidden, device)
    penalty = _coverage(source_mask, beta)
    last: list[list[hypotheses.Hypothesis]] = []
    for last in hypotheses.search(  # noqa: B007
        speaker, batch=batch, start=start, end=end, beam=beam, longest=longest, alpha=alpha, penalty=penalty,
        prefix=prefix,
    ):  # fmt: skip
        pass
    return [[_whole(found) for found in group] for group in last]


@torch.no_grad()
def search_steps(
    step: Step,
    state: State,
    *,
    batch: int,
    start: int,
    end: int,
    beam: int,
    longest: list[int],
    alpha: float = 0.0,
    beta: float = 0.0,
    source_mask: Tensor | None = None,
    forbidden: tuple[int, ...] = (),
    prefix: tuple[int, ...] = (),
    device: torch.device | str = "cpu",
) -> Iterator[list[list[Hypothesis]]]:
    """Yield after every token: for each input, its hypotheses so far (unfinished ones while it runs), best first;
    the last yield holds the n-best finished ones, at most `beam` an input.

    `state` holds one hypothesis an input; `longest[i]` bounds input i's length in tokens. `prefix` forces the first
    tokens (a person chose a word and the network goes on from there). `source_mask` (batch, source) for `beta`.
    """
    speaker = _Tensors(step, state, beam, forbidden, device)
    for groups in hypotheses.search(
        speaker, batch=batch, start=start, end=end, beam=beam, longest=longest, alpha=alpha,
        penalty=_coverage(source_mask, beta), prefix=prefix,
    ):  # fmt: skip
        yield [[_whole(found) for found in group] for group in groups]


class _Tensors:
    """A torch step as a `hypotheses.Speaker`."""

    def __init__(
        self, step: Step, state: State, beam: int, forbidden: tuple[int, ...], device: torch.device | str
    ) -> None:
        self._step, self._state, self._count, self._device = step, state, 2 * beam, device
        self._live = 0  # hypotheses in the state
        self._forbidden = torch.tensor(forbidden, dtype=torch.long, device=device) if forbidden else None

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        given = torch.tensor([tokens, parents, inputs], device=self._device)  # (3, hypotheses), one copy
        if list(parents) != list(range(len(parents))) or self._live != len(parents):
            self._state = self._state.select(given[1])
        self._live = len(parents)
        logits, attention, self._state = self._step(given[0], self._state, given[2])
        log_p = F.log_softmax(logits.float(), dim=-1)  # (hypotheses, vocabulary)
        if self._forbidden is not None:
            log_p.index_fill_(1, self._forbidden, float("-inf"))
        best, which = log_p.topk(min(self._count, log_p.shape[1]), dim=1)
        if forced is not None:
            best = torch.cat([log_p[:, forced : forced + 1], best], dim=1)
            which = torch.cat([torch.full_like(which[:, :1], forced), which], dim=1)
        attended = None if attention is None else attention.float().cpu()
        return Offers(which.tolist(), best.tolist(), attended)


def _coverage(mask: Tensor | None, beta: float) -> Penalty | None:
    if not beta or mask is None:
        return None
    on_cpu = mask.cpu()

    def penalty(last: Spoken, i: int) -> float:
        attention = _attention(last.chain())
        return 0.0 if attention is None else coverage_penalty(attention, on_cpu[i], beta)

    return penalty


def _attention(chain: list[Spoken]) -> Tensor | None:
    rows = [spoken.offers.attention[spoken.row] for spoken in chain if spoken.offers.attention is not None]
    return torch.stack(rows) if rows else None


def _whole(found: hypotheses.Hypothesis) -> Hypothesis:
    chain = found.last.chain()
    tokens = tuple(spoken.token for spoken in chain)
    return Hypothesis(
        tokens[:-1] if found.finished else tokens,
        found.last.total,
        found.score,
        tuple(spoken.log_probability for spoken in chain),
        _attention(chain),
        found.finished,
    )
