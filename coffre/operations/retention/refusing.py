"""Of which tenants and machines nothing may be removed by its age."""

from collections.abc import Callable

from coffre.agents.kinds import with_repository
from coffre.errors import RefusedError, UsageError
from coffre.operations.holds.settle import refuse_if_held
from coffre.records.facts.retention import Agreement
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.departure import find_stage
from coffre.tenant.estate.freezes import find_freeze
from coffre.tenant.estate.log import Log


class NotPrunableError(RefusedError):
    """Nothing of this tenant or machine may be removed now, and that is as it should be."""


def check_manner(agreements: frozenset[Agreement], reason: str) -> None:
    """Refuse an agreement without a reason."""
    if agreements and not reason.strip():
        raise UsageError("--agree needs a reason", "Write who agreed to it, and why: --reason TEXT.")


def list_machines_to_prune(tenant: Tenant, only: str | None, existing: Callable[[], list[str]]) -> list[str]:
    """Return the machines in service with a repository, or ``only`` one; a retired one keeps what it has."""
    if only is not None:
        return [only]
    active = set(tenant.active_machines()) & set(with_repository(tenant.machines))
    return [name for name in existing() if name in active]


def refuse_unprunable(tenant: Tenant, log: Log) -> None:
    """Refuse (NotPrunableError) a tenant under a hold, suspended, or at the end of its contract."""
    try:
        refuse_while_blocked(tenant)
        refuse_if_held(tenant, "removing backups by their age")
    except RefusedError as problem:
        raise NotPrunableError(problem.message, problem.hint) from problem
    if tenant.status is not TenantStatus.ACTIVE or find_stage(log) is not None:
        raise NotPrunableError(
            f"{tenant.slug} is {tenant.status.value}: no backup is removed by its age any more",
            "A suspended tenant, and one at the end of its contract, keeps what it has until its own end.",
        )


def refuse_frozen(tenant: Tenant, log: Log, machine: str) -> None:
    """Refuse (NotPrunableError) a machine whose retention is frozen: its good backups may be the old ones."""
    freeze = find_freeze(log, machine)
    if freeze is not None:
        raise NotPrunableError(
            f"{tenant.slug}/{machine}: its retention is frozen since {freeze.since:%Y-%m-%d %H:%M} UTC",
            f"`coffre brake list {tenant.slug}` says why. A person releases it: `coffre brake release`.",
        )
