"""`triptych caption`: pictures, folders, videos, cameras, and everything that can be given wrongly."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pysubs2
import pytest
from PIL import Image

from app.cli import bench_published, caption_time
from app.cli.caption_time import _clock
from app.store import locate
from app.text.timeline import as_sentence
from tests import captioners
from tests.cli.conftest import Command
from tests.conftest import CACHE
from tests.media.fakes import FakeCamera, FakeCameras

SAMPLES = locate.bundled("assets") / "samples"


@pytest.fixture(autouse=True)
def _random_weights(_own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """…and the cache of converted networks that the other tests have: converting takes seconds."""
    captioners.install(monkeypatch)
    home = Path(os.environ["TRIPTYCH_HOME"])
    home.mkdir(exist_ok=True)
    CACHE.mkdir(exist_ok=True)
    (home / "cache").symlink_to(CACHE, target_is_directory=True)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two scenes of two seconds, ten frames a second."""
    import cv2

    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), 10, (320, 240))
    for name in ("chelsea", "rocket"):
        picture = cv2.resize(cv2.imread(str(SAMPLES / f"{name}.jpg")), (320, 240))
        for _ in range(20):
            writer.write(picture)
    writer.release()
    return path


def test_pictures_for_a_person(command: Command, picture: Path) -> None:
    out, err = command("caption", picture, SAMPLES / "chelsea.jpg", "--beam", "2")
    first, second = out.strip().split("\n\n")
    assert first.splitlines()[0] == str(picture)
    assert second.splitlines()[0] == str(SAMPLES / "chelsea.jpg")
    for block in (first, second):
        lines = block.splitlines()
        assert set(lines[1].split()) <= set(captioners.WORDS)
        assert "captioner" in lines[-1]
        assert " ms" in lines[-1]
    assert "2 pictures in " in err


def test_no_picture_is_written_over_by_its_own_strip(command: Command, picture: Path) -> None:
    before = picture.read_bytes()
    command("caption", picture, "--attention", picture.parent)
    command("caption", picture, "--attention", picture.parent, "--overwrite")
    assert picture.read_bytes() == before
    with Image.open(picture.with_name("grün 1-2.png")) as image:
        assert image.info["Description"]


def test_json(command: Command, tmp_path: Path, picture: Path) -> None:
    out, _ = command("caption", "--json", picture, tmp_path / "gone.png", SAMPLES, code=1)
    found = [json.loads(line) for line in out.splitlines()]
    assert [Path(one["path"]).name for one in found] == [
        picture.name, "gone.png", "astronaut.jpg", "chelsea.jpg", "coffee.jpg", "rocket.jpg",
    ]  # fmt: skip
    assert found[1].keys() == {"path", "error"}
    assert "there is no such file" in found[1]["error"]
    for one in (*found[:1], *found[2:]):
        assert one.keys() == {"path", "caption", "logprob", "words", "alternatives", "ms"}
        assert " ".join(word["word"] for word in one["words"]) == one["caption"]
        assert all(0 < word["p"] <= 1 for word in one["words"])
        assert one["logprob"] < 0
        assert 1 <= len(one["alternatives"]) <= 2
        assert all(other.keys() == {"caption", "logprob"} for other in one["alternatives"])
        assert one["caption"] not in [other["caption"] for other in one["alternatives"]]
        assert one["ms"] > 0


def test_greedy_has_no_alternatives(command: Command, picture: Path) -> None:
    (line,) = command("caption", "--json", "--beam", "1", picture)[0].splitlines()
    assert json.loads(line)["alternatives"] == []


def test_attention_is_drawn(command: Command, tmp_path: Path, picture: Path) -> None:
    other = tmp_path / "sub" / picture.name
    other.parent.mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(other)
    strips = tmp_path / "new" / "strips"
    out, _ = command("caption", "--json", picture, other, "--attention", strips)
    captions = [json.loads(line)["caption"] for line in out.splitlines()]
    drawn = sorted(strips.iterdir())
    assert [file.name for file in drawn] == ["grün 1-2.png", "grün 1.png"]  # one name, two pictures
    for file, caption in zip(drawn, reversed(captions), strict=True):
        with Image.open(file) as image:
            assert image.info["Description"] == caption
    before = drawn[1].read_bytes()
    drawn[1].write_bytes(b"mine")
    _, err = command("caption", picture, "--attention", strips, code=1)
    assert "grün 1.png is there already; --overwrite writes over it" in err
    assert drawn[1].read_bytes() == b"mine"
    command("caption", picture, "--attention", strips, "--overwrite")
    assert drawn[1].read_bytes() == before


