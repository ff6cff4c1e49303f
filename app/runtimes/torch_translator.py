"""The translator through torch: on a GPU, and where OpenVINO can't be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from app.nets.hypotheses import Offers
from app.runtimes.devices import Device, threads
from app.runtimes.translator import Shrinking, padded, wordpieces_of
from app.text.wordpieces import END, START

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store


class TorchTranslator:
    """Half precision on CUDA; warmed up."""

    runtime = "torch"

    def __init__(self, card: Card, store: Store, device: Device) -> None:
        import torch

        from app.nets.gnmt_steps import Encode, Step
        from app.runtimes.torch_runtime import build

        if device.kind == "cpu":
            torch.set_num_threads(threads())
        self.device = device
        self.best_batch = 16 if device.kind == "cpu" else 64
        self.wordpieces = wordpieces_of(card, store)
        net: Any = build(card, store)
        kind = torch.float16 if device.kind == "cuda" else torch.float32
        self._encode: Any = Encode(net).to(device.kind, kind)
        self._step: Any = Step(net, self.wordpieces.never).to(device.kind, kind)
        self._state = torch.zeros(net.layers, 1, net.width, device=device.kind, dtype=kind)
        self.read([[START, END]]).advance([START], [0], [0], None)

    def read(self, sources: Sequence[Sequence[int]]) -> _Read:
        import torch

        with torch.inference_mode():
            memory = self._encode(torch.from_numpy(padded(sources)).to(self.device.kind))
        if len(memory) > 3:  # this encoder hands over where the decoder starts
            return _Read(self._step, memory[:3], *memory[3:])
        zeros = self._state.expand(-1, len(sources), -1)
        return _Read(self._step, memory, zeros, zeros)


class _Read:
    def __init__(self, step: Any, memory: tuple[Any, ...], h: Any, c: Any) -> None:
        self._step, self._memory, self._h, self._c = step, memory, h, c
        self._device = c.device
        self._layout = Shrinking(len(memory[0]))

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        import torch

        if (kept := self._layout.shrink(inputs)) is not None:
            rows = torch.from_numpy(kept).to(self._device)
            self._memory = tuple(tensor.index_select(0, rows) for tensor in self._memory)
        words, origins, places = self._layout.place(tokens, parents, inputs)
        with torch.inference_mode():
            given = torch.from_numpy(np.stack([words, origins])).to(self._device)
            wanted = torch.tensor([forced or 0], device=self._device)
            best, which, said, attention, self._h, self._c = self._step(
                given[0], given[1], wanted, self._h, self._c, *self._memory
            )
            if forced is not None:
                best = torch.cat([said, best], dim=-1)
                which = torch.cat([torch.full_like(which[:, :1], forced), which], dim=-1)
            # One copy from the device a wordpiece: what is waited for there.
            packed = torch.cat([best.float(), which.float(), attention.flatten(0, 1).float()], dim=-1).cpu().numpy()
        packed = packed[places]
        count = best.shape[-1]
        found = packed[:, count : 2 * count].astype(np.int64)  # float32 counts exactly up to 16 million
        return Offers(found.tolist(), packed[:, :count].tolist(), packed[:, 2 * count :])
