"""The erasure of a tenant in its order: every bucket, the repository passwords, then users and keys.

Whose each bucket is was seen before the first object goes. Each deletion is written down as soon as it is done, so that
a run that was killed is taken up where it stopped, and the evidence tells the truth.
"""

from collections.abc import Callable

from coffre.agents.kinds import with_bucket
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
    """Erase everything of a tenant; returns what is waited for when the platform itself keeps something for a while.

    ``prove`` has whoever erases sign for it, before anything goes; it is given what the signature is about.
    RefusedError without a key that signs the certificate, at a hold, at clocks that are apart, at a bucket that is not
    this tenant's: then nothing more goes.
    """
    # What could not be certified in the end is not erased in the first place.
    read_tenant_key(service, utc_now())
    check_day_of_erasure(service, journal.today, get_calendar(service, journal).erasure_from)
    refuse = refusing_under_hold(service, "its erasure")
    refuse()
    prove(digest([service.buckets.name(name) for name in with_bucket(service.tenant.machines)]))
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
        return Waiting(f"the end of the platform's own lock on {until}: what it keeps is unreadable already", until)
    refuse()
    _see_emptied(service, journal, say)
    noted = {each.uid for each in journal.read(Step.USER_DELETED, UserDeleted)}
    for user in destroying.delete_users(service, refuse=refuse):
        if user.uid not in noted:
            journal.note(Step.USER_DELETED, user)
            say(f"user {user.uid} and its keys are deleted")
    return None


def _see_emptied(service: Service, journal: Journal, say: OnProgress) -> None:
    """List every bucket anew with the owner's key, which is the last that it is used for."""
    if journal.steps(Step.EMPTIED) or not service.storage.list_key_ids(service.owner_uid):
        return
    began = journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    emptied = Verified(tuple(verify_emptied(service, [each.machine for each in began])))
    if emptied.failed:
        raise ChecksFailedError(
            f"{service.tenant.slug} is not empty after its erasure",
            "Run the same command again; if it stays so, find out who writes with the owner's key.",
            emptied.failed,
        )
    journal.note(Step.EMPTIED, emptied)
    say("listed anew with the owner's key: nothing is left")


def describe_erased(erased: BucketErased) -> str:
    """Say in a sentence what was erased of a bucket. Pure."""
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
    """Return every bucket of the tenant as it was before anything of it was erased; all are looked at first."""
    known = {each.machine: each for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan)}
    standing = list_buckets(service)
    seen = [identify_bucket(service, name) for name in standing]
    for each in filter(None, seen):
        before = known.get(each.machine)
        if before is not None and before.marker != each.marker:
            raise RefusedError(
                f"bucket {each.bucket} is not the one whose erasure began: it was made again since",
                "Find out who made it and what it holds; nothing of it was touched.",
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
