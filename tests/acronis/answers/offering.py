"""Offering items: seen by edition (`standard` unless said), changed one by one, never more than the parent has."""

import copy
from collections.abc import Sequence

from tests.acronis.calls import Answer, Call, answers
from tests.acronis.description import NotAsDescribedError
from tests.acronis.refusals import Refused
from tests.acronis.world import BACKUP, Record, World

_DEFAULT_LIMIT = 5000


def _is_of_edition(item: Record, call: Call) -> bool:
    asked = call.query.get("edition", "standard")
    return asked in ("*", item["edition"])


@answers("listItemsForChild")
def _list_for_child(call: Call) -> Answer:
    is_customer = call.query.get("kind") in ("customer", "unit")
    found = []
    for item in call.reach()["_items"]:
        if item["status"] == 1 and _is_of_edition(item, call) and not (is_customer and _is_for_partners(item)):
            quota = {"quota": {"value": None, "overage": None, "version": 0}} if "quota" in item else {}
            found.append(item | {"locked": False} | quota)
    return Answer(body={"items": found})


def _is_for_partners(item: Record) -> bool:
    return str(item["name"]).endswith("child_storages")


@answers("listItems")
def _list(call: Call) -> Answer:
    query = call.query
    found = [item for item in call.reach()["_items"] if _is_of_edition(item, call)]
    if "status" in query:
        found = [item for item in found if str(item["status"]) == query["status"]]
    if "type" in query:
        found = [item for item in found if item["type"] == query["type"]]
    if "usage_names" in query:
        found = [item for item in found if item["usage_name"] in query["usage_names"].split(",")]
    if "infra_uuid" in query:
        found = [item for item in found if item["infra_id"] == query["infra_uuid"]]
    if query.get("available_only"):
        found = [item for item in found if item["status"] == 1]
    return Answer(body={"items": found})


@answers("listItemsOfSubtree")
def _list_of_subtree(call: Call) -> Answer:
    return call.page(_choose, default_limit=_DEFAULT_LIMIT)


def _choose(call: Call) -> Sequence[Record]:
    root, world = call.query.get("subtree_root_tenant_id"), call.world
    if root is None:
        raise NotAsDescribedError("subtree_root_tenant_id is required")
    seen = [each for each in world.subtree(call.reach(root)["id"]) if world.is_seen_from(each, call.caller.tenant_id)]
    return [
        {"tenant_id": each["id"], "offering_items": [item for item in each["_items"] if _is_of_edition(item, call)]}
        for each in seen
    ]


@answers("changeItems")
def _change(call: Call) -> Answer:
    tenant, world = call.reach_to_change(), call.world
    if tenant["id"] == call.caller.tenant_id:
        raise Refused(403, "The offering of one's own tenant cannot be changed.", code="ACCESS_DENIED")
    items = copy.deepcopy(tenant["_items"])
    changed = [_apply(world, tenant, items, change) for change in call.body["offering_items"]]
    _check_whole(world, tenant, items)
    if call.body.get("check_usage"):
        _check_usage(world, tenant, changed)
    tenant["_items"] = items
    if tenant["kind"] in ("partner", "folder") and any(item["status"] for item in changed):
        tenant["_services"] = list(dict.fromkeys([*tenant["_services"], BACKUP]))
    return Answer(body={"items": changed})


def _apply(world: World, tenant: Record, items: list[Record], change: Record) -> Record:
    """Change one item of a tenant's, or add it as the parent has it."""
    name, infra_id = change["name"], change.get("infra_id")
    of_parent = _find(world.tenants[tenant["parent_id"]]["_items"], name, infra_id)
    item = _find(items, name, infra_id)
    if item is None:
        if of_parent is None:
            raise Refused(403, f"The parent has no offering item {name} ({infra_id}).", code="ACCESS_DENIED")
        item = of_parent | {"status": 0, "locked": False}
        if "quota" in item:
            item["quota"] = {"value": None, "overage": None, "version": 0}
        items.append(item)
    if item["locked"]:
        raise Refused(403, f"Offering item {name} is locked.", code="LOCKED")
    if change["application_id"] != item["application_id"]:
        raise Refused(400, f"Offering item {name} is not of that application.")
    status = change.get("status", item["status"])
    if status == 1 and (of_parent is None or of_parent["status"] == 0):
        raise Refused(403, f"The parent has no offering item {name} ({infra_id}).", code="ACCESS_DENIED")
    if "quota" in change:
        _change_quota(world, item, change["quota"])
    item |= {"status": status, "updated_at": world.moment()}
    return item


