"""Residual networks of 18 to 152 layers.

He et al. 2015, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385), table 1 and figures 2 and 5. As in
torchvision (and the authors' later practice) the stride of a bottleneck sits in its 3 x 3 convolution. Names are
torchvision's, so its weight files load strictly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LAYERS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class Block(nn.Module):
    """What both kinds of block share: residual(x) + bypass · shortcut(x), then ReLU.

    `bypass` is 1 in every trained network; the laboratory scales it down to show what it does."""

    expansion = 1
    relu: nn.ReLU
    downsample: nn.Sequential | None

    def __init__(self) -> None:
        super().__init__()
        self.bypass = 1.0

    def residual(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        if self.bypass != 1.0:
            shortcut = self.bypass * shortcut
        y: Tensor = self.relu(self.residual(x) + shortcut)
        return y


class BasicBlock(Block):
    """Two 3 x 3 convolutions (figure 5, left)."""

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Sequential | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def residual(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return y


class Bottleneck(Block):
    """1 x 1 down, 3 x 3, 1 x 1 up (figure 5, right)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Sequential | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def residual(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        z: Tensor = self.bn3(self.conv3(y))
        return z


class ResNet(nn.Module):
    """`depth` is 18, 34, 50, 101 or 152. Pictures (n, 3, h, w), normalised -> logits (n, classes)."""

    def __init__(self, depth: int, classes: int = 1000) -> None:
        super().__init__()
        block: type[BasicBlock] | type[Bottleneck] = BasicBlock if depth < 50 else Bottleneck
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        counts, wide = LAYERS[depth], block.expansion
        self.layer1 = self._layer(block, 64, 64, counts[0], 1)
        self.layer2 = self._layer(block, 64 * wide, 128, counts[1], 2)
        self.layer3 = self._layer(block, 128 * wide, 256, counts[2], 2)
        self.layer4 = self._layer(block, 256 * wide, 512, counts[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * wide, classes)
        for module in self.modules():
            # He et al. 2015, arXiv 1502.01852. Where only shapes are wanted, not: torch would import its compiler for
            # it, which takes seconds and makes a folder among the temporary files.
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _layer(
        block: type[BasicBlock] | type[Bottleneck], inputs: int, width: int, count: int, stride: int
    ) -> nn.Sequential:
        outputs = width * block.expansion
        downsample = None
        if stride != 1 or inputs != outputs:  # option B of section 4.1: a projection where the shape changes
            downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        first = block(inputs, width, stride, downsample)
        return nn.Sequential(first, *(block(outputs, width, 1, None) for _ in range(count - 1)))

    def parts(self) -> list[tuple[str, nn.Module]]:
        """The network as a row of modules, each with its name: one after the other they give the logits."""
        stem = nn.Sequential(self.conv1, self.bn1, self.relu, self.maxpool)
        blocks = [(name, module) for name, module in self.named_modules() if isinstance(module, Block)]
        return [("stem", stem), *blocks, ("head", nn.Sequential(self.avgpool, nn.Flatten(1), self.fc))]

    def stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Grids after each of the four layers: strides 4, 8, 16 and 32."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (n, 64, h / 4, w / 4)
        one = self.layer1(x)
        two = self.layer2(one)
        three = self.layer3(two)
        return one, two, three, self.layer4(three)

    def features(self, x: Tensor) -> Tensor:
        """The last grid: (n, 512 or 2048, h / 32, w / 32)."""
        return self.stages(x)[-1]

    def classify(self, grid: Tensor) -> Tensor:
        """Logits (n, classes) from the last grid."""
        logits: Tensor = self.fc(torch.flatten(self.avgpool(grid), 1))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(x))
