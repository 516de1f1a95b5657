"""SMILÉO's orders to a machine, written under control/ of its bucket with the owner's key (design, section 7)."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from coffre import toolchain
from coffre.agents import desired
from coffre.operations.service import Service
from coffre.records.events import EventKind, utc_now
from coffre.spec import naming
from coffre.storage.driver import Bucket, QuotaExceededError

WALL_MARGIN_BYTES = 1024**2
"""How far the wall is raised, for the length of one write, to put an order for a tenant that stands at it."""


@dataclass(frozen=True)
class Orders:
    """A machine's orders: the generation that stands now, and what differs from what its tenant file wants.

    ``generation`` is None when there are none yet; ``differences`` are named as `desired.list_differences` does.
    """

    machine: str
    generation: int | None
    differences: tuple[str, ...]

    @property
    def is_due(self) -> bool:
        """Whether new orders have to be written."""
        return self.generation is None or bool(self.differences)


def read_orders(service: Service, bucket: Bucket) -> dict[str, Any] | None:
    """Return the payload of a bucket's desired.json, its signature verified; None when there is none.

    RefusedError when the tenant's own key did not sign it: somebody else wrote it.
    """
    document = bucket.find(naming.DESIRED_KEY)
    return None if document is None else desired.verify(document, desired.public_key_of(_signing_seed(service)))


def plan_orders(service: Service, machine: str, current: Mapping[str, Any] | None) -> Orders:
    """Compare a machine's orders as they stand (None: there are none) with what its tenant file wants."""
    if current is None:
        return Orders(machine, None, ())
    wanted = _payload(service, machine, desired.Issue(current["generation"], utc_now()))
    return Orders(machine, current["generation"], desired.list_differences(current, wanted))


def write_orders(service: Service, machine: str) -> Orders:
    """Bring a machine's orders to what its tenant file wants; returns them as they stand then. May run twice."""
    bucket = service.owner_bucket(machine)
    orders = plan_orders(service, machine, read_orders(service, bucket))
    if not orders.is_due:
        return orders
    recorded = service.records.find_last(service.tenant.id, EventKind.ORDERS, machine)
    generation = desired.next_generation(
        orders.generation, int(str(recorded.details["generation"])) if recorded else None
    )
    payload = _payload(service, machine, desired.Issue(generation, utc_now()))
    document = desired.sign(desired.encode_payload(payload), _signing_seed(service))
    # Recorded before it is written: a generation is never used for two different orders, whatever gets lost.
    service.record(EventKind.ORDERS, machine, generation=generation, differences=list(orders.differences))
    _put(service, bucket, naming.DESIRED_KEY, document)
    return Orders(machine, generation, ())


def put_gate_order(service: Service, bucket: Bucket, *, is_closed: bool, reason: str, since: datetime) -> bool:
    """Tell a machine whether its gate is closed, and why; writes and returns True only when it says something new."""
    current = bucket.find(naming.GATE_KEY)
    if current is None and not is_closed:
        return False
    order: dict[str, Any] = {
        "closed": is_closed,
        "reason": reason if is_closed else "",
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
    }
    if current is not None and _says(current) == (order["closed"], order["reason"]):
        return False
    _put(service, bucket, naming.GATE_KEY, json.dumps(order, indent=2).encode() + b"\n")
    return True


def _says(document: bytes) -> tuple[object, object]:
    try:
        order = json.loads(document)
    except ValueError:
        order = None
    # Anything else than our own order is written anew: only SMILÉO's key may write there.
    return (order.get("closed"), order.get("reason")) if isinstance(order, dict) else (None, None)


def _put(service: Service, bucket: Bucket, key: str, body: bytes) -> None:
    """Put an order; at the wall RGW refuses even the owner, so the wall is raised for the length of the write."""
    try:
        bucket.put(key, body)
    except QuotaExceededError:
        with service.storage.raised_wall(service.owner_uid, WALL_MARGIN_BYTES):
            bucket.put(key, body)


def _payload(service: Service, machine: str, issue: desired.Issue) -> dict[str, Any]:
    return desired.build_payload(service.tenant, machine, _restic(), issue)


@cache
def _restic() -> desired.Program:
    return desired.Program(toolchain.RESTIC_VERSION, toolchain.sha256_file(toolchain.find_tool("restic")))


def _signing_seed(service: Service) -> bytes:
    control = service.secrets.get_control(service.tenant.slug, service.tenant.id)
    return base64.b64decode(control.signing_key.get_secret_value(), validate=True)
