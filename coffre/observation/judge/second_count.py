"""Compares the recorded sizes of a bucket with the platform's own daily figure, a count of another kind. Pure."""

from collections.abc import Iterable
from datetime import date, timedelta

from coffre.findings import Evidence, Finding, FindingKind
from coffre.records.activity import Usage

MARGIN_PERCENT = 10
MARGIN_BYTES = 64 << 20
"""Sizes differ by less on a normal day: the two counts are not of the same hour."""

NEIGHBOURS = timedelta(days=1)
"""The figure's day is in UTC, that of a record in the tenant's time zone: the days beside it count too."""


def judge_second_count(machine: str, day: date, figure_bytes: int, usages: Iterable[Usage]) -> list[Finding]:
    """Report a figure that no record of these days agrees with; nothing was compared without a record.

    Between two records of a bucket that grows or shrinks, every size agrees.
    """
    counted = [
        usage.stored_bytes
        for usage in usages
        if usage.machine == machine and abs(usage.measured_on - day) <= NEIGHBOURS
    ]
    if not counted:
        return []
    margin = max(MARGIN_BYTES, max(*counted, figure_bytes) * MARGIN_PERCENT // 100)
    if min(counted) - margin <= figure_bytes <= max(counted) + margin:
        return []
    nearest = min(counted, key=lambda size: abs(size - figure_bytes))
    evidence: Evidence = {"day": day.isoformat(), "figure_bytes": figure_bytes, "counted_bytes": nearest}
    return [Finding(FindingKind.SIZES_DISAGREE, machine, evidence)]
