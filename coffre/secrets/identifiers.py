"""The identifier of a secret in a bundle, as a typed value, and its English words."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pydantic import ConfigDict


class SecretKind(StrEnum):
    """The purpose of a secret. Bundles and events store these values."""

    OWNER_KEY = "owner_key"
    MACHINE_KEY = "machine_key"
    SIGNING_KEY = "signing_key"
    STACK_PASSPHRASE = "stack_passphrase"  # noqa: S105 (a kind, no passphrase)
    CREDENTIAL = "credential"
    REPORT_KEY = "report_key"
    REPOSITORY_PASSWORD = "repository_password"  # noqa: S105
    RECORDS_KEY = "records_key"


class Generation(StrEnum):
    """One of the two keys of a rotation: the new one, or the one that it replaces."""

    CURRENT = "current"
    OLD = "old"


_KINDS_WITH_SUBJECT: Final = frozenset(
    {SecretKind.MACHINE_KEY, SecretKind.CREDENTIAL, SecretKind.REPORT_KEY, SecretKind.REPOSITORY_PASSWORD}
)


@dataclass(frozen=True, order=True)
class SecretId:
    """One secret of a tenant's bundles. ``subject`` is a machine or a credential's name, None for the tenant's own."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: SecretKind
    subject: str | None = None
    generation: Generation = Generation.CURRENT

    def __post_init__(self) -> None:
        if (self.kind in _KINDS_WITH_SUBJECT) != (self.subject is not None):
            raise ValueError(f"{self.kind} {'needs a' if self.kind in _KINDS_WITH_SUBJECT else 'has no'} subject")

    @property
    def old(self) -> "SecretId":
        """Identify the old secret that a rotation keeps beside its successor."""
        return replace(self, generation=Generation.OLD)


def describe(secret: SecretId) -> str:
    """Name a secret in English, as messages show it."""
    words = f"{_WORDS[secret.kind]}{secret.subject or ''}"
    return f"the old {words}" if secret.generation is Generation.OLD else f"the {words}"


_WORDS: Final = {
    SecretKind.OWNER_KEY: "owner's key",
    SecretKind.MACHINE_KEY: "key of ",
    SecretKind.SIGNING_KEY: "signing key",
    SecretKind.STACK_PASSPHRASE: "stack passphrase",
    SecretKind.CREDENTIAL: "credential ",
    SecretKind.REPORT_KEY: "report key of ",
    SecretKind.REPOSITORY_PASSWORD: "repository password of ",
    SecretKind.RECORDS_KEY: "records key",
}
