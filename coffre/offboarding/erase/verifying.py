"""The verification of an erasure, by another way than the one that erased: plain listings, the old keys, a restore.

A look that could not be made is an error, never a passed check: whoever is away refuses nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from coffre.agents.restic.address import repository_url
from coffre.agents.restic.repository.repository import Repository, ResticError
from coffre.errors import RemoteError
from coffre.offboarding.erase.destroying import list_users
from coffre.offboarding.lifecycle.evidence import Check, ErasureBegan
from coffre.provisioning.engine.removal import list_stack_files
from coffre.secrets import minting
from coffre.secrets.bundles import KINDS, ControlBundle, S3Key, entries
from coffre.spec import naming
from coffre.storage.driver import AccessKey, BucketGoneError, PlatformAwayError
from coffre.tenant.keys import access_key
from coffre.tenant.service import Service

RESTORE_SECONDS = 45.0
"""How long the restore that must fail may try; a refused key is told within a second."""

_REFUSED_BY_PLATFORM = "Access Denied"
"""restic's word for any refusal of the platform (HTTP 403)."""


class Look(StrEnum):
    """What a check looked at: its name is one of these, then the subject. Certificates translate them."""

    CONTENTS = "contents of bucket"
    OWNED = "buckets listed to the owner's key"
    BUCKET = "bucket"
    RECORD = "platform's record of bucket"
    USER = "user"
    KEY = "access key"
    RESTORE = "restore from bucket"
    BUNDLES = "secret bundles of"
    STACK = "stack of"
    PASSWORD = "password of machine"  # noqa: S105 (the name of a check)


def verify_emptied(service: Service, machines: Iterable[str]) -> list[Check]:
    """List the buckets of these machines anew, with the owner's key, which must still be accepted. Touches nothing."""
    key = service.owner_key()
    names = [service.bucket_name(machine) for machine in machines]
    listed = sorted(set(service.storage.list_reachable_buckets(key)) & set(names))
    seen = f"the key is accepted; of {len(names)} buckets it is listed {_or_none(listed)}"
    owned = Check(Look.OWNED, not listed, seen)
    return [owned, *(_check_contents(service, name, key) for name in names)]


def verify_gone(service: Service, control: ControlBundle, erased: Sequence[ErasureBegan]) -> list[Check]:
    """Look that buckets, users and keys are gone, and that nothing can be restored. Touches nothing.

    ``control`` is the bundle with the keys as they were. RemoteError when the platform cannot be asked.
    """
    return [
        *_check_buckets(service, erased),
        *_check_users(service, control),
        *_check_keys(service, control, erased),
        *(_check_restore(service, control.owner_key, began) for began in erased),
    ]


def verify_machine_gone(service: Service, machine: str, erased: Sequence[ErasureBegan]) -> list[Check]:
    """Look that one machine's bucket, user and password are gone, while the tenant goes on. Touches nothing.

    The bucket is asked for with the owner's key too, which the platform still takes. RemoteError when the platform
    cannot be asked.
    """
    uid, tenant = service.machine_uid(machine), service.tenant
    is_gone = service.storage.find_owner(uid, exact=False) is None
    bundle = service.secrets.get_data(tenant.slug, tenant.id)
    is_forgotten = machine not in bundle.repository_passwords
    return [
        *_check_buckets(service, erased),
        *(_check_contents(service, began.bucket, service.owner_key()) for began in erased),
        _check(Look.USER, uid, is_gone, "there is none" if is_gone else "the platform still has it"),
        _check(Look.PASSWORD, machine, is_forgotten, f"the bundle has {'none' if is_forgotten else 'it still'}"),
    ]


