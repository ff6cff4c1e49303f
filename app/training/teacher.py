"""The teacher of Classify's networks: EfficientNet-Lite0, its grids and its classifier.

On the CPU it runs through OpenVINO, several times faster than eager torch and in bf16 where the processor has it (three
times as fast again); on a GPU in torch with bf16.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from app.nets.efficientnet_lite import EfficientNetLite

WEIGHTS = Path("weights/efficientnet-lite0.safetensors")  # from the repository, so that no package is needed
MIDDLE = (24, 40, 112)  # channels of the grids at strides 4, 8 and 16
WIDTH = 1280  # channels of the last grid


class Grids(nn.Module):
    """Pictures (n, 3, h, w) as (x - 127) / 128 -> the grids of strides 4, 8, 16 (linear bottlenecks) and the last."""

    def __init__(self, net: EfficientNetLite) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        _, four, eight, sixteen, last = self.net.stages(x)
        return four, eight, sixteen, self.net.head(last)


class Teacher:
    """Call it with pictures (n, 3, h, w) of 0 to 255; `weight`, `bias` are its classifier."""

    def __init__(self, device: torch.device) -> None:
        self.net = EfficientNetLite(0)
        self.net.load_state_dict({k: v.float() for k, v in load_file(WEIGHTS).items()}, strict=False)
        self.net.eval().requires_grad_(False).to(device)
        self.device = device
        self.weight, self.bias = self.net.fc.weight, self.net.fc.bias  # (1000, 1280), (1000,)
        self._run: dict[tuple[int, ...], Callable[[Tensor], list[Tensor]]] = {}

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> list[Tensor]:
        """Grids (n, 24 | 40 | 112 | 1280, h / 4 | 8 | 16 | 32, ...), float32."""
        shape = tuple(pictures.shape)
        if shape not in self._run:
            self._run[shape] = self._compile(shape)
        return self._run[shape]((pictures - 127) / 128)

    def _compile(self, shape: tuple[int, ...]) -> Callable[[Tensor], list[Tensor]]:
        grids = Grids(self.net)
        if self.device.type != "cpu":
            compiled: Any = torch.compile(grids)

            def on_gpu(x: Tensor) -> list[Tensor]:
                with torch.autocast(self.device.type, torch.bfloat16):
                    return [grid.float() for grid in compiled(x.contiguous(memory_format=torch.channels_last))]

            return on_gpu

        return through_openvino(grids, shape)


def through_openvino(module: nn.Module, shape: tuple[int, ...]) -> Callable[[Tensor], list[Tensor]]:
    """`module` for inputs of one `shape`, float32 in and out, on as many threads as torch has."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # it would phone home
    import openvino as ov

    model = ov.convert_model(module, example_input=torch.zeros(shape), input=list(shape))
    threads = min(torch.get_num_threads(), os.cpu_count() or 1)
    request = ov.Core().compile_model(
        model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    )

    def run(x: Tensor) -> list[Tensor]:
        found = request(x.contiguous().numpy(), share_inputs=True, share_outputs=False)
        return [torch.from_numpy(found[k]) for k in range(len(model.outputs))]

    return run
