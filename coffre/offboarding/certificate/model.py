"""The content of a certificate of erasure, as plain values: the same for the PDF and for the JSON."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from coffre.offboarding.lifecycle.calendar import CalendarEntry as Day
from coffre.offboarding.lifecycle.evidence import (
    Agent,
    Approved,
    Attestation,
    BucketErased,
    ErasureBegan,
    OwnerErased,
    OwnerProved,
    RestoreLeft,
    Returned,
    SecretDestroyed,
    UserDeleted,
    Verified,
)
from coffre.offboarding.lifecycle.keeping_after import RetentionReason
from coffre.records.chain.heads import Head
from coffre.records.details import OPTIONAL
from coffre.records.facts.departure import Attested, Stage
from coffre.storage.platform import HostingCompany, MediaKeeper

E = TypeVar("E")

FORMAT = 2
"""The version of the JSON: it increases when a reader of the old form would misread the new one.

2: checks, destroyed secrets and the customer's notification are typed values; in 1 they were sentences.
"""


@dataclass(frozen=True)
class AttributedEvidence(Generic[E]):
    """Evidence with its author, time, and day of the procedure. ``is_proved``: a signature proves the author."""

    fact: E
    by: str
    at: datetime
    on: date
    is_proved: bool = False


@dataclass(frozen=True)
class Controller:
    """The customer, who is responsible for the data (GDPR, article 4(7))."""

    name: str
    siren: str | None
    registration: str | None
    contact: str
    contract: str
    signed_on: date
    amendments: tuple[str, ...]


@dataclass(frozen=True)
class Processor:
    """The provider, who issues the certificate."""

    name: str
    siren: str
    address: str
    country: str


@dataclass(frozen=True)
class Company:
    """A company that handles customers' data for the provider."""

    name: str
    role: str
    country: str


@dataclass(frozen=True)
class Site:
    """The place of the data: the platform's operator and site; of a cloud, also its account, region and company.

    ``host`` is not among the ``sub_processors``, which platform.yaml names.
    """

    operator: str
    site: str
    country: str
    sub_processors: tuple[Company, ...]
    media: MediaKeeper = MediaKeeper.OPERATOR
    account: str | None = None
    region: str | None = None
    host: HostingCompany | None = None
    is_vendors: Annotated[bool | None, OPTIONAL] = None
    """Whether it is a vendor's service: ``account`` is the provider's there, ``region`` the data center."""


@dataclass(frozen=True)
class Basis:
    """The reason for the erasure. For a retired machine: the days of its retirement; the rest is for a departure.

    ``moved_to`` is the editor whose agent backs the machine up now: it moved there, and those backups go on.
    """

    choice: str | None = None
    requested_by: str | None = None
    notice_on: date | None = None
    ends_on: date | None = None
    extended_to: date | None = None
    is_public_buyer: bool = False
    approved: AttributedEvidence[Approved] | None = None
    calendar: tuple[Day, ...] = ()
    retired_on: date | None = None
    kept_until: date | None = None
    moved_to: Annotated[str | None, OPTIONAL] = None


@dataclass(frozen=True)
class Reached:
    """A stage of the procedure and the time when it was reached."""

    stage: Stage
    by: str
    at: datetime
    on: date
    is_proved: bool = False


@dataclass(frozen=True)
class Attests:
    """One of the customer's duties (contract, article 14) and the document that attests it; None: not received."""

    what: Attested
    received: AttributedEvidence[Attestation] | None


@dataclass(frozen=True)
class CopyFacts:
    """The erasure of a machine's second copy, on the platform of this name in the journal."""

    platform: str
    began: AttributedEvidence[ErasureBegan]
    erased: AttributedEvidence[BucketErased] | None


@dataclass(frozen=True)
class MachineFacts:
    """All established facts about one machine; ``copies`` are second copies of its backups, if any.

    ``restore_left``: the customer was told how to restore it in the vendor's portal.
    """

    machine: str
    system: str
    returned: tuple[AttributedEvidence[Returned], ...]
    agent: AttributedEvidence[Agent] | None
    began: AttributedEvidence[ErasureBegan] | None
    erased: AttributedEvidence[BucketErased] | None
    copies: Annotated[tuple[CopyFacts, ...] | None, OPTIONAL] = None
    vendor: Annotated[str | None, OPTIONAL] = None
    """The platform without buckets that kept its backups, with all others there; such a machine has no bucket."""
    restore_left: Annotated[AttributedEvidence[RestoreLeft] | None, OPTIONAL] = None


