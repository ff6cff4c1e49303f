"""The published checkpoints: what TensorFlow wrote is read, converted, and says what TensorFlow says.

data/gnmt and data/show_and_tell hold small checkpoints under the published names with random weights, and TensorFlow's
own answers (data/make_checkpoints.py). Spoilt ones are written here."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.nets import published_searches
from app.nets.beam import _Tensors
from app.store import architectures, convert, tensorflow, vocabulary, weights
from app.store.convert import WORDS, Kind
from app.store.errors import DownloadCancelled, StoreError
from app.store.vocabulary import CODES, END, SOURCE, START, TARGET
from tests.store import bundles

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "show_and_tell"
GNMT, SHOW = DATA / "gnmt" / "translate.ckpt.index", DATA / "show_and_tell" / "model.ckpt.index"
EXACT = {"atol": 1e-4, "rtol": 0}


def gnmt_texts() -> dict[str, bytes]:
    names = {SOURCE: "vocab.bpe.en", TARGET: "vocab.bpe.de", CODES: "bpe.codes"}
    return {name: (DATA / "gnmt" / file).read_bytes() for name, file in names.items()}


def show_texts() -> dict[str, bytes]:
    return {WORDS: (DATA / "show_and_tell" / "word_counts.txt").read_bytes()}


def expected(name: str) -> Mapping[str, np.ndarray]:
    with np.load(DATA / name / "expected.npz", allow_pickle=False) as kept:
        return dict(kept)


def network(index: Path, texts: dict[str, bytes], folder: Path, kind: Kind = "half") -> Any:
    """Converted, read back through the store, built."""
    target = folder / "converted.safetensors"
    architecture = convert.convert(index, target, texts, kind=kind)
    found, state = weights.read(target)
    assert found == architecture
    net = architectures.build(found, {name: tuple(tensor.shape) for name, tensor in state.items()})
    missing, surplus = net.load_state_dict({name: tensor.float() for name, tensor in state.items()}, strict=False)
    assert not surplus
    assert all(name.endswith(architectures.COUNTER) for name in missing)
    return net.requires_grad_(False)


@pytest.fixture(scope="module")
def gnmt(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return network(GNMT, gnmt_texts(), tmp_path_factory.mktemp("gnmt"))


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return network(SHOW, show_texts(), tmp_path_factory.mktemp("show"))


# What TensorFlow says


def test_gnmt_gives_tensorflow_s_logits(gnmt: Any) -> None:
    """Gate order, forget bias, attention, residuals, hand-over of states, padding, input feeding."""
    kept = expected("gnmt")
    source = torch.from_numpy(kept["sources"]) + 1  # ids begin with padding here
    for row, length in zip(source, kept["lengths"], strict=True):
        row[length:] = vocabulary.PAD
    logits, attention = gnmt.attended(source, torch.from_numpy(kept["targets"]) + 1)
    torch.testing.assert_close(logits[..., 1:], torch.from_numpy(kept["logits"]), **EXACT)
    torch.testing.assert_close(attention, torch.from_numpy(kept["attention"]), **EXACT)
    assert (logits[..., vocabulary.PAD] == convert.SHUT).all()
    assert float(logits[..., 1:].std()) > 0.5  # else 1e-4 would mean little


@pytest.mark.parametrize("k", range(8))
def test_gnmt_says_tensorflow_s_ten_best(gnmt: Any, k: int) -> None:
    """Step by step, as it is run."""
    from app.nets.gnmt_steps import Encode, Step

    kept = expected("gnmt")
    sentence = torch.from_numpy(kept[f"sentence {k}"]).unsqueeze(0) + 1
    speaker = _Stepping(Step(gnmt, (vocabulary.PAD,)), Encode(gnmt)(sentence))
    *_, last = published_searches.nmt(
        speaker, batch=1, start=START, end=END, beam=10, longest=[2 * sentence.shape[1]], alpha=1.0
    )
    wanted = [[int(token) + 1 for token in row] for row in kept[f"beam {k}"]]
    for found, tokens, log_p in zip(last[0], wanted, kept[f"log_p {k}"], strict=True):
        said = [spoken.token for spoken in found.last.chain()]
        assert found.finished == (END in tokens)
        assert said == (tokens[: tokens.index(END) + 1] if END in tokens else tokens)
        assert found.last.total == pytest.approx(float(log_p), abs=1e-4)


class _Stepping:
    """`Step` for one sentence."""

    def __init__(self, step: Any, encoded: tuple[torch.Tensor, ...]) -> None:
        self.step, self.memory, self.state = step, encoded[:3], encoded[3:]

    def advance(self, tokens: Any, parents: Any, inputs: Any, forced: int | None) -> Any:
        from app.nets.hypotheses import Offers

        given = torch.tensor([tokens]), torch.tensor([parents]), torch.tensor([0])
        best, which, _, attention, *self.state = self.step(*given, *self.state, *self.memory)
        return Offers(which.tolist(), best.tolist(), attention[0])


def pictures() -> torch.Tensor:
    """(5, 3, 299, 299) between -1 and 1, as the script showed them to TensorFlow."""
    small = expected("show_and_tell")["pictures"]
    large = np.repeat(np.repeat(small, 13, 1), 13, 2).astype(np.float32) / 127.5 - 1
    return torch.from_numpy(np.ascontiguousarray(large.transpose(0, 3, 1, 2)))


def order() -> list[int]:
    """The checkpoint's row of each id."""
    return vocabulary.show_and_tell(show_texts(), WORDS, 32)[1]


