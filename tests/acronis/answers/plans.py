"""Protection plans: written by hand in the console, applied and revoked by the root's id, in one customer at a time."""

from collections.abc import Sequence

from tests.acronis.answers.offering import most
from tests.acronis.calls import Answer, Call, answers
from tests.acronis.refusals import Refused
from tests.acronis.world import Record, World, new_id, shown

ROOT = "policy.protection.total"
MACHINE = "resource.machine"


def reach_customer(call: Call) -> Record:
    """Return the customer that a plan's call acts in: its token is for it."""
    tenant = call.world.tenants[call.caller.tenant_id]
    if tenant["kind"] not in ("customer", "unit"):
        raise Refused(403, "A token for the customer is required.", code="ACCESS_DENIED")
    return call.world.customer_of(tenant["id"])


@answers("listPolicies")
def _list(call: Call) -> Answer:
    return call.page(_choose)


def _choose(call: Call) -> Sequence[Record]:
    customer, query = reach_customer(call), call.query
    found = [each for each in call.world.policies.values() if each["_tenant_id"] == customer["id"]]
    types = [query["type"]] if "type" in query else query.get("types", "").split(",")
    if types != [""]:
        found = [each for each in found if each["type"] in types]
    if query.get("templates_only"):
        found = [each for each in found if each["_is_template"]]
    elif not query.get("include_templates"):
        found = [each for each in found if not each["_is_template"]]
    if "applicable_to_context_id" in query and query["applicable_to_context_id"] not in call.world.resources:
        raise Refused(404, "The resource is not found.")
    kept = [shown(each) for each in found]
    if not query.get("include_settings"):
        kept = [{key: value for key, value in each.items() if key != "settings"} for each in kept]
    return kept


@answers("applyPolicy")
def _apply(call: Call) -> Answer:
    customer, world = reach_customer(call), call.world
    policy = _reach_policy(call, customer, call.body["policy_id"])
    resources = [_reach_resource(call, customer, each) for each in call.body["context"]["items"]]
    for resource in resources:
        check_applicable(world, policy, resource)
    for resource in resources:
        apply_plan(world, policy, resource)
    made = [_show_application(world, policy, resource["id"]) for resource in resources]
    return Answer(body={"items": made})


def _reach_policy(call: Call, customer: Record, policy_id: str) -> Record:
    policy = call.world.policies.get(policy_id)
    if policy is None or policy["_tenant_id"] != customer["id"]:
        raise Refused(404, f"Policy {policy_id} is not found.", code="PolicyNotFound")
    if policy["type"] != ROOT:
        raise Refused(400, f"Policy {policy_id} is part of a plan: apply and revoke the plan.", code="PolicyIsNotRoot")
    return policy


def _reach_resource(call: Call, customer: Record, resource_id: str) -> Record:
    resource = call.world.resources.get(resource_id)
    if resource is None or resource["_tenant_id"] != customer["id"]:
        raise Refused(404, f"Resource {resource_id} is not found.", code="ContextNotFound")
    return resource


def check_applicable(world: World, policy: Record, resource: Record) -> None:
    """Refuse a plan that is on a machine already, conflicts with one there, or whose machine is over the quota."""
    here = [each["policy_id"] for each in world.applied if each["resource_id"] == resource["id"]]
    if policy["id"] in here:
        raise Refused(409, "The plan is applied already.", code="ApplicationsAlreadyExist")
    modules = {module for each in here for module in _modules(world, each)}
    if modules & _modules(world, policy["id"]):
        raise Refused(409, "Another plan of the machine has this module.", code="PolicyConflict")
    name = _find_licence(world, resource)
    if world.settings["counts_machines_on"] == "apply" and not here:
        check_licences(world, resource["_tenant_id"], name)


def check_licences(world: World, tenant_id: str, name: str | None) -> None:
    """Refuse a machine more than the licences allow: hard at value + overage."""
    item = None if name is None else world.item(tenant_id, name)
    if name is None or item is None:
        raise Refused(403, "The customer has no offering item for this machine.", code="QuotaReached")
    limit = most(item)
    if limit is not None and world.used(tenant_id, name, None) + 1 > limit:
        raise Refused(403, f"The quota of {name} is reached: {limit}.", code="QuotaReached")


def _find_licence(world: World, resource: Record) -> str | None:
    """Return the name of the active item that a machine is counted by."""
    for item in world.tenants[resource["_tenant_id"]]["_items"]:
        if item["status"] == 1 and item["usage_name"] == resource["_counted_as"]:
            return str(item["name"])
    return None


