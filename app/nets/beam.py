"""Beam search over any network that speaks step by step, batched over inputs and hypotheses.

Wu et al. 2016 (arXiv 1609.08144), section 7: hypotheses are ranked by

    s(Y, X) = log P(Y | X) / lp(Y) + cp(X; Y)
    lp(Y)   = (5 + |Y|)^alpha / (5 + 1)^alpha
    cp(X; Y) = beta · Σ_i log(min(Σ_j p_ij, 1))

p_ij being the attention of target word j on source word i. alpha = 0 and beta = 0 is plain beam search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


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
    finished: bool  # False: cut at the longest length allowed


def length_penalty(length: int, alpha: float) -> float:
    return float((5 + length) ** alpha / 6**alpha)


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
    result: list[list[Hypothesis]] = []
    for result in search_steps(  # noqa: B007
        step,
        state,
        batch=batch,
        start=start,
        end=end,
        beam=beam,
        longest=longest,
        alpha=alpha,
        beta=beta,
        source_mask=source_mask,
        forbidden=forbidden,
        prefix=prefix,
        device=device,
    ):
        pass
    return result


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
    rows = torch.arange(batch, device=device)  # the input of each live hypothesis
    tokens = torch.full((batch,), start, device=device)
    scores = torch.zeros(batch, device=device)
    paths: list[_Path] = [_Path((), (), ()) for _ in range(batch)]
    finished: list[list[Hypothesis]] = [[] for _ in range(batch)]
    limit = max(longest, default=0)

    for t in range(limit + 1):
        logits, attention, state = step(tokens, state, rows)
        log_p = F.log_softmax(logits.float(), dim=-1)  # (live, vocabulary)
        for token in forbidden:
            log_p[:, token] = float("-inf")
        if t < len(prefix):
            chosen = torch.tensor(prefix[t], device=device)
            forced = torch.full_like(log_p, float("-inf"))
            forced[:, chosen] = log_p[:, chosen]
            log_p = forced
        total = scores.unsqueeze(1) + log_p  # (live, vocabulary)
        # Each hypothesis offers its 2 · beam best: enough when half of them end.
        offered, which = total.topk(min(2 * beam, total.shape[1]), dim=1)
        attended = attention.float().cpu() if attention is not None else None
        offers = _by_input(rows, offered, which, log_p)

        new_parents: list[int] = []
        new_tokens: list[int] = []
        new_scores: list[float] = []
        new_rows: list[int] = []
        new_paths: list[_Path] = []
        for i in range(batch):
            if i not in offers:
                continue
            kept = 0
            for score, parent, token, own in offers[i]:
                path = paths[parent].add(token, own, None if attended is None else attended[parent])
                if token == end:
                    finished[i].append(path.finish(score, alpha, beta, _row(source_mask, i), True))
                    continue
                if t + 1 >= longest[i]:
                    finished[i].append(path.finish(score, alpha, beta, _row(source_mask, i), False))
                    continue
                new_parents.append(parent)
                new_tokens.append(token)
                new_scores.append(score)
                new_rows.append(i)
                new_paths.append(path)
                kept += 1
                if kept == beam:
                    break
            if kept and _decided(finished[i], new_scores[-kept], beam, alpha, longest[i]):
                del (
                    new_parents[-kept:],
                    new_tokens[-kept:],
                    new_scores[-kept:],
                    new_rows[-kept:],
                    new_paths[-kept:],
                )

        paths = new_paths
        if not paths:
            break
        parents = torch.tensor(new_parents, device=device)
        state = state.select(parents)
        tokens = torch.tensor(new_tokens, device=device)
        scores = torch.tensor(new_scores, device=device)
        rows = torch.tensor(new_rows, device=device)
        yield _so_far(finished, paths, new_rows, new_scores, alpha, beam)
    yield [_best(hypotheses, beam) for hypotheses in finished]


@dataclass(frozen=True, eq=False)
class _Path:
    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    attention: tuple[Tensor, ...]

    def add(self, token: int, log_probability: float, attention: Tensor | None) -> _Path:
        row = () if attention is None else (attention,)
        return _Path((*self.tokens, token), (*self.log_probabilities, log_probability), (*self.attention, *row))

    def finish(self, total: float, alpha: float, beta: float, mask: Tensor | None, ended: bool) -> Hypothesis:
        attention = torch.stack(self.attention) if self.attention else None
        score = total / length_penalty(len(self.tokens), alpha)
        if beta and attention is not None and mask is not None:
            score += coverage_penalty(attention, mask, beta)
        tokens = self.tokens[:-1] if ended else self.tokens
        return Hypothesis(tokens, total, score, self.log_probabilities, attention, ended)


def _row(mask: Tensor | None, i: int) -> Tensor | None:
    return None if mask is None else mask[i].cpu()


def _by_input(
    rows: Tensor, offered: Tensor, which: Tensor, log_p: Tensor
) -> dict[int, list[tuple[float, int, int, float]]]:
    """For each input its offers (score, parent, token, the token's own log probability), best first."""
    own = log_p.gather(1, which)
    offers: dict[int, list[tuple[float, int, int, float]]] = {}
    table = zip(rows.tolist(), offered.tolist(), which.tolist(), own.tolist(), strict=True)
    for parent, (i, best, ids, single) in enumerate(table):
        offers.setdefault(i, []).extend(
            (score, parent, token, p)
            for score, token, p in zip(best, ids, single, strict=True)
            if score > float("-inf")
        )
    for candidates in offers.values():
        candidates.sort(key=lambda offer: -offer[0])
    return offers


def _decided(finished: list[Hypothesis], best_live: float, beam: int, alpha: float, longest: int) -> bool:
    """Nothing that is still running can enter the n-best: log probabilities only fall, and the length penalty is
    largest at the longest length allowed. The coverage penalty is at most zero."""
    if len(finished) < beam:
        return False
    worst_kept = sorted((h.score for h in finished), reverse=True)[beam - 1]
    return best_live / length_penalty(longest, alpha) <= worst_kept


def _best(hypotheses: list[Hypothesis], beam: int) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda h: -h.score)[:beam]


def _so_far(
    finished: list[list[Hypothesis]],
    paths: list[_Path],
    rows: list[int],
    scores: list[float],
    alpha: float,
    beam: int,
) -> list[list[Hypothesis]]:
    current: list[list[Hypothesis]] = [list(hypotheses) for hypotheses in finished]
    for path, i, score in zip(paths, rows, scores, strict=True):
        current[i].append(path.finish(score, alpha, 0.0, None, False))
    return [_best(hypotheses, beam) for hypotheses in current]
