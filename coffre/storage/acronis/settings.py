"""The settings of a platform at Acronis, in the words of platform.yaml: one partner's account, and what it gives.

It uses nothing but what platform.yaml's other kinds use, so that it can stand beside them in `coffre.spec`.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from coffre.spec.gateways import Gateways
from coffre.spec.storage_platform import Platform
from coffre.spec.values.fields import Email, FileModel, Label, Text, matching, refuse
from coffre.spec.values.settings import Country, FolderPath, Percent, SecretReference

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


class Edition(StrEnum):
    """The vendor's editions of today, by its own names."""

    PER_WORKLOAD = "pck_per_workload"
    PER_GIGABYTE = "pck_per_gigabyte"
    BUNDLED = "bundled"


class Vendor(FileModel):
    """The company that runs the vendor's service for the provider: it handles customers' data (GDPR article 28)."""

    name: Annotated[Label, Field(description="The legal name, as in the terms that the provider accepted")]
    country: Annotated[Country, Field(description="The country as an ISO 3166 code")]


class AcronisPlatform(Platform):
    """Acronis Cyber Protect Cloud below one partner: a tenant is a customer there; there are no buckets and no keys."""

    kind: Annotated[Literal["acronis"], Field(description="Acronis Cyber Protect Cloud")]  # type: ignore[assignment]
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
    def reserve_minimum_bytes(self) -> int:
        """None: neither reports nor orders lie there."""
        return 0

    @property
    def reserve_percent(self) -> int:
        """None, as above."""
        return 0
