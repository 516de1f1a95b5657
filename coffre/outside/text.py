"""Makes foreign text safe to show: it cannot control a terminal or forge a line. Pure."""

import unicodedata

_STEERING = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""The Unicode categories of control and formatting characters, and of those that mean nothing or anything."""


def visible(text: str) -> str:
    """Return a text with characters that control, format or have no meaning escaped; line ends and tabs stay."""
    return "".join(_written_out(each) if unicodedata.category(each) in _STEERING else each for each in text)


def visible_json(text: str) -> str:
    """Return a JSON document with such characters as JSON escapes: the values are the same for a reader."""
    return "".join(_escaped(each) if unicodedata.category(each) in _STEERING else each for each in text)


def split_lines(text: str) -> list[str]:
    """Return the lines of a file that people review: a line ends only at its line feed, as in git and OpenSSH.

    `str.splitlines` splits at ten other characters too, so a comment could hide a valid line.
    """
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def one_line(text: str, limit: int) -> str:
    """Return a text as one line of at most ``limit`` characters, with unprintable characters escaped."""
    line = visible(" ".join(text[: limit + 1].split()))
    return line if len(line) <= limit and len(text) <= limit else line[: limit - 1] + "…"


def _escaped(character: str) -> str:
    if character in "\n\t":  # between values; inside a value, JSON has already escaped them
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _written_out(character: str) -> str:
    return character if character in "\n\t" else character.encode("unicode_escape").decode()
