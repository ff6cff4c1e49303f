"""Networks through torch: on a GPU, where OpenVINO can't be used, and wherever a gradient is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from app.runtimes import Head, Output
from app.runtimes.devices import Device, threads

if TYPE_CHECKING:
    import torch

    from app.store.cards import Card
    from app.store.catalog import Store


def build(card: Card, store: Store) -> torch.nn.Module:
    """The card's network with its weights, float32, on the CPU, in evaluation mode. Raises StoreError."""
    from app.store import architectures

    state = store.state_dict(card)
    net = architectures.build(card.architecture, {name: tuple(tensor.shape) for name, tensor in state.items()})
    net.load_state_dict(state, strict=False)  # the store has compared names and shapes; counters may be missing
    net.requires_grad_(False)
    return net


def head_of(net: Any) -> Head | None:
    """The one linear layer after pooling; None where more follows the grid."""
    if not hasattr(net, "fc"):
        return None
    return Head(net.fc.weight.detach().float().cpu().numpy(), net.fc.bias.detach().float().cpu().numpy())


class TorchNetwork:
    """Channels-last; half precision on CUDA; warmed up."""

    runtime = "torch"

    def __init__(self, card: Card, store: Store, device: Device) -> None:
        import torch

        if device.kind == "cpu":
            torch.set_num_threads(threads())
        self.device = device
        self.best_batch = 8 if device.kind == "cpu" else 32
        net = build(card, store)
        self.head = head_of(net)
        self._type = torch.float16 if device.kind == "cuda" else torch.float32
        moved: Any = net.to(device=device.kind, dtype=self._type)
        self._net = moved.to(memory_format=torch.channels_last)
        side = card.preprocessing.crop
        self.run(np.zeros((1, 3, side, side), np.float32))

    def run(self, batch: np.ndarray) -> Output:
        import torch

        x = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device.kind, self._type)
        with torch.inference_mode():
            grid = self._net.features(x.contiguous(memory_format=torch.channels_last))
            logits = self._net.classify(grid)
        return Output(logits.float().cpu().numpy(), grid.float().cpu().numpy())