def count_machine(world: World, resource: Record, change: int) -> None:
    """Count one more or one less machine of a customer's."""
    name = _find_licence(world, resource)
    if name is not None:
        tenant_id = resource["_tenant_id"]
        world.set_usage(tenant_id, name, None, world.used(tenant_id, name, None) + change)


def _modules(world: World, root_id: str) -> set[str]:
    return {each["type"] for each in world.policies.values() if root_id in each["parent_ids"]}


def apply_plan(world: World, policy: Record, resource: Record) -> None:
    """Put a plan on a machine; the first one makes it count as a licence."""
    is_first = not any(each["resource_id"] == resource["id"] for each in world.applied)
    world.applied.append({"policy_id": policy["id"], "resource_id": resource["id"]})
    if is_first and world.settings["counts_machines_on"] == "apply":
        count_machine(world, resource, 1)


@answers("listPolicyApplications")
def _list_applications(call: Call) -> Answer:
    return call.page(_choose_applications)


def _choose_applications(call: Call) -> Sequence[list[Record]]:
    customer, query, world = reach_customer(call), call.query, call.world
    found = []
    for each in world.applied:
        resource, policy = world.resources[each["resource_id"]], world.policies[each["policy_id"]]
        if resource["_tenant_id"] != customer["id"] or query.get("context_id") not in (None, resource["id"]):
            continue
        whole = [policy, *(part for part in world.policies.values() if policy["id"] in part["parent_ids"])]
        whole = [part for part in whole if query.get("policy_type") in (None, part["type"])]
        if whole:
            found.append([_show_application(world, part, resource["id"]) for part in whole])
    return found


def _show_application(world: World, policy: Record, resource_id: str) -> Record:
    named = {key: policy[key] for key in ("id", "parent_ids", "type", "name")}
    return {"policy": named, "context": {"id": resource_id}, "enabled": policy["enabled"]}


@answers("listPolicyStatuses")
def _list_statuses(call: Call) -> Answer:
    return call.page(_choose_statuses)


def _choose_statuses(call: Call) -> Sequence[Record]:
    customer, world = reach_customer(call), call.world
    applied = ((each["policy_id"], world.resources[each["resource_id"]]) for each in world.applied)
    return [
        {"policy": {"id": policy_id}, "context": {"id": resource["id"]}, "status": resource["_status"]}
        for policy_id, resource in applied
        if resource["_tenant_id"] == customer["id"]
    ]


@answers("revokePolicy")
def _revoke(call: Call) -> Answer:
    customer, world = reach_customer(call), call.world
    policy = _reach_policy(call, customer, call.query["policy_id"])
    resource = _reach_resource(call, customer, call.query["context_id"])
    kept = [e for e in world.applied if (e["policy_id"], e["resource_id"]) != (policy["id"], resource["id"])]
    if len(kept) == len(world.applied):
        raise Refused(404, "The plan is not applied there.", code="ApplicationsNotFound")
    world.applied = kept
    is_last = not any(each["resource_id"] == resource["id"] for each in kept)
    if is_last and world.settings["counts_machines_on"] == "apply":
        count_machine(world, resource, -1)
    return Answer(204)


@answers("runPolicy")
def _run(call: Call) -> Answer:
    customer, world = reach_customer(call), call.world
    policy = _reach_policy(call, customer, call.body["policy_id"])
    for resource_id in call.body["context_ids"]:
        resource = _reach_resource(call, customer, resource_id)
        if {"policy_id": policy["id"], "resource_id": resource["id"]} not in world.applied:
            raise Refused(404, "The plan is not applied there.", code="ApplicationsNotFound")
        resource["_status"] = "running"
        add_activity(world, resource, policy, state="running")
    return Answer(204)


def add_activity(world: World, resource: Record, policy: Record | None, *, state: str, **fields: object) -> Record:
    """Note that a machine does something, as the task manager lists it."""
    activity: Record = {
        "id": new_id(), "type": "backup", "state": state, "startedAt": world.moment(),
        "resource": {"id": resource["id"], "name": resource["name"]}, "tenant_id": resource["tenant_id"],
        "_tenant_id": resource["_tenant_id"], "_started": world.now(), "_policy_type": "backup",
    }  # fmt: skip
    if policy is not None:
        activity["policy"] = {key: policy[key] for key in ("id", "type", "name")}
    activity |= fields
    world.activities[activity["id"]] = activity
    return activity
