"""Text that somebody else wrote, fit to be shown: nothing in it steers a terminal or forges a line. Pure."""

import unicodedata

_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""The Unicode categories of characters that do something instead of being seen."""


def visible(text: str) -> str:
    """Return a text with its control and formatting characters written out; line ends and tabs stay."""
    return "".join(_written_out(each) if unicodedata.category(each) in _STEERING else each for each in text)


def visible_json(text: str) -> str:
    """Return a JSON document with such characters as JSON's own escapes: the same values to whoever reads it."""
    return "".join(_escaped(each) if unicodedata.category(each) in _STEERING else each for each in text)


def split_lines(text: str) -> list[str]:
    """Return the lines of a file that people review: a line ends at its line feed alone, as git and OpenSSH have it.

    `str.splitlines` ends one at ten other characters too, so that a comment could hide a line that counts.
    """
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def one_line(text: str, limit: int) -> str:
    """Return a text as one line of at most ``limit`` characters, what does not print written out."""
    line = visible(" ".join(text[: limit + 1].split()))
    return line if len(line) <= limit and len(text) <= limit else line[: limit - 1] + "…"


def _escaped(character: str) -> str:
    if character in "\n\t":  # between values; within one, JSON has escaped them already
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _written_out(character: str) -> str:
    return character if character in "\n\t" else character.encode("unicode_escape").decode()
