"""The parts of a tenant's storage: one for each platform that its machines' agents back up to. Pure."""

from collections.abc import Mapping
from typing import ClassVar

from coffre.spec.machine import AgentKind, Machine, Retirement
from coffre.spec.storage_platform import BUCKETLESS, HOME_OF_AGENT, Platform
from coffre.spec.tenant import Tenant


class PartTenant(Tenant):
    """A tenant on a platform beside its own one: the machines whose agents live there, their licences, their quota."""

    is_part: ClassVar[bool] = True


def is_home(agent: AgentKind, platform: Platform) -> bool:
    """Tell whether an agent backs up to platforms of this kind."""
    home = HOME_OF_AGENT.get(agent)
    return platform.kind not in BUCKETLESS if home is None else platform.kind is home


def _as_there(machine: Machine, platform: Platform) -> Machine | None:
    """Return a machine as a platform has it: retired there if its agent backs up elsewhere now; None if not there."""
    if is_home(machine.agent, platform):
        return machine
    moved = machine.moved_from
    if moved is None or not is_home(moved.agent, platform):
        return None
    kept = Retirement(on=moved.keep_until, keep_until=moved.keep_until)
    return machine.model_copy(update={"agent": moved.agent, "moved_from": None, "retired": kept})


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
    machines = {each: found for each, machine in tenant.machines.items() if (found := _as_there(machine, platform))}
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
