"""An engine that describes pictures without a network, sources that a test steps by hand, and a panel around them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.gui.stand_in import StandIn

SENTENCES = {
    "red": "a red bird sits on a branch",
    "green": "a frog on green grass",
    "blue": "two people swim in the water",
    "dark": "a man in a dark room",
}


class FakeCaptioner(StandIn):
    """What it says follows from the picture's mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.word_gate = threading.Semaphore(1_000_000)  # a word needs one; taken away, words stop

    def answer(self, request: Any) -> Any:
        from app.engines import caption
        from app.media import pictures

        match request:
            case caption.Describe(picture=picture, beam=beam, prefix=prefix):
                words: list[Any] = []
                said = self.words(picture[..., ::-1], prefix)
                for k in range(len(said)):
                    while not self.word_gate.acquire(timeout=0.01):
                        yield None
                    words.append(self.word(said, k))
                    yield caption.Caption(tuple(words), -float(k + 1), -1.0, finished=False)
                return self.described(request.model, said, beam, picture)
            case caption.DescribeFiles(paths=paths, model=model, beam=beam):
                for path in paths:
                    yield None
                    try:
                        pixels = pictures.decode(path).pixels
                    except pictures.PictureError as error:
                        yield caption.DescribedFile(path, error=str(error))
                    else:
                        yield caption.DescribedFile(path, self.described(model, self.words(pixels, ()), beam, pixels))
                return len(paths)

    def words(self, rgb: np.ndarray, prefix: tuple[str, ...]) -> list[str]:
        mean = rgb.reshape(-1, 3).mean(axis=0)
        colour = "dark" if mean.max() < 60 else ("red", "green", "blue")[int(mean.argmax())]
        return [*prefix, *SENTENCES[colour].split()[len(prefix) :]]

    def word(self, said: list[str], k: int) -> Any:
        from app.engines.caption import Word

        attention = np.zeros((7, 7), np.float32)
        attention[k % 7, (2 * k) % 7] = 0.6
        attention += 0.4 / 49
        p = (0.92, 0.61, 0.22, 0.85, 0.47, 0.95)[k % 6]
        others = tuple((other, p * 0.4 / 2**n) for n, other in enumerate(("dog", "cat", "horse", "child", "bird")))
        return Word(said[k], p, tuple(one for one in others if one[0] != said[k]), attention)

    def described(self, model: str, said: list[str], beam: int, picture: np.ndarray) -> Any:
        from app.engines.caption import Caption, Described

        captions = []
        for n in range(beam):
            words = said if n == 0 else [*said[:-1], ("bench", "field", "street", "table")[n % 4]]
            captions.append(Caption(tuple(self.word(words, k) for k in range(len(words))), -6.5 - n, -0.9 - 0.1 * n))
        scene = np.asarray(picture.reshape(-1, 3).mean(axis=0), np.float32)
        return Described(model, tuple(captions), 12.0, 9.0, "CPU, test", "openvino", scene)


@pytest.fixture
def engine() -> FakeCaptioner:
    return FakeCaptioner()


@pytest.fixture
def engines(engine: FakeCaptioner) -> dict[str, Callable[[], Any]]:
    return {"caption": lambda: engine}


class CaptionStore:
    """One captioner's card, made of EfficientNet's."""

    def __init__(self, folders: Any, state: str = "ready", official: bool = False) -> None:
        from dataclasses import replace

        from app.store.catalog import Store

        base = Store(folders).card("efficientnet-lite0")
        self.folders = folders
        self.now = state
        self._card = replace(
            base,
            id="captioner",
            name="Captioner",
            task="caption",
            year=2026,
            measured=(),
            summary="A convolutional network that feeds an LSTM with attention.",
            limits="Trained on everyday scenes of people and animals; it makes things up elsewhere.",
            addresses=("https://example.org/captioner.safetensors",) if official else (),
        )

    def cards(self, task: str | None = None) -> Any:
        return (self._card,) if task in (None, "caption") and self.now != "none" else ()

    def card(self, model: str) -> Any:
        return self._card

    def state(self, card: Any) -> Any:
        from app.store.catalog import State

        return State(self.now)

    def size(self, card: Any) -> Any:
        return card.approximate_size

    def self_check(self, card: Any) -> None:
        return None


