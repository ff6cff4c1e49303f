"""Sentences and what lies between them: nothing is ever lost, abbreviations end nothing, the work is linear."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.text.sentences import LONGEST, Segments, Sentence, gathered, split, split_wrapped


def texts(text: str, language: str = "en") -> list[str]:
    return [sentence.text for sentence in split(text, language).sentences]


def unchanged(segments: Segments) -> str:
    return segments.join([sentence.text for sentence in segments.sentences])


WHOLE = {  # each is one sentence; the next one begins after it
    "en": [
        "Dr. Smith and Mrs. Hill met Mr. Jones.",
        "Fruit, e.g. apples, i.e. what grows on trees, is good.",
        "J. R. R. Tolkien wrote it.",
        "He lives in the U.S. with his wife.",
        "It starts at 5 p.m. in St. Mary's church.",
        "See Fig. 3, vol. 2, and pp. 4 to 9.",
        "Is No. 5 alive?",
        "Al Gore vs. George W. Bush, approx. 50 to 50.",
        "Version 2.0.1 costs $3.50 at Apple Inc. in Cupertino.",
        'He said "Stop it!" and left.',
        "“Why not?” asks Tom.",
        "The file notes.final.txt is at www.example.org/a.b.html now.",
    ],
    "de": [
        "Das ist z. B. Dr. Müller.",
        "Prof. Dr. h. c. Meier kam um ca. 5 Uhr, d. h. zu früh.",
        "Am 3. Oktober 1990 kam er an.",
        "Er lebte im 19. Jahrhundert.",
        "Vgl. S. 3 ff. und Abb. 2 in Bd. 4.",
        "Nr. 5 lebt in der Hauptstr. 7.",
        "Es kostet 20 Euro inkl. Mehrwertsteuer.",
        "Dipl.-Ing. Schmidt wohnt in St. Pölten.",
        "Das war 44 v. Chr. in Rom.",
        "Äpfel, Birnen usw. sind gesund.",
    ],
    "fr": [
        "M. Dupont a vu p. ex. Mme Durand.",
        "Le Dr. Martin est né en 52 av. J.-C. à Rome.",
        "MM. Petit et Leroy habitent boul. Voltaire.",
        "J.-P. Sartre et J. Dupont écrivent.",
        "Voir chap. 3, art. 5, p. 12 et fig. 2.",
        "Mgr. Leroy et Me. Petit sont là, c.-à-d. ici.",
    ],
    "es": [
        "El Sr. García y la Sra. López viven en EE. UU. desde 1990.",
        "La Dra. Ruiz y Dña. Ana llegaron, p. ej., tarde.",
        "Llegaron a las 5 p. m. y cenaron.",
        "D. Juan y el Lic. Gómez están en la Av. Libertad, núm. 3.",
        "J. L. Borges nació en el siglo XIX.",
        "Véase la pág. 3 y el cap. 4.",
        "Ocurrió en el año 44 a. C. en Roma.",
    ],
}
NEXT = {"en": "It is late.", "de": "Es ist spät.", "fr": "Il est tard.", "es": "¿Es tarde?"}


@pytest.mark.parametrize(("language", "sentence"), [(code, one) for code, all_ in WHOLE.items() for one in all_])
def test_abbreviations_end_no_sentence(language: str, sentence: str) -> None:
    assert texts(f"{sentence} {NEXT[language]}", language) == [sentence, NEXT[language]]


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("en", "I am Tom. And you? It's me! Really?! Yes.", 5),
        ("en", "So am I. He is not. No. That is wrong.", 4),
        ("en", "i love you. are you ok? yes.", 3),
        ("en", "She is 30. He is 20. I live in the U.S. now.", 3),
        ("en", "Wait... what? See p. 5. Fine.", 3),
        ("de", "Er ist 30. Sie ist 20. „Ja.“ Gut!", 4),
        ("fr", "Tu viens ? Oui ! Il a dit non. « Bien. » C'est fini.", 5),
        ("es", "¿Cómo estás? ¡Bien! Gracias.", 3),
    ],
)
def test_sentences_end(language: str, text: str, count: int) -> None:
    assert len(texts(text, language)) == count, texts(text, language)


STRUCTURE = (
    "Title\r\n=====\r\n\r\n  First one.  Second one. \r\n\t- an item\r\n\t- another item: “yes”\r\n"
    " 1. numbered\r\n 2) too\r\n\r\n> quoted mail\r\n>> twice\r\nName     Age\tTown\r\n\u00a0\r\n   \r\n"
    "* [ ] to do\r\n— Hola, ¿qué tal?\r\n-Hi.\r\n## Heading\r\nEnd  "
)


def test_structure_stands_between_the_sentences() -> None:
    segments = split(STRUCTURE, "en")
    assert [sentence.text for sentence in segments.sentences] == [
        *("Title", "First one.", "Second one.", "an item", "another item: “yes”", "numbered", "too", "quoted mail"),
        *("twice", "Name", "Age", "Town", "to do", "Hola, ¿qué tal?", "Hi.", "Heading", "End"),
    ]
    assert unchanged(segments) == STRUCTURE
    translated = segments.join([f"«{k}»" for k in range(len(segments.sentences))])
    assert re.sub("«\\d+»", "", translated) == "".join(segments.gaps)
    assert translated.count("\r\n") == STRUCTURE.count("\r\n")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "   ",
            "\n",
            "\r\n\t \r\n",
            "😀😀 👨‍👩‍👧",
            "\x00\x01\x02",
            "你好。世界！怎么样？",
            "مرحبا بالعالم. كيف حالك؟",
            "שלום עולם.",
        ),
        *(
            "12:30",
            "5 km",
            "3,50 € / 20 %",
            "https://example.org/a?b=c",
            "a@b.org",
            "{name} %s <br/>",
            "----",
            "=> ↵ ←",
        ),
        *("/usr/lib/python", "C:\\Windows\\system32", "report_2.pdf", "x" * 101, "\ud800 \udfff"),
    ],
)
def test_what_holds_no_words_is_no_sentence(text: str) -> None:
    segments = split(text, "en")
    assert segments.sentences == ()
    assert segments.join([]) == text


def test_words_among_other_scripts_are_sentences() -> None:
    assert texts("你好 means hello. مرحبا too! 😀 Yes 😀") == ["你好 means hello.", "مرحبا too!", "Yes"]
    assert texts("<i>Hello there</i> <b>World</b>.\n{\\an8}<i>Up here</i>") == [
        "Hello there</i> <b>World</b>.",
        "Up here",
    ]


WRAPPED = (
    "He lived in a small house near the river with\nhis two cats and a dog. Every day he went to\n"
    "the market to buy bread. Then he went home and\nslept.\n"
)


def test_a_wrapped_paragraph_is_joined_for_translation_only() -> None:
    segments = split(WRAPPED, "en")
    assert [sentence.text for sentence in segments.sentences] == [
        "He lived in a small house near the river with his two cats and a dog.",
        "Every day he went to the market to buy bread.",
        "Then he went home and slept.",
    ]
    assert unchanged(segments) == WRAPPED
    german = segments.join(
        [
            "Er lebte in einem kleinen Haus am Fluss mit seinen zwei Katzen und einem Hund.",
            "Jeden Tag ging er zum Markt, um Brot zu kaufen.",
            "Dann ging er heim und schlief.",
        ]
    )
    assert german.count("\n") == WRAPPED.count("\n")
    assert max(map(len, german.splitlines())) < 60


@pytest.mark.parametrize(
    "text",
    ["Roses are red\nViolets are blue\nSugar is sweet\nAnd so are you", "one\ntwo\nthree\nfour five six seven eight"],
)
def test_verses_and_lists_are_not_wrapped(text: str) -> None:
    assert texts(text) == text.split("\n")


def test_a_subtitle_is_one_sentence_on_two_lines() -> None:
    pieces = split_wrapped("I never thought\nI'd see you again.\n- Me neither.\n", "en")
    assert [piece.source for piece in pieces if isinstance(piece, Sentence)] == [
        "I never thought\nI'd see you again.",
        "Me neither.",
    ]
    assert unchanged(gathered(pieces)) == "I never thought\nI'd see you again.\n- Me neither.\n"


def test_spaces_and_line_breaks_move_with_the_words() -> None:
    sentence = split("I  never thought I would   see\nYou", "en").sentences[0]
    assert (sentence.source, sentence.text) == ("I  never thought I would", "I never thought I would")
    assert sentence.laid_out("Ich hätte nie gedacht") == "Ich  hätte nie gedacht"
    two = Sentence("the red\nball", "the red ball")
    assert two.laid_out("der rote Ball") == "der rote\nBall"
    assert two.laid_out("Ball") == "Ball\n"  # a line is never lost
    three = Sentence("a\nb\nc d e", "a b c d e")
    assert three.laid_out("x y") == "x\ny\n"


@pytest.mark.parametrize(
    "line",
    ["word " * 4000, "a, " * 4000, "A b. " * 4000, "é😀 " * 4000, "p.m. " * 4000, "so\u00a0" * 4000, "ab" * 10000],
)
def test_a_line_without_end_is_cut_into_bounded_pieces(line: str) -> None:
    segments = split(line, "en")
    assert unchanged(segments) == line
    assert all(len(sentence.text) <= LONGEST for sentence in segments.sentences)
    assert len(segments.sentences) <= 3 * len(line) / LONGEST


def test_a_long_sentence_is_cut_after_a_clause() -> None:
    clause = "and then the very old man went to the big market in the middle of the town, "
    pieces = texts(clause * 10 + "the end.")
    assert all(piece.endswith(",") for piece in pieces[:-1])
    assert len(pieces) == 4


def test_places_of_sentences_and_of_translations() -> None:
    text = "- One.  Two.\n\n Three"
    segments = split(text, "en")
    assert [text[a:b] for a, b in segments.spans()] == ["One.", "Two.", "Three"]
    joined = segments.join(["Eins.", "Zwei.", "Drei"])
    assert joined == "- Eins.  Zwei.\n\n Drei"
    assert [joined[a:b] for a, b in segments.spans(["Eins.", "Zwei.", "Drei"])] == ["Eins.", "Zwei.", "Drei"]
    assert segments.begin(["Eins."]) == "- Eins."
    with pytest.raises(ValueError, match="3 sentences, but 1"):
        segments.join(["Eins."])


SCRAPS = [
    *(
        "Hello",
        "Dr.",
        " ",
        "  ",
        "    ",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "- ",
        "1. ",
        "> ",
        ". ",
        "! ",
        "z. B. ",
        "M. ",
        "…",
        "“",
    ),
    *(
        "<i>",
        "</i>",
        "{x}",
        "{\\an8}",
        "😀",
        "https://a.b/c. ",
        "你好",
        "\u2028",
        "\x85",
        "\x1c",
        "\x1f",
        "\ufeff",
        "\u00a0",
    ),
    *("\ud83d", "…", "“", "\ufeff", "\u00a0", "\u0301", "a" * 120, "so it goes on, " * 25),
]
TEXTS = st.lists(st.one_of(st.sampled_from(SCRAPS), st.text(max_size=8)), max_size=24).map("".join)


@settings(max_examples=300)
@given(TEXTS, st.sampled_from(["en", "de", "fr", "es", "xx"]))
@example("A.\x1cB", "en")
def test_nothing_is_lost_whatever_the_text(text: str, language: str) -> None:
    segments = split(text, language)
    assert unchanged(segments) == text
    assert len(segments.gaps) == len(segments.sentences) + 1
    for (begin, end), sentence in zip(segments.spans(), segments.sentences, strict=True):
        assert text[begin:end] == sentence.source
        assert sentence.text
        assert sentence.text == sentence.text.strip()
    shouted = segments.join([sentence.text + "?" for sentence in segments.sentences])
    assert len(shouted.splitlines()) >= len(text.splitlines()) - shouted.count("\x1f")
    assert unchanged(gathered(split_wrapped(text, language))) == text


def test_what_is_remembered_of_an_hour_of_typing_is_bounded() -> None:
    from app.text import sentences

    paragraph = "The little dog ran through the deep snow in the morning. " * 10
    sentences.split(paragraph, "en")
    before = sentences._long.cache_info()
    for k in range(3):
        sentences.split(paragraph + "ab"[: k % 2], "en")
    after = sentences._long.cache_info()
    assert (after.hits - before.hits, after.misses - before.misses) == (2, 1)
    assert 7 * (sentences._short.cache_info().maxsize or 0) * sentences._SHORT < 50e6  # bytes
    assert 7 * (after.maxsize or 0) * sentences._LONG < 60e6
