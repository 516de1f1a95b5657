"""Which customer an owner's name means, and what its items and figures come to: pure rules."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.acronis.values.offering import OfferingItem
from coffre.acronis.values.tenants import Tenant
from coffre.acronis.values.usages import Usage
from coffre.spec import naming
from coffre.storage.acronis.customers import (
    describe_owner,
    find_external_id,
    find_tenant_id,
    find_wall,
    name_of,
)

ID = "k7f3q9wz2m"
SERVICE = str(uuid.UUID(int=1))
slugs = st.from_regex(naming.NAME_PATTERN, fullmatch=True)
ids = st.from_regex(naming.ID_PATTERN, fullmatch=True)


def customer(**changes: Any) -> Tenant:
    values = {"id": str(uuid.UUID(int=2)), "version": 1, "name": "Martin", "kind": "customer"}
    return Tenant.model_validate({**values, "customer_id": f"coffre:{ID}", **changes})


def item(name: str = "pw_base_storage", *, is_on: bool = True, quota: dict[str, Any] | None = None) -> OfferingItem:
    values = {"application_id": SERVICE, "name": name, "type": "infra", "infra_id": str(uuid.uuid4())}
    return OfferingItem.model_validate({**values, "status": int(is_on), "quota": quota})


@given(st.text(max_size=400), ids)
def test_every_customer_of_ours_has_a_name_with_which_it_is_found(name: str, tenant_id: str) -> None:
    held = customer(name=name, customer_id=f"coffre:{tenant_id}")
    assert find_tenant_id(held) == tenant_id
    made = name_of(held, tenant_id)
    assert naming.owner_of(made) == made
    assert find_external_id(made) == f"coffre:{tenant_id}"


@given(slugs.filter(lambda slug: not naming.tenant_id_of(slug)), ids)
def test_an_owner_is_told_from_its_machines_and_its_copy(slug: str, tenant_id: str) -> None:
    owner = f"{slug}-{tenant_id}"
    assert find_external_id(owner) == f"coffre:{tenant_id}"
    for other in (f"{owner}.compta-01", f"{owner}_copy", f"{owner}_copy.compta-01", f"{owner}.", slug, f" {owner}"):
        assert find_external_id(other) is None


@pytest.mark.parametrize(
    "external_id", [None, "", "coffre:", f"msp:{ID}", ID, f"coffre:{ID}x", "coffre:KKKKKKKKKK", f"coffre:{ID}\n"]
)
def test_a_customer_of_somebody_else_is_not_ours(external_id: str | None) -> None:
    held = customer(customer_id=external_id)
    assert find_tenant_id(held) is None or held.customer_id == f"coffre:{ID}"


@pytest.mark.parametrize(
    ("items", "wall"),
    [
        ([], None),
        ([item(quota={"value": 10, "overage": 0})], 10),
        ([item(quota={"value": 10, "overage": 5})], 15),
        ([item(quota={"value": 10, "overage": None})], None),
        ([item(quota={"value": None, "overage": None})], None),
        ([item(quota=None)], None),
        ([item(quota={"value": 10, "overage": 0}, is_on=False)], None),
        ([item("pw_base_workstations", quota={"value": 10, "overage": 0})], None),
        ([item("local_storage", quota={"value": 10, "overage": 0})], None),
        ([item(quota={"value": 10, "overage": 0}), item("pg_base_storage", quota={"value": 3, "overage": 0})], 13),
        ([item(quota={"value": 10, "overage": 0}), item(quota={"value": None, "overage": None})], None),
    ],
)
def test_only_a_hard_quota_of_each_storage_is_a_wall(items: list[OfferingItem], wall: int | None) -> None:
    assert find_wall(items) == wall


def test_the_use_is_that_of_the_storages_also_of_one_that_was_switched_off() -> None:
    usages = [
        Usage(name="pw_base_storage", absolute_value=5),
        Usage(name="pg_base_storage", absolute_value=2),
        Usage(name="pw_base_workstations", absolute_value=12),
        Usage(name="local_storage", absolute_value=100),
    ]
    facts = describe_owner("martin-k7f3q9wz2m", customer(enabled=False), [item(is_on=False)], usages)
    assert (facts.used_bytes, facts.wall_bytes, facts.free_bytes) == (7, None, None)
    assert (facts.suspended, facts.buckets, facts.display_name) == (True, (), "Martin")
