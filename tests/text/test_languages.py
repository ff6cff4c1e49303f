"""The language of a text: right where it is said, and silent where it isn't sure."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.text.languages import guess

DEV = Path(__file__).parents[3] / "shared" / "data" / "translation" / "dev"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("My name is Tom and I live here.", "en"),
        ("Guten Tag, wie geht es Ihnen?", "de"),
        ("ICH BIN HEUTE ZU HAUSE", "de"),
        ("Bonjour, comment allez-vous ?", "fr"),
        ("¿Cómo estás? Me llamo Ana.", "es"),
        ("Das ist gut: https://www.example.org/the/english/page.html", "de"),
    ],
)
def test_languages_are_guessed(text: str, language: str) -> None:
    assert guess(text) == language


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " \n",
            "a",
            "ok",
            "Tom",
            "12345",
            "😀😀",
            "\x00\x01",
            "https://example.org/this/is/the/page",
            "\ud800 \udfff",
        ),
        *("这样不好", "Это по-русски, а не по-английски.", "مرحبا بالعالم"),
        *("Ciao, come stai oggi amico mio?", "Olá, tudo bem com você hoje?", "Hij is een goede man"),
    ],
)
def test_nothing_is_said_where_it_is_not_sure(text: str) -> None:
    assert guess(text) is None


@pytest.mark.skipif(not DEV.is_dir(), reason="the translator's data (../shared/data) isn't here")
def test_how_often_it_is_right() -> None:
    pairs = []
    for other in ("de", "fr", "es"):
        lines = (DEV / f"tatoeba-dev.en-{other}.tsv").read_text("utf-8").splitlines()[::10]
        for line in lines:
            english, foreign = line.split("\t")[:2]
            pairs += [(english, "en"), (foreign, other)]
    whole = [(guess(text), language) for text, language in pairs]
    begun = [(guess(" ".join(text.split()[:3])), language) for text, language in pairs]
    assert sum(said is None for said, _ in whole) <= 0.02 * len(pairs)
    assert sum(said is None for said, _ in begun) <= 0.1 * len(pairs)
    assert all(said in (None, language) for said, language in whole)
    assert sum(said not in (None, language) for said, language in begun) <= 0.005 * len(pairs)
