"""The figure's recorder: what it reads from networks, held against the networks themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.engines.figure import (
    Figure,
    Maps,
    Node,
    RecordFigure,
    ReleaseFigure,
    ShowMaps,
    describe,
    filter_pictures,
    glance,
    stretched,
    strongest,
)
from app.engines.figure_engine import FigureEngine
from app.store.errors import StoreError
from tests.engines.steps import drain

MODEL = "efficientnet-lite0"


def network(name: str) -> Any:
    from app.nets.alexnet import AlexNet
    from app.nets.efficientnet_lite import EfficientNetLite
    from app.nets.resnet import ResNet

    if name.startswith("alexnet"):
        return AlexNet(int(name[-1])).eval()
    return (EfficientNetLite(0) if name == "efficientnet" else ResNet(int(name[6:]))).eval()


def figure_of(name: str, side: int = 224) -> tuple[Figure, Any]:
    """Without weights: torch's meta device knows shapes and nothing else, so that ResNet-152 takes no time."""
    import torch

    from app.engines.tracing import Traced

    with torch.device("meta"):
        net = network(name)
        x = torch.zeros(1, 3, side, side)
    traced = Traced(net)
    shapes = {call: tuple(value.shape) for call, value, _ in traced.run(x) if hasattr(value, "shape")}
    return describe(traced, traced.blocks(shapes), {}, (), name, name), net


def kinds(figure: Figure, kind: str) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in figure.edges if edge.kind == kind]


NETWORKS = ("alexnet2", "alexnet1", "resnet18", "resnet50", "resnet152", "efficientnet")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_is_counted_once(name: str) -> None:
    figure, net = figure_of(name)
    assert sum(node.parameters for node in figure.nodes) == sum(p.numel() for p in net.parameters())
    assert figure.parameters == sum(node.parameters for node in figure.nodes)
    assert len({node.id for node in figure.nodes}) == len(figure.nodes)


@pytest.mark.parametrize("name", ["alexnet2", "alexnet1", "resnet18", "efficientnet"])
def test_a_traced_pass_is_the_network(name: str) -> None:
    import torch

    from app.engines.tracing import Traced

    torch.manual_seed(0)
    net = network(name).requires_grad_(False)
    x = torch.randn(1, 3, 64, 64)
    shapes: dict[str, tuple[int, ...]] = {}

    def note(path: str) -> Any:
        def hook(module: Any, given: Any, made: Any) -> None:
            shapes[path] = tuple(made.shape)[1:]

        return hook

    hooks = [
        module.register_forward_hook(note(path))
        for path, module in net.named_modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)
    ]
    wanted = net(x)
    for hook in hooks:
        hook.remove()
    traced = Traced(net)
    seen = list(traced.run(x))
    torch.testing.assert_close(seen[-1][1], wanted)
    blocks = traced.blocks({call: tuple(value.shape) for call, value, _ in seen if hasattr(value, "shape")})
    assert {block.path: block.shape for block in blocks if block.kind in ("conv", "dense")} == shapes
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_alexnet_has_two_towers_that_meet_in_the_third_layer() -> None:
    figure, _ = figure_of("alexnet2")
    by_path = {node.path: node for node in figure.nodes if node.kind == "conv"}
    assert [by_path[f"conv{k}"].towers for k in range(1, 6)] == [2] * 5
    assert [node.towers for node in figure.nodes if node.kind == "pool"] == [2] * 3
    assert [node.towers for node in figure.nodes if node.kind in ("input", "dense")] == [1] * 4
    assert [figure.node(target).path for _, target in kinds(figure, "cross")] == ["conv3"]
    assert by_path["conv1"].shape == (96, 55, 55)  # figure 2: 48 a tower
    assert by_path["conv1"].also == ("ReLU", "response norm")
    assert by_path["conv1"].title == "11 × 11 conv, /4"
    assert [node.has_filters for node in figure.nodes] == [node.path == "conv1" for node in figure.nodes]
    assert figure.cells == ()


def test_the_one_tower_form_has_one() -> None:
    figure, _ = figure_of("alexnet1")
    assert {node.towers for node in figure.nodes} == {1}
    assert {edge.kind for edge in figure.edges} == {"flow"}
    assert figure.nodes[1].shape == (64, 55, 55)


