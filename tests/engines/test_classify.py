"""The Classify engine: the embedded network on the sample pictures, and fake networks for what rarely happens."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engines import gradcam
from app.engines.classify import (
    Classification,
    Classify,
    ClassifyEngine,
    ClassifyFiles,
    Explain,
    FileResult,
    HeatMap,
    LoadModel,
    ModelFailed,
    ModelStatus,
    ReleaseModel,
    UseDevice,
)
from app.engines.models import MOST_LOADED
from app.media.pictures import Picture, PictureError, decode
from app.media.preprocess import apply, seen_box
from app.runtimes import Head, Output, devices
from app.runtimes.devices import Device, DeviceError
from app.store.catalog import Store
from app.store.errors import StoreError
from app.store.labels import labels
from app.store.locate import bundled
from app.worker import Ticket
from tests.engines.steps import drain

MODEL = "efficientnet-lite0"
NAMES = ("astronaut", "chelsea", "coffee", "rocket")
CATS = {"tabby", "tiger cat", "Egyptian cat"}


def path(name: str) -> Path:
    return bundled("assets") / "samples" / f"{name}.jpg"


def sample(name: str) -> Picture:
    return decode(path(name))


def ask(engine: ClassifyEngine, request: Any, ticket: Ticket | None = None) -> tuple[list[Any], Any]:
    """(what came on the way, what came at the end)."""
    return drain(engine.handle(request, ticket or Ticket("classify")))


@pytest.fixture
def engine() -> Iterator[ClassifyEngine]:
    made = ClassifyEngine(Store(), "cpu")
    yield made
    made.close()


@pytest.fixture(scope="module")
def exact() -> Any:
    """The embedded network in float32 through torch: name of a sample -> probabilities (1000,)."""
    from app.engines.classify import _softmax
    from app.runtimes.torch_runtime import TorchNetwork

    store = Store()
    card = store.card(MODEL)
    network = TorchNetwork(card, store, devices.cpu())
    return {
        name: _softmax(network.run(apply(sample(name).pixels, card.preprocessing)[None]).logits[0]) for name in NAMES
    }


# The real thing


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_named(engine: ClassifyEngine, exact: dict[str, np.ndarray], name: str) -> None:
    (answer,), end = ask(engine, Classify(sample(name), (MODEL,)))
    assert end is None
    assert isinstance(answer, Classification)
    assert (answer.model, answer.device) == (MODEL, devices.cpu().name)
    assert answer.probabilities.shape == (1000,)
    assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert answer.ms > 0
    names = labels("imagenet-1k")
    for line in answer.top:
        assert line.label == names[line.index]
        assert line.p == pytest.approx(float(answer.probabilities[line.index]))
    assert [line.index for line in answer.top] == np.argsort(-answer.probabilities)[:5].tolist()
    assert answer.probabilities == pytest.approx(exact[name], abs=0.05)
    expected = {"chelsea": CATS, "coffee": {"espresso"}, "rocket": {"missile", "projectile"}}
    first = answer.top[0].label
    assert first in expected.get(name, {names[int(exact[name].argmax())]})


def test_a_path_is_as_good_as_a_picture(engine: ClassifyEngine) -> None:
    (of_path,), _ = ask(engine, Classify(path("coffee"), (MODEL,), top=3))
    (of_picture,), _ = ask(engine, Classify(sample("coffee"), (MODEL,), top=3))
    assert len(of_path.top) == 3
    np.testing.assert_array_equal(of_path.probabilities, of_picture.probabilities)  # too small to be scaled down


def test_a_missing_model_fails_and_the_rest_stands(engine: ClassifyEngine) -> None:
    request = Classify(sample("chelsea"), ("resnet50-v2", MODEL, "nobody"))
    (absent, answer, unknown), _ = ask(engine, request)
    assert isinstance(absent, ModelFailed)
    assert absent.model == "resnet50-v2"
    assert "is not on this machine" in absent.sentence
    assert answer.top[0].label in CATS
    assert isinstance(unknown, ModelFailed)
    assert "There is no model “nobody”" in unknown.sentence


def test_a_file_that_is_no_picture_is_an_error_with_a_sentence(engine: ClassifyEngine, tmp_path: Path) -> None:
    with pytest.raises(PictureError) as raised:
        ask(engine, Classify(tmp_path / "gone.png", (MODEL,)))
    assert engine.explain(raised.value) == "gone.png could not be opened: there is no such file (any more)."


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Path, ...]:
    """21 files: more than two batches, the last of which is not full; two of them are damaged."""
    paths = []
    for k in range(21):
        file = tmp_path / f"{k}.jpg"
        if k in (3, 20):
            file.write_bytes(path("rocket").read_bytes()[:5000])
        else:
            shutil.copy(path(NAMES[k % 4]), file)
        paths.append(file)
    return tuple(paths)


def test_a_folder_keeps_its_order_and_goes_on_over_damaged_files(
    engine: ClassifyEngine, folder: tuple[Path, ...]
) -> None:
    batches, end = ask(engine, ClassifyFiles(folder, (MODEL, "nobody"), top=2))
    results: list[FileResult] = [result for batch in batches for result in batch]
    assert end == 21
    assert [result.path for result in results] == list(folder)
    assert [len(batch) for batch in batches] == [8, 8, 5]
    firsts = {"astronaut": set(), "chelsea": set(), "coffee": set(), "rocket": set()}  # type: dict[str, set[str]]
    for k, result in enumerate(results):
        if k in (3, 20):
            assert result.error is not None
            assert result.error.startswith(f"{k}.jpg could not be opened")
            assert result.answers == ()
            continue
        assert result.error is None
        answer, nobody = result.answers
        assert isinstance(answer, Classification)
        assert len(answer.top) == 2
        assert isinstance(nobody, ModelFailed)
        firsts[NAMES[k % 4]].add(answer.top[0].label)
    assert all(len(first) == 1 for first in firsts.values())  # alone or in a batch, the answer is the same
    assert firsts["chelsea"] <= CATS
    assert firsts["coffee"] == {"espresso"}


def test_an_empty_folder_and_one_without_a_single_picture(engine: ClassifyEngine, tmp_path: Path) -> None:
    assert ask(engine, ClassifyFiles((), (MODEL,))) == ([], 0)
    (tmp_path / "a.png").write_bytes(b"text")
    ((result,),), end = ask(engine, ClassifyFiles((tmp_path / "a.png",), (MODEL,)))
    assert end == 1
    assert "not a picture" in result.error


def test_a_folder_is_cancelled_between_two_batches(engine: ClassifyEngine, folder: tuple[Path, ...]) -> None:
    ticket = Ticket("classify")
    steps = engine.handle(ClassifyFiles(folder * 100, (MODEL,)), ticket)
    assert len(next(value for value in steps if value is not None)) == 8
    ticket.cancel()
    assert [value for value in steps if value is not None] == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("triptych-decode")]


def test_a_folder_that_nobody_wants_any_more_leaves_no_thread(engine: ClassifyEngine, folder: tuple[Path, ...]) -> None:
    steps = engine.handle(ClassifyFiles(folder, (MODEL,)), Ticket("classify"))
    next(value for value in steps if value is not None)
    steps.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("triptych-decode")]


def test_the_cat_is_in_the_middle_of_its_heat_map(engine: ClassifyEngine) -> None:
    picture = sample("chelsea")
    (answer,), _ = ask(engine, Classify(picture, (MODEL,)))
    partials, heat = ask(engine, Explain(picture, MODEL, answer.top[0].index))
    assert partials == []
    assert isinstance(heat, HeatMap)
    assert (heat.model, heat.target, heat.against, heat.method) == (MODEL, answer.top[0].index, None, gradcam.EXACT)
    assert heat.values.shape == (7, 7)
    assert heat.values.dtype == np.float32
    assert (heat.values.min() >= 0, heat.values.max()) == (True, 1)
    height, width = picture.pixels.shape[:2]
    assert heat.box == seen_box(width, height, Store().card(MODEL).preprocessing)
    # The cat fills the middle; the corners are its surroundings.
    row, column = np.unravel_index(int(heat.values.argmax()), heat.values.shape)
    assert 1 <= row <= 5
    assert 1 <= column <= 5
    inner, corners = heat.values[2:5, 2:5], heat.values[[0, 0, 6, 6], [0, 6, 0, 6]]
    assert inner.mean() > corners.max()


def test_the_heat_map_follows_the_object(engine: ClassifyEngine) -> None:
    """The same cup, at the left and at the right of a grey picture."""
    cup = np.asarray(sample("coffee").pixels)[::2, ::2][:200, 50:250]  # (200, 200, 3)
    columns = []
    for left in (0, 200):
        pixels = np.full((400, 400, 3), 128, np.uint8)
        pixels[100:300, left : left + 200] = cup
        picture = Picture("cup", pixels, (400, 400), "PNG")
        (answer,), _ = ask(engine, Classify(picture, (MODEL,)))
        assert answer.top[0].label in {"espresso", "cup", "coffee mug", "coffeepot", "eggnog"}
        _, heat = ask(engine, Explain(picture, MODEL, answer.top[0].index))
        columns.append(float((heat.values.sum(0) * np.arange(7)).sum() / heat.values.sum()))
    assert columns[0] < 2.5
    assert columns[1] > 3.5


def test_why_a_and_not_b_is_antisymmetric(engine: ClassifyEngine) -> None:
    picture = sample("coffee")
    (answer,), _ = ask(engine, Classify(picture, (MODEL,)))
    first, second = (line.index for line in answer.top[:2])
    _, one = ask(engine, Explain(picture, MODEL, first, against=second))
    _, other = ask(engine, Explain(picture, MODEL, second, against=first))
    assert (one.target, one.against) == (first, second)
    np.testing.assert_allclose(one.values, -other.values, atol=1e-6)
    assert np.abs(one.values).max() == 1


def test_through_fully_connected_layers_the_map_needs_a_gradient(
    engine: ClassifyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for AlexNet, which has no head: where both ways can be gone they lead to one map."""
    picture = sample("chelsea")
    _, exact_map = ask(engine, Explain(picture, MODEL, 285, against=504))
    network, _ = engine._network(MODEL)
    monkeypatch.setattr(network, "head", None)
    _, by_gradient = ask(engine, Explain(picture, MODEL, 285, against=504))
    assert (exact_map.method, by_gradient.method) == (gradcam.EXACT, gradcam.GRADIENT)
    np.testing.assert_allclose(by_gradient.values, exact_map.values, atol=0.05)  # OpenVINO's grid may be bfloat16


