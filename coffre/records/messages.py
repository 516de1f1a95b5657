"""The outbox: what is told to SMILÉO's channels and to customers, each once, and what became of it.

A row is written in the transaction of what it tells, and sent later: a kill in between loses nothing.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from coffre.records.database import tables
from coffre.records.events import storable

ERROR_LENGTH = 300
"""The most that is kept of an answer that says why a message was not taken."""


class Audience(StrEnum):
    """To whom a message goes. The database keeps the values for ever."""

    CHANNEL = "channel"
    """A channel of SMILÉO, by its name in platform.yaml: `recipient`."""
    CUSTOMER = "customer"
    """The contact of the tenant, as its file names it when the message is sent."""


class MessageKind(StrEnum):
    """What a message is about. The database keeps the values for ever."""

    FINDING = "finding"
    """A finding of supervision: `about` is its place, `occurrence` the time since which it is open."""
    MAINTENANCE = "maintenance"
    """A maintenance of a platform: `about` is the platform and its begin, `occurrence` when it was said."""


class Told(StrEnum):
    """What is told of it. The database keeps the values for ever."""

    BEGIN = "begin"
    AGAIN = "again"
    """It still holds, and the time in which nobody wanted to hear of it is over."""
    END = "end"


class Outcome(StrEnum):
    """What became of a message. The database keeps the values for ever."""

    SENT = "sent"
    GATHERED = "gathered"
    """Another message to the same recipient told it."""
    OVER = "over"
    """It ended before it was told."""
    SILENCED = "silenced"
    """A person said that nobody wants to hear of it."""
    GIVEN_UP = "given_up"
    """It was tried for days, and not taken."""
    NO_RECIPIENT = "no_recipient"
    """The channel or the tenant is no longer there, or it does not want such messages."""


@dataclass(frozen=True)
class Proof:
    """That a mail left: to whom, its Message-ID, what the server answered, the SHA-256 of the mail as handed over."""

    to: str
    message_id: str
    answer: str
    sha256: str


def new_token() -> str:
    """Return the random part of a Message-ID: each attempt to send a message has the same."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Message:
    """One message to one recipient; there is one at most of a recipient, tenant, about, occurrence and told.

    ``content`` are typed values, from which the words are made when it is sent; ``is_digest``: it waits for the daily
    digest. It is not sent before ``not_before``. ``attempts`` counts those that began; with an attempt, without an
    ``error`` and without an ``outcome`` it is unknown whether it was sent. ``document`` is a mail as it left.
    """

    audience: Audience
    recipient: str
    tenant_id: str
    slug: str
    kind: MessageKind
    about: str
    occurrence: str
    told: Told
    content: Mapping[str, Any]
    created_at: datetime
    not_before: datetime
    is_digest: bool = False
    token: str = field(default_factory=new_token)
    attempts: int = 0
    tried_at: datetime | None = None
    error: str | None = None
    outcome: Outcome | None = None
    outcome_at: datetime | None = None
    proof: Proof | None = None
    document: str | None = None
    id: int | None = None

    @property
    def is_maybe_sent(self) -> bool:
        """Whether an attempt began and its result is unknown."""
        return self.outcome is None and self.attempts > 0 and self.error is None


@dataclass(frozen=True)
class Ended:
    """Something that was told, or was going to be, has ended: ``digest_at`` is the time of the next daily digest.

    ``is_for_customer`` is False when the customer is not told: its service has ended.
    """

    about: str
    occurrence: str
    at: datetime
    digest_at: datetime
    is_for_customer: bool = True


_UNSENT: dict[str, Any] = {
    "attempts": 0,
    "tried_at": None,
    "error": None,
    "outcome": None,
    "outcome_at": None,
    "proof": None,
    "document": None,
}
_KEY = ("audience", "recipient", "tenant_id", "about", "occurrence", "told")


def add_messages(connection: sa.Connection, messages: Iterable[Message]) -> int:
    """Add messages; one that is already there stays as it is. Returns how many were added."""
    table, added = tables.messages, 0
    for each in messages:
        values = _values(each)
        same = sa.and_(*(table.c[name] == values[name] for name in _KEY))
        if connection.scalar(sa.select(table.c.id).where(same)) is None:
            connection.execute(sa.insert(table).values(**values))
            added += 1
    return added


