"""The published checkpoints of TensorFlow as this program's own files.

Two are known (`SPECS`): the GNMT of tensorflow/nmt that MLPerf published, which becomes a "gnmt-2016", and Show and
Tell, trained with im2txt, which becomes a "show-and-tell". A specification says which variables there must be, what
each one's shape has to do with the others', and where its numbers go. It is compared with the checkpoint's index before
anything is read; then one variable at a time is read, its checksum verified, turned into torch's layout and written.

What differs between the two libraries:

- A matrix has its inputs as rows; torch has its outputs as rows. Convolutions are (height, width, in, out).
- An LSTM has one kernel for input and state, [input; hidden], and its gates in the order i, j, f, o; torch has two, and
  i, f, g (= j), o. TensorFlow adds 1 to the forget gate when it runs; here it lies in `bias_ih`, and `bias_hh` is zero.
- Batch normalisation may have no gamma; then it is one.

What is added: a first row of each embedding and output layer, for padding, so that ids begin with those that everything
here counts on (`vocabulary.SPECIAL`). Its bias shuts it out, so that probabilities are those of the checkpoint.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.store import int8, stream, tensorflow, vocabulary
from app.store.codec import METADATA_KEY
from app.store.errors import DownloadCancelled, StoreError
from app.store.tensorflow import Bundle, short, shown

Kind = Literal["half", "int8"]  # "int8": matrices, see app.store.int8; all the rest in half precision
Shapes = Mapping[str, tuple[int, ...]]
Progress = Callable[[int, int], None]  # bytes read, bytes in all

WORDS = "word_counts.txt"  # what Show and Tell's vocabulary is called where it is published
SHUT = -1e4  # a bias that leaves nothing of its exponential; half precision holds it
MOST_WORDS = 65_535
WIDEST = 4096
MOST_LAYERS = 16
HALF, INT8, BYTE = np.dtype("<f2"), np.dtype("i1"), np.dtype("u1")

_LARGEST_HALF = 65_504.0
_STEP = 1 << 20  # numbers turned at a time
_SCALES = ".scales"


@dataclass(frozen=True)
class Part:
    """A tensor of the network: some columns of what a rule makes, or all of it."""

    name: str
    first: int = 0
    stop: int | None = None

    @property
    def columns(self) -> slice:
        return slice(self.first, self.stop)


@dataclass(frozen=True, eq=False)
class Rule:
    """What becomes of a variable. `axes` puts the result's rows first; `order` says which row of that each row of the
    result is, -1 for one of `fill`; `plus` is added. Parts that lie side by side share their rows' scales."""

    variable: str
    shape: tuple[int, ...]
    parts: tuple[Part, ...]
    axes: tuple[int, ...]
    order: np.ndarray | None = None
    fill: float = 0.0
    plus: np.ndarray | None = None

    @property
    def made(self) -> tuple[int, ...]:
        """The shape of all parts together."""
        turned = tuple(self.shape[axis] for axis in self.axes)
        return turned if self.order is None else (len(self.order), *turned[1:])

    def shape_of(self, part: Part) -> tuple[int, ...]:
        if len(self.made) != 2:
            return self.made
        return self.made[0], len(range(self.made[1])[part.columns])


@dataclass(frozen=True, eq=False)
class Spec:
    architecture: str
    rules: tuple[Rule, ...]
    constants: Mapping[str, np.ndarray]  # what torch has and TensorFlow doesn't
    texts: Mapping[str, bytes]  # written as tensors of bytes
    metadata: Mapping[str, str]


def convert(
    index: Path,
    target: Path,
    texts: Mapping[str, bytes],
    *,
    kind: Kind = "int8",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """Writes `target` from the checkpoint of this index, whole or not at all; gives the network's name. `texts`: the
    published vocabulary files, by `vocabulary.SOURCE`, `TARGET` and `CODES` (GNMT) or by `WORDS` (Show and Tell). The
    checkpoint is left where it is. Raises StoreError, DownloadCancelled."""
    bundle = tensorflow.open_bundle(index)
    spec = specify(bundle, texts)
    validate(spec, bundle)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        _write(spec, bundle, draft, kind, progress or (lambda done, total: None), cancelled)
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"{target.name} can't be written ({error.strerror or error}).") from error
    finally:
        draft.unlink(missing_ok=True)
    return spec.architecture


