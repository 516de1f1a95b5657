"""The kinds of value that resources take: each says in a sentence what is wrong with one, or None."""

from collections.abc import Callable, Mapping
from typing import Any


def text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a text that is not empty"


def any_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a text"


def secret_text(value: Any) -> str | None:
    return None if isinstance(value, str) and len(value) >= 16 else "must be a text of at least 16 characters"


def whole_number(least: int) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return None
        return f"must be a whole number of at least {least}, not {value!r}"

    return problem


def exactly(wanted: Any, why: str) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        return None if value == wanted and type(value) is type(wanted) else f"must be {wanted!r}: {why}"

    return problem


def map_of_texts(value: Any) -> str | None:
    if isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
        return None
    return "must be a map of texts"


def map_of_maps(value: Any) -> str | None:
    if isinstance(value, Mapping) and value and all(isinstance(item, Mapping) for item in value.values()):
        return None
    return "must be a map, not empty, of maps"


def switch(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"
