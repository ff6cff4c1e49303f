"""Videos, through the ffmpeg that OpenCV brings; turned upright by OpenCV itself."""

from __future__ import annotations

import math
import stat
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.media.opencv import import_cv2
from app.media.pictures import SUFFIXES as PICTURE_SUFFIXES
from app.media.pictures import shown
from app.media.slides import Pictures
from app.media.sources import Frame, SkippedError, Source, SourceError

_SUFFIXES = ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .ts .mts .m2ts .wmv .asf .flv .ogv .3gp .mjpeg"
SUFFIXES = frozenset(_SUFFIXES.split())
"""Names that file dialogs offer as videos (lower case). What a file is, its content says."""

MAX_PIXELS = 64_000_000  # a frame; 8K has 33 million
_NEAR = 0.001  # seconds: times of frames are rounded


@dataclass(frozen=True)
class Video:
    """A video file. Its frames' times are its own time stamps, so that a variable rate is played as it is meant."""

    path: Path
    live = False

    @property
    def name(self) -> str:
        return shown(self.path.name)

    def open(self) -> VideoStream:
        """Raises SourceError: no such file, unreadable, no video, damaged, without a single frame."""
        return VideoStream(self.path, self.name)


class VideoStream:
    """An opened video: `sources.Stream`."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._stamp = _stamp(path, name)
        self._cv2 = cv2 = import_cv2()
        self._count = 0
        try:
            self._capture: Any = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        except (cv2.error, MemoryError) as error:
            raise self._damaged() from error
        try:
            if not self._capture.isOpened():
                raise _no_video(path, name)
            width, height = (
                self._number(which) or 0 for which in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
            )
            if width * height > MAX_PIXELS:
                raise SourceError(
                    f"{name} could not be opened: its {width:.0f} × {height:.0f} pixels are more than "
                    f"{MAX_PIXELS // 1_000_000} megapixels. Save a smaller copy."
                )
            fps, frames = self._number(cv2.CAP_PROP_FPS), self._number(cv2.CAP_PROP_FRAME_COUNT)
            self._fps = fps if fps is not None and 0.01 < fps <= 1000 else None
            self._length = frames / self._fps if frames is not None and self._fps is not None else None
            self._time: float | None = None  # of the frame that was grabbed last
            self._ended = False
            self._first = self._next(None)
            if self._first is None:
                raise self._damaged()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> tuple[int, int] | None:
        """Of the first frame."""
        return self._size

    @property
    def fps(self) -> float | None:
        return self._fps

    @property
    def length(self) -> float | None:
        """The container's own figure, which sound that goes on for longer makes longer too."""
        return self._length

    def read(self, after: float | None = None) -> Frame | None:
        """Frames before `after` are decoded without being converted to BGR. Where the file breaks off before its end,
        that is said by SkippedError once, and then the video has ended."""
        first, self._first = self._first, None
        if first is not None and (after is None or first.time >= after - _NEAR):
            return first
        frame = None if self._ended else self._next(after)
        if frame is None and not self._ended:
            self._ended = True
            self._say_why()
        return frame

    def seek(self, time: float) -> None:
        """To the first frame at or after `time`, exactly. OpenCV counts in frames of the average rate and so misses
        where the rate varies: we let it go further back until it lands before `time`, and go on from there."""
        self._ended, self._first = False, None
        for margin in (0.0, 2.0, 10.0, 60.0, math.inf):
            start = max(time - margin, 0.0)
            self._capture.set(self._cv2.CAP_PROP_POS_MSEC, 1000 * start)
            self._time = None
            frame = self._next(None)
            if frame is None:
                continue
            if frame.time <= time + _NEAR or start <= 0:
                break
        else:
            return
        self._first = frame if frame.time >= time - _NEAR else self._next(time)

    def close(self) -> None:
        self._capture.release()

    def _next(self, after: float | None) -> Frame | None:
        try:
            while self._capture.grab():
                time = self._time = self._stamped()
                if after is None or time >= after - _NEAR:
                    good, pixels = self._capture.retrieve()
                    if not good or pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
                        continue
                    frame = Frame(pixels, self._count, time, clock.perf_counter(), self._name)
                    self._count += 1
                    self._size = (pixels.shape[1], pixels.shape[0])
                    return frame
        except (self._cv2.error, MemoryError) as error:
            raise self._damaged() from error
        return None

    def _stamped(self) -> float:
        """The presentation time of the frame just grabbed; where its time stamp is missing or runs backwards, as if it
        followed the last one."""
        time = self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000
        if self._time is None:
            return time if math.isfinite(time) and 0 <= time < 1e6 else 0.0
        if not math.isfinite(time) or time <= self._time or time > 1e6:
            return self._time + 1 / (self._fps or 30.0)
        return float(time)

    def _number(self, which: int) -> float | None:
        value = float(self._capture.get(which))
        return value if math.isfinite(value) and 0 < value < 1e12 else None

    def _say_why(self) -> None:
        """Nothing follows: raises where that is not the video's end. Sound that lasts longer than the pictures makes
        `length` longer too, so that a little is no sign."""
        time, length = self._time or 0.0, self._length or math.inf
        if time < length - 1.5 / (self._fps or 30.0) and _changed(self._path, self._stamp):
            raise SourceError(f"{self._name} was changed while it was being read. Open it again.")
        if self._length is not None and time < 0.9 * length - 1:
            raise SkippedError(
                f"{self._name} breaks off at {_minutes(time)} of {_minutes(length)}: its end is missing or damaged. "
                "Copy or download it again."
            )

    def _damaged(self) -> SourceError:
        return SourceError(
            f"{self._name} could not be opened: no picture in it can be decoded. The file may be damaged: copy or "
            "download it again, or convert it to MP4 (H.264)."
        )


def source_of(paths: Sequence[Path]) -> Source:
    """What dropped or chosen files are played as: one file that isn't named like a picture as a video, anything else as
    a slide show. Opens nothing."""
    if len(paths) == 1 and paths[0].suffix.lower() not in PICTURE_SUFFIXES and not paths[0].is_dir():
        return Video(paths[0])
    return Pictures(tuple(paths))


_Stamp = tuple[int, int]


def _stamp(path: Path, name: str) -> _Stamp:
    """Size and time of change of a file that can be read. Raises SourceError."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise SourceError(f"{name} could not be opened: it is a folder.")
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{name} could not be opened: it is not a file.")
        if status.st_size == 0:
            raise SourceError(f"{name} could not be opened: the file is empty. Copy or download it again.")
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError as error:
        raise SourceError(f"{name} could not be opened: there is no such file (any more).") from error
    except PermissionError as error:
        raise SourceError(f"{name} could not be opened: you have no permission to read it.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise SourceError(f"{name} could not be opened: {reason}.") from error
    return status.st_size, status.st_mtime_ns


def _changed(path: Path, stamp: _Stamp) -> bool:
    try:
        status = path.stat()
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) != stamp


def _no_video(path: Path, name: str) -> SourceError:
    """The sentence for a file that ffmpeg would not have."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        head = b""
    starts = (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"\x30\x26\xb2\x75", b"FLV", b"OggS", b"G")
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide") or head[8:12] == b"AVI " or head.startswith(starts):
        return SourceError(
            f"{name} could not be opened: it holds no video that Triptych can read. The file may be damaged: copy or "
            "download it again, or convert it to MP4 (H.264)."
        )
    whatever = ", whatever its name says" if path.suffix.lower() in SUFFIXES else " that Triptych can read"
    return SourceError(f"{name} could not be opened: it is not a video{whatever}.")


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
