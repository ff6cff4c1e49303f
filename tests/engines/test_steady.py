"""Captions that hold still: what is shown while sentences flicker, scenes change and clocks jump."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from app.engines.caption import Caption, Word
from app.engines.steady import LEAST, Steady, distance, reading_time

HERE, NEAR, ELSEWHERE = np.array([1.0, 0.0, 0.2]), np.array([1.0, 0.3, 0.2]), np.array([0.0, 1.0, 0.0])


def caption(text: str, score: float = -3.0) -> Caption:
    return Caption(tuple(Word(word, 0.5, (), None) for word in text.split()), 2 * score, score)


def play(steady: Steady, answers: list[tuple[float, str]], scene: np.ndarray = HERE) -> list[tuple[float, str]]:
    """(time, sentence) at every change of what is shown."""
    changes = []
    for time, text in answers:
        if steady.offer(caption(text), time, scene):
            assert steady.shown is not None
            changes.append((time, steady.shown.text))
    return changes


def every(begin: float, end: float, *texts: str, rate: float = 30.0) -> list[tuple[float, str]]:
    return [(begin + k / rate, texts[k % len(texts)]) for k in range(round((end - begin) * rate))]


def test_the_first_caption_is_shown_at_once() -> None:
    assert play(Steady(), every(0, 5, "a dog runs")) == [(0.0, "a dog runs")]


def test_a_flicker_between_two_sentences_changes_nothing() -> None:
    answers = every(0, 20, "a dog runs", "a dog is running", "a dog runs")
    assert play(Steady(), answers) == [(0.0, "a dog runs")]


@pytest.mark.parametrize("rate", [30.0, 5.0, 1.0])
def test_another_sentence_waits_until_the_first_was_read(rate: float) -> None:
    answers = [*every(0, 1, "a dog runs on grass", rate=rate), *every(1, 8, "a man sits", rate=rate)]
    (_, first), (time, second) = play(Steady(), answers)
    assert (first, second) == ("a dog runs on grass", "a man sits")
    assert reading_time(5) <= time <= reading_time(5) + 2 / rate + 0.51


def test_one_odd_answer_is_not_shown() -> None:
    answers = [*every(0, 5, "a dog runs"), (5.01, "a cat"), *every(5.05, 9, "a dog runs")]
    assert play(Steady(), answers) == [(0.0, "a dog runs")]


def test_an_answer_that_is_much_surer_needs_no_second() -> None:
    steady = Steady()
    steady.offer(caption("a dog runs", -3.0), 0.0, HERE)
    steady.offer(caption("a dog runs", -3.0), 4.9, HERE)
    assert not steady.offer(caption("a cat", -2.5), 5.0, HERE)
    steady.offer(caption("a dog runs", -3.0), 5.1, HERE)
    assert steady.offer(caption("a man on a horse", -1.5), 5.2, HERE)


def test_another_scene_is_told_at_once() -> None:
    steady = Steady()
    play(steady, every(0, 1, "a dog runs"))
    assert play(steady, [(1.0, "a man sits")], NEAR) == []
    assert play(steady, [(1.1, "a man sits")], ELSEWHERE) == [(1.1, "a man sits")]
    assert steady.since == 1.1
    assert play(steady, [(1.2, "a cat")], HERE) == []  # fast cuts don't flicker
    assert play(steady, [(1.1 + LEAST, "a cat")], HERE) == [(1.1 + LEAST, "a cat")]


def test_a_slow_drift_under_the_same_sentence_is_no_other_scene() -> None:
    steady = Steady()
    steady.offer(caption("a dog runs"), 0.0, np.array([1.0, 0.0]))
    for k in range(1, 30):
        steady.offer(caption("a dog runs"), k * 0.05, np.array([np.cos(k / 20), np.sin(k / 20)]))
    assert distance(np.array([1.0, 0.0]), np.array([np.cos(1.5), np.sin(1.5)])) > 0.9
    assert not steady.offer(caption("a dog"), 1.5, np.array([np.cos(1.5), np.sin(1.5)]))


def test_where_every_answer_is_another_the_old_one_does_not_stay_for_ever() -> None:
    never_again = [(1 + k / 30, f"sentence {k}") for k in range(330)]
    changes = play(Steady(), [*every(0, 1, "a dog runs"), *never_again])
    assert 3 <= len(changes) <= 7  # and still each has its time
    assert all(later - earlier >= reading_time(2) for (earlier, _), (later, _) in pairwise(changes))


def test_a_change_began_when_it_was_first_said() -> None:
    steady = Steady()
    play(steady, [(0.0, "a dog runs"), (5.0, "a dog runs"), (10.0, "a man sits")])
    assert steady.shown is not None
    assert (steady.shown.text, steady.since) == ("a man sits", 10.0)  # every 5 s: nothing else was said meanwhile
    play(steady, every(10.5, 14, "a man sits"))
    play(steady, [(14.0, "a cat"), (14.2, "a cat")])
    assert steady.shown.text == "a man sits"
    play(steady, every(14.3, 15, "a cat"))
    assert (steady.shown.text, steady.since) == ("a cat", 14.0)


def test_the_same_sentence_brings_its_newest_words() -> None:
    steady = Steady()
    newest = caption("a dog runs", -1.0)
    steady.offer(caption("a dog runs"), 0.0, HERE)
    assert not steady.offer(newest, 0.1, HERE)
    assert steady.shown is newest


def test_a_clock_that_goes_back_is_another_place() -> None:
    steady = Steady()
    play(steady, every(50, 51, "a dog runs"))
    assert play(steady, [(0.0, "a man sits")]) == [(0.0, "a man sits")]
