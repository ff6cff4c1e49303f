"""How a captioner runs: `load` gives a `CaptionNetwork`, whatever library it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from app.nets.hypotheses import Speaker
from app.runtimes import fastest
from app.runtimes.devices import Device

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store


class Looked(Speaker, Protocol):
    """What the encoder made of some pictures, and the decoder that speaks about them, once."""

    features: np.ndarray  # (pictures, C) float32: the mean over the grid, which tells scenes apart


class CaptionNetwork(Protocol):
    """A captioner that is ready to run. Used on one thread only."""

    runtime: str  # "openvino" or "torch"
    device: Device
    best_batch: int  # pictures a batch at which a folder goes fastest
    vocabulary: tuple[str, ...]
    grid: tuple[int, int] | None  # places the attention has, high and wide; None: it has no attention

    def look(self, batch: np.ndarray) -> Looked:
        """`batch` (n, 3, h, w) float32, preprocessed as the card says."""


class Layout:
    """Hypotheses as the network has them, a row of the same length for each picture, and back.

    Pictures of which nothing speaks any more keep a row, and short rows are filled up: their words are computed, and
    read by nobody. It costs next to nothing, as a step waits for the weights."""

    def __init__(self, pictures: int) -> None:
        self._pictures = pictures
        self._places = list(range(pictures))  # where the last step's hypotheses lie in the flattened rows

    def place(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Words and parents (pictures, beam) int64, and where each hypothesis lies in them, flattened."""
        counts = np.bincount(np.asarray(inputs, np.int64), minlength=self._pictures)
        width = int(counts.max())
        words = np.zeros(self._pictures * width, np.int64)
        origins = np.zeros(self._pictures * width, np.int64)
        firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        places = [i * width + k - int(firsts[i]) for k, i in enumerate(inputs)]
        words[places] = tokens
        origins[places] = [self._places[parent] for parent in parents]
        self._places = places
        return words.reshape(self._pictures, width), origins.reshape(self._pictures, width), places


def speaking(net: Any, vocabulary: Sequence[str]) -> Any:
    """What says a word: `Speak`, or without attention `Tell`."""
    from app.nets.captioner import PlainDecoder
    from app.nets.captioner_steps import Speak, Tell
    from app.store.vocabulary import never

    return Tell(net.decoder, never(vocabulary)) if isinstance(net.decoder, PlainDecoder) else Speak(net.decoder)


def load(card: Card, store: Store, device: Device) -> CaptionNetwork:
    """See `app.runtimes.load`, whose choice of a runtime it shares."""

    def openvino() -> CaptionNetwork:
        from app.runtimes.openvino_captioner import OpenVinoCaptioner

        return OpenVinoCaptioner(card, store, device)

    def torch() -> CaptionNetwork:
        from app.runtimes.torch_captioner import TorchCaptioner

        return TorchCaptioner(card, store, device)

    return fastest(card, device, openvino, torch)
