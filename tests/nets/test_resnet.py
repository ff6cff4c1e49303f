"""ResNet against torchvision: the same names, the same answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from app.nets._torchvision import import_torchvision
from app.nets.resnet import LAYERS, Block, ResNet

models = import_torchvision().models


def randomise(net: nn.Module) -> None:
    """Batch statistics and biases that a mistake would show in."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in net.state_dict().items():
        if tensor.dim() == 1:
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(0.5 + noise if name.endswith(("var", "weight")) else noise - 0.5)


@pytest.mark.parametrize("depth", [18, 50])
def test_same_logits_as_torchvision(depth: int) -> None:
    theirs = getattr(models, f"resnet{depth}")().eval()
    randomise(theirs)
    ours = ResNet(depth).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 96, 65, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits = theirs(x)
        torch.testing.assert_close(ours(x), logits, rtol=1e-5, atol=1e-5 * logits.abs().max().item())
        torch.testing.assert_close(ours.classify(ours.features(x)), ours(x))
        assert ours.features(x).shape == (2, 512 if depth < 50 else 2048, 3, 3)


@pytest.mark.parametrize("depth", LAYERS)
def test_names_and_shapes_are_torchvision_s(depth: int) -> None:
    with torch.device("meta"):
        ours, theirs = ResNet(depth), getattr(models, f"resnet{depth}")()
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [
        (k, v.shape) for k, v in theirs.state_dict().items()
    ]


def test_bypass_scales_the_shortcut() -> None:
    net = ResNet(18).eval()
    block = net.layer1[0]
    assert isinstance(block, Block)
    x = torch.randn(1, 64, 8, 8)
    with torch.inference_mode():
        for bypass in (1.0, 0.25, 0.0):
            block.bypass = bypass
            torch.testing.assert_close(block(x), torch.relu(block.residual(x) + bypass * x))


def test_bypass_is_no_weight() -> None:
    assert not [k for k in ResNet(18).state_dict() if "bypass" in k]
