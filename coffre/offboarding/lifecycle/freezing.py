"""The end of the service: machines shut out of their repositories, and let in again when a departure is renounced."""

from coffre.errors import RemoteError
from coffre.offboarding.lifecycle.evidence import Frozen
from coffre.operations.access.gate import settle_gate
from coffre.operations.access.suspension import set_suspension
from coffre.tenant.access import LEFT, find_reason
from coffre.tenant.service import Service


def freeze(service: Service) -> Frozen:
    """Shut every machine in service out of its repository; SMILÉO's key stays. May run twice.

    RemoteError when a policy does not say so afterwards.
    """
    names = list_buckets(service, in_service=True)
    for name in names:
        set_suspension(service.buckets, name, LEFT)
    open_still = [name for name in names if not service.buckets.open(name).is_suspended()]
    if open_still:
        raise RemoteError(
            f"{service.tenant.slug}: {', '.join(open_still)} can still reach the repository",
            "Somebody else writes the policy of these buckets: find out who, then run the same command again.",
        )
    return Frozen(tuple(names))


def thaw(service: Service) -> None:
    """Let every machine in service in again, its user included, as the tenant file says. May run twice."""
    for name in list_buckets(service, in_service=True):
        service.storage.suspend_user(service.machine_uid(name), False)
        set_suspension(service.buckets, name, find_reason(service.tenant))
    settle_gate(service)


def list_buckets(service: Service, *, in_service: bool = False) -> list[str]:
    """Return the machines of the file whose buckets are on the platform, retired ones too unless ``in_service``."""
    machines = service.tenant.active_machines() if in_service else service.tenant.machines
    return service.buckets.existing().among(machines)
