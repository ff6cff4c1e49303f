"""`triptych translate`: texts, pipes, documents, and everything that can be given wrongly. A stand-in for the network
says the words backwards."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import translate
from app.cli.stdin_lines import BLOCK, StandardInput
from app.engines.translate import BEAM, WIDEST
from app.text import documents, languages
from tests import parrots
from tests.cli.conftest import Command
from tests.parrots import Parrot

ROOT = Path(__file__).parents[2]
HUNGRY, BACKWARDS = "I am hungry, and you?", "you? and hungry, am I"


@pytest.fixture(autouse=True)
def parrot(_own_home: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Parrot:
    (tmp_path / "weights").mkdir()
    return parrots.install(monkeypatch, tmp_path / "weights")


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Gives bytes to standard input."""
    opened: list[io.TextIOWrapper] = []

    def give(content: bytes) -> None:
        (tmp_path / "stdin").write_bytes(content)
        opened.append((tmp_path / "stdin").open(encoding="utf-8"))
        monkeypatch.setattr(sys, "stdin", opened[-1])

    yield give
    for file in opened:
        file.close()


def test_help(command: Command) -> None:
    out, err = command("translate", "--help")
    assert out.startswith("usage: triptych translate")
    assert all(len(line) <= 120 for line in out.splitlines())
    assert err == ""
    assert languages.NAMES == translate.LANGUAGES
    assert (BEAM, WIDEST) == (translate.BEAM, translate.WIDEST)


# Lines


def test_a_text(command: Command) -> None:
    assert command("translate", "--from", "en", "--to", "de", HUNGRY) == (BACKWARDS + "\n", "")
    assert command("translate", "--from", "English", "--to", "de", "I", "am", "hungry")[0] == "hungry am I\n"


def test_standard_input_needs_no_dash(command: Command, stdin: Any) -> None:
    stdin(b"\xef\xbb\xbfWhere do you live now?\n")
    out, err = command("translate", "--to", "de")
    assert out == "now? live you do Where\n"
    assert err == "From English, as it seems; --from says another.\n"
    stdin(b"")
    assert command("translate", "--to", "de") == ("", "")


def test_many_lines_go_through_together(command: Command, stdin: Any, parrot: Parrot) -> None:
    texts = [f"The old man sees {k} birds." for k in range(60)]
    stdin("\n".join(texts).encode())
    out, _ = command("translate", "--from", "en", "--to", "de", "-", "--beam", "1")
    assert out.splitlines() == [f"birds. {k} sees man old The" for k in range(60)]
    assert len(parrot.batches) <= 16  # the last line has no end, and comes a moment later


def test_a_megabyte_on_one_line(command: Command, stdin: Any) -> None:
    text = "x" * 500_000 + " hungry " + "世" * 170_000
    stdin(text.encode())
    out, _ = command("translate", "--from", "en", "--to", "de", "-")
    assert out == text + "\n"


