"""Opens a machine's repository from this computer, through the only access to its password."""

from pathlib import Path

from pydantic import SecretStr

from coffre.agents.kinds import repositories_of
from coffre.agents.repository import BucketStorage, Part, Remains, Repository, RepositoryLayout
from coffre.records.facts.password_uses import PasswordReason, RoutineTask, RoutineUse
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Bucket, Storage
from coffre.storage.values import AccessKey, Endpoint
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.passwords import use_password
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now


def open_repository(
    opened: OpenTenant, machine: str, reason: PasswordReason, cache_dir: Path | None = None
) -> Repository:
    """Open a machine's repository with the owner's key; records who opens it and why.

    With ``cache_dir`` its structure is cached there, still encrypted, and read once.
    The platform gets one request first: the agent's program may retry for a long time when the platform is down.
    """
    bucket = opened.buckets.open(machine)
    bucket.probe_server_time()
    return _repository(
        opened.tenant,
        opened.storage,
        opened.buckets,
        machine,
        use_password(opened.secrets, opened.log, machine, reason),
        cache_dir,
    )


def make_repository(opened: OpenTenant, machine: str) -> None:
    """Create the repository of a machine whose bucket has neither config nor backups, then open it.

    A key file of an interrupted initialisation is hidden first, since it might be tried with the new config: it opens
    nothing, and stays as an earlier version.
    """
    bucket = opened.buckets.open(machine)
    reason = RoutineUse(RoutineTask.MAKE_REPOSITORY)
    password = use_password(opened.secrets, opened.log, machine, reason)
    formats = repositories_of(machine, opened.machine(machine))
    for key in [each.key for each in bucket.walk_objects(formats.layout.prefix_of(Part.KEYS))]:
        bucket.hide(key)
    for key, content in formats.make(password, utc_now()):
        bucket.put(key, content)
    _repository(opened.tenant, opened.storage, opened.buckets, machine, password, None).open()


def _repository(
    tenant: Tenant, storage: Storage, buckets: TenantBuckets, machine: str, password: SecretStr, cache_dir: Path | None
) -> Repository:
    bucket = buckets.open(machine)
    place = storage_of(storage.endpoint, bucket.name, buckets.owner_key(), password)
    formats = repositories_of(machine, find_machine(of_buckets(tenant), machine))
    return formats.open(place, cache_dir=cache_dir, look=lambda: look_at_remains(bucket, formats.layout))


def storage_of(endpoint: Endpoint, bucket: str, key: AccessKey, password: SecretStr | None) -> BucketStorage:
    """Return a bucket of the tenant's platform in the form of an agent's repository."""
    return BucketStorage(
        endpoint_url=endpoint.url,
        region=endpoint.region,
        bucket=bucket,
        ca_file=endpoint.ca_file,
        access_key_id=key.access_key_id,
        secret_access_key=SecretStr(key.secret_access_key),
        repository_password=password,
        programs_bucket=endpoint.programs_bucket,
    )


def look_at_remains(bucket: Bucket, layout: RepositoryLayout) -> Remains:
    """Return the remains of a repository in a machine's bucket; backups are only checked when another part is missing.

    Foreign keys are ignored.
    """
    has_config = bucket.exists(layout.prefix_of(Part.CONFIG))
    has_keys = _has_any(bucket, layout, Part.KEYS)
    has_backups = not (has_config and has_keys) and _has_any(bucket, layout, Part.DATA, Part.INDEX, Part.SNAPSHOTS)
    return Remains(has_config, has_keys, has_backups)


def _has_any(bucket: Bucket, layout: RepositoryLayout, *parts: Part) -> bool:
    prefixes = (layout.prefix_of(part) for part in parts)
    return any(layout.find(each.key) is not None for prefix in prefixes for each in bucket.walk_objects(prefix))
