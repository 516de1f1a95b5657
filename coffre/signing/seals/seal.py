"""The content of a signed file after the check of its signature, for every format."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509


class SealError(Exception):
    """The signature does not match the file; the message completes "FILE cannot be relied on: …"."""


@dataclass(frozen=True)
class Sealed:
    """A verified file: its facts as plain JSON and the certificates, the signer's first."""

    facts: Mapping[str, Any]
    certificates: tuple[x509.Certificate, ...]
