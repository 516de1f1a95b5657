"""The stand-in for the vendor's cloud does what the reference says of it: each trap that is documented is one here."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
import yaml
from jsonschema import Draft202012Validator

import tests.acronis.answers  # noqa: F401 - registers what answers each call
from tests.acronis.calls import HANDLERS
from tests.acronis.description import FILE, Description
from tests.acronis.running import ControlRefusedError, VendorCloud, vendor_cloud
from tests.acronis.world import BACKUP, DEFAULTS, NOBODY

ACCOUNT, AGENTS = "/api/2", "/api/agent_manager/v2/agents"
POLICIES, APPLICATIONS = "/api/policy_management/v4/policies", "/api/policy_management/v4/applications"
GIB = 1 << 30


@dataclass
class Api:
    """The service as a client with a token sees it, with what every customer of these tests needs."""

    cloud: VendorCloud
    pool: urllib3.PoolManager = field(repr=False)
    token: str = field(default="", repr=False)

    def ask(self, method: str, path: str, body: Any = None, *, expect: int = 200, **query: Any) -> Any:
        """Call, and return the answer's JSON; ``expect`` is its status."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        target = f"{self.cloud.url}{path}" + (f"?{urlencode(query)}" if query else "")
        sent = None if body is None else json.dumps(body)
        answer = self.pool.request(method, target, body=sent, headers=headers, retries=False, redirect=False)
        assert answer.status == expect, answer.data
        is_json = answer.headers.get("Content-Type", "") == "application/json"
        return json.loads(answer.data) if is_json else answer.data

    def log_in(self, expect: int = 200) -> dict[str, Any]:
        """Ask for a token as the client, and keep it."""
        secret = b64encode(f"{self.cloud.client_id}:{self.cloud.client_secret}".encode()).decode()
        given = self._ask_token(f"Basic {secret}", expect, grant_type="client_credentials")
        self.token = given.get("access_token", "")
        return given

    def scoped(self, tenant_id: str, expect: int = 200) -> "Api":
        """Return the service as seen with a token for one tenant."""
        given = self._ask_token(
            f"Bearer {self.token}",
            expect,
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
            assertion=self.token,
            scope=f"urn:acronis.com:tenant-id:{tenant_id}",
        )
        return Api(self.cloud, self.pool, given.get("access_token", ""))

    def _ask_token(self, authorization: str, expect: int, **fields: str) -> dict[str, Any]:
        headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self.pool.request(
            "POST", f"{self.cloud.url}{ACCOUNT}/idp/token", body=urlencode(fields), headers=headers, retries=False
        )
        assert answer.status == expect, answer.data
        found: dict[str, Any] = json.loads(answer.data)
        return found

    def make_customer(self, name: str = "Durand", **fields: Any) -> dict[str, Any]:
        body = {"name": name, "parent_id": self.cloud.partner_id, "kind": "customer", **fields}
        made: dict[str, Any] = self.ask("POST", f"{ACCOUNT}/tenants", body, expect=201)
        return made

    def equip(self, customer_id: str, *, storage_bytes: int = 10 * GIB, workstations: int = 2) -> str:
        """Bind the service and give storage and licences, hard; return the storage's UUID."""
        infra_id: str = self.cloud.tell("describe")["storages"]["Partner cloud"]
        self.ask("POST", f"{ACCOUNT}/applications/{BACKUP}/bindings/tenants/{customer_id}", expect=204)
        self.change_items(
            customer_id,
            item("pw_base_storage", infra_id=infra_id, quota=hard(storage_bytes)),
            item("pw_base_workstations", quota=hard(workstations)),
        )
        return infra_id

    def change_items(self, tenant_id: str, *items: dict[str, Any], expect: int = 200, check_usage: bool = True) -> Any:
        body = {"offering_items": list(items), "check_usage": check_usage}
        return self.ask("PUT", f"{ACCOUNT}/tenants/{tenant_id}/offering_items", body, expect=expect)

    def items(self, tenant_id: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"{ACCOUNT}/tenants/{tenant_id}/offering_items", **query)["items"]
        return found

    def make_owner(self, customer_id: str, login: str, *roles: str) -> dict[str, Any]:
        body = {"tenant_id": customer_id, "login": login, "contact": {"email": "it@example.org"}}
        user: dict[str, Any] = self.ask("POST", f"{ACCOUNT}/users", body, expect=201)
        if roles:
            policies = [policy(user["id"], customer_id, role) for role in roles]
            self.ask("PUT", f"{ACCOUNT}/users/{user['id']}/access_policies", {"items": policies})
        return user

    def make_token(self, tenant_id: str, *scopes: str, expires_in: int = 3600) -> dict[str, Any]:
        body = {"expires_in": expires_in, "scopes": list(scopes)}
        token: dict[str, Any] = self.ask("POST", f"{ACCOUNT}/tenants/{tenant_id}/registration_tokens", body)
        return token

    def register(self, token: str, hostname: str = "compta-01", **fields: Any) -> dict[str, Any]:
        given = {"address": self.cloud.url, "hostname": hostname, "token": token, "os_family": "WINDOWS", **fields}
        return self.cloud.tell("register_agent", **given)

    def protect(self, customer_id: str, hostname: str = "compta-01") -> tuple[str, dict[str, Any]]:
        """Register a machine under a plan; return the plan's id, and what the registration gave."""
        plan: str = self.cloud.tell(
            "make_plan", tenant_id=customer_id, name="Daily", modules=["policy.backup.machine"]
        )["policy_id"]
        owner = self.make_owner(customer_id, f"agents-{customer_id}", "company_admin")
        scopes = ("urn:acronis.com:tenant-id::backup_agent_admin", plan_scope(customer_id, plan))
        token = self.make_token(owner["personal_tenant_id"], *scopes)
        return plan, self.register(token["token"], hostname)


