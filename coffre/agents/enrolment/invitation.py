"""The invitation of a machine that nobody can reach: what it gets to enrol once. Pure, except for randomness."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coffre.agents.home import AgentOwner

_SECRET_BYTES = 32
_LABEL = "coffre invitation 1"


def new_id() -> str:
    """Return the id of a new invitation: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def derive_secret(signing_seed: bytes, invitation: str, owner: AgentOwner) -> bytes:
    """Return the secret of an invitation, which is stored nowhere: 32 bytes from the tenant's signing key.

    The storage host does not know it, so no claim of the host's own counts.
    """
    info = "\n".join((_LABEL, owner.tenant_id, owner.machine, invitation)).encode()
    return HKDF(hashes.SHA256(), _SECRET_BYTES, salt=None, info=info).derive(signing_seed)


def fingerprint(public_key: str) -> str:
    """Return the form of a machine's public key that people compare: four groups of four hexadecimal digits."""
    digits = sha256(public_key.encode()).hexdigest()
    return "-".join(digits[start : start + 4] for start in range(0, 16, 4))


@dataclass(frozen=True)
class Invitation:
    """Everything that a machine needs to enrol; whoever has it can do so once, until it expires.

    ``claim_headers`` are sent exactly so; only a delivery with a number above ``after`` answers it.
    """

    id: str
    owner: AgentOwner
    secret: bytes = field(repr=False)
    signing_public_key: bytes
    expires_at: datetime
    claim_url: str = field(repr=False)
    claim_headers: Mapping[str, str]
    answer_url: str = field(repr=False)
    after: int
    certificates: str

    def render(self) -> bytes:
        """Return the document that the agent reads on its standard input."""
        document = {
            "version": 1,
            "invitation": self.id,
            "tenant_id": self.owner.tenant_id,
            "machine": self.owner.machine,
            "secret": base64.b64encode(self.secret).decode(),
            "signing_public_key": base64.b64encode(self.signing_public_key).decode(),
            "expires_at": f"{self.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "claim_url": self.claim_url,
            "claim_headers": dict(self.claim_headers),
            "answer_url": self.answer_url,
            "after": self.after,
            "certificates": self.certificates,
        }
        return json.dumps(document).encode()
