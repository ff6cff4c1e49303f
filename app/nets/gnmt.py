"""Google's neural machine translation: two deep stacks of LSTMs and an attention between them.

Wu et al. 2016, "Google's Neural Machine Translation System" (arXiv 1609.08144), section 3 and figure 1:
the first encoder layer reads in both directions, the others forwards; from the third layer on a layer's input is added
to its output (section 3.1); the attention looks at the encoder with the state of the *bottom* decoder layer, and its
context goes into every decoder layer (section 3). One model serves several languages by a token before the
source that names the target language (Johnson et al. 2017, arXiv 1611.04558).

The attention is additive and normalised (Bahdanau et al. 2015; Salimans and Kingma 2016), as in the public GNMTs.

Four switches cover the points in which public checkpoints differ:

- `input_feeding`: the bottom decoder layer also sees the previous step's context (the paper, tensorflow/nmt). Without
  it (NVIDIA's and ours) all steps of a known target run at once, several times faster in training.
- `pass_hidden_state`: the decoder starts from the encoder's last states (tensorflow/nmt), else from zeros.
- `share_embedding`: one embedding for source, target and output layer.
- `classifier_bias`: the output layer has a bias.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Memory(NamedTuple):
    """What the decoder needs of a source: computed once a sentence."""

    values: Tensor  # (batch, source, width), zero at padding
    keys: Tensor  # (batch, source, width): values through the attention's key projection
    mask: Tensor  # (batch, source), True at real tokens
    state: tuple[Tensor, Tensor] | None  # each (layers, batch, width), where the decoder starts from them

    def select(self, rows: Tensor) -> Memory:
        """The memory for hypotheses that belong to the sentences `rows`, by index. Start states stay behind."""
        return Memory(self.values[rows], self.keys[rows], self.mask[rows], None)


class DecoderState(NamedTuple):
    """Where a hypothesis stands. The batch is the second axis of `h` and `c` and the first of `context`."""

    h: Tensor  # (layers, batch, width)
    c: Tensor  # (layers, batch, width)
    context: Tensor  # (batch, width)

    def select(self, rows: Tensor) -> DecoderState:
        """The state of the hypotheses `rows`, by index (beam search reorders without copying Python lists)."""
        return DecoderState(self.h[:, rows], self.c[:, rows], self.context[rows])


class Attention(nn.Module):
    """Normalised additive attention: score = g · v/|v| · tanh(query + key + b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.v = nn.Parameter(torch.empty(width).uniform_(-0.08, 0.08))
        self.g = nn.Parameter(torch.tensor(width**-0.5))
        self.b = nn.Parameter(torch.zeros(width))

    def forward(self, states: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """`states` (batch, target, width) -> context (batch, target, width), weights (batch, target, source)."""
        query = self.query(states) + self.b  # (batch, target, width)
        v = self.g * self.v / self.v.norm()
        # One target position at a time would save memory; all at once is what makes training fast.
        energy = torch.tanh(query.unsqueeze(2) + memory.keys.unsqueeze(1)) @ v  # (batch, target, source)
        energy = energy.masked_fill(~memory.mask.unsqueeze(1), float("-inf"))
        weights = F.softmax(energy.float(), dim=-1).to(energy.dtype)
        return weights @ memory.values, weights


class GNMT(nn.Module):
    """`vocabulary` wordpieces, `width` units a layer, `layers` in the encoder and as many in the decoder."""

    def __init__(
        self,
        vocabulary: int,
        width: int = 512,
        layers: int = 8,
        *,
        dropout: float = 0.1,
        padding: int = 0,
        input_feeding: bool = False,
        pass_hidden_state: bool = False,
        share_embedding: bool = True,
        classifier_bias: bool = True,
        target_vocabulary: int | None = None,
    ) -> None:
        super().__init__()
        if layers < 3:
            raise ValueError(f"a GNMT has at least 3 layers a side (asked: {layers})")
        target_vocabulary = target_vocabulary or vocabulary
        if share_embedding and target_vocabulary != vocabulary:
            raise ValueError("a shared embedding needs one vocabulary")
        self.padding, self.layers, self.width = padding, layers, width
        self.input_feeding, self.pass_hidden_state = input_feeding, pass_hidden_state
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=padding)
        self.target_embedding = (
            self.embedding if share_embedding else nn.Embedding(target_vocabulary, width, padding_idx=padding)
        )
        self.encoder = nn.ModuleList(
            nn.LSTM(2 * width if k == 1 else width, width, batch_first=True, bidirectional=k == 0)
            for k in range(layers)
        )
        self.decoder = nn.ModuleList(
            nn.LSTM(2 * width if k > 0 or input_feeding else width, width, batch_first=True) for k in range(layers)
        )
        self.attention = Attention(width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, target_vocabulary, bias=classifier_bias)
        if share_embedding:
            self.output.weight = self.embedding.weight
        self.reset()

    def reset(self, scale: float = 0.08) -> None:
        """Uniform weights in ±`scale`; forget gates start open."""
        for name, parameter in self.named_parameters():
            if name == "attention.g":
                continue
            nn.init.uniform_(parameter, -scale, scale)
            if "bias_ih" in name or "bias_hh" in name:
                nn.init.zeros_(parameter)
                if "bias_ih" in name:
                    with torch.no_grad():
                        parameter[self.width : 2 * self.width] = 1.0  # torch's gates: i, f, g, o
        with torch.no_grad():
            self.embedding.weight[self.padding] = 0
            self.target_embedding.weight[self.padding] = 0
        if self.output.bias is not None:
            nn.init.zeros_(self.output.bias)

    # The encoder

    def encode(self, source: Tensor) -> Memory:
        """`source` (batch, source) token ids, padded at the end."""
        mask = source != self.padding
        lengths = mask.sum(1)
        x = self.dropout(self.embedding(source))  # (batch, source, width)
        hs, cs = [], []
        packed_lengths = lengths.cpu()
        for k, layer in enumerate(self.encoder):
            if k == 0 or self.pass_hidden_state:
                # Packed where the padding would matter: before the backward direction's first word, and
                # where the state at each sentence's own end is wanted.
                y, (h, c) = self._run_packed(layer, x, packed_lengths)
            else:
                y, (h, c) = layer(x)
            hs.append(h[-1])  # of the first layer the backward direction's, as in tensorflow/nmt
            cs.append(c[-1])
            y = self.dropout(y)
            x = y + x if k >= 2 else y
        values = x * mask.unsqueeze(-1)  # (batch, source, width)
        state = (torch.stack(hs), torch.stack(cs)) if self.pass_hidden_state else None
        return Memory(values, self.attention.key(values), mask, state)

    @staticmethod
    def _run_packed(layer: nn.Module, x: Tensor, lengths: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, last = layer(packed)
        y, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
        return y, last

    # The decoder

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing: `source` (batch, source), `target` (batch, target) beginning with the start token ->
        logits (batch, target, vocabulary), where position t predicts token t + 1."""
        return self.attended(source, target)[0]

    def attended(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The same with the attention (batch, target, source) that each prediction was made with."""
        memory = self.encode(source)
        state = self.start(memory)
        if self.input_feeding:
            steps, looks = [], []
            for t in range(target.shape[1]):
                logits, weights, state = self.step(target[:, t], state, memory)
                steps.append(logits)
                looks.append(weights)
            return torch.stack(steps, dim=1), torch.stack(looks, dim=1)
        x, attention, _ = self._decode(target, state, memory)
        return self.output(x), attention

    def start(self, memory: Memory) -> DecoderState:
        """The state before the first target token."""
        batch = memory.values.shape[0]
        zeros = memory.values.new_zeros(self.layers, batch, self.width)
        h, c = memory.state if memory.state is not None else (zeros, zeros)
        return DecoderState(h, c, memory.values.new_zeros(batch, self.width))

    def step(self, tokens: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, Tensor, DecoderState]:
        """One token a hypothesis: `tokens` (batch,) -> logits (batch, vocabulary), attention (batch, source), state."""
        x, weights, state = self._decode(tokens.unsqueeze(1), state, memory)
        return self.output(x.squeeze(1)), weights.squeeze(1), state

    def _decode(self, target: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, Tensor, DecoderState]:
        """(batch, target) tokens -> top layer (batch, target, width), attention (batch, target, source), state.

        With input feeding the context of a step is known only after the step before: then target is one token long."""
        x = self.dropout(self.target_embedding(target))  # (batch, target, width)
        hs, cs = [], []
        context = state.context.unsqueeze(1)  # (batch, 1, width), the previous step's
        weights = x.new_zeros(0)
        for k, layer in enumerate(self.decoder):
            below = torch.cat([x, context], dim=-1) if k > 0 or self.input_feeding else x
            y, (h, c) = layer(below, (state.h[k : k + 1].contiguous(), state.c[k : k + 1].contiguous()))
            hs.append(h)
            cs.append(c)
            y = self.dropout(y)
            if k == 0:
                context, weights = self.attention(y, memory)  # (batch, target, width), (batch, target, source)
                context = self.dropout(context)
            x = y + x if k >= 2 else y  # only the half that comes from below is added, never the context
        return x, weights, DecoderState(torch.cat(hs), torch.cat(cs), context[:, -1])