def specify(bundle: Bundle, texts: Mapping[str, bytes]) -> Spec:
    """What this checkpoint must hold, its sizes read from the shapes that it has. Raises StoreError."""
    shapes = {name: variable.shape for name, variable in bundle.variables.items()}
    for beginning, specification in SPECS.items():
        if any(name.startswith(beginning) for name in shapes):
            try:
                return specification(shapes, texts)
            except StoreError as error:
                raise StoreError(f"{bundle.index.name} can't be converted: {error}") from error
    raise StoreError(
        f"{bundle.index.name} is neither a GNMT nor a Show and Tell: it holds {_listed(sorted(shapes))}, and Triptych "
        "converts no other checkpoints."
    )


def validate(spec: Spec, bundle: Bundle) -> None:
    """Every variable is there, in the right shape, as float32, and none but those. Raises StoreError."""
    wanted = {rule.variable: rule.shape for rule in spec.rules}
    found = {name: variable for name, variable in bundle.variables.items() if name != "global_step"}
    name = f"{bundle.index.name} is not the published {'GNMT' if 'gnmt' in spec.architecture else 'Show and Tell'}"
    if missing := [key for key in wanted if key not in found]:
        raise StoreError(f"{name}: {_listed(missing)} missing.")
    if surplus := [key for key in found if key not in wanted]:
        raise StoreError(f"{name}: {_listed(surplus)} too many.")
    for key, shape in wanted.items():
        variable = found[key]
        if variable.shape != shape:
            raise StoreError(f"{name}: {key} is {shown(variable.shape)} instead of {shown(shape)}.")
        if variable.type != np.float32:
            raise StoreError(f"{name}: {key} holds {variable.type or 'no numbers'}; it must be float32.")


# Writing


def _write(
    spec: Spec, bundle: Bundle, path: Path, kind: Kind, progress: Progress, cancelled: Callable[[], bool]
) -> None:
    layout: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    for rule in spec.rules:
        for part in rule.parts:
            shape = rule.shape_of(part)
            coded = kind == "int8" and len(shape) == 2
            layout[part.name] = (INT8 if coded else HALF, shape)
            if coded:
                layout[part.name + _SCALES] = (HALF, shape[:1])
    layout |= {name: (HALF, values.shape) for name, values in spec.constants.items()}
    layout |= {name: (BYTE, (len(text),)) for name, text in spec.texts.items()}
    metadata = dict(spec.metadata) | ({METADATA_KEY: int8.VERSION} if kind == "int8" else {})
    done, total = 0, bundle.size
    with stream.Writer(path, layout, metadata) as writer:
        for name, values in spec.constants.items():
            writer.write(name, values)
        for name, text in spec.texts.items():
            writer.write(name, np.frombuffer(text, np.uint8))
        for rule in spec.rules:
            if cancelled():
                raise DownloadCancelled(f"The conversion of {bundle.index.name} was cancelled.")
            _apply(rule, bundle, writer, kind == "int8" and len(rule.made) == 2)
            done += bundle.variables[rule.variable].size
            progress(done, total)


