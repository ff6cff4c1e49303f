"""`triptych classify`: what it prints and with which exit code. The networks themselves: test_whole.py."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import classify, run

Command = Callable[..., tuple[str, str]]
pytestmark = pytest.mark.usefixtures("answers")


def test_for_people(command: Command, picture: Path) -> None:
    out, err = command("classify", picture)
    lines = out.splitlines()
    assert lines[0] == str(picture)
    assert lines[1].split() == ["62.5", "%", "████████████▌", "tabby"]
    assert lines[2].split() == ["8.0", "%", "█▋", "Egyptian", "cat"]
    assert lines[1].index("tabby") == lines[2].index("Egyptian")
    assert lines[4].strip() == "efficientnet-lite0 · 7.4 ms · CPU"
    assert err == ""


def test_json(command: Command, picture: Path, two_models: str) -> None:
    out, err = command("classify", "--json", "--model", two_models, picture)
    first, second = (json.loads(line) for line in out.splitlines())
    assert first == {
        "path": str(picture),
        "model": "efficientnet-lite0",
        "top": [
            {"label": "tabby", "index": 281, "p": 0.625},
            {"label": "Egyptian cat", "index": 285, "p": 0.0801},
            {"label": "tiger cat", "index": 282, "p": 0.03},
        ],
        "ms": 7.432,
        "device": "CPU",
    }
    assert second["model"] == "resnet50-v2"
    assert err == ""


def test_missing_and_broken_pictures_do_not_stop_the_rest(command: Command, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "void").mkdir()
    given = [tmp_path / "gone.png", picture, tmp_path / "broken.jpg", tmp_path / "void"]
    out, _ = command("classify", "--json", *given, code=1)
    found = {json.loads(line)["path"]: json.loads(line) for line in out.splitlines()}
    assert set(found) == {str(path) for path in given}
    assert "no such file" in found[str(given[0])]["error"]
    assert found[str(picture)]["top"][0]["label"] == "tabby"
    assert "not a picture" in found[str(given[2])]["error"]
    assert "holds no pictures" in found[str(given[3])]["error"]
    out, err = command("classify", *given, code=1)
    assert out.count("tabby") == 1
    assert "gone.png could not be opened: there is no such file" in err
    assert "3 failed" in err


def test_a_model_that_fails(command: Command, picture: Path, two_models: str, answers: set[str]) -> None:
    answers.add("resnet50-v2")
    out, _ = command("classify", "--json", "-m", two_models, picture, code=1)
    first, second = (json.loads(line) for line in out.splitlines())
    assert "top" in first
    assert second == {"path": str(picture), "model": "resnet50-v2", "error": "It won't."}
    out, _ = command("classify", "-m", two_models, picture, code=1)
    assert "resnet50-v2: It won't." in out


def test_csv(command: Command, picture: Path, tmp_path: Path, two_models: str, answers: set[str]) -> None:
    answers.add("resnet50-v2")
    table = tmp_path / "table.csv"
    command("classify", "--csv", table, "--model", two_models, picture, tmp_path / "gone.png", code=1)
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    assert [row["label"] for row in rows] == ["tabby", "Egyptian cat", "tiger cat", "", ""]
    assert rows[0] | {"path": ""} == {
        "path": "",
        "model": "efficientnet-lite0",
        "rank": "1",
        "label": "tabby",
        "index": "281",
        "p": "0.625000",
        "ms": "7.432",
        "device": "CPU",
        "error": "",
    }
    assert rows[0]["path"] == str(picture)
    assert (rows[3]["model"], rows[3]["error"]) == ("resnet50-v2", "It won't.")
    assert "no such file" in rows[4]["error"]


def test_csv_that_cannot_be_written(command: Command, picture: Path, tmp_path: Path) -> None:
    _, err = command("classify", "--csv", tmp_path / "no" / "table.csv", picture, code=1)
    assert err == "triptych: The table table.csv can't be written: No such file or directory.\n"


def test_folders_in_natural_order(command: Command, picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b10.png", "b9.png", "notes.txt"):
        (folder / name).write_bytes(picture.read_bytes())
    out, err = command("classify", "--json", folder)
    assert [Path(json.loads(line)["path"]).name for line in out.splitlines()] == ["b9.png", "b10.png"]
    _, err = command("classify", folder)
    assert err.startswith("2 pictures in ")


def test_paths_come_back_as_they_were_given(command: Command, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.parent)
    out, _ = command("classify", "--json", "./" + picture.name)
    assert json.loads(out)["path"] == "./" + picture.name


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_are_no_text(command: Command, picture: Path) -> None:
    odd = os.fsdecode(os.fsencode(picture.parent) + b"/b\xe4d\n.png")
    Path(odd).write_bytes(picture.read_bytes())
    out, _ = command("classify", "--json", odd)
    assert json.loads(out)["path"] == odd
    out, _ = command("classify", odd)
    assert out.splitlines()[0].endswith("b�d�.png")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["classify"], "PATH"),
        (["classify", ""], "an empty name can't be opened"),
        (["classify", "x.png", "--csv", ""], "an empty name can't be opened"),
        (["classify", "x.png", "--top", "0"], "“0” is not a number from 1 to 1000"),
        (["classify", "x.png", "--device", "tpu"], "invalid choice"),
        (["classify", "x.png", "--model", "a,,b"], "--model wants names"),
        (["classify", "x.png", "--model", "resnet-50-v2"], "did you mean “resnet50-v2”?"),
        (["classify", "x.png", "--model", "qqqqqq"], "triptych models list"),
        (["clasify", "x.png"], "invalid choice"),
        (["--nonsense"], "usage"),
    ],
)
def test_wrong_usage(command: Command, arguments: list[str], said: str) -> None:
    out, err = command(*arguments, code=2)
    assert out == ""
    assert said in err


def test_a_picture_where_a_command_belongs(command: Command, picture: Path) -> None:
    _, err = command(picture, code=2)
    assert f"Did you mean: triptych classify {picture}" in err


def test_a_model_that_is_not_here(command: Command, picture: Path) -> None:
    _, err = command("classify", picture, "--model", "resnet50-v2", code=1)
    assert err.strip().endswith("triptych models download resnet50-v2")


def test_models_are_taken_once_and_in_order(two_models: str) -> None:
    assert [card.id for card in classify.chosen(["resnet50-v2", two_models])] == ["resnet50-v2", "efficientnet-lite0"]


def test_unexpected_errors_are_a_sentence(command: Command, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_: object) -> None:
        raise RuntimeError("the sky")

    monkeypatch.setattr(classify, "chosen", fall)
    _, err = command("classify", picture, code=1)
    assert err == (
        "triptych: something went wrong (RuntimeError: the sky). The same command with --debug shows where.\n"
    )
    for arguments in (["--debug", "classify", str(picture)], ["classify", "--debug", str(picture)]):
        with pytest.raises(RuntimeError, match="the sky"):
            run(arguments)


def test_a_full_disk_and_ctrl_c(command: Command, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt("Cancelled after 3 of 8 pictures.")

    monkeypatch.setattr(classify, "chosen", full)
    assert "There is no space left" in command("classify", picture, code=1)[1]
    monkeypatch.setattr(classify, "chosen", interrupted)
    assert command("classify", picture, code=130)[1] == "Cancelled after 3 of 8 pictures.\n"


def test_a_library_that_cannot_be_loaded(command: Command, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_: object) -> None:
        raise ImportError("libtorch_cpu.so: cannot open shared object file", name="torch")

    monkeypatch.setattr(classify, "chosen", fall)
    _, err = command("classify", picture, code=1)
    assert err.startswith("triptych: torch, needed for reading weights")
    assert "libtorch_cpu.so" in err
    assert "-m pip install --force-reinstall" in err
    assert "torch==" in err


def test_plain_terminals(command: Command, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(io.TextIOWrapper):
        pass

    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Plain(buffer, encoding="ascii"))
    assert run(["classify", str(picture)]) == 0
    text = buffer.getvalue().decode("ascii")
    assert "62.5 %  ############          tabby" in text
    assert "gr\\xfcn 1.png" in text
