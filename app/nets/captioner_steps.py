"""The captioner as it is run: what is computed once a picture (`Look`), and what is computed for every word (`Speak`).

The same numbers as `app.nets.captioner` gives, with less to read for each word, which is what decoding waits for: the
attention's keys come once a picture, both products of the last state are one, and so are the cell's two. States are
picked by index and the most probable words are chosen inside, so that a runtime has one call a word. A decoder without
attention needs nothing of the picture after its start (`Tell`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from app.nets.captioner import PAD, START, UNKNOWN, CaptionDecoder, Captioner, PlainDecoder

BEST = 32  # words offered a hypothesis: 2 · beam for a beam of 10, and the runner-ups


class Look(nn.Module):
    """Pictures (batch, 3, height, width) -> values (batch, places, features), keys (batch, places, width), the start
    states h and c (batch, width), and the mean feature (batch, features)."""

    def __init__(self, net: Captioner) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        places = self.net.look(pictures)
        state = self.net.decoder.start(places)
        return places.values, places.keys, state.h, state.c, places.values.mean(1)


class Speak(nn.Module):
    """One word further. Hypotheses are laid out (batch, beam), a row a picture; `parents` counts through the states
    (hypotheses, width) of the step before."""

    never: Tensor  # (vocabulary,): -inf where there is no word

    def __init__(self, decoder: CaptionDecoder) -> None:
        super().__init__()
        cell = decoder.cell
        self.width = decoder.query.out_features
        self.embedding, self.energy, self.to_word, self.bias = (
            decoder.embedding, decoder.energy, decoder.to_word, decoder.bias,
        )  # fmt: skip
        self.hidden_weight = nn.Parameter(torch.cat([decoder.query.weight, decoder.gate.weight]))
        self.hidden_bias = nn.Parameter(torch.cat([decoder.query.bias, decoder.gate.bias]))
        self.cell_weight = nn.Parameter(torch.cat([cell.weight_ih, cell.weight_hh], dim=1))
        self.cell_bias = nn.Parameter(cell.bias_ih + cell.bias_hh)
        never = torch.zeros(decoder.bias.shape[0])
        never[[PAD, UNKNOWN, START]] = float("-inf")
        self.register_buffer("never", never)

    def forward(
        self, words: Tensor, parents: Tensor, h: Tensor, c: Tensor, values: Tensor, keys: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`words`, `parents` (batch, beam), `h`, `c` (hypotheses, width), `values` (batch, places, features), `keys`
        (batch, places, width) -> the best log probabilities and words (batch, beam, BEST), all log probabilities
        (batch, beam, vocabulary), attention (batch, beam, places), h, c (batch · beam, width)."""
        batch, beam = words.shape
        rows = parents.reshape(-1)
        h, c = h.index_select(0, rows), c.index_select(0, rows)
        hidden = F.linear(h, self.hidden_weight, self.hidden_bias).reshape(batch, beam, -1)
        query, gate = hidden[..., : self.width], hidden[..., self.width :]
        energy = self.energy(torch.tanh(keys.unsqueeze(1) + query.unsqueeze(2))).squeeze(-1)
        attention = F.softmax(energy.float(), dim=-1)  # (batch, beam, places)
        seen = torch.sigmoid(gate) * (attention.to(values.dtype) @ values)  # (batch, beam, features)
        seen = seen.reshape(batch * beam, -1)
        inputs = torch.cat([self.embedding(words.reshape(-1)), seen, h], dim=-1)
        i, f, g, o = F.linear(inputs, self.cell_weight, self.cell_bias).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        spoken = self.to_word(torch.cat([h, seen], dim=-1))
        logits = F.linear(spoken, self.embedding.weight, self.bias).reshape(batch, beam, -1)
        log_p = F.log_softmax(logits.float(), dim=-1) + self.never
        best, which = log_p.topk(min(BEST, self.bias.shape[0]), dim=-1)
        return best, which, log_p, attention, h, c


class Tell(nn.Module):
    """`Speak` without attention. `never`: ids that stand for no word; they keep their share of the probability."""

    never: Tensor  # (vocabulary,): -inf where there is no word

    def __init__(self, decoder: PlainDecoder, never: Sequence[int]) -> None:
        super().__init__()
        cell = decoder.cell
        self.embedding, self.to_word = decoder.embedding, decoder.to_word
        self.cell_weight = nn.Parameter(torch.cat([cell.weight_ih, cell.weight_hh], dim=1))
        self.cell_bias = nn.Parameter(cell.bias_ih + cell.bias_hh)
        shut = torch.zeros(decoder.to_word.out_features)
        shut[list(never)] = float("-inf")
        self.register_buffer("never", shut)

    def forward(
        self, words: Tensor, parents: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`words`, `parents` (batch, beam), `h`, `c` (hypotheses, width) -> the best log probabilities and words
        (batch, beam, BEST), all log probabilities (batch, beam, vocabulary), h, c (batch · beam, width)."""
        rows = parents.reshape(-1)
        h, c = h.index_select(0, rows), c.index_select(0, rows)
        inputs = torch.cat([self.embedding(words.reshape(-1)), h], dim=-1)
        i, f, g, o = F.linear(inputs, self.cell_weight, self.cell_bias).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        logits = self.to_word(h).reshape(*words.shape, -1)
        log_p = F.log_softmax(logits.float(), dim=-1) + self.never
        best, which = log_p.topk(min(BEST, self.never.shape[0]), dim=-1)
        return best, which, log_p, h, c
