"""SMILÉO's orders to a machine, written under control/ of its bucket with the owner's key (design, section 7)."""

import base64
import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from coffre.agents import desired
from coffre.agents.kinds import driver_of
from coffre.errors import RemoteError
from coffre.findings import SetAside
from coffre.orders import generations
from coffre.orders.accepted_paths import find_accepted
from coffre.outside.faults import Fault
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.records.facts.agents import OrdersIssued
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Bucket
from coffre.storage.values import QuotaExceededError, Unusable
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import Log
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now

WALL_MARGIN_BYTES = 1024**2
"""By how much the wall is raised during one write, to store an order of a tenant that has reached it."""


GATE_LIMIT_BYTES = 64 * 1024
MAX_REASON = 200


@dataclass(frozen=True)
class GateOrder:
    """What a machine is told about its gate, and why the gate is closed."""

    is_closed: bool
    reason: str


@dataclass(frozen=True)
class Orders:
    """A machine's orders: their current generation, and the differences from its tenant file.

    ``generation`` is None when there are none yet; ``differences`` have the names of `desired.list_differences`.
    ``due``: a machine that applied this generation has all its orders, since the later ones have the same content.
    ``needs_renewal``: the orders are correct but soon expire; a renewal changes nothing else.
    """

    machine: str
    generation: int | None
    differences: tuple[str, ...]
    due: int = 0
    needs_renewal: bool = False

    @property
    def is_due(self) -> bool:
        """Whether new orders must be written."""
        return self.generation is None or bool(self.differences) or self.needs_renewal


def _find_document(bucket: Bucket) -> bytes | Unusable | None:
    return bucket.find(naming.DESIRED_KEY, desired.LIMIT_BYTES)


def _refuse_elsewhere(tenant: Tenant, machine: str, orders: Mapping[str, Any]) -> None:
    """Refuse orders of another machine: one key signs the orders of all machines of a tenant."""
    if (orders.get("tenant_id"), orders.get("machine")) != (tenant.id, machine):
        raise desired.InvalidOrdersError(
            "control/desired.json is signed for another machine than the one of this bucket", fault=Fault.FOREIGN
        )


def _verify(document: bytes | Unusable, seeds: Sequence[bytes]) -> dict[str, Any]:
    if isinstance(document, Unusable):
        raise desired.InvalidOrdersError("control/desired.json was not written by Coffre", fault=document.fault)
    return desired.verify(document, *public_keys_of(seeds))


