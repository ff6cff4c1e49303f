"""The translator through OpenVINO and through torch: the network's own numbers, and no torch at a second start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.nets.hypotheses import Hypothesis, search
from app.runtimes import devices, translator
from app.runtimes.openvino_translator import OpenVinoTranslator
from app.runtimes.torch_translator import TorchTranslator
from app.runtimes.translator import Shrinking, TranslationNetwork
from app.store.catalog import Store
from app.store.errors import StoreError
from app.text.wordpieces import END, PAD, START, Wordpieces
from tests import translators
from tests.captioners import ROOT
from tests.translators import MODEL, SENTENCES


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    translators.install(monkeypatch)
    return Store()


def sources(pieces: Wordpieces, *sentences: str) -> list[list[int]]:
    return [[pieces.language("de"), *pieces.encode(sentence), END] for sentence in sentences]


def exactly(network: OpenVinoTranslator, model: Any, settings: dict[str, Any]) -> Any:
    """Compiled in float32: what bfloat16 and rounded activations do to numbers can't be told from mistakes."""
    settings = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    return network._openvino.Core().compile_model(model, "CPU", settings)


@pytest.fixture
def networks(store: Store, monkeypatch: pytest.MonkeyPatch) -> tuple[TranslationNetwork, TranslationNetwork]:
    monkeypatch.setattr(OpenVinoTranslator, "_compile", exactly)
    card = store.card(MODEL)
    quick = translator.load(card, store, devices.cpu())
    assert isinstance(quick, OpenVinoTranslator)
    return quick, TorchTranslator(card, store, devices.cpu())


def test_all_say_what_the_network_says(networks: tuple[TranslationNetwork, TranslationNetwork], store: Store) -> None:
    """Three sentences of different lengths, hypotheses that part, a sentence that is done, a forced wordpiece."""
    import torch

    from app.nets.gnmt import GNMT
    from app.runtimes.torch_runtime import build

    net: Any = build(store.card(MODEL), store)
    assert isinstance(net, GNMT)
    pieces = networks[0].wordpieces
    assert pieces.size == translators.PIECES
    given = sources(pieces, SENTENCES[0], SENTENCES[6], "Tea!")
    reads = [network.read(given) for network in networks]
    memory = net.encode(torch.from_numpy(translator.padded(given)))
    state = net.start(memory)
    tokens, parents, rows = [START] * 3, [0, 1, 2], [0, 1, 2]
    for t in range(6):
        forced = 300 if t == 2 else None
        offers = [read.advance(tokens, parents, rows, forced) for read in reads]
        picked = state.select(torch.tensor(parents))
        logits, attention, state = net.step(torch.tensor(tokens), picked, memory.select(torch.tensor(rows)))
        logits[:, list(pieces.never)] = -torch.inf
        expected = logits.log_softmax(-1).numpy()
        for found in offers:
            which, log_p = np.asarray(found.tokens), np.asarray(found.log_p)
            np.testing.assert_allclose(log_p, np.take_along_axis(expected, which, 1), atol=2e-3)
            if forced is not None:
                assert (which[:, 0] == forced).all()
                which, log_p = which[:, 1:], log_p[:, 1:]
            np.testing.assert_allclose(log_p, -np.sort(-expected, 1)[:, : log_p.shape[1]], atol=2e-3)
            np.testing.assert_allclose(np.asarray(found.attention), attention.numpy(), atol=1e-3)
            assert not np.asarray(found.attention)[rows.index(2), len(given[2]) :].any()
        # The first goes on with its two best, the third with one, the second is done.
        first, third = rows.index(0), rows.index(2)
        best = offers[0].tokens
        tokens, parents, rows = [best[first][0], best[first][1], best[third][0]], [first, first, third], [0, 0, 2]


def translated(network: TranslationNetwork, given: list[list[int]], beam: int) -> list[Hypothesis]:
    *_, last = search(
        network.read(given), batch=len(given), start=START, end=END, beam=beam, longest=[12] * len(given), alpha=0.8
    )
    return [group[0] for group in last]


