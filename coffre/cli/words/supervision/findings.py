"""The English words for findings; no other module has them."""

from collections.abc import Callable, Mapping

from coffre.agents.report_paths import Integrity, PathState
from coffre.cli.words.supervision import drills
from coffre.cli.words.supervision.attack import describe_last_good
from coffre.cli.words.supervision.availability import describe_outage, format_duration
from coffre.findings import Evidence, Finding, FindingKind
from coffre.outside.faults import Fault
from coffre.outside.text import one_line
from coffre.records.facts.backups import CopyFault
from coffre.spec.values.sizes import format_bytes, format_sold

_FAULTS: Mapping[str, str] = {
    Fault.TOO_LARGE: "too large",
    Fault.UNREADABLE: "not in the expected format",
    Fault.UNBELIEVABLE_TIME: "dated at an impossible time",
    Fault.FOREIGN: "not signed with this tenant's key for this machine",
    Fault.OUTDATED: "older than the one before it",
    Fault.UNSEALED: "not encrypted, although this machine encrypts its reports: somebody else wrote it",
    Fault.REPLAYED: "an earlier object that was put back",
    Fault.MISSEALED: "not sealed by this machine for this key: it is forged, old, or from another machine",
}


def describe(finding: Finding) -> str:
    """Return a finding as one sentence, with what to do."""
    where = f"{finding.machine}: " if finding.machine is not None else ""
    return where + _WORDS[finding.kind](finding.evidence)


def describe_difference(differs: str) -> str:
    """Return the difference between another machine and the accepted one."""
    return _DIFFERENCES.get(differs, differs)


def describe_copy_fault(fault: str) -> str:
    """Return what is wrong with an object that could not be copied."""
    return _COPY_FAULTS.get(fault, fault)


def _fault(evidence: Evidence) -> str:
    said = _FAULTS.get(str(evidence["fault"]), str(evidence["fault"]))
    return f"{said} ({evidence['field']})" if evidence.get("field") else said


def _count(evidence: Evidence) -> str:
    more = int(evidence.get("count") or 1) - 1
    return f" and {more} more" if more > 0 else ""


_HOST_LENGTH = 80
_TEXT_LENGTH = 200

_COPY_FAULTS: Mapping[str, str] = {
    CopyFault.ALTERED: "it does not match the hash in its name",
    CopyFault.GONE: "it is gone since it was listed",
    CopyFault.SIZE_DIFFERS: "it has another size in the copy",
    CopyFault.TOO_LARGE: "it is larger than any object of an agent",
    CopyFault.UNREADABLE: "the platform does not return it",
}

_DIFFERENCES: Mapping[str, str] = {
    "installation": "another installation",
    "hardware": "the same installation on other hardware",
    "installation,hardware": "another installation on other hardware",
    "start": "a copy: both ran at the same time",
    "silence": "its agent does not identify its machine",
    "waiting": "no machine is accepted yet: the next `coffre apply` accepts one",
}

_COMES_BACK = "`coffre undelete` brings back what the bucket keeps; find out who deleted it"

_GONE: Mapping[str, str] = {
    "bucket": "its bucket is gone",
    "everything": "its repository is gone",
    "config": "its repository no longer has a config",
    "keys": "its repository no longer has keys",
}


def _snapshots(count: object) -> str:
    return f"{count} snapshot{'' if count == 1 else 's'}"


def _number(number: object) -> str:
    return "none" if number is None else f"number {number}"


_ACCEPT = "; if this is correct, run `coffre acknowledge`"

_STATES: Mapping[str, str] = {
    PathState.MISSING: f"does not exist on the machine{_ACCEPT}",
    PathState.EMPTY: f"gave no file{_ACCEPT}",
    PathState.EXCLUDED: "gave no file: the plan's exclude patterns match all of it",
    PathState.UNREADABLE: "could not be read: check its permissions and its disk",
    PathState.SHRUNK: f"gave almost no data{_ACCEPT}",
    PathState.UNMOUNTED: f"is on a file system that is no longer mounted{_ACCEPT}",
    PathState.LINK_REFUSED: "is a link that is not followed: a user set it to files of another user, or it is "
    "circular; write its target in the plan",
}