def _find(items: list[Record], name: str, infra_id: str | None) -> Record | None:
    """Return an item by its name and storage; an item of a storage is not found without it."""
    return next((item for item in items if (item["name"], item["infra_id"]) == (name, infra_id)), None)


def _change_quota(world: World, item: Record, quota: Record) -> None:
    if item["type"] == "feature":
        raise Refused(400, f"{item['name']} is a feature, which has no quota.")
    if quota["version"] != item["quota"]["version"]:
        raise Refused(409, f"The quota's version is {item['quota']['version']} by now.", code="VERSION_CONFLICT")
    item["quota"] = {"value": quota["value"], "overage": quota["overage"], "version": world.next_revision()}


def _check_whole(world: World, tenant: Record, items: list[Record]) -> None:
    """Refuse what a tenant cannot have together."""
    active = [item for item in items if item["status"] == 1]
    names = {item["name"] for item in active}
    for item in active:
        if _is_for_partners(item) and item["name"].replace("child_storages", "storage") not in names:
            raise Refused(400, f"{item['name']} needs the item of the storage.")
    for child in world.children(tenant["id"]):
        for item in child["_items"]:
            of_this = _find(items, item["name"], item["infra_id"])
            if item["status"] == 1 and (of_this is None or of_this["status"] == 0):
                raise Refused(409, f"A child has offering item {item['name']}.", code="ITEM_IN_USE")
    if tenant["kind"] != "customer":
        return
    if active and BACKUP not in tenant["_services"]:
        raise Refused(400, "The service is not bound to the tenant.", code="SERVICE_NOT_BOUND")
    if len({item["edition"] for item in active if item["edition"] is not None}) > 1:
        raise Refused(400, "A customer has one edition of Cyber Protection at a time.", code="SEVERAL_EDITIONS")
    if len({item["infra_id"] for item in active if item["type"] == "infra"}) > 1:
        raise Refused(400, "A customer has one storage for backups.", code="SEVERAL_STORAGES")


def _check_usage(world: World, tenant: Record, changed: list[Record]) -> None:
    for item in changed:
        used = world.used(tenant["id"], item["name"], item["infra_id"])
        if item["status"] == 0 and used:
            raise Refused(409, f"Offering item {item['name']} has usage {used}.", code="ITEM_HAS_USAGE", data=[used])
        limit = most(item)
        if item["status"] == 1 and limit is not None and used > limit:
            raise Refused(409, f"{item['name']} has usage {used}, over {limit}.", code="QUOTA_BELOW_USAGE", data=[used])


def most(item: Record) -> int | None:
    """Return what an item allows at most: hard at value + overage, and no limit without an overage."""
    quota = item.get("quota")
    if quota is None or quota["value"] is None or quota["overage"] is None:
        return None
    return int(quota["value"] + quota["overage"])


@answers("checkEdition")
def _check_edition(call: Call) -> Answer:
    tenant = call.reach()
    return Answer(body={"warnings": _find_warnings(call.world, tenant, call.query["target_edition"])})


def _find_warnings(world: World, tenant: Record, edition: str) -> list[Record]:
    """Name every active item that the other edition has no counterpart of in the parent."""
    of_parent = world.tenants[tenant["parent_id"]]["_items"]
    known = {(item["usage_name"], item["infra_id"]) for item in of_parent if item["edition"] == edition}
    if not known:
        raise Refused(400, f"The parent has no edition {edition}.")
    active = [item for item in tenant["_items"] if item["status"] == 1 and item["edition"] is not None]
    return [{"name": item["name"]} for item in active if (item["usage_name"], item["infra_id"]) not in known]


@answers("changeEdition")
def _change_edition(call: Call) -> Answer:
    tenant, world, edition = call.reach_to_change(), call.world, call.body["target_edition"]
    if tenant["id"] == call.caller.tenant_id:
        raise Refused(403, "The offering of one's own tenant cannot be changed.", code="ACCESS_DENIED")
    warnings = _find_warnings(world, tenant, edition)
    of_parent = world.tenants[tenant["parent_id"]]["_items"]
    active = [item for item in tenant["_items"] if item["status"] == 1 and item["edition"] not in (None, edition)]
    for item in active:
        item["status"] = 0
        for other in of_parent:
            is_its = (other["usage_name"], other["infra_id"]) == (item["usage_name"], item["infra_id"])
            if is_its and other["edition"] == edition:
                key = (other["name"], other["infra_id"])
                tenant["_items"] = [each for each in tenant["_items"] if (each["name"], each["infra_id"]) != key]
                tenant["_items"].append(copy.deepcopy(other) | ({"quota": item["quota"]} if "quota" in item else {}))
    return Answer(body={"warnings": warnings})
