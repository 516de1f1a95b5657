"""Compares a machine's storage with what was seen in it before: rules over plain values. Pure.

A storage that rolls back, thins out or empties a bucket cannot change SMILÉO's memory, nor write a report that its
machine did not seal. An intended deletion is released first (`coffre.operations.acknowledge.acknowledge`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from coffre.agents.applied import Applied
from coffre.agents.report import Report
from coffre.findings import Finding, FindingKind, SetAside
from coffre.observation.judge import identity
from coffre.observation.report_shelf import Reported
from coffre.records.memory import KnownSnapshot, Memory

MAX_KNOWN = 20_000
"""How many snapshots of a machine are remembered because storage lists them; those in its reports always are."""


@dataclass(frozen=True)
class ListedRepository:
    """What a listing shows of a repository; ``snapshots`` are the ids of its snapshot objects."""

    snapshots: frozenset[str]
    has_config: bool
    keys: int
    packs: int
    pack_bytes: int


NOT_LISTED = ListedRepository(frozenset(), has_config=False, keys=0, packs=0, pack_bytes=0)
"""The value for a repository that was not listed: nothing is learned from it."""


@dataclass(frozen=True)
class BucketRead:
    """One read of a machine's bucket: the reports were listed before the snapshots, from ``began_at`` on."""

    reported: Reported
    stored: ListedRepository
    began_at: datetime


def learn(memory: Memory, seen: BucketRead) -> Memory:
    """Return the memory after a read of the bucket. It only grows, so that reads may overtake each other."""
    reported, stored = seen.reported, seen.stored
    memory = identity.learn(memory, (*reported.reports, *reported.others))
    number = max(filter(None, (memory.report_number, reported.highest)), default=None)
    # It listed packs that a pruning has deleted meanwhile: they would be expected for ever.
    is_overtaken = any(each.released_at and each.released_at >= seen.began_at for each in memory.snapshots.values())
    return replace(
        memory,
        report_number=number,
        accounted_number=_account(memory, reported),
        sealed_since=memory.sealed_since or reported.sealed_since,
        clean_until=_latest(memory.clean_until, reported.clean_until),
        packs=memory.packs if is_overtaken else max(memory.packs or 0, stored.packs),
        pack_bytes=memory.pack_bytes if is_overtaken else max(memory.pack_bytes or 0, stored.pack_bytes),
        snapshots=_learn_snapshots(memory, seen),
    )


def learn_check_in(memory: Memory, applied: Applied | SetAside | None) -> Memory:
    """Return the memory after a machine's statement on its orders; only a trusted statement changes it."""
    if not isinstance(applied, Applied) or not applied.number:
        return memory
    return replace(memory, check_in_number=max(applied.number, memory.check_in_number or 0))


def judge(machine: str, before: Memory, after: Memory, seen: BucketRead) -> tuple[Finding, ...]:
    """Report what was seen before and is now missing; ``after`` is the memory after this read."""
    reported, stored = seen.reported, seen.stored
    changed = [] if before.is_vouched else [Finding(FindingKind.MEMORY_CHANGED, machine)]
    found = [*changed, *_judge_snapshots(machine, after, stored), *_judge_packs(machine, before, stored)]
    if reported.lacks_key:
        return (*found, Finding(FindingKind.REPORT_KEY_LACKING, machine))
    return (*found, *_judge_reports(machine, before, after, reported))


def judge_absence(machine: str, memory: Memory) -> tuple[Finding, ...]:
    """Report that a machine's whole bucket is gone, if it had known snapshots."""
    known = len(memory.expected)
    gone = (Finding(FindingKind.REPOSITORY_GONE, machine, {"what": "bucket", "known": known}),) if known else ()
    return gone if memory.is_vouched else (*gone, Finding(FindingKind.MEMORY_CHANGED, machine))


def find_lack(stored: ListedRepository) -> str | None:
    """Name the missing parts of a repository: everything, config or keys; None when it has them."""
    if not stored.has_config and not stored.keys and not stored.packs and not stored.snapshots:
        return "everything"
    if not stored.has_config:
        return "config"
    return None if stored.keys else "keys"


def release(memory: Memory, ids: Iterable[str], why: str, at: datetime) -> Memory:
    """Return a memory in which these snapshots may be missing, and packs with them."""
    gone = {
        each: replace(memory.snapshots[each], released=why, released_at=at) for each in ids if each in memory.snapshots
    }
    return replace(memory, snapshots={**memory.snapshots, **gone}, packs=None, pack_bytes=None)


def begin_anew(memory: Memory, why: str, at: datetime) -> Memory:
    """Return a memory in which a repository starts again: earlier content and reports may be missing."""
    released = release(memory, [known.snapshot_id for known in memory.expected], why, at)
    return replace(released, accounted_number=None, begun_at=at, clean_until=at, foreign_until=at, is_vouched=True)