class TenantOrders:
    """The orders of a tenant's machines: read with their signatures, written, and signed."""

    def __init__(self, tenant: Tenant, buckets: TenantBuckets, secrets: TenantSecrets, log: Log) -> None:
        self._tenant = tenant
        self._buckets = buckets
        self._secrets = secrets
        self._log = log

    @classmethod
    def of(cls, opened: OpenTenant) -> "TenantOrders":
        """Return the orders of an open tenant."""
        return cls(opened.tenant, opened.buckets, opened.secrets, opened.log)

    def read(self, machine: str) -> dict[str, Any] | None:
        """Return the payload of a machine's desired.json, with a verified signature; None when there is none.

        InvalidOrdersError (refused) when none of the tenant's own keys signed it for this machine: it is foreign.
        OutdatedOrdersError when it is genuine but older than the recorded generation.
        """
        bucket = self._buckets.open(machine)
        document = _find_document(bucket)
        return None if document is None else self._verified(machine, bucket, document)

    def _verified(self, machine: str, bucket: Bucket, document: bytes | Unusable) -> dict[str, Any]:
        apply = f"`coffre apply {self._tenant.slug} --replace-orders`"
        way_out = f"run {apply}: the bucket keeps the present object as an earlier version."
        try:
            orders = _verify(document, known_seeds(self._secrets.control()))
            _refuse_elsewhere(self._tenant, machine, orders)
        except desired.InvalidOrdersError as problem:
            raise desired.InvalidOrdersError(
                f"bucket {bucket.name}: {problem.message}",
                "The machine refuses it and keeps its last valid orders. Find out who wrote it (only the owner's key "
                f"can: rotate that key if it was stolen), then {way_out}",
                problem.fault,
            ) from problem
        written = generations.find_written(self._log, machine)
        if orders["generation"] < written:
            raise desired.OutdatedOrdersError(
                f"bucket {bucket.name}: control/desired.json is generation {orders['generation']}, genuine but "
                f"older than generation {written}, which was there before: somebody put the old one back",
                "A machine that has applied newer orders refuses it. Ask the operator of the storage, then "
                f"{way_out} The new orders get a higher generation than all recorded ones.",
                orders["generation"],
                written,
            )
        return orders

    def refuse_foreign(self, machines: Iterable[str]) -> None:
        """Refuse foreign or outdated orders; an unreadable document is left to a later step."""
        for machine in machines:
            with contextlib.suppress(RemoteError):
                self.read(machine)

    def write(self, machine: str, *, replaces_foreign: bool = False, removes: bool = False) -> Orders:
        """Write a machine's orders as its tenant file wants them; returns the new state. May run twice.

        With ``removes`` they tell the agent to remove itself, regardless of the file.

        RefusedError when this tenant's keys did not sign the current document, or when it is older than an earlier
        one, unless ``replaces_foreign``: then it becomes an earlier version, and the new orders have a higher
        generation than all recorded ones.
        """
        bucket, control = self._buckets.open(machine), self._secrets.control()
        document = _find_document(bucket)
        try:
            current = None if document is None else self._verified(machine, bucket, document)
        except desired.InvalidOrdersError:
            if not replaces_foreign:
                raise
            document = current = None
        orders, seeds = plan_orders(self._tenant, self._log, machine, current, removes=removes), signing_seeds(control)
        last = max(generations.find_last_used(self._log, machine), generations.find_written(self._log, machine))
        if document is not None and not _is_vouched_for(document, seeds):
            # Only a revoked key signed it, and a thief of that key may have written it: never sign this content again.
            orders = replace(orders, differences=(*orders.differences, "signing key"))
        if orders.generation is not None and not orders.is_due:
            _sign_again(self._buckets, bucket, document, seeds)
            generations.confirm_written(self._log, machine, orders.generation)
            return orders
        generation = desired.next_generation(orders.generation, last)
        payload = _payload(self._tenant, self._log, machine, desired.Issue(generation, utc_now()), removes=removes)
        document = desired.sign(desired.encode_payload(payload), *seeds)
        renews = orders.generation is not None and not orders.differences
        # Recorded before the write: one generation never has two different contents, even after a loss.
        self._log.append(OrdersIssued(generation, tuple(orders.differences), renews), machine)
        put_document(self._buckets, bucket, naming.DESIRED_KEY, document)
        generations.confirm_written(self._log, machine, generation)
        return Orders(machine, generation, (), generations.find_due(self._log, machine))

    def sign(self, machine: str) -> Orders:
        """Sign a machine's orders with the current keys, without any change of their content.

        Orders that only a revoked key signed are written again. Returns the new state (generation None: there are no
        orders, and `apply` writes them). May run twice.
        """
        bucket = self._buckets.open(machine)
        document = _find_document(bucket)
        if document is None:
            return Orders(machine, None, ())
        seeds = signing_seeds(self._secrets.control())
        if isinstance(document, Unusable) or not _is_vouched_for(document, seeds):
            return self.write(machine)
        generation = self._verified(machine, bucket, document)["generation"]
        _sign_again(self._buckets, bucket, document, seeds)
        return Orders(machine, generation, (), generations.find_due(self._log, machine))


def plan_orders(
    tenant: Tenant, log: Log, machine: str, current: Mapping[str, Any] | None, *, removes: bool = False
) -> Orders:
    """Compare a machine's current orders (None: there are none) with its tenant file.

    With ``removes`` its agent must remove itself, regardless of the file.
    """
    if current is None:
        return Orders(machine, None, ())
    now = utc_now()
    wanted = _payload(tenant, log, machine, desired.Issue(current["generation"], now), removes=removes)
    differences = desired.list_differences(current, wanted)
    due = generations.find_due(log, machine)
    return Orders(machine, current["generation"], differences, due, desired.is_renewal_due(current, now))


