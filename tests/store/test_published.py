"""The published checkpoints, fetched from a real server, unpacked, converted and in their place: at small size, under
the published names and layout. What can go wrong goes wrong here."""

from __future__ import annotations

import hashlib
import io
import shutil
import stat
import tarfile
import threading
import zipfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.store import archives, published
from app.store.cards import Card, Part
from app.store.catalog import State, Store
from app.store.download import Patience
from app.store.errors import DownloadCancelled, DownloadError, StoreError
from tests.store.conftest import Site, serving
from tests.store.test_convert import GNMT, SHOW, gnmt_texts

QUICK = Patience(connect=2, stall=0.4, tries=3, first_wait=0.01, longest_wait=0.1)
LINES = b"s1 t1\ns2 t1\n"
PICTURE = b"\xff\xd8 no picture"


def zipped(files: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: dict[str, bytes | tarfile.TarInfo], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def checkpoint(index: Path, stem: str, folder: str) -> dict[str, bytes]:
    data = index.with_name(index.name.replace(".index", ".data-00000-of-00001"))
    return {
        f"{folder}/{stem}.index": index.read_bytes(),
        f"{folder}/{stem}.data-00000-of-00001": data.read_bytes(),
        f"{folder}/{stem}.meta": b"a graph, which nobody reads",
    }


def gnmt_model() -> bytes:
    return zipped(checkpoint(GNMT, "translate.ckpt", "ende_gnmt_model_4_layer"))


def gnmt_data() -> bytes:
    source, target, codes = gnmt_texts().values()
    texts = {
        "vocab.bpe.32000.en": source, "vocab.bpe.32000.de": target, "bpe.32000": codes,
        "newstest2014.tok.bpe.32000.en": LINES, "newstest2014.tok.bpe.32000.de": LINES,
    }  # fmt: skip
    return zipped({f"nmt/data/{name}": text for name, text in texts.items()})


def show_assets(spoil: Callable[[dict[str, bytes]], Any] = lambda files: None) -> bytes:
    files = checkpoint(SHOW, "model2.ckpt-2000000", "checkpoint")
    spoil(files)
    return tarred(files)  # type: ignore[arg-type]


class Sites:
    """A server for each file of a card, and the card with their addresses."""

    def __init__(self, card: Card, bodies: dict[str, bytes], open_: Callable[[bytes], Site]) -> None:
        self.of = {part.file: open_(bodies[part.file]) for part in card.parts}
        parts = [
            Part(part.file, (f"{self.of[part.file].root}/{part.file}",), way=part.way, needed=part.needed)
            for part in card.parts
        ]
        extra = tuple((name, value) for name, value in card.extra if name != "size_approx")
        self.card = replace(card, parts=tuple(parts), extra=extra)

    def missing(self, *names: str) -> None:
        for name in names:
            site = self.of[name]
            site.script.extend([site.status(404)] * 20)


@pytest.fixture
def open_(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], Site]]:
    import contextlib

    monkeypatch.setattr("app.store.download.Patience", lambda: QUICK)
    with contextlib.ExitStack() as stack:
        yield lambda body: stack.enter_context(serving(body))


@pytest.fixture
def put_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[Card], None]:
    """Makes the store know this card in place of its own."""

    def put(card: Card) -> None:
        own = store._survey()
        cards = tuple(card if one.id == card.id else one for one in own[0])
        monkeypatch.setattr(store, "_survey", lambda: (cards, own[1]))

    return put


@pytest.fixture
def gnmt(store: Store, open_: Any, put_in: Any) -> Sites:
    bodies = {"gnmt_model.zip": gnmt_model(), "gnmt_inference_data.zip": gnmt_data()}
    sites = Sites(store.card("gnmt-wmt16-en-de"), bodies, open_)
    put_in(sites.card)
    return sites


@pytest.fixture
def show(store: Store, open_: Any, put_in: Any) -> Sites:
    bodies = {
        "assets.tar.gz": show_assets(),
        "model.ckpt-2000000.index": SHOW.read_bytes(),
        "model.ckpt-2000000.data-00000-of-00001": SHOW.with_name("model.ckpt.data-00000-of-00001").read_bytes(),
        "word_counts.txt": (SHOW.parent / "word_counts.txt").read_bytes(),
        "surfing.jpg": PICTURE,
    }
    sites = Sites(store.card("show-and-tell"), bodies, open_)
    put_in(sites.card)
    return sites


