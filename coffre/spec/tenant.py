"""The content of a tenant file, version 1."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, PrivateAttr

from coffre.spec.leaving import Leaving
from coffre.spec.machine import (
    AgentKind,
    Connection,
    InternetLine,
    Machine,
    MachineKind,
    PullConnection,
    Retirement,
    SshConnection,
    WinrmConnection,
)
from coffre.spec.plan import Keep, OperatingSystem, Plan
from coffre.spec.values.fields import (
    Count,
    Day,
    Email,
    FileModel,
    Flag,
    Label,
    Name,
    Phone,
    Siren,
    Size,
    TenantId,
    Text,
    Timezone,
    Version,
)
from coffre.spec.values.schedule import Schedule, Weekday
from coffre.spec.values.timezones import DEFAULT_TIMEZONE

__all__ = [
    "AgentKind",
    "Amendment",
    "Connection",
    "Contact",
    "Contract",
    "CopiedTenant",
    "Hold",
    "HoldKind",
    "Keep",
    "Machine",
    "MachineKind",
    "OperatingSystem",
    "Option",
    "Plan",
    "PullConnection",
    "Retirement",
    "Schedule",
    "SecondCopy",
    "SshConnection",
    "StoragePart",
    "Tenant",
    "TenantDrills",
    "TenantStatus",
    "TenantStorage",
    "VendorTerms",
    "Weekday",
    "WinrmConnection",
]


class TenantStatus(StrEnum):
    """The state of a tenant."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"
    CLOSED = "closed"


class Option(StrEnum):
    """The options that a customer can order (contract, article 16)."""

    FILE_BACKUP = "file_backup"
    DATABASE_BACKUP = "database_backup"
    MALWARE_TREATMENT = "malware_treatment"
    RESTORE = "restore"
    RESTORE_TESTS = "restore_tests"
    END_USER_SUPPORT = "end_user_support"


class HoldKind(StrEnum):
    """The kind of a hold: nothing is deleted, or also nobody reads or writes."""

    PRESERVE = "preserve"
    BLOCK_ACCESS = "block_access"


class Hold(FileModel):
    """A judicial or contractual freeze (contract, article 12): while it is active, nothing of the tenant is deleted."""

    reference: Annotated[Label, Field(description="The order or letter that asks for it")]
    since: Annotated[Day, Field(description="Its first day, like 2027-01-15")]
    kind: Annotated[HoldKind, Field(description="preserve: nothing is deleted; block_access: nobody reads or writes")]

    @property
    def is_confidential(self) -> bool:
        """Whether a confidential hold of the records counts too; a tenant file has none."""
        return False


class Amendment(FileModel):
    """A change of the contract that both parties signed."""

    reference: Annotated[Label, Field(description="The number of the amendment, as on paper")]
    signed_on: Annotated[Day, Field(description="The day of the last signature, like 2027-02-01")]


class VendorTerms(FileModel):
    """What the licences of a vendor's agent rest on (contract, articles 1a and 13)."""

    order: Annotated[Label, Field(description="The number of the distributor's order of the licences")]
    terms_accepted_on: Annotated[Day, Field(description="The day on which the customer accepted the editor's terms")]


class Contract(FileModel):
    """The order form that the file describes."""

    reference: Annotated[Label, Field(description="The number of the order form")]
    signed_on: Annotated[Day, Field(description="The day of the last signature, like 2026-11-02")]
    in_service_on: Annotated[
        Day, Field(description="The planned first day of service, like 2026-12-01; the real one is recorded")
    ]
    ends_on: Annotated[Day | None, Field(description="The last day of the contract, when it has one")] = None
    siren: Annotated[Siren | None, Field(description="The customer's SIREN, 9 digits in quotes")] = None
    registration: Annotated[
        Label | None, Field(description="The registration of a customer outside France, instead of siren")
    ] = None
    distributor: Annotated[Label | None, Field(description="The company that sold the contract, if not SMILÉO")] = None
    vendor: Annotated[
        VendorTerms | None, Field(description="The order and the terms of a vendor's agent, where a machine has one")
    ] = None
    amendments: list[Amendment] = Field(default_factory=list, description="The signed changes, oldest first")


