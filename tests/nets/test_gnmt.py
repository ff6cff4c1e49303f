"""The GNMT on tensors: its stacks, its switches, and that every way of running it says the same."""

import pytest
import torch

from app.nets.gnmt import GNMT


def small(**switches: bool) -> GNMT:
    torch.manual_seed(0)
    return GNMT(50, width=16, layers=4, dropout=0.0, **switches).eval()


def sentences() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(4, 50, (3, 7), generator=generator)
    source[1, 5:] = 0
    source[2, 3:] = 0
    target = torch.randint(4, 50, (3, 5), generator=generator)
    return source, target


@pytest.mark.parametrize("switch", ["plain", "input_feeding", "pass_hidden_state"])
def test_stepping_equals_teacher_forcing(switch: str) -> None:
    net = small(**({} if switch == "plain" else {switch: True}))
    source, target = sentences()
    whole = net(source, target)
    memory = net.encode(source)
    state = net.start(memory)
    for t in range(target.shape[1]):
        logits, attention, state = net.step(target[:, t], state, memory)
        torch.testing.assert_close(logits, whole[:, t], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(attention.sum(-1), torch.ones(3))
        assert attention[2, 3:].abs().max() == 0  # nothing is read from the padding


@pytest.mark.parametrize("switch", ["plain", "pass_hidden_state"])
def test_padding_changes_nothing(switch: str) -> None:
    net = small(**({} if switch == "plain" else {switch: True}))
    source, target = sentences()
    alone = net(source[2:, :3], target[2:])
    torch.testing.assert_close(net(source, target)[2:], alone, atol=1e-5, rtol=1e-5)


def test_layers_and_residuals() -> None:
    net = GNMT(50, width=16, layers=8)
    assert len(net.encoder) == len(net.decoder) == 8
    assert net.encoder[0].bidirectional
    assert not any(layer.bidirectional for layer in net.encoder[1:])
    assert net.output.weight is net.embedding.weight
    assert GNMT(50, width=16, share_embedding=False).output.weight is not net.embedding.weight
    assert GNMT(50, width=16, share_embedding=False, classifier_bias=False).output.bias is None
    # With the upper layers silenced, a residual stack hands the second layer's output through unchanged.
    net.eval()
    source, _ = sentences()
    with torch.no_grad():
        for layer in net.encoder[2:]:
            for parameter in layer.parameters():
                parameter.zero_()
        x = net.embedding(source[:1])
        y, _ = net.encoder[0](x)
        y, _ = net.encoder[1](y)
    torch.testing.assert_close(net.encode(source[:1]).values, y)


def test_states_are_selected_by_index() -> None:
    net = small()
    source, target = sentences()
    memory = net.encode(source)
    _, _, state = net.step(target[:, 0], net.start(memory), memory)
    twice = state.select(torch.tensor([2, 2, 0]))
    torch.testing.assert_close(twice.h[:, 0], state.h[:, 2])
    torch.testing.assert_close(twice.context[2], state.context[0])


def test_a_sentence_can_be_learnt() -> None:
    torch.manual_seed(0)
    net = GNMT(30, width=32, layers=8, dropout=0.0)
    source = torch.randint(4, 30, (4, 6))
    target = torch.cat([torch.full((4, 1), 2), source.flip(1)], dim=1)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    losses = []
    for _ in range(80):
        logits = net(source, target[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 layers"):
        GNMT(50, layers=2)
    with pytest.raises(ValueError, match="one vocabulary"):
        GNMT(50, target_vocabulary=60)
