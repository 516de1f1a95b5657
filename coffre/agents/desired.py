"""The orders of a machine: `control/desired.json`, built, signed, verified and compared. Pure."""

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from coffre.agents.driver import OrderedProgram
from coffre.errors import RefusedError
from coffre.outside.faults import Fault
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec import naming
from coffre.spec.tenant import Tenant

VERSION = 1
RUN_DEADLINE_SECONDS = 12 * 3600
"""How long one backup run may take before the agent ends it."""

MAX_SIGNATURES = 8
"""How many signatures of a document are read; ours has one or two."""

NOT_ORDERS = ("generation", "issued_at")

LASTS = timedelta(days=90)
"""How long after `issued_at` a machine may apply orders for the first time; agents have the same value (orders.go).

Stolen or withheld orders can be used for a quarter at most, and a machine that is off for a long holiday still applies
the waiting ones. The time starts at `issued_at`, which the first documents already had, so agents of every version
accept these. Applied orders stay in force for ever: old orders are no reason to stop backups. A removal never
expires: it waits for an unreachable machine, for any time.
"""
RENEW_AFTER = LASTS / 2

OrdersPayload = Mapping[str, Any]


LIMIT_BYTES = 2 * 1024**2
"""The largest document that is read: agents accept 1 MiB, and a tenant file has no more."""


class InvalidOrdersError(RefusedError):
    """A `control/desired.json` that is not trusted, for the reason in ``fault``: FOREIGN is not signed by our keys."""

    def __init__(self, message: str, hint: str = "", fault: Fault = Fault.UNREADABLE) -> None:
        super().__init__(message, hint)
        self.fault = fault


class OutdatedOrdersError(InvalidOrdersError):
    """Genuine orders that are older than the recorded ones: they were restored."""

    def __init__(self, message: str, hint: str, generation: int, recorded: int) -> None:
        super().__init__(message, hint, Fault.OUTDATED)
        self.generation = generation
        self.recorded = recorded


@dataclass(frozen=True)
class AcceptedPath:
    """SMILÉO's acceptance of a path with the content in the report of this number: so many files and bytes."""

    path: str
    number: int
    files: int
    bytes: int


@dataclass(frozen=True)
class Issue:
    """One version of orders: its generation (from 1) and its time, aware."""

    generation: int
    issued_at: datetime


def build_payload(
    tenant: Tenant,
    machine: str,
    programs: Mapping[str, OrderedProgram],
    issue: Issue,
    *,
    run_deadline_seconds: int = RUN_DEADLINE_SECONDS,
    remove: bool = False,
    accepted: Collection[AcceptedPath] = (),
) -> dict[str, Any]:
    """Return a machine's orders as its tenant file wants them; KeyError for a machine that is not in the file.

    ``programs`` are those that the machine must run, each under its name.
    """
    facts = tenant.machines[machine]
    plan = tenant.plans[facts.plan]
    paths = list(plan.paths_for(facts.os))
    words = [asdict(word) for word in accepted if word.path in paths]
    return {
        "version": VERSION,
        "tenant_id": tenant.id,
        "machine": machine,
        "generation": issue.generation,
        "issued_at": issue.issued_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "timezone": tenant.timezone,
        "plan": {
            "paths": paths,
            "exclude": list(plan.exclude),
            "schedule": [
                {"days": [str(day) for day in schedule.days], "at": f"{schedule.at:%H:%M}"}
                for schedule in plan.schedule
            ],
            # Only when not empty: an earlier agent version refuses orders with unknown fields.
            **({"accepted": words} if words else {}),
            **({} if plan.baits else {"no_bait": True}),
        },
        **{name: {"version": each.version, "sha256": each.sha256} for name, each in programs.items()},
        "run_deadline_seconds": run_deadline_seconds,
        "remove": remove,
    }


