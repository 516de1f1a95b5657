"""The storage platforms of platform.yaml: what all kinds have, and the kinds."""

from abc import ABC, abstractmethod
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from coffre.spec.gateways import Gateways
from coffre.spec.machine import AgentKind
from coffre.spec.maintenance import MaintenanceWindow
from coffre.spec.plan import OperatingSystem
from coffre.spec.values.fields import Count, Email, FileModel, Flag, Label, Size, Text, matching, refuse
from coffre.spec.values.settings import AwsCredential, Country, Endpoints, FolderPath, Percent, SecretReference

_GIB = 1 << 30


class PlatformKind(StrEnum):
    """The kind of a platform: it selects the storage driver."""

    CEPH = "ceph"
    AWS = "aws"
    ACRONIS = "acronis"


HOME_OF_AGENT: dict[AgentKind, PlatformKind] = {AgentKind.ACRONIS: PlatformKind.ACRONIS}
"""The kind of platform of an agent that backs up to its own vendor's storage; any other agent needs buckets."""

BUCKETLESS: frozenset[PlatformKind] = frozenset(HOME_OF_AGENT.values())
"""The kinds without buckets: nothing but their own agents stores there."""

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


_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_URL = rf"https://{_LABEL}(\.{_LABEL}){{0,9}}(:[1-9][0-9]{{0,4}})?/?"
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OF_S3 = ("reserve", "undelete_allowance_percent", "object_limit", "key_unused_days")
"""Settings of every platform that say something about buckets or their keys."""

DataCenterUrl = Annotated[
    Text,
    AfterValidator(
        matching(
            _URL,
            "this is not the address of a data center",
            "write https://HOST, the exact one that the portal shows after the login, without account and path",
            quoted=False,
        )
    ),
    WithJsonSchema({"type": "string", "pattern": "^https://", "description": "A data center, like https://HOST"}),
]
PartnerUuid = Annotated[
    Text,
    AfterValidator(matching(_UUID, "is not the UUID of a tenant", "the portal shows it in the partner's address")),
    AfterValidator(str.lower),
    WithJsonSchema({"type": "string", "pattern": f"^{_UUID}$", "description": "A partner's UUID"}),
]
Language = Annotated[
    Text,
    AfterValidator(matching("[a-z]{2}(-[A-Za-z]{2,8})?", "is not a language", "write it like fr")),
    WithJsonSchema({"type": "string", "pattern": "^[a-z]{2}(-[A-Za-z]{2,8})?$", "description": "A language, like fr"}),
]


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


class Platform(FileModel, ABC):
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

    shared: Annotated[
        Flag,
        Field(
            description="true: another repository of Coffre has tenants on it too; users that no record knows "
            "are theirs"
        ),
    ] = False
    key_unused_days: Annotated[
        Count, Field(ge=7, le=3650, description="Days without use after which supervision names a machine's key")
    ] = 90
    maintenance: list[MaintenanceWindow] = Field(
        default_factory=list,
        max_length=200,
        description="Maintenance declared beforehand; `coffre maintenance declare`",
    )
    maintenance_notice_days: Annotated[
        Count,
        Field(ge=0, le=90, description="Days before a maintenance at which customers are told of it at the latest"),
    ] = 5

    @property
    def is_marked_embedded(self) -> bool:
        """Whether platform.yaml says that this is the embedded platform of `coffre lab up`."""
        return False

    @property
    def embedded_record(self) -> Path | None:
        """The embedded platform's own record, from the repository's root; None where there cannot be one."""
        return None

    @property
    @abstractmethod
    def counting(self) -> Gateways:
        """The gateways, and the delays of their counts."""

    @property
    def sellable_bytes(self) -> int | None:
        """The sum of quotas that may be sold on the platform; None without a limit."""
        return None

    @property
    def quota_unit_bytes(self) -> int:
        """The unit in which the platform keeps quotas: KiB at RGW."""
        return 1024

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
    overcommit_percent: Annotated[
        Count,
        Field(ge=1, le=1000, description="Percent of the capacity that may be sold as quotas, which are rarely full"),
    ] = 100

    @property
    def is_marked_embedded(self) -> bool:
        return self.lab

    @property
    def embedded_record(self) -> Path | None:
        return Path(self.endpoints.removeprefix("file:")).with_name("state.json")

    @property
    def sellable_bytes(self) -> int | None:
        return None if self.capacity_bytes is None else self.capacity_bytes * self.overcommit_percent // 100

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