def test_loading_releasing_and_the_device(engine: ClassifyEngine) -> None:
    _, status = ask(engine, LoadModel(MODEL))
    assert status == ModelStatus(MODEL, True, devices.cpu().name, status.runtime, status.load_ms)
    assert status.runtime in ("openvino", "torch")
    assert status.load_ms > 0
    _, again = ask(engine, LoadModel(MODEL))
    assert again.load_ms < status.load_ms
    assert ask(engine, ReleaseModel(MODEL)) == ([], ModelStatus(MODEL, False))
    assert not engine._loaded
    assert ask(engine, ReleaseModel("nobody")) == ([], ModelStatus("nobody", False))
    assert ask(engine, UseDevice("cpu")) == ([], devices.cpu().name)
    with pytest.raises(DeviceError) as raised:
        ask(engine, UseDevice("tpu"))
    assert engine.explain(raised.value) == str(raised.value)
    with pytest.raises(StoreError):
        ask(engine, LoadModel("nobody"))
    with pytest.raises(TypeError, match="no answer to str"):
        ask(engine, "what")


# Fake networks


class Fake:
    """A network that says class 7, unless `fail` gives an error."""

    runtime = "torch"
    head: Head | None = None

    def __init__(self, name: str, device: Device) -> None:
        self.name, self.device = name, device
        self.best_batch = 4 if device.kind == "cpu" else 6
        self.batches: list[int] = []
        self.fail: Callable[[], None] | None = None

    def run(self, batch: np.ndarray) -> Output:
        self.batches.append(len(batch))
        if self.fail is not None:
            self.fail()
        logits = np.zeros((len(batch), 1000), np.float32)
        logits[:, 7] = 10
        return Output(logits, np.zeros((len(batch), 8, 7, 7), np.float32))


