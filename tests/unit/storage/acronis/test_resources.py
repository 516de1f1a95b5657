"""The provider's resources on the stand-in: only what differs is written, what is used stays, accidents are refused."""

from dataclasses import replace
from typing import Any

import pytest

from coffre.acronis.errors import AmbiguousError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.registration import OwnerScope
from coffre.acronis.values.tenants import ContactDetails, NewTenant, TenantChange
from coffre.acronis.values.users import Grant, Role
from coffre.errors import ExpectedError, RefusedError
from coffre.storage.acronis.layout import CustomerLayout
from coffre.storage.acronis.provider.resources.customer import Customer
from tests.acronis.customers import Desk, layout_of, of_kind

ITEMS = "pw_base_workstations"
GIB = 1 << 30


def make(desk: Desk, *kinds: str) -> CustomerLayout:
    layout = layout_of(desk.cloud)
    desk.converge(layout, *kinds)
    desk.forget()
    return layout


@pytest.fixture
def layout(desk: Desk) -> CustomerLayout:
    """A customer with everything, as a program declares it."""
    return make(desk)


@pytest.fixture
def customer(desk: Desk) -> CustomerLayout:
    """A customer of which only the tenant is there yet."""
    return make(desk, "Customer")


@pytest.fixture
def licensed(desk: Desk) -> CustomerLayout:
    """A customer with its licences, and without users."""
    return make(desk, "Customer", "Service", "OfferingItems")


@pytest.fixture
def staffed(desk: Desk) -> CustomerLayout:
    """A customer with users and roles, and without licences."""
    return make(desk, "Customer", "Service", "User", "AccessPolicies")


def use(desk: Desk, layout: CustomerLayout, name: str, value: int, *, is_known: bool = True) -> None:
    """Have the customer use so much of an item; the vendor's figures know it at once, or in half an hour."""
    desk.cloud.tell("set_settings", usage_lag_seconds=0 if is_known else 1800)
    storage = desk.resource("OfferingItems").find(layout.external_id)
    infra = {"infra_id": storage["storage_uuid"]} if storage and name.endswith("_storage") else {}
    desk.cloud.tell("set_usage", tenant_id=str(desk.tenant(layout).id), name=name, value=value, **infra)


