"""The RGW gateways behind a platform's endpoint, in platform.yaml: their number, addresses and caches."""

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
    """The RGW gateways that serve a platform's endpoint: each one counts quotas by itself, from caches."""

    count: Annotated[Count, Field(ge=1, le=64, description="How many serve this endpoint")] = 1
    addresses: list[GatewayAddress] = Field(
        default_factory=list,
        description="The address of each gateway, if reachable: `coffre platform check` measures through them",
    )
    bucket_quota_ttl_seconds: Annotated[
        CacheSeconds, Field(description="Their rgw_bucket_quota_ttl: the maximum age of a count")
    ] = 600
    user_quota_sync_seconds: Annotated[
        CacheSeconds,
        Field(description="Their rgw_user_quota_bucket_sync_interval: the delay until the other gateways see a count"),
    ] = 180
    intake_bytes: Annotated[
        Size,
        Field(
            alias="intake_per_second",
            ge=1024,
            description="The most that one gateway receives from one tenant per second: the customer's uplink",
        ),
    ] = 25 * 1024**2

    @model_validator(mode="after")
    def _has_one_address_each(self) -> "Gateways":
        if self.addresses and len(set(self.addresses)) != self.count:
            refuse(f"{len(set(self.addresses))} addresses are given for {self.count} gateways", "give each one once")
        return self
