"""The published checkpoints by one click: fetched, unpacked, converted (`app.store.convert`), put in their place.

All happens in a folder of its own beside the models, `.ID.part`. Each step leaves either nothing or its whole result
there, so that the next try goes on from the last one that ended: a file that has come, an archive's folder, the
converted network. The archive goes as soon as it is unpacked, the checkpoint as soon as it is converted. What comes
from one way and turns out to be spoilt is thrown away, and the next way is tried.

A person's own archive or folder goes the same way. Beside the weights stays what the self-check needs (`check_folder`).
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from app.store import archives, convert, download, tensorflow
from app.store.cards import Card, Part
from app.store.convert import WORDS, Kind
from app.store.errors import DownloadCancelled, DownloadError, StoreError
from app.store.fingerprints import sha256_of
from app.store.partial import Part as Locked
from app.store.progress import Progress, Reporter
from app.store.vocabulary import CODES, SOURCE, TARGET

KINDS: dict[str, Kind] = {"gnmt-2016": "int8", "show-and-tell": "half"}
SUMS = "sums.txt"  # in the self-check's folder: "same NAME" or "other NAME" of each file whose sum was published
PICTURE, LINES, REFERENCES = "surfing.jpg", "newstest2014.en", "newstest2014.de"  # what the self-check reads
MOST_FILES = 10_000  # that are looked at in a person's folder

_CHECKPOINT = re.compile(r"[\w-][\w.-]*\.(index|data-\d{5}-of-\d{5})")
_NAMES = {  # what the files are called where they are published -> here
    SOURCE: re.compile(r"vocab\.bpe[\w.]*\.en"),
    TARGET: re.compile(r"vocab\.bpe[\w.]*\.de"),
    CODES: re.compile(r"bpe\.(\d+|codes)"),
    WORDS: re.compile(r"word_counts\.txt"),
    LINES: re.compile(r"newstest2014\.tok\.bpe\.\d+\.en"),
    REFERENCES: re.compile(r"newstest2014\.tok\.bpe\.\d+\.de"),
    PICTURE: re.compile(r"surfing\.jpg"),
}
_NEEDED = {"gnmt-2016": (SOURCE, TARGET, CODES), "show-and-tell": (WORDS,)}
_CHECKED = {"gnmt-2016": (LINES, REFERENCES), "show-and-tell": (PICTURE,)}
_FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk
_LARGEST_TEXT = 64 << 20  # bytes
_ROOM = 2.2  # times the download: the archive and what comes out of it, or that and the network made of it

Report = Callable[[Progress], None]


def work_folder(target: Path) -> Path:
    """Where it is made, beside where the network will be."""
    return target.with_name(f".{target.name}.part")


def check_folder(target: Path) -> Path:
    """What the self-check reads, beside the network."""
    return target.with_name(f"{target.name}.check")


def clear(target: Path) -> None:
    """Leaves nothing half-made."""
    shutil.rmtree(work_folder(target), ignore_errors=True)


def bring(
    card: Card,
    target: Path,
    put: Callable[[Path, str, str], None],
    *,
    here: Callable[[], bool],
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
    mirror: str | None = None,
    patience: download.Patience | None = None,
) -> None:
    """Fetches the files of `card` and converts them. `put(file, sha256, address)` gives the network its place; it is
    called unless, after waiting for another process, it is `here`. Blocks. Raises StoreError, DownloadError with the
    reason of each way, DownloadCancelled: then what has come is continued next time."""
    stop, tell = cancelled or (lambda: False), progress or (lambda report: None)
    work = work_folder(target)
    address = card.parts[0].addresses[0]
    with Locked(target).locked(stop, lambda: tell(Progress(0, None, None, None, address))):
        if here():
            clear(target)
            return
        _room(card, work)
        reasons = []
        for way in sorted({part.way for part in card.parts if part.way}) or [0]:
            folder = work / f"way{way}"
            parts = [part for part in card.parts if part.way in (0, way)]
            try:
                folder.mkdir(parents=True, exist_ok=True)
                made = folder / "converted"
                if not made.is_file():
                    for part in parts:
                        _fetch(part, folder, tell, stop, mirror, patience)
                    _convert(card, _files(folder), made, card.name, tell, stop)
                _keep(card, _files(folder), target)
                put(made, sha256_of(made), parts[0].addresses[0])
                clear(target)
                return
            except DownloadCancelled:
                raise
            except DownloadError as error:  # what has come of it is good
                reasons.append(str(error).rstrip("."))
            except StoreError as error:
                if getattr(error.__cause__, "errno", None) not in _FULL:  # spoilt: none of it may be met again
                    shutil.rmtree(folder, ignore_errors=True)
                reasons.append(str(error).rstrip("."))
            except OSError as error:
                raise DownloadError(f"{card.name} can't be written ({error.strerror or error}).") from error
        if not any(path.is_file() and path.suffix != ".lock" for path in work.rglob("*")):
            clear(target)
        raise DownloadError(f"{card.name} couldn't be brought. {'. '.join(dict.fromkeys(reasons))}.")


def _fetch(
    part: Part,
    folder: Path,
    tell: Report,
    stop: Callable[[], bool],
    mirror: str | None,
    patience: download.Patience | None,
) -> None:
    """One file; an archive is unpacked, and goes."""
    file, unpacked = folder / part.file, folder / f"{part.file}.unpacked"
    packed = part.file.endswith((".zip", ".tar.gz"))
    if not unpacked.is_dir() and not file.is_file():
        try:
            download.fetch(
                part.addresses,
                file,
                size=part.size,
                sha256=part.sha256,
                progress=tell,
                cancelled=stop,
                mirror=mirror,
                check=archives.check if packed else None,
                patience=patience,
            )
        except DownloadCancelled:
            raise
        except DownloadError:
            if part.needed:
                raise
            return
    if packed:
        if not unpacked.is_dir():
            archives.unpack(file, unpacked, _wanted, _telling(tell, file.name, "unpacking"), stop)
        file.unlink(missing_ok=True)


def take_in(
    source: Path,
    known: Iterable[Card],
    models: Path,
    place: Callable[[Card], Path],
    put: Callable[[Card, Path, str], None],
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Card:
    """A person's archive, or folder of files or archives; which of the `known` models it is, is told by what it holds.
    `place` says where that one belongs, or raises StoreError. Raises StoreError; then nothing of it stays."""
    stop, tell = cancelled or (lambda: False), progress or (lambda report: None)
    source = source.resolve()  # "." has a name as well
    work = models / ".import.part"
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        packed = [source] if source.is_file() else [path for path in sorted(source.iterdir()) if _is_packed(path)]
        for number, path in enumerate(packed):
            archives.unpack(path, work / f"{number}", _wanted, _telling(tell, path.name, "unpacking"), stop)
        found = [path for folder in (work, source) if folder.is_dir() for path in _files(folder)]
        architecture = recognise(_index(found, source.name), source.name)
        card = next(card for card in known if card.architecture == architecture)
        target, made = place(card), work / "converted"
        with Locked(target).locked(stop, lambda: None):
            _convert(card, found, made, source.name, tell, stop)
            _keep(card, found, target)
            put(card, made, sha256_of(made))
            clear(target)
        return card
    except OSError as error:
        raise StoreError(f"{source.name} can't be taken in ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def recognise(index: Path, name: str) -> str:
    """The network's name, from the names of the checkpoint's variables. Raises StoreError."""
    variables = tensorflow.open_bundle(index).variables
    for beginning, architecture in (("dynamic_seq2seq/", "gnmt-2016"), ("InceptionV3/", "show-and-tell")):
        if any(variable.startswith(beginning) for variable in variables):
            return architecture
    raise StoreError(f"{name} holds a checkpoint, but neither of the GNMT nor of Show and Tell: no other is converted.")


def _convert(card: Card, found: Sequence[Path], made: Path, name: str, tell: Report, stop: Callable[[], bool]) -> None:
    index = _index(found, name)
    texts = {}
    for key in _NEEDED[card.architecture]:
        file = _named(found, key)
        if file is None:
            raise StoreError(_lacking(card, name))
        if file.stat().st_size > _LARGEST_TEXT:
            raise StoreError(f"{file.name} is too large for a vocabulary.")
        texts[key] = file.read_bytes()
    report = _telling(tell, index.name, "converting")
    architecture = convert.convert(index, made, texts, kind=KINDS[card.architecture], progress=report, cancelled=stop)
    if architecture != card.architecture:
        made.unlink(missing_ok=True)
        raise StoreError(f"{name} holds a {architecture}, not a {card.architecture}.")


def _lacking(card: Card, name: str) -> str:
    if card.architecture == "gnmt-2016":
        return (
            f"{name} has no vocabularies (vocab.bpe.32000.en and .de) and codes (bpe.32000): put both archives, "
            "gnmt_model.zip and gnmt_inference_data.zip, into a folder and import that."
        )
    return f"{name} has no word_counts.txt, the words of Show and Tell: put it into a folder beside the checkpoint."


def _index(found: Sequence[Path], name: str) -> Path:
    """The checkpoint's index. Raises StoreError where there is none, or more than one."""
    indexes = {path.name: path for path in found if path.name.endswith(".index") and _wanted(path.name)}
    if not indexes:
        raise StoreError(f"{name} holds no checkpoint of TensorFlow (a file .index, and one .data-00000-of-00001).")
    if len(indexes) > 1:
        raise StoreError(f"{name} holds several checkpoints ({', '.join(sorted(indexes))[:120]}): keep one of them.")
    return next(iter(indexes.values()))


