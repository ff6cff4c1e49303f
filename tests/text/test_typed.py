"""Typing along: what is asked for, what is shown, and that the end is the same as of a text pasted at once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.text.typed import Cache, Change, State, Typed, change


def shout(sentence: str) -> str:
    return sentence.upper()


def type_in(text: str, key: str = "de") -> Typed:
    typed = Typed()
    typed.edit(text, "en", key)
    finish(typed)
    return typed


def finish(typed: Typed) -> None:
    for sentence in typed.wanted():
        typed.answer(sentence, shout(sentence), "de")


def states(typed: Typed) -> list[str]:
    return [slot.state.value for slot in typed.slots]


def test_only_new_sentences_are_asked_for() -> None:
    typed = type_in("One is here. Two is here.\n\nThree is here.")
    assert typed.shown == "ONE IS HERE. TWO IS HERE.\n\nTHREE IS HERE."
    typed.edit("One is here. Two was there.\n\nThree is here.", "en", "de")
    assert typed.wanted() == ("Two was there.",)
    assert typed.shown == "ONE IS HERE. TWO IS HERE.\n\nTHREE IS HERE."  # the old one stays
    assert states(typed) == ["done", "old", "done"]
    assert typed.progress == (2, 3)
    assert not typed.grow("Two was there.", "TWO", "de")
    assert typed.answer("Two was there.", "TWO WAS THERE.", "de")
    assert typed.shown == "ONE IS HERE. TWO WAS THERE.\n\nTHREE IS HERE."
    typed.edit("One is here. Two is here.\n\nThree is here.", "en", "de")  # undone: from the cache
    assert typed.wanted() == ()
    assert typed.shown == "ONE IS HERE. TWO IS HERE.\n\nTHREE IS HERE."


def test_a_new_sentence_grows() -> None:
    typed = type_in("One is here.")
    typed.edit("One is here. Now two", "en", "de")
    assert typed.shown == "ONE IS HERE. "
    assert typed.grow("Now two", "NOW", "de")
    assert typed.shown == "ONE IS HERE. NOW"
    typed.edit("One is here. Now two", "en", "de")  # the cursor moved: nothing is lost
    assert typed.shown == "ONE IS HERE. NOW"
    typed.edit("One is here. Now two come", "en", "de")
    assert typed.shown == "ONE IS HERE. NOW"
    assert states(typed) == ["done", "old"]
    assert not typed.grow("Now two", "NOW TWO", "de")  # of what stood there before
    assert typed.answer("Now two", "NOW TWO", "de")  # but whole: better than what is older still
    assert typed.shown == "ONE IS HERE. NOW TWO"
    assert states(typed) == ["done", "old"]
    assert typed.wanted() == ("Now two come",)
    assert typed.answer("Now two come", "NOW TWO COME", "de")


def test_a_sentence_that_stands_there_twice_is_asked_for_once() -> None:
    typed = Typed()
    typed.edit("Yes it is. No. Yes it is.", "en", "de")
    assert typed.wanted() == ("Yes it is.", "No.")
    typed.grow("Yes it is.", "JA", "de")
    typed.answer("Yes it is.", "JA DAS", "de")
    assert typed.shown == "JA DAS  JA DAS"


def test_inserted_removed_split_and_merged() -> None:
    typed = type_in("The first one. The last one.")
    typed.edit("The first one. Quite another thing! The last one.", "en", "de")
    assert typed.shown == "THE FIRST ONE.  THE LAST ONE."
    finish(typed)
    typed.edit("Quite another thing! The last one.", "en", "de")
    assert (typed.shown, typed.wanted()) == ("QUITE ANOTHER THING! THE LAST ONE.", ())
    typed = type_in("I came home and I was tired.")
    typed.edit("I came home. and I was tired.", "en", "de")
    assert typed.shown.startswith("I CAME HOME AND I WAS TIRED.")
    finish(typed)
    typed.edit("I came home and I was tired.", "en", "fr")
    assert typed.shown == "I CAME HOME. AND I WAS TIRED."


def test_what_has_nothing_to_do_with_the_old_text_shows_none_of_it() -> None:
    typed = type_in("The quick brown fox jumps.")
    typed.edit("Where have you been all these years?", "en", "de")
    assert typed.shown == ""
    typed.edit("", "en", "de")
    assert (typed.shown, typed.wanted(), typed.slots) == ("", (), ())


def test_another_key_asks_for_all_again_and_late_answers_are_kept_for_later() -> None:
    typed = type_in("One is here. Two is here.")
    typed.edit("One is here. Two is here.", "en", "fr")
    assert typed.wanted() == ("One is here.", "Two is here.")
    assert typed.shown == "ONE IS HERE. TWO IS HERE."
    assert not typed.answer("One is here.", "Eins", "de")
    assert typed.answer("One is here.", "Un", "fr")
    assert typed.shown == "Un TWO IS HERE."
    typed.edit("One is here. Two is here.", "en", "de")
    assert (typed.shown, typed.wanted()) == ("Eins TWO IS HERE.", ())


def test_where_the_cursor_stands_comes_first() -> None:
    typed = Typed()
    text = "One is here. Two is here. Three is here. Four is here."
    typed.edit(text, "en", "de")
    assert typed.wanted(text.index("Three") + 2) == ("Three is here.", "Four is here.", "One is here.", "Two is here.")
    assert typed.wanted(len(text) + 9)[0] == "One is here."
    typed.answer("Three is here.", "3", "de")
    assert typed.wanted(text.index("Three") + 2)[0] == "Four is here."


def test_the_cache_is_bounded_and_forgets_what_was_used_least() -> None:
    cache = Cache(most=30)
    for k in range(4):
        cache.put("de", f"{k}" * 5, "x" * 5)
        assert cache.get("de", "0" * 5) == "x" * 5
    assert len(cache) == 3
    assert cache.get("de", "1" * 5) is None
    assert cache.get("fr", "0" * 5) is None
    cache.put("de", "0" * 5, "y")
    assert cache.get("de", "0" * 5) == "y"
    cache.put("de", "z" * 100, "too long, and yet the newest stays")
    assert len(cache) == 1
    cache.clear()
    assert len(cache) == 0


def test_changes_are_small() -> None:
    assert change("same", "same") is None
    assert change("ONE. TWO. THREE.", "ONE. ZWEI. THREE.") == Change(5, 8, "ZWEI")
    assert change("aa", "aaa") == Change(2, 2, "a")
    assert change("", "x") == Change(0, 0, "x")


@given(st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_a_change_makes_the_new_from_the_old(old: str, new: str) -> None:
    found = change(old, new)
    made = old if found is None else old[: found.start] + found.text + old[found.end :]
    assert made == new


TEXT = "Dear Dr. Smith,\n\nI am here.  It is 5 p.m. now! Are you there?\n- yes\n- no\n\nI am here. Bye 😀"
EDITS = st.lists(
    st.tuples(
        st.integers(0, 200), st.integers(0, 12), st.sampled_from(["", "x", ". ", "I am here. ", "\n", "é", "- "])
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(EDITS, st.randoms(use_true_random=False))
def test_however_it_was_typed_the_end_is_the_same(edits: list[tuple[int, int, str]], chance: object) -> None:
    text, typed = "", Typed(Cache(200))
    for character in TEXT:
        text += character
        typed.edit(text, "en", "de")
        if len(text) % 3 == 0:
            finish(typed)
    for place, removed, added in edits:
        place = min(place, len(text))
        text = text[:place] + added + text[place + removed :]
        typed.edit(text, "en", "de")
        for sentence in typed.wanted(place)[: chance.randrange(3)]:  # type: ignore[attr-defined]
            typed.grow(sentence, "…", "de")
            typed.answer(sentence, shout(sentence), "de")
    finish(typed)
    assert all(slot.state is State.DONE for slot in typed.slots)
    assert typed.shown == type_in(text).shown


def test_what_is_translated_stays_so_when_the_cache_has_forgotten_it() -> None:
    typed = Typed(Cache(60))
    text = "Number one. Number two. Number three. Number four. Number five."
    typed.edit(text, "en", "de")
    finish(typed)
    assert typed.cache.get("de", "Number one.") is None
    typed.edit(text + " Six.", "en", "de")
    assert typed.wanted() == ("Six.",)
    typed.edit(text + " Six.", "en", "fr")  # another language: all of it anew
    assert len(typed.wanted()) == 6
