"""The translator's training: stacks that grow."""

from __future__ import annotations

import torch

from app.nets.gnmt import GNMT
from app.training.gnmt import layers_at, optimiser_of


def test_layers_come_one_at_a_time() -> None:
    assert [layers_at(fraction, 3, 8, 0.5) for fraction in (0.0, 0.099, 0.101, 0.3, 0.49, 0.5, 1.0)] == [
        3, 3, 4, 6, 7, 8, 8,
    ]  # fmt: skip
    assert layers_at(0.0, 8, 8, 0.0) == 8


def test_a_new_layer_is_next_to_nothing_at_first() -> None:
    torch.manual_seed(0)
    shallow, deep = GNMT(40, 16, 4, dropout=0.0), GNMT(40, 16, 5, dropout=0.0)
    deep.load_state_dict(shallow.state_dict(), strict=False)
    source, target = torch.randint(4, 40, (3, 7)), torch.randint(4, 40, (3, 6))
    before, after = shallow(source, target), deep(source, target)
    assert (after - before).abs().max() < 0.3 * before.abs().max()
    assert torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1] > 0.95


def test_a_deeper_network_keeps_the_moments() -> None:
    shallow, deep = GNMT(40, 16, 3), GNMT(40, 16, 4)
    first = optimiser_of(shallow, 1e-3)
    shallow(torch.ones(1, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.long)).sum().backward()
    first.step()
    second = optimiser_of(deep, 1e-3, (shallow, first))
    assert second.state[deep.output.weight] is first.state[shallow.output.weight]
    assert deep.decoder[3].weight_ih_l0 not in second.state
