"""The Caption engine: random weights for what holds whatever they say; the embedded ones where they are there."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from app.engines.caption import (
    LONGEST,
    RUNNERS_UP,
    Caption,
    CaptionEngine,
    CaptionError,
    Describe,
    Described,
    DescribedFile,
    DescribeFiles,
)
from app.engines.models import LoadModel, ModelStatus, ReleaseModel, UseDevice
from app.media import inputs
from app.media.pictures import Picture, PictureError, decode
from app.media.videos import Video
from app.runtimes import devices
from app.store import locate
from app.store.catalog import Store
from app.store.errors import StoreError
from app.worker import Cancelled, Done, Partial, Ticket, Worker
from tests import captioners
from tests.captioners import MODEL, SQUEEZED, WORDS
from tests.engines.steps import drain

SAMPLES = tuple(sorted((locate.bundled("assets") / "samples").glob("*.jpg")))


@pytest.fixture
def _random_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    captioners.install(monkeypatch)


@pytest.fixture
def engine(_random_weights: None) -> Iterator[CaptionEngine]:
    made = CaptionEngine(Store(), "cpu")
    yield made
    made.close()


def ask(engine: CaptionEngine, request: Any, ticket: Ticket | None = None) -> tuple[list[Any], Any]:
    """(what came on the way, what came at the end)."""
    return drain(engine.handle(request, ticket or Ticket("caption")))


def texts(described: Described) -> list[str]:
    return [caption.text for caption in described.captions]


# What holds whatever the weights say


@pytest.mark.parametrize("beam", [1, 3, 10])
def test_a_picture_is_described_word_by_word(engine: CaptionEngine, beam: int) -> None:
    growing, described = ask(engine, Describe(SAMPLES[1], MODEL, beam))
    assert isinstance(described, Described)
    assert (described.model, described.device, described.runtime) == (MODEL, devices.cpu().name, "openvino")
    assert 1 <= len(described.captions) <= beam
    assert described.encoder_ms > 0
    assert described.decoder_ms > 0
    assert described.scene is not None
    assert described.scene.shape == (1280,)
    # A word more each time, unless another hypothesis has overtaken the one that led.
    assert [len(caption.words) for caption in growing if not caption.finished][:2] == [1, 2]
    if beam == 1:
        whole = described.captions[0].text.split()
        assert [caption.text.split() for caption in growing] == [whole[: k + 1] for k in range(len(growing))]
    scores = [caption.score for caption in described.captions]
    assert scores == sorted(scores, reverse=True)
    assert len(set(texts(described))) == len(described.captions)


def test_every_word_has_its_probability_its_runners_up_and_where_it_was_looked_for(engine: CaptionEngine) -> None:
    _, described = ask(engine, Describe(SAMPLES[0], MODEL, 3))
    for caption in described.captions:
        assert 1 <= len(caption.words) <= LONGEST
        assert caption.logprob <= sum(math.log(word.p) for word in caption.words) + 1e-4  # and its end
        assert caption.score >= caption.logprob  # the length penalty divides what is below zero
        for word in caption.words:
            assert word.text in WORDS[4:]
            assert 0 < word.p <= 1
            assert word.attention is not None
            assert word.attention.shape == (7, 7)
            assert word.attention.dtype == np.float32
            assert float(word.attention.sum()) == pytest.approx(1, abs=1e-4)
            shares = [p for _, p in word.runners_up]
            assert len(shares) == RUNNERS_UP
            assert shares == sorted(shares, reverse=True)
            assert word.p + sum(shares) <= 1 + 1e-4
            assert not {text for text, _ in word.runners_up} & {word.text, *WORDS[:4]}


def test_without_details_there_are_words_alone(engine: CaptionEngine) -> None:
    _, whole = ask(engine, Describe(SAMPLES[0], MODEL, 3))
    _, bare = ask(engine, Describe(SAMPLES[0], MODEL, 3, details=False))
    assert texts(bare) == texts(whole)
    assert all(word.runners_up == () and word.attention is None for word in bare.captions[0].words)


def test_the_numbers_are_the_network_s(engine: CaptionEngine) -> None:
    """Step by step through the plain module, in float32: the same probabilities, the same attention."""
    import torch

    from app.nets.captioner import START
    from app.runtimes.torch_runtime import build

    _, described = ask(engine, Describe(SAMPLES[1], MODEL, 3))
    store = Store()
    card = store.card(MODEL)
    net: Any = build(card, store)
    with torch.inference_mode():
        places = net.look(torch.from_numpy(inputs.tensor(SAMPLES[1], card.preprocessing)[None]))
        for caption in described.captions:
            state, word, total = net.decoder.start(places), START, 0.0
            for said in caption.words:
                logits, attention, state = net.decoder.step(torch.tensor([word]), state, places)
                p = logits.softmax(-1)[0]
                word = WORDS.index(said.text)
                total += math.log(float(p[word]))
                # The encoder may run in bfloat16.
                assert said.p == pytest.approx(float(p[word]), abs=0.05)
                assert said.attention is not None
                assert np.abs(said.attention.ravel() - attention[0].numpy()).max() < 0.08
            logits, _, _ = net.decoder.step(torch.tensor([word]), state, places)
            if caption.finished:
                total += float(logits.log_softmax(-1)[0, 3])
            assert caption.logprob == pytest.approx(total, rel=0.05, abs=0.2)


def test_where_openvino_is_missing_torch_does_it(engine: CaptionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)  # importing it raises ImportError
    growing, described = ask(engine, Describe(SAMPLES[0], MODEL, 3, prefix=("the",)))
    assert described.runtime == "torch"
    assert growing[0].text == "the"
    assert len(described.captions) == 3


def test_a_beginning_is_kept_and_gone_on_from(engine: CaptionEngine) -> None:
    prefix = ("a", "dog", "in")
    for beam in (1, 4):
        growing, described = ask(engine, Describe(SAMPLES[2], MODEL, beam, prefix))
        for caption in described.captions:
            assert tuple(word.text for word in caption.words[:3]) == prefix
            assert len(caption.words[1].runners_up) == RUNNERS_UP
        assert [caption.text for caption in growing[:3]] == ["a", "a dog", "a dog in"]


def test_choosing_what_was_said_anyway_changes_nothing(engine: CaptionEngine) -> None:
    _, free = ask(engine, Describe(SAMPLES[2], MODEL, 1))
    first = tuple(word.text for word in free.captions[0].words[:2])
    _, forced = ask(engine, Describe(SAMPLES[2], MODEL, 1, first))
    assert texts(forced) == texts(free)
    assert forced.captions[0].logprob == pytest.approx(free.captions[0].logprob, abs=1e-3)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Describe(SAMPLES[0], MODEL, prefix=("a", "zebra")), "“zebra” is none of the 20 words that Captioner knows"),
        (Describe(SAMPLES[0], MODEL, prefix=("<end>",)), "“<end>” is none of the"),
        (Describe(SAMPLES[0], MODEL, prefix=("a",) * LONGEST), "A caption has 20 words at most"),
        (Describe(SAMPLES[0], MODEL, beam=11), "A beam of 11 can't be searched"),
        (DescribeFiles(SAMPLES, MODEL, beam=0), "A beam of 0 can't be searched"),
    ],
)
def test_what_cannot_be_done_is_said(engine: CaptionEngine, request_: Any, said: str) -> None:
    with pytest.raises(CaptionError) as raised:
        ask(engine, request_)
    assert said in (engine.explain(raised.value) or "")


def test_a_file_that_is_no_picture_and_a_frame_that_is_none(engine: CaptionEngine, tmp_path: Path) -> None:
    for what in (tmp_path / "gone.png", np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(PictureError) as raised:
            ask(engine, Describe(what, MODEL))
        assert engine.explain(raised.value)


# Many files


def test_a_folder_keeps_its_order_and_goes_on_over_damaged_files(engine: CaptionEngine, tmp_path: Path) -> None:
    """21 files: more than two batches, the last of which is not full; two of them are damaged."""
    files = []
    for k in range(21):
        file = tmp_path / f"{k}.png"
        if k in (4, 20):
            file.write_bytes(b"nothing")
        else:
            Image.fromarray(decode(SAMPLES[k % 4]).pixels).rotate(9 * k).save(file)
        files.append(file)
    results, count = ask(engine, DescribeFiles(tuple(files), MODEL, 3))
    assert count == 21
    assert [result.path for result in results] == files
    assert all(isinstance(result, DescribedFile) for result in results)
    for k, result in enumerate(results):
        if k in (4, 20):
            assert "not a picture" in (result.error or "")
            continue
        assert result.described is not None
        _, alone = ask(engine, Describe(files[k], MODEL, 3))
        # Together or alone: but for rounding, the same.
        assert texts(result.described)[0] in texts(alone)
        assert result.described.captions[0].logprob == pytest.approx(alone.captions[0].logprob, rel=0.05, abs=0.3)


def test_asked_again_a_folder_goes_on_behind_what_is_answered(engine: CaptionEngine) -> None:
    ticket = Ticket("caption")
    steps = engine.handle(DescribeFiles(SAMPLES, MODEL, 1), ticket)
    first = next(value for value in steps if value is not None)
    steps.close()
    rest, count = ask(engine, DescribeFiles(SAMPLES, MODEL, 1), ticket)
    assert [result.path for result in (first, *rest)] == list(SAMPLES)
    assert count == len(SAMPLES)


def test_a_cancelled_folder_leaves_no_thread(engine: CaptionEngine) -> None:
    ticket = Ticket("caption")
    steps = engine.handle(DescribeFiles(SAMPLES * 4, MODEL, 3), ticket)
    next(value for value in steps if value is not None)
    ticket.cancel()
    steps.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("triptych-decode")]


# Cancelling


@pytest.mark.usefixtures("_random_weights")
def test_cancelling_stops_at_the_next_word() -> None:
    """Through the worker: the flag is looked at each word."""
    words: list[Caption] = []
    ended = threading.Event()
    answers: list[Any] = []
    ticket: list[Ticket] = []
    came = threading.Event()

    def deliver(answer: Any) -> None:
        answers.append(answer)
        if isinstance(answer, Partial):
            words.append(answer.value)
            came.wait(10)  # until the ticket is known here
            ticket[0].cancel()
        if isinstance(answer, Cancelled | Done):
            ended.set()

    store = Store()
    worker = Worker({"caption": lambda: CaptionEngine(store, "cpu")}, deliver)
    worker.start()
    try:
        ticket.append(worker.post("caption", Describe(SAMPLES[0], MODEL, 3)))
        came.set()
        assert ended.wait(60)
    finally:
        worker.close(10)
    assert isinstance(answers[-1], Cancelled)
    assert len(words) == 1  # none after the flag was set


def test_each_word_is_a_step(engine: CaptionEngine) -> None:
    """Between two steps the worker looks at the cancel flag."""
    steps = engine.handle(DescribeFiles(SAMPLES, MODEL, 3), Ticket("caption"))
    before_the_first = 0
    while (answer := next(steps)) is None:
        before_the_first += 1
    steps.close()
    assert before_the_first > len(answer.described.captions[0].words)


# Models and the device


def test_it_is_loaded_and_released(engine: CaptionEngine) -> None:
    _, status = ask(engine, LoadModel(MODEL))
    assert isinstance(status, ModelStatus)
    assert (status.loaded, status.runtime) == (True, "openvino")
    assert ask(engine, ReleaseModel(MODEL))[1] == ModelStatus(MODEL, False)
    assert ask(engine, UseDevice("cpu"))[1] == devices.cpu().name
    with pytest.raises(TypeError, match="no answer to str"):
        ask(engine, "hello")


def test_a_full_gpu_is_left_for_the_cpu(engine: CaptionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(engine, LoadModel(MODEL))
    engine._device = devices.Device("cuda", "A card")
    monkeypatch.setattr(devices, "free_memory", lambda error: None)
    said = engine.out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert said is not None
    assert "The memory of A card is full" in said
    assert ask(engine, LoadModel(MODEL))[1].device == devices.cpu().name


def test_a_damaged_file_is_said_and_the_rest_goes_on(
    tmp_path: Path, engine: CaptionEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = captioners.write(tmp_path)
    content = bytearray((tmp_path / card.file).read_bytes())
    content[len(content) // 2] ^= 0x40
    (tmp_path / card.file).write_bytes(content)
    captioners.install(monkeypatch, tmp_path)
    store = Store()
    assert not store.verify(MODEL).ok
    broken = CaptionEngine(store, "cpu")
    with pytest.raises(StoreError) as raised:
        ask(broken, Describe(SAMPLES[0], MODEL))
    assert "install Triptych again" in (broken.explain(raised.value) or "")
    with pytest.raises(StoreError, match="There is no model “nobody”"):
        ask(broken, Describe(SAMPLES[0], "nobody"))


# The same pixels on every way


def test_file_picture_camera_and_video_make_the_same_tensor(engine: CaptionEngine, tmp_path: Path) -> None:
    picture = decode(SAMPLES[0])  # 512 × 512: no way shrinks it while decoding
    bgr = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2BGR)
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"FFV1"), 10, bgr.shape[1::-1])
    assert writer.isOpened()
    writer.write(bgr)
    writer.release()
    stream = Video(film).open()
    frame = stream.read()
    stream.close()
    assert frame is not None
    still = tmp_path / "still.png"
    Image.fromarray(picture.pixels).save(still)
    ways = {"file": still, "jpeg": SAMPLES[0], "picture": picture, "camera": bgr, "video": frame.pixels}
    tensors = {name: inputs.tensor(way, SQUEEZED) for name, way in ways.items()}
    for name in ("file", "jpeg", "camera"):
        np.testing.assert_array_equal(tensors[name], tensors["picture"])
    # The codec is lossless, but its colours may be kept as YUV.
    assert np.abs(tensors["video"] - tensors["picture"]).mean() < 0.02
    said = {name: ask(engine, Describe(way, MODEL, 3))[1].captions[0] for name, way in ways.items()}
    for name in ("file", "jpeg", "camera"):
        assert said[name].text == said["picture"].text
        assert said[name].logprob == said["picture"].logprob
    if surely(said["picture"]):
        assert said["video"].text == said["picture"].text


def surely(caption: Caption) -> bool:
    """No word of it was a near tie."""
    return all(word.p > 1.5 * word.runners_up[0][1] for word in caption.words)


def test_the_whole_picture_is_squeezed() -> None:
    """As the training pictures are: nothing is cut off."""
    pixels = np.zeros((100, 300, 3), np.uint8)
    pixels[:, :2], pixels[:, -2:] = (255, 0, 0), (0, 0, 255)
    x = inputs.tensor(Picture("wide", pixels, (300, 100), "PNG"), SQUEEZED)
    assert x.shape == (3, 224, 224)
    assert x[0, :, 0].min() > 0.5  # red at the left edge ...
    assert x[2, :, -1].min() > 0.5  # ... and blue at the right one
    assert x.min() >= -127 / 128 - 1e-5
    assert x.max() <= 1 + 1e-5


# The embedded weights


@pytest.mark.skipif(
    not (locate.bundled("weights") / "captioner.safetensors").exists(), reason="the captioner's weights aren't here"
)
def test_the_embedded_captioner_says_what_is_there() -> None:
    """Of four pictures that come with the program; none of them is like what it learnt from."""
    store = Store()
    engine = CaptionEngine(store, "cpu")
    assert store.verify(MODEL).ok
    said = {path.stem: ask(engine, Describe(path, MODEL, 3))[1].captions[0] for path in SAMPLES}
    for caption in said.values():
        assert caption.finished
        assert 3 <= len(caption.words) <= LONGEST
        assert caption.words[0].text in ("a", "the", "two", "an", "people", "man", "woman")
    assert {"man", "woman", "person", "girl", "boy", "child", "lady"} & {w.text for w in said["astronaut"].words}
