"""A machine's restic repository, opened from here through the one door to its password."""

from pathlib import Path

from pydantic import SecretStr

from coffre.agents.restic.address import repository_url
from coffre.agents.restic.repository.damage import Remains
from coffre.agents.restic.repository.new_repository import new_repository
from coffre.agents.restic.repository.repository import Repository
from coffre.observation.key_shapes import is_foreign
from coffre.spec import naming
from coffre.storage.driver import Bucket
from coffre.tenant.passwords import use_password
from coffre.tenant.service import Service
from coffre.workspace.clock import utc_now


def open_repository(service: Service, machine: str, reason: str, cache_dir: Path | None = None) -> Repository:
    """Open a machine's restic repository with the owner's key; records who opens it and why.

    With ``cache_dir`` what is read of its structure is kept there, still encrypted, and read once.
    The platform is asked one thing first: restic would try for 15 minutes to reach one that is down.
    """
    bucket = service.buckets.open(machine)
    bucket.probe_server_time()
    return _repository(service, machine, use_password(service.secrets, service.log, machine, reason), cache_dir)


def make_repository(service: Service, machine: str) -> None:
    """Make the repository of a machine whose bucket holds neither config nor backups; restic then opens it.

    A key file that an initialisation left which was cut off is taken away first, since restic might try it for the new
    config: it opens nothing, and stays as an earlier version.
    """
    bucket = service.buckets.open(machine)
    password = use_password(service.secrets, service.log, machine, "initialise the repository")
    for key in [each.key for each in bucket.walk_objects(f"{naming.RESTIC_PREFIX}keys/")]:
        bucket.hide(key)
    new = new_repository(password, utc_now())
    bucket.put(f"{naming.RESTIC_PREFIX}keys/{new.key_name}", new.key)
    bucket.put(f"{naming.RESTIC_PREFIX}config", new.config)
    _repository(service, machine, password, None).open()


def _repository(service: Service, machine: str, password: SecretStr, cache_dir: Path | None) -> Repository:
    bucket, endpoint = service.buckets.open(machine), service.storage.endpoint
    return Repository(
        url=repository_url(endpoint.url, service.buckets.name(machine)),
        key=service.buckets.owner_key(),
        password=password,
        ca_file=endpoint.ca_file,
        region=endpoint.region,
        cache_dir=cache_dir,
        look=lambda: look_at_remains(bucket),
    )


def look_at_remains(bucket: Bucket) -> Remains:
    """Return what lies in a machine's bucket of a repository; only of one that lacks something the backups too.

    Keys that nothing of ours writes are none of it.
    """
    has_config = bucket.exists(f"{naming.RESTIC_PREFIX}config")
    has_keys = _has_any(bucket, "keys")
    has_backups = not (has_config and has_keys) and _has_any(bucket, "data", "index", "snapshots")
    return Remains(has_config, has_keys, has_backups)


def _has_any(bucket: Bucket, *folders: str) -> bool:
    prefixes = (f"{naming.RESTIC_PREFIX}{folder}/" for folder in folders)
    return any(not is_foreign(each.key) for prefix in prefixes for each in bucket.walk_objects(prefix))
