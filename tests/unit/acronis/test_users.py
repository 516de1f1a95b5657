"""Users on the stand-in service: one login once, and roles of which none is ever dropped by a merge."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.acronis.client import AcronisClient
from coffre.acronis.identifiers import TenantUuid, UserUuid
from coffre.acronis.values.tenants import ContactDetails, Tenant
from coffre.acronis.values.users import Grant, NewUser, Role, User, merge_policies
from coffre.acronis.writing import Making
from coffre.errors import RefusedError
from tests.acronis.running import VendorCloud
from tests.unit.acronis.conftest import new_customer


def new_user(tenant: Tenant, name: str = "agents") -> NewUser:
    login = f"{name}-{tenant.id}"
    contact = ContactDetails(email="agents@durand.example", firstname="Agents", lastname="Durand")
    return NewUser(tenant_id=tenant.id, login=login, contact=contact, language="fr")


@pytest.fixture
def user(client: AcronisClient, customer: Tenant) -> User:
    return client.users.ensure(new_user(customer)).value


def test_a_user_is_created_once(client: AcronisClient, customer: Tenant) -> None:
    new = new_user(customer)
    assert client.users.is_login_free(new.login)
    first, second = client.users.ensure(new), client.users.ensure(new)
    assert (first.making, second.making) == (Making.CREATED, Making.FOUND)
    assert first.value.personal_tenant_id is not None
    assert not first.value.activated
    assert not client.users.is_login_free(new.login)


def test_a_login_of_somebody_else_is_refused(client: AcronisClient, user: User, partner: TenantUuid) -> None:
    other = client.tenants.ensure(new_customer(partner)).value
    with pytest.raises(RefusedError, match="belongs to somebody else"):
        client.users.ensure(NewUser(tenant_id=other.id, login=user.login, contact=ContactDetails(email="a@b.example")))


@pytest.mark.parametrize("login", ["", "anna durand", "anna/../x", "é@durand.example", "a\n"])
def test_a_login_that_no_login_is_comes_nowhere(login: str, customer: Tenant) -> None:
    with pytest.raises(ValueError, match="a login has"):
        NewUser(tenant_id=customer.id, login=login, contact=ContactDetails())


def test_roles_are_added_and_taken_and_others_stay(client: AcronisClient, customer: Tenant, user: User) -> None:
    assert user.personal_tenant_id is not None
    own = Grant(user.personal_tenant_id, Role.BACKUP_USER)
    admin, reader = Grant(customer.id, Role.COMPANY_ADMIN), Grant(customer.id, Role.READONLY_ADMIN)
    assert client.users.grant(user.id, [own, admin]).is_changed
    assert not client.users.grant(user.id, [admin]).is_changed
    before = {each.grant: each.version for each in client.users.read_policies(user.id)}
    assert client.users.grant(user.id, [reader], [admin]).is_changed
    assert {each.grant for each in client.users.read_policies(user.id)} == {own, reader}
    assert own in before


def test_a_mail_goes_to_who_has_no_password_yet(client: AcronisClient, cloud: VendorCloud, user: User) -> None:
    def sent() -> int:
        return sum(each["user_id"] == str(user.id) for each in cloud.tell("read_mails")["mails"])

    assert client.users.send_activation_mail(user.id)
    assert sent() == 1
    cloud.tell("activate_user", user_id=str(user.id), password="of her own")
    assert not client.users.send_activation_mail(user.id)
    assert sent() == 1


def test_a_user_is_suspended_resumed_and_deleted(client: AcronisClient, user: User) -> None:
    assert [client.users.suspend(user.id).is_changed for _ in range(2)] == [True, False]
    assert client.users.resume(user.id).value.enabled
    assert [client.users.delete(user.id) for _ in range(2)] == [True, False]


_TENANTS = [TenantUuid(f"00000000-0000-4000-8000-00000000000{number}") for number in range(3)]
_USER = UserUuid("10000000-0000-4000-8000-000000000000")
_grants = st.lists(
    st.builds(
        Grant, st.sampled_from(_TENANTS), st.sampled_from([Role.COMPANY_ADMIN, Role.READONLY_ADMIN, Role.BACKUP_USER])
    )
)
_held = st.lists(
    st.fixed_dictionaries(
        {
            "tenant_id": st.sampled_from([str(each) for each in _TENANTS]),
            "role_id": st.sampled_from(["company_admin", "readonly_admin", "backup_user", "a_role_of_tomorrow"]),
            "id": st.uuids().map(str),
            "version": st.integers(1, 9),
        },
        optional={"a_field_of_tomorrow": st.integers()},
    ),
    max_size=6,
)


@given(_held, _grants, _grants)
def test_a_merge_drops_nothing_that_it_was_not_told_to(
    held: list[dict[str, Any]], add: list[Grant], remove: list[Grant]
) -> None:
    merged = merge_policies(held, _USER, add, remove)
    whole = held if merged is None else merged
    told = {(str(each.tenant), each.role.value) for each in remove}
    assert [each for each in held if (each["tenant_id"], each["role_id"]) not in told] == [
        each for each in whole if each in held and (each["tenant_id"], each["role_id"]) not in told
    ]
    places = {(each["tenant_id"], each["role_id"]) for each in whole}
    assert {(str(each.tenant), each.role.value) for each in add} <= places
    assert not places & (told - {(str(each.tenant), each.role.value) for each in add})
    assert merge_policies(whole, _USER, add, remove) is None


def test_a_role_that_nobody_knows_is_never_given() -> None:
    with pytest.raises(ValueError, match="unknown Role"):
        merge_policies([], _USER, [Grant(_TENANTS[0], Role.UNKNOWN)])