def verify_nothing_left(service: Service, erased: Sequence[ErasureBegan]) -> list[Check]:
    """Look, once its keys are destroyed too, that neither platform nor this computer has anything of the tenant left.

    Letters, certificates and records stay and are not looked for. Touches nothing. RemoteError when the platform cannot
    be asked, ExpectedError when the escrow is not there.
    """
    slug = service.tenant.slug
    bundles = [place for kind in KINDS for place in service.secrets.find_files(slug, kind).places]
    stack = list_stack_files(service.repository, slug)
    return [
        *_check_buckets(service, erased),
        *_check_users(service, None),
        _check(Look.BUNDLES, slug, not bundles, f"the secrets folder and the escrow have {_or_none(bundles)}"),
        _check(Look.STACK, slug, not stack, f"Pulumi's folders have {_or_none(stack)}"),
    ]


def _check_contents(service: Service, name: str, key: AccessKey) -> Check:
    try:
        found = service.storage.open_bucket(name, key).count_contents()
    except BucketGoneError:
        return _check(Look.CONTENTS, name, True, "the platform answers that there is no such bucket")
    seen = f"{found.versions} versions, {found.markers} delete markers, {found.uploads} unfinished uploads"
    return _check(Look.CONTENTS, name, not found.is_anything, seen)


def _check_buckets(service: Service, erased: Sequence[ErasureBegan]) -> Iterator[Check]:
    for began in erased:
        facts = service.storage.find_bucket(began.bucket)
        seen = "the administrator is told that there is none" if facts is None else f"it is there, owner {facts.owner}"
        yield _check(Look.BUCKET, began.bucket, facts is None, seen)
    records = service.storage.list_bucket_records([began.bucket for began in erased])
    for began in erased:
        left = [record for record in records if record.partition(":")[0] == began.bucket]
        yield _check(Look.RECORD, began.bucket, not left, f"bucket.instance lists {_or_none(left)}")


def _check_users(service: Service, control: ControlBundle | None) -> Iterator[Check]:
    machines = set(service.tenant.machines)
    if control is not None:
        machines |= {*control.machine_keys, *control.old_machine_keys}
    known = {service.owner_uid, *(naming.machine_uid(service.tenant, name) for name in machines)}
    for uid in sorted(known | set(list_users(service))):
        is_gone = service.storage.find_owner(uid, exact=False) is None
        yield _check(Look.USER, uid, is_gone, "there is none" if is_gone else "the platform still has it")


def _check_keys(service: Service, control: ControlBundle, erased: Sequence[ErasureBegan]) -> Iterator[Check]:
    bucket = erased[0].bucket if erased else service.owner_uid
    for name, key in entries(control).items():
        if isinstance(key, S3Key):
            is_refused, seen = _try_key(service, bucket, key)
            yield _check(Look.KEY, f"{key.access_key_id} ({name})", is_refused, seen)


def _try_key(service: Service, bucket: str, key: S3Key) -> tuple[bool, str]:
    """Sign a request with a key; returns whether the platform knows no such key, and what it said."""
    try:
        is_known = service.storage.accepts_key(bucket, access_key(key))
    except PlatformAwayError:
        raise
    except RemoteError as problem:  # a suspended user, another secret, a bucket that is not there: it knows the key
        return False, problem.message
    return not is_known, "its listing was answered" if is_known else "a signed request is answered: InvalidAccessKeyId"


def _check_restore(service: Service, owner_key: S3Key, began: ErasureBegan) -> Check:
    """Try to open the repository, as a restore does first, with the old key of the owner.

    The password is destroyed, and any stands in for it.
    """
    endpoint = service.storage.endpoint
    repository = Repository(
        url=repository_url(endpoint.url, began.bucket),
        key=access_key(owner_key),
        password=minting.new_password(),
        ca_file=endpoint.ca_file,
        region=endpoint.region,
    )
    try:
        repository.snapshots(deadline_seconds=RESTORE_SECONDS)
    except ResticError as problem:
        if problem.exit_code_of_restic is None:
            raise  # it ran into its deadline: the platform was away, which proves nothing
        is_refused = _REFUSED_BY_PLATFORM in problem.message
        return _check(Look.RESTORE, began.bucket, is_refused, problem.message)
    return _check(Look.RESTORE, began.bucket, False, "restic opened the repository")


def _check(look: Look, subject: str, passed: bool, seen: str) -> Check:
    return Check(f"{look} {subject}", passed, seen)


def _or_none(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
