"""A customer's bucket as the target of a return, with the customer's own key."""

from coffre.errors import ExpectedError, InvalidFileError
from coffre.offboarding.handover.job import TargetLimits
from coffre.offboarding.handover.targets.carried import BagDestination, CarriedTarget
from coffre.offboarding.handover.targets.rclone import Rclone, Remote
from coffre.spec.leaving import S3Target
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.storage.values import AccessKey
from coffre.tenant.estate.secrets import TenantSecrets

LONGEST_KEY_BYTES = 1024


def bucket_target(
    tenant: Tenant, storage: Storage, secrets: TenantSecrets, target: S3Target, machine: str
) -> CarriedTarget:
    """Return the place of one machine's bag in the customer's bucket."""
    folders = [target.prefix.strip("/"), tenant.slug, machine]
    prefix = "/".join(each for each in folders if each)
    endpoint = target.endpoint.rstrip("/")
    remote = Remote("customer", endpoint, target.region, read_credential(tenant, secrets, target.credential))
    place = BagDestination(
        path=remote.path(target.bucket, prefix),
        shown=f"s3://{target.bucket}/{prefix} ({endpoint})",
        called="the customer's bucket",
        limits=TargetLimits(longest_bytes=LONGEST_KEY_BYTES - len(prefix.encode()) - 1),
    )
    # The platform's authority is trusted in addition to the system's: the customer's bucket may be on that platform.
    return CarriedTarget(machine, place, Rclone([remote], storage.endpoint.ca_file))


def read_credential(tenant: Tenant, secrets: TenantSecrets, name: str) -> AccessKey:
    """Return the customer's S3 key that a tenant file names, stored as ACCESS_KEY_ID:SECRET_ACCESS_KEY."""
    slug = tenant.slug
    value = secrets.control().credentials.get(name)
    if value is None:
        raise ExpectedError(
            f"the return of {slug} names the credential {name}, which is not stored",
            f"Store it with `coffre secrets set {slug} {name}`: ACCESS_KEY_ID:SECRET_ACCESS_KEY.",
        )
    access_key_id, colon, secret = value.get_secret_value().partition(":")
    if not (access_key_id and colon and secret):
        raise InvalidFileError(
            f"the credential {name} of {slug} is not an S3 key",
            f"Store it again with `coffre secrets set {slug} {name}`: ACCESS_KEY_ID:SECRET_ACCESS_KEY.",
        )
    return AccessKey(access_key_id, secret)
