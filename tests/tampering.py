"""What a dishonest employee does to the records, with all rights on the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from coffre.records.chain.linking import read_tip
from coffre.records.chain.links import Link, event_content, first_hash, link_hash, make_link
from coffre.records.database import tables
from coffre.records.events import Event, EventKind

TENANT_ID = "k7f3q9wz2m"
NOON = datetime(2026, 11, 2, 12, 30, 15, 123456, tzinfo=UTC)
TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"


def event(kind: EventKind, machine: str | None = None, tenant_id: str = TENANT_ID, **details: object) -> Event:
    return Event(tenant_id, "martin", kind, NOON, "claire@smileo.example", "0f3a", machine, details)


@contextmanager
def unguarded(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Drop every trigger, let the employee work, and put them back as they were."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            triggers = connection.exec_driver_sql(TRIGGERS).all()
            for name, _ in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            yield connection
            for _, text in triggers:
                connection.exec_driver_sql(text)
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection


def recompute(connection: sa.Connection) -> None:
    """What somebody does who knows Coffre: give every link its hash anew, from what the tables say now."""
    rows = connection.execute(sa.select(tables.chain).order_by(tables.chain.c.position)).mappings().all()
    events = {row["id"]: row for row in connection.execute(sa.select(tables.events)).mappings()}
    tip = replace(read_tip(connection), position=0, hash=first_hash(read_tip(connection).database_id))
    links: list[Link] = []
    for row in rows:
        if row["subject"] == "event":
            if row["subject_id"] not in events:
                continue
            link = make_link(tip, event_content(events[row["subject_id"]]))
        else:
            moved = Link(**{**row, "position": tip.position + 1})
            link = replace(moved, hash=link_hash(tip.hash, moved))
        links.append(link)
        tip = replace(tip, position=link.position, hash=link.hash)
    connection.execute(sa.delete(tables.chain))
    connection.execute(sa.insert(tables.chain), [vars(link) for link in links])
    connection.execute(sa.update(tables.chain_tip).values(position=tip.position, hash=tip.hash))
