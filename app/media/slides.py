"""Pictures and folders as a slide show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.media.pictures import shown
from app.media.sources import Stream


@dataclass(frozen=True)
class Pictures:
    """Files as given and folders walked, each picture shown for `seconds`. A broken one is skipped with a sentence."""

    paths: tuple[Path, ...]
    seconds: float = 4.0
    live = False

    @property
    def name(self) -> str:
        return shown(self.paths[0].name) if len(self.paths) == 1 else f"{len(self.paths)} pictures"

    def open(self) -> Stream:
        raise NotImplementedError
