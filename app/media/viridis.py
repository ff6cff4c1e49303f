"""Viridis, the colours of quantities (Smith and van der Walt, CC0)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Eighteen stops, evenly spaced; between them it is all but straight.
STOPS = (
    "440154", "481769", "472a7a", "433d84", "3d4e8a", "355e8d", "2e6d8e", "297b8e", "23898e", "1f978b", "21a585",
    "2eb37c", "46c06f", "65cb5e", "89d548", "b0dd2f", "d8e219", "fde725",
)  # fmt: skip


@cache
def table() -> np.ndarray:
    """(256, 3) uint8 RGB, from little to much."""
    import numpy as np

    stops = np.array([[int(stop[k : k + 2], 16) for k in (0, 2, 4)] for stop in STOPS], np.float64)
    where = np.linspace(0.0, 1.0, len(stops))
    columns = [np.interp(np.linspace(0.0, 1.0, 256), where, stops[:, k]) for k in range(3)]
    return np.round(np.stack(columns, axis=1)).astype(np.uint8)
