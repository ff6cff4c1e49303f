"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.cli import run
from app.engines.classify import Classification, FileResult, Label, ModelFailed
from app.media.pictures import PictureError, decode


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPTYCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "grün 1.png"
    Image.new("RGB", (40, 30), "green").save(file)
    return file


class Command:
    """Runs a command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path, code: int = 0) -> tuple[str, str]:
        """(stdout, stderr); fails where the exit code is another."""
        found = run([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        assert found == code, f"exit code {found}\n{out}\n{err}"
        assert "Traceback" not in out + err
        return out, err


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def answer(model: str) -> Classification:
    top = (Label(281, "tabby", 0.625), Label(285, "Egyptian cat", 0.0801), Label(282, "tiger cat", 0.03))
    return Classification(model, top, np.zeros(1000, np.float32), 7.4321, "CPU", "openvino")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Pictures are decoded, but every network says tabby; models put into the set fail."""
    failing: set[str] = set()

    def classify(cards: Any, paths: tuple[Path, ...], options: Any, tally: Any) -> Iterator[FileResult]:
        for path in paths:
            try:
                decode(path)
            except PictureError as error:
                yield FileResult(path, error=str(error))
                continue
            yield FileResult(
                path, tuple(ModelFailed(c.id, "It won't.") if c.id in failing else answer(c.id) for c in cards)
            )

    monkeypatch.setattr("app.cli.classify.classify", classify)
    return failing


@pytest.fixture
def two_models(monkeypatch: pytest.MonkeyPatch) -> str:
    """What to give to --model: two cards, both said to be ready."""
    from app.store.catalog import State, Store

    monkeypatch.setattr(Store, "state", lambda self, card: State.READY)
    return "efficientnet-lite0,resnet50-v2"