def item(name: str, **fields: Any) -> dict[str, Any]:
    return {"application_id": BACKUP, "name": name, "status": 1, **fields}


def hard(value: int, version: int = 0) -> dict[str, int]:
    return {"value": value, "overage": 0, "version": version}


def policy(user_id: str, tenant_id: str, role: str) -> dict[str, Any]:
    return {
        "id": NOBODY, "issuer_id": NOBODY, "trustee_type": "user", "trustee_id": user_id, "tenant_id": tenant_id,
        "role_id": role, "version": 0,
    }  # fmt: skip


def plan_scope(tenant_id: str, plan: str) -> str:
    return f"urn:acronis.com::policy_management:{tenant_id}|{plan}:apply_revoke"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorCloud]:
    with vendor_cloud(tmp_path_factory.mktemp("vendor")) as cloud:
        yield cloud


@pytest.fixture
def api(shared: VendorCloud) -> Iterator[Api]:
    """The service with a fresh token; whatever a test asked wrongly it says itself."""
    shared.tell("forget_journal")
    shared.tell("clear_faults")
    shared.tell("set_settings", **DEFAULTS)
    found = Api(shared, shared.pool)
    found.log_in()
    yield found
    assert shared.tell("journal")["invalid_answers"] == []


def read_code(answer: dict[str, Any]) -> Any:
    return answer["error"]["code"]


class TestIdentity:
    def test_a_token_ends_after_two_hours(self, api: Api) -> None:
        assert api.log_in()["expires_in"] == 7200
        api.cloud.tell("advance_clock", seconds=7201)
        assert set(api.ask("GET", f"{ACCOUNT}/applications", expect=401)["error"]) == {
            "code",
            "domain",
            "message",
            "details",
        }

    def test_a_token_for_a_customer_dies_with_the_base_one(self, api: Api) -> None:
        customer = api.make_customer()
        scoped = api.scoped(customer["id"])
        assert scoped.ask("GET", f"{ACCOUNT}/tenants/{customer['id']}")["id"] == customer["id"]
        scoped.ask("GET", f"{ACCOUNT}/tenants/{api.cloud.partner_id}", expect=403)
        api.cloud.tell("expire_tokens", base_only=True)
        scoped.ask("GET", f"{ACCOUNT}/tenants/{customer['id']}", expect=401)

    def test_a_disabled_client_is_refused_with_its_token_too(self, api: Api) -> None:
        api.cloud.tell("set_client", client_id=api.cloud.client_id, status="disabled")
        try:
            api.ask("GET", f"{ACCOUNT}/applications", expect=401)
            assert set(api.log_in(expect=401)) == {"error", "error_description"}
        finally:
            api.cloud.tell("set_client", client_id=api.cloud.client_id, status="enabled")

    def test_a_wrong_secret_is_refused(self, api: Api) -> None:
        known = urllib3.make_headers(basic_auth=f"{api.cloud.client_id}:wrong")
        body, target = {"grant_type": "client_credentials"}, f"{api.cloud.url}{ACCOUNT}/idp/token"
        answer = api.pool.request_encode_body("POST", target, body, headers=known, encode_multipart=False)
        assert answer.status == 401
        assert json.loads(answer.data)["error"] == "invalid_client"

    def test_a_client_finds_its_own_tenant(self, api: Api) -> None:
        assert api.ask("GET", f"{ACCOUNT}/clients/{api.cloud.client_id}")["tenant_id"] == api.cloud.partner_id