def _keep(card: Card, found: Sequence[Path], target: Path) -> None:
    """What the self-check needs, beside where the network will be."""
    kept = check_folder(target)
    for name in _CHECKED[card.architecture]:
        file = _named(found, name)
        if file is not None and file.stat().st_size <= _LARGEST_TEXT:
            kept.mkdir(exist_ok=True)
            draft = kept / f"{name}.part"
            shutil.copyfile(file, draft)
            draft.replace(kept / name)
    (kept / SUMS).unlink(missing_ok=True)  # of an earlier try
    if compared := _compared(card, found):
        kept.mkdir(exist_ok=True)
        (kept / SUMS).write_text("".join(f"{verdict} {name}\n" for name, verdict in compared.items()), "utf-8")


def _compared(card: Card, found: Sequence[Path]) -> dict[str, str]:
    """Of each file whose sum the card knows: whether it is the "same", or an"other"."""
    compared = {}
    for line in str(dict(card.extra).get("sums", "")).splitlines():
        algorithm, wanted, name = line.split(" ", 2)
        if (file := next((path for path in found if path.name == name), None)) is not None:
            fresh = partial(hashlib.new, algorithm, usedforsecurity=False)  # MD5, too, where a system forbids it
            with file.open("rb") as opened:
                same = hashlib.file_digest(opened, fresh).hexdigest() == wanted
            compared[name] = "same" if same else "other"
    return compared


