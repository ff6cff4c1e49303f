"""Documents: every encoding read, everything but the sentences left as it is, nothing overwritten, nothing lost."""

from __future__ import annotations

import codecs
import random
import tempfile
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.text import documents, files
from app.text.documents import Damage, Document, DocumentError, Translated, read

STORY = "Der Käfer.\r\n\r\n  - Er ging heim. Es war spät.\r\nEnde – „schön“ …  \r\n"


def written(folder: Path, content: bytes, name: str = "story.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def translated(path: Path, target: str = "en") -> Path:
    """As by a translator who shouts."""
    work = Translated(read(path), "de", target)
    for sentence in work.sentences:
        work.add(sentence.upper())
    return work.finish().path


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("cp1252", b""),
    ],
)
def test_encodings_are_kept(tmp_path: Path, encoding: str, bom: bytes) -> None:
    document = read(written(tmp_path, bom + STORY.encode(encoding)))
    assert (document.text, document.encoding, document.bom, document.warning) == (STORY, encoding, bom, "")
    new = translated(document.path)
    assert new.name == "story.en.txt"
    shouted = "DER KÄFER.\r\n\r\n  - ER GING HEIM. ES WAR SPÄT.\r\nENDE – „SCHÖN“ …  \r\n"
    assert new.read_bytes() == bom + shouted.encode(encoding)


def test_latin_1_and_ascii(tmp_path: Path) -> None:
    assert read(written(tmp_path, b"caf\xe9 \x81.")).text == "café \x81."
    assert read(written(tmp_path, b"cafe.")).encoding == "utf-8"
    assert read(written(tmp_path, b"")).text == ""


@pytest.mark.parametrize(
    ("content", "damage", "damaged"),
    [
        ("Größe\nschön\nund ä".encode() + b"\xff\xfe dann.", Damage(3, 21), 2),
        (codecs.BOM_UTF8 + b"One.\r\nTwo \xe9.", Damage(2, 13), 1),
        (codecs.BOM_UTF16_LE + "Ä.\nÖ".encode("utf-16-le") + b"\x00\xd8" + "x".encode("utf-16-le"), Damage(2, 10), 1),
        (codecs.BOM_UTF16_LE + "Ä.\nÖ".encode("utf-16-le") + b"\x00\xd8", Damage(2, 10), 1),
        (codecs.BOM_UTF16_BE + "Ä.\nÖ".encode("utf-16-be") + b"x", Damage(2, 10), 1),
    ],
)
def test_a_damaged_encoding_is_said_with_its_place(
    tmp_path: Path, content: bytes, damage: Damage, damaged: int
) -> None:
    document = read(written(tmp_path, content))
    assert (document.damage, document.damaged) == (damage, damaged)
    assert f"line {damage.line}, byte {damage.byte}" in document.warning
    assert document.warning.startswith("story.txt is damaged: ")
    assert ("in one more place;" in document.warning) is (damaged == 2)
    assert document.encode(document.text) == (content, 0)
    work = Translated(document, "de", "en")
    for sentence in work.sentences:
        work.add(sentence)
    assert work.finish().path.read_bytes() == content


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.txt").mkdir()
    cases = {
        tmp_path / "story.pdf": "only .txt and .srt",
        tmp_path / "none.txt": "no such file",
        tmp_path / "folder.txt": "no such file",
        tmp_path / "nu\0ll.txt": "can't be opened",
        written(tmp_path, bytes(range(256)) * 40, "binary.txt"): "is no text",
        written(tmp_path, b"\x00" * 100, "nulls.txt"): "is no text",
        written(tmp_path, random.Random(0).randbytes(4000), "random.txt"): "is no text",
        written(tmp_path, b"Hello.\n", "no.srt"): "holds no subtitles",
        written(tmp_path, codecs.BOM_UTF32_LE + b"a\0\0\0\n\0\0\0\xff\xff\xff\xff", "utf32.txt"): "line 2, byte 12",
    }
    for path, reason in cases.items():
        with pytest.raises(DocumentError, match=reason) as said:
            read(path)
        assert str(said.value).startswith(path.name)
        assert str(path.parent) not in str(said.value)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST", 1_000_000)
    with pytest.raises(DocumentError, match=r"too large \(2 MB; 1 MB"):
        read(written(tmp_path, b"x" * 2_000_000))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path, b"One.")
    assert [translated(path).name for _ in range(3)] == ["story.en.txt", "story.en.2.txt", "story.en.3.txt"]
    (tmp_path / "story.fr.txt").symlink_to("nowhere")
    assert translated(path, "fr").name == "story.fr.2.txt"
    assert path.read_bytes() == b"One."
    assert translated(tmp_path / "story.en.txt", "de").name == "story.de.txt"
    assert translated(written(tmp_path, b"One.", ".txt.txt"), "de").name == ".txt.de.txt"


def test_stopping_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SAVE_EVERY", 2)
    path = written(tmp_path, b"- One. Two.\n- Three. Four.\n")
    work = Translated(read(path), "en", "de")
    assert work.sentences == ("One.", "Two.", "Three.", "Four.")
    assert work.stop() is None
    assert [p.name for p in tmp_path.iterdir()] == ["story.txt"]
    for said in ("Eins.", "Zwei."):
        work.add(said)
    partial = tmp_path / "story.de.partial.txt"
    assert partial.read_bytes() == b"- Eins. Zwei."  # a crash now would lose nothing
    work.add("Drei.")
    saved = work.stop()
    assert saved is not None
    assert (saved.path, saved.sentence) == (partial, "3 of 4 sentences are translated.")
    assert partial.read_bytes() == b"- Eins. Zwei.\n- Drei."
    work.add("Vier.")
    assert work.finish().path.read_bytes() == b"- Eins. Zwei.\n- Drei. Vier.\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["story.de.txt", "story.txt"]
    with pytest.raises(ValueError, match="no more"):
        work.add("Fünf.")


