"""Characters that nobody sees, or that pass for others, are named by code point and column."""

import pytest

from coffre.spec.parsing.characters import MOST_TOLD, explain_odd, find_odd
from coffre.spec.parsing.documents import Document, read_document


@pytest.mark.parametrize(
    ("text", "column", "code"),
    [
        ("\u00a0name: x", 1, "U+00A0 NO-BREAK SPACE"),
        ("    \u00a0name: x", 5, "U+00A0 NO-BREAK SPACE"),
        ("name:\u00a0x", 6, "U+00A0 NO-BREAK SPACE"),
        ("name\u00a0: x", 5, "U+00A0 NO-BREAK SPACE"),
        ("name: Café\u202fBar", 11, "U+202F NARROW NO-BREAK SPACE"),
        ('name: "a\u00a0# b"', 9, "U+00A0 NO-BREAK SPACE"),
        ("- \u3000x", 3, "U+3000 IDEOGRAPHIC SPACE"),
        ("na\u200bme: x", 3, "U+200B ZERO WIDTH SPACE"),
        ("name: x\u200d", 8, "U+200D ZERO WIDTH JOINER"),
        ("name: x\u00ady", 8, "U+00AD SOFT HYPHEN"),
        ("name: \u2060x", 7, "U+2060 WORD JOINER"),
        ("name: x\ufeff", 8, "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("name: \u202ecod.exe", 7, "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("# a comment \u2066 too", 13, "U+2066 LEFT-TO-RIGHT ISOLATE"),
        ("name: x\ufe0f", 8, "U+FE0F VARIATION SELECTOR-16"),
        ("name: \u3164", 7, "U+3164 HANGUL FILLER"),
        ("name: \u2028x", 7, "U+2028 LINE SEPARATOR"),
        ("name: x\u0007", 8, "U+0007"),
        ("n\u0430me: x", 2, "U+0430 CYRILLIC SMALL LETTER A"),
        ("paths: [/h\u043eme]", 11, "U+043E CYRILLIC SMALL LETTER O"),
        ("host: p\u03bfste-01", 8, "U+03BF GREEK SMALL LETTER OMICRON"),
        ("name\uff1a x", 5, "U+FF1A FULLWIDTH COLON"),
        ("quota: \uff15 Go", 8, "U+FF15 FULLWIDTH DIGIT FIVE"),
    ],
)
def test_each_is_named_where_it_stands(text: str, column: int, code: str) -> None:
    first = find_odd(f"version: 1\n{text}\n")[0]
    assert (first.line, first.column) == (2, column)
    assert code in first.message
    assert text not in first.message + first.hint


@pytest.mark.parametrize(
    "text",
    [
        "name: Été — l’œuvre « Ça → là »",
        "# une remarque\u00a0: avec ses espaces insécables",
        'quota: "500\u00a0Go"  # 1\u202f000\u00a0?',
        "siren: 987\u202f000\u00a0338",
        "name: Орёл",
        "paths: [/srv/Δt, /srv/µm]",
        "name: Café ☕\ufe0f",
        "name: İstanbul ſ ı",
        'paths: ["/srv/a\\u200db"]',
    ],
)
def test_what_is_what_it_looks_like_passes(text: str) -> None:
    assert find_odd(text) == []


def test_a_text_full_of_them_is_told_in_a_few() -> None:
    assert len(find_odd("a:\u00a0b\n" * 1000)) == MOST_TOLD


def test_a_file_that_begins_with_a_byte_order_mark_is_read() -> None:
    assert isinstance(read_document("\ufeffversion: 1\n".encode(), "x.yaml"), Document)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("2026\u201311\u201302", "character 5 is U+2013 EN DASH, not -"),
        ("\u201c987000338\u201d", 'character 1 is U+201C LEFT DOUBLE QUOTATION MARK, not "'),
        ("\u043e\u0455", "character 1 is U+043E CYRILLIC SMALL LETTER O, not o"),
        ("+33\u00a04", "character 4 is U+00A0 NO-BREAK SPACE"),
        ("a\u200b", "character 2 is U+200B ZERO WIDTH SPACE"),
        ("été", ""),
        ("plain", ""),
    ],
)
def test_a_refused_word_is_explained(word: str, said: str) -> None:
    assert explain_odd(word) == said
