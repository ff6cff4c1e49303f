"""Makes the small checkpoints in gnmt/ and show_and_tell/, and what TensorFlow itself says with them: what
tests/store/test_convert.py holds the converted networks against. TensorFlow has an environment of its own:

    python3.11 -m venv /tmp/tensorflow
    /tmp/tensorflow/bin/pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23.0 tf-slim==1.1.0
    /tmp/tensorflow/bin/python tests/store/data/make_checkpoints.py

The variables have the published names (tensorflow/nmt, "gnmt_v2"; im2txt) and random numbers that half precision holds,
so that converting loses nothing. Cells, attention, beam search and convolutions are TensorFlow's own; around them
stands what tensorflow/nmt (gnmt_model.py) and im2txt (show_and_tell_model.py, caption_generator.py) do. Vocabularies
are made up.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_addons as tfa  # noqa: E402

for _module in ("base", "convolutional", "core", "normalization", "pooling"):  # where this TensorFlow looks for them
    sys.modules[f"tf_keras.legacy_tf_layers.{_module}"] = importlib.import_module(
        f"keras.src.legacy_tf_layers.{_module}"
    )
import tf_slim as slim  # noqa: E402
from tf_slim.nets import inception_v3  # noqa: E402

HERE = Path(__file__).parent
VERSIONS = {name: version(name) for name in ("tensorflow-cpu", "tensorflow-addons", "tf-slim", "keras", "numpy")}

tf.get_logger().setLevel("ERROR")

# GNMT

WIDTH, LAYERS, SOURCE, TARGET = 16, 4, 40, 44
START, END = 1, 2  # <unk>, <s>, </s>
BEAM = 10


def halves(array: np.ndarray) -> np.ndarray:
    """As half precision has them, in float32."""
    return array.astype(np.float16).astype(np.float32)


def gnmt_variables() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(17)
    made: dict[str, np.ndarray] = {}

    def lstm(place: str, inputs: int) -> None:
        kernel = rng.standard_normal((inputs + WIDTH, 4 * WIDTH)) * 1.5 / math.sqrt(WIDTH)
        made[f"{place}/basic_lstm_cell/kernel"] = halves(kernel)
        # Multiples of 1/256, so that half precision holds them with the forget bias as well.
        made[f"{place}/basic_lstm_cell/bias"] = np.round(rng.standard_normal(4 * WIDTH) * 64).astype(np.float32) / 256

    encoder, decoder = "dynamic_seq2seq/encoder", "dynamic_seq2seq/decoder"
    made["embeddings/encoder/embedding_encoder"] = halves(rng.standard_normal((SOURCE, WIDTH)))
    made["embeddings/decoder/embedding_decoder"] = halves(rng.standard_normal((TARGET, WIDTH)))
    lstm(f"{encoder}/bidirectional_rnn/fw", WIDTH)
    lstm(f"{encoder}/bidirectional_rnn/bw", WIDTH)
    for k in range(LAYERS - 1):
        lstm(f"{encoder}/rnn/multi_rnn_cell/cell_{k}", 2 * WIDTH if k == 0 else WIDTH)
    made[f"{decoder}/memory_layer/kernel"] = halves(rng.standard_normal((WIDTH, WIDTH)) * 0.5)
    bottom = f"{decoder}/multi_rnn_cell/cell_0_attention/attention"
    lstm(bottom, 2 * WIDTH)
    made[f"{bottom}/bahdanau_attention/query_layer/kernel"] = halves(rng.standard_normal((WIDTH, WIDTH)) * 0.5)
    made[f"{bottom}/bahdanau_attention/attention_v"] = halves(rng.standard_normal(WIDTH))
    made[f"{bottom}/bahdanau_attention/attention_b"] = halves(rng.standard_normal(WIDTH) * 0.3)
    made[f"{bottom}/bahdanau_attention/attention_g"] = halves(np.array(3.0))
    for k in range(1, LAYERS):
        lstm(f"{decoder}/multi_rnn_cell/cell_{k}", 2 * WIDTH)
    output = rng.standard_normal((WIDTH, TARGET)) * 1.2
    # Chosen out of some, so that of the eight sentences some end, with all of their hypotheses or with a few.
    output[:, END] = np.random.default_rng(107).standard_normal(WIDTH) * 3
    made[f"{decoder}/output_projection/kernel"] = halves(output)
    return made


def basic_lstm(variables: dict[str, np.ndarray], place: str) -> tf.compat.v1.nn.rnn_cell.BasicLSTMCell:
    kernel = variables[f"{place}/basic_lstm_cell/kernel"]
    cell = tf.compat.v1.nn.rnn_cell.BasicLSTMCell(WIDTH, forget_bias=1.0)
    cell.build((None, len(kernel) - WIDTH))
    cell.set_weights([kernel, variables[f"{place}/basic_lstm_cell/bias"]])
    return cell


class Cell(tf.keras.layers.AbstractRNNCell):
    """GNMTAttentionMultiCell with use_new_attention, and the residual function of the decoder."""

    def __init__(self, bottom: tfa.seq2seq.AttentionWrapper, above: list) -> None:
        super().__init__()
        self.bottom, self.above = bottom, above

    @property
    def state_size(self) -> tuple:
        return (self.bottom.state_size, *(cell.state_size for cell in self.above))

    @property
    def output_size(self) -> int:
        return WIDTH

    def call(self, inputs: tf.Tensor, state: tuple) -> tuple[tf.Tensor, tuple]:
        x, first = self.bottom(inputs, state[0])
        states = [first]
        for k, cell in enumerate(self.above, 1):
            below = tf.concat([x, first.attention], -1)
            y, after = cell(below, state[k])
            states.append(after)
            x = y + below[:, :WIDTH] if k >= 2 else y  # gnmt_residual_fn; the last LAYERS - 2 have one
        return x, tuple(states)


class Gnmt:
    def __init__(self, variables: dict[str, np.ndarray]) -> None:
        self.variables = variables

    def encode(self, source: np.ndarray, lengths: np.ndarray) -> tuple[tf.Tensor, list]:
        rnn, v = tf.compat.v1.nn, self.variables
        x = tf.nn.embedding_lookup(v["embeddings/encoder/embedding_encoder"], source)
        place = "dynamic_seq2seq/encoder/bidirectional_rnn"
        both, states = rnn.bidirectional_dynamic_rnn(
            basic_lstm(v, f"{place}/fw"), basic_lstm(v, f"{place}/bw"), x, sequence_length=lengths, dtype=tf.float32
        )
        x, found = tf.concat(both, -1), [states[1]]
        for k in range(LAYERS - 1):
            cell = basic_lstm(v, f"dynamic_seq2seq/encoder/rnn/multi_rnn_cell/cell_{k}")
            if k >= 1:
                cell = rnn.rnn_cell.ResidualWrapper(cell)
            x, state = rnn.dynamic_rnn(cell, x, sequence_length=lengths, dtype=tf.float32)
            found.append(state)
        return x, found

    def decoder(self, memory: tf.Tensor, lengths: tf.Tensor, states: list) -> tuple[Cell, tuple]:
        """The cell, and where it starts (pass_hidden_state)."""
        v, place = self.variables, "dynamic_seq2seq/decoder/multi_rnn_cell"
        look = f"{place}/cell_0_attention/attention/bahdanau_attention/"
        mechanism = tfa.seq2seq.BahdanauAttention(WIDTH, normalize=True)
        mechanism.memory_layer.build((None, None, WIDTH))
        mechanism.memory_layer.set_weights([v["dynamic_seq2seq/decoder/memory_layer/kernel"]])
        mechanism.query_layer.build((None, WIDTH))
        mechanism.query_layer.set_weights([v[f"{look}query_layer/kernel"]])
        mechanism.setup_memory(memory, memory_sequence_length=lengths)
        bottom = tfa.seq2seq.AttentionWrapper(
            basic_lstm(v, f"{place}/cell_0_attention/attention"), mechanism, output_attention=False
        )
        batch = len(memory)
        start = bottom.get_initial_state(batch_size=batch, dtype=tf.float32)
        bottom(tf.zeros((batch, WIDTH)), start)  # makes the variables
        mechanism.attention_v.assign(v[f"{look}attention_v"])
        mechanism.attention_b.assign(v[f"{look}attention_b"])
        mechanism.attention_g.assign(v[f"{look}attention_g"])
        cell = Cell(bottom, [basic_lstm(v, f"{place}/cell_{k}") for k in range(1, LAYERS)])
        return cell, (start.clone(cell_state=states[0]), *states[1:])

    def embed(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.nn.embedding_lookup(self.variables["embeddings/decoder/embedding_decoder"], ids)

    def logits(self, source: np.ndarray, lengths: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Teacher forcing: (batch, target, TARGET), and the attention (batch, target, source)."""
        cell, state = self.decoder(*self._encoded(source, lengths))
        said, looks = [], []
        for t in range(target.shape[1]):
            x, state = cell(self.embed(target[:, t]), state)
            said.append(tf.matmul(x, self.variables["dynamic_seq2seq/decoder/output_projection/kernel"]))
            looks.append(state[0].alignments)
        return tf.stack(said, 1).numpy(), tf.stack(looks, 1).numpy()

    def _encoded(self, source: np.ndarray, lengths: np.ndarray) -> tuple:
        memory, states = self.encode(source, lengths)
        return memory, lengths, states

    def beam(self, sentence: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """(BEAM, length) ids, best first, END behind each end; their log probabilities (BEAM,)."""
        lengths = np.array([len(sentence)])
        memory, states = self.encode(np.array([sentence]), lengths)
        tiled = [tf.nest.map_structure(lambda t: tfa.seq2seq.tile_batch(t, BEAM), state) for state in states]
        memory = tfa.seq2seq.tile_batch(memory, BEAM)
        cell, start = self.decoder(memory, tfa.seq2seq.tile_batch(lengths, BEAM), tiled)
        output = tf.keras.layers.Dense(TARGET, use_bias=False)
        output.build((None, WIDTH))
        output.set_weights([self.variables["dynamic_seq2seq/decoder/output_projection/kernel"]])
        decoder = tfa.seq2seq.BeamSearchDecoder(
            cell, BEAM, embedding_fn=self.embed, output_layer=output, length_penalty_weight=1.0,
            maximum_iterations=2 * len(sentence),
        )  # fmt: skip
        outputs, state, _ = decoder(None, start_tokens=[START], end_token=END, initial_state=start)
        return outputs.predicted_ids.numpy()[0].T, state.log_probs.numpy()[0]


def save(prefix: Path, variables: dict[str, np.ndarray]) -> None:
    prefix.parent.mkdir(exist_ok=True)
    names = sorted(variables)
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names),
        tensors=[tf.constant(variables[name]) for name in names],
    )  # fmt: skip


