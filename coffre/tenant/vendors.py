"""The machines of a tenant whose agent is a vendor's, with what the contract says of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from coffre.agents.kinds import find_statement, with_repository
from coffre.agents.statement import VendorStatement
from coffre.errors import RefusedError
from coffre.spec.machine import Machine, MachineKind
from coffre.spec.parts import is_home, of_buckets
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.kinds import driver_of


@dataclass(frozen=True)
class VendorService:
    """What a tenant has of one vendor: the machines in service, by name, and what their agents rest on.

    ``licences`` and ``quota_bytes`` are those of the vendor's part of a space in parts, else the tenant's.
    ``is_whole`` tells that no machine of the tenant has another agent. ``order`` and ``terms_accepted_on`` are those of
    `contract.vendor`; ``portal`` is the address at which the customer restores. All three, and the part of a space, are
    None where the tenant file or platform.yaml does not say.
    """

    statement: VendorStatement
    machines: tuple[str, ...]
    is_whole: bool
    licences: Mapping[MachineKind, int]
    quota_bytes: int | None
    order: str | None
    terms_accepted_on: date | None
    portal: str | None


def list_vendor_services(tenant: Tenant, platforms: Mapping[str, Platform]) -> tuple[VendorService, ...]:
    """Return what a tenant has of each vendor; ``platforms`` may lack its own, when platform.yaml has changed since."""
    active = tenant.active_machines()
    found: dict[VendorStatement, dict[str, Machine]] = {}
    for name, machine in active.items():
        statement = find_statement(machine)
        if statement is not None:
            found.setdefault(statement, {})[name] = machine
    return tuple(
        _describe(tenant, statement, machines, platforms, is_whole=len(machines) == len(active))
        for statement, machines in found.items()
    )


def own_machines(tenant: Tenant) -> dict[str, Machine]:
    """Return the machines in service whose agent is of SMILÉO's own service."""
    return {name: machine for name, machine in tenant.active_machines().items() if find_statement(machine) is None}


def find_outsider(tenant: Tenant, only: str | None = None) -> VendorStatement | None:
    """Return the vendor whose agent makes a command for repositories meaningless; None where SMILÉO can open one.

    ``only`` is one machine, else all of the tenant's machines are meant.
    """
    machines = {name: each for name, each in of_buckets(tenant).machines.items() if only is None or name == only}
    if with_repository(machines):
        return None
    return next((found for each in machines.values() if (found := find_statement(each)) is not None), None)


def refuse_outsider(tenant: Tenant, only: str | None = None) -> None:
    """Refuse (RefusedError) a command for repositories where a vendor keeps the backups in its own format."""
    statement = find_outsider(tenant, only)
    if statement is not None:
        raise RefusedError(
            f"the backups of {tenant.slug if only is None else only} lie at {statement.editor}, in a format that only "
            "its own portal reads",
            f'{statement.guide} says what to do there instead: "What has no meaning there".',
        )


def _describe(
    tenant: Tenant,
    statement: VendorStatement,
    machines: Mapping[str, Machine],
    platforms: Mapping[str, Platform],
    *,
    is_whole: bool,
) -> VendorService:
    agent = next(iter(machines.values())).agent
    named = [name for name in tenant.storage.parts or (tenant.storage.platform,) if name in platforms]
    home = next((name for name in named if is_home(agent, platforms[name])), None)
    part = tenant.storage.parts.get(home or "")
    vendor, is_split = tenant.contract.vendor, bool(tenant.storage.parts)
    return VendorService(
        statement=statement,
        machines=tuple(machines),
        is_whole=is_whole,
        licences=tenant.licences if not is_split else (part.licences or {}) if part is not None else {},
        quota_bytes=tenant.storage.quota_bytes if not is_split else part.quota_bytes if part is not None else None,
        order=None if vendor is None else vendor.order,
        terms_accepted_on=None if vendor is None else vendor.terms_accepted_on,
        portal=None if home is None else driver_of(platforms[home]).describe(platforms[home]).portal,
    )
