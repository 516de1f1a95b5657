"""Users: a login is the platform's, a new one has no role, and a write of the roles replaces them all."""

from typing import Any

from tests.acronis.answers.tenants import add_personal_tenant, check_version
from tests.acronis.calls import Answer, Call, answers
from tests.acronis.refusals import Refused
from tests.acronis.world import NOBODY, Record, World, new_id, shown

_ROLES = {
    "partner_admin": ("partner", "folder"),
    "company_admin": ("customer",),
    "unit_admin": ("unit",),
    "protection_admin": ("partner", "customer", "unit"),
    "cyber_admin": ("partner", "customer", "unit"),
    "protection_ro_admin": ("partner", "customer", "unit"),
    "readonly_admin": ("partner", "customer", "unit"),
    "accounts_admin": ("partner", "customer", "unit"),
    "security_analyst": ("partner", "customer", "unit"),
    "backup_user": ("personal",),
}
"""Where each role may be given."""


@answers("checkLogin")
def _check_login(call: Call) -> Answer:
    _check_free(call.world, call.query["username"])
    return Answer(204)


def _check_free(world: World, login: str) -> None:
    if any(user["login"].casefold() == login.casefold() for user in world.users.values()):
        raise Refused(409, "The login already exists.", code="ALREADY_EXISTS")


@answers("readMe")
def _read_me(call: Call) -> Answer:
    raise Refused(403, "A client is no user.", code="ACCESS_DENIED")


@answers("createUser")
def _create(call: Call) -> Answer:
    world, body = call.world, call.body
    tenant = call.reach_to_change(body["tenant_id"])
    _check_free(world, body["login"])
    user: Record = {
        "id": new_id(), "version": 1, "tenant_id": tenant["id"], "login": body["login"], "contact": body["contact"],
        "language": body.get("language", "en"), "activated": False, "enabled": True, "created_at": world.moment(),
        "_password": None, "_policies": [],
    }  # fmt: skip
    user["personal_tenant_id"] = add_personal_tenant(world, user)
    world.users[user["id"]] = user
    return Answer(201, shown(user))


@answers("readUsers")
def _read_several(call: Call) -> Answer:
    asked = [call.world.users[each] for each in call.query["uuids"].split(",") if each in call.world.users]
    seen = [user for user in asked if _is_seen(call, user)]
    return Answer(body={"items": [shown(user) for user in seen]})


def _is_seen(call: Call, user: Record) -> bool:
    return call.world.is_seen_from(call.world.tenants[user["tenant_id"]], call.caller.tenant_id)


@answers("readUser")
def _read(call: Call) -> Answer:
    return Answer(body=shown(call.reach_user()))


@answers("updateUser")
def _update(call: Call) -> Answer:
    user, change = call.reach_user(), dict(call.body)
    check_version(user, change.pop("version"))
    if "contact" in change:
        change["contact"] = user["contact"] | change["contact"]
    user |= change
    user["version"] += 1
    return Answer(body=shown(user))


@answers("deleteUser")
def _delete(call: Call) -> Answer:
    user, world = call.reach_user(), call.world
    check_version(user, call.query["version"])
    del world.users[user["id"]]
    world.tenants[user["personal_tenant_id"]]["deleted_at"] = world.moment()
    return Answer(204)


@answers("readAccessPolicies")
def _read_policies(call: Call) -> Answer:
    return Answer(body={"items": call.reach_user()["_policies"]})


@answers("replaceAccessPolicies")
def _replace_policies(call: Call) -> Answer:
    user, world = call.reach_user(), call.world
    present = {policy["id"]: policy for policy in user["_policies"]}
    kept: list[Record] = []
    for given in call.body["items"]:
        _check_policy(world, user, given)
        before = present.get(given["id"])
        if before is None and given["id"] != NOBODY:
            raise Refused(404, f"Access policy {given['id']} is not found.")
        if before is not None:
            check_version(before, given["version"])
        kept.append(_number(given, before, call.caller.client_id or NOBODY))
    user["_policies"] = kept
    return Answer(body={"items": kept})


def _check_policy(world: World, user: Record, policy: Record) -> None:
    if policy["trustee_id"] != user["id"]:
        raise Refused(400, "The trustee is another user.")
    tenant = world.tenant(policy["tenant_id"])
    is_own = policy["tenant_id"] == user["personal_tenant_id"]
    kind = "personal" if is_own else tenant["kind"]
    if tenant["_is_personal"] and not is_own:
        raise Refused(403, "The personal tenant is another user's.", code="ACCESS_DENIED")
    if kind not in _ROLES.get(policy["role_id"], ()):
        raise Refused(400, f"Role {policy['role_id']} cannot be given in a tenant of kind {kind}.")
    if user["tenant_id"] not in world.ancestors(policy["tenant_id"]):
        raise Refused(400, "The role is in a tenant that is not the user's, or below.")


def _number(given: Record, before: Record | None, issuer_id: str) -> dict[str, Any]:
    if before is None:
        return given | {"id": new_id(), "issuer_id": issuer_id, "version": 1}
    return before | {"role_id": given["role_id"], "tenant_id": given["tenant_id"], "version": before["version"] + 1}


@answers("sendActivationMail")
def _send_activation(call: Call) -> Answer:
    user = call.reach_user()
    if user["activated"]:
        raise Refused(400, "The user is activated already.", code="ALREADY_ACTIVATED")
    call.world.mails.append({"user_id": user["id"], "to": user["contact"]["email"], "at": call.world.moment()})
    return Answer(204)