def _state(evidence: Evidence) -> str:
    said = _STATES.get(str(evidence["state"]), f"is {evidence['state']} (reported by a newer agent)")
    mount = f" ({evidence['mount_point']})" if evidence["mount_point"] else ""
    files, before = evidence["files"], evidence["files_before"]
    now_bytes, then_bytes = "", ""
    if evidence["state"] == PathState.SHRUNK and evidence["bytes"] is not None and evidence["bytes_before"] is not None:
        # There may be more files than before: then only their bytes show the loss.
        now_bytes, then_bytes = (f" ({format_bytes(int(evidence[key] or 0))})" for key in ("bytes", "bytes_before"))
    figures = "" if before is None else f"{files} files{now_bytes}, {before}{then_bytes} in the last good run: "
    stored_as = evidence["stored_as"]
    link = f"(stored as {stored_as}) " if stored_as and stored_as != evidence["path"] else ""
    return f"{link}{figures}{said.replace(_ACCEPT, mount + _ACCEPT)}"


def _integrity(evidence: Evidence) -> str:
    if evidence["integrity"] == Integrity.UNCHECKED:
        return "the storage did not let it read its last backup back: it is unknown whether it can be restored"
    what = (
        f"{evidence['count']} packs of its index are gone"
        if evidence["integrity"] == Integrity.PACKS_MISSING
        else "the data read back differs from the data written"
    )
    at = evidence["whole_at"] or "TIME"
    return (
        f"its last backup cannot be fully restored: {what}; `coffre undelete {evidence['tenant']} --machine "
        f"{evidence['machine']} --at {at}` brings back what the bucket keeps; then back up again"
    )


_NOT_KNOWN: Mapping[str, str] = {
    "never_complete": "no apply of it was completed",
    "earlier_version": "an earlier version of Coffre applied it, which kept no files",
    "lost": "the file that was applied is no longer in the records, or was changed there",
    "settings": "the platform.yaml of the newest apply is not in the records, or cannot be read",
    "unreadable": "this version of Coffre cannot read the file that was applied",
}


def _text(evidence: Evidence, name: str) -> str:
    return one_line(str(evidence[name]), _TEXT_LENGTH)


def _used(evidence: Evidence) -> str:
    used, sold = int(evidence["used_bytes"] or 0), int(evidence["quota_bytes"] or 0)
    return f"{format_bytes(used)} of the sold {format_sold(sold)} are used"


