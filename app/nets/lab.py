"""Plain and residual networks of any depth 6n + 2, for the bypass laboratory.

He et al. 2015 (arXiv 1512.03385), section 4.2: a first 3 x 3 convolution, then three stages of 2n convolutions of 3 x 3
with `width`, 2 `width` and 4 `width` channels (16, 32, 64 in the paper) on grids of 32, 16 and 8, global average
pooling, one linear layer. Shortcuts are of option A: where the shape changes they take every second place and fill the
new channels with zeros, so that they hold no weights. A plain and a residual network of one seed are therefore the same
network but for the bypass. Batch normalisation can be left out and the first weights chosen: the paper has no such
switches.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Generator, Tensor, nn
from torch.nn import functional as F

from app.nets.resnet import Block

Init = Literal["small", "xavier", "he"]
SMALL = 0.01  # AlexNet's first weights (Krizhevsky et al. 2012, section 5)


class Fewer(nn.Module):
    """Option A: (n, c, h, w) -> (n, channels, h / 2, w / 2) without a weight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class LabBlock(Block):
    """Two 3 x 3 convolutions. In a plain network `bypass` is 0 for good."""

    def __init__(self, inputs: int, width: int, norm: bool, residual: bool) -> None:
        super().__init__()
        stride = 1 if inputs == width else 2
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.downsample = None if stride == 1 else nn.Sequential(Fewer(width))
        self.bypass = 1.0 if residual else 0.0

    def residual(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return y


class LabNet(nn.Module):
    """Pictures (n, channels, h, w) -> logits (n, classes). The same seed gives the same weights on every device."""

    def __init__(
        self,
        depth: int,
        *,
        residual: bool,
        norm: bool = True,
        init: Init = "he",
        seed: int = 0,
        width: int = 16,
        channels: int = 3,
        classes: int = 10,
    ) -> None:
        super().__init__()
        count, rest = divmod(depth - 2, 6)
        if rest or count < 1:
            raise ValueError(f"depth must be 6n + 2: 8, 14, 20 … (asked: {depth})")
        self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.relu = nn.ReLU(inplace=True)
        stages = []
        inputs = width
        for outputs in (width, 2 * width, 4 * width):
            blocks = [LabBlock(inputs if k == 0 else outputs, outputs, norm, residual) for k in range(count)]
            stages.append(nn.Sequential(*blocks))
            inputs = outputs
        self.stage1, self.stage2, self.stage3 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, classes)
        _initialise(self, init, seed)

    def parts(self) -> list[tuple[str, nn.Module]]:
        """The network as a row of modules, each with its name: one after the other they give the logits."""
        stem = nn.Sequential(self.conv1, self.bn1, self.relu)
        blocks = [(name, module) for name, module in self.named_modules() if isinstance(module, Block)]
        return [("stem", stem), *blocks, ("head", nn.Sequential(self.avgpool, nn.Flatten(1), self.fc))]

    def forward(self, x: Tensor) -> Tensor:
        for _, part in self.parts():
            x = part(x)
        return x


def _initialise(net: LabNet, init: Init, seed: int) -> None:
    """Gaussian weights of convolutions and of the linear layer: deviation 0.01 ("small"), the root of 2 / (inputs +
    outputs) ("xavier": Glorot and Bengio 2010), or of 2 / inputs ("he": He et al. 2015, arXiv 1502.01852). Biases 0."""
    generator = Generator().manual_seed(seed)
    for module in net.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        inputs, outputs = module.weight[0].numel(), module.weight[:, 0].numel()
        deviation = {"small": SMALL, "xavier": math.sqrt(2 / (inputs + outputs)), "he": math.sqrt(2 / inputs)}[init]
        nn.init.normal_(module.weight, 0.0, deviation, generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
