"""Finds deceptive characters in a file's text and names them by code point and column. Pure.

Their author cannot see them, so a message about the meaning of the text would not help.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from coffre.spec.parsing.syntax import split_lines

MOST_TOLD = 20
"""The maximum shown for one file; a text copied from a web page has hundreds."""

_UNSEEN_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
# Invisible, although Unicode classifies them as letters and marks.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u2800\u3164\ufe00-\ufe0f\uffa0\ufffe\uffff\U000e0100-\U000e01ef]"
)
_OF_A_PICTURE = "\ufe0e\ufe0f"
# The characters of French text: accepted at once, since a repository has a thousand files.
_PLAIN_RANGES = (
    "\t\n\r\x20-\x7e\xa1-\xac\xae-\u024f\u2010-\u2015\u2018-\u2026\u2030-\u205e\u20ac"
    "\u2190-\u21ff\u2260-\u2265\u2500-\u257f"
)
_OTHERS = re.compile(f"[^{_PLAIN_RANGES}]")
# A number may follow French typography: 500 Go, 987 000 338.
_OF_A_FIGURE = re.compile("(?<=[0-9])[\u00a0\u202f](?=[0-9A-Za-z])")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')
_COMMENT = re.compile(r"(?:^|\s)#")
_WORD = re.compile(r"[^\W\d_]+")
_WIDE = re.compile("[\uff01-\uff5e]")

_LIKE = dict(
    zip(
        "аеорсухѕіјԁһԛԝӏАВЕКМНОРСТХУЅІЈԌԚԜοιυνκρΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսո",
        "aeopcyxsijdhqwlABEKMHOPCTXYSIJGQWoiuvkpABEZHIKMNOPTYXoun",
        strict=True,
    )
)
"""Letters of other alphabets that look like a Latin one."""
_SIGNS = dict(zip("‐‑‒–—−＃：；，．／∕⁄｜“”„‟‘’‚‛′″", "------#:;,.///|\"\"\"\"'''''\"", strict=True))
"""Signs that word processors insert instead of the ones of a file."""


@dataclass(frozen=True)
class Odd:
    """One such character: its place (from 1), its description, and what to do about it."""

    line: int
    column: int
    message: str
    hint: str


def find_odd(text: str) -> list[Odd]:
    """Return the invisible and deceptive characters of a file; only the first ones, in order."""
    return list(islice(_search(text), MOST_TOLD)) if _OTHERS.search(text) else []


def _search(text: str) -> Iterator[Odd]:
    for number, line in enumerate(split_lines(text), 1):
        others = [match.start() for match in _OTHERS.finditer(line)]
        if not others:
            continue
        code_length = _length_of_code(line)
        figures = {match.start() for match in _OF_A_FIGURE.finditer(line)}
        strangers = set(_strangers(line))
        for place in others:
            found = _judge(place, line, code_length, figures, strangers)
            if found is not None:
                yield Odd(number, place + 1, *found)


def _judge(place: int, line: str, code_length: int, figures: set[int], strangers: set[int]) -> tuple[str, str] | None:
    """Describe what is wrong with a character of a line, and what to do; None when it is harmless."""
    character = line[place]
    if is_unseen(character) and not _is_of_a_picture(line, place):
        return f"there is an invisible character here ({name_of(character)})", "remove it"
    if place >= code_length:
        return None
    if is_space(character) and place not in figures:
        where = "in the indentation" if not line[:place].strip() else "here"
        return f"there is a special space {where} ({name_of(character)})", "write a plain space"
    if place in strangers:
        like = _LIKE.get(character) or unicodedata.normalize("NFKC", character)
        return f'this character only looks like "{like}" ({name_of(character)})', f'write "{like}"'
    return None


def _is_of_a_picture(line: str, place: int) -> bool:
    """Tell whether a character is a variation selector of the emoji before it, as keyboards insert it."""
    return line[place] in _OF_A_PICTURE and place > 0 and unicodedata.category(line[place - 1]) == "So"


def _length_of_code(line: str) -> int:
    """Return how much of a line comes before its comment."""
    bare = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), line)
    comment = _COMMENT.search(bare)
    return comment.start() if comment else len(line)


def _strangers(line: str) -> Iterator[int]:
    """Yield the places of letters of another alphabet within Latin words; a word in one alphabet is harmless."""
    yield from (match.start() for match in _WIDE.finditer(_QUOTED.sub(lambda quoted: "_" * len(quoted[0]), line)))
    for word in _WORD.finditer(line):
        is_latin = any(each.isascii() for each in word[0])
        for place, character in enumerate(word[0], word.start()):
            if is_wide(character) or (is_latin and character in _LIKE):
                yield place


def is_unseen(character: str) -> bool:
    """Tell whether a character is invisible."""
    return unicodedata.category(character) in _UNSEEN_CATEGORIES or _UNSEEN.match(character) is not None


def is_space(character: str) -> bool:
    """Tell whether a character is a space other than the one of the keyboard."""
    return character != " " and unicodedata.category(character) == "Zs"


def is_wide(character: str) -> bool:
    """Tell whether a character is a full-width or mathematical form of an ASCII letter or digit."""
    return "\uff01" <= character <= "\uff5e" or "\U0001d400" <= character <= "\U0001d7ff"


def name_of(character: str) -> str:
    """Return a character's code point and, where it has one, Unicode's name for it."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def explain_odd(text: str) -> str:
    """Describe the deceptive character of a refused word; empty when there is none."""
    for place, character in enumerate(text, 1):
        like = _LIKE.get(character) or _SIGNS.get(character)
        if character <= "\x7e" and character >= " ":
            continue
        if like is None and is_wide(character):
            like = unicodedata.normalize("NFKC", character)
        if is_unseen(character) or is_space(character):
            return f"character {place} is {name_of(character)}"
        if like is not None:
            return f"character {place} is {name_of(character)}, not {like}"
    return ""