def acknowledge(memory: Memory, gone: Iterable[str], why: str, at: datetime) -> Memory:
    """Return a memory in which what is missing now raises no alarm; later losses do."""
    released = release(memory, gone, why, at)
    sealed_since = None if memory.sealed_since is None else at
    return replace(
        released, accounted_number=None, sealed_since=sealed_since, clean_until=at, foreign_until=at, is_vouched=True
    )


def _account(memory: Memory, reported: Reported) -> int | None:
    """Return the number up to which every report was seen; a new count starts at the first report that comes."""
    accounted, highest = memory.accounted_number, reported.highest or 0
    if accounted is None:
        begun = min((each for each in reported.numbers if each > (memory.report_number or 0)), default=None)
        if begun is None or begun > highest:
            return None
        accounted = begun
    while accounted < highest and accounted + 1 in reported.numbers:
        accounted += 1
    return accounted


def _learn_snapshots(memory: Memory, seen: BucketRead) -> Mapping[str, KnownSnapshot]:
    known = dict(memory.snapshots)
    for snapshot_id in sorted(seen.stored.snapshots):
        if snapshot_id not in known:
            if len(known) < MAX_KNOWN:
                known[snapshot_id] = KnownSnapshot(snapshot_id, seen.began_at)
        elif (released_at := known[snapshot_id].released_at) is not None and released_at < seen.began_at:
            # It was restored: from now on it is expected again.
            known[snapshot_id] = replace(known[snapshot_id], released=None, released_at=None)
    for snapshot_id, report in _claims(memory, seen.reported):
        claimed = known.get(snapshot_id) or KnownSnapshot(snapshot_id, seen.began_at)
        if report is not None:
            number = max(report.number or 0, claimed.report_number or 0) or None
            claimed = replace(claimed, report_number=number, boot=identity.boot_of(memory, report) or claimed.boot)
        known[snapshot_id] = claimed
    return known


def _claims(memory: Memory, reported: Reported) -> Iterator[tuple[str, Report | None]]:
    """Yield the snapshots named in a machine's sealed reports, each with the report of its own run."""
    for report in (*reported.reports, *reported.others):
        if report.number is None:
            continue
        if report.snapshot_id is not None and not _is_of_before(memory, report, report.finished_at):
            yield report.snapshot_id, report
        missing_at = report.missing_snapshot_at or report.started_at
        if report.missing_snapshot_id is not None and not _is_of_before(memory, report, missing_at):
            yield report.missing_snapshot_id, None


def _is_of_before(memory: Memory, report: Report, moment: datetime) -> bool:
    """Tell whether a time is before the new start of the repository; the report corrects the machine's clock."""
    if memory.begun_at is None:
        return False
    return report.by_server(moment) < memory.begun_at


def _judge_snapshots(machine: str, after: Memory, stored: ListedRepository) -> Iterator[Finding]:
    expected = after.expected
    lack = find_lack(stored)
    if lack is not None and expected:
        yield Finding(FindingKind.REPOSITORY_GONE, machine, {"what": lack, "known": len(expected)})
    gone = [known for known in expected if known.snapshot_id not in stored.snapshots]
    if not gone:
        return
    newest = max(gone, key=_age)
    there = [known for known in expected if known.snapshot_id in stored.snapshots]
    evidence: dict[str, str | int | None] = {
        "count": len(gone),
        "newest": newest.snapshot_id,
        "seen_at": f"{newest.seen_at:%Y-%m-%dT%H:%M:%SZ}",
        "is_newest": int(all(_age(known) < _age(newest) for known in there)),
    }
    yield Finding(FindingKind.SNAPSHOTS_GONE, machine, evidence)


def _age(known: KnownSnapshot) -> tuple[datetime, int]:
    return known.seen_at, known.report_number or 0


def _judge_packs(machine: str, before: Memory, stored: ListedRepository) -> Iterator[Finding]:
    fewer = max(0, (before.packs or 0) - stored.packs)
    lost_bytes = max(0, (before.pack_bytes or 0) - stored.pack_bytes)
    if fewer or lost_bytes:
        yield Finding(FindingKind.PACKS_GONE, machine, {"count": fewer, "bytes": lost_bytes})


def _judge_reports(machine: str, before: Memory, after: Memory, reported: Reported) -> Iterator[Finding]:
    known = before.report_number
    # A count without a beginning starts at the next report.
    if known is not None and before.accounted_number is not None and (reported.highest or 0) < known:
        yield Finding(FindingKind.REPORTS_GONE, machine, {"number": reported.highest, "known": known})
    accounted, highest = after.accounted_number, reported.highest or 0
    if accounted is not None and highest > accounted:
        there = sum(1 for each in reported.numbers if accounted < each <= highest)
        evidence = {"count": highest - accounted - there, "first": accounted + 1}
        yield Finding(FindingKind.REPORTS_MISSING, machine, evidence)
    if reported.replayed is not None:
        yield Finding(FindingKind.REPORT_REPLAYED, machine, {"key": reported.replayed, "known": highest})


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
