"""A new partner of the vendor's: a distributor above that it does not see, its catalogue, two storages, one client."""

from typing import Any

from tests.acronis.world import BACKUP, PLATFORM, Record, World, new_id, new_secret

_COUNTS = ("workstations", "servers", "vms", "mobiles", "m365_seats")
_PREFIXES = {"pck_per_workload": "pw_base_", "pck_per_gigabyte": "pg_base_"}


def make_world() -> World:
    """Make what a partner has on its first day."""
    world = World()
    world.services = {
        PLATFORM: {"id": PLATFORM, "name": "Platform", "type": "platform", "usages": [], "api_base_url": "/api/2"},
        BACKUP: {"id": BACKUP, "name": "Cyber Protection", "type": "backup", "usages": [], "api_base_url": "/bc"},
    }
    distributor = add_tenant(world, name="Distributor", parent_id=new_id(), kind="partner")
    partner = add_tenant(world, name="Partner", parent_id=distributor["id"], kind="partner")
    world.distributor_id, world.partner_id = distributor["id"], partner["id"]
    for name, is_the_vendors in (("Partner cloud", False), ("Vendor cloud", True)):
        _add_storage(world, name, is_the_vendors=is_the_vendors)
    for tenant in (distributor, partner):
        tenant["_items"] = _make_items(world)
        tenant["_pricing"]["mode"] = tenant["pricing_mode"] = "production"
        tenant["_services"] = [PLATFORM, BACKUP]
    add_client(world, partner["id"], "coffre")
    return world


def add_tenant(world: World, *, name: str, parent_id: str, kind: str, **fields: Any) -> Record:
    """Add a tenant as a creation leaves it: in trial, with the platform and no other service."""
    tenant_id, now = new_id(), world.moment()
    record: Record = {
        "id": tenant_id, "version": 1, "name": name, "parent_id": parent_id, "kind": kind, "customer_type": "default",
        "customer_id": None, "internal_tag": None, "language": "en", "contact": {}, "contacts": [],
        "default_idp_id": None, "ancestral_access": True, "enabled": True, "settings": {"enhanced_security": False},
        "update_lock": {"enabled": False, "owner_id": None}, "pricing_mode": "trial", "production_start_date": None,
        "mfa_status": "disabled", "has_children": False, "owner_id": None, "brand_id": None,
        "external_operation_status": None, "created_at": now, "updated_at": now, "deleted_at": None,
    }  # fmt: skip
    record |= fields
    record |= {
        "_number": world.next_number(),
        "_is_personal": False,
        "_pricing": {"mode": "trial", "currency": None, "version": 1, "production_start_date": None},
        "_services": [PLATFORM],
        "_items": [],
        "_created": world.now(),
        "_deleted": None,
    }
    world.tenants[tenant_id] = record
    return record


def add_client(world: World, tenant_id: str, name: str) -> Record:
    """Add a client that acts in a tenant and below."""
    record: Record = {
        "client_id": new_id(), "tenant_id": tenant_id, "type": "api_client", "status": "enabled",
        "data": {"client_name": name}, "_secret": new_secret(),
    }  # fmt: skip
    world.clients[record["client_id"]] = record
    return record


def _add_storage(world: World, name: str, *, is_the_vendors: bool) -> None:
    location: Record = {"id": new_id(), "name": f"{name} location", "platform_owned": is_the_vendors}
    location["owner_tenant_id"] = world.distributor_id
    world.locations[location["id"]] = location
    infra: Record = {
        "id": new_id(), "name": name, "location_id": location["id"], "owner_tenant_id": world.distributor_id,
        "capabilities": ["backup"], "backend_type": "cloud", "platform_owned": is_the_vendors, "readonly": False,
    }  # fmt: skip
    world.infra[infra["id"]] = infra


def _make_items(world: World) -> list[Record]:
    items = [_make_item(world, "local_storage", None, "local_storage", "count", "bytes")]
    for edition, prefix in _PREFIXES.items():
        items += [_make_item(world, prefix + base, edition, base, "count", "quantity") for base in _COUNTS]
        items.append(_make_item(world, f"{prefix}child_storages", edition, "child_storages", "feature", "n/a"))
        items += [
            _make_item(world, f"{prefix}storage", edition, "storage", "infra", "bytes", each) for each in world.infra
        ]
    return items


def _make_item(
    world: World, name: str, edition: str | None, usage_name: str, kind: str, unit: str, infra_id: str | None = None
) -> Record:
    item: Record = {
        "application_id": BACKUP, "name": name, "edition": edition, "usage_name": usage_name, "type": kind,
        "measurement_unit": unit, "infra_id": infra_id, "status": 1, "locked": False, "updated_at": world.moment(),
    }  # fmt: skip
    return item if kind == "feature" else item | {"quota": {"value": None, "overage": None, "version": 0}}
