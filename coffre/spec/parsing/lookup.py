"""Reads single values from plain data that may be invalid elsewhere; an invalid value counts as absent."""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from coffre.spec.problems.problems import FileProblem, Loc

Data = Mapping[str, Any]


def block(data: Any, key: str) -> Data:
    """Return the block of keys at ``key``, empty when there is none."""
    value = data.get(key) if isinstance(data, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def blocks(data: Any, key: str) -> dict[str, Data]:
    """Return the blocks of keys in the block at ``key``, by name."""
    return {name: value for name, value in block(data, key).items() if isinstance(value, Mapping)}


def plural(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def find_day(data: Data, key: str) -> datetime.date | None:
    """Return the date at ``key``, or None when it is absent or no date."""
    try:
        return datetime.date.fromisoformat(str(data.get(key)))
    except ValueError:
        return None


def is_retired(machine: Data) -> bool:
    """Tell whether the file retires a machine."""
    return machine.get("retired") is not None


def find_repeated(loc: Loc, entries: Any) -> Iterator[FileProblem]:
    """Yield a finding for each text of a list that repeats an earlier entry."""
    seen: set[str] = set()
    for place, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, str):
            if entry in seen:
                yield FileProblem((*loc, place), "{value} is listed twice", "keep it once")
            seen.add(entry)