def test_show_and_tell_gives_tensorflow_s_grid(show: Any) -> None:
    """Padding of convolutions and poolings, averages at the border, batch normalisation without gamma."""
    wanted = torch.from_numpy(expected("show_and_tell")["grid"]).permute(0, 3, 1, 2)

    def wrong() -> float:
        return float((show.encoder.features(pictures()[:1]) - wanted).abs().max() / wanted.abs().max())

    assert wrong() < 1e-4
    averages = [module for module in show.modules() if isinstance(module, torch.nn.AvgPool2d)]
    try:
        for module in averages:
            module.count_include_pad = True
        assert wrong() > 0.01
    finally:
        for module in averages:
            module.count_include_pad = False


def test_show_and_tell_gives_tensorflow_s_logits(show: Any) -> None:
    kept, rows = expected("show_and_tell"), order()
    words = torch.tensor([[rows.index(int(word)) for word in row] for row in kept["words"]])
    logits, _ = show(pictures()[:2], words)
    assert words[0, 0] == START
    torch.testing.assert_close(logits[..., 1:], torch.from_numpy(kept["logits"])[..., rows[1:]], **EXACT)
    assert (logits[..., vocabulary.PAD] == convert.SHUT).all()


def test_show_and_tell_says_tensorflow_s_three_captions(show: Any) -> None:
    kept, rows = expected("show_and_tell"), order()
    places = show.look(pictures())
    speaker = _Tensors(
        lambda words, state, chosen: show.decoder.step(words, state, places.select(chosen)),
        show.decoder.start(places), 3, (), "cpu",
    )  # fmt: skip
    *_, last = published_searches.im2txt(speaker, batch=5, start=START, end=END, beam=3, longest=[19] * 5)
    for k, group in enumerate(last):
        said = [[rows[spoken.token] for spoken in found.last.chain()] for found in group]
        assert said == [[int(word) for word in row[1:] if word >= 0] for row in kept[f"captions {k}"]]
        assert [found.last.total for found in group] == pytest.approx(kept[f"log_p {k}"].tolist(), abs=1e-4)


# The files


