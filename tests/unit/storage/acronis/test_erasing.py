"""The end of a customer: only a disabled one that is as it was when its end was agreed to; and what is left of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.unverified.account import RECOVERY
from coffre.acronis.values.tenants import TenantChange
from coffre.errors import RefusedError, RemoteError
from coffre.spec import naming
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import Tenant
from coffre.storage.acronis.erasing import CustomerEraser
from coffre.storage.acronis.layout import tenant_layout
from coffre.storage.acronis.storage import AcronisStorage
from coffre.storage.ending import OwnerProof, OwnerTrace
from coffre.storage.values import PlatformAwayError
from tests.acronis.customers import Desk
from tests.acronis.platforms import new_tenant
from tests.acronis.running import VendorCloud


def agreed() -> None:
    """Nothing forbids it."""


def held() -> None:
    raise RefusedError("a hold was placed meanwhile")


@pytest.fixture
def tenant(desk: Desk, platform: AcronisPlatform) -> Tenant:
    sold = new_tenant()
    desk.converge(tenant_layout(sold, platform), "Customer", "Service", "OfferingItems")
    return sold


@pytest.fixture
def eraser(storage: AcronisStorage, tenant: Tenant) -> CustomerEraser:
    """What deletes a customer that is disabled by now."""
    uid = naming.owner_uid(tenant)
    assert storage.suspend_user(uid, True)
    return storage.open_owner_eraser(uid)


def prove(eraser: CustomerEraser) -> OwnerProof:
    found = eraser.prove()
    assert found is not None
    return found


def is_there(desk: Desk, proof: OwnerProof) -> bool:
    return desk.client.tenants.find(TenantUuid(proof.uuid)) is not None


def test_a_disabled_customer_is_deleted_and_its_end_can_be_seen(
    desk: Desk, eraser: CustomerEraser, tenant: Tenant
) -> None:
    proof = prove(eraser)
    assert (proof.external_id, proof.name, proof.is_enabled) == (f"coffre:{tenant.id}", tenant.name, False)
    assert (proof.used, proof.below) == ((), 0)
    assert eraser.find_trace(proof) == OwnerTrace(True, True, False, None)
    assert not eraser.find_trace(proof).is_gone
    desk.forget()
    eraser.delete(proof, agreed)
    assert [method for method, _ in desk.writes()] == ["DELETE"]
    trace = eraser.find_trace(proof)
    assert trace.is_gone
    assert trace.deleted_at is not None
    assert abs(trace.deleted_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert trace.recoverable_until == trace.deleted_at + RECOVERY.value
    assert eraser.prove() is None


def test_what_is_in_use_is_shown_to_whom_decides(
    desk: Desk, storage: AcronisStorage, platform: AcronisPlatform, tenant: Tenant, cloud: VendorCloud
) -> None:
    layout = tenant_layout(tenant, platform)
    cloud.tell("set_settings", usage_lag_seconds=0)
    cloud.tell("set_usage", tenant_id=str(desk.tenant(layout).id), name="pw_base_workstations", value=3)
    eraser = storage.open_owner_eraser(naming.owner_uid(tenant))
    assert prove(eraser).used == ("pw_base_workstations 3",)
    cloud.fail("status", "/api/agent_manager/.*", status=403, times=1)
    assert prove(eraser).used == ("pw_base_workstations 3",)


def test_an_enabled_customer_is_refused_whatever_the_proof(desk: Desk, storage: AcronisStorage, tenant: Tenant) -> None:
    eraser = storage.open_owner_eraser(naming.owner_uid(tenant))
    proof = prove(eraser)
    assert proof.is_enabled
    with pytest.raises(RefusedError, match="is enabled"):
        eraser.delete(proof, agreed)
    assert is_there(desk, proof)


def test_a_customer_that_somebody_changed_since_is_refused(
    desk: Desk, eraser: CustomerEraser, platform: AcronisPlatform
) -> None:
    proof = prove(eraser)
    uuid = TenantUuid(proof.uuid)
    desk.client.tenants.update(uuid, lambda _: TenantChange(name="Not this one"))
    for stale in (proof, replace(proof, name="Not this one"), replace(prove(eraser), version=proof.version)):
        with pytest.raises(RefusedError, match="somebody changed customer"):
            eraser.delete(stale, agreed)
    assert is_there(desk, proof)
    eraser.delete(prove(eraser), agreed)
    assert not is_there(desk, proof)


def test_a_change_right_before_the_deletion_is_seen(desk: Desk, eraser: CustomerEraser, cloud: VendorCloud) -> None:
    """The vendor answers with a conflict; what is there by then is not what was agreed to."""
    proof = prove(eraser)
    cloud.fail("race", f"/api/2/tenants/{proof.uuid}", method="DELETE")
    with pytest.raises(RefusedError, match="somebody changed customer"):
        eraser.delete(proof, agreed)
    assert is_there(desk, proof)


def test_the_proof_of_another_customer_deletes_nothing(
    desk: Desk, storage: AcronisStorage, platform: AcronisPlatform, eraser: CustomerEraser
) -> None:
    other = new_tenant()
    desk.converge(tenant_layout(other, platform), "Customer")
    storage.suspend_user(naming.owner_uid(other), True)
    proof, foreign = prove(eraser), prove(storage.open_owner_eraser(naming.owner_uid(other)))
    for wrong in (foreign, replace(foreign, external_id=proof.external_id)):
        with pytest.raises(RefusedError, match=r"the proof is of|is another customer by now"):
            eraser.delete(wrong, agreed)
    assert is_there(desk, proof)
    assert is_there(desk, foreign)


def test_a_hold_that_is_placed_meanwhile_stops_it(desk: Desk, eraser: CustomerEraser) -> None:
    proof = prove(eraser)
    desk.forget()
    with pytest.raises(RefusedError, match="a hold was placed"):
        eraser.delete(proof, held)
    asked: list[int] = []

    def placed_later() -> None:
        asked.append(1)
        if len(asked) > 1:
            held()

    with pytest.raises(RefusedError, match="a hold was placed"):
        eraser.delete(proof, placed_later)
    assert is_there(desk, proof)
    assert desk.writes() == []


@pytest.mark.parametrize("fault", ["drop", "lose"])
def test_a_deletion_that_was_cut_off_is_finished_with_the_same_proof(
    desk: Desk, eraser: CustomerEraser, cloud: VendorCloud, fault: str
) -> None:
    proof = prove(eraser)
    cloud.fail(fault, f"/api/2/tenants/{proof.uuid}", method="DELETE")
    cloud.fail("drop", f"/api/2/tenants/{proof.uuid}", method="DELETE", times=10_000)
    with pytest.raises(PlatformAwayError):
        eraser.delete(proof, agreed)
    cloud.tell("clear_faults")
    eraser.delete(proof, agreed)
    eraser.delete(proof, agreed)
    assert eraser.find_trace(proof).is_gone


def test_a_customer_without_its_external_id_is_still_there(desk: Desk, eraser: CustomerEraser, tenant: Tenant) -> None:
    """Somebody took our id off it in the portal: that is not an erasure."""
    proof = prove(eraser)
    desk.client.tenants.update(TenantUuid(proof.uuid), lambda _: TenantChange(customer_id="theirs:1"))
    with pytest.raises(RefusedError, match="is another customer by now"):
        eraser.delete(proof, agreed)
    trace = eraser.find_trace(proof)
    assert (trace.is_listed, trace.is_answering, trace.is_gone) == (True, True, False)


def test_a_customer_that_was_made_again_is_not_deleted_with_the_old_proof(
    desk: Desk, eraser: CustomerEraser, platform: AcronisPlatform, tenant: Tenant, storage: AcronisStorage
) -> None:
    proof = prove(eraser)
    eraser.delete(proof, agreed)
    desk.converge(tenant_layout(tenant, platform), "Customer")
    storage.suspend_user(naming.owner_uid(tenant), True)
    with pytest.raises(RefusedError, match="is another customer by now"):
        eraser.delete(proof, agreed)
    trace = eraser.find_trace(proof)
    assert (trace.is_listed, trace.is_answering, trace.is_gone) == (True, False, False)


def test_a_deletion_that_takes_its_time_is_no_end_yet(desk: Desk, eraser: CustomerEraser, cloud: VendorCloud) -> None:
    proof = prove(eraser)
    cloud.tell("set_settings", deletion_seconds=3600)
    try:
        eraser.delete(proof, agreed)
        trace = eraser.find_trace(proof)
        assert (trace.is_listed, trace.is_being_deleted, trace.is_gone) == (False, True, False)
        eraser.delete(proof, agreed)
    finally:
        cloud.tell("set_settings", deletion_seconds=0)
    assert eraser.find_trace(proof).is_gone


def test_a_deletion_that_the_vendor_forgot_is_an_error(
    eraser: CustomerEraser, cloud: VendorCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.fail("status", "/api/2/tenants/.*", method="DELETE", status=204, times=1)
    with pytest.raises(RemoteError, match="Acronis still has it"):
        eraser.delete(prove(eraser), agreed)


@pytest.mark.parametrize("name", ["martin", "coffre-probe", "martin-k7f3q9wz2m.compta-01", "martin-k7f3q9wz2m_copy"])
def test_only_an_owner_can_be_erased(storage: AcronisStorage, name: str) -> None:
    with pytest.raises(RefusedError, match="not the name of a tenant's owner"):
        storage.open_owner_eraser(name)
