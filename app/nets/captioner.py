"""A convolutional network feeding an LSTM: a picture goes in, a sentence comes out, and all of it is trained together.

Vinyals et al. 2015, "Show and Tell" (arXiv 1411.4555): encoder and decoder are one network, trained end to end. Xu et
al. 2015, "Show, Attend and Tell" (arXiv 1502.03044), section 3.1: the decoder looks at the encoder's last *grid* of
features, a fresh weighting of its places for every word (soft attention, section 4.2), with a gate on what it saw
(section 4.2.1, beta) and a start state computed from the mean feature.

Differences from the paper: the encoder is EfficientNet-Lite0 (7 x 7 places of 1,280 features at 224 pixels) where the
paper has VGG-19 (14 x 14 of 512); word embeddings are tied with the output layer (Press and Wolf 2017).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PAD, UNKNOWN, START, END = 0, 1, 2, 3


class Places(NamedTuple):
    """What the decoder needs of a picture: computed once a picture."""

    values: Tensor  # (batch, places, features)
    keys: Tensor  # (batch, places, width)

    def select(self, rows: Tensor) -> Places:
        return Places(self.values[rows], self.keys[rows])


class CaptionState(NamedTuple):
    h: Tensor  # (batch, width)
    c: Tensor  # (batch, width)

    def select(self, rows: Tensor) -> CaptionState:
        """The state of the hypotheses `rows`, by index."""
        return CaptionState(self.h[rows], self.c[rows])


class Gates(NamedTuple):
    """What happens in an LSTM cell, (batch, width) each. i, f, o lie between 0 and 1; g, h between -1 and 1."""

    i: Tensor  # input gate: how much of g is taken in
    f: Tensor  # forget gate: how much of the cell state is kept
    g: Tensor  # what may be taken in
    o: Tensor  # output gate: how much of the cell state is let out
    c: Tensor  # f · c + i · g
    h: Tensor  # o · tanh c


def opened(cell: nn.LSTMCell, x: Tensor, state: CaptionState) -> Gates:
    """One step of `cell` with its gates: h and c are what `cell(x, (h, c))` gives. `x` (batch, inputs)."""
    sums = F.linear(x, cell.weight_ih, cell.bias_ih) + F.linear(state.h, cell.weight_hh, cell.bias_hh)
    i, f, g, o = sums.chunk(4, dim=-1)  # the order in which torch keeps them
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    c = f * state.c + i * g
    return Gates(i, f, g, o, c, o * torch.tanh(c))


class CaptionDecoder(nn.Module):
    """An LSTM that looks at a grid of features while it speaks."""

    def __init__(
        self, vocabulary: int, features: int = 1280, width: int = 512, embedding: int = 256, dropout: float = 0.4
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.key = nn.Linear(features, width)
        self.query = nn.Linear(width, width)
        self.energy = nn.Linear(width, 1, bias=False)
        self.start_h, self.start_c = nn.Linear(features, width), nn.Linear(features, width)
        self.gate = nn.Linear(width, features)
        self.cell = nn.LSTMCell(embedding + features, width)
        self.to_word = nn.Linear(width + features, embedding)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(dropout)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)

    def look(self, grid: Tensor) -> Places:
        """`grid` (batch, features, height, width) -> its places as a list, with the attention's keys."""
        values = grid.flatten(2).transpose(1, 2)  # (batch, places, features)
        return Places(values, self.key(values))

    def start(self, places: Places) -> CaptionState:
        mean = places.values.mean(1)  # (batch, features)
        return CaptionState(torch.tanh(self.start_h(mean)), torch.tanh(self.start_c(mean)))

    def step(self, words: Tensor, state: CaptionState, places: Places) -> tuple[Tensor, Tensor, CaptionState]:
        """`words` (batch,) just spoken -> logits (batch, vocabulary), attention (batch, places), state."""
        top, attention, state = self._step(self.dropout(self.embedding(words)), state, places)
        return self.logits(top), attention, state

    def forward(self, places: Places, words: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing: `words` (batch, length) beginning with START -> logits (batch, length, vocabulary),
        attention (batch, length, places)."""
        state = self.start(places)
        spoken = self.dropout(self.embedding(words))  # (batch, length, embedding)
        tops, attentions = [], []
        for t in range(words.shape[1]):
            top, attention, state = self._step(spoken[:, t], state, places)
            tops.append(top)
            attentions.append(attention)
        return self.logits(torch.stack(tops, 1)), torch.stack(attentions, 1)

    def attend(self, h: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """`h` (batch, width) of the step before -> attention (batch, places), what is seen (batch, features)."""
        query = self.query(h).unsqueeze(1)  # (batch, 1, width)
        energy = self.energy(torch.tanh(places.keys + query)).squeeze(-1)  # (batch, places)
        attention = F.softmax(energy.float(), dim=-1)
        seen = (attention.to(places.values.dtype).unsqueeze(1) @ places.values).squeeze(1)  # (batch, features)
        return attention, torch.sigmoid(self.gate(h)) * seen

    def logits(self, top: Tensor) -> Tensor:
        """`top` (…, width + features): the new h, and what is seen -> (…, vocabulary)."""
        word = self.dropout(self.to_word(self.dropout(top)))  # (…, embedding)
        return F.linear(word, self.embedding.weight, self.bias)

    def _step(self, spoken: Tensor, state: CaptionState, places: Places) -> tuple[Tensor, Tensor, CaptionState]:
        attention, seen = self.attend(state.h, places)
        h, c = self.cell(torch.cat([spoken, seen], dim=-1), (state.h, state.c))
        return torch.cat([h, seen], dim=-1), attention, CaptionState(h, c)


class PlainDecoder(nn.Module):
    """Show and Tell's decoder, without attention: the picture's embedding is the LSTM's first input, and the picture is
    never looked at again (Vinyals et al. 2015, section 3.1)."""

    def __init__(
        self, vocabulary: int, features: int = 1280, width: int = 512, embedding: int = 512, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.picture = nn.Linear(features, embedding)
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.cell = nn.LSTMCell(embedding, width)
        self.to_word = nn.Linear(width, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def look(self, grid: Tensor) -> Places:
        """`grid` (batch, features, height, width) -> one place: its mean, and as its key the picture's embedding."""
        mean = grid.mean((2, 3)).unsqueeze(1)  # (batch, 1, features)
        return Places(mean, self.picture(mean))

    def start(self, places: Places) -> CaptionState:
        """The state after the picture, before the first word."""
        zero = places.keys.new_zeros(len(places.keys), self.cell.hidden_size)  # (batch, width)
        return CaptionState(*self.cell(self.dropout(places.keys[:, 0]), (zero, zero)))

    def step(self, words: Tensor, state: CaptionState, places: Places) -> tuple[Tensor, None, CaptionState]:
        """As `CaptionDecoder.step`; there is no attention."""
        state = CaptionState(*self.cell(self.dropout(self.embedding(words)), (state.h, state.c)))
        return self.to_word(self.dropout(state.h)), None, state

    def forward(self, places: Places, words: Tensor) -> tuple[Tensor, None]:
        """Teacher forcing: `words` (batch, length) beginning with START -> logits (batch, length, vocabulary)."""
        state = self.start(places)
        logits = []
        for t in range(words.shape[1]):
            word, _, state = self.step(words[:, t], state, places)
            logits.append(word)
        return torch.stack(logits, 1), None


class Captioner(nn.Module):
    """An encoder with `features(pictures) -> (batch, features, height, width)`, and the decoder, as one network."""

    def __init__(self, encoder: nn.Module, decoder: CaptionDecoder | PlainDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def look(self, pictures: Tensor) -> Places:
        """`pictures` (batch, 3, height, width), preprocessed as the encoder's card says."""
        return self.decoder.look(self.encoder.features(pictures))  # type: ignore[operator]

    def forward(self, pictures: Tensor, words: Tensor) -> tuple[Tensor, Tensor | None]:
        """See the decoder's."""
        logits, attention = self.decoder(self.look(pictures), words)
        return logits, attention
