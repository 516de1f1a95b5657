"""A signed statement: who does what to which tenant; it is valid only for this act. Pure except for the signature.

The text is canonical JSON: the same facts are the same bytes. It names its subject (a digest of the approved text, or
of the observation) and the current journal, so that it cannot be reused for anything else.
"""

import json
import secrets
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from pathlib import Path

from coffre.signing import ssh

NAMESPACE = "coffre"
"""The namespace in which people and pipelines sign for themselves."""
PLATFORM_NAMESPACE = "coffre-platform"
"""The namespace in which a git host's pipeline signs for a person; the entry of its key must have this namespace."""
_LIMIT = 4096


class Act(StrEnum):
    """The act of a person. The records keep the values for ever."""

    APPROVE = "approve"
    ERASE = "erase"
    VERIFY = "verify"


@dataclass(frozen=True)
class Statement:
    """One act of one person. ``machine`` is set when it is about one machine only.

    ``subject`` is the SHA-256 of the approved text or of the observation, ``head`` that of the journal before the act,
    ``departure`` identifies the tenant's departure, ``nonce`` makes the statement unique.
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
    """Read a statement; None for a text that is not exactly in this form."""
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
    """Return the signature of a statement by a key."""
    return ssh.sign(statement.text.encode(), namespace, key)
