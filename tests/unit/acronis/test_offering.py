"""Offering items on the stand-in service: all editions, hard quotas with their version, nothing locked or in use."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.acronis.client import AcronisClient
from coffre.acronis.errors import AbsurdAnswerError, AcronisError, ConflictError
from coffre.acronis.identifiers import ApplicationUuid, InfraUuid, TenantUuid
from coffre.acronis.values.offering import (
    ItemChange,
    ItemType,
    Limit,
    OfferingItem,
    Quota,
    differing,
    hard_limit,
)
from coffre.acronis.values.tenants import Tenant
from coffre.errors import RefusedError
from tests.acronis.running import VendorCloud

WORKSTATIONS, STORAGE = "pw_base_workstations", "pw_base_storage"
GIB = 1024**3


@pytest.fixture
def protected(client: AcronisClient, customer: Tenant) -> Tenant:
    """A customer with the service."""
    client.tenants.bind(client.tenants.find_protection().id, customer.id)
    return customer


def change_of(items: Sequence[OfferingItem], name: str, limit: Limit | None, *, is_on: bool = True) -> ItemChange:
    item = next(each for each in items if each.name == name)
    return ItemChange(application_id=item.application_id, name=name, infra_id=item.infra_id, is_on=is_on, limit=limit)


def test_what_a_partner_can_give_has_all_editions_and_storages(client: AcronisClient, partner: TenantUuid) -> None:
    items = client.offering.list_for_child(partner)
    assert {each.edition for each in items} == {None, "pck_per_workload", "pck_per_gigabyte"}
    storages = [each for each in items if each.name == STORAGE]
    assert len(storages) == len({each.infra_id for each in storages}) == 2
    assert all(each.type is ItemType.INFRA for each in storages)


def test_licences_and_a_hard_quota_are_written_once(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, protected: Tenant
) -> None:
    given_items = client.offering.list_for_child(partner)
    wanted = [
        change_of(given_items, WORKSTATIONS, hard_limit(5)),
        change_of(given_items, STORAGE, hard_limit(500 * GIB)),
    ]
    written = client.offering.update(protected.id, lambda _: wanted)
    assert written.is_changed
    by_name = {each.name: each for each in written.value if each.is_on}
    assert by_name[WORKSTATIONS].quota is not None
    assert by_name[WORKSTATIONS].quota.ceiling == 5
    assert by_name[STORAGE].quota is not None
    assert by_name[STORAGE].quota.ceiling == 500 * GIB
    cloud.tell("forget_journal")
    assert not client.offering.update(protected.id, lambda _: wanted).is_changed
    assert {each["method"] for each in cloud.calls()} == {"GET"}
    assert client.offering.update(protected.id, lambda _: [wanted[0].model_copy(update={"limit": hard_limit(6)})])
    assert next(each for each in client.offering.read(protected.id) if each.name == STORAGE).is_on


def test_a_quota_that_changed_meanwhile_is_written_with_its_new_version(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, protected: Tenant
) -> None:
    items = client.offering.list_for_child(partner)
    client.offering.update(protected.id, lambda _: [change_of(items, WORKSTATIONS, hard_limit(5))])
    seen = []

    def decide(held: Sequence[OfferingItem]) -> list[ItemChange]:
        seen.append(held)
        if len(seen) == 1:
            cloud.tell("touch_tenant", tenant_id=str(protected.id))
        return [change_of(items, WORKSTATIONS, hard_limit(7))]

    assert client.offering.update(protected.id, decide).is_changed
    assert len(seen) == 2
    assert "7" in repr([each.quota for each in client.offering.read(protected.id) if each.name == WORKSTATIONS])


def test_an_item_with_use_is_not_switched_off(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, protected: Tenant
) -> None:
    items = client.offering.list_for_child(partner)
    client.offering.update(protected.id, lambda _: [change_of(items, WORKSTATIONS, hard_limit(5))])
    cloud.tell("set_usage", tenant_id=str(protected.id), name=WORKSTATIONS, value=3)
    with pytest.raises(ConflictError, match="3"):
        client.offering.update(protected.id, lambda _: [change_of(items, WORKSTATIONS, None, is_on=False)])


def test_a_locked_item_is_not_even_tried(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, protected: Tenant
) -> None:
    items = client.offering.list_for_child(partner)
    client.offering.update(protected.id, lambda _: [change_of(items, WORKSTATIONS, hard_limit(5))])
    cloud.tell("set_item", tenant_id=str(protected.id), name=WORKSTATIONS, locked=True)
    cloud.tell("forget_journal")
    with pytest.raises(RefusedError, match=WORKSTATIONS):
        client.offering.update(protected.id, lambda _: [change_of(items, WORKSTATIONS, hard_limit(9))])
    assert {each["method"] for each in cloud.calls()} == {"GET"}


def test_the_own_offering_is_refused_in_plain_words(client: AcronisClient, partner: TenantUuid) -> None:
    items = client.offering.read(partner)
    with pytest.raises(AcronisError) as raised:
        client.offering.update(partner, lambda _: [change_of(items, WORKSTATIONS, hard_limit(5))])
    assert raised.value.status == 403
    assert "(HTTP 403)" in raised.value.message
    assert "role" in raised.value.hint


@pytest.mark.parametrize(
    ("quota", "ceiling", "is_hard"),
    [
        (Quota(), None, False),
        (Quota(value=5), None, False),
        (Quota(value=5, overage=0), 5, True),
        (Quota(value=5, overage=2), 7, True),
    ],
)
def test_what_a_quota_means(quota: Quota, ceiling: int | None, is_hard: bool) -> None:
    assert quota.ceiling == ceiling
    assert quota.is_hard == is_hard


_APPLICATION = ApplicationUuid("6e6d758d-8e74-3ae3-ac84-50eb0dff12eb")
_STORAGES = [None, InfraUuid("00000000-0000-4000-8000-000000000001"), InfraUuid("00000000-0000-4000-8000-000000000002")]
_limits = st.builds(Limit, value=st.none() | st.integers(0, 9), overage=st.none() | st.integers(0, 2))
_items = st.lists(
    st.builds(
        OfferingItem,
        application_id=st.just(_APPLICATION),
        name=st.sampled_from("abc"),
        infra_id=st.sampled_from(_STORAGES),
        status=st.integers(0, 1),
        quota=st.none() | st.builds(Quota, value=st.none() | st.integers(0, 9), overage=st.none() | st.integers(0, 2)),
    ),
    unique_by=lambda item: item.key,
)
_wanted = st.lists(
    st.builds(
        ItemChange,
        application_id=st.just(_APPLICATION),
        name=st.sampled_from("abc"),
        infra_id=st.sampled_from(_STORAGES),
        is_on=st.booleans(),
        limit=st.none() | _limits,
    ),
    unique_by=lambda change: change.key,
)


@given(_items, _wanted)
def test_what_is_written_brings_what_is_wanted_and_nothing_twice(
    held: list[OfferingItem], wanted: list[ItemChange]
) -> None:
    by_key = {each.key: each for each in held}
    for change in differing(held, wanted):
        body = change.body(by_key.get(change.key))
        before = by_key.get(change.key) or OfferingItem(
            application_id=_APPLICATION, name=change.name, infra_id=change.infra_id
        )
        by_key[change.key] = OfferingItem.model_validate({**before.model_dump(), **body})
    assert differing(list(by_key.values()), wanted) == []
    assert {key: by_key[key] for key in by_key if key not in {each.key for each in wanted}} == {
        each.key: each for each in held if each.key not in {change.key for change in wanted}
    }


def test_the_items_of_all_below_a_tenant_are_those_of_each(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, protected: Tenant
) -> None:
    items = client.offering.list_for_child(partner)
    client.offering.update(protected.id, lambda _: [change_of(items, WORKSTATIONS, hard_limit(5))])
    cloud.tell("forget_journal")
    found = client.offering.read_below(partner)
    assert len(cloud.calls()) == 1
    assert found[protected.id] == client.offering.read(protected.id)
    assert found[partner] == client.offering.read(partner)


@pytest.mark.parametrize("old", ['"tenant_id"', '"offering_items"', '"items"'])
def test_a_list_of_items_in_another_form_is_no_list_of_items(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, protected: Tenant, old: str
) -> None:
    cloud.fail("replace", "/api/2/tenants/offering_items", old=old, new='"other"')
    with pytest.raises(AbsurdAnswerError):
        client.offering.read_below(partner)
