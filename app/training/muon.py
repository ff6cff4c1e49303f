"""Muon: momentum whose matrices are made orthogonal before they are applied.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon), with
the step size of Liu et al. 2025, "Muon is scalable for LLM training" (arXiv 2502.16982, section 2.2), so that AdamW's
learning rates fit. Kernels of convolutions are matrices (outputs, inputs · h · w).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """About U Vᵀ where `matrix` = U S Vᵀ (m, n), by five Newton-Schulz steps.

    All steps are polynomials of the smaller Gram matrix, so they are done on it: (m, m) instead of (m, n) products."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (torch.linalg.matrix_norm(x) + 1e-7)
    gram = x @ x.T  # (m, m)
    identity = torch.eye(gram.shape[0], device=gram.device, dtype=gram.dtype)
    total = identity
    for _ in range(steps):
        p = a * identity + b * gram + c * (gram @ gram)  # (m, m), symmetric; commutes with gram
        total = p @ total
        gram = p @ gram @ p
    y = total @ x
    return y if wide else y.T


class Muon(torch.optim.Optimizer):
    """For parameters of two and more dimensions."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                moving = state["momentum"]
                moving.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(moving, group["momentum"]).flatten(
                    1
                )  # Nesterov; (outputs, all others)
                scale = 0.2 * max(update.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(orthogonal(update.float()).view_as(parameter), alpha=-group["lr"] * scale)
