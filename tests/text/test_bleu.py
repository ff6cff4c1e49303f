"""BLEU is sacrebleu's."""

from __future__ import annotations

import random

import pytest

from app.text.bleu import bleu


def test_it_is_sacrebleus() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = random.Random(4)
    references = [[rng.choice("abcdefg") for _ in range(rng.randint(1, 30))] for _ in range(40)]
    for cut in (0, 2):  # the second is shorter: brevity counts
        said = [[w if rng.random() < 0.8 else "x" for w in line][: len(line) - cut] for line in references]
        wanted = sacrebleu.corpus_bleu(
            [" ".join(line) for line in said],
            [[" ".join(line) for line in references]],
            tokenize="none",
            smooth_method="none",
            force=True,
        ).score
        assert 10 < wanted < 90
        assert bleu(zip(said, references, strict=True)) == pytest.approx(wanted, abs=1e-9)


def test_nothing_in_common_is_zero() -> None:
    assert bleu([(list("abcd"), list("efgh"))]) == 0
    assert bleu([]) == 0
    assert bleu([([], ["a"])]) == 0
