"""Issues the certificate of erasure, once per departure: facts, PDF, JSON, signatures, and its journal entry."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import coffre
from coffre.agents.kinds import find_statement
from coffre.anchors.anchoring import AnchorPlace, sign_records
from coffre.correspondence.documents import tenant_folder
from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.approval.approval import digest_block, read_block
from coffre.offboarding.approval.people import People
from coffre.offboarding.certificate.facts import Sources, build_facts
from coffre.offboarding.certificate.issued import Certificate
from coffre.offboarding.certificate.model import CertificateFacts
from coffre.offboarding.certificate.render import render_certificate
from coffre.offboarding.certificate.sealed import read_tenant_key, seal_certificate
from coffre.offboarding.certificate.who import read_who
from coffre.offboarding.lifecycle.evidence import Approved, Certified, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.chain.heads import Head
from coffre.records.details import to_details
from coffre.records.events import EventKind
from coffre.records.facts.departure import DepartureStep
from coffre.secrets.store import OnNotice, SecretStore
from coffre.signing.seals.keys import CertifiedKey, name_signer
from coffre.signing.seals.sealed_pdf import seal_pdf
from coffre.spec.loader import Checkout
from coffre.spec.parts import leaves_bucket
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant
from coffre.tenant.second_copy import find_copy_platform
from coffre.workspace.clock import utc_now
from coffre.workspace.files import write_atomically


def issue(opened: OpenTenant, journal: Journal, today: date) -> Certificate:
    """Make, sign and record the certificate of a departure; an issued one is returned unchanged.

    The journal entry is written after both files: after a kill before it, the next run makes the files again, since
    nobody has received them. RefusedError on a real platform without a signing key.
    """
    certified = journal.find(Step.CERTIFIED, Certified)
    folder = tenant_folder(opened.checkout, opened.tenant)
    if certified is not None:
        return _certificate(folder, certified)
    key = read_tenant_key(opened.tenant, opened.checkout, opened.embedded, utc_now())
    facts = build_facts(_sources(opened, journal, today, key))
    stem = f"certificat-{facts.number}"
    pdf_name, json_name = f"{stem}.pdf", f"{stem}.json"
    page = render_certificate(facts, name_signer(key.certificates[0]), json_name)
    pdf = seal_pdf(page, key, f"Certificat d’effacement {facts.number}")
    signed_json = seal_certificate(to_details(facts), pdf_name, _sha256(pdf), key)
    write_atomically(folder / pdf_name, pdf)
    write_atomically(folder / json_name, signed_json)
    certified = _certified(facts, pdf, signed_json, (pdf_name, json_name))
    journal.note(Step.CERTIFIED, certified, journal.machine)
    return _certificate(folder, certified)


def _sources(opened: OpenTenant, journal: Journal, today: date, key: CertifiedKey) -> Sources:
    events = opened.records.list_events(opened.tenant.id)
    entries, people = journal.entries(), People(opened.checkout, opened.embedded, journal)
    begin = entries[0].event.at if entries else datetime.max.replace(tzinfo=UTC)
    return Sources(
        number=_number(opened.tenant, opened.log, today),
        issued_on=today,
        machine=journal.machine,
        entries=entries,
        # Letters of a renounced departure do not belong to this one.
        others=[event for event in events if event.at >= begin],
        tenant=opened.tenant,
        settings=opened.checkout.settings,
        is_embedded=opened.embedded.is_proved,
        coffre_version=coffre.__version__,
        commit=opened.log.author.commit,
        signature_algorithm=key.algorithm,
        signers=key.fingerprints,
        records=_find_head(opened.secret_store, opened.log, opened.on_notice),
        who=read_who(people, journal),
        is_block_approved=_is_block_approved(opened.tenant, opened.checkout, people, journal),
        has_copy=find_copy_platform(opened.log) is not None,
        has_advice=any(event.kind in {EventKind.ADVICE_GIVEN, EventKind.MESSAGE_SENT} for event in events),
        moved_to=_find_new_editor(opened.checkout.tenants[opened.tenant.slug], journal.machine),
    )


def _find_new_editor(in_file: Tenant, name: str | None) -> str | None:
    """Return the editor whose agent backs a machine up now that moved there; None for one that is retired."""
    machine = None if name is None else in_file.machines.get(name)
    if machine is None or machine.is_retired or not leaves_bucket(machine):
        return None
    statement = find_statement(machine)
    return None if statement is None else statement.editor


def _is_block_approved(tenant: Tenant, checkout: Checkout, people: People, journal: Journal) -> bool:
    """Tell whether the `leaving:` block is still the approved one, if the approval has its hash."""
    approved = journal.find(Step.APPROVED, Approved)
    if approved is None or not approved.block_sha256:
        return True
    try:
        return digest_block(read_block(tenant, checkout, people)) == approved.block_sha256
    except RefusedError:
        return False


def _find_head(secret_store: SecretStore, log: TenantLog, on_notice: OnNotice) -> Head | None:
    """Sign the head of the records; on failure the certificate is issued without a head, and says so."""
    try:
        return sign_records(log.open_records(), secret_store, AnchorPlace.CERTIFICATE.value)
    except ExpectedError as problem:
        on_notice(f"the certificate has no head of the records: {problem.message}")
        return None


def _number(tenant: Tenant, log: TenantLog, today: date) -> str:
    """Return the number of the next certificate of a tenant; it contains the tenant's id, so that it is unique."""
    issued = sum(each.fact.step == Step.CERTIFIED for each in log.list(DepartureStep))
    return f"CE-{today.year}-{tenant.id.upper()}-{issued + 1:02}"


def _certified(facts: CertificateFacts, pdf: bytes, signed_json: bytes, names: tuple[str, str]) -> Certified:
    return Certified(
        number=facts.number,
        pdf=names[0],
        pdf_sha256=_sha256(pdf),
        json=names[1],
        json_sha256=_sha256(signed_json),
        key_sha256=facts.proof.signers[0],
        reservations=facts.reservations,
    )


def _certificate(folder: Path, certified: Certified) -> Certificate:
    return Certificate(
        number=certified.number,
        pdf=folder / certified.pdf,
        json=folder / certified.json,
        key_sha256=certified.key_sha256,
        reservations=certified.reservations,
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
