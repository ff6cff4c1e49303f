"""The translator through OpenVINO: two models, one that reads a sentence and one that says a wordpiece
(`app.nets.gnmt_steps`).

The step's matrices are the file's int8 with a scale a row, and its activations are made int8 as well, by 128
(`DYNAMIC_QUANTIZATION_GROUP_SIZE`): OpenVINO has faster kernels for few rows then. The encoder runs in OpenVINO's own
choice of precision.

One step of 8 layers of width 256 and 8,000 wordpieces, milliseconds (least of 30) for 1 / 5 / 40 / 160 hypotheses (the
last two of 8 and 32 sentences), on one busy core with AVX-512 and AMX, so rough figures: float32 2.4 / 3.3 / 19 / 57,
int8 weights in bf16 0.75 / 1.9 / 8.7 / 26, int8 weights and activations 0.70 / 0.81 / 8.1 / 30; eager torch in float32
3.0 / 8.9. Reading 14 wordpieces: float32 4.1, bf16 1.5.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.nets.hypotheses import Offers
from app.runtimes.devices import Device, threads
from app.runtimes.openvino_runtime import import_openvino, keep, kept_folder, read_kept
from app.runtimes.translator import Shrinking, padded, wordpieces_of
from app.store import int8
from app.text.wordpieces import END, START

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store

_log = logging.getLogger(__name__)


class OpenVinoTranslator:
    runtime = "openvino"
    best_batch = 16

    def __init__(self, card: Card, store: Store, device: Device) -> None:
        openvino = import_openvino()
        self.device = device
        self.wordpieces = wordpieces_of(card, store)
        self._openvino = openvino
        folder = kept_folder(openvino, store, card, "gnmt 1")

        def read(core: Any) -> tuple[Any, Any]:
            return core.read_model(folder / "encode.xml"), core.read_model(folder / "step.xml")

        encode, step = read_kept(openvino, folder, read) or self._convert(card, store, folder)
        self._encode = self._compile(encode, {})
        self._step = self._compile(step, {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 128})
        self._layers, _, self._width = (axis.get_max_length() for axis in step.input(3).get_partial_shape())
        self.read([[START, END]]).advance([START], [0], [0], None)  # the first call of each allocates

    def _convert(self, card: Card, store: Store, folder: Path) -> tuple[Any, Any]:
        import torch

        from app.nets.gnmt_steps import Encode, Step
        from app.runtimes.torch_runtime import build

        net: Any = build(card, store)
        encode, step = Encode(net).requires_grad_(False), Step(net, self.wordpieces.never).requires_grad_(False)
        shape, free = self._openvino.PartialShape, self._openvino.PartialShape([-1, -1])
        with torch.no_grad(), warnings.catch_warnings():
            # Tracing warns that what is read from shapes becomes constant: layers and width are meant to.
            warnings.simplefilter("ignore")
            source = torch.tensor([[START, END], [START, END]])
            memory = encode(source)
            state = torch.zeros(net.layers, 2, net.width)
            h, c = memory[3:] or (state, state)
            converted_encode = self._openvino.convert_model(encode, example_input=source, input=[free])
            words = torch.zeros(2, 3, dtype=torch.int64)
            seen = shape([-1, -1, net.width])
            h_rows, c_rows = shape([len(h), -1, net.width]), shape([len(c), -1, net.width])
            converted_step = self._openvino.convert_model(
                step,
                example_input=(words, words, torch.zeros(1, dtype=torch.int64), h, c, *memory[:3]),
                input=[free, free, shape([1]), h_rows, c_rows, seen, seen, free],
            )
        _with_integers(self._openvino, converted_step)
        try:
            keep(self._openvino, {"encode": converted_encode, "step": converted_step}, {}, folder)
        except OSError as error:
            _log.warning("the converted network can't be kept (%s)", error.strerror)
        return converted_encode, converted_step

    def _compile(self, model: Any, settings: dict[str, Any]) -> Any:
        common = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads()}
        return self._openvino.Core().compile_model(model, "CPU", common | settings)

    def read(self, sources: Sequence[Sequence[int]]) -> _Read:
        result = self._encode(padded(sources), share_outputs=True)
        memory = [np.array(result[k]) for k in range(len(result))]  # copied: the next one overwrites them
        if len(memory) > 3:  # this encoder hands over where the decoder starts
            return _Read(self._step, memory[:3], *memory[3:])
        zeros = np.zeros((self._layers, len(sources), self._width), np.float32)
        return _Read(self._step, memory, zeros, zeros)


class _Read:
    def __init__(self, step: Any, memory: list[np.ndarray], h: np.ndarray, c: np.ndarray) -> None:
        self._step, self._memory, self._h, self._c = step, memory, h, c
        self._layout = Shrinking(len(memory[0]))

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        if (kept := self._layout.shrink(inputs)) is not None:
            self._memory = [array[kept] for array in self._memory]
        words, origins, places = self._layout.place(tokens, parents, inputs)
        given = [words, origins, np.array([forced or 0]), self._h, self._c, *self._memory]
        result = self._step(given, share_inputs=True, share_outputs=True)
        # Picked: a copy each, so that the next step may overwrite the results.
        best, which, said = (result[k][places] for k in range(3))
        attention = result[3].reshape(-1, result[3].shape[-1])[places]
        self._h, self._c = np.array(result[4]), np.array(result[5])
        if forced is not None:
            best = np.concatenate([said, best], axis=1)
            which = np.concatenate([np.full_like(which[:, :1], forced), which], axis=1)
        return Offers(which.tolist(), best.tolist(), attention)


def _with_integers(openvino: Any, model: Any) -> None:
    """Weights of matrix products as int8 with a scale a row, multiplied as they are read."""
    operations = openvino.opset13
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul" or not node.get_attributes()["transpose_b"]:
            continue
        constant = node.input_value(1).get_node()
        shape = constant.get_output_shape(0)
        if constant.get_type_name() != "Constant" or len(shape) != 2 or 1 in shape:
            continue
        weight = constant.get_data()  # (rows, columns)
        scales = int8.scales_of(weight)
        integers = operations.constant(int8.quantise(weight, scales), openvino.Type.i8)
        product = operations.multiply(
            operations.convert(integers, openvino.Type.f32), operations.constant(scales[:, None], openvino.Type.f32)
        )
        node.input(1).replace_source_output(product.output(0))
