"""EfficientNet-Lite: EfficientNet for small machines, without squeeze-and-excitation and with ReLU6 for swish.

Tan and Le 2019, "EfficientNet" (arXiv 1905.11946), table 1; the Lite changes as in tensorflow/tpu
(models/official/efficientnet/lite): stem, first and last stage and head are not scaled. Padding is TensorFlow's SAME,
which at even sizes and stride 2 pads one pixel more at the end than at the beginning.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

# (repeats, kernel, stride, expansion, outputs) of EfficientNet-B0's stages
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2), 3: (1.2, 1.4), 4: (1.4, 1.8)}  # width, depth


def round_channels(channels: int, scale: float) -> int:
    """A multiple of 8, at most a tenth below `channels` x `scale`."""
    scaled = channels * scale
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class ConvNorm(nn.Module):
    """Convolution with SAME padding, batch normalisation and, unless `linear`, ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        end = (self.conv.kernel_size[0] - 1) // 2
        if end:
            # Numbers, no comparisons: the shapes are traced when the network is converted for another runtime.
            top = end - (1 - x.shape[2] % 2) * (self.conv.stride[0] - 1)
            left = end - (1 - x.shape[3] % 2) * (self.conv.stride[0] - 1)
            x = F.pad(x, (left, end, top, end))
        y: Tensor = self.norm(self.conv(x))
        return y if self.linear else F.relu6(y)


class MBConv(nn.Module):
    """Inverted bottleneck (Sandler et al. 2018): wide in the middle, with a bypass where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = ConvNorm(inputs, wide) if expansion != 1 else None
        self.depthwise = ConvNorm(wide, wide, kernel, stride, groups=wide)
        self.project = ConvNorm(wide, outputs, linear=True)
        self.bypassed = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        z: Tensor = self.project(self.depthwise(y))
        return z + x if self.bypassed else z


class EfficientNetLite(nn.Module):
    """`scale` 0 to 4. Pictures (n, 3, h, w) as (x - 127) / 128 -> logits (n, classes)."""

    def __init__(self, scale: int = 0, classes: int = 1000) -> None:
        super().__init__()
        width, depth = SCALES[scale]
        self.stem = ConvNorm(3, 32, 3, 2)
        blocks: list[MBConv] = []
        inputs = 32
        for k, (repeats, kernel, stride, expansion, outputs) in enumerate(STAGES):
            fixed = k in (0, len(STAGES) - 1)
            outputs = round_channels(outputs, width)
            for n in range(repeats if fixed else math.ceil(repeats * depth)):
                blocks.append(MBConv(inputs, outputs, kernel, stride if n == 0 else 1, expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNorm(inputs, 1280)
        self.fc = nn.Linear(1280, classes)

    def stages(self, x: Tensor) -> list[Tensor]:
        """The last grid of each stride (2, 4, 8, 16, 32), before the head."""
        x = self.stem(x)
        grids: list[Tensor] = []
        for block in self.blocks:
            y = block(x)
            if y.shape[-1] != x.shape[-1]:
                grids.append(x)
            x = y
        return [*grids, x]

    def features(self, x: Tensor) -> Tensor:
        """The last grid: (n, 1280, h / 32, w / 32)."""
        grid: Tensor = self.head(self.blocks(self.stem(x)))
        return grid

    def classify(self, grid: Tensor) -> Tensor:
        """Logits (n, classes) from the last grid."""
        logits: Tensor = self.fc(grid.mean((2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(x))


def from_package(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The PyPI package efficientnet_lite_pytorch's names -> ours."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        parts = name.split(".")
        if parts[0] == "_blocks":
            prefix, rest = f"blocks.{parts[1]}", parts[2:]
            expanded = f"_blocks.{parts[1]}._expand_conv.weight" in state
        else:
            prefix, rest, expanded = "", parts, False
        place = {
            "_conv_stem": "stem.conv", "_bn0": "expand.norm" if expanded else "stem.norm", "_conv_head": "head.conv",
            "_bn1": "depthwise.norm" if prefix else "head.norm", "_fc": "fc", "_expand_conv": "expand.conv",
            "_depthwise_conv": "depthwise.conv", "_project_conv": "project.conv", "_bn2": "project.norm",
        }[rest[0]]  # fmt: skip
        renamed[".".join(filter(None, [prefix, place, rest[-1]]))] = tensor
    return renamed
