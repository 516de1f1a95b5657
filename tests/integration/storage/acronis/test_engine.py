"""A tenant at Acronis through the engine of an apply, with a real Pulumi: what its file says, and nothing twice.

One tenant lives through its changes in the tests' order.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.tenants import TenantChange
from coffre.errors import ExpectedError
from coffre.provisioning.engine.stack import TenantStack
from coffre.spec.storage_platform import AcronisPlatform
from coffre.storage.acronis.connect import open_session
from coffre.storage.acronis.declaration import AcronisDeclaration
from coffre.storage.acronis.driver import AcronisDriver
from coffre.storage.acronis.storage import AcronisStorage
from coffre.storage.acronis.survey import AcronisSurvey
from coffre.storage.platform import placeholder_keys
from coffre.storage.survey import Part
from tests.acronis.customers import Desk, access_of
from tests.acronis.platforms import new_tenant, platform_of
from tests.acronis.running import VendorCloud, vendor_cloud

SOLD = new_tenant()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory) -> Iterator[VendorCloud]:
    with vendor_cloud(tmp_path_factory.mktemp("acronis")) as running:
        yield running
        running.assert_all_as_described()


@pytest.fixture(scope="module")
def desk(cloud) -> Iterator[Desk]:
    with Desk.open(cloud) as opened:
        yield opened


@pytest.fixture(scope="module")
def platform(cloud, tmp_path_factory) -> AcronisPlatform:
    return platform_of(cloud, tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> TenantStack:
    return new_stack(tmp_path_factory.mktemp("stack"))


def new_stack(folder: Path) -> TenantStack:
    # In a folder of its own a stack needs no checkout.
    return TenantStack(None, "martin", None, scratch=folder)  # type: ignore[arg-type]


def declare(platform: AcronisPlatform, **changes: Any) -> AcronisDeclaration:
    tenant = SOLD if not changes else new_tenant(id=SOLD.id, **changes)
    return AcronisDriver().declare(tenant, platform, Path("/nowhere"), placeholder_keys(tenant, ()))


def up(stack: TenantStack, declaration: AcronisDeclaration, **options: Any) -> set[tuple[str, str]]:
    """Apply, and return what was done to resources of each kind."""
    return {(each.operation, each.kind) for each in stack.up(declaration, lambda _: None, **options)}


def survey(stack: TenantStack, desk: Desk, declaration: AcronisDeclaration):
    with closing(AcronisSurvey(open_session(access_of(desk.cloud)), TenantUuid(desk.cloud.partner_id))) as opened:
        return stack.survey(declaration, opened)


def test_a_tenant_is_made_by_its_file_and_a_second_apply_asks_pulumi_nothing(desk, platform, stack):
    declaration = declare(platform)
    planned = stack.preview(declaration)
    assert {each.operation for each in planned} == {"create"}
    assert desk.writes() == []
    done = up(stack, declaration)
    assert {kind for _, kind in done} == {
        "Customer",
        "Service",
        "OfferingItems",
        "User",
        "AccessPolicies",
        "ActivationMail",
    }
    desk.forget()
    assert stack.preview(declaration) == []
    assert up(stack, declaration) == set()
    seen = survey(stack, desk, declaration)
    assert (seen.has_state, seen.is_declared, list(seen.seen.drift)) == (True, True, [])
    assert desk.writes() == []


def test_the_state_itself_tells_what_is_declared(desk, platform, stack):
    """Without the note of the last apply, as on another computer."""
    declaration = declare(platform)
    stack._settlement.note.unlink()
    assert survey(stack, desk, declaration).is_declared
    assert not survey(stack, desk, declare(platform, licences={"workstation": 13, "server": 2})).is_declared
    assert up(stack, declaration) == set()


def test_what_somebody_changed_in_the_portal_is_drift_and_put_back(desk, platform, stack):
    declaration = declare(platform)
    tenant = desk.tenant(declaration.customer).id
    desk.client.tenants.update(tenant, lambda _: TenantChange(name="Somebody's name"))
    [drift] = survey(stack, desk, declaration).seen.drift
    assert (drift.part, drift.path, drift.found) == (Part.USER, "display_name", "Somebody's name")
    assert up(stack, declaration) == {("update", "Customer")}
    assert list(survey(stack, desk, declaration).seen.drift) == []


def test_more_licences_and_a_larger_quota_are_a_change_of_the_file(desk, platform, stack):
    storage = {"platform": "vendor", "quota": "200 Go"}
    declaration = declare(platform, licences={"workstation": 20, "server": 2}, storage=storage)
    [planned] = stack.preview(declaration)
    assert {each.path for each in planned.properties} == {"licences.workstations", "quota_bytes"}
    assert up(stack, declaration) == {("update", "OfferingItems")}
    with closing(AcronisStorage(open_session(access_of(desk.cloud)), TenantUuid(platform.partner))) as opened:
        facts = opened.find_owner(declaration.owner_uid)
    assert facts is not None
    assert facts.wall_bytes == 200 * 10**9
    up(stack, declare(platform))


def test_a_suspension_by_the_file_disables_the_customer(desk, platform, stack):
    assert up(stack, declare(platform, status="suspended")) == {("update", "Customer")}
    assert not desk.tenant(declare(platform).customer).enabled
    assert up(stack, declare(platform)) == {("update", "Customer")}
    assert desk.tenant(declare(platform).customer).enabled


def test_a_lost_state_is_found_again_and_nothing_is_made_twice(desk, platform, tmp_path):
    declaration, lost = declare(platform), new_stack(tmp_path)
    seen = survey(lost, desk, declaration)
    assert (seen.has_state, list(seen.seen.users)) == (False, [declaration.owner_uid])
    desk.forget()
    assert {operation for operation, _ in up(lost, declaration)} == {"adopt", "create"}
    # Whether a mail went out nobody can look up: it is the one thing that is done once more.
    assert [path.rpartition("/")[2] for _, path in desk.writes()] == ["send-activation-email"]


def test_a_quota_below_the_use_is_refused_with_the_figures(desk, platform, stack):
    declaration = declare(platform)
    infra = desk.resource("OfferingItems").find(declaration.customer.external_id)
    desk.cloud.tell("set_settings", usage_lag_seconds=0)
    desk.cloud.tell(
        "set_usage",
        tenant_id=str(desk.tenant(declaration.customer).id),
        name="pw_base_storage",
        value=50 * 10**9,
        infra_id=infra["storage_uuid"],
    )
    smaller = declare(platform, storage={"platform": "vendor", "quota": "10 Go"})
    with pytest.raises(ExpectedError, match="50000000000 bytes in use"):
        stack.up(smaller, lambda _: None)
    assert up(stack, declaration) == set()
