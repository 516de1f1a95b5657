"""Registration tokens: for a while, as often as wanted, tied by their scope to a user or to a plan."""

import re
import secrets
import string

from tests.acronis.calls import Answer, Call, answers
from tests.acronis.refusals import Refused
from tests.acronis.world import Record, World, shown

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
OWNER_SCOPE = re.compile(rf"urn:acronis\.com:tenant-id:({_UUID})?:backup_agent_admin")
"""Ties a machine to the user of that personal tenant; without it, of the tenant that the token is made in."""
PLAN_SCOPE = re.compile(rf"urn:acronis\.com::policy_management:([0-9]+|{_UUID})\|({_UUID}):apply_revoke")
"""Applies a plan to every machine that registers: tenant and plan."""

_LETTERS = string.ascii_uppercase + string.digits


@answers("createRegistrationToken")
def _create(call: Call) -> Answer:
    tenant, world = call.reach(), call.world
    customer = world.customer_of(tenant["id"])
    if not call.body["scopes"] and not world.settings["accepts_empty_scopes"]:
        raise Refused(400, "A scope is required.")
    for scope in call.body["scopes"]:
        _check_scope(world, customer, scope)
    now = world.now()
    record: Record = {
        "id": len(world.registration_tokens) + int(now),
        "token": "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3)),
        "created_at": world.moment(now),
        "expires_at": world.moment(now + call.body["expires_in"]).removesuffix("+00:00"),  # the zone may be missing
        "tenant_id": str(tenant["_number"]),
        "tenant_uuid": tenant["id"],
        "scopes": call.body["scopes"],
        "_expires": now + call.body["expires_in"],
        "_customer_id": customer["id"],
    }
    while str(record["id"]) in world.registration_tokens:
        record["id"] += 1
    world.registration_tokens[str(record["id"])] = record
    return Answer(body=shown(record))


def _check_scope(world: World, customer: Record, scope: str) -> None:
    if owner := OWNER_SCOPE.fullmatch(scope):
        if owner[1] and customer["id"] not in world.ancestors(owner[1]):
            raise Refused(403, "The scope's tenant is not of this customer.", code="ACCESS_DENIED")
    elif plan := PLAN_SCOPE.fullmatch(scope):
        is_own = plan[1] in (str(customer["_number"]), customer["id"])  # which form it takes is unverified
        if not is_own or world.policies.get(plan[2], {}).get("_tenant_id") != customer["id"]:
            raise Refused(403, "The scope's plan is not of this customer.", code="ACCESS_DENIED")
    else:
        raise Refused(400, f"The scope {scope} is not known.")


@answers("listRegistrationTokens")
def _list(call: Call) -> Answer:
    tenant = call.reach()
    found = [each for each in call.world.registration_tokens.values() if each["tenant_uuid"] == tenant["id"]]
    return Answer(body={"items": [shown(each) for each in found]})


@answers("deleteRegistrationToken")
def _delete(call: Call) -> Answer:
    found = call.world.registration_tokens.get(call.path["token_id"])
    if found is None:
        raise Refused(404, "The registration token is not found.")
    call.reach(found["tenant_uuid"])
    del call.world.registration_tokens[call.path["token_id"]]
    return Answer(204)


def find_token(world: World, token: str) -> Record:
    """Return a token that has not ended, or refuse as the registration of an agent is refused."""
    for each in world.registration_tokens.values():
        if each["token"] == token and each["_expires"] > world.now():
            return each
    raise Refused(403, "The registration token is not known, or it has expired.", code="ACCESS_DENIED")
