"""The search without torch: what a rule forbids isn't said, unless nothing else is offered."""

from __future__ import annotations

from collections.abc import Sequence

from app.nets.hypotheses import Offers, Spoken, search

START, END, DOG, CAT = 0, 1, 2, 3


class Repeating:
    """Always offers the same, whatever was said."""

    def __init__(self, **log_p: float) -> None:
        names = {"dog": DOG, "cat": CAT, "end": END}
        self._offers = sorted(((p, names[name]) for name, p in log_p.items()), reverse=True)

    def advance(
        self, tokens: Sequence[int], parents: Sequence[int], inputs: Sequence[int], forced: int | None
    ) -> Offers:
        row = [token for _, token in self._offers]
        return Offers([row] * len(tokens), [[p for p, _ in self._offers]] * len(tokens), None)


def once(given: int, before: Spoken | None, token: int) -> bool:
    said = [spoken.token for spoken in before.chain()] if before is not None else []
    return token == END or token not in said


def said(speaker: Repeating, beam: int, allowed: object = once) -> list[int]:
    *_, last = search(speaker, batch=1, start=START, end=END, beam=beam, longest=[5], allowed=allowed)  # type: ignore[arg-type]
    return [spoken.token for spoken in last[0][0].last.chain()]


def test_what_is_forbidden_is_passed_over() -> None:
    speaker = Repeating(dog=-0.1, cat=-1.0, end=-3.0)
    assert said(speaker, 1, None) == [DOG] * 5
    assert said(speaker, 1) == [DOG, CAT, END]
    assert all(said(speaker, beam).count(DOG) <= 1 for beam in (1, 2, 5))


def test_where_nothing_else_is_offered_it_is_said() -> None:
    assert said(Repeating(dog=-0.1), 1) == [DOG] * 5
