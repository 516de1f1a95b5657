"""The content of platform.yaml: the provider, its storage platforms, its working hours, and Coffre's folders."""

import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from coffre.spec.gateways import Gateways
from coffre.spec.quota import wall_bytes
from coffre.spec.values.fields import (
    VALUE,
    Count,
    Day,
    Email,
    FileModel,
    Flag,
    Host,
    Label,
    Name,
    Phone,
    Siren,
    Size,
    Text,
    Timezone,
    Version,
    matching,
    refuse,
    text_schema,
)
from coffre.spec.values.schedule import ScheduleError, Weekday, parse_schedule
from coffre.workspace.paths import DOCUMENTS_FOLDER, RECORDS_FILE, SECRETS_FOLDER, STATE_FOLDER

__all__ = [
    "Anchor",
    "AnyPlatform",
    "AwsPlatform",
    "CephPlatform",
    "Hosting",
    "Identities",
    "Mail",
    "MailSecurity",
    "Offboarding",
    "Platform",
    "PlatformFile",
    "PlatformKind",
    "Proof",
    "Provider",
    "Reserve",
    "Signing",
    "SubProcessor",
    "WorkingHours",
    "wall_bytes",
]

_GIB = 1 << 30


class PlatformKind(StrEnum):
    """The kind of a platform: it selects the storage driver."""

    CEPH = "ceph"
    AWS = "aws"


def _refers(kinds: str, hint: str) -> AfterValidator:
    """Return the check of a reference to something outside the file. Messages never quote its value, maybe a secret."""
    return AfterValidator(matching(kinds, "this is not a valid reference here", hint, quoted=False))


def _parse_clock(value: Any) -> Any:
    if isinstance(value, datetime.time):
        return value
    try:
        return parse_schedule(f"daily {value}").at
    except ScheduleError as error:
        hint = (
            error.hint if "write 0" in error.hint or "hours run" in error.hint else 'write it in quotes, like "08:30"'
        )
        refuse(f"{VALUE} is not a time of day", hint)


def _parse_days(value: Any) -> Any:
    if isinstance(value, list | tuple) and all(isinstance(day, Weekday) for day in value):
        return value
    try:
        return parse_schedule(f"{value} 00:00").days
    except ScheduleError:
        refuse(f"{VALUE} are no days of the week", "write them like Mon..Fri or Mon,Wed,Fri")


