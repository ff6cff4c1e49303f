"""EfficientNet-Lite: the published numbers of parameters, and the PyPI package's answers where it is installed."""

from __future__ import annotations

import pytest
import torch

from app.nets.efficientnet_lite import EfficientNetLite, from_package, round_channels


@pytest.mark.parametrize(("scale", "millions"), [(0, 4.65), (1, 5.42), (2, 6.09), (3, 8.20), (4, 13.01)])
def test_parameters(scale: int, millions: float) -> None:
    """As tensorflow/tpu says, models/official/efficientnet/lite (4.7, 5.4, 6.1, 8.2, 13.0 million)."""
    with torch.device("meta"):
        net = EfficientNetLite(scale)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.006)


def test_round_channels() -> None:
    assert [round_channels(c, 1.1) for c in (32, 24, 40, 112)] == [32, 24, 48, 120]  # "24": 26.4 is nearer to 24
    assert round_channels(16, 1.2) == 24  # 16 would be more than a tenth below 19.2


def test_grids() -> None:
    net = EfficientNetLite(0).eval()
    x = torch.randn(1, 3, 96, 128)
    with torch.inference_mode():
        assert [tuple(g.shape[1:]) for g in net.stages(x)] == [
            (16, 48, 64),
            (24, 24, 32),
            (40, 12, 16),
            (112, 6, 8),
            (320, 3, 4),
        ]
        assert net.features(x).shape == (1, 1280, 3, 4)
        torch.testing.assert_close(net.classify(net.features(x)), net(x))


def test_same_logits_as_the_package() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="the extra “train” is not installed")
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval()
    generator = torch.Generator().manual_seed(0)
    for name, tensor in theirs.state_dict().items():
        if tensor.dim() == 1:
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(0.5 + noise if name.endswith(("var", "weight")) else noise - 0.5)
    ours = EfficientNetLite(0).eval()
    renamed = from_package(theirs.state_dict())
    assert renamed.keys() == {k for k in ours.state_dict() if not k.endswith("num_batches_tracked")}
    ours.load_state_dict(renamed, strict=False)
    x = torch.randn(1, 3, 224, 224, generator=generator)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
