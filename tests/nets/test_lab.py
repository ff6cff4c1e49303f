"""The laboratory's networks: of one seed, plain and residual are the same but for the bypass."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from app.nets.lab import Init, LabBlock, LabNet
from app.nets.resnet import Block, ResNet


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The networks are small, and other tests may run beside these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures() -> torch.Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("depth", [8, 20, 56, 110, 152])
def test_as_deep_as_asked(depth: int) -> None:
    net = LabNet(depth, residual=True)
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in net.modules()) == depth


def test_as_large_as_the_paper_says() -> None:
    """Table 6: 0.27, 0.85 and 1.7 million parameters."""
    counts = [sum(p.numel() for p in LabNet(depth, residual=True).parameters()) for depth in (20, 56, 110)]
    assert [round(count / 1e6, 2) for count in counts] == [0.27, 0.85, 1.73]


@pytest.mark.parametrize("depth", [2, 7, 9, 54, -4])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="6n \\+ 2"):
        LabNet(depth, residual=True)


@pytest.mark.parametrize("norm", [True, False])
def test_plain_is_residual_without_bypass(norm: bool) -> None:
    plain, residual = (LabNet(20, residual=r, norm=norm, seed=3) for r in (False, True))
    assert plain.state_dict().keys() == residual.state_dict().keys()
    assert all(torch.equal(v, residual.state_dict()[k]) for k, v in plain.state_dict().items())
    x = pictures()
    with torch.no_grad():
        assert not torch.allclose(plain(x), residual(x))
        for module in residual.modules():
            if isinstance(module, Block):
                module.bypass = 0.0
        assert torch.equal(plain(x), residual(x))


def test_the_seed_decides() -> None:
    first, again, other = (LabNet(8, residual=True, seed=seed).conv1.weight for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("init", ["small", "xavier", "he"])
def test_first_weights(init: Init) -> None:
    net = LabNet(8, residual=True, init=init)
    for module in (net.stage2[0].conv1, net.stage3[0].conv2):
        assert isinstance(module, nn.Conv2d)
        inputs, outputs = 9 * module.in_channels, 9 * module.out_channels
        wanted = {"small": 0.01, "xavier": math.sqrt(2 / (inputs + outputs)), "he": math.sqrt(2 / inputs)}[init]
        assert module.weight.std().item() == pytest.approx(wanted, rel=0.05)
        assert module.weight.mean().item() == pytest.approx(0, abs=wanted / 10)
    assert not net.fc.bias.any()


def test_shortcuts_of_option_a() -> None:
    block = LabBlock(16, 32, norm=True, residual=True)
    assert block.downsample is not None
    x = torch.randn(2, 16, 8, 8)
    y = block.downsample(x)
    assert y.shape == (2, 32, 4, 4)
    assert torch.equal(y[:, :16], x[:, :, ::2, ::2])
    assert not y[:, 16:].any()


def test_without_norm_there_is_none() -> None:
    assert not [m for m in LabNet(8, residual=True, norm=False).modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize("net", [LabNet(14, residual=True), ResNet(18), ResNet(50)], ids=["lab", "18", "50"])
def test_parts_are_the_network(net: LabNet | ResNet) -> None:
    net = net.eval()
    x = y = pictures()
    names = [name for name, _ in net.parts()]
    assert (names[0], names[-1]) == ("stem", "head")
    assert len(names) == 2 + sum(isinstance(module, Block) for module in net.modules())
    with torch.no_grad():
        for name, part in net.parts():
            y = part(y)
            assert name in ("stem", "head") or isinstance(part, Block)
        torch.testing.assert_close(y, net(x))
