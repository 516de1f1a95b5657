"""Makes foreign text safe to show: it cannot control a terminal or forge a line. Pure."""

import re
import unicodedata
from collections.abc import Callable

_STEERING = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""The Unicode categories of control and formatting characters, and of those that mean nothing or anything."""
_BEYOND_ASCII = re.compile(r"[^ -~\n\t]+")
"""All that needs a look: not the printable characters of ASCII, line ends and tabs."""


def visible(text: str) -> str:
    """Return a text with characters that control, format or have no meaning escaped; line ends and tabs stay."""
    return _rewritten(text, _written_out)


def visible_json(text: str) -> str:
    """Return a JSON document with such characters as JSON escapes: the values are the same for a reader."""
    return _rewritten(text, _escaped)


def split_lines(text: str) -> list[str]:
    """Return the lines of a file that people review: a line ends only at its line feed, as in git and OpenSSH.

    `str.splitlines` splits at ten other characters too, so a comment could hide a valid line.
    """
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def one_line(text: str, limit: int) -> str:
    """Return a text as one line of at most ``limit`` characters, with unprintable characters escaped."""
    line = visible(" ".join(text[: limit + 1].split()))
    return line if len(line) <= limit and len(text) <= limit else line[: limit - 1] + "…"


def _rewritten(text: str, rewrite: Callable[[str], str]) -> str:
    """Return a text with its steering characters rewritten; it takes little time for a text without one."""
    return _BEYOND_ASCII.sub(lambda found: _each_rewritten(found[0], rewrite), text)


def _each_rewritten(part: str, rewrite: Callable[[str], str]) -> str:
    if part.isprintable():  # a printable character is of none of these categories
        return part
    return "".join(rewrite(each) if unicodedata.category(each) in _STEERING else each for each in part)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()
