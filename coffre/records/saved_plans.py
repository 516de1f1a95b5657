"""The plans that reviews save for the apply after the merge: signed documents, which the database only keeps.

They are no events: their signature protects them, and an old one is deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from coffre.records.database import tables

_MOST = 100
"""Of the plans of one content of a tenant file, so many are read, the newest."""


@dataclass(frozen=True)
class SavedPlan:
    """One saved plan: of which tenant and content of its file, when, and the signed document.

    All but the document is for the search only: who writes to the database can change it, and the document says it too.
    """

    tenant_id: str
    tenant_file_sha256: str
    saved_at: datetime
    document: str


def add_plan(connection: sa.Connection, plan: SavedPlan, keep_since: datetime) -> None:
    """Add a plan, and delete those of all tenants that were saved before ``keep_since``."""
    table = tables.saved_plans
    connection.execute(sa.delete(table).where(table.c.saved_at < keep_since))
    connection.execute(sa.insert(table), vars(plan))


def select_plans(tenant_id: str, tenant_file_sha256: str) -> sa.Select[tuple[object, ...]]:
    """Select the plans of a content of a tenant's file, the newest first."""
    table = tables.saved_plans
    columns = [column for column in table.c if column.name != "id"]
    mine = sa.and_(table.c.tenant_id == tenant_id, table.c.tenant_file_sha256 == tenant_file_sha256)
    return sa.select(*columns).where(mine).order_by(table.c.id.desc()).limit(_MOST)


def read_plans(rows: Sequence[sa.RowMapping]) -> list[SavedPlan]:
    """Return selected rows as plans."""
    return [SavedPlan(**row) for row in rows]


def delete_plans(connection: sa.Connection, tenant_id: str) -> None:
    """Delete the plans of a tenant that has left: they name its machines."""
    connection.execute(sa.delete(tables.saved_plans).where(tables.saved_plans.c.tenant_id == tenant_id))
