"""A hold, placed and settled on a platform in memory: nothing of the tenant expires any more, and that is read back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.errors import BusyError, ExpectedError
from coffre.operations.holds import place
from coffre.operations.holds.settle import find_expiring, settle_expiry
from coffre.spec.tenant import HoldKind, Tenant
from coffre.tenant.holds import RecordedHold, list_recorded, under_recorded
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.log import InMemoryLog
from tests.doubles.storage import MemoryBucket

COMPTA, CAISSE, RETIRED = "compta-01", "caisse-01", "vieux-pc"
MACHINES = {
    COMPTA: machine_with(),
    CAISSE: machine_with(),
    RETIRED: machine_with(retired={"on": "2026-11-01", "keep_until": "2027-03-31"}),
}
HOLD = RecordedHold("TJ-1", date(2026, 11, 20), HoldKind.PRESERVE, "claire@example.org")
BLOCKING = RecordedHold("TJ-2", date(2026, 11, 21), HoldKind.BLOCK_ACCESS, "claire@example.org")


def tenant_of(*holds: RecordedHold) -> Tenant:
    return under_recorded(tenant_with(machines=MACHINES), holds)


@pytest.fixture
def estate() -> InMemoryEstate:
    return InMemoryEstate.of_all(tenant_of())


def test_without_a_hold_nothing_is_touched(estate: InMemoryEstate) -> None:
    settle_expiry(tenant_of(), estate.buckets)
    assert find_expiring(estate.buckets, MACHINES) == {name: ["all", "locks"] for name in MACHINES}


def test_under_a_hold_no_bucket_has_a_rule_that_deletes(estate: InMemoryEstate) -> None:
    settle_expiry(tenant_of(HOLD), estate.buckets)
    assert find_expiring(estate.buckets, MACHINES) == {}, "of a retired machine neither"
    settle_expiry(tenant_of(HOLD), estate.buckets)


def test_only_the_buckets_that_are_there_are_settled() -> None:
    estate = InMemoryEstate.of(tenant_of(), COMPTA)
    settle_expiry(tenant_of(HOLD), estate.buckets, [COMPTA])
    assert find_expiring(estate.buckets, [COMPTA]) == {}


def test_a_rule_that_stands_all_the_same_is_told(estate: InMemoryEstate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryBucket, "clear_expiry_rules", lambda bucket: None)
    with pytest.raises(ExpectedError, match=r"is NOT in force yet: .* compta-01 \(all, locks\)"):
        settle_expiry(tenant_of(HOLD), estate.buckets)


def test_carrying_out_a_hold_that_blocks_shuts_machines_in_service_out_too(estate: InMemoryEstate) -> None:
    assert place.carry_out(tenant_of(HOLD), estate.buckets) == 3
    assert not estate.bucket(COMPTA).is_suspended()
    assert place.carry_out(tenant_of(HOLD, BLOCKING), estate.buckets) == 3
    switches = {name: estate.bucket(name).is_suspended() for name in MACHINES}
    assert switches == {COMPTA: True, CAISSE: True, RETIRED: False}


def test_a_tenant_that_was_never_applied_has_nothing_to_read_back() -> None:
    assert place.carry_out(tenant_of(HOLD), InMemoryEstate.of(tenant_of()).buckets) == 0


@pytest.fixture
def desk(estate: InMemoryEstate, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `place_hold` opens: the tenant without its lock, and again under it, as its holds are by then."""
    log = InMemoryLog()
    found = SimpleNamespace(log=log, estate=estate, is_busy=False)

    @contextmanager
    def open_recorded(checkout: object, slug: str, command: str, on_notice: object) -> Iterator[Any]:
        yield SimpleNamespace(log=log, tenant=tenant_of(), buckets=estate.buckets)

    @contextmanager
    def lock_tenant(
        checkout: object, slug: str, on_notice: object, *, command: str, patience_seconds: float
    ) -> Iterator[Any]:
        if found.is_busy:
            raise BusyError("another command has the tenant")
        tenant = tenant_of(*list_recorded(log))
        yield SimpleNamespace(log=log, tenant=tenant, buckets=estate.buckets, second_copy=None)

    monkeypatch.setattr(place, "open_recorded", open_recorded)
    monkeypatch.setattr(place, "lock_tenant", lock_tenant)
    return found


def place_it(hold: RecordedHold) -> int:
    checkout: Any = None
    return place.place_hold(checkout, "martin", hold, lambda text: None)


def test_a_hold_is_recorded_and_carried_out_by_the_tenant_as_it_is_under_the_lock(desk: Any) -> None:
    assert place_it(HOLD) == 3
    assert [each.reference for each in list_recorded(desk.log)] == ["TJ-1"]
    assert find_expiring(desk.estate.buckets, MACHINES) == {}
    assert place_it(HOLD) == 3, "it may run twice"
    assert len(desk.log.events) == 1


def test_a_hold_counts_from_its_record_on_although_another_command_has_the_tenant(desk: Any) -> None:
    desk.is_busy = True
    with pytest.raises(BusyError, match="the hold is recorded and in force, but rules that delete may still exist"):
        place_it(HOLD)
    assert [each.reference for each in list_recorded(desk.log)] == ["TJ-1"]
    assert find_expiring(desk.estate.buckets, [COMPTA]) == {COMPTA: ["all", "locks"]}
