"""Tenants: trial at first, a version that every change needs, disabled before deleted, gone but `allow_deleted`."""

from collections.abc import Callable, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from tests.acronis.calls import Answer, Call, answers
from tests.acronis.description import NotAsDescribedError
from tests.acronis.refusals import Refused
from tests.acronis.seeding import add_tenant
from tests.acronis.world import Record, World, new_id, shown

_PARENTS = {
    "partner": ("partner", "folder"),
    "folder": ("partner",),
    "customer": ("partner", "folder"),
    "unit": ("customer", "unit"),
}
"""What each kind may be under; the matrix is unverified."""
_ONE_OF = ("uuids", "parent_id", "subtree_root_id")
_DETAILS = {
    "stamps": ("id", "version", "updated_at", "deleted_at"),
    "basic": ("id", "version", "name", "parent_id", "kind", "enabled", "customer_id", "updated_at", "deleted_at"),
}
_DEFAULT_LIMIT = 5000
TRIAL = timedelta(days=30)


def show(world: World, tenant: Record, parents: Set[str] | None = None, *, contacts: bool = False) -> Record:
    """Return a tenant as answers have it; ``parents`` are the tenants with children, where they are known."""
    answer = shown(tenant)
    answer["has_children"] = tenant["id"] in (world.parents() if parents is None else parents)
    answer["pricing_mode"] = tenant["_pricing"]["mode"]
    answer["production_start_date"] = tenant["_pricing"]["production_start_date"]
    deleted = tenant["_deleted"]
    is_deleting = deleted is not None and world.now() < deleted + world.settings["deletion_seconds"]
    answer["external_operation_status"] = "deleting" if is_deleting else None
    if not contacts:
        del answer["contacts"]
    return answer


def touch(world: World, tenant: Record) -> None:
    """Note a change of a tenant: a new version."""
    tenant["version"] += 1
    tenant["updated_at"] = world.moment()


@answers("createTenant")
def _create(call: Call) -> Answer:
    body = dict(call.body)
    parent = call.reach_to_change(body["parent_id"])
    if parent["kind"] not in _PARENTS[body["kind"]]:
        raise Refused(400, f"A {body['kind']} cannot be under a {parent['kind']}.")
    if not parent["enabled"]:
        raise Refused(400, "The parent is disabled.")
    siblings = {each["name"] for each in call.world.children(parent["id"])}
    if call.world.settings["unique_sibling_names"] and body["name"] in siblings:
        raise Refused(409, "A tenant of this name already exists.", code="ALREADY_EXISTS")
    lock = body.pop("update_lock", {"enabled": False})
    billing = body.pop("company_billing_contact", None)
    tenant = add_tenant(call.world, **body)
    tenant["update_lock"] = _make_lock(call, lock["enabled"])
    tenant["contacts"] = [] if billing is None else [billing | {"types": ["company_billing"]}]
    start = datetime.fromisoformat(call.world.moment()) + TRIAL
    tenant["_pricing"]["production_start_date"] = start.isoformat()
    return Answer(201, show(call.world, tenant))


def _make_lock(call: Call, enabled: bool) -> Record:
    return {"enabled": enabled, "owner_id": call.caller.tenant_id if enabled else None}


@answers("readTenant")
def _read(call: Call) -> Answer:
    return Answer(body=show(call.world, call.reach(allow_deleted=call.query.get("allow_deleted", False))))


@answers("listTenants")
def _list(call: Call) -> Answer:
    return call.page(_choose, default_limit=_DEFAULT_LIMIT)


def _choose(call: Call) -> Sequence[Record]:
    query, world = call.query, call.world
    if sum(each in query for each in _ONE_OF) != 1:
        raise NotAsDescribedError(f"exactly one of {', '.join(_ONE_OF)} is required")
    deleted = query.get("allow_deleted", False)
    if "uuids" in query:
        found = [world.tenants[each] for each in query["uuids"].split(",") if each in world.tenants]
    elif "parent_id" in query:
        call.reach(query["parent_id"])
        found = [
            each
            for each in world.subtree(query["parent_id"], deleted=deleted)
            if each["parent_id"] == query["parent_id"]
        ]
    else:
        call.reach(query["subtree_root_id"])
        found = list(world.subtree(query["subtree_root_id"], deleted=deleted))
    found = [each for each in found if deleted or each["deleted_at"] is None]
    found = [each for each in found if world.is_seen_from(each, call.caller.tenant_id)]
    if "updated_since" in query:
        found = [each for each in found if each["updated_at"] >= query["updated_since"].replace("Z", "+00:00")]
    shape = _detail(query.get("lod", "full"), world, contacts=query.get("with_contacts", False))
    return [shape(each) for each in found]


def _detail(level: str, world: World, *, contacts: bool) -> Callable[[Record], Record]:
    if level == "full":
        parents = world.parents()
        return lambda each: show(world, each, parents, contacts=contacts)
    return lambda each: {key: each[key] for key in _DETAILS[level]}


