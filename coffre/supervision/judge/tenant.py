"""Judges a tenant by what a look saw of it. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from coffre.agents.report import ReportResult
from coffre.findings import Finding, FindingKind
from coffre.observation.drills.judge import DrillDuty, judge_drill_duty
from coffre.observation.judge.duty import Duty, judge_duty
from coffre.supervision.judge.quota import Use, judge_quota

GOOD_RESULTS = frozenset({ReportResult.SUCCESS.value, "never"})
TOLD_ELSEWHERE = frozenset({ReportResult.QUOTA.value, ReportResult.PARTIAL.value})
"""The quota is a finding of the tenant; what a partial run lacks is a finding of each path."""


@dataclass(frozen=True)
class MachineWords:
    """What the agent and storage say of one machine; see `SeenMachine`."""

    last_result: str | None
    last_success_at: datetime | None
    newest_snapshot_at: datetime | None
    witnesses_agree: bool | None


@dataclass(frozen=True)
class TenantVerdict:
    """The findings of a tenant, and when time alone changes one of them; None: nothing but a new look does."""

    findings: tuple[Finding, ...]
    changes_at: datetime | None


def judge_tenant(
    use: Use,
    quota_bytes: int,
    machines: Mapping[str, MachineWords],
    duties: Mapping[str, Duty],
    now: datetime,
    *,
    is_gate_closed: bool,
    warned: Collection[int] = (),
    drills: Collection[DrillDuty] = (),
) -> TenantVerdict:
    """Judge quota, due backups, witnesses and due drills.

    ``duties`` are those of the machines in service that were seen, ``drills`` those of them that are to be drilled.

    A workstation whose last run failed is not late: it is on, and its failure is told. One that misses its backups
    for weeks, and a server, have missed them whatever the reason.
    """
    findings = [*judge_quota(use, quota_bytes, is_gate_closed=is_gate_closed, warned=warned)]
    changes: list[datetime] = []
    for name, duty in duties.items():
        words = machines[name]
        verdict = judge_duty(duty, words.last_success_at, now)
        if verdict.finding is not None and not (_has_failed(words) and verdict.finding.kind is FindingKind.BACKUP_LATE):
            findings.append(verdict.finding)
        changes += [] if verdict.changes_at is None else [verdict.changes_at]
        findings += _judge_words(name, words)
    for drill_duty in drills:
        drilled = judge_drill_duty(drill_duty, now)
        findings += [] if drilled.finding is None else [drilled.finding]
        changes += [] if drilled.changes_at is None else [drilled.changes_at]
    return TenantVerdict(tuple(findings), min(changes, default=None))


def _has_failed(words: MachineWords) -> bool:
    return words.last_result not in {None, *GOOD_RESULTS, *TOLD_ELSEWHERE}


def _judge_words(name: str, words: MachineWords) -> Iterator[Finding]:
    if _has_failed(words):
        yield Finding(FindingKind.BACKUP_FAILED, name, {"result": words.last_result})
    if words.witnesses_agree is False:
        yield Finding(
            FindingKind.WITNESSES_DISAGREE,
            name,
            {"reported_at": _iso(words.last_success_at), "newest_snapshot_at": _iso(words.newest_snapshot_at)},
        )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
