"""A signed statement: who does what to which tenant, so that it counts for that alone. Pure, but for the signing.

The text is canonical JSON: the same facts are the same bytes. It names what it is about (a digest of the text that was
approved, or of what was seen) and the journal as it stood, so that it cannot be used again for anything else.
"""

import json
import secrets
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from pathlib import Path

from coffre.signing import ssh

NAMESPACE = "coffre"
"""What people and pipelines sign for themselves."""
PLATFORM_NAMESPACE = "coffre-platform"
"""What a git host's pipeline signs for a person that the host knows; its key's entry has to name this namespace."""
_LIMIT = 4096


class Act(StrEnum):
    """What somebody says to have done. The values are in records for ever."""

    APPROVE = "approve"
    ERASE = "erase"
    VERIFY = "verify"


@dataclass(frozen=True)
class Statement:
    """One act of one person. ``machine`` is set when it is about one machine alone.

    ``subject`` is the SHA-256 of what was approved or seen, ``head`` that of the journal before the act, ``departure``
    which departure of the tenant it belongs to, ``nonce`` tells it from every other.
    """

    act: Act
    tenant: str
    machine: str | None
    departure: int
    subject: str
    head: str
    day: date
    person: str
    nonce: str

    @property
    def text(self) -> str:
        values = {**asdict(self), "act": self.act.value, "day": self.day.isoformat(), "coffre": 1}
        return json.dumps(values, sort_keys=True, separators=(",", ":"))


def new_nonce() -> str:
    return secrets.token_hex(16)


def read_statement(text: str) -> Statement | None:
    """Read a statement; None for whatever is not written exactly as one is."""
    if len(text) > _LIMIT:
        return None
    try:
        values = json.loads(text)
        named = {field.name: values[field.name] for field in fields(Statement)}
        statement = Statement(**{**named, "act": Act(named["act"]), "day": date.fromisoformat(named["day"])})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    texts = (statement.tenant, statement.subject, statement.head, statement.person, statement.nonce)
    is_typed = all(isinstance(each, str) for each in texts) and isinstance(statement.machine, str | None)
    return statement if is_typed and type(statement.departure) is int and statement.text == text else None


def sign_statement(statement: Statement, key: Path, namespace: str = NAMESPACE) -> str:
    """Return the signature of a statement by somebody's key."""
    return ssh.sign(statement.text.encode(), namespace, key)
