"""Daily usage in the records database: what the bucket of each machine held, and each tenant at midnight."""

from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa

from coffre.records.activity import Midnight, Usage
from coffre.records.chain.closing import close_days
from coffre.records.chain.linking import Linker
from coffre.records.database import tables
from coffre.records.database.inserting import insert_into

_TENANT = ""
"""In place of a machine: what the whole tenant held when the day began."""


def write_usage(connection: sa.Connection, usages: Iterable[Usage], midnights: Iterable[Midnight] = ()) -> None:
    """Write measurements; a later one of a day replaces the earlier one. Past days are closed: they get a link."""
    measured = [*usages, *map(_as_usage, midnights)]
    if not measured:
        return
    statement = insert_into(connection, tables.usage)
    values = {name: statement.excluded[name] for name in ("current_bytes", "stored_bytes", "measured_at")}
    upsert = statement.on_conflict_do_update(index_elements=list(tables.usage.primary_key), set_=values)
    linker = Linker(connection)
    connection.execute(upsert, [_row(each) for each in measured])
    close_days(connection, linker, measured)


def read_usage(connection: sa.Connection, tenant_id: str, first: date, last: date) -> list[Usage]:
    """Return the usage of a tenant's machines from the first to the last day, both included, by day and machine."""
    rows = connection.execute(_select(tenant_id, first, last, tables.usage.c.machine != _TENANT))
    return [Usage(**row) for row in rows.mappings()]


def read_midnights(connection: sa.Connection, tenant_id: str, first: date, last: date) -> list[Midnight]:
    """Return what a tenant held at 00:00 of these days, both included; a day that nobody measured is missing."""
    rows = connection.execute(_select(tenant_id, first, last, tables.usage.c.machine == _TENANT)).mappings()
    return [
        Midnight(tenant_id, row["measured_on"], row["current_bytes"], row["stored_bytes"], row["measured_at"])
        for row in rows
    ]


def _select(tenant_id: str, first: date, last: date, whose: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    table = tables.usage
    mine = sa.and_(table.c.tenant_id == tenant_id, table.c.measured_on.between(first, last), whose)
    return sa.select(table).where(mine).order_by(table.c.measured_on, table.c.machine)


def _as_usage(each: Midnight) -> Usage:
    return Usage(each.tenant_id, _TENANT, each.day, each.current_bytes, each.stored_bytes, each.measured_at)


def _row(usage: Usage) -> dict[str, object]:
    return {name: getattr(usage, name) for name in tables.usage.c.keys()}  # noqa: SIM118 (not a dict)
