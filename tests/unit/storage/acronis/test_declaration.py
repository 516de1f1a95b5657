"""Whether a state is what a tenant's file declares, and how a customer differs from it, without Pulumi."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coffre.acronis.errors import CredentialRefusedError
from coffre.acronis.values.tenants import TenantChange
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import Tenant
from coffre.storage.acronis.declaration import AcronisDeclaration
from coffre.storage.acronis.driver import AcronisDriver
from coffre.storage.acronis.layout import tenant_layout
from coffre.storage.acronis.provider.dispatch import RESOURCES
from coffre.storage.acronis.provider.scope import declare_all
from coffre.storage.platform import RecordedResource, placeholder_keys
from coffre.storage.survey import Part, ResourceDrift
from coffre.storage.values import PlatformAwayError
from tests.acronis.customers import Desk
from tests.acronis.platforms import new_tenant
from tests.acronis.running import VendorCloud

TOKENS = {kind: token for token, kind in RESOURCES.items()}


def declare(tenant: Tenant, platform: AcronisPlatform) -> AcronisDeclaration:
    return AcronisDriver().declare(tenant, platform, Path("/nowhere"), placeholder_keys(tenant, ()))


def recorded(declaration: AcronisDeclaration) -> list[RecordedResource]:
    """Return the resources as a state has them after an apply."""
    found = []
    for kind, given in declare_all(declaration.customer):
        inputs: dict[str, Any] = kind.check(given)[0]
        found.append(RecordedResource(f"urn::{kind.__name__}", TOKENS[kind], kind.identify(inputs), inputs))
    return found


def find_drift(declaration: AcronisDeclaration, resources: Sequence[RecordedResource]) -> list[ResourceDrift]:
    return declaration.find_drift(resources, lambda _: None)


@pytest.fixture
def applied(desk: Desk, platform: AcronisPlatform) -> AcronisDeclaration:
    """A tenant that was applied."""
    declaration = declare(new_tenant(), platform)
    desk.converge(declaration.customer)
    desk.forget()
    return declaration


def test_a_state_of_the_same_resources_is_what_is_declared(platform: AcronisPlatform) -> None:
    declaration = declare(new_tenant(), platform)
    resources = recorded(declaration)
    assert declaration.is_recorded(resources, lambda _: None)
    assert declaration.is_recorded(resources[::-1], lambda _: None)
    for place, one in enumerate(resources):
        assert not declaration.is_recorded([*resources[:place], *resources[place + 1 :]], lambda _: None)
        for name in one.inputs:
            other = replace(one, inputs={**one.inputs, name: "another"})
            changed = [*resources[:place], other, *resources[place + 1 :]]
            assert not declaration.is_recorded(changed, lambda _: None)
    unknown = RecordedResource("urn::x", "acronis:index:Odd", "x", {})
    assert not declaration.is_recorded([*resources, unknown], lambda _: None)


def test_the_digest_is_that_of_the_file_and_not_of_keys(platform: AcronisPlatform) -> None:
    tenant = new_tenant()
    digest = declare(tenant, platform).digest
    assert declare(tenant, platform).digest == digest
    for changes in ({"licences": {"workstation": 13, "server": 2}}, {"status": "suspended"}, {"name": "Another"}):
        assert declare(new_tenant(id=tenant.id, **changes), platform).digest != digest


def test_a_tenant_as_it_was_applied_has_no_drift(desk: Desk, applied: AcronisDeclaration) -> None:
    assert find_drift(applied, recorded(applied)) == []
    assert desk.writes() == []
    asked = [each["path"] for each in desk.cloud.calls()]
    assert "/api/2/tenants/offering_items" not in asked  # those of all customers are for a look at many
    assert len([each for each in asked if each.endswith(("/offering_items", "/tenants", "/applications"))]) == 4


def test_each_difference_is_named_with_what_was_sold(desk: Desk, applied: AcronisDeclaration) -> None:
    layout, tenant = applied.customer, desk.tenant(applied.customer).id
    users = {each.login: each for each in desk.client.users.list_of_tenant(tenant)}
    administrator = users[layout.users[1].login]
    raised = replace(layout, quota_bytes=2 * layout.quota_bytes, licences={**layout.licences, "servers": 5})
    desk.converge(raised, "OfferingItems", takes_unequal=True)
    desk.client.tenants.update(tenant, lambda _: TenantChange(enabled=False))
    policies = [each.grant for each in desk.client.users.read_policies(administrator.id)]
    desk.client.users.grant(administrator.id, (), policies)
    desk.client.users.suspend(users[layout.users[0].login].id)
    uid, logins = applied.owner_uid, [each.login for each in layout.users]
    assert find_drift(applied, recorded(applied)) == [
        ResourceDrift(Part.SUSPENSION, uid, "", False, True),
        ResourceDrift(Part.LICENCES, uid, "licences.servers", 2, 5),
        ResourceDrift(Part.WALL, uid, "", layout.quota_bytes, 2 * layout.quota_bytes),
        ResourceDrift(Part.ACCOUNT, uid, f"{logins[0]}.enabled", True, False),
        ResourceDrift(Part.USER_POLICY, uid, logins[1]),
    ]


def test_a_customer_that_is_gone_is_missing_with_all_it_had(desk: Desk, applied: AcronisDeclaration) -> None:
    tenant = desk.tenant(applied.customer).id
    desk.client.tenants.disable(tenant)
    desk.client.tenants.delete_tenant(tenant)
    found = find_drift(applied, recorded(applied))
    assert len(found) == len(recorded(applied))
    assert found[0] == ResourceDrift(Part.USER, applied.owner_uid)
    assert ResourceDrift(Part.WALL, applied.owner_uid, "", applied.customer.quota_bytes) in found
    assert not any(each.problem for each in found)


def test_a_refused_read_is_shown_and_the_rest_read_all_the_same(
    desk: Desk, cloud: VendorCloud, applied: AcronisDeclaration
) -> None:
    cloud.fail("status", ".*/offering_items", status=403, times=10)
    [found] = find_drift(applied, recorded(applied))
    assert (found.part, found.holder) == (Part.LICENCES, applied.owner_uid)
    assert "HTTP 403" in found.problem


def test_an_unknown_resource_is_no_reason_to_stop(applied: AcronisDeclaration) -> None:
    unknown = RecordedResource("urn:x::odd", "acronis:index:Odd", "x", {})
    assert find_drift(applied, [unknown]) == [ResourceDrift(Part.OTHER, applied.owner_uid, "odd")]


def test_nothing_is_known_while_the_service_is_away_or_lets_nobody_in(
    cloud: VendorCloud, applied: AcronisDeclaration, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.fail("status", "/api/2/tenants.*", status=400, times=1)
    assert [each.problem for each in find_drift(applied, recorded(applied))[:1]] != [""]
    cloud.fail("status", "/api/2/idp/token", status=401, times=100)
    with pytest.raises(CredentialRefusedError):
        find_drift(applied, recorded(applied))
    away = replace(applied, platform=applied.platform.model_copy(update={"url": "https://127.0.0.1:9"}))
    with pytest.raises(PlatformAwayError):
        find_drift(away, recorded(applied))


def test_the_provider_serves_what_is_declared_and_nothing_else(platform: AcronisPlatform, tmp_path: Path) -> None:
    declaration = declare(new_tenant(), platform)
    with declaration.served(tmp_path / "provider.sock", takes_unequal=False) as provider:
        assert provider.package == "acronis"
        assert provider.adopted == set()
        assert (tmp_path / "provider.sock").exists()
    assert declaration.plugin_terms({}) is None
    assert declaration.beside(()) is declaration
    assert tenant_layout(new_tenant(), platform).external_id != declaration.customer.external_id
