"""Erases a tenant in order: every bucket, the repository passwords, then users and keys.

The owner of each bucket is checked before the first deletion. Each deletion is recorded as soon as it is done, so that
the next run continues an interrupted one, and the evidence is true.
"""

from collections.abc import Callable

from coffre.errors import RefusedError
from coffre.offboarding.approval.people import digest
from coffre.offboarding.certificate.sealed import read_tenant_key
from coffre.offboarding.erase import destroying
from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket
from coffre.offboarding.erase.checks import ChecksFailedError, RepositoryPasswords
from coffre.offboarding.erase.verifying import verify_emptied
from coffre.offboarding.lifecycle.clock import check_day_of_erasure
from coffre.offboarding.lifecycle.due import find_lock_end, get_calendar, refusing_under_hold
from coffre.offboarding.lifecycle.evidence import (
    BucketErased,
    ErasureBegan,
    SecretDestroyed,
    Step,
    UserDeleted,
    Verified,
)
from coffre.offboarding.lifecycle.freezing import list_buckets
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.stages import Waiting
from coffre.secrets.store import SecretStore
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now

OnProgress = Callable[[str], None]


def erase_tenant(
    opened: OpenTenant, journal: Journal, prove: Callable[[str], object], say: OnProgress, on_progress: OnProgress
) -> Waiting | None:
    """Erase everything of a tenant; returns the reason to wait when the platform temporarily locks something.

    ``prove`` lets the eraser sign before any deletion; its parameter is the subject of the signature. RefusedError
    without a key for the certificate, under a hold, with differing clocks, or for a bucket of another tenant: then
    nothing more is deleted.
    """
    # Without the certificate's key, the erasure does not begin.
    read_tenant_key(opened.tenant, opened.checkout, opened.embedded, utc_now())
    check_day_of_erasure(
        opened.tenant,
        opened.storage,
        opened.embedded,
        journal.today,
        get_calendar(opened.tenant, opened.checkout, journal).erasure_from,
    )
    refuse = refusing_under_hold(opened.tenant, opened.checkout, opened.log, "its erasure")
    refuse()
    prove(digest([opened.buckets.name(name) for name in opened.tenant.machines]))
    begun = {each.machine for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan)}
    began = _identify(opened.tenant, opened.storage, opened.buckets, journal)
    gone = {each.machine for each in journal.read(Step.BUCKET_ERASED, BucketErased) if each.is_gone}
    for each in began:
        if each.machine not in gone:
            erased = erase_bucket(
                opened.tenant,
                opened.storage,
                opened.buckets,
                opened.memory,
                each,
                on_progress,
                resumes=each.machine in begun,
                refuse=refuse,
            )
            journal.note(Step.BUCKET_ERASED, erased, each.machine)
            say(describe_erased(erased))
    refuse()
    _destroy_passwords(opened.tenant, opened.storage, opened.secret_store, journal, say, refuse)
    if (until := find_lock_end(opened.tenant, journal)) is not None:
        return Waiting(f"the end of the platform's own lock on {until}: the locked data is already unreadable", until)
    refuse()
    _see_emptied(opened.tenant, opened.storage, opened.buckets, journal, say)
    noted = {each.uid for each in journal.read(Step.USER_DELETED, UserDeleted)}
    for user in destroying.delete_users(opened.tenant, opened.storage, opened.secrets, refuse=refuse):
        if user.uid not in noted:
            journal.note(Step.USER_DELETED, user)
            say(f"user {user.uid} and its keys are deleted")
    return None


def _see_emptied(tenant: Tenant, storage: Storage, buckets: TenantBuckets, journal: Journal, say: OnProgress) -> None:
    """List every bucket again with the owner's key, its last use."""
    if journal.steps(Step.EMPTIED) or not storage.list_key_ids(naming.owner_uid(tenant)):
        return
    began = journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    emptied = Verified(tuple(verify_emptied(storage, buckets, [each.machine for each in began])))
    if emptied.failed:
        raise ChecksFailedError(
            f"{tenant.slug} is not empty after its erasure",
            "Run the same command again; if this persists, find out who writes with the owner's key.",
            emptied.failed,
        )
    journal.note(Step.EMPTIED, emptied)
    say("listed again with the owner's key: nothing is left")


def describe_erased(erased: BucketErased) -> str:
    """Describe the erasure of a bucket in a sentence. Pure."""
    deleted = erased.deleted
    text = (
        f"{erased.machine}: {deleted.objects} objects, {deleted.versions} earlier versions, {deleted.markers} delete "
        f"markers and {deleted.uploads} unfinished uploads erased"
    )
    if erased.locked is not None:
        return (
            f"{text}; {erased.locked.versions} versions are locked by the platform until {erased.locked.until:%Y-%m-%d}"
        )
    return f"{text}, bucket deleted"


def _identify(tenant: Tenant, storage: Storage, buckets: TenantBuckets, journal: Journal) -> list[ErasureBegan]:
    """Return every bucket of the tenant before its erasure; all are checked first."""
    known = {each.machine: each for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan)}
    standing = list_buckets(tenant, buckets)
    seen = [identify_bucket(tenant, storage, buckets, name) for name in standing]
    for each in filter(None, seen):
        before = known.get(each.machine)
        if before is not None and before.marker != each.marker:
            raise RefusedError(
                f"bucket {each.bucket} is not the one whose erasure began: it was created again since",
                "Find out who created it and what it contains; it was not changed.",
            )
        if before is None:
            journal.note(Step.ERASURE_BEGAN, each, each.machine)
            known[each.machine] = each
    return [known[name] for name in tenant.machines if name in known]


def _destroy_passwords(
    tenant: Tenant,
    storage: Storage,
    secret_store: SecretStore,
    journal: Journal,
    say: OnProgress,
    refuse: Callable[[], None],
) -> None:
    if any(each.what == RepositoryPasswords() for each in journal.read(Step.SECRET_DESTROYED, SecretDestroyed)):
        return
    locked = {each.bucket for each in journal.read(Step.BUCKET_ERASED, BucketErased) if each.locked is not None}
    destroyed = destroying.destroy_data_bundle(tenant, storage, secret_store, refuse=refuse, locked=locked)
    journal.note(Step.SECRET_DESTROYED, destroyed)
    say(f"the repository passwords are destroyed in {len(destroyed.places)} places: no copy of a backup can be read")
