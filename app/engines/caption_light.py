"""What in a picture speaks for each word of a caption, where the network has no attention to tell.

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, section 3; there it is done for captions, too): the last grid's
channels, weighted with the mean gradient of the word's log-probability over the grid's places, summed, negative values
cut. Show and Tell reads nothing of the grid but its mean, so the gradient is the same at every place, and a map's value
is how fast the log-probability grows where that place is made stronger. It is another measure than attention: it says
what a word depends on, not where the network looked.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np


def light(net: Any, x: np.ndarray, ids: Sequence[int]) -> Generator[None, None, list[np.ndarray]]:
    """`net`: a captioner of torch, float32; `x` (1, 3, height, width). A map a word: (h, w) float32, sums to 1; all 0
    where no place speaks for it."""
    import torch

    from app.store.vocabulary import START

    with torch.no_grad():
        grid = net.encoder.features(torch.from_numpy(x))  # (1, features, h, w)
    yield None
    grid.requires_grad_()
    with torch.enable_grad():
        given = torch.tensor([[START, *ids[:-1]]])
        logits, _ = net.decoder(net.decoder.look(grid), given)
        log_p = logits[0].log_softmax(-1)  # (words, vocabulary)
    maps: list[np.ndarray] = []
    for k, word in enumerate(ids):
        (gradient,) = torch.autograd.grad(log_p[k, word], grid, retain_graph=True)
        with torch.no_grad():
            weight = gradient.mean((2, 3), keepdim=True)  # (1, features, 1, 1)
            raw = (weight * grid).sum(1)[0].clamp(min=0)  # (h, w)
            maps.append((raw / raw.sum().clamp(min=1e-30)).numpy())
        yield None
    return maps
