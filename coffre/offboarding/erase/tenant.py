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
from coffre.tenant.service import Service
from coffre.workspace.clock import utc_now

OnProgress = Callable[[str], None]


def erase_tenant(
    service: Service, journal: Journal, prove: Callable[[str], object], say: OnProgress, on_progress: OnProgress
) -> Waiting | None:
    """Erase everything of a tenant; returns the reason to wait when the platform temporarily locks something.

    ``prove`` lets the eraser sign before any deletion; its parameter is the subject of the signature. RefusedError
    without a key for the certificate, under a hold, with differing clocks, or for a bucket of another tenant: then
    nothing more is deleted.
    """
    # Without the certificate's key, the erasure does not begin.
    read_tenant_key(service, utc_now())
    check_day_of_erasure(service, journal.today, get_calendar(service, journal).erasure_from)
    refuse = refusing_under_hold(service, "its erasure")
    refuse()
    prove(digest([service.buckets.name(name) for name in service.tenant.machines]))
    began = _identify(service, journal)
    gone = {each.machine for each in journal.read(Step.BUCKET_ERASED, BucketErased) if each.is_gone}
    for each in began:
        if each.machine not in gone:
            erased = erase_bucket(service, each, on_progress, refuse=refuse)
            journal.note(Step.BUCKET_ERASED, erased, each.machine)
            say(describe_erased(erased))
    refuse()
    _destroy_passwords(service, journal, say, refuse)
    if (until := find_lock_end(service, journal)) is not None:
        return Waiting(f"the end of the platform's own lock on {until}: the locked data is already unreadable", until)
    refuse()
    _see_emptied(service, journal, say)
    noted = {each.uid for each in journal.read(Step.USER_DELETED, UserDeleted)}
    for user in destroying.delete_users(service, refuse=refuse):
        if user.uid not in noted:
            journal.note(Step.USER_DELETED, user)
            say(f"user {user.uid} and its keys are deleted")
    return None


def _see_emptied(service: Service, journal: Journal, say: OnProgress) -> None:
    """List every bucket again with the owner's key, its last use."""
    if journal.steps(Step.EMPTIED) or not service.storage.list_key_ids(service.owner_uid):
        return
    began = journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    emptied = Verified(tuple(verify_emptied(service, [each.machine for each in began])))
    if emptied.failed:
        raise ChecksFailedError(
            f"{service.tenant.slug} is not empty after its erasure",
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


def _identify(service: Service, journal: Journal) -> list[ErasureBegan]:
    """Return every bucket of the tenant before its erasure; all are checked first."""
    known = {each.machine: each for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan)}
    standing = list_buckets(service)
    seen = [identify_bucket(service, name) for name in standing]
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
    return [known[name] for name in service.tenant.machines if name in known]


def _destroy_passwords(service: Service, journal: Journal, say: OnProgress, refuse: Callable[[], None]) -> None:
    if any(each.what == RepositoryPasswords() for each in journal.read(Step.SECRET_DESTROYED, SecretDestroyed)):
        return
    locked = {each.bucket for each in journal.read(Step.BUCKET_ERASED, BucketErased) if each.locked is not None}
    destroyed = destroying.destroy_data_bundle(service, refuse=refuse, locked=locked)
    journal.note(Step.SECRET_DESTROYED, destroyed)
    say(f"the repository passwords are destroyed in {len(destroyed.places)} places: no copy of a backup can be read")
