"""Findings: invalid, foreign or unreachable data that an observation meets, as typed values. Pure.

A finding never ends an observation: its subject is left out, and everything else is shown. The CLI has the words
(`coffre.cli.words.supervision.findings`); a test checks that every kind has its words there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from coffre.outside.faults import Fault

Evidence = Mapping[str, str | int | None]
"""The proof: names, counts and ISO 8601 times, never sentences. Their writer chose the names: they may be hostile."""


class FindingKind(StrEnum):
    """The kind of a finding."""

    REPORT_SET_ASIDE = "report_set_aside"
    """Invalid objects under reports/: `key` of the newest, `fault`, `field`, `count`."""

    REPORTS_FLOODED = "reports_flooded"
    """More objects under reports/ than a machine writes; those that were read are forged: `count` was not read."""

    FOREIGN_KEYS = "foreign_keys"
    """Objects with names that neither restic nor Coffre uses: `key` of one, `count`."""

    APPLIED_SET_ASIDE = "applied_set_aside"
    """`reports/.applied` was not written by an agent: `key`, `fault`, `field`."""

    ORDERS_SET_ASIDE = "orders_set_aside"
    """`control/desired.json` is not signed by this tenant's keys: `key`, `fault`."""

    ORDERS_OUTDATED = "orders_outdated"
    """Genuine orders that are older than the recorded ones: `key`, `generation`, `recorded`."""

    ORDERS_NOT_TAKEN = "orders_not_taken"
    """A machine runs and did not take its orders: `wanted` and `applied` generation, `written_at`, the `reason` that
    it gives (may be empty)."""

    CLOCK_OFF = "clock_off"
    """The machine's clock differs from the platform's by `seconds`: positive is ahead."""

    VERSION_BEHIND = "version_behind"
    """The machine still runs an earlier version of the agent: `agent`, its `restic`, the version `wanted`."""

    REPOSITORY_DAMAGED = "repository_damaged"
    """`coffre verify` found packs lost or altered, or the structure broken: `pack` of one, `count`, `error`, `at`."""

    VERIFICATION_LATE = "verification_late"
    """Not every pack was read within the required period: `last_full_round_at`."""

    DRILL_OVERDUE = "drill_overdue"
    """A machine of a tenant with the option restore_tests was not drilled since it was due, `due_at`, for longer than
    the grace; `last_at` its last drill (None: there was none)."""

    DRILL_FAILED = "drill_failed"
    """The last drill of a machine failed, of its second copy where `platform` names one: `at`, its `seed` and
    `snapshot`, how many `problems` the files had, what storage had lost (`losses`), paths of the plan without data
    (`gaps`)."""

    FILLS_STORAGE = "fills_storage"
    """A machine fills the storage with other data than backups: `surplus_bytes`, `objects`, `stopped` yes or no."""

    WALL_REACHED = "wall_reached"
    """No machine of the tenant can write: `by` is the one with the most surplus."""

    SIZES_DISAGREE = "sizes_disagree"
    """The platform's own daily figure of the bucket differs from Coffre's count: `day` (UTC), `figure_bytes`,
    `counted_bytes` the nearest recorded."""

    GATE_SET_ASIDE = "gate_set_aside"
    """`control/gate.json` was not written by Coffre: `key`, `fault`."""

    SNAPSHOT_TIME = "snapshot_time"
    """Snapshot objects that the storage dates before 2000 or after tomorrow: `key` of one, `count`."""

    REPOSITORY_GONE = "repository_gone"
    """A part that a repository needs to be opened is gone: `what` ("bucket", "everything", "config", "keys"), `known`
    snapshots that it held."""

    SNAPSHOTS_GONE = "snapshots_gone"
    """Snapshots that Coffre saw, or that a report of their machine names, are gone and Coffre did not delete them:
    `count`, the `newest` of them, since when it was known (`seen_at`), `is_newest` 1 when no present one is newer."""

    PACKS_GONE = "packs_gone"
    """Objects of restic/data/ are gone: `count` and `bytes` fewer than the maximum that was seen."""

    REPORTS_GONE = "reports_gone"
    """The newest report is older than one that was seen before: `number` (None: there is none), `known`."""

    REPORTS_MISSING = "reports_missing"
    """Reports are missing between others that were seen: `count`, the `first` of them."""

    REPORT_REPLAYED = "report_replayed"
    """An earlier report of the machine is dated after its newest: `key`, `known` the number of the newest."""

    MEMORY_CHANGED = "memory_changed"
    """The machine's entries in the records were not changed by Coffre: losses may be hidden."""

    REPORT_KEY_LACKING = "report_key_lacking"
    """The machine seals its reports, but the bundle here has no key to open them."""

    OTHER_MACHINE = "other_machine"
    """Another machine backs up under this one's name: its `host_name`, how it `differs` ("installation", "hardware",
    both with a comma, "start", "silence", "waiting"), the `number` and time (`last_at`) of its newest report, the
    `accepted_host_name`."""

    PATH_NOT_SAVED = "path_not_saved"
    """A path of the plan gave no data or too little in the last run: `path`, `state` (`PathState`), `files` and
    `files_before`, `bytes` and `bytes_before` (None: not known), `stored_as` in the snapshot, `mount_point` that is no
    longer mounted."""

    PATHS_NOT_SAVED = "paths_not_saved"
    """More paths of that kind: `count`."""

    SIZE_JUMPED = "size_jumped"
    """A path of the plan gave far more or far less than in the run before: `path`, `bytes`, `bytes_before`, `files`,
    `files_before`, `at` when the run ended."""

    SNAPSHOT_NOT_WHOLE = "snapshot_not_whole"
    """The machine read its last snapshot back, and it cannot be restored: `integrity` (`Integrity`), `count` of missing
    packs, `tenant`, `machine`, `whole_at` the time of the last successful backup in storage."""

    COPY_LATE = "copy_late"
    """The second copy on `platform` lacks `count` snapshots, the oldest of them `since`: more than a day."""

    COPY_FAULTS = "copy_faults"
    """The last run of `coffre copy` to `platform` left `count` objects out: `key` of one, `fault` (`CopyFault`)."""

    COPY_GONE = "copy_gone"
    """A part that the second copy on `platform` needs is missing: `what` ("bucket", "config")."""

    COPY_NOT_SEEN = "copy_not_seen"
    """The second copy could not be read: `error` is the answer of its `platform`."""

    QUOTA_NEAR = "quota_near"
    """The tenant's current bytes are above a part of its sold quota: `percent`, `used_bytes`, `quota_bytes`."""

    QUOTA_REACHED = "quota_reached"
    """The sold quota is reached and the gate is closed: `used_bytes`, `quota_bytes`."""

    BACKUP_LATE = "backup_late"
    """A workstation gave no backup since one was due, `due_at`; `last_success_at`. It is probably off."""

    BACKUP_MISSED = "backup_missed"
    """A server gave no backup when one was due, or a workstation gave none for weeks: `due_at`, `last_success_at`."""

    BACKUP_FAILED = "backup_failed"
    """The last run of a machine ended with another result than success: `result`, `at`."""

    WITNESSES_DISAGREE = "witnesses_disagree"
    """A machine reports a backup that storage does not have: `reported_at`, `newest_snapshot_at` in storage."""

    SNAPSHOTS_MISDATED = "snapshots_misdated"
    """Pruning stopped: the own time of `count` snapshots differs from storage's by more than their run took, or no
    agent writes them: `snapshot` of one, `taken_at` what it says (None: nothing possible), `stored_at` when it came."""

    RETENTION_TOO_MUCH = "retention_too_much"
    """Pruning stopped: it would remove `count` snapshots, the last of `days` of all `of_days` days with a backup."""

    RETENTION_LATE = "retention_late"
    """Nobody pruned the machine for weeks (`last_at`), and `count` snapshots are older than its plan keeps them."""

    RETENTION_FREES_NOTHING = "retention_frees_nothing"
    """Snapshots were removed at `at`, and their `bytes` are still there: `why` is "versions" (the platform does not
    delete earlier versions after `undelete_days`) or "unused" (there was no room to repack packs)."""

    NOT_KNOWN = "not_known"
    """It is not known how the tenant was last applied, so nobody judges it: `reason` (`NotKnown`)."""

    TENANT_NOT_SEEN = "tenant_not_seen"
    """The tenant could not be looked at: `error` is the answer of its platform or of its secrets."""

    MACHINE_NOT_DEPLOYED = "machine_not_deployed"
    """A declared machine never had its agent: `since` when its storage is known."""

    BUCKET_NOT_DECLARED = "bucket_not_declared"
    """A bucket of the tenant's owner belongs to none of its machines: `bucket`, `stored_bytes`."""

    USER_NOT_DECLARED = "user_not_declared"
    """Users on a platform with names of Coffre's, whose tenant is in no record: their owner `user`, how many `users` in
    all, how many `buckets` they have. Without `user`: `users` of more owners than are named."""

    STACK_GONE = "stack_gone"
    """Pulumi's state has no `stack` of a tenant that was applied."""

    USERS_GONE = "users_gone"
    """The `platform` lacks `count` users of a tenant that was applied: `user` of one."""

    KEY_UNKNOWN = "key_unknown"
    """A `user` of the tenant has `count` access keys that no bundle has, `key_id` of one; the newest report of its
    machine that names one of them is of `used_at`."""

    KEY_UNUSED = "key_unused"
    """The machine's access key `key_id` was not used for `days`: it last was at `used_at` (None: not known), and may be
    used since `since`."""

    PART_NOT_SEEN = "part_not_seen"
    """The part of a tenant on `platform` could not be looked at: `error`."""

    PART_FULL = "part_full"
    """The part of a tenant's space on `platform` is full or nearly: `used_bytes` of its `quota_bytes`. Elsewhere
    `free_bytes` of the sold quota are not used."""

    USE_NOT_TOLD = "use_not_told"
    """The `platform`, whose own figure is the only one, does not tell how much of its quota the tenant uses."""

    VENDOR_ALERT = "vendor_alert"
    """The vendor of the agent shows `count` open alerts of a `type`, in its own words: `severity` by its own
    categories, the oldest `since`. Without `type`: `count` alerts of more types than are named."""

    AGENT_OFFLINE = "agent_offline"
    """The vendor does not reach the agent of a machine for long: `since` the first look that saw it so."""

    AGENT_GONE = "agent_gone"
    """The vendor does not list the agent of a machine any more: its `agent` id."""

    AGENT_NOT_DECLARED = "agent_not_declared"
    """The tenant has an agent at the vendor's that is none of its machines': its `agent` id and `host_name`. Without
    `agent`: `count` more of them."""

    PLAN_MISSING = "plan_missing"
    """By the vendor's word no plan is on for a machine that has its agent: it backs nothing up."""

    LICENCES_NOT_GRANTED = "licences_not_granted"
    """The vendor grants fewer licences of a kind (`licence`) than were ordered: `ordered`, `granted`, the number of the
    `order`."""

    LICENCES_NOT_ORDERED = "licences_not_ordered"
    """More licences of a kind (`licence`) are in use at the vendor's than were ordered: `ordered`, `used`, the number
    of the `order`."""

    PLATFORM_AWAY = "platform_away"
    """A platform does not serve: `error` of a pass and `tenants` that it could not look at; by the probes `began_at`,
    the `step` and the `fault` (`coffre.storage.probing`)."""

    PLATFORM_IN_MAINTENANCE = "platform_in_maintenance"
    """A platform does not serve during a maintenance declared beforehand: the same, and `maintenance_until`."""

    PROBES_MISSING = "probes_missing"
    """Nobody probes a platform any more: `last_at` the last probe."""

    PROBE_CANNOT_LOOK = "probe_cannot_look"
    """Probes say nothing about a platform, by SMILÉO's own fault: its settings, the probe's user or key, the clock of
    the computer that probes; `since`."""

    AVAILABILITY_SPENT = "availability_spent"
    """So many `percent` of the time that a platform may be down in a `year` are used: `used_seconds`,
    `budget_seconds`."""

    CUSTOMER_NOT_TOLD = "customer_not_told"
    """A message to the tenant's contact did not leave: `reason` ("no_mail_server", "not_sent"), `error` of the mail
    server."""

    CHANNEL_FAILING = "channel_failing"
    """A `channel` of SMILÉO takes no message: `error`."""

    SUSPECTED_ATTACK = "suspected_attack"
    """A machine's data looks attacked, so its retention is frozen since `frozen_at`: `signs` (`SignKind`, with commas;
    "declared": a person froze it), the `last_good` snapshot from before them, `last_good_at`."""

    SETTINGS_WEAKENED = "settings_weakened"
    """An apply of the last days protects machines less: `settings` of the tenant file (with commas), of how many
    `machines`, `by` whom, from which `commit`, `at`."""

    OF_NEWER_VERSION = "newer"
    """A newer version of Coffre keeps a finding of a kind that this one does not know: its `kind`. No look gives it."""

    NOT_SEEN = "not_seen"
    """The machine's bucket could not be read: `error` is the answer of the platform."""


@dataclass(frozen=True)
class Finding:
    """One finding about a machine (None: about the whole tenant)."""

    kind: FindingKind
    machine: str | None
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class SetAside:
    """One object that is left out, and why; ``field`` is the wrong field, empty when the whole object is wrong.

    ``count`` is more than one when the object stands for others with the same fault.
    """

    key: str
    fault: Fault
    field: str = ""
    count: int = 1


def sum_up(kind: FindingKind, machine: str, entries: Iterable[SetAside]) -> list[Finding]:
    """Return one finding per fault, with the first key and the count, so that many objects make no long list."""
    first: dict[Fault, SetAside] = {}
    counts: dict[Fault, int] = {}
    for entry in entries:
        first.setdefault(entry.fault, entry)
        counts[entry.fault] = counts.get(entry.fault, 0) + entry.count
    return [
        Finding(kind, machine, {"key": each.key, "fault": fault, "field": each.field, "count": counts[fault]})
        for fault, each in first.items()
    ]