def encode_payload(payload: OrdersPayload) -> bytes:
    """Return the payload in its canonical form, which is signed: sorted keys, no white space, UTF-8."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def is_renewal_due(orders: OrdersPayload, now: datetime) -> bool:
    """Tell whether less than half of the time is left in which a machine may first apply these orders. Pure."""
    if orders.get("remove"):
        return False
    try:
        issued_at = datetime.fromisoformat(str(orders["issued_at"]))
    except (KeyError, ValueError):
        return True
    return issued_at.tzinfo is None or now - issued_at > RENEW_AFTER


def next_generation(current_in_bucket: int | None, in_records: int | None) -> int:
    """Return 1 + the larger of both: after a bucket was restored to an older state, agents must accept new orders."""
    return 1 + max(current_in_bucket or 0, in_records or 0)


def list_differences(first: OrdersPayload, second: OrdersPayload) -> tuple[str, ...]:
    """Name the differences between two payloads, the plan by its parts (`plan.paths`), sorted."""
    one, other = _flat(first), _flat(second)
    return tuple(sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key)))


def sign(payload: bytes, *seeds: bytes) -> bytes:
    """Return the document for the bucket: the payload, and one ed25519 signature per key.

    ``seeds`` are raw 32-byte private keys: two during the change from an old key to a new one.
    """
    signatures = [Ed25519PrivateKey.from_private_bytes(seed).sign(payload) for seed in seeds]
    document = {
        "payload": base64.b64encode(payload).decode(),
        "signatures": [base64.b64encode(signature).decode() for signature in signatures],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def sign_again(document: bytes, *seeds: bytes) -> bytes:
    """Return a document with the same payload, and the signatures of these keys in place of the earlier ones."""
    payload, _ = _open_envelope(document)
    return sign(payload, *seeds)


def verify(document: bytes, *public_keys: bytes) -> dict[str, Any]:
    """Return the payload of a signed document; InvalidOrdersError unless one of the raw 32-byte keys has signed it.

    The payload is only read after one of its signatures is verified.
    """
    payload = open_signed(document, *public_keys)
    try:
        orders = read_json_object(payload, LIMIT_BYTES)
    except UnreadableJsonError:
        orders = {}
    generation = orders.get("generation")
    if orders.get("version") != VERSION or type(generation) is not int or generation < 1:
        raise InvalidOrdersError(
            f"control/desired.json is signed, but does not contain orders of version {VERSION}",
            "A newer Coffre wrote it: use that version for this tenant.",
        )
    return orders


def open_signed(document: bytes, *public_keys: bytes, name: str = naming.DESIRED_KEY) -> bytes:
    """Return the payload of any document that `sign` made; InvalidOrdersError unless one of the keys has signed it.

    ``name`` is its key in the bucket, for messages.
    """
    payload, signatures = _open_envelope(document, name)
    if not any(_holds(payload, signature, key) for signature in signatures for key in public_keys):
        raise InvalidOrdersError(
            f"{name} is not signed with this tenant's key",
            "Somebody else wrote it, or the signing key was changed. Find out who did, then apply again.",
            Fault.FOREIGN,
        )
    return payload


def raw_public_key_of(seed: bytes) -> bytes:
    """Return the raw 32-byte public key of a signing seed: a machine's installation includes it."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def is_signed_by(document: bytes, public_keys: Collection[bytes]) -> bool:
    """Tell whether a document has exactly the signatures of these keys, no fewer and no more."""
    payload, signatures = _open_envelope(document)
    return len(signatures) == len(public_keys) and all(
        any(_holds(payload, signature, key) for signature in signatures) for key in public_keys
    )


def _holds(payload: bytes, signature: bytes, public_key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, payload)
    except InvalidSignature:
        return False
    return True


def _open_envelope(document: bytes, name: str = naming.DESIRED_KEY) -> tuple[bytes, list[bytes]]:
    try:
        envelope = read_json_object(document, LIMIT_BYTES)
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [
            base64.b64decode(signature, validate=True) for signature in envelope["signatures"][:MAX_SIGNATURES]
        ]
    except (ValueError, KeyError, TypeError) as problem:
        raise InvalidOrdersError(
            f"{name} is not a signed document",
            "Coffre did not write it: find out who did. The bucket keeps the earlier versions.",
            problem.fault if isinstance(problem, UnreadableJsonError) else Fault.UNREADABLE,
        ) from None
    return payload, signatures


def _orders(payload: OrdersPayload) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key not in NOT_ORDERS}


def _flat(payload: OrdersPayload) -> dict[str, Any]:
    orders = _orders(payload)
    plan = orders.pop("plan", None)
    if isinstance(plan, Mapping):
        orders.update({f"plan.{key}": value for key, value in plan.items()})
    return orders
