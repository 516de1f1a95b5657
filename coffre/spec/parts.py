"""The parts of a tenant's storage: one for each platform that its machines' agents back up to. Pure."""

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from coffre.spec.machine import AgentKind, Machine, Retirement
from coffre.spec.storage_platform import BUCKETLESS, HOME_OF_AGENT, Platform
from coffre.spec.tenant import Tenant

TenantT = TypeVar("TenantT", bound=Tenant)


class PartTenant(Tenant):
    """A tenant on a platform beside its own one: the machines whose agents live there, their licences, their quota."""

    is_part: ClassVar[bool] = True


def is_home(agent: AgentKind, platform: Platform) -> bool:
    """Tell whether an agent backs up to platforms of this kind."""
    home = HOME_OF_AGENT.get(agent)
    return platform.kind not in BUCKETLESS if home is None else platform.kind is home


def leaves_bucket(machine: Machine) -> bool:
    """Tell whether a machine moves from an agent with a bucket to that of a vendor."""
    return machine.moved_from is not None and machine.moved_from.agent not in HOME_OF_AGENT


def as_before(machine: Machine) -> Machine:
    """Return a machine that moves with the agent before, which still backs it up."""
    assert machine.moved_from is not None  # noqa: S101 - asked of machines that move only
    return machine.model_copy(update={"agent": machine.moved_from.agent, "moved_from": None})


def as_left(machine: Machine) -> Machine:
    """Return a machine that moved as the agent before left it: retired, with the backups of that agent."""
    assert machine.moved_from is not None  # noqa: S101 - asked of machines that move only
    keep_until = machine.moved_from.keep_until
    return as_before(machine).model_copy(update={"retired": Retirement(on=keep_until, keep_until=keep_until)})


def of_buckets(tenant: TenantT) -> TenantT:
    """Return a tenant as its buckets have it: a machine that moved on to an agent without one is retired there."""
    left = {name: as_left(machine) for name, machine in tenant.machines.items() if leaves_bucket(machine)}
    return tenant if not left else tenant.model_copy(update={"machines": {**tenant.machines, **left}})


def _as_there(tenant: Tenant, name: str, platform: Platform) -> Machine | None:
    """Return a machine as a platform has it: retired there if its agent backs up elsewhere now; None if not there."""
    machine = tenant.machines[name]
    for each in (machine, tenant.arriving.get(name)):
        if each is not None and is_home(each.agent, platform):
            return each
    moved = machine.moved_from
    return as_left(machine) if moved is not None and is_home(moved.agent, platform) else None


def parts_of(tenant: Tenant, platforms: Mapping[str, Platform]) -> tuple[Tenant, ...]:
    """Return the tenant as each of its platforms has it, its own platform first; itself when it has one only.

    The quota of a part is that part's. Licences of a platform without buckets are those ordered for it; elsewhere
    they are all of the tenant's.
    """
    if not tenant.storage.parts:
        return (tenant,)
    own = tenant.storage.platform
    return tuple(
        _part_of(tenant, name, platforms[name]) for name in sorted(tenant.storage.parts, key=lambda each: each != own)
    )


def _part_of(tenant: Tenant, name: str, platform: Platform) -> Tenant:
    part, is_own = tenant.storage.parts[name], name == tenant.storage.platform
    there = {"platform": name, "quota_bytes": part.quota_bytes, "parts": {}}
    storage = tenant.storage.model_copy(update=there if is_own else {**there, "second_copy": None})
    kind: type[Tenant] = Tenant if is_own else PartTenant
    fields = {field: getattr(tenant, field) for field in Tenant.model_fields}
    machines = {each: found for each in tenant.machines if (found := _as_there(tenant, each, platform))}
    licences = tenant.licences if part.licences is None else part.licences
    changed = {"storage": storage, "machines": machines, "licences": licences}
    return kind.model_construct(**{**fields, **changed}).with_frozen(tenant.frozen_machines & machines.keys())


def machines_of(part: Tenant, tenant: Tenant) -> tuple[str, ...]:
    """Return the machines whose agents back up to a part of the tenant's space; one that has moved away is not."""
    return tuple(name for name, each in part.machines.items() if tenant.machines[name].agent is each.agent)


def agents_of_vendors(platforms: Mapping[str, Platform]) -> dict[str, AgentKind]:
    """Return the platforms of vendors by name, with the one agent that backs up to each."""
    agents = {kind: agent for agent, kind in HOME_OF_AGENT.items()}
    return {name: agents[platform.kind] for name, platform in platforms.items() if platform.kind in agents}
