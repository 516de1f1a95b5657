"""Verifies an erasure by other means than the erasure itself: plain listings, the old keys, a restore.

A check that could not be made is an error, never a passed check: an unreachable platform is not a refusal.
"""

from collections.abc import Iterable, Iterator, Sequence

from coffre.agents.kinds import driver_of, list_repository_formats
from coffre.agents.repository import RepositoryError, RepositoryFormat
from coffre.errors import RemoteError
from coffre.offboarding.erase.checks import (
    Absent,
    ContentsSeen,
    CustomerSeen,
    ErasureCheck,
    ErasureLook,
    KeyAnswer,
    KeyTried,
    Left,
    OwnedBuckets,
    Present,
    RestoreAnswer,
    RestoreTried,
)
from coffre.offboarding.erase.destroying import list_users
from coffre.offboarding.lifecycle.evidence import ErasureBegan, OwnerProved
from coffre.operations.repository import storage_of
from coffre.provisioning.engine.removal import list_stack_files
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import KINDS, ControlBundle, S3Key, entries
from coffre.secrets.identifiers import SecretId
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.storage.ending import OwnerEraser, OwnerProof
from coffre.storage.values import AccessKey, BucketGoneError, PlatformAwayError
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.keys import access_key
from coffre.tenant.opening import OpenTenant

RESTORE_SECONDS = 45.0
"""The time limit of the restore that must fail; the platform refuses a key within a second."""


def verify_emptied(storage: Storage, buckets: TenantBuckets, machines: Iterable[str]) -> list[ErasureCheck]:
    """List the buckets of these machines again, with the owner's key, which must still be accepted. Changes nothing."""
    key = buckets.owner_key()
    names = [buckets.name(machine) for machine in machines]
    listed = sorted(set(storage.list_reachable_buckets(key)) & set(names))
    owned = ErasureCheck(ErasureLook.OWNED, "", not listed, OwnedBuckets(sought=len(names), names=tuple(listed)))
    return [owned, *(_check_contents(storage, name, key) for name in names)]


def verify_gone(home: OpenTenant, erased: Sequence[ErasureBegan]) -> list[ErasureCheck]:
    """Check that buckets, users and keys of one platform are gone, and that nothing can be restored. Changes nothing.

    The bundle with the old keys must still be there, except for a copy that never had a bucket. RemoteError when the
    platform cannot be asked.
    """
    tenant, storage = home.tenant, home.storage
    control = home.secrets.find_control() if tenant.is_copy and not erased else home.secrets.control()
    if control is None:
        return list(_check_users(tenant, storage, None))
    return [
        *_check_buckets(storage, erased),
        *_check_users(tenant, storage, control),
        *try_access_keys(storage, erased[0].bucket if erased else naming.owner_uid(tenant), control),
        *(
            _check_restore(storage, formats, rotations.get_key(control, rotations.OWNER), began)
            for began in erased
            for formats in _list_formats(tenant, began.machine)
        ),
    ]


def verify_machine_gone(opened: OpenTenant, machine: str, began: Sequence[ErasureBegan]) -> list[ErasureCheck]:
    """Check that one machine's bucket, user and password are gone, while the tenant continues. Changes nothing.

    The bucket is also requested with the owner's key, which the platform still accepts. RemoteError when the platform
    cannot be asked.
    """
    checks: list[ErasureCheck] = []
    for home in opened.bucket_homes:
        erased = of_home(home, began)
        checks += _check_buckets(home.storage, erased)
        checks += (_check_contents(home.storage, each.bucket, home.buckets.owner_key()) for each in erased)
    if opened.capabilities.has_buckets:
        checks.append(_check_user(opened.storage, naming.machine_uid(opened.tenant, machine)))
    is_gone = machine not in opened.secrets.data().repository_passwords
    return [*checks, _check_gone(ErasureLook.PASSWORD, machine, is_gone=is_gone)]


def verify_nothing_left(home: OpenTenant, began: Sequence[ErasureBegan]) -> list[ErasureCheck]:
    """Check, after the destruction of its keys, that neither one platform nor this computer has anything of the tenant.

    Owners on platforms without buckets are another function's (`verify_owners_gone`). Letters, certificates and records
    stay and are not checked. Changes nothing. RemoteError when the platform cannot be asked, ExpectedError when the
    escrow is missing.
    """
    tenant, name = home.tenant, naming.stack_name(home.tenant)
    stack = _check_left(ErasureLook.STACK, name, list_stack_files(home.checkout, name))
    on_platform = (
        [*_check_buckets(home.storage, of_home(home, began)), *_check_users(tenant, home.storage, None)]
        if home.capabilities.has_buckets
        else []
    )
    if tenant.is_part:  # it has the bundles of the tenant's own platform
        return [*on_platform, stack]
    bundles = [place for kind in KINDS for place in home.secrets.find_files(kind).places]
    return [*on_platform, _check_left(ErasureLook.BUNDLES, name, bundles), stack]


def verify_owners_gone(opened: OpenTenant, erased: Sequence[OwnerProved]) -> list[ErasureCheck]:
    """Check that the tenant's owners on platforms without buckets are gone: not listed, and not found by their UUID.

    ``erased`` are their proofs. Changes nothing. RemoteError when a platform cannot be asked.
    """
    checks = []
    for home in opened.homes:
        eraser = home.storage.open_owner_eraser(home.buckets.owner_uid)
        if eraser is None:
            continue
        proofs = {each.uuid: each.proof for each in erased if each.platform == home.tenant.storage.platform}
        checks += [_check_customer(eraser, proof) for proof in proofs.values()]
        checks.append(_check_user(home.storage, home.buckets.owner_uid))
    return checks


