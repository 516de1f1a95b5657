"""The S3 stores of a team, for Pulumi's state and the bundles: their addresses in platform.yaml."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from coffre.spec.values.fields import FileModel, Label, Text, matching, text_schema
from coffre.spec.values.settings import FolderPath, SecretReference
from coffre.spec.values.stores import S3_SCHEME

Url = Annotated[
    Text,
    AfterValidator(
        matching(
            r"https://[A-Za-z0-9.\[\]:-]{1,260}/?",
            "is not the address of an S3 service",
            "write it like https://s3.example",
        )
    ),
    text_schema("The address of an S3 service, like https://s3.example", pattern="^https://"),
]


class S3Store(FileModel):
    """One S3 bucket of SMILÉO's own, on a service that none of the platforms manages."""

    endpoint: Annotated[Url, Field(description="The address of the S3 service, like https://s3.example")]
    region: Annotated[Label, Field(description="The region that requests are signed for")] = "default"
    ca_file: Annotated[FolderPath | None, Field(description="CA certificates, if not the system's")] = None
    credential: Annotated[
        SecretReference,
        Field(description="An env:NAME or file:PATH of an access key (JSON), never the key itself"),
    ]


@dataclass(frozen=True)
class S3Place:
    """A place in a bucket; ``prefix`` is empty or ends in a slash."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{S3_SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


def find_s3_place(reference: str) -> S3Place | None:
    """Read s3://BUCKET/PREFIX; None for a reference of another form. Pure."""
    if not reference.startswith(S3_SCHEME):
        return None
    bucket, _, prefix = reference.removeprefix(S3_SCHEME).partition("/")
    prefix = prefix.strip("/")
    return S3Place(bucket, f"{prefix}/" if prefix else "")
