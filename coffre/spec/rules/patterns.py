"""Checks the exclude patterns of plans: patterns that restic refuses, and patterns that exclude a whole path."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from coffre.spec.parsing.lookup import Data
from coffre.spec.plan import OperatingSystem
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.values.fields import VALUE
from coffre.spec.values.patterns import Pattern, PatternError, find_exclusion, parse_pattern, split_path
from coffre.spec.values.unexpanded import find_in_pattern

_PAIRS_LIMIT = 100_000
"""The maximum of patterns times paths to compare; a plan that a person writes has hundreds."""
_DEEPEST = 64
# Very different names: a pattern that matches all of them matches any name.
_ANY_NAMES = ("a", "Z", "0", ".a", "_", "é", "a b.c", "~$a-", "x" * 255)


@dataclass(frozen=True)
class _Entry:
    """A pattern with its place in the list."""

    place: int
    pattern: Pattern


def check_patterns(loc: Loc, plan: Data, paths: dict[OperatingSystem, list[str]]) -> Iterator[FileProblem]:
    """Check the patterns of a plan against the absolute paths that it has on each system where it is used."""
    texts = plan.get("exclude")
    told: set[Loc] = set()
    entries = texts if isinstance(texts, list) else []
    listed = [entry if isinstance(entry, str) and entry.strip() else "" for entry in entries]
    for system, on_system in paths.items():
        for finding in _judge_on_system(tuple(listed), system, tuple(on_system)):
            if finding.loc not in told:
                told.add(finding.loc)
                yield replace(finding, loc=(*loc, "exclude", *finding.loc))


@functools.lru_cache(maxsize=1024)
def _judge_on_system(
    texts: tuple[str, ...], system: OperatingSystem, paths: tuple[str, ...]
) -> tuple[FileProblem, ...]:
    """Return the findings of a list of patterns, each at its place in the list.

    Thousands of tenants have the same few plans, and this is most of the work of checking a file.
    """
    return tuple(_check_on_system((), texts, system, paths))


def _check_on_system(
    loc: Loc, texts: Sequence[str], system: OperatingSystem, paths: Sequence[str]
) -> Iterator[FileProblem]:
    on_windows = system == OperatingSystem.WINDOWS
    entries: list[_Entry] = []
    for place, text in enumerate(texts):
        if not text:
            continue
        variable = find_in_pattern(text)
        if variable:
            hint = "write the path itself, with * for the part that differs, like /home/*/.cache"
            yield FileProblem(
                (*loc, place), f"{VALUE} has {variable}, but variables in a pattern are not replaced", hint
            )
            continue
        try:
            entries.append(_Entry(place, parse_pattern(text, on_windows=on_windows)))
        except PatternError as error:
            hint = _advise(text, on_windows=on_windows)
            yield FileProblem((*loc, place), f"{VALUE} {error}, so restic refuses every backup on {system}", hint)
    yield from _check_coverage(loc, entries, paths, on_windows=on_windows)


def _advise(text: str, *, on_windows: bool) -> str:
    if on_windows:
        return "write ? for a character that is a bracket itself, or close the brackets"
    if text.endswith("\\"):
        return f"write {text.rstrip(chr(92))}, without the backslash at its end"
    return r"write \[ for a bracket itself, or close the brackets, like *.[bt]ak"


def _check_coverage(
    loc: Loc, entries: Sequence[_Entry], paths: Sequence[str], *, on_windows: bool
) -> Iterator[FileProblem]:
    """Find the patterns that exclude a whole path, and the ! patterns without effect because of their folder."""
    patterns = [entry.pattern for entry in entries]
    if len(patterns) * (len(paths) + sum(pattern.is_negated for pattern in patterns)) > _PAIRS_LIMIT:
        message = f"{len(patterns)} patterns on {len(paths)} paths are too many to compare"
        yield FileProblem(loc, message, "exclude whole folders instead of the files in them", at_key=True)
        return
    places = {id(entry.pattern): entry.place for entry in entries}
    hint = "remove the path or the pattern, or exclude only something inside the path"
    for path in paths:
        parts = split_path(path, on_windows=on_windows)
        whole = find_exclusion(patterns, parts)
        if whole is not None:
            yield FileProblem(
                (*loc, places[id(whole)]),
                f"{VALUE} excludes {path}, a path of the plan: nothing of it would be saved",
                hint,
            )
            continue
        emptied = _find_emptied(patterns, parts)
        if emptied is not None:
            yield FileProblem(
                (*loc, places[id(emptied)]),
                f"{VALUE} excludes everything in {path}, a path of the plan: nothing of it would be saved",
                hint,
            )
    yield from _check_taken_back(loc, entries, on_windows=on_windows)


def _find_emptied(patterns: Sequence[Pattern], path: tuple[str, ...]) -> Pattern | None:
    """Return the pattern that matches every name in a folder, when no ! pattern includes a name again."""
    if any(pattern.is_negated for pattern in patterns):
        return None
    folder = path[:-1] if path[-1] == "" else path  # the root is written with an empty part behind it
    first, *rest = (find_exclusion(patterns, (*folder, name)) for name in _ANY_NAMES)
    return first if first is not None and None not in rest else None


def _check_taken_back(loc: Loc, entries: Sequence[_Entry], *, on_windows: bool) -> Iterator[FileProblem]:
    """Find a path behind ! whose folder stays excluded: restic never reads that folder."""
    patterns = [entry.pattern for entry in entries]
    for entry in entries:
        if not entry.pattern.is_negated or not entry.pattern.is_literal:
            continue
        parts = split_path(entry.pattern.text.removeprefix("!"), on_windows=on_windows)
        for folder in (parts[:length] for length in range(2, min(len(parts), _DEEPEST))):
            by = find_exclusion(patterns, folder)
            if by is None:
                continue
            separator = "\\" if on_windows else "/"
            shown = "\\".join(folder) if on_windows else "/" + "/".join(folder[1:])
            yield FileProblem(
                (*loc, entry.place),
                f"{VALUE} has no effect: {by.text} excludes the folder {shown}, and restic does not read it",
                f"exclude the content of {shown} instead of the folder: {shown}{separator}*",
            )
            break
