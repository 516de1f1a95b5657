"""What happens at machines, and in the vendor's console, without a call of ours: the control door makes it happen."""

from email.utils import formatdate
from typing import Any

from tests.acronis.answers.offering import most
from tests.acronis.answers.plans import (
    MACHINE,
    ROOT,
    add_activity,
    apply_plan,
    check_applicable,
    check_licences,
    count_machine,
)
from tests.acronis.answers.registration import OWNER_SCOPE, PLAN_SCOPE, find_token
from tests.acronis.refusals import Refused
from tests.acronis.world import Record, World, new_id

_COUNTED_AS = {"LINUX": "servers", "WINDOWS": "workstations", "MACOSX": "workstations"}


def register_agent(
    world: World,
    *,
    address: str,
    hostname: str,
    url: str,
    token: str = "",
    login: str = "",
    password: str = "",
    os_family: str = "LINUX",
    counted_as: str = "",
    agent_id: str = "",
    release: str = "26.2.41800",
) -> Record:
    """Register the agent of a machine, as its own program does it: `-o register -t cloud -a ADDRESS --token TOKEN`.

    With `-u LOGIN -p PASSWORD` instead it is the user's, who is not a partner's administrator.

    The same ``agent_id`` in the same customer comes back online; in another one it is refused, as a cloned machine is.
    """
    if address.rstrip("/") != url:
        raise Refused(400, "The address is not the data centre's own.", code="BAD_REQUEST")
    given = find_token(world, token) if token else _stand_for(world, login, password)
    customer = world.tenant(given["_customer_id"])
    if not customer["enabled"]:
        raise Refused(403, "The customer is disabled.", code="ACCESS_DENIED")
    _check_owners(world, given)
    plans = [found[2] for scope in given["scopes"] if (found := PLAN_SCOPE.fullmatch(scope))]
    agent_id = agent_id or new_id()
    present = world.agents.get(agent_id)
    if present is not None and present["_tenant_id"] != customer["id"]:
        raise Refused(409, "The agent is already registered in a different tenant.", code="CONFLICT")
    known = (each for each in world.resources.values() if each["agent_id"] == agent_id)
    resource = next((each for each in known if each["_tenant_id"] == customer["id"]), None)
    if resource is None:
        resource = _make_resource(
            world, customer, hostname, agent_id, counted_as or _COUNTED_AS.get(os_family, "servers")
        )
    major, minor, build = (int(part) for part in release.split("."))
    world.agents[agent_id] = {
        "id": agent_id, "hostname": hostname, "name": hostname, "online": True, "enabled": True,
        "registration_date": formatdate(world.now(), usegmt=True), "registration_id": new_id(),
        "platform": {
            "family": os_family, "arch": "X64", "name": os_family.title(), "version_major": 1, "version_minor": 0
        },
        "core_version": {"current": {"release_id": release, "build": str(build)}},
        "installer_version": {"current": {"major": major, "minor": minor, "build_number": build}},
        "units": [{"name": "atp-agent", "version": release}],
        "tenant": {"id": str(customer["_number"]), "name": customer["name"]},
        "_tenant_id": customer["id"], "_resource_id": resource["id"],
    }  # fmt: skip
    for plan in plans:
        if {"policy_id": plan, "resource_id": resource["id"]} not in world.applied:
            _apply_by_token(world, world.policies[plan], resource)
    return {"agent_id": agent_id, "resource_id": resource["id"], "tenant_id": customer["id"]}


def _apply_by_token(world: World, plan: Record, resource: Record) -> None:
    """Apply the plan of a token's scope; where it cannot be, the machine is registered all the same, without it."""
    try:
        check_applicable(world, plan, resource)
    except Refused as refused:
        details = {"resourceId": resource["id"], "planId": plan["id"], "reason": refused.message}
        raise_alert(world, tenant_id=resource["_tenant_id"], type="PlanNotApplied", severity="error", details=details)
    else:
        apply_plan(world, plan, resource)


