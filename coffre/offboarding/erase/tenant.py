"""Erases a tenant in order: every bucket, a vendor's customer, the repository passwords, then users and keys.

The owner of each bucket is checked before the first deletion, and so is each customer. Each deletion is recorded as
soon as it is done, so that the next run continues an interrupted one, and the evidence is true.
"""

from collections.abc import Callable, Sequence

from coffre.errors import RefusedError
from coffre.offboarding.approval.people import digest
from coffre.offboarding.certificate.sealed import read_tenant_key
from coffre.offboarding.erase import destroying
from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket
from coffre.offboarding.erase.checks import ChecksFailedError, RepositoryPasswords
from coffre.offboarding.erase.owners import ProvedOwner, erase_owners, prove_owners, refuse_enabled
from coffre.offboarding.erase.verifying import verify_emptied
from coffre.offboarding.lifecycle.clock import check_day_of_erasure
from coffre.offboarding.lifecycle.due import find_lock_end, get_calendar, refusing_under_hold
from coffre.offboarding.lifecycle.evidence import (
    BucketErased,
    ErasureBegan,
    OwnerProved,
    SecretDestroyed,
    Step,
    UserDeleted,
    Verified,
)
from coffre.offboarding.lifecycle.freezing import list_buckets
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.stages import Waiting
from coffre.operations.copying.run import without_copying
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now

OnProgress = Callable[[str], None]
Confirm = Callable[[Sequence[OwnerProved]], None]
"""Asks the person before anything goes, and raises when the answer is no."""


def erase_tenant(
    opened: OpenTenant,
    journal: Journal,
    prove: Callable[[str], object],
    say: OnProgress,
    on_progress: OnProgress,
    confirm: Confirm = lambda _: None,
) -> Waiting | None:
    """Erase everything of a tenant; returns the reason to wait when a platform locks something, or still deletes.

    ``confirm`` gets the vendors' customers that would go, after they are recorded, and raises when the answer is no.
    ``prove`` lets the eraser sign before any deletion; its parameter is the subject of the signature. RefusedError
    without a key for the certificate, under a hold, with differing clocks, for a bucket of another tenant, or for a
    customer that works still or is another one by now: then nothing more is deleted.
    """
    owners = prove_owners(opened, journal)
    confirm([each.proved for each in owners])
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
    refuse_enabled(owners)
    buckets = [home.buckets.name(name) for home in opened.bucket_homes for name in home.tenant.machines]
    prove(digest([*buckets, *(f"{each.proved.platform}/{each.proved.uuid}" for each in owners)]))
    with without_copying(opened):
        return _erase(opened, journal, owners, refuse, say, on_progress)


def _erase(
    opened: OpenTenant,
    journal: Journal,
    owners: Sequence[ProvedOwner],
    refuse: Callable[[], None],
    say: OnProgress,
    on_progress: OnProgress,
) -> Waiting | None:
    begun = {each.bucket for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan)}
    # Every bucket on every platform is identified before the first deletion.
    began = [(home, each) for home in opened.bucket_homes for each in _identify(home, journal)]
    gone = {each.bucket for each in journal.read(Step.BUCKET_ERASED, BucketErased) if each.is_gone}
    for home, each in began:
        if each.bucket not in gone:
            erased = erase_bucket(
                home.tenant,
                home.storage,
                home.buckets,
                home.memory,
                each,
                on_progress,
                resumes=each.bucket in begun,
                refuse=refuse,
            )
            note_erased(journal, erased)
            say(describe_erased(erased))
    refuse()
    deleting = erase_owners(journal, owners, refuse, say)
    refuse()
    _destroy_passwords(opened, journal, say, refuse)
    if (until := find_lock_end(opened.tenant, journal)) is not None:
        return Waiting(f"the end of the platform's own lock on {until}: the locked data is already unreadable", until)
    refuse()
    _see_emptied(opened, journal, say)
    noted = {each.uid for each in journal.read(Step.USER_DELETED, UserDeleted)}
    for home in opened.bucket_homes:
        for user in destroying.delete_users(home.tenant, home.storage, home.secrets, refuse=refuse):
            if user.uid not in noted:
                journal.note(Step.USER_DELETED, user)
                say(f"user {user.uid} and its keys are deleted")
    return deleting


def _see_emptied(opened: OpenTenant, journal: Journal, say: OnProgress) -> None:
    """List every bucket again with the owner's key of each platform, its last use."""
    homes = [home for home in opened.bucket_homes if home.storage.list_key_ids(home.buckets.owner_uid)]
    if journal.steps(Step.EMPTIED) or not homes:
        return
    began = journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    checks = []
    for home in homes:
        machines = [each.machine for each in began if each.copied_to == home.tenant.copied_to]
        checks += verify_emptied(home.storage, home.buckets, machines)
    emptied = Verified(tuple(checks))
    if emptied.failed:
        raise ChecksFailedError(
            f"{opened.tenant.slug} is not empty after its erasure",
            "Run the same command again; if this persists, find out who writes with the owner's key.",
            emptied.failed,
        )
    journal.note(Step.EMPTIED, emptied)
    say("listed again with the owner's key: nothing is left")


def note_erased(journal: Journal, erased: BucketErased) -> None:
    """Write the evidence of a bucket's erasure, unless it is equal to the newest of this bucket."""
    newest = [each for each in journal.read(Step.BUCKET_ERASED, BucketErased) if each.bucket == erased.bucket][-1:]
    if newest != [erased]:
        journal.note(Step.BUCKET_ERASED, erased, erased.machine, again=True)


def describe_erased(erased: BucketErased) -> str:
    """Describe the erasure of a bucket in a sentence. Pure."""
    deleted = erased.deleted
    where = erased.machine if erased.copied_to is None else f"{erased.machine}, second copy on {erased.copied_to}"
    text = (
        f"{where}: {deleted.objects} objects, {deleted.versions} earlier versions, {deleted.markers} delete "
        f"markers and {deleted.uploads} unfinished uploads erased"
    )
    if erased.locked is not None:
        return (
            f"{text}; {erased.locked.versions} versions are locked by the platform until {erased.locked.until:%Y-%m-%d}"
        )
    return f"{text}, bucket deleted"


def _identify(home: OpenTenant, journal: Journal) -> list[ErasureBegan]:
    """Return every bucket of the tenant on one platform before its erasure; all are checked first."""
    tenant, began = home.tenant, journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    known = {each.machine: each for each in began if each.copied_to == tenant.copied_to}
    standing = list_buckets(tenant, home.buckets)
    seen = [identify_bucket(tenant, home.storage, home.buckets, name) for name in standing]
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


def _destroy_passwords(opened: OpenTenant, journal: Journal, say: OnProgress, refuse: Callable[[], None]) -> None:
    if any(each.what == RepositoryPasswords() for each in journal.read(Step.SECRET_DESTROYED, SecretDestroyed)):
        return
    locked = {each.bucket for each in journal.read(Step.BUCKET_ERASED, BucketErased) if each.locked is not None}
    destroyed = destroying.destroy_data_bundle(opened, refuse=refuse, locked=locked)
    if not destroyed.places and not opened.bucket_homes:
        return  # no machine ever had one
    journal.note(Step.SECRET_DESTROYED, destroyed)
    say(f"the repository passwords are destroyed in {len(destroyed.places)} places: no copy of a backup can be read")
