"""The keys that a model knows at a place of its file, and their meaning: for suggestions and missing fields."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from coffre.spec.problems.problems import Loc

_INJECTED = {"slug"}  # comes from the file's name


def list_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """Return the keys of the block at ``loc``; none where any name is allowed, or where no block belongs."""
    return [key for found in _follow(model, loc) for key in _fields(found)]


def describe_key(model: type[BaseModel], loc: Loc) -> str:
    """Return the description of the key at ``loc``, or nothing."""
    for found in _follow(model, loc[:-1]):
        field = _fields(found).get(str(loc[-1]))
        if field is not None and field.description:
            return field.description
    return ""


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items() if name not in _INJECTED}


def _follow(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    """Return the possible models at ``loc``: more than one where the union's tag is not in ``loc``."""
    here: list[Any] = [model]
    for part in loc:
        here = [step for kind in here for step in _steps(kind, part)]
    return [kind for kind in here if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _steps(kind: Any, part: str | int) -> Iterator[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = _fields(kind).get(str(part))
        if field is not None:
            yield from _members(field.annotation)
        elif part in _tags(kind):
            yield kind  # the tag of a union, which pydantic adds to the place
    elif get_origin(kind) is dict:
        yield from _members(get_args(kind)[1])
    elif get_origin(kind) is list:
        yield from _members(get_args(kind)[0])


def _tags(model: type[BaseModel]) -> Iterator[Any]:
    """Yield the values by which unions choose a model: of the fields `via` and `kind`."""
    for name in ("via", "kind"):
        field = model.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is Literal:
            yield from get_args(field.annotation)


def _members(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation
