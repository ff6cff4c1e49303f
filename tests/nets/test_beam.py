"""Beam search against exhaustive enumeration on tiny random languages."""

import itertools
import math

import pytest
import torch

from app.nets import beam

END, START = 0, 1


class Histories:
    """A decoder state that is just the tokens so far; probabilities are a seeded function of them."""

    def __init__(self, rows: list[tuple[int, ...]]) -> None:
        self.rows = rows

    def select(self, rows: torch.Tensor) -> "Histories":
        return Histories([self.rows[i] for i in rows.tolist()])


def log_probabilities(source: int, history: tuple[int, ...], vocabulary: int) -> torch.Tensor:
    seed = hash((source, history)) % 2**31
    return torch.randn(vocabulary, generator=torch.Generator().manual_seed(seed)).log_softmax(0)


def attention_of(history: tuple[int, ...]) -> torch.Tensor:
    seed = (hash(history) + 7) % 2**31
    return torch.rand(3, generator=torch.Generator().manual_seed(seed)).softmax(0)


def language(vocabulary: int) -> beam.Step:
    def step(tokens: torch.Tensor, state: Histories, rows: torch.Tensor):  # type: ignore[no-untyped-def]
        grown = [(*h, int(t)) for h, t in zip(state.rows, tokens.tolist(), strict=True)]
        logits = [log_probabilities(i, h, vocabulary) for i, h in zip(rows.tolist(), grown, strict=True)]
        return torch.stack(logits), torch.stack([attention_of(h) for h in grown]), Histories(grown)

    return step


def everything(source: int, vocabulary: int, longest: int, alpha: float, beta: float) -> list[tuple[float, tuple]]:
    """Every sentence of the language with its score; `longest` tokens without an end count as cut."""
    found = []
    words = [w for w in range(vocabulary) if w not in (END, START)]
    for n in range(longest + 1):
        for body in itertools.product(words, repeat=n):
            history, total, rows = (START,), 0.0, []
            full = (*body, END) if n < longest else body
            for token in full:
                total += float(log_probabilities(source, history, vocabulary)[token])
                rows.append(attention_of(history))
                history = (*history, token)
            score = total / beam.length_penalty(len(full), alpha)
            score += beam.coverage_penalty(torch.stack(rows), torch.ones(3, dtype=torch.bool), beta)
            found.append((score, body))
    return sorted(found, reverse=True)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.6, 0.0), (1.0, 0.0), (0.6, 0.2)])
def test_a_wide_beam_finds_what_enumeration_finds(alpha: float, beta: float) -> None:
    vocabulary, longest, batch = 4, 4, 3
    results = beam.search(
        language(vocabulary),
        Histories([()] * batch),
        batch=batch,
        start=START,
        end=END,
        beam=40,
        longest=[longest] * batch,
        alpha=alpha,
        beta=beta,
        source_mask=torch.ones(batch, 3, dtype=torch.bool),
        forbidden=(START,),
    )
    for i, hypotheses in enumerate(results):
        best = everything(i, vocabulary, longest, alpha, beta)
        for hypothesis, (score, body) in zip(hypotheses[:5], best[:5], strict=True):
            assert hypothesis.tokens == body
            assert hypothesis.score == pytest.approx(score, abs=1e-4)


def test_beam_one_is_greedy_and_batches_do_not_mix() -> None:
    step = language(6)
    together = beam.search(
        step, Histories([()] * 4), batch=4, start=START, end=END, beam=1, longest=[6] * 4, forbidden=(START,)
    )
    for i in range(4):
        history: tuple[int, ...] = (START,)
        words: list[int] = []
        while len(words) < 6:
            log_p = log_probabilities(i, history, 6)
            log_p[START] = -math.inf
            token = int(log_p.argmax())
            if token == END:
                break
            words.append(token)
            history = (*history, token)
        assert together[i][0].tokens == tuple(words)


def test_hypotheses_carry_their_own_numbers() -> None:
    [hypotheses] = beam.search(
        language(5), Histories([()]), batch=1, start=START, end=END, beam=3, longest=[8], forbidden=(START,)
    )
    for h in hypotheses:
        assert sum(h.token_log_probabilities) == pytest.approx(h.log_probability, abs=1e-4)
        assert h.attention is not None
        assert h.attention.shape == (len(h.tokens) + h.finished, 3)
    assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)


def test_a_forced_beginning_is_kept() -> None:
    [hypotheses] = beam.search(
        language(6),
        Histories([()]),
        batch=1,
        start=START,
        end=END,
        beam=3,
        longest=[6],
        forbidden=(START,),
        prefix=(4, 2),
    )
    assert all(h.tokens[:2] == (4, 2) for h in hypotheses)


def test_it_can_be_watched_and_left() -> None:
    steps = beam.search_steps(
        language(6),
        Histories([()] * 2),
        batch=2,
        start=START,
        end=END,
        beam=2,
        longest=[5, 5],
        forbidden=(START,),
    )
    first = next(steps)
    assert len(first) == 2
    assert len(first[0][0].tokens) <= 1
    steps.close()


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.5])
def test_beam_one_is_greedy_whatever_the_length_penalty(alpha: float) -> None:
    """Ranked by length, a second-best word could overtake the end that was just the most probable."""
    plain, ranked = (
        beam.search(
            language(6),
            Histories([()] * 8),
            batch=8,
            start=START,
            end=END,
            beam=1,
            longest=[9] * 8,
            alpha=a,
            forbidden=(START,),
        )
        for a in (0.0, alpha)
    )
    assert [found[0].tokens for found in ranked] == [found[0].tokens for found in plain]
    assert [len(found) for found in ranked] == [1] * 8
