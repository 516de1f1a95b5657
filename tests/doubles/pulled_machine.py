"""A machine that enrols itself: it claims invitations, and opens what is delivered to it, as the agent does."""

import base64
import hmac
import json
from hashlib import sha256
from typing import Any

from coffre.agents import desired
from coffre.agents.enrolment.claims import SIZE_BYTES
from coffre.secrets import age


class PulledMachine:
    """One machine with a key of its own, which never leaves it."""

    def __init__(
        self,
        host_name: str = "portable-de-léa",
        mark: str = "ab" * 16,
        *,
        agent_sha256: str = "",
        version: str = "0.0.1",
    ) -> None:
        """Make a machine whose agent takes programs by deliveries if it says the SHA-256 of its own."""
        self._identity = age.new_identity()
        self.public_key = age.public_half(self._identity)
        self.host_name = host_name
        self.mark = mark
        self._agent = {"agent_version": version} | ({"agent_sha256": agent_sha256} if agent_sha256 else {})

    def claim(self, secret: bytes, invitation: str, tenant_id: str, machine: str) -> bytes:
        """Return the claim of an invitation, in its full size."""
        payload = json.dumps(
            {
                "invitation": invitation,
                "tenant_id": tenant_id,
                "machine": machine,
                "public_key": self.public_key,
                "identity": {"machine_id": self.mark, "hardware_id": self.mark, "host_name": self.host_name},
                "os": "linux",
                "arch": "amd64",
                **self._agent,
            }
        ).encode()
        mac = hmac.new(secret, b"coffre claim 1\n" + payload, sha256).hexdigest()
        envelope = {"version": 1, "claim": base64.b64encode(payload).decode(), "mac": mac}
        return json.dumps(envelope).encode().ljust(SIZE_BYTES)

    def take_up(self, invitation: dict[str, Any]) -> bytes:
        """Return the claim of an invitation document."""
        secret = base64.b64decode(invitation["secret"])
        return self.claim(secret, invitation["invitation"], invitation["tenant_id"], invitation["machine"])

    def open(self, delivery: bytes, public_key: bytes) -> dict[str, Any]:
        """Return what a delivery says outside, and its content under `opened`; the signature is verified."""
        payload: dict[str, Any] = json.loads(desired.open_signed(delivery, public_key))
        sealed = base64.b64decode(payload["sealed"])
        text = json.loads(age.unseal(sealed, [self._identity], "a delivery"))
        opened = {name: base64.b64decode(value) if isinstance(value, str) else value for name, value in text.items()}
        return {**payload, "opened": opened}
