"""The current state of a second copy, from both platforms: what it has, what it lacks, and what could not be copied."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from coffre.agents.kinds import layout_of, with_repository
from coffre.agents.repository import Part, RepositoryLayout
from coffre.errors import ExpectedError
from coffre.findings import Evidence, Finding, FindingKind
from coffre.observation.judge.continuity import MAX_KNOWN
from coffre.observation.judge.second_copy import judge_behind
from coffre.records.facts.backups import CopyRun
from coffre.storage.driver import Bucket
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
    opened: OpenTenant, machines: Collection[str], now: datetime
) -> tuple[CopyStatus | None, Sequence[Finding]]:
    """Read the state of a tenant's copy for these machines, whose originals answer; None without a copy.

    A platform that does not answer is a finding: the tenant's own state is shown without it.
    """
    copied = opened.second_copy
    if copied is None:
        return None, ()
    platform, in_need = copied.tenant.storage.platform, with_repository(opened.tenant.machines)
    layouts = {name: layout_of(name, in_need[name]) for name in machines if name in in_need}
    # The originals first: what arrives in both meanwhile is missing in neither.
    stored = {name: _list_snapshots(opened.buckets.open(name), layout) for name, layout in layouts.items()}
    try:
        existing = copied.buckets.existing().among(layouts)
        seen = [_look(copied, _Original(name, layouts[name], stored[name]), now) for name in existing]
    except ExpectedError as problem:
        unseen = Finding(FindingKind.COPY_NOT_SEEN, None, {"platform": platform, "error": problem.message})
        unknown = tuple(_with_runs(CopiedMachine(name), opened.log, platform) for name in layouts)
        return CopyStatus(platform, unknown, None), (unseen,)
    absent = [name for name in layouts if name not in existing]
    gone: Evidence = {"platform": platform, "what": "bucket"}
    findings = [
        *(Finding(FindingKind.COPY_GONE, name, gone) for name in absent),
        *(finding for each in seen for finding in each.findings),
    ]
    machines_seen = (*(CopiedMachine(name) for name in absent), *(each.status for each in seen))
    return CopyStatus(platform, machines_seen, all(each.keeps_all for each in seen)), findings


@dataclass(frozen=True)
class _Original:
    """A machine, and the snapshots that its own bucket lists."""

    name: str
    layout: RepositoryLayout
    stored: Mapping[str, datetime]


@dataclass(frozen=True)
class _Look:
    status: CopiedMachine
    keeps_all: bool
    findings: Sequence[Finding]


def _look(copied: OpenTenant, original: _Original, now: datetime) -> _Look:
    name, layout, platform = original.name, original.layout, copied.tenant.storage.platform
    bucket = copied.buckets.open(name)
    there = _list_snapshots(bucket, layout)
    runs = _list_runs(copied.log, name, platform)
    # What the last run left out has a finding of its own; it is not late as well.
    faulty = {found.name for each in (runs[-1].fact.faults if runs else ()) if (found := layout.find(each.key))}
    behind = judge_behind(original.stored, {*there, *faulty}, now)
    status = _with_runs(
        CopiedMachine(name, len(there), behind.count, behind.since, behind.is_late), copied.log, platform
    )
    findings = []
    if there and not bucket.exists(layout.prefix_of(Part.CONFIG)):
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


def _with_runs(status: CopiedMachine, log: Log, platform: str) -> CopiedMachine:
    """Add what the records have of the runs."""
    runs = _list_runs(log, status.name, platform)
    complete = [each.at for each in runs if each.fact.is_complete]
    return replace(
        status,
        last_complete_at=complete[-1] if complete else None,
        fault_count=runs[-1].fact.fault_count if runs else 0,
    )


def _list_snapshots(bucket: Bucket, layout: RepositoryLayout) -> dict[str, datetime]:
    """Return the ids of a repository's snapshots with the times of their objects, in bounded memory."""
    listed: dict[str, datetime] = {}
    for facts in bucket.walk_objects(layout.prefix_of(Part.SNAPSHOTS)):
        found = layout.find(facts.key)
        if found is not None and len(listed) < MAX_KNOWN:
            listed[found.name] = facts.modified_at
    return listed