def sums_said(target: Path) -> str:
    """What came of comparing the files with the sums that were published, as a sentence after others; "" where none
    were."""
    try:
        lines = (check_folder(target) / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    others = [line.removeprefix("other ") for line in lines if line.startswith("other ")]
    if others:
        return f" Not the very files that were published, by their sums: {', '.join(others)}."
    return f" The sums of {len(lines)} of its files are those that were published." if lines else ""


def _is_packed(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and archives.is_archive(path)


def _named(found: Sequence[Path], key: str) -> Path | None:
    return next((path for path in found if _NAMES[key].fullmatch(path.name)), None)


def _wanted(name: str) -> bool:
    return bool(_CHECKPOINT.fullmatch(name)) or any(pattern.fullmatch(name) for pattern in _NAMES.values())


def _files(folder: Path) -> list[Path]:
    """Plain files in it and below, by name. Raises StoreError where there are too many to be a model."""
    found: list[Path] = []
    for path in folder.rglob("*"):
        if len(found) > MOST_FILES:
            raise StoreError(f"The folder {folder.name} holds more than {MOST_FILES:,} files: choose the model's own.")
        if path.is_file() and not path.is_symlink():
            found.append(path)
    return sorted(found)


def _room(card: Card, work: Path) -> None:
    """Raises DownloadError, before anything is fetched."""
    there = sum(path.stat().st_size for path in work.rglob("*") if path.is_file()) if work.is_dir() else 0
    needed = int(_ROOM * (card.approximate_size or 0)) - there
    free = shutil.disk_usage(work.parent).free
    if free < needed + archives.SPARE:
        raise DownloadError(
            f"There is no room for {card.name}: {needed / 1e6:.0f} MB are needed until it is converted, and "
            f"{free / 1e6:.0f} MB are free in the folder “{work.parent.name}”. Make room and try again."
        )


def _telling(tell: Report, name: str, doing: Literal["unpacking", "converting"]) -> Callable[[int, int], None]:
    """Bytes done and in all, as a download reports them."""
    report = Reporter(lambda progress: tell(replace(progress, doing=doing)), name)
    report.start(name, 0)
    return lambda done, total: report(done, total, last=done == total)
