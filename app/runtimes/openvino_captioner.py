"""The captioner through OpenVINO: two models, one that looks and one that speaks a word (app.nets.captioner_steps).

Both run in OpenVINO's own choice of precision, as the classifiers do. A word, milliseconds, beam 1 / 3 / 10, with the
keys kept: eager torch 0.84 / 0.94 / 2.50 in float32 and 1.11 / 1.26 / 1.61 in bf16; this in float32 0.86 / 0.92 / 1.54,
in bf16 0.71 / 0.77 / 0.90 (2 cores that have it, medians); on one such core 1.21 and 0.83 greedy. On 240 pictures of
flickr8k_val bf16 and float32 said the same of 212 and were equally good (CIDEr 0.104 and 0.105, half-trained weights).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.nets.hypotheses import Offers
from app.runtimes.captioner import Layout, speaking
from app.runtimes.devices import Device, threads
from app.runtimes.openvino_runtime import import_openvino, keep, kept_folder, read_kept

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store

_log = logging.getLogger(__name__)


class OpenVinoCaptioner:
    runtime = "openvino"
    best_batch = 8

    def __init__(self, card: Card, store: Store, device: Device) -> None:
        openvino = import_openvino()
        self.device = device
        self.vocabulary = store.vocabulary(card)
        self._openvino, self._side = openvino, card.preprocessing.crop
        folder = kept_folder(openvino, store, card, "captioner 1")

        def read(core: Any) -> tuple[Any, Any]:
            return core.read_model(folder / "look.xml"), core.read_model(folder / "speak.xml")

        self._look, speak = read_kept(openvino, folder, read) or self._convert(card, store, folder)
        self._compiled: dict[int, Any] = {}
        self._speak = self._compile(speak)
        attends = len(speak.inputs) > 4
        self.grid = (self._side // 32, self._side // 32) if attends else None  # the encoder's last stride
        looked = self.look(np.zeros((1, 3, self._side, self._side), np.float32))
        looked.advance([2], [0], [0], None)  # the first call of each allocates

    def _convert(self, card: Card, store: Store, folder: Path) -> tuple[Any, Any]:
        import torch

        from app.nets.captioner_steps import Look, Speak
        from app.runtimes.torch_runtime import build

        net: Any = build(card, store)
        look, speak = Look(net), speaking(net, self.vocabulary).requires_grad_(False)
        picture = torch.zeros(2, 3, self._side, self._side)
        shape = self._openvino.PartialShape
        with torch.no_grad(), warnings.catch_warnings():
            # Tracing warns that shapes become constants: they are meant to, the picture's size is fixed by the card.
            warnings.simplefilter("ignore")
            values, keys, h, c, _ = look(picture)
            converted_look = self._openvino.convert_model(
                look, example_input=picture, input=[shape([-1, 3, self._side, self._side])]
            )
            words = torch.zeros(2, 3, dtype=torch.int64)
            free, state = shape([-1, -1]), shape([-1, h.shape[1]])
            places = (values, keys) if isinstance(speak, Speak) else ()
            converted_speak = self._openvino.convert_model(
                speak,
                example_input=(words, words, h, c, *places),
                input=[free, free, state, state, *(shape([-1, *tensor.shape[1:]]) for tensor in places)],
            )
        try:
            keep(self._openvino, {"look": converted_look, "speak": converted_speak}, {}, folder)
        except OSError as error:
            _log.warning("the converted network can't be kept (%s)", error.strerror)
        return converted_look, converted_speak

    def _compile(self, model: Any) -> Any:
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads()}
        return self._openvino.Core().compile_model(model, "CPU", settings)

    def look(self, batch: np.ndarray) -> _Looked:
        n = len(batch)
        if n not in (1, self.best_batch):  # fixed shapes run faster than free ones, and each is compiled once
            parts = [self._run_look(batch[k : k + 1]) for k in range(n)]
            arrays = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        else:
            arrays = self._run_look(batch)
        return _Looked(self._speak, arrays, attends=self.grid is not None)

    def _run_look(self, batch: np.ndarray) -> list[np.ndarray]:
        n = len(batch)
        if n not in self._compiled:
            model = self._look.clone()
            model.reshape([n, 3, self._side, self._side])
            self._compiled[n] = self._compile(model)
        result = self._compiled[n](batch, share_outputs=True)
        return [np.array(result[k]) for k in range(5)]  # copied once: the next picture overwrites them


class _Looked:
    def __init__(self, speak: Any, arrays: list[np.ndarray], attends: bool) -> None:
        self._speak = speak
        *places, self._h, self._c, self.features = arrays
        self._places = places if attends else []
        self._layout = Layout(len(self.features))

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        words, origins, places = self._layout.place(tokens, parents, inputs)
        given = [words, origins, self._h, self._c, *self._places]
        result = self._speak(given, share_inputs=True, share_outputs=True)
        # Flattened to (hypotheses, …) and picked: a copy each, so that the next word may overwrite the results.
        best, which, *attention = (
            result[k].reshape(-1, result[k].shape[-1])[places] for k in ((0, 1, 3) if self._places else (0, 1))
        )
        self._h, self._c = np.array(result[len(result) - 2]), np.array(result[len(result) - 1])
        if forced is not None:
            log_p = result[2].reshape(-1, result[2].shape[-1])[places, forced]
            best = np.concatenate([log_p[:, None], best], axis=1)
            which = np.concatenate([np.full_like(which[:, :1], forced), which], axis=1)
        return Offers(which.tolist(), best.tolist(), attention[0] if attention else None)
