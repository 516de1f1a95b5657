"""What probes of platforms gave: one row for each time without a change, so that a year of good probes stays small.

A row grows while probes give the same and follow each other closely, until the day (UTC) ends. What lies between two
rows that are further apart was probed by nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from coffre.records.database import tables

CLOSE = timedelta(minutes=3)
"""Two probes that are not further apart than this follow each other; probes are made every minute."""
CANNOT_LOOK = "cannot_look"
"""The fault of a probe that says nothing about its platform: the fault is SMILÉO's own (its user, its settings)."""
KEPT = timedelta(days=3 * 366)
"""How long rows are kept: the year before last can still be shown."""


@dataclass(frozen=True)
class ProbeSpan:
    """Probes of one platform that gave the same: from the first to the last of them.

    ``step`` and ``fault`` are those of the first failed one, None where all went well. Durations are milliseconds.
    """

    platform: str
    begins_at: datetime
    ends_at: datetime
    is_up: bool
    probes: int
    total_ms: int
    longest_ms: int
    step: str | None = None
    fault: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether these probes say anything about the platform, up or down."""
        return self.is_up or self.fault != CANNOT_LOOK


def one_probe(
    platform: str, at: datetime, duration_ms: int, step: str | None = None, fault: str | None = None
) -> ProbeSpan:
    """Return the span of a single probe; with ``step`` it failed."""
    return ProbeSpan(platform, at, at, step is None, 1, duration_ms, duration_ms, step, fault)


def join(before: ProbeSpan, after: ProbeSpan) -> ProbeSpan | None:
    """Return one span of two that follow each other closely and gave the same; None otherwise. Pure."""
    is_next = timedelta(0) <= after.begins_at - before.ends_at <= CLOSE
    kinds = [(each.platform, each.is_up, each.is_known) for each in (before, after)]
    if not is_next or kinds[0] != kinds[1]:
        return None
    return replace(
        before,
        ends_at=after.ends_at,
        probes=before.probes + after.probes,
        total_ms=before.total_ms + after.total_ms,
        longest_ms=max(before.longest_ms, after.longest_ms),
    )


def add_probes(connection: sa.Connection, probes: Sequence[ProbeSpan]) -> None:
    """Add probes in their order; one that is not later than what is there of its platform is left out.

    A row is replaced, not changed: a database that was moved refuses new rows (`database/moved.py`).
    """
    table = tables.probe_spans
    for probe in probes:
        last = _find_last(connection, probe.platform)
        if last is not None and probe.begins_at <= last.ends_at:
            continue
        same_day = last is not None and last.begins_at.date() == probe.begins_at.date()
        joined = join(last, probe) if last is not None and same_day else None
        if joined is not None:
            connection.execute(sa.delete(table).where(_is(joined.platform, joined.begins_at)))
        connection.execute(sa.insert(table).values(**vars(joined or probe)))
        connection.execute(sa.delete(table).where(table.c.ends_at < probe.begins_at - KEPT))


def read_spans(connection: sa.Connection, since: datetime, platform: str | None = None) -> list[ProbeSpan]:
    """Return the spans that end at or after a time, of one platform or of all, by platform and begin."""
    table = tables.probe_spans
    statement = sa.select(table).where(table.c.ends_at >= since).order_by(table.c.platform, table.c.begins_at)
    if platform is not None:
        statement = statement.where(table.c.platform == platform)
    return [ProbeSpan(**row) for row in connection.execute(statement).mappings()]


def _find_last(connection: sa.Connection, platform: str) -> ProbeSpan | None:
    table = tables.probe_spans
    newest = sa.select(table).where(table.c.platform == platform).order_by(table.c.begins_at.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    return None if row is None else ProbeSpan(**row)


def _is(platform: str, begins_at: datetime) -> sa.ColumnElement[bool]:
    table = tables.probe_spans
    return sa.and_(table.c.platform == platform, table.c.begins_at == begins_at)