@dataclass(frozen=True)
class CertifiedVerification:
    """The newest verification, and the number of earlier ones that found something.

    ``is_by_another``: signatures prove that it was another person than the eraser; ``is_other_name``: the declared
    names differ, which proves nothing.
    """

    seen: AttributedEvidence[Verified]
    is_by_another: bool
    failed_before: int
    is_other_name: bool = False


@dataclass(frozen=True)
class VendorFacts:
    """The end of a tenant's owner on a platform without buckets: a vendor's customer, which goes with all it holds.

    ``texts`` names what is said of the vendor's own deletion (`certificat/editeur-NAME.html.j2`). ``proved`` is what
    was there before somebody agreed to its end, ``erased`` what the vendor showed afterwards.
    """

    platform: str
    editor: str
    site: Site
    texts: str | None
    proved: AttributedEvidence[OwnerProved] | None
    erased: AttributedEvidence[OwnerErased] | None


class Role(StrEnum):
    """The role of a person in a departure."""

    WROTE = "wrote"
    APPROVED = "approved"
    ERASED = "erased"
    VERIFIED = "verified"


@dataclass(frozen=True)
class Person:
    """A person with a role. When it is proved, ``key`` is the fingerprint of the signing OpenSSH key.

    ``statement`` and ``signature`` are the signed statement, when it was a statement and not a commit.
    """

    role: Role
    name: str
    is_proved: bool = False
    key: str = ""
    statement: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Letter:
    """A letter to the customer and its state."""

    kind: str
    state: str
    sha256: str
    on: date


@dataclass(frozen=True)
class Kept:
    """Records that are kept, and their last day."""

    why: RetentionReason
    until: date


@dataclass(frozen=True)
class Provenance:
    """The sources and tools of the certificate; hashes are SHA-256.

    ``journal_sha256`` is the hash of the journal's entries as JSON; ``signers`` are the X.509 certificates, leaf first.
    """

    journal_entries: int
    journal_sha256: str
    commits: tuple[str, ...]
    coffre_version: str
    signature_algorithm: str
    signers: tuple[str, ...]
    records: Head | None = None
    """The signed head of the records at the time of issue; None in older certificates."""


@dataclass(frozen=True)
class CertificateFacts:
    """The whole content of a certificate. ``specimen`` are the reasons why it proves nothing, none on a real platform.

    ``machine`` is set when it is only about one retired machine.
    """

    number: str
    issued_on: date
    specimen: tuple[str, ...]
    machine: str | None
    controller: Controller
    processor: Processor
    site: Site
    basis: Basis
    course: tuple[Reached, ...]
    machines: tuple[MachineFacts, ...]
    attestations: tuple[Attests, ...]
    users_suspended: AttributedEvidence[None] | None
    secrets: tuple[AttributedEvidence[SecretDestroyed], ...]
    users: tuple[AttributedEvidence[UserDeleted], ...]
    stack_removed: AttributedEvidence[None] | None
    local_removed: AttributedEvidence[None] | None
    verification: CertifiedVerification | None
    emptied: AttributedEvidence[Verified] | None
    final_check: AttributedEvidence[Verified] | None
    letters: tuple[Letter, ...]
    kept: tuple[Kept, ...]
    records_trimmed: AttributedEvidence[None] | None
    proof: Provenance
    timezone: str
    reservations: tuple[str, ...] = field(default=())
    people: tuple[Person, ...] = field(default=())
    copy_site: Annotated[Site | None, OPTIONAL] = None
    """The place of the second copy; None for a tenant that never had one."""
    vendors: Annotated[tuple[VendorFacts, ...] | None, OPTIONAL] = None
    """What vendors kept of it; None for a tenant whose backups were all in buckets."""
    format: int = FORMAT
