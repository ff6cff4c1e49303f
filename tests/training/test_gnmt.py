"""The translator's training: stacks that grow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.nets.gnmt import GNMT
from app.store.cards import write_card
from app.training.gnmt import deepen, earlier, inherit, layers_at, learning_rate, optimiser_of
from tests import translators


def test_layers_come_one_at_a_time() -> None:
    assert [layers_at(fraction, 3, 8, 0.4, 0.8) for fraction in (0.0, 0.39, 0.41, 0.51, 0.79, 0.8, 1.0)] == [
        3, 3, 4, 5, 7, 8, 8,
    ]  # fmt: skip
    assert {layers_at(fraction, 8, 8, 0.4, 0.8) for fraction in (0.0, 0.5, 0.9)} == {8}
    assert layers_at(0.0, 3, 8, 0.0, 0.0) == 8


def test_a_new_layer_is_next_to_nothing_at_first() -> None:
    torch.manual_seed(0)
    shallow = GNMT(40, 16, 4, dropout=0.0)
    deep = deepen(GNMT(40, 16, 5, dropout=0.0), shallow)
    source, target = torch.randint(4, 40, (3, 7)), torch.randint(4, 40, (3, 6))
    before, after = shallow(source, target), deep(source, target)
    assert 0 < (after - before).abs().max() < 0.15 * before.abs().max()


def test_a_deeper_network_keeps_the_moments() -> None:
    shallow, deep = GNMT(40, 16, 3), GNMT(40, 16, 4)
    first = optimiser_of(shallow, 1e-3)
    shallow(torch.ones(1, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.long)).sum().backward()
    first.step()
    second = optimiser_of(deep, 1e-3, (shallow, first))
    assert second.state[deep.output.weight] is first.state[shallow.output.weight]
    assert deep.decoder[3].weight_ih_l0 not in second.state


def test_it_goes_on_from_a_model_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.locate.bundled", lambda name: tmp_path)
    card = translators.write(tmp_path)
    curves = (
        ("begun", "from random weights"),
        ("steps", 900),
        ("curve_en-de", "0.5:3.1 1.25:7.5"),
        ("curve_de-en", "0.5:4"),
    )
    write_card(replace(card, extra=(*card.extra, *curves)), tmp_path / f"{card.id}.toml")
    found = earlier(card.id, translators.wordpieces())
    assert (found.hours, found.steps) == (1.25, 900)
    assert found.lines == ("0.5\t900\ten-de\t3.1\n", "0.5\t900\tde-en\t4\n", "1.25\t900\ten-de\t7.5\n")
    net = GNMT(found.state["embedding.weight"].shape[0], found.state["embedding.weight"].shape[1], 3)
    missing = net.load_state_dict(found.state, strict=False).missing_keys
    assert set(missing) == {"target_embedding.weight", "output.weight"}  # tied
    assert torch.equal(net.output.weight, found.state["embedding.weight"])
    with pytest.raises(SystemExit, match="--like gnmt"):
        earlier(card.id, b"others")


def test_the_rate_warms_up_and_decays() -> None:
    rates = [learning_rate(1.0, step, 10, fraction) for step, fraction in ((0, 0.0), (9, 0.0), (50, 0.5), (99, 1.0))]
    assert rates == pytest.approx([0.1, 1.0, 0.51, 0.02])


def test_it_begins_with_what_a_network_for_other_languages_knows() -> None:
    torch.manual_seed(0)
    parent, child = GNMT(6, 16, 3), GNMT(7, 16, 3)
    with torch.no_grad():
        parent.output.bias.uniform_(-1, 1)
    before = child.embedding.weight.clone()
    known, pieces = ["<pad>", "<s>", "a", "b", "c", "d"], ["<pad>", "<s>", "c", "x", "a", "y", "z"]
    assert inherit(child, parent.state_dict(), pieces, known) == 4
    for row, other in ((1, 1), (2, 4), (4, 2)):
        assert torch.equal(child.embedding.weight[row], parent.embedding.weight[other])
        assert child.output.bias[row] == parent.output.bias[other]
    assert torch.equal(child.embedding.weight[3], before[3])
    assert child.output.weight is child.embedding.weight
    assert torch.equal(child.decoder[2].weight_hh_l0, parent.decoder[2].weight_hh_l0)
