"""Discloses data to an authority with a legal request (contract, article 12): sealed, recorded, without a letter."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coffre.agents.kinds import with_repository
from coffre.errors import ExpectedError, UsageError
from coffre.offboarding.handover.bag.bag import sync
from coffre.offboarding.handover.bag.layout import MANIFEST
from coffre.offboarding.handover.job import OnProgress, Purpose
from coffre.offboarding.handover.machine import hand_over
from coffre.offboarding.handover.targets.bucket import bucket_target
from coffre.offboarding.lifecycle.evidence import Returned
from coffre.outside.environment import temporary_folder
from coffre.records.details import to_details
from coffre.records.facts import contract
from coffre.records.facts.contract import DisclosureState
from coffre.spec.leaving import Return, S3Target
from coffre.spec.loader import Checkout
from coffre.spec.tenant import HoldKind, Tenant
from coffre.storage.driver import Storage
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.holds import list_recorded
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied
from coffre.workspace.clock import utc_now

STATEMENT = "etat-scelle.json"
LONGEST_REFERENCE = 120

Seal = Callable[[bytes], bytes]
"""Signs a statement, JSON in UTF-8, and returns it as a file that can be verified alone."""


@dataclass(frozen=True)
class Disclosure:
    """A complete disclosure: the data, and its sealed statement."""

    reference: str
    returned: tuple[Returned, ...]
    sealed_in: str
    statement_sha256: str


def disclose(opened: OpenTenant, reference: str, wanted: Return, seal: Seal, on_progress: OnProgress) -> Disclosure:
    """Hand every machine's data to an authority, with a sealed statement of its content. May run twice.

    It is recorded before any read, and again when it is complete. The customer gets no letter: the authority decides
    whether the customer may be informed.
    """
    opened = opened.of_buckets
    check_reference(reference)
    refuse_other_than_the_blocker(opened.tenant, opened.log, reference)
    machines = with_repository(opened.tenant.machines)
    refuse_unapplied(opened.tenant, opened.buckets, opened.log, machines)
    opened.log.append(contract.Disclosed(reference, DisclosureState.BEGUN, format=wanted.format.value))
    purpose = Purpose(reference)
    returned = tuple(hand_over(opened, machine, wanted, purpose, on_progress) for machine in machines)
    on_progress("sealing the statement about the disclosed data")
    sealed = seal(_statement(opened.tenant, opened.checkout, opened.log, reference, returned, utc_now()))
    sealed_in = _put_statement(opened.tenant, opened.storage, opened.secrets, wanted, sealed)
    disclosed = Disclosure(reference, returned, sealed_in, hashlib.sha256(sealed).hexdigest())
    fact = contract.Disclosed(
        reference=reference,
        state=DisclosureState.COMPLETE,
        sealed_in=sealed_in,
        statement_sha256=disclosed.statement_sha256,
        machines=tuple(to_details(each) for each in returned),
    )
    opened.log.append(fact)
    return disclosed


def check_reference(reference: str) -> None:
    """Refuse an invalid reference of a request. Pure."""
    if not reference.strip() or len(reference) > LONGEST_REFERENCE or not reference.isprintable():
        raise UsageError("this is not a reference", "Write the authority's own, like PV 2026/1432, on one line.")


def refuse_other_than_the_blocker(tenant: Tenant, log: TenantLog, reference: str) -> None:
    """Refuse a disclosure under a hold that blocks access, unless the authority that ordered the hold asks for it.

    A block denies everybody access to data that an authority wants unchanged. The reference identifies that authority:
    it is in the tenant file, which a second person approved, or in a confidential hold of the records. Only a request
    with the same reference is allowed.
    """
    hold = tenant.hold
    blockers = {each.reference for each in list_recorded(log) if each.kind is HoldKind.BLOCK_ACCESS}
    if hold is not None and not hold.is_confidential:
        blockers.add(hold.reference)
    if hold is not None and hold.kind is HoldKind.BLOCK_ACCESS and reference in blockers:
        return
    refuse_while_blocked(tenant)


def _statement(
    tenant: Tenant, checkout: Checkout, log: TenantLog, reference: str, returned: Sequence[Returned], at: datetime
) -> bytes:
    """Return the content to seal: who handed over what, under which reference, with the hashes. Pure."""
    provider = checkout.settings.provider
    fields = {
        "document": "État des données communiquées",
        "reference": reference,
        "etabli_le": at.isoformat(timespec="seconds"),
        "etabli_par": log.author.actor,
        "prestataire": {"nom": provider.name, "siren": provider.siren, "adresse": provider.address},
        "client": {"nom": tenant.name, "identifiant": f"{tenant.slug}-{tenant.id}", "siren": tenant.contract.siren},
        "machines": [
            {
                "machine": each.machine,
                "format": each.format,
                "instantanes": list(each.snapshots),
                "mis_a_part": list(each.set_aside),
                "cles_etrangeres": each.flaws.foreign,
                "objets_abimes": each.flaws.damaged,
                "depot_entier": each.flaws.is_whole,
                "hors_place": each.flaws.apart,
                "non_remis": each.flaws.left_out,
                "remis_dans": each.target,
                "fichiers": each.files,
                "octets": each.bytes,
                "manifeste": MANIFEST,
                "manifeste_sha256": each.manifest_sha256,
                "ecrit_le": each.written_at.isoformat(timespec="seconds"),
                "relu_le": each.verified_at.isoformat(timespec="seconds"),
                "mot_de_passe_remis": each.password_handed_out,
            }
            for each in returned
        ],
    }
    return json.dumps(fields, ensure_ascii=False, indent=1).encode() + b"\n"


def _put_statement(tenant: Tenant, storage: Storage, secrets: TenantSecrets, wanted: Return, sealed: bytes) -> str:
    """Write the sealed statement beside the machines' bags, replacing an earlier one, and read it back."""
    if isinstance(wanted.to, S3Target):
        target = bucket_target(tenant, storage, secrets, wanted.to, "")
        with tempfile.TemporaryDirectory(dir=temporary_folder()) as folder:
            Path(folder, STATEMENT).write_bytes(sealed)
            target.carry(Path(folder), STATEMENT)
        found, place = (target.find(STATEMENT) or "").encode(), f"{target.shown}, {STATEMENT}"
    else:
        path = Path(wanted.to.path) / tenant.slug / STATEMENT
        path.unlink(missing_ok=True)  # written again: the existing file may be a link
        with path.open("xb") as statement:
            statement.write(sealed)
        sync(path.parent)
        found, place = path.read_bytes(), str(path)
    if found != sealed:
        raise ExpectedError(f"reading the sealed statement back from {place} gave something else", "Try again.")
    return place