def changed(desk: Desk, kind: str, wanted: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Update a resource from inputs to others, as Pulumi would, and return the new inputs."""
    news, failures = desk.resource(kind).check({**wanted, **changes})
    assert failures == []
    desk.resource(kind).update(news, wanted)
    return news


def test_everything_is_made_in_the_vendors_order_and_a_second_time_nothing_is_written(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    desk.converge(layout)
    wheres = [path.split("/")[-1] for _, path in desk.writes()]
    customer = str(desk.tenant(layout).id)
    user = ["users", "access_policies"]
    assert wheres == ["tenants", "pricing", customer, "offering_items", *user, *user, "send-activation-email"]
    desk.forget()
    without_mail = replace(layout, users=tuple(replace(each, activation_mails=0) for each in layout.users))
    was_there = desk.converge(without_mail)
    assert all(all(each) for each in was_there.values())
    assert desk.writes() == []
    assert len(desk.cloud.calls("/api/2/tenants")) == 1  # the list of all customers


KINDS = ("Customer", "Service", "OfferingItems", "User", "AccessPolicies", "ActivationMail")


def test_what_is_read_back_is_what_was_asked_for(desk: Desk, layout: CustomerLayout) -> None:
    for kind in KINDS:
        resource = desk.resource(kind)
        for wanted in of_kind(layout, kind):
            resource_id = resource.identify(wanted)
            assert resource.diff(resource.read(resource_id, wanted), wanted) == []
            imported = resource.read(resource_id, {})
            assert set(imported) == {*resource.fields, *resource.outputs}
            assert resource.check({name: imported[name] for name in resource.fields})[1] == []
            assert resource.diff(imported, wanted) == []
    assert desk.writes() == []


# --- Customer ---


def test_a_customer_leaves_trial_by_a_second_call(desk: Desk, customer: CustomerLayout) -> None:
    assert desk.client.tenants.read_pricing(desk.tenant(customer).id).mode == "production"
    [wanted] = of_kind(customer, "Customer")
    with pytest.raises(RefusedError, match="no way back to trial"):
        Customer.diff(wanted, {**wanted, "mode": "trial"})


def test_a_change_of_the_customer_keeps_what_others_wrote(desk: Desk, customer: CustomerLayout) -> None:
    """A phone number that the customer put into its contact in the portal is nobody's difference."""
    tenant = desk.tenant(customer).id
    desk.client.tenants.update(tenant, lambda _: TenantChange(contact=ContactDetails(phone="+33 1 02 03 04 05")))
    desk.forget()
    [wanted] = of_kind(customer, "Customer")
    contact = {**wanted["contact"], "lastname": "Petit"}
    wanted = changed(desk, "Customer", wanted, name="Durand et fils", contact=contact)
    assert desk.writes() == [("PUT", f"/api/2/tenants/{tenant}")]
    held = desk.tenant(customer)
    assert (held.name, held.contact.lastname, held.contact.phone) == ("Durand et fils", "Petit", "+33 1 02 03 04 05")
    desk.forget()
    changed(desk, "Customer", wanted)
    assert desk.writes() == []


def test_a_customer_is_disabled_and_enabled_in_place(desk: Desk, customer: CustomerLayout) -> None:
    [wanted] = of_kind(customer, "Customer")
    off = changed(desk, "Customer", wanted, enabled=False)
    assert not desk.tenant(customer).enabled
    changed(desk, "Customer", off, enabled=True)
    assert desk.tenant(customer).enabled


def test_an_unequal_customer_is_refused_by_name_or_taken_when_asked(desk: Desk, customer: CustomerLayout) -> None:
    other = replace(customer, name="Another name", contact={**customer.contact, "firstname": "Marc"})
    [wanted] = of_kind(other, "Customer")
    with pytest.raises(RefusedError, match=r'exists and differs: name is "Customer \d+", not "Another name"; contact'):
        desk.resource("Customer").create(wanted)
    assert desk.writes() == []
    desk.resource("Customer", takes_unequal=True).create(wanted)
    assert desk.tenant(customer).name == "Another name"


def test_a_trial_that_a_creation_left_behind_is_finished(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    [wanted] = of_kind(layout, "Customer")
    desk.cloud.fail("drop", "/api/2/tenants/[^/]+/pricing", times=9)
    with pytest.raises(ExpectedError):
        desk.resource("Customer").create(wanted)
    desk.cloud.tell("clear_faults")
    assert desk.resource("Customer").create(wanted).was_there
    assert desk.client.tenants.read_pricing(desk.tenant(layout).id).mode == "production"


def test_two_customers_of_one_external_id_are_refused_by_all(desk: Desk, customer: CustomerLayout) -> None:
    twin = NewTenant(name="Twin", parent_id=desk.account.partner, customer_id="coffre:other")
    made = desk.client.tenants.ensure(twin).value
    desk.client.tenants.update(made.id, lambda _: TenantChange(customer_id=customer.external_id))
    desk.forget()
    with pytest.raises(AmbiguousError, match=f"2 tenants below .* have the external id {customer.external_id}"):
        desk.converge(customer)
    [wanted] = of_kind(customer, "Customer")
    with pytest.raises(AmbiguousError):
        desk.resource("Customer").delete(wanted)
    assert desk.writes() == []


def test_somebody_elses_customer_of_the_same_name_is_neither_adopted_nor_changed(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    others = NewTenant(name=layout.name, parent_id=desk.account.partner, customer_id="msp:4711")
    other = desk.client.tenants.ensure(others).value
    desk.converge(layout)
    assert desk.tenant(layout).id != other.id
    assert desk.client.tenants.read(other.id) == other


def test_beside_a_namesake_without_an_external_id_nothing_is_created(desk: Desk) -> None:
    """It may be this customer, made by hand: two of it would be billed twice."""
    layout = layout_of(desk.cloud)
    by_hand = NewTenant(name=layout.name.upper(), parent_id=desk.account.partner, customer_id="x")
    tenant = desk.client.tenants.ensure(by_hand).value
    desk.client.tenants.update(tenant.id, lambda _: TenantChange(customer_id=""))
    desk.forget()
    with pytest.raises(RefusedError, match=f"tenant {tenant.id} .* no external id") as refused:
        desk.converge(layout)
    assert layout.external_id in refused.value.hint
    assert desk.writes() == []


def test_an_unused_customer_goes_and_comes_back_new(desk: Desk, layout: CustomerLayout) -> None:
    first = desk.tenant(layout).id
    for kind in reversed(KINDS):
        for wanted in of_kind(layout, kind):
            desk.resource(kind).delete(wanted)
            desk.resource(kind).delete(wanted)  # gone is as good
    assert desk.account.find_customer(layout.external_id) is None
    assert desk.live(layout) == [None] * len(desk.live(layout))
    desk.converge(layout)
    assert desk.tenant(layout).id != first


def test_a_customer_that_uses_anything_is_not_deleted(desk: Desk, licensed: CustomerLayout) -> None:
    use(desk, licensed, "pw_base_storage", 5 * GIB)
    [wanted] = of_kind(licensed, "Customer")
    desk.forget()
    with pytest.raises(RefusedError, match=f"{licensed.external_id} is in use: pw_base_storage {5 * GIB} bytes"):
        desk.resource("Customer").delete(wanted)
    assert desk.writes() == []


def test_a_customer_with_items_on_is_not_deleted_though_the_figures_say_nothing(
    desk: Desk, licensed: CustomerLayout
) -> None:
    """Figures are hours old: the vendor's own check of use comes with switching items off."""
    use(desk, licensed, "pw_base_storage", 5 * GIB, is_known=False)
    [wanted] = of_kind(licensed, "Customer")
    with pytest.raises(RefusedError, match="has offering items that are on: pw_base_servers, pw_base_storage"):
        desk.resource("Customer").delete(wanted)
    [items] = of_kind(licensed, "OfferingItems")
    with pytest.raises(RefusedError, match=f"pw_base_storage has usage {5 * GIB}"):
        desk.resource("OfferingItems").delete(items)
    assert desk.tenant(licensed).enabled


def test_a_customer_with_a_registered_agent_is_not_deleted(desk: Desk, layout: CustomerLayout) -> None:
    register(desk, layout)
    [items], [wanted] = of_kind(layout, "OfferingItems"), of_kind(layout, "Customer")
    desk.resource("OfferingItems").delete(items)
    with pytest.raises(RefusedError, match=r"is in use: 1 registered agent\(s\), 1 machine\(s\)"):
        desk.resource("Customer").delete(wanted)
    assert desk.tenant(layout).enabled


def register(desk: Desk, layout: CustomerLayout) -> None:
    """Register the agent of a machine with the customer's owner of agents."""
    user = desk.resource("User").find(f"{layout.external_id}/{layout.users[0].login}")
    personal = TenantUuid(user["personal_tenant"])
    token = desk.client.registration.create(personal, 3600, [OwnerScope(personal)]).value.token.get_secret_value()
    desk.cloud.tell("register_agent", address=desk.cloud.url, hostname="compta-01", token=token)


# --- OfferingItems ---


def test_one_licence_more_is_one_write_of_one_item(desk: Desk, licensed: CustomerLayout) -> None:
    tenant = desk.tenant(licensed).id
    before = {each.key: each for each in desk.client.offering.read(tenant)}
    [wanted] = of_kind(licensed, "OfferingItems")
    changed(desk, "OfferingItems", wanted, licences={**wanted["licences"], "workstations": 13})
    assert desk.writes() == [("PUT", f"/api/2/tenants/{tenant}/offering_items")]
    after = {each.key: each for each in desk.client.offering.read(tenant)}
    assert [key for key in after if after[key] != before[key]] == [(ITEMS, None)]
    assert (after[ITEMS, None].quota.value, after[ITEMS, None].quota.overage) == (13, 0)


def test_what_is_not_named_is_switched_off_and_what_is_locked_stays(desk: Desk, licensed: CustomerLayout) -> None:
    tenant = str(desk.tenant(licensed).id)
    [wanted] = of_kind(licensed, "OfferingItems")
    changed(desk, "OfferingItems", wanted, licences={"workstations": 12, "vms": 1})
    on = {each.name for each in desk.client.offering.read(desk.tenant(licensed).id) if each.is_on}
    assert on == {ITEMS, "pw_base_vms", "pw_base_storage"}
    desk.cloud.tell("set_item", tenant_id=tenant, name="pw_base_vms", locked=True)
    news = changed(desk, "OfferingItems", wanted, licences={"workstations": 12})
    assert "pw_base_vms" in {each.name for each in desk.client.offering.read(desk.tenant(licensed).id) if each.is_on}
    live = desk.resource("OfferingItems").read(licensed.external_id, news)
    assert desk.resource("OfferingItems").diff(live, news) == []
    with pytest.raises(RefusedError, match="are locked: pw_base_vms"):
        changed(desk, "OfferingItems", wanted, licences={"workstations": 12, "vms": 2})


@pytest.mark.parametrize("is_known", [True, False], ids=["by the figures", "by the vendor's own check"])
@pytest.mark.parametrize(
    ("licences", "words"),
    [
        ({"servers": 2}, ("has 7 in use and is to be switched off", "has usage 7")),
        ({"workstations": 6, "servers": 2}, ("has 7 in use and is to be 6", "has usage 7, over 6")),
    ],
    ids=["switched off", "lowered"],
)
def test_what_is_used_is_not_taken_away(
    desk: Desk, licensed: CustomerLayout, licences: dict[str, int], words: tuple[str, str], is_known: bool
) -> None:
    use(desk, licensed, ITEMS, 7, is_known=is_known)
    before = desk.client.offering.read(desk.tenant(licensed).id)
    [wanted] = of_kind(licensed, "OfferingItems")
    with pytest.raises(RefusedError, match=words[0] if is_known else words[1]):
        changed(desk, "OfferingItems", wanted, licences=licences)
    assert bool(desk.writes()) is not is_known
    assert desk.client.offering.read(desk.tenant(licensed).id) == before


def test_a_quota_goes_down_to_what_is_used_and_not_below(desk: Desk, licensed: CustomerLayout) -> None:
    use(desk, licensed, "pw_base_storage", 5 * GIB)
    [wanted] = of_kind(licensed, "OfferingItems")
    wanted = changed(desk, "OfferingItems", wanted, quota_bytes=5 * GIB)
    with pytest.raises(RefusedError, match=rf"pw_base_storage has {5 * GIB} bytes in use and is to be {5 * GIB - 1} b"):
        changed(desk, "OfferingItems", wanted, quota_bytes=5 * GIB - 1)


def test_a_limit_that_is_not_hard_and_an_item_that_nobody_asked_for_are_seen_and_put_right(
    desk: Desk, licensed: CustomerLayout
) -> None:
    tenant = desk.tenant(licensed).id
    held = {each.key: each for each in desk.client.offering.read(tenant)}
    soft = {"value": 12, "overage": 3, "version": held[ITEMS, None].quota.version}
    application = str(held[ITEMS, None].application_id)
    body = {
        "offering_items": [
            {"application_id": application, "name": ITEMS, "status": 1, "quota": soft},
            {"application_id": application, "name": "local_storage", "status": 1},
        ]
    }
    desk.client._session.set("tamper", "PUT", f"/api/2/tenants/{tenant}/offering_items", body=body)
    resource, [wanted] = desk.resource("OfferingItems"), of_kind(licensed, "OfferingItems")
    live = resource.read(licensed.external_id, wanted)
    assert live["licences"] == {"workstations": -1, "servers": 2, "local_storage": -1}
    changed(desk, "OfferingItems", wanted)
    assert resource.diff(resource.read(licensed.external_id, wanted), wanted) == []


def test_a_storage_is_the_same_by_name_and_by_uuid_and_another_replaces(desk: Desk, licensed: CustomerLayout) -> None:
    resource, [wanted] = desk.resource("OfferingItems"), of_kind(licensed, "OfferingItems")
    storages = desk.cloud.tell("describe")["storages"]
    live = resource.read(licensed.external_id, wanted)
    assert (live["storage"], live["storage_uuid"]) == ("Partner cloud", storages["Partner cloud"])
    assert resource.diff(live, {**wanted, "storage": storages["Partner cloud"]}) == []
    [change] = resource.diff(live, {**wanted, "storage": "Vendor cloud"})
    assert change.replaces
    gone = {**live, "storage": "", "storage_uuid": "", "storage_name": ""}
    [change] = resource.diff(gone, wanted)
    assert not change.replaces  # nothing has to be moved: it is put back in place


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"storage": "No such cloud"}, "no storage has the name or UUID No such cloud; .* Partner cloud"),
        ({"licences": {"workstations": 1, "hosted_exchange": 1}}, "cannot give .*: pw_base_hosted_exchange"),
        ({"edition": "bundled"}, "cannot give of edition bundled: .*bndl_storage"),
    ],
)
def test_what_the_partner_does_not_have_is_refused_before_anything_is_written(
    desk: Desk, changes: dict[str, Any], words: str
) -> None:
    layout = layout_of(desk.cloud, **changes)
    for kind in ("Customer", "Service"):
        desk.resource(kind).create(of_kind(layout, kind)[0])
    desk.forget()
    with pytest.raises(RefusedError, match=words):
        desk.resource("OfferingItems").create(of_kind(layout, "OfferingItems")[0])
    assert desk.writes() == []


