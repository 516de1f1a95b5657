"""The customer's attestations at the end (contract, article 14): its documents, kept and recorded by their hash."""

import shutil
from datetime import date
from pathlib import Path

from coffre import toolchain
from coffre.correspondence.documents import tenant_folder
from coffre.errors import RefusedError, UsageError
from coffre.offboarding.lifecycle.evidence import Attestation, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.facts.departure import Attested, Stage
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant


def attest(
    tenant: Tenant, checkout: Checkout, journal: Journal, what: Attested, document: Path, dated_on: date
) -> Attestation:
    """Keep a customer's document and record its attestation. The same document twice is recorded once."""
    if journal.stage is None:
        raise RefusedError(
            f"{tenant.slug} has no departure in progress",
            f"`coffre offboard {tenant.slug}` begins one; an attestation belongs to a departure.",
        )
    if journal.stage is Stage.CLOSED:
        raise RefusedError(
            f"the departure of {tenant.slug} is closed: its certificate lists what was received before",
            "Keep the document with the certificate.",
        )
    if not document.is_file():
        raise UsageError(f"{document} is not a file", "Name the scan or the signed PDF that the customer sent.")
    if dated_on > journal.today:
        raise UsageError(f"the document is dated {dated_on}, in the future", "Write the date of the document.")
    attested = Attestation(what, document.name, toolchain.sha256_file(document), dated_on)
    if attested in journal.read(Step.ATTESTED, Attestation):
        return attested
    kept = (
        tenant_folder(checkout, tenant) / f"attestation-{what.value}-{attested.document_sha256[:12]}{document.suffix}"
    )
    shutil.copyfile(document, kept)
    journal.note(Step.ATTESTED, attested)
    return attested