class Edition(StrEnum):
    """The vendor's editions of today, by its own names."""

    PER_WORKLOAD = "pck_per_workload"
    PER_GIGABYTE = "pck_per_gigabyte"
    BUNDLED = "bundled"


class Vendor(FileModel):
    """The company that runs the vendor's service for the provider: it handles customers' data (GDPR article 28)."""

    name: Annotated[Label, Field(description="The legal name, as in the terms that the provider accepted")]
    country: Annotated[Country, Field(description="The country as an ISO 3166 code")]


InstallerVersion = Annotated[
    Text,
    AfterValidator(
        matching(
            r"[0-9]{1,9}(\.[0-9]{1,9}){1,3}", "is not a version of the vendor's installer", "write it like 26.2.41800"
        )
    ),
    WithJsonSchema({"type": "string", "description": "A version, like 26.2.41800"}),
]
Sha256 = Annotated[
    Text,
    AfterValidator(matching("[0-9a-fA-F]{64}", "is not a SHA-256", "write the 64 digits that `sha256sum` prints")),
    AfterValidator(str.lower),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}),
]
InstallerUrl = Annotated[
    Text,
    AfterValidator(
        matching(
            r"https://[A-Za-z0-9.:/\[\]?&=%_~+-]{1,1000}",
            "this is not an https URL of plain characters",
            "installers run as administrator: write an https URL, without account and password",
            quoted=False,
        )
    ),
    WithJsonSchema({"type": "string", "pattern": "^https://"}),
]


class VendorInstaller(FileModel):
    """The one installer of a system: a file here, which is sent, or a URL of an own mirror, which machines fetch."""

    version: Annotated[InstallerVersion, Field(description="The vendor's version, like 26.2.41800")]
    sha256: Annotated[Sha256, Field(description="The SHA-256 of the file, in hexadecimal")]
    path: Annotated[FolderPath | None, Field(description="The file, on this computer")] = None
    url: Annotated[InstallerUrl | None, Field(description="Or an https URL that gives exactly this file")] = None

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if (self.path is None) == (self.url is None):
            refuse("an installer has a path or a url", "write one of both")
        return self


class AcronisPlatform(Platform):
    """Acronis Cyber Protect Cloud below one partner: a tenant is a customer there; there are no buckets and no keys."""

    kind: Annotated[Literal[PlatformKind.ACRONIS], Field(description="Acronis Cyber Protect Cloud")]
    url: Annotated[DataCenterUrl, Field(description="The data center, https://HOST, as the portal shows it")]
    credential: Annotated[
        SecretReference,
        Field(description="An env:NAME or file:PATH of an API client: JSON with client_id and client_secret"),
    ]
    ca_file: Annotated[FolderPath | None, Field(description="CA certificates, if not the system's")] = None
    partner: Annotated[PartnerUuid, Field(description="The UUID of the partner directly below which customers are")]
    edition: Annotated[Edition, Field(description="The edition that customers have")] = Edition.PER_WORKLOAD
    storage: Annotated[
        Label, Field(description="The storage for backups, by name or UUID; it cannot be another one later")
    ]
    language: Annotated[Language, Field(description="The language in which the vendor writes to customers")] = "fr"
    agents_email: Annotated[
        Email, Field(description="The provider's address of the users to whom customers' agents belong")
    ]
    vendor: Annotated[Vendor, Field(description="The company that runs the service")]
    installers: dict[OperatingSystem, VendorInstaller] = Field(
        default_factory=dict, description="The installer of the agent, by system: linux, windows, macos"
    )
    undelete_allowance_percent: Annotated[Percent, Field(description="Always 0: the quota has no room above it")] = 0

    @model_validator(mode="after")
    def _has_no_buckets(self) -> Self:
        named = [name for name in _OF_S3 if name in self.model_fields_set]
        if named:
            refuse(f"{', '.join(named)} means nothing at Acronis, which has no buckets", "remove it")
        return self

    @property
    def counting(self) -> Gateways:
        """One place that counts, which stops at the quota: nothing passes it unseen."""
        return Gateways(count=1, bucket_quota_ttl_seconds=0, user_quota_sync_seconds=0)

    @property
    def quota_unit_bytes(self) -> int:
        """Single bytes: the hard quota is exactly the sold one."""
        return 1

    @property
    def reserve_minimum_bytes(self) -> int:
        """None: neither reports nor orders lie there."""
        return 0

    @property
    def reserve_percent(self) -> int:
        """None, as above."""
        return 0


AnyPlatform = Annotated[CephPlatform | AwsPlatform | AcronisPlatform, Field(discriminator="kind")]