def test_the_words_come_with_it(tmp_path: Path) -> None:
    target = tmp_path / "show.safetensors"
    assert convert.convert(SHOW, target, show_texts(), kind="half") == "show-and-tell"
    words = vocabulary.read(target)
    assert words[:7] == (*vocabulary.SPECIAL, "a", ".", "on")
    assert words[-1] == "<unused 31>"
    assert len(words) == 33
    target = tmp_path / "gnmt.safetensors"
    convert.convert(GNMT, target, gnmt_texts())
    from safetensors.numpy import load_file

    found = load_file(target)
    assert all(found[name].tobytes() == text for name, text in gnmt_texts().items())
    assert vocabulary.published(gnmt_texts(), SOURCE)[:4] == ("<unk>", "<s>", "</s>", "s0@@")
    assert vocabulary.codes(gnmt_texts()) == {("s", "1"): 0, ("t", "1</w>"): 1}


@pytest.mark.parametrize("name", ["gnmt", "show"])
def test_int8_is_what_the_codec_makes(name: str, gnmt: Any, show: Any, tmp_path: Path) -> None:
    """The same integers and scales as the shipped files have, and nearly the same numbers."""
    from safetensors.torch import load_file

    from app.store import int8

    index, texts, net = (GNMT, gnmt_texts(), gnmt) if name == "gnmt" else (SHOW, show_texts(), show)
    target = tmp_path / "coded.safetensors"
    convert.convert(index, target, texts, kind="int8")
    coded = load_file(target)
    state = {key: tensor for key, tensor in net.state_dict().items() if not key.endswith(architectures.COUNTER)}
    wanted = int8.encode(state)
    assert coded.keys() - set(texts) == wanted.keys()
    for key, tensor in wanted.items():
        assert coded[key].dtype == tensor.dtype
        assert torch.equal(coded[key], tensor), key
    other = network(index, texts, tmp_path, "int8")
    for key, tensor in state.items():
        error = (other.state_dict()[key] - tensor).abs().max()
        assert float(error) <= 0.006 * float(tensor.abs().max())


