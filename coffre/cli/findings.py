"""What findings say in words; the one place that knows."""

from collections.abc import Callable, Mapping

from coffre.operations.findings import Evidence, Finding, FindingKind
from coffre.outside.faults import Fault

_FAULTS: Mapping[str, str] = {
    Fault.TOO_LARGE: "larger than such a thing ever is",
    Fault.UNREADABLE: "not what belongs there",
    Fault.UNBELIEVABLE_TIME: "of a time that cannot be",
    Fault.FOREIGN: "not signed with this tenant's key",
}


def describe(finding: Finding) -> str:
    """Return a finding as one sentence, what to do included."""
    where = f"{finding.machine}: " if finding.machine is not None else ""
    return where + _WORDS[finding.kind](finding.evidence)


def _fault(evidence: Evidence) -> str:
    said = _FAULTS.get(str(evidence["fault"]), str(evidence["fault"]))
    return f"{said} ({evidence['field']})" if evidence.get("field") else said


def _count(evidence: Evidence) -> str:
    more = int(evidence.get("count") or 1) - 1
    return f" and {more} more" if more > 0 else ""


_WORDS: Mapping[FindingKind, Callable[[Evidence], str]] = {
    FindingKind.REPORT_SET_ASIDE: lambda evidence: (
        f"left out: {evidence['key']}{_count(evidence)}: {_fault(evidence)}; see what writes there with its key"
    ),
    FindingKind.APPLIED_SET_ASIDE: lambda evidence: (
        f"left out: {evidence['key']}: {_fault(evidence)}; see what writes there with its key"
    ),
    FindingKind.ORDERS_SET_ASIDE: lambda evidence: (
        f"{evidence['key']} is {_fault(evidence)}: the machine goes on with its last good orders; find out who wrote "
        "it (only the owner's key may), then `coffre apply --replace-orders`"
    ),
    FindingKind.GATE_SET_ASIDE: lambda evidence: (
        f"{evidence['key']} is {_fault(evidence)}; find out who wrote it (only the owner's key may): "
        "`coffre backup` or `coffre apply` writes it anew"
    ),
    FindingKind.SNAPSHOT_TIME: lambda evidence: (
        f"left out of the newest: {evidence['key']}{_count(evidence)}: the storage dates it at a time that cannot be"
    ),
    FindingKind.NOT_SEEN: lambda evidence: f"could not be looked at: {evidence['error']}",
}