@answers("updateTenant")
def _update(call: Call) -> Answer:
    tenant, change = call.reach_to_change(), dict(call.body)
    check_version(tenant, change.pop("version"))
    if "update_lock" in change:
        change["update_lock"] = _make_lock(call, change["update_lock"]["enabled"])
    billing = change.pop("company_billing_contact", None)
    if billing is not None:
        tenant["contacts"] = [billing | {"types": ["company_billing"]}]
    if "contact" in change:
        change["contact"] = tenant["contact"] | change["contact"]
    if "parent_id" in change:
        call.reach_to_change(change["parent_id"])
    tenant.update(change)
    touch(call.world, tenant)
    return Answer(body=show(call.world, tenant))


def check_version(record: Record, version: int) -> None:
    """Refuse a change of something that has changed meanwhile."""
    if record["version"] != version:
        raise Refused(409, f"The version is {record['version']} by now.", code="VERSION_CONFLICT")


@answers("deleteTenant")
def _delete(call: Call) -> Answer:
    tenant, world = call.reach_to_change(), call.world
    check_version(tenant, call.query["version"])
    if tenant["enabled"]:
        raise Refused(400, "A tenant is disabled before it is deleted.", code="TENANT_ENABLED")
    gone = {each["id"] for each in world.subtree(tenant["id"])}
    for each in [world.tenants[tenant_id] for tenant_id in gone]:
        each["deleted_at"], each["_deleted"] = world.moment(), world.now()
        each["_deleted_by"] = tenant["id"]
        touch(world, each)
    # Users and what is backed up go with it for good; the agents' registrations too.
    world.users = {key: user for key, user in world.users.items() if user["tenant_id"] not in gone}
    world.agents = {key: agent for key, agent in world.agents.items() if agent["_tenant_id"] not in gone}
    world.resources = {key: each for key, each in world.resources.items() if each["_tenant_id"] not in gone}
    world.applied = [each for each in world.applied if each["resource_id"] in world.resources]
    for token in [key for key, each in world.registration_tokens.items() if each["_customer_id"] in gone]:
        del world.registration_tokens[token]
    return Answer(204)


@answers("restoreTenant")
def _restore(call: Call) -> Answer:
    tenant = call.reach(allow_deleted=True)
    if tenant["deleted_at"] is None:
        raise Refused(400, "The tenant is not deleted.")
    for each in call.world.subtree(tenant["id"], deleted=True):
        if each.get("_deleted_by") == tenant["id"]:
            each["deleted_at"] = each["_deleted"] = each["_deleted_by"] = None
            touch(call.world, each)
    return Answer(body=show(call.world, tenant))


@answers("listChildren")
def _list_children(call: Call) -> Answer:
    children = call.world.children(call.reach()["id"])
    return Answer(body={"items": [each["id"] for each in children]})


@answers("listUsersOfTenant")
def _list_users(call: Call) -> Answer:
    tenant = call.reach()
    found = [key for key, user in call.world.users.items() if user["tenant_id"] == tenant["id"]]
    return Answer(body={"items": found})


@answers("search")
def _search(call: Call) -> Answer:
    root, text, world = call.reach(call.query["tenant"]), call.query["text"].casefold(), call.world
    seen = [each for each in world.subtree(root["id"]) if world.is_seen_from(each, call.caller.tenant_id)]
    indexed = [each for each in seen if each["_created"] + world.settings["search_lag_seconds"] <= world.now()]
    found: list[Record] = []
    for tenant in indexed:
        contact = tenant["contact"]
        texts = [
            tenant["name"],
            tenant["customer_id"],
            *(contact.get(key) for key in ("email", "firstname", "lastname")),
        ]
        if any(text in (each or "").casefold() for each in texts):
            path = list(world.ancestors(tenant["id"]))[::-1]
            named = {key: tenant[key] for key in ("id", "parent_id", "kind", "name")}
            found.append({"obj_type": "tenant", **named, "path": path})
    ids = {each["id"] for each in indexed}
    for user in world.users.values():
        if user["tenant_id"] in ids and text in user["login"].casefold():
            found.append({"obj_type": "user", "id": user["id"], "name": user["login"], "login": user["login"]})
    return Answer(body={"items": found[: call.query.get("limit", 10)]})


@answers("readPricing")
def _read_pricing(call: Call) -> Answer:
    return Answer(body=call.reach()["_pricing"])


@answers("changePricing")
def _change_pricing(call: Call) -> Answer:
    tenant, body = call.reach_to_change(), call.body
    pricing: dict[str, Any] = tenant["_pricing"]
    check_version(pricing, body["version"])
    mode = body.get("mode", pricing["mode"])
    if (pricing["mode"], mode) == ("production", "trial"):
        raise Refused(400, "Production cannot become trial again.")
    if mode != pricing["mode"]:
        pricing["production_start_date"] = call.world.moment()
    pricing |= {"mode": mode, "currency": body.get("currency", pricing["currency"]), "version": pricing["version"] + 1}
    return Answer(body=pricing)


def add_personal_tenant(world: World, user: Record) -> str:
    """Add the hidden tenant that a user owns, and return its UUID."""
    tenant = add_tenant(world, name=f"personal {new_id()}", parent_id=user["tenant_id"], kind="unit")
    tenant["_is_personal"] = True
    return str(tenant["id"])
