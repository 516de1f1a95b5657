"""Agents, plans, alerts, activities and use, on the stand-in service, within one customer."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.acronis.calls.agents import AgentFilter
from coffre.acronis.client import AcronisClient
from coffre.acronis.errors import GoneError
from coffre.acronis.identifiers import AgentId, PolicyId, ResourceId, TenantNumber, TenantUuid
from coffre.acronis.values.agents import Agent, Health, OsFamily, newest_of
from coffre.acronis.values.monitoring import ResultCode, Severity
from coffre.acronis.values.offering import ItemChange, hard_limit
from coffre.acronis.values.policies import MACHINE_BACKUP
from coffre.acronis.values.registration import OwnerScope, PlanScope, RegistrationToken
from coffre.acronis.values.tenants import Tenant
from coffre.acronis.values.users import Grant, Role, User
from tests.acronis.running import VendorCloud
from tests.unit.acronis.test_users import new_user

HOUR_SECONDS = 3600
GIB = 1024**3


@dataclass
class Site:
    """A customer with licences, an owner of agents, a plan, and the calls within it."""

    cloud: VendorCloud
    customer: Tenant
    owner: User
    plan: PolicyId
    calls: AcronisClient

    @property
    def personal(self) -> TenantUuid:
        assert self.owner.personal_tenant_id is not None
        return self.owner.personal_tenant_id

    def register(self, token: RegistrationToken, hostname: str) -> tuple[AgentId, ResourceId]:
        asked = {"address": self.cloud.url, "hostname": hostname, "token": token.token.get_secret_value()}
        made = self.cloud.tell("register_agent", **asked)
        return AgentId(made["agent_id"]), ResourceId(made["resource_id"])


@pytest.fixture
def site(client: AcronisClient, cloud: VendorCloud, customer: Tenant, partner: TenantUuid) -> Site:
    client.tenants.bind(client.tenants.find_protection().id, customer.id)
    storage = next(each for each in client.tenants.list_infra(partner) if each.name == "Partner cloud")
    wanted = [
        ItemChange(application_id=each.application_id, name=each.name, infra_id=each.infra_id, limit=hard_limit(limit))
        for each in client.offering.list_for_child(partner)
        for name, limit in (("pw_base_servers", 3), ("pw_base_storage", 10 * GIB))
        if each.name == name and each.infra_id in (None, storage.id)
    ]
    client.offering.update(customer.id, lambda _: wanted)
    owner = client.users.ensure(new_user(customer)).value
    assert owner.personal_tenant_id is not None
    client.users.grant(owner.id, [Grant(owner.personal_tenant_id, Role.BACKUP_USER)])
    plan = cloud.tell("make_plan", tenant_id=str(customer.id), name="Every day", modules=[MACHINE_BACKUP])["policy_id"]
    return Site(cloud, customer, owner, PolicyId(plan), client.within(customer.id))


@pytest.fixture
def token(site: Site) -> RegistrationToken:
    return site.calls.registration.create(site.personal, HOUR_SECONDS, [OwnerScope(site.personal)]).value


def test_a_registration_token_pairs_the_ids_of_its_tenant_and_ends(site: Site, token: RegistrationToken) -> None:
    assert token.tenant_uuid == site.personal
    assert isinstance(token.tenant_id, TenantNumber)
    left = token.expires_at - datetime.now(UTC)
    assert timedelta(minutes=50) < left <= timedelta(minutes=61)
    assert token.id in {each.id for each in site.calls.registration.list_of_tenant(site.personal)}
    assert [site.calls.registration.delete(token.id) for _ in range(2)] == [True, False]
    assert token.token.get_secret_value() not in repr(token)


@pytest.mark.parametrize(("seconds", "has_scope"), [(0, True), (366 * 86400, True), (HOUR_SECONDS, False)])
def test_a_token_for_ever_or_for_nothing_is_not_asked_for(site: Site, seconds: int, has_scope: bool) -> None:
    with pytest.raises(ValueError, match="registration token"):
        site.calls.registration.create(site.personal, seconds, [OwnerScope(site.personal)] if has_scope else [])


def test_an_agent_is_listed_once_it_registered_and_gone_once_it_is_deleted(
    site: Site, client: AcronisClient, token: RegistrationToken
) -> None:
    agent, _ = site.register(token, "srv-1")
    (listed,) = site.calls.agents.list_all()
    assert (listed.id, listed.hostname, listed.online) == (agent, "srv-1", True)
    assert listed.platform.family is OsFamily.LINUX
    assert listed.version
    assert listed.registration_date is not None
    assert listed.tenant is not None
    number = listed.tenant.id
    site.cloud.tell("set_online", agent_id=str(agent), online=False)
    assert list(client.agents.list_all(AgentFilter(tenant=number, online=True))) == []
    assert [each.id for each in client.agents.list_all(AgentFilter(tenant=number, hostname="srv-1"))] == [agent]
    site.cloud.tell("forget_journal")
    assert list(client.agents.list_all(AgentFilter(tenant=number, hostname="like(*)"))) == []
    assert all("like" not in each["query"] for each in site.cloud.calls())
    assert [site.calls.agents.delete(agent) for _ in range(2)] == [True, False]


def test_a_plan_is_applied_once_run_and_revoked(site: Site, token: RegistrationToken) -> None:
    _, machine = site.register(token, "srv-1")
    plans = list(site.calls.policies.list_all(applicable_to=machine))
    assert {each.plan_id for each in plans} == {site.plan}
    assert [site.calls.policies.apply(site.plan, machine) for _ in range(2)] == [True, False]
    assert site.calls.policies.is_applied(site.plan, machine)
    site.calls.policies.run(site.plan, [machine])
    assert [site.calls.policies.revoke(site.plan, machine) for _ in range(2)] == [True, False]
    with pytest.raises(ValueError, match="named machines"):
        site.calls.policies.run(site.plan, [])


def test_a_plan_comes_with_the_token_too(site: Site, token: RegistrationToken) -> None:
    _, first = site.register(token, "srv-1")
    number = next(iter(site.calls.agents.list_all())).tenant
    assert number is not None
    scopes = [OwnerScope(site.personal), PlanScope(number.id, site.plan)]
    made = site.calls.registration.create(site.personal, HOUR_SECONDS, scopes).value
    _, second = site.register(made, "srv-2")
    assert [site.calls.policies.is_applied(site.plan, each) for each in (first, second)] == [False, True]


def test_a_plan_that_is_not_there_is_said(site: Site, token: RegistrationToken) -> None:
    _, machine = site.register(token, "srv-1")
    with pytest.raises(GoneError):
        site.calls.policies.apply(PolicyId("00000000-0000-4000-8000-00000000dead"), machine)


def test_backups_are_seen_as_activities_health_and_use(
    site: Site, client: AcronisClient, token: RegistrationToken
) -> None:
    agent, machine = site.register(token, "srv-1")
    site.calls.policies.apply(site.plan, machine)
    began = datetime.now(UTC) - timedelta(seconds=1)
    site.cloud.tell("back_up", resource_id=str(machine), size_bytes=4 * GIB)
    site.cloud.tell("back_up", resource_id=str(machine), size_bytes=8 * GIB)
    found = list(site.calls.monitoring.list_activities(completed_after=began, policy_type="backup"))
    assert sorted(each.is_success for each in found) == [False, True]
    assert {each.resource_id for each in found} == {machine}
    assert list(site.calls.monitoring.list_activities(completed_after=datetime.now(UTC) + timedelta(hours=1))) == []
    failed = list(site.calls.monitoring.list_activities(result=ResultCode.ERROR))
    assert [each.resource_id for each in failed] == [machine]
    (alert,) = site.calls.monitoring.list_alerts(severity=Severity.CRITICAL, updated_after=began)
    assert (alert.type, alert.resource) == ("StorageQuotaExceeded", machine)
    (status,) = site.calls.agents.list_statuses()
    assert (status.context.id, status.aggregate.status) == (machine, Health.ERROR)
    (resource,) = site.calls.agents.list_machines()
    assert (resource.id, resource.agent_id, resource.name) == (machine, agent, "srv-1")
    site.cloud.tell("set_settings", usage_lag_seconds=0)
    try:
        used = {each.name: each.absolute_value for each in client.usages.read(site.customer.id)}
        several = client.usages.read_several([site.customer.id])
    finally:
        site.cloud.tell("set_settings", usage_lag_seconds=1800)
    assert used["pw_base_storage"] == 4 * GIB
    assert used["pw_base_servers"] == 1
    assert {each.name: each.absolute_value for each in several[site.customer.id]} == used


def test_a_report_is_fetched_once_it_is_made(
    site: Site, client: AcronisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.acronis.calls.reports._SECONDS_BETWEEN_LOOKS", 0.01)
    report = client.reports.order(site.customer.id, date(2026, 11, 1), date(2026, 11, 30))
    assert str(site.customer.id).encode() in client.reports.fetch(report)


def test_the_newest_of_agents_of_one_name_is_the_machine() -> None:
    def agent(number: int, when: str | None) -> Agent:
        return Agent.model_validate({"id": f"a{number}", "hostname": "SRV-1", "registration_date": when})

    agents = [agent(1, "Mon, 30 Nov 2026 10:00:00 GMT"), agent(2, "Mon, 30 Nov 2026 11:00:00 GMT"), agent(3, None)]
    newest = newest_of(agents, "srv-1")
    assert newest is not None
    assert newest.id == AgentId("a2")
    assert newest_of(agents, "srv-2") is None


def test_nothing_that_wipes_is_there_to_be_called(client: AcronisClient) -> None:
    names = [name for name in dir(client.policies) if not name.startswith("_")]
    assert names == ["apply", "is_applied", "list_all", "list_applied", "list_statuses", "revoke", "run"]
