"""The control door: what tests, and the stand-in for the vendor's installer, have happen. No part of the vendor's API.

``POST /_control/VERB`` takes a JSON object and answers one; a refusal has its status, and ``refused`` in words.
"""

from collections.abc import Callable
from typing import Any

from tests.acronis import machines
from tests.acronis.faults import Faults
from tests.acronis.journal import Journal
from tests.acronis.refusals import Refused
from tests.acronis.seeding import add_client, add_tenant
from tests.acronis.world import DEFAULTS, Record, World

PREFIX = "/_control/"

_OF_THE_WORLD: dict[str, Callable[..., Record]] = {}


def _verb(function: Callable[..., Record]) -> Callable[..., Record]:
    _OF_THE_WORLD[function.__name__] = function
    return function


for _each in (
    machines.unregister_agent,
    machines.set_online,
    machines.offer_update,
    machines.make_plan,
    machines.back_up,
    machines.raise_alert,
    machines.dismiss_alert,
    machines.raise_activity,
):
    _verb(_each)


def control(world: World, faults: Faults, journal: Journal, url: str, verb: str, asked: Record) -> Record:
    """Do one verb, and return what its answer has."""
    if verb == "register_agent":
        return machines.register_agent(world, url=url, **asked)
    if verb == "fail":
        faults.add(**asked)
        return {}
    if verb == "clear_faults":
        faults.clear()
        return {}
    if verb == "journal":
        return journal.read()
    if verb == "forget_journal":
        journal.forget()
        return {}
    if verb not in _OF_THE_WORLD:
        raise Refused(404, f"There is no verb {verb}.")
    return _OF_THE_WORLD[verb](world, **asked)


@_verb
def describe(world: World) -> Record:
    """Return what a partner knows of itself on its first day."""
    client = next(iter(world.clients.values()))
    storages = {each["name"]: each["id"] for each in world.infra.values()}
    return {
        "partner_id": world.partner_id,
        "distributor_id": world.distributor_id,
        "client_id": client["client_id"],
        "client_secret": client["_secret"],
        "storages": storages,
        "now": world.now(),
        "settings": world.settings,
    }


@_verb
def set_settings(world: World, **settings: Any) -> Record:
    """Set what the reference leaves open, and how late figures are; see `world.DEFAULTS`."""
    if unknown := set(settings) - set(DEFAULTS):
        raise Refused(400, f"There is no setting {', '.join(sorted(unknown))}.")
    world.settings |= settings
    return {}


@_verb
def advance_clock(world: World, *, seconds: float) -> Record:
    """Set the service's clock forward."""
    world.clock_offset_seconds += seconds
    return {"now": world.now()}


@_verb
def expire_tokens(world: World, *, base_only: bool = False) -> Record:
    """End every access token, or those only that no other token was made from: the others die with them."""
    kept = {value: token for value, token in world.access_tokens.items() if base_only and token["base"]}
    world.access_tokens = kept
    return {}


@_verb
def set_client(world: World, *, client_id: str, status: str) -> Record:
    """Enable or disable a client."""
    world.clients[client_id]["status"] = status
    return {}


@_verb
def make_client(world: World, *, tenant_id: str, name: str) -> Record:
    """Make another client, in any tenant."""
    client = add_client(world, tenant_id, name)
    return {"client_id": client["client_id"], "client_secret": client["_secret"]}


@_verb
def make_customers(world: World, *, count: int, parent_id: str) -> Record:
    """Add many customers at once, for tests of long lists; the number of each is its ``customer_id``."""
    parent = world.tenant(parent_id)["id"]
    made = [
        add_tenant(world, name=f"Customer {number:06}", parent_id=parent, kind="customer", customer_id=f"many:{number}")
        for number in range(count)
    ]
    return {"tenant_ids": [each["id"] for each in made]}


@_verb
def set_usage(world: World, *, tenant_id: str, name: str, value: int, infra_id: str | None = None) -> Record:
    """Set what a tenant uses of an item; the API tells it after the lag."""
    world.set_usage(world.tenant(tenant_id)["id"], name, infra_id, value)
    return {}


@_verb
def set_item(
    world: World,
    *,
    tenant_id: str,
    name: str,
    infra_id: str | None = None,
    locked: bool = False,
    status: int | None = None,
) -> Record:
    """Lock an item of a tenant's, or switch it, as an ancestor of the partner may."""
    for item in world.tenant(tenant_id)["_items"]:
        if (item["name"], item["infra_id"]) == (name, infra_id):
            item |= {"locked": locked} | ({} if status is None else {"status": status})
            return {}
    raise Refused(404, f"The tenant has no item {name}.")


@_verb
def lock_tenant(world: World, *, tenant_id: str, owner_id: str) -> Record:
    """Have somebody else lock a tenant for updates."""
    world.tenant(tenant_id)["update_lock"] = {"enabled": True, "owner_id": owner_id}
    return {}


@_verb
def touch_tenant(world: World, *, tenant_id: str) -> Record:
    """Have somebody change a tenant, so that its version is another."""
    touch(world, tenant_id)
    return {"version": world.tenant(tenant_id)["version"]}


def touch(world: World, path: str) -> None:
    """Have somebody change every tenant and user that a path names: each of their versions is another then."""
    for part in path.split("/"):
        for record in filter(None, (world.tenants.get(part), world.users.get(part))):
            record["version"] += 1
            quotas = [item["quota"] for item in record.get("_items", ()) if "quota" in item]
            for each in (record.get("_pricing"), *record.get("_policies", ()), *quotas):
                if each is not None:
                    each["version"] = world.next_revision()


@_verb
def activate_user(world: World, *, user_id: str, password: str) -> Record:
    """Have a user follow the link of its activation mail."""
    world.users[user_id] |= {"activated": True, "_password": password}
    return {}


@_verb
def read_mails(world: World) -> Record:
    """Return the activation mails that were sent."""
    return {"mails": world.mails}
