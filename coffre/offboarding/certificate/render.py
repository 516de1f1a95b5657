"""Renders the certificate as a French PDF, with its facts as an attached file."""

import hashlib
from collections.abc import Iterable

from coffre.correspondence import names
from coffre.correspondence.pages import Enclosure, render_pdf
from coffre.offboarding.certificate import wording
from coffre.offboarding.certificate.model import CertificateFacts, MachineFacts
from coffre.offboarding.certificate.sealed import FACTS_FILE
from coffre.offboarding.erase.checks import RepositoryPasswords
from coffre.offboarding.lifecycle.evidence import BucketCount
from coffre.offboarding.notices import words
from coffre.records.details import to_details
from coffre.signing.seals.sealed_json import write_json

STYLE_SHEETS = ("courriers/page.css", "courriers/lettre.css", "certificat/certificat.css")


def render_certificate(facts: CertificateFacts, signer_name: str, json_name: str) -> bytes:
    """Return the unsigned PDF; ``json_name`` is the file of the same facts as signed JSON."""
    content = write_json(to_details(facts))
    wordings = {
        "facts": facts,
        "facts_name": FACTS_FILE,
        "facts_sha256": hashlib.sha256(content).hexdigest(),
        "json_name": json_name,
        "signer_name": signer_name,
        "service_name": names.SERVICE,
        "is_established": is_erasure_established(facts),
        "in_buckets": list_in_buckets(facts),
        "at_vendors": [each for each in facts.machines if each.vendor is not None],
        "totals": _add_up(machine.began.fact.before for machine in facts.machines if machine.began is not None),
        "copied": _add_up(copy.began.fact.before for machine in facts.machines for copy in machine.copies or ()),
        "passwords_handed_out": list_passwords_handed_out(facts),
        "not_established": words.NOT_ESTABLISHED,
        "not_received": words.NOT_RECEIVED,
        "choices": words.CHOICES,
        "milestones": words.MILESTONES,
        "sources": words.SOURCES,
        "stages": words.STAGES,
        "formats": words.FORMATS,
        "attested": words.ATTESTED,
        "systems": names.SYSTEMS,
        "outcomes": words.OUTCOMES,
        "kept": words.KEPT,
        "letters": words.LETTERS,
        "letter_states": words.LETTER_STATES,
        "name_check": wording.name_check,
        "say_seen": wording.say_seen,
        "name_secret": wording.name_secret,
        "say_told": wording.say_told,
    }
    enclosure = Enclosure(FACTS_FILE, content, "Les faits que ce certificat énonce, en JSON")
    return render_pdf("certificat/certificat.html.j2", STYLE_SHEETS, wordings, [enclosure])


def is_erasure_established(facts: CertificateFacts) -> bool:
    """Tell whether the evidence shows that everything was erased: only then the certificate may say so."""
    in_buckets = list_in_buckets(facts)
    erased = [each.erased for each in in_buckets] + [copy.erased for each in in_buckets for copy in each.copies or ()]
    gone = all(each is not None and each.fact.is_gone for each in erased)
    if facts.copy_site is not None:
        gone = gone and all(each.copies for each in facts.machines if each.began is not None)
    gone = gone and all(each.erased is not None for each in facts.vendors or ())
    destroyed = not in_buckets or any(isinstance(each.fact.what, RepositoryPasswords) for each in facts.secrets)
    verified = facts.verification is not None and facts.verification.seen.fact.is_passed
    return bool(facts.machines) and gone and destroyed and verified


def list_in_buckets(facts: CertificateFacts) -> list[MachineFacts]:
    """Return the machines whose backups were in a bucket of their own, and not at a vendor's."""
    return [each for each in facts.machines if each.vendor is None]


def list_passwords_handed_out(facts: CertificateFacts) -> list[str]:
    """Return the machines of which the customer received the repository password."""
    return [each.machine for each in facts.machines if any(one.fact.password_handed_out for one in each.returned)]


def _add_up(counts: Iterable[BucketCount]) -> BucketCount:
    found = list(counts)
    return BucketCount(
        objects=sum(each.objects for each in found),
        versions=sum(each.versions for each in found),
        markers=sum(each.markers for each in found),
        uploads=sum(each.uploads for each in found),
        bytes=sum(each.bytes for each in found),
    )