class TestTenants:
    def test_a_customer_begins_in_trial_and_a_second_call_ends_it(self, api: Api) -> None:
        customer = api.make_customer()
        assert customer["pricing_mode"] == "trial"
        path = f"{ACCOUNT}/tenants/{customer['id']}/pricing"
        change = {"version": api.ask("GET", path)["version"], "mode": "production"}
        api.ask("PUT", path, change)
        api.ask("PUT", path, change, expect=409)
        assert api.ask("GET", f"{ACCOUNT}/tenants/{customer['id']}")["pricing_mode"] == "production"

    def test_an_unknown_key_is_refused_and_told(self, api: Api) -> None:
        body = {"name": "X", "parent_id": api.cloud.partner_id, "kind": "customer", "pricing_mode": "production"}
        api.ask("POST", f"{ACCOUNT}/tenants", body, expect=400)
        assert "pricing_mode" in api.cloud.tell("journal")["invalid_requests"][0]

    def test_a_change_needs_the_version_of_now(self, api: Api) -> None:
        customer = api.make_customer()
        path = f"{ACCOUNT}/tenants/{customer['id']}"
        assert (
            api.ask("PUT", path, {"version": customer["version"], "customer_id": "msp:1"})["name"] == customer["name"]
        )
        assert (
            read_code(api.ask("PUT", path, {"version": customer["version"], "name": "Y"}, expect=409))
            == "VERSION_CONFLICT"
        )

    def test_a_customer_is_disabled_then_deleted_then_gone(self, api: Api) -> None:
        customer = api.make_customer()
        path = f"{ACCOUNT}/tenants/{customer['id']}"
        api.ask("DELETE", path, version=1, expect=400)
        version = api.ask("PUT", path, {"version": 1, "enabled": False})["version"]
        api.ask("DELETE", path, version=1, expect=409)
        api.ask("DELETE", path, version=version, expect=204)
        api.ask("GET", path, expect=404)
        assert api.ask("GET", path, allow_deleted="true")["deleted_at"] is not None

    def test_the_same_customer_can_be_created_twice(self, api: Api) -> None:
        made = [api.make_customer("Twice", customer_id="msp:twice")["id"] for _ in range(2)]
        found = api.ask("GET", f"{ACCOUNT}/search", tenant=api.cloud.partner_id, text="msp:twice")["items"]
        assert {each["id"] for each in found} == set(made)
        assert all("customer_id" not in each for each in found)

    def test_pages_follow_each_other_by_a_cursor_alone(self, api: Api) -> None:
        folder = {"name": "Many", "parent_id": api.cloud.partner_id, "kind": "folder"}
        parent = api.ask("POST", f"{ACCOUNT}/tenants", folder, expect=201)["id"]
        made = api.cloud.tell("make_customers", count=5, parent_id=parent)["tenant_ids"]
        path = f"{ACCOUNT}/tenants"
        page = api.ask("GET", path, parent_id=parent, lod="basic", limit=2)
        seen = [each["id"] for each in page["items"]]
        api.ask("GET", path, after=page["paging"]["cursors"]["after"], parent_id=parent, expect=400)
        while after := page["paging"]["cursors"].get("after"):
            page = api.ask("GET", path, after=after, limit=2)
            assert "contact" not in page["items"][0]
            seen += [each["id"] for each in page["items"]]
        assert sorted(seen) == sorted(made)
        api.ask("GET", path, expect=400)

    def test_who_sees_to_itself_is_seen_by_its_own_parent_alone(self, api: Api) -> None:
        folder = {"name": "Near", "parent_id": api.cloud.partner_id, "kind": "folder"}
        far = api.ask("POST", f"{ACCOUNT}/tenants", folder, expect=201)["id"]
        for parent_id, status in ((api.cloud.partner_id, 200), (far, 403)):
            customer = api.make_customer(parent_id=parent_id, ancestral_access=False)
            api.ask("GET", f"{ACCOUNT}/tenants/{customer['id']}", expect=status)

    def test_who_sees_to_itself_is_not_in_listings(self, api: Api) -> None:
        customer = api.make_customer(ancestral_access=False)
        api.equip(customer["id"])
        owner = api.make_owner(customer["id"], "alone@example.org", "company_admin")
        token = api.make_token(owner["personal_tenant_id"], "urn:acronis.com:tenant-id::backup_agent_admin")
        agent_id = api.register(token["token"], "alone")["agent_id"]
        assert agent_id not in {each["id"] for each in api.ask("GET", AGENTS)["items"]}


