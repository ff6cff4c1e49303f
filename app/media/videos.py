"""Videos, through the ffmpeg that OpenCV brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.media.pictures import SUFFIXES as PICTURE_SUFFIXES
from app.media.pictures import shown
from app.media.slides import Pictures
from app.media.sources import Source, Stream

SUFFIXES = frozenset(".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .ts .mts .m2ts .wmv .asf .flv .ogv .3gp .mjpeg".split())
"""Names that file dialogs offer as videos (lower case). What a file is, its content says."""


@dataclass(frozen=True)
class Video:
    """A video file."""

    path: Path
    live = False

    @property
    def name(self) -> str:
        return shown(self.path.name)

    def open(self) -> Stream:
        raise NotImplementedError


def source_of(paths: Sequence[Path]) -> Source:
    """What dropped or chosen files are played as: one file that isn't named like a picture as a video, anything else as a
    slide show. Opens nothing."""
    if len(paths) == 1 and paths[0].suffix.lower() not in PICTURE_SUFFIXES and not paths[0].is_dir():
        return Video(paths[0])
    return Pictures(tuple(paths))
