"""The English words for the findings of `coffre records verify`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffre.anchors.check import HeadFault, Weakness
    from coffre.records.chain.verification import Fault


def say_fault(fault: "Fault") -> str:
    """Describe where and how the records were altered."""
    where = f"link {fault.position}" if fault.position is not None else "the tables"
    if fault.subject is not None:
        number = "" if fault.subject_id is None else f" {fault.subject_id}"
        about = f" ({fault.event_kind} of tenant {fault.tenant_id})" if fault.tenant_id is not None else ""
        where = f"{fault.subject.replace('_', ' ')}{number}{about}" + ("" if fault.position is None else f", {where}")
    return _FAULTS[fault.kind.value].format(where=where, guard=fault.guard)


def say_contradiction(fault: "HeadFault") -> str:
    """Describe why a signed head and the records do not match."""
    head = fault.head
    what = f"the head {head.position} of {head.signed_at:%Y-%m-%d %H:%M} UTC ({fault.place})"
    return _CONTRADICTIONS[fault.why.value].format(what=what)


def say_weakness(weakness: "Weakness", anchor_file: str) -> str:
    """Describe what makes the verification prove less."""
    return _WEAKNESSES[weakness.value].format(file=anchor_file)


_FAULTS = {
    "gap": "{where} is missing: somebody deleted or replaced it",
    "broken": "{where} does not follow from the link before: it was changed, inserted or swapped",
    "changed": "{where} was changed after it was recorded",
    "deleted": "{where} was deleted",
    "inserted": "{where} was inserted, but not by Coffre",
    "cut": "{where} and everything after it was cut off the end",
    "guard": "the trigger {guard} is missing, disabled or different: somebody changed the database without Coffre",
    "open": "somebody allowed deletions without Coffre (the table `trimming` is not empty)",
}
_CONTRADICTIONS = {
    "forged": "{what} is not signed by the key that it names",
    "foreign_key": "{what} is signed with another key than the records key",
    "other_database": "{what} belongs to another database: this one was recreated or replaced",
    "shortened": "{what} covers more records than exist: the end was cut off, or this is an older copy",
    "rewritten": "{what} contradicts the records: a record at or before it was rewritten and the chain recalculated",
    "lost": "{what} was in the anchor and is missing now: the file was cut, or replaced with an older one",
}
_WEAKNESSES = {
    "no_anchor": "no anchor is set (anchor: in platform.yaml): an intruder can rewrite all records without detection",
    "old": "the newest anchor is more than two days old: it does not cover the records since then",
    "same_disk": "the anchor {file} is on the same file system as the records: an intruder can change both",
    "key_unknown": "the records key could not be read (no identity?): heads are compared with the first one's key",
    "file_gone": "the anchor {file} existed before and is missing now: mount it, or restore it",
}
