"""Where in a picture a network sees a class.

Selvaraju et al. 2017, "Grad-CAM" (arXiv 1610.02391), section 3: the last grid's channels, weighted with the mean
gradient of the class's logit over the grid's places, summed, negative values cut. Where one linear layer follows the
pooling (ResNet, EfficientNet) the gradient is that layer's weights divided by the number of places, so the map needs
no backward pass: it is the class activation map of Zhou et al. 2016 (arXiv 1512.04150), exactly.

"Why A and not B" takes the difference of the two logits for the logit (section 3.5's counterfactual, made specific):
what is positive speaks for A, what is negative for B.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from app.runtimes import Head

EXACT = "class activation map (exact)"
GRADIENT = "Grad-CAM"


def from_head(grid: np.ndarray, head: Head, target: int, against: int | None) -> np.ndarray:
    """`grid` (C, h, w) -> the raw map (h, w)."""
    weight = head.weight[target] if against is None else head.weight[target] - head.weight[against]  # (C,)
    places = grid.shape[1] * grid.shape[2]
    return np.tensordot(weight / places, grid, axes=1).astype(np.float32)


def from_gradient(net: Any, x: np.ndarray, target: int, against: int | None) -> np.ndarray:
    """`x` (1, 3, h, w) through a torch network with `features` and `classify` -> the raw map (h, w)."""
    import torch

    with torch.no_grad():
        grid = net.features(torch.from_numpy(x))
    grid = grid.detach().requires_grad_()
    with torch.enable_grad():
        logits = net.classify(grid)[0]
        score = logits[target] if against is None else logits[target] - logits[against]
        (gradient,) = torch.autograd.grad(score, grid)  # (1, C, h, w)
    weight = gradient.mean((2, 3), keepdim=True)  # (1, C, 1, 1)
    raw: np.ndarray = (weight * grid).sum(1)[0].detach().numpy()
    return raw.astype(np.float32)


def scaled(raw: np.ndarray, signed: bool) -> np.ndarray:
    """A raw map to 0…1 with its negative values cut, or, `signed`, to -1…1. All zero stays zero."""
    kept = raw if signed else np.maximum(raw, 0)
    largest = float(np.abs(kept).max())
    return (kept / largest if largest > 0 else kept).astype(np.float32)
