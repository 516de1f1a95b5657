"""The findings of supervision during their life: open, acknowledged, silenced, closed.

A finding is found again by its place: tenant, platform, machine, kind, and what else tells two of a kind apart. Its
opening and its end are events as well, which the chain protects; the rows here are what each pass compares with.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from coffre.records.database import tables
from coffre.records.events import storable

NO_TENANT = ""
"""In place of a tenant's id and slug: the finding is about a platform or about Coffre itself."""


@dataclass(frozen=True, order=True)
class FindingPlace:
    """Where a finding is, and of what kind: at most one is open at a place.

    ``detail`` tells apart several of a kind, for example the path of a plan. ``platform`` is empty for a finding about
    a tenant, ``machine`` where it is about the whole tenant.
    """

    tenant_id: str
    platform: str
    machine: str
    kind: str
    detail: str = ""


@dataclass(frozen=True)
class KeptFinding:
    """One finding since it was opened.

    ``seen_at`` is when a pass last saw it. ``silenced_until``: nobody is told before. ``ticket`` is the number of the
    ticket that an operator gave it.
    """

    place: FindingPlace
    slug: str
    since: datetime
    seen_at: datetime
    evidence: Mapping[str, object] = field(default_factory=dict)
    closed_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    silenced_until: datetime | None = None
    ticket: str | None = None
    id: int | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def is_silent(self, now: datetime) -> bool:
        """Tell whether an operator asked not to hear of it now."""
        return self.acknowledged_at is not None or (self.silenced_until is not None and now < self.silenced_until)


_PLACE = ("tenant_id", "platform", "machine", "kind", "detail")


def read_findings(
    connection: sa.Connection, tenant_id: str | None, *, since: datetime | None = None
) -> Sequence[KeptFinding]:
    """Return the open findings of one tenant or of all, by age; with ``since`` also those closed since then."""
    table = tables.kept_findings
    wanted: sa.ColumnElement[bool] = table.c.closed_at.is_(None)
    if since is not None:
        wanted = sa.or_(wanted, table.c.closed_at >= since)
    statement = sa.select(table).where(wanted).order_by(table.c.since, table.c.id)
    if tenant_id is not None:
        statement = statement.where(table.c.tenant_id == tenant_id)
    return [_read(row) for row in connection.execute(statement).mappings()]


def find_finding(connection: sa.Connection, finding_id: int) -> KeptFinding | None:
    """Return one finding by its number, open or closed."""
    table = tables.kept_findings
    row = connection.execute(sa.select(table).where(table.c.id == finding_id)).mappings().one_or_none()
    return None if row is None else _read(row)


def write_finding(connection: sa.Connection, finding: KeptFinding) -> KeptFinding:
    """Add a finding without a number, or change the one with it; returns it with its number."""
    table = tables.kept_findings
    values = _values(finding)
    if finding.id is None:
        added = connection.execute(sa.insert(table).values(**values).returning(table.c.id)).scalar_one()
        return replace(finding, id=int(added))
    connection.execute(sa.update(table).where(table.c.id == finding.id).values(**values))
    return finding


def touch_findings(connection: sa.Connection, ids: Collection[int], seen_at: datetime) -> None:
    """Note that these findings were seen again as they were."""
    table = tables.kept_findings
    connection.execute(sa.update(table).where(table.c.id.in_(sorted(ids))).values(seen_at=seen_at))


def delete_findings(connection: sa.Connection, tenant_id: str) -> None:
    """Delete the findings of a tenant that has left: they name its machines and its files."""
    connection.execute(sa.delete(tables.kept_findings).where(tables.kept_findings.c.tenant_id == tenant_id))


def _values(finding: KeptFinding) -> dict[str, object]:
    values = {name: value for name, value in vars(finding).items() if name not in ("place", "id", "evidence")}
    place = {name: storable(getattr(finding.place, name)) for name in _PLACE}
    return {**values, **place, "evidence": storable(finding.evidence)}


def _read(row: sa.RowMapping) -> KeptFinding:
    place = FindingPlace(**{name: str(row[name]) for name in _PLACE})
    return KeptFinding(place=place, **{name: value for name, value in row.items() if name not in _PLACE})