def _check_customer(eraser: OwnerEraser, proof: OwnerProof) -> ErasureCheck:
    trace = eraser.find_trace(proof)
    seen = CustomerSeen(
        is_listed=trace.is_listed,
        is_answering=trace.is_answering,
        is_being_deleted=trace.is_being_deleted,
        deleted_at=trace.deleted_at,
        recoverable_until=trace.recoverable_until,
    )
    return ErasureCheck(ErasureLook.CUSTOMER, proof.uuid, trace.is_gone, seen)


def of_home(home: OpenTenant, began: Sequence[ErasureBegan]) -> list[ErasureBegan]:
    """Return the buckets of one platform of the tenant."""
    if not home.capabilities.has_buckets:
        return []
    return [each for each in began if each.copied_to == home.tenant.copied_to]


def _check_contents(storage: Storage, name: str, key: AccessKey) -> ErasureCheck:
    try:
        found = storage.open_bucket(name, key).count_contents()
    except BucketGoneError:
        return ErasureCheck(ErasureLook.CONTENTS, name, passed=True, seen=Absent())
    seen = ContentsSeen(versions=found.versions, markers=found.markers, uploads=found.uploads)
    return ErasureCheck(ErasureLook.CONTENTS, name, not found.is_anything, seen)


def _check_buckets(storage: Storage, erased: Sequence[ErasureBegan]) -> Iterator[ErasureCheck]:
    for began in erased:
        facts = storage.find_bucket(began.bucket)
        seen = Absent() if facts is None else Present(owner=facts.owner)
        yield ErasureCheck(ErasureLook.BUCKET, began.bucket, facts is None, seen)
    records = storage.list_leftovers([began.bucket for began in erased])
    for began in erased:
        left = [record for record in records if record.partition(":")[0] == began.bucket]
        look = ErasureLook.RECORD if storage.keeps_bucket_records else ErasureLook.NAME
        yield _check_left(look, began.bucket, left)


def _check_users(tenant: Tenant, storage: Storage, control: ControlBundle | None) -> Iterator[ErasureCheck]:
    machines = set() if tenant.is_copy else set(tenant.machines)  # no machine has a user on the copy's platform
    if control is not None:
        machines |= {*control.machine_keys, *control.old_machine_keys}
    known = {naming.owner_uid(tenant), *(naming.machine_uid(tenant, name) for name in machines)}
    for uid in sorted(known | set(list_users(tenant, storage))):
        yield _check_user(storage, uid)


def _check_user(storage: Storage, uid: str) -> ErasureCheck:
    return _check_gone(ErasureLook.USER, uid, is_gone=storage.find_owner(uid, exact=False) is None)


def try_access_keys(storage: Storage, bucket: str, control: ControlBundle) -> Iterator[ErasureCheck]:
    """Sign a request with every access key of a bundle: it passes when the platform does not know the key."""
    for holder, key in list_access_keys(control):
        tried = _try_key(storage, bucket, key)
        yield ErasureCheck(ErasureLook.KEY, key.access_key_id, tried.answer is KeyAnswer.UNKNOWN, tried, holder)


def list_access_keys(control: ControlBundle) -> Iterator[tuple[SecretId, S3Key]]:
    """Yield every access key of a bundle with its identifier. Pure."""
    for secret, key in entries(control).items():
        if isinstance(key, S3Key):
            yield secret, key


def _try_key(storage: Storage, bucket: str, key: S3Key) -> KeyTried:
    try:
        is_accepted = storage.accepts_key(bucket, access_key(key))
    except PlatformAwayError:
        raise
    except BucketGoneError:
        return KeyTried(answer=KeyAnswer.NO_BUCKET)
    except RemoteError as problem:  # a suspended user, another secret
        return KeyTried(answer=KeyAnswer.REFUSED, said=problem.message)
    return KeyTried(answer=KeyAnswer.ACCEPTED if is_accepted else KeyAnswer.UNKNOWN)


def _check_restore(storage: Storage, formats: RepositoryFormat, owner_key: S3Key, began: ErasureBegan) -> ErasureCheck:
    """Try to open the repository, like the start of a restore, with the old key of the owner.

    The password is destroyed, so any password is used.
    """
    place = storage_of(storage.endpoint, began.bucket, access_key(owner_key), minting.new_password())
    try:
        formats.open(place).snapshots(deadline_seconds=RESTORE_SECONDS)
    except RepositoryError as problem:
        if problem.is_late:
            raise  # it reached its deadline: the platform was away, which proves nothing
        answer = RestoreAnswer.REFUSED if problem.was_refused else RestoreAnswer.FAILED
        return ErasureCheck(
            ErasureLook.RESTORE, began.bucket, problem.was_refused, RestoreTried(answer=answer, said=problem.message)
        )
    return ErasureCheck(ErasureLook.RESTORE, began.bucket, passed=False, seen=RestoreTried(answer=RestoreAnswer.OPENED))


def _list_formats(tenant: Tenant, machine: str) -> list[RepositoryFormat]:
    """Return the formats in which a machine's backups may have been: every one, where the file has it no more."""
    facts = tenant.machines.get(machine)
    if facts is None:
        return list_repository_formats()
    found = driver_of(facts).repositories
    return [] if found is None else [found]


def _check_gone(look: ErasureLook, subject: str, *, is_gone: bool) -> ErasureCheck:
    return ErasureCheck(look, subject, is_gone, Absent() if is_gone else Present())


def _check_left(look: ErasureLook, subject: str, names: Sequence[str]) -> ErasureCheck:
    return ErasureCheck(look, subject, not names, Left(names=tuple(names)))
