"""Networks with seeded random weights, the same in the tests and in the script that made their fixture."""

from __future__ import annotations

import torch

from app.media.preprocess import Preprocessing
from app.nets.alexnet import AlexNet
from app.nets.resnet import ResNet

CASES = ("efficientnet-lite0", "alexnet-2012", "alexnet", "resnet18")
AGAINST = 504  # "coffee mug": what the best class is held against
PLAIN = Preprocessing()  # torchvision's


def seeded(name: str) -> torch.nn.Module:
    """In evaluation mode. torch's generator on the CPU gives the same numbers on every machine, to the last digit or
    nearly."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(13)
        net = ResNet(18) if name == "resnet18" else AlexNet(towers=2 if name == "alexnet-2012" else 1)
    return net.eval()
