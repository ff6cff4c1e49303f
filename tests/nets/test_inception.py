"""Inception v3 is torchvision's, but for averages at the border."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from app.nets._torchvision import import_torchvision
from app.nets.inception import InceptionV3, _average
from app.nets.show_and_tell import ShowAndTell


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    net: nn.Module = import_torchvision().models.inception_v3(
        weights=None, aux_logits=False, transform_input=False, init_weights=False
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    return net.eval().requires_grad_(False)


def test_it_is_torchvision_s(theirs: nn.Module) -> None:
    """Same names, same shapes; the same numbers once its averages count the border as torchvision's do."""
    net = InceptionV3().eval()
    state = {name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
    net.load_state_dict(state, strict=True)
    for module in net.modules():
        if isinstance(module, nn.AvgPool2d):
            module.count_include_pad = True
    theirs.avgpool = theirs.dropout = theirs.fc = nn.Identity()
    x = torch.rand(1, 3, 107, 139) * 2 - 1  # smaller than usual, so faster: 2 × 3 places at its end
    expected = theirs(x).reshape(1, 2048, 2, 3)
    torch.testing.assert_close(net.features(x), expected)


def test_an_average_at_the_border_is_over_what_is_there() -> None:
    assert torch.equal(_average()(torch.ones(1, 1, 4, 5)), torch.ones(1, 1, 4, 5))


def test_the_grid_of_the_published_size() -> None:
    net = ShowAndTell(20, embedding=6, width=5, scale=1).eval().requires_grad_(False)
    picture = torch.rand(2, 3, 299, 299)
    assert net.encoder.features(picture).shape == (2, 128, 8, 8)  # type: ignore[operator]
    logits, attention = net(picture, torch.tensor([[2, 5, 6], [2, 7, 3]]))
    assert logits.shape == (2, 3, 20)
    assert attention is None
