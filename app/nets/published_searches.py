"""The beam searches that the published models were measured with, where the results are to be theirs.

`nmt`: that of tensorflow/nmt (TensorFlow's BeamSearchDecoder), for the published GNMT. Finished hypotheses keep their
place among the `beam`, and all are ranked by score at every step; the end counts for the length penalty only from the
step after it.

`im2txt`: its CaptionGenerator, for Show and Tell. Finished captions are put aside, and there is no length penalty. What
is cut at the longest length counts only where nothing was finished.

`hypotheses.search` searches a little more: it keeps `beam` growing ones beside those that are finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.nets.hypotheses import Hypothesis, Offers, Speaker, Spoken, length_penalty

_LEAST = -27.631  # log of 1e-12: im2txt takes no word that is less probable


@dataclass(frozen=True, eq=False, slots=True)
class _Beam:
    """A hypothesis and where it stands. `row` counts through the offers of the last step."""

    last: Spoken | None
    score: float
    finished: bool
    row: int

    @property
    def total(self) -> float:
        return self.last.total if self.last is not None else 0.0


def nmt(
    speaker: Speaker,
    *,
    batch: int,
    start: int,
    end: int,
    beam: int,
    longest: Sequence[int],
    alpha: float = 1.0,
    prefix: Sequence[int] = (),
) -> Iterator[list[list[Hypothesis]]]:
    """Yields as `hypotheses.search` does. tensorflow/nmt's `longest` is twice the source's length."""
    beams = [[_Beam(None, 0.0, False, i)] for i in range(batch)]
    for t in range(max(longest, default=0)):
        offers, rows = _advance(speaker, beams, [t < limit for limit in longest], start, prefix, t)
        if offers is None:
            break
        width = 1 if t < len(prefix) else 2 * beam
        for i, held in enumerate(beams):
            found: list[_Beam] = []
            for one in held:
                if one.finished or one not in rows:
                    assert one.last is not None
                    found.append(_Beam(one.last, _score(one.last.total, one.last.length, alpha), one.finished, -1))
                    continue
                for spoken in _said(offers, rows[one], one, t, width):
                    length = t if spoken.token == end else t + 1
                    found.append(_Beam(spoken, _score(spoken.total, length, alpha), spoken.token == end, rows[one]))
            beams[i] = sorted(found, key=lambda one: -one.score)[:beam]
        yield _hypotheses(beams)
    yield _hypotheses(beams)


def im2txt(
    speaker: Speaker,
    *,
    batch: int,
    start: int,
    end: int,
    beam: int,
    longest: Sequence[int],
    prefix: Sequence[int] = (),
) -> Iterator[list[list[Hypothesis]]]:
    """Yields as `hypotheses.search` does. im2txt's `longest` is 19 words and the end."""
    partial = [[_Beam(None, 0.0, False, i)] for i in range(batch)]
    complete: list[list[_Beam]] = [[] for _ in range(batch)]
    for t in range(max(longest, default=0)):
        offers, rows = _advance(speaker, partial, [t < limit for limit in longest], start, prefix, t)
        if offers is None:
            break
        for i, held in enumerate(partial):
            if t >= longest[i]:
                continue
            grown: list[_Beam] = []
            for one in held:
                for spoken in _said(offers, rows[one], one, t, 1 if t < len(prefix) else beam):
                    if spoken.log_probability < _LEAST and t >= len(prefix):
                        continue
                    where = complete[i] if spoken.token == end else grown
                    where.append(_Beam(spoken, spoken.total, spoken.token == end, rows[one]))
            partial[i] = sorted(grown, key=lambda one: -one.score)[:beam]
            complete[i] = sorted(complete[i], key=lambda one: -one.score)[:beam]
        both = (done + held for done, held in zip(complete, partial, strict=True))
        yield _hypotheses([sorted(group, key=lambda one: -one.score)[:beam] for group in both])
    yield _hypotheses([done or held for done, held in zip(complete, partial, strict=True)])


def _advance(
    speaker: Speaker, beams: list[list[_Beam]], going: list[bool], start: int, prefix: Sequence[int], t: int
) -> tuple[Offers | None, dict[_Beam, int]]:
    """One token for all hypotheses that grow, and the row that each of them has; None where none does."""
    growing = [(i, one) for i, held in enumerate(beams) if going[i] for one in held if not one.finished]
    if not growing:
        return None, {}
    tokens = [one.last.token if one.last is not None else start for _, one in growing]
    forced = prefix[t] if t < len(prefix) else None
    offers = speaker.advance(tokens, [one.row for _, one in growing], [i for i, _ in growing], forced)
    return offers, {one: row for row, (_, one) in enumerate(growing)}


def _said(offers: Offers, row: int, before: _Beam, t: int, count: int) -> Iterator[Spoken]:
    """What may come next in this row, most probable first."""
    for token, log_p in zip(offers.tokens[row][:count], offers.log_p[row][:count], strict=True):
        if log_p > float("-inf"):
            yield Spoken(before.last, token, log_p, before.total + log_p, t + 1, offers, row)


def _score(total: float, length: int, alpha: float) -> float:
    return total / length_penalty(length, alpha)


def _hypotheses(beams: list[list[_Beam]]) -> list[list[Hypothesis]]:
    return [[Hypothesis(one.last, one.score, one.finished) for one in held if one.last is not None] for held in beams]
