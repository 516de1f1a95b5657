"""The English words for findings; this module has those about what storage and the reports of machines show."""

from collections.abc import Callable, Mapping

from coffre.agents.report_paths import Integrity, PathState
from coffre.cli.words.supervision.service_findings import SERVICE_WORDS, count_more, count_snapshots
from coffre.findings import Evidence, Finding, FindingKind
from coffre.outside.faults import Fault
from coffre.outside.text import one_line
from coffre.records.facts.backups import CopyFault
from coffre.spec.values.sizes import format_bytes

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


_HOST_LENGTH = 80

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


_WORDS: Mapping[FindingKind, Callable[[Evidence], str]] = {
    FindingKind.REPORT_SET_ASIDE: lambda evidence: (
        f"ignored: {evidence['key']}{count_more(evidence)}: {_fault(evidence)}; find out what writes there with its key"
    ),
    FindingKind.REPORTS_FLOODED: lambda evidence: (
        f"{evidence['count']} more objects under reports/ were not read: somebody writes too many there, with the "
        "machine's S3 key or on the platform; `coffre rotate --machine NAME --now` revokes that key, `coffre apply` "
        "installs an agent whose reports cannot be hidden"
    ),
    FindingKind.FOREIGN_KEYS: lambda evidence: (
        f"ignored: {evidence['key']}{count_more(evidence)}: neither restic nor Coffre uses this name; find out what "
        "writes there with its key, then run `coffre acknowledge`"
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
        f"ignored as newest snapshot: {evidence['key']}{count_more(evidence)}: the storage gives it an impossible date"
    ),
    FindingKind.REPOSITORY_GONE: lambda evidence: (
        f"{_GONE[str(evidence['what'])]}; it held {count_snapshots(evidence['known'])}: {_COMES_BACK}"
    ),
    FindingKind.SNAPSHOTS_GONE: lambda evidence: (
        f"{count_snapshots(evidence['count'])} gone that Coffre did not delete, "
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
    FindingKind.SNAPSHOT_NOT_WHOLE: lambda evidence: _integrity(evidence),
    FindingKind.COPY_LATE: lambda evidence: (
        f"its second copy on {evidence['platform']} is late: it lacks {evidence['count']} snapshots, the oldest since "
        f"{evidence['since']}; run `coffre copy`, and see what ended its last run"
    ),
    FindingKind.COPY_FAULTS: lambda evidence: (
        f"the last `coffre copy` to {evidence['platform']} left out {evidence['key']}{count_more(evidence)} "
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
    FindingKind.NOT_SEEN: lambda evidence: f"could not be read: {evidence['error']}",
    **SERVICE_WORDS,
}