def left(store: Store) -> list[str]:
    """All files in the models folder but locks, as paths in it."""
    folder = store.folders.models
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return sorted(path.relative_to(folder).as_posix() for path in files)


GNMT_FILES = [
    "gnmt-wmt16-en-de.safetensors",
    "gnmt-wmt16-en-de.safetensors.check/newstest2014.de",
    "gnmt-wmt16-en-de.safetensors.check/newstest2014.en",
    "gnmt-wmt16-en-de.safetensors.check/sums.txt",
    "gnmt-wmt16-en-de.safetensors.json",
]
SHOW_FILES = [
    "show-and-tell.safetensors",
    "show-and-tell.safetensors.check/sums.txt",
    "show-and-tell.safetensors.check/surfing.jpg",
    "show-and-tell.safetensors.json",
]


def test_gnmt_comes_and_goes(store: Store, gnmt: Sites) -> None:
    told: list[Any] = []
    path = store.download("gnmt-wmt16-en-de", told.append)
    card = store.card("gnmt-wmt16-en-de")
    assert store.state(card) is State.READY
    assert left(store) == GNMT_FILES
    assert not published.work_folder(path).exists()
    assert {report.doing for report in told} == {"", "unpacking", "converting"}
    assert store.published_texts(card) == gnmt_texts()
    assert store.verify(card.id).ok
    asked = [len(site.seen) for site in gnmt.of.values()]
    assert store.download(card.id) == path
    assert [len(site.seen) for site in gnmt.of.values()] == asked  # it is here
    store.remove(card.id)
    assert left(store) == []
    assert not published.check_folder(path).exists()


def test_the_sums_that_were_published_are_compared(store: Store, gnmt: Sites, put_in: Any) -> None:
    path = store.download("gnmt-wmt16-en-de")
    names = ("vocab.bpe.32000.en", "vocab.bpe.32000.de", "newstest2014.tok.bpe.32000.en")
    others = ", ".join((*names, "newstest2014.tok.bpe.32000.de"))
    assert published.sums_said(path) == f" Not the very files that were published, by their sums: {others}."
    store.remove("gnmt-wmt16-en-de")
    assert published.sums_said(path) == ""
    bodies = dict(zip(names, (*list(gnmt_texts().values())[:2], LINES), strict=True))
    sums = "\n".join(f"md5 {hashlib.md5(body).hexdigest()} {name}" for name, body in bodies.items())
    extra = tuple((name, sums if name == "sums" else value) for name, value in gnmt.card.extra)
    put_in(replace(gnmt.card, extra=extra))
    store.download("gnmt-wmt16-en-de")
    assert published.sums_said(path) == " The sums of 3 of its files are those that were published."


def test_show_and_tell_by_its_first_way(store: Store, show: Sites) -> None:
    store.download("show-and-tell")
    assert left(store) == SHOW_FILES
    assert store.verify("show-and-tell").ok
    assert not show.of["model.ckpt-2000000.index"].seen


def test_show_and_tell_by_its_second_way(store: Store, show: Sites) -> None:
    show.missing("assets.tar.gz", "surfing.jpg")  # without the picture only the self-check is not run
    store.download("show-and-tell")
    assert left(store) == [SHOW_FILES[0], SHOW_FILES[3]]
    assert store.verify("show-and-tell").ok


def without(end: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: [files.pop(name) for name in list(files) if name.endswith(end)] and None


def wrong_byte(files: dict[str, bytes]) -> None:
    name = next(name for name in files if "data-" in name)
    files[name] = files[name][:5000] + bytes([files[name][5000] ^ 1]) + files[name][5001:]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (show_assets(wrong_byte), "checksum"),
        (show_assets(without(".index")), "holds no checkpoint"),
        (show_assets(without("-00001")), "data-00000-of-00001"),
        (show_assets()[:-5000], r"assets\.tar\.gz is truncated or damaged"),
        (b"\x1f\x8b" + bytes(1000), r"assets\.tar\.gz is truncated or damaged"),
        (b"nothing" * 1000, r"assets\.tar\.gz.* is no archive"),
        (b"<html>log in</html>", "web page"),
        (tarred({"a/../../x.index": b"1"}), "leads outside"),
    ],
    ids=range(8),
)
def test_what_is_spoilt_is_refused_and_the_next_way_tried(store: Store, show: Sites, body: bytes, said: str) -> None:
    show.of["assets.tar.gz"].body = body
    show.missing("model.ckpt-2000000.index")
    with pytest.raises(DownloadError, match=said) as caught:
        store.download("show-and-tell")
    assert "answers 404" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any("assets" in name for name in left(store))
    assert store.state(show.card) is State.ABSENT
    show.of["model.ckpt-2000000.index"].script.clear()
    store.download("show-and-tell")
    assert left(store) == [SHOW_FILES[0], *SHOW_FILES[2:]]  # of the author's own files no sums were published


