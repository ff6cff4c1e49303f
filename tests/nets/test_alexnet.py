"""AlexNet: one tower against torchvision, two towers against the paper."""

from __future__ import annotations

import pytest
import torch

from app.nets._torchvision import import_torchvision
from app.nets.alexnet import AlexNet, ResponseNorm, fold

models = import_torchvision().models


def test_one_tower_has_torchvision_s_logits_and_names() -> None:
    theirs, ours = models.alexnet().eval(), AlexNet(towers=1).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for size in (224, 127):
        x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(ours.classify(ours.features(x)), theirs(x), rtol=1e-5, atol=1e-5)


def test_response_norm_is_the_paper_s_formula() -> None:
    a = 20 * torch.randn(2, 9, 3, 4, generator=torch.Generator().manual_seed(0))
    b = torch.empty_like(a)
    for i in range(9):
        neighbours = a[:, max(0, i - 2) : min(8, i + 2) + 1]
        b[:, i] = a[:, i] / (2 + 1e-4 * (neighbours**2).sum(1)) ** 0.75
    torch.testing.assert_close(ResponseNorm()(a), b)


def test_two_towers_have_the_paper_s_parameters() -> None:
    with torch.device("meta"):
        net = AlexNet(towers=2)
    shapes = {k: tuple(v.shape) for k, v in net.state_dict().items()}
    assert shapes["conv1.weight"] == (96, 3, 11, 11)
    assert shapes["conv2.weight"] == (256, 48, 5, 5)  # each tower sees its own half
    assert shapes["conv3.weight"] == (384, 256, 3, 3)  # and here all of it
    assert shapes["conv4.weight"] == (384, 192, 3, 3)
    assert shapes["conv5.weight"] == (256, 192, 3, 3)
    assert sum(v.numel() for v in net.state_dict().values()) == 60_965_224  # "60 million parameters"


def test_grids_of_the_two_towers() -> None:
    net = AlexNet(towers=2).eval()
    with torch.inference_mode():
        grid = net.features(torch.zeros(1, 3, 224, 224))
        assert grid.shape == (1, 256, 6, 6)
        assert net.classify(grid).shape == (1, 1000)
        assert net(torch.zeros(1, 3, 160, 200)).shape == (1, 1000)


def test_the_towers_do_not_see_each_other_before_the_third_layer() -> None:
    net = AlexNet(towers=2).eval()
    x = torch.randn(1, 96, 27, 27)
    with torch.inference_mode():
        before = net.conv2(x)
        x[:, :48] = 0
        after = net.conv2(x)
    torch.testing.assert_close(before[:, 128:], after[:, 128:])
    assert not torch.allclose(before[:, :128], after[:, :128])


def test_fold_changes_no_answer() -> None:
    net = AlexNet(towers=2, batch_norm=True).eval()
    generator = torch.Generator().manual_seed(0)
    for name, tensor in net.state_dict().items():
        if name.startswith("norm") and tensor.dim():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(0.5 + noise if name.endswith(("var", "weight")) else noise - 0.5)
    folded = fold(net)
    assert not [k for k in folded.state_dict() if k.startswith("norm")]
    x = torch.randn(1, 3, 224, 224, generator=generator)
    with torch.inference_mode():
        torch.testing.assert_close(folded(x), net(x), rtol=1e-4, atol=1e-5)


def test_three_towers_are_refused() -> None:
    with pytest.raises(ValueError, match="one tower or two"):
        AlexNet(towers=3)
    with pytest.raises(ValueError, match="2012"):
        AlexNet(towers=1, batch_norm=True)
