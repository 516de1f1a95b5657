"""The end of the service: denies machines access to their repositories, and restores it for a renounced departure."""

from coffre.errors import RemoteError
from coffre.offboarding.lifecycle.evidence import Frozen
from coffre.operations.access.gate import settle_gate
from coffre.operations.access.suspension import set_suspension
from coffre.tenant.access import LEFT, find_reason
from coffre.tenant.service import Service


def freeze(service: Service) -> Frozen:
    """Deny every machine in service access to its repository; SMILÉO's key still works. May run twice.

    RemoteError when a policy does not show this afterwards.
    """
    names = list_buckets(service, in_service=True)
    for name in names:
        set_suspension(service.buckets, name, LEFT)
    open_still = [name for name in names if not service.buckets.open(name).is_suspended()]
    if open_still:
        raise RemoteError(
            f"{service.tenant.slug}: {', '.join(open_still)} can still reach the repository",
            "Somebody else changes the policy of these buckets: find out who, then run the same command again.",
        )
    return Frozen(tuple(names))


def thaw(service: Service) -> None:
    """Restore the access of every machine in service, and its user, by the tenant file. May run twice."""
    for name in list_buckets(service, in_service=True):
        service.storage.suspend_user(service.machine_uid(name), False)
        set_suspension(service.buckets, name, find_reason(service.tenant))
    settle_gate(service)


def list_buckets(service: Service, *, in_service: bool = False) -> list[str]:
    """Return the machines of the file with a bucket on the platform, also retired ones unless ``in_service``."""
    machines = service.tenant.active_machines() if in_service else service.tenant.machines
    return service.buckets.existing().among(machines)
