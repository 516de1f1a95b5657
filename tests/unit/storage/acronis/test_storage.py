"""The account as a storage: the owner is a customer, its quota the wall, disabling suspends, and no bucket exists."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.acronis.errors import AmbiguousError, CredentialRefusedError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.tenants import NewTenant, TenantChange
from coffre.errors import RefusedError, RemoteError
from coffre.spec import naming
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import Tenant
from coffre.storage.acronis import customers
from coffre.storage.acronis.layout import tenant_layout
from coffre.storage.acronis.storage import AcronisStorage
from coffre.storage.driver import Storage
from coffre.storage.survey import SurveyedUser
from coffre.storage.values import AccessKey, LicenceFigures, OwnerFacts, PlatformAwayError
from tests.acronis.customers import Desk
from tests.acronis.platforms import new_tenant
from tests.acronis.running import VendorCloud
from tests.contracts.owners import *  # noqa: F403
from tests.contracts.owners import Owned

QUOTA = 100 * 10**9
GIB = 1 << 30
KEY = AccessKey("AKIAEXAMPLE", "x" * 20)


@pytest.fixture
def tenant(desk: Desk, platform: AcronisPlatform) -> Tenant:
    """A tenant with its customer, its licences and its quota there."""
    sold = new_tenant()
    desk.converge(tenant_layout(sold, platform), "Customer", "Service", "OfferingItems")
    desk.forget()
    return sold


@pytest.fixture
def owned(storage: AcronisStorage, tenant: Tenant) -> Owned:
    return Owned(storage, naming.owner_uid(tenant))


def uid_of(tenant: Tenant) -> str:
    return naming.owner_uid(tenant)


def use(desk: Desk, tenant: Tenant, platform: AcronisPlatform, used_bytes: int) -> None:
    layout = tenant_layout(tenant, platform)
    infra = desk.resource("OfferingItems").find(layout.external_id)
    assert infra is not None
    desk.cloud.tell("set_settings", usage_lag_seconds=0)
    desk.cloud.tell(
        "set_usage",
        tenant_id=str(desk.tenant(layout).id),
        name="pw_base_storage",
        value=used_bytes,
        infra_id=infra["storage_uuid"],
    )


def test_an_owner_is_a_customer_with_its_quota_and_use(
    desk: Desk, storage: AcronisStorage, platform: AcronisPlatform, tenant: Tenant
) -> None:
    uid = uid_of(tenant)
    licences = {"workstation": LicenceFigures(12, 0), "server": LicenceFigures(2, 0)}
    assert storage.find_owner(uid) == OwnerFacts(uid, QUOTA, 0, False, (), tenant.name, licences=licences)
    use(desk, tenant, platform, 3 * GIB)
    facts = storage.find_owner(uid, exact=False)
    assert facts is not None
    assert (facts.used_bytes, facts.free_bytes) == (3 * GIB, QUOTA - 3 * GIB)
    assert storage.survey_user(uid) == SurveyedUser(uid, False, ())


def test_the_id_decides_whose_a_name_is(storage: AcronisStorage, tenant: Tenant) -> None:
    renamed = new_tenant(id=tenant.id, slug="martin-et-fils")
    assert storage.find_owner(uid_of(renamed)) is not None
    for other in (
        naming.machine_uid(tenant, "compta-01"),
        f"{uid_of(tenant)}_copy",
        uid_of(new_tenant()),
        tenant.id,
        "coffre-probe",
        "",
    ):
        assert storage.find_owner(other) is None
        assert storage.survey_user(other) is None


def test_a_quota_that_is_not_hard_is_no_wall(desk: Desk, storage: AcronisStorage, platform: AcronisPlatform) -> None:
    sold = new_tenant()
    desk.converge(tenant_layout(sold, platform), "Customer", "Service")
    facts = storage.find_owner(uid_of(sold))
    assert facts is not None
    assert facts.wall_bytes is None


def test_two_customers_with_one_id_are_never_chosen_between(
    desk: Desk, storage: AcronisStorage, platform: AcronisPlatform, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    external_id = tenant_layout(tenant, platform).external_id
    tenants = desk.client.tenants
    monkeypatch.setattr(tenants, "find_by_customer_id", lambda *_: None)
    tenants.ensure(NewTenant(name="Another", parent_id=desk.account.partner, customer_id=external_id))
    with pytest.raises(AmbiguousError, match=external_id):
        storage.find_owner(uid_of(tenant))


def test_suspending_disables_and_may_run_twice(storage: AcronisStorage, desk: Desk, tenant: Tenant) -> None:
    uid = uid_of(tenant)
    assert storage.suspend_user(uid, True)
    assert not storage.suspend_user(uid, True)
    facts = storage.find_owner(uid)
    assert facts is not None
    assert (facts.suspended, facts.wall_bytes) == (True, QUOTA)
    assert storage.suspend_user(uid, False)
    assert not storage.suspend_user(uid, False)
    assert len(desk.writes()) == 2


def test_a_machine_has_no_user_to_suspend(storage: AcronisStorage, desk: Desk, tenant: Tenant) -> None:
    machine = naming.machine_uid(tenant, "compta-01")
    assert not storage.suspend_user(machine, True)
    storage.delete_user(machine)
    storage.delete_user(uid_of(new_tenant()))
    with pytest.raises(RemoteError, match="no such customer"):
        storage.suspend_user(uid_of(new_tenant()), False)
    assert desk.writes() == []


def test_deleting_an_owner_is_refused_for_its_backups_would_go(
    storage: AcronisStorage, desk: Desk, tenant: Tenant
) -> None:
    with pytest.raises(RefusedError, match="its backups would go with it"):
        storage.delete_user(uid_of(tenant))
    assert desk.writes() == []


def test_room_is_never_made_and_so_never_left(storage: AcronisStorage, desk: Desk, tenant: Tenant) -> None:
    with storage.extra_room(uid_of(tenant), GIB):
        facts = storage.find_owner(uid_of(tenant))
        assert facts is not None
        assert facts.wall_bytes == QUOTA
    assert not storage.lower_wall(uid_of(tenant), QUOTA // 2)
    assert desk.writes() == []


def test_owners_are_listed_by_names_with_which_they_are_found(
    storage: AcronisStorage, desk: Desk, platform: AcronisPlatform, tenant: Tenant
) -> None:
    desk.client.tenants.ensure(
        NewTenant(name="Not ours", parent_id=TenantUuid(platform.partner), customer_id="psa:1234567890")
    )
    listed = storage.list_users("")
    [name] = [uid for uid in listed if naming.tenant_id_of(uid) == tenant.id]
    assert name == f"boulangerie-martin-sarl-{tenant.id}"
    assert storage.find_owner(name) is not None
    assert all(naming.owner_of(uid) == uid for uid in listed)
    assert name in storage.list_users("boulangerie-martin-s")
    assert storage.list_users(uid_of(tenant)) == [uid_of(tenant)]
    assert storage.list_users(f"{uid_of(tenant)}.") == []
    assert not any("1234567890" in uid for uid in listed)


@pytest.mark.parametrize(
    ("name", "readable"),
    [("Été & Fils, SARL", "t-fils-sarl"), ("株式会社", "customer"), ("A" * 300, "a" * 29), ("-", "customer")],
)
def test_a_customer_s_name_becomes_a_name_of_a_user(
    desk: Desk, tenant: Tenant, platform: AcronisPlatform, name: str, readable: str
) -> None:
    held = desk.tenant(tenant_layout(tenant, platform)).model_copy(update={"name": name})
    made = customers.name_of(held, tenant.id)
    assert made == f"{readable}-{tenant.id}"
    assert naming.owner_of(made) == made


def test_what_is_ours_is_found_again_after_its_uuid_was_another(
    storage: AcronisStorage, desk: Desk, platform: AcronisPlatform, tenant: Tenant
) -> None:
    """The UUID is remembered, and a customer that was deleted and made again has another one."""
    layout = tenant_layout(tenant, platform)
    assert storage.find_owner(uid_of(tenant)) is not None
    first = desk.tenant(layout).id
    desk.client.tenants.disable(first)
    desk.client.tenants.delete_tenant(first)
    assert storage.find_owner(uid_of(tenant)) is None
    desk.converge(layout, "Customer")
    assert storage.find_owner(uid_of(tenant)) is not None


def test_a_customer_whose_id_was_given_to_another_is_not_taken_for_the_remembered_one(
    storage: AcronisStorage, desk: Desk, platform: AcronisPlatform, tenant: Tenant
) -> None:
    layout = tenant_layout(tenant, platform)
    assert storage.find_owner(uid_of(tenant)) is not None
    desk.client.tenants.update(desk.tenant(layout).id, lambda _: TenantChange(customer_id="theirs:1"))
    assert storage.find_owner(uid_of(tenant)) is None
    assert not storage.suspend_user(uid_of(tenant), True)


def test_the_platform_says_who_and_when_it_is(storage: AcronisStorage, cloud: VendorCloud) -> None:
    host = cloud.url.removeprefix("https://")
    assert storage.list_platform_ids() == [f"acronis:{host}:{cloud.partner_id}"]
    assert storage.endpoint.platform_id == f"acronis:{host}:{cloud.partner_id}"
    assert abs(storage.probe_server_time() - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_lists_buckets_and_keys_lists_none(storage: AcronisStorage, desk: Desk, tenant: Tenant) -> None:
    uid = uid_of(tenant)
    listed = (storage.list_key_ids(uid), storage.list_owned_buckets(uid), storage.list_bucket_facts(uid))
    assert [*itertools.chain(*listed), *storage.list_leftovers(["a-bucket"])] == []
    assert storage.find_bucket("a-bucket") is None
    assert storage.find_daily_bytes("a-bucket") is None
    assert desk.cloud.calls() == []


_REFUSED: dict[str, Callable[[Storage], Any]] = {
    "open_bucket": lambda it: it.open_bucket("a-bucket", KEY),
    "open_eraser": lambda it: it.open_eraser("a-bucket", KEY),
    "stored_bytes": lambda it: it.stored_bytes("a-bucket"),
    "lift_bucket_quota": lambda it: it.lift_bucket_quota("martin", None),
    "share_upload": lambda it: it.share_upload("a-bucket", KEY, "a", 1, 1),
    "share_download": lambda it: it.share_download("a-bucket", KEY, "a", 1),
    "publish_program": lambda it: it.publish_program(Path("x"), "0" * 64),
    "share_program": lambda it: it.share_program("0" * 64, 1),
    "read_program_sha256": lambda it: it.read_program_sha256("0" * 64, 1),
    "add_key": lambda it: it.add_key("martin", KEY),
    "create_key": lambda it: it.create_key("martin"),
    "delete_key": lambda it: it.delete_key("martin", "AKIAEXAMPLE"),
    "list_reachable_buckets": lambda it: it.list_reachable_buckets(KEY),
    "accepts_key": lambda it: it.accepts_key("a-bucket", KEY),
}


@pytest.mark.parametrize("call", _REFUSED)
def test_what_asks_for_a_bucket_or_a_key_is_refused_in_one_sentence(storage: AcronisStorage, call: str) -> None:
    with pytest.raises(RefusedError, match=r"^Acronis has no (buckets|S3 keys), so there is ") as refused:
        _REFUSED[call](storage)
    assert KEY.secret_access_key not in f"{refused.value}{refused.value.hint}"


def test_a_service_that_is_away_is_a_platform_that_is_away(
    storage: AcronisStorage, cloud: VendorCloud, tenant: Tenant
) -> None:
    cloud.fail("status", "/api/2/tenants.*", status=503, times=10_000)
    for call in (storage.find_owner, storage.survey_user, storage.list_users):
        with pytest.raises(PlatformAwayError):
            call(uid_of(tenant))
    with pytest.raises(PlatformAwayError):
        storage.suspend_user(uid_of(tenant), True)
    cloud.tell("clear_faults")
    cloud.fail("status", "/api/2/clients/.*", status=401, times=10_000)
    with pytest.raises(CredentialRefusedError):
        storage.list_platform_ids()
