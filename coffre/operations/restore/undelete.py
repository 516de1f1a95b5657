"""Brings a machine's repository back to an earlier time: restores overwritten and deleted objects from versions."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from datetime import datetime

from coffre.agents.kinds import layout_of
from coffre.agents.repository import Part, RepositoryError, RepositoryLayout
from coffre.operations.acknowledge.acknowledge import HIDDEN, expect_no_more, release_snapshots
from coffre.operations.repository import open_repository
from coffre.operations.restore.versions import Comeback, UndeletePlan, list_later, part_foreign, plan_undelete
from coffre.records.facts.backups import Undeleted
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Bucket
from coffre.storage.values import ObjectVersion, QuotaExceededError
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied

WORKERS = 8
WALL_MARGINS_BYTES = (1024**2, 16 * 1024**2, 256 * 1024**2)
"""How far above the remaining copies the wall is raised, per attempt: machines write, and RGW's count lags."""
MAX_NAMED = 20

OnProgress = Callable[[float], None]
"""Called with the completed part, 0 to 1."""


def look(
    tenant: Tenant, buckets: TenantBuckets, log: TenantLog, machine: str, at: datetime, *, is_exact: bool
) -> UndeletePlan:
    """Return the plan that brings a machine's repository back to a time; changes nothing."""
    refuse_while_blocked(tenant)
    find_machine(tenant, machine)
    refuse_unapplied(tenant, buckets, log, [machine])
    bucket = buckets.open(machine)
    layout = layout_of(machine, find_machine(of_buckets(tenant), machine))
    versions, foreign = part_foreign(bucket.list_versions(layout.prefix), layout)
    unsound = [version.key for version in list_later(versions, at, layout) if not _is_sound(bucket, version, layout)]
    return plan_undelete(versions, at, layout, unsound=unsound, is_exact=is_exact, foreign=foreign)


def undelete(
    tenant: Tenant,
    buckets: TenantBuckets,
    log: TenantLog,
    memory: TenantMemory,
    machine: str,
    plan: UndeletePlan,
    on_progress: OnProgress,
) -> None:
    """Carry a plan out. Nothing is deleted: current objects stay as versions. May be killed and planned again.

    At the wall, which includes every copy, the wall is raised during the work.
    """
    undeleted = Undeleted(
        to=plan.at,
        brought_back_count=len(plan.comebacks),
        copied_bytes=plan.copied_bytes,
        hidden=tuple(plan.hidden[:MAX_NAMED]),
        hidden_count=len(plan.hidden),
        lost_count=len(plan.lost),
        foreign_count=plan.foreign.count,
    )
    log.append(undeleted, machine)
    hidden = list(plan.hidden_snapshots)
    if hidden:
        release_snapshots(log, memory, machine, hidden, HIDDEN)
    bucket = buckets.open(machine)
    done = _Progress(len(plan.comebacks), on_progress)
    left = _bring_back(bucket, plan.comebacks, done)
    for margin_bytes in WALL_MARGINS_BYTES:
        if not left:
            break
        needed_bytes = sum(comeback.size_bytes for comeback in left) + margin_bytes
        with buckets.extra_room(needed_bytes):
            left = _bring_back(bucket, left, done)
    if left:
        raise QuotaExceededError(
            f"{tenant.slug}: the wall was reached again; {len(left)} objects are still to be restored",
            "Machines are writing at the same time. Run the same command again: the restored objects stay.",
        )
    for key in plan.hidden:
        bucket.hide(key)
    if hidden:
        expect_no_more(memory, machine, hidden, HIDDEN)


def check(opened: OpenTenant, machine: str) -> RepositoryError | None:
    """Check a machine's repository; returns the error, None when there is none."""
    try:
        open_repository(opened, machine, RoutineUse(RoutineTask.CHECK_AFTER_UNDELETE)).check()
    except RepositoryError as problem:
        return problem
    return None


class _Progress:
    def __init__(self, total: int, on_progress: OnProgress) -> None:
        self._total = total
        self._done = 0
        self._on_progress = on_progress

    def add_one(self) -> None:
        self._done += 1
        self._on_progress(self._done / self._total)


def _bring_back(bucket: Bucket, comebacks: Sequence[Comeback], progress: _Progress) -> list[Comeback]:
    """Copy versions onto their keys; returns those that the wall refused.

    Snapshots are copied once everything that they need is there, in the agent's own order: their dates give that time.
    """
    snapshots = [each for each in comebacks if each.part is Part.SNAPSHOTS]
    others = [each for each in comebacks if each.part is not Part.SNAPSHOTS]
    left = _copy_onto(bucket, others, progress)
    return [*left, *snapshots] if left else _copy_onto(bucket, snapshots, progress)


def _copy_onto(bucket: Bucket, comebacks: Sequence[Comeback], progress: _Progress) -> list[Comeback]:
    with ThreadPoolExecutor(max_workers=WORKERS) as executor:
        running = {executor.submit(bucket.restore_version, each.key, each.version_id): each for each in comebacks}
        try:
            with suppress(QuotaExceededError):
                for future in as_completed(running):
                    future.result()
                    progress.add_one()
        finally:
            executor.shutdown(cancel_futures=True)
    return [each for future, each in running.items() if future.cancelled() or future.exception() is not None]


def _is_sound(bucket: Bucket, version: ObjectVersion, layout: RepositoryLayout) -> bool:
    """Tell whether an object that is named by its content has that content."""
    found = layout.find(version.key)
    if found is None or version.size_bytes > layout.start_limit_bytes:
        return False
    body = bucket.find(version.key, layout.start_limit_bytes)
    return isinstance(body, bytes) and hashlib.sha256(body).hexdigest() == found.name
