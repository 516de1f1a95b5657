"""The English words for events, and for the findings of `coffre records verify`."""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffre.anchors.check import HeadFault, Weakness
    from coffre.records.chain.verification import ChainFault
    from coffre.records.events import Event
    from coffre.records.facts.password_uses import PasswordReason


def say_details(event: "Event") -> str:
    """Describe the details of an event on one line."""
    from coffre.errors import ExpectedError
    from coffre.records.facts.backups import PasswordUsed
    from coffre.records.facts.registry import read_fact

    shown = dict(event.details)
    if event.kind.value == "password_used":
        # Details that this version cannot read are shown as they are stored.
        with suppress(ExpectedError):
            fact = read_fact(event)
            assert isinstance(fact, PasswordUsed)  # noqa: S101 - the kind of the event
            shown["reason"] = say_use(fact.reason)
    return ", ".join(f"{name}={value}" for name, value in shown.items())


def say_use(reason: "PasswordReason") -> str:
    """Say why a repository password was used."""
    from coffre.records.facts import password_uses as uses

    match reason:
        case uses.RoutineUse():
            return _ROUTINES[reason.task.value]
        case uses.DrillUse():
            return f"drill of snapshot {reason.snapshot_id[:8]}, seed {reason.seed}"
        case uses.RestoreUse():
            return f"restore {reason.snapshot} to {reason.directory}"
        case uses.RemoteRestoreUse():
            handed = f": handed to {reason.machine}" if reason.is_handed_over else ""
            return f"restore {reason.snapshot} onto {reason.machine}, {reason.folder or 'in place'}{handed}"
        case uses.HandoverUse():
            what = _AT_THE_END if reason.reference is None else f"disclosure to an authority, {reason.reference}"
            handed = ": handed over with it" if reason.is_handed_over else ""
            return f"{what}, as {reason.format} to {reason.via}{handed}"
        case uses.ExportUse():
            return f"export of the bundles to {', '.join(reason.recipients)}: {reason.reason}"
        case uses.QuotedUse():
            return reason.text


def say_fault(fault: "ChainFault") -> str:
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


_AT_THE_END = "return of the data at the end of the contract"
_ROUTINES = {
    "make_repository": "initialise the repository",
    "install_agent": "install the agent",
    "derive_report_key": "derive the key of its reports",
    "check_structure": "verify: check the structure of the repository",
    "check_after_undelete": "check after undelete",
    "prune": "pruning by `keep`",
    "measure_return": f"size of the {_AT_THE_END}",
}
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