def renew_messages(connection: sa.Connection, messages: Iterable[Message], since: datetime) -> None:
    """Add messages; one that is already there and was settled before ``since`` waits anew."""
    table = tables.messages
    for each in messages:
        if add_messages(connection, [each]):
            continue
        values = _values(each)
        same = sa.and_(*(table.c[name] == values[name] for name in _KEY), table.c.outcome_at < since)
        renewed = {name: values[name] for name in ("content", "created_at", "not_before", "token", *_UNSENT)}
        connection.execute(sa.update(table).where(same).values(**renewed))


def end_messages(connection: sa.Connection, ended: Ended) -> None:
    """Tell the end to those who were told of the begin, or may have been; to the others nothing is told any more."""
    table = tables.messages
    mine = sa.and_(table.c.about == ended.about, table.c.occurrence == ended.occurrence, table.c.told != Told.END.value)
    rows = [_read(row) for row in connection.execute(sa.select(table).where(mine)).mappings()]
    told = {
        (each.audience, each.recipient): each
        for each in rows
        if _was_told(each) and (ended.is_for_customer or each.audience is not Audience.CUSTOMER)
    }
    waiting = [each.id for each in rows if each.outcome is None and each.id is not None]
    settle_messages(connection, waiting, Outcome.OVER, ended.at)
    add_messages(
        connection,
        [
            replace(
                each,
                told=Told.END,
                created_at=ended.at,
                not_before=ended.digest_at if each.is_digest else ended.at,
                content={**each.content, "ended_at": ended.at.isoformat()},
                **_UNSENT,
                token=new_token(),
            )
            for each in told.values()
        ],
    )


def settle_messages(
    connection: sa.Connection,
    ids: Collection[int],
    outcome: Outcome,
    at: datetime,
    *,
    proof: Proof | None = None,
    document: str | None = None,
) -> None:
    """Note what became of messages; a mail keeps its proof and its text."""
    values: dict[str, object] = {"outcome": outcome.value, "outcome_at": at, "error": None}
    if outcome is Outcome.GIVEN_UP:
        del values["error"]
    if proof is not None:
        values |= {"proof": storable(vars(proof)), "document": storable(document)}
    _update(connection, ids, values)


def begin_attempt(connection: sa.Connection, ids: Collection[int], at: datetime, again_at: datetime) -> None:
    """Note, before it is sent, that an attempt begins; without a result the next one is not before ``again_at``."""
    values = {"attempts": tables.messages.c.attempts + 1, "tried_at": at, "error": None, "not_before": again_at}
    _update(connection, ids, values)


def fail_messages(connection: sa.Connection, ids: Collection[int], error: str, not_before: datetime) -> None:
    """Note that messages were not taken, why, and when they are tried again."""
    _update(connection, ids, {"error": storable(error[:ERROR_LENGTH]), "not_before": not_before})


def read_messages(
    connection: sa.Connection, *wanted: sa.ColumnElement[bool], newest: int | None = None
) -> Sequence[Message]:
    """Return messages in the order they were added; of many, only the ``newest``."""
    table = tables.messages
    statement = sa.select(table).where(*wanted).order_by(table.c.id.desc())
    if newest is not None:
        statement = statement.limit(newest)
    return [_read(row) for row in reversed(connection.execute(statement).mappings().all())]


def delete_messages(connection: sa.Connection, tenant_id: str) -> None:
    """Delete the messages about a tenant that has left."""
    connection.execute(sa.delete(tables.messages).where(tables.messages.c.tenant_id == tenant_id))


def _was_told(message: Message) -> bool:
    return message.outcome in (Outcome.SENT, Outcome.GATHERED) or message.is_maybe_sent


def _update(connection: sa.Connection, ids: Collection[int], values: Mapping[str, object]) -> None:
    if ids:
        table = tables.messages
        connection.execute(sa.update(table).where(table.c.id.in_(sorted(ids))).values(**values))


def _values(message: Message) -> dict[str, Any]:
    values = {name: value for name, value in vars(message).items() if name not in ("id", "proof")}
    texts = {name: storable(str(values[name])) for name in (*_KEY, "slug", "kind")}
    return {**values, **texts, "content": storable(message.content), "proof": None}


def _read(row: sa.RowMapping) -> Message:
    return Message(
        **{
            **row,
            "audience": Audience(row["audience"]),
            "kind": MessageKind(row["kind"]),
            "told": Told(row["told"]),
            "outcome": None if row["outcome"] is None else Outcome(row["outcome"]),
            "proof": None if row["proof"] is None else Proof(**row["proof"]),
        }
    )
