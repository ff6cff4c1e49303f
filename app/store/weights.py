"""Reading weights from strangers: safetensors, and PyTorch's state dicts with `weights_only=True`. Nothing else.

What a file is, is told from its first bytes, never from its name. A file from a stranger must not run code, fill the
memory or bring NaN into a network: each is refused with a sentence before it can do harm.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.store import architectures, codec, compressed_resnets, vocabulary
from app.store.errors import StoreError

if TYPE_CHECKING:
    import torch

Format = Literal["safetensors", "torch zip", "torch legacy"]

LARGEST_FILE = 4 << 30  # bytes; the largest network here is 0.25 GB, a checkpoint with its optimiser four times that
LARGEST_HEADER = 8 << 20  # bytes; ResNet-152's is 0.1 MB
LARGEST_PICKLE = 32 << 20  # bytes; ResNet-152's is 0.1 MB, an optimiser adds a few times that
_LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before 1.6: pickled magic number
_WRAPPERS = ("state_dict", "model_state_dict", "model", "model_state", "model_ema", "net")


def read(path: Path, architecture: str | None = None, name: str = "") -> tuple[str, dict[str, torch.Tensor]]:
    """The network's name and its weights as the file has them (half, bfloat16, float32; float64 becomes float32), under
    the network's own names, checked: complete, of the right shapes, finite. `architecture`: refuse any other.
    Triptych's own codecs and the compressed ResNets of Stock et al. are decoded.
    `name`: what sentences call the file, where that isn't its name on the disk.

    Everything is copied out of the file, which may be changed or removed afterwards. Raises StoreError."""
    name = name or path.name
    kind = sniff(path, name)
    found = _read_safetensors(path, name) if kind == "safetensors" else _read_torch(path, kind, name)
    try:
        recognised = architectures.recognise({key: tuple(tensor.shape) for key, tensor in found.items()})
    except StoreError as error:
        raise StoreError(f"{name}: {error}") from error
    if architecture is not None and recognised != architecture:
        raise StoreError(f"{name} holds the weights of {recognised}, not of {architecture}.")
    plain = architectures.plain_names(found)
    if recognised == "gnmt":
        _check_tied(found, plain, name)
    wanted = architectures.shapes_of(recognised, {key: tuple(found[there].shape) for key, there in plain.items()})
    return recognised, {key: _checked(found[plain[key]], key, name) for key in wanted}


def sniff(path: Path, name: str) -> Format:
    """What kind of file this is. Raises StoreError for everything that is no file of weights."""
    try:
        if not path.is_file():
            raise StoreError(f"{name} is not a file.")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise StoreError(f"{name} can't be read ({error.strerror or error}).") from error
    if size == 0:
        raise StoreError(f"{name} is empty: download or copy it again.")
    if size > LARGEST_FILE:
        raise StoreError(f"{name} is too large for a file of weights ({size / 1e9:.1f} GB, at most 4 GB).")
    if looks_like_html(head):
        raise StoreError(f"{name} is a web page, not a file of weights: the download was answered by a page.")
    if head.startswith(b"version https://git-lfs"):
        raise StoreError(f"{name} is a Git LFS pointer, not the file itself: fetch it with “git lfs pull”.")
    if head.startswith(b"PK\x03\x04"):
        return "torch zip"
    if head.startswith(_LEGACY_MAGIC):
        return "torch legacy"
    if len(head) > 8 and head[8:9] == b"{":
        return "safetensors"
    raise StoreError(f"{name} is neither safetensors nor a PyTorch state dict; Triptych reads nothing else.")


def looks_like_html(head: bytes) -> bool:
    """Whether a file's first bytes are those of a web page."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body", b"<!--"))


def _read_safetensors(path: Path, name: str) -> dict[str, torch.Tensor]:
    import safetensors

    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(LARGEST_HEADER, size - 8):
            raise StoreError(f"{name} is truncated or damaged: its header claims {length:,} bytes.")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{name} is damaged: its header can't be read.") from error
    ends = [entry["data_offsets"][1] for entry in _entries(header)] if _well_formed(header) else []
    if ends and 8 + length + max(ends) > size:
        raise StoreError(f"{name} is truncated: {8 + length + max(ends):,} bytes are announced, {size:,} are there.")
    try:
        with safetensors.safe_open(str(path), framework="pt", device="cpu") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
            metadata = file.metadata()
    except (safetensors.SafetensorError, ValueError, TypeError, AttributeError, RuntimeError, OSError) as error:
        raise StoreError(f"{name} is damaged: {_first_line(error)}.") from error
    for text in vocabulary.TEXTS:  # no weights: `app.store.vocabulary` reads them
        found.pop(text, None)
    return codec.decode(found, metadata, name)


def _entries(header: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for key, entry in header.items() if key != "__metadata__"]


