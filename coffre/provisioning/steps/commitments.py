"""The commitments of a tenant file, recorded on each change: quota, licences, options and states, and the delivery."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from coffre.operations.access.gate import GateState
from coffre.provisioning.enrolment.standing import EnrolmentStage, judge_stage
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Delivery, Deployed, Recorded
from coffre.provisioning.terms.found import Change, ChangeKind, Value
from coffre.records.facts.agents import Install
from coffre.records.facts.contract import (
    Commissioned,
    HoldChange,
    LicenceChange,
    OptionChange,
    QuotaChange,
    SuspensionChange,
)
from coffre.records.facts.fact import Fact
from coffre.spec.access import find_reason
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.estate.log import Log, fact_of
from coffre.tenant.holds import to_fact
from coffre.workspace.clock import utc_now

C = TypeVar("C", bound=Fact)
Commitment = QuotaChange | LicenceChange | OptionChange | SuspensionChange | HoldChange
"""One number or state of the contract."""

USUAL = (SuspensionChange(is_suspended=False), HoldChange(hold=None))
"""The values assumed for a tenant while nothing of that kind is recorded."""


_COMMITTED: Mapping[type, ChangeKind] = {
    QuotaChange: ChangeKind.QUOTA,
    LicenceChange: ChangeKind.LICENCES,
    OptionChange: ChangeKind.OPTIONS,
}


def look(at: Context) -> list[Change]:
    """Return the changes of the contract's values, as the records will have them."""
    changes = []
    for each in _settled_commitments(at):
        last, kind = find_last(at.opened.log, each), _COMMITTED.get(type(each))
        if kind is not None and last is not None and is_new(each, last):
            changes.append(Change(kind, (), _value(last), _value(each)))
    return changes


def do(at: Context, gate: GateState) -> Recorded:
    """Record each commitment that differs from its last record, with the amendments that the file names."""
    _record(at.opened.log, _settled_commitments(at))
    return Recorded()


def _settled_commitments(at: Context) -> list[Commitment]:
    """Return the commitments that this apply keeps: quota and licences are sums over all parts, also the unseen."""
    of_all = (QuotaChange, LicenceChange) if at.unseen else ()
    return [each for each in commitments(at.tenant) if not isinstance(each, of_all)]


def look_at_delivery(at: Context) -> list[Change]:
    """Return the delivery of the service, if it is still to come and agents are deployed."""
    # Without access: its agents are left unchanged.
    is_open = not at.intent.storage_only and find_reason(at.tenant) is None
    return [Change(ChangeKind.COMMISSION)] if is_open and not at.opened.log.has(Commissioned) else []


def deliver(at: Context, recorded: Recorded, deployed: Deployed) -> Delivery:
    """Record, once, that the service was delivered (contract, article 1c).

    Storage is up, and every machine is installed, or has its invitation where nobody can reach it.
    """
    log = at.opened.log
    known = log.last(Commissioned)
    if known is not None:
        return Delivery(known.at, is_new=False)
    machines = tuple(at.tenant.active_machines())
    if not all(log.has(Install, name) or _is_invited(log, name) for name in machines):
        return Delivery(None, is_new=False)
    return Delivery(log.append(Commissioned(machines)).at, is_new=True)


def _is_invited(log: Log, machine: str) -> bool:
    """Tell whether a machine's enrolment was handed over; one that was revoked was not."""
    return judge_stage(log, machine, utc_now()) not in (EnrolmentStage.NOT_INVITED, EnrolmentStage.REVOKED)


def commitments(tenant: Tenant) -> list[Commitment]:
    """Return the commitments of a tenant file, with the amendments that it names. Pure."""
    held = None if tenant.hold is None else to_fact(tenant.hold)
    amendments = tuple(amendment.reference for amendment in tenant.contract.amendments)
    return [
        QuotaChange(tenant.storage.quota_bytes, amendments),
        LicenceChange({kind.value: count for kind, count in sorted(tenant.licences.items())}, amendments),
        OptionChange(tuple(sorted(option.value for option in tenant.options)), amendments),
        SuspensionChange(tenant.status is TenantStatus.SUSPENDED, amendments),
        HoldChange(held, amendments),
    ]


def is_new(commitment: Commitment, last: Commitment | None) -> bool:
    """Tell whether a commitment differs from the last recorded one, regardless of the amendments. Pure."""
    bare = replace(commitment, amendments=())
    return bare not in USUAL if last is None else bare != replace(last, amendments=())


def find_last(log: Log, commitment: C) -> C | None:
    """Return the last record of the same kind of commitment."""
    return fact_of(log.last(type(commitment)))


def record_changes(log: Log, tenant: Tenant) -> None:
    """Record each commitment that differs from its last record, with the amendments that the file names."""
    _record(log, commitments(tenant))


def _record(log: Log, found: Iterable[Commitment]) -> None:
    for commitment in found:
        if is_new(commitment, find_last(log, commitment)):
            log.append(commitment)


def _value(commitment: Commitment) -> Value:
    match commitment:
        case QuotaChange():
            return commitment.quota_bytes
        case LicenceChange():
            return tuple(f"{name} {count}" for name, count in sorted(commitment.licences.items()))
        case OptionChange():
            return commitment.options
        case _:
            return None