class TestOfferingItems:
    def test_items_of_today_are_seen_by_every_edition_only(self, api: Api) -> None:
        customer = api.make_customer()
        api.equip(customer["id"])
        assert api.items(customer["id"]) == []
        assert len(api.items(customer["id"], edition="*")) == 2

    def test_a_customer_has_what_its_parent_has_and_one_storage(self, api: Api) -> None:
        customer = api.make_customer()
        available = f"{ACCOUNT}/tenants/{api.cloud.partner_id}/offering_items/available_for_child"
        offered = api.ask("GET", available, kind="customer", edition="pck_per_workload")["items"]
        storages = [each["infra_id"] for each in offered if each["type"] == "infra"]
        assert len(storages) == 2
        api.change_items(customer["id"], item("pw_base_workstations"), expect=400)  # the service is not bound
        api.ask("POST", f"{ACCOUNT}/applications/{BACKUP}/bindings/tenants/{customer['id']}", expect=204)
        both = [item("pw_base_storage", infra_id=each) for each in storages]
        assert read_code(api.change_items(customer["id"], *both, expect=400)) == "SEVERAL_STORAGES"
        api.change_items(customer["id"], item("pw_base_quantum"), expect=403)
        mixed = item("pw_base_workstations"), item("pg_base_workstations")
        assert read_code(api.change_items(customer["id"], *mixed, expect=400)) == "SEVERAL_EDITIONS"
        assert api.items(customer["id"], edition="*") == []

    def test_an_ancestor_in_between_has_to_have_it_first(self, api: Api) -> None:
        body = {"name": "Between", "parent_id": api.cloud.partner_id, "kind": "folder"}
        folder = api.ask("POST", f"{ACCOUNT}/tenants", body, expect=201)["id"]
        customer = api.make_customer(parent_id=folder)["id"]
        bind = f"{ACCOUNT}/applications/{BACKUP}/bindings/tenants/"
        api.ask("POST", f"{bind}{customer}", expect=403)
        api.change_items(folder, item("pw_base_vms"))  # which binds the service there
        api.ask("POST", f"{bind}{customer}", expect=204)
        api.change_items(customer, item("pw_base_servers"), expect=403)
        api.change_items(customer, item("pw_base_vms"))
        assert read_code(api.change_items(folder, item("pw_base_vms", status=0), expect=409)) == "ITEM_IN_USE"
        for tenant_id in (customer, folder):
            api.change_items(tenant_id, item("pw_base_vms", status=0))
        api.change_items(customer, item("pw_base_vms"), expect=403)

    def test_what_is_not_named_stays_and_a_quota_has_its_own_version(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        api.equip(customer)
        api.change_items(customer, item("pw_base_workstations", quota=hard(5)), expect=409)
        found = {each["name"]: each for each in api.items(customer, edition="*")}
        version = found["pw_base_workstations"]["quota"]["version"]
        api.change_items(customer, item("pw_base_workstations", quota=hard(5, version)))
        found = {each["name"]: each for each in api.items(customer, edition="*")}
        assert found["pw_base_workstations"]["quota"]["value"] == 5
        assert found["pw_base_storage"]["status"] == 1

    def test_locked_used_and_own_items_are_refused(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        infra_id = api.equip(customer)
        api.cloud.tell("set_usage", tenant_id=customer, name="pw_base_storage", infra_id=infra_id, value=GIB)
        off = item("pw_base_storage", infra_id=infra_id) | {"status": 0}
        assert read_code(api.change_items(customer, off, expect=409)) == "ITEM_HAS_USAGE"
        api.cloud.tell("set_item", tenant_id=customer, name="pw_base_workstations", locked=True)
        assert read_code(api.change_items(customer, item("pw_base_workstations"), expect=403)) == "LOCKED"
        api.change_items(api.cloud.partner_id, item("pw_base_vms"), expect=403)

    def test_usages_are_late(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        infra_id = api.equip(customer)
        api.cloud.tell("set_usage", tenant_id=customer, name="pw_base_storage", infra_id=infra_id, value=GIB)

        def read() -> int:
            found = api.ask("GET", f"{ACCOUNT}/tenants/{customer}/usages", usage_names="storage")["items"]
            return int(found[0]["value"])

        assert read() == 0
        api.cloud.tell("advance_clock", seconds=1801)
        assert read() == GIB

    def test_a_report_takes_a_while(self, api: Api) -> None:
        body = {
            "parameters": {
                "kind": "usage_current", "tenant_id": api.cloud.partner_id, "level": "accounts", "formats": ["csv_v2_0"]
            },
            "schedule": {"type": "once"},
            "result_action": "save",
        }  # fmt: skip
        stored = f"{ACCOUNT}/reports/{api.ask('POST', f'{ACCOUNT}/reports', body, expect=201)['id']}/stored"
        asked = [api.ask("GET", stored)["items"][0] for _ in range(2)]
        assert [each["status"] == "saved" for each in asked] == [False, True]
        assert api.ask("GET", f"{stored}/{asked[1]['id']}").startswith(b"tenant,")


class TestUsers:
    def test_a_login_is_the_platforms(self, api: Api) -> None:
        api.ask("GET", f"{ACCOUNT}/users/check_login", username="once@example.org", expect=204)
        api.make_owner(api.make_customer()["id"], "once@example.org")
        api.ask("GET", f"{ACCOUNT}/users/check_login", username="once@example.org", expect=409)

    def test_a_write_of_the_roles_replaces_them_all(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        user = api.make_owner(customer, "roles@example.org", "company_admin", "protection_admin")
        path = f"{ACCOUNT}/users/{user['id']}/access_policies"
        own = policy(user["id"], user["personal_tenant_id"], "backup_user")
        api.ask("PUT", path, {"items": [own]})
        assert [each["role_id"] for each in api.ask("GET", path)["items"]] == ["backup_user"]
        wrong_place = policy(user["id"], customer, "backup_user")
        api.ask("PUT", path, {"items": [wrong_place]}, expect=400)

    def test_the_machine_of_a_user_without_a_role_is_refused(self, api: Api) -> None:
        user = api.make_owner(api.make_customer()["id"], "nobody@example.org")
        token = api.make_token(user["personal_tenant_id"], "urn:acronis.com:tenant-id::backup_agent_admin")
        with pytest.raises(ControlRefusedError, match="no role"):
            api.register(token["token"])

    def test_a_user_without_a_role_makes_no_client(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        body = {"type": "api_client", "tenant_id": customer, "token_endpoint_auth_method": "client_secret_basic"}
        for roles, status in (((), 403), (("company_admin",), 201)):
            user = api.make_owner(customer, f"clients-{status}", *roles)
            api.cloud.tell("activate_user", user_id=user["id"], password="correct horse")
            known = urllib3.make_headers(basic_auth=f"clients-{status}:correct horse")
            sent = json.dumps(body | {"data": {"client_name": "own"}})
            headers = {**known, "Content-Type": "application/json"}
            answer = api.pool.request("POST", f"{api.cloud.url}{ACCOUNT}/clients", body=sent, headers=headers)
            assert answer.status == status

    def test_an_activation_mail_is_sent_until_the_user_is_active(self, api: Api) -> None:
        user = api.make_owner(api.make_customer()["id"], "mail@example.org")
        path = f"{ACCOUNT}/users/{user['id']}/send-activation-email"
        api.ask("POST", path, expect=204)
        assert api.cloud.tell("read_mails")["mails"][-1]["user_id"] == user["id"]
        api.cloud.tell("activate_user", user_id=user["id"], password="correct horse")
        api.ask("POST", path, expect=400)


class TestMachines:
    def test_agents_are_asked_for_by_the_tenants_number(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        api.equip(customer)
        _, machine = api.protect(customer, "by-number")
        api.register(api.make_token(api.make_customer("Other")["id"])["token"], "by-another")
        number = api.make_token(customer)["tenant_id"]
        found = api.ask("GET", AGENTS, tenant_id=number, hostname="hlike(by-)")["items"]
        assert [(each["id"], each["online"], each["tenant"]["id"]) for each in found] == [
            (machine["agent_id"], True, number)
        ]
        assert api.ask("GET", AGENTS, tenant_id=customer, expect=400)["domain"] == "AgentManager"
        api.ask("DELETE", AGENTS, id=machine["agent_id"], expect=204)
        assert api.ask("GET", AGENTS, tenant_id=number)["items"] == []

    def test_a_token_is_used_often_until_it_ends_at_the_exact_address_only(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        token = api.make_token(customer, expires_in=60)
        with pytest.raises(ControlRefusedError, match="address"):
            api.register(token["token"], address="https://cloud.example.org")
        machines = [api.register(token["token"], name)["agent_id"] for name in ("a", "b")]
        assert len(set(machines)) == 2
        other = api.make_token(api.make_customer("Other")["id"])
        with pytest.raises(ControlRefusedError, match="already registered in a different tenant"):
            api.register(other["token"], "a", agent_id=machines[0])
        api.cloud.tell("advance_clock", seconds=61)
        with pytest.raises(ControlRefusedError, match="expired"):
            api.register(token["token"], "c")
        assert token["expires_at"][-1].isdigit()  # no zone
        api.ask("DELETE", f"{ACCOUNT}/registration_tokens/{token['id']}", expect=204)

    def test_a_partners_administrator_registers_no_machine(self, api: Api) -> None:
        customer, partner = api.make_customer()["id"], api.cloud.partner_id
        for tenant_id, role in ((customer, "company_admin"), (partner, "partner_admin")):
            user = api.make_owner(tenant_id, f"{role}@example.org", role)
            api.cloud.tell("activate_user", user_id=user["id"], password="correct horse")
        known = {"address": api.cloud.url, "hostname": "by-password", "password": "correct horse"}
        made = api.cloud.tell("register_agent", **known, login="company_admin@example.org")
        assert made["tenant_id"] == customer
        with pytest.raises(ControlRefusedError, match="partner's administrator"):
            api.cloud.tell("register_agent", **known, login="partner_admin@example.org")

    def test_a_plan_is_applied_once_and_its_licences_are_hard(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        api.equip(customer, workstations=1)
        plan, first = api.protect(customer, "first")
        second = api.register(api.make_token(customer)["token"], "second")
        scoped = api.scoped(customer)
        one = {"policy_id": plan, "context": {"items": [first["resource_id"]]}}
        assert scoped.ask("POST", APPLICATIONS, one, expect=409)["code"] == "ApplicationsAlreadyExist"
        other = {"policy_id": plan, "context": {"items": [second["resource_id"]]}}
        assert scoped.ask("POST", APPLICATIONS, other, expect=403)["code"] == "QuotaReached"
        listed = scoped.ask("GET", APPLICATIONS, context_id=first["resource_id"])["items"]
        assert [[bool(part["policy"]["parent_ids"]) for part in each] for each in listed] == [[False, True]]
        statuses = scoped.ask("GET", "/api/policy_management/v4/policy_statuses")["items"]
        assert [each["context"]["id"] for each in statuses] == [first["resource_id"]]
        scoped.ask("DELETE", APPLICATIONS, context_id=first["resource_id"], policy_id=plan, expect=204)
        scoped.ask("POST", APPLICATIONS, other)
        api.ask("GET", POLICIES, expect=403)  # plans live in a customer

    def test_a_full_storage_stops_backups_and_tells_it(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        api.equip(customer, storage_bytes=2 * GIB)
        resource_id = api.protect(customer, "full")[1]["resource_id"]
        results = [api.cloud.tell("back_up", resource_id=resource_id, size_bytes=GIB)["result"] for _ in range(3)]
        assert results == ["ok", "ok", "error"]
        scoped = api.scoped(customer)
        alerts = scoped.ask("GET", "/api/alert_manager/v1/alerts", severity="gt(warning)", updated_at="gt(1)")["items"]
        assert [each["type"] for each in alerts] == ["StorageQuotaExceeded"]
        later = f"gt({int(time.time() * 1e9) + 10**15})"
        assert scoped.ask("GET", "/api/alert_manager/v1/alerts", updated_at=later)["items"] == []
        failed = scoped.ask("GET", "/api/task_manager/v2/activities", resultCode="error", policyType="backup")
        assert [each["resource"]["id"] for each in failed["items"]] == [resource_id]
        statuses = scoped.ask("GET", "/api/resource_management/v4/resource_statuses")["items"]
        assert [each["aggregate"]["status"] for each in statuses] == ["error"]

    @pytest.mark.parametrize(
        ("overage", "results"),
        [(None, ["ok", "ok", "ok"]), (GIB, ["ok", "ok", "error"]), (0, ["ok", "error", "error"])],
    )
    def test_beyond_a_quota_is_what_its_overage_allows(self, api: Api, overage: int | None, results: list[str]) -> None:
        customer = api.make_customer()["id"]
        infra_id = api.equip(customer)
        version = next(each["quota"]["version"] for each in api.items(customer, edition="*") if each["infra_id"])
        quota = {"value": GIB, "overage": overage, "version": version}
        api.change_items(customer, item("pw_base_storage", infra_id=infra_id, quota=quota))
        resource_id = api.protect(customer, "beyond")[1]["resource_id"]
        done = [api.cloud.tell("back_up", resource_id=resource_id, size_bytes=GIB)["result"] for _ in results]
        assert done == results
        alerts = api.scoped(customer).ask("GET", "/api/alert_manager/v1/alerts")["items"]
        assert [each["severity"] == "critical" for each in alerts] == [each == "error" for each in results[1:]]

    def test_an_installer_lies_on_another_host(self, api: Api) -> None:
        query = {"language": "multi", "system": "linux", "architecture": "64", "productType": "enterprise"}
        target = f"{api.cloud.url}/bc/api/ams/links/agents/redirect?" + urlencode(
            query | {"channel": "CURRENT", "white_labeled": "0"}
        )
        answer = api.pool.request("GET", target, redirect=False)
        assert answer.status == 302
        assert answer.headers["Location"].startswith(api.cloud.downloads_url)
        assert api.pool.request("GET", answer.headers["Location"]).data.startswith(b"#!/bin/sh")


class TestSettings:
    """What the reference leaves open is a setting, so that tests see both ways."""

    def test_names_of_siblings_may_have_to_differ(self, api: Api) -> None:
        api.cloud.tell("set_settings", unique_sibling_names=True)
        body = {"name": "Only one", "parent_id": api.cloud.partner_id, "kind": "customer"}
        api.ask("POST", f"{ACCOUNT}/tenants", body, expect=201)
        api.ask("POST", f"{ACCOUNT}/tenants", body, expect=409)

    def test_a_search_may_find_a_tenant_late(self, api: Api) -> None:
        api.cloud.tell("set_settings", search_lag_seconds=60)
        api.make_customer("Late one")
        query = {"tenant": api.cloud.partner_id, "text": "late one"}
        assert api.ask("GET", f"{ACCOUNT}/search", **query)["items"] == []
        api.cloud.tell("advance_clock", seconds=61)
        assert len(api.ask("GET", f"{ACCOUNT}/search", **query)["items"]) == 1

    def test_a_deletion_may_take_a_while(self, api: Api) -> None:
        api.cloud.tell("set_settings", deletion_seconds=60)
        path = f"{ACCOUNT}/tenants/{api.make_customer(enabled=False)['id']}"
        api.ask("DELETE", path, version=1, expect=204)
        for status in ("deleting", None):
            assert api.ask("GET", path, allow_deleted="true")["external_operation_status"] == status
            api.cloud.tell("advance_clock", seconds=61)

    def test_an_owner_may_have_to_be_active(self, api: Api) -> None:
        api.cloud.tell("set_settings", owner_must_be_activated=True)
        owner = api.make_owner(api.make_customer()["id"], "asleep@example.org", "company_admin")
        token = api.make_token(owner["personal_tenant_id"], "urn:acronis.com:tenant-id::backup_agent_admin")["token"]
        with pytest.raises(ControlRefusedError, match="not active"):
            api.register(token)
        api.cloud.tell("activate_user", user_id=owner["id"], password="correct horse")
        assert api.register(token)["agent_id"]

    def test_a_token_may_need_a_scope(self, api: Api) -> None:
        api.cloud.tell("set_settings", accepts_empty_scopes=False)
        path = f"{ACCOUNT}/tenants/{api.make_customer()['id']}/registration_tokens"
        api.ask("POST", path, {"expires_in": 60, "scopes": []}, expect=400)

    def test_a_licence_may_be_taken_by_the_registration(self, api: Api) -> None:
        api.cloud.tell("set_settings", counts_machines_on="registration")
        customer = api.make_customer()["id"]
        api.equip(customer, workstations=1)
        token = api.make_token(customer)["token"]
        api.register(token, "one")
        with pytest.raises(ControlRefusedError, match="quota"):
            api.register(token, "two")


class TestFaults:
    def test_the_alert_managers_401_is_html(self, api: Api) -> None:
        api.cloud.tell("expire_tokens")
        assert b"nginx" in api.ask("GET", "/api/alert_manager/v1/alerts", expect=401)

    def test_a_service_that_is_busy_says_when_to_come_back(self, api: Api) -> None:
        api.cloud.fail("status", status=429, headers={"Retry-After": "1"}, times=2)
        for status in (429, 429, 200):
            api.ask("GET", f"{ACCOUNT}/applications", expect=status)

    def test_an_answer_is_lost_after_the_work(self, api: Api) -> None:
        api.cloud.fail("lose", f"{ACCOUNT}/tenants", method="POST")
        with pytest.raises(urllib3.exceptions.HTTPError):
            api.make_customer("Lost", customer_id="msp:lost")
        found = api.ask("GET", f"{ACCOUNT}/search", tenant=api.cloud.partner_id, text="msp:lost")["items"]
        assert [each["name"] for each in found] == ["Lost"]

    def test_a_value_is_another_than_described(self, api: Api) -> None:
        path = f"{ACCOUNT}/tenants/{api.make_customer()['id']}"
        api.cloud.fail("replace", path, old='"kind": "customer"', new='"kind": "galaxy"')
        assert [api.ask("GET", path)["kind"] for _ in range(2)] == ["galaxy", "customer"]

    def test_half_an_answer_is_no_answer(self, api: Api) -> None:
        api.cloud.fail("half")
        with pytest.raises(urllib3.exceptions.HTTPError):
            api.ask("GET", f"{ACCOUNT}/applications")

    def test_a_connection_ends_before_the_work(self, api: Api) -> None:
        for kind in ("drop", "hold"):
            api.cloud.fail(kind, f"{ACCOUNT}/tenants", method="POST", seconds=0.01)
            with pytest.raises(urllib3.exceptions.HTTPError):
                api.make_customer("Never", customer_id="msp:never")
        assert api.ask("GET", f"{ACCOUNT}/search", tenant=api.cloud.partner_id, text="msp:never")["items"] == []

    def test_somebody_else_was_faster(self, api: Api) -> None:
        customer = api.make_customer()["id"]
        user = api.make_owner(customer, "race@example.org")["id"]
        for path in (f"{ACCOUNT}/tenants/{customer}", f"{ACCOUNT}/users/{user}"):
            api.cloud.fail("race", path, method="PUT")
            api.ask("PUT", path, {"version": 1, "enabled": True}, expect=409)
            api.ask("PUT", path, {"version": 2, "enabled": True})

    def test_an_answer_is_late_slow_huge_or_elsewhere(self, api: Api) -> None:
        path = f"{ACCOUNT}/applications"
        for kind, fields in (("delay", {"seconds": 0.3}), ("drip", {"seconds": 0.001})):
            api.cloud.fail(kind, path, **fields)
            began = time.monotonic()
            assert api.ask("GET", path)["items"]
            assert time.monotonic() - began > 0.3
        api.cloud.fail("huge", path, size_bytes=1 << 20)
        assert api.ask("GET", path)["items"]
        api.cloud.fail("redirect", path, location="http://example.org/")
        api.ask("GET", path, expect=302)

    @pytest.mark.parametrize("body", [b"", b"\xff\x00", b"[1]", b'{"name": '])
    def test_rubbish_is_a_bad_request(self, api: Api, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
        answer = api.pool.request("POST", f"{api.cloud.url}{ACCOUNT}/tenants", body=body, headers=headers)
        assert answer.status == 400
        assert len(api.cloud.tell("journal")["invalid_requests"]) == 1

    def test_no_secret_is_in_the_journal(self, api: Api) -> None:
        api.ask("GET", f"{ACCOUNT}/applications")
        kept = json.dumps(api.cloud.tell("journal"))
        assert api.token not in kept
        assert api.cloud.client_secret not in kept


def test_what_it_knew_is_there_again(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with vendor_cloud(tmp_path / "tls", state=state) as cloud:
        api = Api(cloud, cloud.pool)
        api.log_in()
        customer = api.make_customer()["id"]
    with vendor_cloud(tmp_path / "tls", state=state) as again:
        later = Api(again, again.pool, api.token)
        assert later.ask("GET", f"{ACCOUNT}/tenants/{customer}")["name"] == "Durand"


class TestDescription:
    def test_every_call_is_answered_and_says_where_it_is_known_from(self) -> None:
        routes = Description().routes
        assert {route.operation["operationId"] for route in routes} == set(HANDLERS)
        assert [route.path for route in routes if not route.operation.get("x-source")] == []

    def test_every_schema_is_one_and_every_reference_leads_somewhere(self) -> None:
        description = Description()
        for where, schema in description.schemas():
            Draft202012Validator.check_schema(schema)
            for reference in _references(schema):
                assert description.resolve(reference), where

    def test_nothing_is_written_twice(self) -> None:
        yaml.load(FILE.read_text(encoding="utf-8"), Loader=_Strict)  # noqa: S506 - a safe loader's child


def _references(entry: Any) -> Iterator[str]:
    if isinstance(entry, dict):
        with suppress(KeyError):
            yield entry["$ref"]
        for each in entry.values():
            yield from _references(each)
    elif isinstance(entry, list):
        for each in entry:
            yield from _references(each)


class _Strict(yaml.SafeLoader):
    """A loader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), node.start_mark
        return super().construct_mapping(node, deep)
