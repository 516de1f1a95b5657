"""Tokens and clients: two hours for a token, one for a customer dies with the one that it was made from."""

from base64 import b64decode
from binascii import Error as NotBase64

from tests.acronis.calls import Answer, Call, Caller, answers
from tests.acronis.refusals import Refused
from tests.acronis.seeding import add_client
from tests.acronis.world import Record, World, new_secret, shown

_SCOPE = "urn:acronis.com:tenant-id:"


def identify(world: World, authorization: str, security: tuple[str, ...]) -> Caller:
    """Return who calls, by the ``Authorization`` header; 401 for nobody."""
    if not security:
        return Caller(world.partner_id)
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer" and "bearer" in security:
        return _identify_token(world, value)
    if scheme.lower() == "basic" and "basic" in security:
        return _identify_password(world, value)
    raise Refused(401, "Authorization is required.")


def _identify_token(world: World, value: str) -> Caller:
    token = world.access_tokens.get(value)
    if token is None or token["expires_at"] <= world.now():
        raise Refused(401, "The token is expired or not valid.", code="invalid_token")
    base = token["base"]
    if base and world.access_tokens.get(base, {"expires_at": 0})["expires_at"] <= world.now():
        raise Refused(401, "The token is expired or not valid.", code="invalid_token")
    if world.clients[token["client_id"]]["status"] != "enabled":
        raise Refused(401, "The client is disabled.", code="invalid_client")
    world.tenant(token["tenant_id"])
    return Caller(token["tenant_id"], token["client_id"], is_scoped=bool(base), base_token=base or value)


def _identify_password(world: World, value: str) -> Caller:
    try:
        name, _, secret = b64decode(value, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError) as error:
        raise Refused(401, "The authorization is not valid.") from error
    client = world.clients.get(name)
    if client is not None and client["_secret"] == secret and client["status"] == "enabled":
        return Caller(client["tenant_id"], name)
    for user in world.users.values():
        if user["login"] == name and user["_password"] is not None and user["_password"] == secret and user["enabled"]:
            return Caller(user["tenant_id"], user_id=user["id"])
    raise Refused(401, "Client or user are not known, or disabled.", code="invalid_client")


@answers("probe")
def _probe(call: Call) -> Answer:
    base = f"{call.url}/api/2/idp"
    return Answer(body={"issuer": base, "token_endpoint": f"{base}/token"})


@answers("giveToken")
def _give_token(call: Call) -> Answer:
    world, caller = call.world, call.caller
    if call.body["grant_type"] == "client_credentials":
        if caller.client_id is None or caller.base_token:
            raise Refused(401, "Client credentials are required.", code="invalid_client")
        return _make_token(world, caller.client_id, caller.tenant_id, world.settings["token_lifetime_seconds"], "")
    base = call.body["assertion"]
    if caller.is_scoped or base != caller.base_token:
        raise Refused(400, "The assertion is not the base token.", code="invalid_grant")
    tenant = call.reach(call.body["scope"].removeprefix(_SCOPE))
    remaining = world.access_tokens[base]["expires_at"] - world.now()
    assert caller.client_id is not None
    return _make_token(world, caller.client_id, tenant["id"], remaining, base)


def _make_token(world: World, client_id: str, tenant_id: str, seconds: float, base: str) -> Answer:
    value, expires_at = new_secret(), world.now() + seconds
    world.access_tokens[value] = {
        "client_id": client_id, "tenant_id": tenant_id, "expires_at": expires_at, "base": base
    }  # fmt: skip
    body = {
        "access_token": value, "token_type": "bearer", "expires_in": int(seconds), "expires_on": int(expires_at),
        "id_token": new_secret(),
    }  # fmt: skip
    return Answer(body=body)


@answers("createClient")
def _create_client(call: Call) -> Answer:
    user = call.world.users.get(call.caller.user_id or "")
    if user is None or not any(is_administrator(each, call.body["tenant_id"]) for each in user["_policies"]):
        raise Refused(403, "The user has no role that allows it.", code="ACCESS_DENIED")
    client = add_client(call.world, call.body["tenant_id"], call.body["data"]["client_name"])
    return Answer(201, shown(client) | {"client_secret": client["_secret"]})


@answers("readClient")
def _read_client(call: Call) -> Answer:
    client = call.world.clients.get(call.path["client_id"])
    if client is None:
        raise Refused(404, "The client is not found.")
    call.reach(client["tenant_id"])
    return Answer(body=shown(client))


def is_administrator(policy: Record, tenant_id: str) -> bool:
    """Tell whether an access policy makes an administrator of that tenant."""
    return policy["tenant_id"] == tenant_id and policy["role_id"] in ("partner_admin", "company_admin")
