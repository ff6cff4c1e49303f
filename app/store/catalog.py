"""The store: which models there are, whether their files are here and sound, and their weights.

Embedded models come with the program, official ones are a download away, imported ones the person has brought. Ids are
unique and nothing shadows anything. One broken card or file is reported and leaves the rest as it is.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from app.store import architectures, checks, locate
from app.store.cards import Card, Origin, directions, read_card, write_whole
from app.store.checks import SelfCheck
from app.store.errors import StoreError
from app.store.fingerprints import Fingerprints

if TYPE_CHECKING:
    import torch

    from app.store.download import Progress

# Embedded models that are still to come: an import that took such a name would be in the way of them.
RESERVED = frozenset(
    {
        "alexnet",
        "resnet18",
        "efficientnet-lite0",
        "captioner",
        "gnmt-en-de",
        "gnmt-de-en",
        "gnmt-en-fr-es",
        "gnmt-fr-es-en",
    }
)

_log = logging.getLogger(__name__)


class State(Enum):
    """Of a model's file."""

    READY = "ready"
    ABSENT = "absent"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Verification:
    """What `Store.verify` found. `sentence` is for the person; size in bytes; None where there is no file."""

    id: str
    ok: bool
    sentence: str
    size: int | None = None
    sha256: str | None = None


