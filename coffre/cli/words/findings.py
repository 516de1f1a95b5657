"""What findings say in words; the one place that knows."""

from collections.abc import Callable, Mapping

from coffre.agents.report_paths import Integrity, PathState
from coffre.findings import Evidence, Finding, FindingKind
from coffre.outside.faults import Fault
from coffre.outside.text import one_line
from coffre.spec.values.sizes import format_bytes

_FAULTS: Mapping[str, str] = {
    Fault.TOO_LARGE: "larger than such a thing ever is",
    Fault.UNREADABLE: "not what belongs there",
    Fault.UNBELIEVABLE_TIME: "of a time that cannot be",
    Fault.FOREIGN: "not signed with this tenant's key for this machine",
    Fault.OUTDATED: "older than what stood there",
    Fault.UNSEALED: "in clear, although this machine seals what it says: somebody else wrote it",
    Fault.REPLAYED: "an earlier one that was put back",
    Fault.MISSEALED: "not sealed by this machine for this place: forged, another machine's, or an old one",
}


def describe(finding: Finding) -> str:
    """Return a finding as one sentence, what to do included."""
    where = f"{finding.machine}: " if finding.machine is not None else ""
    return where + _WORDS[finding.kind](finding.evidence)


def describe_difference(differs: str) -> str:
    """Return in what another machine differs from the one whose backups count."""
    return _DIFFERENCES.get(differs, differs)


def _fault(evidence: Evidence) -> str:
    said = _FAULTS.get(str(evidence["fault"]), str(evidence["fault"]))
    return f"{said} ({evidence['field']})" if evidence.get("field") else said


def _count(evidence: Evidence) -> str:
    more = int(evidence.get("count") or 1) - 1
    return f" and {more} more" if more > 0 else ""


_HOST_LENGTH = 80

_DIFFERENCES: Mapping[str, str] = {
    "installation": "another installation",
    "hardware": "the same installation on other hardware",
    "installation,hardware": "another installation on other hardware",
    "start": "a copy: both ran at the same time",
    "silence": "its agent does not say which machine it is on",
    "waiting": "the machine of the next `coffre apply` is waited for",
}

_COMES_BACK = "`coffre undelete` brings back what the bucket keeps; find out who took it away"

_GONE: Mapping[str, str] = {
    "bucket": "its bucket is gone",
    "everything": "its repository is gone",
    "config": "its repository has no config any more",
    "keys": "its repository has no keys any more",
}


def _snapshots(count: object) -> str:
    return f"{count} snapshot{'' if count == 1 else 's'}"


def _number(number: object) -> str:
    return "none" if number is None else f"number {number}"


_ACCEPT = "; if that is right, `coffre acknowledge`"

_STATES: Mapping[str, str] = {
    PathState.MISSING: f"does not exist there{_ACCEPT}",
    PathState.EMPTY: f"gave no file{_ACCEPT}",
    PathState.EXCLUDED: "gave no file: the plan's exclude patterns cover all of it",
    PathState.UNREADABLE: "could not be read: see its rights and its disk",
    PathState.SHRUNK: f"gave nearly nothing{_ACCEPT}",
    PathState.UNMOUNTED: f"lies on a file system that is not mounted any more{_ACCEPT}",
    PathState.LINK_REFUSED: "is a link that a plain user set to what is not his own, or that leads in circles: it is "
    "not followed; name in the plan what it leads to",
}


def _state(evidence: Evidence) -> str:
    said = _STATES.get(str(evidence["state"]), f"is {evidence['state']}, a newer agent says")
    mount = f" ({evidence['mount_point']})" if evidence["mount_point"] else ""
    files, before = evidence["files"], evidence["files_before"]
    now_bytes, then_bytes = "", ""
    if evidence["state"] == PathState.SHRUNK and evidence["bytes"] is not None and evidence["bytes_before"] is not None:
        # There may be more files than before: it is their bytes that tell then.
        now_bytes, then_bytes = (f" ({format_bytes(int(evidence[key] or 0))})" for key in ("bytes", "bytes_before"))
    figures = "" if before is None else f"{files} files{now_bytes}, {before}{then_bytes} in the last good run: "
    stored_as = evidence["stored_as"]
    link = f"(stored as {stored_as}) " if stored_as and stored_as != evidence["path"] else ""
    return f"{link}{figures}{said.replace(_ACCEPT, mount + _ACCEPT)}"


def _integrity(evidence: Evidence) -> str:
    if evidence["integrity"] == Integrity.UNCHECKED:
        return "the storage did not let it read its last backup back: nobody knows whether that can be restored"
    what = (
        f"{evidence['count']} packs that its index names are gone"
        if evidence["integrity"] == Integrity.PACKS_MISSING
        else "what it wrote does not come back as it was"
    )
    at = evidence["whole_at"] or "TIME"
    return (
        f"its last backup cannot be restored whole: {what}; `coffre undelete {evidence['tenant']} --machine "
        f"{evidence['machine']} --at {at}` brings back what the bucket keeps; then back up again"
    )


