"""What a certificate's file says once its signature was proved, whichever of the two files it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509


class SealError(Exception):
    """The signature does not cover the file as it is; the message completes "FILE cannot be relied on: …"."""


@dataclass(frozen=True)
class Seal:
    """A proved file: its facts as plain JSON and the certificates of who signed, the signer's first.

    A certificate's JSON also names the PDF of the same certificate and its SHA-256. A statement has no number.
    """

    number: str | None
    facts: Mapping[str, Any]
    certificates: tuple[x509.Certificate, ...]
    pdf_name: str | None = None
    pdf_sha256: str | None = None