def _stand_for(world: World, login: str, password: str) -> Record:
    """Return what stands for a token when a user registers a machine by its password."""
    users = (each for each in world.users.values() if each["login"] == login and each["_password"] is not None)
    user = next((each for each in users if each["_password"] == password), None)
    if user is None:
        raise Refused(403, "Login or password are wrong.", code="ACCESS_DENIED")
    if any(each["role_id"] == "partner_admin" for each in user["_policies"]):
        raise Refused(403, "A partner's administrator registers no machine.", code="ACCESS_DENIED")
    return {
        "scopes": [f"urn:acronis.com:tenant-id:{user['personal_tenant_id']}:backup_agent_admin"],
        "_customer_id": world.customer_of(user["tenant_id"])["id"],
    }


def _check_owners(world: World, token: Record) -> None:
    """Refuse a machine whose user may do nothing: disabled, or without a role."""
    for scope in token["scopes"]:
        owner = OWNER_SCOPE.fullmatch(scope)
        if owner is None:
            continue
        personal_id = owner[1] or token["tenant_uuid"]
        user = next((each for each in world.users.values() if each["personal_tenant_id"] == personal_id), None)
        if user is None:
            raise Refused(403, "The token's tenant is of no user.", code="ACCESS_DENIED")
        is_missing_activation = world.settings["owner_must_be_activated"] and not user["activated"]
        if not user["_policies"] or not user["enabled"] or is_missing_activation:
            raise Refused(403, "The user has no role, or is not active.", code="ACCESS_DENIED")


def _make_resource(world: World, customer: Record, hostname: str, agent_id: str, counted_as: str) -> Record:
    resource: Record = {
        "id": new_id(), "type": MACHINE, "name": hostname, "agent_id": agent_id, "attributes": {"hostname": hostname},
        "tenant_id": str(customer["_number"]), "_tenant_id": customer["id"], "_status": "idle",
        "_counted_as": counted_as,
    }  # fmt: skip
    if world.settings["counts_machines_on"] == "registration":
        item = next((e for e in customer["_items"] if e["status"] == 1 and e["usage_name"] == counted_as), None)
        check_licences(world, customer["id"], None if item is None else item["name"])
        count_machine(world, resource, 1)
    world.resources[resource["id"]] = resource
    return resource


def unregister_agent(world: World, *, agent_id: str) -> Record:
    """End a registration from the machine itself; what it backed up stays."""
    if world.agents.pop(agent_id, None) is None:
        raise Refused(404, "The agent is not registered.")
    return {}


def set_online(world: World, *, agent_id: str, online: bool) -> Record:
    """Have an agent be there, or not."""
    _find(world.agents, agent_id)["online"] = online
    return {}


def offer_update(world: World, *, agent_id: str, release: str) -> Record:
    """Have the vendor publish a newer version; the agent has it once its machine registers with it."""
    major, minor, build = (int(part) for part in release.split("."))
    versions = _find(world.agents, agent_id)["installer_version"]
    versions["latest"] = {"major": major, "minor": minor, "build_number": build}
    return {}


def make_plan(world: World, *, tenant_id: str, name: str, modules: list[str], is_template: bool = False) -> Record:
    """Write a plan in a customer's console, by hand: a root and its modules, as `policy.backup.machine`."""
    customer = world.tenant(tenant_id)
    if customer["kind"] != "customer":
        raise Refused(400, "Plans live in a customer.")
    root_id = new_id()
    written = {"made_up": {"here": 1, "too": [2]}, "alone": "3"}  # no document has the real names
    for kind in (ROOT, *modules):
        policy_id = root_id if kind == ROOT else new_id()
        world.policies[policy_id] = {
            "id": policy_id, "parent_ids": [] if kind == ROOT else [root_id], "type": kind, "name": name,
            "origin": "upstream", "enabled": True, "settings_schema": "1.0" if kind == ROOT else "2.0",
            "settings": {} if kind == ROOT else written,
            "tenant_id": str(customer["_number"]), "_tenant_id": customer["id"], "_is_template": is_template,
        }  # fmt: skip
    return {"policy_id": root_id}


