"""Tenants on the stand-in service: found by our own name, written by version, out of trial, deleted once disabled."""

import pytest

from coffre.acronis.client import AcronisClient
from coffre.acronis.errors import AmbiguousError, ConflictError, GoneError, RightRefusedError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.tenants import (
    ContactDetails,
    NewTenant,
    PricingMode,
    Tenant,
    TenantChange,
    TenantKind,
)
from coffre.acronis.writing import Making
from coffre.errors import RefusedError
from tests.acronis.running import VendorCloud
from tests.unit.acronis.conftest import new_customer

CONTACT = ContactDetails(email="anna@durand.example", firstname="Anna", lastname="Durand", city="Lyon", country="FR")


def test_the_address_of_a_data_center_needs_no_credential(client: AcronisClient, cloud: VendorCloud) -> None:
    client.check_address()
    assert [each["path"] for each in cloud.calls()] == ["/api/2/.well-known/openid-configuration"]


def test_the_client_finds_its_own_tenant(client: AcronisClient, partner: TenantUuid) -> None:
    assert client.tenants.read_client().tenant_id == partner
    assert client.tenants.read(partner).kind is TenantKind.PARTNER


def test_a_customer_is_created_once_and_found_by_our_name(client: AcronisClient, partner: TenantUuid) -> None:
    new = new_customer(partner).model_copy(update={"contact": CONTACT, "language": "fr"})
    first, second = client.tenants.ensure(new), client.tenants.ensure(new)
    assert (first.making, second.making) == (Making.CREATED, Making.FOUND)
    assert first.value.id == second.value.id
    assert first.value.contact is not None
    assert first.value.contact.email == CONTACT.email
    assert first.value.ancestral_access


def test_two_customers_of_one_name_of_ours_are_told_apart_by_nobody(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant, partner: TenantUuid
) -> None:
    other = client.tenants.ensure(new_customer(partner)).value
    client.tenants.update(other.id, lambda _: TenantChange(customer_id=customer.customer_id))
    with pytest.raises(AmbiguousError, match=f"{customer.customer_id}: .*{min(str(customer.id), str(other.id))}"):
        client.tenants.find_by_customer_id(partner, customer.customer_id or "")


def test_a_change_is_written_only_where_it_differs(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    wanted = TenantChange(name="Atelier Durand", contact=CONTACT)
    assert client.tenants.update(customer.id, lambda _: wanted).is_changed
    cloud.tell("forget_journal")
    assert not client.tenants.update(customer.id, lambda _: wanted).is_changed
    assert [each["method"] for each in cloud.calls()] == ["GET"]


def test_a_change_at_the_same_time_is_read_again_and_written_once_more(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    seen = []

    def decide(held: Tenant) -> TenantChange:
        seen.append(held.version)
        if len(seen) == 1:
            cloud.tell("touch_tenant", tenant_id=str(customer.id))
        return TenantChange(name="Durand")

    written = client.tenants.update(customer.id, decide)
    assert written.is_changed
    assert written.value.name == "Durand"
    assert len(seen) == 2
    assert seen[1] == seen[0] + 1


def test_a_change_that_is_never_alone_is_an_error(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    def decide(_: Tenant) -> TenantChange:
        cloud.tell("touch_tenant", tenant_id=str(customer.id))
        return TenantChange(name="Durand")

    with pytest.raises(ConflictError) as raised:
        client.tenants.update(customer.id, decide)
    assert raised.value.status == 409
    assert raised.value.code == "VERSION_CONFLICT"


def test_a_new_customer_leaves_its_trial_once(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    assert client.tenants.read_pricing(customer.id).mode is PricingMode.TRIAL
    first, second = client.tenants.end_trial(customer.id), client.tenants.end_trial(customer.id)
    assert (first.is_changed, second.is_changed) == (True, False)
    assert second.value.mode is PricingMode.PRODUCTION


def test_a_service_is_bound_once_and_the_platform_stays(client: AcronisClient, customer: Tenant) -> None:
    protection = client.tenants.find_protection()
    assert [client.tenants.bind(protection.id, customer.id) for _ in range(2)] == [True, False]
    assert protection.id in client.tenants.list_bound(customer.id)
    platform = next(each for each in client.tenants.list_applications() if each.type.value == "platform")
    with pytest.raises(RefusedError, match="platform"):
        client.tenants.unbind(platform, customer.id)
    assert [client.tenants.unbind(protection, customer.id) for _ in range(2)] == [True, False]


def test_storages_are_named(client: AcronisClient, partner: TenantUuid) -> None:
    infra = client.tenants.list_infra(partner)
    assert {each.name for each in infra} >= {"Partner cloud", "Vendor cloud"}
    assert all(each.is_for_backups for each in infra)
    assert {each.location_id for each in infra} <= {each.id for each in client.tenants.list_locations(partner)}


def test_a_tenant_is_deleted_once_it_is_disabled(client: AcronisClient, partner: TenantUuid, customer: Tenant) -> None:
    with pytest.raises(RefusedError, match="still enabled"):
        client.tenants.delete_tenant(customer.id)
    assert client.tenants.disable(customer.id).is_changed
    assert not client.tenants.disable(customer.id).is_changed
    assert [client.tenants.delete_tenant(customer.id) for _ in range(2)] == [True, False]
    with pytest.raises(GoneError):
        client.tenants.read(customer.id)
    assert client.tenants.find(customer.id) is None
    assert client.tenants.read(customer.id, also_deleted=True).deleted_at is not None
    assert customer.id not in {each.id for each in client.tenants.list_children(partner)}
    assert client.tenants.find_by_customer_id(partner, customer.customer_id or "") is None


def test_a_tenant_that_is_not_the_one_that_was_meant_is_not_deleted(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    """Whoever deletes sees the tenant right before each attempt, also after somebody changed it in between."""
    client.tenants.disable(customer.id)
    meant = client.tenants.read(customer.id)
    seen: list[Tenant] = []

    def confirm(held: Tenant) -> None:
        seen.append(held)
        if held.version != meant.version:
            raise RefusedError("it is another one by now")

    cloud.fail("race", f"/api/2/tenants/{customer.id}", method="DELETE")
    with pytest.raises(RefusedError, match="another one by now"):
        client.tenants.delete_tenant(customer.id, confirm)
    assert [each.version for each in seen] == [meant.version, meant.version + 1]
    assert client.tenants.find(customer.id) is not None
    assert client.tenants.delete_tenant(customer.id, lambda _: None)


def test_what_lies_above_the_client_is_out_of_reach(client: AcronisClient, cloud: VendorCloud) -> None:
    above = TenantUuid(cloud.tell("describe")["distributor_id"])
    with pytest.raises((RightRefusedError, GoneError)):
        client.tenants.read(above)


def test_children_come_page_by_page(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.acronis.session.PAGE_SIZE", 2)
    folder = client.tenants.ensure(
        NewTenant(name="Many", parent_id=partner, kind=TenantKind.FOLDER, customer_id="coffre:many")
    ).value
    made = {client.tenants.ensure(new_customer(folder.id)).value.id for _ in range(5)}
    cloud.tell("forget_journal")
    listed = [each.id for each in client.tenants.list_children(folder.id)]
    assert len(listed) == 5
    assert set(listed) == made == set(client.tenants.list_child_ids(folder.id))
    queries = [each["query"] for each in cloud.calls("/api/2/tenants")]
    assert len(queries) == 3
    assert "parent_id" in queries[0]
    assert all("parent_id" not in each and "after=" in each and "limit=2" in each for each in queries[1:])
