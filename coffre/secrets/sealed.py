"""A sealed repository password: it opens only for a recorded use."""

from typing import Any, Protocol

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import core_schema

from coffre.errors import RefusedError

USE = "password_used"
"""The kind of the event that opens a password."""


class RecordedUse(Protocol):
    """The event of a use, as the records return it, with its number."""

    @property
    def id(self) -> int | None: ...
    @property
    def kind(self) -> str: ...
    @property
    def tenant_id(self) -> str: ...
    @property
    def machine(self) -> str | None: ...


class SealedPassword:
    """A password that can be passed on, compared and stored, but not read."""

    __slots__ = ("_value",)

    def __init__(self, value: SecretStr) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "SealedPassword('**********')"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SealedPassword):
            return self._value == other._value
        return isinstance(other, SecretStr) and self._value == other

    def __hash__(self) -> int:
        return hash(self._value)

    def reveal_for_storage(self) -> SecretStr:
        """Return the password for its encrypted file; `tests/unit/secrets/test_one_door.py` lists the callers."""
        return self._value

    def open(self, use: RecordedUse, tenant_id: str, machine: str) -> SecretStr:
        """Return the password for a recorded use; RefusedError for anything else."""
        if use.id is None or (use.kind, use.tenant_id, use.machine) != (USE, tenant_id, machine):
            raise RefusedError(
                f"the repository password of {machine} opens only for a recorded use",
                "This is a fault of Coffre: report it.",
            )
        return self._value

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(repr, when_used="json")
        )

    @classmethod
    def _validate(cls, value: object) -> "SealedPassword":
        if isinstance(value, SealedPassword):
            return value
        secret = value if isinstance(value, SecretStr) else SecretStr(value) if isinstance(value, str) else None
        if secret is None or not secret.get_secret_value():
            raise ValueError("not a password")
        return cls(secret)