def test_lines_are_read_however_they_come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Blocks end anywhere, and never more than some of them wait."""
    content = b"".join(b"%d " % k * (k % 97) + b"\n" for k in range(20_000)) + "ä".encode()[:1]
    (tmp_path / "lines").write_bytes(content)
    assert len(content) > 20 * BLOCK
    with (tmp_path / "lines").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        found = list(StandardInput())
    assert [line for chunk in found for line in chunk] == content.decode("utf-8", "surrogateescape").split("\n")
    assert len(found) > 1


def test_the_best_of_every_sentence(command: Command) -> None:
    text = "I am hungry. And you?\n\nWhere do you live now?"
    out, _ = command("translate", "--from", "en", "--to", "de", "--nbest", "3", text)
    rows = [row.split("\t") for row in out.splitlines()]
    assert [row[0] for row in rows] == ["1.1"] * 3 + ["1.2"] * 3 + ["3.1"] * 3
    assert [rows[k][2] for k in (0, 3, 6)] == ["hungry. am I", "you? And", "now? live you do Where"]
    for k in (0, 3, 6):
        scores = [float(row[1]) for row in rows[k : k + 3]]
        assert scores == sorted(scores, reverse=True)
    assert len(command("translate", "--from", "en", "--to", "de", "--nbest", "8", HUNGRY)[0].splitlines()) == 8


def test_json(command: Command) -> None:
    out, _ = command("translate", "--from", "en", "--to", "de", "--json", f"{HUNGRY}\n\n🙂 So it is 5 km.")
    first, second, third = (json.loads(line) for line in out.splitlines())
    assert first.keys() == {"line", "source", "translation", "sentences"}
    assert (first["line"], first["source"], first["translation"]) == (1, HUNGRY, BACKWARDS)
    (sentence,) = first["sentences"]
    assert sentence.keys() == {
        "source", "translation", "score", "logprob", "source_words", "words", "alignment", "source_pieces", "pieces",
        "alternatives", "ms",
    }  # fmt: skip
    assert sentence["words"] == sentence["source_words"][::-1] == ["you", "and", "hungry", "am", "I"]
    assert [row.index(max(row)) for row in sentence["alignment"]] == [4, 3, 2, 1, 0]
    assert sentence["source_pieces"][0] == "<2de>"
    assert sentence["source_pieces"][-1] == "</s>"
    assert "".join(piece["piece"] for piece in sentence["pieces"]).replace("▁", " ").strip() == BACKWARDS
    assert all(0 < piece["p"] <= 1 for piece in sentence["pieces"])
    assert len(sentence["alternatives"]) == 4
    assert sentence["ms"] > 0
    assert second == {"line": 2, "source": "", "translation": "", "sentences": []}
    assert third["translation"] == "🙂 5 km. is it So"
    (greedy,) = command("translate", "--from", "en", "--to", "de", "--json", "--beam", "1", HUNGRY)[0].splitlines()
    assert json.loads(greedy)["sentences"][0]["alternatives"] == []


def test_penalties_reach_the_search(command: Command) -> None:
    def scored(*options: str) -> dict[str, Any]:
        out, _ = command("translate", "--from", "en", "--to", "de", "--json", *options, HUNGRY)
        found: dict[str, Any] = json.loads(out)["sentences"][0]
        return found

    plain = scored("--alpha", "0", "--coverage", "0")
    assert plain["score"] == plain["logprob"]
    assert scored()["score"] > plain["score"]  # the card says 1
    assert scored("--alpha", "0", "--coverage", "0.5")["score"] < plain["score"]


# Languages


def test_the_language_is_guessed(command: Command) -> None:
    out, err = command("translate", "Der alte Mann liest im Garten ein Buch.")
    assert out == "Buch. ein Garten im liest Mann alte Der\n"
    assert err == "From German, as it seems; --from says another.\n"
    _, err = command("translate", "--to", "de", "Ok 12")
    assert err == "From English: nothing else can be translated.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--file", "a.txt", "text"], "Either a text or a document"),
        (["--output", "b.txt", "text"], "--output goes with --file"),
        (["--from", "ja", "text"], "“ja” is none of the languages: en (English), de (German)"),
        (["--to", "xx", "text"], "“xx” is none of the languages"),
        (["--to", "en", "--from", "fr", "text"], "Nothing here translates from French into English: there is English"),
        (["--to", "de", "--from", "de", "text"], "Nothing here translates from German into German"),
        (["--to", "fr", "--from", "en", "text"], "into French: there is English into German, German into English."),
        (["--from", "es", "text"], "Nothing here translates from Spanish: there is"),
        (["Ok 12"], "In which language the text is isn't sure. Say it: --from en"),
        (["--to", "de", "Der alte Mann liest ein Buch."], "The text seems to be German already"),
        (["--beam", "11", "text"], "“11” is not a number from 1 to 10"),
        (["--beam", "²", "text"], "“²” is not a number from 1 to 10"),
        (["--nbest", "0", "text"], "“0” is not a number from 1 to 10"),
        (["--nbest", "5", "--beam", "3", "text"], "--nbest 5 needs a beam as wide: --beam 5."),
        (["--alpha", "-1", "text"], "“-1” is not a number from 0 to 10"),
        (["--coverage", "nan", "text"], "“nan” is not a number from 0 to 10"),
        (["--file", ""], "an empty name can't be opened"),
        (["--model", "gnmt2", "text"], "There is no model “gnmt2”"),
        (["--model", "gnmt,gnmt", "--from", "en", "--model", "gnmt3", "text"], "There is no model “gnmt3”"),
    ],
)
def test_wrong_usage(command: Command, arguments: list[str], said: str) -> None:
    out, err = command("translate", *arguments, code=2)
    assert said in err
    assert not out


def test_nothing_to_translate(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for nobody, arguments in ((Terminal(), []), (None, []), (None, ["-"])):
        monkeypatch.setattr(sys, "stdin", nobody)
        assert "What is to be translated?" in command("translate", *arguments, code=2)[1]


def test_without_a_network(command: Command, tmp_path: Path) -> None:
    (tmp_path / "weights" / "gnmt.safetensors").unlink()
    _, err = command("translate", "--from", "en", "--to", "de", HUNGRY, code=1)
    assert "No network that translates is on this machine" in err
    _, err = command("translate", "--from", "en", "--to", "de", "--model", "gnmt", HUNGRY, code=1)
    assert "Install Triptych again" in err


def test_a_network_that_breaks(command: Command, parrot: Parrot, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(sources: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(parrot, "read", fail)
    out, err = command("translate", "--from", "en", "--to", "de", HUNGRY, code=1)
    assert "There is not enough memory for this" in err
    assert not out


# Documents

SUBTITLES = "1\n00:00:01,000 --> 00:00:02,000\n- I am hungry.\n- And you?\n\n2\n00:00:03,000 --> 00:00:04,500\n🙂\n\n"


def test_a_document(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "film.srt"
    file.write_bytes(SUBTITLES.encode("utf-8-sig"))
    out, err = command("translate", "--file", file)
    saved = tmp_path / "film.de.srt"
    assert out == f"{saved}\n"
    assert saved.read_text("utf-8-sig") == SUBTITLES.replace("I am hungry.", "hungry. am I").replace(
        "And you?", "you? And"
    )
    assert "From English, as it seems" in err
    assert re.search(r"2 sentences in [\d.]+ s, saved as film\.de\.srt\.", err)
    assert command("translate", "--file", file, "--to", "de")[0] == f"{tmp_path / 'film.de.2.srt'}\n"


def test_a_document_with_a_name(command: Command, tmp_path: Path) -> None:
    file, output = tmp_path / "letter.txt", tmp_path / "out" / "brief.de.txt"
    file.write_bytes("I am old.\r\n\r\nThe café is old.\r\n".encode("cp1252"))
    output.parent.mkdir()
    given = ("translate", "--from", "en", "--to", "de", "--file", file, "--output", output)
    assert command(*given)[0] == f"{output}\n"
    assert output.read_bytes() == "old. am I\r\n\r\nold. is café The\r\n".encode("cp1252")
    assert [path.name for path in output.parent.iterdir()] == ["brief.de.txt"]
    output.write_text("mine")
    out, err = command(*given, code=1)
    assert "brief.de.txt is there already, and nothing is written over: choose another name." in err
    assert (out, output.read_text()) == ("", "mine")
    _, err = command(*given[:-1], tmp_path / "gone" / "a.txt", code=1)
    assert "a.txt can't be saved there: No such file or directory." in err


def test_a_document_s_sentences_as_json(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("I am old. And you?\n")
    out, _ = command("translate", "--from", "en", "--to", "de", "--file", file, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [(one["sentence"], one["translation"]) for one in found] == [(1, "old. am I"), (2, "you? And")]
    assert (tmp_path / "a.de.txt").read_text() == "old. am I you? And\n"
    out, _ = command("translate", "--from", "en", "--to", "de", "--file", file, "--nbest", "2")
    assert [row.split("\t")[0] for row in out.splitlines()] == ["1", "1", "2", "2"]


def test_documents_that_are_none(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"x")
    (tmp_path / "a.srt").write_text("no times")
    (tmp_path / "empty.txt").write_text("")
    given = ("translate", "--from", "en", "--to", "de", "--file")
    assert "only .txt and .srt files can" in command(*given, tmp_path / "a.docx", code=1)[1]
    assert "there is no such file" in command(*given, tmp_path / "gone.txt", code=1)[1]
    assert "holds no subtitles" in command(*given, tmp_path / "a.srt", code=1)[1]
    assert "There is nothing to translate in empty.txt." in command(*given, tmp_path / "empty.txt", code=1)[1]
    (tmp_path / "damaged.txt").write_bytes("Where is it? äöü ".encode() * 3 + b"\xff It is here.")
    _, err = command(*given, tmp_path / "damaged.txt")
    assert "damaged.txt is damaged: line 1, byte 60 is not valid UTF-8" in err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), documents.DocumentError("The disk is full.")])
def test_what_is_done_is_kept(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("I am old. The man is old. Where do you live?")
    add = documents.Translated.add

    def stop(self: documents.Translated, translation: str) -> None:
        if self.done == 2:
            raise error
        add(self, translation)

    monkeypatch.setattr(documents.Translated, "add", stop)
    cancelled = isinstance(error, KeyboardInterrupt)
    _, err = command("translate", "--from", "en", "--to", "de", "--file", file, code=130 if cancelled else 1)
    assert "2 of 3 sentences are translated. They are in a.de.partial.txt." in err
    assert (tmp_path / "a.de.partial.txt").read_text() == "old. am I old. is man The"
    assert ("Cancelled." in err) == cancelled


# As a process

RUN = (
    "import pathlib, pytest, sys; from tests import parrots; "
    "parrots.install(pytest.MonkeyPatch(), pathlib.Path(sys.argv[1])); "
    "from app.__main__ import main; sys.exit(main(sys.argv[2:]))"
)


def command_line(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", RUN, str(folder / "weights"), "translate", *arguments]


def test_a_line_in_a_line_out(tmp_path: Path) -> None:
    """Empty lines, paragraphs of several sentences, lists, Windows' line ends, bytes that are no text."""
    given = [
        b"I am hungry. And you?", b"", b"  - The old man\tsees it.  ", b"\xf0\x9f\x99\x82", b"It is raining.\r",
        "世界".encode(), b"", b"caf\xe9 \xff is old",
    ]  # fmt: skip
    finished = subprocess.run(
        command_line(tmp_path, "--from", "en", "--to", "de", "-"),
        cwd=ROOT,
        input=b"\n".join(given),
        capture_output=True,
        timeout=60,
    )
    *lines, last, end = finished.stdout.split(b"\n")
    assert lines == [
        b"hungry. am I you? And", b"", b"  - man old The\tit. sees  ", b"\xf0\x9f\x99\x82", b"raining. is It\r",
        "世界".encode(), b"",
    ]  # fmt: skip
    assert sorted(last.split()) == [b"caf\xe9", b"is", b"old", b"\xff"]
    assert end == b""
    assert finished.stderr == b""
    assert finished.returncode == 0


