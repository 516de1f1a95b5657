"""Erases one bucket over S3: every version, delete marker and unfinished upload, then the bucket itself.

The preconditions are checked on the platform each time: first before anything, and again before each sweep. The
owner's key can only access the owner's buckets, and the administrator's key deletes nothing here.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import fields
from itertools import islice

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.erase.batches import Batch, BatchOutcome, Sweep, cut_batches, erase_batch
from coffre.offboarding.erase.counting import Tally, count_contents
from coffre.offboarding.lifecycle.evidence import BucketCount, BucketErased, ErasureBegan, Locked
from coffre.operations.holds.settle import refuse_if_held
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.storage.values import MAX_DELETED, BucketGoneError, BucketHoldsSomethingError, PlatformAwayError
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.memory import TenantMemory

OnProgress = Callable[[str], None]
Refuse = Callable[[], None]
"""Raises when nothing may be deleted, for example because a hold was placed meanwhile."""

WORKERS = 8
BATCH = 250
UPLOADS_BATCH = 25
MAX_SWEEPS = 6
"""How often a bucket may gain something during its sweeps."""

SPARE_ENTRIES = 10_000
"""How much a bucket may gain beyond its original content: more means that a writer is as fast as the erasure."""

MAX_UNEXPLAINED = 1000
"""The number of refusals, without any deletion, after which a sweep stops."""

AWAY_SECONDS = 150.0
"""How long the platform may be away during an erasure before the run ends; the next run continues."""

STILL_SECONDS = 5.0
"""How long the count of a bucket must not change before it is idle: the slowest step seen took 0.1 s."""

STILL_ANSWERS = 50
"""The same in answers of a slow platform: where one takes a second, deletions in progress pause for longer, too."""

STILL_AT_MOST_SECONDS = 120.0
"""After that time somebody adds or deletes on purpose, and the sweeps show it."""

_POLL_SECONDS = 2.0
_PROGRESS_SECONDS = 2.0


def identify_bucket(tenant: Tenant, storage: Storage, buckets: TenantBuckets, machine: str) -> ErasureBegan | None:
    """Return the owner and the content of a machine's bucket; None when the platform has no bucket of its name.

    Changes nothing. RefusedError when its owner, or the tenant id of its tag, is not this tenant's.
    """
    name = buckets.name(machine)
    facts = storage.find_bucket(name)
    if facts is None:
        return None
    if facts.owner != naming.owner_uid(tenant):
        raise _not_ours(tenant.slug, name, f"its owner is {facts.owner}, not {naming.owner_uid(tenant)}")
    eraser = storage.open_eraser(name, buckets.owner_key())
    tenant_id = eraser.find_tenant_id()
    if tenant_id != tenant.id:
        tagged = "it has no tenant's tag" if tenant_id is None else f"it is tagged as tenant {tenant_id}'s"
        raise _not_ours(tenant.slug, name, f"{tagged}, not as {tenant.id}'s")
    return ErasureBegan(
        machine=machine,
        bucket=name,
        instance_id=facts.index_id,
        owner=facts.owner,
        tenant_id=tenant_id,
        before=count_contents(eraser),
        marker=facts.lifetime_id,
        copied_to=tenant.copied_to,
    )


def erase_bucket(
    tenant: Tenant,
    storage: Storage,
    buckets: TenantBuckets,
    memory: TenantMemory,
    began: ErasureBegan,
    on_progress: OnProgress,
    *,
    resumes: bool,
    refuse: Refuse,
) -> BucketErased:
    """Erase an identified bucket, and return the evidence. May be killed at any point and run again.

    ``resumes``: an earlier run began this erasure, and the platform may still be carrying out its requests.
    ``refuse`` is called, in this thread, before anything and before each batch: its error ends the work, and only the
    batches in progress are still sent. If the platform goes away, the run waits for some minutes. Locked versions stay,
    and the bucket with them. RefusedError when the bucket is not the identified one; ExpectedError when it keeps
    gaining objects, or when the platform refuses for another reason than a lock.
    """
    refuse_if_held(tenant, f"erasing the bucket of {began.machine}")
    _refuse_foreign(tenant, buckets, began)
    # Its snapshots are no longer expected, and the journal prevents an observation from recording them again.
    memory.forget(began.machine)
    erasure = _Erasure(tenant, storage, buckets, began, on_progress, refuse)
    if resumes:
        erasure.note_disturbance()
    away = _Absence(storage, began.bucket, on_progress)
    while True:
        try:
            return erasure.run()
        except PlatformAwayError as problem:
            away.outlast(problem, erasure.confirmed.entries)
            erasure.note_disturbance()


def is_same_bucket(tenant: Tenant, storage: Storage, buckets: TenantBuckets, began: ErasureBegan) -> bool:
    """Tell whether the identified bucket still exists; RefusedError when another one has its name."""
    facts = storage.find_bucket(began.bucket)
    if facts is None:
        return False
    # After RGW re-shards a bucket, it has another instance and the same marker.
    if facts.owner != began.owner:
        raise _not_ours(tenant.slug, began.bucket, f"its owner is {facts.owner}, not {began.owner}")
    if facts.lifetime_id != began.marker:
        raise _not_ours(tenant.slug, began.bucket, f"it was made after {began.marker} was identified")
    tenant_id = storage.open_eraser(began.bucket, buckets.owner_key()).find_tenant_id()
    if tenant_id != began.tenant_id:
        raise _not_ours(tenant.slug, began.bucket, f"its tenant's tag is {tenant_id or 'gone'}, not {began.tenant_id}")
    return True


class _Erasure:
    """One bucket's erasure; confirmed deletions add up over its sweeps."""

    def __init__(
        self,
        tenant: Tenant,
        storage: Storage,
        buckets: TenantBuckets,
        began: ErasureBegan,
        on_progress: OnProgress,
        refuse: Refuse,
    ) -> None:
        self._tenant = tenant
        self._storage = storage
        self._buckets = buckets
        self._began = began
        self._eraser = storage.open_eraser(began.bucket, buckets.owner_key())
        self._refuse = refuse
        self._on_progress = on_progress
        self._said_at = time.monotonic()
        self._is_disturbed = False
        self.confirmed = Tally()

    def run(self) -> BucketErased:
        """Sweep until a full listing finds only locked versions. May run again after the platform was away."""
        sweep, is_first = Sweep(), True
        for _ in range(MAX_SWEEPS):
            self._refuse()
            if not is_same_bucket(self._tenant, self._storage, self._buckets, self._began):
                return self._result(BucketCount(), is_gone=True)
            if is_first:
                self._stop_others()
                is_first = False
            try:
                sweep = self._sweep()
            except BucketGoneError:
                continue  # somebody else deleted it; the next check shows who
            if sweep.is_empty and self._delete_bucket():
                return self._result(BucketCount(), is_gone=True)
            if not sweep.has_deleted:
                self._refuse_unexplained(sweep)
                if sweep.locked is not None:
                    return self._result(sweep.left.result(), is_gone=False, locked=sweep.locked)
        raise self._inconsistent() if sweep.is_empty else self._gaining()

    def note_disturbance(self) -> None:
        """Remember that requests without an answer may still be in progress."""
        self._is_disturbed = True

    def _stop_others(self) -> None:
        """Make sure that nobody else deletes in the bucket: its expiry, and the requests of a killed run.

        Two parallel deletions of one version leave a piece of it behind that no listing shows: RGW continues the
        requests of a client that is gone. The bucket's count shows their effect, but not those that have not begun yet.
        """
        name = self._began.bucket
        bucket = self._buckets.open_named(name)
        if bucket.list_expiry_rules():
            bucket.clear_expiry_rules()
        entries, deadline = _entries(self._began.before), time.monotonic() + STILL_AT_MOST_SECONDS
        while (asked_at := time.monotonic()) < deadline:
            facts = self._storage.find_bucket(name)
            if facts is None or (facts.entries == entries and not self._is_disturbed):
                return
            self._is_disturbed, entries = False, facts.entries
            slow_seconds = STILL_ANSWERS * (time.monotonic() - asked_at)
            # Never so long that no second look is left.
            time.sleep(min(max(STILL_SECONDS, slow_seconds), STILL_AT_MOST_SECONDS / 4))

    def _sweep(self) -> Sweep:
        """Delete everything in one listing, some batches at a time; memory holds only the batches in progress."""
        sweep = Sweep()
        last: Future[BatchOutcome] | None = None
        last_key: str | None = None
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="erase") as executor:
            running: set[Future[BatchOutcome]] = set()
            try:
                for batch in self._batches():
                    if last is not None and last_key is not None and batch.first_key == last_key:
                        wait([last])
                    if len(running) >= WORKERS:
                        running = self._settle(sweep, running)
                    self._refuse()
                    last_key, last = batch.last_key, executor.submit(erase_batch, self._eraser, batch)
                    running.add(last)
                while running:
                    running = self._settle(sweep, running)
            finally:
                executor.shutdown(cancel_futures=True)
        return sweep

    def _batches(self) -> Iterator[Batch]:
        uploads = self._eraser.walk_uploads()
        while some := list(islice(uploads, UPLOADS_BATCH)):
            yield Batch(uploads=some)
        for versions in cut_batches(self._eraser.walk_versions(), BATCH, MAX_DELETED):
            yield Batch(versions=versions)

    def _settle(self, sweep: Sweep, running: set[Future[BatchOutcome]]) -> set[Future[BatchOutcome]]:
        """Wait for a batch and count its confirmed deletions; returns the batches still running."""
        done, left = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            sweep.add(future.result(), self.confirmed)
        if sweep.unexplained > MAX_UNEXPLAINED and not sweep.has_deleted:
            self._refuse_unexplained(sweep)
        if self.confirmed.entries > 2 * _entries(self._began.before) + SPARE_ENTRIES:
            raise self._gaining()
        if time.monotonic() - self._said_at >= _PROGRESS_SECONDS:
            self._said_at = time.monotonic()
            self._on_progress(
                f"{self._began.machine}: {self.confirmed.entries} of {_entries(self._began.before)} objects, versions, "
                "delete markers and uploads erased"
            )
        return left

    def _delete_bucket(self) -> bool:
        """Delete the bucket after a full listing found it empty; False when it gained something meanwhile."""
        self._refuse()
        try:
            self._eraser.delete_bucket()
        except BucketHoldsSomethingError:
            return False
        return self._storage.find_bucket(self._began.bucket) is None

    def _result(self, left: BucketCount, *, is_gone: bool, locked: Locked | None = None) -> BucketErased:
        began = self._began
        deleted = _at_least(began.before, left, self.confirmed.result())
        if is_gone:
            self._on_progress(f"{began.machine}: erased, and its bucket is gone")
        return BucketErased(began.machine, began.bucket, deleted, left, is_gone, locked, began.copied_to)

    def _refuse_unexplained(self, sweep: Sweep) -> None:
        where = f"{self._tenant.slug}/{self._began.machine}"
        if sweep.unexplained:
            codes = ", ".join(sorted(sweep.codes))
            raise ExpectedError(
                f"{where}: the platform refuses to delete {sweep.unexplained} versions without any lock ({codes})",
                f"Check the policy of bucket {self._began.bucket}: a Deny there also applies to its owner. Then run "
                "the same command again.",
            )
        if sweep.on_hold:
            raise ExpectedError(
                f"{where}: {sweep.on_hold} versions are under a legal hold of the platform (S3 Object Lock), which has "
                "no end; all other content of the bucket is erased",
                "Find out who placed it; Coffre never bypasses it. Once it is lifted, run the same command again.",
            )

    def _inconsistent(self) -> ExpectedError:
        where, bucket = f"{self._tenant.slug}/{self._began.machine}", self._began.bucket
        return ExpectedError(
            f"{where}: the platform lists nothing in its bucket, but refuses to delete it as not empty",
            f"The bucket's index is damaged: ask the platform's operator to run `radosgw-admin bucket check --fix "
            f"--bucket={bucket}`, then run the same command again.",
        )

    def _gaining(self) -> ExpectedError:
        before, where = _entries(self._began.before), f"{self._tenant.slug}/{self._began.machine}"
        return ExpectedError(
            f"{where}: its bucket keeps gaining objects during the erasure: "
            f"{self.confirmed.entries} were deleted, it had {before} before",
            "Somebody writes with a key of the tenant: check that every machine's user is suspended, then run the same "
            "command again.",
        )


