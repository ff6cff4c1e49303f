"""Which wordpiece of a sentence belongs to which of its translation: what the translator's attention is shown at first.

IBM's model 1 (Brown et al. 1993) with a preference for the diagonal (Dyer et al. 2013, "A Simple, Fast, and Effective
Reparameterization of IBM Model 2"): a target piece comes from source piece i of m with

    p(i | j) ∝ t(target_j | source_i) · exp(-4 · |i / m - j / n|)

or, with a chance of 0.08, from nothing, for which the source's end stands. A deep stack takes long to find out by
itself where to look, and learns nothing before; shown where (Chen et al. 2016, "Guided Alignment Training for
Topic-Aware Neural Machine Translation"), it begins at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.text.wordpieces import END, PAD
from app.training.gnmt_data import Corpus

DIAGONAL, NOTHING = 4.0, 0.08
ITERATIONS = 4
PAIRS = 150_000  # drawn for each iteration
SMALL = 1e-7


class Aligner:
    """t(target | source) of all directions at once, since they share their wordpieces. Ids as in `gnmt_data.Batch`: the
    language token comes first in a source and the end last; the start first in a target and the end last."""

    def __init__(self, corpus: Corpus, vocabulary: int, device: torch.device | str = "cpu") -> None:
        """Learns from the corpus, a minute on a CPU."""
        self._vocabulary = vocabulary
        self._table = torch.ones(vocabulary * vocabulary, device=device)  # before anything is known all are alike
        for iteration in range(ITERATIONS):
            counts = torch.zeros_like(self._table)
            seen = 0
            for batch in corpus.batches(20_000, seed=iteration):
                source, target = (torch.from_numpy(ids).to(device) for ids in (batch.source, batch.target))
                found = self(source, target)
                counts.index_add_(0, self._cells(source, target).flatten(), found.flatten())
                if (seen := seen + len(source)) >= PAIRS:
                    break
            table = counts.view(vocabulary, vocabulary)
            self._table = table.div_(table.sum(1, keepdim=True).clamp_min(1.0)).flatten()

    def __call__(self, source: Tensor, target: Tensor) -> Tensor:
        """`source` (n, s), `target` (n, t) -> p (n, t - 1, s): where each target piece but the start comes from. Rows
        of padding are zero; the end comes from the end."""
        t = self._table[self._cells(source, target)].clamp_min(SMALL)  # (n, t - 1, s)
        place = torch.arange(source.shape[1], device=source.device)[None]
        m = (source != PAD).sum(1, keepdim=True) - 2  # pieces: neither the language token nor the end
        n = (target != PAD).sum(1, keepdim=True) - 2
        j = torch.arange(target.shape[1] - 1, device=source.device)[None]
        gap = (place / m.clamp_min(1)).unsqueeze(1) - ((j + 1) / n.clamp_min(1)).unsqueeze(2)  # (n, t - 1, s)
        prior = torch.exp(-DIAGONAL * gap.abs()) * ((place > 0) & (place <= m)).unsqueeze(1)
        prior = (1 - NOTHING) * prior / prior.sum(2, keepdim=True).clamp_min(SMALL)
        last = place == m + 1  # (n, s)
        p = t * (prior + NOTHING * last.unsqueeze(1))
        p = p / p.sum(2, keepdim=True).clamp_min(SMALL)
        ended = (target[:, 1:] == END).unsqueeze(2)
        return torch.where(ended, last.unsqueeze(1).float(), p) * (target[:, 1:] != PAD).unsqueeze(2)

    def _cells(self, source: Tensor, target: Tensor) -> Tensor:
        return source.unsqueeze(1) * self._vocabulary + target[:, 1:].unsqueeze(2)
