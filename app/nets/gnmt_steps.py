"""The GNMT as it is run: what is computed once for a batch of sentences (`Encode`), and what is computed for every
wordpiece (`Step`).

The same numbers as `app.nets.gnmt` gives, with less to read for each wordpiece, which is what decoding waits for: both
products of an LSTM layer are one, and the attention's keys come once a sentence. States are picked by index and the
most probable wordpieces are chosen inside, so that a runtime has one call a wordpiece. Every LSTM runs forwards, so
that no runtime needs to know how long a sentence is: the one direction that reads backwards gets its sentences turned
around, and where the decoder wants the state at each sentence's own end, padding leaves a cell's state as it is.

With input feeding the step before has one more thing to hand over, its context: it is the last row of `h`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from app.nets.gnmt import GNMT

BEST = 20  # wordpieces offered a hypothesis: 2 · beam for a beam of 10
_GROUP = 32  # wordpieces side by side, of which the best is known before any are ranked
_SHUT = -1e4  # added to an energy, it leaves nothing of its exponential; half precision holds it
_HOLD = 1e4  # added to a gate, it opens it whatever else is added


class Encode(nn.Module):
    """Ids (batch, source), padded at the end -> values (batch, source, width), zero at padding, keys (batch, source,
    width), and what is added to the attention's energies (batch, source), which shuts out the padding. Where the
    decoder doesn't start from zeros, or with input feeding, also its first states h and c, as `Step` wants them."""

    def __init__(self, net: GNMT) -> None:
        super().__init__()
        self.fed, self.handed_over = net.input_feeding, net.pass_hidden_state
        self.padding, self.embedding, self.key, self.bias = (
            net.padding, net.embedding, net.attention.key, net.attention.b,
        )  # fmt: skip
        self.forwards, self.backwards = (_direction(net.encoder[0], end) for end in ("", "_reverse"))
        self.above = net.encoder[1:]
        if self.handed_over:
            self.backwards = _holding(self.backwards)
            self.above = nn.ModuleList(_holding(layer) for layer in self.above)

    def forward(self, source: Tensor) -> tuple[Tensor, ...]:
        real = source != self.padding
        x = self.embedding(source)
        gone = (~real).to(x.dtype)  # (batch, source), 1 at padding
        last = real.sum(1, keepdim=True) - 1  # (batch, 1)
        places = torch.arange(source.shape[1], device=source.device).unsqueeze(0)
        turned = (last - places).clamp(min=0)  # (batch, source): last piece first
        turned = turned.unsqueeze(-1).expand(-1, -1, x.shape[-1])
        y, (_, c) = self.backwards(self._held(x.gather(1, turned), gone))
        said, cs = [y], [c]
        x = torch.cat([self.forwards(x)[0], y.gather(1, turned)], dim=-1)  # (batch, source, 2 · width)
        for k, layer in enumerate(self.above):
            y, (_, c) = layer(self._held(x, gone))  # behind its end nonsense, which never comes back into a sentence
            said.append(y)
            cs.append(c)
            x = y + x if k >= 1 else y
        values = x * real.unsqueeze(-1).to(x.dtype)
        seen = values, self.key(values) + self.bias, gone * _SHUT
        if self.handed_over:
            end = last.unsqueeze(-1).expand(-1, -1, x.shape[-1])  # (batch, 1, width)
            h = torch.cat([y.gather(1, end) for y in said], dim=1).transpose(0, 1)  # (layers, batch, width)
            c = torch.cat(cs)  # (layers, batch, width)
        elif self.fed:
            h = c = x.new_zeros(len(said), x.shape[0], x.shape[2])
        else:
            return seen
        return *seen, torch.cat([h, torch.zeros_like(h[:1])]) if self.fed else h, c  # there is no context yet

    def _held(self, x: Tensor, gone: Tensor) -> Tensor:
        """With the input that `_holding` adds."""
        return torch.cat([x, gone.unsqueeze(-1)], dim=-1) if self.handed_over else x


