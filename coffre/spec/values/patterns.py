"""How restic 0.18 reads a pattern: whether it is well formed, and which paths it excludes.

A pattern is a path whose parts may have wildcards, `**` for any number of parts, and `!` before it to include again
what earlier patterns exclude. Only on Windows is a backslash a separator; elsewhere it escapes the next character.
"""

import functools
import ntpath
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

_ROOT = "/"
_ANY_PARTS = ""
"""How restic stores `**`, and therefore also the empty part of the pattern `/`."""
_LONGEST_NAME = 255
"""No system has longer names; a longer part of a path matches only an equal text, which bounds the work."""


class PatternError(ValueError):
    """A malformed pattern: restic refuses the backup, or excludes nothing on some files."""


@dataclass(frozen=True)
class _Class:
    """A character class like ``[^a-z]``."""

    ranges: tuple[tuple[str, str], ...]
    is_negated: bool

    def takes(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) != self.is_negated


@dataclass(frozen=True)
class _Wildcard:
    """``*`` or ``?``."""

    is_many: bool


_STAR, _ONE = _Wildcard(is_many=True), _Wildcard(is_many=False)
_Token = str | _Class | _Wildcard
_Part = str | tuple[_Token, ...]


@dataclass(frozen=True)
class Pattern:
    """A well-formed pattern, by parts. A part without wildcards is its text, `**` the empty text."""

    text: str
    is_negated: bool
    parts: tuple[_Part, ...]

    @property
    def is_literal(self) -> bool:
        """Whether the pattern is one path from the root or a drive, without wildcards."""
        first = self.parts[0]
        is_rooted = first == _ROOT or (isinstance(first, str) and re.fullmatch("[A-Za-z]:", first) is not None)
        return is_rooted and all(isinstance(part, str) and part != _ANY_PARTS for part in self.parts)

    def matches(self, path: tuple[str, ...]) -> bool:
        """Tell whether the pattern matches the path of these parts or a folder above it, ignoring `!`."""
        return _match(self.parts, path)


def parse_pattern(text: str, *, on_windows: bool = False) -> Pattern:
    """Read a pattern that is not empty; PatternError describes what is wrong with it."""
    is_negated = text.startswith("!")
    parts = _split(text[is_negated:], on_windows=on_windows)
    return Pattern(text, is_negated, tuple(_parse_part(part, has_escapes=not on_windows) for part in parts))


def split_path(path: str, *, on_windows: bool = False) -> tuple[str, ...]:
    """Return the parts of an absolute path to compare with patterns."""
    return tuple(_split(path, on_windows=on_windows))


def find_exclusion(patterns: Sequence[Pattern], path: tuple[str, ...]) -> Pattern | None:
    """Return the pattern that excludes a path, after all patterns in their order; None if it is not excluded."""
    by: Pattern | None = None
    for pattern in patterns:
        if pattern.is_negated == (by is not None) and pattern.matches(path):
            by = None if pattern.is_negated else pattern
    return by


def _split(path: str, *, on_windows: bool) -> list[str]:
    if on_windows:
        clean = ntpath.normpath(path or ".").replace("\\", "/")
    else:
        clean = posixpath.normpath(path or ".")
        clean = clean[1:] if clean.startswith("//") else clean  # two slashes are one to restic
    first, *rest = clean.split("/")
    return [first or _ROOT, *rest]


def _parse_part(part: str, *, has_escapes: bool) -> _Part:
    if part == "**":
        return _ANY_PARTS
    if not re.search(r"[\\\[\]*?]", part):
        return part
    tokens: list[_Token] = []
    place = 0
    while place < len(part):
        character = part[place]
        if character == "[":
            group, place = _parse_class(part, place, has_escapes=has_escapes)
            tokens.append(group)
            continue
        if character == "\\" and has_escapes:
            character, place = _literal(part, place, has_escapes=True)
            tokens.append(character)
            continue
        tokens.append({"*": _STAR, "?": _ONE}.get(character, character))
        place += 1
    return tuple(tokens)


def _parse_class(part: str, start: int, *, has_escapes: bool) -> tuple[_Class, int]:
    place = start + 1
    is_negated = part.startswith("^", place)
    place += is_negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and part.startswith("]", place)):
        if place >= len(part):
            raise PatternError("has a [ without its ]")
        if part[place] in "-]":
            raise PatternError(f"has {part[place]} where brackets need a character")
        low, place = _literal(part, place, has_escapes=has_escapes)
        high = low
        if part.startswith("-", place):
            if place + 1 < len(part) and part[place + 1] in "-]":
                raise PatternError("has a range without its end in brackets")
            high, place = _literal(part, place + 1, has_escapes=has_escapes)
        ranges.append((low, high))
    return _Class(tuple(ranges), is_negated), place + 1


def _literal(part: str, place: int, *, has_escapes: bool) -> tuple[str, int]:
    """Return the character at a place, behind its backslash if it has one, and the place after it."""
    is_escaped = has_escapes and part.startswith("\\", place)
    place += is_escaped
    if place >= len(part):
        raise PatternError("ends in a backslash" if is_escaped else "has a [ without its ]")
    return part[place], place + 1


def _match(parts: tuple[_Part, ...], path: tuple[str, ...]) -> bool:
    if parts[0] == _ROOT:
        return path[0] == _ROOT and _begins(parts, path, 0)
    # A pattern that does not begin at the root may begin at any part, but is never compared with the root itself.
    return any(_begins(parts, path, start) for start in range(path[0] == _ROOT, len(path)))


def _begins(parts: tuple[_Part, ...], path: tuple[str, ...], start: int) -> bool:
    """Tell whether the path has the parts of a pattern from ``start`` on; everything below is excluded too."""
    reached = {start}
    for number, part in enumerate(parts, 1):
        if part == _ANY_PARTS:
            # restic extends a pattern up to the whole path, from any start, and counts each following `**` as one.
            limit = min(len(path), start + len(path) - (len(parts) - number))
            reached = set(range(min(reached), limit + 1))
        else:
            reached = {place + 1 for place in reached if place < len(path) and _takes(part, path[place])}
        if not reached:
            return False
    # A leading `**` matches at least one part of a path, never the empty beginning alone.
    return max(reached) > start


def _takes(part: _Part, name: str) -> bool:
    if isinstance(part, str):
        return part == name
    return name != _ROOT and len(name) <= _LONGEST_NAME and _wild_match(part, name)


@functools.lru_cache(maxsize=4096)  # thousands of tenants have the same few patterns
def _wild_match(tokens: tuple[_Token, ...], name: str) -> bool:
    """Match as far as possible; at a mismatch extend the last star by one character."""
    at, here, star, star_at = 0, 0, -1, 0
    while here < len(name):
        if at < len(tokens) and tokens[at] == _STAR:
            star, star_at = at, here
            at += 1
        elif at < len(tokens) and _takes_character(tokens[at], name[here]):
            at += 1
            here += 1
        elif star >= 0:
            star_at += 1
            at, here = star + 1, star_at
        else:
            return False
    return all(token == _STAR for token in tokens[at:])


def _takes_character(token: _Token, character: str) -> bool:
    if isinstance(token, str):
        return token == character
    return token.takes(character) if isinstance(token, _Class) else True
