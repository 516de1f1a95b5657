"""Closes days of usage: the usage of a tenant's machines on a past day gets a link, since invoices depend on it.

A day is closed once usage of two days later is recorded: two commands around midnight may still use the day before. A
fast clock may close a day too early; a measurement that changes a closed day closes it again, and the newest link is
valid.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import sqlalchemy as sa

from coffre.records.activity import Usage
from coffre.records.chain.linking import Linker
from coffre.records.chain.links import LinkSubject, usage_day_content
from coffre.records.database import tables

CLOSED_AFTER = timedelta(days=2)


def close_days(connection: sa.Connection, linker: Linker, measured: Iterable[Usage]) -> None:
    """Link the days that these measurements close or change; ``linker`` was opened before they were written."""
    newest: dict[str, date] = {}
    changed = set()
    for each in measured:
        newest[each.tenant_id] = max(newest.get(each.tenant_id, each.measured_on), each.measured_on)
        changed.add((each.tenant_id, each.measured_on))
    for tenant_id, day in newest.items():
        closed = _list_closed(connection, tenant_id)
        again = {on for tenant, on in changed if tenant == tenant_id and on in closed}
        for on in sorted(_list_over(connection, tenant_id, day - CLOSED_AFTER) - closed | again):
            linker.add(usage_day_content(tenant_id, on, list_day(connection, tenant_id, on)))
    linker.write()


def list_day(connection: sa.Connection, tenant_id: str, on: date) -> list[sa.RowMapping]:
    """Return the usage of a tenant's machines on a day."""
    table = tables.usage
    mine = sa.and_(table.c.tenant_id == tenant_id, table.c.measured_on == on)
    return list(connection.execute(sa.select(table).where(mine)).mappings())


def _list_closed(connection: sa.Connection, tenant_id: str) -> set[date]:
    chain = tables.chain
    mine = sa.and_(chain.c.tenant_id == tenant_id, chain.c.subject == LinkSubject.USAGE_DAY.value)
    return {date.fromisoformat(str(day)) for day in connection.scalars(sa.select(chain.c.kind).where(mine))}


def _list_over(connection: sa.Connection, tenant_id: str, last: date) -> set[date]:
    table = tables.usage
    mine = sa.and_(table.c.tenant_id == tenant_id, table.c.measured_on <= last)
    return set(connection.scalars(sa.select(table.c.measured_on).where(mine).distinct()))
