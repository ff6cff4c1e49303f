"""Engines asked directly, without a worker."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


def drain(steps: Generator[Any, None, Any]) -> tuple[list[Any], Any]:
    """What a request yields on the way (but None), and what it returns."""
    partials = []
    while True:
        try:
            value = next(steps)
        except StopIteration as stop:
            return partials, stop.value
        if value is not None:
            partials.append(value)
