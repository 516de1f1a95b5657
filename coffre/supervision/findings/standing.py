"""What a finding means in the contract: whose it is, how severe, what follows, and what to do next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from coffre.agents.report_paths import PathState
from coffre.findings import Finding, FindingKind


class Attribution(StrEnum):
    """To whom a finding is attributable."""

    SMILEO = "smileo"
    CUSTOMER = "customer"
    VENDOR = "vendor"
    """The operator of the platform, or the editor of the agent."""
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """The contract's severity of an incident (article 1b); only what is attributable to SMILÉO has one."""

    CRITICAL = "critical"
    """Blocks all use of the service."""
    MAJOR = "major"
    """Restricts its use."""
    MINOR = "minor"


class Consequence(StrEnum):
    """What follows from a finding in the contract."""

    NONE = "none"
    BACKUPS_STOP = "backups_stop"
    """At the quota backups no longer run (articles 2 and 8)."""
    BACKUPS_WILL_STOP = "backups_will_stop"
    """They will, unless the customer orders more or deletes (articles 8 and 9)."""
    PART_WILL_STOP = "part_will_stop"
    """The machines of one part of the space will no longer back up; the sold quota is not reached (article 2)."""
    NO_RECENT_BACKUP = "no_recent_backup"
    """What changed since the last backup would be lost (article 15: no maximum loss is promised)."""
    RESTORE_MAY_FAIL = "restore_may_fail"
    """A backup may not be restorable (article 15)."""
    DELETED_BACKUP = "deleted_backup"
    """A deleted backup is lost once `undelete_days` are over (article 15)."""
    FOREIGN_ACCESS = "foreign_access"
    """Somebody else may have read, changed or destroyed data (article 12)."""
    UNSUPERVISED = "unsupervised"
    """SMILÉO does not supervise, which is its duty (article 16)."""
    OPTION_OWED = "option_owed"
    """An option that the customer ordered is not carried out in time (article 16)."""
    SERVICE_LEVEL = "service_level"
    """The time counts for the availability of 99.7 % a year (article 15)."""


class NextAction(StrEnum):
    """What an operator does next."""

    WAIT = "wait"
    CALL_CUSTOMER = "call_customer"
    CALL_CUSTOMER_NOW = "call_customer_now"
    """Call, take the machine off the network, look at the signs; then `coffre brake release`."""
    ASK_AUTHOR = "ask_author"
    """Ask who applied it whether it was meant."""
    PROPOSE_AMENDMENT = "propose_amendment"
    LOOK_AT_MACHINE = "look_at_machine"
    RUN_APPLY = "run_apply"
    RUN_VERIFY = "run_verify"
    RUN_DRILL = "run_drill"
    RUN_PRUNE = "run_prune"
    RUN_COPY = "run_copy"
    UNDELETE = "undelete"
    FIND_WRITER = "find_writer"
    """Find out who writes there, and rotate the machine's key."""
    UPDATE_COFFRE = "update_coffre"
    """Use the newer version of Coffre on this computer too."""
    FIND_OWNER = "find_owner"
    """Find out whose data it is, and declare it or have it deleted."""
    RETIRE_OR_ROTATE = "retire_or_rotate"
    """Retire the machine whose key nobody uses, or rotate the key."""
    FIND_COPY = "find_copy"
    """Find out whether the machine was replaced or copied."""
    VERIFY_RECORDS = "verify_records"
    CALL_HOST = "call_host"
    """Call the operator of the platform."""
    REPAIR_CHANNEL = "repair_channel"
    """Find out why a channel or the mail server takes nothing."""
    RUN_PROBES = "run_probes"
    """Start `coffre probe` again."""
    MOVE_QUOTA = "move_quota"
    """Divide the sold quota differently among its parts, in the tenant file: no amendment is needed."""
    ORDER_LICENCES = "order_licences"
    """Order the licences that are missing, or retire machines."""
    CALL_DISTRIBUTOR = "call_distributor"
    """Call the distributor by whom the vendor's licences came, with the number of the order."""
    CALL_EDITOR = "call_editor"
    """Call the editor of the agent."""
    LOOK_IN_PORTAL = "look_in_portal"
    """Look in the vendor's portal."""