@pytest.mark.parametrize("beam", [1, 5])
def test_a_batch_says_what_each_sentence_alone_says(
    networks: tuple[TranslationNetwork, TranslationNetwork], beam: int
) -> None:
    """Sentences end one after the other, so rows are dropped meanwhile."""
    given = sources(networks[0].wordpieces, *SENTENCES[:9])
    for network in networks:
        together = translated(network, given, beam)
        for source, found in zip(given, together, strict=True):
            (alone,) = translated(network, [source], beam)
            assert [spoken.token for spoken in alone.last.chain()] == [spoken.token for spoken in found.last.chain()]
            assert found.score == pytest.approx(alone.score, abs=1e-3)
            assert not {PAD, START} & {spoken.token for spoken in found.last.chain()}
    lengths = {found.last.length for found in together}
    assert len(lengths) > 1


def test_integers_say_much_the_same(store: Store) -> None:
    """As it runs: bfloat16 where the processor has it, rounded activations."""
    card = store.card(MODEL)
    quick, exact = translator.load(card, store, devices.cpu()), TorchTranslator(card, store, devices.cpu())
    given = sources(quick.wordpieces, *SENTENCES[:12])
    ours, theirs = (
        network.read(given).advance([START] * 12, list(range(12)), list(range(12)), 300) for network in (quick, exact)
    )
    difference = np.asarray(ours.log_p)[:, 0] - np.asarray(theirs.log_p)[:, 0]
    assert np.abs(difference).mean() < 0.25
    assert np.abs(np.asarray(ours.attention) - np.asarray(theirs.attention)).max() < 0.1


def test_the_step_has_the_file_s_integers(store: Store) -> None:
    from safetensors.numpy import load_file

    network = OpenVinoTranslator(store.card(MODEL), store, devices.cpu())
    stored = load_file(translators.folder() / "gnmt.safetensors")
    folder = next((store.folders.cache / "openvino").glob("*/step.xml")).parent
    model = network._openvino.Core().read_model(folder / "step.xml")
    found = [
        node.get_data()
        for node in model.get_ops()
        if node.get_type_name() == "Constant" and node.get_element_type() == network._openvino.Type.i8
    ]
    assert len(found) == translators.LAYERS + 2  # the attention's query, the output
    fused = np.concatenate([stored["decoder.1.weight_ih_l0"], stored["decoder.1.weight_hh_l0"]], 1)
    assert any(np.array_equal(array, fused) for array in found)
    output = stored["embedding.weight"]
    assert any(np.array_equal(array[: len(output)], output) for array in found)


CODE = """
import sys
from pathlib import Path
from app.store import locate
folder, real = Path(sys.argv[1]), locate.bundled
locate.bundled = lambda name: folder if name == "weights" else real(name)
from app.runtimes import devices, translator
from app.store.catalog import Store
store = Store()
network = translator.load(store.card("gnmt"), store, devices.cpu())
offers = network.read([[5, 300, 301, 3]]).advance([2], [0], [0], None)
print(network.runtime, len(offers.tokens[0]))
print(*sorted({"torch", "openvino_telemetry"} & {k for k, v in sys.modules.items() if v is not None}))
"""


def test_a_second_start_needs_no_torch(store: Store) -> None:
    translator.load(store.card(MODEL), store, devices.cpu())  # converts it, if nobody has yet
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(translators.folder())], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["openvino 20", ""]


def test_missing_weights_are_no_reason_for_torch(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = store.card(MODEL)
    translators.install(monkeypatch, tmp_path)
    with pytest.raises(StoreError, match="is not on this machine"):
        translator.load(card, Store(), devices.cpu())


def test_rows_are_dropped_when_a_quarter_is_silent() -> None:
    layout = Shrinking(4)
    assert layout.shrink([0, 1, 2, 3]) is None
    layout.place([2] * 4, [0, 1, 2, 3], [0, 1, 2, 3])
    rows = layout.shrink([0, 0, 2, 3, 3])
    assert rows is not None
    assert rows.tolist() == [0, 2, 3]
    words, parents, places = layout.place([11, 12, 31, 41, 42], [0, 0, 2, 3, 3], [0, 0, 2, 3, 3])
    assert words.tolist() == [[11, 12], [31, 0], [41, 42]]
    assert (parents[0].tolist(), int(parents[1, 0]), parents[2].tolist()) == ([0, 0], 2, [3, 3])
    assert places == [0, 1, 2, 4, 5]
    rows = layout.shrink([2, 3])
    assert rows is not None
    assert rows.tolist() == [1, 2]
    words, parents, places = layout.place([51, 61], [2, 4], [2, 3])
    assert (words.tolist(), parents.tolist(), places) == ([[51], [61]], [[2], [5]], [0, 1])