_WORDS: Mapping[FindingKind, Callable[[Evidence], str]] = {
    FindingKind.REPORT_SET_ASIDE: lambda evidence: (
        f"left out: {evidence['key']}{_count(evidence)}: {_fault(evidence)}; see what writes there with its key"
    ),
    FindingKind.REPORTS_FLOODED: lambda evidence: (
        f"{evidence['count']} more objects under reports/ were not looked at: somebody floods it with the machine's S3 "
        "key, or on the platform; `coffre rotate --machine NAME --now` cuts that key, `coffre apply` brings an agent "
        "whose reports nobody hides"
    ),
    FindingKind.FOREIGN_KEYS: lambda evidence: (
        f"passed over: {evidence['key']}{_count(evidence)}: no name that restic or Coffre gives; see what writes there "
        "with its key, then `coffre acknowledge`"
    ),
    FindingKind.APPLIED_SET_ASIDE: lambda evidence: (
        f"left out: {evidence['key']}: {_fault(evidence)}; see what writes there with its key"
    ),
    FindingKind.ORDERS_SET_ASIDE: lambda evidence: (
        f"{evidence['key']} is {_fault(evidence)}: the machine goes on with its last good orders; find out who wrote "
        "it (only the owner's key may), then `coffre apply --replace-orders`"
    ),
    FindingKind.ORDERS_OUTDATED: lambda evidence: (
        f"{evidence['key']} is generation {evidence['generation']}, genuine, and {evidence['recorded']} stood there: "
        "somebody put it back, and a machine that knows newer ones does not follow it; ask whoever hosts the storage, "
        "then `coffre apply --replace-orders`"
    ),
    FindingKind.REPOSITORY_DAMAGED: lambda evidence: (
        f"`coffre verify` found its repository damaged ({evidence['count']} packs"
        + (f", {evidence['pack']} among them" if evidence["pack"] else "")
        + (f"; {evidence['error']}" if evidence["error"] else "")
        + "): `coffre undelete` brings earlier versions back, then verify again"
    ),
    FindingKind.VERIFICATION_LATE: lambda evidence: (
        "not all of its packs were read within the time that platform.yaml states (`verify`); the last full round "
        f"ended {evidence['last_full_round_at'] or 'never'}: run `coffre verify` daily"
    ),
    FindingKind.FILLS_STORAGE: lambda evidence: (
        f"fills the storage of all: {format_bytes(int(evidence['surplus_bytes'] or 0))} of earlier versions, reports "
        f"and locks, {evidence['objects']} objects; "
        + ("it is stopped, the others go on; " if evidence["stopped"] == "yes" else "`coffre gate` stops it; ")
        + "see what writes there with its key"
    ),
    FindingKind.WALL_REACHED: lambda evidence: (
        "wall reached"
        + (f", by {evidence['by']}" if evidence["by"] else "")
        + ": no machine can write, reports neither; "
        "earlier versions go by themselves after `undelete_days`, until then a larger reserve makes room"
    ),
    FindingKind.GATE_SET_ASIDE: lambda evidence: (
        f"{evidence['key']} is {_fault(evidence)}; find out who wrote it (only the owner's key may): "
        "`coffre backup` or `coffre apply` writes it anew"
    ),
    FindingKind.SNAPSHOT_TIME: lambda evidence: (
        f"left out of the newest: {evidence['key']}{_count(evidence)}: the storage dates it at a time that cannot be"
    ),
    FindingKind.REPOSITORY_GONE: lambda evidence: (
        f"{_GONE[str(evidence['what'])]}, and it held {_snapshots(evidence['known'])}: {_COMES_BACK}"
    ),
    FindingKind.SNAPSHOTS_GONE: lambda evidence: (
        f"{_snapshots(evidence['count'])} gone that nobody here took away, "
        f"{'the newest of all' if evidence['is_newest'] else 'the newest'} {str(evidence['newest'])[:8]} (known since "
        f"{evidence['seen_at']}): {_COMES_BACK}"
    ),
    FindingKind.PACKS_GONE: lambda evidence: (
        f"restic/data/ held more: {evidence['count']} objects and {evidence['bytes']} bytes are gone: {_COMES_BACK}"
    ),
    FindingKind.REPORTS_GONE: lambda evidence: (
        f"the newest report is {_number(evidence['number'])}, and number {evidence['known']} was seen: the storage "
        "went back, or somebody took reports away; a machine that lost its memory goes on after `coffre apply`"
    ),
    FindingKind.REPORTS_MISSING: lambda evidence: (
        f"{evidence['count']} reports are missing, number {evidence['first']} first: somebody keeps them back or took "
        "them away"
    ),
    FindingKind.REPORT_REPLAYED: lambda evidence: (
        f"{evidence['key']} was put there after number {evidence['known']}: an old report put back, or a machine that "
        "lost its memory (it goes on after `coffre apply`)"
    ),
    FindingKind.MEMORY_CHANGED: lambda _: (
        "what the records remember of it was changed by other means than Coffre, so a loss may be hidden: see `coffre "
        "records verify`; once it is explained, `coffre acknowledge`"
    ),
    FindingKind.REPORT_KEY_LACKING: lambda _: (
        "its reports are sealed, and the control bundle has no key for them: run `coffre apply`"
    ),
    FindingKind.OTHER_MACHINE: lambda evidence: (
        "another machine backs up under its name"
        + (f", host {one_line(str(evidence['host_name']), _HOST_LENGTH)}" if evidence["host_name"] else "")
        + f" ({describe_difference(str(evidence['differs']))}"
        + (f", last at {evidence['last_at']}" if evidence["last_at"] else "")
        + "): what it saves is stored and counts for nothing. A copy of the machine: take the agent off it, then "
        "`coffre rotate --now` and `coffre acknowledge`. New hardware: `coffre apply --replace-machine` "
        "(docs/replace-a-machine.md)"
    ),
    FindingKind.PATH_NOT_SAVED: lambda evidence: f"{evidence['path']} {_state(evidence)}",
    FindingKind.PATHS_NOT_SAVED: lambda evidence: f"and {evidence['count']} more paths of its plan gave too little",
    FindingKind.SNAPSHOT_NOT_WHOLE: lambda evidence: _integrity(evidence),
    FindingKind.NOT_SEEN: lambda evidence: f"could not be looked at: {evidence['error']}",
}