class _Absence:
    """Waits for a platform that is away during an erasure, until it answers or for the maximum time."""

    def __init__(self, storage: Storage, bucket: str, on_progress: OnProgress) -> None:
        self._storage = storage
        self._bucket = bucket
        self._on_progress = on_progress
        self._done = -1
        self._deadline = 0.0

    def outlast(self, problem: PlatformAwayError, done: int) -> None:
        """Return once the platform answers again; raises ``problem`` when nothing was ``done`` for too long."""
        if done != self._done:
            self._done, self._deadline = done, time.monotonic() + AWAY_SECONDS
        self._on_progress(f"waiting for the platform: {problem.message}")
        while time.monotonic() < self._deadline:
            time.sleep(_POLL_SECONDS)
            with suppress(PlatformAwayError):
                self._storage.find_bucket(self._bucket)
                return
        raise problem


def _refuse_foreign(tenant: Tenant, buckets: TenantBuckets, began: ErasureBegan) -> None:
    """Refuse a journal of another tenant, or of a machine whose bucket has another name. Pure."""
    expected = (buckets.name(began.machine), naming.owner_uid(tenant), tenant.id)
    if (began.bucket, began.owner, began.tenant_id) != expected or not began.marker:
        raise RefusedError(
            f"the journal names bucket {began.bucket} of {began.owner} (tenant {began.tenant_id}), which is not "
            f"{tenant.slug}/{began.machine}'s",
            "Nothing was changed. Somebody changed the journal or the tenant's id: find out who.",
        )


def _not_ours(slug: str, bucket: str, why: str) -> RefusedError:
    return RefusedError(
        f"bucket {bucket} is not {slug}'s: {why}",
        "It was not changed. Find out who owns it and why it has this name; the erasure cannot continue before.",
    )


def _entries(count: BucketCount) -> int:
    return count.objects + count.versions + count.markers + count.uploads


def _at_least(before: BucketCount, left: BucketCount, confirmed: BucketCount) -> BucketCount:
    """Return what was certainly deleted, by this run and earlier ones: at least what is now missing. Pure."""
    return BucketCount(
        **{
            each.name: max(getattr(before, each.name) - getattr(left, each.name), getattr(confirmed, each.name))
            for each in fields(BucketCount)
        }
    )
