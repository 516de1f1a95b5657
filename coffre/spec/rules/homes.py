"""Rules on where the agents of a tenant's machines back up to: its parts, and the kinds of their platforms. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from coffre.spec.machine import AgentKind, MachineKind
from coffre.spec.parsing.lookup import Data, block, blocks, is_retired
from coffre.spec.parts import is_home
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.storage_platform import BUCKETLESS, HOME_OF_AGENT, Platform
from coffre.spec.tenant import Tenant
from coffre.spec.values.sizes import SizeError, format_sold, parse_size


def check_parts(data: Data) -> Iterator[FileProblem]:
    """Yield the findings on `storage.parts` of one tenant file, without platform.yaml."""
    storage = block(data, "storage")
    if "parts" not in storage:
        return
    parts, loc = blocks(storage, "parts"), ("storage", "parts")
    if len(parts) < 2:
        yield FileProblem(loc, "a space of one part needs no parts", "remove the block", at_key=True)
    own = storage.get("platform")
    if parts and isinstance(own, str) and own not in parts:
        yield FileProblem(loc, f"{own}, the platform of the storage, has no part", "add it", at_key=True)
    sold, sizes = _size(storage.get("quota")), [_size(part.get("quota")) for part in parts.values()]
    total = sum(size for size in sizes if size is not None)
    if sold is not None and parts and None not in sizes and total != sold:
        hint = "the parts add up to exactly the quota that is sold"
        message = f"the parts have {format_sold(total)} together, and the quota is {format_sold(sold)}"
        yield FileProblem(loc, message, hint, at_key=True)
    for name, part in parts.items():
        for kind, count in block(part, "licences").items():
            granted = block(data, "licences").get(kind, 0)
            if kind in list(MachineKind) and isinstance(count, int) and isinstance(granted, int) and count > granted:
                hint = "a part cannot have more licences than the tenant"
                yield FileProblem((*loc, name, "licences", kind), f"{{value}} is more than {granted}", hint)


def check_vendor(data: Data) -> Iterator[FileProblem]:
    """Yield the finding that a vendor's agent is used without the order and the terms of `contract.vendor`."""
    vendors = {agent.value for agent in HOME_OF_AGENT}
    named = [
        name
        for name, machine in blocks(data, "machines").items()
        if machine.get("agent") in vendors and not is_retired(machine)
    ]
    contract = data.get("contract")
    if named and isinstance(contract, Mapping) and contract.get("vendor") is None:
        message = f"vendor is missing: {named[0]} has an agent that is licensed by its vendor"
        hint = "add vendor: {order: …, terms_accepted_on: 2026-11-02}, the distributor's order and the accepted terms"
        yield FileProblem(("contract",), message, hint, at_key=True)


def check_homes(tenant: Tenant, platforms: Mapping[str, Platform]) -> Iterator[FileProblem]:
    """Yield the findings on a valid tenant under platform.yaml: each agent has a part of a kind that it uses."""
    names = list(tenant.storage.parts) or [tenant.storage.platform]
    if any(name not in platforms for name in names):
        for name in tenant.storage.parts:
            if name not in platforms:
                hint = f"the platforms are: {', '.join(platforms)}"
                yield FileProblem(("storage", "parts", name), "is not a platform of platform.yaml", hint, at_key=True)
        return
    found = {name: platforms[name] for name in names}
    yield from _check_kinds(tenant, found)
    yield from _check_copy(tenant, platforms)
    for name, machine in tenant.machines.items():
        if not any(is_home(machine.agent, platform) for platform in found.values()):
            loc: Loc = ("machines", name, "agent")
            yield FileProblem(loc, f"{{value}} does not back up to {' or '.join(names)}", _hint(machine.agent))


def _check_kinds(tenant: Tenant, found: Mapping[str, Platform]) -> Iterator[FileProblem]:
    loc: Loc = ("storage", "parts")
    with_buckets = [name for name, platform in found.items() if platform.kind not in BUCKETLESS]
    if tenant.storage.parts and with_buckets != [tenant.storage.platform]:
        hint = "write the one platform with buckets as storage.platform, and a vendor's one as another part"
        yield FileProblem(loc, "one part, that of storage.platform, has buckets", hint, at_key=True)
    kinds = [platform.kind for platform in found.values()]
    if len(set(kinds)) < len(kinds) and len(with_buckets) < 2:
        yield FileProblem(loc, "two parts are of one vendor", "keep one part for each vendor", at_key=True)
    for name, part in tenant.storage.parts.items():
        is_vendors = found[name].kind in BUCKETLESS
        if is_vendors and not any((part.licences or {}).values()):
            hint = "write the licences that were ordered for it, like licences: {workstation: 4}"
            yield FileProblem((*loc, name), "licences are missing", hint, at_key=True)
        if not is_vendors and part.licences is not None:
            hint = "remove them: only a vendor's platform sells licences"
            yield FileProblem((*loc, name, "licences"), "have no meaning here", hint, at_key=True)
        if is_vendors and part.licences:
            yield from _check_licences(tenant, name, part.licences, found[name])


def _check_licences(
    tenant: Tenant, name: str, licences: Mapping[MachineKind, int], platform: Platform
) -> Iterator[FileProblem]:
    used = [machine.kind for machine in tenant.active_machines().values() if is_home(machine.agent, platform)]
    for kind in MachineKind:
        if used.count(kind) > licences.get(kind, 0):
            message = f"{used.count(kind)} machines need a {kind} licence here, and there are {licences.get(kind, 0)}"
            hint = "order more from the distributor, or retire a machine"
            yield FileProblem(("storage", "parts", name, "licences"), message, hint, at_key=True)


def _check_copy(tenant: Tenant, platforms: Mapping[str, Platform]) -> Iterator[FileProblem]:
    if tenant.second_platform is None:
        return
    ends = (tenant.storage.platform, tenant.second_platform)
    if any(name in platforms and platforms[name].kind in BUCKETLESS for name in ends):
        hint = "remove it: Coffre copies buckets only, and a vendor's storage has none"
        yield FileProblem(("storage", "copy"), "cannot be made of or at a vendor's storage", hint, at_key=True)


def _hint(agent: AgentKind) -> str:
    home = HOME_OF_AGENT.get(agent)
    wanted = "with buckets (ceph, aws)" if home is None else f"of kind {home.value}"
    return f"it needs a platform {wanted}: name one as storage.platform, or in storage.parts"


def _size(value: Any) -> int | None:
    try:
        return parse_size(value) if isinstance(value, str) else None
    except SizeError:
        return None
