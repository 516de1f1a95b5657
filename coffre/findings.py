"""What a look found beside the facts: something absurd, foreign or out of reach, as typed values. Pure.

A finding never ends a look: what it is about is left out, and everything else is told. The words are the CLI's
(`coffre.cli.words.findings`); whoever adds a kind adds its words there, which a test sees to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from coffre.outside.faults import Fault

Evidence = Mapping[str, str | int | None]
"""What shows it: names, counts and ISO 8601 moments, never sentences. Names are as their writer gave them: hostile."""


class FindingKind(StrEnum):
    """What was found."""

    REPORT_SET_ASIDE = "report_set_aside"
    """Objects under reports/ that are no reports of today: `key` of the newest, `fault`, `field`, `count`."""

    REPORTS_FLOODED = "reports_flooded"
    """More lies under reports/ than a machine writes, forged as far as it was looked at: `count` was not looked at."""

    FOREIGN_KEYS = "foreign_keys"
    """Objects by names that nothing of ours gives: `key` of one, `count`."""

    APPLIED_SET_ASIDE = "applied_set_aside"
    """`reports/.applied` is not what an agent writes: `key`, `fault`, `field`."""

    ORDERS_SET_ASIDE = "orders_set_aside"
    """`control/desired.json` is not what this tenant's keys signed: `key`, `fault`."""

    ORDERS_OUTDATED = "orders_outdated"
    """Genuine orders that are older than those that stood there: `key`, `generation`, `recorded`."""

    REPOSITORY_DAMAGED = "repository_damaged"
    """`coffre verify` found packs lost or altered, or the structure broken: `pack` of one, `count`, `error`, `at`."""

    VERIFICATION_LATE = "verification_late"
    """Not every pack was read within the time stated: `last_full_round_at`."""

    FILLS_STORAGE = "fills_storage"
    """A machine grows towards the wall other than by backups: `surplus_bytes`, `objects`, `stopped` yes or no."""

    WALL_REACHED = "wall_reached"
    """No machine of the tenant can write: `by` is the one with the most surplus."""

    GATE_SET_ASIDE = "gate_set_aside"
    """`control/gate.json` is not what Coffre writes: `key`, `fault`."""

    SNAPSHOT_TIME = "snapshot_time"
    """Snapshot objects that the storage dates before 2000 or after tomorrow: `key` of one, `count`."""

    REPOSITORY_GONE = "repository_gone"
    """What a repository cannot be opened without is gone: `what` ("bucket", "everything", "config", "keys"), `known`
    snapshots that it held."""

    SNAPSHOTS_GONE = "snapshots_gone"
    """Snapshots that were seen, or that their machine vouched for, and that nobody here took away: `count`, the
    `newest` of them, since when it was known (`seen_at`), `is_newest` 1 when none that is there is newer."""

    PACKS_GONE = "packs_gone"
    """Objects of restic/data/ that were seen: `count` and `bytes` fewer than the most that was seen."""

    REPORTS_GONE = "reports_gone"
    """The newest report is older than one that was seen: `number` (None: there is none), `known`."""

    REPORTS_MISSING = "reports_missing"
    """Reports that were never seen, between others that were: `count`, the `first` of them."""

    REPORT_REPLAYED = "report_replayed"
    """An earlier report of the machine is dated after its newest: `key`, `known` the number of the newest."""

    MEMORY_CHANGED = "memory_changed"
    """What the records remember of the machine was changed by other means than Coffre: losses may be hidden."""

    REPORT_KEY_LACKING = "report_key_lacking"
    """The machine seals its reports, and the bundle here has nothing to open them with."""

    OTHER_MACHINE = "other_machine"
    """Another machine backs up under this one's name: its `host_name`, how it `differs` ("installation", "hardware",
    both with a comma, "start", "silence", "waiting"), the `number` of its newest report and when that was (`last_at`),
    the `accepted_host_name`."""

    PATH_NOT_SAVED = "path_not_saved"
    """A path of the plan gave nothing or too little in the last run: `path`, `state` (`PathState`), `files` and
    `files_before`, `bytes` and `bytes_before` (None: not known), `stored_as` in the snapshot, `mount_point` that is not
    mounted any more."""

    PATHS_NOT_SAVED = "paths_not_saved"
    """So many more of them: `count`."""

    SNAPSHOT_NOT_WHOLE = "snapshot_not_whole"
    """The machine read its last snapshot back, and it cannot be restored: `integrity` (`Integrity`), `count` packs
    missing, `tenant`, `machine`, `whole_at` when the last successful backup was in storage."""

    NOT_SEEN = "not_seen"
    """The machine's bucket could not be looked at: `error` is what was answered."""


@dataclass(frozen=True)
class Finding:
    """One thing found about a machine (None: about the whole tenant)."""

    kind: FindingKind
    machine: str | None
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class SetAside:
    """One object that is left out, and why; ``field`` is what in it is wrong, empty when it is the whole.

    ``count`` is more than one where it stands for others with the same fault.
    """

    key: str
    fault: Fault
    field: str = ""
    count: int = 1


def sum_up(kind: FindingKind, machine: str, entries: Iterable[SetAside]) -> list[Finding]:
    """Return one finding a fault, with the first key and the count: a machine that writes many makes no long list."""
    first: dict[Fault, SetAside] = {}
    counts: dict[Fault, int] = {}
    for entry in entries:
        first.setdefault(entry.fault, entry)
        counts[entry.fault] = counts.get(entry.fault, 0) + entry.count
    return [
        Finding(kind, machine, {"key": each.key, "fault": fault, "field": each.field, "count": counts[fault]})
        for fault, each in first.items()
    ]
