"""The one place that imports torchvision.

A Linux machine can have torch's CPU build with a torchvision that is linked against CUDA: then torchvision's operators
do not load and `import torchvision` fails with "operator torchvision::nms does not exist". Triptych needs none of its
operators, only models, weight records and transforms, so the two schemas that the import asks for are defined here.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library: torch.library.Library | None = None


def import_torchvision() -> ModuleType:
    """torchvision, or ImportError."""
    global _library
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    if _library is None:
        _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS.values():
            _library.define(schema)  # type: ignore[no-untyped-call]
    return importlib.import_module("torchvision")