def _well_formed(header: object) -> bool:
    """Enough of the header is right to say how long the file should be; safetensors checks the rest."""
    return isinstance(header, dict) and all(
        isinstance(entry, dict)
        and isinstance(ends := entry.get("data_offsets"), list)
        and len(ends) == 2
        and all(type(end) is int for end in ends)
        for entry in _entries(header)
    )


def _read_torch(path: Path, kind: Format, name: str) -> dict[str, torch.Tensor]:
    import torch

    if kind == "torch zip":
        _check_zip(path, name)
    try:
        # Mapped, a checkpoint's optimiser costs no memory; the old format can't be mapped.
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=kind == "torch zip")
        return _state_dict(loaded, name)
    except StoreError:
        raise
    except Exception as error:  # a stranger's file can break an unpickler in more ways than anyone can list
        raise StoreError(_why_not(error, name)) from error


def _check_zip(path: Path, name: str) -> None:
    """PyTorch stores without compression, so an honest archive never unpacks to more than its own size."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise StoreError(f"{name} is truncated or damaged: download or copy it again.") from error
    pickles = [entry for entry in entries if entry.filename.endswith("data.pkl")]
    if any("/code/" in entry.filename for entry in entries):
        raise StoreError(f"{name} is a TorchScript program, not a state dict; Triptych runs no code out of files.")
    if len(pickles) != 1:
        raise StoreError(f"{name} is an archive, but not a PyTorch state dict.")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise StoreError(f"{name} is a compressed archive; PyTorch never writes those, so it isn't opened.")
    if sum(entry.file_size for entry in entries) > path.stat().st_size or pickles[0].file_size > LARGEST_PICKLE:
        raise StoreError(f"{name} claims to hold more than it does; it isn't opened.")


def _state_dict(loaded: object, name: str) -> dict[str, torch.Tensor]:
    """The weights in what was loaded: a plain state dict, or one under a training script's usual key."""
    import torch

    if isinstance(loaded, Mapping):
        for key in _WRAPPERS:
            if isinstance(inner := loaded.get(key), Mapping):
                return _state_dict(inner, name)
        if loaded and all(isinstance(key, str) for key in loaded):
            if compressed_resnets.looks_like(loaded):
                return compressed_resnets.decode(loaded, name)
            if all(isinstance(value, torch.Tensor) for value in loaded.values()):
                return dict(loaded)
            odd = next(key for key, value in loaded.items() if not isinstance(value, torch.Tensor))
            raise StoreError(f"{name} is not a plain state dict: “{odd[:60]}” in it is no tensor.")
    raise StoreError(f"{name} is not a state dict (names and tensors), so there is nothing to load from it.")


def _why_not(error: Exception, name: str) -> str:
    text = str(error)
    if found := re.search(r"GLOBAL ([\w.<>]+)|global ([\w.<>]+) was not an allowed", text):
        foreign = (found[1] or found[2])[:80]
        return (
            f"{name} holds more than weights ({foreign}) and could run code, so it wasn't opened. "
            "Ask for a plain state dict or for safetensors."
        )
    if "weights_only" in text or "Weights only" in text:
        return f"{name} holds more than weights and could run code, so it wasn't opened. Ask for safetensors."
    if isinstance(error, MemoryError) or "alloc" in text:
        return f"{name} asks for more memory than there is."
    return f"{name} is truncated or damaged: download or copy it again."


def _checked(tensor: torch.Tensor, key: str, name: str) -> torch.Tensor:
    """One tensor as a copy of its own: dense, finite and of a floating type. Its shape is known to be right by now:
    a tensor of a few bytes can claim any size (stride 0), and must not be copied before."""
    import torch

    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise StoreError(f"{name}: {key} is not a plain dense tensor.")
    if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        kind = str(tensor.dtype).removeprefix("torch.")
        raise StoreError(f"{name}: {key} holds {kind} values; weights must be half, float32 or float64.")
    tensor = tensor.detach().to(torch.float32 if tensor.dtype == torch.float64 else tensor.dtype, copy=True)
    low, high = torch.aminmax(tensor)  # NaN comes through; one pass, ten times as fast as isfinite
    if not (math.isfinite(low) and math.isfinite(high)):
        raise StoreError(f"{name}: {key} holds NaN or infinite values, so no answer could be right.")
    if key.endswith("running_var") and low < 0:
        raise StoreError(f"{name}: {key} holds negative variances, so no answer could be right.")
    return tensor.contiguous()


def _check_tied(found: Mapping[str, torch.Tensor], plain: Mapping[str, str], name: str) -> None:
    """A GNMT has one embedding, whatever names a file has it under. Raises StoreError."""
    import torch

    for other in architectures.TIED & plain.keys():
        if not torch.equal(found[plain[other]], found[plain["embedding.weight"]]):
            raise StoreError(f"{name}: {other} is not the embedding; Triptych runs GNMTs with one embedding only.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
