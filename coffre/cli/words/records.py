"""What `coffre records verify` found, in words."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffre.anchors.check import HeadFault, Weakness
    from coffre.records.chain.verification import Fault


def say_fault(fault: "Fault") -> str:
    """Say where the records are not what was recorded, and how."""
    where = f"link {fault.position}" if fault.position is not None else "the tables"
    if fault.subject is not None:
        number = "" if fault.subject_id is None else f" {fault.subject_id}"
        about = f" ({fault.event_kind} of tenant {fault.tenant_id})" if fault.tenant_id is not None else ""
        where = f"{fault.subject.replace('_', ' ')}{number}{about}" + ("" if fault.position is None else f", {where}")
    return _FAULTS[fault.kind.value].format(where=where, guard=fault.guard)


def say_contradiction(fault: "HeadFault") -> str:
    """Say how a signed head and the records do not fit."""
    head = fault.head
    what = f"the head {head.position} of {head.signed_at:%Y-%m-%d %H:%M} UTC ({fault.place})"
    return _CONTRADICTIONS[fault.why.value].format(what=what)


def say_weakness(weakness: "Weakness", anchor_file: str) -> str:
    """Say what makes the look prove less."""
    return _WEAKNESSES[weakness.value].format(file=anchor_file)


_FAULTS = {
    "gap": "{where} is missing: somebody deleted it, or put others in its place",
    "broken": "{where} does not follow from the one before: it was changed, put in, or swapped",
    "changed": "{where} was changed after it was recorded",
    "deleted": "{where} was deleted",
    "inserted": "{where} was put in by other means than Coffre",
    "cut": "{where} and what followed were cut off the end",
    "guard": "the trigger {guard} is missing, disabled or another: somebody changed the database by other means",
    "open": "deletions were allowed by other means than Coffre (the table `trimming` is not empty)",
}
_CONTRADICTIONS = {
    "forged": "{what} is not signed by the key that it names",
    "foreign_key": "{what} is signed with another key than the records key",
    "other_database": "{what} is of another database: this one was made anew, or is another's",
    "shortened": "{what} covers more than there is: the end was cut off, or this is an older copy of the database",
    "rewritten": "{what} is contradicted: something at or before it was rewritten and the chain made anew",
    "lost": "{what} was in the anchor and is there no more: the file was cut, or an older one put in its place",
}
_WEAKNESSES = {
    "no_anchor": "no anchor is set (anchor: in platform.yaml): who can change them can make them all anew, unseen",
    "old": "the newest anchor is more than two days old: what was recorded since is not covered by it",
    "same_disk": "the anchor {file} lies on the same file system as the records: who can change one can change both",
    "key_unknown": "the records key was not looked at (no identity?): heads are held against the first one's key",
    "file_gone": "the anchor {file} is not there, and it was before: mount it, or bring it back",
}