def test_what_a_customer_has_it_keeps_when_the_partner_cannot_give_it_any_more(
    desk: Desk, licensed: CustomerLayout, request: pytest.FixtureRequest
) -> None:
    """A storage that the distributor withdrew from the catalogue is no reason to refuse a licence."""
    storage = desk.resource("OfferingItems").find(licensed.external_id)["storage_uuid"]
    item = {"tenant_id": desk.cloud.partner_id, "name": "pw_base_storage", "infra_id": storage}
    request.addfinalizer(lambda: desk.cloud.tell("set_item", **item, status=1))
    desk.cloud.tell("set_item", **item, status=0)
    [wanted] = of_kind(licensed, "OfferingItems")
    changed(desk, "OfferingItems", wanted, licences={"workstations": 13, "servers": 2})
    other = layout_of(desk.cloud)
    desk.converge(other, "Customer", "Service")
    with pytest.raises(RefusedError, match="no storage has the name or UUID Partner cloud"):
        desk.converge(other, "OfferingItems")


def test_items_without_the_service_are_the_vendors_refusal(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    desk.resource("Customer").create(of_kind(layout, "Customer")[0])
    with pytest.raises(RefusedError, match=r"The service is not bound to the tenant.*in use .* nothing"):
        desk.resource("OfferingItems").create(of_kind(layout, "OfferingItems")[0])


def test_a_resource_before_its_customer_says_what_it_depends_on(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    for kind in KINDS[1:]:
        with pytest.raises(ExpectedError, match=f"customer {layout.external_id} does not exist") as refused:
            desk.resource(kind).create(of_kind(layout, kind)[0])
        assert "depend on its Customer" in refused.value.hint


# --- Users and roles ---


def test_a_login_of_another_tenant_is_refused(desk: Desk, staffed: CustomerLayout) -> None:
    other = layout_of(desk.cloud)
    desk.resource("Customer").create(of_kind(other, "Customer")[0])
    [owner, _] = of_kind(staffed, "User")
    with pytest.raises(RefusedError, match=f"login {owner['login']} belongs to somebody else"):
        desk.resource("User").create({**owner, "customer": other.external_id})


def test_a_users_details_change_in_place(desk: Desk, staffed: CustomerLayout) -> None:
    [_, admin] = of_kind(staffed, "User")
    before = desk.resource("User").find(f"{staffed.external_id}/{admin['login']}")
    changed(desk, "User", admin, email="dsi@client.example", language="en", enabled=False)
    after = desk.resource("User").find(f"{staffed.external_id}/{admin['login']}")
    assert (after["email"], after["language"], after["enabled"]) == ("dsi@client.example", "en", False)
    assert after["uuid"] == before["uuid"]
    assert len(desk.writes()) == 1


def test_roles_of_others_stay_when_ours_come_and_go(desk: Desk, staffed: CustomerLayout) -> None:
    tenant, [_, admin] = desk.tenant(staffed).id, of_kind(staffed, "AccessPolicies")
    user = desk.client.users.find_by_login(tenant, admin["login"])
    desk.client.users.grant(user.id, [Grant(tenant, Role.READONLY_ADMIN)])
    resource = desk.resource("AccessPolicies")
    resource_id = resource.identify(admin)
    assert resource.diff(resource.read(resource_id, admin), admin) == []

    wanted = changed(desk, "AccessPolicies", admin, roles={"protection_admin": "customer"})
    roles = {each.role_id.value for each in desk.client.users.read_policies(user.id)}
    assert roles == {"readonly_admin", "protection_admin"}
    resource.delete(wanted)
    assert [each.role_id.value for each in desk.client.users.read_policies(user.id)] == ["readonly_admin"]
    assert resource.read(resource_id, wanted) is None


def test_the_owner_of_agents_keeps_its_role_and_its_user_while_there_are_machines(
    desk: Desk, layout: CustomerLayout
) -> None:
    register(desk, layout)
    desk.forget()
    [roles, _], [owner, admin] = of_kind(layout, "AccessPolicies"), of_kind(layout, "User")
    for kind, state in (("AccessPolicies", roles), ("User", owner)):
        with pytest.raises(RefusedError, match=r"is in use: 1 registered agent\(s\)"):
            desk.resource(kind).delete(state)
    assert desk.writes() == []
    desk.resource("User").delete(admin)
    assert [each.login for each in desk.client.users.list_of_tenant(desk.tenant(layout).id)] == [owner["login"]]


def test_the_activation_mail_goes_once_and_again_only_when_asked(desk: Desk, layout: CustomerLayout) -> None:
    [mail], resource = of_kind(layout, "ActivationMail"), desk.resource("ActivationMail")
    user = desk.client.users.find_by_login(desk.tenant(layout).id, mail["login"])

    def sent() -> int:
        return sum(each["user_id"] == str(user.id) for each in desk.cloud.tell("read_mails")["mails"])

    assert sent() == 1
    assert resource.read(resource.identify(mail), {**mail, "number": 4})["number"] == 4
    mail = changed(desk, "ActivationMail", mail, number=2)
    assert sent() == 2
    mail = changed(desk, "ActivationMail", mail, number=1)
    resource.delete(mail)
    assert sent() == 2
    desk.cloud.tell("activate_user", user_id=str(user.id), password="long enough")
    changed(desk, "ActivationMail", mail, number=3)
    assert sent() == 2


def test_a_service_with_items_stays(desk: Desk, licensed: CustomerLayout) -> None:
    [wanted] = of_kind(licensed, "Service")
    with pytest.raises(RefusedError, match="has offering items that are on"):
        desk.resource("Service").delete(wanted)
    assert desk.resource("Service").find(licensed.external_id) == wanted
