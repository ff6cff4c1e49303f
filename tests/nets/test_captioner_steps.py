"""The captioner as it is run gives the numbers of the captioner as it is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from app.nets.captioner import CaptionDecoder, Captioner, CaptionState, Places, PlainDecoder
from app.nets.captioner_steps import BEST, Look, Speak, Tell
from app.nets.efficientnet_lite import EfficientNetLite
from app.runtimes.captioner import Layout
from app.store import vocabulary


@pytest.fixture
def decoder() -> CaptionDecoder:
    torch.manual_seed(5)
    made = CaptionDecoder(60, features=24, width=16, embedding=12).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.mul_(3)
    return made


def test_looking_gives_places_and_the_start() -> None:
    torch.manual_seed(5)
    net = Captioner(EfficientNetLite(0), CaptionDecoder(20, width=16, embedding=12)).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        values, keys, h, c, mean = Look(net)(x)
        places = net.look(x)
        state = net.decoder.start(places)
    for ours, theirs in ((values, places.values), (keys, places.keys), (h, state.h), (c, state.c)):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(mean, places.values.mean(1))


def test_speaking_gives_the_decoder_s_words(decoder: CaptionDecoder) -> None:
    """Two pictures, three hypotheses each, whose states are picked from four of the step before."""
    values, keys = torch.randn(2, 9, 24), torch.randn(2, 9, 16)
    h, c = torch.randn(8, 16), torch.randn(8, 16)
    words = torch.tensor([[5, 6, 7], [8, 9, 10]])
    parents = torch.tensor([[0, 0, 3], [7, 4, 5]])
    best, which, log_p, attention, new_h, new_c = Speak(decoder)(words, parents, h, c, values, keys)
    rows = torch.tensor([0, 0, 0, 1, 1, 1])
    logits, attended, state = decoder.step(
        words.flatten(),
        CaptionState(h[parents.flatten()], c[parents.flatten()]),
        Places(values[rows], keys[rows]),
    )
    expected = logits.log_softmax(-1)
    torch.testing.assert_close(log_p.flatten(0, 1)[:, 3:], expected[:, 3:])
    assert (log_p[..., :3] == -torch.inf).all()  # padding, the unknown and the start are never said
    torch.testing.assert_close(attention.flatten(0, 1), attended)
    torch.testing.assert_close(new_h, state.h)
    torch.testing.assert_close(new_c, state.c)
    assert best.shape == (2, 3, BEST)
    torch.testing.assert_close(best.flatten(0, 1), expected[:, 3:].topk(BEST).values)
    assert (which.flatten(0, 1) == expected[:, 3:].topk(BEST).indices + 3).all()


def test_hypotheses_of_different_numbers_are_laid_out_and_found_again() -> None:
    layout = Layout(3)
    words, parents, places = layout.place([2, 2, 2], [0, 1, 2], [0, 1, 2])
    assert (words.tolist(), parents.tolist(), places) == ([[2], [2], [2]], [[0], [1], [2]], [0, 1, 2])
    # The first picture has two, the second is done, the third has three.
    words, parents, places = layout.place([11, 12, 31, 32, 33], [0, 0, 2, 2, 2], [0, 0, 2, 2, 2])
    assert words.tolist() == [[11, 12, 0], [0, 0, 0], [31, 32, 33]]
    assert np.take(words, places).tolist() == [11, 12, 31, 32, 33]
    assert parents[0, :2].tolist() == [0, 0]
    assert parents[2].tolist() == [2, 2, 2]
    # Then one each: of the first its second, of the third its third, which lie at 1 and 8.
    words, parents, places = layout.place([41, 42], [1, 4], [0, 2])
    assert words.tolist() == [[41], [0], [42]]
    assert (int(parents[0, 0]), int(parents[2, 0])) == (1, 8)
    assert places == [0, 2]


def test_the_special_words_are_the_network_s() -> None:
    from app.nets import captioner

    assert (captioner.PAD, captioner.UNKNOWN, captioner.START, captioner.END) == (
        vocabulary.PAD,
        vocabulary.UNKNOWN,
        vocabulary.START,
        vocabulary.END,
    )


def test_telling_gives_the_plain_decoder_s_words() -> None:
    torch.manual_seed(6)
    decoder = PlainDecoder(50, features=24, width=16, embedding=12).eval().requires_grad_(False)
    h, c = torch.randn(8, 16), torch.randn(8, 16)
    words, parents = torch.tensor([[5, 6, 7], [8, 9, 10]]), torch.tensor([[0, 0, 3], [7, 4, 5]])
    best, which, log_p, new_h, new_c = Tell(decoder, (0, 1, 2, 49))(words, parents, h, c)
    picked = parents.flatten()
    places = Places(torch.zeros(6, 1, 24), torch.zeros(6, 1, 12))
    logits, _, state = decoder.step(words.flatten(), CaptionState(h[picked], c[picked]), places)
    expected = logits.log_softmax(-1)
    expected[:, [0, 1, 2, 49]] = -torch.inf
    torch.testing.assert_close(log_p.flatten(0, 1), expected)
    torch.testing.assert_close(best.flatten(0, 1), expected.topk(BEST).values)
    torch.testing.assert_close(log_p.gather(2, which), best)
    torch.testing.assert_close(new_h, state.h)
    torch.testing.assert_close(new_c, state.c)
