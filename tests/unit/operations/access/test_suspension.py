"""Machines are shut out and let in on a platform in memory: the policy first, then the order that tells why."""

import pytest

from coffre.errors import RefusedError
from coffre.operations.access.suspension import find_shut_out, set_suspension, settle_suspension, shut_out_early
from coffre.orders.control import GateOrder, find_gate_order
from coffre.spec.access import HELD, SUSPENDED
from coffre.spec.tenant import Tenant
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate

COMPTA, CAISSE, RETIRED = "compta-01", "caisse-01", "vieux-pc"
MACHINES = {
    COMPTA: machine_with(),
    CAISSE: machine_with(),
    RETIRED: machine_with(retired={"on": "2026-11-01", "keep_until": "2027-03-31"}),
}
BLOCKED = {"reference": "TJ-1", "since": "2026-11-20", "kind": "block_access"}


def tenant_of(**changes: object) -> Tenant:
    return tenant_with(machines=MACHINES, **changes)


@pytest.fixture
def estate() -> InMemoryEstate:
    return InMemoryEstate.of_all(tenant_of())


def told(estate: InMemoryEstate, machine: str) -> object:
    return find_gate_order(estate.bucket(machine))


def suspended(estate: InMemoryEstate) -> list[str]:
    return [name for name in MACHINES if estate.bucket(name).is_suspended()]


def test_a_suspended_tenant_has_every_machine_in_service_shut_out_and_told_so(estate: InMemoryEstate) -> None:
    settle_suspension(tenant_of(status="suspended"), estate.buckets)
    assert suspended(estate) == [COMPTA, CAISSE], "a retired machine has no switch"
    assert told(estate, COMPTA) == GateOrder(is_closed=True, reason=SUSPENDED)
    assert told(estate, RETIRED) is None
    before = [estate.bucket(name).list_versions("") for name in MACHINES]
    settle_suspension(tenant_of(status="suspended"), estate.buckets)
    assert [estate.bucket(name).list_versions("") for name in MACHINES] == before, "nothing is written twice"


def test_letting_in_leaves_the_gate_to_the_gate(estate: InMemoryEstate) -> None:
    settle_suspension(tenant_of(hold=BLOCKED), estate.buckets)
    assert told(estate, CAISSE) == GateOrder(is_closed=True, reason=HELD)
    settle_suspension(tenant_of(), estate.buckets)
    assert suspended(estate) == []
    assert told(estate, CAISSE) == GateOrder(is_closed=True, reason=HELD)


def test_it_is_told_whether_anything_changed(estate: InMemoryEstate) -> None:
    assert set_suspension(estate.buckets, COMPTA, SUSPENDED)
    assert not set_suspension(estate.buckets, COMPTA, SUSPENDED)
    assert set_suspension(estate.buckets, COMPTA, HELD), "the order has another reason"
    assert set_suspension(estate.buckets, COMPTA, None)
    assert not set_suspension(estate.buckets, COMPTA, None)


def test_at_the_wall_a_machine_is_told_all_the_same() -> None:
    estate = InMemoryEstate.of(tenant_of(), COMPTA, wall_bytes=10)
    estate.bucket(COMPTA).put("restic/data/x", b"0123456789")
    assert set_suspension(estate.buckets, COMPTA, SUSPENDED)
    assert told(estate, COMPTA) == GateOrder(is_closed=True, reason=SUSPENDED)
    owner = estate.storage.find_owner(estate.buckets.owner_uid)
    assert owner is not None
    assert owner.wall_bytes == 10, "and the wall stands where it stood"


def test_what_is_there_is_shut_out_early_and_nobody_is_let_in() -> None:
    estate = InMemoryEstate.of(tenant_of(), COMPTA)
    tenant = tenant_of(status="suspended")
    shut_out_early(tenant, estate.buckets, estate.buckets.existing())
    assert estate.bucket(COMPTA).is_suspended()
    shut_out_early(tenant_of(), estate.buckets, estate.buckets.existing())
    assert estate.bucket(COMPTA).is_suspended()


def test_a_bucket_without_a_policy_keeps_nobody_else_in(
    estate: InMemoryEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An apply that was killed left it so."""
    opened = estate.bucket(COMPTA)

    def refuse(suspended: bool) -> bool:
        raise RefusedError("it has no policy")

    monkeypatch.setattr(type(opened), "set_suspension", lambda bucket, on: _refuse_or_set(bucket, on, refuse, estate))
    shut_out_early(tenant_of(status="suspended"), estate.buckets, estate.buckets.existing())
    assert suspended(estate) == [CAISSE]


def _refuse_or_set(bucket, on, refuse, estate):  # type: ignore[no-untyped-def]
    return refuse(on) if bucket.name == estate.buckets.name(COMPTA) else bucket._switch("suspension", on)


def test_who_may_not_back_up_is_told_by_what_stands_on_the_platform(estate: InMemoryEstate) -> None:
    both = [COMPTA, CAISSE]
    assert find_shut_out(tenant_of(), estate.buckets, both) == {}
    set_suspension(estate.buckets, CAISSE, SUSPENDED)
    (one,) = find_shut_out(tenant_of(), estate.buckets, both).items()
    assert (one[0], one[1].message) == (CAISSE, "martin: the platform does not let caisse-01 write yet")
    with pytest.raises(RefusedError, match="blocks every access"):
        find_shut_out(tenant_of(hold=BLOCKED), estate.buckets, both)
