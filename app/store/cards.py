"""Model cards: everything the program says about a model comes from its card (TOML, beside the weights).

Reading is strict: an unknown key, a missing one or one of the wrong type is refused by name, so that a slip in a card
never becomes a wrong sentence in the window.
"""

from __future__ import annotations

import os
import re
import tomllib
import types
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from app.media.preprocess import Preprocessing
from app.store.errors import CardError

Origin = Literal["embedded", "official", "imported"]

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# A name that is a name on Linux, macOS and Windows, and can't leave its folder.
DIRECTION = re.compile(r"([a-z]{2})-([a-z]{2})")
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}")
LARGEST_CARD = 1 << 20  # bytes; a card is a few kilobytes


@dataclass(frozen=True)
class Measurement:
    """A score with where it comes from. Ours: the command that measured it. Published: its source."""

    data: str  # "imagenet_dev (1,500 pictures)"
    top1: float | None  # per cent; a classifier's
    top5: float | None  # None where it was not published
    source: str  # the command, or the address of the publication
    scores: tuple[tuple[str, float], ...] = ()  # of other networks, the telling one first: ("CIDEr", 0.58)


@dataclass(frozen=True)
class Part:
    """One of the files that a published checkpoint is fetched as (app.store.published): an archive, or a plain file."""

    file: str
    addresses: tuple[str, ...]  # tried in turn
    size: int | None = None  # bytes
    sha256: str | None = None
    way: int = 0  # the files of way 1 are tried first, then those of way 2; 0 belongs to both
    needed: bool = True  # False: only the self-check wants it


@dataclass(frozen=True)
class Card:
    """See ARCHITECTURE.md, "The store". Ids are unique; nothing shadows anything."""

    id: str
    name: str
    year: int
    task: Literal["classify", "caption", "translate"]
    architecture: str  # "alexnet-2012", "alexnet", "resnet18" …, "efficientnet-lite0": app.store.architectures
    origin: Origin
    file: str  # name within weights/ or the user's models folder
    licence: str
    terms: str  # of the data it learnt from
    limits: str  # what it can't do, one or two sentences
    summary: str  # one sentence: what it is
    size: int | None = None  # bytes; None: unknown before the download
    parameters: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    addresses: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()  # of a checkpoint that is converted here; then `file` is what becomes of it
    confirmed: bool = True  # false: none of us has opened the address or read the terms there
    source: str = ""  # paper or repository
    attribution: str = ""
    preprocessing: Preprocessing = Preprocessing()  # noqa: RUF009 (frozen)
    labels: str = "imagenet-1k"
    measured: tuple[Measurement, ...] = ()
    published: tuple[Measurement, ...] = ()
    curve: tuple[tuple[float, float], ...] = ()  # (hours, top-1 in per cent, or its first score)
    training: str = ""  # of a model that this project trained: how, what was chosen on what, why it stopped
    official: str = ""  # the id of the official model of the same network, where an embedded one has one
    extra: tuple[tuple[str, Any], ...] = ()  # a table of texts, numbers and truth values in the file

    @property
    def approximate_size(self) -> int | None:
        """Bytes to show and to reckon with before a download: exact where known, otherwise as published."""
        if self.size is not None:
            return self.size
        approximate = dict(self.extra).get("size_approx")
        return approximate if isinstance(approximate, int) else None


def directions(card: Card) -> tuple[tuple[str, str], ...]:
    """What a translator translates: ("en", "de") for each direction that its card names ("en-de de-en") and has
    measured ("tatoeba-dev en-de, beam 5"), or whose measurement it cites. What nobody has measured is not offered."""
    scores = card.measured + card.published
    measured = {word for one in scores for word in re.findall(r"[\w-]+", one.data)}
    return tuple((name[:2], name[3:]) for name in _named_directions(card) if name in measured)


def _named_directions(card: Card) -> list[str]:
    return str(dict(card.extra).get("directions", "")).split()