@dataclass(frozen=True)
class Standing:
    """What a finding means in the contract."""

    attribution: Attribution
    severity: Severity | None
    consequence: Consequence
    action: NextAction


_OURS, _THEIRS, _VENDORS, _OPEN = Attribution.SMILEO, Attribution.CUSTOMER, Attribution.VENDOR, Attribution.UNKNOWN


def _ours(severity: Severity, consequence: Consequence, action: NextAction) -> Standing:
    return Standing(_OURS, severity, consequence, action)


_WRITER = Standing(_OPEN, None, Consequence.FOREIGN_ACCESS, NextAction.FIND_WRITER)
_LOST = Standing(_OPEN, None, Consequence.DELETED_BACKUP, NextAction.UNDELETE)
_UNSEEN = _ours(Severity.MAJOR, Consequence.UNSUPERVISED, NextAction.RUN_APPLY)

STANDINGS: Mapping[FindingKind, Standing] = {
    FindingKind.REPORT_SET_ASIDE: _WRITER,
    FindingKind.REPORTS_FLOODED: _WRITER,
    FindingKind.FOREIGN_KEYS: _WRITER,
    FindingKind.APPLIED_SET_ASIDE: _WRITER,
    FindingKind.ORDERS_SET_ASIDE: Standing(_OPEN, None, Consequence.FOREIGN_ACCESS, NextAction.CALL_HOST),
    FindingKind.ORDERS_OUTDATED: Standing(_VENDORS, None, Consequence.FOREIGN_ACCESS, NextAction.CALL_HOST),
    FindingKind.ORDERS_NOT_TAKEN: _ours(Severity.MINOR, Consequence.NONE, NextAction.RUN_APPLY),
    FindingKind.CLOCK_OFF: Standing(_THEIRS, None, Consequence.NO_RECENT_BACKUP, NextAction.CALL_CUSTOMER),
    FindingKind.VERSION_BEHIND: _ours(Severity.MINOR, Consequence.NONE, NextAction.RUN_APPLY),
    FindingKind.REPOSITORY_DAMAGED: _ours(Severity.MAJOR, Consequence.RESTORE_MAY_FAIL, NextAction.UNDELETE),
    FindingKind.VERIFICATION_LATE: _ours(Severity.MINOR, Consequence.UNSUPERVISED, NextAction.RUN_VERIFY),
    FindingKind.DRILL_OVERDUE: _ours(Severity.MINOR, Consequence.OPTION_OWED, NextAction.RUN_DRILL),
    FindingKind.DRILL_FAILED: Standing(_OPEN, None, Consequence.RESTORE_MAY_FAIL, NextAction.RUN_VERIFY),
    FindingKind.FILLS_STORAGE: _WRITER,
    FindingKind.WALL_REACHED: _ours(Severity.CRITICAL, Consequence.BACKUPS_STOP, NextAction.FIND_WRITER),
    FindingKind.SIZES_DISAGREE: Standing(_VENDORS, None, Consequence.UNSUPERVISED, NextAction.CALL_HOST),
    FindingKind.GATE_SET_ASIDE: _WRITER,
    FindingKind.SNAPSHOT_TIME: Standing(_VENDORS, None, Consequence.NONE, NextAction.CALL_HOST),
    FindingKind.REPOSITORY_GONE: _LOST,
    FindingKind.SNAPSHOTS_GONE: _LOST,
    FindingKind.PACKS_GONE: _LOST,
    FindingKind.REPORTS_GONE: Standing(_OPEN, None, Consequence.FOREIGN_ACCESS, NextAction.CALL_HOST),
    FindingKind.REPORTS_MISSING: Standing(_OPEN, None, Consequence.FOREIGN_ACCESS, NextAction.CALL_HOST),
    FindingKind.REPORT_REPLAYED: Standing(_OPEN, None, Consequence.FOREIGN_ACCESS, NextAction.CALL_HOST),
    FindingKind.MEMORY_CHANGED: _ours(Severity.MAJOR, Consequence.FOREIGN_ACCESS, NextAction.VERIFY_RECORDS),
    FindingKind.REPORT_KEY_LACKING: _UNSEEN,
    FindingKind.OTHER_MACHINE: Standing(_THEIRS, None, Consequence.NO_RECENT_BACKUP, NextAction.FIND_COPY),
    FindingKind.PATH_NOT_SAVED: Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.CALL_CUSTOMER),
    FindingKind.PATHS_NOT_SAVED: Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.CALL_CUSTOMER),
    FindingKind.SIZE_JUMPED: Standing(_OPEN, None, Consequence.NONE, NextAction.CALL_CUSTOMER),
    FindingKind.SNAPSHOT_NOT_WHOLE: Standing(_OPEN, None, Consequence.RESTORE_MAY_FAIL, NextAction.UNDELETE),
    FindingKind.COPY_LATE: _ours(Severity.MINOR, Consequence.NONE, NextAction.RUN_COPY),
    FindingKind.COPY_FAULTS: _ours(Severity.MINOR, Consequence.RESTORE_MAY_FAIL, NextAction.RUN_VERIFY),
    FindingKind.COPY_GONE: _ours(Severity.MAJOR, Consequence.DELETED_BACKUP, NextAction.RUN_APPLY),
    FindingKind.COPY_NOT_SEEN: _ours(Severity.MINOR, Consequence.UNSUPERVISED, NextAction.CALL_HOST),
    FindingKind.QUOTA_NEAR: Standing(_THEIRS, None, Consequence.BACKUPS_WILL_STOP, NextAction.PROPOSE_AMENDMENT),
    FindingKind.QUOTA_REACHED: Standing(_THEIRS, None, Consequence.BACKUPS_STOP, NextAction.PROPOSE_AMENDMENT),
    FindingKind.BACKUP_LATE: Standing(_THEIRS, None, Consequence.NO_RECENT_BACKUP, NextAction.WAIT),
    FindingKind.BACKUP_MISSED: Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.CALL_CUSTOMER),
    FindingKind.BACKUP_FAILED: Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.LOOK_AT_MACHINE),
    FindingKind.WITNESSES_DISAGREE: Standing(_OPEN, None, Consequence.RESTORE_MAY_FAIL, NextAction.LOOK_AT_MACHINE),
    FindingKind.SNAPSHOTS_MISDATED: _WRITER,
    FindingKind.RETENTION_TOO_MUCH: _ours(Severity.MINOR, Consequence.NONE, NextAction.RUN_PRUNE),
    FindingKind.RETENTION_LATE: _ours(Severity.MINOR, Consequence.NONE, NextAction.RUN_PRUNE),
    FindingKind.RETENTION_FREES_NOTHING: _ours(Severity.MINOR, Consequence.BACKUPS_WILL_STOP, NextAction.RUN_PRUNE),
    FindingKind.NOT_KNOWN: _UNSEEN,
    FindingKind.TENANT_NOT_SEEN: _ours(Severity.MAJOR, Consequence.UNSUPERVISED, NextAction.CALL_HOST),
    FindingKind.MACHINE_NOT_DEPLOYED: _ours(Severity.MINOR, Consequence.NO_RECENT_BACKUP, NextAction.RUN_APPLY),
    FindingKind.BUCKET_NOT_DECLARED: Standing(_OPEN, None, Consequence.NONE, NextAction.FIND_OWNER),
    FindingKind.USER_NOT_DECLARED: _ours(Severity.MINOR, Consequence.NONE, NextAction.FIND_OWNER),
    FindingKind.STACK_GONE: _ours(Severity.MINOR, Consequence.NONE, NextAction.RUN_APPLY),
    FindingKind.USERS_GONE: _ours(Severity.MAJOR, Consequence.NO_RECENT_BACKUP, NextAction.RUN_APPLY),
    FindingKind.KEY_UNKNOWN: _ours(Severity.MAJOR, Consequence.FOREIGN_ACCESS, NextAction.RUN_APPLY),
    FindingKind.KEY_UNUSED: _ours(Severity.MINOR, Consequence.NONE, NextAction.RETIRE_OR_ROTATE),
    FindingKind.PART_NOT_SEEN: _ours(Severity.MAJOR, Consequence.UNSUPERVISED, NextAction.CALL_HOST),
    FindingKind.PART_FULL: _ours(Severity.MAJOR, Consequence.PART_WILL_STOP, NextAction.MOVE_QUOTA),
    FindingKind.USE_NOT_TOLD: Standing(_VENDORS, None, Consequence.UNSUPERVISED, NextAction.CALL_EDITOR),
    FindingKind.VENDOR_ALERT: Standing(_OPEN, None, Consequence.NONE, NextAction.LOOK_IN_PORTAL),
    FindingKind.AGENT_OFFLINE: Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.LOOK_AT_MACHINE),
    FindingKind.AGENT_GONE: Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.RUN_APPLY),
    FindingKind.AGENT_NOT_DECLARED: Standing(_OPEN, None, Consequence.NONE, NextAction.FIND_OWNER),
    FindingKind.PLAN_MISSING: Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.RUN_APPLY),
    FindingKind.LICENCES_NOT_GRANTED: Standing(_VENDORS, None, Consequence.NONE, NextAction.CALL_DISTRIBUTOR),
    FindingKind.LICENCES_NOT_ORDERED: _ours(Severity.MINOR, Consequence.NONE, NextAction.ORDER_LICENCES),
    FindingKind.PLATFORM_AWAY: _ours(Severity.CRITICAL, Consequence.SERVICE_LEVEL, NextAction.CALL_HOST),
    FindingKind.CUSTOMER_NOT_TOLD: _ours(Severity.MINOR, Consequence.UNSUPERVISED, NextAction.CALL_CUSTOMER),
    FindingKind.CHANNEL_FAILING: _ours(Severity.MAJOR, Consequence.UNSUPERVISED, NextAction.REPAIR_CHANNEL),
    FindingKind.SUSPECTED_ATTACK: Standing(_THEIRS, None, Consequence.FOREIGN_ACCESS, NextAction.CALL_CUSTOMER_NOW),
    FindingKind.SETTINGS_WEAKENED: Standing(_OPEN, None, Consequence.NONE, NextAction.ASK_AUTHOR),
    FindingKind.PLATFORM_IN_MAINTENANCE: Standing(_VENDORS, None, Consequence.NONE, NextAction.WAIT),
    FindingKind.PROBES_MISSING: _ours(Severity.MINOR, Consequence.UNSUPERVISED, NextAction.RUN_PROBES),
    FindingKind.PROBE_CANNOT_LOOK: _ours(Severity.MINOR, Consequence.UNSUPERVISED, NextAction.RUN_PROBES),
    FindingKind.AVAILABILITY_SPENT: _ours(Severity.MAJOR, Consequence.SERVICE_LEVEL, NextAction.CALL_HOST),
    FindingKind.OF_NEWER_VERSION: Standing(_OPEN, None, Consequence.UNSUPERVISED, NextAction.UPDATE_COFFRE),
    FindingKind.NOT_SEEN: _ours(Severity.MAJOR, Consequence.UNSUPERVISED, NextAction.CALL_HOST),
}
"""Every kind; a test holds this complete."""

_OF_CUSTOMERS_PATHS = frozenset({PathState.MISSING, PathState.EMPTY, PathState.SHRUNK, PathState.UNMOUNTED})
_OF_PLANS = frozenset({PathState.EXCLUDED})


def find_standing(finding: Finding) -> Standing:
    """Return what a finding means; for a path of a plan its state says whose it is, for a drill what it found."""
    standing = STANDINGS[finding.kind]
    if finding.kind is FindingKind.DRILL_FAILED and not (finding.evidence["problems"] or finding.evidence["losses"]):
        # Every file came back: only paths of the plan gave none.
        return Standing(_OPEN, None, Consequence.NO_RECENT_BACKUP, NextAction.CALL_CUSTOMER)
    state = finding.evidence.get("state")
    if finding.kind is not FindingKind.PATH_NOT_SAVED:
        return standing
    if state in _OF_CUSTOMERS_PATHS:
        return Standing(_THEIRS, None, standing.consequence, NextAction.CALL_CUSTOMER)
    if state in _OF_PLANS:
        return _ours(Severity.MINOR, standing.consequence, NextAction.RUN_APPLY)
    return standing