def make_gnmt() -> None:
    folder = HERE / "gnmt"
    variables = gnmt_variables()
    save(folder / "translate.ckpt", variables | {"global_step": np.array(254_000, np.int64)})
    source = [f"s{k}@@" if k % 3 == 0 else f"s{k}" for k in range(SOURCE - 3)]
    target = [f"t{k}@@" if k % 3 == 0 else f"t{k}" for k in range(TARGET - 3)]
    (folder / "vocab.bpe.en").write_text("\n".join(source) + "\n")
    (folder / "vocab.bpe.de").write_text("\n".join(target) + "\n")
    (folder / "bpe.codes").write_text("#version: 0.2\ns 1\nt 1</w>\n")
    rng = np.random.default_rng(23)
    lengths = np.array([7, 4, 1])
    sources = np.full((3, 7), END)  # how tensorflow/nmt pads
    for row, length in zip(sources, lengths, strict=True):
        row[:length] = rng.integers(3, SOURCE, length)
    sources[1, 2] = 0  # an unknown word
    targets = np.concatenate([np.full((3, 1), START), rng.integers(3, TARGET, (3, 5))], 1)
    net = Gnmt(variables)
    logits, attention = net.logits(sources, lengths, targets)
    content = {"sources": sources, "lengths": lengths, "targets": targets, "logits": logits, "attention": attention}
    sentences = [list(row[:length]) for row, length in zip(sources, lengths, strict=True)]
    sentences += [list(rng.integers(3, SOURCE, length)) for length in (5, 6, 9, 3, 12)]
    for k, sentence in enumerate(sentences):
        content[f"sentence {k}"] = np.array(sentence)
        content[f"beam {k}"], content[f"log_p {k}"] = net.beam(sentence)
        print(content[f"beam {k}"][:2].tolist(), content[f"log_p {k}"][:3])
    keep(folder, content)