class Step(nn.Module):
    """One wordpiece further. Hypotheses are laid out (batch, beam), a row a sentence; `parents` counts through the
    states (layers, hypotheses, width) of the step before. `never`: ids that are no part of a translation; the others
    share their probability."""

    output_bias: Tensor  # (vocabulary,): -inf where there is nothing to be said

    def __init__(self, net: GNMT, never: Sequence[int]) -> None:
        super().__init__()
        attention = net.attention
        self.fed = net.input_feeding
        decoder: list[Any] = list(net.decoder)
        self.embedding, self.query = net.target_embedding, attention.query
        self.energy = nn.Parameter((attention.g * attention.v / attention.v.norm()).unsqueeze(1))  # (width, 1)
        self.weights = nn.ParameterList(torch.cat([lstm.weight_ih_l0, lstm.weight_hh_l0], 1) for lstm in decoder)
        self.biases = nn.ParameterList(lstm.bias_ih_l0 + lstm.bias_hh_l0 for lstm in decoder)
        vocabulary, width = net.output.weight.shape
        rest = -vocabulary % _GROUP  # so that there are whole groups
        self.output_weight = nn.Parameter(torch.cat([net.output.weight, torch.zeros(rest, width)]))
        bias = torch.zeros(vocabulary) if net.output.bias is None else net.output.bias.detach().clone()
        bias[list(never)] = float("-inf")
        self.register_buffer("output_bias", torch.cat([bias, torch.full((rest,), float("-inf"))]))

    def forward(
        self, words: Tensor, parents: Tensor, forced: Tensor, h: Tensor, c: Tensor,
        values: Tensor, keys: Tensor, shut: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """`words`, `parents` (batch, beam), `forced` (1,) any id, `h`, `c` (layers, hypotheses, width), and what
        `Encode` gave -> the best log probabilities and wordpieces (batch · beam, BEST), the log probability of `forced`
        (batch · beam, 1), attention (batch, beam, source), h, c (layers, batch · beam, width). With input feeding `h`
        has a row more than layers."""
        rows = parents.reshape(-1)
        h, c = h.index_select(1, rows), c.index_select(1, rows)
        x = self.embedding(words.reshape(-1))  # (hypotheses, width)
        hs, cs = [], []
        context = attention = x
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            looked = [context] if k > 0 else [h[len(self.weights)]] if self.fed else []
            below = [x, *looked, h[k]]
            i, f, g, o = F.linear(torch.cat(below, dim=-1), weight, bias).chunk(4, dim=-1)
            cell = torch.sigmoid(f) * c[k] + torch.sigmoid(i) * torch.tanh(g)
            y = torch.sigmoid(o) * torch.tanh(cell)
            hs.append(y)
            cs.append(cell)
            if k == 0:
                query = self.query(y).reshape(*words.shape, 1, -1)  # (batch, beam, 1, width)
                energy = (torch.tanh(keys.unsqueeze(1) + query) @ self.energy).squeeze(-1)  # (batch, beam, source)
                attention = F.softmax((energy + shut.unsqueeze(1)).float(), dim=-1)
                context = (attention.to(values.dtype) @ values).reshape(y.shape)
            x = y + x if k >= 2 else y
        if self.fed:
            hs.append(context)
        logits = F.linear(x, self.output_weight, self.output_bias).float()  # (hypotheses, vocabulary)
        best, which, largest = _best(logits)
        total = (logits - largest).exp().sum(-1, keepdim=True).log() + largest
        said = logits.index_select(1, forced) - total
        return best - total, which, said, attention, torch.stack(hs), torch.stack(cs)


def _best(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(hypotheses, vocabulary) -> the BEST logits and their ids, and the largest (hypotheses, 1). They lie in the BEST
    groups whose best are best, so that few wordpieces are ranked: ranking all takes a fifth of a step."""
    groups = logits.reshape(-1, logits.shape[1] // _GROUP, _GROUP)  # (hypotheses, groups, 32)
    tops, found = groups.amax(-1).topk(min(BEST, groups.shape[1]), dim=-1)  # (hypotheses, BEST)
    rest = groups.gather(1, found.unsqueeze(-1).expand(-1, -1, _GROUP)).flatten(1)  # (hypotheses, BEST · 32)
    best, places = rest.topk(min(BEST, rest.shape[1]), dim=-1)
    within = places % _GROUP
    which = found.gather(1, (places - within) // _GROUP) * _GROUP + within
    return best, which, tops[:, :1]


def _holding(lstm: Any) -> nn.LSTM:
    """The LSTM with one more input, 1 at padding: there the cell's state stays as it is (the forget gate is open, the
    input gate shut), and what it says is nonsense."""
    width: int = lstm.hidden_size
    held = nn.LSTM(lstm.input_size + 1, width, batch_first=True)
    hold = torch.zeros(4 * width, 1)  # gates: i, f, g, o
    hold[:width], hold[width : 2 * width] = -_HOLD, _HOLD
    held.weight_ih_l0.data = torch.cat([lstm.weight_ih_l0.data, hold], dim=1)
    for name in ("weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        getattr(held, name).data = getattr(lstm, name).data
    return held


def _direction(both: nn.Module, end: str) -> nn.LSTM:
    """One direction of a bidirectional LSTM, its names ending in `end`, as an LSTM that runs forwards."""
    assert isinstance(both, nn.LSTM)
    one = nn.LSTM(both.input_size, both.hidden_size, batch_first=True)
    for name, parameter in one.named_parameters():
        parameter.data = getattr(both, name + end).data
    return one
