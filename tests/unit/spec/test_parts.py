"""The parts of a tenant's storage: nothing of it is lost or counted twice, whatever its machines are."""

from collections import Counter
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from coffre.spec.machine import AgentKind
from coffre.spec.parts import PartTenant, as_before, is_home, of_buckets, parts_of
from coffre.spec.platform import PlatformFile
from coffre.spec.storage_platform import BUCKETLESS
from coffre.spec.tenant import Tenant
from tests.vendor_tenants import PLATFORMS, list_machines, mixed_tenant, vendors_tenant

HOMES = PlatformFile.model_validate(PLATFORMS).platforms
MACHINES = [f"poste-{number:02}" for number in range(1, 9)]
RETIRED = {"on": "2026-12-01", "keep_until": "2027-12-01"}


@st.composite
def mixed(draw: st.DrawFn) -> Tenant:
    """A tenant in two parts: any machines with either agent, some retired, some frozen, and any sizes."""
    agents = {name: draw(st.sampled_from(["restic", "acronis"])) for name in MACHINES[: draw(st.integers(0, 8))]}
    machines = list_machines(agents)
    for name in machines:
        if draw(st.booleans()):
            machines[name]["retired"] = RETIRED
    own, vendors = (draw(st.integers(1, 1 << 30)) for _ in range(2))
    licences = {"workstation": draw(st.integers(1, 9))}
    names = draw(st.permutations(["lab", "editor"]))
    parts: dict[str, Any] = {
        "lab": {"quota": f"{own} KiB"},
        "editor": {"quota": f"{vendors} KiB", "licences": licences},
    }
    storage = {"platform": "lab", "quota": f"{own + vendors} KiB", "parts": {name: parts[name] for name in names}}
    tenant = mixed_tenant(storage=storage, machines=machines, licences={"workstation": 9})
    return tenant.with_frozen(set(draw(st.lists(st.sampled_from(MACHINES)))) & agents.keys())


@given(mixed())
def test_parts_are_the_whole_and_nothing_twice(tenant: Tenant) -> None:
    own, other = parts_of(tenant, HOMES)
    assert (own.storage.platform, other.storage.platform) == ("lab", "editor"), "its own platform comes first"
    assert own.storage.quota_bytes + other.storage.quota_bytes == tenant.storage.quota_bytes
    assert Counter([*own.machines, *other.machines]) == Counter(list(tenant.machines))
    for part in (own, other):
        platform = HOMES[part.storage.platform]
        assert all(is_home(machine.agent, platform) for machine in part.machines.values())
        assert all(part.machines[name] == tenant.machines[name] for name in part.machines)
        assert part.storage.parts == {}
        assert (part.id, part.slug, part.contract, part.plans) == (
            tenant.id, tenant.slug, tenant.contract, tenant.plans,
        )  # fmt: skip
    assert own.frozen_machines | other.frozen_machines == tenant.frozen_machines
    assert own.frozen_machines.isdisjoint(other.frozen_machines)


@given(mixed())
def test_the_licences_of_a_vendors_part_are_those_ordered_for_it(tenant: Tenant) -> None:
    own, other = parts_of(tenant, HOMES)
    assert other.licences == tenant.storage.parts["editor"].licences
    assert own.licences == tenant.licences
    assert isinstance(other, PartTenant)
    assert not isinstance(own, PartTenant)


def test_a_tenant_on_one_platform_is_its_only_part() -> None:
    tenant = vendors_tenant()
    assert parts_of(tenant, HOMES) == (tenant,)


def test_every_agent_has_one_kind_of_home() -> None:
    for agent in AgentKind:
        homes = {name: is_home(agent, platform) for name, platform in HOMES.items()}
        assert sum(homes.values()) == 1, homes
        assert homes["editor"] is (HOMES["editor"].kind in BUCKETLESS and agent is AgentKind.ACRONIS)


def test_a_machine_whose_new_agent_arrives_is_in_both_parts_and_afterwards_its_bucket_is_retired() -> None:
    machines = list_machines({"compta-01": "acronis", "caisse-01": "acronis"})
    machines["compta-01"]["moved_from"] = {"agent": "restic", "keep_until": "2027-03-31"}
    in_file = mixed_tenant(machines=machines)
    arriving = in_file.with_arriving({"compta-01": as_before(in_file.machines["compta-01"])})
    own, other = parts_of(arriving, HOMES)
    assert (own.machines["compta-01"].agent, own.machines["compta-01"].is_retired) == (AgentKind.RESTIC, False)
    assert other.machines["compta-01"] == in_file.machines["compta-01"]
    assert of_buckets(arriving) is arriving
    assert arriving.with_frozen({"compta-01"}).as_arrived().machines == in_file.machines
    own, other = parts_of(in_file, HOMES)
    left = own.machines["compta-01"]
    assert (left.agent, left.retired and left.retired.keep_until) == (AgentKind.RESTIC, date(2027, 3, 31))
    assert other.machines["compta-01"].agent is AgentKind.ACRONIS
    assert of_buckets(in_file).machines["compta-01"] == left
    assert of_buckets(in_file).machines["caisse-01"] == in_file.machines["caisse-01"]
