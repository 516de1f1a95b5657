"""The vendor's identifiers, one type each: an id of one kind is refused where another is wanted, by mypy and in a call.

A tenant has two: the account API knows its UUID, agents, resources and policies know its number.
"""

import re
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class InvalidIdentifierError(ValueError):
    """A text that is no identifier of this kind. It is not quoted."""


class Identifier:
    """An identifier as text. Two are equal when their kind and their text are."""

    __slots__ = ("_text",)

    FORM: ClassVar[re.Pattern[str]]

    def __init__(self, text: str) -> None:
        """Keep a text; InvalidIdentifierError when it does not have the form of this kind."""
        if not isinstance(text, str) or self.FORM.fullmatch(text) is None:
            raise InvalidIdentifierError(f"not a {type(self).__name__}")
        self._text = text.lower() if isinstance(self, Uuid) else text

    @classmethod
    def text(cls, value: Self) -> str:
        """Return the text of an identifier of exactly this kind, for a call; TypeError for any other value."""
        if type(value) is not cls:
            raise TypeError(f"a {cls.__name__} is wanted here, not a {type(value).__name__}")
        return value._text

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def _read(cls, value: Any) -> Self:
        if type(value) is cls:
            return value
        if isinstance(value, Identifier):
            raise InvalidIdentifierError(f"a {type(value).__name__} is not a {cls.__name__}")
        if isinstance(value, int) and not isinstance(value, bool) and issubclass(cls, Number):
            value = str(value)  # the vendor writes numbers as texts and as numbers
        return cls(value)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Identifier) and other._text == self._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))


class Uuid(Identifier):
    """A UUID, in lower case."""

    __slots__ = ()
    FORM = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Number(Identifier):
    """A number written in digits, without sign and leading zeros."""

    __slots__ = ()
    FORM = re.compile("0|[1-9][0-9]{0,18}")


class Opaque(Identifier):
    """An identifier whose form the vendor does not document: it cannot leave its place in an address."""

    __slots__ = ()
    FORM = re.compile("[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class TenantUuid(Uuid):
    """A tenant as the account API knows it; a user's personal tenant has one too."""

    __slots__ = ()


class TenantNumber(Number):
    """A tenant as agents, resources and policies know it."""

    __slots__ = ()


class UserUuid(Uuid):
    """A user, of the portal or the owner of agents."""

    __slots__ = ()


class ApplicationUuid(Uuid):
    """A service of the vendor, like Cyber Protection."""

    __slots__ = ()


class InfraUuid(Uuid):
    """A storage (or another part of the infrastructure) behind an offering item."""

    __slots__ = ()


class LocationUuid(Uuid):
    """A place that has storages."""

    __slots__ = ()


class ClientId(Opaque):
    """An API client: the public half of a credential."""

    __slots__ = ()


class RegistrationTokenNumber(Number):
    """A registration token: its name, not its secret."""

    __slots__ = ()


class AgentId(Opaque):
    """An agent of a machine."""

    __slots__ = ()


class ResourceId(Opaque):
    """What is protected: a machine, as resources and policies know it."""

    __slots__ = ()


class PolicyId(Opaque):
    """A protection plan, or a part of one."""

    __slots__ = ()


class AlertId(Opaque):
    """An alert of the vendor's console."""

    __slots__ = ()


class ActivityId(Opaque):
    """An activity, like one backup."""

    __slots__ = ()


class ReportId(Opaque):
    """A report, or one stored result of it."""

    __slots__ = ()
