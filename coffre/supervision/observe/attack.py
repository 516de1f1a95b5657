"""Looks at a machine for signs of an attack: its new runs, and what storage says of its repository by itself."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from coffre.agents.kinds import find_layout
from coffre.findings import Finding, FindingKind
from coffre.observation.judge.overwritten import Overwritten, find_overwritten
from coffre.observation.machine import MachineLook
from coffre.records.facts.supervision import RetentionFrozen, RetentionReleased
from coffre.supervision.judge.attacks.attack import (
    SHORT_ID,
    Released,
    SeenRun,
    Snapshot,
    StoreWords,
    Suspicion,
    Weakened,
    judge_attack,
)
from coffre.supervision.judge.attacks.signs import SignKind
from coffre.supervision.observe.runs import add_runs, pack_runs, silent_growth, unpack_runs
from coffre.supervision.observe.seen import SeenMachine
from coffre.tenant.estate.log import Log
from coffre.tenant.opening import OpenTenant

_SURPLUS_BYTES = 64 * 1024
"""Locks come and go; when all versions have more than that beyond the current ones, something was overwritten."""
_REPORT_AFTER = timedelta(minutes=30)
"""A report follows its snapshot within minutes."""
_GONE = frozenset({FindingKind.SNAPSHOTS_GONE, FindingKind.PACKS_GONE})


def look_for_attack(
    opened: OpenTenant,
    machine: str,
    look: MachineLook,
    seen: SeenMachine,
    before: SeenMachine | None,
    weakened: Weakened | None,
    now: datetime,
) -> tuple[SeenMachine, Suspicion | None]:
    """Return what was seen with the machine's runs and overwritten objects, and the attack that it looks like."""
    kept = () if before is None else unpack_runs(before.runs)
    repository_bytes = None if look.has_lock else seen.repository_bytes
    runs = add_runs(kept, look.reported.reports, look.arrivals, repository_bytes, now)
    is_new = len(kept) > 0 and runs != kept
    seen = replace(_look_at_versions(opened, machine, seen, before, is_new=is_new), runs=pack_runs(runs))
    stored = [Snapshot(each, at) for each, at in look.arrivals.items()]
    words = StoreWords(
        overwritten=seen.overwritten,
        overwritten_key=seen.overwritten_key,
        overwritten_at=seen.overwritten_at,
        lost=_count_lost(look.findings),
        unreported=_count_unreported(look, runs, now),
        silent_bytes=silent_growth(runs, seen.repository_bytes),
        repository_bytes=seen.repository_bytes,
    )
    return seen, judge_attack(runs, words, stored, weakened, find_released(opened.log, machine))


def find_released(log: Log, machine: str) -> Released | None:
    """Return the last release of a machine's retention, with what was known then; None when there was none."""
    last = log.last(RetentionReleased, machine)
    if last is None:
        return None
    counts: dict[str, int] = {}
    for each in log.list(RetentionFrozen, machine):
        for sign in each.fact.signs if each.id < last.id else ():
            count = sign.evidence.get("count")
            counts[sign.kind] = max(counts.get(sign.kind, 0), count if isinstance(count, int) else 0)
    return Released(last.at, counts.get(SignKind.STORE_OVERWRITTEN, 0), counts.get(SignKind.STORE_LOST, 0))


def _look_at_versions(
    opened: OpenTenant, machine: str, seen: SeenMachine, before: SeenMachine | None, *, is_new: bool
) -> SeenMachine:
    """List the versions where something may have been overwritten: after a run the small parts, with a surplus all."""
    known = (
        Overwritten()
        if before is None
        else Overwritten(before.overwritten, before.overwritten_key, before.overwritten_at)
    )
    surplus_bytes = max(0, seen.stored_bytes - seen.current_bytes)
    seen_surplus = 0 if before is None else before.surplus_bytes
    layout = find_layout(opened.machine(machine))
    if layout is None:
        return seen
    prefixes: Sequence[str] = ()
    if surplus_bytes > seen_surplus + _SURPLUS_BYTES:
        prefixes = (layout.prefix,)
    elif is_new:
        prefixes = [layout.prefix_of(part) for part in sorted(layout.read_at_start)]
    bucket = opened.buckets.open(machine)
    for prefix in prefixes:
        found = find_overwritten(bucket.walk_versions(prefix), layout)
        known = found if found.count > known.count else known
    # A smaller surplus is remembered as well: the next overwriting starts from there.
    is_listed = prefixes == (layout.prefix,) or surplus_bytes < seen_surplus
    return replace(
        seen,
        surplus_bytes=surplus_bytes if is_listed else seen_surplus,
        overwritten=known.count,
        overwritten_key=known.key,
        overwritten_at=known.at,
    )


def _count_lost(findings: Collection[Finding]) -> int:
    found = [each for each in findings if each.kind in _GONE]
    return max((count for each in found if isinstance(count := each.evidence.get("count"), int)), default=0)


def _count_unreported(look: MachineLook, runs: Sequence[SeenRun], now: datetime) -> int:
    """Count the snapshots that came after the newest run and that no report names, also none of another machine."""
    if not runs:
        return 0
    told = {each.snapshot_id for each in runs}
    told |= {each.snapshot_id[:SHORT_ID] for each in look.reported.others if each.snapshot_id is not None}
    return sum(
        at > runs[-1].finished_at and now - at > _REPORT_AFTER and snapshot_id[:SHORT_ID] not in told
        for snapshot_id, at in look.arrivals.items()
    )