def read_card(path: Path) -> Card:
    """The card in a TOML file. Raises CardError (one sentence naming the file and the key)."""
    try:
        if path.stat().st_size > LARGEST_CARD:
            raise CardError(f"The card {path.name} is larger than a card can be: remove it or repair it.")
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CardError(f"The card {path.name} can't be read ({error.strerror or error}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CardError(f"The card {path.name} is not TOML ({error}): remove it or repair it.") from error
    card = _table(data, Card, f"The card {path.name}", "")
    assert isinstance(card, Card)
    check(card, f"The card {path.name}")
    return card


def write_card(card: Card, path: Path) -> None:
    """Writes the card as TOML, whole or not at all. Keys without a value are left out. Raises CardError."""
    check(card, f"The card {path.name}")
    write_whole(path, render(card).encode())


def render(card: Card) -> str:
    """The card as TOML, keys in the order of the class, so that a card reads the same wherever it was written."""
    import tomli_w

    plain: dict[str, Any] = {}
    tables: dict[str, Any] = {}  # TOML wants them after the plain keys
    for field in fields(card):
        value = getattr(card, field.name)
        if value is None or value == () or (value == "" and field.default == ""):
            continue
        if field.name == "extra":
            tables["extra"] = dict(value)
        elif is_dataclass(value):
            tables[field.name] = _plain(value)
        elif isinstance(value, tuple) and is_dataclass(value[0]):
            tables[field.name] = [_plain(item) for item in value]
        else:
            plain[field.name] = _lists(value)
    return tomli_w.dumps(plain | tables)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a small file so that readers see the old or the new one, never half of it. Raises CardError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CardError(f"The file {path.name} can't be written ({error.strerror or error}).") from error


def check(card: Card, where: str) -> None:
    """What types can't say. Raises CardError(where …)."""
    if not ID.fullmatch(card.id):
        raise CardError(f"{where}: “id” may hold small letters, digits, dots, dashes and underscores only.")
    if not FILE_NAME.fullmatch(card.file) or card.file.endswith("."):
        raise CardError(f"{where}: “file” must be the plain name of a file in the same folder.")
    if card.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", card.sha256):
        raise CardError(f"{where}: “sha256” must be 64 hexadecimal digits, small letters.")
    if card.sha256_prefix is not None and not re.fullmatch(r"[0-9a-f]{8,64}", card.sha256_prefix):
        raise CardError(f"{where}: “sha256_prefix” must be 8 to 64 hexadecimal digits, small letters.")
    if (card.size is not None and card.size <= 0) or (card.parameters is not None and card.parameters <= 0):
        raise CardError(f"{where}: “size” and “parameters” must be above zero.")
    if card.official and not ID.fullmatch(card.official):
        raise CardError(f"{where}: “official” must be the id of a model.")
    for part in card.parts:
        if not FILE_NAME.fullmatch(part.file) or not part.addresses:
            raise CardError(f"{where}: each of the “parts” must have addresses, and “file”, a plain name.")
        if part.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", part.sha256):
            raise CardError(f"{where}: “parts.sha256” must be 64 hexadecimal digits, small letters.")
    for address in (*card.addresses, *(address for part in card.parts for address in part.addresses)):
        if urlsplit(address).scheme not in ("https", "http"):
            raise CardError(f"{where}: “addresses” must begin with https://.")
    if card.task == "translate":
        named = _named_directions(card)
        if not named or not all(DIRECTION.fullmatch(name) for name in named):
            raise CardError(f"{where}: “extra.directions” of a translator must name them, such as “en-de de-en”.")
        for name in ("alpha", "coverage"):
            if not isinstance(dict(card.extra).get(name, 0.0), int | float):
                raise CardError(f"{where}: “extra.{name}” must be a number.")
    given = card.preprocessing
    if not 8 <= given.crop <= 2048 or not (given.squeeze or given.crop <= given.resize <= 4096):
        raise CardError(f"{where}: “preprocessing” must cut a square of 8 to 2048 pixels out of a larger one.")
    if given.squeezed is not None and not (given.squeeze and given.crop <= given.squeezed <= 4096):
        raise CardError(f"{where}: “preprocessing.squeezed” must be a square that the crop fits into.")
    if min(given.deviation) <= 0:
        raise CardError(f"{where}: “preprocessing.deviation” must be above zero.")
    for score in card.measured + card.published:
        if score.top1 is None:
            if score.top5 is not None or not score.scores or any(not name for name, _ in score.scores):
                raise CardError(f"{where}: a measurement must have top-1, or scores with names.")
        elif not 0 <= score.top1 <= (100 if score.top5 is None else score.top5) <= 100:
            raise CardError(f"{where}: a score must be in per cent, and top-1 not above top-5.")


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass of plain values as a dictionary, tuples as lists (as TOML has them)."""
    pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
    return {name: _lists(item) for name, item in pairs if item is not None and item != ()}


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _table(data: object, kind: Any, where: str, prefix: str) -> object:
    """A TOML table as an instance of the dataclass `kind`."""
    if not isinstance(data, dict):
        raise CardError(f"{where}: “{prefix.rstrip('.')}” must be a table.")
    known = {field.name: field for field in fields(kind)}
    if surplus := sorted(data.keys() - known.keys()):
        raise CardError(f"{where} has a key that cards don't have: “{prefix}{surplus[0]}”.")
    values: dict[str, object] = {}
    for name, field in known.items():
        if name in data:
            values[name] = _value(data[name], _hints(kind)[name], where, prefix + name)
        elif type(None) in get_args(_hints(kind)[name]):
            values[name] = None
        elif field.default is MISSING and field.default_factory is MISSING:
            raise CardError(f"{where} lacks the key “{prefix}{name}”.")
    made: object = kind(**values)
    return made


def _value(value: object, kind: Any, where: str, key: str) -> object:
    """A TOML value as the annotation `kind` wants it."""
    if key == "extra":
        return _extra(value, where)
    if is_dataclass(kind):
        return _table(value, kind, where, key + ".")
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):  # "X | None": TOML has no None, so the key is X where it is there at all
        return _value(value, arguments[0], where, key)
    if origin is Literal:
        if value not in arguments or isinstance(value, bool):
            raise CardError(f"{where}: “{key}” must be one of {', '.join(map(str, arguments))}.")
        return value
    if origin is tuple:
        many = arguments[-1] is Ellipsis
        if not isinstance(value, list) or not (many or len(value) == len(arguments)):
            raise CardError(f"{where}: “{key}” must be a list{'' if many else f' of {len(arguments)}'}.")
        kinds = [arguments[0]] * len(value) if many else list(arguments)
        return tuple(_value(item, kind, where, key) for item, kind in zip(value, kinds, strict=True))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # exactly: TOML's true is no number
        words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        raise CardError(f"{where}: “{key}” must be {words[kind]}.")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise CardError(f"{where}: “{key}” must be a finite number.")
    return value


def _extra(value: object, where: str) -> tuple[tuple[str, Any], ...]:
    if not isinstance(value, dict):
        raise CardError(f"{where}: “extra” must be a table.")
    for name, item in value.items():
        if not isinstance(item, str | int | float | bool):
            raise CardError(f"{where}: “extra.{name}” must be a text, a number, true or false.")
    return tuple(value.items())
