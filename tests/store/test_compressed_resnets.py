"""The compressed ResNets of Stock et al. 2020: their layout on files made here, and the very files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.store import architectures, weights
from app.store.catalog import State, Store
from app.store.errors import DownloadError, StoreError

REAL = Path(__file__).parents[3] / "shared" / "data" / "compressed_resnets"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the files of the authors are not here ({REAL})")
IDS = ("resnet18-compressed", "resnet50-compressed")


@pytest.fixture(scope="module")
def layers() -> dict[str, Any]:
    """A ResNet-18 in the layout of the authors' files, with random code books."""
    import torch

    generator = torch.Generator().manual_seed(0)
    made: dict[str, Any] = {"fc_bias": {"bias": torch.randn(1000, generator=generator)}}
    for key, shape in architectures.shapes_of("resnet18").items():
        name, _, kind = key.rpartition(".")
        if kind.startswith("running") or key == "fc.bias":
            continue
        if len(shape) == 1:
            made.setdefault(name, {})[kind] = torch.rand(shape, generator=generator).half()
        elif name == "conv1":
            made[name] = {"weight": torch.randn(shape, generator=generator).half()}
        else:
            conv = len(shape) == 4
            width = 9 if conv and shape[2] == 3 else 4
            blocks = torch.Size(shape[1:]).numel() // width
            count = 256 if conv else 2048
            made[name] = {
                "centroids": torch.randn(count, width, generator=generator).half(),
                "assignments": torch.randint(0, count, (blocks * shape[0],), generator=generator).to(
                    torch.uint8 if conv else torch.int16
                ),
                "n_blocks": blocks,
                "is_conv": conv,
                "k": shape[2] if conv else 1,
            }
    return made


def saved(layers: dict[str, Any], path: Path) -> Path:
    import torch

    torch.save(layers, path, _use_new_zipfile_serialization=False)
    return path


def test_blocks_are_looked_up(layers: dict[str, Any], tmp_path: Path) -> None:
    import torch

    architecture, state = weights.read(saved(layers, tmp_path / "small.pth"))
    assert architecture == "resnet18"
    assert state.keys() == architectures.shapes_of("resnet18").keys()
    for name, width in (("layer2.0.conv1", 9), ("layer2.0.downsample.0", 4), ("fc", 4)):
        layer, weight = layers[name], state[f"{name}.weight"]
        outputs = weight.shape[0]
        for row, block in ((0, 0), (5, 3), (outputs - 1, layer["n_blocks"] - 1)):
            index = int(layer["assignments"][block * outputs + row])
            run = weight[row].flatten()[block * width : (block + 1) * width]
            assert torch.equal(run, layer["centroids"][index])
    assert torch.equal(state["fc.bias"], layers["fc_bias"]["bias"])
    assert torch.equal(state["bn1.weight"], layers["bn1"]["weight"])
    assert state["bn1.running_mean"].eq(0).all()
    assert state["bn1.running_var"].eq(1).all()


def test_importing_one(layers: dict[str, Any], store: Store, tmp_path: Path) -> None:
    card = store.import_file(saved(layers, tmp_path / "blocks.pth"))
    assert (card.id, card.architecture, card.parameters) == ("blocks", "resnet18", 11_689_512)
    assert card.size is not None
    assert card.size < 24e6, "in half precision"
    architectures.build("resnet18").load_state_dict(store.state_dict(card), strict=False)


def _layer(name: str, **change: Any) -> Callable[[dict[str, Any]], None]:
    def apply(layers: dict[str, Any]) -> None:
        layers[name] = layers[name] | {
            key: value(layers[name][key]) if callable(value) else value for key, value in change.items()
        }

    return apply


def _fill(value: float) -> Callable[[Any], Any]:
    def apply(tensor: Any) -> Any:
        changed = tensor.clone()
        changed.view(-1)[7] = value
        return changed

    return apply


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a layer is missing": (lambda d: d.pop("layer3.1.conv2"), "its layers are not those of"),
    "a layer too many": (lambda d: d.update(layer9=d["bn1"]), "its layers are not those of"),
    "too few assignments": (_layer("fc", assignments=lambda t: t[:-1]), r"fc\.weight can't be decoded, it should have"),
    "an assignment too high": (_layer("fc", assignments=_fill(2048)), "outside its code book of 2048"),
    "an assignment below zero": (_layer("fc", assignments=_fill(-1)), "outside its code book of 2048"),
    "assignments of floats": (_layer("fc", assignments=lambda t: t.float()), "it should have 128,000 assignments"),
    "blocks that don't fit": (_layer("layer1.0.conv1", centroids=lambda t: t[:, :7]), "blocks of 7 don't fill rows of"),
    "an empty code book": (_layer("layer1.0.conv1", centroids=lambda t: t[:, :0]), "blocks of 0 don't fill"),
    "no code book": (_layer("layer1.0.conv1", centroids=3), "its code book is no table"),
    "NaN in a code book": (_layer("layer1.0.conv1", centroids=lambda t: t * float("nan")), "holds NaN or infinite"),
    "no bias": (lambda d: d.update(fc_bias={"bias": 3}), r"fc\.bias should be 1000 numbers"),
    "a bias that claims much": (
        lambda d: d.update(fc_bias={"bias": d["fc_bias"]["bias"][:1].expand(1 << 30)}),
        r"fc\.bias should be 1000 numbers",
    ),
    "a short first layer": (_layer("conv1", weight=lambda t: t[:3]), r"conv1\.weight should be 64 × 3 × 7 × 7"),
    "no layer at all": (lambda d: d.update(bn1=7), "bn1 in it is no layer"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence(damage: str, layers: dict[str, Any], store: Store, tmp_path: Path) -> None:
    change, said = DAMAGES[damage]
    changed = dict(layers)
    change(changed)
    with pytest.raises(StoreError, match=said) as told:
        store.import_file(saved(changed, tmp_path / "blocks.pth"))
    assert str(told.value).startswith("blocks.pth")
    assert "\n" not in str(told.value)
    assert not list(store.folders.models.glob("*.safetensors"))


@real
@pytest.mark.parametrize("model", IDS)
def test_the_real_files_are_downloaded_and_decoded(
    model: str, store: Store, serve: Callable[[bytes], Any], tmp_path: Path
) -> None:
    card = store.card(model)
    content = (REAL / card.file).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (card.size, card.sha256)
    site = serve(content)
    site.script += [site.drop_after(1_000_000)]
    path = store.download(model, mirror=site.root)
    assert path.read_bytes() == content, "the file stays as its authors made it"
    assert store.state(card) is State.READY
    net = architectures.build(card.architecture)
    net.load_state_dict(store.state_dict(card), strict=False)
    assert store.verify(model).ok
    assert sum(parameter.numel() for parameter in net.parameters()) == card.parameters


@real
@pytest.mark.parametrize("model", IDS)
def test_the_real_files_are_known_when_imported(model: str, store: Store) -> None:
    official = store.card(model)
    card = store.import_file(REAL / official.file)
    assert (card.licence, card.terms, card.published) == (official.licence, official.terms, official.published)
    assert card.architecture == official.architecture


@real
def test_an_altered_file_is_not_taken(store: Store, serve: Callable[[bytes], Any]) -> None:
    content = bytearray((REAL / "resnet18_small_blocks.pth").read_bytes())
    content[1_000_000] ^= 1
    with pytest.raises(DownloadError):
        store.download("resnet18-compressed", mirror=serve(bytes(content)).root)
    assert store.state(store.card("resnet18-compressed")) is State.ABSENT
