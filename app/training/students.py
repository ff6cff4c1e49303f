"""A network to be taught, with the linear maps from its grids to the teacher's.

Chen et al. 2022, "Knowledge Distillation with the Reused Teacher Classifier" (arXiv 2203.14001): the student's last
features go through a projection to the teacher's, and the teacher's own classifier sits on top. Here the projection is
linear, so that both fold into one ordinary last layer at export. Hints from the middle: Romero et al. 2014, "FitNets"
(arXiv 1412.6550).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from app.nets.alexnet import AlexNet, fold
from app.nets.resnet import ResNet
from app.training import teacher

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Student(nn.Module, ABC):
    """A network without its last layer, and linear maps from its middle grids and its last one to the teacher's."""

    mean: Tensor
    deviation: Tensor
    tail = "fc"  # the last layer's name in the plain network

    def __init__(self, width: int, hints: dict[int, int]) -> None:
        """`width` channels of `last`; `hints`: index into teacher.MIDDLE -> channels of the grid that learns it."""
        super().__init__()
        self.project = nn.Conv2d(width, teacher.WIDTH, 1)
        self.hint = nn.ModuleDict({str(k): nn.Conv2d(c, teacher.MIDDLE[k], 1) for k, c in hints.items()})
        self.register_buffer("mean", 255 * torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", 255 * torch.tensor(DEVIATION).view(1, 3, 1, 1))

    @abstractmethod
    def grids(self, x: Tensor) -> tuple[dict[int, Tensor], Tensor]:
        """Normalised pictures -> the grids that get hints, and the last (n, width, h, w)."""

    @abstractmethod
    def network(self) -> nn.Module:
        """The plain network of app.nets, its last layer not yet folded in."""

    def forward(self, pictures: Tensor) -> tuple[dict[int, Tensor], Tensor]:
        """Pictures (n, 3, h, w) of 0 to 255 -> guesses at the teacher's middle grids and its last one."""
        middle, last = self.grids((pictures - self.mean) / self.deviation)
        guesses = {k: self.hint[str(k)](grid) for k, grid in middle.items()}
        if last.shape[2:] == (1, 1):  # ten times faster than the convolution it is
            flat = F.linear(last.flatten(1), self.project.weight.flatten(1), self.project.bias)
            return guesses, flat[:, :, None, None]
        return guesses, self.project(last)

    @torch.no_grad()
    def export(self, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
        """State dict of the plain network: weight · (P x + p) + bias folded into its last layer."""
        p = self.project.weight.flatten(1)  # (1280, width)
        state = {k: v.detach().cpu() for k, v in self.network().state_dict().items() if "num_batches" not in k}
        state[f"{self.tail}.weight"] = (weight @ p).cpu()
        state[f"{self.tail}.bias"] = (weight @ self.project.bias + bias).cpu()  # type: ignore[operator]
        return state


class ResNetStudent(Student):
    def __init__(self, depth: int) -> None:
        wide = 1 if depth < 50 else 4
        super().__init__(512 * wide, {k: 64 * 2**k * wide for k in range(3)})
        self.net = ResNet(depth)
        del self.net.fc
        for module in self.net.modules():  # each block starts as its bypass (Goyal et al. 2017, section 5.1)
            last = getattr(module, "bn3", getattr(module, "bn2", None))
            if isinstance(last, nn.BatchNorm2d):
                nn.init.zeros_(last.weight)

    def grids(self, x: Tensor) -> tuple[dict[int, Tensor], Tensor]:
        one, two, three, last = self.net.stages(x)
        return {0: one, 1: two, 2: three}, last

    def network(self) -> nn.Module:
        return self.net


class _Response(torch.autograd.Function):
    """y = x · d^-beta, d = k + alpha · x² B, where B (c, c) sums over 5 neighbouring channels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, band: Tensor) -> Tensor:
        power, d = _power(x, band)
        ctx.save_for_backward(x, band, power, d)
        return x * power

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, band, power, d = ctx.saved_tensors
        (g,) = gradients
        spread = (g * x * power).div_(d) @ band
        return (g * power).sub_(spread.mul_(x).mul_(2 * 1e-4 * 0.75)), None


def _power(x: Tensor, band: Tensor) -> tuple[Tensor, Tensor]:
    """`x` (places, c) -> d^-0.75 and d, both (places, c)."""
    d = ((x * x) @ band).mul_(1e-4).add_(2.0)
    root = d.rsqrt()
    return root * root.sqrt(), d


class FastResponse(nn.Module):
    """app.nets.alexnet.ResponseNorm as a product with a band matrix: the same numbers, in bf16 eight times faster in
    training than torch's own, which goes through a three-dimensional pooling."""

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        k = torch.arange(c, device=x.device)
        band = ((k[:, None] - k).abs() <= 2).to(x.dtype)  # (c, c)
        places = x.permute(0, 2, 3, 1).reshape(-1, c)  # (n · h · w, c), a view where channels are last
        with torch.autocast(x.device.type, enabled=False):
            y: Tensor = _Response.apply(places, band)  # type: ignore[no-untyped-call]
        return y.view(n, h, w, c).permute(0, 3, 1, 2)


class AlexNetStudent(Student):
    """The form of 2012. Its hints: the second layer learns stride 8, the fifth (before pooling) stride 16."""

    tail = "fc8"

    def __init__(self) -> None:
        super().__init__(4096, {1: 256, 2: 256})
        self.net = AlexNet(2, batch_norm=True, dropout=0.1)
        self.net.response = FastResponse()  # type: ignore[assignment]
        del self.net.fc8

    def grids(self, x: Tensor) -> tuple[dict[int, Tensor], Tensor]:
        middle: dict[int, Tensor] = {}
        handles = [
            self.net.norm2.register_forward_hook(lambda _m, _i, y: middle.__setitem__(1, y)),
            self.net.norm5.register_forward_hook(lambda _m, _i, y: middle.__setitem__(2, y)),
        ]
        last = self.net.embed(self.net.features(x))[:, :, None, None]  # (n, 4096, 1, 1)
        for handle in handles:
            handle.remove()
        return middle, last

    def network(self) -> nn.Module:
        self.net.fc8 = nn.Linear(4096, 1000)  # what `fold` looks for
        folded = fold(self.net)
        del self.net.fc8
        return folded


def student(architecture: str) -> Student:
    return AlexNetStudent() if architecture == "alexnet" else ResNetStudent(int(architecture.removeprefix("resnet")))


def unexplained(guess: Tensor, target: Tensor, variance: Tensor) -> Tensor:
    """Mean squared error over variance: 1 for a constant guess, 0 for a perfect one. Grids meet at the smaller size."""
    h, w = min(guess.shape[2], target.shape[2]), min(guess.shape[3], target.shape[3])
    guess, target = F.adaptive_avg_pool2d(guess, (h, w)), F.adaptive_avg_pool2d(target, (h, w))
    return (guess - target).square().mean() / variance


def divergence(logits: Tensor, target: Tensor, temperature: float) -> Tensor:
    """KL(target || logits) (n, classes), softened, times temperature² (Hinton et al. 2015, section 2)."""
    soft = F.log_softmax(logits / temperature, 1)
    hard = F.log_softmax(target / temperature, 1)
    return F.kl_div(soft, hard, reduction="batchmean", log_target=True) * temperature**2
