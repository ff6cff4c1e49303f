"""Where the networks run: CUDA, MPS or the CPU, in that order, unless the person says otherwise."""

from __future__ import annotations

import os
import platform
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["cuda", "mps", "cpu"]
PREFERENCES = ("auto", "cuda", "mps", "cpu")


class DeviceError(Exception):
    """str(error) is one sentence: which device, why it can't be used, what to do."""


@dataclass(frozen=True)
class Device:
    kind: Kind
    name: str  # for a person: "CPU, 2 threads"


def threads() -> int:
    """CPU threads that the networks take: one a processor this process may run on, without hyper-threads."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        allowed = os.cpu_count() or 1
    return max(1, min(allowed, _physical_cores() or allowed))


@cache
def _physical_cores() -> int | None:
    try:
        import psutil
    except ImportError:
        return None
    cores: int | None = psutil.cpu_count(logical=False)
    return cores


def cpu() -> Device:
    count = threads()
    return Device("cpu", f"CPU, {count} thread{'s' if count > 1 else ''}")


def available() -> tuple[Device, ...]:
    """All devices here, the preferred one first. Imports torch only where there can be a GPU."""
    found: list[Device] = []
    if _may_have_gpu():
        try:
            import torch
        except (ImportError, OSError):  # OSError: a shared library of torch is missing
            return (cpu(),)
        if torch.cuda.is_available():
            found.append(Device("cuda", torch.cuda.get_device_name(0)))
        if torch.backends.mps.is_available():
            found.append(Device("mps", "Apple GPU"))
    return (*found, cpu())


def _may_have_gpu() -> bool:
    """Cheap: importing torch takes seconds, and most machines without a driver never need it to answer "CPU"."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return (system / "nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists() or Path("/dev/kfd").exists()


def choose(preference: str = "auto") -> Device:
    """The device for `preference`: one of `PREFERENCES`. Raises DeviceError."""
    if preference not in PREFERENCES:
        raise DeviceError(f"There is no device “{preference}”: choose {', '.join(PREFERENCES)}.")
    if preference == "cpu":
        return cpu()
    devices = available()
    if preference == "auto":
        return devices[0]
    for device in devices:
        if device.kind == preference:
            return device
    what = "NVIDIA graphics card that torch can use" if preference == "cuda" else "Apple GPU that torch can use"
    raise DeviceError(f"“{preference}” can't be used: there is no {what} here. Choose auto or cpu.")


def memory_is_full(error: BaseException) -> bool:
    """Whether a GPU's memory is full, as CUDA, its libraries and MPS say it."""
    said = str(error).lower()
    named = type(error).__name__ == "OutOfMemoryError"  # torch's own, without importing torch
    return named or (isinstance(error, RuntimeError) and ("out of memory" in said or "alloc_failed" in said))


def free_memory(error: BaseException) -> None:
    """Give a GPU's memory back after `error`, whose frames hold the tensors that filled it. The caller has let go of
    its networks."""
    traceback.clear_frames(error.__traceback__)
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
