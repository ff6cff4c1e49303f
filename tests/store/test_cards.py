from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from app.media.preprocess import Preprocessing
from app.store.cards import Card, Measurement, read_card, render, write_card
from app.store.errors import CardError

FULL = Card(
    id="some-net",
    name="Some “Net” ü 漢字 \U0001f600",
    year=2015,
    task="classify",
    architecture="resnet18",
    origin="imported",
    file="some-net.safetensors",
    licence="Apache-2.0",
    terms='Quotes " and \\ and\nlines',
    limits="Knows little.",
    summary="A network.",
    size=12,
    parameters=3,
    sha256="0" * 64,
    sha256_prefix="00000000",
    addresses=("https://example.org/a.pth", "https://example.org/b.pth"),
    confirmed=False,
    source="a paper",
    attribution="somebody",
    preprocessing=Preprocessing(232, 224, "bicubic", (0.1, 0.2, 0.3), (1.0, 1.0, 1.0), True),
    labels="imagenet-1k",
    measured=(Measurement("imagenet_dev", 73.3, 92.4, "triptych classify"), Measurement("x", 1, 2, "y")),
    published=(Measurement("ImageNet", 69.758, 89.078, "torchvision"),),
    curve=((0.5, 10.0), (1.0, 20.5)),
    extra=(("size_approx", 11), ("note", "text"), ("good", True), ("ratio", 0.5)),
)
LEAST = Card("n", "N", 2015, "classify", "resnet18", "imported", "n.safetensors", "l", "t", "li", "s")


@pytest.mark.parametrize("card", [FULL, LEAST])
def test_what_is_written_is_read(card: Card, tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    write_card(card, path)
    assert read_card(path) == card
    assert [item.name for item in tmp_path.iterdir()] == ["card.toml"]


def test_approximate_size() -> None:
    assert FULL.approximate_size == 12
    assert replace(FULL, size=None).approximate_size == 11
    assert LEAST.approximate_size is None


def plain() -> dict[str, Any]:
    import tomllib

    return tomllib.loads(render(FULL))


@pytest.mark.parametrize("key", ["id", "name", "year", "task", "architecture", "origin", "file", "licence", "summary"])
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    data = plain()
    del data[key]
    path = tmp_path / "card.toml"
    path.write_text(tomli_w.dumps(data), "utf-8")
    with pytest.raises(CardError, match=rf"^The card card\.toml lacks the key “{key}”\.$"):
        read_card(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"colour": "red"}, "key that cards don't have: “colour”"),
        ({"year": "2015"}, "“year” must be a whole number"),
        ({"year": True}, "“year” must be a whole number"),
        ({"year": 2015.0}, "“year” must be a whole number"),
        ({"confirmed": 1}, "“confirmed” must be true or false"),
        ({"name": 3}, "“name” must be a text"),
        ({"task": "dance"}, "“task” must be one of classify, caption, translate"),
        ({"addresses": "https://x"}, "“addresses” must be a list"),
        ({"addresses": [1]}, "“addresses” must be a text"),
        ({"addresses": ["file:///etc/passwd"]}, "“addresses” must begin with https"),
        ({"preprocessing": []}, "“preprocessing” must be a table"),
        ({"preprocessing": {"size": 3}}, "“preprocessing.size”"),
        ({"preprocessing": {"mean": [1.0, 2.0]}}, "“preprocessing.mean” must be a list of 3"),
        ({"preprocessing": {"deviation": [0.0, 1.0, 1.0]}}, "deviation” must be above zero"),
        ({"preprocessing": {"crop": 100_000}}, "8 to 2048"),
        ({"preprocessing": {"interpolation": "nearest"}}, "one of bilinear, bicubic"),
        ({"measured": [{"data": "x", "top1": 1.0, "top5": 2.0}]}, "lacks the key “measured.source”"),
        ({"published": [{"data": "x", "top1": 9.0, "top5": 2.0, "source": "y"}]}, "top-1 not above top-5"),
        ({"curve": [[1.0]]}, "“curve” must be a list of 2"),
        ({"curve": [[1.0, float("inf")]]}, "finite"),
        ({"extra": {"list": [1]}}, "“extra.list”"),
        ({"id": "Some Net"}, "“id” may hold"),
        ({"id": "../net"}, "“id” may hold"),
        ({"file": "../../etc/passwd"}, "plain name"),
        ({"file": "a/b"}, "plain name"),
        ({"file": ".."}, "plain name"),
        ({"file": "C:\\x"}, "plain name"),
        ({"sha256": "abc"}, "64 hexadecimal"),
        ({"sha256_prefix": "xyz"}, "“sha256_prefix”"),
        ({"size": 0}, "above zero"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(tomli_w.dumps(plain() | change), "utf-8")
    with pytest.raises(CardError, match=r"card\.toml") as refused:
        read_card(path)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"id = ", b"\xff\xfe", b"[[[[", b"a" * (2 << 20), b"x = " + b"[" * 50_000])
def test_no_toml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_bytes(content)
    with pytest.raises(CardError, match=r"The card card\.toml"):
        read_card(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="can't be read"):
        read_card(tmp_path / "card.toml")
    with pytest.raises(CardError, match="can't be written"):
        write_card(LEAST, tmp_path / "nowhere" / "card.toml")
    with pytest.raises(CardError, match="plain name"):
        write_card(replace(LEAST, file="../x"), tmp_path / "card.toml")