def test_dropped_stalled_and_continued(store: Store, gnmt: Sites) -> None:
    site = gnmt.of["gnmt_model.zip"]
    site.script += [site.drop_after(9000), site.stall_after(2000), site.drop_after(100)]
    with pytest.raises(DownloadError, match=r"gnmt_model\.zip couldn't be downloaded"):
        store.download("gnmt-wmt16-en-de")
    assert [name for name in left(store) if name.endswith(".part")] == [
        ".gnmt-wmt16-en-de.safetensors.part/way0/gnmt_model.zip.part"
    ]
    store.download("gnmt-wmt16-en-de")
    assert site.seen[-1]["Range"] == "bytes=11100-"
    assert left(store) == GNMT_FILES


def test_a_lie_about_the_length(store: Store, gnmt: Sites) -> None:
    site = gnmt.of["gnmt_model.zip"]
    site.script += [site.lie(len(site.body) // 2)]
    with pytest.raises(DownloadError, match="truncated or damaged"):
        store.download("gnmt-wmt16-en-de")
    store.download("gnmt-wmt16-en-de")
    assert left(store) == GNMT_FILES


@pytest.mark.parametrize("when", ["", "unpacking", "converting"])
def test_cancelled_at_any_point_and_continued(store: Store, gnmt: Sites, when: str) -> None:
    stop = threading.Event()
    seen: set[str] = set()

    def report(progress: Any) -> None:
        seen.add(progress.doing)
        if progress.doing == when:
            stop.set()

    with pytest.raises(DownloadCancelled):
        store.download("gnmt-wmt16-en-de", report, stop.is_set)
    assert store.state(gnmt.card) is State.ABSENT
    asked = {name: len(site.seen) for name, site in gnmt.of.items()}
    store.download("gnmt-wmt16-en-de")
    assert left(store) == GNMT_FILES
    if when == "converting":  # nothing is fetched twice
        assert {name: len(site.seen) for name, site in gnmt.of.items()} == asked


@pytest.mark.parametrize("broken", ["archives.unpack", "convert.convert", "published._keep", "published.sha256_of"])
def test_a_program_that_dies_goes_on_from_there(
    store: Store, gnmt: Sites, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """At the beginning of each step: what the steps before it have made is used."""

    class DeadError(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise DeadError

    with monkeypatch.context() as patch:
        patch.setattr(f"app.store.{broken}", dies)
        with pytest.raises(DeadError):
            store.download("gnmt-wmt16-en-de")
    assert store.state(gnmt.card) is State.ABSENT
    asked = len(gnmt.of["gnmt_model.zip"].seen)
    store.download("gnmt-wmt16-en-de")
    assert len(gnmt.of["gnmt_model.zip"].seen) == asked
    assert left(store) == GNMT_FILES


def test_dead_between_the_note_and_the_file(store: Store, gnmt: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def dies(path: Path, target: Path) -> Path:
        if path.name == "converted":
            raise KeyboardInterrupt
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            store.download("gnmt-wmt16-en-de")
    assert store.state(gnmt.card) is State.ABSENT
    store.download("gnmt-wmt16-en-de")
    assert left(store) == GNMT_FILES
    store.remove("gnmt-wmt16-en-de")
    assert left(store) == []


def test_no_room(store: Store, gnmt: Sites, put_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, 1_000_000_000))
    put_in(replace(gnmt.card, extra=(*gnmt.card.extra, ("size_approx", 800_000_000))))
    with pytest.raises(DownloadError, match=r"no room for GNMT .*1760 MB are needed .* 1000 MB are free"):
        store.download("gnmt-wmt16-en-de")
    assert not gnmt.of["gnmt_model.zip"].seen
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, archives.SPARE + 30_000))
    put_in(gnmt.card)
    with pytest.raises(DownloadError, match="no room"):
        store.download("gnmt-wmt16-en-de")
    assert store.state(gnmt.card) is State.ABSENT


def test_a_mirror(store: Store, gnmt: Sites) -> None:
    """Its files lie under the paths that they have where they come from."""
    other = gnmt.of["gnmt_model.zip"]
    one, two = gnmt.of["gnmt_inference_data.zip"], gnmt.of["gnmt_model.zip"].body

    def both(handler: Any, site: Site) -> bool:
        site.body = one.body if "inference" in handler.path else two
        return site.answer(handler)

    other.script += [both, both]
    store.download("gnmt-wmt16-en-de", mirror=f"{other.root}/mirror")
    assert other.paths == ["/mirror/gnmt_model.zip", "/mirror/gnmt_inference_data.zip"]
    assert not one.seen


# What a person has


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_an_archive_is_recognised_by_its_content(store: Store, tmp_path: Path) -> None:
    files = checkpoint(SHOW, "model2.ckpt-2000000", "checkpoint")
    files["word_counts.txt"] = (SHOW.parent / "word_counts.txt").read_bytes()
    file = tmp_path / "whatever.bin"
    file.write_bytes(tarred(files))  # type: ignore[arg-type]
    card = store.import_file(file)
    assert card.id == "show-and-tell"
    assert store.state(card) is State.READY
    assert store.verify(card.id).ok
    with pytest.raises(StoreError, match="is already on this machine: remove show-and-tell first"):
        store.import_file(file)
    assert left(store) == [SHOW_FILES[0], SHOW_FILES[1], SHOW_FILES[3]]
    assert file.is_file()


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder(store: Store, tmp_path: Path, packed: bool) -> None:
    """With the two archives as they were published, or with what comes out of them."""
    folder = write(tmp_path / "gnmt", {"gnmt_model.zip": gnmt_model(), "gnmt_inference_data.zip": gnmt_data()})
    if not packed:
        for path in list(folder.iterdir()):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            path.unlink()
    assert store.import_file(folder).id == "gnmt-wmt16-en-de"
    assert left(store) == GNMT_FILES
    assert store.verify("gnmt-wmt16-en-de").ok


LINK = tarfile.TarInfo("checkpoint/model.index")
LINK.type, LINK.linkname = tarfile.SYMTYPE, "/etc/passwd"
DEVICE = tarfile.TarInfo("checkpoint/zero")
DEVICE.type = tarfile.CHRTYPE


def zip_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("a.index")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (tarred({"../../model.index": b"x"}), "leads outside"),
        (tarred({"/etc/model.index": b"x"}), "leads outside"),
        (zipped({"..\\..\\model.index": b"x"}), "leads outside"),
        (zipped({"C:/model.index": b"x"}), "leads outside"),
        (tarred({"link": LINK}), "a link, or something else"),
        (tarred({"zero": DEVICE}), "a link, or something else"),
        (zip_link(), "a link, or something else"),
        (zipped({"model.index": bytes(60 << 20)}), "can't honestly hold"),
        (tarred({"model.index": bytes(60 << 20)}), "can't honestly hold"),
        (tarred({f"{k}": b"" for k in range(archives.MOST_FILES + 1)}), "more than 10,000 files"),
        (zipped({"a/model.index": b"x", "b/model.index": b"x"}), "two files named model"),
        (gnmt_model(), "has no vocabularies .* import that"),
        (show_assets(), r"has no word_counts\.txt"),
        (tarred({"readme": b"hello"}), "holds no checkpoint of TensorFlow"),
        (zipped({"one.index": b"x", "two.index": b"y"}), "several checkpoints"),
        (zipped({"one.index": b"x" * 500}), r"one\.index"),
        (gnmt_model()[:-2000] + b"y" * 2000, "not a PyTorch state dict|truncated or damaged"),
    ],
    ids=range(17),
)
def test_a_bad_archive_is_refused_and_nothing_stays(store: Store, tmp_path: Path, body: bytes, said: str) -> None:
    file = tmp_path / "bad.tar.gz"
    file.write_bytes(body)
    with pytest.raises(StoreError, match=said) as caught:
        store.import_file(file)
    assert "\n" not in str(caught.value)
    assert left(store) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar.gz", "home"]


def test_a_member_that_grows_is_cut(tmp_path: Path) -> None:
    """What stands in a .zip's directory bounds what is read."""
    raw = bytearray(zipped({"model.index": b"abcdefgh" * 100}))
    place = raw.rindex(b"PK\x01\x02") + 24
    raw[place : place + 4] = (10).to_bytes(4, "little")
    file = tmp_path / "lies.zip"
    file.write_bytes(raw)
    with pytest.raises(StoreError, match=r"damaged|more than it says"):
        archives.unpack(file, tmp_path / "out", lambda name: True)
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["lies.zip"]
