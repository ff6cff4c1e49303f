"""The GNMT as it is run gives the numbers of the GNMT as it is written."""

from __future__ import annotations

import pytest
import torch

from app.nets.gnmt import GNMT, DecoderState
from app.nets.gnmt_steps import BEST, Encode, Step


@pytest.fixture
def net() -> GNMT:
    torch.manual_seed(3)
    made = GNMT(90, width=16, layers=5).eval().requires_grad_(False)  # 90: no whole number of groups
    for parameter in made.parameters():
        parameter.mul_(4)
    return made


def test_reading_gives_what_the_decoder_looks_at(net: GNMT) -> None:
    source = torch.randint(4, 90, (3, 9))
    source[1, 6:] = 0
    source[2, 1:] = 0
    values, keys, shut = Encode(net)(source)
    memory = net.encode(source)
    torch.testing.assert_close(values, memory.values)
    torch.testing.assert_close(keys, memory.keys + net.attention.b)
    assert ((shut == 0) == memory.mask).all()
    alone = Encode(net)(source[1:2, :6])  # alone it reads the same
    torch.testing.assert_close(alone[0], values[1:2, :6])


def test_a_step_gives_the_decoder_s_wordpieces(net: GNMT) -> None:
    """Two sentences, three hypotheses each, whose states are picked from four of the step before."""
    source = torch.randint(4, 90, (2, 7))
    source[1, 3:] = 0
    values, keys, shut = Encode(net)(source)
    h, c = torch.randn(5, 8, 16), torch.randn(5, 8, 16)
    words, parents = torch.tensor([[5, 6, 7], [8, 9, 10]]), torch.tensor([[0, 0, 3], [7, 4, 5]])
    never = (0, 2, 44)
    best, which, said, attention, new_h, new_c = Step(net, never)(
        words, parents, torch.tensor([61]), h, c, values, keys, shut
    )
    rows, picked = torch.tensor([0, 0, 0, 1, 1, 1]), parents.flatten()
    state = DecoderState(h[:, picked], c[:, picked], torch.zeros(6, 16))
    logits, attended, after = net.step(words.flatten(), state, net.encode(source).select(rows))
    logits[:, list(never)] = -torch.inf
    expected = logits.log_softmax(-1)
    torch.testing.assert_close(best, expected.topk(BEST).values)
    torch.testing.assert_close(expected.gather(1, which), best)
    torch.testing.assert_close(said, expected[:, 61:62])
    torch.testing.assert_close(attention.flatten(0, 1), attended)
    assert (attention[1, :, 3:] == 0).all()
    torch.testing.assert_close(new_h, after.h)
    torch.testing.assert_close(new_c, after.c)


def test_a_small_vocabulary_offers_all_of_it() -> None:
    net = GNMT(12, width=8, layers=3).eval().requires_grad_(False)
    values, keys, shut = Encode(net)(torch.tensor([[5, 6, 3]]))
    state, word = torch.zeros(3, 1, 8), torch.tensor([[2]])
    best, which, *_ = Step(net, (0, 2))(word, word * 0, word[0], state, state, values, keys, shut)
    offered = which[best > -torch.inf]
    assert sorted(offered.tolist()) == [1, *range(3, 12)]


@pytest.mark.parametrize("input_feeding", [False, True])
@pytest.mark.parametrize("pass_hidden_state", [False, True])
def test_the_other_decoders(input_feeding: bool, pass_hidden_state: bool) -> None:
    """Sentences of three lengths, four steps, hypotheses picked across: as the GNMT as it is written."""
    torch.manual_seed(4)
    net = GNMT(
        70, width=16, layers=4, target_vocabulary=50, share_embedding=False, classifier_bias=False,
        input_feeding=input_feeding, pass_hidden_state=pass_hidden_state,
    ).eval().requires_grad_(False)  # fmt: skip
    for parameter in net.parameters():
        parameter.mul_(4)
    source = torch.randint(4, 70, (3, 9))
    source[1, 5:] = 0
    source[2, 1:] = 0
    memory = net.encode(source)
    encoded = Encode(net)(source)
    torch.testing.assert_close(encoded[0], memory.values)
    state = net.start(memory)
    if input_feeding or pass_hidden_state:
        h, c = encoded[3:]
        torch.testing.assert_close(h[:4], state.h)
        torch.testing.assert_close(c, state.c)
        assert len(h) == 4 + input_feeding
        assert not h[4:].any()
    else:
        h = c = state.h
    step = Step(net, (0,))
    words, parents = torch.tensor([[2], [2], [2]]), torch.tensor([[0], [1], [2]])
    for _ in range(4):
        rows = torch.arange(3).repeat_interleave(words.shape[1])
        best, which, _, attention, h, c = step(words, parents, torch.tensor([0]), h, c, *encoded[:3])
        logits, attended, state = net.step(words.flatten(), state.select(parents.flatten()), memory.select(rows))
        logits[:, 0] = -torch.inf
        torch.testing.assert_close(logits.log_softmax(-1).gather(1, which), best)
        torch.testing.assert_close(attention.flatten(0, 1), attended)
        count = words.numel()
        firsts = torch.arange(3).unsqueeze(1) * (count // 3)
        parents = firsts + torch.randint(0, count // 3, (3, 2))
        words = torch.randint(4, 50, (3, 2))
