"""The signed files at the end of a contract: certificates of erasure (JSON and PDF), and statements to authorities."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509

from coffre.signing.seals.keys import CertifiedKey, fingerprint, read_signing_key
from coffre.signing.seals.seal import Sealed, SealError
from coffre.signing.seals.sealed_json import open_json, seal_json
from coffre.signing.seals.sealed_pdf import open_pdf
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.embedded import EmbeddedProof

FACTS_FILE = "faits.json"
"""The certificate's facts, inside its PDF."""


@dataclass(frozen=True)
class SealedFacts:
    """A verified file: its facts as plain JSON and the certificates, the signer's first.

    A certificate's JSON also names the PDF of the same certificate and its SHA-256. A statement has no number.
    """

    number: str | None
    facts: Mapping[str, Any]
    certificates: tuple[x509.Certificate, ...]
    pdf_name: str | None = None
    pdf_sha256: str | None = None


def read_tenant_key(tenant: Tenant, checkout: Checkout, embedded: EmbeddedProof, now: datetime) -> CertifiedKey:
    """Return the key that signs documents about a tenant; see `read_signing_key` for the refusals."""
    return read_signing_key(
        checkout.settings,
        checkout.root,
        now,
        tenant.storage.platform,
        lambda: embedded.is_proved,
    )


def seal_certificate(facts: Mapping[str, object], pdf_name: str, pdf_sha256: str, key: CertifiedKey) -> bytes:
    """Return the signed JSON of a certificate's facts, which names the PDF of the same certificate by its SHA-256."""
    return seal_json({"certificate": facts, "pdf": {"name": pdf_name, "sha256": pdf_sha256}}, key)


def seal_statement(statement: bytes, key: CertifiedKey) -> bytes:
    """Return a statement (a JSON object) as signed JSON; `certificate verify` reads it like certificates."""
    return seal_json({"statement": json.loads(statement)}, key)


def open_seal(content: bytes) -> SealedFacts:
    """Return the content of a file after a check that its signature covers every byte; SealError otherwise."""
    try:
        if content.startswith(b"%PDF"):
            return _read_pdf(open_pdf(content, FACTS_FILE))
        return _read_json(open_json(content))
    except SealError:
        raise
    except Exception as error:
        # A damaged file can raise any error of the parsers.
        raise SealError("it is damaged, or not a certificate of erasure") from error


def _read_pdf(sealed: Sealed) -> SealedFacts:
    if [fingerprint(each) for each in sealed.certificates] != sealed.facts["proof"]["signers"]:
        raise SealError("its certificates differ from the ones that it names")
    return SealedFacts(str(sealed.facts["number"]), sealed.facts, sealed.certificates)


def _read_json(sealed: Sealed) -> SealedFacts:
    if "statement" in sealed.facts:
        return SealedFacts(None, sealed.facts["statement"], sealed.certificates)
    facts, pdf = sealed.facts["certificate"], sealed.facts["pdf"]
    return SealedFacts(str(facts["number"]), facts, sealed.certificates, str(pdf["name"]), str(pdf["sha256"]))
