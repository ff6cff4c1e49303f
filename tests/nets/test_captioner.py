"""The captioner's decoders: what is fed word by word and what is fed at once agree, and both can learn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from app.nets.captioner import START, CaptionDecoder, Captioner, PlainDecoder

WORDS = torch.tensor([[START, 5, 6, 7], [START, 8, 5, 9]])


class Encoder(nn.Module):
    """(n, 3, h, w) -> (n, 12, h / 8, w / 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 8, 8)

    def features(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x))


def decoder(kind: str) -> CaptionDecoder | PlainDecoder:
    torch.manual_seed(0)
    made = CaptionDecoder if kind == "attention" else PlainDecoder
    return made(11, features=12, width=16, embedding=8).eval()


@pytest.mark.parametrize("kind", ["attention", "plain"])
@torch.no_grad()
def test_word_by_word_is_the_same_as_at_once(kind: str) -> None:
    net = decoder(kind)
    places = net.look(torch.rand(2, 12, 3, 2))
    at_once, _ = net(places, WORDS)
    state = net.start(places)
    for t in range(WORDS.shape[1]):
        logits, _, state = net.step(WORDS[:, t], state, places)
        torch.testing.assert_close(logits, at_once[:, t])
    assert at_once.shape == (2, 4, 11)


@torch.no_grad()
def test_attention_is_a_distribution_over_the_places() -> None:
    net = decoder("attention")
    _, attention = net(net.look(torch.rand(2, 12, 3, 2)), WORDS)
    assert attention.shape == (2, 4, 6)
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 4))
    assert not torch.allclose(attention[:, 0], attention[:, 2])  # a fresh look for every word


@torch.no_grad()
def test_the_plain_decoder_sees_the_picture_once() -> None:
    """Show and Tell: after the first state nothing of the picture is read."""
    net = decoder("plain")
    places = net.look(torch.rand(2, 12, 3, 2))
    state = net.start(places)
    other = net.look(torch.rand(2, 12, 3, 2))
    before, attention, _ = net.step(WORDS[:, 0], state, places)
    after, _, _ = net.step(WORDS[:, 0], state, other)
    assert attention is None
    assert torch.equal(before, after)
    assert not torch.allclose(net.start(other).h, state.h)


@pytest.mark.parametrize("kind", ["attention", "plain"])
def test_learns_end_to_end(kind: str) -> None:
    """The gradient goes through the decoder into the encoder, and two pictures get their own sentences."""
    net = Captioner(Encoder(), decoder(kind))
    pictures = torch.rand(2, 3, 24, 16)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    before = net.encoder.conv.weight.clone()
    losses = []
    for _ in range(60):
        logits, _ = net(pictures, WORDS[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), WORDS[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert not torch.equal(before, net.encoder.conv.weight)