@pytest.fixture
def make_panel(qtbot: Any, home: Path, make_context: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A panel in view, as the window brings it there. `state` is that of the model's file, "none" for no model."""
    from app.gui.caption.panel import CaptionPanel
    from app.store.locate import folders

    panels = []

    def make(state: str = "ready", size: Any = (1280, 760), official: bool = False) -> Any:
        context = make_context(CaptionStore(folders(), state, official))
        panel = CaptionPanel(context)
        panel.test_context = context
        qtbot.addWidget(panel)
        panel.resize(*size)
        panel.show()
        panel.shown()
        context.worker.start()
        panels.append(panel)
        return panel

    yield make
    for panel in panels:
        panel.close_panel()


@pytest.fixture
def panel(make_panel: Callable[..., Any]) -> Any:
    return make_panel()


COLOURS = {"red": (200, 60, 40), "green": (60, 180, 50), "blue": (40, 80, 200), "dark": (20, 20, 20)}


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small picture of a colour; names that begin with "broken" get none."""

    def write(name: str, folder: str = "pictures") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("broken"):
            path.write_bytes(b"")
        else:
            colour = COLOURS.get(path.stem.split("-")[0], COLOURS["red"])
            Image.new("RGB", (64, 48), colour).save(path)
        return path

    return write


class HandStream:
    """A stream that gives what the test has put in; a live one waits for it."""

    def __init__(self, source: HandSource) -> None:
        self._source = source
        self.size = (64, 48)
        self.fps = None
        self.length = source.length
        self._count = 0
        self._closed = False
        source.opened += 1
        source.held += 1

    def read(self, after: float | None = None) -> Any:
        from app.media.sources import Frame, SourceError

        while not self._source.frames:
            if self._source.fails:
                raise SourceError(self._source.fails)
            if self._source.ends or self._closed:
                return None
            time.sleep(0.002)
        colour = self._source.frames.pop(0)
        pixels = np.empty((48, 64, 3), np.uint8)
        pixels[:] = COLOURS[colour][::-1]
        self._count += 1
        return Frame(pixels, self._count - 1, self._count / 30, time.perf_counter(), self._source.name)

    def seek(self, time: float) -> None:
        self._source.seeks.append(time)
        self._count = round(30 * time) - 1

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._source.held -= 1


class HandSource:
    """A camera or a video in a test's hand: `frames` are colours to be given; `fails` a sentence."""

    def __init__(self, name: str = "Test camera", live: bool = True, length: float | None = None) -> None:
        self.name, self.live, self.length, self.key = name, live, length, "test"
        self.frames: list[str] = []
        self.fails = ""
        self.fails_to_open = ""
        self.ends = False
        self.opened = self.held = 0
        self.seeks: list[float] = []

    def open(self) -> HandStream:
        from app.media.sources import SourceError

        if self.fails_to_open:
            raise SourceError(self.fails_to_open)
        return HandStream(self)


@pytest.fixture
def hand(panel: Any) -> Iterator[Callable[..., HandSource]]:
    """Makes sources; at the end whoever waits for a frame of them goes home."""
    made: list[HandSource] = []

    def make(*arguments: Any, **options: Any) -> HandSource:
        made.append(HandSource(*arguments, **options))
        return made[-1]

    yield make
    for source in made:
        source.ends = True


@pytest.fixture
def camera(hand: Callable[..., HandSource]) -> HandSource:
    return hand()


@pytest.fixture
def answered(qtbot: Any) -> Callable[..., None]:
    """Waits until a caption stands in large and nothing is on its way."""

    def wait(panel: Any, text: str | None = None) -> None:
        def ready() -> bool:
            caption = panel.reading.caption
            return caption is not None and (text is None or caption.text == text) and not panel.session.waiting

        qtbot.waitUntil(ready, timeout=10_000)

    return wait
