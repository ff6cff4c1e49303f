"""Decoding pictures from strangers, within limits.

Which format a file has is told from its content, never from its name, and only the formats of `FORMATS` are tried
(`formats=` of `Image.open`): an EPS named `.jpg` never reaches Ghostscript. How many pixels a picture has is read from
its header before anything is decoded.

Large JPEGs are decoded by libjpeg-turbo's scaled inverse DCT (Pillow's draft mode), which does 1/4 of a 12-megapixel
photo in 30 ms where all of it takes 140 ms. OpenCV's `IMREAD_REDUCED_COLOR_4` takes 29 ms, but answers a truncated file
with a half-grey picture and a line on stderr, and knows no CMYK. Both release the GIL while they decode.
"""

from __future__ import annotations

import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from app.media import apart
from app.media import pixels as _pixels

MAX_PIXELS = 100_000_000
"""Larger pictures are refused, told from the header."""
LARGE_PIXELS = 30_000_000
"""Above this one picture at a time is decoded, whichever thread asks."""
MAX_BYTES = 1_000_000_000
"""An uncompressed TIFF of 100 megapixels with 16 bits in four channels still fits."""
MAX_PYTHON_PIXELS = 4_000_000
"""For run-length encoded BMP, which Pillow decodes in Python, a pixel at a time."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
_SUFFIXES = ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .tif .tiff .bmp .dib .gif .avif .avifs .heic .heif .hif"
SUFFIXES = frozenset(_SUFFIXES.split())
"""Names that `find` takes for pictures inside folders (lower case)."""

_RAW = ".raw .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .pef .srw"
_OTHERS = """.psd .psb .svg .svgz .eps .ps .ai .pdf .jxl .jp2 .j2k .jpx .ico .icns .tga .pcx .xcf .kra .exr .hdr .dds
    .ppm .pgm .pbm .pnm .fits .dcm .wmf .emf .djvu .qoi .pict .mp4 .mov"""
_UNSUPPORTED = frozenset(f"{_RAW} {_OTHERS}".split())
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")

_large = threading.Lock()
_no_lock = threading.Lock  # a fresh one a picture: nobody waits

# The limit is ours, and told in our own words; Pillow's is a warning, which a thread cannot catch for itself alone.
Image.MAX_IMAGE_PIXELS = None


class PictureError(Exception):
    """str(error) is one sentence: which file, why, what to do."""


@dataclass(frozen=True, eq=False)
class Picture:
    """`pixels`: (height, width, 3) uint8 RGB, upright (EXIF orientation applied), alpha laid on white.

    Large JPEGs may have been scaled while decoding (by 2, 4 or 8): `size` is the file's own (width, height) after
    orientation."""

    name: str  # for sentences; a file's name, never its path
    pixels: np.ndarray
    size: tuple[int, int]
    format: str  # Pillow's name, such as "JPEG"


def decode(source: Path | bytes, *, name: str | None = None, at_least: int | None = None) -> Picture:
    """Read one picture from a file or from the bytes of one.

    `at_least`: the short side that is needed; a JPEG may then come back smaller by 2, 4 or 8, with a short side of at
    least twice that. `name` is what sentences call the picture (default: the file's name).
    Raises `PictureError`. May be called from any thread, from several at once.
    """
    if name is None:
        name = source.name if isinstance(source, Path) else "The picture"
    name = shown(name)
    try:
        with _open(source, name) as file:
            if apart.wanted(file) and _can_heif():
                return _decode_apart(file, name)
            return decode_here(file, name, at_least)
    except MemoryError as error:
        raise PictureError(f"{name} could not be opened: there is not enough memory for it.") from error


def shown(name: str) -> str:
    """`name` fit for a sentence on any screen: undecodable bytes, line ends and other control characters replaced."""
    if not name.isprintable():
        name = "".join(c if c.isprintable() else "�" for c in name)
    return name or "The picture"


def find(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given, folders walked: pictures by their names' endings, natural order, a folder's files before its
    subfolders; hidden files and folders are left out, a folder that links lead to twice is walked once. A path that
    does not exist and a folder that cannot be read come back as they are: `decode` says why it can't."""
    for path in paths:
        if path.is_dir():
            yield from _walk(path, set())
        else:
            yield path


def natural(name: str) -> tuple[list[str | int], str]:
    """Sorting key: "photo 2" before "photo 10", upper case beside lower case."""
    parts: list[str | int] = [*re.split(r"(\d+)", name.casefold())]
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, name


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as scan:
            entries = sorted((entry for entry in scan if not _hidden(entry)), key=lambda entry: natural(entry.name))
    except OSError:
        yield folder
        return
    folders = []
    for entry in entries:
        if _is_folder(entry):
            folders.append(entry)
        elif Path(entry.name).suffix.lower() in SUFFIXES:
            yield Path(entry.path)
    for entry in folders:
        yield from _walk(Path(entry.path), seen)


def _hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return True
    if os.name != "nt":
        return False
    try:
        attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    except OSError:
        return False
    return bool(attributes & stat.FILE_ATTRIBUTE_HIDDEN)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _open(source: Path | bytes, name: str) -> IO[bytes]:
    """A readable file of a sane size. Never a path to Pillow: it would map the file into memory, and a file that is
    cut off meanwhile kills the process (SIGBUS)."""
    if isinstance(source, bytes):
        if not source:
            raise PictureError(f"{name} could not be opened: it is empty.")
        return io.BytesIO(source)
    try:
        status = source.stat()
        if stat.S_ISDIR(status.st_mode):
            if os.access(source, os.R_OK | os.X_OK):
                raise PictureError(f"{name} could not be opened: it is a folder, not a picture.")
            raise PermissionError
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise PictureError(f"{name} could not be opened: it is not an ordinary file.")
        if status.st_size == 0:
            raise PictureError(f"{name} could not be opened: the file is empty.")
        if status.st_size > MAX_BYTES:
            raise PictureError(
                f"{name} could not be opened: the file has {status.st_size / 1e9:.1f} GB, more than "
                f"{MAX_BYTES / 1e9:.0f} GB. Save it as JPEG."
            )
        return source.open("rb")
    except FileNotFoundError as error:
        raise PictureError(f"{name} could not be opened: there is no such file (any more).") from error
    except PermissionError as error:
        raise PictureError(f"{name} could not be opened: you have no permission to read it.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise PictureError(f"{name} could not be opened: {reason}.") from error


def _decode_apart(file: IO[bytes], name: str) -> Picture:
    # How large it is the child finds out, so each counts as a large one.
    with _large:
        try:
            return Picture(name, *apart.decode(file, name))
        except apart.DiedError as error:
            raise _refused(file, name, error) from error


def decode_here(file: IO[bytes], name: str, at_least: int | None = None) -> Picture:
    """`decode` of an open file, whatever it holds, in this process."""
    _quiet()
    try:
        image = Image.open(file, formats=_formats())
    except MemoryError:
        raise
    except Exception as error:  # the plugins raise whatever the broken file makes them stumble over
        raise _refused(file, name, error) from error
    try:
        size = image.size
        _check_size(size, name)
        rle = image.format == "BMP" and image.info.get("compression") in (1, 2)
        if rle and size[0] * size[1] > MAX_PYTHON_PIXELS:
            raise _unsupported(name)
        if (
            image.format == "TIFF" and Path(name).suffix.lower() in _RAW.split()
        ):  # a raw file's first page: its thumbnail
            raise _unsupported(name)
        if at_least is not None and image.format in ("JPEG", "MPO"):
            image.draft(None, (2 * at_least, 2 * at_least))  # None: leave the mode
        with _large if size[0] * size[1] > LARGE_PIXELS else _no_lock():
            image.load()
            scaled = image.size
            if image.format == "HEIF":  # its header and its content may disagree
                size = scaled
                _check_size(size, name)
            array, turned = _pixels.upright_rgb(image)
    except (PictureError, MemoryError):
        raise
    except Exception as error:
        raise _refused(file, name, error) from error
    finally:
        image.close()
    format_ = "JPEG" if image.format == "MPO" else str(image.format)
    return Picture(name, array, (size[1], size[0]) if turned else size, format_)


def _check_size(size: tuple[int, int], name: str) -> None:
    if size[0] < 1 or size[1] < 1:
        raise PictureError(f"{name} could not be opened: it has no pixels.")
    if size[0] * size[1] > MAX_PIXELS:
        raise PictureError(
            f"{name} could not be opened: its {size[0]} × {size[1]} pixels are more than "
            f"{MAX_PIXELS // 1_000_000} megapixels. Save a smaller copy."
        )


def _refused(file: IO[bytes], name: str, error: Exception) -> PictureError:
    """The sentence for a file that Pillow would not have."""
    suffix = Path(name).suffix.lower()
    if isinstance(error, OSError) and error.errno is not None:  # the disk, not the picture
        return PictureError(f"{name} could not be read to its end: {error.strerror}.")
    if isinstance(error, UnidentifiedImageError):
        try:
            file.seek(0)
            head = file.read(16)
        except (OSError, ValueError):
            head = b""
        heif = head[4:8] == b"ftyp" and suffix in (".heic", ".heif", ".hif", ".avif")
        if heif and not _can_heif() and suffix != ".avif":
            return PictureError(f"{name} could not be opened: HEIC needs the package pi-heif, which is missing.")
        if not (heif or head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")):
            if suffix in _UNSUPPORTED:
                return _unsupported(name)
            whatever = ", whatever its name says" if suffix in SUFFIXES else " that Triptych can read"
            return PictureError(f"{name} could not be opened: it is not a picture{whatever}.")
    elif "truncated" in str(error).lower():
        return PictureError(f"{name} could not be opened: its end is missing. Copy or download it again.")
    return PictureError(f"{name} could not be opened: the file is damaged. Copy or download it again.")


def _unsupported(name: str) -> PictureError:
    return PictureError(f"{name} could not be opened: this format isn't supported. Save it as JPEG or PNG.")


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow was built with."""
    # Imported one by one: `Image.init()` would import all of Pillow's forty.
    from PIL import (  # noqa: F401  # noqa: F401
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        MpoImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
        features,
    )

    missing = {"HEIF"} if not _can_heif() else set()
    missing |= {name for name, feature in (("AVIF", "avif"), ("WEBP", "webp")) if not features.check(feature)}
    return tuple(name for name in FORMATS if name not in missing and name in Image.OPEN)


@cache
def _can_heif() -> bool:
    """Whether HEIC can be read. pi-heif is the decoder-only twin of pillow-heif: its wheels hold libheif and libde265
    (LGPL-3, dynamically linked) and no x265, which is GPL (looked at: pi_heif 1.4.0, `pi_heif.libs` and
    `libheif_info()`, no encoder but "mask")."""
    try:
        import pi_heif
    except ImportError:
        return False
    # Previews, depth maps and the like are never shown: so nothing of a stranger's file parses them.
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=2)
    return True


def _quiet() -> None:
    """Keep Pillow's warnings about damaged metadata off the screen. Set before each picture, as `catch_warnings`
    elsewhere may have put older filters back; that itself must not be used here, it is not safe among threads."""
    filter_ = ("ignore", None, Warning, _PIL, 0)
    if not warnings.filters or warnings.filters[0] != filter_:
        warnings.filterwarnings("ignore", module=_PIL.pattern)


_PIL = re.compile(r"PIL\.")
