"""What a sealed file says once its signature was proved, whichever format it has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509


class SealError(Exception):
    """The signature does not cover the file as it is; the message completes "FILE cannot be relied on: …"."""


@dataclass(frozen=True)
class Sealed:
    """A proved file: its facts as plain JSON and the certificates of who signed, the signer's first."""

    facts: Mapping[str, Any]
    certificates: tuple[x509.Certificate, ...]
