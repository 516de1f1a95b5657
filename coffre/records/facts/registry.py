"""The class of facts for each kind of event; only this module converts between details and facts."""

from collections.abc import Mapping
from typing import TypeVar

from coffre.errors import ExpectedError
from coffre.records import details
from coffre.records.events import Event, EventKind
from coffre.records.facts import (
    advice,
    agents,
    availability,
    backups,
    contract,
    departure,
    enrolment,
    inputs,
    mail,
    password_uses,
    retention,
    reviewed,
    supervision,
)
from coffre.records.facts.fact import Fact

F = TypeVar("F", bound=Fact)

FactClasses = type[F] | tuple[type[F], ...]
"""One class of facts, or several alternatives."""

FACTS: Mapping[EventKind, type[Fact]] = {
    EventKind.INSTALL: agents.Install,
    EventKind.UPDATE: agents.Update,
    EventKind.ORDERS: agents.OrdersIssued,
    EventKind.ORDERS_WRITTEN: agents.OrdersWritten,
    EventKind.REMOVAL: agents.Removal,
    EventKind.RETIREMENT: agents.MachineRetired,
    EventKind.QUOTA_CHANGE: contract.QuotaChange,
    EventKind.LICENCE_CHANGE: contract.LicenceChange,
    EventKind.OPTION_CHANGE: contract.OptionChange,
    EventKind.SUSPENSION_CHANGE: contract.SuspensionChange,
    EventKind.HOLD_CHANGE: contract.HoldChange,
    EventKind.COMMISSIONED: contract.Commissioned,
    EventKind.PASSWORD_USED: backups.PasswordUsed,
    EventKind.DRILL: backups.Drilled,
    EventKind.RESTORED: backups.Restored,
    EventKind.VERIFICATION: backups.VerificationRun,
    EventKind.VERIFICATION_ROUND: backups.VerificationRound,
    EventKind.COPY: backups.CopyRun,
    EventKind.GATE_CHANGE: contract.GateChange,
    EventKind.GATE_WORD: contract.GateWord,
    EventKind.OUT_OF_HOURS_APPLY: contract.OutOfHoursApply,
    EventKind.KEY_ROTATED: agents.KeyRotated,
    EventKind.UNDELETE: backups.Undeleted,
    EventKind.SNAPSHOT_SET_ASIDE: backups.SnapshotSetAside,
    EventKind.SNAPSHOT_BROUGHT_BACK: backups.SnapshotBroughtBack,
    EventKind.DEPARTURE: departure.DepartureStage,
    EventKind.DEPARTURE_STEP: departure.DepartureStep,
    EventKind.LETTER: departure.LetterPosted,
    EventKind.DISCLOSURE: contract.Disclosed,
    EventKind.HOLD_PLACED: contract.HoldPlaced,
    EventKind.HOLD_LIFTED: contract.HoldLifted,
    EventKind.SNAPSHOTS_RELEASED: backups.SnapshotsReleased,
    EventKind.NEW_REPOSITORY: backups.NewRepository,
    EventKind.MACHINE_REPLACED: agents.MachineReplaced,
    EventKind.RECORDS_TRIMMED: departure.RecordsTrimmed,
    EventKind.PATHS_ACCEPTED: agents.PathsAccepted,
    EventKind.SECOND_COPY_CHANGE: contract.SecondCopyChange,
    EventKind.RECORDS_BEGUN: departure.RecordsBegun,
    EventKind.REVIEWED_APPLY: reviewed.ReviewedApply,
    EventKind.INPUTS_APPLIED: inputs.InputsApplied,
    EventKind.ENROLMENT_INVITED: enrolment.EnrolmentInvited,
    EventKind.ENROLMENT_REVOKED: enrolment.EnrolmentRevoked,
    EventKind.ENROLMENT_MISUSED: enrolment.EnrolmentMisused,
    EventKind.CONFIGURATION_DELIVERED: enrolment.ConfigurationDelivered,
    EventKind.FINDING_OPENED: supervision.FindingOpened,
    EventKind.FINDING_CLOSED: supervision.FindingClosed,
    EventKind.FINDING_WORD: supervision.FindingWord,
    EventKind.PAUSE_DECLARED: supervision.PauseDeclared,
    EventKind.PAUSE_ENDED: supervision.PauseEnded,
    EventKind.RETENTION_FROZEN: supervision.RetentionFrozen,
    EventKind.RETENTION_RELEASED: supervision.RetentionReleased,
    EventKind.MESSAGE_SENT: mail.MessageSent,
    EventKind.PRUNING_BEGAN: retention.PruningBegan,
    EventKind.PRUNING_ENDED: retention.PruningEnded,
    EventKind.RETENTION_AGREED: retention.RetentionAgreed,
    EventKind.PRUNED: retention.Pruned,
    EventKind.PRUNE_REFUSED: retention.PruneRefused,
    EventKind.ADVICE_GIVEN: advice.AdviceGiven,
    EventKind.ADVICE_ENDED: advice.AdviceEnded,
    EventKind.PLATFORM_MAINTENANCE_DECLARED: availability.MaintenanceDeclared,
    EventKind.PLATFORM_MAINTENANCE_WITHDRAWN: availability.MaintenanceWithdrawn,
    EventKind.CHANGE_WINDOW_DECLARED: availability.ChangeWindowDeclared,
    EventKind.TIME_EXCLUDED: availability.TimeExcluded,
    EventKind.EXCLUSION_REVOKED: availability.ExclusionRevoked,
}
_UPGRADES: details.Upgrades = {
    backups.PasswordUsed: password_uses.upgrade,
    contract.HoldInFile: contract.upgrade_hold,
}
_KINDS = {fact: kind for kind, fact in FACTS.items()}


def kind_of(fact: type[Fact]) -> EventKind:
    """Return the kind of the events with such a fact."""
    return _KINDS[fact]


def write_fact(fact: Fact) -> dict[str, object]:
    """Return the details of an event for a fact."""
    return details.to_details(fact)


def read_fact(event: Event) -> Fact:
    """Return the fact of an event, also one that an earlier version wrote."""
    try:
        return details.from_details(FACTS[event.kind], event.details, _UPGRADES)
    except (KeyError, TypeError, ValueError) as unreadable:
        raise ExpectedError(
            f"event {event.id} of {event.slug}, of the kind {event.kind.value}, has unexpected details",
            "`coffre records verify` shows whether it was changed; if not, a newer Coffre wrote it.",
        ) from unreadable


def read_as(event: Event, kinds: FactClasses[F]) -> F:
    """Return the fact of an event, of one of these classes; TypeError for any other class."""
    fact = read_fact(event)
    if not isinstance(fact, kinds):
        raise TypeError(f"an event of the kind {event.kind.value} is not one of {kinds}")
    return fact
