"""Rules on where the agents of a tenant's machines back up to: its parts, and the kinds of their platforms. Pure."""

from collections import Counter
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
    if not isinstance(storage.get("parts"), Mapping):
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
        hint = "write parts that add up to exactly the quota"
        message = f"the parts have {format_sold(total)} together, and the quota is {format_sold(sold)}"
        yield FileProblem(loc, message, hint, at_key=True)
    for name, part in parts.items():
        for kind, count in block(part, "licences").items():
            granted = block(data, "licences").get(kind, 0)
            if kind in list(MachineKind) and isinstance(count, int) and isinstance(granted, int) and count > granted:
                hint = "write fewer here, or add them to the licences that are sold"
                message = f"{{value}} is more than the {granted} that the tenant has of this kind"
                yield FileProblem((*loc, name, "licences", kind), message, hint)


def check_vendor(data: Data) -> Iterator[FileProblem]:
    """Yield the finding that a vendor's agent is used without the order and the terms of `contract.vendor`."""
    vendors = {agent.value for agent in HOME_OF_AGENT}
    named = [
        name
        for name, machine in blocks(data, "machines").items()
        if vendors & {machine.get("agent"), block(machine, "moved_from").get("agent")} and not is_retired(machine)
    ]
    contract = data.get("contract")
    if named and isinstance(contract, Mapping) and contract.get("vendor") is None:
        message = f"vendor is missing: {named[0]} has an agent that is licensed by its vendor"
        hint = "add vendor: {order: …, terms_accepted_on: 2026-11-02}, the distributor's order and the accepted terms"
        yield FileProblem(("contract",), message, hint, at_key=True)


def is_all_vendors(data: Data) -> bool:
    """Tell whether every machine of one tenant file has a vendor's agent, whose backups Coffre cannot read."""
    agents, vendors = [machine.get("agent") for machine in blocks(data, "machines").values()], list(HOME_OF_AGENT)
    return bool(agents) and all(agent in vendors for agent in agents)


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
        old = None if machine.moved_from is None else machine.moved_from.agent
        if old is not None and not any(is_home(old, platform) for platform in found.values()):
            loc = ("machines", name, "moved_from", "agent")
            yield FileProblem(loc, f"{{value}} has its backups on no platform of {' and '.join(names)}", _hint(old))


def _check_kinds(tenant: Tenant, found: Mapping[str, Platform]) -> Iterator[FileProblem]:
    parts, loc = tenant.storage.parts, ("storage", "parts")
    if tenant.storage.platform in parts:
        yield from _check_buckets(tenant, found)
    kinds = Counter(platform.kind for platform in found.values() if platform.kind in BUCKETLESS)
    if any(count > 1 for count in kinds.values()):
        yield FileProblem(loc, "two parts are of one vendor", "keep one part for each vendor", at_key=True)
    for name, part in parts.items():
        if found[name].kind in BUCKETLESS:
            yield from _check_vendors_part(tenant, name, part.licences or {}, found[name])
        elif part.licences is not None:
            hint = "remove them: only a vendor's platform sells licences"
            yield FileProblem((*loc, name, "licences"), "have no meaning here", hint, at_key=True)
    if not parts and found[tenant.storage.platform].kind in BUCKETLESS:
        yield from _check_undelete_days(tenant)


def _check_buckets(tenant: Tenant, found: Mapping[str, Platform]) -> Iterator[FileProblem]:
    """Yield the finding that not exactly one part has buckets, which is that of the tenant's own platform."""
    with_buckets = [name for name, platform in found.items() if platform.kind not in BUCKETLESS]
    own, loc = tenant.storage.platform, ("storage", "parts")
    if not with_buckets:
        hint = "without a machine that needs buckets, name the vendor's platform as storage.platform, without parts"
        yield FileProblem(loc, "no part has buckets", hint, at_key=True)
    elif len(with_buckets) > 1:
        hint = "keep one of them: a space has at most one part with buckets"
        yield FileProblem(loc, f"{' and '.join(with_buckets)} have buckets", hint, at_key=True)
    elif own not in with_buckets:
        hint = f"write {with_buckets[0]}, which has: the vendor's part stays among the parts"
        yield FileProblem(("storage", "platform"), "{value} has no buckets", hint)


def _check_vendors_part(
    tenant: Tenant, name: str, licences: Mapping[MachineKind, int], platform: Platform
) -> Iterator[FileProblem]:
    loc: Loc = ("storage", "parts", name)
    if tenant.contract.vendor is None and not any(is_home(each.agent, platform) for each in tenant.machines.values()):
        hint = "add vendor: {order: …, terms_accepted_on: 2026-11-02} to the contract"
        yield FileProblem(loc, "its licences have no order: contract.vendor is missing", hint, at_key=True)
    if not any(licences.values()):
        hint = "write the licences that were ordered for it, like licences: {workstation: 4}"
        yield FileProblem(loc, "licences are missing", hint, at_key=True)
        return
    used = Counter(machine.kind for machine in tenant.active_machines().values() if is_home(machine.agent, platform))
    for kind in MachineKind:
        granted = licences.get(kind, 0)
        if used[kind] > granted:
            message = f"{granted} for {kind.value}s, and {used[kind]} in service have this part's agent"
            hint = "order more from the distributor, or retire a machine"
            yield FileProblem((*loc, "licences"), message, hint, at_key=True)


def _check_undelete_days(tenant: Tenant) -> Iterator[FileProblem]:
    if "undelete_days" in tenant.storage.model_fields_set:
        hint = "remove it: a backup that is deleted in the vendor's portal is gone"
        yield FileProblem(("storage", "undelete_days"), "means nothing at a vendor's storage", hint, at_key=True)


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