_FILE = r"file:[^\x00-\x1f]+"
_ENV = r"env:[A-Za-z_][A-Za-z0-9_]*"
_PATH = r"[^\x00-\x1f:]+"
SecretReference = Annotated[
    Text,
    _refers(f"{_FILE}|{_ENV}", "write env:NAME or file:PATH; the credential itself is never in this file"),
    text_schema("env:NAME or file:PATH, never the credential itself"),
]
Endpoints = Annotated[
    Text,
    _refers(_FILE, "write file:PATH of an endpoints file (JSON)"),
    text_schema("file:PATH of a JSON file with endpoint, region, ca_file and fsid"),
]
AwsCredential = Annotated[
    Text,
    _refers(
        rf"{_FILE}|{_ENV}|profile:[A-Za-z0-9_.@ -]{{1,64}}",
        "write env:NAME, file:PATH or profile:NAME; the credential itself is never in this file",
    ),
    text_schema("env:NAME or file:PATH of a JSON file with access_key_id and secret_access_key, or profile:NAME"),
]
Account = Annotated[
    Text,
    AfterValidator(
        matching("[0-9]{12}", "is not an AWS account", 'write its 12 digits in quotes, like "123456789012"')
    ),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{12}$", "description": "An AWS account, 12 digits in quotes"}),
]
Region = Annotated[
    Text,
    AfterValidator(matching("[a-z]{2}(-[a-z]+)+-[0-9]", "is not an AWS region", "write it like eu-west-3")),
    WithJsonSchema({"type": "string", "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]$", "description": "An AWS region"}),
]
RoleArn = Annotated[
    Text,
    AfterValidator(
        matching(
            r"arn:aws:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}",
            "is not the ARN of a role",
            "write it like arn:aws:iam::123456789012:role/coffre",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": "^arn:aws:iam::[0-9]{12}:role/", "description": "A role's ARN"}),
]
State = Annotated[
    Text,
    _refers(rf"{_FILE}|s3://[^\x00-\x1f]+", "write file:PATH, or s3://BUCKET for a team"),
    text_schema("Where Pulumi keeps its state: file:PATH, or s3://BUCKET for a team"),
]
RecordsUrl = Annotated[
    Text,
    _refers(
        f"sqlite:{_PATH}|{_ENV}",
        "write sqlite:PATH, or env:NAME with a PostgreSQL URL in that variable (never the URL and its password itself)",
    ),
    text_schema("The records database: sqlite:PATH, or env:NAME with a PostgreSQL URL in that variable"),
]
FolderPath = Annotated[
    Text,
    _refers(_PATH, f"write a path, like {SECRETS_FOLDER}"),
    text_schema("A path, relative to the repository's root"),
]
TimeOfDay = Annotated[
    datetime.time,
    BeforeValidator(_parse_clock),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Days = Annotated[
    tuple[Weekday, ...],
    BeforeValidator(_parse_days),
    WithJsonSchema({"type": "string", "description": "Days, like Mon..Fri or Mon,Wed,Fri"}),
]
Country = Annotated[
    Text,
    AfterValidator(matching("[A-Z]{2}", "is not a country code", "write two capital letters, like FR (ISO 3166)")),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166 code, like FR"}),
]
Percent = Annotated[Count, Field(ge=0, le=400)]


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


class SubProcessor(FileModel):
    """A company that handles customers' data for the provider (GDPR article 28)."""

    name: Annotated[Label, Field(description="The legal name")]
    role: Annotated[Label, Field(description="What it does with the data")]
    country: Annotated[Country, Field(description="The country as an ISO 3166 code")]


class Hosting(FileModel):
    """The place and the operator of a platform."""

    operator: Annotated[Label, Field(description="The company that runs the cluster")]
    site: Annotated[Label, Field(description="Its place: data centre, town")]
    country: Annotated[Country, Field(description="The country as an ISO 3166 code")]
    sub_processors: list[SubProcessor] = Field(
        default_factory=list, description="The companies that handle customers' data here for the provider"
    )


class Reserve(FileModel):
    """The part of the wall that leaves space for reports and orders when the quota is full: the larger value."""

    minimum_bytes: Annotated[Size, Field(alias="minimum", description="Never less than this, like 1 GiB")] = _GIB
    percent: Annotated[Percent, Field(description="Percent of the sold quota")] = 5


class Platform(FileModel):
    """The settings that platforms of every kind have."""

    kind: PlatformKind
    ssh_config: Annotated[
        FolderPath | None, Field(description="ssh_config through which its tenants' machines are reached")
    ] = None
    hosting: Annotated[Hosting, Field(description="The place and the operator of the platform")]
    reserve: Annotated[Reserve, Field(description="What the wall adds to a sold quota for reports and orders")] = (
        Reserve()
    )
    undelete_allowance_percent: Annotated[
        Percent, Field(description="Percent of the sold quota that the wall adds for versions that can be undeleted")
    ] = 25
    object_limit: Annotated[
        Count,
        Field(ge=1000, description="The maximum number of objects of a tenant, all versions; restic's have 16 MiB"),
    ] = 5_000_000

    @property
    def is_marked_embedded(self) -> bool:
        """Whether platform.yaml says that this is the embedded platform of `coffre lab up`."""
        return False

    @property
    def embedded_record(self) -> Path | None:
        """The embedded platform's own record, from the repository's root; None where there cannot be one."""
        return None

    @property
    def counting(self) -> Gateways:
        """The gateways, and the delays of their counts."""
        raise NotImplementedError

    @property
    def reserve_minimum_bytes(self) -> int:
        """The minimum that the wall adds to a sold quota."""
        return self.reserve.minimum_bytes

    @property
    def reserve_percent(self) -> int:
        """The percentage that the wall adds to a sold quota, when that is more than the minimum."""
        return self.reserve.percent


class CephPlatform(Platform):
    """A Ceph cluster with its RGW endpoints."""

    kind: Annotated[Literal[PlatformKind.CEPH], Field(description="A Ceph cluster, through RGW")]
    lab: Annotated[
        Flag,
        Field(
            description="true: this is the embedded platform of `coffre lab up`; its dates can be set, and its "
            "certificates are specimens"
        ),
    ] = False
    endpoints: Annotated[
        Endpoints, Field(description="A file:PATH of a JSON file with endpoint, region, ca_file and fsid")
    ]
    ca_file: Annotated[FolderPath | None, Field(description="CA certificates, if not those of the endpoints file")] = (
        None
    )
    region: Annotated[Label | None, Field(description="Region, if not that of the endpoints file")] = None
    admin_credential: Annotated[
        SecretReference, Field(description="An env:NAME or file:PATH of the administrator's key, never the key itself")
    ]
    gateways: Annotated[
        Gateways | None,
        Field(description="The number of gateways behind the endpoint, and the delays of their counts"),
    ] = None
    capacity_bytes: Annotated[
        Size | None,
        Field(alias="capacity", description="The space for customers' data, after replication, like 200 TiB"),
    ] = None

    @property
    def is_marked_embedded(self) -> bool:
        return self.lab

    @property
    def embedded_record(self) -> Path | None:
        return Path(self.endpoints.removeprefix("file:")).with_name("state.json")

    @property
    def counting(self) -> Gateways:
        """The gateways; by default one gateway with Ceph's own settings."""
        return self.gateways or Gateways()


class AwsPlatform(Platform):
    """Amazon S3 in one account and one region: no hard quota, so the gate is the only limit."""

    kind: Annotated[Literal[PlatformKind.AWS], Field(description="Amazon S3")]
    account: Annotated[Account, Field(description="The AWS account, 12 digits in quotes: no other one is touched")]
    region: Annotated[Region, Field(description="The region, like eu-west-3; buckets of other regions are refused")]
    credential: Annotated[
        AwsCredential | None,
        Field(
            description="An env:NAME or file:PATH of an access key (JSON), or profile:NAME; default: the credentials "
            "that AWS's own tools find"
        ),
    ] = None
    role: Annotated[RoleArn | None, Field(description="The ARN of a role to assume with that credential")] = None
    intake_bytes: Annotated[
        Size,
        Field(
            alias="intake_per_second",
            ge=1024,
            description="The most that one tenant sends per second, its uplink: the gate must be checked accordingly",
        ),
    ] = 25 * 1024**2

    @property
    def counting(self) -> Gateways:
        """One endpoint that counts nothing: what passes a quota is what arrives between two looks."""
        return Gateways(count=1, bucket_quota_ttl_seconds=0, user_quota_sync_seconds=0, intake_bytes=self.intake_bytes)


AnyPlatform = Annotated[CephPlatform | AwsPlatform, Field(discriminator="kind")]


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


class PlatformFile(FileModel):
    """The provider's own settings, one file per repository."""

    version: Annotated[Version, Field(description="The version of this format, 1")]
    provider: Annotated[Provider, Field(description="The company that sells the service")]
    platforms: Annotated[dict[Name, AnyPlatform], Field(min_length=1, description="The storage platforms by name")]
    working_hours: Annotated[WorkingHours, Field(description="The hours in which work is not billed extra (article 6)")]
    state: Annotated[State, Field(description=f"Where Pulumi keeps its state, like file:{STATE_FOLDER}")]
    records: Annotated[RecordsUrl, Field(description=f"The records database, like sqlite:{RECORDS_FILE}")]
    secrets: Annotated[FolderPath, Field(description=f"The folder of the secret bundles, like {SECRETS_FOLDER}")]
    escrow: Annotated[
        FolderPath, Field(description="The folder of their second copy, away from the platform that they open")
    ]
    anchor: Annotated[
        Anchor, Field(description="Where the head of the records is stored each day: a file elsewhere, a mail")
    ] = Anchor()
    offboarding: Annotated[Offboarding, Field(description="Delays and signatures at the end of a contract")] = (
        Offboarding()
    )
    verify: Annotated[Verify, Field(description="How `coffre verify` reads all packs in turn")] = Verify()
    mail: Annotated[Mail | None, Field(description="The server that sends letters; without it they stay files")] = None