@pytest.mark.parametrize(
    ("name", "cells", "projections"),
    [("resnet18", (2, 2, 2, 2), 3), ("resnet50", (3, 4, 6, 3), 4), ("resnet152", (3, 8, 36, 3), 4)],
)
def test_every_cell_of_a_resnet_has_its_bypass(name: str, cells: tuple[int, ...], projections: int) -> None:
    figure, _ = figure_of(name)
    assert tuple(stage.cells for stage in figure.stages) == cells
    assert len(figure.cells) == sum(cells)
    assert sum(node.kind == "add" for node in figure.nodes) == sum(cells)
    chips = [node for node in figure.nodes if node.lane == -1]
    assert len(chips) == projections
    assert all("downsample" in node.path and node.small for node in chips)
    assert len(kinds(figure, "projection")) == 2 * projections
    identities = kinds(figure, "bypass")
    assert len(identities) == sum(cells) - projections
    for source, target in identities:
        add = figure.node(target)
        assert add.cell is not None
        assert figure.node(source).cell in (None, add.cell - 1)  # past all of its own cell, nothing more
        assert figure.node(source).shape == add.shape


def test_columns_run_from_left_to_right_and_chips_lie_between() -> None:
    figure, _ = figure_of("resnet18")
    line = [node.column for node in figure.nodes if node.lane == 0]
    assert line == [float(k) for k in range(len(line))]
    chip = next(node for node in figure.nodes if node.path == "layer2.0.downsample.0")
    first, second = (next(n for n in figure.nodes if n.path == f"layer2.0.conv{k}").column for k in (1, 2))
    assert chip.column == (first + second) / 2


def test_an_mbconv_expands_filters_and_projects() -> None:
    figure, net = figure_of("efficientnet")
    block = [node for node in figure.nodes if node.path.startswith("blocks.2.")]
    assert [node.title for node in block] == ["1 × 1 expand", "3 × 3 depthwise", "1 × 1 project"]
    assert [node.also for node in block] == [("batch norm", "ReLU6"), ("batch norm", "ReLU6"), ("batch norm",)]
    assert len(kinds(figure, "bypass")) == sum(block.bypassed for block in net.blocks)
    assert {cell.kind for cell in figure.cells} == {"MBConv"}
    assert [stage.cells for stage in figure.stages] == [1, 2, 2, 3, 3, 4, 1]


def test_values_are_stretched_each_to_its_own_range() -> None:
    values = np.array([[[0.0, 5.0], [10.0, 2.5]], [[3.0, 3.0], [3.0, 3.0]]], np.float32)
    shown, low, high = stretched(values)
    assert shown.tolist() == [[[0, 128], [255, 64]], [[0, 0], [0, 0]]]
    assert (low.tolist(), high.tolist()) == ([0.0, 3.0], [10.0, 3.0])


def test_a_glance_is_the_channel_that_varies_most() -> None:
    flat, lively = np.full((8, 8), 9.0, np.float32), np.eye(8, dtype=np.float32)
    assert glance(np.stack([flat, lively])).tolist() == (255 * np.eye(8)).astype(int).tolist()
    assert glance(np.ones((3, 200, 200), np.float32)).shape == (64, 64)
    assert glance(np.arange(1000, dtype=np.float32)).shape == (64, 1)


def test_filters_are_pictures_with_grey_for_zero() -> None:
    weight = np.zeros((2, 3, 2, 2), np.float32)
    weight[0, 0, 0, 1], weight[0, 2, 1, 0] = 2.0, -1.0
    pictures = filter_pictures(weight)
    assert pictures.shape == (2, 2, 2, 3)
    assert pictures[0, 0, 1].tolist() == [255, 128, 128]
    assert pictures[0, 1, 0].tolist() == [128, 128, 64]
    assert set(pictures[1].flatten().tolist()) == {128}


# The engine, with the embedded network


@pytest.fixture(scope="module")
def engine() -> FigureEngine:
    from app.store.catalog import Store

    return FigureEngine(Store())


@pytest.fixture(scope="module")
def picture() -> Any:
    from app.media import pictures
    from app.store.locate import bundled

    return pictures.decode(bundled("assets") / "samples" / "coffee.jpg", at_least=256)


@pytest.fixture(scope="module")
def recorded(engine: FigureEngine, picture: Any) -> tuple[Figure, Figure]:
    """Without times and with them."""
    partials, done = drain(engine.handle(RecordFigure(MODEL, picture), None))  # type: ignore[arg-type]
    (first,) = partials
    return first, done


def test_the_diagram_comes_first_and_the_times_after(recorded: tuple[Figure, Figure]) -> None:
    first, done = recorded
    assert first.pass_ms is None
    assert {node.share for node in first.nodes} == {None}
    assert done.pass_ms is not None
    assert done.pass_ms > 0
    assert done.passes >= 3
    assert done.threads >= 1
    assert sum(node.share or 0.0 for node in done.nodes) == pytest.approx(1.0)
    assert [node.id for node in first.nodes] == [node.id for node in done.nodes]


def test_the_picture_is_in_it(recorded: tuple[Figure, Figure]) -> None:
    figure = recorded[1]
    assert figure.of_picture
    assert figure.nodes[0].glance[0].shape == (224, 224, 3)
    assert all(len(node.glance) == node.towers for node in figure.nodes)
    assert all(max(node.glance[0].shape) <= 64 for node in figure.nodes[1:])
    assert figure.nodes[-1].said[0][0] == "espresso"
    assert figure.nodes[-1].said[0][1] > 0.9


