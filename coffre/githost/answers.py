"""The parts of a git host's answers that Coffre reads; the rest is ignored. Every text in them has a limit."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from coffre.githost.client import Client

Account = Annotated[str, Field(min_length=1, max_length=255)]
CommitId = Annotated[str, Field(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")]
Short = Annotated[str, Field(max_length=1000)]
_Part = TypeVar("_Part", bound=BaseModel)


class Answer(BaseModel):
    """What all parts share: types are exact, and fields that nobody reads are allowed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


def read_part(client: Client, kind: type[_Part], value: Any, doing: str) -> _Part:
    """Return an answer as its type; GitHostError for another one."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise client.absurd(doing) from None


def read_parts(client: Client, kind: type[_Part], values: Iterable[Any], doing: str) -> Iterator[_Part]:
    """Yield the entries of a listing as their type; GitHostError at the first other one."""
    for value in values:
        yield read_part(client, kind, value, doing)
