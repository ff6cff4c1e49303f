"""What a student learnt through the teacher's classifier folds into one ordinary network."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from app.store.architectures import build
from app.training import pictures
from app.training.students import student, unexplained


@pytest.mark.parametrize(("architecture", "plain"), [("resnet18", "resnet18"), ("alexnet", "alexnet-2012")])
def test_export_gives_the_same_logits(architecture: str, plain: str) -> None:
    torch.manual_seed(0)
    net = student(architecture).eval()
    weight, bias = 0.05 * torch.randn(1000, 1280), torch.randn(1000)
    x = 255 * torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        middle, last = net(x)
        wanted = F.linear(last.mean((2, 3)), weight, bias)
        exported = build(plain)
        exported.load_state_dict(net.export(weight, bias), strict=False)
        found = exported((x - net.mean) / net.deviation)
    assert [guess.shape[1] for guess in middle.values()] == ([24, 40, 112] if architecture == "resnet18" else [40, 112])
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_unexplained_is_1_for_the_mean_and_0_for_the_truth() -> None:
    target = torch.randn(8, 5, 6, 6) * 3 + 2
    variance = target.transpose(0, 1).flatten(1).var(1).mean()
    mean = target.mean((0, 2, 3), keepdim=True).expand_as(target)
    assert unexplained(target, target, variance).item() == 0
    assert unexplained(mean, target, variance).item() == pytest.approx(1, abs=0.05)


def test_a_packed_zip_is_read_like_the_original(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    original, packed = tmp_path / "original", tmp_path / "packed"
    original.mkdir()
    packed.mkdir()
    for k, name in enumerate(pictures.SETS):
        encoded = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (200, 240 + k, 3), np.uint8)).save(encoded, "WEBP")
        with zipfile.ZipFile(original / f"{name}.zip", "w") as archive:
            if k < 7:
                archive.writestr("index.tsv", f"file\tlabel\tlabel_index\tsource\na.webp\t-\t{k - 1}\tx\n")
            archive.writestr("a.webp", encoded.getvalue())
    pictures.pack(original, packed / "packed.zip", 64, 50)
    first, second = pictures.read(original, tmp_path / "1"), pictures.read(packed, tmp_path / "2")
    assert len(first) == len(second) == len(pictures.SETS)
    assert first.labels.tolist() == second.labels.tolist() == [-1, 0, 1, 2, 3, 4, 5, -1, -1, -1]
    assert first.sets.tolist() == second.sets.tolist()
    assert first[0].shape == (160, 192, 3)
    assert second[0].shape == (64, 77, 3)
    assert pictures.random_crop(first[0], 48, rng).shape == (48, 48, 3)
    assert pictures.centre_crop(first[0], 48).shape == (48, 48, 3)