class Contact(FileModel):
    """The named contact of article 6."""

    name: Annotated[Label, Field(description="The name of the person who speaks for the customer")]
    email: Annotated[Email, Field(description="Their e-mail address")]
    phone: Annotated[Phone, Field(description='Their phone number in quotes, like "+33 4 76 00 00 00"')]
    quota_mails: Annotated[
        Flag, Field(description="Whether mails tell this person that the quota is nearly or fully used (article 8)")
    ] = True


class SecondCopy(FileModel):
    """A second copy of every backup on another platform, made by SMILÉO's side."""

    platform: Annotated[Text, Field(description="The name of another platform of platform.yaml")]
    bandwidth_bytes: Annotated[
        Size,
        Field(
            alias="bandwidth_per_second",
            ge=64 * 1024,
            description="The most that a run of `coffre copy` reads per second, like 20 MiB",
        ),
    ] = 20 * 1024**2


class StoragePart(FileModel):
    """The part of the space on one platform, where machines' agents back up to several."""

    quota_bytes: Annotated[Size, Field(alias="quota", description="The part of the quota, like 100 Go")]
    licences: Annotated[
        dict[MachineKind, Annotated[Count, Field(ge=0, le=100_000)]] | None,
        Field(description="The licences ordered from a vendor for this part, like {workstation: 4}"),
    ] = None


class TenantStorage(FileModel):
    """The storage space of the tenant, for all its machines together."""

    platform: Annotated[Text, Field(description="The name of one of the platforms of platform.yaml")]
    quota_bytes: Annotated[
        Size,
        Field(
            alias="quota",
            description="The storage sold for the whole tenant, like 200 GiB (binary) or 200 Go (decimal)",
        ),
    ]
    undelete_days: Annotated[
        Count,
        Field(
            ge=7, le=90, description="The days for which deleted or overwritten objects can be brought back, 7 to 90"
        ),
    ] = 14
    second_copy: Annotated[
        SecondCopy | None,
        Field(alias="copy", description="A second copy of every backup on another platform"),
    ] = None
    parts: dict[Text, StoragePart] = Field(
        default_factory=dict,
        description="The parts of the quota by platform, where machines have agents of several kinds",
    )

    @property
    def own_quota_bytes(self) -> int:
        """The quota on its own platform: the whole one, or that of its part."""
        own = self.parts.get(self.platform)
        return self.quota_bytes if own is None else own.quota_bytes


class TenantDrills(FileModel):
    """The restore tests that the customer ordered (option restore_tests)."""

    interval_days: Annotated[Count, Field(ge=1, le=366, description="The days between two drills of a machine")]


