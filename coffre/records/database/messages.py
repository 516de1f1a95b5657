"""The outbox in an open records database."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from coffre.records.database import tables
from coffre.records.database.adding import add_events
from coffre.records.database.connection import reading, writing
from coffre.records.database.location import Location
from coffre.records.database.trouble import translated
from coffre.records.events import Event
from coffre.records.messages import (
    Audience,
    Message,
    Outcome,
    Proof,
    Told,
    add_messages,
    begin_attempt,
    fail_messages,
    read_messages,
    renew_messages,
    settle_messages,
)

_DELETED_AT_ONCE = 1000


class MessageStore:
    """The messages to SMILÉO's channels and to customers: those that wait, and what became of the others."""

    def __init__(self, engine: sa.Engine, location: Location) -> None:
        self._engine = engine
        self._location = location

    def add(self, messages: Iterable[Message], events: Sequence[Event] = ()) -> int:
        """Add messages with the events of what they tell, all at once; one that is already there stays as it is.

        Returns how many were added.
        """
        with translated(self._location), writing(self._engine) as connection:
            if events:
                add_events(connection, events)
            return add_messages(connection, messages)

    def renew(self, messages: Iterable[Message], since: datetime) -> None:
        """Add messages; one that is already there and was settled before ``since`` waits anew."""
        with translated(self._location), writing(self._engine) as connection:
            renew_messages(connection, messages, since)

    def list_waiting(self) -> Sequence[Message]:
        """Return the messages that wait, the oldest first."""
        return self._read(tables.messages.c.outcome.is_(None))

    def list_newest(self, limit: int) -> Sequence[Message]:
        """Return the newest messages, in the order they were added."""
        return self._read(newest=limit)

    def find(self, message_id: int) -> Message | None:
        """Return one message by its number."""
        found = self._read(tables.messages.c.id == message_id)
        return found[0] if found else None

    def list_begins(self, since: datetime) -> Sequence[Message]:
        """Return the messages that told a begin since then."""
        table = tables.messages
        return self._read(
            table.c.told == Told.BEGIN.value,
            table.c.outcome.in_([Outcome.SENT.value, Outcome.GATHERED.value]),
            table.c.outcome_at >= since,
        )

    def list_told(self, abouts: Collection[str]) -> Sequence[Message]:
        """Return the messages about these that told a begin, or that it still holds."""
        if not abouts:
            return []
        table = tables.messages
        return self._read(
            table.c.about.in_(sorted(abouts)),
            table.c.told != Told.END.value,
            table.c.outcome.in_([Outcome.SENT.value, Outcome.GATHERED.value]),
        )

    def list_of_channels(self) -> set[tuple[str, str, str]]:
        """Return of what each channel was told, or will be: its name, `about` and `occurrence`."""
        table = tables.messages
        wanted = sa.select(table.c.recipient, table.c.about, table.c.occurrence).where(
            table.c.audience == Audience.CHANNEL.value, table.c.told != Told.END.value
        )
        with translated(self._location), reading(self._engine) as connection:
            return {(name, about, occurrence) for name, about, occurrence in connection.execute(wanted)}

    def find_last_results(self) -> Sequence[Message]:
        """Return, of each channel and of each customer, the newest message that was sent or given up."""
        table = tables.messages
        ends = table.c.outcome.in_([Outcome.SENT.value, Outcome.GIVEN_UP.value])
        owner = sa.case((table.c.audience == Audience.CUSTOMER.value, table.c.tenant_id), else_=sa.literal(""))
        last = sa.select(sa.func.max(table.c.id)).where(ends).group_by(table.c.audience, table.c.recipient, owner)
        return self._read(table.c.id.in_(last))

    def begin_attempt(self, ids: Collection[int], at: datetime, again_at: datetime) -> None:
        """Note, before they are sent, that an attempt begins; without a result the next is not before ``again_at``."""
        with translated(self._location), writing(self._engine) as connection:
            begin_attempt(connection, ids, at, again_at)

    def fail(self, ids: Collection[int], error: str, not_before: datetime) -> None:
        """Note that messages were not taken, why, and when they are tried again."""
        with translated(self._location), writing(self._engine) as connection:
            fail_messages(connection, ids, error, not_before)

    def settle(
        self,
        ids: Collection[int],
        outcome: Outcome,
        at: datetime,
        *,
        proof: Proof | None = None,
        document: str | None = None,
        events: Sequence[Event] = (),
    ) -> None:
        """Note what became of messages, with the events that prove it, all at once."""
        with translated(self._location), writing(self._engine) as connection:
            settle_messages(connection, ids, outcome, at, proof=proof, document=document)
            if events:
                add_events(connection, events)

    def delete_old(self, before: datetime, open_now: Collection[tuple[str, str]]) -> None:
        """Delete what became of messages to channels before a time; those to customers stay with the tenant.

        Those about findings that are open, by `about` and `occurrence`, stay: nobody hears of them a second time.
        """
        table = tables.messages
        old = sa.and_(table.c.audience == Audience.CHANNEL.value, table.c.outcome_at < before)
        with translated(self._location), writing(self._engine) as connection:
            rows = connection.execute(sa.select(table.c.id, table.c.about, table.c.occurrence).where(old))
            ids = [number for number, about, occurrence in rows if (about, occurrence) not in open_now]
            for start in range(0, len(ids), _DELETED_AT_ONCE):
                part = ids[start : start + _DELETED_AT_ONCE]
                connection.execute(sa.delete(table).where(table.c.id.in_(part)))

    def _read(self, *wanted: sa.ColumnElement[bool], newest: int | None = None) -> Sequence[Message]:
        with translated(self._location), reading(self._engine) as connection:
            return read_messages(connection, *wanted, newest=newest)