def _apply(rule: Rule, bundle: Bundle, writer: stream.Writer, coded: bool) -> None:
    """Reads one variable and writes its parts, some rows at a time: only the variable itself is in memory whole."""
    turned = bundle.read(rule.variable).reshape(rule.shape).transpose(rule.axes)
    if turned.ndim == 0:
        turned = turned.reshape(1)
        _check(turned, rule.variable)
        writer.write(rule.parts[0].name, turned[0])
        return
    rows = rule.made[0]
    step = max(1, _STEP // max(1, math.prod(rule.made[1:])))
    for first in range(0, rows, step):
        block = _rows(rule, turned, first, min(first + step, rows))
        _check(block, rule.variable)
        scales = int8.scales_of(block) if coded else None
        for part in rule.parts:
            values = block[:, part.columns] if block.ndim == 2 else block
            if scales is None:
                writer.write(part.name, values, first)
            else:
                writer.write(part.name, int8.quantise(values, scales), first)
                writer.write(part.name + _SCALES, scales, first)


def _rows(rule: Rule, turned: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Rows of the result, float32."""
    if rule.order is None:
        rows = np.ascontiguousarray(turned[first:stop])
    else:
        picked = rule.order[first:stop]
        rows = turned[np.maximum(picked, 0)]
        rows[picked < 0] = rule.fill
    return rows if rule.plus is None else rows + rule.plus[first:stop]


def _check(values: np.ndarray, variable: str) -> None:
    largest = float(np.abs(values).max(initial=0))  # NaN comes through
    if not math.isfinite(largest):
        raise StoreError(f"{variable} holds NaN or infinite values, so no answer could be right.")
    if largest > _LARGEST_HALF:
        raise StoreError(f"{variable} holds values that don't fit half precision.")


# The specifications


def _gates(width: int) -> np.ndarray:
    """TensorFlow's i, j, f, o in torch's order: i, f, g, o."""
    i, j, f, o = np.arange(4 * width).reshape(4, width)
    return np.concatenate([i, f, j, o])


def _lstm(
    kernel: str, bias: str, inputs: int, width: int, made: str, end: str = ""
) -> tuple[list[Rule], dict[str, Any]]:
    """Rules for an LSTM's kernel and bias, and the bias that torch has besides. The network's names are `made`weight_ih
    `end` and so on."""
    forget = np.zeros(4 * width, np.float32)
    forget[width : 2 * width] = 1.0
    parts = (
        Part(f"{made}weight_ih{end}", 0, inputs),
        Part(f"{made}weight_hh{end}", inputs, inputs + width),
    )
    rules = [
        Rule(kernel, (inputs + width, 4 * width), parts, (1, 0), _gates(width)),
        Rule(bias, (4 * width,), (Part(f"{made}bias_ih{end}"),), (0,), _gates(width), plus=forget),
    ]
    return rules, {f"{made}bias_hh{end}": np.zeros(4 * width, np.float32)}


def _dense(variable: str, inputs: int, outputs: int, made: str) -> Rule:
    return Rule(variable, (inputs, outputs), (Part(made),), (1, 0))


def gnmt(shapes: Shapes, texts: Mapping[str, bytes]) -> Spec:
    """tensorflow/nmt's "gnmt_v2" with an encoder of the kind "gnmt"."""
    source, width = _sizes(shapes, "embeddings/encoder/embedding_encoder", 2)
    target, _ = _sizes(shapes, "embeddings/decoder/embedding_decoder", 2)
    if width > WIDEST or max(source, target) > MOST_WORDS:
        raise StoreError(f"{width:,} units and {max(source, target):,} wordpieces are more than a GNMT has.")
    encoder, decoder = "dynamic_seq2seq/encoder/", "dynamic_seq2seq/decoder/"
    layers = 1
    while f"{encoder}rnn/multi_rnn_cell/cell_{layers - 1}/basic_lstm_cell/kernel" in shapes:
        layers += 1
    if not 3 <= layers <= MOST_LAYERS:
        raise StoreError(f"a GNMT has 3 to {MOST_LAYERS} layers a side, this encoder has {layers}.")
    for name, count in ((vocabulary.SOURCE, source), (vocabulary.TARGET, target)):
        if (pieces := len(vocabulary.published(texts, name))) != count:
            raise StoreError(
                f"the file {name} has {pieces:,} wordpieces for {count:,} embeddings: it belongs to another model."
            )
    vocabulary.codes(texts)

    rules, constants = [], {}

    def lstm(place: str, inputs: int, made: str, end: str = "_l0") -> None:
        cell = f"{place}/basic_lstm_cell/"
        more, zeros = _lstm(cell + "kernel", cell + "bias", inputs, width, made + ".", end)
        rules.extend(more)
        constants.update(zeros)

    for direction, end in (("fw", "_l0"), ("bw", "_l0_reverse")):
        lstm(f"{encoder}bidirectional_rnn/{direction}", width, "encoder.0", end)
    for k in range(1, layers):
        lstm(f"{encoder}rnn/multi_rnn_cell/cell_{k - 1}", 2 * width if k == 1 else width, f"encoder.{k}")
    bottom = f"{decoder}multi_rnn_cell/cell_0_attention/attention"
    lstm(bottom, 2 * width, "decoder.0")
    for k in range(1, layers):
        lstm(f"{decoder}multi_rnn_cell/cell_{k}", 2 * width, f"decoder.{k}")
    look, score = f"{bottom}/bahdanau_attention/", "attention."
    g = shapes.get(f"{look}attention_g", ())
    rules += [
        Rule(
            "embeddings/encoder/embedding_encoder",
            (source, width),
            (Part("embedding.weight"),),
            (0, 1),
            _padded(source),
        ),
        Rule(
            "embeddings/decoder/embedding_decoder",
            (target, width),
            (Part("target_embedding.weight"),),
            (0, 1),
            _padded(target),
        ),
        _dense(f"{decoder}memory_layer/kernel", width, width, score + "key.weight"),
        _dense(f"{look}query_layer/kernel", width, width, score + "query.weight"),
        Rule(f"{look}attention_v", (width,), (Part(score + "v"),), (0,)),
        Rule(f"{look}attention_b", (width,), (Part(score + "b"),), (0,)),
        Rule(f"{look}attention_g", g if g == (1,) else (), (Part(score + "g"),), ()),
        Rule(f"{decoder}output_projection/kernel", (width, target), (Part("output.weight"),), (1, 0), _padded(target)),
    ]
    constants["output.bias"] = np.where(_padded(target) < 0, SHUT, 0.0).astype(np.float32)
    kept = {name: texts[name] for name in (vocabulary.SOURCE, vocabulary.TARGET, vocabulary.CODES)}
    return Spec("gnmt-2016", tuple(rules), constants, kept, {})


def show_and_tell(shapes: Shapes, texts: Mapping[str, bytes]) -> Spec:
    """im2txt's ShowAndTellModel."""
    features, embedding = _sizes(shapes, "image_embedding/weights", 2)
    rows, _ = _sizes(shapes, "seq_embedding/map", 2)
    width, _ = _sizes(shapes, "logits/weights", 2)
    scale = features // 128
    if not 1 <= scale <= 64 or max(embedding, width) > WIDEST or rows > MOST_WORDS:
        raise StoreError(f"{features:,} features, {width:,} units and {rows:,} words are not those of a Show and Tell.")
    words, order = vocabulary.show_and_tell(texts, WORDS, rows)
    picked = np.array(order)
    cell = "lstm/basic_lstm_cell/"
    old = f"{cell}weights" in shapes  # what TensorFlow called them before 1.2
    rules, constants = _lstm(
        cell + ("weights" if old else "kernel"), cell + ("biases" if old else "bias"), embedding, width, "decoder.cell."
    )
    rules += [
        _dense("image_embedding/weights", features, embedding, "decoder.picture.weight"),
        Rule("seq_embedding/map", (rows, embedding), (Part("decoder.embedding.weight"),), (0, 1), picked),
        Rule("logits/weights", (width, rows), (Part("decoder.to_word.weight"),), (1, 0), picked),
        Rule("logits/biases", (rows,), (Part("decoder.to_word.bias"),), (0,), picked, fill=SHUT),
    ]
    constants["decoder.picture.bias"] = np.zeros(embedding, np.float32)
    for made, there, shape in _convolutions(scale):
        rules.append(Rule(f"{there}/weights", shape, (Part(f"{made}.conv.weight"),), (3, 2, 0, 1)))
        for ours, theirs in (("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance")):
            rules.append(Rule(f"{there}/BatchNorm/{theirs}", shape[3:], (Part(f"{made}.bn.{ours}"),), (0,)))
        constants[f"{made}.bn.weight"] = np.ones(shape[3], np.float32)
    return Spec("show-and-tell", tuple(rules), constants, {}, {vocabulary.KEY: "\n".join(words)})


SPECS: Mapping[str, Callable[[Shapes, Mapping[str, bytes]], Spec]] = {
    "dynamic_seq2seq/": gnmt,
    "InceptionV3/": show_and_tell,
}

# TF-slim's names within a block -> torchvision's. Odd ones are as published.
_A = {
    "Branch_0/Conv2d_0a_1x1": "branch1x1",
    "Branch_1/Conv2d_0a_1x1": "branch5x5_1",
    "Branch_1/Conv2d_0b_5x5": "branch5x5_2",
    "Branch_2/Conv2d_0a_1x1": "branch3x3dbl_1",
    "Branch_2/Conv2d_0b_3x3": "branch3x3dbl_2",
    "Branch_2/Conv2d_0c_3x3": "branch3x3dbl_3",
    "Branch_3/Conv2d_0b_1x1": "branch_pool",
}
_A_ODD = {
    {"Branch_1/Conv2d_0a_1x1": "Branch_1/Conv2d_0b_1x1", "Branch_1/Conv2d_0b_5x5": "Branch_1/Conv_1_0c_5x5"}.get(
        k, k
    ): v
    for k, v in _A.items()
}
_B = {
    "Branch_0/Conv2d_1a_1x1": "branch3x3",
    "Branch_1/Conv2d_0a_1x1": "branch3x3dbl_1",
    "Branch_1/Conv2d_0b_3x3": "branch3x3dbl_2",
    "Branch_1/Conv2d_1a_1x1": "branch3x3dbl_3",
}
_C = {
    "Branch_0/Conv2d_0a_1x1": "branch1x1",
    "Branch_1/Conv2d_0a_1x1": "branch7x7_1",
    "Branch_1/Conv2d_0b_1x7": "branch7x7_2",
    "Branch_1/Conv2d_0c_7x1": "branch7x7_3",
    "Branch_2/Conv2d_0a_1x1": "branch7x7dbl_1",
    "Branch_2/Conv2d_0b_7x1": "branch7x7dbl_2",
    "Branch_2/Conv2d_0c_1x7": "branch7x7dbl_3",
    "Branch_2/Conv2d_0d_7x1": "branch7x7dbl_4",
    "Branch_2/Conv2d_0e_1x7": "branch7x7dbl_5",
    "Branch_3/Conv2d_0b_1x1": "branch_pool",
}
_D = {
    "Branch_0/Conv2d_0a_1x1": "branch3x3_1",
    "Branch_0/Conv2d_1a_3x3": "branch3x3_2",
    "Branch_1/Conv2d_0a_1x1": "branch7x7x3_1",
    "Branch_1/Conv2d_0b_1x7": "branch7x7x3_2",
    "Branch_1/Conv2d_0c_7x1": "branch7x7x3_3",
    "Branch_1/Conv2d_1a_3x3": "branch7x7x3_4",
}
_E = {
    "Branch_0/Conv2d_0a_1x1": "branch1x1",
    "Branch_1/Conv2d_0a_1x1": "branch3x3_1",
    "Branch_1/Conv2d_0b_1x3": "branch3x3_2a",
    "Branch_1/Conv2d_0b_3x1": "branch3x3_2b",
    "Branch_2/Conv2d_0a_1x1": "branch3x3dbl_1",
    "Branch_2/Conv2d_0b_3x3": "branch3x3dbl_2",
    "Branch_2/Conv2d_0c_1x3": "branch3x3dbl_3a",
    "Branch_2/Conv2d_0d_3x1": "branch3x3dbl_3b",
    "Branch_3/Conv2d_0b_1x1": "branch_pool",
}
_E_ODD = {"Branch_1/Conv2d_0c_3x1" if k == "Branch_1/Conv2d_0b_3x1" else k: v for k, v in _E.items()}
_BLOCKS = {
    "": {k: k for k in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")},
    "Mixed_5b": _A,
    "Mixed_5c": _A_ODD,
    "Mixed_5d": _A,
    "Mixed_6a": _B,
    "Mixed_6b": _C,
    "Mixed_6c": _C,
    "Mixed_6d": _C,
    "Mixed_6e": _C,
    "Mixed_7a": _D,
    "Mixed_7b": _E,
    "Mixed_7c": _E_ODD,
}


def _convolutions(scale: int) -> list[tuple[str, str, tuple[int, ...]]]:
    """Each convolution's name here, its scope there, and the shape (height, width, in, out) of its weights there."""
    from app.store import architectures

    # Those of a Show and Tell with an encoder of this scale; its other sizes don't matter here.
    given = {
        "decoder.embedding.weight": (5, 5),
        "decoder.cell.weight_hh": (20, 5),
        "encoder.Conv2d_1a_3x3.conv.weight": (2 * scale, 3, 3, 3),
    }
    shapes = architectures.shapes_of("show-and-tell", given)
    found: list[tuple[str, str, tuple[int, ...]]] = []
    for block, names in _BLOCKS.items():
        for theirs, ours in names.items():
            made = ".".join(["encoder", *([block] if block else []), ours])
            out, into, height, wide = shapes[f"{made}.conv.weight"]
            scope = "/".join(["InceptionV3", *([block] if block else []), theirs])
            found.append((made, scope, (height, wide, into, out)))
    return found


def _padded(rows: int) -> np.ndarray:
    """A row of padding, then all."""
    return np.arange(-1, rows)


def _sizes(shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    """The shape of a variable that the others' depend on. Raises StoreError."""
    if name not in shapes:
        raise StoreError(f"{name} is missing.")
    shape = shapes[name]
    if len(shape) != axes or not all(shape):
        raise StoreError(f"{name} is {shown(shape)}; it must have {axes} axes.")
    return shape


def _listed(names: Sequence[str]) -> str:
    """Up to three names: they come from a stranger's file and go into a sentence."""
    first = ", ".join(short(name) for name in names[:3]) or "no variables"
    return f"{first} and {len(names) - 3} more" if len(names) > 3 else first