class Tenant(FileModel):
    """A customer of SMILÉO: its contract, its storage, its plans and its machines."""

    is_copy: ClassVar[bool] = False
    """Whether its storage is that of its second copy, with names of its own."""
    is_part: ClassVar[bool] = False
    """Whether it is what a platform beside its own one has of it (`coffre.spec.parts`)."""

    slug: Name
    version: Annotated[Version, Field(description="The version of this format, 1")]
    id: Annotated[TenantId, Field(description="The id that `coffre new` generated for this tenant, for ever")]
    name: Annotated[Label, Field(description="The customer's legal name")]
    contract: Annotated[Contract, Field(description="The order form that this file describes")]
    contact: Annotated[Contact, Field(description="The one named contact of article 6")]
    timezone: Annotated[Timezone, Field(description="The IANA time zone of the schedules, like Europe/Paris")] = (
        DEFAULT_TIMEZONE
    )
    status: Annotated[TenantStatus, Field(description="The state of the tenant")] = TenantStatus.ACTIVE
    hold: Annotated[
        Hold | None, Field(description="A judicial or contractual freeze: while it is active, nothing is deleted")
    ] = None
    leaving: Annotated[
        Leaving | None, Field(description="The end of the contract: who asked, when, and the choice for the data")
    ] = None
    storage: Annotated[TenantStorage, Field(description="The storage space, one for all machines together")]
    licences: Annotated[
        dict[MachineKind, Annotated[Count, Field(ge=0, le=100_000)]],
        Field(description="The licences sold by kind of machine, like {workstation: 12, server: 1}"),
    ]
    closed_days: list[Day] = Field(
        default_factory=list,
        description="Days on which the customer is closed, besides the public holidays of France: a workstation is off",
    )
    line: Annotated[
        InternetLine | None, Field(description="The line of the machines, like {upload: 20 Mbit/s} (article 6)")
    ] = None
    options: list[Option] = Field(default_factory=list, description="The options ordered (article 16)")
    drills: Annotated[
        TenantDrills | None,
        Field(description="Another rhythm of restore tests than the house's, with the option restore_tests"),
    ] = None
    plans: Annotated[dict[Name, Plan], Field(description="The backup plans by name")]
    machines: Annotated[dict[Name, Machine], Field(description="The machines by name")]
    _frozen: frozenset[str] = PrivateAttr(default=frozenset())
    _arriving: dict[str, Machine] = PrivateAttr(default_factory=dict)

    @property
    def frozen_machines(self) -> frozenset[str]:
        """The machines whose retention is frozen, by the records; a tenant file has none."""
        return self._frozen

    def with_frozen(self, machines: Collection[str]) -> Self:
        """Return the tenant with the retention of these machines frozen."""
        found = self.model_copy()
        found._frozen = frozenset(machines)
        return found

    @property
    def arriving(self) -> dict[str, Machine]:
        """The machines that move, with the agent that arrives: the one before still backs them up, by the records.

        In ``machines`` they have the one before. A tenant file has none.
        """
        return self._arriving

    def with_arriving(self, before: Mapping[str, Machine]) -> Self:
        """Return the tenant with these machines as they were ``before`` they move: their new agents arrive."""
        found = self.model_copy(update={"machines": {**self.machines, **before}})
        found._arriving = {name: self.machines[name] for name in before}
        return found

    def as_arrived(self) -> Self:
        """Return the tenant with every machine as its file has it."""
        found = self.model_copy(update={"machines": {**self.machines, **self._arriving}})
        found._arriving = {}
        return found

    def keeps_all(self, machine: str) -> bool:
        """Tell whether nothing of a machine's backups may expire: under a hold, and while its retention is frozen."""
        return self.hold is not None or machine in self._frozen

    def copied(self) -> "CopiedTenant | None":
        """Return the tenant as the platform of its second copy has it; None without a copy."""
        wanted = self.storage.second_copy
        if wanted is None:
            return None
        own = {"quota_bytes": self.storage.own_quota_bytes, "parts": {}}
        there = self.storage.model_copy(update={"platform": wanted.platform, "second_copy": None, **own})
        fields = {name: getattr(self, name) for name in Tenant.model_fields}
        return CopiedTenant.model_construct(**{**fields, "storage": there}).with_frozen(self._frozen)

    @property
    def second_platform(self) -> str | None:
        """The platform of its second copy; None without one."""
        wanted = self.storage.second_copy
        return None if wanted is None else wanted.platform

    @property
    def copied_to(self) -> str | None:
        """The platform of the second copy, for the tenant as that platform has it; None on the tenant's own."""
        return self.storage.platform if self.is_copy else None

    def active_machines(self) -> dict[str, Machine]:
        """Return the machines that are not retired."""
        return {name: machine for name, machine in self.machines.items() if machine.retired is None}


class CopiedTenant(Tenant):
    """A tenant on the platform of its second copy: the same machines, and an owner and buckets with other names."""

    is_copy: ClassVar[bool] = True

    def active_machines(self) -> dict[str, Machine]:
        """Return none: no machine writes to a copy, or has a user there."""
        return {}
