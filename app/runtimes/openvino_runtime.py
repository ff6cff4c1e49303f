"""Networks through OpenVINO: the fastest way on a CPU (ARCHITECTURE.md, "Devices and runtimes").

The first load converts the torch module and keeps OpenVINO's own file (IR) in the cache folder; later loads read that
with numpy and openvino alone: importing torch, seconds when cold, does not stand before the first answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from app.runtimes import Head, Output
from app.runtimes.devices import Device, threads

if TYPE_CHECKING:
    from app.store.cards import Card
    from app.store.catalog import Store

LARGEST_CACHE = 1_000_000_000  # bytes
SUMS = "sums.json"  # CRC-32 of the other files, by name: wrong bytes in a weight would be wrong answers, not an error
RECIPE = 1  # to be raised when the conversion changes: what older versions kept is then converted anew

_log = logging.getLogger(__name__)
Kept = TypeVar("Kept")


def import_openvino() -> ModuleType:
    """The one place that imports openvino. The package openvino-telemetry comes with it and would send an event from a
    child process; blocked, OpenVINO takes its own stub."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino  # type: ignore[no-any-return]


class OpenVinoNetwork:
    """Float32 or, where the processor has it, bfloat16 (OpenVINO's own choice)."""

    runtime = "openvino"
    best_batch = 8

    def __init__(self, card: Card, store: Store, device: Device) -> None:
        openvino = import_openvino()
        self.device = device
        self._openvino = openvino
        self._side = card.preprocessing.crop
        folder = kept_folder(openvino, store, card, card.architecture)
        self._model, self.head = self._read(folder) or self._convert(card, store, folder)
        self._compiled: dict[int, Any] = {}
        self.run(np.zeros((1, 3, self._side, self._side), np.float32))

    def _read(self, folder: Path) -> tuple[Any, Head | None] | None:
        """What an earlier start has kept; None where there is nothing, or nothing that can be read."""

        def read(core: Any) -> tuple[Any, Head | None]:
            model, head = core.read_model(folder / "model.xml"), None
            if (folder / "head.npz").exists():
                with np.load(folder / "head.npz", allow_pickle=False) as kept:
                    head = Head(kept["weight"], kept["bias"])
            return model, head

        return read_kept(self._openvino, folder, read)

    def _convert(self, card: Card, store: Store, folder: Path) -> tuple[Any, Head | None]:
        import torch

        from app.runtimes.torch_runtime import build, head_of

        class WithGrid(torch.nn.Module):
            """Logits and the grid they come from, so that Grad-CAM needs no second pass."""

            def __init__(self, net: Any) -> None:
                super().__init__()
                self.net = net

            def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                grid = self.net.features(x)
                return self.net.classify(grid), grid

        net = build(card, store)
        head = head_of(net)
        with warnings.catch_warnings():
            # Tracing warns that shapes become constants: they are meant to, the picture's size is fixed by the card.
            warnings.simplefilter("ignore")
            model = self._openvino.convert_model(
                WithGrid(net), example_input=torch.zeros(1, 3, self._side, self._side),
                input=[self._openvino.PartialShape([-1, 3, self._side, self._side])],
            )  # fmt: skip
        try:
            arrays = {} if head is None else {"head": {"weight": head.weight, "bias": head.bias}}
            keep(self._openvino, {"model": model}, arrays, folder)
        except OSError as error:
            _log.warning("the converted network can't be kept (%s)", error.strerror)
        return model, head

    def _compile(self, batch: int) -> Any:
        """For one batch size: fixed shapes run faster than free ones."""
        if batch not in self._compiled:
            model = self._model.clone()
            model.reshape([batch, 3, self._side, self._side])
            self._compiled[batch] = self._openvino.Core().compile_model(
                model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads()}
            )
        return self._compiled[batch]

    def run(self, batch: np.ndarray) -> Output:
        n = len(batch)
        if n == 1 or n == self.best_batch:
            result = self._compile(n)(batch, share_outputs=True)  # copied once, here
            return Output(np.array(result[0]), np.array(result[1]))
        parts = []
        for k in range(0, n, self.best_batch):
            part = batch[k : k + self.best_batch]
            if len(part) < self.best_batch:
                parts += [self.run(part[i : i + 1]) for i in range(len(part))]
            else:
                parts.append(self.run(part))
        return Output(np.concatenate([p.logits for p in parts]), np.concatenate([p.grid for p in parts]))


def kept_folder(openvino: ModuleType, store: Store, card: Card, recipe: str) -> Path:
    """Where the converted network is kept; another one where weights, picture size, `recipe` or versions are others."""
    given = f"{RECIPE} {store.fingerprint(card)} {recipe} {card.preprocessing.crop} {openvino.__version__}"
    return store.folders.cache / "openvino" / hashlib.sha256(given.encode()).hexdigest()[:24]


def read_kept(openvino: ModuleType, folder: Path, read: Callable[[Any], Kept]) -> Kept | None:
    """What `read` finds in the folder, given OpenVINO's `Core`; None where nothing is kept, or nothing that can be
    read: that is then removed."""
    if not folder.exists():
        return None
    try:
        if json.loads((folder / SUMS).read_text("utf-8")) != _sums(folder):
            raise ValueError("other bytes than were written")
        found = read(openvino.Core())
        with contextlib.suppress(OSError):  # a cache that may only be read
            os.utime(folder)  # least recently used goes first when the cache is full
    except Exception as error:  # a damaged cache costs a conversion, never an answer
        _log.warning("a converted network can't be read (%s); it is converted anew", type(error).__name__)
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return found


def keep(
    openvino: ModuleType, models: Mapping[str, Any], arrays: Mapping[str, Mapping[str, np.ndarray]], folder: Path
) -> None:
    """Write NAME.xml and NAME.npz beside, then rename: a folder with the right name is a whole one. Then make room.
    Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=folder.parent))
    try:
        for name, model in models.items():
            openvino.save_model(model, part / f"{name}.xml", compress_to_fp16=False)
        for name, values in arrays.items():
            np.savez(part / f"{name}.npz", **values)  # type: ignore[arg-type]  # numpy's stubs: "allow_pickle"
        (part / SUMS).write_text(json.dumps(_sums(part)), "utf-8")
        part.replace(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        if not folder.exists():  # another process may have been faster
            raise
    _make_room(folder.parent, keep=folder)


def _sums(folder: Path) -> dict[str, int]:
    """CRC-32 of a converted network's files, by name."""
    sums = {}
    for file in sorted(folder.iterdir()):
        if file.name == SUMS:
            continue
        value = 0
        with file.open("rb") as opened:
            while piece := opened.read(1 << 20):
                value = zlib.crc32(piece, value)
        sums[file.name] = value
    return sums


def _make_room(cache: Path, keep: Path) -> None:
    """Remove what was used longest ago until the cache fits `LARGEST_CACHE`; and what a killed process left behind."""
    folders = []
    for folder in cache.iterdir():
        if folder.name.startswith("part-"):
            if time.time() - folder.stat().st_mtime > 3600:
                shutil.rmtree(folder, ignore_errors=True)
        elif folder.is_dir():
            size = sum(file.stat().st_size for file in folder.iterdir())
            folders.append((folder.stat().st_mtime, size, folder))
    total = sum(size for _, size, _ in folders)
    for _, size, folder in sorted(folders):
        if total <= LARGEST_CACHE:
            break
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
