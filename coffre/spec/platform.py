"""The content of platform.yaml: provider, platforms (storage_platform.py), prices (prices.py), hours, folders."""

import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from coffre.spec.git_host import GitHostSettings
from coffre.spec.prices import Prices
from coffre.spec.sites import Site
from coffre.spec.storage_platform import AnyPlatform
from coffre.spec.stores import S3Store
from coffre.spec.values.fields import (
    Count,
    Day,
    Email,
    FileModel,
    Host,
    Label,
    Name,
    Phone,
    Siren,
    Size,
    Timezone,
    Version,
)
from coffre.spec.values.settings import (
    BundlePlace,
    Country,
    Days,
    FolderPath,
    RecordsUrl,
    SecretReference,
    State,
    TimeOfDay,
)
from coffre.workspace.paths import DOCUMENTS_FOLDER, RECORDS_FILE, SECRETS_FOLDER, STATE_FOLDER

_GIB = 1 << 30


class MailSecurity(StrEnum):
    """The protection of the connection to the mail server."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class Provider(FileModel):
    """The company that sells the service, as letters and certificates name it."""

    name: Annotated[Label, Field(description="The legal name")]
    siren: Annotated[Siren, Field(description="The SIREN, 9 digits in quotes")]
    address: Annotated[Label, Field(description="The registered address, on one line")]
    country: Annotated[Country, Field(description="The country as an ISO 3166 code")] = "FR"
    email: Annotated[Email | None, Field(description="The address to which customers write")] = None
    phone: Annotated[Phone | None, Field(description="The number that customers call")] = None


class WorkingHours(FileModel):
    """The hours in which work is not billed extra (article 6)."""

    timezone: Annotated[Timezone, Field(description="The IANA time zone of these hours")] = "Europe/Paris"
    days: Annotated[Days, Field(description="The days, like Mon..Fri")]
    opens: Annotated[TimeOfDay, Field(description='The time at which work begins, in quotes, like "08:30"')]
    closes: Annotated[TimeOfDay, Field(description='The time at which work ends, in quotes, like "18:00"')]
    holidays: list[Day] = Field(
        default_factory=list, description="Days without work, besides the public holidays of France"
    )


class Signing(FileModel):
    """The key that signs certificates, and its X.509 certificate.

    A key on a token (PKCS#11) would need another kind of reference, which Coffre does not support yet.
    """

    key: Annotated[SecretReference, Field(description="A file:PATH or env:NAME of the private key, PEM")]
    certificate: Annotated[FolderPath, Field(description="Its certificate with the chain, PEM")]


class Mail(FileModel):
    """The SMTP server through which letters go to customers."""

    host: Annotated[Host, Field(description="The server's name")]
    port: Annotated[Count, Field(ge=1, le=65535, description="The TCP port: 587, or 465 with tls")] = 587
    security: Annotated[MailSecurity, Field(description="starttls, tls, or none (a server on this computer only)")] = (
        MailSecurity.STARTTLS
    )
    ca_file: Annotated[FolderPath | None, Field(description="CA certificates, if not the system's")] = None
    sender: Annotated[Email, Field(description="The address that letters come from")]
    user: Annotated[Label | None, Field(description="The account, if the server asks for one")] = None
    password: Annotated[
        SecretReference | None, Field(description="An env:NAME or file:PATH of its password, never the password itself")
    ] = None


class Takes(StrEnum):
    """What a channel takes: everything, or only what cannot wait for the daily digest."""

    ALL = "all"
    URGENT = "urgent"


class Channel(FileModel):
    """A channel through which SMILÉO itself is told: Teams, Slack, ntfy, a mail, a webhook."""

    url: Annotated[
        SecretReference, Field(description="An env:NAME or file:PATH of its Apprise URL, which has secrets in it")
    ]
    takes: Annotated[Takes, Field(description="all, or urgent: only what cannot wait for the daily digest")] = Takes.ALL


class Notify(FileModel):
    """Whom `coffre supervise` tells what it finds, and who alarms when it stops."""

    channels: dict[Name, Channel] = Field(default_factory=dict, description="The channels by name")
    digest_at: Annotated[
        TimeOfDay, Field(description="When the daily digest is sent, in quotes, in the time zone of working_hours")
    ] = datetime.time(8)
    dead_man: Annotated[
        SecretReference | None,
        Field(description="An env:NAME or file:PATH of the URL to call after each pass; silence there is an alarm"),
    ] = None


class Proof(StrEnum):
    """How a person is identified: by a signature with a trusted key, or by a name."""

    PROVED = "proved"
    DECLARED = "declared"


class Identities(FileModel):
    """The proof of identity that each act at the end of a contract requires."""

    approval: Annotated[Proof, Field(description="For the author and the approver: proved or declared")] = Proof.PROVED
    erasure: Annotated[Proof, Field(description="For the person who erases: proved or declared")] = Proof.PROVED
    verification: Annotated[Proof, Field(description="For the person who verifies: proved or declared")] = Proof.PROVED


class Anchor(FileModel):
    """Where the signed head of the records is stored, out of reach of a person who can change the database."""

    file: Annotated[
        FolderPath | None, Field(description="A file on another file system, best on another computer; it only grows")
    ] = None
    mail: Annotated[
        Email | None, Field(description="An external address that gets the head once a day (needs mail:)")
    ] = None


class Offboarding(FileModel):
    """SMILÉO's own delays at the end of a contract, and the signature of its certificates."""

    transition_days: Annotated[
        Count, Field(ge=0, le=30, description="Service after the notice period; at most 30 (Data Act, 25(2)(a))")
    ] = 30
    retrieval_days: Annotated[
        Count, Field(ge=30, le=365, description="To retrieve the data after it; at least 30 (Data Act, 25(2)(g))")
    ] = 30
    collect_days: Annotated[
        Count, Field(ge=1, le=90, description="The minimum of days between the return of the data and its erasure")
    ] = 14
    remind_before_days: Annotated[
        Count, Field(ge=1, le=30, description="Days before the end of retrieval at which the customer is reminded")
    ] = 7
    erase_within_days: Annotated[Count, Field(ge=1, le=60, description="From the first possible day")] = 7
    certificate_within_days: Annotated[Count, Field(ge=1, le=60, description="From the erasure")] = 7
    certificate_kept_years: Annotated[Count, Field(ge=1, le=30, description="How long certificates are kept")] = 5
    identities: Annotated[
        Identities | None,
        Field(description="Acts that need a signature; default: all, on the embedded platform none"),
    ] = None
    documents: Annotated[
        FolderPath, Field(description="The folder of letters and certificates, one folder per tenant")
    ] = str(DOCUMENTS_FOLDER)
    signing: Annotated[
        Signing | None, Field(description="The key that signs certificates; the embedded platform makes its own")
    ] = None


class Verify(FileModel):
    """The settings of `coffre verify`, which reads every pack of every repository in turn when it runs daily."""

    period_days: Annotated[Count, Field(ge=1, le=366, description="The days within which all packs are read")] = 30
    run_limit_bytes: Annotated[
        Size, Field(alias="run_limit", ge=1024**2, description="The maximum that one run reads of one machine")
    ] = 500 * _GIB
    run_hours: Annotated[Count, Field(ge=1, le=24, description="The maximum duration of one run for one machine")] = 8


class Drills(FileModel):
    """How often `coffre drill --due` drills the machines of tenants with the option restore_tests."""

    interval_days: Annotated[
        Count, Field(ge=1, le=366, description="The days between two drills of a machine, unless its tenant has others")
    ] = 30
    grace_days: Annotated[
        Count, Field(ge=1, le=60, description="So many days after it was due, a drill that was not made is a finding")
    ] = 7


class ReviewSettings(FileModel):
    """How a reviewed change is applied after its merge: `coffre review --save-plans`, `coffre apply --reviewed`."""

    signing: Annotated[
        Signing | None, Field(description="The key that signs saved plans; the embedded platform makes its own")
    ] = None
    plan_days: Annotated[Count, Field(ge=1, le=90, description="How long a saved plan may be applied")] = 14
    required_approvals: Annotated[
        Count,
        Field(ge=0, le=10, description="Approvals by other persons on the git host; a destructive plan needs one"),
    ] = 1


class PlatformFile(FileModel):
    """The provider's own settings, one file per repository."""

    version: Annotated[Version, Field(description="The version of this format, 1")]
    provider: Annotated[Provider, Field(description="The company that sells the service")]
    platforms: Annotated[dict[Name, AnyPlatform], Field(min_length=1, description="The storage platforms by name")]
    working_hours: Annotated[WorkingHours, Field(description="The hours in which work is not billed extra (article 6)")]
    state: Annotated[State, Field(description=f"Where Pulumi keeps its state, like file:{STATE_FOLDER}")]
    records: Annotated[RecordsUrl, Field(description=f"The records database, like sqlite:{RECORDS_FILE}")]
    secrets: Annotated[BundlePlace, Field(description=f"The place of the secret bundles, like {SECRETS_FOLDER}")]
    escrow: Annotated[
        BundlePlace, Field(description="The place of their second copy, away from the platform that they open")
    ]
    stores: dict[str, S3Store] = Field(
        default_factory=dict, description="The S3 buckets that state, secrets and escrow name, by bucket"
    )
    anchor: Annotated[
        Anchor, Field(description="Where the head of the records is stored each day: a file elsewhere, a mail")
    ] = Anchor()
    offboarding: Annotated[Offboarding, Field(description="Delays and signatures at the end of a contract")] = (
        Offboarding()
    )
    review: Annotated[ReviewSettings, Field(description="How a reviewed change is applied after its merge")] = (
        ReviewSettings()
    )
    verify: Annotated[Verify, Field(description="How `coffre verify` reads all packs in turn")] = Verify()
    drills: Annotated[Drills, Field(description="How often `coffre drill --due` drills each machine")] = Drills()
    mail: Annotated[Mail | None, Field(description="The server that sends letters; without it they stay files")] = None
    notify: Annotated[Notify, Field(description="Whom supervision tells what it finds, by which channels")] = Notify()
    sites: dict[Name, Site] = Field(
        default_factory=dict, description="The sites whose machines only a node there reaches, by name"
    )
    git_host: Annotated[
        GitHostSettings | None, Field(description="The git host of this repository, for reviews in its pull requests")
    ] = None
    prices: Annotated[Prices | None, Field(description="The price lists, by their first day, in EUR a month")] = None