def test_a_folder_that_cannot_be_written_to_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    document = read(written(tmp_path, b"One."))
    monkeypatch.setattr(files.os, "open", refuse)
    with pytest.raises(DocumentError, match=r"^story.de.txt can't be saved beside story.txt: Permission denied. Copy"):
        Translated(document, "en", "de")


def test_a_document_without_words_is_copied(tmp_path: Path) -> None:
    content = "12:30 😀\n\n你好".encode()
    assert translated(written(tmp_path, content)).read_bytes() == content
    assert translated(written(tmp_path, b"", "empty.txt")).read_bytes() == b""


def test_a_folder_that_went_away_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    work = Translated(read(written(folder, b"One.")), "en", "de")
    work.add("Eins.")
    (folder / "story.txt").unlink()
    folder.rmdir()
    for save in (work.finish, work.stop):
        with pytest.raises(DocumentError, match=r"^story.de.txt can't be saved beside story.txt: .*\. Copy"):
            save()


def test_what_the_encoding_has_no_room_for_is_said(tmp_path: Path) -> None:
    work = Translated(read(written(tmp_path, b"caf\xe9.")), "fr", "de")
    work.add("Čafé → €.")
    saved = work.finish()
    assert saved.path.read_bytes() == b"Caf\xe9 ? \x80."
    assert saved.sentence.startswith("2 characters have no place in Windows-1252")


SUBTITLES = (
    "\ufeff1\r\n00:00:01,000 --> 00:00:02,500 X1:10 X2:20\r\n"
    "<i>I never thought</i>\r\n<i>I'd see you again.</i>\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000\r\n{\\an8}- How are you?\r\n-Fine. 100 % fine!\r\n\r\n\r\n"
    "4\r\n0:00:05.000-->0:00:06.000\r\n♪ ♪\r\n\r\n5\r\n01:00:00,000 --> 01:00:01,000\r\n1984\r\nwas a good year"
)


def test_subtitles_keep_times_tags_and_lines(tmp_path: Path) -> None:
    path = written(tmp_path, SUBTITLES.encode("utf-8"), "film.en.srt")
    work = Translated(read(path), "en", "de")
    assert work.sentences == (
        "I never thought</i> <i>I'd see you again.",
        "How are you?",
        "Fine.",
        "100 % fine!",
        "1984 was a good year",
    )
    for said in (
        "Ich dachte nie,</i> <i>dass ich dich wiedersehe.",
        "Wie geht's?",
        "Gut.",
        "100 % gut!",
        "1984 war gut",
    ):
        work.add(said)
    new = work.finish().path
    assert new.name == "film.de.srt"
    before, after = pysubs2.load(str(path), encoding="utf-8-sig"), pysubs2.load(str(new), encoding="utf-8-sig")
    assert [(event.start, event.end) for event in before] == [(event.start, event.end) for event in after]
    text = new.read_bytes().decode("utf-8")
    assert text.count("\r\n") == SUBTITLES.count("\r\n")
    assert text.startswith(
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,500 X1:10 X2:20\r\n<i>Ich dachte nie,</i>\r\n<i>dass ich"
    )
    assert "{\\an8}- Wie geht's?\r\n-Gut. 100 % gut!\r\n\r\n\r\n4\r\n0:00:05.000-->0:00:06.000\r\n♪ ♪\r\n" in text
    assert text.endswith("\r\n1984\r\nwar gut")


def test_a_megabyte_is_read_split_and_saved_whole(tmp_path: Path) -> None:
    text = "".join(f"{k}. Satz Nummer {k} ist hier. Noch einer!\n" + "\n" * (k % 3 == 0) for k in range(20_000))
    path = written(tmp_path, text.encode())
    assert path.stat().st_size > 900_000
    work = Translated(read(path), "de", "en")
    assert len(work.sentences) == 40_000
    for sentence in work.sentences[:-1]:
        work._translations.append(sentence)  # without a partial file every 200
    work.add(work.sentences[-1])
    assert work.finish().path.read_bytes() == text.encode()


PIECES = st.lists(
    st.sampled_from(
        [
            "Hello. ",
            "ä",
            "\n",
            "\r\n",
            "1\n00:00:01,000 --> 00:00:02,000\n",
            "你好",
            "<i>",
            "\x0c",
            "2\n",
            "- ",
            "x " * 200,
            "😀",
        ]
    ),
    max_size=20,
).map("".join)


@settings(max_examples=150)
@given(
    st.one_of(st.binary(max_size=60), PIECES.map(str.encode), PIECES.map(lambda text: text.encode("utf-16"))), st.data()
)
def test_whatever_the_bytes_they_come_back(content: bytes, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / data.draw(st.sampled_from(["a.txt", "a.srt"]))
        path.write_bytes(content)
        try:
            document = read(path)
        except DocumentError as error:
            assert str(error).startswith(path.name)  # noqa: PT017 - most are texts
            return
        assert document.encode(document.text) == (content, 0)
        segments = document.split("en")
        assert segments.join([sentence.text for sentence in segments.sentences]) == document.text
        assert isinstance(document, Document)
