"""BLEU (Papineni et al. 2002) of a corpus with one reference a sentence, on tokens as they come, without smoothing: as
tensorflow/nmt measures, where published figures are to be met. Training measures with sacrebleu."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

ORDER = 4


def bleu(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> float:
    """0 to 100, of (said, reference) tokens."""
    said_length = reference_length = 0
    matches, possible = [0] * ORDER, [0] * ORDER
    for said, reference in pairs:
        said_length += len(said)
        reference_length += len(reference)
        for n in range(ORDER):
            found, wanted = _ngrams(said, n + 1), _ngrams(reference, n + 1)
            matches[n] += (found & wanted).total()
            possible[n] += found.total()
    if not all(matches):
        return 0.0
    mean = sum(math.log(m / p) for m, p in zip(matches, possible, strict=True)) / ORDER
    return 100 * math.exp(mean + min(0.0, 1 - reference_length / said_length))


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1))
