"""Configurations that SMILÉO leaves for a machine that nobody can reach: signed, and sealed for its own key alone.

A delivery lies in `control/delivery.json` of the machine's bucket. Its number counts up for ever, so that the storage
host cannot pass an earlier one for news. The agent's side is agent/internal/delivery.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from coffre.agents import desired
from coffre.agents.desired import InvalidOrdersError
from coffre.agents.driver import AgentConfiguration, SeenNumbers
from coffre.orders.control import public_keys_of, put_document, signing_seeds
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.records.facts.enrolment import ConfigurationDelivered
from coffre.secrets import age
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import Log, TenantLog

LIMIT_BYTES = 1024**2
"""The largest delivery: without an authority of the platform's own it has all that this computer trusts."""

PURPOSE = "delivery"
"""What tells a delivery from orders, which the same key signs."""


@dataclass(frozen=True)
class Recipient:
    """The holder of a key for which deliveries are sealed; ``invitation`` is the one that it claimed.

    Without it, that of the delivery before.
    """

    public_key: str
    invitation: str = ""
    host_name: str = ""


@dataclass(frozen=True)
class AgentProgram:
    """The agent's own program, which lies in the platform's bucket of programs under its hash."""

    version: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Content:
    """What is delivered; ``sha256`` is of everything in it that makes another delivery necessary."""

    configuration: AgentConfiguration
    seen: SeenNumbers
    sha256: str
    program: AgentProgram | None = None


def find_last(log: Log, machine: str) -> ConfigurationDelivered | None:
    """Return the last delivery of a machine; None when nothing was ever delivered: it is not enrolled."""
    found = log.last(ConfigurationDelivered, machine)
    return None if found is None else found.fact


def digest(configuration: AgentConfiguration, program: AgentProgram | None = None) -> str:
    """Return the SHA-256 of a content, secrets included: these have 256 bits, so it tells nothing of them."""
    parts = [configuration.settings, configuration.credentials, configuration.certificates]
    if program is not None:
        parts.append(program.sha256.encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


class Deliveries:
    """The deliveries of one tenant's machines; every call is under the tenant's lock."""

    def __init__(self, tenant: Tenant, buckets: TenantBuckets, control: ControlBundle, log: TenantLog) -> None:
        self._tenant = tenant
        self._buckets = buckets
        self._control = control
        self._log = log

    def ensure(self, machine: str, recipient: Recipient, content: Content) -> ConfigurationDelivered | None:
        """Leave a configuration for a machine, unless just that lies there; returns what was delivered now.

        Recorded before it is written, so that no number has two contents. May run twice, also after a kill.
        """
        last = find_last(self._log, machine)
        if last is not None and self._lies_there(machine, last, recipient, content.sha256):
            return None
        number, before = (1, "") if last is None else (last.number + 1, last.invitation)
        invitation = recipient.invitation or before
        agent_sha256 = "" if content.program is None else content.program.sha256
        delivered = ConfigurationDelivered(
            number, recipient.public_key, content.sha256, invitation, recipient.host_name, agent_sha256
        )
        document = self._sign(machine, delivered, _seal(recipient, content))
        self._log.append(delivered, machine)
        put_document(self._buckets, self._buckets.open(machine), naming.DELIVERY_KEY, document)
        return delivered

    def is_lost(self, machine: str) -> bool:
        """Tell whether the last delivery of a machine is not there: a kill, or the host, kept it from its place."""
        last = find_last(self._log, machine)
        return last is not None and not self._is_there(machine, last)

    def _lies_there(
        self, machine: str, last: ConfigurationDelivered, recipient: Recipient, content_sha256: str
    ) -> bool:
        if (last.public_key, last.content_sha256) != (recipient.public_key, content_sha256):
            return False
        return recipient.invitation in ("", last.invitation) and self._is_there(machine, last)

    def _is_there(self, machine: str, last: ConfigurationDelivered) -> bool:
        body = self._buckets.open(machine).find(naming.DELIVERY_KEY, LIMIT_BYTES)
        keys = public_keys_of(signing_seeds(self._control))
        return isinstance(body, bytes) and _read_number(body, keys) == last.number

    def _sign(self, machine: str, delivered: ConfigurationDelivered, sealed: bytes) -> bytes:
        payload = {
            "purpose": PURPOSE,
            "version": 1,
            "tenant_id": self._tenant.id,
            "machine": machine,
            "number": delivered.number,
            "invitation": delivered.invitation,
            "public_key": delivered.public_key,
            "sealed": _base64(sealed),
        }
        return desired.sign(desired.encode_payload(payload), *signing_seeds(self._control))


def _seal(recipient: Recipient, content: Content) -> bytes:
    configuration, seen = content.configuration, content.seen
    text: dict[str, object] = {
        "settings": _base64(configuration.settings),
        "credentials": _base64(configuration.credentials),
        "certificates": _base64(configuration.certificates),
        "reports_after": seen.reports,
        "check_ins_after": seen.check_ins,
    }
    if content.program is not None:
        # An agent that knows nothing of programs refuses the whole delivery.
        text["agent"] = asdict(content.program)
    return age.seal(json.dumps(text).encode(), [recipient.public_key])


def _read_number(document: bytes, public_keys: Sequence[bytes]) -> int | None:
    """Return the number of a delivery of ours; None for anything that the host may have put there instead."""
    try:
        payload = desired.open_signed(document, *public_keys, name=naming.DELIVERY_KEY)
        number = read_json_object(payload, LIMIT_BYTES).get("number")
    except (InvalidOrdersError, UnreadableJsonError):
        return None
    return number if isinstance(number, int) else None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
