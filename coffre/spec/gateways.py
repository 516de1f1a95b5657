"""What platform.yaml says of the RGW gateways behind a platform's endpoint: how many, where, and how they count."""

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from coffre.spec.values.fields import Count, FileModel, Size, Text, matching, refuse

GatewayAddress = Annotated[
    Text,
    AfterValidator(
        matching(
            r"https?://[A-Za-z0-9.\-\[\]:]+", "is not a gateway's address", "write it like https://rgw1.example:7443"
        )
    ),
    WithJsonSchema({"type": "string", "pattern": "^https?://", "description": "An address, like https://rgw1.example"}),
]
CacheSeconds = Annotated[Count, Field(ge=0, le=86400)]


class Gateways(FileModel):
    """The RGW gateways that serve a platform's endpoint: each counts quotas by itself, from caches."""

    count: Annotated[Count, Field(ge=1, le=64, description="How many serve this endpoint")] = 1
    addresses: list[GatewayAddress] = Field(
        default_factory=list,
        description="Each one's own address, where they can be reached: `coffre platform check` measures through them",
    )
    bucket_quota_ttl_seconds: Annotated[
        CacheSeconds, Field(description="Their rgw_bucket_quota_ttl: how old a count may get")
    ] = 600
    user_quota_sync_seconds: Annotated[
        CacheSeconds,
        Field(description="Their rgw_user_quota_bucket_sync_interval: how late a count is noted down for the others"),
    ] = 180
    intake_bytes: Annotated[
        Size,
        Field(
            alias="intake_per_second",
            ge=1024,
            description="What one of them takes in of one tenant in a second at most: the customer's uplink",
        ),
    ] = 25 * 1024**2

    @model_validator(mode="after")
    def _has_one_address_each(self) -> "Gateways":
        if self.addresses and len(set(self.addresses)) != self.count:
            refuse(f"{len(set(self.addresses))} addresses are named for {self.count} gateways", "name each one once")
        return self
