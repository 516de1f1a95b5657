"""What a resource's inputs may be, and how two sets of them differ: pure, and the same for every resource."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

Inputs = dict[str, Any]


class Unknown(Enum):
    """A value that another resource will give, not known yet during a preview."""

    VALUE = "unknown"


UNKNOWN: Final = Unknown.VALUE


class NoDefault(Enum):
    """A field without a default: the program must give it."""

    VALUE = "absent"


REQUIRED: Final = NoDefault.VALUE


class InputChangeKind(Enum):
    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


class Shape(Enum):
    """What kind of value a field takes."""

    TEXT = "text"
    WHOLE_NUMBER = "whole number"
    BYTES = "bytes"  # a whole number too, and one that does not fit in 32 bits
    SWITCH = "switch"
    TEXTS = "map of texts"
    COUNTS = "map of whole numbers"
    MAPS = "map of maps"


@dataclass(frozen=True)
class Field:
    """One input: what is wrong with a value (None: nothing), and what a change of it means.

    ``description`` gives meaning and unit, in Markdown, for the schema and its page. ``normalise`` brings equal values
    to one form. ``by_entry`` compares a map entry by entry, so that a difference
    names the entry. A secret's value never shows in a message.
    """

    problem: Callable[[Any], str | None]
    description: str
    shape: Shape = Shape.TEXT
    default: Any = REQUIRED
    replaces: bool = False
    secret: bool = False
    by_entry: bool = False
    normalise: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class Output:
    """A value that the platform alone decides; ``description`` is as that of a field."""

    description: str
    shape: Shape = Shape.TEXT


@dataclass(frozen=True)
class Failure:
    """An input that may not be so; ``reason`` is a sentence without the property's name."""

    property: str
    reason: str


@dataclass(frozen=True)
class InputChange:
    """One difference; ``path`` is in Pulumi's property path form."""

    path: str
    kind: InputChangeKind
    replaces: bool


def check(fields: Mapping[str, Field], given: Mapping[str, Any]) -> tuple[Inputs, list[Failure]]:
    """Return the inputs with their defaults, in normal form, and everything that is wrong with them."""
    result: Inputs = {}
    failures = [
        Failure(name, f"is not an input of this resource; it has {', '.join(fields)}")
        for name in given
        if name not in fields
    ]
    for name, field in fields.items():
        value = given.get(name)
        if _has_unknown(value):
            result[name] = UNKNOWN
            continue
        if value is None and field.default is REQUIRED:
            failures.append(Failure(name, "is missing"))
            continue
        value = field.default if value is None else value
        problem = field.problem(value)
        if problem:
            failures.append(Failure(name, problem))
        else:
            result[name] = field.normalise(value)
    return result, failures


def diff(fields: Mapping[str, Field], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[InputChange]:
    """Return every difference between what is and what is wanted, in the order of the fields."""
    changes: list[InputChange] = []
    for name, field in fields.items():
        before, after = old.get(name), new.get(name)
        if before == after and after is not UNKNOWN:
            continue
        if field.by_entry and isinstance(before, Mapping) and isinstance(after, Mapping):
            changes += _diff_entries(name, before, after, field.replaces)
        else:
            changes.append(InputChange(name, _kind(before is not None, after is not None), field.replaces))
    return changes


def describe(
    fields: Mapping[str, Field],
    live: Mapping[str, Any],
    wanted: Mapping[str, Any],
    changes: Iterable[InputChange] | None = None,
) -> list[str]:
    """Say each difference, or these, in words for a refusal: what is there, and what was asked."""
    return [
        _sentence(change.path, fields, live, wanted)
        for change in (diff(fields, live, wanted) if changes is None else changes)
    ]


def _has_unknown(value: Any) -> bool:
    """Tell whether a value, or anything in it, is not known yet."""
    if isinstance(value, Mapping):
        return any(_has_unknown(each) for each in value.values())
    if isinstance(value, list):
        return any(_has_unknown(each) for each in value)
    return value is UNKNOWN


def entry_path(name: str, key: str) -> str:
    """Return the path of a map's entry; Pulumi wants quotes around anything but a plain word."""
    return f"{name}.{key}" if key.replace("_", "").isalnum() else f'{name}["{key}"]'


def find_entry(path: str, wanted: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[str, str, Any, Any]:
    """Return the field and the entry (empty: the whole field) of a difference's path, and its two values."""
    if path in wanted or path in live:
        return path, "", wanted.get(path), live.get(path)
    for name in {**wanted, **live}:
        was, is_now = (each.get(name) for each in (wanted, live))
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            for key in {**was, **is_now}:
                if entry_path(name, key) == path:
                    return name, key, was.get(key), is_now.get(key)
    raise KeyError(path)


def _diff_entries(name: str, before: Mapping[str, Any], after: Mapping[str, Any], replaces: bool) -> list[InputChange]:
    return [
        InputChange(entry_path(name, key), _kind(key in before, key in after), replaces)
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key) or after.get(key) is UNKNOWN
    ]


def _kind(was: bool, will_be: bool) -> InputChangeKind:
    if not was:
        return InputChangeKind.ADD
    return InputChangeKind.UPDATE if will_be else InputChangeKind.DELETE


def _sentence(path: str, fields: Mapping[str, Field], live: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    if path not in fields:
        _, _, asked, there = find_entry(path, wanted, live)
        if there is None:
            return f"{path} is missing"
        if asked is None:
            return f"{path} is there and was not asked for"
        return f"{path} is {there}, not {asked}" if isinstance(there, int) else f"{path} differs"
    if fields[path].secret:
        return f"{path} is another (not shown)"
    return f"{path} is {_show(live.get(path))}, not {_show(wanted.get(path))}"


def _show(value: object) -> str:
    return "not set" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
