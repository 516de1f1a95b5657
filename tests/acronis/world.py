"""What the stand-in service knows: plain values by id, so that they can be kept in a file from one process to the next.

A key that begins with ``_`` is the service's own, and no answer has it.
"""

import json
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.acronis.refusals import Refused

BACKUP = "6e6d758d-8e74-3ae3-ac84-50eb0dff12eb"
"""The service "Cyber Protection" in every sample of the vendor's."""
PLATFORM = "00000000-0000-4000-8000-000000000001"
NOBODY = "00000000-0000-0000-0000-000000000000"

Record = dict[str, Any]

DEFAULTS: Mapping[str, Any] = {
    "usage_lag_seconds": 1800,  # samples say half an hour in one place, 5 to 6 hours in another
    "search_lag_seconds": 0,
    "deletion_seconds": 0,  # how long `external_operation_status` is `deleting`
    "token_lifetime_seconds": 7200,
    "unique_sibling_names": False,  # unverified
    "owner_must_be_activated": False,  # unverified
    "accepts_empty_scopes": True,  # unverified
    "counts_machines_on": "apply",  # unverified: or "registration"
}
"""What tests may set otherwise by the control door, with what the reference leaves open among it."""


@dataclass
class World:
    """Everything there is, from the partner whose client the tests have."""

    tenants: dict[str, Record] = field(default_factory=dict)
    users: dict[str, Record] = field(default_factory=dict)
    clients: dict[str, Record] = field(default_factory=dict)
    access_tokens: dict[str, Record] = field(default_factory=dict)
    registration_tokens: dict[str, Record] = field(default_factory=dict)
    agents: dict[str, Record] = field(default_factory=dict)
    resources: dict[str, Record] = field(default_factory=dict)
    policies: dict[str, Record] = field(default_factory=dict)
    applied: list[Record] = field(default_factory=list)
    alerts: dict[str, Record] = field(default_factory=dict)
    activities: dict[str, Record] = field(default_factory=dict)
    usages: list[Record] = field(default_factory=list)
    reports: dict[str, Record] = field(default_factory=dict)
    locations: dict[str, Record] = field(default_factory=dict)
    infra: dict[str, Record] = field(default_factory=dict)
    services: dict[str, Record] = field(default_factory=dict)
    mails: list[Record] = field(default_factory=list)
    settings: Record = field(default_factory=lambda: dict(DEFAULTS))
    distributor_id: str = ""
    partner_id: str = ""
    clock_offset_seconds: float = 0
    last_number: int = 10584815
    last_revision: int = 1_600_000_000_000

    # --- time and names ---

    def now(self) -> float:
        """Return Unix seconds, as far ahead as the control door set the clock."""
        return time.time() + self.clock_offset_seconds

    def moment(self, at: float | None = None) -> str:
        """Return a time, now by default, as ISO text in UTC."""
        return datetime.fromtimestamp(self.now() if at is None else at, UTC).isoformat(timespec="microseconds")

    def next_number(self) -> int:
        self.last_number += 1
        return self.last_number

    def next_revision(self) -> int:
        """Return a version of a quota: a large number that only grows."""
        self.last_revision += 7
        return self.last_revision

    # --- tenants ---

    def tenant(self, tenant_id: str, *, allow_deleted: bool = False) -> Record:
        found = self.tenants.get(tenant_id)
        if found is None or (found["deleted_at"] is not None and not allow_deleted):
            raise Refused(404, f"Tenant {tenant_id} is not found.")
        return found

    def tenant_by_number(self, number: str) -> Record:
        for each in self.tenants.values():
            if str(each["_number"]) == number and each["deleted_at"] is None:
                return each
        raise Refused(404, f"Tenant {number} is not found.")

    def children(self, tenant_id: str) -> list[Record]:
        """Return the children that live, by name."""
        found = [e for e in self.tenants.values() if e["parent_id"] == tenant_id and e["deleted_at"] is None]
        return sorted((each for each in found if not each["_is_personal"]), key=lambda each: each["name"])

    def parents(self) -> set[str]:
        """Return every tenant that has children that live."""
        alive = (each for each in self.tenants.values() if each["deleted_at"] is None and not each["_is_personal"])
        return {each["parent_id"] for each in alive}

    def subtree(self, tenant_id: str, *, deleted: bool = False) -> Iterator[Record]:
        """Go through a tenant and everything below it, personal tenants left out."""
        below: dict[str, list[Record]] = {}
        for each in self.tenants.values():
            if not each["_is_personal"] and (deleted or each["deleted_at"] is None):
                below.setdefault(each["parent_id"], []).append(each)
        waiting = [self.tenants[tenant_id]]
        while waiting:
            taken = waiting.pop(0)
            yield taken
            waiting += below.get(taken["id"], [])

    def ancestors(self, tenant_id: str) -> Iterator[str]:
        """Go up from a tenant, itself first."""
        while tenant_id in self.tenants:
            yield tenant_id
            tenant_id = self.tenants[tenant_id]["parent_id"]

    def is_seen_from(self, tenant: Mapping[str, Any], root_id: str, *, in_listing: bool = False) -> bool:
        """Tell whether somebody at a root sees this tenant.

        Without ``ancestral_access`` indirect ancestors do not, and in listings of agents and alerts no ancestor does.
        """
        line = list(self.ancestors(tenant["id"]))
        if root_id not in line:
            return False
        way = line[: line.index(root_id)]
        if not in_listing:
            way = way[:-1]  # of that one the root is the direct ancestor
        return all(self.tenants[each]["ancestral_access"] for each in way)

    def customer_of(self, tenant_id: str) -> Record:
        """Return the customer that a tenant is, or is in: its own, a unit's, or a user's."""
        for each in self.ancestors(tenant_id):
            if self.tenants[each]["kind"] == "customer":
                return self.tenants[each]
        raise Refused(400, f"Tenant {tenant_id} is in no customer.")

    # --- usage ---

    def used(self, tenant_id: str, name: str, infra_id: str | None, *, late: bool = False) -> int:
        """Return what a subtree uses of an item, now or as the late figures have it."""
        at = self.now() - (self.settings["usage_lag_seconds"] if late else 0)
        below = {each["id"] for each in self.subtree(tenant_id)}
        latest: dict[str, int] = {}
        for each in self.usages:
            if (each["name"], each["infra_id"]) == (name, infra_id) and each["at"] <= at and each["tenant_id"] in below:
                latest[each["tenant_id"]] = each["value"]
        return sum(latest.values())

    def set_usage(self, tenant_id: str, name: str, infra_id: str | None, value: int) -> None:
        self.usages.append(
            {"tenant_id": tenant_id, "name": name, "infra_id": infra_id, "value": max(value, 0), "at": self.now()}
        )

    def item(self, tenant_id: str, name: str, infra_id: str | None = None) -> Record | None:
        """Return an active offering item of a tenant; any storage's without ``infra_id``."""
        items: list[Record] = self.tenants[tenant_id]["_items"]
        for each in items:
            is_asked = infra_id is None or each["infra_id"] == infra_id
            if each["name"] == name and is_asked and each["status"] == 1:
                return each
        return None

    # --- the file ---

    def save(self, file: Path) -> None:
        """Write everything into a file, whole or not at all."""
        beside = file.with_name(f"{file.name}.new")
        beside.touch(mode=0o600)  # it has secrets
        beside.write_text(json.dumps(vars(self)), encoding="utf-8")
        beside.replace(file)

    @classmethod
    def load(cls, file: Path) -> "World":
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def shown(record: Mapping[str, Any]) -> Record:
    """Return what an answer has of a record."""
    return {key: value for key, value in record.items() if not key.startswith("_")}


def new_id() -> str:
    return str(uuid.uuid4())


def new_secret() -> str:
    return secrets.token_urlsafe(32)
