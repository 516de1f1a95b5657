"""What a tenant file commits to, as of the last apply: quota, licences, options and states, recorded on each change."""

from dataclasses import replace
from typing import TypeVar

from coffre.records.facts.contract import (
    HoldChange,
    HoldInFile,
    LicenceChange,
    OptionChange,
    QuotaChange,
    SuspensionChange,
)
from coffre.records.facts.fact import Fact
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.log import Log, fact_of

C = TypeVar("C", bound=Fact)
Commitment = QuotaChange | LicenceChange | OptionChange | SuspensionChange | HoldChange
"""One figure or state of the contract."""

USUAL = (SuspensionChange(is_suspended=False), HoldChange(hold=None))
"""What a tenant is taken for as long as nothing of that kind is recorded."""


def commitments(tenant: Tenant) -> list[Commitment]:
    """Return what a tenant file commits to, with the amendments that it names. Pure."""
    held = None if tenant.hold is None else HoldInFile(tenant.hold.reference, tenant.hold.since, tenant.hold.kind)
    amendments = tuple(amendment.reference for amendment in tenant.contract.amendments)
    return [
        QuotaChange(tenant.storage.quota_bytes, amendments),
        LicenceChange({kind.value: count for kind, count in sorted(tenant.licences.items())}, amendments),
        OptionChange(tuple(sorted(option.value for option in tenant.options)), amendments),
        SuspensionChange(tenant.status is TenantStatus.SUSPENDED, amendments),
        HoldChange(held, amendments),
    ]


def is_new(commitment: Commitment, last: Commitment | None) -> bool:
    """Tell whether a commitment differs from the last one recorded, whatever amendments each names. Pure."""
    bare = replace(commitment, amendments=())
    return bare not in USUAL if last is None else bare != replace(last, amendments=())


def find_last(log: Log, commitment: C) -> C | None:
    """Return what was recorded last of that which a commitment is about."""
    return fact_of(log.last(type(commitment)))


def record_changes(log: Log, tenant: Tenant) -> None:
    """Record each commitment that differs from the last record of it, with the amendments that the file names."""
    for commitment in commitments(tenant):
        if is_new(commitment, find_last(log, commitment)):
            log.append(commitment)