def test_a_second_recording_keeps_the_times(engine: FigureEngine, recorded: tuple[Figure, Figure]) -> None:
    partials, done = drain(engine.handle(RecordFigure(MODEL, None), None))  # type: ignore[arg-type]
    assert partials == []
    assert [node.share for node in done.nodes] == [node.share for node in recorded[1].nodes]
    assert not done.of_picture
    assert {node.glance for node in done.nodes} == {()}
    assert done.nodes[-1].said == ()


def maps_of(engine: FigureEngine, node: str, picture: Any, most: int = 64) -> Maps:
    _, done = drain(engine.handle(ShowMaps(MODEL, node, picture, most), None))  # type: ignore[arg-type]
    assert isinstance(done, Maps)
    return done


def node_at(figure: Figure, path: str) -> Node:
    return next(node for node in figure.nodes if node.path == path)


def test_maps_are_the_activations(engine: FigureEngine, recorded: tuple[Figure, Figure], picture: Any) -> None:
    import torch

    from app.media.preprocess import apply
    from app.runtimes.torch_runtime import build
    from app.store.catalog import Store

    node = node_at(recorded[1], "stem.conv")
    maps = maps_of(engine, node.id, picture, most=5)
    card = Store().card(MODEL)
    net: Any = build(card, Store())
    with torch.inference_mode():
        wanted = net.stem(torch.from_numpy(apply(picture.pixels, card.preprocessing))[None])[0].numpy()
    varies = wanted.std(axis=(1, 2))
    assert maps.channels == tuple(np.argsort(-varies, kind="stable")[:5])
    for k, channel in enumerate(maps.channels):
        assert maps.low[k] == pytest.approx(wanted[channel].min(), abs=1e-5)
        assert maps.high[k] == pytest.approx(wanted[channel].max(), abs=1e-5)
        restored = maps.low[k] + (maps.high[k] - maps.low[k]) * maps.values[k] / 255
        np.testing.assert_allclose(restored, wanted[channel], atol=0.6 * (maps.high[k] - maps.low[k]) / 255 + 1e-5)
    assert maps.filters is not None
    assert maps.filters.shape == (32, 3, 3, 3)


def test_units_without_places_lie_in_one_map(
    engine: FigureEngine, recorded: tuple[Figure, Figure], picture: Any
) -> None:
    maps = maps_of(engine, recorded[1].nodes[-1].id, picture)
    assert maps.units == 1000
    assert maps.values.shape == (1, 25, 40)
    place = int(maps.values.argmax())
    assert maps.names[place] == recorded[1].nodes[-1].said[0][0]
    pooled = maps_of(engine, recorded[1].nodes[-2].id, picture)
    assert pooled.units == 1280
    assert pooled.names == ()


def test_without_a_picture_there_are_the_filters(engine: FigureEngine, recorded: tuple[Figure, Figure]) -> None:
    maps = maps_of(engine, node_at(recorded[1], "stem.conv").id, None)
    assert len(maps.values) == 0
    assert maps.filters is not None
    assert maps_of(engine, node_at(recorded[1], "head.conv").id, None).filters is None


def test_errors_are_sentences(engine: FigureEngine, picture: Any) -> None:
    with pytest.raises(StoreError, match="no part “nothing”"):
        maps_of(engine, "nothing", picture)
    with pytest.raises(StoreError, match="There is no model") as caught:
        drain(engine.handle(RecordFigure("nothing", None), None))  # type: ignore[arg-type]
    assert engine.explain(caught.value) == str(caught.value)
    assert engine.explain(ValueError("x")) is None


def test_two_towers_are_ranked_apart() -> None:
    values = np.zeros((6, 2, 2), np.float32)
    values[:, 0, 0] = [1, 9, 2, 8, 7, 6]  # how much each varies
    empty = np.zeros(0, np.float32)
    nothing = Maps("m", "n", "conv", (6, 2, 2), np.zeros((0, 1, 1), np.uint8), (), empty, empty, towers=2)
    maps = strongest(nothing, values, 4)
    assert maps.channels == (1, 2, 3, 4)
    assert maps.high.tolist() == [9, 2, 8, 7]


def test_a_released_network_comes_back_when_it_is_asked_for(picture: Any) -> None:
    from app.store.catalog import Store

    engine = FigureEngine(Store())
    maps = maps_of(engine, "stem_conv", picture, most=2)
    assert drain(engine.handle(ReleaseFigure(), None)) == ([], None)  # type: ignore[arg-type]
    assert engine._held is None
    assert maps_of(engine, "stem_conv", picture, most=2).channels == maps.channels
