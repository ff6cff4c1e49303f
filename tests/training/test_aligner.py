"""What the attention is shown at first: which wordpiece belongs to which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from app.text.wordpieces import END, PAD, START
from app.training import aligner
from app.training.gnmt_data import LANGUAGES, Corpus

LANGUAGE = 4  # its token's id; words of the source are 10 to 19, those of the target 20 to 29


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """500 "sentences" of two to five words, each of which has one translation, in any order."""
    rng = np.random.default_rng(0)
    ids: list[int] = []
    starts = []
    for _ in range(500):
        words = rng.choice(10, size=rng.integers(2, 6), replace=False)
        begin = len(ids)
        ids += [*(10 + words), *(20 + rng.permutation(words))]
        starts.append((begin, begin + len(words), len(ids)))
    np.savez(
        tmp_path / "tokens.npz",
        ids=np.array(ids, np.uint16),
        starts=np.array(starts, np.int32),
        meta=np.tile([0, LANGUAGES.index("de")], (500, 1)).astype(np.int8),
        sources=np.array(["tatoeba"]),
    )
    return Corpus(tmp_path, dict.fromkeys(LANGUAGES, LANGUAGE), ["en-de"])


def test_words_find_their_translations(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aligner, "PAIRS", 2000)
    learnt = aligner.Aligner(corpus, 30)
    source = torch.tensor([[LANGUAGE, 11, 12, 13, END], [LANGUAGE, 17, 18, END, PAD]])
    target = torch.tensor([[START, 23, 22, 21, END], [START, 28, 27, END, PAD]])
    found = learnt(source, target)  # (2, 4, 5)
    assert found.argmax(2).tolist() == [[3, 2, 1, 4], [2, 1, 3, 0]]
    torch.testing.assert_close(found.sum(2), torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 0]]))
    assert found[:, :, 0].eq(0).all()  # nothing comes from the language token
    assert found[1, :, 4].eq(0).all()  # or from padding