def test_progress_and_cancelling(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    target = tmp_path / "out.safetensors"
    convert.convert(GNMT, target, gnmt_texts(), progress=lambda done, total: seen.append((done, total)))
    total = sum(variable.size for variable in tensorflow.open_bundle(GNMT).variables.values())
    assert seen[-1] == (total - 8, total)  # all but the step counter
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    target.unlink()
    with pytest.raises(DownloadCancelled, match=r"The conversion of translate\.ckpt\.index was cancelled"):
        convert.convert(GNMT, target, gnmt_texts(), cancelled=lambda: True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(StoreError, match=r"out\.safetensors can't be written"):
        convert.convert(GNMT, tmp_path / "none" / "out.safetensors", gnmt_texts())


def test_memory_is_that_of_the_largest_variable(tmp_path: Path) -> None:
    """More words, so that three matrices are most of it: never two of them in memory."""
    variables, texts = variables_of(GNMT), gnmt_texts()
    rng = np.random.default_rng(3)
    count = 60_000
    for name in ("embeddings/encoder/embedding_encoder", "embeddings/decoder/embedding_decoder"):
        variables[name] = rng.standard_normal((count, 16), np.float32)
    variables["dynamic_seq2seq/decoder/output_projection/kernel"] = rng.standard_normal((16, count), np.float32)
    for name in (SOURCE, TARGET):
        texts[name] = "\n".join(f"w{k}" for k in range(count - 3)).encode()
    index = bundles.write(tmp_path / "large", variables)
    spec = convert.specify(tensorflow.open_bundle(index), texts)
    bundle = tensorflow.open_bundle(index)
    tracemalloc.start()
    try:
        convert._write(spec, bundle, tmp_path / "out", "int8", lambda done, total: None, lambda: False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    largest = count * 16 * 4
    assert peak < 1.1 * largest + 6 * 4 * convert._STEP  # and some copies of the rows that are turned


# Spoilt ones


def variables_of(index: Path) -> dict[str, np.ndarray]:
    bundle = tensorflow.open_bundle(index)
    return {name: bundle.read(name) for name in bundle.variables}


BOTTOM = "dynamic_seq2seq/decoder/multi_rnn_cell/cell_0_attention/attention/"
ABOVE = "dynamic_seq2seq/encoder/rnn/multi_rnn_cell/cell_1/basic_lstm_cell/"
ENCODED = "embeddings/encoder/embedding_encoder"


def without(*names: str) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda variables: [variables.pop(name) for name in names] and None


def without_beginning(*beginnings: str) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda variables: without(*(name for name in variables if name.startswith(beginnings)))(variables)


def put(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict[str, np.ndarray]], None]:
    def spoil(variables: dict[str, np.ndarray]) -> None:
        variables[name] = change(variables[name]) if name in variables else change(np.zeros((2, 2), np.float32))

    return spoil


def nan(array: np.ndarray) -> np.ndarray:
    spoilt = array.copy()
    spoilt.flat[-1] = np.nan
    return spoilt


GNMT_SPOILT = [
    (without(ENCODED), f"can't be converted: {ENCODED} is missing"),
    (without(BOTTOM + "basic_lstm_cell/bias"), f"is not the published GNMT: {BOTTOM}basic_lstm_cell/bias missing"),
    (put("optimizer/m", lambda a: a), "is not the published GNMT: optimizer/m too many"),
    (put(BOTTOM + "bahdanau_attention/attention_v", lambda a: a[:-1]), "attention_v is 15 instead of 16"),
    (put(BOTTOM + "basic_lstm_cell/kernel", lambda a: a[:32]), "basic_lstm_cell/kernel is 32 × 64 instead of 48 × 64"),
    (put(ENCODED, lambda a: a[:-1]), "the file vocabulary.source has 40 wordpieces for 39 embeddings"),
    (put(ENCODED, lambda a: a[:, :0]), f"{ENCODED} is 40 × 0; it must have 2 axes"),
    (put(ENCODED, lambda a: a.astype(np.float64)), f"{ENCODED} holds float64; it must be float32"),
    (put(ENCODED, nan), f"{ENCODED} holds NaN or infinite values"),
    (put(ENCODED, lambda a: a * 1e6), f"{ENCODED} holds values that don't fit half precision"),
    (without(ABOVE + "kernel", ABOVE + "bias"), "this encoder has 2"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), GNMT_SPOILT, ids=range(len(GNMT_SPOILT)))
def test_a_spoilt_gnmt(tmp_path: Path, spoil: Callable[[dict[str, np.ndarray]], None], said: str) -> None:
    refused(GNMT, gnmt_texts(), spoil, said, tmp_path)


CONVOLUTION = "InceptionV3/Mixed_7c/Branch_1/Conv2d_0c_3x1"
SHOW_SPOILT = [
    (without("image_embedding/weights"), "can't be converted: image_embedding/weights is missing"),
    (without(f"{CONVOLUTION}/weights"), f"is not the published Show and Tell: {CONVOLUTION}/weights missing"),
    (put(f"{CONVOLUTION}/BatchNorm/gamma", lambda a: a), f"{CONVOLUTION}/BatchNorm/gamma too many"),
    (put(f"{CONVOLUTION}/weights", lambda a: a.transpose(1, 0, 2, 3)), "is 1 × 3 × 24 × 24 instead of 3 × 1 × 24 × 24"),
    (put("seq_embedding/map", lambda a: a[:20]), "word_counts.txt has 24 words for 20 embeddings"),
    (put("seq_embedding/map", lambda a: a[:30]), "logits/weights is 16 × 32 instead of 16 × 30"),
    (put("image_embedding/weights", lambda a: a[:100]), "100 features, 16 units and 32 words are not those"),
    (put("logits/biases", nan), "logits/biases holds NaN"),
    (without_beginning("Inception", "lstm"), "is neither a GNMT nor a Show and Tell: it holds global_step, image_emb"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), SHOW_SPOILT, ids=range(len(SHOW_SPOILT)))
def test_a_spoilt_show_and_tell(tmp_path: Path, spoil: Callable[[dict[str, np.ndarray]], None], said: str) -> None:
    refused(SHOW, show_texts(), spoil, said, tmp_path)


def refused(index: Path, texts: dict[str, bytes], spoil: Callable[..., None], said: str, folder: Path) -> None:
    """With one sentence, and nothing is left behind."""
    variables = variables_of(index)
    spoil(variables)
    spoilt = bundles.write(folder / "spoilt", variables)
    before = set(folder.iterdir())
    with pytest.raises(StoreError) as caught:
        convert.convert(spoilt, folder / "out.safetensors", texts)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert set(folder.iterdir()) == before


def test_newer_names_of_the_lstm(tmp_path: Path, show: Any) -> None:
    """TensorFlow has called its weights kernel and its biases bias since 1.2."""
    variables = variables_of(SHOW)
    for old, new in (("weights", "kernel"), ("biases", "bias")):
        variables[f"lstm/basic_lstm_cell/{new}"] = variables.pop(f"lstm/basic_lstm_cell/{old}")
    net = network(bundles.write(tmp_path / "newer", variables, shards=2), show_texts(), tmp_path)
    assert all(torch.equal(tensor, show.state_dict()[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({SOURCE: None}, "the file vocabulary.source, its vocabulary, is missing"),
        ({TARGET: b"one\ntwo\n"}, "the file vocabulary.target has 5 wordpieces for 44 embeddings"),
        ({SOURCE: b"\n".join([b"same"] * 37)}, "it has the same wordpiece twice"),
        ({SOURCE: b"\xff\xfe"}, "the file vocabulary.source is damaged: it is no text"),
        ({CODES: b"#version: 0.2\na b c\n"}, "the file bpe.codes is damaged"),
        ({CODES: b""}, "the file bpe.codes is damaged"),
    ],
)
def test_vocabularies_of_a_gnmt(tmp_path: Path, changed: dict[str, bytes | None], said: str) -> None:
    texts = {name: text for name, text in (gnmt_texts() | changed).items() if text is not None}
    with pytest.raises(StoreError, match=said):
        convert.convert(GNMT, tmp_path / "out.safetensors", texts)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (b"a 3\n<S> 2\n", "“<S>” or “</S>” is missing"),
        (b"a 3\n<S> 2\n</S> 2\na 1\n", "the same word twice"),
        (b"a 3\n<S> 2\n</S> 2\n\n\n", "it has empty lines"),
    ],
)
def test_vocabularies_of_a_show_and_tell(tmp_path: Path, words: bytes, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        convert.convert(SHOW, tmp_path / "out.safetensors", {WORDS: words})


def test_the_fixtures_say_who_made_them() -> None:
    for name in ("gnmt", "show_and_tell"):
        versions = json.loads(str(expected(name)["versions"]))
        assert versions["tensorflow-cpu"] == "2.15.1"


@pytest.mark.skipif(
    not (SHARED / "model.ckpt-2000000.index").is_file(), reason="../shared/data/show_and_tell is not there"
)
def test_the_real_index_is_what_is_expected(tmp_path: Path) -> None:
    """Every one of the 383 variables of the published checkpoint has the name and shape of the specification."""
    index = tmp_path / "model.ckpt-2000000.index"
    index.write_bytes((SHARED / index.name).read_bytes())
    with (tmp_path / "model.ckpt-2000000.data-00000-of-00001").open("wb") as file:
        file.truncate(149_002_244)
    bundle = tensorflow.open_bundle(index)
    spec = convert.specify(bundle, {WORDS: (SHARED / "word_counts.txt").read_bytes()})
    convert.validate(spec, bundle)
    assert {rule.variable for rule in spec.rules} == bundle.variables.keys() - {"global_step"}
    made = {part.name: rule.shape_of(part) for rule in spec.rules for part in rule.parts}
    made |= {name: values.shape for name, values in spec.constants.items()}
    assert architectures.recognise(made) == "show-and-tell"
    words = spec.metadata[vocabulary.KEY].split("\n")
    assert words[:8] == [*vocabulary.SPECIAL, "a", ".", "on", "of"]
    assert len(words) == 12_001
    assert words[11_520:11_522] == ["moguls", "<unused 11520>"]  # 11,519 words, the last without a line end
