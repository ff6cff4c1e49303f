"""The committed cards are what torchvision's records say now."""

from __future__ import annotations

from pathlib import Path

from app.store import locate, official
from app.store.cards import read_card
from app.store.catalog import Store


def test_the_committed_cards_are_the_generators(tmp_path: Path) -> None:
    (tmp_path / "stale.toml").write_text("")
    written = official.write(tmp_path)
    committed = locate.bundled("weights") / "official"
    assert {path.name: path.read_text("utf-8") for path in sorted(tmp_path.iterdir())} == {
        path.name: path.read_text("utf-8") for path in sorted(committed.iterdir())
    }
    assert len(written) == 13
    assert tuple(read_card(path) for path in written) == official.cards()


def test_what_they_say(store: Store) -> None:
    found = [card for card in store.cards() if card.origin == "official"]
    assert [card.id for card in found] == [
        "alexnet-v1",
        "gnmt-wmt16-en-de",
        "resnet18-compressed",
        "resnet18-v1",
        "resnet34-v1",
        "resnet50-compressed",
        "resnet50-v1",
        "resnet50-v2",
        "resnet101-v1",
        "resnet101-v2",
        "resnet152-v1",
        "resnet152-v2",
        "show-and-tell",
    ]
    for card in found:
        assert not card.confirmed
        assert "for research and education" in card.terms
        assert card.approximate_size
    compressed = [card for card in found if card.id.endswith("-compressed")]
    converted = [card for card in found if card.parts]
    for card in (card for card in found if card not in compressed + converted):
        assert card.sha256_prefix
        assert card.sha256_prefix in card.file
        assert card.addresses == (f"https://download.pytorch.org/models/{card.file}",)
    for card in compressed:
        assert "CC BY-NC 4.0" in card.licence
        assert card.sha256
        assert "/9ea70f1aef44f4ffb14d89fb304dcbcb93a31ec7/" in card.addresses[0]
    v1, v2 = store.card("resnet50-v1"), store.card("resnet50-v2")
    assert (v1.preprocessing.resize, v2.preprocessing.resize) == (256, 232)
    assert (v1.published[0].top1, v2.published[0].top1) == (76.13, 80.858)


def test_every_bundled_card_speaks_of_research(store: Store) -> None:
    assert store.problems() == ()
    assert all("for research and education" in card.terms for card in store.cards())
    assert "for research and education" in (locate.bundled("weights") / "LICENSE.md").read_text("utf-8")
