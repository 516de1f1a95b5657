"""The departure of a tenant: who asked for it, and how its data is returned (contract, article 14)."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from coffre.spec.values.fields import CredentialName, Day, Email, FileModel, Flag, Label, Text, matching, text_schema


class Choice(StrEnum):
    """The controller's choice for its data at the end of the service (GDPR, article 28(3)(g))."""

    RETURN = "return"
    ERASE = "erase"


class ReturnFormat(StrEnum):
    """The form of the return: plain files, or the restic repository with everything that opens it."""

    FILES = "files"
    REPOSITORY = "repository"


class ReturnedSnapshots(StrEnum):
    """Which snapshots come back as plain files."""

    LATEST = "latest"
    ALL = "all"


_VIA = Field(description="The kind of target: directory or s3")


class DirectoryTarget(FileModel):
    """A folder on the computer that runs Coffre, for example a disk for the customer."""

    via: Annotated[Literal["directory"], _VIA] = "directory"
    path: Annotated[
        Text,
        AfterValidator(matching(r"/.+", "is not an absolute path", "write it like /mnt/disque-martin")),
        text_schema("An absolute path; Coffre makes a folder for the tenant in it"),
    ]


class S3Target(FileModel):
    """A bucket that the customer names, with a key of its own."""

    via: Annotated[Literal["s3"], _VIA] = "s3"
    endpoint: Annotated[
        Text,
        AfterValidator(
            matching(
                r"https://([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:]{2,45}\])(:[0-9]{1,5})?/?",
                "is not an https address",
                "write it like https://s3.example",
            )
        ),
        text_schema("The endpoint of the customer's storage, https only"),
    ]
    bucket: Annotated[
        Text,
        AfterValidator(
            matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "is not the name of a bucket", "3 to 63 of a-z 0-9 . -")
        ),
        text_schema("The customer's bucket, which already exists"),
    ]
    prefix: Annotated[
        Text,
        AfterValidator(
            matching(
                r"|[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", "is not a prefix", "write it like retour-smileo, or leave it out"
            )
        ),
        text_schema("The folder in the bucket"),
    ] = ""
    region: Annotated[Label, Field(description="The region of the customer's storage")] = "us-east-1"
    credential: Annotated[
        CredentialName,
        Field(description="The entry of the tenant's secret bundle that holds ACCESS_KEY_ID:SECRET_ACCESS_KEY"),
    ]


ReturnTarget = Annotated[DirectoryTarget | S3Target, Field(discriminator="via")]


class Return(FileModel):
    """How the customer's data is returned."""

    format: Annotated[ReturnFormat, Field(description="files: plain files; repository: restic's, with its password")]
    snapshots: Annotated[
        ReturnedSnapshots, Field(description="With files: the latest snapshot of each machine, or all of them")
    ] = ReturnedSnapshots.LATEST
    to: Annotated[ReturnTarget, Field(description="The target, like {via: directory, path: /mnt/disque-martin}")]


class Leaving(FileModel):
    """A departure. `coffre offboard TENANT --plan` shows the dates that follow from it."""

    notice_on: Annotated[Day, Field(description="The day on which the customer's letter arrived, like 2026-11-02")]
    ends_on: Annotated[Day, Field(description="The last day of the notice period, which the letter names")]
    extended_to: Annotated[
        Day | None,
        Field(description="The last day of service, when the customer extended the transition (Data Act, 25(5))"),
    ] = None
    requested_by: Annotated[Label, Field(description="The person at the customer who asked for it: name and function")]
    approved_by: Annotated[
        Email, Field(description="The person at SMILÉO who approved it: not the author of the commit")
    ]
    choice: Annotated[Choice, Field(description="The controller's choice: return (then erase), or erase")]
    return_: Annotated[
        Return | None, Field(alias="return", description="How the data is returned; with choice: return")
    ] = None
    public_buyer: Annotated[
        Flag, Field(description="Whether the customer buys under the CCAG-TIC (erasure within 3 months of the return)")
    ] = False