GPU = Device("cuda", "NVIDIA Test")


class Fakes:
    """Stands for app.runtimes.load and app.runtimes.devices, and keeps what was loaded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded: list[Fake] = []
        self.fail: Callable[[Fake], None] | None = None
        monkeypatch.setattr("app.runtimes.load", self.load)
        monkeypatch.setattr(devices, "choose", lambda wish="auto": devices.cpu() if wish == "cpu" else GPU)
        cards = {card.id: card for card in Store().cards("classify")}
        monkeypatch.setattr(Store, "card", lambda store, name: cards[name])

    def load(self, card: Any, store: Store, device: Device) -> Fake:
        fake = Fake(card.id, device)
        if self.fail is not None:
            fail = self.fail
            fake.fail = lambda: fail(fake)
        self.loaded.append(fake)
        return fake

    @property
    def names(self) -> list[str]:
        return [fake.name for fake in self.loaded]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    return Fakes(monkeypatch)


@pytest.fixture
def models() -> list[str]:
    return [card.id for card in Store().cards("classify")]


def test_the_least_recently_used_model_goes(fakes: Fakes, models: list[str]) -> None:
    engine = ClassifyEngine(Store())
    assert len(models) > MOST_LOADED
    for model in models[:MOST_LOADED]:
        ask(engine, LoadModel(model))
    ask(engine, Classify(sample("coffee"), (models[0],)))  # used, so that the second is the oldest now
    ask(engine, LoadModel(models[MOST_LOADED]))
    assert list(engine._loaded) == [*models[2:MOST_LOADED], models[0], models[MOST_LOADED]]
    ask(engine, LoadModel(models[0]))
    ask(engine, LoadModel(models[1]))
    assert fakes.names == [*models[: MOST_LOADED + 1], models[1]]


def test_choosing_a_device_releases_the_models(fakes: Fakes) -> None:
    engine = ClassifyEngine(Store(), "cpu")
    assert ask(engine, LoadModel(MODEL))[1].device == devices.cpu().name
    assert ask(engine, UseDevice("auto")) == ([], "NVIDIA Test")
    assert not engine._loaded
    ((answer,), _) = ask(engine, Classify(sample("coffee"), (MODEL,)))
    assert answer.device == "NVIDIA Test"


def test_another_file_under_the_same_name_is_loaded_anew(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    engine = ClassifyEngine(Store())
    ask(engine, LoadModel(MODEL))
    card = Store().card(MODEL)
    monkeypatch.setattr(Store, "card", lambda store, name: replace(card, sha256="0" * 64))
    ask(engine, LoadModel(MODEL))
    ask(engine, LoadModel(MODEL))
    assert fakes.names == [MODEL, MODEL]

    def gone(store: Store, name: str) -> Any:
        raise StoreError("There is no such model.")

    monkeypatch.setattr(Store, "card", gone)
    with pytest.raises(StoreError):
        ask(engine, LoadModel(MODEL))
    assert not engine._loaded


def test_a_change_of_device_reaches_a_folder_under_way(fakes: Fakes, folder: tuple[Path, ...]) -> None:
    engine = ClassifyEngine(Store(), "cpu")
    steps = engine.handle(ClassifyFiles(folder, (MODEL,)), Ticket("classify"))
    first = next(value for value in steps if value is not None)
    ask(engine, UseDevice("auto"))
    rest = [value for value in steps if value is not None]
    assert [len(first), *map(len, rest)] == [4, 6, 6, 5]
    assert [result.path for batch in (first, *rest) for result in batch] == list(folder)
    assert {answer.device for batch in rest for result in batch for answer in result.answers} == {"NVIDIA Test"}
    assert fakes.names == [MODEL, MODEL]


# Full memory


def full(kind: str) -> RuntimeError:
    if kind == "torch":
        import torch

        return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return RuntimeError(
        {
            "cublas": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "mps": "MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.00 GB)",
        }[kind]
    )


def run_with_retry(engine: ClassifyEngine, request: Any) -> tuple[list[Any], Any, list[str]]:
    """As the worker does it: the same request again, once, where the engine says that the memory was full."""
    from app.worker import Done, Failed, Notice, Partial, Worker

    answers: list[Any] = []
    ended = threading.Event()

    def deliver(answer: Any) -> None:
        answers.append(answer)
        if isinstance(answer, Done | Failed):
            ended.set()

    worker = Worker({"classify": lambda: engine}, deliver)
    worker.start()
    worker.enqueue("classify", request)
    assert ended.wait(60)
    assert worker.close(60)
    return (
        [answer.value for answer in answers if isinstance(answer, Partial)],
        answers[-1],
        [answer.sentence for answer in answers if isinstance(answer, Notice)],
    )


@pytest.mark.parametrize("kind", ["torch", "cublas", "mps"])
def test_a_full_memory_moves_to_the_cpu_and_no_file_is_answered_twice(
    fakes: Fakes, folder: tuple[Path, ...], kind: str
) -> None:
    def fail(fake: Fake) -> None:
        if fake.device.kind == "cuda" and len(fake.batches) == 2:
            raise full(kind)

    fakes.fail = fail
    batches, end, notices = run_with_retry(ClassifyEngine(Store()), ClassifyFiles(folder, (MODEL,)))
    assert notices == [
        "The memory of NVIDIA Test is full, so Triptych goes on on the CPU. Choose the device again to go back."
    ]
    assert end.value == len(folder)
    results = [result for batch in batches for result in batch]
    assert [result.path for result in results] == list(folder)
    assert [len(batch) for batch in batches] == [6, 4, 4, 4, 3]
    said = [result.answers[0].device for result in results if result.error is None]
    assert said == ["NVIDIA Test"] * 5 + [devices.cpu().name] * 14  # one of the first six files is damaged


def test_a_full_memory_at_the_second_model_of_a_picture(fakes: Fakes, models: list[str]) -> None:
    def fail(fake: Fake) -> None:
        if fake.device.kind == "cuda" and fake.name == models[1]:
            raise full("torch")

    fakes.fail = fail
    engine = ClassifyEngine(Store())
    answers, end, notices = run_with_retry(engine, Classify(sample("coffee"), tuple(models[:3])))
    assert [answer.model for answer in answers] == models[:3]
    assert [answer.device for answer in answers] == ["NVIDIA Test", devices.cpu().name, devices.cpu().name]
    assert len(notices) == 1
    del end
    gc.collect()
    assert not engine._answered  # of what is over nothing is kept


def test_only_a_gpu_s_full_memory_moves_to_the_cpu(fakes: Fakes) -> None:
    engine = ClassifyEngine(Store())
    assert engine.out_of_memory(full("torch")) is None  # no device yet
    ask(engine, LoadModel(MODEL))
    assert engine.out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert engine.out_of_memory(MemoryError("out of memory")) is None  # the machine's own: the CPU wouldn't help
    assert engine._loaded
    assert engine.out_of_memory(full("torch")) is not None
    assert not engine._loaded
    assert engine.out_of_memory(full("torch")) is None  # on the CPU by now


def test_what_filled_the_memory_is_let_go(fakes: Fakes) -> None:
    import weakref

    class Tensor:
        pass

    seen: list[weakref.ref[Tensor]] = []

    def fail(fake: Fake) -> None:
        tensor = Tensor()
        seen.append(weakref.ref(tensor))
        raise full("torch")

    fakes.fail = fail
    engine = ClassifyEngine(Store())
    with pytest.raises(RuntimeError) as raised:
        ask(engine, Classify(sample("coffee"), (MODEL,)))
    assert seen[0]() is not None  # the trace holds it
    assert engine.out_of_memory(raised.value) is not None
    assert seen[0]() is None


def test_expected_errors_have_a_sentence_and_faults_have_none() -> None:
    engine = ClassifyEngine(Store())
    assert engine.explain(KeyError("x")) is None
    assert "not enough memory" in str(engine.explain(MemoryError()))
    said = str(engine.explain(ImportError("libtorch.so: no such file", name="torch")))
    assert said.startswith("The library torch can't be loaded")
    assert "triptych doctor" in said


def test_without_any_runtime_a_model_fails_and_says_so(engine: ClassifyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(card: Any, store: Store, device: Device) -> Any:
        raise ImportError("No module named 'torch'", name="torch")

    monkeypatch.setattr("app.runtimes.load", missing)
    (failed,), _ = ask(engine, Classify(sample("coffee"), (MODEL,)))
    assert isinstance(failed, ModelFailed)
    assert failed.sentence.startswith("The library torch can't be loaded")
