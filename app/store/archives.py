"""Unpacking what a stranger has packed (.zip, .tar.gz, .tar): plain files alone, into one folder, all of it or nothing.

Only files that are wanted by their names are written, under these names and no path, so that nothing can land outside.
An archive that has links, devices or paths that lead out of it is refused whole: an honest one has none. How much may
come out is bounded by what a checkpoint can have, by the archive's own size, and by the free disk.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from app.store.errors import DownloadCancelled, DownloadError, StoreError

LARGEST = 4 << 30  # bytes that may come out; the published GNMT has 0.8 GB
MOST_FILES = 10_000
RATIO = 50  # times the archive's size may come out; texts shrink to a quarter, weights hardly
SPARE = 64 << 20  # bytes of the disk that are left free

_BLOCK = 1 << 20
_SMALL = 16 << 20  # bytes: so much may come out of any archive

Member = tuple[str, int, Callable[[], IO[bytes]]]  # name without its path, size in bytes, how to read it
Progress = Callable[[int, int], None]  # bytes done, bytes in all


def is_archive(path: Path) -> bool:
    """From its first bytes, never from its name."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return False
    return head.startswith((b"PK\x03\x04", b"\x1f\x8b")) or head[257:262] == b"ustar"


def holds_checkpoint(path: Path) -> bool:
    """Whether it may be one: a .tar, or a .zip with a checkpoint's index in it. (PyTorch's files are .zip as well.)"""
    if not _is_zip(path):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return any(entry.filename.endswith(".index") for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return False


def check(path: Path) -> None:
    """Whether it is an archive at all, and of a .zip what it would unpack. Raises StoreError."""
    if not is_archive(path):
        raise StoreError(f"{path.name} is no archive (.zip or .tar.gz).")
    if _is_zip(path):
        with _reading(path), zipfile.ZipFile(path) as archive:
            _bounded(path, sum(entry.file_size for entry in _zip_entries(path, archive)))


def unpack(
    path: Path,
    folder: Path,
    wanted: Callable[[str], bool],
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Makes `folder` of the files whose names are `wanted`. Raises StoreError where the archive is spoilt or unsafe,
    DownloadError where the disk is full, DownloadCancelled; then the folder is not there."""
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        with _reading(path):
            members = _zip if _is_zip(path) else _tar
            for name, size, open_ in members(path, wanted, progress):
                _room(path, draft, size)
                target = draft / name
                if target.exists():
                    raise StoreError(f"{path.name} has two files named {name}: it is not what it should be.")
                _copy(path, target, size, open_, cancelled)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError as error:
        raise DownloadError(f"{path.name} can't be unpacked ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy(path: Path, target: Path, size: int, open_: Callable[[], IO[bytes]], cancelled: Callable[[], bool]) -> None:
    with target.open("wb") as out:
        left = size
        with open_() as file:
            while left:
                if cancelled():
                    raise DownloadCancelled(f"Unpacking {path.name} was cancelled; the next try goes on from there.")
                block = file.read(min(_BLOCK, left))
                if not block:
                    raise StoreError(f"{path.name} is truncated: get it again.")
                out.write(block)
                left -= len(block)
            if file.read(1):  # also has a .zip's checksum verified
                raise StoreError(f"{path.name} holds more than it says; it isn't opened.")


def _zip(path: Path, wanted: Callable[[str], bool], progress: Progress) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        entries = _zip_entries(path, archive)
        _bounded(path, sum(entry.file_size for entry in entries))
        chosen = [entry for entry in entries if not entry.is_dir() and wanted(PurePosixPath(entry.filename).name)]
        done, total = 0, sum(entry.file_size for entry in chosen)
        for entry in chosen:
            yield PurePosixPath(entry.filename).name, entry.file_size, lambda entry=entry: archive.open(entry)  # type: ignore[misc]
            done += entry.file_size
            progress(done, total)


def _zip_entries(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise StoreError(f"{path.name} holds {len(entries):,} files; it isn't opened.")
    for entry in entries:
        _inside(path, entry.filename)
        kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where it was not packed on Unix
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _not_plain(path, entry.filename)
    return entries


def _tar(path: Path, wanted: Callable[[str], bool], progress: Progress) -> Iterator[Member]:
    out, count, size = 0, 0, path.stat().st_size
    with path.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as archive:
        for member in archive:
            count += 1
            out += member.size
            _inside(path, member.name)
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise _not_plain(path, member.name)
            if count > MOST_FILES:
                raise StoreError(f"{path.name} holds more than {MOST_FILES:,} files; it isn't opened.")
            _bounded(path, out)
            name = PurePosixPath(member.name).name
            if member.isreg() and wanted(name):
                yield name, member.size, lambda member=member: _opened(archive, member)  # type: ignore[misc]
            progress(min(raw.tell(), size), size)


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member)
    assert file is not None  # a plain file
    return file


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """All that a damaged archive can raise becomes a sentence. (BadGzipFile is an OSError, too.)"""
    import gzip

    try:
        yield
    except (
        zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, NotImplementedError,
        RuntimeError, RecursionError,
    ) as error:  # fmt: skip
        raise StoreError(f"{path.name} is truncated or damaged: get it again.") from error


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _inside(path: Path, name: str) -> None:
    place = PurePosixPath(name.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or ":" in name.split("/")[0] or "\0" in name:
        raise StoreError(f"{path.name} holds a path that leads outside ({name[:60]!r}); it isn't opened.")


def _not_plain(path: Path, name: str) -> StoreError:
    return StoreError(f"{path.name} holds a link, or something else that is no plain file ({name[:60]!r}): not opened.")


def _bounded(path: Path, out: int) -> None:
    if out > LARGEST or out > _SMALL + RATIO * path.stat().st_size:
        raise StoreError(f"{path.name} would unpack to {out / 1e9:.1f} GB, which it can't honestly hold; not opened.")


def _room(path: Path, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise DownloadError(
            f"There is no room to unpack {path.name}: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are "
            "free. Make room and try again."
        )
