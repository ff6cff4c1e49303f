"""Documents: brought in, translated, saved beside the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData

from app.gui.translate.intake import offer
from tests.gui.dropping import drop, of_files


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def over(panel: Any) -> bool:
    return not panel.documents.running and any("Saved" in words for words in panel.strips.sentences())


def test_a_dropped_text_is_saved_beside_the_original(panel: Any, write: Any, qtbot: Any) -> None:
    panel.choice.choose_source("en")
    path = write("story.txt", "the dog runs.\r\n\r\n  - one thing\r\n")
    drop(panel, of_files(path))
    qtbot.waitUntil(lambda: over(panel))
    assert (path.parent / "story.de.txt").read_bytes() == b"der Hund RUNS.\r\n\r\n  - ONE THING\r\n"
    assert panel.strips.sentences() == ["Saved: story.de.txt"]
    assert panel.strips._shown[0].buttons[0].text() == "Show the folder"
    assert not panel.left.progress.running


def test_subtitles_in_their_own_language(panel: Any, engine: Any, write: Any, qtbot: Any) -> None:
    first, second = "1\n00:00:01,000 --> 00:00:03,500\n", "2\n00:00:04,000 --> 00:00:05,000\n"
    path = write("film.srt", f"{first}Der Hund läuft durch den Schnee.\n\n{second}Und dann?\n")
    panel.open_paths([path])
    qtbot.waitUntil(lambda: over(panel), timeout=8000)
    assert engine.asked("TranslateAll")[0].source == "de"
    said = f"{first}DER dog LÄUFT DURCH DEN SCHNEE.\n\n{second}UND DANN?\n"
    assert (path.parent / "film.en.srt").read_text("utf-8") == said
    assert panel.choice.guessed == "en"  # the text in the field is another one


def test_several_come_one_after_the_other(panel: Any, write: Any, qtbot: Any) -> None:
    panel.choice.choose_source("en")
    paths = [write(f"{k}.txt", f"number {k} here.") for k in range(3)]
    panel.open_paths(paths)
    qtbot.waitUntil(lambda: (paths[2].parent / "2.de.txt").exists() and not panel.documents.running)
    assert (paths[0].parent / "0.de.txt").read_text() == "NUMBER 0 HERE."


def test_a_folder(panel: Any, write: Any, qtbot: Any, tmp_path: Path) -> None:
    panel.choice.choose_source("en")
    write("one.txt", "the dog.")
    write("picture.jpg", b"x")
    panel.open_paths([tmp_path])
    qtbot.waitUntil(lambda: over(panel))
    assert (tmp_path / "one.de.txt").read_text() == "der DOG."


def test_cancel_keeps_what_is_done(panel: Any, engine: Any, write: Any, qtbot: Any) -> None:
    panel.choice.choose_source("en")
    path = write("long.txt", "".join(f"sentence number {k} is here.\n" for k in range(5000)))
    done: list[int] = []

    def advanced(count: int, total: int) -> None:
        done.append(count)
        if count == 3:
            engine.gate.clear()

    panel.documents.advanced.connect(advanced)
    panel.open_paths([path])
    qtbot.waitUntil(lambda: bool(done) and done[-1] >= 3)
    panel.cancel()
    qtbot.waitUntil(lambda: not panel.documents.running)
    engine.gate.set()
    qtbot.waitUntil(lambda: (path.parent / "long.de.partial.txt").exists())
    kept = (path.parent / "long.de.partial.txt").read_text().splitlines()
    assert kept[:2] == ["SENTENCE NUMBER 0 IS HERE.", "SENTENCE NUMBER 1 IS HERE."]
    qtbot.waitUntil(lambda: bool(panel.strips.sentences()))
    assert f"{len(kept)} of 5000 sentences are translated" in panel.strips.sentences()[0]
    assert not (path.parent / "long.de.txt").exists()


def test_closing_keeps_what_is_done(make_panel: Any, engine: Any, write: Any, qtbot: Any) -> None:
    panel = make_panel()
    panel.choice.choose_source("en")
    path = write("long.txt", "".join(f"sentence number {k} is here.\n" for k in range(5000)))
    panel.documents.advanced.connect(lambda count, total: engine.gate.clear() if count == 2 else None)
    panel.open_paths([path])
    qtbot.waitUntil(lambda: panel.documents._now is not None and panel.documents._now.done >= 2)
    panel.close_panel(5.0)
    assert (path.parent / "long.de.partial.txt").read_text().startswith("SENTENCE NUMBER 0 IS HERE.\n")
    engine.gate.set()


def test_damage_is_said_with_its_place_and_left_as_it_is(panel: Any, write: Any, qtbot: Any) -> None:
    panel.choice.choose_source("en")
    path = write("old.txt", "the dog é ü.\nthe man ".encode() + b"\xff runs.\n")
    panel.open_paths([path])
    qtbot.waitUntil(lambda: over(panel))
    assert any("line 2, byte 23 is not valid UTF-8" in words for words in panel.strips.sentences())
    assert b"\xff" in (path.parent / "old.de.txt").read_bytes()


def test_what_cannot_be_read_is_said(panel: Any, write: Any, qtbot: Any, tmp_path: Path) -> None:
    panel.open_paths([tmp_path / "gone.txt", write("empty.txt", "")])
    qtbot.waitUntil(lambda: len(panel.strips.sentences()) == 2)
    assert panel.strips.sentences() == [
        "There is nothing to translate in empty.txt.",
        "gone.txt can't be opened: there is no such file.",
    ]


def test_a_failure_of_the_network_keeps_what_is_done(panel: Any, engine: Any, write: Any, qtbot: Any) -> None:
    panel.choice.choose_source("en")
    engine.wrong = "There is not enough memory for this."
    panel.open_paths([write("a.txt", "the dog.")])
    qtbot.waitUntil(lambda: panel.strips.sentences() == [engine.wrong])
    assert not panel.documents.running


def test_without_a_network_nothing_is_read(make_panel: Any, write: Any) -> None:
    panel = make_panel(state="none")
    panel.open_paths([write("a.txt", "the dog.")])
    assert panel.strips.sentences() == ["No translator is here, so documents can't be translated."]


@pytest.mark.parametrize(
    ("names", "target", "words", "acceptable"),
    [
        (["a.txt"], "German", "“a.txt” to translate into German", True),
        (["a.txt", "b.srt"], "German", "2 documents to translate into German", True),
        (["a.pdf"], "German", "“a.pdf” can't be translated: only .txt and .srt files can", False),
        (["a.txt"], "", "No translator is here, so documents can't be translated", False),
    ],
)
def test_hovering_says_what_will_happen(
    tmp_path: Path, names: list[str], target: str, words: str, acceptable: bool
) -> None:
    found = offer(of_files(*(tmp_path / name for name in names)), target)
    assert (found.sentence, found.acceptable) == (words, acceptable)


def test_dropped_text_is_typed_in(panel: Any, shows: Any) -> None:
    mime = QMimeData()
    mime.setText("the dog")
    drop(panel, mime)
    shows(panel, "der Hund")


def test_a_folder_that_cannot_be_read_is_said(panel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    panel.open_paths([tmp_path])
    assert panel.strips.sentences() == [f"{tmp_path.name} can't be opened: Permission denied."]
    assert not panel.documents.running


def test_a_document_goes_to_the_device_that_was_chosen_since(panel: Any, engine: Any, write: Any, qtbot: Any) -> None:
    panel.test_context.settings.set("device", "cpu")
    panel.choice.choose_source("en")
    panel.open_paths([write("story.txt", "the dog runs.")])
    qtbot.waitUntil(lambda: over(panel))
    kinds = [type(request).__name__ for request in engine.seen]
    assert kinds.index("UseDevice") < kinds.index("TranslateAll")
