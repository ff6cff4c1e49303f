"""The captioner through torch: on a GPU, and where OpenVINO can't be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from app.nets.hypotheses import Offers
from app.runtimes.captioner import Layout, speaking
from app.runtimes.devices import Device, threads

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store


class TorchCaptioner:
    """Channels-last; half precision on CUDA; warmed up."""

    runtime = "torch"

    def __init__(self, card: Card, store: Store, device: Device) -> None:
        import torch

        from app.nets.captioner_steps import Look, Speak
        from app.runtimes.torch_runtime import build

        if device.kind == "cpu":
            torch.set_num_threads(threads())
        self.device = device
        self.best_batch = 8 if device.kind == "cpu" else 32
        self.vocabulary = store.vocabulary(card)
        side = card.preprocessing.crop
        self._type = torch.float16 if device.kind == "cuda" else torch.float32
        net: Any = build(card, store)
        look: Any = Look(net).to(device.kind, self._type)
        self._look = look.to(memory_format=torch.channels_last)
        self._speak = speaking(net, self.vocabulary).to(device.kind, self._type)
        attends = isinstance(self._speak, Speak)
        self.grid: tuple[int, int] | None = (side // 32, side // 32) if attends else None  # the encoder's last stride
        self.look(np.zeros((1, 3, side, side), np.float32)).advance([2], [0], [0], None)

    def look(self, batch: np.ndarray) -> _Looked:
        import torch

        x = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device.kind, self._type)
        with torch.inference_mode():
            looked = self._look(x.contiguous(memory_format=torch.channels_last))
            return _Looked(self._speak, looked, attends=self.grid is not None)


class _Looked:
    def __init__(self, speak: Any, tensors: tuple[Any, ...], attends: bool) -> None:
        self._speak = speak
        *places, self._h, self._c, features = tensors
        self._places = places if attends else []
        self._device = features.device
        self.features: np.ndarray = features.float().cpu().numpy()
        self._layout = Layout(len(features))

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        import torch

        words, origins, places = self._layout.place(tokens, parents, inputs)
        with torch.inference_mode():
            given = torch.from_numpy(np.stack([words, origins])).to(self._device)
            best, which, log_p, *attention, self._h, self._c = self._speak(
                given[0], given[1], self._h, self._c, *self._places
            )
            if forced is not None:
                best = torch.cat([log_p[..., forced : forced + 1], best], dim=-1)
                which = torch.cat([torch.full_like(which[..., :1], forced), which], dim=-1)
            # One copy from the device a word: what is waited for there.
            packed = torch.cat([best.float(), which.float(), *attention], dim=-1).flatten(0, 1).cpu().numpy()
        packed = packed[places]
        count = best.shape[-1]
        found = packed[:, count : 2 * count].astype(np.int64)  # float32 counts exactly up to 16 million
        return Offers(found.tolist(), packed[:, :count].tolist(), packed[:, 2 * count :] if attention else None)
