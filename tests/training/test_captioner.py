"""The captioner's training: its reward is CIDEr as the measurement has it, and its file reads back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from app.training import captioner, export_captioner

CAPTIONS = [
    [["a", "dog", "runs", "on", "grass"], ["the", "brown", "dog", "is", "running"]],
    [["a", "man", "rides", "a", "bike"], ["a", "man", "on", "a", "bike", "in", "town"]],
    [["two", "children", "play", "on", "grass"], ["children", "are", "playing"]],
]


def test_reward_is_cider_of_the_whole_set() -> None:
    """On one sentence a picture, with the end left out on both sides, it is pycocoevalcap's own number."""
    cider = pytest.importorskip("pycocoevalcap.cider.cider", reason="the extra “train” is not installed")
    said = [["a", "dog", "on", "grass"], ["a", "man", "rides", "a", "bike"], ["a", "bike", "in", "grass"]]
    truth = {k: [" ".join(words) for words in group] for k, group in enumerate(CAPTIONS)}
    _, each = cider.Cider().compute_score(truth, {k: [" ".join(words)] for k, words in enumerate(said)})
    reward = captioner.Reward(CAPTIONS, ended=False)
    assert [reward(words, k) for k, words in enumerate(said)] == pytest.approx(each.tolist())


def test_a_sentence_that_stops_short_is_worth_less() -> None:
    reward = captioner.Reward(CAPTIONS)
    whole = reward(["a", "man", "rides", "a", "bike", captioner.ENDED], 1)
    assert whole > reward(["a", "man", "rides", "a", captioner.ENDED], 1)
    assert whole > reward(["a", "man", "rides", "a", "bike"], 1)  # ran on to the longest length


def test_vocabulary_begins_with_the_four_special_words() -> None:
    pictures = captioner.CaptionedPictures(np.zeros((3, 2, 2, 3), np.uint8), CAPTIONS)
    words = captioner.make_vocabulary(pictures, seen=2)
    assert words[:4] == ["<pad>", "<unknown>", "<start>", "<end>"]
    assert words[4] == "a"
    assert "town" not in words
    index = {word: k for k, word in enumerate(words)}
    assert captioner.encode(["a", "town", "dog"], index) == [2, index["a"], 1, index["dog"], 3]


def test_export_keeps_the_vocabulary(tmp_path: Path) -> None:
    torch.save({"decoder.bias": torch.zeros(5), "encoder.num_batches_tracked": torch.zeros(1)}, tmp_path / "frozen.pt")
    (tmp_path / "vocabulary.txt").write_text("<pad>\n<unknown>\n<start>\n<end>\ndog\n", "utf-8")
    assert export_captioner.write_weights(tmp_path, "frozen", tmp_path / "captioner.safetensors") == 5
    with safe_open(tmp_path / "captioner.safetensors", "pt") as file:
        assert list(file.keys()) == ["decoder.bias"]
        assert file.get_tensor("decoder.bias").dtype == torch.float16
        assert file.metadata()["vocabulary"].split("\n") == ["<pad>", "<unknown>", "<start>", "<end>", "dog"]