_WORDS: Mapping[FindingKind, Callable[[Evidence], str]] = {
    FindingKind.REPORT_SET_ASIDE: lambda evidence: (
        f"ignored: {evidence['key']}{_count(evidence)}: {_fault(evidence)}; find out what writes there with its key"
    ),
    FindingKind.REPORTS_FLOODED: lambda evidence: (
        f"{evidence['count']} more objects under reports/ were not read: somebody writes too many there, with the "
        "machine's S3 key or on the platform; `coffre rotate --machine NAME --now` revokes that key, `coffre apply` "
        "installs an agent whose reports cannot be hidden"
    ),
    FindingKind.FOREIGN_KEYS: lambda evidence: (
        f"ignored: {evidence['key']}{_count(evidence)}: neither restic nor Coffre uses this name; find out what writes "
        "there with its key, then run `coffre acknowledge`"
    ),
    FindingKind.APPLIED_SET_ASIDE: lambda evidence: (
        f"ignored: {evidence['key']}: {_fault(evidence)}; find out what writes there with its key"
    ),
    FindingKind.ORDERS_SET_ASIDE: lambda evidence: (
        f"{evidence['key']} is {_fault(evidence)}: the machine continues with its last valid orders; find out who "
        "wrote it (only the owner's key may), then run `coffre apply --replace-orders`"
    ),
    FindingKind.ORDERS_OUTDATED: lambda evidence: (
        f"{evidence['key']} is generation {evidence['generation']}, genuine but older than {evidence['recorded']}: "
        "somebody put it back; a machine that knows newer orders ignores it; ask the storage host, then run "
        "`coffre apply --replace-orders`"
    ),
    FindingKind.ORDERS_NOT_TAKEN: lambda evidence: (
        f"it runs with orders {evidence['applied']}, although {evidence['wanted']} are there since "
        f"{evidence['written_at']}"
        + (f": {evidence['reason']}" if evidence["reason"] else "")
        + "; run `coffre apply`, and look at the agent's log there"
    ),
    FindingKind.CLOCK_OFF: lambda evidence: (
        f"its clock is {abs(int(evidence['seconds'] or 0)) // 60} minutes "
        f"{'ahead' if int(evidence['seconds'] or 0) > 0 else 'behind'}: from 15 on the platform refuses it; have it set"
    ),
    FindingKind.VERSION_BEHIND: lambda evidence: (
        f"it runs version {evidence['agent']} of the agent, with restic {evidence['restic']}, and not "
        f"{evidence['wanted']}: run `coffre apply`"
    ),
    FindingKind.REPOSITORY_DAMAGED: lambda evidence: (
        f"`coffre verify` found its repository damaged ({evidence['count']} packs"
        + (f", for example {evidence['pack']}" if evidence["pack"] else "")
        + (f"; {evidence['error']}" if evidence["error"] else "")
        + "): `coffre undelete` brings earlier versions back, then verify again"
    ),
    FindingKind.VERIFICATION_LATE: lambda evidence: (
        "not all of its packs were read within the period of platform.yaml (`verify`); the last full round "
        f"ended {evidence['last_full_round_at'] or 'never'}: run `coffre verify` daily"
    ),
    FindingKind.DRILL_OVERDUE: drills.describe_overdue,
    FindingKind.DRILL_FAILED: drills.describe_failed,
    FindingKind.FILLS_STORAGE: lambda evidence: (
        f"fills the tenant's storage: {format_bytes(int(evidence['surplus_bytes'] or 0))} of earlier versions, reports "
        f"and locks, {evidence['objects']} objects; "
        + ("it is stopped, the others continue; " if evidence["stopped"] == "yes" else "`coffre gate` stops it; ")
        + "find out what writes there with its key"
    ),
    FindingKind.SIZES_DISAGREE: lambda evidence: (
        f"the platform's own figure of its bucket for {evidence['day']} is "
        f"{format_bytes(int(evidence['figure_bytes'] or 0))}, and Coffre counted "
        f"{format_bytes(int(evidence['counted_bytes'] or 0))}: run `coffre gate` for a new count; if they still "
        "differ in two days, find out what the listing hides"
    ),
    FindingKind.WALL_REACHED: lambda evidence: (
        "wall reached"
        + (f", by {evidence['by']}" if evidence["by"] else "")
        + ": where the platform enforces it, no machine can write, not even reports; "
        "earlier versions expire after `undelete_days`, until then a larger reserve makes space"
    ),
    FindingKind.GATE_SET_ASIDE: lambda evidence: (
        f"{evidence['key']} is {_fault(evidence)}; find out who wrote it (only the owner's key may): "
        "`coffre backup` or `coffre apply` writes it again"
    ),
    FindingKind.SNAPSHOT_TIME: lambda evidence: (
        f"ignored as newest snapshot: {evidence['key']}{_count(evidence)}: the storage gives it an impossible date"
    ),
    FindingKind.REPOSITORY_GONE: lambda evidence: (
        f"{_GONE[str(evidence['what'])]}; it held {_snapshots(evidence['known'])}: {_COMES_BACK}"
    ),
    FindingKind.SNAPSHOTS_GONE: lambda evidence: (
        f"{_snapshots(evidence['count'])} gone that Coffre did not delete, "
        f"{'the newest of all' if evidence['is_newest'] else 'the newest'} {str(evidence['newest'])[:8]} (known since "
        f"{evidence['seen_at']}): {_COMES_BACK}"
    ),
    FindingKind.PACKS_GONE: lambda evidence: (
        f"restic/data/ held more: {evidence['count']} objects and {evidence['bytes']} bytes are gone: {_COMES_BACK}"
    ),
    FindingKind.REPORTS_GONE: lambda evidence: (
        f"the newest report is {_number(evidence['number'])}, but number {evidence['known']} was seen before: the "
        "storage was rolled back, or somebody deleted reports; after `coffre apply`, a machine that lost its state "
        "continues"
    ),
    FindingKind.REPORTS_MISSING: lambda evidence: (
        f"{evidence['count']} reports are missing, the first is number {evidence['first']}: somebody withholds or "
        "deleted them"
    ),
    FindingKind.REPORT_REPLAYED: lambda evidence: (
        f"{evidence['key']} was written after number {evidence['known']}: somebody put an old report back, or the "
        "machine lost its state (it continues after `coffre apply`)"
    ),
    FindingKind.MEMORY_CHANGED: lambda _: (
        "its entries in the records were not changed by Coffre, so a loss may be hidden: run `coffre records "
        "verify`; once the cause is clear, run `coffre acknowledge`"
    ),
    FindingKind.REPORT_KEY_LACKING: lambda _: (
        "its reports are sealed, but the control bundle has no key for them: run `coffre apply`"
    ),
    FindingKind.OTHER_MACHINE: lambda evidence: (
        "another machine backs up under its name"
        + (f", host {one_line(str(evidence['host_name']), _HOST_LENGTH)}" if evidence["host_name"] else "")
        + f" ({describe_difference(str(evidence['differs']))}"
        + (f", last at {evidence['last_at']}" if evidence["last_at"] else "")
        + "): its backups are stored but not accepted. If it is a copy of the machine, remove the agent from it, then "
        "run `coffre rotate --now` and `coffre acknowledge`. If it is new hardware, run `coffre apply "
        "--replace-machine` (docs/replace-a-machine.md)"
    ),
    FindingKind.PATH_NOT_SAVED: lambda evidence: f"{evidence['path']} {_state(evidence)}",
    FindingKind.PATHS_NOT_SAVED: lambda evidence: f"and {evidence['count']} more paths of its plan gave too little",
    FindingKind.SIZE_JUMPED: lambda evidence: (
        f"{_text(evidence, 'path')} gave {format_bytes(int(evidence['bytes'] or 0))} in the run of {evidence['at']}, "
        f"and {format_bytes(int(evidence['bytes_before'] or 0))} in the one before: ask the customer "
        "whether that is meant"
    ),
    FindingKind.SNAPSHOT_NOT_WHOLE: lambda evidence: _integrity(evidence),
    FindingKind.COPY_LATE: lambda evidence: (
        f"its second copy on {evidence['platform']} is late: it lacks {evidence['count']} snapshots, the oldest since "
        f"{evidence['since']}; run `coffre copy`, and see what ended its last run"
    ),
    FindingKind.COPY_FAULTS: lambda evidence: (
        f"the last `coffre copy` to {evidence['platform']} left out {evidence['key']}{_count(evidence)} "
        f"({describe_copy_fault(str(evidence['fault']))}): snapshots that need them cannot be restored from the "
        "copy; `coffre verify` tells what is wrong with the originals"
    ),
    FindingKind.COPY_GONE: lambda evidence: (
        f"its second copy on {evidence['platform']} has no {evidence['what']}: run `coffre apply` and `coffre copy`; "
        "if it was there before, find out who deleted it"
    ),
    FindingKind.COPY_NOT_SEEN: lambda evidence: (
        f"the second copy on {evidence['platform']} could not be read: {evidence['error']}"
    ),
    FindingKind.QUOTA_NEAR: lambda evidence: (
        f"{_used(evidence)}, above {evidence['percent']} %: tell the customer, and propose an amendment"
    ),
    FindingKind.QUOTA_REACHED: lambda evidence: (
        f"{_used(evidence)}: the gate is closed, and no machine backs up; tell the customer, and propose an amendment"
    ),
    FindingKind.BACKUP_LATE: lambda evidence: (
        f"no backup since {evidence['last_success_at'] or 'its installation'}, but one was due at "
        f"{evidence['due_at']}: "
        "the machine is probably off"
    ),
    FindingKind.BACKUP_MISSED: lambda evidence: (
        f"no backup since {evidence['last_success_at'] or 'its installation'}, but one was due at "
        f"{evidence['due_at']}: "
        "call the customer, and look at the machine"
    ),
    FindingKind.BACKUP_FAILED: lambda evidence: (
        f"its last run ended as {evidence['result']}: read its report with `coffre status`, and look at the machine"
    ),
    FindingKind.WITNESSES_DISAGREE: lambda evidence: (
        f"it reports a backup of {evidence['reported_at']} that storage does not have (the newest there is of "
        f"{evidence['newest_snapshot_at'] or 'no time'}): run `coffre verify`, and look at the machine"
    ),
    FindingKind.SNAPSHOTS_MISDATED: lambda evidence: (
        f"not pruned: {_snapshots(evidence['count'])} with another date than storage gives them, for example "
        f"{str(evidence['snapshot'])[:8]} "
        + (
            f"({evidence['taken_at']} in it, {evidence['stored_at']} in storage)"
            if evidence["taken_at"]
            else "(which no agent writes)"
        )
        + ": find out who wrote them with the machine's key. They stay if you run `coffre prune --agree dates`; "
        "`coffre snapshot set-aside` takes one away"
    ),
    FindingKind.RETENTION_TOO_MUCH: lambda evidence: (
        f"not pruned: {_snapshots(evidence['count'])} would go, and {evidence['days']} of {evidence['of_days']} days "
        "would have no backup any more; `coffre prune --dry-run` shows it, `--agree amount` carries it out"
    ),
    FindingKind.RETENTION_LATE: lambda evidence: (
        f"{_snapshots(evidence['count'])} older than its plan keeps them; it was last pruned "
        f"{evidence['last_at'] or 'never'}: run `coffre prune` daily"
    ),
    FindingKind.RETENTION_FREES_NOTHING: lambda evidence: (
        f"snapshots were removed at {evidence['at']}, and {format_bytes(int(evidence['bytes'] or 0))} of them are "
        "still there: "
        + (
            "the platform deletes no earlier versions; check the bucket's lifecycle with `coffre drift`"
            if evidence["why"] == "versions"
            else "there was no room to repack; sell more space, or run `coffre prune --agree loss`"
        )
    ),
    FindingKind.NOT_KNOWN: lambda evidence: (
        f"nobody supervises it: {_NOT_KNOWN.get(str(evidence['reason']), str(evidence['reason']))}; run `coffre apply`"
    ),
    FindingKind.TENANT_NOT_SEEN: lambda evidence: f"nobody could look at it: {evidence['error']}",
    FindingKind.MACHINE_NOT_DEPLOYED: lambda evidence: (
        f"its agent was never deployed, and it is declared since {evidence['since']}: its licence protects nothing; "
        "run `coffre apply`, or retire the machine"
    ),
    FindingKind.BUCKET_NOT_DECLARED: lambda evidence: (
        f"the bucket {evidence['bucket']} ({format_bytes(int(evidence['stored_bytes'] or 0))}) belongs to none of its "
        "machines: find out whose data it is"
    ),
    FindingKind.USER_NOT_DECLARED: lambda evidence: (
        f"{evidence['users']} more user(s) on the platform have names of Coffre's, and no record knows their tenants"
        if evidence["user"] is None
        else f"{evidence['users']} user(s) of {_text(evidence, 'user')}, with {evidence['buckets']} bucket(s), belong "
        "to no tenant of the records or of a file: find out whose they are; if another repository of Coffre uses the "
        "platform too, declare it by `shared: true`"
    ),
    FindingKind.STACK_GONE: lambda evidence: (
        f"Pulumi's state has no stack {_text(evidence, 'stack')} any more: restore it from a copy, or run "
        "`coffre apply`, which adopts what is there"
    ),
    FindingKind.USERS_GONE: lambda evidence: (
        f"{_text(evidence, 'platform')} lacks {evidence['count']} of its users, for example {_text(evidence, 'user')}: "
        "find out who deleted them, then run `coffre apply`"
    ),
    FindingKind.KEY_UNKNOWN: lambda evidence: (
        f"the user {_text(evidence, 'user')} has access key {_text(evidence, 'key_id')}{_count(evidence)}, which no "
        "bundle has"
        + ("" if evidence["used_at"] is None else f", and a run used it at {evidence['used_at']}")
        + ": find out who made it; `coffre apply` deletes it"
    ),
    FindingKind.KEY_UNUSED: lambda evidence: (
        f"its access key {_text(evidence, 'key_id')} was not used for {evidence['days']} days (last at "
        f"{evidence['used_at'] or 'an unknown time'}): retire the machine, or `coffre rotate` the key"
    ),
    FindingKind.PLATFORM_AWAY: lambda evidence: describe_outage(evidence),
    FindingKind.PLATFORM_IN_MAINTENANCE: lambda evidence: describe_outage(evidence),
    FindingKind.PROBES_MISSING: lambda evidence: (
        f"nobody probes the platform since {evidence['last_at']}: start `coffre probe` again; until then its "
        "availability is unknown"
    ),
    FindingKind.PROBE_CANNOT_LOOK: lambda evidence: (
        f"probes say nothing about the platform since {evidence['since']}, and the fault is ours: run `coffre probe`, "
        "it says what is refused; until then its availability is unknown"
    ),
    FindingKind.AVAILABILITY_SPENT: lambda evidence: (
        f"{evidence['percent']} % of the time that the platform may be down in {evidence['year']} are used: "
        f"{format_duration(int(evidence['used_seconds'] or 0))} of "
        f"{format_duration(int(evidence['budget_seconds'] or 0))}; `coffre sla` shows when"
    ),
    FindingKind.CUSTOMER_NOT_TOLD: lambda evidence: (
        "a message to the customer did not leave: "
        + (
            "platform.yaml names no mail server; call the customer, and add `mail:`"
            if evidence["reason"] == "no_mail_server"
            else f"{evidence['error']}; call the customer, and see `coffre messages list --unsent`"
        )
    ),
    FindingKind.CHANNEL_FAILING: lambda evidence: (
        f"the channel {evidence['channel']} takes no message ({evidence['error']}): `coffre notify test "
        f"{evidence['channel']}` tries it, `coffre messages list --unsent` shows what waits"
    ),
    FindingKind.SUSPECTED_ATTACK: lambda evidence: (
        f"suspected attack ({_text(evidence, 'signs').replace(',', ', ')}): its retention is frozen since "
        f"{evidence['frozen_at']}{describe_last_good(evidence['last_good'], evidence['last_good_at'])}; call the "
        "customer, look at the machine, then `coffre brake release`"
    ),
    FindingKind.SETTINGS_WEAKENED: lambda evidence: (
        f"{_text(evidence, 'settings').replace(',', ', ')} of {evidence['machines']} machine(s) protect less since "
        f"{evidence['at']}, applied by {_text(evidence, 'by')}"
        + ("" if evidence["commit"] is None else f" from commit {_text(evidence, 'commit')[:12]}")
    ),
    FindingKind.OF_NEWER_VERSION: lambda evidence: (
        f"a newer version of Coffre found {evidence['kind']}, which this one does not know: update Coffre here"
    ),
    FindingKind.NOT_SEEN: lambda evidence: f"could not be read: {evidence['error']}",
}