def process(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_line(folder, *arguments),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs have Ctrl-C switched off, and pass that on.
        preexec_fn=None if os.name == "nt" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes and signals")
def test_each_line_comes_at_once_and_ctrl_c_ends(tmp_path: Path) -> None:
    with process(tmp_path, "--from", "en", "--to", "de", "-") as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        patience = threading.Timer(60, running.kill)
        patience.start()
        try:
            for given, said in (("I am hungry.", "hungry. am I"), ("", ""), ("And you?", "you? And")):
                running.stdin.write(given + "\n")
                running.stdin.flush()
                assert running.stdout.readline() == said + "\n"
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == 130
            assert running.stderr.read() == "Cancelled after 3 lines.\n"
        finally:
            patience.cancel()
            running.kill()


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_leaves(tmp_path: Path) -> None:
    with process(tmp_path, "--from", "en", "--to", "de", "-") as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdin.write("I am hungry.\n" * 5)
        running.stdin.flush()
        assert running.stdout.readline() == "hungry. am I\n"
        running.stdout.close()
        end = time.monotonic() + 30
        while running.poll() is None and time.monotonic() < end:
            try:
                running.stdin.write("I am hungry.\n")
                running.stdin.flush()
            except BrokenPipeError:
                break
            time.sleep(0.05)
        assert running.wait(30) == 1
        assert running.stderr.read() == ""
        with contextlib.suppress(BrokenPipeError):
            running.stdin.close()