def test_without_attention_what_speaks_for_a_word_is_drawn(command: Command, tmp_path: Path, picture: Path) -> None:
    card = bench_published.make_captioner(locate.folders().models.parent, words=60, width=16, scale=1)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"?")
    given = ("caption", "--json", "--model", card.id, "--beam", 1, picture, broken, "--attention", tmp_path / "strips")
    out, _ = command(*given, code=1)
    said = json.loads(out.splitlines()[0])["caption"]
    (drawn,) = (tmp_path / "strips").iterdir()
    with Image.open(drawn) as image:
        assert image.info["Description"] == said.lower().rstrip(".")
        pixels = np.asarray(image.convert("RGB")).astype(int)
    cells = [pixels[8:152, left : left + 192] for left in range(8, pixels.shape[1] - 192, 200)]
    assert any((cell != cells[0]).any() for cell in cells[1:])  # the first is the picture itself


@pytest.mark.parametrize("ending", ["srt", "vtt", "csv", "json"])
def test_a_video_becomes_subtitles(command: Command, film: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"film.{ending}"
    out, err = command("caption", film, "--srt", target, "--every", "0.5", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert told
    assert told[0]["begin"] == 0
    assert told[-1]["end"] == pytest.approx(4.0, abs=0.11)
    assert [one["begin"] for one in told[1:]] == [one["end"] for one in told[:-1]]
    assert f"{len(told)} caption" in err
    assert f"in film.{ending}." in err
    if ending in ("srt", "vtt"):
        events = list(pysubs2.load(str(target)))
        assert [event.text for event in events] == [one["caption"] for one in told]
        assert [event.start / 1000 for event in events] == pytest.approx([one["begin"] for one in told], abs=0.001)
    else:
        assert all(one["caption"] in target.read_text("utf-8") for one in told)
    target.write_text("mine")
    _, err = command("caption", film, "--srt", target, code=1)
    assert "--overwrite" in err
    assert target.read_text() == "mine"


def test_a_video_is_told_with_its_times(command: Command, film: Path) -> None:
    out, err = command("caption", film, "--every", "1")
    assert out.startswith("0:00.0  ")
    assert "4 looks at 0:03.0 of video" in err


def test_times_are_written_as_people_do() -> None:
    assert [_clock(seconds) for seconds in (0, 7.46, 59.99, 3727.5)] == ["0:00.0", "0:07.5", "1:00.0", "1:02:07.5"]


def test_a_camera_is_looked_through(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    camera = FakeCamera("Lid camera")
    FakeCameras(camera).install(monkeypatch)
    target = tmp_path / "seen.srt"
    out, err = command("caption", "--camera", "0", "--seconds", "0.3", "--srt", target)
    assert out.startswith("0:00.")
    assert set(out.split()[1:]) & set(captioners.WORDS)
    assert "from frame to text" in err
    assert target.exists()
    assert not camera.on


def test_a_camera_that_gives_only_black(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.media.capture.BLACK_AFTER", 0.05)
    camera = FakeCamera("Lid camera")
    camera.value = 3
    FakeCameras(camera).install(monkeypatch)
    _, err = command("caption", "--camera", "0", "--seconds", "0.5")
    assert err.count("Lid camera gives only black pictures: its cover may be closed") == 1


def test_what_was_said_is_kept_when_the_camera_is_pulled_out(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    camera = FakeCamera("Lid camera")
    FakeCameras(camera).install(monkeypatch)
    offer = caption_time._Telling.offer

    def unplug(telling: Any, *said: Any) -> None:
        offer(telling, *said)
        camera.plugged = False

    monkeypatch.setattr(caption_time._Telling, "offer", unplug)
    out, err = command("caption", "--camera", "0", "--json", "--srt", tmp_path / "seen.json", code=1)
    assert "Lid camera is not plugged in" in err
    (said,) = json.loads((tmp_path / "seen.json").read_text())["captions"]
    assert json.loads(out.splitlines()[0])["caption"] == said["caption"]


def test_what_was_said_is_kept_when_a_video_is_cancelled(
    command: Command, film: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offer = caption_time._Telling.offer

    def press(telling: Any, *said: Any) -> None:
        offer(telling, *said)
        raise KeyboardInterrupt

    monkeypatch.setattr(caption_time._Telling, "offer", press)
    _, err = command("caption", film, "--srt", tmp_path / "film.srt", code=130)
    assert "1 caption is in film.srt" in err
    assert "Cancelled after 0:00.0 of the video." in err
    assert len(pysubs2.load(str(tmp_path / "film.srt"))) == 1


def test_a_folder_that_is_not_there_is_told_before_the_work(command: Command, film: Path, tmp_path: Path) -> None:
    out, err = command("caption", film, "--srt", tmp_path / "gone" / "film.srt", code=1)
    assert "film.srt can't be written: its folder isn't there. Make it first." in err
    assert not out


def test_a_camera_that_is_not_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    unplugged = FakeCamera(index=3)
    unplugged.plugged = False
    FakeCameras(unplugged).install(monkeypatch)
    _, err = command("caption", "--camera", "3", "--seconds", "1", code=1)
    assert "Camera 3 is not plugged in" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "What is to be described?"),
        (["a.jpg", "--camera", "0"], "Either a camera or files"),
        (["a.jpg", "--seconds", "5"], "--seconds goes with --camera"),
        (["a.jpg", "--srt", "a.srt"], "--srt and --every go with one video"),
        (["a.mp4", "b.jpg"], "A video is described alone"),
        (["a.mp4", "--attention", "d"], "--attention goes with pictures"),
        (["a.mp4", "--srt", "a.doc"], "--srt wants a name that ends with .srt"),
        (["--camera", "0", "--every", "1"], "don't go with --camera"),
        (["a.jpg", "--beam", "11"], "“11” is not a number from 1 to 10"),
        (["a.mp4", "--every", "0"], "“0” is not a number of seconds above zero"),
        (["a.mp4", "--every", "nan"], "“nan” is not a number of seconds"),
        (["--camera", "-1"], "“-1” is not a camera's number"),
        (["--camera", "x"], "“x” is not a camera's number"),
        ([""], "an empty name can't be opened"),
        (["a.jpg", "--model", "efficientnet"], "There is no model “efficientnet”"),
        (["a.jpg", "--model", "captioner,captioner2"], "There is no model “captioner2”"),
    ],
)
def test_wrong_usage(command: Command, arguments: list[str], said: str) -> None:
    out, err = command("caption", *arguments, code=2)
    assert said in err
    assert not out


def test_a_classifier_describes_nothing_and_the_captioner_classifies_nothing(command: Command, picture: Path) -> None:
    _, err = command("classify", picture, "--model", "captioner", code=2)
    assert "The model “captioner” doesn't classify pictures (its task is “caption”)" in err
    _, err = command("caption", picture, "--model", "resnet18", code=2)
    assert "resnet18" in err


def test_damaged_videos(command: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing" * 100)
    _, err = command("caption", bad, "--srt", tmp_path / "bad.srt", code=1)
    assert err.startswith("triptych: bad.mp4")
    assert not (tmp_path / "bad.srt").exists()


def test_the_captioner_is_among_the_models(command: Command) -> None:
    (line,) = [line for line in command("models", "list")[0].splitlines() if line.startswith("captioner")]
    assert "ready" in line
    assert "CIDEr 0.581" in line
    out, _ = command("models", "list", "--json")
    (card,) = [json.loads(line) for line in out.splitlines()]
    assert card["task"] == "caption"
    assert card["measured"][0]["scores"] == {"CIDEr": 0.581, "BLEU-4": 0.225}
    assert card["measured"][0]["top1"] is None
    out, _ = command("models", "verify", "captioner")
    assert out.startswith("sound")
    assert "CIDEr 0.581, BLEU-4 0.225 on a test, measured by us" in out


# In another language as well


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A translator into German beside the captioner: it says the words backwards."""
    from tests import parrots

    weights = tmp_path / "weights"
    shutil.copytree(captioners.folder(), weights)
    parrots.install(monkeypatch, weights)


def backwards(caption: str) -> str:
    return " ".join(reversed(as_sentence(caption).split()))


def test_pictures_in_another_language(command: Command, parrot: None, picture: Path) -> None:
    out, _ = command("caption", picture, "--to", "German", "--json", "--beam", "1")
    said = json.loads(out)
    assert said["translation"] == backwards(said["caption"])
    out, _ = command("caption", picture, "--to", "de", "--beam", "1")
    assert out.splitlines()[1:3] == [f"  {said['caption']}", f"  {said['translation']}"]


def test_subtitles_in_both_languages(command: Command, parrot: None, film: Path, tmp_path: Path) -> None:
    target = tmp_path / "film.srt"
    out, _ = command("caption", film, "--srt", target, "--every", "1", "--json", "--to", "de")
    told = [json.loads(line) for line in out.splitlines()]
    assert told
    assert all(one["translation"] == backwards(one["caption"]) for one in told)
    events = list(pysubs2.load(str(target)))
    assert [event.plaintext for event in events] == [f"{one['caption']}\n{one['translation']}" for one in told]
    out, _ = command("caption", film, "--every", "4", "--to", "de")
    first, second = out.splitlines()[:2]
    assert second.strip() == backwards(first.split("  ", 1)[1])


def test_a_language_that_nothing_translates_into(command: Command, parrot: None, picture: Path) -> None:
    _, err = command("caption", picture, "--to", "fr", code=2)
    assert "nothing here translates them into French: there is --to de." in err
    _, err = command("caption", picture, "--to", "nl", code=2)
    assert "“nl” is none of the languages: de (German), fr (French), es (Spanish)" in err


def test_no_translator_at_all(command: Command, picture: Path) -> None:
    _, err = command("caption", picture, "--to", "de", code=2)
    assert "nothing here translates them into German: there is none." in err


def test_what_is_remembered_of_a_long_film_is_bounded(parrot: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli import interpreter
    from app.store.catalog import Store

    monkeypatch.setattr(interpreter, "KEPT", 2)
    with interpreter.Interpreter(Store(), "de", "cpu") as interpret:
        said = [interpret(text) for text in ("a dog", "a cat", "a man", "a dog")]
        assert said[0] == said[-1]
        assert len(interpret._known) == 2
