"""The same work without Triptych: torch, ONNX Runtime and OpenVINO called directly, Pillow, OpenCV, torchvision.

Every maker returns a function to be timed, or a sentence that says why there is none."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from app.media.preprocess import Preprocessing
    from app.store.cards import Card
    from app.store.catalog import Store

Timed = Callable[[], object]


def torch_module(card: Card, store: Store) -> tuple[torch.nn.Module, str]:
    """torchvision's own module where it has the architecture, with the model's weights; else Triptych's."""
    from app.runtimes.torch_runtime import build

    ours = build(card, store)
    try:
        from app.nets._torchvision import import_torchvision

        import_torchvision()
        from torchvision.models import get_model

        theirs: torch.nn.Module = get_model(card.architecture, weights=None)
        theirs.load_state_dict(ours.state_dict())
    except (ImportError, ValueError, RuntimeError):  # no torchvision, no such architecture, other names
        return ours, "torch eager"
    return theirs.eval(), "torchvision eager"


class OnlyLogits:
    """Our modules give features and logits by two methods; bare libraries get one module that gives logits."""

    @staticmethod
    def of(module: Any) -> torch.nn.Module:
        import torch

        class Logits(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = module

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                logits: torch.Tensor = self.net.classify(self.net.features(x))
                return logits

        return Logits().eval() if hasattr(module, "classify") else module


def eager(module: torch.nn.Module, batch: np.ndarray, threads: int) -> Timed:
    import torch

    torch.set_num_threads(threads)
    x = torch.from_numpy(batch)

    def forward() -> object:
        with torch.inference_mode():
            return module(x).numpy()

    return forward


def openvino(module: torch.nn.Module, batch: np.ndarray) -> Timed | str:
    """OpenVINO as its tutorials call it: converted, fixed shape, default precision, latency hint."""
    try:
        from app.runtimes.openvino_runtime import import_openvino

        library = import_openvino()
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = library.convert_model(module, example_input=torch.from_numpy(batch), input=[batch.shape])
        compiled = library.Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    except Exception as error:
        return f"OpenVINO can't run it ({type(error).__name__})"
    return lambda: compiled(batch)[0]


def has_bf16() -> bool:
    """Whether this processor computes in bf16, as OpenVINO sees it; false without OpenVINO."""
    try:
        from app.runtimes.openvino_runtime import import_openvino

        return "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except ImportError:
        return False


def onnx_runtime(module: torch.nn.Module, batch: np.ndarray, threads: int) -> Timed | str:
    try:
        import onnxruntime
        import torch

        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (torch.from_numpy(batch),), file, dynamo=False)  # type: ignore[arg-type]  # takes files
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    except ImportError:
        return "ONNX Runtime is not installed"
    except Exception as error:
        return f"ONNX Runtime can't run it ({type(error).__name__})"
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: batch})


def decoders(file: Path, short_side: int) -> dict[str, Timed]:
    """Bare decoding of one JPEG: all of it, and scaled by the largest factor that leaves twice the short side."""
    from PIL import Image

    def pillow_full() -> object:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))

    def pillow_scaled() -> object:
        with Image.open(file) as image:
            image.draft("RGB", (2 * short_side, 2 * short_side))
            return np.asarray(image)

    found: dict[str, Timed] = {"Pillow, scaled": pillow_scaled, "Pillow, full size": pillow_full}
    try:
        import cv2
    except ImportError:
        return found
    with Image.open(file) as image:
        factor = min(image.size) // (2 * short_side)
    flag = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
    scaled = next((flag[by] for by in (8, 4, 2) if factor >= by), cv2.IMREAD_COLOR)
    found["OpenCV, scaled"] = lambda: cv2.imread(str(file), scaled)
    found["OpenCV, full size"] = lambda: cv2.imread(str(file), cv2.IMREAD_COLOR)
    return found


def transforms(preprocessing: Preprocessing) -> Any:
    """torchvision's transforms of a card's preprocessing. Raises ImportError."""
    from app.nets._torchvision import import_torchvision

    import_torchvision()
    from torchvision import transforms as T

    return T.Compose(
        [
            T.Resize(preprocessing.resize, T.InterpolationMode(preprocessing.interpolation)),
            T.CenterCrop(preprocessing.crop),
            T.ToTensor(),
            T.Normalize(preprocessing.mean, preprocessing.deviation),
        ]
    )


def folder_loop(
    module: torch.nn.Module, files: Sequence[Path], preprocessing: Preprocessing, threads: int, batch: int = 32
) -> Timed | str:
    """The loop that anyone would write: Pillow, torchvision's transforms, batches, eager torch."""
    import torch
    from PIL import Image

    try:
        transform = transforms(preprocessing)
    except ImportError:
        return "torchvision is not installed"

    def loop() -> object:
        torch.set_num_threads(threads)
        answers: list[list[int]] = []
        for first in range(0, len(files), batch):
            pictures = []
            for file in files[first : first + batch]:
                with Image.open(file) as image:
                    pictures.append(transform(image.convert("RGB")))
            with torch.inference_mode():
                probabilities = module(torch.stack(pictures)).softmax(1)
            answers += probabilities.topk(5).indices.tolist()
        return answers

    return loop