class Store:
    """All models and their files. May be used from several threads."""

    def __init__(self, folders: locate.Folders | None = None) -> None:
        self.folders = folders or locate.folders()
        self._fingerprints = Fingerprints(self.folders.cache)
        self._lock = threading.Lock()
        self._bundled: tuple[list[Card], list[str]] | None = None
        self._read: dict[Path, tuple[tuple[int, int], Card | str]] = {}  # cards or why not, by size and time

    # What there is

    def cards(self, task: str | None = None) -> tuple[Card, ...]:
        """Embedded, official and imported cards, in that order. Broken ones are left out: see `problems`."""
        return tuple(card for card in self._survey()[0] if task in (None, card.task))

    def problems(self) -> tuple[str, ...]:
        """One sentence for every card that had to be left out."""
        return self._survey()[1]

    def card(self, model_id: str) -> Card:
        """Raises StoreError, with the nearest id where one is near."""
        found = self.cards()
        for card in found:
            if card.id == model_id:
                return card
        near = difflib.get_close_matches(model_id.lower(), [card.id for card in found], n=1)
        hint = f"; did you mean “{near[0]}”?" if near else ": “triptych models list” shows what there is."
        raise StoreError(f"There is no model “{model_id}”{hint}")

    def _survey(self) -> tuple[tuple[Card, ...], tuple[str, ...]]:
        with self._lock:
            if self._bundled is None:
                self._bundled = self._survey_bundled()
            cards, problems = list(self._bundled[0]), list(self._bundled[1])
            taken = {card.id for card in cards}
            for path in _toml_files(self.folders.models):
                card = self._user_card(path)
                if isinstance(card, str):
                    problems.append(card)
                elif card.id in taken:
                    problems.append(f"The card {path.name} is left out: its id belongs to a model of Triptych's own.")
                else:
                    cards.append(card)
        return tuple(cards), tuple(problems)

    def _survey_bundled(self) -> tuple[list[Card], list[str]]:
        cards: list[Card] = []
        problems: list[str] = []
        try:
            root = locate.bundled("weights")
        except StoreError as error:
            return cards, [str(error)]
        places: tuple[tuple[Path, Origin], ...] = ((root, "embedded"), (root / "official", "official"))
        for folder, origin in places:
            for path in _toml_files(folder):
                card = _card_or_problem(path, origin)
                if isinstance(card, str):
                    problems.append(card)
                else:
                    cards.append(card)
        return cards, problems

    def _user_card(self, path: Path) -> Card | str:
        try:
            status = path.stat()
        except OSError as error:
            return f"The card {path.name} can't be read ({error.strerror or error})."
        key = (status.st_size, status.st_mtime_ns)
        if path not in self._read or self._read[path][0] != key:
            card = _card_or_problem(path, "imported")
            if isinstance(card, Card) and card.file != f"{card.id}.safetensors":
                card = f"The card {path.name} is left out: its file must be “{card.id}.safetensors”."
            self._read[path] = (key, card)
        return self._read[path][1]

    # Files

    def path(self, card: Card) -> Path:
        """Where the model's file is, or would be."""
        folder = locate.bundled("weights") if card.origin == "embedded" else self.folders.models
        return folder / card.file

    def size(self, card: Card) -> int | None:
        """Bytes: of the file where it is there, otherwise what its download has."""
        try:
            return self.path(card).stat().st_size
        except (OSError, StoreError):
            return card.approximate_size

    def state(self, card: Card) -> State:
        """From size, presence and what is remembered of the content; reads no weights. `verify` reads them."""
        try:
            path = self.path(card)
            status = path.stat()
        except (OSError, StoreError):
            return State.ABSENT
        size, digest = self._expected(card)
        if size is None and card.approximate_size:  # put there by hand: published sizes are rounded to 1,000 bytes
            right = abs(status.st_size - card.approximate_size) < 0.01 * card.approximate_size
        else:
            right = status.st_size == size if size is not None else status.st_size > 0
        known = self._fingerprints.known(path)
        return State.READY if right and (known is None or known.startswith(digest)) else State.DAMAGED

    def fingerprint(self, card: Card) -> str:
        """The file's SHA-256, remembered by size and time of change. Raises StoreError."""
        path = self.path(card)
        if not path.is_file():
            raise StoreError(f"{card.name} is not on this machine: {_remedy(card)}.")
        return self._fingerprints.of(path)

    def state_dict(self, card: Card) -> dict[str, torch.Tensor]:
        """The model's weights as float32, names and shapes as `architectures.build(card.architecture)` wants them.
        Raises StoreError where the file is missing, not the card's, of another network, or holds NaN."""
        from app.store import weights

        digest = self.fingerprint(card)
        if not digest.startswith(self._expected(card)[1]):
            raise StoreError(f"The file of {card.name} has changed or is damaged: {_remedy(card)}.")
        try:
            _, tensors = weights.read(self.path(card), card.architecture)
        except StoreError as error:
            raise StoreError(f"{error} To use {card.name} again: {_remedy(card)}.") from error
        return {key: tensor.float() for key, tensor in tensors.items()}

    def vocabulary(self, card: Card) -> tuple[str, ...]:
        """A captioner's words, in the order of their ids. Raises StoreError."""
        from app.store import vocabulary

        self.fingerprint(card)  # says what to do where there is no file
        return vocabulary.read(self.path(card))

    def wordpieces(self, card: Card) -> bytes:
        """A translator's vocabulary, for `app.text.wordpieces.Wordpieces`. Raises StoreError."""
        from app.store import vocabulary

        self.fingerprint(card)  # says what to do where there is no file
        return vocabulary.wordpieces(self.path(card), {target for _, target in directions(card)})

    def published_texts(self, card: Card) -> dict[str, bytes]:
        """The vocabularies and codes of a "gnmt-2016", for `app.text.moses_bpe.MosesBpe`. Raises StoreError."""
        from app.store import vocabulary

        self.fingerprint(card)  # says what to do where there is no file
        return vocabulary.texts_of(self.path(card))

    def verify(self, model_id: str) -> Verification:
        """Reads the whole file, whatever is remembered: the SHA-256 against the card, then a strict load.
        Raises StoreError only where there is no such model."""
        card = self.card(model_id)
        path = self.path(card)
        if not path.is_file():
            return Verification(card.id, False, f"{card.name} is not on this machine: {_remedy(card)}.")
        size, digest = None, None
        try:
            size = path.stat().st_size
            digest = self._fingerprints.of(path, again=True)
            expected = self._expected(card)[1]
            if not digest.startswith(expected):
                sentence = (
                    f"The file of {card.name} has changed or is damaged (SHA-256 {digest[:8]}…, it should be "
                    f"{expected[:8]}…): {_remedy(card)}."
                )
                return Verification(card.id, False, sentence, size, digest)
            if card.architecture in architectures.NAMES:
                self.state_dict(card)
            if card.task == "caption":
                self.vocabulary(card)
            if card.architecture == "gnmt-2016":
                self.published_texts(card)
            elif card.task == "translate":
                self.wordpieces(card)
        except (StoreError, OSError) as error:
            return Verification(card.id, False, str(error), size, digest)
        how = {0: "its card names no SHA-256", 64: "as its card says"}.get(len(expected), "it begins as its card says")
        sentence = f"{card.name} is sound: {size:,} bytes, SHA-256 {digest[:8]}… ({how}), every weight in its place."
        return Verification(card.id, True, sentence, size, digest)

    def self_check(self, card: Card) -> SelfCheck | None:
        """What the check on the sample pictures found when it last looked at the very file that is there now."""
        try:
            path = self.path(card)
        except StoreError:
            return None
        check = checks.read(path) if card.origin != "embedded" else None
        if check is None or self.state(card) is not State.READY:
            return None
        return check if check.sha256 == (self._fingerprints.known(path) or self._expected(card)[1]) else None

    def keep_check(self, card: Card, check: SelfCheck) -> None:
        """Beside the file; of embedded models nothing is kept, their folder is the program's. Raises StoreError."""
        if card.origin != "embedded":
            checks.write(check, self.path(card))

    def _expected(self, card: Card) -> tuple[int | None, str]:
        """Size and SHA-256 (all of it, its beginning, or nothing) from the card and from what the download noted."""
        size, digest = card.size, card.sha256 or card.sha256_prefix or ""
        if card.origin == "official" and (size is None or card.sha256 is None):
            noted_size, noted = _read_receipt(_receipt(self.folders.models, card))
            if noted.startswith(digest):  # a note never overrules the card
                size, digest = size if size is not None else noted_size, noted or digest
        return size, digest

    # Coming and going

    def import_file(
        self,
        file: Path,
        name: str | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Card:
        """Takes a file of weights in (safetensors, or a PyTorch state dict) under `name` or, without one, the file's.
        An archive or a folder with a published checkpoint becomes the official model that it is.
        Raises StoreError where the name is taken, or the file is none that Triptych can and may use; DownloadCancelled
        where a published one was `cancelled`."""
        from app.store import archives, sideload

        if file.is_dir() or (archives.is_archive(file) and archives.holds_checkpoint(file)):
            if name is not None:
                raise StoreError(f"{file.name} is taken in as the official model that it holds: leave its name out.")
            return self.import_published(file, progress, cancelled)
        if not file.is_file():
            raise StoreError(f"There is no file {file.name}.")
        shown = " ".join(re.sub(r"[^\w .,()+-]+", " ", name if name is not None else file.stem).split())[:60]
        wanted = sideload.slug(shown)
        if name is not None and not wanted:
            raise StoreError(f"“{name}” leaves no id: give a name with some of the letters a to z, or digits.")
        folder = locate.writable(self.folders.models)
        from filelock import FileLock

        with FileLock(folder / ".import.lock"):
            taken = RESERVED | {card.id for card in self.cards()} | {path.stem for path in _toml_files(folder)}
            if name is None and (not wanted or wanted in taken):
                wanted = f"{wanted}-imported".lstrip("-")
            if wanted in taken:
                raise StoreError(f"The name “{wanted}” is taken: give {file.name} another one (--name).")
            official = [card for card in self.cards() if card.origin == "official"]
            card = sideload.take_in(file, wanted, shown or wanted, folder, official)
            if card.sha256:
                self._fingerprints.remember(folder / card.file, card.sha256)
        _log.info("Imported %s (%s).", card.id, card.architecture)
        return card

    def import_published(
        self,
        source: Path,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Card:
        """Takes an archive or a folder in that holds one of the published checkpoints: it becomes the official model
        that it is. Raises StoreError, DownloadCancelled; then nothing of it stays."""
        from app.store import published

        def place(card: Card) -> Path:
            if self.state(card) is State.READY:
                raise StoreError(f"{card.name} is already on this machine: remove {card.id} first.")
            return self.path(card)

        locate.writable(self.folders.models)
        known = [card for card in self.cards() if card.origin == "official" and card.parts]
        if not known:
            raise StoreError("This installation knows no published checkpoints: install Triptych again.")
        card = published.take_in(
            source,
            known,
            self.folders.models,
            place,
            lambda card, made, digest: self._put(card, made, digest, source.name),
            progress,
            cancelled,
        )
        _log.info("Took %s in.", card.id)
        return card

    def remove(self, model_id: str) -> None:
        """Removes the file of a downloaded model (with what is left of a broken-off download), or an imported model
        with its card. Raises StoreError for embedded models and where nothing is there."""
        card = self.card(model_id)
        if card.origin == "embedded":
            raise StoreError(f"{card.name} comes with Triptych and can't be removed.")
        from app.store import published
        from app.store.download import leftovers

        path = self.path(card)
        # The card goes first: without it there is no model, whatever else can't be removed.
        notes = [path.with_name(f"{card.id}.toml") if card.origin == "imported" else _receipt(path.parent, card)]
        notes.append(checks.place(path))
        beside = [published.check_folder(path), published.work_folder(path)] if card.parts else []
        found = [item for item in [*notes, path, *leftovers(path), *beside] if item.exists()]
        if not found:
            raise StoreError(f"{card.name} is not on this machine, so there is nothing to remove.")
        try:
            for item in found:
                if item.is_dir():
                    shutil.rmtree(item)
                else:
                    item.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{card.name} can't be removed ({error.strerror or error}).") from error

    def download(
        self,
        model_id: str,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        mirror: str | None = None,
    ) -> Path:
        """Fetches an official model's file, checks and strictly loads it, notes its full SHA-256; a published
        checkpoint is unpacked and converted. Blocks: call it in a thread. `progress` and `cancelled` are called there.
        Raises StoreError, DownloadError, DownloadCancelled."""
        card = self.card(model_id)
        if not card.addresses:
            raise StoreError(f"{card.name} has no address to download it from: {_remedy(card)}.")
        path = self.path(card)
        if self.state(card) is State.READY and self.fingerprint(card).startswith(self._expected(card)[1]):
            return path
        from app.store import download, weights

        locate.writable(path.parent)
        if card.parts:
            from app.store import published

            published.bring(
                card,
                path,
                lambda made, digest, address: self._put(card, made, digest, address),
                here=lambda: self.state(card) is State.READY,
                progress=progress,
                cancelled=cancelled,
                mirror=mirror,
            )
            return path

        def loads(part: Path) -> None:
            if card.architecture in architectures.NAMES:
                weights.read(part, card.architecture, card.file)

        fetched = download.fetch(
            card.addresses,
            path,
            size=card.size,
            sha256=card.sha256,
            sha256_prefix=card.sha256_prefix,
            progress=progress,
            cancelled=cancelled,
            mirror=mirror,
            check=loads,
        )
        self._note(card, fetched.size, fetched.sha256, fetched.address)
        self._fingerprints.remember(path, fetched.sha256)
        return path

    def _note(self, card: Card, size: int, digest: str, address: str) -> None:
        """Size and SHA-256 of what came, which the card doesn't know."""
        receipt = {"size": size, "sha256": digest, "address": address}
        write_whole(_receipt(self.folders.models, card), json.dumps(receipt, indent=1).encode())

    def _put(self, card: Card, made: Path, digest: str, address: str) -> None:
        """What was converted becomes the model's file. Raises OSError, StoreError."""
        path = self.path(card)
        self._note(card, made.stat().st_size, digest, address)  # first: without it the file's size would be wrong
        made.replace(path)
        self._fingerprints.remember(path, digest)


def _toml_files(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith(".")]
        return sorted(found, key=_natural)
    except OSError:  # not there yet, or not ours to read: then there are none
        return []


def _natural(path: Path) -> list[tuple[int, str]]:
    """resnet18 before resnet101."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"([0-9]+)", path.stem)]


def _card_or_problem(path: Path, origin: Origin) -> Card | str:
    try:
        card = read_card(path)
    except StoreError as error:
        return str(error)
    if card.origin != origin:
        return f"The card {path.name} is left out: cards in this folder are “{origin}”, not “{card.origin}”."
    if card.id != path.stem:  # so no two cards of a folder can have the same id
        return f"The card {path.name} is left out: it must have its id's name, {card.id}.toml."
    return card


def _receipt(folder: Path, card: Card) -> Path:
    return folder / f"{card.file}.json"


def _read_receipt(path: Path) -> tuple[int | None, str]:
    try:
        noted = json.loads(path.read_text("utf-8"))
        size, digest = noted["size"], noted["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, ""
    sound = type(size) is int and isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)
    return (size, digest) if sound else (None, "")


def _remedy(card: Card) -> str:
    return {
        "embedded": "install Triptych again",
        "official": f"download it (“triptych models download {card.id}”)",
        "imported": "remove it and import it again",
    }[card.origin]
