"""Writes dataclasses to the details of an event, plain JSON, and reads them back. Pure.

Details are hashed and signed: the bytes of a value must stay the same for ever. Therefore no library writes them;
pydantic, for example, ends the time of a UTC datetime with Z, and earlier details end it with +00:00.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

Upgrades = Mapping[type, Callable[[Mapping[str, Any]], Mapping[str, Any]]]
"""The migrations of details that earlier versions wrote, by the class that reads them."""


@dataclass(frozen=True)
class Stored:
    """The form of a field in the details, when it is not just its own name; used in `Annotated`.

    ``name`` is its name there, ``write`` gives its own form. An optional field is present only when it differs from its
    default. The rest, a mapping, is everything without a field.
    """

    name: str | None = None
    write: Callable[[Any], object] | None = None
    is_optional: bool = False
    is_rest: bool = False


OPTIONAL = Stored(is_optional=True)
REST = Stored(is_rest=True)
_PLAINLY = Stored()


@dataclass(frozen=True)
class _Field:
    name: str
    kind: Any
    stored: Stored
    default: object

    @property
    def key(self) -> str:
        return self.stored.name or self.name


@cache
def _fields(kind: Hashable) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for each in dataclasses.fields(kind):  # type: ignore[arg-type]
        hint = hints[each.name]
        marks = hint.__metadata__ if typing.get_origin(hint) is typing.Annotated else ()
        mark = next((mark for mark in marks if isinstance(mark, Stored)), _PLAINLY)
        found.append(_Field(each.name, typing.get_args(hint)[0] if marks else hint, mark, each.default))
    return tuple(found)


def to_details(value: object) -> dict[str, object]:
    """Return a dataclass as plain JSON."""
    assert dataclasses.is_dataclass(value) and not isinstance(value, type)  # noqa: S101, PT018 - the caller's type
    details: dict[str, object] = {}
    for each in _fields(type(value)):
        held = getattr(value, each.name)
        if each.stored.is_rest:
            details.update(_plain_mapping(held))
        elif not (each.stored.is_optional and held == each.default):
            details[each.key] = (each.stored.write or _plain)(held)
    return details


def from_details(kind: type[T], details: Mapping[str, Any], upgrades: Upgrades = types.MappingProxyType({})) -> T:
    """Read a dataclass back, also as an earlier version wrote it.

    A missing field gets its default. Values without a field are ignored, unless a field takes the rest.
    """
    if kind in upgrades:
        details = upgrades[kind](details)
    fields = _fields(typing.cast("Hashable", kind))
    known = {
        each.name: _read(each.kind, details[each.key], upgrades)
        for each in fields
        if each.key in details and not each.stored.is_rest
    }
    named = {each.key for each in fields if not each.stored.is_rest}
    left = {key: value for key, value in details.items() if key not in named}
    return kind(**known, **{each.name: left for each in fields if each.stored.is_rest})


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_details(value)
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def _plain_mapping(value: Mapping[Any, object]) -> dict[str, object]:
    return {str(name): _plain(inner) for name, inner in value.items()}


def _read(kind: Any, value: Any, upgrades: Upgrades) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if value is None or dataclasses.is_dataclass(value):
        return value
    if origin in (typing.Union, types.UnionType):
        return _read(_choose([each for each in arguments if each is not type(None)], value), value, upgrades)
    if origin is tuple:
        return tuple(_read(arguments[0], inner, upgrades) for inner in value)
    if dataclasses.is_dataclass(kind):
        return from_details(typing.cast("type[Any]", kind), value, upgrades)
    if kind in (datetime, date):
        return kind.fromisoformat(value)
    return kind(value) if isinstance(kind, type) and issubclass(kind, StrEnum | float) else value


def _choose(kinds: list[Any], value: Any) -> Any:
    """Return the member of a union for a value: its ``kind`` selects it where there is more than one."""
    if len(kinds) == 1:
        return kinds[0]
    found = [each for each in kinds if each.kind == value["kind"]]
    if not found:
        raise ValueError(f"details of the kind {value['kind']!r}, which this version does not know")
    return found[0]
