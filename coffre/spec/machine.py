"""A machine under licence: its kind, its connection, and its retirement."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from coffre.spec.plan import OperatingSystem
from coffre.spec.values.fields import (
    Count,
    CredentialName,
    Day,
    FileModel,
    Flag,
    Host,
    Name,
    Rate,
    Size,
    Text,
    matching,
)


class MachineKind(StrEnum):
    """The licence that a machine uses."""

    WORKSTATION = "workstation"
    SERVER = "server"


class AgentKind(StrEnum):
    """The agent that backs a machine up."""

    RESTIC = "restic"
    ACRONIS = "acronis"


# Goes into ssh's command line and unit files: a leading - and shell characters are refused.
SshUser = Annotated[
    Text,
    AfterValidator(
        matching(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", "is not a user name", "write the login name alone, like root")
    ),
    WithJsonSchema({"type": "string"}),
]
WindowsUser = Annotated[
    Text,
    AfterValidator(
        matching(
            r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\\)?[A-Za-z0-9_][A-Za-z0-9_. -]{0,63}(@[A-Za-z0-9.-]{1,253})?",
            "is not a Windows user name",
            r"write it like Administrateur, DOMAINE\nom or nom@domaine.example",
        )
    ),
    WithJsonSchema({"type": "string"}),
]
_VIA = Field(description="The way: ssh, winrm, or pull")
_SITE = Field(description="The site, in platform.yaml, whose node reaches it")
Port = Annotated[Count, Field(ge=1, le=65535, description="The TCP port of the SSH server")]


class SshConnection(FileModel):
    """A machine that SMILÉO reaches over SSH."""

    via: Annotated[Literal["ssh"], _VIA] = "ssh"
    host: Annotated[Host, Field(description="The host name or address, without user and port")]
    user: Annotated[SshUser, Field(description="The login name")]
    port: Port = 22
    become: Annotated[Flag, Field(description="Whether the user becomes root by sudo")] = False
    credential: Annotated[
        CredentialName | None,
        Field(description="The name of an entry of the tenant's secret bundle, never the secret itself"),
    ] = None
    site: Annotated[Name | None, _SITE] = None


class WinrmConnection(FileModel):
    """A Windows machine that SMILÉO reaches over WinRM."""

    via: Annotated[Literal["winrm"], _VIA] = "winrm"
    host: Annotated[Host, Field(description="The host name or address, without user and port")]
    user: Annotated[WindowsUser, Field(description="The account, like Administrateur or DOMAINE\\nom")]
    credential: Annotated[
        CredentialName, Field(description="The name of an entry of the tenant's secret bundle, never the secret itself")
    ]
    site: Annotated[Name | None, _SITE] = None


class PullConnection(FileModel):
    """A machine that cannot be reached from outside: it fetches its orders from its own bucket."""

    via: Annotated[Literal["pull"], _VIA] = "pull"


Connection = Annotated[SshConnection | WinrmConnection | PullConnection, Field(discriminator="via")]


class Retirement(FileModel):
    """The retirement of a machine: frees its licence and deletes its key at once; its backups stay for a while."""

    on: Annotated[Day, Field(description="The last day of its licence, like 2026-12-31")]
    keep_until: Annotated[Day, Field(description="The day until which its backups stay, like 2027-03-31")]


class MovedFrom(FileModel):
    """The agent that a machine had before: it goes once the new one has a good backup; its backups stay for a while."""

    agent: Annotated[AgentKind, Field(description="The agent before: restic or acronis")]
    keep_until: Annotated[Day, Field(description="The day until which the backups of that agent stay")]


class InternetLine(FileModel):
    """The line over which machines back up: it must be enough for their volume (contract, article 6)."""

    upload_bits_per_second: Annotated[
        Rate, Field(alias="upload", description="The rate at which it sends, like 20 Mbit/s, as its provider sells it")
    ]


class Machine(FileModel):
    """A workstation or server under licence."""

    kind: Annotated[MachineKind, Field(description="The licence that it uses: workstation or server")]
    os: Annotated[OperatingSystem, Field(description="The system: linux, windows or macos")]
    agent: Annotated[AgentKind, Field(description="The agent that backs it up: restic or acronis")]
    plan: Annotated[Text, Field(description="The name of one of the plans of this file")]
    connection: Annotated[Connection, Field(description="The way to reach it, like {via: ssh, host: …, user: …}")]
    retired: Annotated[
        Retirement | None, Field(description="Frees the licence and deletes the key at once; the backups stay")
    ] = None
    moved_from: Annotated[
        MovedFrom | None, Field(description="The agent that it had before, and until when the backups of that one stay")
    ] = None
    volume_bytes: Annotated[
        Size | None,
        Field(alias="volume", description="The volume that its first backup is expected to read, like 200 GiB"),
    ] = None
    line: Annotated[
        InternetLine | None, Field(description="Its own line, where it is not that of the other machines")
    ] = None

    @property
    def is_retired(self) -> bool:
        """Whether the file retires the machine, independent of today's date."""
        return self.retired is not None