def back_up(world: World, *, resource_id: str, size_bytes: int, result: str = "ok") -> Record:
    """Have a machine back up: its customer's storage grows, or the quota stops it, an alert and an activity tell it.

    A negative size is what somebody deletes in the portal. Return the activity's id and result.
    """
    resource = _find(world.resources, resource_id)
    plans = [each["policy_id"] for each in world.applied if each["resource_id"] == resource_id]
    agent = next((each for each in world.agents.values() if each["_resource_id"] == resource_id), None)
    if not plans or agent is None or not agent["online"]:
        raise Refused(409, "The machine has no plan, or its agent is not online.")
    tenant_id = resource["_tenant_id"]
    storage = next(
        (e for e in world.tenant(tenant_id)["_items"] if e["usage_name"] == "storage" and e["status"] == 1), None
    )
    if storage is None:
        raise Refused(409, "The customer has no storage.")
    policy, running = world.policies[plans[0]], _find_running(world, resource_id)
    if result != "error":
        result = _fill(world, resource, policy, storage, size_bytes) or result
    resource["_status"] = "error" if result == "error" else "ok"
    activity = running or add_activity(world, resource, policy, state="running")
    saved = 0 if result == "error" else max(size_bytes, 0)
    activity |= {"state": "completed", "result": {"code": result}, "completedAt": world.moment(), "bytes_saved": saved}
    return {"activity_id": activity["id"], "result": result}


def _fill(world: World, resource: Record, policy: Record, storage: Record, size_bytes: int) -> str:
    """Have a customer's storage grow, and return "error" if its quota stops that; over a soft one an alert is all."""
    after = world.used(resource["_tenant_id"], storage["name"], storage["infra_id"]) + size_bytes
    limit, sold = most(storage), storage["quota"]["value"]
    is_stopped = size_bytes > 0 and limit is not None and after > limit
    if size_bytes > 0 and sold is not None and after > sold:
        raise_alert(
            world,
            tenant_id=resource["_tenant_id"],
            type="StorageQuotaExceeded",
            severity="critical" if is_stopped else "warning",
            details={"resourceId": resource["id"], "resourceName": resource["name"], "planId": policy["id"]},
        )
    if is_stopped:
        return "error"
    world.set_usage(resource["_tenant_id"], storage["name"], storage["infra_id"], after)
    return ""


def _find_running(world: World, resource_id: str) -> Record | None:
    of_machine = [each for each in world.activities.values() if each.get("resource", {}).get("id") == resource_id]
    return next((each for each in of_machine if each["state"] == "running"), None)


def raise_alert(
    world: World,
    *,
    tenant_id: str,
    type: str,  # noqa: A002 - the vendor's name
    severity: str,
    details: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
) -> Record:
    """Raise an alert of a customer's, as `NoBackupForXDays`."""
    customer, now_ns = world.tenant(tenant_id), int(world.now() * 1e9)
    alert: Record = {
        "id": new_id(), "type": type, "severity": severity, "createdAt": world.moment(), "updatedAt": world.moment(),
        "details": details or {}, "context": context or {}, "tenant_id": str(customer["_number"]),
        "_tenant_id": tenant_id, "_created_ns": now_ns, "_updated_ns": now_ns, "_deleted_ns": None,
    }  # fmt: skip
    world.alerts[alert["id"]] = alert
    return {"alert_id": alert["id"]}


def dismiss_alert(world: World, *, alert_id: str) -> Record:
    """Have somebody dismiss an alert in the portal."""
    alert, now_ns = _find(world.alerts, alert_id), int(world.now() * 1e9)
    alert |= {"deletedAt": world.moment(), "updatedAt": world.moment(), "_deleted_ns": now_ns, "_updated_ns": now_ns}
    return {}


def raise_activity(world: World, *, resource_id: str, result: str, policy_type: str = "backup") -> Record:
    """Add an activity that is over, of any kind of plan."""
    resource = _find(world.resources, resource_id)
    over = {"result": {"code": result}, "completedAt": world.moment(), "_policy_type": policy_type}
    activity = add_activity(world, resource, None, state="completed", **over)
    return {"activity_id": activity["id"]}


def _find(table: dict[str, Record], key: str) -> Record:
    if key not in table:
        raise Refused(404, f"{key} is not found.")
    return table[key]
