"""The captioner through OpenVINO and through torch: the same numbers, and no torch at a second start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.media import inputs
from app.runtimes import captioner, devices
from app.runtimes.openvino_captioner import OpenVinoCaptioner, _Looked
from app.runtimes.torch_captioner import TorchCaptioner
from app.store import locate
from app.store.catalog import Store
from app.store.errors import StoreError
from tests import captioners
from tests.captioners import MODEL, ROOT, SQUEEZED

SAMPLES = sorted((locate.bundled("assets") / "samples").glob("*.jpg"))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    captioners.install(monkeypatch)
    return Store()


def test_both_look_and_speak_alike(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32: bfloat16 rounds too much for numbers to be compared."""

    def compile_exactly(network: OpenVinoCaptioner, model: Any) -> Any:
        return network._openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    monkeypatch.setattr(OpenVinoCaptioner, "_compile", compile_exactly)
    card = store.card(MODEL)
    quick = captioner.load(card, store, devices.cpu())
    exact = TorchCaptioner(card, store, devices.cpu())
    assert isinstance(quick, OpenVinoCaptioner)
    assert quick.vocabulary == exact.vocabulary == captioners.WORDS
    assert quick.grid == exact.grid == (7, 7)
    x = np.stack([inputs.tensor(path, SQUEEZED) for path in SAMPLES])
    looked, reference = quick.look(x), exact.look(x)
    np.testing.assert_allclose(looked.features, reference.features, atol=2e-3)
    arrays: Any = [tensor.numpy() for tensor in (*reference._places, reference._h, reference._c)]
    same = _Looked(quick._speak, [*arrays, reference.features], attends=True)
    count = len(SAMPLES)
    tokens, parents, rows = [2] * count, list(range(count)), list(range(count))
    for t in range(6):
        forced = 6 if t == 2 else None
        ours = same.advance(tokens, parents, rows, forced)
        theirs = reference.advance(tokens, parents, rows, forced)
        np.testing.assert_allclose(np.asarray(ours.log_p), np.asarray(theirs.log_p), atol=2e-3)
        np.testing.assert_allclose(np.asarray(ours.attention), np.asarray(theirs.attention), atol=1e-4)
        assert [row[0] for row in ours.tokens] == [row[0] for row in theirs.tokens]
        if forced is not None:
            assert [row[0] for row in ours.tokens] == [forced] * len(rows)
        # The first picture goes on with its two best, the third with one, the others are done.
        first, third = rows.index(0), rows.index(2)
        tokens = [ours.tokens[first][0], ours.tokens[first][1], ours.tokens[third][0]]
        parents, rows = [first, first, third], [0, 0, 2]


CODE = """
import sys
import numpy as np
from pathlib import Path
from app.store import locate
folder, real = Path(sys.argv[1]), locate.bundled
locate.bundled = lambda name: folder if name == "weights" else real(name)
from app.engines.caption import CaptionEngine, Describe
from app.store.catalog import Store
from app.worker import Ticket
steps = CaptionEngine(Store(), "cpu").handle(Describe(Path(sys.argv[2]), "captioner"), Ticket("caption"))
try:
    while True:
        next(steps)
except StopIteration as stop:
    print(stop.value.runtime, len(stop.value.captions))
print(*sorted({"torch", "torchvision", "openvino_telemetry"} & {k for k, v in sys.modules.items() if v is not None}))
"""


def test_a_second_start_needs_no_torch(store: Store) -> None:
    captioner.load(store.card(MODEL), store, devices.cpu())  # converts it, if nobody has yet
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(captioners.folder()), str(SAMPLES[0])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["openvino 3", ""]


def test_missing_weights_are_no_reason_for_torch(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = store.card(MODEL)
    captioners.install(monkeypatch, tmp_path)
    with pytest.raises(StoreError, match="is not on this machine"):
        captioner.load(card, Store(), devices.cpu())