def keep(folder: Path, content: dict[str, np.ndarray]) -> None:
    content["versions"] = np.array(json.dumps(VERSIONS | {"python": platform.python_version()}))
    np.savez_compressed(folder / "expected.npz", **content)


# Show and Tell

SIDE, EMBEDDING, STATE, ROWS = 299, 12, 16, 32
WORDS = ["a", "<S>", "</S>", ".", "on", "of", "the", "in", "with", "and", "is", "man", "to", "sitting", "an", "two",
         "at", "standing", "people", "are", "next", "white", "woman", "street"]  # fmt: skip
LONGEST = 20


def inception(images: tf.Tensor, training: bool) -> tf.Tensor:
    """im2txt's image_embedding.inception_v3 at a sixteenth of its widths: the last grid (batch, 8, 8, 128)."""
    normalised = {"is_training": training, "decay": 0.0, "epsilon": 0.001}
    with (
        tf.compat.v1.variable_scope("InceptionV3", reuse=tf.compat.v1.AUTO_REUSE) as scope,
        slim.arg_scope(
            [slim.conv2d], activation_fn=tf.nn.relu, normalizer_fn=slim.batch_norm, normalizer_params=normalised
        ),
    ):
        grid, _ = inception_v3.inception_v3_base(images, min_depth=1, depth_multiplier=1 / 16, scope=scope)
    return grid


