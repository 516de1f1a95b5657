"""The records kept after the end, with reason and period: journal, certificate, billing facts, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.events import EventKind
from coffre.records.facts.departure import RecordsTrimmed
from coffre.spec.platform import Offboarding
from coffre.tenant.estate.log import TenantLog

YEARS_OF_ACCOUNTS = 10
"""Accounting documents (code de commerce, article L123-22), counted from the end of the financial year."""


class RetentionReason(StrEnum):
    """The reason to keep records; `offboarding.french` has the words for customers."""

    JOURNAL = "journal"
    AUTHORITIES = "authorities"
    BILLING = "billing"
    ADVICE = "advice"
    OPERATIONS = "operations"


@dataclass(frozen=True)
class KeptRecords:
    """Kept records: ``reason`` in English, for engineers; ``why`` is the typed reason for all other uses."""

    why: RetentionReason
    reason: str


_KEPT: Mapping[RetentionReason, KeptRecords] = {
    RetentionReason.JOURNAL: KeptRecords(
        RetentionReason.JOURNAL, "proof of how the contract ended (GDPR, articles 5(2) and 28(3)(h))"
    ),
    RetentionReason.AUTHORITIES: KeptRecords(
        RetentionReason.AUTHORITIES, "proof of what authorities ordered (contract, article 12)"
    ),
    RetentionReason.BILLING: KeptRecords(
        RetentionReason.BILLING, "what invoices are made of (code de commerce, article L123-22)"
    ),
    RetentionReason.ADVICE: KeptRecords(
        RetentionReason.ADVICE,
        "proof of advice and warnings (contract, articles 8 and 9a; code civil, 2224)",
    ),
}

_REASONS: Mapping[EventKind, RetentionReason | None] = {
    EventKind.DEPARTURE: RetentionReason.JOURNAL,
    EventKind.DEPARTURE_STEP: RetentionReason.JOURNAL,
    EventKind.LETTER: RetentionReason.JOURNAL,
    EventKind.RECORDS_TRIMMED: RetentionReason.JOURNAL,
    EventKind.RECORDS_BEGUN: RetentionReason.JOURNAL,
    EventKind.SNAPSHOT_SET_ASIDE: RetentionReason.JOURNAL,
    EventKind.SNAPSHOT_BROUGHT_BACK: RetentionReason.JOURNAL,
    EventKind.DISCLOSURE: RetentionReason.AUTHORITIES,
    EventKind.HOLD_CHANGE: RetentionReason.AUTHORITIES,
    EventKind.HOLD_PLACED: RetentionReason.AUTHORITIES,
    EventKind.HOLD_LIFTED: RetentionReason.AUTHORITIES,
    EventKind.COMMISSIONED: RetentionReason.BILLING,
    EventKind.INSTALL: RetentionReason.BILLING,
    EventKind.REMOVAL: RetentionReason.BILLING,
    EventKind.RETIREMENT: RetentionReason.BILLING,
    EventKind.QUOTA_CHANGE: RetentionReason.BILLING,
    EventKind.LICENCE_CHANGE: RetentionReason.BILLING,
    EventKind.OPTION_CHANGE: RetentionReason.BILLING,
    EventKind.SUSPENSION_CHANGE: RetentionReason.BILLING,
    EventKind.SECOND_COPY_CHANGE: RetentionReason.BILLING,
    EventKind.OUT_OF_HOURS_APPLY: RetentionReason.BILLING,
    EventKind.REVIEWED_APPLY: RetentionReason.BILLING,
    EventKind.UPDATE: None,
    EventKind.ORDERS: None,
    EventKind.ORDERS_WRITTEN: None,
    EventKind.PASSWORD_USED: None,
    EventKind.DRILL: None,
    EventKind.RESTORED: None,
    EventKind.GATE_WORD: None,
    EventKind.VERIFICATION: None,
    EventKind.VERIFICATION_ROUND: None,
    EventKind.COPY: None,
    EventKind.GATE_CHANGE: None,
    EventKind.KEY_ROTATED: None,
    EventKind.UNDELETE: None,
    EventKind.SNAPSHOTS_RELEASED: None,
    EventKind.PATHS_ACCEPTED: None,
    EventKind.NEW_REPOSITORY: None,
    EventKind.MACHINE_REPLACED: None,
    EventKind.INPUTS_APPLIED: None,
    EventKind.ENROLMENT_INVITED: None,
    EventKind.ENROLMENT_REVOKED: None,
    EventKind.ENROLMENT_MISUSED: None,
    EventKind.CONFIGURATION_DELIVERED: None,
    EventKind.FINDING_OPENED: None,
    EventKind.FINDING_CLOSED: None,
    EventKind.FINDING_WORD: None,
    EventKind.PAUSE_DECLARED: None,
    EventKind.PAUSE_ENDED: None,
    EventKind.RETENTION_FROZEN: None,
    EventKind.RETENTION_RELEASED: None,
    EventKind.PRUNING_BEGAN: None,
    EventKind.PRUNING_ENDED: None,
    EventKind.RETENTION_AGREED: None,
    EventKind.PRUNED: None,
    EventKind.PRUNE_REFUSED: None,
    EventKind.MESSAGE_SENT: RetentionReason.ADVICE,
    EventKind.ADVICE_GIVEN: RetentionReason.ADVICE,
    EventKind.ADVICE_ENDED: RetentionReason.ADVICE,
    EventKind.PLATFORM_MAINTENANCE_DECLARED: None,
    EventKind.PLATFORM_MAINTENANCE_WITHDRAWN: None,
    EventKind.CHANGE_WINDOW_DECLARED: None,
    EventKind.TIME_EXCLUDED: None,
    EventKind.EXCLUSION_REVOKED: None,
}
"""All kinds, so that a new one needs a decision; None means deletion at the end."""


def judge_kinds() -> dict[EventKind, KeptRecords]:
    """Return the kinds of events that stay after the end, with the reason; all others are deleted. Pure."""
    return {kind: _KEPT[reason] for kind, reason in _REASONS.items() if reason is not None}


def trimmable_kinds() -> frozenset[EventKind]:
    """Return the kinds of events that are deleted at the end. Pure."""
    return frozenset(kind for kind, reason in _REASONS.items() if reason is None)


def kept_until(reason: RetentionReason, closed_on: date, settings: Offboarding) -> date:
    """Return the last day on which records are kept. Pure.

    Accounting periods count from the end of the calendar year, which is assumed to be the provider's financial year.
    """
    if reason is RetentionReason.BILLING:
        return date(closed_on.year + YEARS_OF_ACCOUNTS, 12, 31)
    year = closed_on.year + settings.certificate_kept_years
    try:
        return closed_on.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def trim_records(log: TenantLog, journal: Journal) -> Mapping[EventKind, int]:
    """Delete a tenant's records that are not kept, and record the number of each kind. May run twice.

    Returns the numbers deleted now. The procedure decides when this is allowed: at the end of a verified erasure.
    """
    return log.trim(RecordsTrimmed(journal.today), trimmable_kinds())