def put_gate_order(buckets: TenantBuckets, machine: str, *, is_closed: bool, reason: str, since: datetime) -> bool:
    """Tell a machine whether its gate is closed, and why; writes and returns True only for new content."""
    bucket = buckets.open(machine)
    current = find_gate_order(bucket)
    if current is None and not is_closed:
        return False
    order: dict[str, Any] = {
        "closed": is_closed,
        "reason": reason if is_closed else "",
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
    }
    if isinstance(current, GateOrder) and (current.is_closed, current.reason) == (order["closed"], order["reason"]):
        return False
    # Everything except our own order is replaced: only SMILÉO's key may write there.
    put_document(buckets, bucket, naming.GATE_KEY, json.dumps(order, indent=2).encode() + b"\n")
    return True


def find_gate_order(bucket: Bucket) -> GateOrder | SetAside | None:
    """Return the content of a bucket's gate.json; None when there is none."""
    body = bucket.find(naming.GATE_KEY, GATE_LIMIT_BYTES)
    if body is None:
        return None
    return SetAside(naming.GATE_KEY, body.fault) if isinstance(body, Unusable) else read_gate_order(body)


def read_gate_order(body: bytes) -> GateOrder | SetAside:
    """Read a gate.json; it has no signature, so only the form that Coffre writes is accepted. Pure."""
    try:
        order = read_json_object(body, GATE_LIMIT_BYTES)
    except UnreadableJsonError as problem:
        return SetAside(naming.GATE_KEY, problem.fault)
    is_closed, reason = order.get("closed"), order.get("reason")
    if not isinstance(is_closed, bool):
        return SetAside(naming.GATE_KEY, Fault.UNREADABLE, "closed")
    if not isinstance(reason, str) or len(reason) > MAX_REASON or not reason.isprintable():
        return SetAside(naming.GATE_KEY, Fault.UNREADABLE, "reason")
    return GateOrder(is_closed, reason)


def put_document(buckets: TenantBuckets, bucket: Bucket, key: str, body: bytes) -> None:
    """Write an order; at the wall RGW refuses even the owner, so the wall is raised during the write."""
    try:
        bucket.put(key, body)
    except QuotaExceededError:
        with buckets.extra_room(WALL_MARGIN_BYTES):
            bucket.put(key, body)


def wanted_orders(tenant: Tenant, log: Log, machine: str) -> dict[str, Any]:
    """Return the orders that a machine's tenant file wants, without generation and time."""
    payload = _payload(tenant, log, machine, desired.Issue(1, utc_now()))
    return {name: value for name, value in payload.items() if name not in desired.NOT_ORDERS}


def _payload(tenant: Tenant, log: Log, machine: str, issue: desired.Issue, *, removes: bool = False) -> dict[str, Any]:
    facts = find_machine(tenant, machine)
    return desired.build_payload(
        tenant,
        machine,
        driver_of(facts).list_ordered_programs(facts.os),
        issue,
        remove=removes or facts.is_retired,
        accepted=find_accepted(log, machine),
    )


def _sign_again(buckets: TenantBuckets, bucket: Bucket, document: object, seeds: Sequence[bytes]) -> None:
    """Replace the signatures of a document by those of these keys, if they differ; the payload does not change."""
    if isinstance(document, bytes) and not desired.is_signed_by(document, public_keys_of(seeds)):
        put_document(buckets, bucket, naming.DESIRED_KEY, desired.sign_again(document, *seeds))


def _is_vouched_for(document: bytes | Unusable, seeds: Sequence[bytes]) -> bool:
    try:
        _verify(document, seeds)
    except desired.InvalidOrdersError:
        return False
    return True


def public_keys_of(seeds: Sequence[bytes]) -> list[bytes]:
    return [desired.raw_public_key_of(seed) for seed in seeds]


def signing_seeds(control: ControlBundle) -> list[bytes]:
    """Return the seeds that sign orders now: two during the change from one key to the next."""
    return [_seed(key) for key in rotations.signing_keys(control)]


def known_seeds(control: ControlBundle) -> list[bytes]:
    """Return all seeds that may have signed a stored document, including the revoked one."""
    return [_seed(key) for key in (control.signing_key, control.old_signing_key) if key is not None]


def _seed(key: SecretStr) -> bytes:
    return base64.b64decode(key.get_secret_value(), validate=True)
