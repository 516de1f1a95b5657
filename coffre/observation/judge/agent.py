"""Judges by a machine's newest report whether its agent is as SMILÉO wants it: orders, clock and versions. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from coffre.agents.report import Report
from coffre.findings import Finding, FindingKind

TAKEN_WITHIN = timedelta(hours=1)
"""A run that ends so long after orders were written has had the time to take them."""
CLOCK_OFF_SECONDS = 600
"""Signatures of requests fail at 15 minutes; a clock that is 10 minutes off will soon stop the backups."""
BEHIND_AFTER = timedelta(days=30)
"""After a new version of Coffre its next applies bring the agents up to date: until then it is no matter."""


REASON_LENGTH = 200
"""So much of the reason that a machine gives is kept."""


@dataclass(frozen=True)
class Deployed:
    """What SMILÉO last did on a machine, and the version of the agent, with its restic, that it would deploy today.

    ``generation`` are the orders in the bucket since ``written_at``; ``deployed_at`` is the last time that the agent
    was installed or updated. None: not known.
    """

    generation: int | None
    written_at: datetime | None
    deployed_at: datetime | None
    agent_version: str


def judge_agent(machine: str, report: Report | None, deployed: Deployed, now: datetime) -> Iterator[Finding]:
    """Yield what the newest report shows of the agent; nothing without a report."""
    if report is None:
        return
    yield from _judge_orders(machine, report, deployed)
    offset = report.clock_offset_seconds
    if offset is not None and abs(offset) >= CLOCK_OFF_SECONDS:
        yield Finding(FindingKind.CLOCK_OFF, machine, {"seconds": round(offset)})
    is_old = deployed.deployed_at is not None and now - deployed.deployed_at > BEHIND_AFTER
    if report.agent_version not in {"", deployed.agent_version} and is_old:
        evidence = {"agent": report.agent_version, "restic": report.restic_version, "wanted": deployed.agent_version}
        yield Finding(FindingKind.VERSION_BEHIND, machine, evidence)


def _judge_orders(machine: str, report: Report, deployed: Deployed) -> Iterator[Finding]:
    wanted, written_at = deployed.generation, deployed.written_at
    if wanted is None or written_at is None or report.generation_applied >= wanted:
        return
    if report.by_server(report.finished_at) >= written_at + TAKEN_WITHIN or report.failed_generation == wanted:
        evidence: dict[str, str | int | None] = {
            "wanted": wanted,
            "applied": report.generation_applied,
            "written_at": written_at.isoformat(),
            "reason": report.failed_generation_reason[:REASON_LENGTH],
        }
        yield Finding(FindingKind.ORDERS_NOT_TAKEN, machine, evidence)
