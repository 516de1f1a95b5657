"""The current state of a second copy, from both platforms: what it has, what it lacks, and what could not be copied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from coffre.agents.kinds import layout_of, with_repository
from coffre.agents.repository import Part
from coffre.errors import ExpectedError
from coffre.findings import Evidence, Finding, FindingKind
from coffre.observation.judge.second_copy import judge_behind
from coffre.records.facts.backups import CopyRun
from coffre.tenant.estate.log import Log, RecordedFact
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class CopiedMachine:
    """One machine's copy; None means unknown.

    ``missing`` are snapshots of the original that the copy lacks, the oldest since ``missing_since``. ``fault_count``
    are the objects that the last run could not copy; ``last_complete_at`` is when the last complete run ended.
    """

    name: str
    snapshots: int | None = None
    missing: int | None = None
    missing_since: datetime | None = None
    is_late: bool | None = None
    last_complete_at: datetime | None = None
    fault_count: int = 0


@dataclass(frozen=True)
class CopyStatus:
    """A tenant's second copy; ``keeps_all``: the platform deletes nothing of it by itself, None when not known."""

    platform: str
    machines: tuple[CopiedMachine, ...]
    keeps_all: bool | None


def observe_copy(
    opened: OpenTenant, originals: Mapping[str, Mapping[str, datetime]], now: datetime
) -> tuple[CopyStatus | None, Sequence[Finding]]:
    """Read the state of a tenant's copy for the machines whose originals were seen; None without a copy.

    ``originals`` is when each snapshot of an original arrived, by machine; they were listed before, so that what
    arrives in both meanwhile is missing in neither. A platform that does not answer is a finding: the tenant's own
    state is shown without it.
    """
    copied = opened.second_copy
    if copied is None:
        return None, ()
    platform, in_need = copied.tenant.storage.platform, with_repository(opened.of_buckets.tenant.machines)
    runs = {name: _list_runs(opened.log, name, platform) for name in originals if name in in_need}
    try:
        existing = copied.buckets.existing().among(runs)
        seen = [_look(copied, name, originals[name], runs[name], now) for name in existing]
    except ExpectedError as problem:
        unseen = Finding(FindingKind.COPY_NOT_SEEN, None, {"platform": platform, "error": problem.message})
        unknown = tuple(_with_runs(CopiedMachine(name), each) for name, each in runs.items())
        return CopyStatus(platform, unknown, None), (unseen,)
    absent = [name for name in runs if name not in existing]
    gone: Evidence = {"platform": platform, "what": "bucket"}
    findings = [
        *(Finding(FindingKind.COPY_GONE, name, gone) for name in absent),
        *(finding for each in seen for finding in each.findings),
    ]
    machines_seen = (*(CopiedMachine(name) for name in absent), *(each.status for each in seen))
    return CopyStatus(platform, machines_seen, all(each.keeps_all for each in seen)), findings


@dataclass(frozen=True)
class _Look:
    status: CopiedMachine
    keeps_all: bool
    findings: Sequence[Finding]


def _look(
    copied: OpenTenant, name: str, stored: Mapping[str, datetime], runs: Sequence[RecordedFact[CopyRun]], now: datetime
) -> _Look:
    layout, platform = layout_of(name, copied.machine(name)), copied.tenant.storage.platform
    bucket = copied.buckets.open(name)
    count, there = 0, set()
    for facts in bucket.walk_objects(layout.prefix_of(Part.SNAPSHOTS)):
        if (found := layout.find(facts.key)) is not None:
            count += 1
            there |= {found.name} & stored.keys()
    # What the last run left out has a finding of its own; it is not late as well.
    faulty = {found.name for each in (runs[-1].fact.faults if runs else ()) if (found := layout.find(each.key))}
    behind = judge_behind(stored, {*there, *faulty}, now)
    status = _with_runs(CopiedMachine(name, count, behind.count, behind.since, behind.is_late), runs)
    findings = []
    if count and not bucket.exists(layout.prefix_of(Part.CONFIG)):
        findings.append(Finding(FindingKind.COPY_GONE, name, {"platform": platform, "what": "config"}))
    if behind.is_late and behind.since is not None:
        late: Evidence = {"platform": platform, "count": behind.count, "since": behind.since.isoformat()}
        findings.append(Finding(FindingKind.COPY_LATE, name, late))
    if status.fault_count:
        worst = runs[-1].fact.faults[0]
        faults: Evidence = {
            "platform": platform,
            "count": status.fault_count,
            "key": worst.key,
            "fault": worst.fault.value,
        }
        findings.append(Finding(FindingKind.COPY_FAULTS, name, faults))
    return _Look(status, not bucket.list_expiry_rules(), findings)


def _list_runs(log: Log, machine: str, platform: str) -> list[RecordedFact[CopyRun]]:
    """Return the runs that copied a machine's repository to a platform, oldest first."""
    return [each for each in log.list(CopyRun, machine) if each.fact.platform == platform]


def _with_runs(status: CopiedMachine, runs: Sequence[RecordedFact[CopyRun]]) -> CopiedMachine:
    """Add what the records have of the runs."""
    complete = [each.at for each in runs if each.fact.is_complete]
    return replace(
        status,
        last_complete_at=complete[-1] if complete else None,
        fault_count=runs[-1].fact.fault_count if runs else 0,
    )
