"""Inception v3 without its classifier.

Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision" (arXiv 1512.00567), sections 3 to 6:
wide filters are split into 1 x n and n x 1, and a grid shrinks by a convolution and a pooling side by side. Blocks,
widths and names are torchvision's, which are TF-slim's. One thing differs from torchvision: an average at the border is
over what is there, as in TensorFlow, where the weights of Show and Tell come from, not over zeros beyond the picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Convolution(nn.Module):
    """A convolution, batch normalisation, ReLU. Its grid stays as it is where `padding` is half of the kernel."""

    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=0.001)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu(self.bn(self.conv(x)))
        return y


def across(inputs: int, width: int, length: int) -> Convolution:
    """1 x `length`."""
    return Convolution(inputs, width, (1, length), padding=(0, length // 2))


def down(inputs: int, width: int, length: int) -> Convolution:
    """`length` x 1."""
    return Convolution(inputs, width, (length, 1), padding=(length // 2, 0))


def _average() -> nn.AvgPool2d:
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


class InceptionA(nn.Module):
    """35 x 35 places: filters of 1, 5, and two times 3 (figure 5)."""

    def __init__(self, inputs: int, pooled: int, s: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(inputs, 4 * s, 1)
        self.branch5x5_1 = Convolution(inputs, 3 * s, 1)
        self.branch5x5_2 = Convolution(3 * s, 4 * s, 5, padding=2)
        self.branch3x3dbl_1 = Convolution(inputs, 4 * s, 1)
        self.branch3x3dbl_2 = Convolution(4 * s, 6 * s, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(6 * s, 6 * s, 3, padding=1)
        self.pool = _average()
        self.branch_pool = Convolution(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        five = self.branch5x5_2(self.branch5x5_1(x))
        return torch.cat([self.branch1x1(x), five, twice, self.branch_pool(self.pool(x))], 1)


class InceptionB(nn.Module):
    """From 35 x 35 places to 17 x 17 (figure 10)."""

    def __init__(self, inputs: int, s: int) -> None:
        super().__init__()
        self.branch3x3 = Convolution(inputs, 24 * s, 3, stride=2)
        self.branch3x3dbl_1 = Convolution(inputs, 4 * s, 1)
        self.branch3x3dbl_2 = Convolution(4 * s, 6 * s, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(6 * s, 6 * s, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), twice, self.pool(x)], 1)


class InceptionC(nn.Module):
    """17 x 17 places: filters of 7, split into 1 x 7 and 7 x 1 (figure 6). `between`: the width within."""

    def __init__(self, inputs: int, between: int, s: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(inputs, 12 * s, 1)
        self.branch7x7_1 = Convolution(inputs, between, 1)
        self.branch7x7_2 = across(between, between, 7)
        self.branch7x7_3 = down(between, 12 * s, 7)
        self.branch7x7dbl_1 = Convolution(inputs, between, 1)
        self.branch7x7dbl_2 = down(between, between, 7)
        self.branch7x7dbl_3 = across(between, between, 7)
        self.branch7x7dbl_4 = down(between, between, 7)
        self.branch7x7dbl_5 = across(between, 12 * s, 7)
        self.pool = _average()
        self.branch_pool = Convolution(inputs, 12 * s, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), once, twice, self.branch_pool(self.pool(x))], 1)


class InceptionD(nn.Module):
    """From 17 x 17 places to 8 x 8."""

    def __init__(self, inputs: int, s: int) -> None:
        super().__init__()
        self.branch3x3_1 = Convolution(inputs, 12 * s, 1)
        self.branch3x3_2 = Convolution(12 * s, 20 * s, 3, stride=2)
        self.branch7x7x3_1 = Convolution(inputs, 12 * s, 1)
        self.branch7x7x3_2 = across(12 * s, 12 * s, 7)
        self.branch7x7x3_3 = down(12 * s, 12 * s, 7)
        self.branch7x7x3_4 = Convolution(12 * s, 12 * s, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, self.pool(x)], 1)


class InceptionE(nn.Module):
    """8 x 8 places: 1 x 3 and 3 x 1 side by side (figure 7)."""

    def __init__(self, inputs: int, s: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(inputs, 20 * s, 1)
        self.branch3x3_1 = Convolution(inputs, 24 * s, 1)
        self.branch3x3_2a = across(24 * s, 24 * s, 3)
        self.branch3x3_2b = down(24 * s, 24 * s, 3)
        self.branch3x3dbl_1 = Convolution(inputs, 28 * s, 1)
        self.branch3x3dbl_2 = Convolution(28 * s, 24 * s, 3, padding=1)
        self.branch3x3dbl_3a = across(24 * s, 24 * s, 3)
        self.branch3x3dbl_3b = down(24 * s, 24 * s, 3)
        self.pool = _average()
        self.branch_pool = Convolution(inputs, 12 * s, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        split = [self.branch3x3_2a(once), self.branch3x3_2b(once)]
        split += [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        return torch.cat([self.branch1x1(x), *split, self.branch_pool(self.pool(x))], 1)


class InceptionV3(nn.Module):
    """All widths are multiples of 16: `scale` is what 16 is multiplied with instead (TF-slim's depth multiplier times
    16, for small networks in tests)."""

    def __init__(self, scale: int = 16) -> None:
        super().__init__()
        s = scale
        self.width = 128 * s  # features of the last grid
        self.Conv2d_1a_3x3 = Convolution(3, 2 * s, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(2 * s, 2 * s, 3)
        self.Conv2d_2b_3x3 = Convolution(2 * s, 4 * s, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = Convolution(4 * s, 5 * s, 1)
        self.Conv2d_4a_3x3 = Convolution(5 * s, 12 * s, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(12 * s, 2 * s, s)
        self.Mixed_5c = InceptionA(16 * s, 4 * s, s)
        self.Mixed_5d = InceptionA(18 * s, 4 * s, s)
        self.Mixed_6a = InceptionB(18 * s, s)
        self.Mixed_6b = InceptionC(48 * s, 8 * s, s)
        self.Mixed_6c = InceptionC(48 * s, 10 * s, s)
        self.Mixed_6d = InceptionC(48 * s, 10 * s, s)
        self.Mixed_6e = InceptionC(48 * s, 12 * s, s)
        self.Mixed_7a = InceptionD(48 * s, s)
        self.Mixed_7b = InceptionE(80 * s, s)
        self.Mixed_7c = InceptionE(128 * s, s)

    def features(self, x: Tensor) -> Tensor:
        """`x` (batch, 3, 299, 299) between -1 and 1 -> (batch, 2048, 8, 8)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (batch, 64, 147, 147)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))  # (batch, 192, 71, 71)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))  # (batch, 288, 35, 35)
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))  # (batch, 768, 17, 17)
        x = self.Mixed_7a(self.Mixed_6e(self.Mixed_6d(x)))  # (batch, 1280, 8, 8)
        grid: Tensor = self.Mixed_7c(self.Mixed_7b(x))
        return grid

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)