def make_show_and_tell() -> None:
    folder = HERE / "show_and_tell"
    rng = np.random.default_rng(29)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, (None, SIDE, SIDE, 3))
        inception(images, training=True)
        grid = inception(images, training=False)
        size = grid.shape[1:3]
        net = slim.avg_pool2d(grid, size, padding="VALID", scope="pool")
        net = slim.flatten(net, scope="flatten")
        with v1.variable_scope("image_embedding"):
            embedding = tf.matmul(net, v1.get_variable("weights", (net.shape[-1], EMBEDDING)))
        with v1.variable_scope("seq_embedding"):
            words = v1.get_variable("map", (ROWS, EMBEDDING))
        cell = v1.nn.rnn_cell.BasicLSTMCell(STATE, state_is_tuple=True)
        ids = v1.placeholder(tf.int64, (None,))
        given = v1.placeholder(tf.float32, (None, 2 * STATE))
        with v1.variable_scope("lstm") as scope:
            _, first = cell(embedding, cell.zero_state(tf.shape(images)[0], tf.float32))
            scope.reuse_variables()
            c, h = tf.split(given, 2, axis=1)
            output, after = cell(tf.nn.embedding_lookup(words, ids), v1.nn.rnn_cell.LSTMStateTuple(c, h))
        with v1.variable_scope("logits"):
            logits = tf.matmul(output, v1.get_variable("weights", (STATE, ROWS))) + v1.get_variable("biases", (ROWS,))
        v1.train.create_global_step()
        first, after = tf.concat(first, 1), tf.concat(after, 1)
        softmax = tf.nn.softmax(logits)
        session.run(v1.global_variables_initializer())

        def fill(name: str, values: np.ndarray) -> None:
            variable = next(v for v in v1.global_variables() if v.op.name == name)
            assert variable.shape == values.shape
            variable.load(halves(values), session)

        for variable in v1.global_variables():
            name, shape = variable.op.name, variable.shape.as_list()
            if name.startswith("InceptionV3") and name.endswith("/weights"):
                fill(name, rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[:3])))
            elif name.endswith("/beta"):
                fill(name, rng.standard_normal(shape) * 0.3)
        small = rng.integers(0, 256, (8, 23, 23, 3))
        pictures = np.repeat(np.repeat(small, 13, 1), 13, 2).astype(np.float32) / 127.5 - 1  # (8, 299, 299, 3)
        session.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS), {images: pictures})
        for variable in v1.global_variables():
            if "/moving_" in variable.op.name:
                fill(variable.op.name, variable.eval(session))
        fill("image_embedding/weights", rng.standard_normal((128, EMBEDDING)) * 0.3)
        fill("seq_embedding/map", rng.standard_normal((ROWS, EMBEDDING)))
        fill("lstm/basic_lstm_cell/kernel", rng.standard_normal((EMBEDDING + STATE, 4 * STATE)) * 0.5)
        fill("lstm/basic_lstm_cell/bias", np.round(rng.standard_normal(4 * STATE) * 64) / 256)
        fill("logits/weights", rng.standard_normal((STATE, ROWS)) * 2)
        biases = np.zeros(ROWS)
        biases[2] = 0.5
        biases[[1, *range(len(WORDS), ROWS)]] = -20  # the start, the unknown word and what stands for none
        fill("logits/biases", biases)
        # As the published checkpoint has them: TensorFlow called them so before 1.2.
        old = {"lstm/basic_lstm_cell/kernel": "lstm/basic_lstm_cell/weights",
               "lstm/basic_lstm_cell/bias": "lstm/basic_lstm_cell/biases"}  # fmt: skip
        kept = {old.get(v.op.name, v.op.name): v for v in v1.global_variables()}
        folder.mkdir(exist_ok=True)
        saver = v1.train.Saver(kept)
        saver.save(session, str(folder / "model.ckpt"), write_meta_graph=False, write_state=False)
        (folder / "word_counts.txt").write_text("".join(f"{w} {9000 - 7 * k}\n" for k, w in enumerate(WORDS)))

        asked = np.array([[1, 0, 11, 10, 17, 4], [1, 15, 18, 19, 13, 3]])
        state = session.run(first, {images: pictures[:2]})
        said = []
        for t in range(asked.shape[1]):
            step, state = session.run([logits, after], {ids: asked[:, t], given: state})
            said.append(step)
        content = {
            "pictures": small[:5].astype(np.uint8), "grid": session.run(grid, {images: pictures[:1]}),
            "words": asked, "logits": np.stack(said, 1),
        }  # fmt: skip
        for k in range(5):
            start = session.run(first, {images: pictures[k : k + 1]})
            found = captions(start[0], lambda words, states: session.run([softmax, after], {ids: words, given: states}))
            content[f"captions {k}"] = np.array([sentence + [-1] * (LONGEST - len(sentence)) for sentence, _ in found])
            content[f"log_p {k}"] = np.array([log_p for _, log_p in found])
            print(content[f"captions {k}"].tolist(), content[f"log_p {k}"])
        keep(folder, content)


def captions(start: np.ndarray, step, beam: int = 3) -> list[tuple[list[int], float]]:
    """im2txt's CaptionGenerator.beam_search without length normalisation, as its comments describe it."""
    partial, complete = [([1], start, 0.0)], []
    for _ in range(LONGEST - 1):
        softmax, states = step(np.array([s[0][-1] for s in partial]), np.stack([s[1] for s in partial]))
        grown = []
        for (sentence, _, log_p), probabilities, state in zip(partial, softmax, states, strict=True):
            for word in np.argsort(-probabilities)[:beam]:
                if probabilities[word] < 1e-12:
                    continue
                total = log_p + math.log(probabilities[word])
                if word == 2:
                    complete.append(([*sentence, int(word)], total))
                else:
                    grown.append(([*sentence, int(word)], state, total))
        complete = sorted(complete, key=lambda found: -found[1])[:beam]
        partial = sorted(grown, key=lambda found: -found[2])[:beam]
        if not partial:
            break
    return complete or [(sentence, log_p) for sentence, _, log_p in partial]


if __name__ == "__main__":
    for _name in sys.argv[1:] or ("gnmt", "show_and_tell"):
        {"gnmt": make_gnmt, "show_and_tell": make_show_and_tell}[_name]()
