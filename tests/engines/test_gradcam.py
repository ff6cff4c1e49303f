"""Heat maps: held against pytorch-grad-cam's (data/make_gradcam.py), and against what their definition says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engines import gradcam
from app.media.preprocess import apply
from tests.engines.nets import AGAINST, CASES, PLAIN, seeded

PICTURES = ("chelsea", "coffee")


@pytest.fixture(scope="module")
def fixture() -> Mapping[str, np.ndarray]:
    with np.load(Path(__file__).parent / "data" / "gradcam.npz", allow_pickle=False) as kept:
        return dict(kept)


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    """Ours, in float32 through torch."""
    from app.runtimes.torch_runtime import build
    from app.store.catalog import Store

    made: dict[str, Any] = {name: seeded(name) for name in CASES if name != "efficientnet-lite0"}
    store = Store()
    made["efficientnet-lite0"] = build(store.card("efficientnet-lite0"), store)
    return made


def given(fixture: Mapping[str, np.ndarray], name: str, picture: str) -> np.ndarray:
    from app.store.catalog import Store

    preprocessing = Store().card(name).preprocessing if name == "efficientnet-lite0" else PLAIN
    return apply(fixture[f"picture {picture}"], preprocessing)[None]  # (1, 3, 224, 224)


def head(net: Any) -> Any:
    from app.runtimes.torch_runtime import head_of

    return head_of(net)


def grid_of(net: Any, x: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        grid: np.ndarray = net.features(torch.from_numpy(x))[0].numpy()
    return grid


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("name", CASES)
def test_the_maps_are_pytorch_grad_cam_s(
    fixture: Mapping[str, np.ndarray], networks: dict[str, Any], name: str, picture: str
) -> None:
    net, x = networks[name], given(fixture, name, picture)
    best = int(fixture[f"best {name} {picture}"])
    for against, what in ((None, "map"), (AGAINST, "against")):
        theirs = fixture[f"{what} {name} {picture}"]
        assert np.abs(theirs).max() > 0
        ways = {"gradient": gradcam.from_gradient(net, x, best, against)}
        if (linear := head(net)) is not None:
            ways["head"] = gradcam.from_head(grid_of(net, x), linear, best, against)
        assert ("head" in ways) == (not name.startswith("alexnet"))
        for way, ours in ways.items():
            assert ours.shape == theirs.shape
            assert ours.dtype == np.float32
            for signed in (True, False):
                np.testing.assert_allclose(
                    gradcam.scaled(ours, signed), gradcam.scaled(theirs, signed), rtol=0, atol=1e-4, err_msg=way
                )


def test_the_fixture_says_what_made_it(fixture: Mapping[str, np.ndarray]) -> None:
    versions = json.loads(str(fixture["versions"]))
    assert versions.keys() == {"grad-cam", "torch", "torchvision", "numpy", "pillow", "python"}


@pytest.mark.parametrize("name", ["resnet18", "efficientnet-lite0"])
def test_with_one_linear_layer_the_map_adds_up_to_the_logit(
    fixture: Mapping[str, np.ndarray], networks: dict[str, Any], name: str
) -> None:
    """Zhou et al. 2016, section 2: the map, summed over its places, and the bias make up the logit."""
    net, x = networks[name], given(fixture, name, "chelsea")
    import torch

    with torch.inference_mode():
        logits: list[float] = net(torch.from_numpy(x))[0].tolist()
    linear = head(net)
    for target in (3, 281, 999):
        raw = gradcam.from_head(grid_of(net, x), linear, target, None)
        assert raw.sum() + linear.bias[target] == pytest.approx(logits[target], abs=1e-4 * max(map(abs, logits)))


@pytest.mark.parametrize("name", CASES)
def test_against_is_antisymmetric(fixture: Mapping[str, np.ndarray], networks: dict[str, Any], name: str) -> None:
    net, x = networks[name], given(fixture, name, "coffee")
    one, other = gradcam.from_gradient(net, x, 504, 967), gradcam.from_gradient(net, x, 967, 504)
    np.testing.assert_allclose(one, -other, rtol=0, atol=1e-5 * np.abs(one).max())
    np.testing.assert_array_equal(gradcam.from_gradient(net, x, 504, 504), np.zeros_like(one))


def test_no_gradient_stays_behind(fixture: Mapping[str, np.ndarray], networks: dict[str, Any]) -> None:
    net = networks["alexnet"]
    gradcam.from_gradient(net, given(fixture, "alexnet", "chelsea"), 281, None)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_scaling() -> None:
    raw = np.array([[-4.0, 0.0], [1.0, 2.0]], np.float32)
    np.testing.assert_array_equal(gradcam.scaled(raw, signed=False), [[0, 0], [0.5, 1]])
    np.testing.assert_array_equal(gradcam.scaled(raw, signed=True), [[-1, 0], [0.25, 0.5]])
    nothing = np.zeros((2, 2), np.float32)
    np.testing.assert_array_equal(gradcam.scaled(nothing, signed=True), nothing)
    np.testing.assert_array_equal(gradcam.scaled(-raw[1:], signed=False), [[0, 0]])
