"""Writing safetensors tensor by tensor, so that a large file needs little memory: the library wants all at once.

The layout is the library's own: eight bytes of length, a JSON header, then the numbers without gaps, wider types first,
so that each begins at a multiple of its width.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

_NAMES = {np.dtype("<f4"): "F32", np.dtype("<f2"): "F16", np.dtype("i1"): "I8", np.dtype("u1"): "U8"}

Layout = Mapping[str, tuple[np.dtype, tuple[int, ...]]]  # name -> type and shape


class Writer:
    """A new file, at its full length from the start. As a context it is on the disk at the end, and an exception is
    left to whoever removes the file. Raises OSError."""

    def __init__(self, path: Path, layout: Layout, metadata: Mapping[str, str]) -> None:
        header: dict[str, object] = {"__metadata__": {"format": "pt", **metadata}}
        self._places: dict[str, tuple[int, np.dtype, tuple[int, ...]]] = {}
        end = 0
        for name, (kind, shape) in sorted(layout.items(), key=lambda item: (-item[1][0].itemsize, item[0])):
            start, end = end, end + math.prod(shape) * kind.itemsize
            header[name] = {"dtype": _NAMES[kind], "shape": list(shape), "data_offsets": [start, end]}
            self._places[name] = (start, kind, shape)
        raw = json.dumps(header, ensure_ascii=False).encode()
        raw += b" " * (-len(raw) % 8)
        self._data = 8 + len(raw)
        self._missing = end
        self._file = path.open("wb")
        self._file.write(len(raw).to_bytes(8, "little") + raw)
        self._file.truncate(self._data + end)

    def write(self, name: str, values: np.ndarray, first: int = 0) -> None:
        """The tensor's rows from `first` on. Every row is to be written once."""
        start, kind, shape = self._places[name]
        if values.shape[1:] != shape[1:] or first + len(np.atleast_1d(values)) > (shape or (1,))[0]:
            raise ValueError(f"{values.shape} at {first} is no part of {name}, which is {shape}")
        raw = np.ascontiguousarray(values, kind)
        self._file.seek(self._data + start + first * math.prod(shape[1:]) * kind.itemsize)
        self._file.write(raw.data.cast("B") if raw.size else b"")
        self._missing -= raw.nbytes

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is None:
                if self._missing:
                    raise ValueError(f"{self._missing:,} bytes were never written")
                self._file.flush()
                os.fsync(self._file.fileno())
        finally:
            self._file.close()
